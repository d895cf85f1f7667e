"""The score and its block: by hand, symmetric, with hysteresis, and nothing without data."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.flow import SECOND, FlowParams, InstrumentFlow
from nautilus_quant.gating.flow_verdict import judge
from nautilus_quant.gating.intent import ALLOW, Intent, Side

T0 = 1_700_000_000 * SECOND
TRADES_ONLY: dict[str, Any] = {"book_weight": 0.0, "large_weight": 0.0, "prior": 0.0, "least": 1.0}


def book(bid: float, ask: float) -> BookView:
    return BookView([(100.0, bid)], [(101.0, ask)])


def flow(**params: Any) -> InstrumentFlow:
    return InstrumentFlow(FlowParams(**params))


def trades(one: InstrumentFlow, bought: float, sold: float, ts: int = T0) -> None:
    """As many of one each, one after the other at the same time."""
    for _ in range(int(bought)):
        one.trade(ts, 100.0, 1.0, 1)
    for _ in range(int(sold)):
        one.trade(ts, 100.0, 1.0, -1)


def intent(side: Side, ts: int = T0) -> Intent:
    return Intent(ts, "S-1", "BTC.SIM", side, Decimal(1), None, Decimal(0), Decimal(1), 100.0)


def test_the_score_by_hand():
    one = flow(book_weight=2.0, delta_weight=1.0, large_weight=1.0, prior=8.0, book_half_life=5.0)
    trades(one, 6, 2)
    one.observe(book(3.0, 1.0), T0 - 5 * SECOND)
    says = one.read(T0)
    assert says.imbalance == pytest.approx(0.25)  # half the way to 0.5
    assert says.delta == pytest.approx(0.25)  # 4 of 8, times 8 / 16
    assert says.large == 0.0
    assert math.isnan(says.toxicity)
    # (2·0.25 + 0.25 + 0) / 4
    assert says.score == pytest.approx(0.1875)
    one.toxicity.value = 0.8
    assert one.read(T0).score == pytest.approx(0.1875 * 1.4)  # 1 + 0.5·0.8
    one.toxicity.value = 1.0
    strong = flow(**TRADES_ONLY)
    trades(strong, 10, 0)
    strong.toxicity.value = 1.0
    assert strong.read(T0).score == 1.0  # cut


def test_parts_without_weight_ask_for_no_data():
    one = flow(**TRADES_ONLY)
    trades(one, 2, 0)
    assert one.lacks(T0) == ""
    assert one.judge(T0) is Side.SELL
    other = flow(delta_weight=0.0, large_weight=0.0)
    other.observe(book(9.0, 1.0), T0)
    assert other.lacks(T0) == ""
    assert other.judge(T0) is None
    # 0.8·(1 − 2^(−t/5)) passes 0.4 after one half-life
    assert other.judge(T0 + 4_999_000_000) is None
    assert other.judge(T0 + 5_001_000_000) is Side.SELL


def test_hysteresis():
    one = flow(**TRADES_ONLY, enter=0.5, leave=0.2, hold=2.0)
    trades(one, 74, 26)
    assert one.judge(T0) is None  # 48 of 100
    trades(one, 2, 0)
    assert one.read(T0).score == pytest.approx(50 / 102)
    assert one.judge(T0) is None
    trades(one, 4, 0)
    assert one.judge(T0) is Side.SELL  # 54 of 106
    later = T0 + 3 * SECOND
    trades(one, 0, 20, later)
    assert 0.2 < one.read(later).score < 0.5
    assert one.judge(later) is Side.SELL  # between leave and enter: as before
    trades(one, 0, 20, later)
    assert -0.5 < one.read(later).score < 0.2
    assert one.judge(later) is None
    trades(one, 10, 0, later)
    assert 0.0 < one.read(later).score < 0.5
    assert one.judge(later) is None  # from this side it takes enter again


def test_a_block_lasts_unless_the_flow_turns():
    one = flow(**TRADES_ONLY, hold=2.0)
    trades(one, 10, 0)
    assert one.judge(T0) is Side.SELL
    trades(one, 0, 10)
    assert one.read(T0).score == 0.0
    assert one.judge(T0 + 2 * SECOND - 1) is Side.SELL
    assert one.judge(T0 + 2 * SECOND) is None
    other = flow(**TRADES_ONLY, hold=60.0)
    trades(other, 10, 0)
    assert other.judge(T0) is Side.SELL
    trades(other, 0, 40)
    assert other.judge(T0) is Side.BUY  # −30 of 50, at once
    assert other.blocked is Side.BUY


def test_silence_ends_a_block():
    one = flow(**{**TRADES_ONLY, "prior": 10.0}, half_life=30.0)
    trades(one, 40, 0)
    assert one.judge(T0) is Side.SELL  # 40 / 50
    assert one.judge(T0 + 60 * SECOND) is Side.SELL  # 10 / 20
    assert one.judge(T0 + 120 * SECOND) is Side.SELL  # 2.5 / 12.5: 0.2
    assert one.judge(T0 + 121 * SECOND) is None
    assert one.known
    assert one.judge(T0 + 180 * SECOND) is None  # 0.6 trades are not enough
    assert not one.known


def test_what_lacks_is_said():
    one = flow(least=3.0, half_life=30.0)
    assert one.lacks(T0) == "no book or quote has been heard"
    one.observe(book(1.0, 1.0), T0)
    assert one.lacks(T0) == "trades heard count for 0.0, less than 3 (half after 30 s)"
    trades(one, 2, 2)
    assert one.lacks(T0) == ""
    assert one.lacks(T0 + 10 * SECOND) == ""
    assert "came 10.1 s ago, more than 10 s" in one.lacks(T0 + 10_100_000_000)


@pytest.mark.parametrize("late", [0, 20 * SECOND])
def test_known_is_that_nothing_lacks(late):
    one = flow(least=3.0)
    for step in range(4):
        one.judge(T0 + late)
        assert one.known == (one.lacks(T0 + late) == "")
        if step == 0:
            one.observe(book(1.0, 1.0), T0)
        trades(one, 2, 0)


EVENTS = st.lists(
    st.tuples(
        st.integers(0, 15),
        st.sampled_from(["trade", "book"]),
        st.floats(1e-3, 1e4),
        st.floats(1e-3, 1e4),
        st.sampled_from([-1, 1]),
    ),
    max_size=60,
)


@given(EVENTS)
def test_swapping_the_sides_swaps_the_block(events):
    one, other, now = flow(least=1.0, prior=1.0), flow(least=1.0, prior=1.0), T0
    for tenths, kind, size, against, side in events:
        now += tenths * SECOND // 10
        if kind == "trade":
            one.trade(now, 100.0, size, side)
            other.trade(now, 100.0, size, -side)
        else:
            one.observe(book(size, against), now)
            other.observe(book(against, size), now)
        here, there = one.judge(now), other.judge(now)
        score = one.read(now).score
        assert -1.0 <= score <= 1.0
        assert score == pytest.approx(-other.read(now).score, abs=1e-9)
        if abs(abs(score) - 0.4) > 1e-6 and abs(abs(score) - 0.2) > 1e-6:
            assert (here and here.value) == (there and -there.value)
        if here is not None:
            assert one.known


def test_verdicts():
    one = flow(**TRADES_ONLY)
    trades(one, 0, 10)
    said = judge(intent(Side.BUY), one)
    assert (said.gate, said.code, said.allowed) == ("flow", "FLOW_AGAINST", 0)
    assert said.reason == (
        "buying BTC.SIM goes against its flow: sellers press with a score of -1.00 "
        "(book +0.00, trades -1.00, large trades +0.00); blocked from -0.4 until -0.2"
    )
    assert said.numbers == {
        "score": -1.0, "imbalance": 0.0, "delta": -1.0, "large": 0.0, "trades": 10.0,
        "enter": 0.4, "leave": 0.2,
    }  # fmt: skip
    assert judge(intent(Side.SELL), one).code == ALLOW
    one.toxicity.value = 0.3
    assert judge(intent(Side.BUY), one).numbers["toxicity"] == 0.3
    other = flow(**TRADES_ONLY)
    trades(other, 10, 0)
    assert judge(intent(Side.BUY), other).code == ALLOW
    assert "selling BTC.SIM goes against its flow: buyers press" in judge(intent(Side.SELL), other).reason
    assert "blocked from +0.4 until +0.2" in judge(intent(Side.SELL), other).reason


def test_without_data_nothing_opens_unless_told_otherwise():
    for one in (None, flow()):
        for side in Side:
            said = judge(intent(side), one)
            assert (said.code, said.allowed) == ("FLOW_UNKNOWN", 0)
            assert "without_data: allow" in said.reason
            assert judge(intent(side), one, allow_unknown=True).code == ALLOW


def test_allowing_what_is_unknown_allows_nothing_else():
    one = flow(**TRADES_ONLY)
    trades(one, 0, 10)
    assert judge(intent(Side.BUY), one, allow_unknown=True).code == "FLOW_AGAINST"


@pytest.mark.parametrize(
    ("params", "rule"),
    [
        ({"leave": 0.4}, "0 < leave < enter <= 1"),
        ({"enter": 1.1}, "0 < leave < enter <= 1"),
        ({"enter": math.nan}, "0 < leave < enter <= 1"),
        ({"book_weight": 0.0, "delta_weight": 0.0, "large_weight": 0.0}, "one of them above 0"),
        ({"delta_weight": -1.0}, "one of them above 0"),
        ({"lift": -0.1}, "0 <= lift"),
        ({"hold": math.inf}, "0 <= hold"),
        ({"least": math.nan}, "0 <= least"),
        ({"stale_after": 0.0}, "0 < stale_after"),
        ({"half_life": 0.0}, "0 < half_life"),
        ({"bucket_time": 0.0}, "0 < bucket_time"),
        ({"large_quantile": 1.0}, "0 < quantile < 1"),
    ],
)
def test_impossible_parameters_are_refused(params, rule):
    with pytest.raises(ValueError, match=rule):
        flow(**params)
