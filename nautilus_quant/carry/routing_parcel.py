"""What has become of an order that was shared out: sent, filled, given back, and what happens next."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from nautilus_quant.signals.sequence import require

_ZERO = Decimal(0)


class After(StrEnum):
    """What is done with what a wave of orders left."""

    AGAIN = "again"
    """It is shared out again, after a pause in which books fill up."""
    REST = "rest"
    """It rests until somebody takes it."""
    STOP = "stop"
    """Nothing."""


class Step(StrEnum):
    """What is to be done now."""

    WAIT = "wait"
    ROUTE = "route"
    REST = "rest"
    FINISH = "finish"


@dataclass(slots=True)
class Piece:
    """
    One order to one venue.

    Parameters
    ----------
    venue
        Where it went.
    quantity, filled
        Of it [base coin].
    wave
        Which wave it belongs to.
    over, refused
        Whether it can fill no more; and whether that is because nobody wanted it.

    """

    venue: str
    quantity: Decimal
    wave: int
    filled: Decimal = _ZERO
    over: bool = False
    refused: bool = False

    @property
    def claimed(self) -> Decimal:
        """What it has filled, and may still fill."""
        return self.filled if self.over else max(self.quantity, self.filled)


class Parcel:
    """
    Follows an order from being shared out to its end.

    At any time ``filled + working + unplaced = asked``, unless a venue fills more than it was sent.

    Parameters
    ----------
    asked
        Of the order [base coin].
    after
        What is done with what a wave leaves.
    waves
        How often it is shared out at most.
    pause
        Between two waves, unless all of the first was refused [ns].
    least
        Of less, nothing is made [base coin].
    takes
        Whether it may take at all; otherwise it only rests.

    """

    def __init__(
        self,
        asked: Decimal,
        after: After,
        *,
        waves: int = 5,
        pause: int = 0,
        least: Decimal = _ZERO,
        takes: bool = True,
    ) -> None:
        require(asked > 0, "asked > 0 [base coin]", asked)
        require(waves >= 1, "waves >= 1 [-]", waves)
        require(pause >= 0, "pause >= 0 [ns]", pause)
        self.asked = asked
        self.pieces: dict[str, Piece] = {}
        self.refusals: dict[str, str] = {}
        """Why venues refused what they were sent; nothing new goes there."""
        self.cancelled = False
        """Whether nothing new is sent, whatever is left."""
        self.waves = 0
        """How often it was shared out."""
        self.ready = 0
        """When it may be shared out again, UNIX time [ns]."""
        self._after = after
        self._most = waves
        self._pause = pause
        self._least = least
        self._takes = takes
        self._rested = False

    @property
    def filled(self) -> Decimal:
        """What is done [base coin]."""
        return sum((piece.filled for piece in self.pieces.values()), _ZERO)

    @property
    def working(self) -> Decimal:
        """What is on its way, or rests [base coin]."""
        return sum((piece.claimed - piece.filled for piece in self.pieces.values()), _ZERO)

    @property
    def unplaced(self) -> Decimal:
        """What nobody has been sent, or has given back [base coin]."""
        return max(self.asked - sum((piece.claimed for piece in self.pieces.values()), _ZERO), _ZERO)

    @property
    def is_open(self) -> bool:
        """Whether anything may still be filled."""
        return any(not piece.over for piece in self.pieces.values())

    # -- what happens ------------------------------------------------------------------------------

    def begin(self, ts: int) -> None:
        """Begin a wave at `ts`, UNIX time [ns]."""
        self.waves += 1
        self.ready = ts + self._pause

    def send(self, name: str, venue: str, quantity: Decimal, *, rests: bool = False) -> None:
        """
        Count an order as sent, before it is.

        Raises
        ------
        ValueError
            If it is more than is left, was sent before, or nothing may be sent any more.

        """
        require(not self.cancelled, "an order that is not cancelled, to send parts of it", name)
        require(name not in self.pieces, "a new name for every part", name)
        require(_ZERO < quantity <= self.unplaced, f"0 < quantity <= {self.unplaced} [base coin]", quantity)
        self.pieces[name] = Piece(venue, quantity, self.waves)
        self._rested = self._rested or rests

    def fill(self, name: str, total: Decimal) -> None:
        """Take note of what an order has filled in all; told twice, it counts once."""
        piece = self.pieces[name]
        piece.filled = max(piece.filled, total)

    def end(self, name: str, ts: int, *, refused: str = "") -> None:
        """
        Take back what an order has not filled.

        Parameters
        ----------
        name
            Which.
        ts
            When it ended, UNIX time [ns].
        refused
            Why nobody wanted it; empty for one that was filled, cancelled or expired.

        """
        piece = self.pieces[name]
        if piece.over:
            return
        piece.over = True
        self.ready = max(self.ready, ts + self._pause)
        if refused:
            piece.refused = True
            self.refusals[piece.venue] = refused
            self._rested = False

    # -- what next ---------------------------------------------------------------------------------

    def step(self, ts: int) -> Step:
        """Return what is to be done at `ts`, UNIX time [ns]."""
        if self.is_open:
            return Step.WAIT
        if self.cancelled or self._rested or self.unplaced <= self._least:
            return Step.FINISH
        if self._takes and self._was_refused() and self.waves < self._most:
            return Step.ROUTE
        if self._after is After.REST:
            return Step.REST
        # Where nothing could be sent at all, whoever ordered it is told at once.
        if self._after is After.STOP or self.waves >= self._most or not self.pieces:
            return Step.FINISH
        return Step.ROUTE if ts >= self.ready else Step.WAIT

    def _was_refused(self) -> bool:
        """Tell whether the last wave did nothing but be refused, so that books are as they were."""
        if self.waves == 0:
            return True
        last = [piece for piece in self.pieces.values() if piece.wave == self.waves]
        return bool(last) and all(piece.refused and not piece.filled for piece in last)
