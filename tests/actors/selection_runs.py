"""Engine runs of the meta-learner over arms that want the same at every bar."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import Any

from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors import MetaLearner, MetaLearnerConfig
from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.messages import AllocationUpdate, everything
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from nautilus_quant.learning.record import Evaluation
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

BARS = f"{BTC.id}-1-SECOND-LAST-EXTERNAL"
QUICK: dict[str, Any] = {
    "evaluation_interval": 60.0,
    "min_dwell": 0.0,
    "vol_half_life": 60.0,
    "policy": "hedge",
}

COUNT = itertools.count()


class Steady(TargetStrategy):
    """Wants the same at every bar."""

    def __init__(self, exposure: float, name: str, **config: Any) -> None:
        super().__init__(TargetStrategyConfig(instrument=BTC.id, bar="1-SECOND", strategy_id=name, **config))
        self.exposure = exposure
        self.held: dict[int, Decimal] = {}

    def on_bar(self, bar: Bar) -> None:
        self.set_target(BTC.id, self.exposure, ts=bar.ts_event)
        self.held[bar.ts_event] = self.position_of(BTC.id)


class Selective:
    """A gate that forbids some strategies."""

    name = "regime"

    def __init__(self, *forbidden: str) -> None:
        self.forbidden = set(forbidden)

    def check(self, intent: Any) -> Verdict:
        if intent.strategy in self.forbidden:
            return Verdict.deny(self.name, "REGIME", "not in this regime")
        return Verdict.allow(self.name)


def arms(**config: Any) -> tuple[Steady, Steady]:
    long = Steady(1.0, "Long", order_id_tag="1", allocation=0.2, **config)
    return long, Steady(-1.0, "Short", order_id_tag="2", allocation=0.2, **config)


def path(seconds: int, drift: float = 0.0, first: float = 30_000.0) -> list[float]:
    """Prices with a wiggle, so that there is volatility to measure rewards by."""
    return [first * (1.0 + drift * n) * (1.0 + 0.0002 * math.sin(1.7 * n)) for n in range(seconds)]


def bars(prices: list[float]) -> list[Bar]:
    kind, size = BarType.from_str(BARS), Quantity(1, BTC.size_precision)
    made = []
    for n, price in enumerate(prices):
        ts, value = START + n * SECOND, Price(price, BTC.price_precision)
        made.append(Bar(kind, value, value, value, value, size, ts, ts))
    return made


def run(
    strategies: Any, prices: list[float], *, extra: Any = (), before: Any = (), after: Any = (), **config: Any
) -> list[Evaluation]:
    """Run to the end; what was evaluated, and on the learner what is left."""
    state = config.pop("state", None) or f"memory://meta-{next(COUNT)}"
    store = shared_store(state)
    data = [*quotes(prices, spread=0.02), *config.pop("bars_", bars(prices)), *extra]
    learner = MetaLearner(MetaLearnerConfig(**{**QUICK, "state": state, **config}))
    made = engine(data, actors=[*before, learner, *after], strategies=strategies)
    made.run()
    for strategy in strategies:
        if isinstance(strategy, TargetStrategy):
            strategy.left = strategy.position_of(BTC.id)
    records = [Evaluation.from_dict(entry.body) for entry in store.entries(kind="selection")]
    run.allocations = everything(made.kernel.msgbus, AllocationUpdate)
    run.account = made.cache.accounts()[0].balance_total(BTC.quote_currency).as_double()
    made.dispose()
    store.close()
    return records


def buy(script: Script) -> None:
    script.submit_order(script.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("1.000")))


def outcomes(script: Script) -> list[str]:
    return [type(e).__name__ for e in script.events if isinstance(e, OrderDenied | OrderFilled)]
