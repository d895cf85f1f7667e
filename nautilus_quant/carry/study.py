"""What a study of carry says: profit by source, what was captured of the funding foretold, and drawdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from statistics import median

from nautilus_quant.carry.attribution import Sources
from nautilus_quant.carry.forecast import FundingForecast
from nautilus_quant.monitoring.results import CurveStatistics, curve_statistics
from nautilus_quant.signals.sequence import require

YEAR = 365 * 86_400_000_000_000
"""Length of a year [ns]."""


@dataclass(slots=True)
class Capture:
    """
    Funding received beside what was foretold of it, one payment ahead.

    Each payment is foretold by what is known before it: rates paid until then, and the size held. A
    position that follows a good forecast captures about all of it; a ratio below one says that it was paid
    less than the forecast it was held for.

    Parameters
    ----------
    forecast
        Of the instrument's rates.
    paid, foretold
        Sums while something was held [quote currency]; received > 0.
    payments
        How many there were while something was held and a rate was foretold.

    """

    forecast: FundingForecast = field(default_factory=FundingForecast)
    paid: float = 0.0
    foretold: float = 0.0
    payments: int = 0

    def settle(self, ts: int, rate: float, worth: float) -> None:
        """
        Take a payment.

        Parameters
        ----------
        ts
            Its time, UNIX time [ns].
        rate
            Paid [fraction].
        worth
            Signed value of the position it was paid on [quote currency]; 0 when nothing was held.

        """
        told = self.forecast.next(ts)
        if worth and told is not None:
            self.paid -= worth * rate
            self.foretold -= worth * told[0]
            self.payments += 1
        self.forecast.settled(rate)


def capture(books: Mapping[str, Capture]) -> float:
    """Return paid over foretold funding of all instruments together [-]; NaN where nothing was foretold."""
    foretold = math.fsum(book.foretold for book in books.values())
    return math.fsum(book.paid for book in books.values()) / foretold if foretold > 0.0 else math.nan


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """
    The account at one moment.

    Parameters
    ----------
    ts
        UNIX time [ns].
    profit
        Since the beginning, at the middle of prices [quote currency].
    notional
        Held in all pairs [quote currency].

    """

    ts: int
    profit: float
    notional: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What came out of one run.

    Parameters
    ----------
    name
        Of the run.
    capital
        It began with [quote currency].
    samples
        The account, hour by hour.
    assets
        Profit by asset and source.
    years
        Profit by calendar year and source.
    captures
        Funding paid and foretold one payment ahead, by instrument.
    promises
        Paid over what a position was entered for, as its strategy told it, payment by payment [-].
    fills
        How many.
    traded
        Sum of the value of all fills [quote currency].
    left
        Value of what is still held at the end, by instrument, signed [quote currency].
    equity
        What the accounts of the engine hold at the end, with what is open at the middle [quote currency].

    """

    name: str
    capital: Decimal
    samples: Sequence[Sample]
    assets: Mapping[str, Sources]
    years: Mapping[int, Sources]
    captures: Mapping[str, Capture]
    promises: Sequence[float]
    fills: int
    traded: float
    left: Mapping[str, float]
    equity: Decimal

    @property
    def total(self) -> Sources:
        """Profit by source."""
        found = Sources()
        for one in self.assets.values():
            found = found.plus(one)
        return found

    @property
    def span(self) -> float:
        """Length [years]; 0 without samples."""
        return (self.samples[-1].ts - self.samples[0].ts) / YEAR if self.samples else 0.0

    @property
    def annual(self) -> float:
        """Profit over capital and years [fraction a year]; not compounded, NaN without time."""
        return float(self.total.total / self.capital) / self.span if self.span else math.nan

    @property
    def curve(self) -> CurveStatistics:
        """Statistics of the equity curve."""
        start = float(self.capital)
        return curve_statistics([(one.ts, start + one.profit) for one in self.samples])

    @property
    def capture(self) -> float:
        """Paid over foretold funding [-]; NaN where none was foretold."""
        return capture(self.captures)

    @property
    def kept(self) -> float:
        """Median of `promises` [-]; NaN where none was told."""
        known = [ratio for ratio in self.promises if math.isfinite(ratio)]
        return median(known) if known else math.nan

    @property
    def invested(self) -> float:
        """Mean of what was held, over the capital [-]."""
        if not self.samples:
            return math.nan
        return math.fsum(one.notional for one in self.samples) / len(self.samples) / float(self.capital)

    @property
    def time_held(self) -> float:
        """Share of the hours in which something was held [-]; NaN without samples."""
        if not self.samples:
            return math.nan
        return sum(one.notional > 0.0 for one in self.samples) / len(self.samples)


def by_year(marks: Sequence[tuple[int, Sources]]) -> dict[int, Sources]:
    """
    Return what each year brought.

    Parameters
    ----------
    marks
        Year, and profit since the beginning at its end; ascending.

    """
    require(all(a[0] < b[0] for a, b in pairwise(marks)), "ascending years", marks)
    before = Sources()
    found = {}
    for year, total in marks:
        found[year] = total.minus(before)
        before = total
    return found


def knee(points: Sequence[tuple[float, float]], share: float = 0.5) -> float:
    """
    Return the capital at which the return has fallen to a share of that of the smallest [currency].

    Between two capitals the return is taken to fall evenly with the logarithm of the capital.

    Parameters
    ----------
    points
        Capital [currency] and return [fraction a year], by rising capital.
    share
        Of the return of the smallest [-].

    Returns
    -------
    float
        NaN where the smallest earns nothing; infinite where the return never falls so far.

    """
    require(0.0 < share < 1.0, "0 < share < 1 [-]", share)
    if not points or not points[0][1] > 0.0:
        return math.nan
    aim = share * points[0][1]
    for (small, before), (large, after) in pairwise(points):
        if after <= aim < before:
            part = (before - aim) / (before - after)
            return math.exp(math.log(small) + part * (math.log(large) - math.log(small)))
    return math.inf
