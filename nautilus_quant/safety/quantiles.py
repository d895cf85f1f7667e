"""Median and spread of a stream in bounded memory: the P² algorithm, and a baseline that follows drift."""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

_MARKERS = 5
_HALF = 0.5


class P2Quantile:
    """
    One quantile of a stream by five markers, without keeping the stream.

    Up to five values it is exact, between them by straight line as numpy does; from then on it is the middle
    marker, which is moved along a parabola through its neighbours.

    Parameters
    ----------
    p
        Which quantile, inside (0, 1) [-]; 0.5 is the median.

    Raises
    ------
    ValueError
        If `p` is not inside (0, 1).

    References
    ----------
    R. Jain, I. Chlamtac (1985): The P² algorithm for dynamic calculation of quantiles and histograms without
    storing observations. Communications of the ACM 28 (10), 1076-1085.

    """

    __slots__ = ("_heights", "_places", "count", "p")

    def __init__(self, p: float = 0.5) -> None:
        require(0.0 < p < 1.0, "0 < p < 1 [-]", p)
        self.p = p
        self.count = 0
        """Values seen."""
        self._heights: list[float] = []
        self._places = [1, 2, 3, 4, 5]

    @property
    def value(self) -> float:
        """The quantile; NaN before the first value."""
        heights = self._heights
        if self.count > _MARKERS:
            return heights[2]
        if not heights:
            return math.nan
        place = self.p * (len(heights) - 1)
        low = int(place)
        high = min(low + 1, len(heights) - 1)
        return heights[low] + (place - low) * (heights[high] - heights[low])

    @property
    def first(self) -> tuple[float, ...]:
        """The first values in ascending order, while there are no more than five."""
        return tuple(self._heights) if self.count <= _MARKERS else ()

    @property
    def steady(self) -> float:
        """The one value that all were; NaN when they differ, or are less than five, or this is no median."""
        heights = self._heights
        steady = self.count >= _MARKERS and heights[0] == heights[4] and self.p == _HALF
        return heights[0] if steady else math.nan

    def update(self, x: float) -> None:
        """Take a finite value."""
        self.count = count = self.count + 1
        if count <= _MARKERS:
            insort(self._heights, x)
            return
        q = self._heights
        if q[0] == q[4] and self._is_steady(x):
            return
        n = self._places
        # Counted below the markers above it; the outer ones follow what lies beyond them.
        n[4] = count
        if x < q[3]:
            n[3] += 1
            if x < q[2]:
                n[2] += 1
                if x < q[1]:
                    n[1] += 1
                    q[0] = min(q[0], x)
        elif x > q[4]:
            q[4] = x
        # Where each marker should stand now, less where it does.
        p, more = self.p, count - 1
        gap = 1.0 + more * p / 2.0 - n[1]
        if gap >= 1.0 or gap <= -1.0:
            self._adjust(1, gap)
        gap = 1.0 + more * p - n[2]
        if gap >= 1.0 or gap <= -1.0:
            self._adjust(2, gap)
        gap = 1.0 + more * (1.0 + p) / 2.0 - n[3]
        if gap >= 1.0 or gap <= -1.0:
            self._adjust(3, gap)

    def _is_steady(self, x: float) -> bool:
        """Tell whether all values are the same still: where the markers of a median are is then known."""
        if self.p != _HALF:
            return False
        if x == self._heights[0]:
            return True
        self._places = list(_steady(self.count - 1))
        return False

    def _adjust(self, i: int, gap: float) -> None:
        q, n = self._heights, self._places
        step = 1 if gap > 0.0 else -1
        if (n[i + step] - n[i]) * step <= 1:
            return
        if q[i - 1] == q[i + 1]:  # all between them is the same: nothing to work out
            n[i] += step
            return
        below, above = n[i] - n[i - 1], n[i + 1] - n[i]
        # Box 1 of the paper: the parabola through three markers, and the line where it leaves their order.
        curved = q[i] + step / (n[i + 1] - n[i - 1]) * (
            (below + step) * (q[i + 1] - q[i]) / above + (above - step) * (q[i] - q[i - 1]) / below
        )
        if not q[i - 1] < curved < q[i + 1]:
            curved = q[i] + step * (q[i + step] - q[i]) / (n[i + step] - n[i])
        q[i] = curved
        n[i] += step

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        heights, places = self._heights, self._places
        if self.count > _MARKERS and heights[0] == heights[4] and self.p == _HALF:
            places = list(_steady(self.count))
        return {"count": self.count, "heights": list(heights), "places": list(places)}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave.

        Raises
        ------
        DamagedStateError
            When it is not what was written; nothing is taken over then.

        """
        count = stored.moment(state, "count")
        heights = _numbers(state, "heights", min(count, _MARKERS))
        places = [round(place) for place in _numbers(state, "places", _MARKERS)]
        if count < 0 or heights != sorted(heights) or places != sorted(set(places)) or places[0] != 1:
            raise stored.DamagedStateError(f"stored markers must ascend, was {state!r:.200}")
        if places[4] != max(count, _MARKERS):
            raise stored.DamagedStateError(f"the last marker must stand at the count, was {state!r:.200}")
        self.count, self._heights, self._places = count, heights, places
        return self


@lru_cache(maxsize=1024)
def _steady(count: int) -> tuple[int, ...]:
    """Return where the markers of a median are after as many equal values."""
    places = [*range(1, _MARKERS + 1)]
    for more in range(_MARKERS, count):
        places[4] = more + 1
        for i in (1, 2, 3):
            if 1.0 + i * more / 4.0 - places[i] >= 1.0 and places[i + 1] - places[i] > 1:
                places[i] += 1
    return tuple(places)


class _Generation:
    """Median and median absolute deviation of all values since it began."""

    __slots__ = ("deviation", "median")

    def __init__(self) -> None:
        self.median = P2Quantile(0.5)
        self.deviation = P2Quantile(0.5)

    @property
    def count(self) -> int:
        return self.median.count

    @property
    def steady(self) -> float:
        return self.median.steady

    def repeat(self, times: int) -> None:
        """Take what all values were so many times more."""
        self.median.count += times
        self.deviation.count += times

    def update(self, x: float) -> None:
        median, deviation = self.median, self.deviation
        median.update(x)
        if median.count > _MARKERS:
            deviation.update(abs(x - median.value))
        elif median.count == _MARKERS:
            # Deviations from a median of one or two values would say nothing of the spread.
            middle = median.value
            for value in median.first:
                deviation.update(abs(value - middle))

    def to_dict(self) -> dict[str, Any]:
        return {"median": self.median.to_dict(), "deviation": self.deviation.to_dict()}

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> _Generation:
        made = cls()
        made.median.restore(stored.mapping(state, "median"))
        made.deviation.restore(stored.mapping(state, "deviation"))
        count = made.median.count
        if made.deviation.count != (count if count >= _MARKERS else 0):
            raise stored.DamagedStateError(f"every value has a deviation, was {state!r:.200}")
        return made


class RobustBaseline:
    """
    What is usual: median and median absolute deviation of the last values, in constant memory.

    Two generations run beside each other. The elder answers; when it is ``2 × window`` values old it goes,
    and the younger, which began ``window`` values ago, takes its place. So the answer rests on the last
    ``window`` to ``2 × window`` values, and what was before is forgotten.

    Values millions of deviations away pull the markers beside them: clip those before.

    Parameters
    ----------
    window
        Values after which a new generation begins, at least 5. Less follows drift sooner, with more noise.

    Raises
    ------
    ValueError
        If `window` is less than 5.

    """

    __slots__ = ("_elder", "_younger", "window")

    def __init__(self, window: int = 200) -> None:
        require(window >= _MARKERS, f"window >= {_MARKERS} [values]", window)
        self.window = window
        self._elder = _Generation()
        self._younger: _Generation | None = None

    @property
    def count(self) -> int:
        """How many values the answer rests on."""
        return self._elder.count

    @property
    def median(self) -> float:
        """Median; NaN before the first value."""
        return self._elder.median.value

    @property
    def mad(self) -> float:
        """Median absolute deviation from the median, not scaled; NaN before the fifth value."""
        return self._elder.deviation.value

    @property
    def steady(self) -> float:
        """The one value that all were the answer rests on; NaN when they differ, or are less than five."""
        return self._elder.steady

    def read(self) -> tuple[int, float, float]:
        """Return `count`, `median` and `mad` at once."""
        elder = self._elder
        median = elder.median
        return median.count, median.value, elder.deviation.value

    def update(self, x: float) -> None:
        """Take a finite value."""
        elder, younger = self._elder, self._younger
        if younger is None and elder.median.count >= self.window:
            younger = self._younger = _Generation()
        elder.update(x)
        if younger is not None:
            younger.update(x)
            if younger.median.count >= self.window:
                self._elder, self._younger = younger, None

    def repeat(self, times: int) -> None:
        """
        Take the value that is `steady` so many times more: what `update` does, at once.

        Raises
        ------
        ValueError
            If the values differ.

        """
        x, window = self.steady, self.window
        require(x == x, "values that are all the same", x)  # noqa: PLR0124 (what is not equal to itself is NaN)
        while times:
            elder, younger = self._elder, self._younger
            first = elder if younger is None else younger
            more = min(times, window - first.count - 1)
            if first.count <= _MARKERS or more < 1:  # one that begins, or takes another's place
                self.update(x)
                times -= 1
                continue
            for generation in {elder, first}:
                generation.repeat(more)
            times -= more

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; the window belongs to the config."""
        younger = None if self._younger is None else self._younger.to_dict()
        return {"elder": self._elder.to_dict(), "younger": younger}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave, under the window of now.

        Raises
        ------
        DamagedStateError
            When it is not what was written; nothing is taken over then.

        """
        elder = _Generation.of(stored.mapping(state, "elder"))
        younger = stored.field(state, "younger")
        self._younger = None if younger is None else _Generation.of(younger)
        self._elder = elder
        return self


def _numbers(state: Mapping[str, Any], key: str, count: int) -> list[float]:
    found = stored.field(state, key)
    if not isinstance(found, list) or len(found) != count:
        raise stored.DamagedStateError(f"stored {key!r} must be {count} numbers, was {found!r:.200}")
    return [stored.number({key: value}, key) for value in found]
