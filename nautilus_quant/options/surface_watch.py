"""What a person should be told of a surface and of the vega held in it, once for each change."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from nautilus_quant.options.zscores import Crossing, Ladder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.options.surface import Surface
    from nautilus_quant.options.surface_book import SurfaceBook

SEVERITIES: Final = ("INFO", "WARNING", "CRITICAL")
_WORDS: Final = {
    "atm": "volatility at the money",
    "rr25": "25-delta risk reversal",
    "bf25": "25-delta butterfly",
    "step": "step from the bucket before",
}
_CALENDAR, _BUTTERFLY, _VEGA, _FIT, _GREEKS = "calendar", "butterfly", "vega", "fit", "greeks"


class Note(NamedTuple):
    """
    Something to tell.

    Parameters
    ----------
    about
        What it is about, e.g. ``"BTC|atm|7-14"``; the next note about the same supersedes it.
    severity
        ``INFO`` (it is over), ``WARNING`` or ``CRITICAL``.
    text
        In words.
    numbers
        What it was read from.

    """

    about: str
    severity: str
    text: str
    numbers: Mapping[str, float]


class SurfaceWatch:
    """
    Tells of one underlying what is unusual, what could be arbitraged, and how far vega has drifted.

    Parameters
    ----------
    underlying
        E.g. ``"BTC"``.
    vega_bounds
        Distances of the net vega from its target at which to warn, and further ones [reporting currency per
        vol point].
    vega_target
        Net vega that is wanted [reporting currency per vol point].
    arbitrage_bounds
        Lack of volatility of a later expiry against an earlier one, or size of a negative g(k) over ten, from
        which on to tell [vol]: below the spread nobody can trade it.

    """

    def __init__(
        self,
        underlying: str,
        vega_bounds: Sequence[float] = (5_000.0, 10_000.0),
        vega_target: float = 0.0,
        arbitrage_bounds: Sequence[float] = (0.005, 0.02),
    ) -> None:
        self._underlying = underlying
        self._vega = Ladder(vega_bounds)
        self._target = vega_target
        self._arbitrage = Ladder(arbitrage_bounds, back=0.5)
        self._fitted = self._agree = True

    def tell(self, surface: Surface, book: SurfaceBook) -> list[Note]:
        """Return what is new with a surface that the book has just taken."""
        notes = self._tell_fit(surface)
        depth = book.depth
        notes += [self._tell_score(crossing, book, depth) for crossing in book.crossings]
        if surface.slices:
            notes += [self._tell_arbitrage(c, surface) for c in self._arbitrage.update(_worst(surface))]
        return notes

    def tell_vega(self, vega: float) -> list[Note]:
        """Return what is new with the net vega [reporting currency per vol point]; NaN says nothing."""
        return [self._tell_vega(crossing) for crossing in self._vega.update({_VEGA: vega - self._target})]

    def tell_greeks(self, doubted: Mapping[str, str], checked: int) -> list[Note]:
        """
        Return what is new with the venue's greeks: told when most of those looked at cannot be right.

        Parameters
        ----------
        doubted
            What is wrong, by the name of the option.
        checked
            How many were looked at; nothing is said of none.

        """
        agree = 2 * len(doubted) <= checked
        if not checked or agree is self._agree:
            return []
        self._agree = agree
        numbers = {"doubted": float(len(doubted)), "checked": float(checked)}
        if agree:
            return [self._note(_GREEKS, "INFO", "the venue's greeks are as computed here again", numbers)]
        name, why = next(iter(doubted.items()))
        text = f"{len(doubted)} of {checked} greeks of the venue cannot be right, e.g. of {name}: {why}"
        return [self._note(_GREEKS, "WARNING", text, numbers)]

    # -- in words ------------------------------------------------------------------------------------

    def _tell_fit(self, surface: Surface) -> list[Note]:
        fitted = bool(surface.slices)
        if fitted is self._fitted:
            return []
        self._fitted = fitted
        counts = {name: float(count) for name, count in surface.rejected.items()}
        if fitted:
            return [self._note(_FIT, "INFO", "the surface is fitted again", counts)]
        why = ", ".join(f"{count:.0f} {name.replace('_', ' ')}" for name, count in counts.items())
        text = f"no surface: no expiry has enough good quotes ({why or 'there are none'})"
        return [self._note(_FIT, "WARNING", text, counts)]

    def _tell_score(self, crossing: Crossing, book: SurfaceBook, depth: Mapping[str, int]) -> Note:
        kind, _, bucket = crossing.name.partition("|")
        value = book.statistics[crossing.name]
        text = (
            f"{_WORDS[kind]} of {bucket} days is {100.0 * value:.2f} vol points, "
            f"{abs(crossing.value):.1f} standard deviations {_side(crossing)} its last "
            f"{depth[crossing.name]} values; {_bound(crossing)}"
        )
        numbers = {"value": value, "score": crossing.value, "bound": crossing.bound}
        return self._note(crossing.name, SEVERITIES[min(crossing.level, 2)], text, numbers)

    def _tell_arbitrage(self, crossing: Crossing, surface: Surface) -> Note:
        numbers = {"size": crossing.value, "bound": crossing.bound}
        severity = SEVERITIES[min(crossing.level, 1)]
        if crossing.name == _CALENDAR:
            slice_ = max(surface.slices, key=lambda one: one.calendar.vol)
            at, places = slice_.calendar.at, slice_.calendar.places
            text = f"{100.0 * slice_.calendar.vol:.2f} vol points below {_day(slice_.calendar.before)}"
        else:
            slice_ = min(surface.slices, key=lambda one: one.butterfly.worst)
            at, places = slice_.butterfly.at, slice_.butterfly.places
            text = f"a density of {slice_.butterfly.worst:.3f} times something positive"
        strike = slice_.forward * math.exp(at)
        numbers |= {"expiry": float(slice_.expiry), "strike": strike, "k": at, "places": float(places)}
        return self._note(
            crossing.name,
            severity,
            f"{crossing.name} arbitrage: {_day(slice_.expiry)} has {text} at strike {strike:,.0f} "
            f"({places} places); {_bound(crossing)}",
            numbers,
        )

    def _tell_vega(self, crossing: Crossing) -> Note:
        held = crossing.value + self._target
        text = (
            f"net vega is {held:,.0f} per vol point, {abs(crossing.value):,.0f} {_side(crossing)} "
            f"its target of {self._target:,.0f}; {_bound(crossing)}"
        )
        numbers = {"vega": held, "drift": crossing.value, "bound": crossing.bound}
        return self._note(_VEGA, SEVERITIES[min(crossing.level, 2)], text, numbers)

    def _note(self, about: str, severity: str, text: str, numbers: Mapping[str, float]) -> Note:
        return Note(f"{self._underlying}|{about}", severity, f"{self._underlying}: {text}", numbers)

    # -- state ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "vega": self._vega.to_dict(),
            "arbitrage": self._arbitrage.to_dict(),
            "fitted": self._fitted,
            "agree": self._agree,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self._vega.restore(state["vega"])
        self._arbitrage.restore(state["arbitrage"])
        self._fitted, self._agree = bool(state["fitted"]), bool(state.get("agree", True))
        return self


def _worst(surface: Surface) -> dict[str, float]:
    calendar = max(slice_.calendar.vol for slice_ in surface.slices)
    butterfly = max(-slice_.butterfly.worst for slice_ in surface.slices)
    return {_CALENDAR: max(calendar, 0.0), _BUTTERFLY: max(0.1 * butterfly, 0.0)}


def _side(crossing: Crossing) -> str:
    return "above" if crossing.value > 0.0 else "below"


def _bound(crossing: Crossing) -> str:
    return f"the bound {'crossed' if crossing.is_worse else 'it came back under'} is {crossing.bound:g}"


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts // 1_000_000_000, tz=UTC).strftime("%Y-%m-%d %H:%M")
