"""A venue that pays funding, prices by hand, and a strategy that trades by the clock of its bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import FundingRateUpdate, MarkPriceUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import subscribe
from nautilus_quant.venues.funding_module import FundingModule, FundingModuleConfig

LINEAR = TestInstrumentProvider.btcusdt_perp_binance()
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
USDT = Currency.from_str("USDT")
SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
EIGHT = 8 * HOUR
START = 1_704_067_200 * SECOND  # 2024-01-01, a stamp


class Scheduled(Strategy):
    """Brings its position to a size at the quote of a time [ns]."""

    def __init__(self, instrument: Any, plan: Mapping[int, str], tag: str = "001") -> None:
        super().__init__(StrategyConfig(order_id_tag=tag))
        self.instrument = instrument
        self.plan = {ts: Decimal(size) for ts, size in plan.items()}
        self.held = Decimal(0)
        self.paid: list[FundingPaid] = []

    def on_start(self) -> None:
        subscribe(self.msgbus, FundingPaid, self.paid.append)
        self.subscribe_quote_ticks(self.instrument.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        wanted = self.plan.get(tick.ts_init)
        if wanted is None or wanted == self.held:
            return
        side = OrderSide.BUY if wanted > self.held else OrderSide.SELL
        size = Quantity(abs(wanted - self.held), self.instrument.size_precision)
        self.held = wanted
        self.submit_order(self.order_factory.market(self.instrument.id, side, size))


def quote(instrument: Any, price: float, ts: int) -> QuoteTick:
    """A quote without a spread: what a position costs is known exactly."""
    at, size = Price(price, instrument.price_precision), Quantity(1e6, instrument.size_precision)
    return QuoteTick(instrument.id, at, at, size, size, ts, ts)


def mark(instrument: Any, price: str, ts: int) -> MarkPriceUpdate:
    return MarkPriceUpdate(instrument.id, Price.from_str(price), ts, ts)


def rate(
    instrument: Any, value: str, ts: int, next_ns: int | None = None, interval: int | None = None
) -> FundingRateUpdate:
    return FundingRateUpdate(instrument.id, Decimal(value), ts, ts, interval, next_ns)


def build(
    instrument: Any,
    data: Iterable[Data],
    strategies: Sequence[Strategy],
    *,
    modules: Sequence[Any] | None = None,
    actors: Iterable[Any] = (),
    balances: Sequence[Money] | None = None,
    oms: OmsType = OmsType.NETTING,
    sort: bool = True,
    base: Currency | None = None,
    others: Iterable[Any] = (),
    **config: Any,
) -> tuple[BacktestEngine, FundingModule]:
    """An engine with one venue, ready to run, and its funding module."""
    module = FundingModule(FundingModuleConfig(**config))
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        venue=instrument.id.venue,
        oms_type=oms,
        account_type=AccountType.MARGIN,
        base_currency=base,
        starting_balances=balances or [Money(1_000_000, instrument.get_settlement_currency())],
        default_leverage=Decimal(10),
        modules=[module] if modules is None else list(modules),
    )
    for item in (instrument, *others):
        engine.add_instrument(item)
    engine.add_data(list(data), sort=sort)
    for actor in actors:
        engine.add_actor(actor)
    for strategy in strategies:
        engine.add_strategy(strategy)
    return engine, module


def total(engine: BacktestEngine, instrument: Any) -> Decimal:
    """What the account holds in the currency the instrument settles in."""
    account = engine.cache.account_for_venue(instrument.id.venue)
    return account.balance_total(instrument.get_settlement_currency()).as_decimal()


def without_funding(
    instrument: Any, data: Iterable[Data], plan: Mapping[int, str], balances: Sequence[Money] | None = None
) -> Decimal:
    """What the same trades leave where no funding is paid."""
    engine, _ = build(instrument, data, [Scheduled(instrument, plan)], modules=[], balances=balances)
    engine.run()
    left = total(engine, instrument)
    engine.dispose()
    return left
