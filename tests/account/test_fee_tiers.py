"""The tier follows the volume: at refreshes, up at once, down after another look."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.account.fee_tiers import REFRESH, TierTracker
from nautilus_quant.account.fees import FeeSchedule
from nautilus_quant.host.statejson import decode, encode

HOUR = 3_600_000_000_000
DAY = 24 * HOUR
START = 19_675 * DAY  # 2023-11-14 00:00 UTC
SCHEDULE = FeeSchedule.of(
    "x", [("low", 0, "0.02", "0.05"), ("middle", 1_000, "0.01", "0.04"), ("high", 5_000, "0.00", "0.03")]
)


def tracker(**options) -> TierTracker:
    made = TierTracker(SCHEDULE, **options)
    made.update(START)
    return made


def test_a_rise_holds_from_the_next_refresh_on():
    made = tracker()
    assert made.add(START + HOUR, 1_200.0) is None
    assert made.update(START + 6 * HOUR - 1) is None
    assert made.tier.name == "low"
    risen = made.update(START + 6 * HOUR)
    assert risen is made.tier
    assert made.tier.name == "middle"


@pytest.mark.parametrize(("begun", "first"), [(0, 6), (1, 6), (5, 6), (7, 12), (17, 18), (23, 24)])
def test_refreshes_are_at_0_6_12_and_18_whenever_a_node_starts(begun, first):
    made = TierTracker(SCHEDULE)
    made.update(START + begun * HOUR)
    made.add(START + begun * HOUR, 1_200.0)
    assert made.update(START + first * HOUR - 1) is None
    assert made.update(START + first * HOUR).name == "middle"


def test_two_tiers_are_climbed_at_once():
    made = tracker()
    made.add(START, 9_000.0)
    assert made.update(START + REFRESH).name == "high"


def test_a_drop_waits_for_a_second_refresh():
    made = tracker(days=2)
    made.add(START, 1_000.0)
    made.update(START + 6 * HOUR)
    # The day of the trade leaves the window of two days at the beginning of the third.
    assert made.update(START + 48 * HOUR) is None
    assert made.tier.name == "middle"
    assert made.volume(START + 48 * HOUR) == 0.0
    assert made.update(START + 54 * HOUR).name == "low"


def test_a_drop_that_does_not_last_is_none():
    made = tracker(days=2)
    made.add(START, 1_000.0)
    made.update(START + 48 * HOUR)
    made.add(START + 49 * HOUR, 1_000.0)
    for hours in (54, 60, 66):
        assert made.update(START + hours * HOUR) is None
    assert made.tier.name == "middle"


def test_the_window_is_thirty_days_with_the_present_one():
    made = tracker()
    made.add(START, 700.0)
    made.add(START + 29 * DAY, 400.0)
    assert made.volume(START + 30 * DAY - 1) == 1_100.0
    assert made.volume(START + 30 * DAY) == 400.0
    assert made.volume(START + 59 * DAY) == 0.0


def test_what_was_traded_before_fades_by_a_thirtieth_a_day():
    made = tracker(initial_volume=3_000.0)
    assert made.tier.name == "middle"
    assert made.volume(START) == pytest.approx(3_000.0)
    assert made.volume(START + DAY) == pytest.approx(2_900.0)
    made.update(START + 20 * DAY)
    assert made.volume(START + 20 * DAY) == pytest.approx(1_000.0)
    made.update(START + 21 * DAY + 6 * HOUR)
    assert made.tier.name == "low"


def test_years_of_silence_end_in_the_first_tier_and_on_the_grid():
    made = tracker()
    made.add(START, 9_000.0)
    made.update(START + REFRESH)
    assert made.update(START + 3_000 * DAY + HOUR).name == "low"
    made.add(START + 3_000 * DAY + HOUR, 1_000.0)
    assert made.update(START + 3_000 * DAY + 6 * HOUR - 1) is None
    assert made.update(START + 3_000 * DAY + 6 * HOUR).name == "middle"


def test_memory_is_a_number_a_day():
    made = tracker()
    for n in range(400):
        made.add(START + n * DAY // 4, 1.0)
    made.update(START + 101 * DAY)
    assert len(made.to_dict()["daily"]) <= 30


@pytest.mark.parametrize("value", [0.0, -5.0, float("nan"), float("inf")])
def test_what_is_no_volume_is_passed_over(value):
    made = tracker()
    made.add(START, value)
    assert made.volume(START) == 0.0


def test_a_clock_set_back_changes_nothing():
    made = tracker()
    made.add(START + DAY, 2_000.0)
    made.update(START + 2 * DAY)
    before = made.to_dict()
    made.update(START)
    assert made.to_dict() == before


# -- against the obvious twin --------------------------------------------------------------------------

steps = st.lists(st.tuples(st.integers(0, 5 * DAY), st.integers(0, 3_000)), max_size=40)


def naive(trades: list[tuple[int, int]], now: int) -> str:
    """Look at every refresh since the start at all trades ever made."""
    tier, below = SCHEDULE.tiers[0], False
    for ts in range(START + REFRESH, now + 1, REFRESH):
        # A trade at the moment of a refresh counts after it.
        volume = sum(v for t, v in trades if t < ts and ts // DAY - 30 < t // DAY <= ts // DAY)
        wanted = [t for t in SCHEDULE.tiers if t.volume <= volume][-1]
        if wanted.index < tier.index and not below:
            below = True
        else:
            tier, below = wanted, False
    return tier.name


@settings(max_examples=60, deadline=None)
@given(steps)
def test_it_agrees_with_the_obvious_twin(gaps):
    made, now, trades = tracker(), START, []
    for gap, value in gaps:
        now += gap
        made.add(now, float(value))
        trades.append((now, value))
        assert made.tier.name == naive(trades[:-1], now)
        in_window = (v for t, v in trades if now // DAY - 30 < t // DAY)
        assert made.volume(now) == sum(in_window)


@settings(max_examples=60, deadline=None)
@given(steps, steps)
def test_a_restart_changes_nothing(before, after):
    made, now = tracker(), START
    for gap, value in before:
        now += gap
        made.add(now, float(value))
    again = TierTracker(SCHEDULE, initial_volume=777.0).restore(decode(encode(made.to_dict())))
    assert again.to_dict() == made.to_dict()
    for gap, value in after:
        now += gap
        assert made.add(now, float(value)) == again.add(now, float(value))
    assert again.to_dict() == made.to_dict()


# -- what was stored -----------------------------------------------------------------------------------


def test_of_another_schedule_only_the_volume_is_taken():
    made = tracker()
    made.add(START, 1_200.0)
    made.update(START + REFRESH)
    other = FeeSchedule.of("y", [("a", 0, "0", "1"), ("b", 100, "0", "0.9"), ("c", 1_100, "0", "0.8")])
    again = TierTracker(other).restore(made.to_dict())
    assert again.tier.name == "c"
    assert again.volume(START + REFRESH) == 1_200.0


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"daily": {"x": 1}},
        {"daily": {"1": -1.0}},
        {"daily": {"1": float("nan")}},
        {"daily": 5},
        {"tier": None},
        {"next": "soon"},
    ],
)
def test_a_damaged_state_is_refused(broken):
    state = {**tracker().to_dict(), **broken} if broken else {}
    with pytest.raises(ValueError, match="need"):
        TierTracker(SCHEDULE).restore(state)


@pytest.mark.parametrize(
    "options", [{"initial_volume": -1.0}, {"initial_volume": float("nan")}, {"days": 0}, {"refresh": 0}]
)
def test_impossible_parameters_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        TierTracker(SCHEDULE, **options)
