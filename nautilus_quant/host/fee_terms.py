"""What an account pays at a venue, as configured, and what a fill of an instrument costs by it."""

from __future__ import annotations

import difflib
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import NonNegativeFloat
from nautilus_trader.model.enums import LiquiditySide
from nautilus_trader.model.instruments import (
    CryptoOption,
    CurrencyPair,
    OptionContract,
)
from nautilus_trader.model.objects import Money

from nautilus_quant.account.fee_schedules import SCHEDULES, USUAL
from nautilus_quant.account.fee_tiers import TierTracker
from nautilus_quant.account.fees import FeeSchedule, Liquidity, Tier
from nautilus_quant.config.units import Fraction
from nautilus_quant.host.valuation import DOLLARS

if TYPE_CHECKING:
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Currency, Price, Quantity

INSTRUMENT = "instrument"
AUTO = "auto"
_OPTIONS = (CryptoOption, OptionContract)

type Kind = Literal["spot", "linear", "inverse", "option"]


class FeeTerms(NautilusConfig, kw_only=True, frozen=True):
    """
    What an account pays at one venue.

    Parameters
    ----------
    schedule
        Name of a schedule of `nautilus_quant.account.fee_schedules`; ``auto`` takes the one usual at the
        venue for the kind of instrument, if one is known there; ``instrument`` the fees each instrument
        carries.
    tiers
        Own table instead: 30-day volume from which a tier holds [USD], maker and taker fee [fraction].
    discount
        Off every fee, e.g. 10% on Binance futures and 25% on Binance spot for paying in BNB; rebates stay.
    reduce_only_discount
        Off what is left for orders that only reduce; no venue known here gives one.
    initial_volume
        What the account traded in the last 30 days, for the first start [USD]; later what is stored counts.

    """

    schedule: str = INSTRUMENT
    tiers: tuple[tuple[float, float, float], ...] = ()
    discount: Fraction = 0.0
    reduce_only_discount: Fraction = 0.0
    initial_volume: NonNegativeFloat = 0.0

    def __post_init__(self) -> None:
        """Refuse a schedule nobody knows, or a table that is none."""
        known = [AUTO, INSTRUMENT, *SCHEDULES]
        if self.schedule not in known:
            near = difflib.get_close_matches(self.schedule, known, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"need a schedule of {', '.join(known)}, was {self.schedule!r}{hint}")
        if self.tiers:
            own_table(self.tiers)


def own_table(rows: tuple[tuple[float, float, float], ...]) -> FeeSchedule:
    """
    Make a schedule of rows of volume [USD], maker and taker fee [fraction].

    Raises
    ------
    ValueError
        If the rows are not in order, or a fee is impossible.

    """
    tiers = tuple(
        Tier(index=n, name=f"tier {n}", volume=volume, maker=_exact(maker), taker=_exact(taker))
        for n, (volume, maker, taker) in enumerate(rows)
    )
    return FeeSchedule(name="own", tiers=tiers)


def kind_of(instrument: Instrument) -> Kind:
    """Tell which of a venue's schedules an instrument belongs to."""
    if is_option(instrument):
        return "option"
    if isinstance(instrument, CurrencyPair):
        return "spot"
    return "inverse" if instrument.is_inverse else "linear"


