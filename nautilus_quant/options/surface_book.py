"""The surface of one underlying as time goes on: fitted anew, scored against its past, with alerts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.options.buckets import statistics
from nautilus_quant.options.surface import Surface
from nautilus_quant.options.surface_fit import SurfaceParams, fit_surface
from nautilus_quant.options.zscores import Crossing, Ladder, RollingScores, ScoreParams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.options.chain import Chain

VERSION = 1


class SurfaceBook:
    """
    Follows the surface of an underlying.

    Parameters
    ----------
    params
        How it is fitted.
    scores
        What its figures are scored against.
    bounds
        Scores at which an alert is due [standard deviations].

    Examples
    --------
    ``surface = book.update(chain)``; then `statistics`, `scores` and `crossings` are those of this surface.

    """

    def __init__(
        self,
        params: SurfaceParams | None = None,
        scores: ScoreParams | None = None,
        bounds: Sequence[float] = (2.0, 3.0),
    ) -> None:
        self.params = params or SurfaceParams()
        self.surface: Surface | None = None
        """The latest that has a slice; the next fit starts there."""
        self.statistics: Mapping[str, float] = {}
        """Figures of the latest surface, see `nautilus_quant.options.buckets.statistics`."""
        self.scores: Mapping[str, float] = {}
        """How unusual each is [standard deviations]."""
        self.crossings: list[Crossing] = []
        """Scores that crossed a bound with the latest surface."""
        self._past = RollingScores(scores)
        self._ladder = Ladder(bounds)

    def update(self, chain: Chain) -> Surface:
        """Fit the surface of a chain, and take it."""
        return self.take(fit_surface(chain, self.params, self.surface))

    def take(self, surface: Surface) -> Surface:
        """Score a surface that was fitted elsewhere, or in the past."""
        if surface.slices:
            self.surface = surface
        self.statistics = statistics(surface)
        self.scores = self._past.update(surface.ts, self.statistics)
        self.crossings = self._ladder.update(self.scores)
        return surface

    @property
    def levels(self) -> dict[str, int]:
        """How many bounds each figure is over that is over any."""
        return self._ladder.levels

    @property
    def depth(self) -> dict[str, int]:
        """How long the past of each figure is [figures]."""
        return self._past.depth

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "version": VERSION,
            "surface": None if self.surface is None else self.surface.to_dict(),
            "past": self._past.to_dict(),
            "levels": self._ladder.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave.

        Raises
        ------
        ValueError
            If another version wrote it.

        """
        if state.get("version") != VERSION:
            raise ValueError(f"a stored surface must have version {VERSION}, was {state.get('version')!r}")
        surface = state["surface"]
        self.surface = None if surface is None else Surface.from_dict(surface)
        self._past.restore(state["past"])
        self._ladder.restore(state["levels"])
        return self
