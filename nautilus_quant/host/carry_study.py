"""Strategies of carry over recorded hours in NautilusTrader's engine, and where their profit came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.enums import AccountType, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Currency, Money

from nautilus_quant.carry.attribution import Attribution, Sources
from nautilus_quant.carry.forecast import FundingForecast, FundingFormula
from nautilus_quant.carry.study import Capture, Outcome, Sample, by_year
from nautilus_quant.host.fee_model import TieredFeeModel, TieredFeeModelConfig
from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import subscribe
from nautilus_quant.host.scaler_messages import CarryCapture
from nautilus_quant.venues.funding_module import FundingModule

if TYPE_CHECKING:
    from nautilus_trader.model.data import FundingRateUpdate, QuoteTick
    from nautilus_trader.model.events import OrderFilled

    from nautilus_quant.venues.recorded.hourly import HourlyMarket

type Progress = Callable[[float], None]

_FIRST: Final = 20
"""Before strategies hear of a price: their fills are measured against it."""
_MINUTE: Final = 60_000_000_000
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPlan:
    """
    One run.

    Parameters
    ----------
    name
        Of it.
    groups
        Instruments by asset, the one first against which the basis is measured.
    capital
        In all [quote currency], the same share at each venue.
    currency
        Of the capital, and of every instrument's quotes.
    leverage
        Notional that a unit of the account's margin can carry at most [-].
    tiers
        Volume [USD], maker and taker fee [fraction] of venues without a schedule known by name.
    periods
        Pieces it is played in, start and end in UNIX time [ns].

    """

    name: str
    groups: Mapping[str, tuple[InstrumentId, ...]]
    capital: int
    periods: Sequence[tuple[int, int]]
    currency: str = "USDT"
    leverage: int = 5
    tiers: Mapping[str, tuple[tuple[float, float, float], ...]] | None = None

    @property
    def instruments(self) -> list[InstrumentId]:
        """All of them."""
        return [one for legs in self.groups.values() for one in legs]

    @property
    def venues(self) -> list[Venue]:
        """All of them, each once."""
        return list(dict.fromkeys(one.venue for one in self.instruments))


class Recorder:
    """
    Follows an engine's prices, fills and funding, and samples the account hour by hour.

    Parameters
    ----------
    engine
        Whose.
    groups
        Instruments by asset.

    """

    def __init__(self, engine: BacktestEngine, groups: Mapping[str, tuple[InstrumentId, ...]]) -> None:
        named = {name: tuple(one.value for one in legs) for name, legs in groups.items()}
        self.attribution = Attribution(named)
        self.samples: list[Sample] = []
        self.captures: dict[str, Capture] = {}
        self.promises: list[float] = []
        self.fills = 0
        self.traded = 0.0
        self._ids = {one: one.value for legs in groups.values() for one in legs}
        self._groups = tuple(named)
        self._middles: dict[str, float] = {}
        self._worth: dict[str, float] = {}
        self._years: dict[int, Sources] = {}
        self._now = 0
        bus = engine.kernel.msgbus
        bus.subscribe("data.quotes.*", self._on_quote, priority=_FIRST)
        bus.subscribe("data.funding_rates.*", self._on_rate, priority=_FIRST)
        bus.subscribe("events.fills.*", self._on_fill, priority=_FIRST)
        subscribe(bus, FundingPaid, self._on_paid)
        subscribe(bus, CarryCapture, self._on_capture)

    @property
    def years(self) -> dict[int, Sources]:
        """Profit by calendar year."""
        return by_year(sorted(self._years.items()))

    def worth(self) -> dict[str, float]:
        """Return the signed value of what is held, by instrument [quote currency]."""
        held = {name: float(self.attribution.held(name)) for name in self._middles}
        return {name: size * self._middles[name] for name, size in held.items() if size}

    def sample(self) -> None:
        """Add what the account is worth now."""
        if self._now:
            total = self.attribution.total()
            notional = sum(self.attribution.notional(group) for group in self._groups)
            self.samples.append(Sample(ts=self._now, profit=float(total.total), notional=notional))
            self._years[pd.Timestamp(self._now).year] = total
            self._worth = self.worth()

    def _on_quote(self, quote: QuoteTick) -> None:
        name = self._ids.get(quote.instrument_id)
        if name is None:
            return
        if quote.ts_init > self._now:
            self.sample()
            self._now = quote.ts_init
        middle = (quote.bid_price.as_decimal() + quote.ask_price.as_decimal()) / 2
        self._middles[name] = float(middle)
        self.attribution.price(name, middle)

    def _on_rate(self, update: FundingRateUpdate) -> None:
        name = self._ids.get(update.instrument_id)
        if name is None:
            return
        book = self.captures.get(name)
        if book is None:
            formula = FundingFormula(interval=(update.interval or 480) * _MINUTE)
            book = self.captures[name] = Capture(FundingForecast(formula))
        book.settle(update.ts_init, float(update.rate), self._worth.get(name, 0.0))

    def _on_fill(self, fill: OrderFilled) -> None:
        size, price = fill.last_qty.as_decimal(), fill.last_px.as_decimal()
        change = size if fill.order_side == OrderSide.BUY else -size
        self.attribution.fill(fill.instrument_id.value, change, price, fill.commission.as_decimal())
        self.fills += 1
        self.traded += float(size * price)

    def _on_paid(self, paid: FundingPaid) -> None:
        self.attribution.funding(paid.key, paid.amount)

    def _on_capture(self, told: CarryCapture) -> None:
        self.promises.append(told.ratio)


def run(
    plan: StudyPlan,
    market: HourlyMarket,
    strategies: Sequence[Any],
    *,
    actors: Sequence[Any] = (),
    progress: Progress = lambda _share: None,
) -> Outcome:
    """
    Run strategies over recorded hours.

    Each venue has one account for spot and perpetuals, whose fees follow the venue's schedule; funding is
    settled by the module for it; orders fill in the market's books.

    Parameters
    ----------
    plan
        Instruments, capital, time.
    market
        What was recorded of them.
    strategies, actors
        What runs.
    progress
        Called with the share that is done [0 to 1].

    Raises
    ------
    RuntimeError
        If profit by source does not add up to what the engine's accounts say.

    """
    engine = build(plan, market)
    recorder = Recorder(engine, plan.groups)
    for actor in actors:
        engine.add_actor(actor)
    for strategy in strategies:
        engine.add_strategy(strategy)
    try:
        for done, (start, end) in enumerate(plan.periods, 1):
            pieces = list(market.pieces(start, end))
            for data in pieces:
                engine.add_data(data, sort=False)
            if pieces:
                engine.sort_data()
                engine.run(streaming=True)
                engine.clear_data()
            progress(done / len(plan.periods))
        engine.end()
        recorder.sample()
        return outcome(plan, engine, recorder)
    finally:
        engine.dispose()


def build(plan: StudyPlan, market: HourlyMarket) -> BacktestEngine:
    """Return an engine with the plan's venues and instruments, without data."""
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    share = Decimal(plan.capital) / len(plan.venues)
    for venue in plan.venues:
        tiers = (plan.tiers or {}).get(venue.value, ())
        engine.add_venue(
            venue=venue,
            oms_type=OmsType.NETTING,
            account_type=AccountType.MARGIN,
            base_currency=None,
            starting_balances=[Money(share, Currency.from_str(plan.currency))],
            default_leverage=Decimal(plan.leverage),
            fee_model=TieredFeeModel(TieredFeeModelConfig(schedule="auto", tiers=tiers)),
            modules=[FundingModule()],
            book_type=BookType.L2_MBP,
            bar_execution=False,
            liquidity_consumption=True,
        )
    for instrument_id in plan.instruments:
        engine.add_instrument(market.instruments[instrument_id])
    return engine


