"""What the charts of the arms show, as arrays, thinned to what a screen can hold."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.learning.track import leader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_quant.learning.policy import Floats
    from nautilus_quant.learning.record import Evaluation

type Ints = NDArray[np.int64]


class Weights(NamedTuple):
    """
    Weights and regimes over time, each in force from its time to the next.

    Parameters
    ----------
    ts
        UNIX time [ns]; shape (n,).
    arms
        Names, one for each column of the weights.
    shares
        Of the market's budget; where thinned, the average over the time; shape (n, arms) [-].
    names
        Of the regimes.
    regimes
        Number of the regime in force, where thinned for the longest time; shape (n,).
    switches
        Changes of the arm with the largest weight so far; shape (n,).

    """

    ts: Ints
    arms: tuple[str, ...]
    shares: Floats
    names: tuple[str, ...]
    regimes: Ints
    switches: Ints


def weights_of(items: Sequence[Evaluation]) -> Weights:
    """Arrange the choices of one market; a record that is not later than the one before is passed over."""
    kept = _forward(items)
    arms = tuple(dict.fromkeys(arm for item in kept for arm in item.arms))
    names = tuple(dict.fromkeys(item.regime for item in kept))
    place = {arm: at for at, arm in enumerate(arms)}
    number = {name: at for at, name in enumerate(names)}
    shares = np.zeros((len(kept), len(arms)))
    leaders: list[str] = []
    for at, item in enumerate(kept):
        for arm, weight in zip(item.arms, item.weights, strict=True):
            shares[at, place[arm]] = weight
        leaders.append(leader(dict(zip(item.arms, item.weights, strict=True))))
    changed = [False, *(now != before for before, now in pairwise(leaders))]
    return Weights(
        ts=np.array([item.ts for item in kept], dtype=np.int64),
        arms=arms,
        shares=np.nan_to_num(shares),
        names=names,
        regimes=np.array([number[item.regime] for item in kept], dtype=np.int64),
        switches=np.cumsum(changed[: len(kept)], dtype=np.int64),
    )


def thinned(weights: Weights, limit: int) -> Weights:
    """
    Average weights over at most `limit` stretches with the same number of evaluations.

    Raises
    ------
    ValueError
        If `limit` is less than 1.

    """
    if limit < 1:
        raise ValueError(f"need a limit >= 1 [points], was {limit}")
    count = len(weights.ts)
    if count <= limit:
        return weights
    starts = _starts(count, limit)
    # What is chosen last has no end yet; a nanosecond keeps its stretch from having no length at all.
    lasting = np.diff(weights.ts, append=weights.ts[-1] + 1).astype(float)
    total = np.add.reduceat(lasting, starts)
    shares = np.add.reduceat(weights.shares * lasting[:, None], starts) / total[:, None]
    times = [np.add.reduceat(lasting * (weights.regimes == at), starts) for at in range(len(weights.names))]
    return weights._replace(
        ts=weights.ts[starts],
        shares=shares,
        regimes=np.argmax(times, axis=0),
        switches=weights.switches[starts],
    )


def extremes(values: Floats, limit: int) -> Ints:
    """
    Choose what to draw of a long curve: of each stretch its first, lowest, highest and last value.

    Jugel et al., "M4: a visualization-oriented time series data aggregation", VLDB 7 (2014): drawn as a line,
    it looks the same as all values as long as a stretch is not wider than a pixel.

    Parameters
    ----------
    values
        The curve; shape (n,).
    limit
        Most values to keep; 4 or more.

    Returns
    -------
    Ints
        Their positions in order, the first and the last of all among them.

    """
    if limit < 4:
        raise ValueError(f"need a limit >= 4 [points], was {limit}")
    count = len(values)
    if count <= limit:
        return np.arange(count)
    starts = _starts(count, limit // 4)
    ends = np.append(starts[1:], count)
    inner = [
        (start + int(np.argmin(values[start:end])), start + int(np.argmax(values[start:end])))
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return np.unique(np.concatenate([starts, ends - 1, np.array(inner).ravel()]))


def _starts(count: int, stretches: int) -> Ints:
    """Return where each of so many stretches of nearly equal length begins."""
    return (np.arange(stretches, dtype=np.int64) * count) // stretches


def _forward(items: Sequence[Evaluation]) -> list[Evaluation]:
    kept: list[Evaluation] = []
    for item in items:
        if not kept or item.ts > kept[-1].ts:
            kept.append(item)
    return kept
