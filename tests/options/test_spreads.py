"""What spreads pay, and the most that can be lost: figures by hand, and every price tried."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nautilus_quant.options.contract import Contract
from nautilus_quant.options.spreads import Leg, Spread, breakevens, extremes, payoff, risk_of

EXPIRY = 1_800_000_000 * 10**9
INF = Decimal("Infinity")


def contract(
    strike: float, *, call: bool = True, coin: bool = False, expiry: int = EXPIRY, size: float = 1.0
) -> Contract:
    name = f"BTC-{expiry}-{strike:g}-{'C' if call else 'P'}"
    return Contract(name, "BTC", expiry, strike, call, size, coin, "BTC" if coin else "USDT")


def spread(*legs: tuple[float, bool, int], coin: bool = False, size: float = 1.0) -> Spread:
    made = (Leg(contract(strike, call=call, coin=coin, size=size), ratio) for strike, call, ratio in legs)
    return Spread("any", tuple(made))


CONDOR = ((80.0, False, 1), (90.0, False, -1), (110.0, True, -1), (125.0, True, 1))


def test_a_condor_sold_loses_its_wider_wing_less_the_premium() -> None:
    # Width 125 - 110 = 15 above, 90 - 80 = 10 below; 4 received, 1 of fees: 15 - 4 + 1 = 12. Wins 4 - 1 = 3.
    risk = risk_of(spread(*CONDOR), Decimal(-4), Decimal(1), 100.0)
    assert risk == (Decimal(12), Decimal(3), Decimal(12), Decimal(3))
    assert risk.is_bounded


def test_a_put_spread_sold_in_coins_loses_without_bound_in_coins_and_its_width_in_money() -> None:
    # Below 80 it owes 10 / S coins. In money 10, less 0.03 coins at 100 each received, more 0.01 of fees: 8.
    risk = risk_of(spread(*CONDOR[:2], coin=True), Decimal("-0.03"), Decimal("0.01"), 100.0)
    assert risk == (INF, Decimal("0.02"), Decimal(8), Decimal(2))
    assert risk.is_bounded


def test_a_call_spread_sold_in_coins_loses_less_than_a_share_of_a_coin() -> None:
    # At 125: (125 - 110) / 125 = 0.12 coins; above it 15 / S falls again.
    made = spread(*CONDOR[2:], coin=True)
    assert extremes(made) == (Decimal("-0.12"), Decimal(0))
    assert extremes(made, in_money=True) == (Decimal(-15), Decimal(0))


@pytest.mark.parametrize(
    ("legs", "coin", "expected"),
    [
        (((100.0, True, 1),), False, (0, INF)),
        (((100.0, True, 1),), True, (0, 1)),  # (S - 100) / S approaches one coin
        (((100.0, False, 1),), False, (0, 100)),
        (((100.0, False, 1),), True, (0, INF)),  # 100 / S - 1
        (((100.0, True, -1), (100.0, False, -1)), False, (-INF, 0)),
        (((100.0, True, -1), (100.0, False, -1)), True, (-INF, 0)),
        (((90.0, True, 1), (100.0, True, -2), (110.0, True, 1)), False, (0, 10)),
        (((90.0, True, 1), (100.0, True, -2), (110.0, True, 1)), True, (0, Decimal("0.1"))),  # 10 / 100
        (((50.0, False, 2), (100.0, False, -1)), True, (-1, 0)),  # (100 - 100) / S - 2 + 1, at 50 and below
        (((90.0, True, 2), (120.0, True, -3)), False, (-INF, 60)),
        (((90.0, True, 2), (120.0, True, -3)), True, (-1, Decimal("0.5"))),  # 2 - 3; 60 / 120
    ],
)
def test_extremes_by_hand(legs: Any, coin: bool, expected: tuple[Any, Any]) -> None:
    assert extremes(spread(*legs, coin=coin)) == tuple(Decimal(value) for value in expected)


def test_the_size_of_a_contract_counts() -> None:
    assert extremes(spread((100.0, False, 1), (90.0, False, -1), size=0.1)) == (0, Decimal(1))
    assert payoff(spread((100.0, False, 3), size=0.1), 80.0) == pytest.approx(6.0)


def test_break_evens_of_a_condor_lie_a_profit_inside_its_short_strikes() -> None:
    # 3 left after fees: 90 - 3 and 110 + 3.
    assert breakevens(spread(*CONDOR), Decimal(-3)) == [87.0, 113.0]


def test_break_evens_of_what_has_no_end() -> None:
    both = spread((100.0, True, 1), (100.0, False, 1))
    assert breakevens(both, Decimal(12)) == [88.0, 112.0]
    # In coins: (S - 100) / S = 0.2 at 125, and (100 - S) / S = 0.25 at 80.
    coins = spread((100.0, True, 1), (100.0, False, 1), coin=True)
    assert breakevens(coins, Decimal("0.2"))[1] == pytest.approx(125.0)
    assert breakevens(coins, Decimal("0.25"))[0] == pytest.approx(80.0)
    assert breakevens(spread((100.0, True, 1)), Decimal(0)) == []


def test_legs_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="one currency"):
        Spread("odd", (Leg(contract(100.0), 1), Leg(contract(110.0, coin=True), -1)))
    with pytest.raises(ValueError, match="every option once"):
        Spread("odd", (Leg(contract(100.0), 1), Leg(contract(100.0), -1)))
    with pytest.raises(ValueError, match="ratio other than 0"):
        Spread("odd", (Leg(contract(100.0), 0),))
    with pytest.raises(ValueError, match="one leg at least"):
        Spread("odd", ())


def test_the_payoff_of_a_calendar_is_not_told() -> None:
    calendar = Spread("calendar", (Leg(contract(100.0, expiry=EXPIRY + 1), 1), Leg(contract(100.0), -1)))
    assert not calendar.one_expiry
    assert calendar.expiry == EXPIRY
    for ask in (lambda: payoff(calendar, 90.0), lambda: extremes(calendar)):
        with pytest.raises(ValueError, match="one expiry"):
            ask()


def test_coins_need_a_price_to_be_worth_something() -> None:
    with pytest.raises(ValueError, match="forward > 0"):
        risk_of(spread(*CONDOR, coin=True), Decimal(0), Decimal(0), float("nan"))


legs_of = st.lists(
    st.tuples(st.integers(20, 400).map(float), st.booleans(), st.sampled_from([-3, -2, -1, 1, 2, 3])),
    min_size=1,
    max_size=5,
    unique_by=lambda leg: leg[:2],
)


@given(legs=legs_of, coin=st.booleans(), in_money=st.booleans())
def test_no_price_pays_less_than_the_worst_or_more_than_the_best(
    legs: Any, coin: bool, in_money: bool
) -> None:
    made = spread(*legs, coin=coin)
    prices = np.concatenate((np.geomspace(1e-3, 1e6, 400), [leg[0] for leg in legs]))
    paid = payoff(made, prices, in_money=in_money)
    worst, best = (float(value) for value in extremes(made, in_money=in_money))
    slack = 1e-9 * (1.0 + np.abs(paid))
    assert (paid >= worst - slack).all()
    assert (paid <= best + slack).all()


@given(legs=legs_of, coin=st.booleans())
def test_the_extremes_are_reached_or_approached(legs: Any, coin: bool) -> None:
    made = spread(*legs, coin=coin)
    prices = np.concatenate((np.geomspace(1e-9, 1e12, 600), [leg[0] for leg in legs]))
    paid = payoff(made, prices)
    for bound, reached in zip(extremes(made), (paid.min(), paid.max()), strict=True):
        if bound.is_finite():
            assert reached == pytest.approx(float(bound), abs=1e-5)
        else:
            assert abs(reached) > 1e9
            assert (reached > 0) == (bound > 0)


@given(legs=legs_of, premium=st.integers(-50, 50), coin=st.booleans())
def test_loss_and_profit_change_places_when_the_spread_is_turned_round(
    legs: Any, premium: int, coin: bool
) -> None:
    cost = Decimal(premium) / 100
    one = risk_of(spread(*legs, coin=coin), cost, Decimal(0), 150.0)
    turned = [(strike, call, -ratio) for strike, call, ratio in legs]
    other = risk_of(spread(*turned, coin=coin), -cost, Decimal(0), 150.0)
    assert (one.loss, one.profit, one.loss_money, one.profit_money) == (
        other.profit,
        other.loss,
        other.profit_money,
        other.loss_money,
    )


@given(legs=legs_of, cost=st.integers(-60, 60).filter(bool), coin=st.booleans())
def test_nothing_is_won_at_a_break_even(legs: Any, cost: int, coin: bool) -> None:
    made = spread(*legs, coin=coin)
    paid = Decimal(cost) / (100 if coin else 1)
    found = breakevens(made, paid)
    assume(found)
    assert found == sorted(found)
    assert payoff(made, found) == pytest.approx(float(paid), abs=1e-9 * max(found))
