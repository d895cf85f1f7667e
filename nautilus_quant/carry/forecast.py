"""The next funding rates: from the premium of this interval, and from those paid before."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
HOUR = 3_600_000_000_000
_EIGHT = 8 * HOUR
_NORMAL = NormalDist()
_SURE = 1e-18
"""Least variance of a source, so that one that never missed has a finite weight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FundingFormula:
    """
    What a venue makes of the average premium: ``P + clamp(interest - P, ±damper)``, within ``±cap``.

    Binance, "Introduction to Binance Futures Funding Rates", with a premium weighted by time (the last minute
    counts most); Deribit, "Funding Specifications", whose ``max(d, P) + min(-d, P)`` is the same without
    interest, with a plain average. All per 8 hours; a shorter interval pays its share.

    Parameters
    ----------
    interest
        Per 8 hours [fraction].
    damper
        Largest difference that the interest makes good [fraction].
    cap
        Largest rate, per 8 hours [fraction].
    interval
        Between two payments [ns].
    is_weighted
        Whether a later premium counts more, in proportion to the time since the interval began.

    """

    interest: float = 0.0001
    damper: float = 0.0005
    cap: float = 0.02
    interval: int = _EIGHT
    is_weighted: bool = True

    def __post_init__(self) -> None:
        require(math.isfinite(self.interest), "a finite interest [fraction]", self.interest)
        require(0.0 <= self.damper < math.inf, "0 <= damper < inf [fraction]", self.damper)
        require(self.cap > 0.0, "cap > 0 [fraction]", self.cap)
        require(self.interval > 0, "interval > 0 [ns]", self.interval)

    def rate(self, premium: float) -> float:
        """Return the rate of one interval [fraction] an average premium [fraction of the index] leads to."""
        pull = min(max(self.interest - premium, -self.damper), self.damper)
        return min(max(premium + pull, -self.cap), self.cap) * self.interval / _EIGHT

    def weight(self, start: float, end: float) -> float:
        """Return what a premium between two shares of the interval counts [0 to 1 in all]."""
        return end * end - start * start if self.is_weighted else end - start


