"""A pair of BTC and ETH to put into an engine, with wishes, and what it tells."""

from __future__ import annotations

from decimal import Decimal

from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.objects import Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.gating.intent import UNLIMITED, Intent, Verdict
from nautilus_quant.host.messages import Alert
from nautilus_quant.host.two_leg_pair import Pair
from nautilus_quant.host.two_leg_strategy import TwoLegStrategy, TwoLegStrategyConfig
from tests.host.engine import BTC, SECOND, START, GateActor, engine, quotes

ETH = TestInstrumentProvider.ethusdt_perp_binance()
PAIR = Pair("BTC-ETH", BTC.id, ETH.id, Decimal(1), Decimal(-15))  # 30 000 against 15 times 2 000
SIZE = 300_000.0  # ten of BTC, 150 of ETH


class Gatekeeper:
    """A gate that looks at one leg only; what it says can be different when asked and when sent."""

    name = "gatekeeper"

    def __init__(self, preview: Decimal = UNLIMITED, submit: Decimal = UNLIMITED, leg=ETH) -> None:
        self.preview, self.submit, self.leg = preview, submit, leg.id.value

    def check(self, intent: Intent) -> Verdict:
        allowed = self.preview if intent.command == "preview" else self.submit
        if intent.instrument != self.leg or allowed == UNLIMITED:
            return Verdict.allow(self.name)
        return Verdict.limit(self.name, allowed, "LEG", f"at most {allowed}")


class Two(TwoLegStrategy):
    """Wants what it is told at the n-th second, and writes down what it holds at each quote."""

    def __init__(self, wishes, steps=None, *, pairs=(PAIR,), **config) -> None:
        config = {"style": "simultaneous", "max_unhedged": 6_000_000.0, **config}
        self._mine = pairs
        super().__init__(TwoLegStrategyConfig(instrument=pairs[0].one, **config))
        self.wishes, self.steps = wishes, steps or {}
        self.book: list[tuple[int, Decimal, Decimal]] = []
        self.told: list[str] = []
        self.alerts: list[Alert] = []

    def pairs(self):
        return self._mine

    def on_target_start(self) -> None:
        self.msgbus.subscribe("data.Alert", self.alerts.append)

    def on_pair(self, pair, change) -> None:
        self.told.append(change.what.value)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        super().on_quote_tick(tick)
        at = (tick.ts_event - START) // SECOND
        self.book.append((at, *(self.position_of(leg) for leg in self.legs)))
        if tick.instrument_id != self._mine[0].two:  # the last of each second
            return
        if at in self.steps:
            self.steps[at](self)
        if at in self.wishes:
            for pair in self._mine:
                self.want(pair.name, self.wishes[at], ts=tick.ts_event, reason="told to")


def market(btc=(30_000.0,) * 60, eth=(2_000.0,) * 60, btc_size=1000, eth_size=1000) -> list[QuoteTick]:
    """A quote a second of each, BTC first; books are as deep as told."""
    ticks = [
        QuoteTick(q.instrument_id, q.bid_price, q.ask_price, size, size, q.ts_event, q.ts_init)
        for prices, instrument, depth in ((btc, BTC, btc_size), (eth, ETH, eth_size))
        for q in quotes(prices, instrument)
        for size in [Quantity(depth, instrument.size_precision)]
    ]
    return sorted(ticks, key=lambda tick: tick.ts_event)


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
    strategy.sent = orders_of(made)
    made.dispose()
    return strategy


def orders_of(made) -> list[tuple[str, Decimal, bool, str]]:
    return [
        (o.instrument_id.value[:3], o.filled_qty.as_decimal(), o.is_reduce_only, o.status_string())
        for o in made.cache.orders()
    ]


def alone(strategy: Two) -> int:
    """The longest time one leg was held without the other [s]."""
    longest, since = 0, None
    for at, btc, eth in strategy.book:
        if bool(btc) == bool(eth):
            since = None
        else:
            since = at if since is None else since
            longest = max(longest, at - since)
    return longest


# the ask comes to the bid of 29 999.9, and below: something new each second
DIPS = tuple(29_999.8 - 0.1 * n for n in range(52))
