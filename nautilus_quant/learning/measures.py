"""What a market is like, measured: each number with its unit, its source and the bars behind it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.learning.market_tests import (
    Reversion,
    VarianceRatio,
    efficiency_ratio,
    reversion,
    sidak,
    spread_of_bars,
    variance_ratio,
)
from nautilus_quant.signals.cointegration import engle_granger
from nautilus_quant.signals.sequence import STANDSTILL, periods_per_year, require

type Floats = NDArray[np.float64]

LEAST_BARS = 250
"""Below this many bars nothing is said about trend, reversion and partners: the tests are not valid."""
_LEAST_RETURNS = 20
_STRETCH = 32
_LAGS = 4
_HORIZONS = 8  # the longest horizon fits so often into the data


class Measure(NamedTuple):
    """One number about a market."""

    value: float
    """NaN when it is not known; then `reason` says why."""
    unit: str
    bars: int
    """How many bars, or quotes, are behind it."""
    source: str
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is a number."""
        return not math.isnan(self.value)


class Partner(NamedTuple):
    """An instrument whose price moves with this one's."""

    instrument: str
    p: float
    """How often the best of as many unrelated instruments looks that close [-]."""
    beta: float
    """Slope of the log price on the partner's [-]."""
    half_life: float
    """Time in which half of a gap closes [bars]."""
    deviation: float
    """Standard deviation of the gap [log price]."""
    bars: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Market:
    """
    What is known of an instrument; arrays are oldest first.

    Parameters
    ----------
    instrument
        Its id.
    interval
        Length of a bar [ns].
    closes
        Of consecutive bars, positive [quote currency]. Shape: (n,).
    highs, lows, volumes
        Of the same bars; volumes in base coin or contracts. Shape: (n,), or ``None``.
    spreads
        Of quotes, (ask - bid) / middle [fraction]. Shape: (m,), or ``None``.
    spread
        As known from elsewhere [fraction], where there are no `spreads`; NaN when unknown. Bars tell wide
        spreads only: on hourly bars the estimate of a narrow one is mostly noise, and mostly too wide.
    depths
        Value offered at the best prices, mean of both sides [quote currency]. Shape: (m,), or ``None``.
    tick
        Least step of the price [quote currency]; NaN when unknown. No spread is narrower.
    maker_fee, taker_fee
        Fraction of the value traded; NaN when unknown.

    Raises
    ------
    ValueError
        If prices are not positive, or lengths differ.

    """

    instrument: str
    interval: int
    closes: Floats
    highs: Floats | None = None
    lows: Floats | None = None
    volumes: Floats | None = None
    spreads: Floats | None = None
    spread: float = math.nan
    depths: Floats | None = None
    tick: float = math.nan
    maker_fee: float = math.nan
    taker_fee: float = math.nan

    def __post_init__(self) -> None:
        periods_per_year(self.interval)
        for name in ("closes", "highs", "lows", "volumes"):
            values = getattr(self, name)
            if values is None:
                continue
            require(values.shape == self.closes.shape, f"as many {name} as closes [bars]", values.shape)
            least = 0.0 if name == "volumes" else math.ulp(0.0)
            sound = bool(np.all(np.isfinite(values) & (values >= least)))
            require(sound, f"finite and positive {name}", "others")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """
    All that was measured of one instrument.

    Parameters
    ----------
    instrument, interval, bars
        Which, length of a bar [ns], and how many bars.
    ratios
        Variance ratios at horizons of powers of two; empty when nothing is said about trends.
    returning
        Reversion to a fixed mean; ``None`` when nothing is said about it.
    partners
        Cointegrated instruments, the surest first.
    trend, efficiency, half_life, volatility, spread, cost, turnover, depth, partner
        One number each, for people and for scores: the variance ratio farthest from 1, straightness,
        half-life, volatility per year, spread, cost of a round trip at market, value traded per bar, value
        at the best prices, p-value of the best partner.
    maker_fee
        Fraction of the value traded; NaN when unknown.

    """

    instrument: str
    interval: int
    bars: int
    ratios: tuple[VarianceRatio, ...]
    returning: Reversion | None
    partners: tuple[Partner, ...]
    trend: Measure
    efficiency: Measure
    half_life: Measure
    volatility: Measure
    spread: Measure
    cost: Measure
    turnover: Measure
    depth: Measure
    partner: Measure
    maker_fee: float = math.nan

    @property
    def table(self) -> dict[str, Measure]:
        """The numbers by name, in a fixed order."""
        return {name: getattr(self, name) for name in _TABLE}

    @property
    def bar_volatility(self) -> float:
        """Volatility of a bar [log price]."""
        return self.volatility.value / math.sqrt(periods_per_year(self.interval))

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "instrument": self.instrument,
            "bars": self.bars,
            "interval_s": self.interval / 1e9,
            "measures": {name: measure._asdict() for name, measure in self.table.items()},
            "partners": [partner._asdict() for partner in self.partners],
        }


