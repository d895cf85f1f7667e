"""Which quotes of a chain are worth looking at, and why the others are not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.options.chain import Chain

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]


class Reason(IntEnum):
    """What is wrong with a quote; the first that applies counts."""

    GOOD = 0
    EXPIRING = 1
    """The expiry is past, or too near for a volatility to mean anything."""
    ONE_SIDED = 2
    """No bid, no ask, or one that is not above 0."""
    STALE = 3
    """Too old, or from the future."""
    CROSSED = 4
    """The bid is above the ask."""
    WIDE = 5
    """Bid and ask are too far from each other."""
    NO_FORWARD = 6
    """Neither parity nor the venue tells the forward of the expiry."""
    DEEP = 7
    """Too far out of the money."""
    IN_THE_MONEY = 8
    """The same strike is quoted out of the money, where more of the price is volatility."""
    NO_INFORMATION = 9
    """The price holds no volatility: at or below intrinsic value, or above any."""
    LONELY = 10
    """Its expiry has too few good strikes for a slice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanParams:
    """
    What a good quote is.

    Parameters
    ----------
    max_age
        Of a quote [s]. Less follows the market more closely and leaves fewer strikes.
    max_spread
        Distance of ask and bid over their middle [-]. Vega-poor wings have wide ones.
    max_ticks
        Spreads up to that share of the forward pass all the same [fraction]: a tick of a cheap option is
        much of its price.
    max_deviations
        Distance of the strike from the forward in standard deviations of the log price [-].
    min_hours
        Time to expiry from which on a slice is fitted [h].

    Raises
    ------
    ValueError
        If one is not positive.

    """

    max_age: float = 300.0
    max_spread: float = 0.5
    max_ticks: float = 0.0002
    max_deviations: float = 3.5
    min_hours: float = 1.0

    def __post_init__(self) -> None:
        require(self.max_age > 0.0, "max_age > 0 [s]", self.max_age)
        require(self.max_spread > 0.0, "max_spread > 0 [-]", self.max_spread)
        require(self.max_ticks >= 0.0, "max_ticks >= 0 [fraction of the forward]", self.max_ticks)
        require(self.max_deviations > 0.0, "max_deviations > 0 [standard deviations]", self.max_deviations)
        require(self.min_hours >= 0.0, "min_hours >= 0 [h]", self.min_hours)


def judge_quotes(chain: Chain, params: CleanParams) -> NDArray[np.int8]:
    """
    Judge what can be judged without knowing the forward.

    Returns
    -------
    int8[n]
        A `Reason` for each row.

    """
    age = chain.ts - chain.quoted
    with np.errstate(invalid="ignore"):
        two_sided = (chain.bid > 0.0) & (chain.ask > 0.0) & np.isfinite(chain.bid + chain.ask)
        crossed = chain.bid > chain.ask
        wide = chain.ask - chain.bid > np.maximum(
            params.max_spread * chain.mid, params.max_ticks * chain.strike
        )
    soon = chain.expiry - chain.ts < params.min_hours * 3_600e9
    found = [
        (Reason.EXPIRING, soon | (chain.expiry <= chain.ts)),
        (Reason.ONE_SIDED, ~two_sided),
        (Reason.STALE, (age < 0) | (age > params.max_age * 1e9)),
        (Reason.CROSSED, crossed),
        (Reason.WIDE, wide),
    ]
    return first_reasons(len(chain), found)


def judge_wings(
    chain: Chain, forward: Floats, deviation: Floats, reasons: NDArray[np.int8], params: CleanParams
) -> NDArray[np.int8]:
    """
    Judge further what `judge_quotes` found good.

    Parameters
    ----------
    chain
        The chain.
    forward
        Of the expiry of each row, float64[n]; NaN for unknown.
    deviation
        Standard deviation of the log price at the expiry of each row, float64[n].
    reasons
        So far, int8[n].
    params
        What good is.

    """
    k = np.log(chain.strike / forward)
    with np.errstate(invalid="ignore"):
        deep = ~(np.abs(k) <= params.max_deviations * deviation)
        inside = np.where(chain.call, k < 0.0, k >= 0.0)
    found = [
        (Reason.NO_FORWARD, ~(forward > 0.0)),
        (Reason.DEEP, deep),
        (Reason.IN_THE_MONEY, inside),
    ]
    further = first_reasons(len(chain), found)
    return np.where(reasons == Reason.GOOD, further, reasons).astype(np.int8)


def first_reasons(count: int, found: list[tuple[Reason, Bools]]) -> NDArray[np.int8]:
    """Return the first reason that applies to each row, int8[count]."""
    reasons = np.zeros(count, dtype=np.int8)
    for reason, applies in reversed(found):
        reasons[applies] = reason
    return reasons


def counts(reasons: NDArray[np.int8]) -> Mapping[str, int]:
    """Return how many rows there are of each reason, by its name in lower case."""
    number = np.bincount(reasons, minlength=len(Reason))
    return {reason.name.lower(): int(number[reason]) for reason in Reason if number[reason]}
