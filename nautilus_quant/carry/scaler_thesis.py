"""What each position was entered for, and how much of it is paid."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from nautilus_quant.carry.capture import CaptureBook, CaptureChange, CaptureParams
from nautilus_quant.safety import stored

VERSION = 1


@dataclass(frozen=True, slots=True)
class Thesis:
    """
    What a position is held for.

    Parameters
    ----------
    ts
        When that was decided, UNIX time [ns].
    size
        Signed notional then [reporting currency].
    rates
        Mean rate of a payment over the holding time, by instrument [fraction].

    """

    ts: int
    size: float
    rates: Mapping[str, float]


class ThesisBook:
    """
    Compares what positions are paid with what they were entered for.

    A position that grows, or has been held for its time, is entered for what is expected then. While too
    little is paid it may keep what is captured of the size it had when that began, and nothing is added. One
    that is left meanwhile is not entered again before a holding time has passed.

    Parameters
    ----------
    params
        When too little is paid.
    growth
        By how much a position must grow to be held for something else [fraction].

    """

    def __init__(self, params: CaptureParams, growth: float = 0.1) -> None:
        self._growth = 1.0 + growth
        self.captures = CaptureBook(params)
        self._theses: dict[str, Thesis] = {}
        self._before: dict[str, float] = {}
        self._left: dict[str, int] = {}

    def thesis(self, pair: str) -> Thesis | None:
        """Return what a pair is held for."""
        return self._theses.get(pair)

    def follow(self, pair: str, thesis: Thesis, horizon: int) -> None:
        """Take what a pair is to be held for from now on; `horizon` is its holding time [ns]."""
        if not self.is_news(pair, thesis.size, thesis.ts, horizon):
            return
        if thesis.size == 0.0:
            left = self._left.setdefault(pair, thesis.ts) if pair in self._before else None
            if left is None or thesis.ts - left >= horizon:
                self.forget(pair)
            return
        self._left.pop(pair, None)
        self._theses[pair] = thesis

    def is_news(self, pair: str, size: float, ts: int, horizon: int) -> bool:
        """Tell whether a pair would be held for something else from now on; see `follow`."""
        before = self._theses.get(pair)
        if before is None:
            return size != 0.0
        return (
            size == 0.0
            or before.size * size < 0.0
            or abs(size) > abs(before.size) * self._growth
            or ts - before.ts >= horizon
            or pair in self._left
        )

    def paid(self, pair: str, instrument: str, notional: float, paid: float) -> CaptureChange | None:
        """
        Take one payment of one leg.

        Parameters
        ----------
        pair, instrument
            Whose.
        notional
            Of the leg at that time, signed [reporting currency].
        paid
            What came; received > 0 [reporting currency].

        """
        thesis = self._theses.get(pair)
        if thesis is None or instrument not in thesis.rates:
            return None
        change = self.captures.update(pair, paid, -notional * thesis.rates[instrument])
        if change is not None:
            if change.is_low:
                self._before[pair] = abs(notional)
            else:
                self._before.pop(pair, None)
        return change

    def room(self, pair: str) -> tuple[float, float] | None:
        """Return the size a pair had when too little began to be paid, and its share that may be kept [-]."""
        before = self._before.get(pair)
        return None if before is None else (before, self.captures.scale(pair))

    def rooms(self) -> Iterable[tuple[str, tuple[float, float]]]:
        """Return what `room` does of each pair that is paid too little: mostly none."""
        return [(pair, (before, self.captures.scale(pair))) for pair, before in self._before.items()]

    def forget(self, pair: str) -> None:
        """Drop a pair that is closed."""
        self._theses.pop(pair, None)
        self._before.pop(pair, None)
        self._left.pop(pair, None)
        self.captures.forget(pair)

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        return {
            "version": VERSION,
            "captures": self.captures.to_dict(),
            "theses": {name: [one.ts, one.size, dict(one.rates)] for name, one in self._theses.items()},
            "before": dict(self._before),
            "left": dict(self._left),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("theses of a carry", state, VERSION)
        theses = {
            str(name): Thesis(int(ts), float(size), {str(key): float(rate) for key, rate in rates.items()})
            for name, (ts, size, rates) in stored.mapping(state, "theses").items()
        }
        before = {str(name): float(size) for name, size in stored.mapping(state, "before").items()}
        left = {str(name): int(ts) for name, ts in stored.mapping(state, "left").items()}
        if not all(map(math.isfinite, (*before.values(), *(one.size for one in theses.values())))):
            raise stored.DamagedStateError(f"stored sizes must be finite, was {state!r:.200}")
        self.captures.restore(stored.mapping(state, "captures"))
        self._theses, self._before, self._left = theses, before, left
        return self
