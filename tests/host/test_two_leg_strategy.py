"""Two legs in real engine runs: entered, hedged part by part, refused, restarted."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.objects import Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.two_leg_pair import Pair
from nautilus_quant.host.two_leg_strategy import TwoLegStrategy, TwoLegStrategyConfig
from tests.host.engine import BTC, SECOND, START, GateActor, engine, quotes

ETH = TestInstrumentProvider.ethusdt_perp_binance()
PAIR = Pair("BTC-ETH", BTC.id, ETH.id, Decimal(1), Decimal(-15))  # 30 000 against 15 times 2 000


class Two(TwoLegStrategy):
    """Wants what it is told at the n-th second, and writes down what it holds at each quote."""

    def __init__(self, wishes, steps=None, **config) -> None:
        config = {"style": "simultaneous", "max_unhedged": 6_000_000.0, **config}
        super().__init__(TwoLegStrategyConfig(instrument=BTC.id, **config))
        self.wishes, self.steps = wishes, steps or {}
        self.book: list[tuple[int, Decimal, Decimal]] = []
        self.told: list[str] = []

    def pairs(self):
        return (PAIR,)

    def on_pair(self, pair, change) -> None:
        self.told.append(change.what.value)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        super().on_quote_tick(tick)
        at = (tick.ts_event - START) // SECOND
        self.book.append((at, *(self.position_of(leg) for leg in self.legs)))
        if tick.instrument_id != ETH.id:
            return
        if at in self.steps:
            self.steps[at](self)
        if at in self.wishes:
            self.want(PAIR.name, self.wishes[at], ts=tick.ts_event, reason="told to")


def market(seconds: int = 60, eth_size: int = 1000) -> list[QuoteTick]:
    eth = [
        QuoteTick(q.instrument_id, q.bid_price, q.ask_price, size, size, q.ts_event, q.ts_init)
        for q in quotes([2_000.0] * seconds, ETH)
        for size in [Quantity(eth_size, ETH.size_precision)]
    ]
    return sorted([*quotes([30_000.0] * seconds), *eth], key=lambda tick: tick.ts_event)


def run(strategy: Two, *gates, data=None, instruments=(BTC, ETH), **venue) -> Two:
    made = engine(
        data or market(),
        actors=[GateActor(gate) for gate in gates],
        strategies=[strategy],
        instruments=instruments,
        **venue,
    )
    made.run()
    strategy.left = [strategy.position_of(leg) for leg in strategy.legs]
    strategy.sent = [
        (o.instrument_id.value[:3], o.quantity.as_decimal(), o.is_reduce_only, o.status_string())
        for o in made.cache.orders()
    ]
    made.dispose()
    return strategy


@pytest.mark.parametrize("style", ["simultaneous"])
def test_a_pair_is_entered_and_left(style: str) -> None:
    held = run(Two({5: 300_000.0}, style=style))
    assert held.left == [10, -150]
    assert held.told == ["opened"]
    flat = run(Two({5: 300_000.0, 30: 0.0}, style=style))
    assert flat.left == [0, 0]
    assert flat.told == ["opened", "closed"]
    assert [(leg, closes) for leg, _, closes, _ in flat.sent][-2:] in (
        [("BTC", True), ("ETH", True)],
        [("ETH", True), ("BTC", True)],
    )
