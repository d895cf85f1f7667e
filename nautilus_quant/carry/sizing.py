"""How much carry to hold: where the last unit earns what it costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.signals.sequence import require


class Cost(NamedTuple):
    """
    What it costs to get into a size and out again, as a share of the size [fraction].

    ``fixed + linear·q + root·sqrt(q)`` for a notional ``q`` [reporting currency]. Both legs, both ways.

    Parameters
    ----------
    fixed
        Fees and half spreads [fraction].
    linear
        Impact that grows with the size [fraction per currency unit]; Kyle 1985.
    root
        Impact that grows with its square root [fraction per sqrt(currency unit)]; Tóth et al. 2011.

    """

    fixed: float
    linear: float = 0.0
    root: float = 0.0

    def of(self, notional: float) -> float:
        """Return the cost of a size [same currency]."""
        return notional * (self.fixed + self.linear * notional + self.root * math.sqrt(notional))

    def plus(self, other: Cost) -> Cost:
        """Return what both cost together, e.g. the two legs of a pair."""
        return Cost(self.fixed + other.fixed, self.linear + other.linear, self.root + other.root)

    def times(self, factor: float) -> Cost:
        """Return what it costs so many times, e.g. 2 for in and out."""
        return Cost(self.fixed * factor, self.linear * factor, self.root * factor)


def optimum(edge: float, cost: Cost, most: float = math.inf) -> float:
    """
    Return the size whose profit ``edge·q - cost(q)`` is largest [currency].

    Where the last unit earns what it costs: ``edge - fixed = 2·linear·q + 1.5·root·sqrt(q)``, a quadratic in
    ``sqrt(q)``. With linear impact alone that is ``(edge - fixed) / (2·linear)``, with the square root alone
    ``(2/3 · (edge - fixed) / root)²``.

    Parameters
    ----------
    edge
        What a unit earns over the holding time, before costs [fraction]. NaN earns nothing.
    cost
        What it costs.
    most
        Upper bound [currency]; must be finite where there is no impact.

    Raises
    ------
    ValueError
        If a cost is negative or not finite, or nothing bounds the size.

    """
    for name, value in zip(("fixed", "linear", "root"), cost, strict=True):
        require(math.isfinite(value), f"a finite {name} cost [fraction]", value)
    require(cost.linear >= 0.0 and cost.root >= 0.0, "linear and root cost >= 0 [fraction]", cost)
    require(most >= 0.0, "most >= 0 [currency]", most)
    margin = edge - cost.fixed
    if not margin > 0.0:
        return 0.0
    slope = 1.5 * cost.root
    below = slope + math.sqrt(slope * slope + 8.0 * cost.linear * margin)
    if below == 0.0:
        require(most < math.inf, "a finite bound of a size without impact [currency]", most)
        return most
    return min(most, (2.0 * margin / below) ** 2)


def kelly(mean: float, error: float, equity: float, fraction: float) -> float:
    """
    Return the size a fraction of the Kelly bet allows [currency].

    ``fraction · mean / error² · equity`` (Thorp 2006, "The Kelly criterion in blackjack, sports betting, and
    the stock market", eq. 7.3, for returns small against one).

    Parameters
    ----------
    mean, error
        Expected return of a unit over the holding time, after costs, and its standard deviation [fraction].
    equity
        What is at stake [currency].
    fraction
        Of the full bet [-]; half of it gives three quarters of the growth at half the volatility.

    Returns
    -------
    float
        0 without a positive mean, and where a number is unknown; infinite without any risk.

    """
    require(0.0 < fraction <= 1.0, "0 < fraction <= 1 of the Kelly bet [-]", fraction)
    if not (mean > 0.0 and equity > 0.0 and error >= 0.0):
        return 0.0
    return fraction * mean / (error * error) * equity if error * error > 0.0 else math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class SizingParams:
    """
    How boldly carry is held.

    Parameters
    ----------
    share
        Of the best size that is held [-]. Near the top profit is flat: 80 % of the size earns 96 % of the
        profit where impact is linear.
    caution
        Standard errors of the expected funding that are taken off it [-]: the risk that it flips.
    kelly
        Fraction of the Kelly bet as an upper bound [-]; 0 sets none.
    smallest
        Size below which nothing is held [currency].

    """

    share: float = 0.8
    caution: float = 0.5
    kelly: float = 0.25
    smallest: float = 0.0

    def __post_init__(self) -> None:
        require(0.0 < self.share <= 1.0, "0 < share <= 1 [-]", self.share)
        require(0.0 <= self.caution < math.inf, "0 <= caution < inf [standard errors]", self.caution)
        require(0.0 <= self.kelly <= 1.0, "0 <= kelly <= 1 [-]", self.kelly)
        require(0.0 <= self.smallest < math.inf, "0 <= smallest < inf [currency]", self.smallest)


class Opportunity(NamedTuple):
    """
    One pair to hold: a perpetual against spot, or against another one.

    Parameters
    ----------
    expected
        Funding a unit receives over the holding time, the other leg's included [fraction]; positive when the
        position earns it.
    error
        Standard deviation of it [fraction].
    borrow
        What borrowing a leg costs over the holding time [fraction].
    cost
        Of getting in and out, both legs.
    most
        Largest size other limits allow [currency].

    """

    expected: float
    error: float
    borrow: float
    cost: Cost
    most: float

    def edge(self, caution: float) -> float:
        """Return what a unit earns before trading costs, with so many errors taken off [fraction]."""
        return self.expected - caution * self.error - self.borrow


class Sizing(NamedTuple):
    """
    What should be held, and why.

    Parameters
    ----------
    size
        To hold [currency].
    best
        Where profit is largest [currency].
    why
        What decided: ``profit``, ``kelly``, ``limit``, ``no edge``, ``too small``, ``unknown`` or ``held``.
    numbers
        What it was read from.

    """

    size: float
    best: float
    why: str
    numbers: dict[str, float]


def size(
    chance: Opportunity, params: SizingParams, equity: float, *, held: float = 0.0, scale: float = 1.0
) -> Sizing:
    """
    Decide how much of a pair to hold.

    What is held already has paid its way in, and will pay its way out whenever it leaves: it stays while it
    earns anything, and goes when it earns nothing.

    Parameters
    ----------
    chance
        What it earns and costs.
    params
        How boldly.
    equity
        Of the account [currency].
    held
        Size held now [currency].
    scale
        What is held of it all [-]: below 1 where less is paid than was expected.

    Returns
    -------
    Sizing
        Size 0 where a number is unknown.

    """
    edge = chance.edge(params.caution)
    numbers = {
        "expected": chance.expected,
        "error": chance.error,
        "borrow": chance.borrow,
        "edge": edge,
        "fixed": chance.cost.fixed,
        "linear": chance.cost.linear,
        "root": chance.cost.root,
        "held": held,
        "scale": scale,
    }
    known = all(map(math.isfinite, (edge, *chance.cost, equity, held, scale))) and chance.most >= 0.0
    if not known:
        return Sizing(0.0, 0.0, "unknown", numbers)
    best = optimum(edge, chance.cost, chance.most)
    wanted, why = params.share * best, "limit" if best == chance.most else "profit"
    if params.kelly > 0.0:
        bound = kelly(edge - chance.cost.fixed, chance.error, equity, params.kelly)
        numbers["kelly"] = bound
        wanted, why = min((wanted, why), (bound, "kelly"))
    kept = min(held, chance.most) if edge > 0.0 else 0.0
    wanted *= scale
    if kept * scale > wanted:
        wanted, why = kept * scale, "held"
    if wanted <= 0.0:
        why = "no edge"
    elif wanted < params.smallest:
        wanted, why = 0.0, "too small"
    numbers["profit"] = edge * wanted - chance.cost.of(wanted)
    return Sizing(wanted, best, why, numbers)
