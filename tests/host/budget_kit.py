"""An actor that runs the portfolio budget, and orders to try it with."""

from __future__ import annotations

from typing import Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.budget import BudgetGate
from nautilus_quant.host.budget_settings import BudgetSettings, BudgetUpdate
from nautilus_quant.host.gateway import OrderGateway, find_gateway
from nautilus_quant.host.messages import Alert, GateDecision, subscribe
from nautilus_quant.host.state import shared_store
from nautilus_quant.portfolio.reservations import SCALE
from tests.host.engine import BTC, Script, engine

ETH = TestInstrumentProvider.ethusdt_perp_binance()
MILLION = 1_000_000.0


class Keeper(Actor):
    """Runs the gate as any actor would."""

    def __init__(self, state: str | None = None, before: Any = None, **settings: Any) -> None:
        super().__init__()
        self.settings = BudgetSettings(**{"max_leverage": None, "publish": 1.0, **settings})
        self.url, self.before = state, before
        self.gate: Any = None
        self.updates: list[BudgetUpdate] = []
        self.alerts: list[Alert] = []
        self.decisions: list[GateDecision] = []

    def on_start(self) -> None:
        if self.before is not None:
            OrderGateway.join(self.msgbus, self.before)
        store = shared_store(self.url) if self.url else None
        self.gate = BudgetGate(self.msgbus, self.clock, self.settings, store, self.url)
        for kind, heard in (
            (BudgetUpdate, self.updates), (Alert, self.alerts), (GateDecision, self.decisions),
        ):  # fmt: skip
            subscribe(self.msgbus, kind, heard.append)
        self.gate.start()

    def on_stop(self) -> None:
        self.final = dict(self.gate.budget.exposures.cells)
        self.gate.stop()
        gateway = find_gateway(self.msgbus)
        if self.before is not None and gateway is not None:
            gateway.leave(self.before)

    @property
    def reserved(self) -> float:
        cells = self.gate.budget.exposures.cells.values()
        return sum(cell.buys + cell.sells for cell in cells) / SCALE

    @property
    def gross(self) -> float:
        return self.gate.budget.exposures.sums["total"].gross / SCALE


def market(side: OrderSide, size: str, instrument: Any = BTC, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(instrument.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


def limit(side: OrderSide, size: str, price: str, **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.limit(
            BTC.id, side, Quantity.from_str(size), Price.from_str(price), **options
        )
        script.submit_order(made)

    return step


BUY, SELL = OrderSide.BUY, OrderSide.SELL


def play(keeper: Keeper, *scripts: Script, data: Any = None, **options: Any) -> None:
    made = engine(data, actors=[keeper], strategies=scripts, **options)
    made.run()
    for script in scripts:
        script.left = script.position
    made.dispose()


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def look(keeper: Keeper, seen: list[Any], what: str = "reserved") -> Any:
    return lambda script: seen.append(round(getattr(keeper, what), 2))


def cancel(script: Script) -> None:
    script.cancel_all_orders(BTC.id)


def modify(**changes: str) -> Any:
    def step(script: Script) -> None:
        (order,) = script.cache.orders_open(strategy_id=script.id)
        size, price = changes.get("quantity"), changes.get("price")
        script.modify_order(
            order,
            quantity=None if size is None else Quantity.from_str(size),
            price=None if price is None else Price.from_str(price),
        )

    return step


def swinging(count: int = 60) -> list[float]:
    """Up and down by 1 % a second: a deviation of 1 % a period."""
    return [30_000.0 * (1.01 if n % 2 else 1.0) for n in range(count)]
