"""Runs of the exit manager, and what is true of all of them."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderEvent, OrderFilled, OrderRejected
from nautilus_trader.model.objects import Quantity

from nautilus_quant.actors.exit_manager import ExitManager, ExitManagerConfig
from nautilus_quant.host.exits_settings import ExitSettings
from nautilus_quant.host.messages import Alert, subscribe
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

D = Decimal
FLAT = [30_000.0] * 5
"""Bid 29 999.9, ask 30 000.1: what is bought at second 1 has its entry at 30 000.1."""


def manager(respect: bool = False, **settings: Any) -> ExitManager:
    options = {
        name: settings.pop(name) for name in ("strategies", "overrides", "state", "grace") if name in settings
    }
    return ExitManager(ExitManagerConfig(exits=ExitSettings(**settings), respect=respect, **options))


def order(side: OrderSide, size: str = "3.000", **options: Any) -> Any:
    def step(script: Script) -> None:
        made = script.order_factory.market(BTC.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


BUY, SELL = order(OrderSide.BUY), order(OrderSide.SELL)


class Watch:
    """Hears every event of a run, and checks that a stop, once there, covers the position ever after."""

    def __init__(self, made: Any, covers: bool = True) -> None:
        self.cache = made.cache
        self.covers = covers
        self.alerts: list[Alert] = []
        self.fills: list[tuple[int, str, str, str]] = []
        self.stops: list[str] = []
        self.rejects: list[str] = []
        self.protected: dict[Any, tuple[bool, Decimal]] = {}
        self.most_orders = 0
        subscribe(made.kernel.msgbus, Alert, self.alerts.append)
        made.kernel.msgbus.subscribe("events.order.*", self.on_order)
        made.kernel.msgbus.subscribe("events.position.*", self.on_position)

    def on_order(self, event: OrderEvent) -> None:
        placed = self.cache.order(event.client_order_id)
        if isinstance(event, OrderFilled):
            second = (event.ts_event - START) // SECOND
            self.fills.append((second, event.order_side.name, str(event.last_qty), str(event.last_px)))
        elif isinstance(event, OrderRejected):
            self.rejects.append(event.reason)
        if type(event).__name__ == "OrderAccepted" and placed.has_trigger_price:
            self.stops.append(f"{placed.quantity} @ {placed.trigger_price}")
        if type(event).__name__ == "OrderSubmitted" and placed.tags and placed.has_price:
            self.check_targets(placed)
        if not isinstance(event, OrderFilled):
            self.check()  # after a fill the position is told of next

    def check_targets(self, sent: Any) -> None:
        """Targets must never close more than is held."""
        if self.cache.position_id(sent.client_order_id) is None:
            held = sum(abs(p.signed_decimal_qty()) for p in self.cache.positions_open())
            targets = [o for o in self.cache.orders() if o.has_price and not o.is_closed]
            assert sum(o.leaves_qty.as_decimal() for o in targets) <= held

    def on_position(self, _event: Any) -> None:
        self.check()

    def check(self) -> None:
        if not self.covers:
            return
        working = self.cache.orders_open()
        self.most_orders = max(self.most_orders, len(working))
        held = self.cache.positions_open()
        self.protected = {p.id: self.protected.get(p.id, (p.is_long, D(0))) for p in held}
        for position in held:
            named = [o for o in working if self.cache.position_id(o.client_order_id) in (None, position.id)]
            stops = [
                o
                for o in named
                if o.has_trigger_price
                and o.strategy_id == position.strategy_id
                and o.is_sell is position.is_long
                and not o.is_pending_cancel
            ]
            covered = sum(o.leaves_qty.as_decimal() for o in stops)
            size = position.quantity.as_decimal()
            was_long, before = self.protected[position.id]
            # What has been added since the last look cannot be protected yet, all else is.
            need = min(before, size) if was_long is position.is_long else D(0)
            assert covered >= need, (position, working)
            self.protected[position.id] = (position.is_long, min(covered, size))


def run(
    steps: dict[int, Any],
    actor: ExitManager,
    prices: Iterable[float],
    *,
    others: Iterable[Any] = (),
    actors: Iterable[Any] = (),
    covers: bool = True,
    data: Any = None,
    **options: Any,
) -> Any:
    script = Script(steps)
    feed = quotes(list(prices)) if data is None else data
    made = engine(feed, actors=[*actors, actor], strategies=[script, *others], **options)
    watch = Watch(made, covers)
    made.run()
    script.watch, script.fills, script.alerts = watch, watch.fills, watch.alerts
    script.left = sum((p.signed_decimal_qty() for p in made.cache.positions_open()), D(0))
    script.working = [str(o.client_order_id) for o in made.cache.orders_open()]
    script.tags = [o.tags for o in made.cache.orders() if o.tags]
    script.final = made.cache.orders()
    script.desks = dict(actor.desks)
    made.dispose()
    return script
