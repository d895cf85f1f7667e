"""What anomalies mean for an order: on its instrument, on its venue, and on nobody else's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.intent import UNLIMITED, Intent, Side, Verdict
from nautilus_quant.safety.anomaly_book import MOST_GRANTS, AnomalyBook, Throttle
from nautilus_quant.safety.anomaly_params import DEFAULTS, LadderParams, Measure, Severity

SECOND = 1_000_000_000
BTC, ETH, OTHER = "BTCUSDT.SIM", "ETHUSDT.SIM", "BTCUSDT.ELSE"
LADDER = LadderParams(
    min_samples=5, persist=2, within=3, recovery=100.0, halt_recovery=200.0, half_life=2.0, min_rolling=3
)


def book(**throttle: float) -> AnomalyBook:
    return AnomalyBook(DEFAULTS, LADDER, Throttle(**{"every": 60.0, "share": 0.5, **throttle}))


def intent(second: float, size: str = "2", instrument: str = BTC, **other: object) -> Intent:
    given = {
        "ts": round(second * SECOND), "strategy": "A-001", "instrument": instrument, "side": Side.BUY,
        "quantity": Decimal(size), "price": None, "reducing": Decimal(0), "opening": Decimal(size),
        "notional": 100.0,
    }  # fmt: skip
    return Intent(**{**given, **other})


def feed(made: AnomalyBook, measure: Measure, *values: float, instrument: str = BTC, second: int = 0) -> None:
    for value in values:
        made.observe(second * SECOND, instrument, measure, value, "A-001")


def halted() -> AnomalyBook:
    """1200 ms after a usual 10 ms: (1200 - 10) / (1.4826 × 25) = 32 deviations, HALT from 30."""
    made = book()
    feed(made, Measure.ACK_LATENCY, *[10.0] * 20, 1_200.0, 1_200.0)
    return made


def throttled(**throttle: float) -> AnomalyBook:
    """Three rejected of three: beyond the limit of a half, THROTTLE on instrument and venue."""
    made = book(**throttle)
    feed(made, Measure.REJECT_RATE, 1.0, 1.0, 1.0)
    return made


def said(verdict: Verdict) -> tuple[str, Decimal]:
    return verdict.code, verdict.allowed


def test_nothing_known_allows_all():
    assert said(book().judge(intent(0))) == ("ALLOW", UNLIMITED)


def test_a_halt_denies_and_says_why():
    verdict = halted().judge(intent(20))
    assert said(verdict) == ("ANOMALY_HALT", 0)
    assert verdict.reason.startswith(
        f"{BTC} is halted: 2 of the last 3 of ack_latency lay 32.1 or more deviations"
    )
    assert verdict.reason.endswith("HALT from 30; nothing new for another 180 s")
    assert verdict.numbers["seconds_left"] == 180.0


def test_a_halt_of_the_venue_denies_on_its_other_instruments_alone():
    made = halted()
    assert made.judge(intent(20, instrument=ETH)).code == "ANOMALY_HALT"
    assert made.judge(intent(20, instrument=ETH)).reason.startswith("SIM is halted")
    assert made.judge(intent(20, instrument=OTHER)).code == "ALLOW"


def test_an_alert_only_tells():
    made = book()
    feed(made, Measure.ACK_LATENCY, *[10.0] * 20, 200.0, 200.0)  # 190 / 37.1 = 5.1 deviations
    assert made.monitors[BTC].severity is Severity.ALERT
    assert made.judge(intent(1)).code == "ALLOW"


def test_slippage_is_the_affair_of_its_instrument_first():
    """40 bps are a rollback on BTC; at the venue, nothing counts before it is known what is usual on BTC."""
    made = book()
    feed(made, Measure.SLIPPAGE, *[40.0] * 30)
    assert made.monitors[BTC].severity is Severity.ROLLBACK
    assert made.monitors["SIM"].severity is Severity.NONE
    assert made.judge(intent(1)).code == "ANOMALY_THROTTLE"
    assert made.judge(intent(1, instrument=ETH)).code == "ALLOW"


def test_slippage_beyond_the_usual_of_several_instruments_is_the_venues():
    made = book()
    for instrument, usual in ((BTC, 1.0), (ETH, 9.0)):
        feed(made, Measure.SLIPPAGE, *[usual] * 20, instrument=instrument)
    assert made.monitors["SIM"].measures[Measure.SLIPPAGE].baseline.median == 0.0
    feed(made, Measure.SLIPPAGE, 41.0)
    feed(made, Measure.SLIPPAGE, 49.0, instrument=ETH)
    assert made.monitors["SIM"].severity is Severity.HALT  # 40 / 1.4826 = 27 deviations, twice
    # On each of them one value is no evidence, but (41 + 1 × .71 + ...) their means are beyond 15 bps or not:
    # (41 + 1 / (√2 - 1)) / (√2 / (√2 - 1)) = 12.7 and (49 + 9 / (√2 - 1)) / 3.41 = 20.7.
    assert made.monitors[BTC].severity is Severity.NONE
    assert made.monitors[ETH].severity is Severity.ROLLBACK


def test_a_throttle_passes_a_share_of_what_is_asked():
    verdict = throttled().judge(intent(1))
    assert said(verdict) == ("ANOMALY_THROTTLE", Decimal(1))
    assert verdict.reason == (
        f"{BTC} is throttled: rolling reject_rate is 1, the limit is 0.5; 50% of what is asked passes, 1 here"
    )


def test_who_comes_back_for_the_share_is_not_cut_again():
    made = throttled()
    assert said(made.judge(intent(1, "2"))) == ("ANOMALY_THROTTLE", Decimal(1))
    assert made.judge(intent(1, "1")).code == "ALLOW"
    assert said(made.judge(intent(2, "1.5"))) == ("ANOMALY_THROTTLE", Decimal(1))
    # Others, the other side, and later askers are judged by what they ask.
    assert said(made.judge(intent(2, "1", strategy="B-001")))[1] == Decimal("0.5")
    assert said(made.judge(intent(2, "1", side=Side.SELL)))[1] == Decimal("0.5")
    assert said(made.judge(intent(61, "1")))[1] == Decimal("0.5")


def test_a_throttle_leaves_time_between_orders():
    made = throttled()
    made.opened(10 * SECOND, BTC)
    verdict = made.judge(intent(20, "1"))
    assert said(verdict) == ("ANOMALY_THROTTLE", Decimal(0))
    assert verdict.reason.endswith("one opening order in 60 s, the next in 50 s")
    assert made.judge(intent(69.999, "1")).allowed == 0
    assert made.judge(intent(70, "1")).allowed == Decimal("0.5")


def test_the_time_between_orders_is_that_of_the_venue_where_that_is_throttled():
    made = throttled()
    made.opened(10 * SECOND, ETH)
    assert made.judge(intent(20)).allowed == 0  # SIM is throttled too
    only = book()
    feed(only, Measure.SLIPPAGE, 40.0, 40.0, 40.0)  # BTC alone
    only.opened(10 * SECOND, ETH)
    assert only.judge(intent(20)).allowed == 1


def test_orders_before_the_throttle_count_too():
    made = book()
    made.opened(0, BTC)
    feed(made, Measure.REJECT_RATE, 1.0, 1.0, 1.0)
    assert made.judge(intent(59)).allowed == 0
    assert made.judge(intent(60)).allowed == 1


def test_a_clock_that_steps_back_bars_for_no_longer_than_usual():
    made = throttled()
    made.opened(1_000_000 * SECOND, BTC)
    assert made.judge(intent(20)).numbers["seconds_left"] == 60.0
    assert made.judge(intent(79)).allowed == 0
    assert made.judge(intent(80)).allowed == 1


def test_a_share_of_all_and_no_time_between_is_no_throttle():
    assert throttled(every=0.0, share=1.0).judge(intent(1)).code == "ALLOW"


def test_the_share_is_exact():
    assert throttled(share=0.1).judge(intent(1, "0.3")).allowed == Decimal("0.03")


def test_it_ends_with_the_severity():
    made = throttled()
    assert [c.severity for c in made.advance(BTC, 200 * SECOND)] == [Severity.ALERT, Severity.NONE]
    assert made.judge(intent(99)).code == "ANOMALY_THROTTLE"  # the venue is still
    made.advance("SIM", 200 * SECOND)
    assert made.judge(intent(200)).code == "ALLOW"


def test_an_end_counts_from_its_instant_on_even_if_nobody_advanced():
    made = halted()
    assert made.judge(intent(199.999)).code == "ANOMALY_HALT"
    assert made.judge(intent(200)).code == "ANOMALY_THROTTLE"  # ROLLBACK, then THROTTLE until 400 s
    assert made.judge(intent(399.999)).code == "ANOMALY_THROTTLE"
    assert made.judge(intent(400)).code == "ALLOW"
    assert made.monitors[BTC].severity is Severity.HALT


def test_grants_are_bounded():
    made = throttled()
    for n in range(MOST_GRANTS + 50):
        made.judge(intent(1, strategy=f"S-{n}"))
    assert len(made._grants) == MOST_GRANTS


def test_a_restart_keeps_the_halt_and_what_cannot_be_read_halts():
    made, again = halted(), book()
    for key, monitor in made.monitors.items():
        assert again.restore(key, monitor.to_dict(), 10 * SECOND) == ()
    assert again.judge(intent(20)) == made.judge(intent(20))
    bad = book()
    (change,) = bad.restore(BTC, {"version": 1}, 10 * SECOND)
    assert (change.severity, change.code, change.until) == (Severity.HALT, "STATE_DAMAGED", 210 * SECOND)
    assert "cannot be read" in bad.judge(intent(20)).reason


def test_a_restart_after_the_end_is_told():
    state = halted().monitors[BTC].to_dict()
    changes = book().restore(BTC, state, 250 * SECOND)
    assert [change.severity for change in changes] == [Severity.ROLLBACK]


@pytest.mark.parametrize("bad", [{"every": -1.0}, {"share": 0.0}, {"share": 1.1}])
def test_impossible_throttles(bad):
    with pytest.raises(ValueError, match="need"):
        Throttle(**bad)


def test_who_speaks_for_an_instrument():
    made = book()
    one, venue = made.pair(BTC)
    assert (one.key, venue.key) == (BTC, "SIM")
    assert made.pair(BTC) == (one, venue)
    assert made.pair(ETH)[1] is venue  # one venue, whatever is traded there
    assert made.pair(OTHER)[1].key == "ELSE"


def test_whose_orders_were_measured_last_stands_last():
    made = book()
    for second, who in enumerate(["A-001", "B-002", "A-001", "A-001"]):
        made.observe(second * SECOND, BTC, Measure.FILL_RATIO, 1.0, who)
    assert made.monitor(BTC).strategies == ("B-002", "A-001")
    again = book()
    again.restore(BTC, made.monitor(BTC).to_dict(), 4 * SECOND)
    again.observe(5 * SECOND, BTC, Measure.FILL_RATIO, 1.0, "B-002")
    assert again.monitor(BTC).strategies == ("A-001", "B-002")


SPELLS = st.lists(
    st.tuples(
        st.sampled_from([BTC, ETH]),
        st.sampled_from([Measure.SLIPPAGE, Measure.FILL_RATIO, Measure.ACK_LATENCY]),
        st.sampled_from([0.0, 1.0, 3.0, 900.0]),
        st.sampled_from(["A-001", "B-001"]),
        st.integers(1, 25),
    ),
    max_size=10,
)


@given(SPELLS)
def test_hurrying_over_what_repeats_itself_changes_nothing(spells):
    ladder = LadderParams(min_samples=5, window=12, persist=2, within=3, half_life=2.0, min_rolling=3)
    quick, slow = (AnomalyBook(DEFAULTS, ladder, Throttle()) for _ in range(2))
    for number, (instrument, measure, value, strategy, count) in enumerate(spells):
        for n in range(count):
            given_now = (number * 60 * SECOND + n, instrument, measure, value, strategy)
            changes = slow.observe(*given_now)
            if quick.repeats(*given_now):
                assert changes == ()
            else:
                assert quick.observe(*given_now) == changes
    for key, monitor in slow.monitors.items():
        assert quick.monitors[key].to_dict() == monitor.to_dict()


def test_what_repeats_itself_is_only_counted():
    made = book()
    feed(made, Measure.SLIPPAGE, *[2.0] * 20)
    one, venue = (monitor.monitor(Measure.SLIPPAGE) for monitor in made.pair(BTC))
    assert (one.baseline.count, venue.baseline.count) == (20, 15)
    assert made.repeats(0, BTC, Measure.SLIPPAGE, 2.0, "A-001")
    assert not made.repeats(0, BTC, Measure.SLIPPAGE, 2.1, "A-001")
    assert not made.repeats(0, ETH, Measure.SLIPPAGE, 2.0, "A-001")
    assert (one.more, venue.more) == (1, 1)
    assert (one.baseline.count, venue.baseline.count) == (21, 16)


def test_while_something_is_wrong_nothing_is_hurried_over():
    made = throttled()
    feed(made, Measure.ACK_LATENCY, *[10.0] * 20)
    assert made.monitors[BTC].monitor(Measure.ACK_LATENCY).steady == 10.0
    assert not made.repeats(0, BTC, Measure.ACK_LATENCY, 10.0, "A-001")