_TABLE = (
    *("trend", "efficiency", "half_life", "volatility", "spread"),
    *("cost", "turnover", "depth", "partner"),
)


def measure(market: Market, others: Mapping[str, Floats] | None = None) -> Measures:
    """
    Measure an instrument.

    Parameters
    ----------
    market
        Its bars and what else is known.
    others
        Closes of other instruments at the times of its bars, NaN where they have none. Shape: (n,) each.

    Returns
    -------
    Measures
        NaN and the reason where there is too little data; nothing is made up.

    """
    prices = np.log(market.closes)
    ratios, returning = _ratios(prices), _returning(prices)
    partners = _partners(prices, others or {})
    spread = _spread(market)
    return Measures(
        instrument=market.instrument,
        interval=market.interval,
        bars=len(prices),
        ratios=ratios,
        returning=returning,
        partners=partners,
        trend=_trend(ratios, len(prices)),
        efficiency=_efficiency(prices),
        half_life=_half_life(returning, len(prices)),
        volatility=_volatility(prices, market.interval),
        spread=spread,
        cost=_cost(spread, market.taker_fee),
        turnover=_turnover(market),
        depth=_depth(market),
        partner=_partner(partners, others, len(prices)),
        maker_fee=market.maker_fee,
    )


def _too_few(bars: int, least: int = LEAST_BARS) -> str:
    return f"needs {least} bars, has {bars}"


def _moves(prices: Floats) -> bool:
    return len(prices) >= LEAST_BARS and float(np.ptp(prices)) > STANDSTILL


def _silence(prices: int) -> str:
    return _too_few(prices) if prices < LEAST_BARS else "the price does not move"


def _ratios(prices: Floats) -> tuple[VarianceRatio, ...]:
    if not _moves(prices):
        return ()
    found, q = [], 2
    while q * _HORIZONS <= len(prices) and q <= 512:
        found.append(variance_ratio(prices, q))
        q *= 2
    return tuple(item for item in found if not math.isnan(item.z))


def _returning(prices: Floats) -> Reversion | None:
    return reversion(prices, lags=_LAGS) if _moves(prices) else None


def _trend(ratios: tuple[VarianceRatio, ...], bars: int) -> Measure:
    source = "variance ratio (Lo, MacKinlay)"
    if not ratios:
        return Measure(math.nan, "-", bars, source, _silence(bars))
    best = max(ratios, key=lambda item: abs(item.z))
    about = f"{source} at {best.q} bars, z {best.z:+.2f}, p {sidak(best.p, len(ratios)):.2g}"
    return Measure(best.ratio, "-", bars, about)


def _efficiency(prices: Floats) -> Measure:
    source = f"efficiency ratio (Kaufman) over {_STRETCH} bars, 1 for a random walk"
    value = efficiency_ratio(prices, _STRETCH) if _moves(prices) else math.nan
    return Measure(value, "-", len(prices), source, _silence(len(prices)) if math.isnan(value) else "")


def _half_life(returning: Reversion | None, bars: int) -> Measure:
    source = "autoregression (Dickey, Fuller)"
    if returning is None:
        return Measure(math.nan, "bars", bars, source, _silence(bars))
    about = f"{source}, t {returning.t:+.2f}, p {returning.p:.2g}"
    return Measure(returning.half_life, "bars", bars, about)


