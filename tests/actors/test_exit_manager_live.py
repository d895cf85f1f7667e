"""The exit manager after a restart at a live venue, where its exits have gone on resting."""

from __future__ import annotations

from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import OrderStatusReport, PositionStatusReport
from nautilus_trader.model.enums import (
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    TimeInForce,
    TriggerType,
)
from nautilus_trader.model.identifiers import ClientOrderId, VenueOrderId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.exits_orders import ExitOrders, Rung
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.portfolio.exits import Kind
from tests.actors.exit_runs import manager
from tests.host.engine import BTC, Script
from tests.host.live import live_system


def stop_report(client, name: str, size: str, at: str, now: int) -> OrderStatusReport:
    return OrderStatusReport(
        account_id=client.account_id,
        instrument_id=BTC.id,
        client_order_id=ClientOrderId(name),
        venue_order_id=VenueOrderId(f"V-{name[-4:]}"),
        order_side=OrderSide.SELL,
        order_type=OrderType.STOP_MARKET,
        time_in_force=TimeInForce.GTC,
        order_status=OrderStatus.ACCEPTED,
        quantity=Quantity.from_str(size),
        filled_qty=Quantity.from_str("0.000"),
        trigger_price=Price.from_str(at),
        trigger_type=TriggerType.LAST_PRICE,
        reduce_only=True,
        report_id=UUID4(),
        ts_accepted=now,
        ts_last=now,
        ts_init=now,
    )


class Named:
    """As much of an order as its id."""

    def __init__(self, name: str) -> None:
        self.client_order_id = ClientOrderId(name)


def restarted(resting: dict[str, str]):
    """Take in what a venue reports after a restart, then start; return what is sent, cancelled, stands."""
    with live_system() as live:
        Valuer.on(live.kernel.msgbus)
        client = live.venue("BINANCE", BTC)
        live.balance(client, USDT=1_000_000)
        live.quote(BTC, 30_000)
        script = Script({}, external_order_claims=[BTC.id])
        live.kernel.trader.add_strategy(script)
        actor = manager(stop_losses=((0.01, 1.0),))
        live.kernel.trader.add_actor(actor)
        for size, at in resting.items():
            made = ExitOrders(live.kernel, actor.id.value)
            name = f"NX{made._mark}S0P0T{len(size)}N{at.replace('.', '')}"
            assert made.rung_of(Named(name)) == Rung(Kind.STOP, 0, 0)
            live.kernel.exec_engine.reconcile_execution_report(stop_report(client, name, size, at, live.now))
        position = PositionStatusReport(
            account_id=client.account_id,
            instrument_id=BTC.id,
            position_side=PositionSide.LONG,
            quantity=Quantity.from_str("3.000"),
            report_id=UUID4(),
            ts_last=live.now,
            ts_init=live.now,
            avg_px_open=Decimal(30_000),
        )
        live.kernel.exec_engine.reconcile_execution_report(position)
        live.turn()
        actor.start()
        live.turn()
        live.quote(BTC, 30_000)
        live.turn()
        (desk,) = actor.desks.values()
        sent = [(str(order.quantity), str(order.trigger_price)) for order in client.submitted]
        gone = [command.client_order_id.value for command in client.cancelled]
        stands = [(str(o.quantity), str(o.trigger_price)) for o in desk.standing(Kind.STOP)]
        actor.stop()
        return sent, gone, stands


def test_an_exit_that_has_gone_on_resting_is_taken_up_and_not_sent_again():
    assert restarted({"3.000": "29700.0"}) == ([], [], [("3.000", "29700.0")])


def test_without_one_a_new_one_is_sent():
    sent, gone, stands = restarted({})
    assert sent == [("3.000", "29700.0")]
    assert gone == []
    assert stands == sent


def test_one_of_another_size_is_replaced_once_the_new_one_stands():
    sent, gone, stands = restarted({"2.000": "29700.0"})
    assert sent == stands == [("3.000", "29700.0")]
    assert len(gone) == 1
