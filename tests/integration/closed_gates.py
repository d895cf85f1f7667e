"""Nine gates in one chain, and markets that close one of them by its own means while all others stay open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from nautilus_trader.examples.algorithms.twap import TWAPExecAlgorithm
from nautilus_trader.model.data import Bar, BarType, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide, OmsType, OrderSide
from nautilus_trader.model.events import (
    OrderDenied,
    OrderEvent,
    OrderFilled,
    OrderModifyRejected,
    OrderRejected,
    OrderSubmitted,
    OrderUpdated,
)
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant import actors as ours
from nautilus_quant.actors.margin_monitor_config import MarginWindowConfig
from nautilus_quant.actors.order_policy_config import PolicyOverride
from nautilus_quant.gating.intent import ALLOW, Decision
from nautilus_quant.host.budget_settings import BudgetSettings
from nautilus_quant.host.gateway import find_gateway
from tests.gating.regime_bars import bars_of
from tests.host.engine import BTC, SECOND, START, Script, Step, engine

ETH = TestInstrumentProvider.ethusdt_perp_binance()
BUY, SELL = OrderSide.BUY, OrderSide.SELL
PRICE = 30_000.0
CLOSED, TRY, MOVE, END = 40, 42, 50, 58
"""Seconds: from which on the gate is closed, of the attempts, of a rise that sets off stops, of the end."""
RISE = 300.0
BARS = f"{BTC.id}-1-SECOND-LAST-EXTERNAL"

_TYPES = ["MARKET", "LIMIT", "STOP_MARKET", "STOP_LIMIT", "MARKET_TO_LIMIT", "MARKET_IF_TOUCHED"]
_TYPES += ["LIMIT_IF_TOUCHED", "TRAILING_STOP_MARKET", "TRAILING_STOP_LIMIT"]
_TRENDS = ["STRONG_TREND_UP", "STRONG_TREND_DOWN", "RANGING", "HIGH_VOL"]

OPEN: dict[str, dict[str, Any]] = {
    "SafetyEngine": {"max_hourly_loss": 0.99, "max_daily_loss": 0.99, "max_drawdown": 0.99},
    "RegimeGate": {"matrix": {"default": [*_TRENDS, "CRISIS", "WARMING_UP"]}},
    "PerformanceGuard": {"min_trades": 1_000, "window": 1_000},
    "OrderPolicyGate": {
        "rates": {"BINANCE": 60_000},
        "burst": 1_000.0,
        "duplicate_window": 0.0,
        "defaults": PolicyOverride(order_types=_TYPES, quote_quantity=True, price_collar=0.0),
    },
    "LiquidityMonitor": {"max_impact": 0.99, "without_book": "allow"},
    "MarginMonitor": {
        "windows": (MarginWindowConfig(name="day", start=0, end=0, leverage=10.0),),
        "funding_interval": 0.0,
    },
    "PortfolioMonitor": {"fees": None},
    "OrderFlowGate": {"without_data": "allow", "enter": 1.0, "leave": 0.9},
    "AnomalyDetector": {"max_slippage": 0.99},
}
"""Each as permissive as it can be told to be."""


def gates(**others: dict[str, Any]) -> list[Any]:
    """All nine, with other settings for some."""
    return [
        getattr(ours, name)(getattr(ours, f"{name}Config")(**{**given, **others.get(name, {})}))
        for name, given in OPEN.items()
    ]


class Timed(Script):
    """A script by the clock, so that it goes on in a market that has fallen silent."""

    def on_start(self) -> None:
        for second, step in sorted(self.steps.items()):
            at = START + second * SECOND + SECOND // 2
            self.clock.set_time_alert_ns(f"{self.id}-{second}", at, lambda _, step=step: step(self))


def at_market(side: OrderSide, size: str = "1.000", instrument: Any = BTC, **options: Any) -> Step:
    def step(script: Script) -> None:
        made = script.order_factory.market(instrument.id, side, Quantity.from_str(size), **options)
        script.submit_order(made)

    return step


# -- markets -------------------------------------------------------------------------------------------


def walk(dip: dict[int, float] | None = None) -> list[float]:
    """A price a second: flat but for a dip, and a rise near the end."""
    return [(dip or {}).get(n, PRICE) + (RISE if n >= MOVE else 0.0) for n in range(END)]


def ticks(
    prices: Sequence[float],
    spreads: dict[int, float] | None = None,
    sizes: dict[int, float] | None = None,
    instrument: Any = BTC,
) -> list:
    """A quote a second, with a spread and sizes that change at given seconds."""
    made, spread, seen = [], 0.2, 1_000.0
    for n, price in enumerate(prices):
        spread, seen = (spreads or {}).get(n, spread), (sizes or {}).get(n, seen)
        size = Quantity(seen, instrument.size_precision)
        sides = [Price(price + sign * spread / 2, instrument.price_precision) for sign in (-1, 1)]
        made.append(QuoteTick(instrument.id, *sides, size, size, START + n * SECOND, START + n * SECOND))
    return made


def pressure(side: OrderSide) -> list:
    """Ten trades a second of people who press against `side`."""
    aggressor = AggressorSide.SELLER if side == BUY else AggressorSide.BUYER
    made = []
    for n in range(5 * 10, END * 10):
        ts = START + n * SECOND // 10
        size = Quantity(1.0 + n * 37 % 100 / 100, BTC.size_precision)
        price = Price(walk()[n // 10], BTC.price_precision)
        made.append(TradeTick(BTC.id, price, size, aggressor, TradeId(str(n)), ts, ts))
    return made


def bars(prices: Sequence[float]) -> list:
    """A bar for each quote, closing a moment later, with a wobble so that they have a volatility."""
    kind = BarType.from_str(BARS)
    closes = [price + (3.0 if n % 2 else -3.0) for n, price in enumerate(prices)]
    made = []
    for value in bars_of(closes, START, SECOND):
        ohlc = [Price(p, BTC.price_precision) for p in value[1:]]
        made.append(Bar(kind, *ohlc, Quantity(1, BTC.size_precision), value.ts, value.ts))
    return made


def _bids(script: Script, count: int) -> None:
    """Rest small orders far from the market."""
    for n in range(count):
        at = Price(20_000.0 + n, BTC.price_precision)
        script.submit_order(script.order_factory.limit(BTC.id, BUY, Quantity.from_str("0.010"), at))


def _fill_up(script: Script) -> None:
    """Buy until not even 0.001 more is allowed."""
    size = Decimal("32.768")
    while size >= Decimal("0.001"):
        at_market(BUY, f"{size:.3f}")(script)
        size /= 2


# -- what closes them ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Closing:
    """
    What closes one gate.

    Parameters
    ----------
    gate, code
        Who is to deny, and by which rule.
    settings
        Of actors, beside `OPEN`.
    data
        The market; it may depend on the side that is to be barred.
    steps
        What the strategy itself does to bring it about.
    others
        Another strategy that does.
    moves
        Whether quotes go on after the gate has closed, so that stops are set off.
    prices
        Whether only orders with a limit price are barred.
    cancels
        Whether entries that rest are cancelled as well.
    shared
        Whether who closes a position makes room for another.
    thin
        Whether the market takes less than what is held.

    """

    gate: str
    code: str
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    data: Callable[[OrderSide], list] = lambda _side: ticks(walk())
    steps: dict[int, Step] = field(default_factory=dict)
    others: dict[int, Step] = field(default_factory=dict)
    moves: bool = True
    prices: bool = False
    cancels: bool = False
    shared: bool = False
    thin: bool = False


# 40 BTC lose 2 % of 30 000: 24 000 of 1 000 000, more than half a per cent in an hour.
_LOSS = dict.fromkeys(range(30, 36), PRICE * 0.98)
# A fall of 5 % within a second, and back.
_CRASH = {37: PRICE * 0.95}
# 50 to sell one by one, a second each: at a spread of 240 half of it is 40 bps.
_SELLING = {0: at_market(BUY, "50.000"), **dict.fromkeys(range(1, 34), at_market(SELL))}
_BUY_ETH: Step = at_market(BUY, "3.000", ETH)
_SELL_ETH: Step = lambda script: script.close_all_positions(ETH.id)  # noqa: E731
_ETH_FALLS = [2_000.0 - n for n in range(END)]
_NIGHT = (
    MarginWindowConfig(name="day", start=0, end=22 * 60 + 15, leverage=10.0),  # 22:15 is 100 s after START
    MarginWindowConfig(name="night", start=22 * 60 + 15, end=0, leverage=5.0),
)

CLOSINGS = {
    "a loss within the hour": Closing(
        gate="safety",
        code="HOURLY_LOSS",
        settings={"SafetyEngine": {"max_hourly_loss": 0.005}},
        data=lambda _: ticks(walk(_LOSS)),
        others={1: at_market(BUY, "40.000")},
        cancels=True,
    ),
    "a crisis": Closing(
        gate="regime",
        code="REGIME",
        settings={
            "RegimeGate": {
                "matrix": {"default": [*_TRENDS, "WARMING_UP"]},
                "adx_period": 5,
                "slow_half_life": 50.0,
                "warm_up": 20,
                "dwell": 2,
                "min_fall": 0.002,
                "crisis_dwell": 100,
            }
        },
        data=lambda _: ticks(walk(_CRASH)) + bars(walk(_CRASH)),
    ),
    "two losing trades": Closing(
        gate="performance",
        code="WIN_RATE",
        settings={
            "PerformanceGuard": {
                "min_trades": 2,
                "window": 4,
                "probation": 1,
                "min_win_rate": 0.5,
                "cancel": False,
            }
        },
        data=lambda _: ticks(walk()) + ticks(_ETH_FALLS, instrument=ETH),
        steps={31: _BUY_ETH, 32: _SELL_ETH, 33: _BUY_ETH, 34: _SELL_ETH},
    ),
    "all tokens used": Closing(
        gate="policy",
        code="RATE_LIMIT",
        # 30 tokens less a reserve of 10: another strategy takes what is left of the 20.
        settings={"OrderPolicyGate": {"rates": {"BINANCE": 0.1}, "burst": 30.0, "reserve": 10.0}},
        others={30: lambda script: _bids(script, 40)},
    ),
    "prices beyond the collar": Closing(
        gate="policy",
        code="PRICE_COLLAR",
        settings={"OrderPolicyGate": {"defaults": PolicyOverride(order_types=_TYPES, price_collar=0.001)}},
        prices=True,
    ),
    "a silent market": Closing(
        gate="liquidity",
        code="BOOK_STALE",
        settings={
            "LiquidityMonitor": {"stale_after": 3.0},
            "SafetyEngine": {"max_mark_age": 3_600.0},
        },
        data=lambda _: ticks(walk()[: CLOSED - 5]) + ticks(_ETH_FALLS, instrument=ETH),
        moves=False,
    ),
    "a market run dry": Closing(
        gate="liquidity",
        code="LIQUIDITY_DRY",
        data=lambda _: ticks(walk(), {30: 200.0}, sizes={30: 0.05}),
        thin=True,
    ),
    "quiet before the night": Closing(
        gate="margin",
        code="MARGIN_QUIET",
        settings={"MarginMonitor": {"windows": _NIGHT, "quiet": 65.0, "look_ahead": 66.0, "act_before": 1.0}},
    ),
    "no margin left": Closing(
        gate="margin",
        code="MARGIN_UTILISATION",
        settings={"MarginMonitor": {"max_utilisation": 0.1, "target_utilisation": 0.09}},
        others={30: _fill_up},
        shared=True,
    ),
    "a budget used up": Closing(
        gate="budget",
        code="BUDGET_GROSS",
        settings={"PortfolioMonitor": {"budget": BudgetSettings(max_gross=1.0)}},
        others={30: _fill_up},
        shared=True,
    ),
    "flow against it": Closing(
        gate="flow",
        code="FLOW_AGAINST",
        settings={
            "OrderFlowGate": {
                "enter": 0.4,
                "leave": 0.2,
                "instruments": (BTC.id,),
                "book": "none",
            }
        },
        data=lambda side: ticks(walk()) + pressure(side),
    ),
    "slippage out of all bounds": Closing(
        gate="anomaly",
        code="ANOMALY_HALT",
        settings={
            "AnomalyDetector": {
                "min_samples": 5,
                "persist": 2,
                "within": 3,
                "half_life": 2.0,
                "min_rolling": 3,
            }
        },
        data=lambda _: ticks(walk(), {25: 240.0, 34: 0.2}),
        others=_SELLING,
    ),
}


# -- runs ----------------------------------------------------------------------------------------------


class Attempt(Timed):
    """
    Holds one, does something when the gate is closed, and keeps what came of it.

    Parameters
    ----------
    closing
        What closes the gate.
    first, then
        What is done while it is open, and when it is closed.
    holds
        Whether it holds one.

    """

    def __init__(self, closing: Closing, first: Step | None, then: Step, *, holds: bool = True) -> None:
        steps = {0: self._listen, **closing.steps, TRY: then}
        steps |= ({2: at_market(BUY)} if holds else {}) | ({3: first} if first else {})
        super().__init__(steps, tag="007")
        self.closing = closing
        self.decisions: list[Decision] = []
        self.gates: tuple[str, ...] = ()

    def _listen(self, _script: Script) -> None:
        gateway = find_gateway(self.msgbus)
        assert gateway is not None
        self.gates = gateway.gates
        gateway.listen(self._on_decision)

    def _on_decision(self, decision: Decision) -> None:
        if decision.intent.strategy == self.id.value and self._is_late(decision.intent.ts):
            self.decisions.append(decision)

    def _is_late(self, ts: int) -> bool:
        return ts >= START + CLOSED * SECOND

    @property
    def sent(self) -> list[str]:
        """Orders that went to the venue once the gate was closed."""
        late = [e for e in self.events if self._is_late(e.ts_event)]
        return [e.client_order_id.value for e in late if isinstance(e, OrderSubmitted)]

    @property
    def changed(self) -> list[OrderUpdated]:
        """Changes the venue took once the gate was closed."""
        there = self.reached_venue()
        late = [e for e in self.events if self._is_late(e.ts_event)]
        return [e for e in late if isinstance(e, OrderUpdated) and e.client_order_id.value in there]

    @property
    def refused(self) -> list[str]:
        """Why orders and changes were refused once the gate was closed."""
        late = [e for e in self.events if self._is_late(e.ts_event)]
        return [e.reason for e in late if isinstance(e, OrderDenied | OrderModifyRejected | OrderRejected)]

    def traded(self, *, late: bool) -> Decimal:
        """What was bought, less what was sold, before the gate was closed or after."""
        fills = [e for e in self.events if isinstance(e, OrderFilled) and e.instrument_id == BTC.id]
        sign = {BUY: 1, SELL: -1}
        return sum(
            (
                sign[e.order_side] * e.last_qty.as_decimal()
                for e in fills
                if self._is_late(e.ts_event) is late
            ),
            Decimal(0),
        )

    @property
    def denied(self) -> list[Decision]:
        """Decisions that cut, once the gate was closed."""
        return [decision for decision in self.decisions if decision.outcome != ALLOW]


def run(closing: Closing, then: Step, first: Step | None = None, side: OrderSide = BUY) -> Attempt:
    """Run an attempt behind all nine gates, one of which is closed."""
    attempt = Attempt(closing, first, then)
    run_with(closing, [attempt], side)
    return attempt


def run_with(
    closing: Closing,
    strategies: list[Any],
    side: OrderSide = BUY,
    oms: OmsType = OmsType.NETTING,
    more: Sequence[Any] = (),
) -> list[OrderEvent]:
    """Run strategies behind all nine gates, one of which is closed; all that happened to orders."""
    data = sorted([*closing.data(side), *more], key=lambda item: item.ts_init)
    others = [Timed(closing.others, tag="002")] if closing.others else []
    made = engine(
        data,
        actors=gates(**closing.settings),
        strategies=[*others, *strategies],
        algorithms=[TWAPExecAlgorithm()],
        instruments=(BTC, ETH),
        oms=oms,
        reject_stop_orders=False,
        bar_execution=False,
    )
    events: list[OrderEvent] = []
    made.kernel.msgbus.subscribe("events.order.*", events.append)
    made.run()
    for strategy in strategies:
        held = made.cache.positions_open(strategy_id=strategy.id, instrument_id=BTC.id)
        strategy.left = sum((p.signed_decimal_qty() for p in held), Decimal(0))
        strategy.final = made.cache.orders(strategy_id=strategy.id)
    made.dispose()
    return events
