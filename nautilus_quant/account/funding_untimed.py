"""Funding of venues that say how much, and not when: which balance changes are payments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SECOND = 1_000_000_000
_HOUR = 3_600 * _SECOND
_WINDOW = 120 * _SECOND
_MOST_PAID = 2.0
_NEAR = (0.5, 1.5)


@dataclass(slots=True)
class _Rate:
    now: float
    before: float  # last known before the whole hour: what is paid then
    interval: int
    ts: int


class UntimedFunding:
    """
    Tells funding payments by their amount, where no announcement says when they are due.

    A payment that is taken for a withdrawal hides a loss from every limit, a withdrawal that is taken for a
    payment is a loss that did not happen: the second is harmless. So what goes out counts as funding at any
    time, up to twice of what is owed in an interval, since rate and price of the moment are the venue's. What
    comes in counts only within two minutes after a whole hour, which is when venues pay, and if it comes
    within a half of what one position, or all of them, should receive.

    Nothing of this is stored: after a restart the next update says what is owed.
    """

    def __init__(self) -> None:
        self._rates: dict[str, _Rate] = {}
        self._round: dict[str, tuple[int, float, float]] = {}

    def update(self, instrument: str, rate: float, ts: int, interval: int | None = None) -> None:
        """
        Take a rate; one that is not a number changes nothing.

        Parameters
        ----------
        instrument
            Whose.
        rate
            Per interval [fraction of the position's value]; positive when longs pay.
        ts
            When it was said, UNIX time [ns].
        interval
            Between two payments [ns]; ``None`` when the venue does not say, which counts as an hour.

        """
        if not math.isfinite(rate):
            return
        known = self._rates.get(instrument)
        before = rate
        if known is not None:
            before = known.now if known.ts // _HOUR < ts // _HOUR else known.before
        self._rates[instrument] = _Rate(rate, before, interval or _HOUR, ts)

    def forget(self, instrument: str) -> None:
        """Drop an instrument whose venue does say when."""
        self._rates.pop(instrument, None)

    def is_payment(self, currency: str, amount: float, worths: Mapping[str, float], now: int) -> bool:
        """
        Tell whether a balance change that nothing explains is a payment, and count it if so.

        Parameters
        ----------
        currency
            Of the balance.
        amount
            The change [currency]; negative when it was paid.
        worths
            Value of the open positions that settle in it, signed, by instrument [currency].
        now
            UNIX time [ns].

        """
        known = {name: worth for name, worth in worths.items() if self._is_known(name, worth, now)}
        if not known or not math.isfinite(amount):
            return False
        since, paid, received = self._current(currency, known, now)
        for dues in self._dues(known):
            if amount < 0.0 and paid - amount <= _MOST_PAID * _owed(dues):
                self._round[currency] = (since, paid - amount, received)
                return True
            if amount > 0.0 and now % _HOUR <= _WINDOW and _is_near(amount, received, dues):
                self._round[currency] = (since, paid, received + amount)
                return True
        return False

    def _is_known(self, instrument: str, worth: float, now: int) -> bool:
        rate = self._rates.get(instrument)
        return rate is not None and math.isfinite(worth) and now - rate.ts <= 2 * rate.interval

    def _current(self, currency: str, names: Iterable[str], now: int) -> tuple[int, float, float]:
        """Return when the round of payments began, and what has been paid and received in it."""
        lasts = min(self._rates[name].interval for name in names) - _WINDOW
        known = self._round.get(currency)
        return known if known is not None and 0 <= now - known[0] < lasts else (now, 0.0, 0.0)

    def _dues(self, worths: Mapping[str, float]) -> Iterator[list[float]]:
        """Yield what each position should change the balance by, at the rates of the hour before, and now."""
        for pick in ("before", "now"):
            yield [-worth * float(getattr(self._rates[name], pick)) for name, worth in worths.items()]


def _owed(dues: list[float]) -> float:
    return -sum(due for due in dues if due < 0.0)


def _is_near(amount: float, received: float, dues: list[float]) -> bool:
    """Tell whether an amount is like one of the receipts, or all of them together, and not one too many."""
    least, most = _NEAR
    coming = sum(due for due in dues if due > 0.0)
    if received + amount > most * coming:
        return False
    return any(due > 0.0 and least <= amount / due <= most for due in (*dues, sum(dues), coming))
