"""The highest value inside a rolling time window, in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Self

from nautilus_quant.safety import stored

BUCKETS = 720  # per window: an hour in steps of 5 s, a day in steps of 2 min


class RollingMax:
    """
    Highest value in force during the last `window` nanoseconds.

    Values form a step function: each is in force from its own time until just before the next one. So a value
    that was replaced only inside the window still counts, and a gap in the data hides nothing: the last value
    known before the gap is compared with the first one after it.

    Time is cut into buckets, and a value expires with the bucket in which it was last in force. The window
    therefore looks back up to one bucket longer than asked, never shorter. Exactly: a value last in force at
    ``t`` counts at ``now`` while ``t // bucket >= (now - window) // bucket``.

    Time never runs backwards here: a stamp before the latest one is taken as the latest one, so that a clock
    which steps back makes the window longer, never shorter.

    Parameters
    ----------
    window
        Length of the window [ns].
    bucket
        Resolution [ns]; smaller is more exact and takes more memory, since at most ``window / bucket + 2``
        pairs are ever held. The window's 720th part if not given.

    Notes
    -----
    A monotonic queue: values fall from front to back, the front is the maximum, and a push removes what it
    makes irrelevant. O(1) amortised.

    """

    __slots__ = ("_last", "_now", "_queue", "_span", "bucket", "window")

    def __init__(self, window: int, bucket: int | None = None) -> None:
        bucket = max(1, window // BUCKETS) if bucket is None else bucket
        if not 0 < bucket <= window:
            raise ValueError(f"need 0 < bucket <= window [ns], was bucket={bucket}, window={window}")
        self.window = window
        self.bucket = bucket
        self._span = 0 if window % bucket else window // bucket
        self._queue: deque[tuple[int, float]] = deque()
        self._now = -1
        self._last = -math.inf

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def now(self) -> int:
        """Latest time seen [ns]; -1 before the first value."""
        return self._now

    @property
    def highest(self) -> float:
        """Highest value of the window as of the latest push; -inf before the first."""
        return self._queue[0][1] if self._queue else -math.inf

    def push(self, ts: int, value: float) -> float:
        """Put `value` in force at `ts` [ns] and return the highest value of the window that ends there."""
        queue, bucket = self._queue, self.bucket
        if ts > self._now:
            last = self._last
            if last > value:  # it was in force until now, and may outlast its own bucket
                until = (ts - 1) // bucket
                if queue[-1][1] == last:
                    queue[-1] = (until, last)  # what appending comes to, for nearly every value
                else:
                    self._append(until, last)
            self._now = ts
        else:
            ts = self._now
        index = ts // bucket
        # Most values lie below one of their own bucket, and change nothing.
        if not queue or queue[-1][1] <= value:
            self._append(index, value)
        elif queue[-1][0] < index:
            queue.append((index, value))
        self._last = value
        # Division of times this large is slow, and few windows are no multiple of their bucket.
        span = self._span
        oldest = index - span if span else (ts - self.window) // bucket
        while queue[0][0] < oldest:
            queue.popleft()
        return queue[0][1]

    def _append(self, index: int, value: float) -> None:
        queue = self._queue
        while queue and queue[-1][1] <= value:
            queue.pop()
        if not queue or queue[-1][0] < index:
            queue.append((index, value))

    def pass_over(self, until: int, steps: Iterable[tuple[int, float]]) -> None:
        """
        Take in values that were replaced before the next `push`, without asking what was highest.

        Parameters
        ----------
        until
            Last moment at which the latest pushed value was in force [ns].
        steps
            Last moment in force [ns] and value, in order of time; those of which no later one is as high
            suffice.

        """
        bucket = self.bucket
        if self._last > -math.inf:
            self._append(until // bucket, self._last)
        for end, value in steps:
            self._append(end // bucket, value)
        self._last = -math.inf  # how long each was in force is settled, the next push has nothing to add

    def restart(self, value: float) -> None:
        """Forget the past: the window now begins with `value`."""
        self._queue.clear()
        self._append(self._now // self.bucket, value)
        self._last = value

    def reset_clock(self, ts: int) -> None:
        """Take `ts` [ns] for now though later times were seen, because a person vouches for this one."""
        if ts < self._now and self._queue:
            highest = self.highest
            self._now = ts
            self._queue.clear()
            self._append(ts // self.bucket, highest)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able state, bounded like the window itself."""
        return {
            "window": self.window,
            "bucket": self.bucket,
            "now": self._now,
            "last": self._last if self._queue else None,
            "queue": [list(pair) for pair in self._queue],
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Restore what `to_dict` gave; ValueError when it is damaged."""
        self = cls(stored.moment(state, "window"), stored.moment(state, "bucket"))
        self._now = stored.moment(state, "now")
        last = stored.maybe_number(state, "last")
        self._last = -math.inf if last is None else last
        pairs = stored.field(state, "queue")
        if not isinstance(pairs, list) or not all(
            isinstance(pair, list) and len(pair) == 2 for pair in pairs
        ):
            raise stored.DamagedStateError(f"a stored window must be a list of pairs, was {pairs!r:.200}")
        for index, value in pairs:
            pair = {"bucket": index, "value": value}
            self._queue.append((stored.moment(pair, "bucket"), stored.number(pair, "value")))
        self._check()
        return self

    def _check(self) -> None:
        queue = self._queue
        falling = all(a[0] < b[0] and a[1] > b[1] for a, b in pairwise(queue))
        timely = not queue or queue[-1][0] <= self._now // self.bucket
        known = bool(queue) == (self._last > -math.inf)
        if not (falling and timely and known and len(queue) <= self.window // self.bucket + 2):
            raise stored.DamagedStateError(
                "a stored window must hold values that fall while their times rise up to now"
            )
