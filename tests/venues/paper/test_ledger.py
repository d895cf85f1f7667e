"""The ledger's arithmetic against the definition, written a second way."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.venues.paper.ledger import Holding, Ledger, after_fill


def fill(quantity, price, ts=1):
    return Holding(
        position="P",
        strategy="S",
        instrument="I",
        quantity=Decimal(quantity),
        price=price,
        ts_opened=ts,
        ts_last=ts,
    )


def by_lots(fills):
    """Average cost from single units: a stack of entry prices, reduced proportionally."""
    held, cost = 0, 0.0
    for quantity, price in fills:
        for _ in range(abs(quantity)):
            side = 1 if quantity > 0 else -1
            if held * side >= 0:
                cost, held = cost + price, held + side
            else:
                cost, held = cost * (1 - 1 / abs(held)), held + side
    return held, (cost / abs(held) if held else None)


@given(st.lists(st.tuples(st.integers(-20, 20).filter(bool), st.floats(1, 1e5)), min_size=1, max_size=30))
def test_average_cost_is_the_average_of_single_units(fills):
    held = None
    for ts, (quantity, price) in enumerate(fills):
        held = after_fill(held, fill(quantity, price, ts))
    quantity, price = by_lots(fills)
    if quantity == 0:
        assert held is None
    else:
        assert held.quantity == quantity
        assert held.price == pytest.approx(price, rel=1e-9)


def test_flip_opens_the_other_side_at_the_price_and_time_of_the_fill():
    held = after_fill(fill("2", 100.0, 1), fill("-5", 90.0, 7))
    assert (held.quantity, held.price, held.ts_opened) == (Decimal(-3), 90.0, 7)


def test_adding_keeps_the_time_of_opening():
    held = after_fill(fill("2", 100.0, 1), fill("1", 103.0, 7))
    assert (held.quantity, held.price, held.ts_opened, held.ts_last) == (Decimal(3), 101.0, 1, 7)


@given(st.floats(1e-8, 1e8), st.decimals(min_value="0.00000001", max_value="1e9", places=8))
def test_documents_lose_nothing(price, quantity):
    ledger = Ledger(balances={"USDT": quantity}, holdings={"P": fill(quantity, price)})
    assert Ledger.from_dict(ledger.to_dict()) == ledger


def test_net_adds_all_owners_of_an_instrument():
    ledger = Ledger()
    for key, quantity in (("A", "2"), ("B", "-0.5")):
        ledger.holdings[key] = fill(quantity, 1.0)
    assert ledger.net("I") == Decimal("1.5")
    assert ledger.net("J") == 0