class VenueFees:
    """
    The tiers of one account at one venue: one of each schedule in use there.

    Parameters
    ----------
    terms
        As configured.

    """

    def __init__(self, terms: FeeTerms | None = None) -> None:
        self.terms = terms or FeeTerms()
        self.trackers: dict[str, TierTracker] = {}
        self._off = _exact(self.terms.discount), _exact(self.terms.reduce_only_discount)
        self._own = own_table(self.terms.tiers) if self.terms.tiers else None
        self._by_instrument: dict[InstrumentId, TierTracker | Tier] = {}

    def tracker(self, instrument: Instrument) -> TierTracker | None:
        """Return what follows the tier of an instrument; ``None`` where it carries its own fees."""
        found = self._found(instrument)
        return found if isinstance(found, TierTracker) else None

    def track(self, schedule: FeeSchedule) -> TierTracker:
        """Return what follows the tier of a schedule, making it the first time."""
        tracker = self.trackers.get(schedule.name)
        if tracker is None:
            discounted = schedule.discounted(*self._off)
            tracker = TierTracker(discounted, initial_volume=self.terms.initial_volume)
            self.trackers[schedule.name] = tracker
        return tracker

    def find(self, name: str) -> FeeSchedule | None:
        """Return a schedule by the name it is stored under."""
        if self._own is not None and name == self._own.name:
            return self._own
        return SCHEDULES.get(name)

    def tier(self, instrument: Instrument) -> Tier:
        """Return what is charged for an instrument now."""
        found = self._found(instrument)
        return found.tier if isinstance(found, TierTracker) else found

    def forget(self) -> None:
        """Read the fees instruments carry again, the next time they are needed."""
        self._by_instrument.clear()

    def _found(self, instrument: Instrument) -> TierTracker | Tier:
        found = self._by_instrument.get(instrument.id)
        if found is None:
            found = self._by_instrument[instrument.id] = self._look(instrument)
        return found

    def _look(self, instrument: Instrument) -> TierTracker | Tier:
        schedule = self._schedule(instrument)
        if schedule is not None:
            return self.track(schedule)
        flat = FeeSchedule.flat(INSTRUMENT, instrument.maker_fee, instrument.taker_fee)
        return flat.discounted(*self._off).tiers[0]

    def _schedule(self, instrument: Instrument) -> FeeSchedule | None:
        if self._own is not None:
            return self._own
        name: str | None = self.terms.schedule
        if name == AUTO:
            name = USUAL.get(instrument.id.venue.value, {}).get(kind_of(instrument))
        return None if name is None else SCHEDULES.get(name)


def liquidity_of(side: LiquiditySide) -> Liquidity:
    """Translate a liquidity side; what is not told counts as taken, which costs more."""
    return Liquidity.MAKER if side == LiquiditySide.MAKER else Liquidity.TAKER


def commission(
    instrument: Instrument,
    quantity: Quantity,
    price: Price,
    tier: Tier,
    liquidity: Liquidity,
    *,
    reduce_only: bool = False,
) -> Money:
    """
    Return the fee of a fill, rounded to its currency as NautilusTrader rounds.

    A fee is charged in the quote currency, of inverse contracts in the base coin. Where a tier has a cap, an
    option settled in its own coin pays for that coin; of one settled in dollars nothing here knows what its
    underlying is worth, and the cap is charged, which is the most it can be.

    Parameters
    ----------
    instrument
        What was traded.
    quantity, price
        Of the fill.
    tier
        What is charged.
    liquidity
        Whether the order rested.
    reduce_only
        Whether the order may only reduce a position.

    """
    if tier.cap is not None and is_option(instrument):
        return _option_fee(instrument, quantity, price, tier, liquidity)
    notional = instrument.notional_value(quantity, price, use_quote_for_inverse=False)
    fee = tier.fee(notional.as_decimal(), liquidity, reduce_only=reduce_only)
    return Money(fee, fee_currency(instrument))


def _option_fee(
    instrument: Instrument, quantity: Quantity, price: Price, tier: Tier, liquidity: Liquidity
) -> Money:
    contracts = quantity.as_decimal() * instrument.multiplier.as_decimal()
    premium = contracts * price.as_decimal()
    if is_settled_in_coin(instrument):
        return Money(tier.fee(contracts, liquidity, premium=premium), instrument.settlement_currency)
    return Money(premium * (tier.cap or 0), fee_currency(instrument))


def is_option(instrument: Instrument) -> bool:
    """Tell whether an instrument is an option: a cap on its fee is a share of the premium."""
    return isinstance(instrument, _OPTIONS)


def is_settled_in_coin(instrument: Instrument) -> bool:
    """Tell whether an option is paid in the coin it is about."""
    return isinstance(instrument, CryptoOption) and instrument.settlement_currency == instrument.underlying


def fee_currency(instrument: Instrument) -> Currency:
    """Return what a fee is charged in."""
    if is_settled_in_coin(instrument):
        return instrument.settlement_currency
    return instrument.get_base_currency() if instrument.is_inverse else instrument.quote_currency


def dollar_volume(instrument: Instrument, quantity: float, price: float) -> float:
    """Return what a fill adds to the 30-day volume [USD]; NaN where it is not counted in dollars."""
    if instrument.quote_currency.code not in DOLLARS:
        return float("nan")
    contracts = quantity * float(instrument.multiplier)
    return contracts if instrument.is_inverse else contracts * price


def _exact(number: float) -> Decimal:
    return Decimal(repr(float(number)))