def outcome(plan: StudyPlan, engine: BacktestEngine, recorder: Recorder) -> Outcome:
    """
    Return what a run brought.

    Raises
    ------
    RuntimeError
        If the sources do not add up to the accounts.

    """
    attribution = recorder.attribution
    found = Outcome(
        name=plan.name,
        capital=Decimal(plan.capital),
        samples=tuple(recorder.samples),
        assets=attribution.sources(),
        years=recorder.years,
        captures=recorder.captures,
        promises=tuple(recorder.promises),
        fills=recorder.fills,
        traded=recorder.traded,
        left=recorder.worth(),
        equity=_equity(plan, engine),
    )
    difference = found.equity - found.capital - found.total.total
    if abs(difference) > _CENT * max(1, found.fills // 100):
        raise RuntimeError(
            f"{plan.name}: the sources come to {found.total.total}, the accounts to "
            f"{found.equity - found.capital} {plan.currency}"
        )
    return found


def _equity(plan: StudyPlan, engine: BacktestEngine) -> Decimal:
    """Return balances and open profit at the middle, as the engine's own books have them."""
    currency = Currency.from_str(plan.currency)
    cache = engine.cache
    total = Decimal(0)
    for venue in plan.venues:
        account = cache.account_for_venue(venue)
        total += account.balance_total(currency).as_decimal()
    for position in cache.positions_open():
        quote = cache.quote_tick(position.instrument_id)
        middle = (quote.bid_price.as_decimal() + quote.ask_price.as_decimal()) / 2
        entry = Decimal(repr(position.avg_px_open))
        total += position.signed_decimal_qty() * (middle - entry)
    return total
