"""How liquid a market is, from 0 to 100, and the class that follows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from nautilus_quant.signals.sequence import require


class LiquidityClass(StrEnum):
    """Classes of liquidity, and what to think of an order."""

    DEEP = "DEEP"  # trade at ease
    NORMAL = "NORMAL"  # usual
    THIN = "THIN"  # small orders only
    DRY = "DRY"  # open nothing
    UNKNOWN = "UNKNOWN"  # no book to judge: the same


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreParams:
    """
    What counts as liquid; currency amounts are in the reporting currency.

    Parameters
    ----------
    tight_spread, wide_spread
        Spreads that are worth all points and none [fraction].
    deep_depth, dry_depth
        Worth of ten levels of the thinner side that is worth all points and none [currency].
    deep_volume, dry_volume
        Volume of 15 minutes that is worth all points and none [currency].
    deep, normal, thin
        Scores from which on a market is DEEP, NORMAL or THIN; below, it is DRY [points].
    margin
        Points beyond a bound that change the class; more changes it less often.

    """

    tight_spread: float = 0.0001
    wide_spread: float = 0.005
    deep_depth: float = 1_000_000.0
    dry_depth: float = 5_000.0
    deep_volume: float = 20_000_000.0
    dry_volume: float = 50_000.0
    deep: float = 75.0
    normal: float = 45.0
    thin: float = 15.0
    margin: float = 4.0

    def __post_init__(self) -> None:
        require(
            0.0 < self.tight_spread < self.wide_spread < 1.0,
            "0 < tight_spread < wide_spread < 1 [fraction]",
            (self.tight_spread, self.wide_spread),
        )
        for name in ("depth", "volume"):
            dry, deep = getattr(self, f"dry_{name}"), getattr(self, f"deep_{name}")
            require(
                0.0 < dry < deep < math.inf, f"0 < dry_{name} < deep_{name} < inf [currency]", (dry, deep)
            )
        require(0.0 <= self.margin < 50.0, "0 <= margin < 50 [points]", self.margin)
        require(
            self.margin < self.thin < self.normal < self.deep < 100.0 - self.margin,
            "margin < thin < normal < deep < 100 - margin [points]",
            (self.margin, self.thin, self.normal, self.deep),
        )


def part(value: float, worst: float, best: float) -> float:
    """Return where a value lies between the worst and the best, by ratio [0, 1]; 0 for what is no number."""
    if not value > 0.0:
        return 0.0
    return max(0.0, min(1.0, math.log(value / worst) / math.log(best / worst)))


def score(spread: float, depth: float, volume: float | None, params: ScoreParams) -> float:
    """
    Return the liquidity of a market [0 to 100 points].

    ``100·(0.4·spread + 0.4·depth + 0.2·volume)`` of the three parts, each of which goes from 0 to 1 with the
    logarithm of its value between the bounds of `params`. Without volume the other two make up all.

    Parameters
    ----------
    spread
        Between the best prices [fraction].
    depth
        Worth of ten levels of the thinner side [reporting currency].
    volume
        Of 15 minutes [reporting currency]; ``None`` where nobody hears trades.
    params
        The bounds.

    """
    tightness = part(spread, params.wide_spread, params.tight_spread)
    deepness = part(depth, params.dry_depth, params.deep_depth)
    if volume is None:
        return 50.0 * (tightness + deepness)
    busyness = part(volume, params.dry_volume, params.deep_volume)
    return 100.0 * (0.4 * tightness + 0.4 * deepness + 0.2 * busyness)


def classify(points: float, before: LiquidityClass, params: ScoreParams) -> LiquidityClass:
    """
    Return the class of a score, which must pass a bound by the margin to change it.

    Parameters
    ----------
    points
        The score; what is no number is UNKNOWN.
    before
        Class until now; after UNKNOWN there is no margin.
    params
        Bounds and margin.

    """
    if math.isnan(points):
        return LiquidityClass.UNKNOWN
    found = _plain(points, params)
    if before in (LiquidityClass.UNKNOWN, found):
        return found
    # Rising takes more than the bound, falling less: the class of before is held in between.
    if _ORDER.index(found) > _ORDER.index(before):
        return max(before, _plain(points - params.margin, params), key=_ORDER.index)
    return min(before, _plain(points + params.margin, params), key=_ORDER.index)


def _plain(points: float, params: ScoreParams) -> LiquidityClass:
    if points >= params.deep:
        return LiquidityClass.DEEP
    if points >= params.normal:
        return LiquidityClass.NORMAL
    return LiquidityClass.THIN if points >= params.thin else LiquidityClass.DRY


_ORDER = (LiquidityClass.DRY, LiquidityClass.THIN, LiquidityClass.NORMAL, LiquidityClass.DEEP)
