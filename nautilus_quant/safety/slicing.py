"""How much of a position a thin book bears at once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal

MAX_LEVELS = 10


def walk(depth: Iterable[tuple[float, float]], max_impact_bps: float) -> tuple[float, float]:
    """
    Return the largest quantity whose average price is within `max_impact_bps` of the best, and all visible.

    Parameters
    ----------
    depth
        (price, size) of the side that is traded against, best price first. Levels that are no prices or sizes
        are left out; of the rest, the first ten count.
    max_impact_bps
        Largest distance of the average fill from the best price [basis points of the best price].

    """
    sane = [(p, s) for p, s in depth if 0.0 < p < math.inf and 0.0 < s < math.inf][:MAX_LEVELS]
    visible = sum(size for _, size in sane)
    if not sane:
        return 0.0, 0.0
    best = sane[0][0]
    bound = best * max_impact_bps / 10_000.0
    taken = cost = 0.0
    for price, size in sane:
        distance = abs(price - best)
        # largest x with (cost + distance·x) / (taken + x) <= bound
        room = math.inf if distance <= bound else (bound * taken - cost) / (distance - bound)
        if room < size:
            return taken + room, visible
        taken += size
        cost += distance * size
    return taken, visible


def max_slice(
    remaining: Decimal,
    depth: Iterable[tuple[float, float]],
    *,
    lot: Decimal,
    smallest: Decimal | None = None,
    max_impact_bps: float = 25.0,
    participation: float = 0.5,
) -> Decimal:
    """
    Return the size of the next closing order, at most `remaining`.

    As much as costs at most `max_impact_bps` on average and takes at most a `participation` share of what is
    visible, rounded down to a lot, but at least the smallest order. What would be left below the smallest
    order goes along. With no depth to see, everything: an unreadable book is no reason to stay exposed.

    Parameters
    ----------
    remaining
        What is still to close, unsigned [base units or contracts].
    depth
        (price, size) of the side traded against, best first.
    lot
        Step of order sizes.
    smallest
        Smallest order the venue takes; the lot if not given.
    max_impact_bps
        Largest average cost of one slice against the best price [basis points]. More is faster, and dearer.
    participation
        Largest share of the visible depth that one slice takes [fraction].

    """
    least = lot if smallest is None else max(lot, smallest)
    if not (lot > 0 and max_impact_bps >= 0.0 and 0.0 < participation <= 1.0):
        raise ValueError(
            "need lot > 0, max_impact_bps >= 0 [basis points] and 0 < participation <= 1 [fraction], "
            f"was {lot}, {max_impact_bps}, {participation}"
        )
    affordable, visible = walk(depth, max_impact_bps)
    if visible == 0.0:
        return remaining
    bearable = Decimal(min(affordable, participation * visible))
    quantity = max((bearable / lot).to_integral_value(ROUND_FLOOR) * lot, least)
    return remaining if remaining - quantity < least else quantity
