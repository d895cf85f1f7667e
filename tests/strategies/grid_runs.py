"""Engine runs of the grid: a quote a second, a bar a second later, fills from quotes alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.events import OrderEvent, OrderPendingCancel, OrderSubmitted

from nautilus_quant.host.messages import AllocationUpdate, RegimeUpdate, TargetUpdate, publish, subscribe
from nautilus_quant.strategies.grid import Grid, GridConfig
from tests.host.engine import BTC, SECOND, START, GateActor, Valve, engine, quotes
from tests.strategies.bar_runs import bars

CENTRE = 30_000.0
RULE = {"levels": 3, "spacing": 0.01, "stop": 9.0, "recenter_levels": 5.0, "max_age": 100_000}


def level(number: float) -> float:
    return CENTRE * 1.01**number


def at(*levels: float) -> list[float]:
    return [level(number) for number in levels]


class Probe(Grid):
    """Does what it is told at the n-th quote; keeps its events, and what it commanded at which second."""

    def __init__(self, steps: dict[int, Callable[[Any], None]] | None = None, **config: Any) -> None:
        told = {"instrument": BTC.id, "bar": "1-SECOND", "history": False, **RULE, **config}
        super().__init__(GridConfig(**told))
        self.steps = steps or {}
        self.seen = 0
        self.events: list[OrderEvent] = []
        self.alive: dict[Any, Any] = {}
        self.commands: Counter[int] = Counter()
        self.held: list[float] = []
        self.most: list[float] = []

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if self.seen in self.steps:
            self.steps[self.seen](self)
        self.seen += 1
        self.held.append(float(self.position_of(tick.instrument_id)))

    def on_order_event(self, event: OrderEvent) -> None:
        self.events.append(event)
        order = self.cache.order(event.client_order_id)  # not there before it is sent
        if order is not None:
            self.alive[event.client_order_id] = order
        if isinstance(event, OrderSubmitted | OrderPendingCancel):
            self.commands[(event.ts_event - START) // SECOND] += 1
        super().on_order_event(event)
        position = float(self.position_of(event.instrument_id))
        for side in (1, -1):
            working = [o for o in self.working() if o.side == (1 if side > 0 else 2)]
            self.most.append(side * position + sum(float(o.leaves_qty) for o in working))

    def working(self) -> list[Any]:
        self.alive = {name: order for name, order in self.alive.items() if not order.is_closed}
        return [order for order in self.alive.values() if order.has_price]

    def resting(self) -> list[tuple[str, float, float, bool]]:
        """What works now, from the lowest price up: side, price, size, whether it only reduces."""
        found = [
            (o.side_string(), round(float(o.price), 1), float(o.leaves_qty), o.is_reduce_only)
            for o in self.working()
        ]
        return sorted(found, key=lambda one: one[1])

    def kinds(self) -> Counter[str]:
        return Counter(type(event).__name__ for event in self.events)


def allocate(share: float) -> Callable[[Probe], None]:
    return lambda s: publish(s.msgbus, AllocationUpdate(key=s.id.value, ts=s.seen, allocation=share))


def regime(name: str, key: str = BTC.id.value) -> Callable[[Probe], None]:
    return lambda s: publish(s.msgbus, RegimeUpdate(key=key, ts=s.seen, regime=name))


def run(
    strategy: Probe,
    closes: list[float],
    gate: Valve | None = None,
    *,
    first: int = 0,
    data: Any = None,
    made_bars: Any = None,
    **venue: Any,
) -> Probe:
    """Run to the end; targets, resting orders before the stop, and all orders are left on the strategy."""
    ticks = quotes([closes[0]] * first + closes)[first:] if data is None else data
    actors = [] if gate is None else [GateActor(gate)]
    candles = bars(closes, first) if made_bars is None else made_bars
    made = engine([*ticks, *candles], actors=actors, strategies=[strategy], bar_execution=False, **venue)
    strategy.targets: list[TargetUpdate] = []
    subscribe(made.kernel.msgbus, TargetUpdate, strategy.targets.append)
    strategy.steps.setdefault(len(closes) - 1, lambda s: None)
    last = strategy.steps[len(closes) - 1]

    def look(s: Probe) -> None:
        last(s)
        s.final = s.resting()

    strategy.steps[len(closes) - 1] = look
    made.run()
    strategy.left = float(strategy.position_of(BTC.id))
    strategy.orders = sorted(made.cache.orders(), key=lambda o: (o.ts_init, o.client_order_id.value))
    strategy.outcomes = next((dict(a.gateway.outcomes) for a in made.kernel.trader.actors()), {})
    made.dispose()
    return strategy
