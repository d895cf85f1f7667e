"""The would-be book of an arm, against one kept with decimals and plain cash."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nautilus_quant.account.costs import CostModel
from nautilus_quant.account.equity import OpenPosition, unrealised
from nautilus_quant.learning.ledger import Leg, ShadowLedger
from nautilus_quant.portfolio.sizing import Lot, order_quantity, target_quantity

SECOND = 1_000_000_000
COSTS = CostModel(taker=0.0004, maker=0.0001, half_spread=0.0002, impact=0.5)
FREE = CostModel(taker=0.0, maker=0.0, half_spread=0.0)
LOT = Lot(step=Decimal("0.01"))
A, B = "AAA.SIM", "BBB.SIM"


def leg(instrument: str = A, **changes: Any) -> Leg:
    return Leg(**{"instrument": instrument, "leverage": 2.0, "lot": LOT, "costs": COSTS, **changes})


def book(capital: float = 10_000.0, *legs: Leg, **options: Any) -> ShadowLedger:
    return ShadowLedger(legs or (leg(),), capital, **options)


def want(ledger: ShadowLedger, exposure: float, price: float, ts: int = 1, **options: Any) -> float:
    return ledger.target(options.pop("of", A), exposure, price, price, ts, **options)


# -- against a second book ------------------------------------------------------------------------


class Cash:
    """What the same trades do to a heap of cash: linear, one currency, sized by the decimal rule."""

    def __init__(self, capital: float, legs: tuple[Leg, ...]) -> None:
        self.cash = Decimal(repr(capital))
        self.legs = {one.instrument: one for one in legs}
        self.held = dict.fromkeys(self.legs, Decimal(0))
        self.price = dict.fromkeys(self.legs, Decimal(1))

    def worth(self, name: str) -> Decimal:
        return self.held[name] * self.price[name] * Decimal(repr(self.legs[name].multiplier))

    @property
    def equity(self) -> float:
        return float(self.cash + sum(map(self.worth, self.held)))

    def target(self, name: str, exposure: float, price: float, *, may_open: bool, passive: bool) -> None:
        one = self.legs[name]
        self.price[name] = Decimal(repr(price))
        unit, held = price * one.multiplier, self.held[name]
        budget = one.leverage * self.equity
        target = target_quantity(exposure, budget, unit, one.lot)
        full = target_quantity(1.0, budget, unit, one.lot)
        order = order_quantity(held, target, full, one.threshold, one.lot)
        if not may_open:
            closing = min(abs(order), abs(held)) if order * held < 0 else Decimal(0)
            order = closing.copy_sign(order)
        slip = Decimal(0) if passive else Decimal(repr(one.costs.half_spread)).copy_sign(order)
        fee = Decimal(repr(one.costs.maker if passive else one.costs.taker))
        paid = order * self.price[name] * Decimal(repr(one.multiplier)) * (1 + slip)
        self.cash -= paid + fee * abs(paid)
        self.held[name] += order

    def fund(self, name: str, rate: float) -> None:
        self.cash -= self.worth(name) * Decimal(repr(rate))


legs_of_two = (leg(A, leverage=1.5, threshold=0.1), leg(B, leverage=0.5, multiplier=3.0, threshold=0.0))
moves = st.lists(
    st.tuples(
        st.sampled_from(["target"] * 6 + ["gated", "passive", "mark", "fund"]),
        st.sampled_from([A, B]),
        st.one_of(st.floats(-1.2, 1.2), st.sampled_from([0.0, 0.0, 1.0, -1.0])),
        st.floats(-0.04, 0.04),
    ),
    max_size=40,
)


def play(
    ledger: ShadowLedger, move: tuple[str, str, float, float], prices: dict[str, float], ts: int
) -> None:
    kind, name, number, change = move
    prices[name] = price = prices[name] * (1.0 + change)
    unit = price * {A: 1.0, B: 3.0}[name]
    if kind == "mark":
        ledger.mark(name, price, unit, ts)
    elif kind == "fund":
        ledger.mark(name, price, unit, ts)
        ledger.funding(name, number / 100.0)
    else:
        options = {"may_open": kind != "gated", "passive": kind == "passive"}
        ledger.target(name, number, price, unit, ts, **options)


@given(moves)
def test_equals_a_heap_of_cash(story):
    ledger, cash = ShadowLedger(legs_of_two, 10_000.0), Cash(10_000.0, legs_of_two)
    prices = {A: 100.0, B: 20.0}
    for ts, move in enumerate(story, 1):
        play(ledger, move, prices, ts)
        kind, name, number, _ = move
        if kind in ("mark", "fund"):
            cash.price[name] = Decimal(repr(prices[name]))
        if kind == "fund":
            cash.fund(name, number / 100.0)
        if kind in ("target", "gated", "passive"):
            options = {"may_open": kind != "gated", "passive": kind == "passive"}
            cash.target(name, number, prices[name], **options)
        assume(cash.equity > 100.0)
        assert {name: ledger.quantity(name) for name in (A, B)} == pytest.approx(
            {name: float(held) for name, held in cash.held.items()}, abs=1e-9
        )
        assert ledger.equity == pytest.approx(cash.equity, rel=1e-11)


@given(moves, st.lists(st.integers(0, 40), max_size=3))
def test_profit_and_loss_adds_up_also_when_capital_changes(story, cuts):
    ledger, prices = ShadowLedger(legs_of_two, 10_000.0), {A: 100.0, B: 20.0}
    for ts, move in enumerate(story, 1):
        play(ledger, move, prices, ts)
        if ts in cuts:
            assert ledger.equity > 0.0
            ledger.cut(ts, 20_000.0)
            assert ledger.equity == pytest.approx(20_000.0, rel=1e-12)
        gross, fees, spread, impact, funding = ledger.split
        assert ledger.split.net == pytest.approx(gross - fees - spread - impact + funding, abs=1e-9)
        assert ledger.equity == pytest.approx(ledger.capital + ledger.split.net, rel=1e-12)
        assert ledger.costs_paid == pytest.approx(fees + spread + impact)


@given(moves, st.integers(0, 40))
def test_goes_on_exactly_where_it_stopped(story, at):
    straight, first = (ShadowLedger(legs_of_two, 10_000.0) for _ in range(2))
    one, other = {A: 100.0, B: 20.0}, {A: 100.0, B: 20.0}
    for ledger in (straight, first):
        ledger.conditions(A, half_spread=0.001, volatility=0.03, volume=1e5)
    for ts, move in enumerate(story[:at], 1):
        play(straight, move, one, ts)
        play(first, move, other, ts)
    assert straight.cut(at) == pytest.approx(first.cut(at), nan_ok=True)
    saved = json.loads(json.dumps(first.to_dict(), allow_nan=False))
    second = ShadowLedger(legs_of_two).restore(saved)
    for ts, move in enumerate(story[at:], at + 1):
        play(straight, move, one, ts)
        play(second, move, other, ts)
    assert second.to_dict() == straight.to_dict()
    assert second.split == straight.split
    assert second.cut(100) == pytest.approx(straight.cut(100), nan_ok=True, rel=0, abs=0)


def coins(quantity: float, entry: float, price: float) -> float:
    held = OpenPosition(
        instrument=A, quantity=quantity, entry=entry, currency="BTC", multiplier=10.0, inverse=True
    )
    return unrealised(held, price)


@given(st.lists(st.tuples(st.floats(-1.0, 1.0), st.floats(0.8, 1.25)), min_size=1, max_size=12))
def test_inverse_contracts_earn_coins(story):
    """Each parcel bought keeps its own price; what is sold is sold from all in the same proportion."""
    one = leg(inverse=True, multiplier=10.0, lot=Lot(step=Decimal(1)), costs=FREE, threshold=0.0)
    ledger = ShadowLedger([one], 50_000.0)
    price, earned, held, rate = 200.0, 0.0, 0.0, 1.1  # the quote currency is worth 1.1 of ours
    parcels: list[tuple[float, float]] = []
    for ts, (exposure, change) in enumerate(story):
        price *= change
        traded = ledger.target(A, exposure, price, 10.0 * rate, ts)
        if traded * held < 0.0:
            share = min(1.0, -traded / held)
            earned += sum(coins(q * share, entry, price) for q, entry in parcels) * price * rate
            parcels = [(q * (1.0 - share), entry) for q, entry in parcels] if share < 1.0 else []
        opened = traded if traded * held >= 0.0 else (held + traded) * (abs(traded) > abs(held))
        parcels.append((opened, price))
        held += traded
        still = sum(coins(q, entry, price) for q, entry in parcels) * price * rate
        assume(50_000.0 + earned + still > 1.0)
        assert ledger.equity == pytest.approx(50_000.0 + earned + still, rel=1e-9)
        assert ledger.quantity(A) == pytest.approx(held)


def test_an_inverse_contract_pays_in_coins_what_its_value_is():
    one = leg(inverse=True, multiplier=10.0, lot=Lot(step=Decimal(1)), leverage=1.0)
    ledger = ShadowLedger([one], 10_000.0)
    assert ledger.target(A, 1.0, 200.0, 10.0, 1) == 1000.0  # contracts of 10 each
    assert ledger.split.fees == pytest.approx(10_000.0 * 0.0004)
    assert ledger.split.spread == pytest.approx(10_000.0 * 0.0002)
    ledger.mark(A, 250.0, 10.0, 2)
    assert ledger.split.gross == pytest.approx(10_000.0 * (1 / 200 - 1 / 250) * 250)
    ledger.funding(A, 0.001)
    assert ledger.split.funding == pytest.approx(-10.0)
    assert ledger.exposure(A) == pytest.approx(10_000.0 / ledger.equity)


# -- what a trade costs ---------------------------------------------------------------------------


def test_a_trade_pays_fee_spread_and_impact():
    ledger = book()
    ledger.conditions(A, half_spread=0.001, volatility=0.02, volume=40_000.0)
    assert want(ledger, 0.5, 100.0) == 100.0
    impact = 0.5 * 0.02 * math.sqrt(100.0 / 40_000.0)
    assert ledger.split.spread == pytest.approx(10.0)
    assert ledger.split.impact == pytest.approx(10_000.0 * impact)
    assert ledger.split.fees == pytest.approx(10_000.0 * (1.001 + impact) * 0.0004)
    assert ledger.turnover == pytest.approx(10_000.0)
    assert ledger.closing_cost == pytest.approx(10_000.0 * (0.0004 + 0.001 + impact) / ledger.equity)


def test_unknown_conditions_fall_back_on_the_model():
    ledger = book()
    ledger.conditions(A, half_spread=0.001, volatility=0.02, volume=40_000.0)
    ledger.conditions(A, volatility=math.nan, volume=5.0)
    want(ledger, 0.5, 100.0)
    assert ledger.split.spread == pytest.approx(2.0)
    assert ledger.split.impact == 0.0


def test_a_resting_order_pays_the_maker_fee_at_its_own_price():
    ledger = book()
    want(ledger, 0.5, 100.0, passive=True)
    assert ledger.split == pytest.approx((0.0, 1.0, 0.0, 0.0, 0.0))


def test_a_quote_currency_that_moves_is_worth_what_it_is_worth_now():
    ledger = ShadowLedger([leg(costs=FREE, leverage=1.0)], 10_000.0)
    ledger.target(A, 1.0, 100.0, 200.0, 1)  # 50 units; the quote currency is worth 2
    ledger.mark(A, 110.0, 330.0, 2)  # and now 3
    assert ledger.equity == pytest.approx(10_000.0 + 50 * 10.0 * 3.0)


def test_longs_pay_funding_and_shorts_receive_it():
    ledger = book(10_000.0, leg(costs=FREE))
    ledger.funding(A, 0.01)
    assert ledger.equity == 10_000.0  # nothing is held
    want(ledger, 0.5, 100.0)
    ledger.funding(A, 0.01, 200.0)
    assert ledger.split.funding == pytest.approx(-200.0)
    for wrong in [(math.nan, 100.0), (0.01, math.nan), (0.01, -1.0)]:
        ledger.funding(A, *wrong)
    ledger.funding("OTHER.SIM", 0.01)
    assert ledger.split.funding == pytest.approx(-200.0)
    want(ledger, -0.5, 100.0, 2)
    ledger.funding(A, 0.01)
    assert ledger.split.funding == pytest.approx(-200.0 + 98.0)


# -- what is traded -------------------------------------------------------------------------------


def test_small_changes_are_left_alone_but_flat_is_flat():
    ledger = book(10_000.0, leg(costs=FREE, threshold=0.1))
    want(ledger, 0.5, 100.0)
    assert want(ledger, 0.59, 100.0) == 0.0
    assert want(ledger, 0.6, 100.0) == pytest.approx(20.0)
    assert want(ledger, 0.01, 100.0) == pytest.approx(-118.0)
    assert want(ledger, 0.0, 100.0) == pytest.approx(-2.0)


def test_a_closed_gate_lets_through_what_reduces():
    ledger = book(10_000.0, leg(costs=FREE))
    assert want(ledger, 0.5, 100.0, may_open=False) == 0.0
    want(ledger, 0.5, 100.0)
    assert want(ledger, 1.0, 100.0, may_open=False) == 0.0
    assert want(ledger, 0.2, 100.0, may_open=False) == pytest.approx(-60.0)
    assert want(ledger, -1.0, 100.0, may_open=False) == pytest.approx(-40.0)
    assert ledger.quantity(A) == 0.0


def test_orders_too_large_for_the_venue_go_one_after_the_other():
    lot = Lot(step=Decimal(1), minimum=Decimal(3), maximum=Decimal(30))
    ledger = book(10_000.0, leg(lot=lot, costs=FREE, threshold=0.0))
    assert want(ledger, 0.46, 100.0) == 92.0 - 2.0  # the rest of 2 is below the minimum
    assert want(ledger, 0.0, 100.0) == -90.0


def test_a_venue_takes_no_opening_order_of_so_little_value():
    ledger = book(10_000.0, leg(costs=FREE, threshold=0.0, min_notional=500.0))
    assert want(ledger, 0.024, 100.0) == 0.0
    assert want(ledger, 0.025, 100.0) == pytest.approx(5.0)
    assert want(ledger, 0.02, 100.0) == pytest.approx(-1.0)  # closing may be small
    inverse = leg(costs=FREE, inverse=True, multiplier=10.0, lot=Lot(step=Decimal(1)), min_notional=500.0)
    ledger = ShadowLedger([inverse], 10_000.0)
    assert ledger.target(A, 0.0245, 3.0, 10.0, 1) == 0.0
    assert ledger.target(A, 0.025, 3.0, 10.0, 1) == 50.0


# -- what makes no sense --------------------------------------------------------------------------

NO_PRICES = (math.nan, math.inf, 0.0, -1.0)


@pytest.mark.parametrize("wrong", NO_PRICES)
def test_what_is_no_price_changes_nothing(wrong: float):
    ledger = book()
    want(ledger, 0.5, 100.0)
    before = ledger.to_dict()
    assert ledger.target(A, -0.5, wrong, 100.0, 2) == 0.0
    assert ledger.target(A, -0.5, 100.0, wrong, 2) == 0.0
    ledger.mark(A, wrong, 100.0, 2)
    ledger.mark(A, 100.0, wrong, 2)
    assert ledger.to_dict() == before


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_what_is_no_exposure_changes_nothing(wrong: float):
    ledger = book()
    want(ledger, 0.5, 100.0)
    before = ledger.to_dict()
    assert want(ledger, wrong, 120.0, 2) == 0.0
    assert ledger.to_dict() == before


def test_a_clock_that_goes_backwards_changes_nothing():
    ledger = book()
    want(ledger, 0.5, 100.0, 5)
    ledger.cut(6)
    before = ledger.to_dict()
    assert want(ledger, -0.5, 90.0, 4) == 0.0
    ledger.mark(A, 90.0, 90.0, 4)
    assert math.isnan(ledger.cut(5, 99.0))
    assert ledger.to_dict() == before


def test_other_peoples_instruments_are_passed_over_but_not_traded():
    ledger = book()
    ledger.mark("OTHER.SIM", 1.0, 1.0, 1)
    ledger.conditions("OTHER.SIM")
    assert ledger.quantity("OTHER.SIM") == ledger.exposure("OTHER.SIM") == 0.0
    with pytest.raises(
        ValueError, match=r"need one of this arm's instruments, \['AAA.SIM'\], was 'OTHER.SIM'"
    ):
        want(ledger, 0.5, 1.0, of="OTHER.SIM")


@pytest.mark.parametrize(
    ("make", "rule"),
    [
        (lambda: book(-1.0), "capital >= 0"),
        (lambda: book(math.nan), "capital >= 0"),
        (lambda: book(1.0, leg(), leg()), "each instrument once"),
        (lambda: ShadowLedger([], 1.0), "one leg or more"),
        (lambda: book(1.0, max_age=0), r"max_age > 0 \[ns\]"),
        (lambda: leg(leverage=0.0), "leverage > 0"),
        (lambda: leg(multiplier=-1.0), "multiplier > 0"),
        (lambda: leg(min_notional=-1.0), "min_notional >= 0"),
        (lambda: leg(threshold=1.5), "0 <= threshold <= 1"),
    ],
)
def test_impossible_books_are_refused(make, rule):
    with pytest.raises(ValueError, match=rule):
        make()


def test_the_book_of_other_instruments_is_left_alone():
    ledger = book()
    want(ledger, 0.5, 100.0)
    for other in (leg(B), leg(lot=Lot(step=Decimal("0.1"))), leg(multiplier=2.0), leg(inverse=True)):
        fresh = ShadowLedger([other], 5.0)
        assert fresh.restore(ledger.to_dict()).to_dict() == ShadowLedger([other], 5.0).to_dict()
    assert ShadowLedger([leg(leverage=1.0)], 5.0).restore(ledger.to_dict()).quantity(A) == ledger.quantity(A)


# -- returns --------------------------------------------------------------------------------------


def test_a_cut_tells_what_was_earned_and_begins_anew():
    ledger = book(10_000.0, leg(costs=FREE))
    assert ledger.cut(1) == 0.0
    want(ledger, 0.5, 100.0, 2)
    ledger.mark(A, 110.0, 110.0, 3)
    assert ledger.cut(4) == pytest.approx(0.1)
    assert ledger.since == 4
    ledger.mark(A, 99.0, 99.0, 5)
    assert ledger.cut(5) == pytest.approx(-0.1)
    assert ledger.cut(6) == 0.0


def test_a_cut_can_give_it_other_capital_and_what_it_holds_follows_with_the_next_target():
    ledger = book(10_000.0, leg(costs=FREE))
    want(ledger, 0.5, 100.0, 1)
    assert ledger.cut(2, 40_000.0) == 0.0
    assert (ledger.equity, ledger.quantity(A)) == (40_000.0, 100.0)
    assert want(ledger, 0.5, 100.0, 3) == pytest.approx(300.0)
    ledger.mark(A, 101.0, 101.0, 4)
    assert ledger.cut(4, math.nan) == pytest.approx(0.01)
    assert ledger.cut(5, 0.0) == 0.0
    assert ledger.equity == pytest.approx(40_400.0)


def test_a_return_that_cannot_be_told_now_is_told_later():
    ledger = book(10_000.0, leg(costs=FREE), max_age=10)
    want(ledger, 0.5, 100.0, 1)
    ledger.cut(2)
    assert math.isnan(ledger.cut(12, 5.0))  # the mark is 11 ns old
    assert ledger.since == 2
    ledger.mark(A, 110.0, 110.0, 15)
    assert ledger.cut(25) == pytest.approx(0.1)
    want(ledger, 0.0, 110.0, 26)
    assert ledger.cut(1000) == 0.0  # who holds nothing needs no price


def test_a_leg_is_not_sized_while_another_one_is_worth_nobody_knows_what():
    ledger = book(10_000.0, leg(A, costs=FREE), leg(B, costs=FREE), max_age=10)
    want(ledger, 0.25, 100.0, 1)
    assert want(ledger, 0.25, 100.0, 20, of=B) == 0.0
    ledger.mark(A, 100.0, 100.0, 20)
    assert want(ledger, 0.25, 100.0, 20, of=B) == 50.0
    assert want(ledger, 0.0, 100.0, 40, of=B) == -50.0  # nothing needs no size


def test_ruin_is_flat_and_says_so():
    ledger = book(10_000.0, leg(costs=FREE))
    want(ledger, 1.0, 100.0, 1)
    ledger.mark(A, 49.0, 49.0, 2)
    assert ledger.ruined
    assert ledger.quantity(A) == ledger.exposure(A) == ledger.closing_cost == 0.0
    assert want(ledger, 1.0, 100.0, 3) == 0.0
    assert ledger.cut(4) == -1.0
    assert ledger.equity == pytest.approx(ledger.capital + ledger.split.net)
    assert math.isnan(ledger.cut(5))
    assert math.isnan(ledger.cut(6, 1000.0))
    assert not ledger.ruined
    assert want(ledger, 1.0, 100.0, 7) == 20.0
    ledger.mark(A, 101.0, 101.0, 8)
    assert ledger.cut(9) == pytest.approx(0.02)


def test_ruin_closes_every_leg_also_beside_one_that_never_had_a_price():
    ledger = book(10_000.0, leg("NEW.SIM"), leg(A, costs=FREE), leg(B, costs=FREE))
    want(ledger, 0.5, 100.0, 1)
    want(ledger, -0.25, 50.0, 1, of=B)
    ledger.mark(A, 20.0, 20.0, 2)
    assert not ledger.ruined
    ledger.mark(B, 75.0, 75.0, 2)
    assert ledger.ruined
    assert ledger.quantity(A) == ledger.quantity(B) == 0.0
    assert ledger.split.gross == pytest.approx(-100 * 80.0 - 100 * 25.0)


def test_ruin_comes_with_funding_and_with_costs_too():
    ledger = book(10_000.0, leg(costs=FREE))
    want(ledger, 1.0, 100.0, 1)
    ledger.funding(A, 0.6)
    assert ledger.ruined
    ledger = book(10_000.0, leg(costs=CostModel(taker=0.4, half_spread=0.2)))
    want(ledger, 1.0, 100.0, 1)
    assert ledger.ruined
    assert ledger.cut(2, 500.0) == -1.0
    assert ledger.equity == pytest.approx(500.0)


def test_without_capital_nothing_is_traded_until_there_is_some():
    ledger = ShadowLedger([leg(costs=FREE)])
    assert want(ledger, 1.0, 100.0, 1) == 0.0
    assert not ledger.ruined
    assert math.isnan(ledger.cut(2, 1000.0))
    assert want(ledger, 1.0, 100.0, 3) == 20.0
