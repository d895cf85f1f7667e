"""What a scaler of carries is told, and what it says."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from nautilus_quant.carry.capture import CaptureParams
from nautilus_quant.carry.forecast import ForecastParams, FundingFormula
from nautilus_quant.carry.scaler_market import Leg
from nautilus_quant.carry.sizing import SizingParams
from nautilus_quant.carry.slippage import SlippageParams
from nautilus_quant.signals.sequence import require

_DAY = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryPair:
    """
    Two legs that hedge each other; a positive size is long `one` and short `two`.

    Parameters
    ----------
    name
        Of the pair.
    one, two
        Its legs, e.g. spot and a perpetual, or perpetuals of two venues.

    """

    name: str
    one: Leg
    two: Leg

    def __post_init__(self) -> None:
        legs = self.one.instrument, self.two.instrument
        require(legs[0] != legs[1], "two instruments", legs)
        paying = self.one.is_perpetual or self.two.is_perpetual
        require(paying, "a leg that pays funding", legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerParams:
    """
    How carry is scaled.

    Parameters
    ----------
    horizon
        How long a position is held for [s]: what comes in over it must pay for getting in and out. More
        enters at lower rates, and is wrong more often.
    sizing
        How boldly.
    stay_caution
        Standard errors of the expected funding taken off what is held already [-]; below the caution of
        `sizing`, so that what has paid its way in does not leave over a doubt.
    impact_caution
        Standard errors added to what trading costs [-].
    max_share
        Largest size of one pair as a share of the equity [-].
    capital
        Share of the equity, and of what each venue holds, that all pairs may take [-].
    rebalance
        Least change of a size worth trading, as a share of the larger one [-].
    stale
        Intervals without a word of its funding after which nothing is known of an instrument [-].
    capture
        When too little is paid.
    formula
        How rates are made, where nothing else is said.
    forecast, slippage
        How fast the past is forgotten.

    """

    horizon: float = 7 * _DAY
    sizing: SizingParams = field(default_factory=SizingParams)
    stay_caution: float = 0.0
    impact_caution: float = 1.0
    max_share: float = 0.5
    capital: float = 0.9
    rebalance: float = 0.1
    stale: float = 2.0
    capture: CaptureParams = field(default_factory=CaptureParams)
    formula: FundingFormula = field(default_factory=FundingFormula)
    forecast: ForecastParams = field(default_factory=ForecastParams)
    slippage: SlippageParams = field(default_factory=SlippageParams)

    def __post_init__(self) -> None:
        require(0.0 < self.horizon < math.inf, "0 < horizon < inf [s]", self.horizon)
        for name in ("stay_caution", "impact_caution"):
            require(0.0 <= getattr(self, name) < math.inf, f"0 <= {name} [standard errors]", self)
        require(0.0 < self.max_share < math.inf, "0 < max_share < inf [-]", self.max_share)
        require(0.0 < self.capital <= 1.0, "0 < capital <= 1 [-]", self.capital)
        require(0.0 <= self.rebalance < 1.0, "0 <= rebalance < 1 [-]", self.rebalance)
        require(0.0 < self.stale < math.inf, "0 < stale < inf [intervals]", self.stale)


class Funds(NamedTuple):
    """
    What there is to hold carry with.

    Parameters
    ----------
    equity
        Of the node [reporting currency]; NaN when nobody can tell.
    venues
        What each venue holds [reporting currency].

    """

    equity: float
    venues: Mapping[str, float]


class CarryDecision(NamedTuple):
    """
    What should be held of a pair, and why.

    Parameters
    ----------
    pair
        Its name.
    size
        Signed notional [reporting currency].
    why
        What decided: see `nautilus_quant.carry.sizing.Sizing`; also ``capital``, ``capture`` and ``borrow``.
    edge
        What a unit earns over the holding time, before trading costs [fraction]; NaN when unknown.
    numbers
        What it was read from.

    """

    pair: str
    size: float
    why: str
    edge: float
    numbers: dict[str, float]
