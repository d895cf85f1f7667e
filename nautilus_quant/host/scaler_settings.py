"""What carries are told of, by people: pairs, and how boldly they are held."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import NonNegativeFloat, PositiveFloat, PositiveInt
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.capture import CaptureParams
from nautilus_quant.carry.forecast import ForecastParams, FundingFormula
from nautilus_quant.carry.funding_schedule import Untimed
from nautilus_quant.carry.scaler_market import Leg
from nautilus_quant.carry.scaler_terms import CarryPair, ScalerParams
from nautilus_quant.carry.sizing import SizingParams
from nautilus_quant.carry.slippage import SlippageParams
from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.funding import terms_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.cache.cache import Cache

_NANOS = 1_000_000_000
_UNNAMED = re.compile(r"[^A-Za-z0-9]+")


class CarryPairConfig(NautilusConfig, kw_only=True, frozen=True):
    """
    Two instruments that hedge each other: held long `one` and short `two`, or the other way round.

    Parameters
    ----------
    one
        Spot, or the perpetual of another venue.
    two
        A perpetual.
    name
        Of the pair, letters, digits and dashes; ``None`` makes one of the instruments' ids.
    borrow
        What selling spot short costs [fraction per year]; ``None`` where it cannot be borrowed: then the pair
        is held while longs pay, and never the other way round.

    """

    one: InstrumentId
    two: InstrumentId
    name: str | None = None
    borrow: NonNegativeFloat | None = None

    @property
    def title(self) -> str:
        """Its name."""
        return self.name or _UNNAMED.sub("-", f"{self.one.value}-{self.two.value}")


class CarryRuleConfig(NautilusConfig, kw_only=True, frozen=True):
    """
    How boldly carry is held; see `nautilus_quant.carry.scaler_terms.ScalerParams` for more.

    Parameters
    ----------
    horizon
        How long a position is held for [s]: funding over it must pay for getting in and out.
    share
        Of the size at which profit is largest that is held [-].
    caution, stay_caution
        Standard errors of the expected funding that are taken off it, of what would be added and of what is
        held already [-].
    kelly
        Fraction of the Kelly bet as an upper bound [-]; 0 sets none.
    smallest
        Size below which nothing is held [reporting currency].
    impact_caution
        Standard errors added to what trading costs [-].
    max_share
        Largest size of one pair as a share of the equity [-].
    capital
        Share of the equity, and of what each venue holds, that all pairs may take [-].
    margin
        Capital a unit of a perpetual takes [-]: one over the leverage it is held at. Spot takes 1.
    rebalance
        Least change of a size worth trading, as a share of the larger one [-].
    stale
        Intervals without a word of funding after which nothing is known of an instrument [-].
    capture_low, capture_high
        Share of the funding a position was entered for below which it is scaled down, with an alert, and from
        which on all is well again [-].
    capture_half_life, capture_least
        Payments after which one counts half, and payments before anything is said [-].
    capture_floor
        Smallest share of a position that is kept while too little is paid [-].
    interest, damper, cap, interval
        How a venue makes a rate of a premium: see `nautilus_quant.carry.forecast.FundingFormula`; `interval`
        is also that between two payments [s] where the venue does not say.
    half_life, persistence, least
        How fast past rates are forgotten [payments], the first guess of what is left of one after the next
        [-], and how many are needed before anything is foretold.
    unit, spread, impact
        A usual order [reporting currency], its half spread, and what it costs beyond [fraction], as long as
        neither book nor fills say anything.
    untimed
        How to read a rate that does not say when it is paid: ``paid`` at its own time, as in records of past
        funding; ``predicted`` for the next one; or ``ignored``.

    """

    horizon: Seconds = 604_800.0
    share: Fraction = 0.8
    caution: NonNegativeFloat = 0.5
    stay_caution: NonNegativeFloat = 0.0
    kelly: Fraction = 0.25
    smallest: NonNegativeFloat = 0.0
    impact_caution: NonNegativeFloat = 1.0
    max_share: PositiveFloat = 0.5
    capital: Fraction = 0.9
    margin: PositiveFloat = 0.2
    rebalance: Fraction = 0.1
    stale: PositiveFloat = 2.0
    capture_low: Fraction = 0.7
    capture_high: Fraction = 0.8
    capture_half_life: PositiveFloat = 6.0
    capture_least: PositiveInt = 3
    capture_floor: Fraction = 0.0
    interest: float = 0.0001
    damper: NonNegativeFloat = 0.0005
    cap: PositiveFloat = 0.02
    interval: Seconds = 28_800.0
    half_life: PositiveFloat = 60.0
    persistence: Fraction = 0.7
    least: PositiveInt = 5
    unit: PositiveFloat = 10_000.0
    spread: NonNegativeFloat = 0.0001
    impact: NonNegativeFloat = 0.0002
    untimed: str = "paid"

    def params(self) -> ScalerParams:
        """Return the parameters of the rule; ValueError when they are impossible."""
        Untimed(self.untimed)
        return ScalerParams(
            horizon=float(self.horizon),
            sizing=SizingParams(
                share=float(self.share),
                caution=float(self.caution),
                kelly=float(self.kelly),
                smallest=float(self.smallest),
            ),
            stay_caution=float(self.stay_caution),
            impact_caution=float(self.impact_caution),
            max_share=float(self.max_share),
            capital=float(self.capital),
            rebalance=float(self.rebalance),
            stale=float(self.stale),
            capture=CaptureParams(
                half_life=float(self.capture_half_life),
                low=float(self.capture_low),
                high=float(self.capture_high),
                least=self.capture_least,
                floor=float(self.capture_floor),
            ),
            formula=FundingFormula(
                interest=self.interest,
                damper=float(self.damper),
                cap=float(self.cap),
                interval=int(self.interval * _NANOS),
            ),
            forecast=ForecastParams(
                half_life=float(self.half_life), persistence=float(self.persistence), least=self.least
            ),
            slippage=SlippageParams(
                unit=float(self.unit), spread=float(self.spread), impact=float(self.impact)
            ),
        )

    def pairs(self, configs: Iterable[CarryPairConfig], cache: Cache) -> list[CarryPair]:
        """
        Return the pairs of the rule, whose instruments must be in the cache.

        Raises
        ------
        ValueError
            If an instrument is not there, a pair pays no funding, or one coin is lent at two prices.

        """
        configs = tuple(configs)
        borrows: dict[InstrumentId, float] = {}
        for pair in configs:
            if pair.borrow is not None:
                known = borrows.setdefault(pair.one, pair.borrow)
                if known != pair.borrow:
                    raise ValueError(
                        f"need one borrow of {pair.one} in all pairs, was {known} and {pair.borrow}"
                    )
        return [
            CarryPair(
                name=pair.title,
                one=self._leg(pair.one, cache, borrows.get(pair.one)),
                two=self._leg(pair.two, cache, borrows.get(pair.two)),
            )
            for pair in configs
        ]

    def _leg(self, instrument_id: InstrumentId, cache: Cache, borrow: float | None) -> Leg:
        instrument = cache.instrument(instrument_id)
        if instrument is None:
            raise ValueError(f"need {instrument_id} in the cache, was nothing there: add it to the venue")
        name, venue = instrument_id.value, instrument_id.venue.value
        if terms_of(instrument) is not None:
            return Leg(
                instrument=name, venue=venue, is_perpetual=True, capital=float(self.margin), borrow=0.0
            )
        if borrow is None:
            return Leg(instrument=name, venue=venue, is_perpetual=False)
        return Leg(instrument=name, venue=venue, is_perpetual=False, borrow=float(borrow))
