"""How prices move: a common factor and each coin's own part, each switching between trends and ranges.

A chain's log price is a *slow* part, which drifts up, down or not at all for a quarter of an hour, plus a
*swing*, which ranges around a centre, trends, or turns turbulent for a minute or two. Directions are drawn
with a bias against the distance already gone, so that prices stay within some percent of their start while
any minute may trend. Volatility is lognormal, mean reverting and common to a slot; jumps come with
turbulence. Everything is drawn from the generator handed in, in a fixed order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.market import SLOT_SECONDS, SLOTS, MarketConfig
from nautilus_quant.venues.simulated.params import COINS, FACTOR_SIGMA
from nautilus_quant.venues.simulated.state import CHAINS, Chains

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Fast(IntEnum):
    """Regime of a swing."""

    RANGE = 0
    UP = 1
    DOWN = 2
    TURBULENT = 3


_PACE: Final = 90.0
"""The pace at which the figures below are meant [s]."""

_STAY: Final = np.array([1.1, 1.0, 1.0, 0.45])
"""Mean dwell in each fast regime [times pace]."""

_HEAT_OF: Final = np.array([1.5, 1.0, 1.0, 2.5])
"""Volatility in each fast regime [times sigma]."""

_NEXT: Final = np.array([[0.0, 0.8], [0.6, 0.8], [0.6, 0.8], [0.45, 1.0]])
"""Cumulative probabilities of the next regime being a range, or a trend; turbulence takes the rest."""

_RANGE_REVERSION: Final = 1.0 / 20.0
"""Speed at which a ranging swing comes back [1/s]."""

_DRIFT: Final = 0.40
"""Of a fast trend [sigma per second]: sixty seconds of it are three standard deviations of noise."""

_SWING_REACH: Final = 60.0
"""Distance at which a fast trend turns back three times in four [sigma]."""

_SLOW_STAY: Final = 10.0
"""Mean dwell in a slow trend [times pace]."""

_SLOW_DRIFT: Final = 0.06
"""Of a slow trend [sigma per second]."""

_SLOW_REACH: Final = 250.0
"""Distance at which a slow trend turns back three times in four [sigma]."""

_SLOW_NOISE: Final = 0.4
"""Volatility of the slow part [sigma]."""

_HEAT_SD: Final = 0.35
_HEAT_KEEP: Final = math.exp(-SLOT_SECONDS / 600.0)
_JUMP: Final = np.array([0.001, 0.001, 0.001, 0.06])
"""Probability of a jump within one slot."""

_JUMP_SIZE: Final = 9.0
"""Standard deviation of a jump [sigma]."""

_SIGMA: Final = np.array([FACTOR_SIGMA, *(coin.sigma for coin in COINS)])
_BETA: Final = np.array([coin.beta for coin in COINS])
_START: Final = np.log([coin.price for coin in COINS])
_ODDS: Final = math.log(3.0)


@dataclass(frozen=True, slots=True)
class Path:
    """
    One block of index prices.

    Parameters
    ----------
    log_price
        Shape: (coins, steps).
    heat
        Volatility over its usual level [-]. Shape: (coins, slots).
    drive
        Return of each slot over its usual size [-]. Shape: (coins, slots).

    """

    log_price: Floats
    heat: Floats
    drive: Floats


def walk(config: MarketConfig, chains: Chains, rng: np.random.Generator) -> tuple[Path, Chains]:
    """Move every chain through one block."""
    shape = (SLOTS, 5, CHAINS)
    uniforms, normals = rng.random(shape), rng.standard_normal((SLOTS, 3, CHAINS))
    noise = rng.standard_normal((SLOTS, config.steps_per_slot, CHAINS))
    levels, heats = [], []
    for slot in range(SLOTS):
        chains = _switch(config, chains, uniforms[slot], normals[slot, 0])
        level, heat, chains = _advance(config, chains, uniforms[slot, 4], normals[slot], noise[slot])
        levels.append(level)
        heats.append(heat)
    return _combine(config, np.concatenate(levels), np.array(heats)), chains


def _switch(config: MarketConfig, chains: Chains, uniform: Floats, normal: Floats) -> Chains:
    """Let regimes end and begin, and volatility move."""
    sigma = _SIGMA * config.volatility * math.sqrt(_PACE / config.pace)
    regime = np.where(
        uniform[0] < -np.expm1(-SLOT_SECONDS / (_STAY[chains.regime] * config.pace)),
        _next_regime(chains, uniform[1], sigma * config.pace / _PACE),
        chains.regime,
    )
    slow_ends = uniform[2] < -math.expm1(-SLOT_SECONDS / (_SLOW_STAY * config.pace))
    began = regime != chains.regime
    return Chains(
        regime=regime,
        trend=np.where(slow_ends, _next_trend(chains, uniform[3], sigma * config.pace / _PACE), chains.trend),
        slow=chains.slow,
        swing=chains.swing,
        centre=np.where(began, chains.swing, chains.centre),
        heat=_HEAT_KEEP * chains.heat + math.sqrt(1 - _HEAT_KEEP**2) * _HEAT_SD * normal,
    )


def _next_regime(chains: Chains, uniform: Floats, reach: Floats) -> Ints:
    """Where to go from each regime; up is less likely the higher the swing already stands."""
    to_range, to_trend = _NEXT[chains.regime].T
    share = np.clip((uniform - to_range) / np.maximum(to_trend - to_range, 1e-12), 0.0, 1.0)
    trend = np.where(share < _chance_up(chains.swing, _SWING_REACH * reach), Fast.UP, Fast.DOWN)
    return np.where(
        uniform < to_range, Fast.RANGE, np.where(uniform < to_trend, trend, Fast.TURBULENT)
    ).astype(np.int64)


def _next_trend(chains: Chains, uniform: Floats, reach: Floats) -> Ints:
    """Say where slow trends go: a quarter of them nowhere."""
    up = _chance_up(chains.slow, _SLOW_REACH * reach)
    share = (uniform - 0.25) / 0.75
    return np.where(uniform < 0.25, 0, np.where(share < up, 1, -1)).astype(np.int64)


def _chance_up(distance: Floats, reach: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(_ODDS * distance / reach)))


def _advance(
    config: MarketConfig, chains: Chains, jump: Floats, normal: Floats, noise: Floats
) -> tuple[Floats, Floats, Chains]:
    """
    Move through one slot of constant regimes.

    Returns
    -------
    tuple
        Log prices of the chains, shape (steps of a slot, chains); their volatility over the usual one,
        shape (chains,); and the state behind them.

    """
    sigma = _SIGMA * config.volatility
    heat = np.exp(chains.heat) * _HEAT_OF[chains.regime]
    shocks = noise * (sigma * heat * math.sqrt(config.step))
    shocks[0] += np.where(jump < _JUMP[chains.regime], _JUMP_SIZE * sigma * normal[1], 0.0)
    time = config.step * np.arange(1.0, config.steps_per_slot + 1)[:, None]
    swing = _swing(config, chains, shocks, time)
    drift = _SLOW_DRIFT * chains.trend * sigma * math.sqrt(_PACE / config.pace)
    wander = _SLOW_NOISE * sigma * math.sqrt(SLOT_SECONDS) * normal[2]
    slow = chains.slow + drift * time + wander * (time / SLOT_SECONDS)
    after = Chains(
        regime=chains.regime,
        trend=chains.trend,
        slow=slow[-1],
        swing=swing[-1],
        centre=chains.centre,
        heat=chains.heat,
    )
    return slow + swing, heat, after


def _swing(config: MarketConfig, chains: Chains, shocks: Floats, time: Floats) -> Floats:
    """Ranges come back to their centre (exact discrete Ornstein-Uhlenbeck); the rest is drift and noise."""
    pull, weights = _reversion(config.step, config.steps_per_slot)
    ranging = chains.centre + pull[:, None] * (chains.swing - chains.centre) + weights @ shocks
    sign = (chains.regime == Fast.UP).astype(float) - (chains.regime == Fast.DOWN)
    drift = _DRIFT * sign * _SIGMA * config.volatility * math.sqrt(_PACE / config.pace)
    trending = chains.swing + drift * time + np.cumsum(shocks, axis=0)
    return np.where(chains.regime == Fast.RANGE, ranging, trending)


@lru_cache(maxsize=8)
def _reversion(step: float, steps: int) -> tuple[Floats, Floats]:
    """Tell what is left of a distance after each step, and of each shock at each later step."""
    lag = np.arange(steps)[:, None] - np.arange(steps)[None, :]
    keep = math.exp(-_RANGE_REVERSION * step)
    weights = np.where(lag >= 0, keep ** np.maximum(lag, 0), 0.0)
    return keep ** np.arange(1.0, steps + 1), weights


def _combine(config: MarketConfig, levels: Floats, heats: Floats) -> Path:
    """Add the factor to each coin's own part. `levels`: (steps, chains); `heats`: (slots, chains)."""
    log_price = _START[:, None] + _BETA[:, None] * levels[:, 0] + levels[:, 1:].T
    common, own = (_BETA * FACTOR_SIGMA) ** 2, _SIGMA[1:] ** 2
    usual = np.sqrt(common + own)
    heat = np.sqrt(common * heats[:, :1] ** 2 + own * heats[:, 1:] ** 2).T / usual[:, None]
    ends = log_price[:, config.steps_per_slot - 1 :: config.steps_per_slot]
    starts = log_price[:, :: config.steps_per_slot]
    size = usual[:, None] * config.volatility * heat * math.sqrt(SLOT_SECONDS)
    return Path(log_price, heat, (ends - starts) / size)
