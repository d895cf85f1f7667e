"""Where an option is rolled to: the next expiry, at the same strike or the same delta."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Literal

from nautilus_quant.options.contract import Contract

type By = Literal["strike", "delta"]


def candidates(held: Contract, listed: Iterable[Contract], *, least: int, most: int = 24) -> list[Contract]:
    """
    Return the options of the next expiry that are like one held, nearest strikes first.

    Parameters
    ----------
    held
        What is rolled.
    listed
        Everything there is.
    least
        How much later the next expiry is at least [ns].
    most
        How many are returned at most.

    Notes
    -----
    Alike means the same underlying, kind, multiplier and currency of settlement.

    """
    alike = [c for c in listed if _alike(held, c) and c.expiry >= held.expiry + max(least, 1)]
    if not alike:
        return []
    following = min(c.expiry for c in alike)
    found = [c for c in alike if c.expiry == following]
    found.sort(key=lambda c: (abs(math.log(c.strike / held.strike)), c.strike, c.name))
    return found[:most]


def _alike(held: Contract, other: Contract) -> bool:
    return (
        other.underlying == held.underlying
        and other.call == held.call
        and other.multiplier == held.multiplier
        and other.coin_settled == held.coin_settled
        and other.settlement == held.settlement
    )


def choose_target(
    held: Contract,
    found: Sequence[Contract],
    by: By,
    delta: Callable[[Contract], float],
    *,
    tolerance: float = 0.05,
) -> Contract | None:
    """
    Return the option that one is rolled to.

    Parameters
    ----------
    held
        What is rolled.
    found
        What `candidates` gave.
    by
        ``strike``: the same, or the nearest within the tolerance; ``delta``: the one that is nearest.
    delta
        Delta of an option now [-]; NaN when unknown.
    tolerance
        Most that a strike may differ, as a share of the strike [fraction].

    Returns
    -------
    Contract or None
        ``None`` when there is none near enough, or by delta when no delta is known.

    """
    if by == "strike":
        near = [c for c in found if abs(c.strike - held.strike) <= tolerance * held.strike]
        return min(near, key=lambda c: abs(c.strike - held.strike), default=None)
    wanted = delta(held)
    if math.isnan(wanted):
        return None
    known = [(abs(delta(c) - wanted), abs(c.strike - held.strike), c) for c in found]
    known = [entry for entry in known if not math.isnan(entry[0])]
    return min(known, key=lambda entry: entry[:2], default=(0.0, 0.0, None))[2]


def roll_cost(sold: tuple[float, float], bought: tuple[float, float], fees: float) -> float:
    """
    Return what a roll costs against middle prices, per unit of underlying; NaN when a quote is missing.

    Parameters
    ----------
    sold, bought
        Bid and ask of what is sold and of what is bought.
    fees
        Of both legs.

    """
    return (sold[1] - sold[0]) / 2.0 + (bought[1] - bought[0]) / 2.0 + fees
