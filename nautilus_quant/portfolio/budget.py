"""How much new risk a portfolio has room for: the smallest of all its limits, working orders counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import NamedTuple

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.budget_cells import TOTAL, Cell, Exposures, Sums
from nautilus_quant.portfolio.budget_limits import KINDS, OF_ALL, SIGNED, Cap, Limits
from nautilus_quant.portfolio.reservations import SCALE, OpenOrder, Reservations

_EMPTY, _NO_CELL = Sums(), Cell("", ())
_LIMITS_OF_ALL = tuple(kind for kind in KINDS if kind in OF_ALL)
_MOST_ROUTES = 4096


class Room(NamedTuple):
    """
    What may be opened now.

    Parameters
    ----------
    amount
        Largest opening value [reporting currency]; infinite when nothing limits it.
    limit
        Which limit binds, e.g. ``"venue:BINANCE"``; empty when none does.
    used, bound
        What that limit counts before the order, on its side and without what the order would first close,
        and how much it may be [reporting currency].

    """

    amount: float
    limit: str = ""
    used: float = 0.0
    bound: float = math.inf


class Use(NamedTuple):
    """How far one limit is used: label, used and bound [reporting currency]."""

    limit: str
    used: float
    bound: float

    @property
    def share(self) -> float:
        """Used over bound [-]; infinite when nothing is allowed and something is used."""
        if self.bound > 0.0:
            return self.used / self.bound
        return math.inf if self.used > 0.0 else 0.0


class _Check(NamedTuple):
    """One limit as an order meets it."""

    limit: str
    label: str
    cap: Cap
    signed: bool


class Budget:
    """
    Positions and working orders of a portfolio, and what its limits leave.

    Whoever approves an order puts it (`put`) before the next one asks: then what all of them may become never
    exceeds a limit, but for prices that move.

    Parameters
    ----------
    limits
        To keep.

    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.exposures = Exposures()
        self.reservations = Reservations(self.exposures.reserve)
        self._routes: dict[tuple[str, str], tuple[_Check, ...]] = {}
        self._caps: dict[str, tuple[_Check, ...]] = {}
        self._least = (
            min(limits.shares.values(), default=math.inf),
            min(limits.amounts.values(), default=math.inf),
        )

    @property
    def is_known(self) -> bool:
        """Whether everything held and reserved has a value."""
        return self.exposures.is_known and self.reservations.is_known

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
        """State a strategy's position; see `Exposures.hold`."""
        closable = (long, short) if netted else (Decimal(0), Decimal(0))
        self.reservations.hold(strategy, instrument, *closable)
        self.exposures.hold(strategy, instrument, long, short, unit, netted=netted)

    def put(self, name: str, order: OpenOrder) -> None:
        """Reserve what an order may open, as it is now; see `Reservations.put`."""
        self.reservations.put(name, order)

    def drop(self, name: str) -> None:
        """Release what an order reserved."""
        self.reservations.drop(name)

    def regroup(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        """Sort instruments into groups: names of groups by instrument."""
        self.exposures.regroup(groups)
        self._routes.clear()
        self._caps.clear()

    def room(self, side: Side, strategy: str, instrument: str, equity: float) -> Room:
        """
        Return the largest value an order may open now, and which limit says so.

        Parameters
        ----------
        side
            Which way it trades. One against a net exposure has all the room this leaves it there; gross
            limits look at sizes alone.
        strategy, instrument
            Of the order.
        equity
            Now [reporting currency].

        """
        cell = self.exposures.cells.get((strategy, instrument), _NO_CELL)
        sums, buys = self.exposures.sums, side is Side.BUY
        least, binding, used, allowed = math.inf, "", 0.0, math.inf
        for check in self._routes.get((strategy, instrument)) or self._route(strategy, instrument):
            limit, label, (share, amount), signed = check
            of_all = sums.get(label, _EMPTY)
            base = cell.base(side, signed=signed)
            if not signed:
                now, own = of_all.gross, cell.gross
            elif buys:
                now, own = of_all.up, cell.up
            else:
                now, own = of_all.down, cell.down
            bound = min(share * equity, amount)
            # A limit already exceeded still lets happen what does not make it worse.
            room = max(bound * SCALE - (now - own), own) - base
            if room < least:
                least, binding, used, allowed = room, limit, (now - own + base) / SCALE, bound
        return Room(max(least, 0.0) / SCALE, binding, used, allowed)

    def least(self, equity: float) -> float:
        """Return the smallest of all limits [reporting currency]: what is below it in all is below each."""
        share, amount = self._least
        return min(share * equity, amount)

    def uses(self, equity: float) -> Iterator[Use]:
        """Yield how far each limit is used that anything counts in."""
        for label, sums in self.exposures.sums.items():
            checks = self._caps.get(label)
            for limit, _, cap, signed in self._checks(label) if checks is None else checks:
                used = max(sums.up, sums.down) if signed else sums.gross
                yield Use(limit, used / SCALE, cap.bound(equity))

    def _route(self, strategy: str, instrument: str) -> tuple[_Check, ...]:
        """Find the limits an order of a strategy on an instrument has to keep, once for all its orders."""
        if len(self._routes) >= _MOST_ROUTES:
            self._routes.clear()
        labels = self.exposures.labels(strategy, instrument)
        made = self._routes[strategy, instrument] = tuple(
            check for label in labels for check in self._checks(label)
        )
        return made

    def _checks(self, label: str) -> tuple[_Check, ...]:
        """Find the limits on what is counted by a label, once."""
        if len(self._caps) >= _MOST_ROUTES:
            self._caps.clear()
        kind, _, name = label.partition(":")
        found: list[_Check] = []
        for limit in _LIMITS_OF_ALL if label == TOTAL else (kind,):
            cap = self.limits.cap(limit, name)
            if cap.binds:
                found.append(_Check(f"{limit}:{name}" if name else limit, label, cap, limit in SIGNED))
        made = self._caps[label] = tuple(found)
        return made
