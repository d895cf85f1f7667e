"""What a venue paid beside what it owed, settlement by settlement."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

_WIDE = Context(prec=100)
_SECOND = 1_000_000_000
_ZERO = Decimal(0)
_KEPT = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckParams:
    """
    When a difference is one.

    Parameters
    ----------
    window
        How long after its time a payment may come [s].
    early
        How long before it, by the clocks of the two [s].
    tolerance
        Difference up to which there is none, as a share of what all positions pay and receive [fraction]:
        rate and price of the moment are the venue's. Typically a few percent.
    least
        Amount up to which there is none [settlement currency].

    """

    window: float = 120.0
    early: float = 5.0
    tolerance: float = 0.05
    least: Decimal = Decimal("0.0000001")

    def __post_init__(self) -> None:
        require(0.0 < self.window < 3_600.0, "0 < window < 3600 [s]", self.window)
        require(0.0 <= self.early < self.window, "0 <= early < window [s]", self.early)
        require(0.0 < self.tolerance < 1.0, "0 < tolerance < 1 [fraction]", self.tolerance)
        require(self.least.is_finite() and self.least >= 0, "least >= 0 [settlement currency]", self.least)


class Round(NamedTuple):
    """
    One settlement in one currency, after its time.

    Parameters
    ----------
    currency
        Of the amounts.
    due
        Its time, UNIX time [ns].
    expected, paid
        What was owed and what came, received > 0 [currency].
    gross
        What all positions pay and receive, without signs [currency].
    is_known
        Whether it is known what was owed; payments nobody expected are told, and nothing is said of them.
    is_wrong
        Whether the two differ by more than is allowed.

    """

    currency: str
    due: int
    expected: Decimal
    paid: Decimal
    gross: Decimal
    is_known: bool
    is_wrong: bool

    @property
    def difference(self) -> Decimal:
        """What came more than was owed [currency]."""
        return _WIDE.subtract(self.paid, self.expected)


@dataclass(slots=True)
class _Open:
    expected: Decimal = _ZERO
    gross: Decimal = _ZERO
    paid: Decimal = _ZERO
    is_known: bool = True


class FundingCheck:
    """
    Compares funding payments with what was expected.

    Sums of what was `expected` and `paid` are kept by currency, of rounds whose due amount is known.

    A payment belongs to the last settlement of its currency that began no longer ago than the window, or is
    the first to come; one that comes before its settlement is known waits for it.

    Parameters
    ----------
    params
        When a difference is one.

    """

    def __init__(self, params: CheckParams | None = None) -> None:
        self.params = params or CheckParams()
        self._window = int(self.params.window * _SECOND)
        self._early = int(self.params.early * _SECOND)
        self._open: dict[tuple[str, int], _Open] = {}
        self._unclaimed: deque[tuple[str, int, Decimal]] = deque()
        self.rounds: deque[Round] = deque(maxlen=_KEPT)
        self.expected: dict[str, Decimal] = {}
        self.paid: dict[str, Decimal] = {}

    @property
    def next(self) -> int | None:
        """When to poll next, UNIX time [ns]; ``None`` when nothing is open."""
        dues = [due for _, due in self._open]
        dues += [ts for _, ts, _ in self._unclaimed]
        return min(dues) + self._window + self._early + 1 if dues else None

    def expect(self, currency: str, due: int, amount: Decimal) -> None:
        """
        Note what one position is owed.

        Parameters
        ----------
        currency
            It settles in.
        due
            Time of the settlement, UNIX time [ns].
        amount
            Received > 0 [currency].

        """
        require(amount.is_finite(), "a finite amount", amount)
        opened = self._open.setdefault((currency, due), _Open())
        opened.expected = _WIDE.add(opened.expected, amount)
        opened.gross = _WIDE.add(opened.gross, abs(amount))
        self._claim(currency, due, opened)

    def expect_unknown(self, currency: str, due: int) -> None:
        """Note that a position is owed something, and nobody knows how much: this round is not judged."""
        opened = self._open.setdefault((currency, due), _Open())
        opened.is_known = False
        self._claim(currency, due, opened)

    def _claim(self, currency: str, due: int, opened: _Open) -> None:
        for claimed in [one for one in self._unclaimed if self._is_of(one[0], one[1], currency, due)]:
            self._unclaimed.remove(claimed)
            opened.paid = _WIDE.add(opened.paid, claimed[2])

    def pay(self, currency: str, ts: int, amount: Decimal) -> None:
        """Note a payment that came at `ts` [ns], received > 0 [currency]."""
        require(amount.is_finite(), "a finite amount", amount)
        dues = [due for code, due in self._open if self._is_of(currency, ts, code, due)]
        if not dues:
            self._unclaimed.append((currency, ts, amount))
            return
        opened = self._open[currency, max(dues)]
        opened.paid = _WIDE.add(opened.paid, amount)

    def _is_of(self, currency: str, ts: int, code: str, due: int) -> bool:
        return currency == code and due - self._early <= ts <= due + self._window

    def poll(self, now: int) -> list[Round]:
        """
        End the rounds whose payments can come no more, in order of time.

        A payment nobody expected is a round of its own.
        """
        ended = []
        for key in sorted((key for key in self._open if now > key[1] + self._window), key=lambda k: k[1]):
            opened = self._open.pop(key)
            ended.append(self._end(*key, opened))
        while self._unclaimed and now > self._unclaimed[0][1] + self._window + self._early:
            currency, ts, amount = self._unclaimed.popleft()
            ended.append(self._end(currency, ts, _Open(paid=amount, is_known=False)))
        self.rounds.extend(ended)
        return ended

    def _end(self, currency: str, due: int, opened: _Open) -> Round:
        if opened.is_known:
            self.expected[currency] = _WIDE.add(self.expected.get(currency, _ZERO), opened.expected)
            self.paid[currency] = _WIDE.add(self.paid.get(currency, _ZERO), opened.paid)
        allowed = max(self.params.least, _WIDE.multiply(opened.gross, Decimal(repr(self.params.tolerance))))
        wrong = opened.is_known and abs(_WIDE.subtract(opened.paid, opened.expected)) > allowed
        return Round(currency, due, opened.expected, opened.paid, opened.gross, opened.is_known, wrong)