BINANCE = FundingFormula()
DERIBIT = FundingFormula(interest=0.0, damper=0.00025, cap=0.005, is_weighted=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastParams:
    """
    How fast the past is forgotten, and what is believed before there is one.

    Parameters
    ----------
    half_life
        Of past rates [payments]: what they return to, how fast, and how much they scatter.
    premium_half_life
        Of the premium that is taken for the rest of an interval, and of its scatter [s].
    persistence
        First guess of the autocorrelation of rates from one payment to the next [-].
    prior_weight
        What that guess counts [payments].
    least
        Payments, or premia of this interval, before anything is foretold [-].

    """

    half_life: float = 60.0
    premium_half_life: float = 3_600.0
    persistence: float = 0.7
    prior_weight: float = 10.0
    least: int = 5

    def __post_init__(self) -> None:
        require(0.0 < self.half_life < math.inf, "0 < half_life < inf [payments]", self.half_life)
        require(0.0 < self.premium_half_life < math.inf, "0 < premium_half_life [s]", self.premium_half_life)
        require(0.0 <= self.persistence < 1.0, "0 <= persistence < 1 [-]", self.persistence)
        require(0.0 < self.prior_weight < math.inf, "0 < prior_weight < inf", self.prior_weight)
        require(self.least >= 2, "least >= 2", self.least)


class Carry(NamedTuple):
    """
    Funding over the next payments.

    Parameters
    ----------
    expected
        Sum of the rates [fraction]; what a short position receives.
    error
        Standard deviation of it [fraction].
    flip
        Probability that the sum is of the other sign [-].

    """

    expected: float
    error: float
    flip: float


class PremiumAverage:
    """
    The average premium of the running interval, and what it will be at its end.

    A premium counts from the one before it until itself. The rest of the interval is expected at the level of
    the last while.

    Parameters
    ----------
    formula
        Length of the interval, and what counts how much.
    half_life
        Of the level [s].

    """

    def __init__(self, formula: FundingFormula, half_life: float) -> None:
        self._formula = formula
        self._half_life = half_life * 1e9
        self._start = -1
        self._end = 0.0
        self._sum = 0.0
        self._ts: int | None = None
        self.level = 0.0
        self.variance = 0.0
        self.seen = 0

    def update(self, ts: int, premium: float) -> None:
        """Take a premium [fraction of the index] at a time [ns]; what is late or no number is passed over."""
        if not math.isfinite(premium) or (self._ts is not None and ts <= self._ts):
            return
        interval = self._formula.interval
        if ts // interval != self._start:
            self._start, self._end, self._sum, self.seen = ts // interval, 0.0, 0.0, 0
        share = (ts % interval) / interval
        self._sum += premium * self._formula.weight(self._end, share)
        self._end = share
        gain = 1.0 if self._ts is None else 1.0 - 0.5 ** ((ts - self._ts) / self._half_life)
        error = premium - self.level
        self.level += gain * error
        self.variance = (1.0 - gain) * (self.variance + gain * error * error)
        self._ts = ts
        self.seen += 1

    def expected(self, ts: int) -> tuple[float, float] | None:
        """Return average and its standard error at the end of the interval of `ts`; ``None`` without any."""
        if not self.seen or ts // self._formula.interval != self._start:
            return None
        rest = self._formula.weight(self._end, 1.0)
        return self._sum + self.level * rest, math.sqrt(self.variance) * rest


class FundingForecast:
    """
    Foretells the funding of one instrument.

    Past rates return to their mean by a share each time (an autoregression of order one, fitted to fading
    sums). The premium says more, the further its interval has run, and so does what the venue announces
    itself. All are weighed by their variances: the first by what it missed so far, the premium by its
    scatter in the rest of the interval and by what the formula missed at the end of others (by all of it,
    where nothing else is known yet), the venue's own by what it missed and the time left. Where that is
    further from history than both would explain, history counts so much less (as DerSimonian and Laird
    1986, "Meta-analysis in clinical trials", weigh what disagrees).

    Parameters
    ----------
    formula
        Of the venue.
    params
        How fast the past is forgotten.

    """

    def __init__(self, formula: FundingFormula = BINANCE, params: ForecastParams | None = None) -> None:
        self.formula = formula
        self.params = params or ForecastParams()
        self._premium = PremiumAverage(formula, self.params.premium_half_life)
        self._decay = 0.5 ** (1.0 / self.params.half_life)
        self._count = self._sum = self._products = self._squares = 0.0
        self._variance = self._formula_variance = 0.0
        self._checked = 0
        self._told: float | None = None
        self._announced: tuple[float, int] | None = None
        self._first: tuple[float, float, int] | None = None  # of an interval: rate, share of it left, its end
        self._announced_variance = 0.0
        self._kept = 0
        self._usual: float | None = None  # what past rates foretell; like the next, until one more is paid
        self._reach: tuple[int, float, float, float] | None = None
        self.last: float | None = None
        self.seen = 0

    def announced(self, ts: int, rate: float, due: int) -> None:
        """
        Take the rate a venue foretells itself.

        What it misses shrinks as the interval runs out: its variance is taken in proportion to the time left.

        Parameters
        ----------
        ts
            When it was told, UNIX time [ns].
        rate
            As it would be now [fraction]; one that is no number changes nothing.
        due
            When it is paid, UNIX time [ns]; what is not ahead is passed over.

        """
        if not math.isfinite(rate) or due <= ts:
            return
        self._announced = (rate, due)
        if self._first is None or self._first[2] != due:
            self._first = (rate, self._left(ts, due), due)

    def _left(self, ts: int, due: int) -> float:
        left = (due - ts) / self.formula.interval
        return 1.0 if left > 1.0 else max(left, 0.05)

    def premium(self, ts: int, value: float) -> None:
        """Take a premium of the perpetual over its index [fraction] at a time [ns]."""
        self._premium.update(ts, value)
        told = self._premium.expected(ts)
        self._told = None if told is None else self.formula.rate(told[0])

    def settled(self, rate: float) -> None:
        """Take a rate that was paid [fraction]; one that is no number changes nothing."""
        if not math.isfinite(rate):
            return
        self._usual = self._reach = None
        decay = self._decay
        if self._told is not None:
            missed = rate - self._told
            self._checked += 1
            gain = max(1.0 - decay, 1.0 / self._checked)
            self._formula_variance += gain * (missed * missed - self._formula_variance)
            self._told = None
        if self._first is not None:
            missed = rate - self._first[0]
            self._kept += 1
            gain = max(1.0 - decay, 1.0 / self._kept)
            self._announced_variance += gain * (missed * missed / self._first[1] - self._announced_variance)
            self._first = self._announced = None
        if self.last is not None:
            foreseen = self.mean + self.persistence * (self.last - self.mean)
            gain = max(1.0 - decay, 1.0 / (self.seen + 1.0))
            self._variance += gain * ((rate - foreseen) ** 2 - self._variance)
        before, mean = self.last, self.mean if self.seen else rate
        self._count, self._sum = decay * self._count + 1.0, decay * self._sum + rate
        if before is not None:
            self._products = decay * self._products + (before - mean) * (rate - mean)
            self._squares = decay * self._squares + (before - mean) ** 2
        self.last = rate
        self.seen += 1

    @property
    def mean(self) -> float:
        """What rates return to [fraction]."""
        return self._sum / self._count if self._count else 0.0

    @property
    def persistence(self) -> float:
        """What is left of a difference to the mean after one payment [-]."""
        usual = self._squares / self._count if self._count else 0.0
        prior = self.params.prior_weight * usual
        below = self._squares + prior
        if not below > 0.0:
            return self.params.persistence
        return min(max((self._products + prior * self.params.persistence) / below, 0.0), 0.99)

    def next(self, ts: int) -> tuple[float, float] | None:
        """
        Return the next rate and its standard error [fraction]; ``None`` while too little is known.

        Parameters
        ----------
        ts
            Now, UNIX time [ns].

        """
        total = weighted = told = doubt = 0.0
        least, last, announced = self.params.least, self.last, self._word(ts)
        if announced is not None:
            told, doubt = announced
            total = 1.0 / (_SURE if doubt < _SURE else doubt)  # noqa: FURB136 (a call of max costs more)
            weighted = total * told
        if last is not None and self.seen >= least:
            usual, variance = self._usual, self._variance
            if usual is None:
                mean = self.mean
                usual = self._usual = mean + self.persistence * (last - mean)
            if announced is not None:  # history is worth less where the venue says that something has changed
                apart = (told - usual) ** 2 - doubt
                variance = apart if apart > variance else variance  # noqa: FURB136
            weight = 1.0 / (_SURE if variance < _SURE else variance)  # noqa: FURB136
            total += weight
            weighted += weight * usual
        average = self._premium.expected(ts) if self._premium.seen >= least else None
        if average is not None:
            rate = self.formula.rate(average[0])
            # Where it is all there is, a formula that was never held against a payment may be all wrong.
            missed = self._formula_variance if total or self._checked else rate * rate
            variance = (average[1] * self.formula.interval / _EIGHT) ** 2 + missed
            weight = 1.0 / (_SURE if variance < _SURE else variance)  # noqa: FURB136
            total += weight
            weighted += weight * rate
        return (weighted / total, math.sqrt(1.0 / total)) if total else None

    def _word(self, ts: int) -> tuple[float, float] | None:
        """Return what the venue itself foretells, and its variance."""
        announced = self._announced
        if announced is None or self.seen < self.params.least:
            return None
        rate, due = announced
        if due <= ts:
            return None
        each = self._announced_variance if self._kept else self._variance
        return rate, each * self._left(ts, due)

    def over(self, payments: int, ts: int) -> Carry | None:
        """
        Return what the next payments come to; ``None`` while too little is known.

        After the next one the rate returns to the mean: with ``g(j) = (1 - φʲ) / (1 - φ)`` the sum of ``n``
        is ``n·m + (r - m)·g(n)``, its variance ``e²·g(n)² + s²·sum(g(j)²; j = 1 … n-1)`` for the error ``e``
        of the next one and ``s`` of each after it.

        Parameters
        ----------
        payments
            How many, from the next one on.
        ts
            Now, UNIX time [ns].

        """
        found = self.moments(payments, ts)
        if found is None:
            return None
        expected, deviation = found
        flip = _NORMAL.cdf(-abs(expected) / deviation) if deviation > 0.0 else 0.0
        return Carry(expected, deviation, flip)

    def moments(self, payments: int, ts: int) -> tuple[float, float] | None:
        """Return what the next payments come to, and its standard deviation [fraction]; as `over` does."""
        if payments < 1:
            require(False, "payments >= 1", payments)
        following = self.next(ts)
        if following is None:
            return None
        rate, error = following
        known = self._reach
        if known is None or known[0] != payments:
            known = self._reach = self._reached(payments)
        _, mean, reach, squares = known
        each = self._variance
        if self.seen < self.params.least:
            mean, each = rate, error * error
        variance = (error * reach) ** 2 + each * squares
        return payments * mean + (rate - mean) * reach, math.sqrt(variance)

    def _reached(self, payments: int) -> tuple[int, float, float, float]:
        """Return what changes only when a rate is paid: the mean, and both sums of `over`."""
        left = self.persistence if self.seen >= self.params.least else 0.99
        reach = (1.0 - left**payments) / (1.0 - left)
        return payments, self.mean, reach, _squares(left, payments)

    def to_dict(self) -> dict[str, Any]:
        """Return what past rates have taught; the running interval is not kept."""
        numbers = [self._count, self._sum, self._products, self._squares]
        return {
            "version": VERSION,
            "sums": [*numbers, self._variance, self._formula_variance],
            "last": self.last,
            "seen": self.seen,
            "checked": self._checked,
            "announced": [self._announced_variance, self._kept],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("funding forecast", state, VERSION)
        sums = [float(number) for number in stored.field(state, "sums")]
        require(len(sums) == 6 and all(map(math.isfinite, sums)), "6 finite sums", sums)
        last = stored.maybe_number(state, "last")
        self._usual = self._reach = None
        self._count, self._sum, self._products, self._squares = sums[:4]
        self._variance, self._formula_variance = sums[4:]
        self.last, self.seen = last, stored.moment(state, "seen")
        self._checked = stored.moment(state, "checked")
        variance, kept = state.get("announced", (0.0, 0))
        require(math.isfinite(variance) and variance >= 0.0, "a finite variance >= 0", variance)
        self._announced_variance, self._kept = float(variance), int(kept)
        return self


def _squares(left: float, payments: int) -> float:
    """Return ``sum(g(j)²; j = 1 … n-1)`` of `FundingForecast.over`, as geometric sums."""
    last = left ** (payments - 1)
    once = left * (1.0 - last) / (1.0 - left)
    twice = left * left * (1.0 - last * last) / (1.0 - left * left)
    return (payments - 1 - 2.0 * once + twice) / (1.0 - left) ** 2
