"""Cancelling and closing whatever there is, whoever's it is, in real engine runs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.model.enums import OrderSide, TriggerType
from nautilus_trader.model.identifiers import ExecAlgorithmId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.liquidator import TAG, Liquidator
from tests.host.engine import BTC, Script, run

ONE = Quantity.from_str("1.000")


def price(value: float) -> Price:
    return Price(value, BTC.price_precision)


def hands(s: Script) -> Liquidator:
    return Liquidator(find_kernel(s.msgbus))


WORKING = {
    "resting": lambda s: s.submit_order(s.order_factory.limit(BTC.id, OrderSide.BUY, ONE, price(20_000))),
    "emulated": lambda s: s.submit_order(
        s.order_factory.stop_market(
            BTC.id, OrderSide.BUY, ONE, price(40_000), emulation_trigger=TriggerType.BID_ASK
        )
    ),
    "an algorithm's": lambda s: s.submit_order(
        s.order_factory.market(
            BTC.id,
            OrderSide.BUY,
            Quantity.from_str("10.000"),
            exec_algorithm_id=ExecAlgorithmId("TWAP"),
            exec_algorithm_params={"horizon_secs": 30, "interval_secs": 3},
        )
    ),
}


@pytest.mark.parametrize("kind", WORKING, ids=str)
def test_every_order_that_could_still_trade_is_cancelled(kind):
    found, left = [], []

    def cancel(s: Script) -> None:
        found.append(hands(s).cancel_all())

    def look(s: Script) -> None:
        left.append([order.status_string() for order in hands(s).working()])

    script = run({2: WORKING[kind], 5: cancel, 7: look}, algorithms=[TWAPExecAlgorithm()])
    assert found == [1]
    assert left == [[]]
    assert script.left == (1 if kind == "an algorithm's" else 0)  # what was bought before


def test_its_own_closing_orders_are_spared_unless_told_otherwise():
    counts = []

    def sell_slowly(s: Script) -> None:
        s.submit_order(s.order_factory.limit(BTC.id, OrderSide.SELL, ONE, price(31_000), tags=[TAG]))

    def cancel(s: Script) -> None:
        counts.extend([hands(s).cancel_all(), hands(s).cancel_all(closes=True)])

    run({2: sell_slowly, 4: cancel})
    assert counts == [0, 1]


def test_a_close_is_never_larger_than_the_position_and_reduces_only():
    sent = []

    def close(s: Script) -> None:
        [position] = s.cache.positions_open()
        sent.append(hands(s).close(position.id.value, Decimal(50)))

    script = run({2: lambda s: s.submit_order(s.order_factory.market(BTC.id, OrderSide.BUY, ONE)), 4: close})
    assert sent == [True]
    assert script.left == 0
    [closing] = [order for order in script.final if order.tags]
    assert (closing.quantity, closing.is_reduce_only, closing.tags) == (ONE, True, [TAG])
    assert closing.client_order_id.value.isalnum()


def test_there_is_nothing_to_close_of_what_is_closed_unknown_or_too_small():
    sent = []

    def close(s: Script) -> None:
        hand = hands(s)
        [position] = s.cache.positions_open()
        sent.append(hand.close("nobody's", Decimal(1)))
        sent.append(hand.close(position.id.value, Decimal("0.0009")))  # less than one lot
        sent.append(hand.close(position.id.value, Decimal("0.6009")))

    def again(s: Script) -> None:
        hand = hands(s)
        [position] = s.cache.positions_open()
        assert position.signed_decimal_qty() == Decimal("0.4")  # whole lots, rounded down
        hand.close(position.id.value, Decimal(1))

    def after(s: Script) -> None:
        [position] = s.cache.positions_closed()
        sent.append(hands(s).close(position.id.value, Decimal(1)))

    steps = {2: lambda s: s.submit_order(s.order_factory.market(BTC.id, OrderSide.BUY, ONE))}
    script = run({**steps, 4: close, 6: again, 8: after})
    assert sent == [False, False, True, False]
    assert script.left == 0
