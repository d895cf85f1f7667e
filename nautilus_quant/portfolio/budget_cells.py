"""Exposures that are held and reserved, summed by venue, instrument, strategy and group as they change."""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.reservations import minor

TOTAL = "total"
"""Label of everything together; others are ``kind:name``, e.g. ``"venue:BINANCE"``."""


class Sums:
    """
    What several cells come to [minor units].

    Attributes
    ----------
    gross
        Sum of the largest each may become on either side.
    net
        Long less short, now.
    up, down
        Net long, and net short, when every order on that side fills and none on the other.
    cells
        How many cells are in it.

    """

    __slots__ = ("cells", "down", "gross", "net", "up")

    def __init__(self) -> None:
        self.gross = self.net = self.up = self.down = self.cells = 0


class Cell:
    """
    One strategy on one instrument: its position and what its orders reserve [minor units].

    With netted positions, long ``L`` and reserved ``B`` and ``S`` can become anything in ``[-S, L + B]``,
    since what is reserved comes after what closes. Where each order opens a position of its own, all add up.
    """

    __slots__ = (
        "buys", "down", "gross", "instrument", "labels", "long", "long_size", "net", "netted", "sells",
        "short", "short_size", "up",
    )  # fmt: skip

    def __init__(self, instrument: str, labels: tuple[str, ...]) -> None:
        self.instrument = instrument
        self.labels = labels
        self.netted = True
        self.long_size = self.short_size = 0.0
        self.long = self.short = self.buys = self.sells = 0
        self.gross = self.net = self.up = self.down = 0

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a position nor an order."""
        return not (self.long_size or self.short_size or self.buys or self.sells)

    def base(self, side: Side, *, signed: bool) -> int:
        """Return what a new order of `side` adds to: of net exposure when `signed`, else of gross."""
        if self.netted:
            return self.long + self.buys if side is Side.BUY else self.short + self.sells
        if not signed:
            return self.gross
        return self.up if side is Side.BUY else self.down

    def total(self) -> tuple[int, int, int, int]:
        """Return gross, net, up and down as they follow from the parts."""
        long, short, buys, sells = self.long, self.short, self.buys, self.sells
        net = long - short
        if not self.netted:
            return long + short + buys + sells, net, net + buys, sells - net
        up = long + buys if buys or not short else -short
        down = short + sells if sells or not long else -long
        return max(up, down), net, up, down


class Exposures:
    """
    All cells, and their sums by label.

    What a cell leaves when it is empty is forgotten, so memory is bounded by what is held and working.
    """

    def __init__(self) -> None:
        self.cells: dict[tuple[str, str], Cell] = {}
        self.sums: dict[str, Sums] = {TOTAL: Sums()}
        self.groups: Mapping[str, tuple[str, ...]] = {}
        self.version = 0
        self._unpriced: set[tuple[str, str]] = set()

    @property
    def is_known(self) -> bool:
        """Whether every position has a value."""
        return not self._unpriced

    def hold(
        self,
        strategy: str,
        instrument: str,
        long: Decimal,
        short: Decimal,
        unit: float,
        *,
        netted: bool = True,
    ) -> None:
        """
        State a strategy's position.

        Parameters
        ----------
        strategy, instrument
            Whose, and in what.
        long, short
            Sizes, both positive or zero [base coin, or contracts].
        unit
            Value of one unit [reporting currency]; NaN when it is unknown.
        netted
            Whether orders close the position of the other side before they open one of their own.

        """
        cell = self._cell(strategy, instrument)
        cell.netted, cell.long_size, cell.short_size = netted, float(long), float(short)
        self._value((strategy, instrument), cell, unit)

    def mark(self, units: Mapping[str, float]) -> None:
        """Value every position anew; `units` has the value of one unit by instrument, NaN when unknown."""
        for key, cell in self.cells.items():
            if cell.long_size or cell.short_size:
                self._value(key, cell, units[cell.instrument], forget=False)

    def reserve(self, strategy: str, instrument: str, side: Side, amount: int) -> None:
        """State what orders reserve [minor units]."""
        cell = self._cell(strategy, instrument)
        if side is Side.BUY:
            cell.buys = amount
        else:
            cell.sells = amount
        self._settle((strategy, instrument), cell)

    def regroup(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        """Sort instruments into groups: names of groups by instrument."""
        self.groups = groups
        for key, cell in self.cells.items():
            self._add(cell, (-cell.gross, -cell.net, -cell.up, -cell.down), users=-1)
            cell.labels = self.labels(*key)
            self._add(cell, (cell.gross, cell.net, cell.up, cell.down), users=1)

    def labels(self, strategy: str, instrument: str) -> tuple[str, ...]:
        """Name the sums that a strategy on an instrument counts in."""
        grouped = (f"group:{name}" for name in self.groups.get(instrument, ()))
        venue = instrument.rpartition(".")[2]
        return (TOTAL, f"venue:{venue}", f"instrument:{instrument}", f"strategy:{strategy}", *grouped)

    def _cell(self, strategy: str, instrument: str) -> Cell:
        key = (strategy, instrument)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = Cell(instrument, self.labels(strategy, instrument))
            self._add(cell, (0, 0, 0, 0), users=1)
        return cell

    def _value(self, key: tuple[str, str], cell: Cell, unit: float, *, forget: bool = True) -> None:
        held = bool(cell.long_size or cell.short_size)
        if held and not math.isfinite(unit):
            self._unpriced.add(key)
        else:
            self._unpriced.discard(key)
            cell.long = minor(cell.long_size * unit) if cell.long_size else 0
            cell.short = minor(cell.short_size * unit) if cell.short_size else 0
        self._settle(key, cell, forget=forget)

    def _settle(self, key: tuple[str, str], cell: Cell, *, forget: bool = True) -> None:
        gross, net, up, down = cell.total()
        change = (gross - cell.gross, net - cell.net, up - cell.up, down - cell.down)
        if any(change):
            cell.gross, cell.net, cell.up, cell.down = gross, net, up, down
            self._add(cell, change)
            self.version += 1
        if forget and cell.is_empty:
            del self.cells[key]
            self._add(cell, (0, 0, 0, 0), users=-1)

    def _add(self, cell: Cell, change: tuple[int, int, int, int], *, users: int = 0) -> None:
        gross, net, up, down = change
        for label in cell.labels:
            sums = self.sums.get(label)
            if sums is None:
                sums = self.sums[label] = Sums()
            sums.gross += gross
            sums.net += net
            sums.up += up
            sums.down += down
            sums.cells += users
            if not sums.cells and label != TOTAL:
                del self.sums[label]
