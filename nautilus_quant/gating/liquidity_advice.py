"""How to trade where liquidity is short: in slices, or from inside a wide spread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

_QUARTER = 900.0
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceParams:
    """
    How orders are cut.

    Parameters
    ----------
    share
        Part of the largest quantity within the impact bound that one slice takes [-]; less is cheaper, and
        takes longer.
    participation
        Largest share of the market's volume that the slices together make up [-]; typically 0.02 to 0.2.
    min_spacing, max_spacing
        Bounds of the time between two slices [s]; the book needs some to fill up again.
    most
        Largest number of slices.

    """

    share: float = 0.5
    participation: float = 0.1
    min_spacing: float = 2.0
    max_spacing: float = 300.0
    most: int = 50

    def __post_init__(self) -> None:
        require(0.0 < self.share <= 1.0, "0 < share <= 1 [-]", self.share)
        require(0.0 < self.participation <= 1.0, "0 < participation <= 1 [-]", self.participation)
        require(
            0.0 <= self.min_spacing <= self.max_spacing < math.inf,
            "0 <= min_spacing <= max_spacing < inf [s]",
            (self.min_spacing, self.max_spacing),
        )
        require(self.most >= 1, "most >= 1 [slices]", self.most)


class SlicePlan(NamedTuple):
    """
    An order cut up.

    Parameters
    ----------
    sizes
        Of the slices, in order [base coin, or contracts]; empty where nothing may be traded now.
    spacing
        Time between two of them [s].
    rest
        What no slice holds, since there would be too many of them, or no slice may be that small.

    """

    sizes: tuple[Decimal, ...]
    spacing: float
    rest: Decimal

    @property
    def duration(self) -> float:
        """From the first slice to the last [s]."""
        return self.spacing * max(len(self.sizes) - 1, 0)


def slice_plan(
    quantity: Decimal,
    largest: float,
    volume: float,
    *,
    step: Decimal,
    smallest: Decimal = _ZERO,
    params: SliceParams | None = None,
) -> SlicePlan:
    """
    Cut an order into equal slices that the market bears, with time between them to recover.

    Parameters
    ----------
    quantity
        All of it, unsigned [base coin, or contracts].
    largest
        What may be traded at once within the impact bound [same unit].
    volume
        What the market trades in 15 minutes [same unit].
    step
        Of sizes, positive [same unit].
    smallest
        Order the venue takes [same unit].
    params
        How large, how often, how many.

    Returns
    -------
    SlicePlan
        Its sizes and the rest add up to `quantity`.

    """
    params = params or SliceParams()
    require(step > 0, "step > 0 [base coin, or contracts]", step)
    bearable = params.share * largest
    if not (quantity > 0 and bearable > 0.0):
        return SlicePlan((), 0.0, max(quantity, _ZERO))
    steps, least = _steps(float("inf"), quantity, step), max(math.ceil(smallest / step), 1)
    most = _steps(largest, quantity, step)
    each = max(_steps(bearable, quantity, step), least)
    # More at once than may be is no plan, however small the order the venue would take.
    if steps < least or min(each, steps) > most:
        return SlicePlan((), 0.0, quantity)
    count = min(math.ceil(steps / each), params.most)
    planned, count = _evened(min(steps, each * count), count, each, least, most)
    sizes = _shared_out(planned, count, step)
    spacing = _spacing(float(sizes[0]), volume, params) if count > 1 else 0.0
    return SlicePlan(sizes, spacing, quantity - sum(sizes))


def _steps(bound: float, quantity: Decimal, step: Decimal) -> int:
    """Count the whole steps in a quantity, or in a bound if that is less."""
    within = quantity if bound >= float(quantity) else min(Decimal(bound), quantity)
    return int((within / step).to_integral_value(ROUND_FLOOR))


def _evened(planned: int, count: int, each: int, least: int, most: int) -> tuple[int, int]:
    """Return steps and slices such that equal slices are no smaller than the venue takes."""
    if planned // count >= least:
        return planned, count
    fewer = planned // least
    if math.ceil(planned / fewer) <= most:
        return planned, fewer
    return each * (count - 1), count - 1


def _shared_out(steps: int, count: int, step: Decimal) -> tuple[Decimal, ...]:
    """Share steps out evenly, larger slices first."""
    small, larger = divmod(steps, count)
    return tuple([(small + (n < larger)) * step for n in range(count)])


def _spacing(size: float, volume: float, params: SliceParams) -> float:
    rate = params.participation * volume
    wanted = size * _QUARTER / rate if rate > 0.0 else math.inf
    return max(params.min_spacing, min(params.max_spacing, wanted))


def post_only_offset(spread_ticks: int, imbalance: float, *, wide: int = 3, share: float = 0.5) -> int:
    """
    Return how many ticks inside the spread a post-only order should rest [ticks from its own best price].

    In a spread of less than `wide` ticks 0: join the best price. Otherwise a `share` of the free ticks, more
    of them when the book leans the order's way and the price is about to run away from it, fewer when it
    leans against it; never so many that it would meet the other side.

    Parameters
    ----------
    spread_ticks
        From the best bid to the best ask [ticks].
    imbalance
        Of the book as the order sees it [-1, 1]: positive when most wait on the order's own side.
    wide
        Spread from which on it is worth it [ticks]; at least 2.
    share
        Of the free ticks in a balanced book [0, 1].

    """
    require(wide >= 2, "wide >= 2 [ticks]", wide)
    require(0.0 <= share <= 1.0, "0 <= share <= 1 [-]", share)
    if spread_ticks < wide or not -1.0 <= imbalance <= 1.0:
        return 0
    free = spread_ticks - 1
    return min(free, math.floor(free * share * (1.0 + imbalance)))
