"""
The levels of a grid around its centre, and the orders that rest on them for what is held.

A grid is a ladder of pieces. The k-th piece of the long side is bought at level −k and sold one level higher;
the k-th of the short side is sold at level k and bought back one level lower. What is held fills the pieces
from the centre outwards, so the orders that should rest follow from the position alone, whatever way it came
about: partial fills, a cut by a gate, a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from nautilus_quant.gating.intent import Side


class Quote[N: (float, Decimal)](NamedTuple):
    """
    An order that should rest.

    Parameters
    ----------
    side
        Which way it trades.
    price
        Where [quote currency], not rounded to ticks.
    size
        How much, in the unit of what is held; positive.
    level
        Its number, counted from the centre; negative below. One side has one order on a level.
    opens
        Whether it builds inventory; the others take it back.

    """

    side: Side
    price: float
    size: N
    level: int
    opens: bool


@dataclass(frozen=True, slots=True)
class Ladder:
    """
    Prices a constant factor apart.

    Parameters
    ----------
    centre
        Price of level 0 [quote currency]; positive.
    spacing
        From one level to the next [fraction of price]; positive.
    count
        Levels on each side.
    long_only
        Whether the short side is left out.

    """

    centre: float
    spacing: float
    count: int
    long_only: bool = False

    def price(self, level: float) -> float:
        """Return the price of a level [quote currency]."""
        return float(self.centre * (1.0 + self.spacing) ** level)

    def quotes[N: (float, Decimal)](self, held: N, unit: N) -> list[Quote[N]]:
        """
        Return the orders that should rest: those that take back first, the nearest of each kind first.

        Parameters
        ----------
        held
            Signed inventory; what exceeds the grid goes with its outermost piece.
        unit
            Size of a piece, in the same unit; positive.

        """
        zero = held - held
        long, short = (held, zero) if held > 0 else (zero, -held)
        taking = self._taking(Side.BUY, long, unit) + self._taking(Side.SELL, short, unit)
        opening = self._opening(Side.BUY, long, unit)
        if not self.long_only:
            opening += self._opening(Side.SELL, short, unit)
        opening.sort(key=lambda quote: abs(quote.level))
        return taking + opening

    def _opening[N: (float, Decimal)](self, side: Side, held: N, unit: N) -> list[Quote[N]]:
        found = []
        for piece in range(1, self.count + 1):
            lack = min(unit * piece - held, unit)
            if lack > 0:
                level = -side * piece
                found.append(Quote(side, self.price(level), lack, level, opens=True))
        return found

    def _taking[N: (float, Decimal)](self, side: Side, held: N, unit: N) -> list[Quote[N]]:
        """Return what takes back the inventory that `side` built, the last piece first."""
        found = []
        for piece in range(self.count, 0, -1):
            within = held - unit * (piece - 1)
            have = within if piece == self.count else min(within, unit)
            if have > 0:
                level = -side * (piece - 1)
                found.append(Quote(Side(-side), self.price(level), have, level, opens=False))
        return found