def _volatility(prices: Floats, interval: int) -> Measure:
    unit, source, count = "per year", "standard deviation of log returns", len(prices) - 1
    if count < _LEAST_RETURNS:
        return Measure(math.nan, unit, max(count, 0), source, _too_few(len(prices), _LEAST_RETURNS + 1))
    value = float(np.diff(prices).std(ddof=1)) * math.sqrt(periods_per_year(interval))
    return Measure(value, unit, count, source)


def _spread(market: Market) -> Measure:
    quoted = _finite(market.spreads)
    if quoted is not None:
        return Measure(float(np.median(quoted)), "fraction", len(quoted), "median of quotes")
    if market.spread >= 0.0:
        return Measure(market.spread, "fraction", 0, "given")
    bars, source = len(market.closes), "estimate from bars (Abdi, Ranaldo)"
    if market.highs is None or market.lows is None:
        return Measure(math.nan, "fraction", bars, source, "no quotes, and no highs and lows")
    if bars < LEAST_BARS:
        return Measure(math.nan, "fraction", bars, source, _too_few(bars))
    value, tick = spread_of_bars(market.highs, market.lows, market.closes), market.tick
    least = tick / float(market.closes[-1])
    if value > 0.0 and not value < least:
        return Measure(value, "fraction", bars, source)
    if least > 0.0:
        return Measure(least, "fraction", bars, "estimate: one tick, bars show no more")
    return Measure(math.nan, "fraction", bars, source, "bars show no spread, and the tick is unknown")


def _cost(spread: Measure, taker_fee: float) -> Measure:
    source = "spread and two taker fees"
    reason = "the fee is unknown" if math.isnan(taker_fee) else spread.reason
    return Measure(spread.value + 2.0 * taker_fee, "fraction", spread.bars, source, reason)


def _turnover(market: Market) -> Measure:
    unit, source = "quote currency per bar", "median of volume times close"
    if market.volumes is None or not len(market.closes):
        return Measure(math.nan, unit, 0, source, "no volumes")
    value = float(np.median(market.volumes * market.closes))
    return Measure(value, unit, len(market.closes), source)


def _depth(market: Market) -> Measure:
    unit, source, offered = "quote currency", "median at the best prices", _finite(market.depths)
    if offered is None:
        return Measure(math.nan, unit, 0, source, "no quotes")
    return Measure(float(np.median(offered)), unit, len(offered), source)


def _finite(values: Floats | None) -> Floats | None:
    """Return the values that can be: finite and not negative; ``None`` when none can."""
    if values is None:
        return None
    sound = values[np.isfinite(values) & (values >= 0.0)]
    return sound if len(sound) else None


def _partners(prices: Floats, others: Mapping[str, Floats]) -> tuple[Partner, ...]:
    if not _moves(prices):
        return ()
    found = [_related(prices, name, closes, len(others)) for name, closes in others.items()]
    known = [partner for partner in found if partner is not None]
    return tuple(sorted(known, key=lambda partner: (partner.p, partner.instrument)))


def _related(prices: Floats, name: str, closes: Floats, tests: int) -> Partner | None:
    require(closes.shape == prices.shape, f"as many closes of {name} as of the instrument", closes.shape)
    both = np.isfinite(closes) & (closes > 0.0)
    if int(both.sum()) < LEAST_BARS:
        return None
    y, x = prices[both], np.log(closes[both])
    test = engle_granger(y, x, lags=_LAGS)
    if math.isnan(test.p):
        return None
    deviation = float((y - test.beta * x).std())
    return Partner(name, sidak(test.p, tests), test.beta, test.half_life, deviation, len(y))


def _partner(partners: tuple[Partner, ...], others: Mapping[str, Floats] | None, bars: int) -> Measure:
    source = "Engle-Granger test"
    if not others:
        return Measure(math.nan, "p-value", bars, source, "no other instruments to compare with")
    if not partners:
        return Measure(math.nan, "p-value", bars, source, "too few common bars")
    best = partners[0]
    about = f"{source} with {best.instrument}, best of {len(others)}, half-life {best.half_life:.3g} bars"
    return Measure(best.p, "p-value", best.bars, about)
