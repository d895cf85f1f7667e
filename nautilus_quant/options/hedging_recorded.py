"""Straddles in recorded option chains, as paths a hedge can be tried on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.black76 import price_and_greeks
from nautilus_quant.options.contract import years
from nautilus_quant.options.hedging_sim import Paths
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nautilus_quant.options.recorded import Snapshot

type Floats = NDArray[np.float64]

DAY = 86_400_000_000_000


class StraddleTerms(NamedTuple):
    """
    Which straddles.

    Parameters
    ----------
    days
        To their expiry when they begin, about [days].
    least
        And at least [days].
    holding
        How long they are held, or until the last snapshot before their expiry [days].
    every
        Snapshots between two of them.
    quantity
        Of calls and of puts, negative is sold [coins].

    """

    days: float = 21.0
    least: float = 10.0
    holding: float = 14.0
    every: int = 4
    quantity: float = -1.0


class _Leg(NamedTuple):
    """A row of a chain: what the option is worth by the venue's mark, and what it moves."""

    forward: float
    value: float
    delta: float
    gamma: float


class _Table:
    """A snapshot, by the names of its options."""

    def __init__(self, snapshot: Snapshot) -> None:
        chain = snapshot.chain
        self.ts = chain.ts
        self.expiry, self.strike, self.call = chain.expiry, chain.strike, chain.call
        self.names = chain.names
        self.rows = {name: row for row, name in enumerate(chain.names)}
        self.forward = chain.references
        self.mark = chain.mark
        left = years(chain.ts, chain.expiry)
        _, greeks = price_and_greeks(self.forward, chain.strike, left, snapshot.mark_iv, chain.call)
        self.delta, self.gamma = greeks.delta, greeks.gamma

    def leg(self, name: str) -> _Leg | None:
        row = self.rows.get(name)
        if row is None:
            return None
        leg = _Leg(
            float(self.forward[row]), float(self.mark[row]), float(self.delta[row]), float(self.gamma[row])
        )
        return leg if all(map(math.isfinite, leg)) else None

    def straddle(self, terms: StraddleTerms) -> tuple[str, str] | None:
        """Return the names of the call and the put nearest the money, of the expiry nearest `terms.days`."""
        left = (self.expiry - self.ts) / DAY
        far = np.abs(left - terms.days)
        far[left < terms.least] = np.inf
        if not len(far) or not np.isfinite(far.min()):
            return None
        chosen = self.expiry == self.expiry[int(np.argmin(far))]
        found = []
        away = np.where(chosen, np.abs(self.strike - self.forward), np.inf)
        strike = self.strike[int(np.argmin(away))]
        for call in (True, False):
            rows = np.flatnonzero(chosen & (self.strike == strike) & (self.call == call))
            if not len(rows):
                return None
            found.append(self.names[int(rows[0])])
        return found[0], found[1]


def straddles(snapshots: Iterable[Snapshot], terms: StraddleTerms | None = None) -> Paths:
    """
    Return straddles at the money, begun one after the other, as a venue marked them.

    The forward of their expiry is the price of the underlying; a snapshot that lacks one of the two options
    ends the path.

    Parameters
    ----------
    snapshots
        In order of time.
    terms
        Which straddles.

    Raises
    ------
    ValueError
        If there are too few snapshots for one.

    """
    chosen = terms or StraddleTerms()
    tables = [_Table(snapshot) for snapshot in snapshots]
    require(len(tables) >= 3, "at least three snapshots", len(tables))
    interval = float(np.median(np.diff([table.ts for table in tables])))
    steps = round(chosen.holding * DAY / interval)
    paths = [
        path
        for first in range(0, len(tables) - steps, chosen.every)
        if (path := _path(tables[first : first + steps + 1], chosen)) is not None
    ]
    require(bool(paths), "snapshots long enough for one straddle", f"{len(tables)} snapshots")
    columns = np.stack(paths, axis=-1)  # field, step, path
    return Paths(columns[0], columns[1], columns[2], columns[3], interval / 1e9)


def _path(tables: Sequence[_Table], terms: StraddleTerms) -> Floats | None:
    names = tables[0].straddle(terms)
    if names is None:
        return None
    found = np.full((4, len(tables)), np.nan)
    for step, table in enumerate(tables):
        legs = [table.leg(name) for name in names]
        call, put = legs
        if call is None or put is None:
            break
        size = terms.quantity
        found[:, step] = (
            call.forward,
            size * (call.value + put.value),
            size * (call.delta + put.delta),
            size * (call.gamma + put.gamma),
        )
    return found if math.isfinite(found[0, 1]) else None
