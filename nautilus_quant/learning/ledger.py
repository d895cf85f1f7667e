"""The shadow ledger: the book an arm would have, had it been alone with its capital."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.learning.legs import Leg, LegBook, Split
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Leg", "ShadowLedger", "Split"]

_HOUR = 3_600_000_000_000
_ORDERS = 100
"""Orders one target may take, when a venue bounds their size; the next target goes on."""


class ShadowLedger:
    """
    The would-be book of one arm: its targets, traded by the rule of `TargetStrategy` with its own equity.

    Sizes follow `nautilus_quant.portfolio.sizing` exactly: a full position is ``equity * leverage``, changes
    below the threshold are left alone, going flat and changing sides are always done. Orders fill at once, at
    the price given, and pay fees, half spread and impact. The least time between orders which a strategy may
    keep is not part of it.

    Nothing happens, and nothing changes, on what makes no sense: a price, unit value or exposure that is no
    number, a price or unit value that is not positive, a time before the leg's last. Times are when something
    reached us, so that a late bar does not look like a clock that went backwards.

    Without capital, targets are ignored until `cut` gives some. The same after ruin: when equity is gone,
    everything is closed at the last marks, and `ruined` says so.

    Parameters
    ----------
    legs
        What it trades; one or more.
    capital
        What it begins with [reporting currency]; 0 for nothing yet.
    max_age
        How old the mark of a held leg may be [ns] when returns are cut or another leg is sized. A few bars;
        less finds silent markets earlier, less than a bar makes every return unknown.

    Raises
    ------
    ValueError
        If capital is negative, the age not positive, or legs are missing or named twice.

    """

    def __init__(self, legs: Iterable[Leg], capital: float = 0.0, *, max_age: int = 2 * _HOUR) -> None:
        require(0.0 <= capital < math.inf, "capital >= 0 [reporting currency]", capital)
        require(max_age > 0, "max_age > 0 [ns]", max_age)
        wanted = list(legs)
        self._books = {leg.instrument: LegBook(leg) for leg in wanted}
        require(0 < len(self._books) == len(wanted), "one leg or more, each instrument once", wanted)
        self._all = tuple(self._books.values())
        self._others = len(wanted) > 1
        self._max_age = max_age
        self._capital = self._base = self._cash = float(capital)  # the last with all P&L but what is open
        self.since = 0
        """When a return was last cut [UNIX ns]; 0 before the first time."""
        self.ruined = False
        """Whether equity was gone since the last new capital."""

    # -- what comes in -----------------------------------------------------------------------------

    def target(
        self,
        instrument: str,
        exposure: float,
        price: float,
        unit_value: float,
        ts: int,
        *,
        may_open: bool = True,
        passive: bool = False,
    ) -> float:
        """
        Trade towards an exposure.

        Parameters
        ----------
        instrument
            Of which leg.
        exposure
            Share of a full position [-1, 1]; beyond it is cut.
        price
            Middle of the market, or the level of a resting order that was reached [quote currency]; it
            becomes the leg's mark.
        unit_value
            Value of one unit at that price [reporting currency].
        ts
            When it reached us, UNIX time [ns].
        may_open
            False does only what reduces, as behind a closed gate.
        passive
            Whether it fills as a resting order: at its own price, for the maker fee.

        Returns
        -------
        float
            Signed quantity traded [base coin, or contracts].

        """
        book = self._books.get(instrument)
        if book is None:
            raise ValueError(f"need one of this arm's instruments, {list(self._books)}, was {instrument!r}")
        if not math.isfinite(exposure) or not book.mark(price, unit_value, ts):
            return 0.0
        equity = self.equity
        if equity <= 0.0:
            self._watch()
            return 0.0
        if self._others and exposure and not self._is_fresh(ts):
            return 0.0  # what the others are worth, and so the size, is unknown
        budget, before = book.leg.leverage * equity, book.steps
        order = book.order(exposure, budget, may_open=may_open)
        if not order:
            return 0.0
        book.trade(order, passive=passive)
        if book.leg.lot.maximum is not None:
            self._go_on(book, exposure, budget, may_open=may_open, passive=passive)
        self._settle()
        self._watch()
        return (book.steps - before) * book.whole.step

    @staticmethod
    def _go_on(book: LegBook, exposure: float, budget: float, *, may_open: bool, passive: bool) -> None:
        """Send the further orders it takes where a venue bounds the size of one."""
        for _ in range(_ORDERS - 1):
            order = book.order(exposure, budget, may_open=may_open)
            if not order:
                break
            book.trade(order, passive=passive)

    def mark(self, instrument: str, price: float, unit_value: float, ts: int) -> None:
        """
        Value a leg; an instrument that is none of the arm's is passed over.

        Parameters
        ----------
        instrument
            Of which leg.
        price
            Middle of the market [quote currency].
        unit_value
            Value of one unit at that price [reporting currency].
        ts
            When it reached us, UNIX time [ns].

        """
        book = self._books.get(instrument)
        if book is not None and book.mark(price, unit_value, ts) and book.steps:
            self._watch()

    def funding(self, instrument: str, rate: float, price: float | None = None) -> None:
        """
        Book a funding payment; an instrument that is none of the arm's is passed over.

        Parameters
        ----------
        instrument
            Of which leg.
        rate
            What a long pays, of its value [fraction]; below 0 it receives.
        price
            The value is taken at [quote currency]; ``None`` takes the last mark.

        """
        book = self._books.get(instrument)
        if book is None or not book.steps or not math.isfinite(rate):
            return
        at = book.price if price is None else price
        if 0.0 < at < math.inf:
            book.fund(rate, at)
            self._settle()
            self._watch()

    def conditions(
        self, instrument: str, *, half_spread: float = math.nan, volatility: float = 0.0, volume: float = 0.0
    ) -> None:
        """
        Say what a market is like now, for the costs of the trades to come.

        Parameters
        ----------
        instrument
            Of which leg.
        half_spread
            Half the distance of ask and bid over their middle [fraction]; NaN takes the cost model's.
        volatility, volume
            Of log returns [fraction] and of trading [base coin, or contracts] in the same time, usually a
            day, as the law of impact needs them; without a volume there is no impact.

        """
        book = self._books.get(instrument)
        if book is not None:
            book.half_spread = half_spread
            known = 0.0 <= volatility < math.inf and 0.0 < volume < math.inf
            book.volatility, book.volume = (volatility, volume) if known else (0.0, 0.0)

    def cut(self, ts: int, capital: float | None = None) -> float:
        """
        Return what was earned since the last cut, and begin anew.

        Parameters
        ----------
        ts
            Now, UNIX time [ns].
        capital
            What it has from now on [reporting currency], to follow a budget; ``None`` leaves it what it
            earned. Positions stay until the next target. What is no positive number is passed over.

        Returns
        -------
        float
            Net return [fraction of the equity at the last cut]; -1 after ruin. NaN when the mark of a held
            leg is unknown or too old, or `ts` lies before the last cut: then nothing begins anew, and the
            next cut tells of both times together. NaN, too, where there was no capital at the last cut.

        """
        if ts < self.since or not self._is_fresh(ts):
            return math.nan
        earned = math.nan
        if self._base > 0.0:
            earned = -1.0 if self.ruined else self.equity / self._base - 1.0
        if capital is not None and 0.0 < capital < math.inf:
            self._capital += capital - self.equity
            self.ruined = False
            self._settle()
        self._base = 0.0 if self.ruined else self.equity
        self.since = ts
        return earned

    # -- what it is worth ----------------------------------------------------------------------------

    @property
    def equity(self) -> float:
        """Capital and all P&L, at the last marks [reporting currency]."""
        equity = self._cash
        for book in self._all:
            equity += book.open
        return equity

    @property
    def capital(self) -> float:
        """What was put in and not taken out again: ``equity - split.net`` [reporting currency]."""
        return self._capital

    def exposure(self, instrument: str) -> float:
        """Return the signed value of what is held, leverage included [multiples of equity]; 0 after ruin."""
        book = self._books.get(instrument)
        return book.value / self.equity if book is not None and book.steps else 0.0

    def quantity(self, instrument: str) -> float:
        """Return the signed position [base coin, or contracts]."""
        book = self._books.get(instrument)
        return 0.0 if book is None else book.quantity

    @property
    def closing_cost(self) -> float:
        """Cost of closing all that is held, or of opening it elsewhere [fraction of equity]."""
        costs = sum(abs(book.value) * book.cost_rate for book in self._all if book.steps)
        return costs / self.equity if costs else 0.0

    @property
    def split(self) -> Split:
        """Where all P&L so far comes from."""
        parts = [book.split() for book in self._all]
        return Split(*map(sum, zip(*parts, strict=True)))

    @property
    def costs_paid(self) -> float:
        """Fees, spread and impact so far [reporting currency]."""
        return self.split.costs

    @property
    def turnover(self) -> float:
        """Value traded so far [reporting currency]."""
        return math.fsum(book.traded for book in self._all)

    # -- state -----------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "fit": self._fit(),
            "capital": self._capital,
            "base": self._base,
            "since": self.since,
            "ruined": self.ruined,
            "legs": [book.to_dict() for book in self._all],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; a book of other instruments or units is left alone."""
        if state.get("fit") != self._fit():
            return self
        for book, saved in zip(self._all, state["legs"], strict=True):
            book.restore(saved)
        self._capital, self._base = float(state["capital"]), float(state["base"])
        self.since, self.ruined = int(state["since"]), bool(state["ruined"])
        self._settle()
        return self

    # -- inside ----------------------------------------------------------------------------------------

    def _settle(self) -> None:
        earned = (b.realised - b.fees - b.spread - b.impact + b.funded for b in self._all)
        self._cash = self._capital + sum(earned)

    def _is_fresh(self, ts: int) -> bool:
        """Tell whether every held leg has a mark young enough."""
        oldest = ts - self._max_age
        return all(book.ts >= oldest for book in self._all if book.steps)

    def _watch(self) -> None:
        """Close everything when equity is gone."""
        if self.equity > 0.0 or self.ruined or not self._base:
            return
        for book in self._all:
            book.close()
        self._settle()
        self.ruined = True

    def _fit(self) -> list[list[object]]:
        return [book.fit for book in self._all]
