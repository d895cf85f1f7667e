"""
Hedges a book along many paths at once: what is left of its profit, and what hedging cost.

Every array has the shape (steps + 1, paths); a path ends with its last finite price, and is NaN from there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.black76 import price_and_greeks
from nautilus_quant.options.hedging_band import BandKind, BandParams
from nautilus_quant.options.hedging_params import HedgeParams, Mode

type Floats = NDArray[np.float64]


class Paths(NamedTuple):
    """
    A book along paths of the price of its underlying.

    Parameters
    ----------
    price
        Of the underlying [currency per coin], shape (steps + 1, paths).
    value
        Of the book [currency], same shape.
    delta, gamma
        Of the book without hedges [coins] and [coins² / currency], same shape.
    interval
        Between two steps [s].

    """

    price: Floats
    value: Floats
    delta: Floats
    gamma: Floats
    interval: float


class TradeCosts(NamedTuple):
    """
    What hedging costs.

    Parameters
    ----------
    taker, maker
        Fees as a share of what is traded [fraction].
    half_spread
        Distance of the best price from the middle [fraction].
    rests
        Share of resting orders that fill before their patience ends [-]; an assumption, not a measurement.

    """

    taker: float = 0.0005
    maker: float = 0.0
    half_spread: float = 0.0001
    rests: float = 0.5

    def share(self, mode: Mode) -> float:
        """Return what trading costs in a mode as a share of what is traded [fraction]."""
        takes = self.taker + self.half_spread
        if mode is not Mode.CONSERVATIVE:
            return takes
        return self.rests * self.maker + (1.0 - self.rests) * takes


class Outcome(NamedTuple):
    """
    What became of each path, shape (paths,).

    Parameters
    ----------
    profit
        Of book and hedges, costs paid [currency].
    cost
        Of hedging [currency].
    trades
        How many hedges there were.

    """

    profit: Floats
    cost: Floats
    trades: Floats

    @property
    def deviation(self) -> float:
        """Standard deviation of the profit [currency]."""
        return float(self.profit.std())

    @property
    def mean_cost(self) -> float:
        """Mean cost of hedging [currency]."""
        return float(self.cost.mean())

    def score(self, risk_aversion: float) -> float:
        """
        Return mean cost and half the variance times risk aversion; less is better [currency].

        What certain loss somebody of exponential utility takes to be rid of the risk, to second order: the
        same trade-off the cost-aware band is asymptotically optimal for.
        """
        return self.mean_cost + 0.5 * risk_aversion * float(self.profit.var())


def hedge(paths: Paths, params: HedgeParams | None, costs: TradeCosts) -> Outcome:
    """
    Hedge a book along all paths, and close the hedge at the end.

    Parameters
    ----------
    paths
        Of book and price.
    params
        When; ``None`` never hedges.
    costs
        Of trading.

    """
    price, value = paths.price, paths.value
    count = price.shape[1]
    share = 0.0 if params is None else costs.share(params.mode)
    held, cost, trades = np.zeros(count), np.zeros(count), np.zeros(count)
    profit, since = np.zeros(count), np.full(count, np.inf)
    for step in range(price.shape[0] - 1):
        lives = np.isfinite(price[step + 1] + value[step + 1])
        if params is not None:
            net = paths.delta[step] + held
            book = Books(net, paths.gamma[step], price[step], share)
            wanted = wanted_trades(book, params.band_in(params.mode), since)
            traded = np.where(lives & np.isfinite(wanted), wanted, 0.0)
            held += traded
            cost += np.where(traded != 0.0, np.abs(traded) * share * np.nan_to_num(price[step]), 0.0)
            trades += traded != 0.0
            since = np.where(traded != 0.0, 0.0, since) + paths.interval
        gained = held * (price[step + 1] - price[step]) + value[step + 1] - value[step]
        profit += np.where(lives, gained, 0.0)
        # At the end of its path a hedge is closed, once.
        ends = lives & ~_lives_on(price, value, step + 2)
        cost += np.where(ends, np.abs(held) * share * np.nan_to_num(price[step + 1]), 0.0)
        held = np.where(lives, held, 0.0)
    return Outcome(profit - cost, cost, trades)


def _lives_on(price: Floats, value: Floats, step: int) -> NDArray[np.bool_]:
    if step >= price.shape[0]:
        return np.zeros(price.shape[1], dtype=np.bool_)
    lives: NDArray[np.bool_] = np.isfinite(price[step] + value[step])
    return lives


class Books(NamedTuple):
    """
    Many books at one moment, see `nautilus_quant.options.hedging_band.Exposure`.

    Parameters
    ----------
    delta, gamma, price
        Of each, shape (n,).
    cost
        Of trading, of all [fraction].

    """

    delta: Floats
    gamma: Floats
    price: Floats
    cost: float


def wanted_trades(books: Books, params: BandParams, since: Floats) -> Floats:
    """
    Return what to trade of many books at once; see `nautilus_quant.options.hedging_band.wanted_trade`.

    Parameters
    ----------
    books
        What is to be hedged.
    params
        When to hedge.
    since
        Time since the last hedge of each [s], shape (n,).

    """
    delta, gamma, price, cost = books
    if params.kind is BandKind.TIMED:
        # Times add up with rounding errors.
        return np.where(since >= params.interval * (1.0 - 1e-9), -delta, 0.0)
    if params.kind is BandKind.FIXED:
        return np.where(np.abs(delta) > params.width, -delta, 0.0)
    width = np.cbrt(1.5 * cost * price * gamma * gamma / params.risk_aversion)
    width = np.where(np.isfinite(width), np.clip(width, params.width, params.widest), params.width)
    return np.where(np.abs(delta) > width, np.copysign(width, delta) - delta, 0.0)


# -- markets ------------------------------------------------------------------------------------------


def gbm(
    seed: int, paths: int, steps: int, years: float, *, vol: float = 0.6, price: float = 100_000.0
) -> Floats:
    """Return prices of a geometric Brownian motion without drift, shape (steps + 1, paths)."""
    rng = np.random.default_rng(seed)
    dt = years / steps
    moves = rng.normal(-0.5 * vol * vol * dt, vol * np.sqrt(dt), (steps, paths))
    return price * np.exp(np.vstack([np.zeros(paths), np.cumsum(moves, axis=0)]))


class Heston(NamedTuple):
    """
    A market whose variance reverts to a mean.

    Parameters
    ----------
    mean_vol
        Square root of the mean variance, annual, decimal; where it starts, too.
    speed
        Of reversion [1/year].
    vol_of_vol
        Of the variance, annual.
    correlation
        Of price and variance [-].

    """

    mean_vol: float = 0.6
    speed: float = 12.0
    vol_of_vol: float = 2.0
    correlation: float = -0.3


def heston(
    seed: int,
    paths: int,
    steps: int,
    years: float,
    *,
    market: Heston | None = None,
    price: float = 100_000.0,
) -> tuple[Floats, Floats]:
    """
    Return prices and volatilities of a market with stochastic volatility, each of shape (steps + 1, paths).

    Full truncation Euler: variance may fall below zero, and counts as zero while it does.

    Source: S. Heston, *A closed-form solution for options with stochastic volatility*, Review of Financial
    Studies 6(2), 1993; R. Lord, R. Koekkoek, D. van Dijk, *A comparison of biased simulation schemes for
    stochastic volatility models*, Quantitative Finance 10(2), 2010.
    """
    terms = market or Heston()
    rng = np.random.default_rng(seed)
    dt, mean = years / steps, terms.mean_vol**2
    variance, logs = np.full(paths, mean), np.zeros(paths)
    prices, vols = [np.full(paths, price)], [np.full(paths, terms.mean_vol)]
    for _ in range(steps):
        one, two = rng.normal(size=(2, paths))
        mixed = terms.correlation * one + np.sqrt(1.0 - terms.correlation**2) * two
        positive = np.maximum(variance, 0.0)
        logs += -0.5 * positive * dt + np.sqrt(positive * dt) * one
        variance += terms.speed * (mean - positive) * dt + terms.vol_of_vol * np.sqrt(positive * dt) * mixed
        prices.append(price * np.exp(logs))
        vols.append(np.sqrt(np.maximum(variance, 1e-4)))
    return np.array(prices), np.array(vols)


def straddle(prices: Floats, vols: Floats | float, years: float, quantity: float = -1.0) -> Paths:
    """
    Return a straddle at the money when the paths begin, and how it goes on to its expiry at their end.

    Parameters
    ----------
    prices
        Of the underlying, shape (steps + 1, paths).
    vols
        That it is valued and hedged by, of the same shape or one for all.
    years
        Until the expiry.
    quantity
        Of calls and of puts, negative is sold [coins].

    """
    steps = prices.shape[0] - 1
    left = (years * np.arange(steps, -1, -1) / steps)[:, np.newaxis]
    value, delta, gamma = np.zeros_like(prices), np.zeros_like(prices), np.zeros_like(prices)
    for call in (True, False):
        premium, greeks = price_and_greeks(prices, prices[0], np.broadcast_to(left, prices.shape), vols, call)
        value += quantity * premium
        delta += quantity * greeks.delta
        gamma += quantity * greeks.gamma
    return Paths(prices, value, delta, gamma, years * 365.0 * 86_400.0 / steps)
