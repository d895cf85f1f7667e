"""Spreads after moves of price and volatility."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.options.black76 import price
from nautilus_quant.options.contract import Contract, years
from nautilus_quant.options.spread_build import DAY
from nautilus_quant.options.spread_stress import StressGrid, value_of, worst_case
from nautilus_quant.options.spreads import Leg, Spread, extremes

NOW = 1_763_712_000 * 10**9


def leg(strike: float, ratio: int, *, call: bool = True, days: int = 30, size: float = 1.0) -> Leg:
    name = f"{days}-{strike:g}-{'C' if call else 'P'}"
    return Leg(Contract(name, "BTC", NOW + days * DAY, strike, call, size), ratio)


def test_a_unit_is_worth_its_legs() -> None:
    spread = Spread("any", (leg(100.0, 2, size=0.1), leg(120.0, -3, call=False, days=60)))
    left = [years(NOW, contract.expiry) for contract, _ in spread.legs]
    expected = 0.2 * float(price(101.0, 100.0, left[0], 0.5, True)) - 3 * float(
        price(104.0, 120.0, left[1], 0.7, False)
    )
    assert float(value_of(spread, [101.0, 104.0], [0.5, 0.7], NOW)) == pytest.approx(expected, rel=1e-12)
    moved = 0.2 * float(price(111.1, 100.0, left[0], 0.6, True)) - 3 * float(
        price(114.4, 120.0, left[1], 0.84, False)
    )
    told = value_of(spread, [101.0, 104.0], [0.5, 0.7], NOW, moves=[0.0, 0.1], vol=0.2)
    assert told[1] == pytest.approx(moved, rel=1e-12)


def test_a_calendar_bought_is_worst_far_from_its_strike_with_volatility_down() -> None:
    spread = Spread("calendar", (leg(100.0, 1, days=60), leg(100.0, -1)))
    worst = worst_case(spread, [100.0, 100.0], [0.6, 0.6], NOW)
    assert worst.vol == -0.3
    assert abs(worst.move) == 0.3
    # Never below nothing: the later option is worth what the earlier one pays, at least.
    assert 0.0 <= worst.value < float(value_of(spread, [100.0, 100.0], [0.6, 0.6], NOW))


def test_a_calendar_sold_is_worst_at_its_strike_at_the_first_expiry_with_volatility_up() -> None:
    spread = Spread("calendar", (leg(100.0, -1, days=60), leg(100.0, 1)))
    worst = worst_case(spread, [101.0, 101.0], [0.6, 0.6], NOW)
    assert (worst.vol, worst.at_expiry) == (0.5, True)
    assert worst.move == pytest.approx(100.0 / 101.0 - 1.0)  # a strike between two steps
    assert worst.value == pytest.approx(-float(price(100.0, 100.0, 30 / 365, 0.9, True)), rel=1e-9)


def test_a_straddle_sold_is_worst_at_the_end_of_the_grid() -> None:
    spread = Spread("straddle", (leg(100.0, -1), leg(100.0, -1, call=False)))
    worst = worst_case(spread, [100.0, 100.0], [0.6, 0.6], NOW, StressGrid(move=0.4))
    assert worst.move == 0.4
    assert (worst.vol, worst.at_expiry) == (0.5, False)
    assert worst.value < -40.0


@given(
    strikes=st.lists(st.integers(75, 125), min_size=2, max_size=4, unique=True),
    ratios=st.lists(st.sampled_from([-2, -1, 1, 2]), min_size=4, max_size=4),
    calls=st.lists(st.booleans(), min_size=4, max_size=4),
)
@settings(max_examples=60)
def test_no_price_at_the_expiry_within_the_moves_is_worse(strikes: Any, ratios: Any, calls: Any) -> None:
    spread = Spread(
        "any",
        tuple(leg(float(k), r, call=c) for k, r, c in zip(strikes, ratios, calls, strict=False)),
    )
    n = len(spread.legs)
    worst = worst_case(spread, [100.0] * n, [0.6] * n, NOW)
    moves = np.linspace(-0.3, 0.3, 301)
    at_expiry = value_of(spread, [100.0] * n, [0.6] * n, spread.expiry, moves=moves)
    assert worst.value <= at_expiry.min() + 1e-9
    if extremes(spread).worst.is_finite():  # without discounting, nothing is worth less than it may pay
        assert worst.value >= float(extremes(spread).worst) - 1e-9


def test_what_is_unknown_has_an_unknown_worst() -> None:
    spread = Spread("straddle", (leg(100.0, -1), leg(100.0, -1, call=False)))
    for forwards, vols in (([math.nan, 100.0], [0.6, 0.6]), ([100.0, 100.0], [0.6, math.nan])):
        assert math.isnan(worst_case(spread, forwards, vols, NOW).value)
    assert math.isnan(worst_case(spread, [100.0, -1.0], [0.6, 0.6], NOW).value)


@pytest.mark.parametrize(
    "wrong", [{"move": 0.0}, {"move": 1.0}, {"steps": 0}, {"vol_up": -0.1}, {"vol_down": 1.0}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StressGrid(**wrong)  # type: ignore[arg-type]
