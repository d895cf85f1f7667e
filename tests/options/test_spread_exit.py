"""When a spread is left, and how many of it are taken."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.spread_exit import DAY, ExitParams, Standing, why_leave
from nautilus_quant.options.spread_size import Caps, Size, beyond, units_within

PARAMS = ExitParams(profit_share=0.5, loss_multiple=2.0, days=1.0)
NOW = 10 * DAY


def standing(pnl: float, *, days: float = 9.0, profit: float = 300.0, stake: float = 250.0) -> Standing:
    return Standing(NOW, NOW + round(days * DAY), pnl, profit, stake)


@pytest.mark.parametrize(
    ("pnl", "leaves"),
    [(149.9, ""), (150.0, "profit"), (-499.9, ""), (-500.0, "loss"), (math.nan, ""), (0.0, "")],
)
def test_profit_by_its_share_and_loss_by_the_stake(pnl: float, leaves: str) -> None:
    assert why_leave(standing(pnl), PARAMS)[: len(leaves) or 1] == leaves


def test_without_a_largest_profit_the_stake_counts() -> None:
    assert why_leave(standing(124.9, profit=math.inf), PARAMS) == ""
    assert why_leave(standing(125.0, profit=math.inf), PARAMS).startswith("profit")


def test_time_decides_even_when_nothing_else_is_known() -> None:
    assert why_leave(standing(math.nan, days=1.01), PARAMS) == ""
    assert why_leave(standing(math.nan, days=1.0), PARAMS) == "1.00 days to expiry, at most 1"


def test_rules_can_be_switched_off() -> None:
    off = ExitParams(profit_share=0.0, loss_multiple=0.0, days=0.0)
    assert why_leave(standing(1e9), off) == ""
    assert why_leave(standing(-1e9), off) == ""
    assert why_leave(standing(0.0, days=0.0), off) != ""


def test_a_spread_that_cannot_win_is_not_left_for_its_profit() -> None:
    assert why_leave(standing(0.0, profit=0.0), PARAMS) == ""
    assert why_leave(standing(5.0, profit=-10.0), PARAMS) == ""


@pytest.mark.parametrize("wrong", ["profit_share", "loss_multiple", "days"])
def test_what_cannot_be_is_refused(wrong: str) -> None:
    for value in (-0.1, math.nan, math.inf):
        with pytest.raises(ValueError, match=wrong):
            ExitParams(**{wrong: value})


# -- size -----------------------------------------------------------------------------------------------

CAPS = Caps(loss=0.02, vega=0.001, share=0.2)


@pytest.mark.parametrize(
    ("unit", "units", "cap"),
    [
        (Size(1_000.0, 10.0, 500.0), 20.0, "loss"),  # 0.02 x 1 000 000 / 1 000; 100 by vega, 400 by share
        (Size(1_000.0, 200.0, 500.0), 5.0, "vega"),
        (Size(1_000.0, 10.0, 50_000.0), 4.0, "share"),
    ],
)
def test_the_smallest_cap_decides(unit: Size, units: float, cap: str) -> None:
    assert units_within(unit, CAPS, 1_000_000.0) == (units, cap)


@pytest.mark.parametrize("wrong", [math.nan, -1.0, math.inf, 0.0])
@pytest.mark.parametrize("field", ["loss", "vega", "share"])
def test_what_is_unknown_allows_nothing(wrong: float, field: str) -> None:
    unit = Size(1_000.0, 10.0, 500.0)._replace(**{field: wrong})
    assert units_within(unit, CAPS, 1_000_000.0).units == 0.0


@pytest.mark.parametrize("equity", [math.nan, 0.0, -5.0, math.inf])
def test_without_equity_there_is_nothing(equity: float) -> None:
    assert units_within(Size(1.0, 1.0, 1.0), CAPS, equity) == (0.0, "equity")


@given(
    loss=st.floats(1.0, 1e6), vega=st.floats(1e-2, 1e5), share=st.floats(1.0, 1e6), equity=st.floats(1.0, 1e9)
)
def test_what_is_allowed_fits_under_every_cap(loss: float, vega: float, share: float, equity: float) -> None:
    units, cap = units_within(Size(loss, vega, share), CAPS, equity)
    used = {"loss": units * loss / 0.02, "vega": units * vega / 0.001, "share": units * share / 0.2}
    assert max(used.values()) == pytest.approx(equity)
    assert used[cap] == pytest.approx(equity)


def test_what_has_grown_is_told_by_its_cap() -> None:
    equity = 1_000_000.0
    assert beyond(Size(29_000.0, 1_400.0, 9e9), CAPS, equity, 1.5) == ""
    assert beyond(Size(31_000.0, 1_400.0, 0.0), CAPS, equity, 1.5) == "loss"
    assert beyond(Size(29_000.0, 1_600.0, 0.0), CAPS, equity, 1.5) == "vega"
    assert beyond(Size(math.nan, math.nan, math.nan), CAPS, equity, 1.5) == ""
    assert beyond(Size(31_000.0, 1_600.0, 0.0), CAPS, math.nan, 1.5) == ""


@pytest.mark.parametrize("field", ["loss", "vega", "share"])
def test_caps_are_fractions(field: str) -> None:
    for value in (0.0, 1.1, math.nan):
        with pytest.raises(ValueError, match=field):
            Caps(**{field: value})
