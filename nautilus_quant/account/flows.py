"""External cash flows: balance changes that no fill, fee or funding payment explains."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping
from typing import Any, Self

from nautilus_quant.safety import stored

SECOND = 1_000_000_000
VERSION = 1


class _Ledger:
    """One currency: what the venue says it holds, what it should hold, and since when they differ."""

    __slots__ = ("expected", "scale", "since", "total")

    def __init__(self, total: float, expected: float, since: int | None = None) -> None:
        self.total = total
        self.expected = expected
        self.since = since
        self.scale = max(abs(total), abs(expected))  # a balance that falls to 0 was rounded at its old size

    def observe(self, total: float) -> None:
        """Take over what the venue reports."""
        self.scale = max(abs(self.total), abs(total))
        self.total = total

    def note(self, ts: int, tolerance: float) -> None:
        """Open an episode when the two part, end it when they meet; absorb rounding dust."""
        gap = self.total - self.expected
        if abs(gap) <= tolerance * max(self.scale, abs(self.expected)):
            self.expected = self.total
            self.since = None
        elif self.since is None or self.since > ts:
            self.since = ts

    def book(self) -> float:
        """End the episode: what is left unexplained came from outside."""
        gap = self.total - self.expected
        self.expected = self.total
        self.since = None
        return gap


class FlowDetector:
    """
    Tells deposits and withdrawals from trading.

    Definition
    ----------
    1. For every currency, ``gap = total − (first total + all explained + all flows reported so far)``.
    2. An *episode* begins when the gap leaves zero (beyond the tolerance). It ends when the gap is back,
       because a fill, fee or funding payment was reported before or after the balance that contains it.
    3. The first `poll` that comes `settle` seconds or more after an episode began ends it, and reports the
       whole gap as a flow.
    4. While any episode is open the detector is `unsettled`, and a valuation must not be used, neither as a
       reference nor for a trip.
    5. When polls have found it unsettled for `settle` seconds, because one episode follows the other, and
       nobody has seen it settled in between, the next poll ends all of them and reports their gaps. So from
       the first poll that finds it unsettled it takes `settle` seconds, and the time to the next poll, until
       a valuation can be used: one made right after that poll.

    An explanation that comes after its gap was reported opens a new episode, which ends in the opposite flow:
    the sum of all flows is always right in the end.

    A gap within the tolerance is rounding. It is dropped, which makes it profit or loss, not a flow.

    Parameters
    ----------
    settle
        How long an explanation may take [s]. Longer mistakes fewer late fills for flows, and holds up judging
        the account for longer after a real one.
    tolerance
        Rounding that is no flow [fraction of the balance].

    Attributes
    ----------
    seen_settled
        Whether somebody has found it settled, and nothing has happened since: `unsettled` need not be asked.

    """

    __slots__ = ("_ledgers", "_settle", "_started", "_waiting", "seen_settled", "settle", "tolerance")

    def __init__(self, settle: float = 2.0, tolerance: float = 1e-5) -> None:
        if not 0.0 <= settle < math.inf:
            raise ValueError(f"settle must be finite and not negative [s], was {settle}; typical 2")
        if not 0.0 <= tolerance < 1.0:
            raise ValueError(f"tolerance must lie in [0, 1) [fraction], was {tolerance}; typical 1e-5")
        self.settle = settle
        self.tolerance = tolerance
        self._settle = round(settle * SECOND)
        self._ledgers: dict[str, _Ledger] = {}
        self._started = False
        self.seen_settled = False
        self._waiting: int | None = None  # first poll that found it unsettled since it was seen settled

    @property
    def unsettled(self) -> bool:
        """Whether some balance change still waits for its explanation. Poll first."""
        for ledger in self._ledgers.values():
            if ledger.since is not None:
                return True
        self._waiting = None  # seen settled: rule 5 begins anew, even if nobody polls while it is
        self.seen_settled = True
        return False

    @property
    def waiting(self) -> tuple[str, ...]:
        """Currencies with a change that waits for its explanation."""
        return tuple(currency for currency, ledger in self._ledgers.items() if ledger.since is not None)

    def start(self, ts: int, balances: Mapping[str, float], *, attributable: bool = False) -> None:
        """
        Begin, or go on after a restart, with these totals by currency.

        Parameters
        ----------
        ts
            Now [ns].
        balances
            Totals by currency as the venue says.
        attributable
            Whether what changed since the stored state can only have come from outside, because the same
            positions are open and so nothing was traded. Then the difference becomes a flow like any other.
            Otherwise it counts as profit or loss: a fill nobody saw must not be taken for a withdrawal.

        """
        for currency, total in balances.items():
            _require_finite("balance", currency, total)
        if not (attributable and self._started):
            self._ledgers = {currency: _Ledger(total, total) for currency, total in balances.items()}
        self._started = True
        for currency in dict.fromkeys([*self._ledgers, *balances]):
            self.observe_balance(ts, currency, balances.get(currency, 0.0))

    def observe_balance(self, ts: int, currency: str, total: float) -> None:
        """Note that the venue reports `total` of `currency` at `ts` [ns]. Before `start`, it is the start."""
        _require_finite("balance", currency, total)
        ledger = self._ledgers.get(currency)
        if ledger is None:
            expected = 0.0 if self._started else total
            ledger = self._ledgers[currency] = _Ledger(total, expected)
        self.seen_settled = False
        ledger.observe(total)
        ledger.note(ts, self.tolerance)

    def explain(self, ts: int, currency: str, amount: float) -> None:
        """
        Note that trading changed the balance by `amount`: realised P&L, a fee (< 0), a funding payment.

        Before `start` (or the first balance) this is part of what the account starts with, and ignored.
        """
        _require_finite("explained amount", currency, amount)
        if not self._started and currency not in self._ledgers:
            return
        ledger = self._ledgers.setdefault(currency, _Ledger(0.0, 0.0))
        self.seen_settled = False
        ledger.expected += amount
        ledger.note(ts, self.tolerance)

    def poll(self, ts: int, known: Container[str] | None = None) -> dict[str, float]:
        """
        Return the flows that have become certain by `ts` [ns], by currency, once each: deposits > 0.

        With `known`, a flow in another currency (one without a rate yet) is kept back and stays unsettled.
        """
        waiting = {
            currency: ledger
            for currency, ledger in self._ledgers.items()
            if ledger.since is not None and (known is None or currency in known)
        }
        if not waiting:
            self._waiting = None
            return {}
        self._waiting = first = ts if self._waiting is None else min(ts, self._waiting)
        overdue = ts - first >= self._settle
        flows = {
            currency: ledger.book()
            for currency, ledger in waiting.items()
            if overdue or (ledger.since is not None and ts - ledger.since >= self._settle)
        }
        if len(flows) == len(waiting):
            self._waiting = None
        return flows

    def to_dict(self) -> dict[str, Any]:
        """JSON-able state: the total and the expectation of every currency, and open episodes."""
        return {
            "version": VERSION,
            "started": self._started,
            "currencies": {
                currency: {"total": ledger.total, "expected": ledger.expected, "since": ledger.since}
                for currency, ledger in self._ledgers.items()
            },
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any], settle: float = 2.0, tolerance: float = 1e-5) -> Self:
        """Restore what `to_dict` gave; ValueError when it is damaged or of another version."""
        stored.check_version("cash flows", state, VERSION)
        self = cls(settle, tolerance)
        self._started = stored.flag(state, "started")
        for currency, ledger in stored.mapping(state, "currencies").items():
            total, expected = stored.number(ledger, "total"), stored.number(ledger, "expected")
            self._ledgers[currency] = _Ledger(total, expected, stored.maybe_moment(ledger, "since"))
        return self


def spot_effects(side: int, quantity: float, price: float, base: str, quote: str) -> dict[str, float]:
    """Return what a fill does to the balances of a cash account, fees apart: `side` is +1 or −1."""
    return {base: side * quantity, quote: -side * quantity * price}


def _require_finite(what: str, currency: str, amount: float) -> None:
    if not math.isfinite(amount):
        raise ValueError(f"{what} must be finite [{currency}], was {amount}")
