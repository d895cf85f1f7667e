"""How much of one price goes with another: rolling least squares, and a Kalman filter."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol, Self

from nautilus_quant.signals.sequence import STANDSTILL, require

if TYPE_CHECKING:
    from collections.abc import Mapping

_TINY = STANDSTILL**2


class HedgeRatio(Protocol):
    """Follows ``y = alpha + beta * x`` while both coefficients wander."""

    residual: float
    sigma: float

    @property
    def alpha(self) -> float:
        """What `y` is where `x` is zero [log price]."""

    @property
    def beta(self) -> float:
        """What `y` gains when `x` gains one [-]."""

    @property
    def ready(self) -> bool:
        """Whether enough has been seen."""

    def update(self, y: float, x: float) -> None:
        """Take both log prices of one time."""

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""


class Moments:
    """
    Means of two values and the sums of products of their deviations, one pair in or out at a time.

    Welford (1962) and its inverse: nothing is lost to the size of the values, as in sums of squares.
    """

    __slots__ = ("count", "mean_x", "mean_y", "sxx", "sxy", "syy")

    def __init__(self) -> None:
        self.count = 0
        self.mean_x = self.mean_y = 0.0
        self.sxx = self.sxy = self.syy = 0.0

    def add(self, y: float, x: float) -> None:
        """Take a pair in."""
        self.count += 1
        dx, dy = x - self.mean_x, y - self.mean_y
        self.mean_x += dx / self.count
        self.mean_y += dy / self.count
        self.sxx += dx * (x - self.mean_x)
        self.sxy += dx * (y - self.mean_y)
        self.syy += dy * (y - self.mean_y)

    def remove(self, y: float, x: float) -> None:
        """Take a pair out that was taken in, and is not the last one."""
        self.count -= 1
        dx, dy = x - self.mean_x, y - self.mean_y
        self.mean_x -= dx / self.count
        self.mean_y -= dy / self.count
        self.sxx -= dx * (x - self.mean_x)
        self.sxy -= dx * (y - self.mean_y)
        self.syy -= dy * (y - self.mean_y)

    @property
    def beta(self) -> float:
        """Slope of y on x; NaN while x does not move."""
        return self.sxy / self.sxx if self.sxx > _TINY * self.count else math.nan

    @property
    def sigma(self) -> float:
        """Standard deviation of the residual, with n - 2 degrees of freedom."""
        if self.count <= 2:
            return math.nan
        return math.sqrt(max(self.syy - self.beta * self.sxy, 0.0) / (self.count - 2))

    def to_list(self) -> list[float]:
        """Give all that `restore` needs."""
        return [self.count, self.mean_x, self.mean_y, self.sxx, self.sxy, self.syy]

    def restore(self, values: list[float]) -> Self:
        """Go on from what `to_list` gave."""
        self.count = int(values[0])
        self.mean_x, self.mean_y, self.sxx, self.sxy, self.syy = (float(value) for value in values[1:])
        return self


class RollingOls:
    """
    Least squares of y on x and a constant over the last `window` pairs; O(1) amortised.

    Everything is summed afresh once per window, so that rounding errors do not pile up for a year.

    Parameters
    ----------
    window
        Pairs that count [bars]. More is calmer and slower. Typical 100-1000.

    """

    def __init__(self, window: int) -> None:
        require(window >= 3, "window >= 3 [bars]", window)
        self._window = window
        self._pairs: deque[tuple[float, float]] = deque()
        self._moments = Moments()
        self._steps = 0
        self.residual = math.nan
        """Of the last pair, which is part of the fit [log price]."""
        self.sigma = math.nan
        """Standard deviation of the residuals of the window [log price]."""

    def update(self, y: float, x: float) -> None:
        """Take both log prices of one time."""
        self._pairs.append((y, x))
        self._moments.add(y, x)
        if len(self._pairs) > self._window:
            self._moments.remove(*self._pairs.popleft())
        self._steps += 1
        if self._steps >= self._window:
            self._sum_afresh()
        m = self._moments
        self.residual = (y - m.mean_y) - m.beta * (x - m.mean_x)
        self.sigma = m.sigma

    def _sum_afresh(self) -> None:
        self._steps = 0
        self._moments = Moments()
        for pair in self._pairs:
            self._moments.add(*pair)

    @property
    def alpha(self) -> float:
        """What `y` is where `x` is zero [log price]."""
        return self._moments.mean_y - self.beta * self._moments.mean_x

    @property
    def beta(self) -> float:
        """What `y` gains when `x` gains one [-]; NaN while x does not move."""
        return self._moments.beta

    @property
    def ready(self) -> bool:
        """Whether the window is full."""
        return len(self._pairs) == self._window

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "pairs": [list(pair) for pair in self._pairs],
            "moments": self._moments.to_list(),
            "steps": self._steps,
            "last": [str(self.residual), str(self.sigma)],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the window stays this object's own."""
        self._pairs = deque((float(y), float(x)) for y, x in state["pairs"])
        self._moments = Moments().restore(state["moments"])
        self._steps = int(state["steps"])
        self.residual, self.sigma = (float(value) for value in state["last"])
        return self


