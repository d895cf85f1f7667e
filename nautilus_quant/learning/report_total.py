"""All markets together, each with the same capital."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.learning.paired import Paired, compare
from nautilus_quant.learning.track import Curves, Summary, Track

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.policy import Floats


class Together(NamedTuple):
    """
    What all markets have earned together.

    Parameters
    ----------
    curves
        Averages over the markets, one value per bucket of time as long as between two evaluations of the
        market that is evaluated least often; before its first evaluation a market earns nothing. The best
        and the last arm are those of each market.
    summary, regimes
        Averages over the markets, in all and by regime; switches are added up.
    paired
        Selector minus equal weight, per bucket: markets move together, so their evaluations at about the
        same time are one piece of evidence.

    """

    curves: Curves
    summary: Summary
    regimes: dict[str, Summary]
    paired: Paired


def together(tracks: Mapping[str, Track]) -> Together:
    """
    Average over markets.

    Parameters
    ----------
    tracks
        By market; one or more.

    """
    curves = average([track.curves() for track in tracks.values()])
    regimes: dict[str, list[Summary]] = defaultdict(list)
    for track in tracks.values():
        for name, item in track.by_regime().items():
            regimes[name].append(item)
    return Together(
        curves=curves,
        summary=_mean([track.summary() for track in tracks.values()], len(tracks)),
        regimes={name: _mean(items, len(tracks)) for name, items in regimes.items()},
        paired=compare(curves.selector - curves.equal),
    )


def average(markets: Sequence[Curves]) -> Curves:
    """Return the average of the markets' returns per bucket of time, stamped with the last time in it."""
    ts = np.concatenate([curves.ts for curves in markets])
    width = max((int(np.median(np.diff(curves.ts))) for curves in markets if len(curves.ts) > 1), default=1)
    # A stamp at the end of an interval closes the bucket it ends.
    _, bucket = np.unique(-(-ts // width), return_inverse=True)
    last = np.zeros(bucket.max() + 1 if len(ts) else 0, dtype=np.int64)
    np.maximum.at(last, bucket, ts)

    def column(name: str) -> Floats:
        values = np.concatenate([getattr(curves, name) for curves in markets])
        return np.bincount(bucket, weights=values, minlength=len(last)) / len(markets)

    return Curves(last, column("selector"), column("equal"), column("best"), column("last"))


def _mean(items: Sequence[Summary], count: int) -> Summary:
    """Average over `count` markets; those not among the items have nothing to add."""
    return Summary(
        days=sum(item.days for item in items) / count,
        selector=sum(item.selector for item in items) / count,
        equal=sum(item.equal for item in items) / count,
        best=sum(item.best for item in items) / count,
        last=sum(item.last for item in items) / count,
        best_arm=items[0].best_arm if count == 1 and items else "",
        costs=sum(item.costs for item in items) / count,
        switches=sum(item.switches for item in items),
        churn=sum(item.churn for item in items) / count,
        shares=_mean_shares(items),
    )


def _mean_shares(items: Sequence[Summary]) -> dict[str, float]:
    days = sum(item.days for item in items)
    shares: dict[str, float] = defaultdict(float)
    for item in items:
        for arm, share in item.shares.items():
            shares[arm] += share * item.days / days if days else 0.0
    return dict(shares)
