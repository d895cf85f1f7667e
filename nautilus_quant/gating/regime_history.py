"""One instrument's regime, with history that may come late and silence that counts as not knowing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from nautilus_quant.gating.regime import Regime, RegimeClassifier, RegimeParams

if TYPE_CHECKING:
    from collections.abc import Mapping


_WARMING_UP = Regime.WARMING_UP


class BarValues(NamedTuple):
    """
    One closed bar, as plain numbers.

    Parameters
    ----------
    ts
        When it closed, UNIX time [ns].
    open, high, low, close
        Prices [quote currency].

    """

    ts: int
    open: float
    high: float
    low: float
    close: float


type Bar = tuple[int, float, float, float, float]
"""The same without names, which are slow to make for every bar."""


class InstrumentRegime:
    """
    A classifier which also takes history out of order while it warms up.

    A live feed often brings its first bar before the history that was asked for arrives. Until the first
    regime is told, bars are kept (at most about two slow half-lives of them), and when older ones come in,
    the classifier is run again over all of them in order.

    Parameters
    ----------
    bar_type
        The only kind of bars listened to, so that two strategies on bars of different lengths do not mix.
    params
        Of the classifier.
    interval
        Length of a bar [ns]; 0 for bars which do not come by the clock.

    """

    __slots__ = (
        "_classifier",
        "_interval",
        "_kept",
        "_late",
        "_limit",
        "_params",
        "_pause",
        "bar_type",
        "steady",
        "told",
    )

    def __init__(self, bar_type: str, params: RegimeParams | None = None, interval: int = 0) -> None:
        self.bar_type = bar_type
        self.told: Regime | None = None
        """The regime last told to others; set by whoever tells."""
        self._params = params or RegimeParams()
        self._interval = interval
        self._classifier = RegimeClassifier(self._params, interval)
        self._pause = (self._params.max_gap + 1) * interval / 1e9
        self._limit = max(self._params.warm_up, math.ceil(2.0 * self._params.slow_half_life))
        self._kept: dict[int, Bar] = {}
        self._late = False
        self.steady: RegimeClassifier | None = None
        """
        The classifier itself while it may be asked in place of `update`, as it nearly always may: nothing is
        kept, and nothing came late. When it says WARMING_UP, `waver` must be told.
        """

    @property
    def heard(self) -> int:
        """When the last bar came in, by the receiver's clock, UNIX time [ns]."""
        return self._classifier.heard

    def update(self, bar: Bar, heard: int) -> Regime:
        """Take a bar that just closed, received at `heard` [ns]; give the regime."""
        if self._late:
            self._settle()
        classifier = self._classifier
        before = classifier.ts
        regime = classifier.update(*bar, heard)
        if regime is _WARMING_UP or self._kept:  # past the first warm-up nothing is kept any more
            self._remember(bar, before)
        self.steady = None if regime is _WARMING_UP or self._kept else classifier
        return regime

    def waver(self, bar: Bar) -> None:
        """Go on by `update` after a bar with which `steady` said WARMING_UP."""
        self.steady = None
        self._remember(bar, self._classifier.ts)

    def add_history(self, bar: Bar) -> None:
        """Take a bar of the past; older than the newest one it counts only during the first warm-up."""
        self.steady = None
        if bar[0] > self._classifier.ts:
            self._settle()
            self._classifier.heard = max(self.heard, bar[0])
            self._take(bar)
        elif self._classifier.starting and bar[0] not in self._kept:
            self._keep(bar)
            self._late = True

    def _take(self, bar: Bar) -> None:
        before = self._classifier.ts
        self._classifier.update(*bar)
        self._remember(bar, before)

    def _remember(self, bar: Bar, before: int) -> None:
        if self._classifier.ts < before:
            self._kept.clear()  # time began anew
        if not self._classifier.starting:
            self._kept.clear()
        elif bar[0] == self._classifier.ts:
            self._keep(bar)

    def _keep(self, bar: Bar) -> None:
        self._kept[bar[0]] = bar
        if len(self._kept) > 2 * self._limit:
            newest = sorted(self._kept.values())[-self._limit :]
            self._kept = {kept[0]: kept for kept in newest}

    def _settle(self) -> None:
        """Run the classifier again when older bars came in since the last look."""
        if not self._late:
            return
        self._late = False
        bars = sorted(self._kept.values())
        self._kept.clear()
        heard = self.heard
        self._classifier = RegimeClassifier(self._params, self._interval)
        self._classifier.heard = heard
        for bar in bars:
            self._take(bar)

    @property
    def classifier(self) -> RegimeClassifier:
        """The classifier, up to date with all that came in."""
        if self._late:
            self._settle()
        return self._classifier

    def age(self, now: int) -> float:
        """Return the time since the last bar came in [s]; infinite before the first."""
        return (now - self.heard) / 1e9 if self.heard else math.inf

    def longest_silence(self, least: float) -> float:
        """Return how old the last bar may be before the regime is unknown [s]; never below `least`."""
        return max(least, self._pause)

    def memory(self, least: float) -> float:
        """Return the age of the last bar from which on a saved state is worth nothing [s]: a warm-up."""
        return max(least, self._params.warm_up * self._interval / 1e9)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `from_dict` needs; bars kept for late history are not part of it."""
        return {
            "bar_type": self.bar_type,
            "interval": self._interval,
            "heard": self.heard,
            "classifier": self.classifier.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], params: RegimeParams | None = None) -> Self:
        """Go on from what `to_dict` gave; the next bar's time tells how much was missed."""
        made = cls(str(state["bar_type"]), params, int(state["interval"]))
        made._classifier = RegimeClassifier.from_dict(state["classifier"], made._params, made._interval)
        made._classifier.heard = int(state["heard"])
        return made
