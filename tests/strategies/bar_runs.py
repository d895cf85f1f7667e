"""Engine runs of strategies on bars of a second, with the quotes their orders fill at."""

from __future__ import annotations

from typing import Any

from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.messages import TargetUpdate, subscribe
from tests.gating.regime_bars import bars_of
from tests.host.engine import BTC, SECOND, START, engine, quotes

BARS = f"{BTC.id}-1-SECOND-LAST-EXTERNAL"


def bars(closes: list[float], first: int = 0, bar_type: str = BARS) -> list[Bar]:
    """Bars of a second; the first closes a second after the quote of the same number."""
    size, kind = Quantity(1, BTC.size_precision), BarType.from_str(bar_type)
    made = []
    for value in bars_of(closes, START + first * SECOND, SECOND):
        price = [Price(p, BTC.price_precision) for p in value[1:]]
        made.append(Bar(kind, *price, size, value.ts, value.ts))
    return made


def run(
    strategy: Any, closes: list[float], *, first: int = 0, extra: tuple[Any, ...] = ()
) -> list[TargetUpdate]:
    """Run to the end; what it wanted, and on the strategy its position (``left``) and orders (``traded``)."""
    ticks = quotes([closes[0]] * first + closes)[first:]
    made = engine([*ticks, *bars(closes, first), *extra], strategies=[strategy])
    wanted: list[TargetUpdate] = []
    subscribe(made.kernel.msgbus, TargetUpdate, wanted.append)
    made.run()
    strategy.left = float(strategy.position_of(BTC.id))
    strategy.traded = len(made.cache.orders())
    made.dispose()
    return wanted
