"""The same order twice: sent by a strategy that forgot, or by a callback that ran two times."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, NamedTuple

from nautilus_quant.signals.sequence import require

MOST: Final = 4096
"""Orders remembered [orders]; beyond that the oldest are forgotten."""
_SECOND = 1_000_000_000

type Key = tuple[str, str, int, Decimal, float | None]


class _Sent(NamedTuple):
    ts: int
    order: str
    family: str


class DuplicateGuard:
    """
    Remembers what was sent a moment ago, and knows an order that repeats it.

    Two orders are the same when strategy, instrument, side, quantity and price are. The first counts for
    `window` after it was sent, unless it is closed before (`forget`): a quote that was filled may be
    renewed at once. An order at market that fills is *not* forgotten, since it never rests, and its double
    is the one that costs money.

    Orders of one family are alike on purpose and never duplicates of each other: the slices an execution
    algorithm cuts from one parent, the children of one contingent order, and the orders of one list.

    Parameters
    ----------
    window
        How long an order counts as just sent [s]; 0 switches the guard off. More catches slower mistakes,
        and strategies that mean it. Typical 0.2-2.

    Raises
    ------
    ValueError
        If the window is negative, or not finite.

    Attributes
    ----------
    quiet_from
        From when on nothing counts as just sent, UNIX time [ns]: no order is a repetition then.

    """

    def __init__(self, window: float = 1.0) -> None:
        require(0.0 <= window <= 3600.0, "0 <= window <= 3600 [s]", window)
        self.window = window
        self._window = round(window * _SECOND)
        self._sent: dict[Key, _Sent] = {}
        self._keys: dict[str, Key] = {}
        self.quiet_from = 0

    def repeated(self, key: Key, ts: int, family: str = "") -> str:
        """
        Return the id of the order that this one repeats, empty for one that is new.

        Parameters
        ----------
        key
            Strategy, instrument, side, quantity, price.
        ts
            UNIX time [ns].
        family
            What it shares with orders that are like it on purpose, e.g. the id of the order it is a slice
            of; empty for none.

        """
        sent = self._sent.get(key)
        # A clock that ran back leaves orders in the future; they count as long as those of the past.
        if sent is None or abs(ts - sent.ts) >= self._window or (family and family == sent.family):
            return ""
        return sent.order

    def add(self, key: Key, ts: int, order: str, family: str = "") -> None:
        """Remember an order just sent."""
        if not self._window:
            return
        before = self._sent.pop(key, None)
        if before is not None:
            self._keys.pop(before.order, None)
        self._sent[key] = _Sent(ts, order, family)
        self._keys[order] = key
        self.quiet_from = max(self.quiet_from, ts + self._window)
        self._forget_old(ts)

    def forget(self, order: str) -> None:
        """Forget an order that is closed, or never left."""
        key = self._keys.pop(order, None)
        if key is not None:
            del self._sent[key]

    def __contains__(self, order: object) -> bool:
        """Tell whether an order is remembered."""
        return order in self._keys

    def __len__(self) -> int:
        """Count the orders remembered."""
        return len(self._sent)

    def _forget_old(self, ts: int) -> None:
        # The first is the oldest. Two at most for each that comes, so that no single order pays for all.
        for _ in range(2):
            key = next(iter(self._sent))
            sent = self._sent[key]
            if len(self._sent) <= MOST and abs(ts - sent.ts) < self._window:
                return
            self.forget(sent.order)
