"""Reservations against a slow twin, under whatever sequence of events."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.budget import Budget
from nautilus_quant.portfolio.budget_cells import TOTAL
from nautilus_quant.portfolio.budget_limits import Limits
from nautilus_quant.portfolio.reservations import SCALE, OpenOrder, Reservations, minor

STRATEGIES, INSTRUMENTS = ("A", "B"), ("BTC.X", "ETH.X", "BTC.Y")
MARK, LIMIT = 10.0, 900.0
BUY, SELL = Side.BUY, Side.SELL


def order(side: Side = BUY, leaves: str | int = 1, unit: float = 10.0, **other: Any) -> OpenOrder:
    return OpenOrder("A", "BTC.X", side, Decimal(leaves), unit, **other)


def held(long: int = 0, short: int = 0) -> Reservations:
    made = Reservations()
    made.hold("A", "BTC.X", Decimal(long), Decimal(short))
    return made


def sells(book: Reservations) -> float:
    return book.amount("A", "BTC.X", SELL) / SCALE


def test_orders_close_before_they_open():
    book = held(long=5)
    book.put("1", order(SELL, 3, 10.0))
    assert sells(book) == 0.0
    book.put("2", order(SELL, 4, 12.0))
    # The first closes 3, the second the other 2 and opens 2 x 12.
    assert sells(book) == 24.0
    book.hold("A", "BTC.X", Decimal(1), Decimal(0))
    # Now 1 is closed: the first opens 2 x 10, the second 4 x 12.
    assert sells(book) == 68.0


def test_reduce_only_orders_open_nothing_and_close_first():
    book = held(long=5)
    book.put("1", order(SELL, 4))
    book.put("2", order(SELL, 5, reduce_only=True))
    assert sells(book) == 40.0  # nothing is left for it to close
    book.hold("A", "BTC.X", Decimal(0), Decimal(0))
    assert sells(book) == 40.0
    book.drop("1")
    assert sells(book) == 0.0


def test_linked_orders_count_once():
    book = held(long=2)
    book.put("profit", order(SELL, 2, 12.0, link="x"))
    book.put("stop", order(SELL, 2, 10.0, link="x"))
    assert sells(book) == 0.0
    book.hold("A", "BTC.X", Decimal(0), Decimal(0))
    assert sells(book) == 24.0  # the dearer of the two


def test_an_unknown_value_is_not_zero():
    book = held()
    book.put("1", order(unit=math.nan))
    assert not book.is_known
    book.put("2", order(unit=math.inf, leaves=2))
    book.drop("1")
    assert not book.is_known
    book.drop("2")
    assert book.is_known
    closing = held(long=2)
    closing.put("1", order(SELL, 2, math.nan))
    assert closing.is_known  # it opens nothing, whatever it is worth


def test_events_that_come_twice_or_late_change_nothing():
    book = held()
    book.put("1", order(leaves=3))
    book.put("1", order(leaves=3))
    assert book.amount("A", "BTC.X", BUY) == 30 * SCALE
    book.drop("1")
    book.drop("1")
    book.put("1", order(leaves=0))
    assert len(book) == 0
    assert book.amount("A", "BTC.X", BUY) == 0
    assert not book._desks


@pytest.mark.parametrize(("value", "units"), [(1.0, SCALE), (0.0000004, 1), (0.1 + 0.2, 300_000), (0.0, 0)])
def test_amounts_round_up_but_for_noise(value, units):
    assert minor(value) == units


fills = st.lists(st.integers(0, 5), max_size=40)
some_orders = st.lists(
    st.tuples(st.sampled_from(list(Side)), st.integers(1, 4), st.booleans()), min_size=1, max_size=6
)


@settings(max_examples=300)
@given(st.integers(-5, 5), some_orders, fills)
def test_no_sequence_of_fills_goes_beyond_what_is_reserved(position, orders, sequence):
    """Unit by unit, in any sequence; what only reduces is cancelled by its venue when nothing is left."""
    budget = Budget(Limits())
    for n, (side, size, reduce_only) in enumerate(orders):
        budget.put(str(n), order(side, size, 1.0, reduce_only=reduce_only))
    budget.hold("A", "BTC.X", Decimal(max(position, 0)), Decimal(max(-position, 0)), 1.0)
    sums = budget.exposures.sums[TOTAL]
    up, down = max(sums.up, 0) / SCALE, max(sums.down, 0) / SCALE
    assert sums.gross == max(sums.up, sums.down)
    leaves = [size for _, size, _ in orders]
    for at in sequence:
        if at >= len(orders) or not leaves[at]:
            continue
        side, _, reduce_only = orders[at]
        if reduce_only and position * side >= 0:
            leaves[at] = 0
            continue
        leaves[at] -= 1
        position += side
        assert -down <= position <= up


@given(st.integers(-5, 5), some_orders)
def test_what_is_reserved_can_come_true(position, orders):
    """The bound is met when every order of a side fills, those that only reduce first."""
    budget = Budget(Limits())
    budget.hold("A", "BTC.X", Decimal(max(position, 0)), Decimal(max(-position, 0)), 1.0)
    for n, (side, size, reduce_only) in enumerate(orders):
        budget.put(str(n), order(side, size, 1.0, reduce_only=reduce_only))
    reached = position
    for reduce_only in (True, False):
        for side, size, reduces in orders:
            if side is BUY and reduces is reduce_only:
                reached += min(size, max(-reached, 0)) if reduces else size
    reserved = budget.reservations.amount("A", "BTC.X", BUY) / SCALE
    assert reserved == max(reached - max(position, 0), 0)


class Books(RuleBasedStateMachine):
    """A venue with orders and positions in whole units, and a budget that hears of it somehow."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = Budget(Limits(amounts={"gross": LIMIT, "strategy:A": LIMIT / 2}))
        self.orders: dict[str, dict[str, Any]] = {}
        self.closed: list[str] = []
        self.positions: dict[tuple[str, str], int] = {}
        self.count = 0

    def tell(self, name: str) -> None:
        """State an order as it is; the same call for every event."""
        one = self.orders.get(name)
        if one is None:
            self.budget.drop(name)
            return
        self.budget.put(name, self.view(one))

    @staticmethod
    def view(one: dict[str, Any]) -> OpenOrder:
        left = Decimal(one["quantity"] - one["filled"])
        return OpenOrder(
            one["strategy"], one["instrument"], one["side"], left, one["unit"], reduce_only=one["reduce_only"]
        )

    def hold(self, key: tuple[str, str]) -> None:
        size = self.positions.get(key, 0)
        self.budget.hold(*key, Decimal(max(size, 0)), Decimal(max(-size, 0)), MARK)

    def some(self, data: Any) -> str:
        return data.draw(st.sampled_from(sorted(self.orders)))

    def close(self, name: str) -> None:
        del self.orders[name]
        self.closed.append(name)

    @rule(
        strategy=st.sampled_from(STRATEGIES),
        instrument=st.sampled_from(INSTRUMENTS),
        side=st.sampled_from(list(Side)),
        terms=st.tuples(st.integers(1, 60), st.sampled_from([7.0, 10.0, 10.5]), st.booleans()),
    )
    def approve(self, strategy, instrument, side, terms):
        """Whoever keeps to the room never goes beyond the limits."""
        quantity, unit, reduce_only = terms
        key = (strategy, instrument)
        against = max(-side * self.positions.get(key, 0), 0)
        closing = sum(
            one["quantity"] - one["filled"]
            for one in self.orders.values()
            if (one["strategy"], one["instrument"], one["side"]) == (*key, side)
        )
        opening = 0 if reduce_only else quantity - min(quantity, max(against - closing, 0))
        before = {use.limit: use.used for use in self.budget.uses(1.0)}
        room = self.budget.room(side, strategy, instrument, 1.0)
        if opening * unit > room.amount:
            return
        self.count += 1
        name = f"O-{self.count}"
        self.orders[name] = {
            "strategy": strategy, "instrument": instrument, "side": side, "quantity": quantity,
            "filled": 0, "unit": unit, "reduce_only": reduce_only,
        }  # fmt: skip
        self.tell(name)
        if opening:
            for use in self.budget.uses(1.0):
                assert use.used <= max(use.bound, before.get(use.limit, 0.0)) + 1.0 / SCALE

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), size=st.integers(1, 60), first=st.booleans(), twice=st.booleans())
    def fill(self, data, size, first, twice):
        name = self.some(data)
        one = self.orders[name]
        size = min(size, one["quantity"] - one["filled"])
        key = (one["strategy"], one["instrument"])
        one["filled"] += size
        self.positions[key] = self.positions.get(key, 0) + one["side"] * size
        if one["filled"] == one["quantity"]:
            self.close(name)
        steps = [lambda: self.tell(name), lambda: self.hold(key)]
        for step in (steps if first else steps[::-1]) * (2 if twice else 1):
            step()

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), twice=st.booleans())
    def end(self, data, twice):
        """Cancelled, rejected, expired or denied."""
        name = self.some(data)
        self.close(name)
        for _ in range(1 + twice):
            self.tell(name)

    @precondition(lambda self: self.closed)
    @rule(data=st.data(), size=st.integers(1, 5), key=st.sampled_from([("A", "BTC.X"), ("B", "ETH.X")]))
    def late_fill(self, data, size, key):
        """A fill that comes after the cancel changes the position alone."""
        name = data.draw(st.sampled_from(self.closed))
        self.positions[key] = self.positions.get(key, 0) + size
        self.tell(name)
        self.hold(key)

    @precondition(lambda self: self.orders)
    @rule(data=st.data(), quantity=st.integers(1, 90), unit=st.sampled_from([7.0, 11.0]))
    def modify(self, data, quantity, unit):
        name = self.some(data)
        one = self.orders[name]
        one["quantity"], one["unit"] = max(quantity, one["filled"]), unit
        if one["quantity"] == one["filled"]:
            self.close(name)
        self.tell(name)

    @precondition(lambda self: self.orders)
    @rule(data=st.data())
    def lost(self, data):
        """Nobody tells of the end of an order; the next look at the venue does."""
        self.close(self.some(data))
        self.budget.reservations.replace({name: self.view(one) for name, one in self.orders.items()})

    @rule()
    def restart(self):
        self.budget = Budget(self.budget.limits)
        for key in self.positions:
            self.hold(key)
        self.budget.reservations.replace({name: self.view(one) for name, one in self.orders.items()})

    def twin(self, strategy: str, instrument: str, side: Side) -> float:
        """Line up every unit of every order, take away what closes, and add up the rest."""
        lots: list[float] = []
        left = max(-side * self.positions.get((strategy, instrument), 0), 0)
        for name in self.budget.reservations.names(strategy, instrument):
            one = self.orders[name]
            if one["side"] is not side:
                continue
            size = one["quantity"] - one["filled"]
            if one["reduce_only"]:
                left -= size
            else:
                lots += [one["unit"]] * size
        return sum(lots[max(left, 0) :])

    @invariant()
    def is_what_is_open(self):
        book = self.budget.reservations
        assert set(book.all_names()) == set(self.orders)
        for strategy in STRATEGIES:
            for instrument in INSTRUMENTS:
                for side in Side:
                    amount = book.amount(strategy, instrument, side)
                    assert amount >= 0
                    assert amount == self.twin(strategy, instrument, side) * SCALE

    @invariant()
    def sums_are_those_of_the_cells(self):
        exposures = self.budget.exposures
        found: dict[str, list[int]] = {TOTAL: [0] * 5}
        for (strategy, instrument), cell in exposures.cells.items():
            size = self.positions.get((strategy, instrument), 0)
            assert cell.long - cell.short == size * MARK * SCALE
            for label in {
                TOTAL,
                f"venue:{instrument[4:]}",
                f"instrument:{instrument}",
                f"strategy:{strategy}",
            }:
                sums = found.setdefault(label, [0] * 5)
                for n, value in enumerate((cell.gross, cell.net, cell.up, cell.down, 1)):
                    sums[n] += value
        assert found == {k: [s.gross, s.net, s.up, s.down, s.cells] for k, s in exposures.sums.items()}

    @invariant()
    def memory_is_bounded_by_what_is_open(self):
        busy = len(self.orders) + sum(1 for size in self.positions.values() if size)
        assert len(self.budget.exposures.cells) <= busy
        assert len(self.budget.reservations._desks) <= busy


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
