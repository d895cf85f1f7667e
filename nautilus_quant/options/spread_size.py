"""How many units of a spread the limits allow."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.signals.sequence import require


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """
    Most that a position may be.

    Parameters
    ----------
    loss
        Worst loss of a stress grid [fraction of equity].
    vega
        Change of value for one vol point [fraction of equity].
    share
        Premium of all legs, bought or sold [fraction of equity].

    Raises
    ------
    ValueError
        If one is not a positive fraction.

    """

    loss: float = 0.02
    vega: float = 0.001
    share: float = 0.2

    def __post_init__(self) -> None:
        for name in ("loss", "vega", "share"):
            require(0.0 < getattr(self, name) <= 1.0, f"0 < {name} <= 1 [fraction]", getattr(self, name))


class Size(NamedTuple):
    """
    What a unit, or a position, weighs; in one currency.

    Parameters
    ----------
    loss
        In the worst scenario.
    vega
        For one vol point, as a positive amount.
    share
        Premium of all legs, as a positive amount.

    """

    loss: float
    vega: float
    share: float


class Allowed(NamedTuple):
    """Units that fit, and the cap that decides; 0 and what is unknown where one cannot be told."""

    units: float
    cap: str


def units_within(unit: Size, caps: Caps, equity: float) -> Allowed:
    """
    Return how many units fit under all caps.

    Parameters
    ----------
    unit
        What one weighs [reporting currency].
    caps
        Limits.
    equity
        What they are fractions of [reporting currency].

    """
    if not 0.0 < equity < math.inf:
        return Allowed(0.0, "equity")
    found = []
    for name, weight in unit._asdict().items():
        if not (math.isfinite(weight) and weight >= 0.0):
            return Allowed(0.0, name)
        if weight > 0.0:
            found.append(Allowed(getattr(caps, name) * equity / weight, name))
    # Nothing that weighs nothing is an option: a price or a volatility is wrong.
    return min(found) if len(found) == len(unit) else Allowed(0.0, "loss")


def beyond(held: Size, caps: Caps, equity: float, breach: float) -> str:
    """
    Return the first cap a position is beyond by the factor `breach` [-]; empty within, and where unknown.

    What is unknown adds no risk, and closes nothing either: prices that are missing are no loss.
    """
    for name in ("loss", "vega"):
        if getattr(held, name) > breach * getattr(caps, name) * equity > 0.0:
            return name
    return ""
