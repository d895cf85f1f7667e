"""How far the delta of a book may wander before it is hedged, and back to where."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from nautilus_quant.signals.sequence import require


class BandKind(StrEnum):
    """What decides when a delta is hedged."""

    FIXED = "fixed"
    """A band of one width; a delta outside is brought to the middle."""
    COST_AWARE = "cost_aware"
    """A band as wide as cost and gamma make worth while; a delta outside is brought to its edge."""
    TIMED = "timed"
    """At every interval, whatever the delta."""


class Exposure(NamedTuple):
    """
    What is to be hedged, of one underlying.

    Parameters
    ----------
    delta
        Net delta with all hedges [coins].
    gamma
        Change of `delta` per unit of price [coins² / reporting currency].
    price
        Of the underlying [reporting currency per coin].
    cost
        Of trading it one way, fee and half spread, as a share of what is traded [fraction].

    """

    delta: float
    gamma: float
    price: float
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BandParams:
    """
    When to hedge.

    Parameters
    ----------
    kind
        What decides.
    width
        Half width of the fixed band, and the least of the cost-aware one [coins]. Typically 0.01 to 0.1.
    widest
        The most the cost-aware band may grow to [coins]: what is lost when gamma is read wrongly is bounded.
    risk_aversion
        Of the cost-aware band, absolute [1 / reporting currency]. A trader of relative risk aversion 1 with
        an equity of 100 000 USD has 1e-5. More is a narrower band.
    interval
        Of the timed one [s].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    kind: BandKind = BandKind.FIXED
    width: float = 0.05
    widest: float = 1.0
    risk_aversion: float = 1e-5
    interval: float = 3_600.0

    def __post_init__(self) -> None:
        require(0.0 < self.width < math.inf, "0 < width < inf [coins]", self.width)
        require(self.width <= self.widest < math.inf, "width <= widest < inf [coins]", self.widest)
        require(0.0 < self.risk_aversion < math.inf, "0 < risk_aversion [1/currency]", self.risk_aversion)
        require(0.0 < self.interval < math.inf, "0 < interval < inf [s]", self.interval)


def cost_aware_width(exposure: Exposure, risk_aversion: float) -> float:
    """
    Return the half width of the band in which not to trade is best [coins].

    Asymptotically optimal for exponential utility and small proportional cost: with cost share ``k``, price
    ``S``, gamma ``Γ`` and absolute risk aversion ``γ`` it is ``(3 k S Γ² / (2 γ))^(1/3)``; futures carry no
    discount.

    Source: A. E. Whalley, P. Wilmott, *An asymptotic analysis of an optimal hedging model for option pricing
    with transaction costs*, Mathematical Finance 7(3), 1997.
    """
    _, gamma, price, cost = exposure
    return math.cbrt(1.5 * cost * price * gamma * gamma / risk_aversion)


def half_width(exposure: Exposure, params: BandParams) -> float:
    """Return half the width of the band [coins]; the least there is when gamma or cost is unknown."""
    if params.kind is not BandKind.COST_AWARE:
        return params.width
    width = cost_aware_width(exposure, params.risk_aversion)
    return min(max(width, params.width), params.widest) if math.isfinite(width) else params.width


def wanted_trade(exposure: Exposure, params: BandParams, since: float) -> float:
    """
    Return what to trade now [coins, positive buys]; 0 while the delta may stay as it is.

    Parameters
    ----------
    exposure
        Of one underlying; with a delta that is no number nothing can be said, and nothing is traded.
    params
        When to hedge.
    since
        Time since the last hedge [s]; infinite before the first.

    """
    delta = exposure.delta
    if not math.isfinite(delta):
        return 0.0
    if params.kind is BandKind.TIMED:
        return -delta if since >= params.interval else 0.0
    width = half_width(exposure, params)
    if abs(delta) <= width:
        return 0.0
    if params.kind is BandKind.FIXED:
        return -delta
    return math.copysign(width, delta) - delta
