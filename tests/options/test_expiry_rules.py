"""Roll, close or let go: one option at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.expiry_calendar import Stage
from nautilus_quant.options.expiry_rules import (
    Action,
    ExpiryParams,
    decide,
    pin_distance,
    settlement_move,
)
from tests.options.expiry_kit import EXPIRY, HOUR, SECOND, option, outlook

NAN = math.nan
YEAR = 365 * 24 * HOUR


def said(stage: Stage, params: ExpiryParams | None = None, **other: Any) -> tuple[Action, str]:
    decision = decide(stage, outlook(**other), params or ExpiryParams())
    return decision.action, decision.code


@pytest.mark.parametrize(
    ("forward", "call", "expected"),
    [
        (100_000.01, True, (Action.ROLL, "ITM")),
        (100_000.0, True, (Action.HOLD, "OTM")),  # at the strike it pays nothing
        (99_999.99, True, (Action.HOLD, "OTM")),
        (99_999.99, False, (Action.ROLL, "ITM")),
        (100_000.01, False, (Action.HOLD, "OTM")),
        (NAN, True, (Action.WAIT, "NO_FORWARD")),
    ],
)
@pytest.mark.parametrize("long", [True, False])
def test_what_is_in_the_money_is_rolled(
    forward: float, call: bool, long: bool, expected: tuple[Action, str]
) -> None:
    assert said(Stage.ROLL, forward=forward, contract=option(call=call), long=long) == expected


def test_rolling_can_be_off_and_is_done_once() -> None:
    assert said(Stage.ROLL, ExpiryParams(roll=False)) == (Action.HOLD, "NO_ROLL")
    assert said(Stage.ROLL, rolled=True) == (Action.HOLD, "ROLLED_BEFORE")


@pytest.mark.parametrize("stage", [Stage.CLOSE, Stage.CHECK])
def test_what_is_still_in_the_money_is_closed(stage: Stage) -> None:
    assert said(stage) == (Action.CLOSE, "ITM")
    assert said(stage, long=False) == (Action.CLOSE, "ITM")
    assert said(stage, bid=NAN) == (Action.WAIT, "NO_QUOTE")
    assert said(stage, long=False, bid=NAN) == (Action.CLOSE, "ITM")
    assert said(stage, long=False, ask=NAN) == (Action.WAIT, "NO_QUOTE")


@pytest.mark.parametrize(
    ("bid", "expected"),
    [
        (30.01, (Action.CLOSE, "WORTH_MORE")),
        (30.0, (Action.EXPIRE, "WORTHLESS")),
        (0.0, (Action.EXPIRE, "WORTHLESS")),
        (NAN, (Action.EXPIRE, "WORTHLESS")),
    ],
)
def test_out_of_the_money_it_is_sold_for_more_than_the_fee(bid: float, expected: tuple[Action, str]) -> None:
    assert said(Stage.CLOSE, forward=90_000.0, bid=bid, ask=bid + 5.0) == expected


def test_what_was_sold_expires_out_of_the_money_unless_it_is_cheap() -> None:
    far: dict[str, Any] = {"forward": 90_000.0, "bid": 1.0, "ask": 5.0, "fee": 4.0, "long": False}
    assert said(Stage.CLOSE, **far) == (Action.EXPIRE, "OTM")
    # 5 + 4 is one hundredth of a per cent of 90 000
    assert said(Stage.CLOSE, ExpiryParams(buy_back=0.0001), **far) == (Action.CLOSE, "CHEAP")
    assert said(Stage.CLOSE, ExpiryParams(buy_back=0.000099), **far) == (Action.EXPIRE, "OTM")
    assert said(Stage.CLOSE, ExpiryParams(buy_back=1.0), **{**far, "ask": NAN}) == (Action.EXPIRE, "OTM")


def test_the_expected_move_by_hand() -> None:
    # 60 % a year, two hours: 0.6 * sqrt(2 / 8760) = 0.6 * 0.0151099 = 0.0090659
    assert settlement_move(0.6, 2 * HOUR) == pytest.approx(0.0090659, abs=1e-7)
    # with half an hour of averaging, as if it were 2 h - 20 min: 0.6 * sqrt(1.66667 / 8760) = 0.0082760
    assert settlement_move(0.6, 2 * HOUR, 1_800.0) == pytest.approx(0.0082760, abs=1e-7)
    # a quarter of an hour before the end: 0.6 * sqrt(0.25^3 / (3 * 0.25) / 8760) = 0.6 * sqrt(2.37823e-6)
    assert settlement_move(0.6, HOUR // 4, 1_800.0) == pytest.approx(0.00092529, abs=1e-8)
    assert settlement_move(0.6, 0, 1_800.0) == 0.0


@pytest.mark.parametrize("minutes", [90, 30, 10])
def test_the_expected_move_is_that_of_simulated_averages(minutes: int) -> None:
    random = np.random.default_rng(7)
    step, count = 10.0, minutes * 6  # seconds, steps
    moves = random.standard_normal((4_000, count)) * 0.6 * math.sqrt(step * SECOND / YEAR)
    paths = np.cumsum(moves, axis=1)
    last = paths[:, -180:] if count >= 180 else np.hstack([np.zeros((4_000, 180 - count)), paths])
    assert settlement_move(0.6, minutes * 60 * SECOND, 1_800.0) == pytest.approx(
        last.mean(axis=1).std(), rel=0.05
    )


@given(st.floats(0.05, 3.0), st.integers(1, 100 * HOUR), st.floats(0.0, 7_200.0))
def test_an_average_moves_less_and_the_move_shrinks_with_time(vol: float, left: int, average: float) -> None:
    move = settlement_move(vol, left, average)
    assert 0.0 < move <= settlement_move(vol, left) * (1 + 1e-12)
    assert settlement_move(vol, left // 2, average) <= move


def test_near_its_strike_it_is_closed() -> None:
    # two hours, averaged: 0.0082760; half of it is 0.0041380: 100 000 * exp(0.0041380) = 100 414.66
    inside = {"forward": 100_414.0, "bid": 700.0, "ask": 720.0}
    outside = {"forward": 100_416.0, "bid": 700.0, "ask": 720.0}
    assert said(Stage.CLOSE, **inside) == (Action.CLOSE, "PIN")
    assert said(Stage.CLOSE, **outside) == (Action.CLOSE, "ITM")
    below = {"forward": 99_590.0, "bid": 1.0, "ask": 2.0, "fee": 3.0, "long": False}
    assert said(Stage.CLOSE, **below) == (Action.CLOSE, "PIN")
    assert said(Stage.CLOSE, **{**below, "forward": 99_580.0}) == (Action.EXPIRE, "OTM")
    assert said(Stage.CLOSE, ExpiryParams(pin=0.0), **below) == (Action.EXPIRE, "OTM")


def test_without_a_volatility_a_band_tells_what_is_near() -> None:
    near = {"forward": 99_510.0, "vol": NAN, "bid": 1.0, "ask": 2.0, "long": False}  # ln: 0.0049 < 0.005
    assert said(Stage.CLOSE, **near) == (Action.CLOSE, "PIN")
    assert said(Stage.CLOSE, **{**near, "forward": 99_490.0}) == (Action.EXPIRE, "OTM")
    assert math.isnan(pin_distance(outlook(forward=NAN), ExpiryParams()))


def test_near_its_strike_what_is_worth_nothing_is_not_sold() -> None:
    assert said(Stage.CLOSE, forward=99_900.0, bid=10.0, ask=12.0) == (Action.EXPIRE, "WORTHLESS")


def test_what_was_left_is_closed_when_the_price_comes_near() -> None:
    later = {"now": EXPIRY - HOUR // 2, "long": False, "bid": 100.0, "ask": 110.0}
    assert said(Stage.CHECK, forward=99_500.0, **later) == (Action.EXPIRE, "OTM")
    assert said(Stage.CHECK, forward=99_950.0, **later) == (Action.CLOSE, "PIN")
    assert said(Stage.CHECK, forward=101_000.0, **later) == (Action.CLOSE, "ITM")


def test_without_a_forward_risk_is_closed_and_worth_is_kept() -> None:
    blind = {"forward": NAN}
    assert said(Stage.CLOSE, **blind, long=False) == (Action.CLOSE, "NO_FORWARD")
    assert said(Stage.CLOSE, **blind, long=False, ask=NAN) == (Action.WAIT, "NO_QUOTE")
    assert said(Stage.CLOSE, **blind) == (Action.CLOSE, "NO_FORWARD")
    assert said(Stage.CLOSE, **blind, bid=30.0) == (Action.EXPIRE, "WORTHLESS")
    assert said(Stage.CLOSE, **blind, bid=NAN) == (Action.WAIT, "NO_BID")


def test_a_decision_says_why() -> None:
    decision = decide(Stage.CLOSE, outlook(forward=90_000.0, bid=42.0, ask=45.0), ExpiryParams())
    assert decision.reason == "its bid 42 is worth more than the fee 30 per unit"
    assert decision.numbers["bid"] == 42.0


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"pin": -0.1}, "0 <= pin"),
        ({"pin": math.inf}, "0 <= pin"),
        ({"pin_band": 1.1}, "pin_band"),
        ({"buy_back": NAN}, "buy_back"),
        ({"roll_cost": -1.0}, "roll_cost"),
        ({"average": -1.0}, "average"),
    ],
)
def test_impossible_parameters_are_refused(wrong: dict[str, float], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ExpiryParams(**wrong)  # type: ignore[arg-type]
