"""External flows told from trading, whatever the order in which the venue reports."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.account.flows import FlowDetector, spot_effects

SECOND = 10**9
MS = 10**6
START = 1_700_000_000 * SECOND


@pytest.fixture
def detector():
    detector = FlowDetector(settle=2.0)
    detector.start(START, {"USDT": 1_000.0})
    return detector


def at(seconds):
    return START + round(seconds * SECOND)


# ------------------------------------------------------------------ worked examples


def test_starting_balance_is_no_flow(detector):
    assert not detector.unsettled
    assert detector.poll(at(10)) == {}


def test_first_balance_is_the_start_when_nobody_started():
    detector = FlowDetector()
    detector.explain(at(0), "USDT", -5.0)  # is in the balance that comes
    detector.observe_balance(at(1), "USDT", 1_000.0)
    assert not detector.unsettled
    assert detector.poll(at(10)) == {}


def test_deposit_is_reported_once_after_it_settled(detector):
    detector.observe_balance(at(1), "USDT", 1_500.0)
    assert detector.unsettled
    assert detector.poll(at(2.999)) == {}
    assert detector.poll(at(3)) == {"USDT": 500.0}
    assert not detector.unsettled
    assert detector.poll(at(99)) == {}


def test_withdrawal_is_negative(detector):
    detector.observe_balance(at(1), "USDT", 0.0)
    assert detector.poll(at(5)) == {"USDT": -1_000.0}


@pytest.mark.parametrize("first", ["balance", "fill"])
def test_fill_explains_its_balance_in_either_order(detector, first):
    def balance():
        detector.observe_balance(at(1 if first == "balance" else 2), "USDT", 990.0)

    def fill():
        detector.explain(at(1 if first == "fill" else 2), "USDT", -10.0)

    for report in (balance, fill) if first == "balance" else (fill, balance):
        report()
        assert detector.unsettled is (report is (balance if first == "balance" else fill))
    assert detector.poll(at(9)) == {}


def test_deposit_during_a_trade_is_told_from_it(detector):
    detector.observe_balance(at(1), "USDT", 990.0)  # loss of 10
    detector.observe_balance(at(1.5), "USDT", 1_090.0)  # and deposit of 100
    detector.explain(at(1.6), "USDT", -10.0)
    assert detector.poll(at(3.1)) == {"USDT": 100.0}


def test_explanation_that_comes_too_late_is_booked_back(detector):
    detector.observe_balance(at(1), "USDT", 990.0)
    assert detector.poll(at(3)) == {"USDT": -10.0}
    detector.explain(at(4), "USDT", -10.0)
    assert detector.unsettled
    assert detector.poll(at(6)) == {"USDT": 10.0}


def test_new_currency_is_a_deposit_unless_explained(detector):
    detector.observe_balance(at(1), "BTC", 0.5)
    detector.explain(at(1.1), "ETH", 3.0)
    detector.observe_balance(at(1.2), "ETH", 3.0)
    assert detector.poll(at(3)) == {"BTC": 0.5}


def test_currencies_settle_independently(detector):
    detector.observe_balance(at(1), "USDT", 1_500.0)
    detector.observe_balance(at(2.5), "BTC", 0.5)
    assert detector.poll(at(3)) == {"USDT": 500.0}
    assert detector.unsettled
    assert detector.poll(at(4.5)) == {"BTC": 0.5}
    assert not detector.unsettled


def test_flow_without_a_rate_is_kept_back(detector):
    detector.observe_balance(at(1), "DOGE", 7.0)
    detector.observe_balance(at(1), "USDT", 1_500.0)
    assert detector.poll(at(3), {"USDT"}) == {"USDT": 500.0}
    assert detector.unsettled
    detector.observe_balance(at(4), "USDT", 1_600.0)
    assert detector.poll(at(4.1), {"USDT"}) == {}  # what is kept back hurries nothing else
    assert detector.poll(at(9), {"USDT", "DOGE"}) == {"DOGE": 7.0, "USDT": 100.0}


def test_one_episode_after_the_other_cannot_hold_up_the_account(detector):
    total, flows = 1_000.0, []
    for i in range(8):  # a new gap opens just before each explanation arrives
        total -= 10.0
        detector.observe_balance(at(i / 2), "USDT", total)
        if i:
            detector.explain(at(i / 2), "USDT", -10.0)
        flows.append((detector.poll(at(i / 2)), detector.unsettled))
    # due after 2 s, as one long episode; the explanation that is still on its way is booked back later
    assert [flow for flow, _ in flows] == [{}, {}, {}, {}, {"USDT": -10.0}, {}, {}, {}]
    assert [unsettled for _, unsettled in flows] == [True, True, True, True, False, False, False, False]


def test_short_episodes_that_every_poll_meets_are_ended_as_well(detector):
    found = []
    for i in range(4):  # each gap lasts half a second only
        detector.observe_balance(at(i), "USDT", 1_001.0 + i)
        found.append((detector.poll(at(i)), detector.unsettled))
        detector.explain(at(i + 0.5), "USDT", 1.0)
    assert found == [({}, True), ({}, True), ({"USDT": 1.0}, False), ({}, False)]


def test_next_gap_after_a_flow_has_its_own_time(detector):
    detector.observe_balance(at(1), "USDT", 1_500.0)
    detector.poll(at(1))
    assert detector.poll(at(3)) == {"USDT": 500.0}
    detector.observe_balance(at(3.1), "USDT", 1_490.0)
    assert detector.poll(at(3.2)) == {}


def test_clock_that_steps_back_does_not_hold_up_the_account(detector):
    found = []
    for i, now in enumerate((100, 0, 1, 2)):  # each gap lasts half a second only
        detector.observe_balance(at(now), "USDT", 1_001.0 + i)
        found.append(detector.poll(at(now)))
        detector.explain(at(now + 0.5), "USDT", 1.0)
    assert found == [{}, {}, {}, {"USDT": 1.0}]


def test_gap_has_its_own_time_though_nobody_polled_while_it_was_settled(detector):
    detector.observe_balance(at(1), "USDT", 990.0)
    detector.poll(at(1))
    detector.explain(at(1.1), "USDT", -10.0)
    assert not detector.unsettled
    detector.observe_balance(at(500), "USDT", 980.0)
    assert detector.poll(at(500)) == {}


@pytest.mark.parametrize(("residue", "flow"), [(0.0099, {}), (0.0101, {"USDT": pytest.approx(0.0101)})])
def test_rounding_is_no_flow(detector, residue, flow):
    detector.observe_balance(at(1), "USDT", 1_000.0 + residue)
    assert detector.poll(at(9)) == flow


def test_rounding_does_not_add_up(detector):
    total = 1_000.0
    for i in range(100):
        total += 1.005
        detector.explain(at(i), "USDT", 1.0)
        detector.observe_balance(at(i), "USDT", total)
        assert detector.poll(at(i)) == {}
        assert not detector.unsettled


def test_float_dust_of_a_balance_that_falls_to_nothing_is_no_flow():
    detector = FlowDetector()
    detector.start(START, {"BTC": 0.3})
    for part in (0.1, 0.1, 0.1):
        detector.explain(at(1), "BTC", -part)  # 0.3 − 0.1 − 0.1 − 0.1 is not 0 in floats
    detector.observe_balance(at(1), "BTC", 0.0)
    assert not detector.unsettled
    assert detector.poll(at(9)) == {}


def test_clock_that_steps_back_waits_once_more(detector):
    detector.observe_balance(at(100), "USDT", 1_500.0)
    assert detector.poll(at(0)) == {}
    assert detector.poll(at(1.9)) == {}
    assert detector.poll(at(2)) == {"USDT": 500.0}


def test_later_report_with_an_earlier_stamp_waits_from_there(detector):
    detector.observe_balance(at(100), "USDT", 1_500.0)
    detector.observe_balance(at(1), "USDT", 1_600.0)
    assert detector.poll(at(3)) == {"USDT": 600.0}


def test_without_settling_time_every_gap_is_a_flow():
    detector = FlowDetector(settle=0.0)
    detector.start(START, {"USDT": 1_000.0})
    detector.observe_balance(at(0), "USDT", 900.0)
    assert detector.poll(at(0)) == {"USDT": -100.0}


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_amounts_that_are_no_numbers_are_refused(detector, wrong):
    with pytest.raises(ValueError, match=r"balance must be finite \[USDT\]"):
        detector.observe_balance(at(1), "USDT", wrong)
    with pytest.raises(ValueError, match=r"explained amount must be finite \[USDT\]"):
        detector.explain(at(1), "USDT", wrong)
    with pytest.raises(ValueError, match=r"balance must be finite \[BTC\]"):
        detector.start(at(1), {"BTC": wrong})
    assert not detector.unsettled


@pytest.mark.parametrize(
    "wrong",
    [{"settle": -1.0}, {"settle": math.nan}, {"settle": math.inf}, {"tolerance": -1e-9}, {"tolerance": 1.0}],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must (be finite|lie in)"):
        FlowDetector(**wrong)


def test_spot_fill_moves_both_currencies():
    assert spot_effects(1, 2.0, 100.0, "BTC", "USDT") == {"BTC": 2.0, "USDT": -200.0}
    assert spot_effects(-1, 2.0, 100.0, "BTC", "USDT") == {"BTC": -2.0, "USDT": 200.0}


# ------------------------------------------------------------------ restarts


def restarted(detector):
    return FlowDetector.from_dict(json.loads(json.dumps(detector.to_dict())))


def test_open_episode_survives_a_restart(detector):
    detector.observe_balance(at(1), "USDT", 1_500.0)
    again = restarted(detector)
    assert again.unsettled
    assert again.to_dict() == detector.to_dict()
    assert again.poll(at(3)) == {"USDT": 500.0}


def test_change_while_down_is_a_flow_when_nothing_can_have_been_traded(detector):
    again = restarted(detector)
    again.start(at(100), {"USDT": 400.0, "BTC": 1.0}, attributable=True)
    assert again.unsettled
    assert again.poll(at(102)) == {"USDT": -600.0, "BTC": 1.0}


def test_currency_that_is_gone_after_a_restart_was_withdrawn(detector):
    again = restarted(detector)
    again.start(at(100), {}, attributable=True)
    assert again.poll(at(102)) == {"USDT": -1_000.0}


def test_first_start_has_nothing_to_compare_with():
    detector = FlowDetector()
    detector.start(at(0), {"USDT": 400.0}, attributable=True)
    assert not detector.unsettled
    assert detector.poll(at(9)) == {}


def test_change_while_down_counts_as_profit_or_loss_otherwise(detector):
    again = restarted(detector)
    again.start(at(100), {"USDT": 400.0})
    assert not again.unsettled
    assert again.poll(at(102)) == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 7},
        {"started": 1},
        {"currencies": None},
        {"currencies": []},
        {"currencies": {"USDT": None}},
        {"currencies": {"USDT": {"total": math.nan, "expected": 1.0, "since": None}}},
        {"currencies": {"USDT": {"total": 1.0, "expected": "1", "since": None}}},
        {"currencies": {"USDT": {"total": 1.0, "expected": 1.0, "since": 1.5}}},
        {"currencies": {"USDT": {"total": 1.0, "expected": 1.0}}},
    ],
)
def test_damaged_state_is_refused(detector, changes):
    with pytest.raises(ValueError, match="stored"):
        FlowDetector.from_dict({**detector.to_dict(), **changes})


# ------------------------------------------------------------------ any interleaving

delays = st.integers(0, 1_900)  # [ms]: less than the settling time
trades = st.tuples(st.just("trade"), st.integers(-50, 50), delays, delays)
deposits = st.tuples(st.just("deposit"), st.integers(-500, 500).filter(lambda x: abs(x) > 1), delays, delays)


def reports(events, pause_ms):
    """Unfold (kind, amount, delay of the balance, delay of the fill) into reports in the order of arrival."""
    total, now, last = 1_000, 0, 0
    arriving = []
    for i, (kind, amount, balance_delay, fill_delay) in enumerate(events):
        now += pause_ms
        total += amount
        last = max(last, now + balance_delay)  # balances do not overtake each other
        arriving.append((last, i, "balance", total))
        if kind == "trade":
            arriving.append((now + fill_delay, i, "fill", amount))
    return sorted(arriving)


def play(events, pause_ms, poll_ms=250):
    """Feed reports and polls in order of time; answers (ms, flows, unsettled) of every poll."""
    detector = FlowDetector(settle=2.0)
    detector.start(START, {"USDT": 1_000.0})
    arriving = reports(events, pause_ms)
    polled = []
    for now in range(0, arriving[-1][0] + 5_000, poll_ms):
        while arriving and arriving[0][0] <= now:
            ms, _, what, amount = arriving.pop(0)
            report = detector.observe_balance if what == "balance" else detector.explain
            report(START + ms * MS, "USDT", float(amount))
        polled.append((now, detector.poll(START + now * MS), detector.unsettled))
    return polled


stories = st.lists(trades | deposits, min_size=1, max_size=15)


@settings(max_examples=200)
@given(stories, st.sampled_from([10, 300, 1_000, 3_000]))
def test_flows_always_add_up_to_what_came_from_outside(events, pause_ms):
    polled = play(events, pause_ms)
    flows = math.fsum(found.get("USDT", 0.0) for _, found, _ in polled)
    assert flows == pytest.approx(sum(amount for kind, amount, *_ in events if kind == "deposit"), abs=0.3)
    assert not polled[-1][2]


@settings(max_examples=100)
@given(st.lists(trades, min_size=1, max_size=10), st.sampled_from([4_300, 9_000]))
def test_trades_reported_in_time_are_never_flows(events, pause_ms):
    assert all(found == {} for _, found, _ in play(events, pause_ms))


@settings(max_examples=100)
@given(st.lists(deposits, min_size=1, max_size=10))
def test_every_single_deposit_is_found_exactly(events):
    found = [flows["USDT"] for _, flows, _ in play(events, 4_300) if flows]
    assert found == [amount for _, amount, *_ in events]


@settings(max_examples=200)
@given(stories, st.sampled_from([1, 10, 300, 1_000]), st.sampled_from([50, 250, 700]))
def test_account_is_never_held_up_for_longer_than_the_settling_time(events, pause_ms, poll_ms):
    since = None
    for now, _, unsettled in play(events, pause_ms, poll_ms):
        since = (now if since is None else since) if unsettled else None
        assert since is None or now - since < 2_000
