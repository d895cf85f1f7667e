"""Spot and perpetuals of two venues, rates by hand, and the funding arbitrage on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import FundingRateUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair
from nautilus_trader.model.objects import Currency, Money, Price, Quantity

from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig
from nautilus_quant.strategies.funding_arb import FundingArb, FundingArbConfig
from nautilus_quant.venues.funding_module import FundingModule

USDT = Currency.from_str("USDT")
BTC = Currency.from_str("BTC")
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
EIGHT = 8 * HOUR
START = 1_704_067_200 * SECOND  # 2024-01-01, a stamp


def perp(venue: str) -> CryptoPerpetual:
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol("BTCUSDT-PERP"), Venue(venue)),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=1,
        size_precision=3,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.001"),
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.025"),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0004"),
        ts_event=0,
        ts_init=0,
    )


def spot(venue: str) -> CurrencyPair:
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("BTCUSDT"), Venue(venue)),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=1,
        size_precision=5,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.00001"),
        maker_fee=Decimal("0.0006"),
        taker_fee=Decimal("0.0008"),
        ts_event=0,
        ts_init=0,
    )


SPOT, PERP, OTHER = spot("CASH"), perp("PERPS"), perp("OTHERS")


def quote(instrument: Any, price: float, ts: int, size: float = 50) -> QuoteTick:
    shown = Quantity(size, instrument.size_precision)
    bid, ask = Price(price - 0.5, 1), Price(price + 0.5, 1)
    return QuoteTick(instrument.id, bid, ask, shown, shown, ts, ts)


def quotes(prices: Sequence[float], instruments: Iterable[Any] = (SPOT, PERP)) -> list[QuoteTick]:
    """A quote of each instrument every ten minutes of the hours whose prices are given."""
    made = []
    for n, price in enumerate(prices):
        for minute in range(0, 60, 10):
            ts = START + n * HOUR + minute * 60 * SECOND
            made += [quote(instrument, price, ts) for instrument in instruments]
    return made


def rates(values: Sequence[float], instrument: Any = PERP) -> list[FundingRateUpdate]:
    """Rates paid every eight hours from `START` on."""
    return [
        FundingRateUpdate(instrument.id, Decimal(repr(value)), START + n * EIGHT, START + n * EIGHT)
        for n, value in enumerate(values)
    ]


def arb(
    pairs: Sequence[tuple[Any, Any]] = ((SPOT, PERP),), rule: dict[str, Any] | None = None, **config: Any
):
    hedges = tuple(CarryPairConfig(one=one.id, two=two.id) for one, two in pairs)
    given = {
        "every": 3_600.0,
        "style": "simultaneous",
        "max_unhedged": 1e7,
        "reporting_currency": "USDT",
        **config,
    }
    settings = CarryRuleConfig(**{"interval": 28_800.0, "impact": 0.0001, **(rule or {})})
    return FundingArb(FundingArbConfig(instrument=pairs[0][0].id, hedges=hedges, rule=settings, **given))


def build(
    data: Iterable[Any],
    strategies: Iterable[Any],
    actors: Iterable[Any] = (),
    *,
    funding: bool = True,
    instruments: Iterable[Any] = (),
    balance: float = 100_000.0,
    perp_balance: float | None = None,
) -> BacktestEngine:
    """A cash venue and two venues of perpetuals, 100 000 USDT at each."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    for venue, kind in (
        ("CASH", AccountType.CASH),
        ("PERPS", AccountType.MARGIN),
        ("OTHERS", AccountType.MARGIN),
    ):
        amount = balance if kind is AccountType.CASH or perp_balance is None else perp_balance
        engine.add_venue(
            venue=Venue(venue),
            oms_type=OmsType.NETTING,
            account_type=kind,
            base_currency=None,
            starting_balances=[Money(amount, USDT)],
            default_leverage=Decimal(10 if kind is AccountType.MARGIN else 1),
            modules=[FundingModule()] if kind is AccountType.MARGIN and funding else [],
        )
    for instrument in (SPOT, PERP, OTHER, *instruments):
        engine.add_instrument(instrument)
    engine.add_data(sorted(data, key=lambda item: item.ts_init))
    for actor in actors:
        engine.add_actor(actor)
    for strategy in strategies:
        engine.add_strategy(strategy)
    return engine


def alerts_of(engine: BacktestEngine) -> list[Alert]:
    heard: list[Alert] = []
    subscribe(engine.kernel.msgbus, Alert, heard.append)
    return heard


def held(engine: BacktestEngine) -> dict[str, Decimal]:
    return {p.instrument_id.value: p.signed_decimal_qty() for p in engine.cache.positions_open()}
