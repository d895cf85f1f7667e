"""One coin at several venues: quotes by hand, outages, and the arbitrage between them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import FundingRateUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from nautilus_quant.host.cross_venue_messages import CrossVenueUpdate, TransferAdvice
from nautilus_quant.host.messages import Alert, TargetUpdate, subscribe
from nautilus_quant.strategies.cross_exchange_arb import CrossExchangeArb
from nautilus_quant.strategies.cross_exchange_arb_config import CrossExchangeArbConfig
from nautilus_quant.venues.incident_module import IncidentModule, IncidentModuleConfig
from nautilus_quant.venues.incidents import Incident

USDT, BTC = Currency.from_str("USDT"), Currency.from_str("BTC")
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
START = 1_704_067_200 * SECOND  # 2024-01-01, a stamp
MID = 40_000.0

type Path = Callable[[int], float]
"""Price at a second, as a fraction above `MID`."""


def perp(venue: str, taker: str = "0.0004", step: str = "0.001", multiplier: str = "1") -> CryptoPerpetual:
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol("BTCUSDT-PERP"), Venue(venue)),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=1,
        size_precision=len(step.partition(".")[2]),
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str(step),
        multiplier=Quantity.from_str(multiplier),
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.025"),
        maker_fee=Decimal("0.0001"),
        taker_fee=Decimal(taker),
        ts_event=0,
        ts_init=0,
    )


def spot(venue: str, taker: str = "0.0004") -> CurrencyPair:
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("BTCUSDT"), Venue(venue)),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=1,
        size_precision=5,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.00001"),
        maker_fee=Decimal("0.0001"),
        taker_fee=Decimal(taker),
        ts_event=0,
        ts_init=0,
    )


A, B, C = perp("SIM_A"), perp("SIM_B", "0.0005"), perp("SIM_C", "0.0003", "0.01")


def wiggle(second: int) -> float:
    """A usual difference of nothing, with some scatter that does not last."""
    return 0.00002 * math.sin(2.3 * second)


def jump(size: float, begin: int, end: int) -> Path:
    """A venue that is dearer for a while."""
    return lambda second: wiggle(second) + (size if begin <= second < end else 0.0)


UP: dict[Any, Path] = {A: wiggle, B: jump(0.004, 80, 110)}


def quotes(
    paths: Mapping[Any, Path],
    seconds: int,
    *,
    silent: Mapping[Any, tuple[int, int]] | None = None,
    size: float = 5.0,
    first: int = 0,
) -> list[QuoteTick]:
    """A quote a second of each venue, half a basis point to either side, but where it is silent."""
    made = []
    for second in range(first, seconds):
        for n, (item, path) in enumerate(paths.items()):
            begin, end = (silent or {}).get(item, (0, 0))
            if begin <= second < end:
                continue
            mid, ts = MID * (1.0 + path(second)), START + second * SECOND + n
            amount = Quantity(size, item.size_precision)
            bid, ask = Price(mid - 2.0, 1), Price(mid + 2.0, 1)
            made.append(QuoteTick(item.id, bid, ask, amount, amount, ts, ts))
    return made


def rate(item: Any, value: float, second: int, at: int) -> FundingRateUpdate:
    """A rate told at a second, paid at another one, every hour."""
    ts = START + second * SECOND
    return FundingRateUpdate(item.id, Decimal(repr(value)), ts, ts, 60, START + at * SECOND)


def outage(at: int, duration: int, kind: str = "trading", **rest: Any) -> Incident:
    return Incident(kind=kind, at=float(at), duration=float(duration), **rest)


class Watched(CrossExchangeArb):
    """Writes down what it holds at each quote, and does what it is told at the n-th second."""

    def __init__(self, config: CrossExchangeArbConfig, steps: Mapping[int, Any] | None = None) -> None:
        super().__init__(config)
        self.steps = dict(steps or {})
        self.book: dict[int, list[float]] = {}
        self.told: list[tuple[str, str]] = []

    def on_pair(self, pair: str, change: Any) -> None:
        super().on_pair(pair, change)
        self.told.append((short(pair), change.what.value))

    def on_quote_tick(self, tick: QuoteTick) -> None:
        second = (tick.ts_event - START) // SECOND
        if second in self.steps:
            self.steps.pop(second)(self)
        super().on_quote_tick(tick)
        self.book[second] = self.held()

    def held(self) -> list[float]:
        return [float(self.position_of(leg)) for leg in self.legs]


def short(pair: str) -> str:
    """``BTCUSDT-PERP.SIM_A/BTCUSDT-PERP.SIM_B`` is AB."""
    return "".join(leg[-1] for leg in pair.split("/"))


def arb(items: Sequence[Any] = (A, B), steps: Mapping[int, Any] | None = None, **config: Any) -> Watched:
    first, *others = [item.id for item in items]
    given = {
        "max_notional": 20_000.0,
        "inventory_limit": 60_000.0,
        "least_samples": 30,
        "max_unhedged": 1e6,
        "leg_timeout": 2.0,
        "pause": 5.0,
        "book": "quotes",
        "reporting_currency": "USDT",
        "stale_after": 3.0,
        "outage_settle": 3.0,
        "hedge_elsewhere_after": 4.0,
        "exit_gain": 0.0003,
        **config,
    }
    return Watched(CrossExchangeArbConfig(instrument=first, others=tuple(others), **given), steps)


class Run:
    """What came of it."""

    def __init__(self, strategy: Watched, engine: BacktestEngine) -> None:
        self.strategy = strategy
        self.alerts: list[Alert] = []
        self.updates: list[CrossVenueUpdate] = []
        self.advice: list[TransferAdvice] = []
        self.targets: list[TargetUpdate] = []
        bus = engine.kernel.msgbus
        subscribe(bus, Alert, self.alerts.append)
        subscribe(bus, CrossVenueUpdate, self.updates.append)
        subscribe(bus, TransferAdvice, self.advice.append)
        subscribe(bus, TargetUpdate, self.targets.append)
        engine.run()
        self.left = strategy.held()
        self.book = strategy.book
        self.told = strategy.told
        self.orders = [
            (order.instrument_id.venue.value[-1], order.side_string(), order.status_string())
            for order in engine.cache.orders()
        ]
        self.equity = {
            account.id.get_issuer()[-1]: float(account.balance_total(USDT))
            for account in engine.cache.accounts()
        }
        engine.dispose()

    def wishes(self) -> list[tuple[int, str, float, str]]:
        """Second, pair, coins and why of each."""
        return [
            ((one.ts - START) // SECOND, short(one.key.partition("|")[2]), round(one.coins, 3), one.why)
            for one in self.updates
        ]

    def heard(self, about: str, severity: str = "") -> list[tuple[int, str]]:
        """Second and text of alerts."""
        return [
            ((one.ts - START) // SECOND, one.text)
            for one in self.alerts
            if about in one.key and severity in one.severity
        ]


def build(
    data: Iterable[Any],
    strategies: Iterable[Any],
    items: Sequence[Any] = (A, B),
    *,
    incidents: Mapping[str, Sequence[Incident]] | None = None,
    balances: Mapping[str, Sequence[str]] | None = None,
    actors: Iterable[Any] = (),
    latency: float = 0.0,
) -> BacktestEngine:
    """Venues of margin accounts for perpetuals and cash accounts for spot, 100 000 USDT at each."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    for item in items:
        venue, margin = item.id.venue.value, isinstance(item, CryptoPerpetual)
        money = (balances or {}).get(venue[-1], ["100000 USDT"])
        schedule = tuple((incidents or {}).get(venue[-1], ()))
        modules = (
            [IncidentModule(IncidentModuleConfig(incidents=schedule, opening=START))] if schedule else []
        )
        engine.add_venue(
            Venue(venue),
            OmsType.NETTING,
            AccountType.MARGIN if margin else AccountType.CASH,
            [Money.from_str(text) for text in money],
            default_leverage=Decimal(1),
            modules=modules,
            latency_model=LatencyModel(base_latency_nanos=round(latency * SECOND)) if latency else None,
        )
        engine.add_instrument(item)
    engine.add_data(list(data))
    for actor in actors:
        engine.add_actor(actor)
    for strategy in strategies:
        engine.add_strategy(strategy)
    return engine


def run(strategy: Watched, data: Iterable[Any], items: Sequence[Any] = (A, B), **options: Any) -> Run:
    return Run(strategy, build(data, [strategy], items, **options))
