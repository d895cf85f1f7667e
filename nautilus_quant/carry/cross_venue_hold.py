"""Whether an open pair of venues is held any longer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.carry.cross_venue_funding import PairFunding
from nautilus_quant.signals.sequence import require


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldParams:
    """
    When an open pair is closed.

    Parameters
    ----------
    exit
        What it may still bring, by the difference that goes away and by funding, at which it is closed
        [fraction]. What closing costs must be paid sooner or later, and is left out.
    stop
        By how much the difference may have grown since the entry [fraction]; infinite for no bound.
    longest
        After which it is closed whatever it may bring [s].

    """

    exit: float = 0.0001
    stop: float = math.inf
    longest: float = 86_400.0

    def __post_init__(self) -> None:
        require(math.isfinite(self.exit), "a finite exit [fraction]", self.exit)
        require(self.stop > 0.0, "stop > 0 [fraction]", self.stop)
        require(self.longest > 0.0, "longest > 0 [s]", self.longest)


class Held(NamedTuple):
    """
    An open pair.

    Parameters
    ----------
    direction
        +1 when the first venue's leg is long, −1 when it is short.
    entry
        Difference ``(second - first) / price`` at which it was opened [fraction].
    seconds
        Since then [s].

    """

    direction: int
    entry: float
    seconds: float


class Stay(NamedTuple):
    """
    Whether it stays, and why not.

    Parameters
    ----------
    stays
        False when it is to be closed.
    why
        ``holds``, ``converged``, ``stop``, ``too long`` or ``unknown``, in which case it stays.
    gain
        What it may still bring [fraction]; NaN when unknown.

    """

    stays: bool
    why: str
    gain: float


def hold(held: Held, difference: float, fair: float, funding: PairFunding, params: HoldParams) -> Stay:
    """
    Say whether a pair stays.

    Parameters
    ----------
    held
        The pair.
    difference
        ``(second - first) / price`` now [fraction].
    fair
        What it usually is [fraction].
    funding
        What the pair is paid until the difference has gone.
    params
        When it is closed.

    """
    gain = held.direction * (difference - fair) + funding.expected
    if held.seconds >= params.longest:
        return Stay(stays=False, why="too long", gain=gain)
    # No bound is passed by what is not known: an outage of data must not sell what it cannot see.
    if held.direction * (difference - held.entry) >= params.stop:
        return Stay(stays=False, why="stop", gain=gain)
    if not math.isfinite(gain):
        return Stay(stays=True, why="unknown", gain=gain)
    stays = gain > params.exit
    return Stay(stays=stays, why="holds" if stays else "converged", gain=gain)
