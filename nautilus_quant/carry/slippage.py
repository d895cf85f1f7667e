"""What size costs: curves fitted online from the book and from own fills, with how sure they are."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple, Self

from nautilus_quant.carry.sizing import Cost
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_GAUSS = math.sqrt(math.pi / 2.0)
"""Standard deviation over mean absolute deviation of a normal distribution."""
_MAX_SHARE = 1e3
_new = tuple.__new__  # what a named tuple does, without the detour through a Python function


class Shape(StrEnum):
    """How a cost grows with the size."""

    LINEAR = "linear"
    ROOT = "root"


@dataclass(frozen=True, slots=True, kw_only=True)
class SlippageParams:
    """
    What is believed before anything is seen, and how fast it is given up.

    Parameters
    ----------
    unit
        Size the curves are told at [currency]: that of a usual order.
    spread, spread_error
        Half spread, and the standard error of that belief [fraction].
    impact, impact_error
        What one unit costs beyond it, and the standard error of that belief [fraction].
    noise
        First guess of the scatter of one observed cost [fraction].
    forgetting
        What an observation counts after the next one of weight 1 [-]; 0.99 remembers about a hundred. Others
        fade by less: many looks at a book must not drown a few fills.
    huber
        Scatters from which on an observation counts as if it lay at that bound [-] (Huber 1964); 1.345 loses
        5 % where there are no outliers.
    gain
        Share of each new error in the scatter, and in the comparison of the two curves [-].

    """

    unit: float = 10_000.0
    spread: float = 0.0001
    spread_error: float = 0.0005
    impact: float = 0.0002
    impact_error: float = 0.001
    noise: float = 0.0003
    forgetting: float = 0.99
    huber: float = 1.345
    gain: float = 0.02

    def __post_init__(self) -> None:
        for name in ("unit", "spread_error", "impact_error", "noise", "huber"):
            require(0.0 < getattr(self, name) < math.inf, f"0 < {name} < inf", getattr(self, name))
        for name in ("spread", "impact"):
            require(0.0 <= getattr(self, name) < math.inf, f"0 <= {name} < inf", getattr(self, name))
        for name in ("forgetting", "gain"):
            require(0.0 < getattr(self, name) <= 1.0, f"0 < {name} <= 1 [-]", getattr(self, name))


class Estimate(NamedTuple):
    """
    One fitted curve ``spread + impact·f(size / unit)``.

    Parameters
    ----------
    spread, impact
        Its coefficients [fraction].
    spread_variance, impact_variance, covariance
        How sure they are [fraction²].

    """

    spread: float
    impact: float
    spread_variance: float
    impact_variance: float
    covariance: float

    def at(self, load: float) -> float:
        """Return the cost at a load [fraction]."""
        return self.spread + self.impact * load

    def error(self, load: float) -> float:
        """Return the standard error of the cost at a load [fraction]."""
        variance = self.spread_variance + load * (2.0 * self.covariance + load * self.impact_variance)
        return math.sqrt(max(variance, 0.0))


class Fit:
    """
    Robust recursive least squares of one curve.

    The posterior of a normal prior: ``(P/s² + sum(w·x·x'))⁻¹`` times ``s²``, where old observations fade and
    the prior stays (so that an unused part of the curve is not lost), an outlier counts like an observation
    at its bound, and the scatter ``s`` is followed along.

    Parameters
    ----------
    params
        Prior and speeds.

    """

    __slots__ = ("_params", "_sums", "loss", "scatter", "seen")

    def __init__(self, params: SlippageParams) -> None:
        self._params = params
        self._sums = [0.0] * 5  # w, w·x, w·x², w·y, w·x·y
        self.scatter = params.noise
        self.loss = params.noise
        self.seen = 0

    def observe(self, load: float, cost: float, weight: float) -> None:
        """Take an observed cost [fraction] at a load [-]."""
        params = self._params
        known = self.estimate()
        error = cost - known.at(load)
        bound = params.huber * math.hypot(self.scatter, known.error(load))
        error = min(max(error, -bound), bound)
        told = known.at(load) + error
        new = (weight, weight * load, weight * load * load, weight * told, weight * load * told)
        fade = params.forgetting if weight == 1.0 else params.forgetting**weight
        self._sums = [fade * old + more for old, more in zip(self._sums, new, strict=True)]
        gain = params.gain * min(weight, 1.0)
        self.loss += gain * (abs(error) - self.loss)
        self.scatter += gain * (_GAUSS * abs(error) - self.scatter)
        self.scatter = max(self.scatter, 1e-3 * params.noise)
        self.seen += 1

    def estimate(self) -> Estimate:
        """Return the curve as it is known now."""
        params, noise = self._params, self.scatter * self.scatter
        ones, loads, squares, told, products = self._sums
        first, second = noise / params.spread_error**2, noise / params.impact_error**2
        a, b, c = ones + first, loads, squares + second
        y, z = told + first * params.spread, products + second * params.impact
        det = a * c - b * b
        return _new(
            Estimate,
            (
                (c * y - b * z) / det,
                (a * z - b * y) / det,
                noise * c / det,
                noise * a / det,
                -noise * b / det,
            ),
        )

    def to_list(self) -> list[float]:
        """Return all that `restore` needs."""
        return [*self._sums, self.scatter, self.loss, float(self.seen)]

    def restore(self, state: Iterable[Any]) -> None:
        """Go on from what `to_list` gave; ValueError when it is damaged."""
        numbers = [float(number) for number in state]
        require(len(numbers) == 8 and all(map(math.isfinite, numbers)), "8 finite numbers", numbers)
        self._sums, (self.scatter, self.loss, seen) = numbers[:5], numbers[5:]
        self.seen = int(seen)


class SlippageCurve:
    """
    What an order of some size costs at one instrument of one venue.

    Two curves are fitted side by side to the same observations: ``spread + impact·q`` as a book of even depth
    costs (Kyle 1985), and ``spread + impact·sqrt(q)`` as large orders are seen to cost (Tóth et al. 2011,
    "Anomalous price impact and the critical nature of liquidity"). The one that errs less counts.

    Parameters
    ----------
    params
        Prior and speeds.

    """

    def __init__(self, params: SlippageParams | None = None) -> None:
        self.params = params or SlippageParams()
        self._linear, self._root = Fit(self.params), Fit(self.params)
        self.fits = {Shape.LINEAR: self._linear, Shape.ROOT: self._root}

    @property
    def shape(self) -> Shape:
        """Which curve errs less; the square root while there is nothing to choose by."""
        linear, root = self._linear, self._root
        return Shape.LINEAR if linear.loss < root.loss else Shape.ROOT

    @property
    def seen(self) -> int:
        """Observations so far."""
        return self.fits[Shape.ROOT].seen

    def observe(self, notional: float, cost: float, weight: float = 1.0) -> bool:
        """
        Take what an order cost, or would have cost.

        Parameters
        ----------
        notional
            Its size [currency].
        cost
            Against the mid price before it, without fees [fraction]; below zero when it was better.
        weight
            What it counts [-]: less for a look at the book than for a fill.

        Returns
        -------
        bool
            False when a number is none, which changes nothing.

        """
        if not (
            math.isfinite(notional) and math.isfinite(cost) and notional > 0.0 and 0.0 < weight < math.inf
        ):
            return False
        for shape, fit in self.fits.items():
            fit.observe(self._load(notional, shape), cost, weight)
        return True

    def observe_book(self, mid: float, levels: Iterable[tuple[float, float]], weight: float = 0.05) -> int:
        """
        Take what walking down a side of the book would cost; return how many depths were used.

        Parameters
        ----------
        mid
            Middle of the book [quote currency].
        levels
            Price [quote currency] and size [base units] from the best on.
        weight
            What they count together [-].

        """
        found = list(walk(mid, levels))
        return sum(self.observe(notional, cost, weight / len(found)) for notional, cost in found)

    def _load(self, notional: float, shape: Shape) -> float:
        share = min(notional / self.params.unit, _MAX_SHARE)
        return share if shape is Shape.LINEAR else math.sqrt(share)

    def expected(self, notional: float) -> float:
        """Return the expected cost of a size, without fees [fraction]; never below zero."""
        shape = self.shape
        return max(self.fits[shape].estimate().at(self._load(notional, shape)), 0.0)

    def error(self, notional: float) -> float:
        """Return the standard error of `expected` [fraction]."""
        shape = self.shape
        return self.fits[shape].estimate().error(self._load(notional, shape))

    def cost(self, caution: float = 0.0) -> Cost:
        """
        Return the curve as a cost to size by, each coefficient with so many standard errors added [-].

        Neither is ever below zero, and the impact never altogether zero: a size without impact has no best.
        """
        shape, unit = self.shape, self.params.unit
        spread, impact, spread_variance, impact_variance, _ = self.fits[shape].estimate()
        fixed = max(spread + caution * math.sqrt(spread_variance), 0.0)
        impact += caution * math.sqrt(impact_variance)
        impact = max(impact, 1e-3 * self.params.impact, 1e-9)
        if shape is Shape.LINEAR:
            return _new(Cost, (fixed, impact / unit, 0.0))
        return _new(Cost, (fixed, 0.0, impact / math.sqrt(unit)))

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        return {"version": VERSION, "fits": {shape.value: fit.to_list() for shape, fit in self.fits.items()}}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("slippage curve", state, VERSION)
        fits = stored.mapping(state, "fits")
        for shape, fit in self.fits.items():
            fit.restore(stored.field(fits, shape.value))
        return self


def walk(mid: float, levels: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """
    Yield size [currency] and average cost [fraction] of taking the book down to each of its levels.

    Parameters
    ----------
    mid
        Middle of the book [quote currency].
    levels
        Price and size from the best on; the walk ends at one that is no number.

    """
    if not 0.0 < mid < math.inf:
        return
    taken = paid = 0.0
    for price, size in levels:
        if not (0.0 < price < math.inf and 0.0 < size < math.inf):
            return
        taken += size
        paid += size * abs(price - mid)
        yield taken * mid, paid / (taken * mid)