class KalmanHedge:
    r"""
    A level and a slope that walk at random, seen through noise.

    .. math::
        y_t = \mu_t + \beta_t (x_t - m_t) + v_t, \qquad
        (\mu, \beta)_t = (\mu, \beta)_{t-1} + w_t

    after Chan, "Algorithmic Trading" (2013), chapter 3, and Triantafyllopoulos, Montana, "Dynamic modeling of
    mean-reverting spreads for statistical arbitrage", Computational Management Science 8 (2011). As in the
    latter (and West, Harrison 1997, section 4.5) the variance of the noise is learnt, and all other variances
    are counted in it, so nothing has to be told about the scale of prices. The level is that at the mean
    :math:`m_t` of x, not at zero far away, which keeps the two coefficients apart. Covariances are updated in
    Joseph's form, which stays positive whatever is rounded.

    Parameters
    ----------
    memory
        Pairs after which what was seen has faded [bars]: per bar the level walks by ``1 / memory`` of the
        noise, and the slope by as much at a typical distance from the mean. The first `memory` pairs are
        fitted by least squares. More is calmer and slower. Typical 100-1000.

    """

    def __init__(self, memory: int) -> None:
        require(memory >= 3, "memory >= 3 [bars]", memory)
        self._memory = memory
        self._rate = 1.0 / memory
        self._start = Moments()
        self._level = 0.0
        self._beta = math.nan
        self._p = (0.0, 0.0, 0.0)  # covariance of level and slope: 00, 01, 11 [noise variance]
        self._noise = 0.0
        self._weight = 0.0  # pairs the variance of the noise rests on
        self._mean = self._variance = 0.0  # of x
        self.residual = math.nan
        """What the last pair was off from what was forecast before it [log price]."""
        self.sigma = math.nan
        """Standard deviation of that forecast [log price]."""

    def update(self, y: float, x: float) -> None:
        """Take both log prices of one time."""
        if self._start.count < self._memory:
            self._start.add(y, x)
            if self._start.count == self._memory:
                self._begin(y, x)
            return
        self._follow(x)
        self._walk()
        self._observe(y, x)

    def _begin(self, y: float, x: float) -> None:
        """Take least squares over for the exact posterior of coefficients nobody knew anything about."""
        m = self._start
        moves = m.sxx > _TINY * m.count
        self._beta = m.beta if moves else 1.0
        self._p = (1.0 / m.count, 0.0, 1.0 / m.sxx if moves else 0.0)
        self._level, self._mean, self._variance = m.mean_y, m.mean_x, m.sxx / m.count
        self._noise = m.sigma**2 if moves else m.syy / m.count
        self._weight = float(m.count)
        self.residual = y - self._level - self._beta * (x - self._mean)
        self.sigma = math.sqrt(self._noise)

    def _follow(self, x: float) -> None:
        """Move the mean of x, and the level with it along the line."""
        off = x - self._mean
        shift = self._rate * off
        self._variance = (1.0 - self._rate) * (self._variance + shift * off)
        self._mean += shift
        self._level += self._beta * shift
        p00, p01, p11 = self._p
        self._p = (p00 + shift * (2.0 * p01 + shift * p11), p01 + shift * p11, p11)

    def _walk(self) -> None:
        step = self._rate * self._rate
        p00, p01, p11 = self._p
        # While x stands still nothing is learnt about the slope, and nothing forgotten.
        slope = step / self._variance if self._variance > _TINY else 0.0
        self._p = (p00 + step, p01, p11 + slope)

    def _observe(self, y: float, x: float) -> None:
        p00, p01, p11 = self._p
        h = x - self._mean
        error = y - self._level - self._beta * h
        ph0, ph1 = p00 + h * p01, p01 + h * p11
        forecast = 1.0 + ph0 + h * ph1
        k0, k1 = ph0 / forecast, ph1 / forecast
        self.residual, self.sigma = error, math.sqrt(self._noise * forecast)
        # (I - K H) P (I - K H)' + K K'
        a00, a01, a10, a11 = 1.0 - k0, -k0 * h, -k1, 1.0 - k1 * h
        b00, b01 = a00 * p00 + a01 * p01, a00 * p01 + a01 * p11
        b10, b11 = a10 * p00 + a11 * p01, a10 * p01 + a11 * p11
        self._p = (
            b00 * a00 + b01 * a01 + k0 * k0,
            b00 * a10 + b01 * a11 + k0 * k1,
            b10 * a10 + b11 * a11 + k1 * k1,
        )
        self._level += k0 * error
        self._beta += k1 * error
        self._weight = (1.0 - self._rate) * self._weight + 1.0
        share = 1.0 / self._weight
        self._noise = (1.0 - share) * self._noise + share * error * error / forecast

    @property
    def alpha(self) -> float:
        """What `y` is where `x` is zero [log price]."""
        return self._level - self._beta * self._mean

    @property
    def beta(self) -> float:
        """What `y` gains when `x` gains one [-]; NaN before the first `memory` pairs."""
        return self._beta

    @property
    def ready(self) -> bool:
        """Whether `memory` pairs have been seen."""
        return self._start.count >= self._memory

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "start": self._start.to_list(),
            "coefficients": [self._level, str(self._beta), *self._p],
            "noise": [self._noise, self._weight],
            "x": [self._mean, self._variance],
            "last": [str(self.residual), str(self.sigma)],
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the memory stays this object's own."""
        self._start = Moments().restore(state["start"])
        self._level, self._beta, p00, p01, p11 = (float(value) for value in state["coefficients"])
        self._p = (p00, p01, p11)
        self._noise, self._weight = (float(value) for value in state["noise"])
        self._mean, self._variance = (float(value) for value in state["x"])
        self.residual, self.sigma = (float(value) for value in state["last"])
        return self
