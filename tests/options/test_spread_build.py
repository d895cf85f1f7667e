"""Spreads are put together of what is listed and quoted, by delta and days."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.black76 import greeks
from nautilus_quant.options.contract import Contract, years
from nautilus_quant.options.spread_build import (
    DAY,
    KINDS,
    Quoted,
    SpreadParams,
    at_money_vol,
    build,
    expiry_for,
)
from nautilus_quant.options.spreads import extremes

NOW = 1_763_712_000 * 10**9
NAN = math.nan


def quoted(days: float, strike: float, *, call: bool = True, **changes: Any) -> Quoted:
    expiry = NOW + round(days * DAY)
    contract = Contract(f"{days:g}-{strike:g}-{'C' if call else 'P'}", "BTC", expiry, strike, call)
    return Quoted(contract, **{"forward": 100.0, "vol": 0.6, "bid": 1.0, "ask": 1.1, **changes})


def listed(*days: float, **changes: Any) -> list[Quoted]:
    strikes = range(60, 152, 2)
    return [
        quoted(each, float(strike), call=call, **changes)
        for each in days
        for strike in strikes
        for call in (True, False)
    ]


def legs(params: SpreadParams, shelf: list[Quoted]) -> dict[str, int]:
    spread, why = build(params, shelf, NOW)
    assert spread is not None, why
    return {contract.name: ratio for contract, ratio in spread.legs}


def delta_of(item: Quoted) -> float:
    c = item.contract
    return abs(float(greeks(item.forward, c.strike, years(NOW, c.expiry), item.vol, c.call).delta))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.endswith("it")])
def test_a_spread_that_is_sold_is_the_one_bought_turned_round(kind: str) -> None:
    bought = legs(SpreadParams(kind=kind), listed(30, 60))
    sold = legs(SpreadParams(kind=kind, sell=True), listed(30, 60))
    assert sold == {name: -ratio for name, ratio in bought.items()}


def test_verticals_buy_what_they_pay_for_and_sell_what_they_receive_for() -> None:
    shelf = listed(30)
    for side in ("call", "put"):
        debit, credit = (legs(SpreadParams(kind=f"{side}_{how}"), shelf) for how in ("debit", "credit"))
        assert credit == {name: -ratio for name, ratio in debit.items()}
        by_name = {item.contract.name: delta_of(item) for item in shelf}
        inner = max(debit, key=lambda name: by_name[name])
        assert debit[inner] == 1
        assert credit[inner] == -1


@pytest.mark.parametrize("kind", ["call_debit", "put_debit", "strangle", "iron_condor"])
def test_the_deltas_are_the_nearest_there_are(kind: str) -> None:
    shelf = listed(30)
    chosen = legs(SpreadParams(kind=kind), shelf)
    for item in shelf:
        if item.contract.name not in chosen:
            continue
        aim = min((0.25, 0.1), key=lambda wanted: abs(delta_of(item) - wanted))
        alike = [other for other in shelf if other.contract.call == item.contract.call]
        assert abs(delta_of(item) - aim) == min(abs(delta_of(other) - aim) for other in alike)


def test_the_expiry_is_the_nearest_within_bounds() -> None:
    params = SpreadParams(kind="straddle", days=30, least_days=7, most_days=60)
    assert set(legs(params, listed(5, 12, 24, 33, 70))) == {"33-100-C", "33-100-P"}
    assert expiry_for(params, listed(5, 12, 24, 33, 70), NOW) == NOW + 33 * DAY
    assert build(params, listed(5, 70), NOW) == (None, "no expiry within the days wanted")
    assert expiry_for(params, listed(5, 70), NOW) == 0


def test_a_calendar_has_one_strike_and_two_expiries() -> None:
    chosen = legs(SpreadParams(kind="calendar", back_days=60), listed(30, 45, 58, 90))
    (far, near) = chosen
    assert (far.split("-")[0], near.split("-")[0]) == ("58", "30")
    assert far.split("-")[1] == near.split("-")[1]
    assert list(chosen.values()) == [1, -1]
    assert build(SpreadParams(kind="calendar"), listed(30), NOW).why == "no later expiry"


def test_a_butterfly_is_as_wide_below_as_above() -> None:
    chosen = legs(SpreadParams(kind="butterfly"), listed(30))
    low, middle, high = (float(name.split("-")[1]) for name in chosen)
    assert middle == 100.0
    assert high - middle == middle - low > 0
    assert list(chosen.values()) == [1, -2, 1]


def test_what_nobody_quotes_on_the_side_it_is_needed_is_not_taken() -> None:
    bids_only = listed(30, ask=NAN)
    assert build(SpreadParams(kind="strangle"), bids_only, NOW).why == "no call of delta 0.25 to buy"
    assert build(SpreadParams(kind="strangle", sell=True), bids_only, NOW).spread is not None
    asks_only = listed(30, bid=NAN)
    assert build(SpreadParams(kind="strangle"), asks_only, NOW).spread is not None
    assert build(SpreadParams(kind="strangle", sell=True), asks_only, NOW).why.endswith("to sell")


@pytest.mark.parametrize("field", ["forward", "vol"])
@pytest.mark.parametrize("value", [NAN, 0.0, -1.0, math.inf])
def test_what_cannot_be_priced_is_not_taken(field: str, value: float) -> None:
    unknown = listed(30, **{field: value})
    assert build(SpreadParams(kind="straddle"), unknown, NOW).spread is None
    mixed = [*unknown, *listed(33)]
    assert {name.split("-")[0] for name in legs(SpreadParams(kind="straddle"), mixed)} == {"33"}


def test_a_delta_that_is_missed_by_too_much_is_none() -> None:
    coarse = [item for item in listed(30) if item.contract.strike % 30 == 0]  # 60, 90, 120, 150
    assert build(SpreadParams(kind="call_debit", tolerance=0.05), coarse, NOW).spread is None


def test_two_legs_that_would_be_one_option_are_none() -> None:
    one = [quoted(30, 115.0), quoted(30, 90.0, call=False)]
    params = SpreadParams(kind="call_debit", delta=0.25, wing_delta=0.2, tolerance=0.5)
    assert build(params, one, NOW).why == "strikes are too far apart: two legs would be one option"


def test_the_volatility_at_the_money_is_of_the_nearest_strike() -> None:
    shelf = [
        quoted(30, 98.0, vol=0.5),
        quoted(30, 101.0, vol=0.6),
        quoted(30, 101.0, call=False, vol=0.64),
        quoted(30, 100.0, vol=NAN),
        quoted(60, 100.0, vol=0.9),
    ]
    assert at_money_vol(shelf, NOW + 30 * DAY) == pytest.approx(0.62)
    assert math.isnan(at_money_vol(shelf, NOW + 31 * DAY))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"kind": "collar"}, "a kind of"),
        ({"kind": "straddle", "days": 5.0}, "least_days"),
        ({"kind": "calendar", "back_days": 20.0}, "back_days"),
        ({"kind": "strangle", "wing_delta": 0.3}, "wing_delta < delta"),
        ({"kind": "strangle", "tolerance": 0.0}, "tolerance"),
    ],
)
def test_what_cannot_be_is_refused(changes: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        SpreadParams(**changes)


@given(
    kind=st.sampled_from([kind for kind in KINDS if kind not in ("calendar", "straddle", "strangle")]),
    sell=st.booleans(),
    vol=st.floats(0.2, 1.5),
    forward=st.floats(85.0, 120.0),
)
def test_what_has_wings_has_a_bounded_loss(kind: str, sell: bool, vol: float, forward: float) -> None:
    spread, _ = build(SpreadParams(kind=kind, sell=sell), listed(30, vol=vol, forward=forward), NOW)
    if spread is not None:
        assert extremes(spread).worst.is_finite()
        assert extremes(spread).best.is_finite()
