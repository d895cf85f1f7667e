"""
What options, and all that moves with their underlying, gain and lose when markets move: fully revalued.

A book is a matrix of profits: one row for each scenario, one column for each contract. What is held, and what
orders on their way may still make of it, are quantities multiplied with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from nautilus_quant.options.contract import years as years_between

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_quant.options.contract import Contract
    from nautilus_quant.options.stress_grid import Scenario, Scenarios

type Floats = NDArray[np.float64]

_DAYS_PER_YEAR = 365.0
_STILL = 1e-9
"""Standard deviation below which an option is worth what it pays."""


@dataclass(frozen=True, eq=False, slots=True)
class Lines:
    """
    Contracts on one underlying, as columns: options, futures, perpetuals and spot.

    Parameters
    ----------
    names
        Instrument ids.
    option : bool[n]
        Whether each is an option; of others strike, expiry, years and vol mean nothing.
    forward : float64[n]
        Price for the expiry; of others their own price, or 1 where `size` is a worth.
    strike : float64[n]
        In the currency of the forward.
    expiry : int64[n]
        UNIX time [ns]; 0 for others.
    years : float64[n]
        Time left.
    vol : float64[n]
        Annual, decimal.
    call : bool[n]
        A call; a put otherwise.
    size : float64[n]
        Units of underlying in one contract, times the worth of the forward's currency [reporting currency].

    """

    names: tuple[str, ...]
    option: NDArray[np.bool_]
    forward: Floats
    strike: Floats
    expiry: NDArray[np.int64]
    years: Floats
    vol: Floats
    call: NDArray[np.bool_]
    size: Floats

    def __len__(self) -> int:
        """Return how many contracts there are."""
        return len(self.names)

    @classmethod
    def of_options(
        cls,
        contracts: Sequence[Contract],
        forward: Sequence[float] | Floats,
        vol: Sequence[float] | Floats,
        now: int,
        *,
        rate: Sequence[float] | Floats | float = 1.0,
    ) -> Self:
        """
        Make lines of options.

        Parameters
        ----------
        contracts
            What they are.
        forward, vol
            Of each, float64[n].
        now
            UNIX time [ns].
        rate
            Worth of the forward's currency, of all or of each [reporting currency].

        """
        expiry = np.array([contract.expiry for contract in contracts], dtype=np.int64)
        size = np.array([contract.multiplier for contract in contracts], dtype=np.float64)
        return cls(
            tuple(contract.name for contract in contracts),
            np.ones(len(contracts), dtype=np.bool_),
            np.asarray(forward, dtype=np.float64),
            np.array([contract.strike for contract in contracts], dtype=np.float64),
            expiry,
            years_between(now, expiry),
            np.asarray(vol, dtype=np.float64),
            np.array([contract.call for contract in contracts], dtype=np.bool_),
            size * np.asarray(rate, dtype=np.float64),
        )

    @classmethod
    def of_linear(cls, names: Sequence[str], worth: Sequence[float] | Floats) -> Self:
        """
        Make lines of futures, perpetuals and spot.

        An inverse contract is one too: in money it earns its face value times the move of the price, since
        what it pays in coin is counted at the price after the move.

        Parameters
        ----------
        names
            Instrument ids.
        worth
            Of the underlying of one contract now, float64[n] [reporting currency].

        """
        n = len(names)
        ones, no = np.ones(n), np.zeros(n, dtype=np.bool_)
        size = np.asarray(worth, dtype=np.float64)
        return cls(tuple(names), no, ones, ones, np.zeros(n, np.int64), np.zeros(n), np.zeros(n), no, size)

    def __add__(self, other: Lines) -> Lines:
        """Return both, these first."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in _COLUMNS)
        return Lines(self.names + other.names, *(np.concatenate(pair) for pair in pairs))

    def take(self, places: Sequence[int]) -> Lines:
        """Return some of them, by their places."""
        at = np.array(places, dtype=np.intp)
        columns = (getattr(self, name)[at] for name in _COLUMNS)
        return Lines(tuple(self.names[place] for place in places), *columns)

    @property
    def problem(self) -> str:
        """Name the first contract that cannot be valued, and why; empty when all can."""
        checks = (
            ("worth", np.isfinite(self.size)),
            ("forward", np.isfinite(self.forward) & (self.forward > 0.0)),
            ("volatility", ~self.option | (self.vol > 0.0) & np.isfinite(self.vol)),
        )
        for what, good in checks:
            if not good.all():
                return f"the {what} of {self.names[int(np.argmin(good))]} is unknown"
        return ""


