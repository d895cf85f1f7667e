"""Evaluations as one course of time for each market, whatever runs they come from."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_quant.learning.record import Evaluation


def by_market(evaluations: Iterable[Evaluation]) -> dict[str, list[Evaluation]]:
    """
    Sort evaluations by market.

    A run that starts before the end of what is there already goes through that time again, as a repeated
    backtest does: what it goes through again is dropped. Two evaluations at one time, of the clock and of a
    regime, become one.
    """
    found: dict[str, list[Evaluation]] = defaultdict(list)
    for item in evaluations:
        items = found[item.market]
        while item.trigger == "start" and items and item.ts <= items[-1].ts:
            items.pop()
        if items and items[-1].ts == item.ts:
            items[-1] = _as_one(items[-1], item)
        else:
            items.append(item)
    return dict(found)


def _as_one(first: Evaluation, second: Evaluation) -> Evaluation:
    """Keep what was earned before the first and chosen at the second, and add up what both cost."""
    places = [first.arms.index(arm) if arm in first.arms else None for arm in second.arms]

    def both(before: tuple[float, ...], after: tuple[float, ...]) -> tuple[float, ...]:
        earlier = [math.nan if at is None else before[at] for at in places]
        return tuple(_sum(*pair) for pair in zip(earlier, after, strict=True))

    return replace(
        second,
        returns=both(first.returns, second.returns),
        rewards=both(first.rewards, second.rewards),  # no time has passed at the second, and it has none
        cost=first.cost + second.cost,
    )


def _sum(first: float, second: float) -> float:
    """Add what is known; NaN when nothing is."""
    known = [value for value in (first, second) if math.isfinite(value)]
    return sum(known) if known else math.nan
