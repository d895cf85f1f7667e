"""Scripts of orders behind the order policy gate, and what they were told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.order_policy_config import OrderPolicyGateConfig, PolicyOverride
from nautilus_quant.actors.order_policy_gate import OrderPolicyGate
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, subscribe
from tests.host.engine import BTC, Script, engine, quotes

BUY, SELL = OrderSide.BUY, OrderSide.SELL
ETH = TestInstrumentProvider.ethusdt_perp_binance()
FLAT = [30_000.0] * 120


def gate(**config: Any) -> OrderPolicyGate:
    return OrderPolicyGate(OrderPolicyGateConfig(**config))


def rule(**wishes: Any) -> dict[str, PolicyOverride]:
    return {str(BTC.id): PolicyOverride(**wishes)}


def at_market(side: OrderSide = BUY, size: str = "1.000", **options: Any) -> Any:
    def step(script: Script) -> None:
        script.submit_order(script.order_factory.market(BTC.id, side, Quantity.from_str(size), **options))

    return step


def at_limit(price: str, side: OrderSide = BUY, size: str = "1.000", **options: Any) -> Any:
    def step(script: Script) -> None:
        quantity = Quantity.from_str(size)
        made = script.order_factory.limit(BTC.id, side, quantity, Price.from_str(price), **options)
        script.submit_order(made)

    return step


def times(count: int, *steps: Any) -> Any:
    def step(script: Script) -> None:
        for _ in range(count):
            for one in steps:
                one(script)

    return step


def run(
    steps: dict[int, Any], actor: OrderPolicyGate, prices: list[float] | None = None, **options: Any
) -> Script:
    script = Script(steps)
    made = engine(quotes(prices or FLAT), actors=[actor], strategies=[script], **options)
    script.alerts = []
    subscribe(made.kernel.msgbus, Alert, script.alerts.append)
    made.run()
    script.left = sum((p.signed_decimal_qty() for p in made.cache.positions_open()), Decimal(0))
    script.final = made.cache.orders()
    script.gateway = find_gateway(made.kernel.msgbus)
    made.dispose()
    return script


def denials(script: Script) -> list[str]:
    """Why orders were denied, without the name of the gate."""
    return [event.reason.removeprefix("policy ") for event in script.events if isinstance(event, OrderDenied)]