_COLUMNS = ("option", "forward", "strike", "expiry", "years", "vol", "call", "size")


def profits(lines: Lines, scenarios: Scenarios) -> Floats:
    """
    Return what one contract of each line gains in each scenario, counted as the scenario counts.

    Returns
    -------
    float64[s, n]
        [reporting currency]; NaN in the column of what is unknown.

    """
    gained: Floats = scenarios.spot[:, None] * (lines.forward * lines.size)
    at = np.flatnonzero(lines.option)
    if len(at):
        forward, strike, left = lines.forward[at], lines.strike[at], lines.years[at]
        log = np.log(forward / strike)
        before = _calls(forward, strike, log, lines.vol[at] * np.sqrt(left))
        moved = 1.0 + scenarios.spot[:, None]
        deviation = _deviations(lines.vol[at], left, scenarios)
        after = _calls(forward * moved, strike, log + np.log(moved), deviation)
        after -= before
        # By put-call parity a put gains what the call does, less what the forward does.
        after -= scenarios.spot[:, None] * np.where(lines.call[at], 0.0, forward)
        after *= lines.size[at]
        gained[:, at] = after
    gained *= scenarios.weight[:, None]
    return gained


def _deviations(vol: Floats, left: Floats, scenarios: Scenarios) -> Floats:
    """Return vol·√T of each option in each scenario; many scenarios share shock and time."""
    pairs, which = np.unique(np.column_stack([scenarios.vol, scenarios.days]), axis=0, return_inverse=True)
    later = np.maximum(left - pairs[:, 1:] / _DAYS_PER_YEAR, 0.0)
    deviations: Floats = (scenarios.vols(vol, left, pairs[:, 0]) * np.sqrt(later))[which]
    return deviations


def _calls(forward: Floats, strike: Floats, log: Floats, deviation: Floats) -> Floats:
    """
    Value calls by Black (1976), eq. 16, in fewer steps than `black76.price`.

    That one keeps the last digits of what is worth nearly nothing; losses in stress need none of them. In
    place, since here the memory that large arrays come and go in costs as much as the arithmetic.
    """
    far = np.maximum(deviation, _STILL)
    near = log / far
    near += 0.5 * far
    np.subtract(near, far, out=far)
    value: Floats = ndtr(near, out=near)
    value *= forward
    value -= np.multiply(ndtr(far, out=far), strike, out=far)
    return value


class Worst(NamedTuple):
    """
    The worst that can happen within the grid.

    Parameters
    ----------
    loss
        Not below 0, as nothing may happen too [reporting currency]; NaN when unknown.
    scenario
        In which.

    """

    loss: float
    scenario: Scenario


def worst(losses: Floats, scenarios: Scenarios) -> Worst:
    """Return the largest of the losses of a book in each scenario, float64[s]."""
    place = int(np.argmax(losses))  # which finds a NaN, if there is one
    return Worst(float(losses[place]), scenarios.scenario(place))


def book_losses(profit: Floats, low: Floats, high: Floats) -> Floats:
    """
    Return the loss of a book in each scenario, whichever of its orders fill.

    Profit is linear in what is held of a contract, so the worst of all that orders may make of it lies at one
    of the two ends; contracts fill each by themselves.

    Parameters
    ----------
    profit
        Of one contract, float64[s, n], see `profits`.
    low, high
        Least and most that may be held of each, float64[n]; the same twice for what has no orders.

    Returns
    -------
    float64[s]
        [reporting currency].

    """
    if low is high or not (low != high).any():
        held: Floats = -(profit @ low)
        return held
    losses: Floats = -np.minimum(profit * low, profit * high).sum(axis=1)
    return losses


def room(losses: Floats, profit: Floats, bound: float) -> float:
    """
    Return how many contracts fit: the most after which no scenario loses more than `bound`.

    Exact, since every loss grows in proportion to what is added: the least of (bound − loss) / loss of one.

    Parameters
    ----------
    losses
        Of the book without them, float64[s].
    profit
        Of one of the contracts, as it is traded (a sold one's is the other way round), float64[s].
    bound
        Most that may be lost [reporting currency].

    Returns
    -------
    float
        Infinite when they lose in no scenario; 0 when nothing fits, or one of the numbers is none.

    """
    if not (np.isfinite(bound) and np.isfinite(losses).all() and np.isfinite(profit).all()):
        return 0.0
    loses = profit < 0.0
    if not loses.any():
        return np.inf
    with np.errstate(over="ignore"):  # of what loses next to nothing, more fit than there are numbers
        return max(float(((bound - losses[loses]) / -profit[loses]).min()), 0.0)
