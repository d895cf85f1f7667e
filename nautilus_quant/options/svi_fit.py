"""
Fits the SVI slices of all expiries at once.

A start by the quasi-explicit method (Zeliade Systems, "Quasi-explicit calibration of Gatheral's SVI model",
2009): for each turning point m and roundness σ of a small grid the best level, slope and tilt follow from
linear equations. From there, or from the slices of a moment ago, Levenberg–Marquardt steps on coordinates
that cannot leave the admissible slices: least variance above zero, slope above zero, |ρ| < 1, and wings no
steeper than 2 (Lee, "The moment formula for implied volatility at extreme strikes", Mathematical Finance 14
(2004)). The steps of all slices are taken together, so that a fit costs a few dozen array operations however
many expiries there are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.svi import Svi, variance_at

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

FEWEST = 5
"""Points of a slice, which has five parameters."""

# Coordinates: log of the least variance, log of the slope, artanh ρ, turning point, log of the roundness; in
# units in which the variance at the money and its root are one, so that all expiries look alike.
_LOW = np.array([np.log(1e-5), np.log(1e-4), -3.8, -8.0, np.log(0.02)])
_HIGH = np.array([np.log(4.0), np.log(1e4), 3.8, 8.0, np.log(6.0)])
_USUAL = np.array([np.log(0.9), np.log(0.1), 0.0, 0.0, np.log(1.0)])
_PULL = np.array([0.0, 0.0, 0.05, 0.05, 0.05])  # of what few points leave undetermined, towards the usual
_STEEPEST = 1.99
_EXACT, _FOLLOWED = 1e-5, 2e-3  # gain of a step over the cost, below which it is the last
_ENOUGH = 0.25  # cost of errors half as large as half the spread: below it nobody can tell the difference
_GRID = np.array([(m, s) for m in (-1.2, -0.4, 0.0, 0.4, 1.2) for s in (0.1, 0.35, 1.0, 2.5)])


class Points(NamedTuple):
    """
    What the slices are fitted to, one row for each slice, padded to the same width.

    Parameters
    ----------
    k
        ln(strike/forward), float64[slices, points].
    w
        Total variance [vol²·years], above 0 also where padded.
    error
        How far the total variance is known, above 0: half the distance between those of bid and ask.
    used
        bool[slices, points]; False is padding.

    """

    k: Floats
    w: Floats
    error: Floats
    used: Bools

    def rows(self, at: list[int]) -> Points:
        """Return some of the rows."""
        return Points(self.k[at], self.w[at], self.error[at], self.used[at])


class Fit(NamedTuple):
    """
    The slices found.

    Parameters
    ----------
    slices
        One for each row of the points.
    cost
        Mean of the squared errors, robust, in units of `Points.error`, float64[slices].
    steps
        Taken until none improved any more.

    """

    slices: list[Svi]
    cost: Floats
    steps: int


def fit(points: Points, start: list[Svi | None] | None = None, *, steps: int = 40) -> Fit:
    """
    Fit one slice to each row.

    Parameters
    ----------
    points
        Each row with at least `FEWEST` points used.
    start
        A slice each from a moment ago, or ``None`` for those without.
    steps
        At most.

    """
    scale = _scale(points)
    problem = _Problem(points, scale)
    known = np.array([slice_ is not None for slice_ in start or [None] * len(scale)])
    # What moves from moment to moment is followed over many fits: none has to go to the very end.
    descent = _Descent(problem, _starts(problem, start), np.where(known, _FOLLOWED, _EXACT))
    taken = descent.run(steps)
    return Fit(_to_slices(descent.u, scale), descent.cost, taken)


def _scale(points: Points) -> Floats:
    """Total variance near the money, float64[slices]."""
    near = np.where(points.used, np.abs(points.k), np.inf).argmin(axis=1)
    at: Floats = points.w[np.arange(len(near)), near]
    return at


class _Problem:
    """The rows in units of their own, and how far a curve is from them."""

    def __init__(self, points: Points, scale: Floats) -> None:
        self.x = points.k / np.sqrt(scale)[:, None]
        self.y = points.w / scale[:, None]
        self.weight = np.where(points.used, scale[:, None] / points.error, 0.0)
        self.count = points.used.sum(axis=1)
        self.weight /= np.sqrt(self.count)[:, None]
        self.steepest = np.log(_STEEPEST) - 0.5 * np.log(scale)

    def rows(self, at: NDArray[np.intp]) -> _Problem:
        chosen = object.__new__(_Problem)
        for name in ("x", "y", "weight", "count", "steepest"):
            setattr(chosen, name, getattr(self, name)[at])
        return chosen

    def errors(self, u: Floats) -> Floats:
        """Return weighted errors, float64[slices, points]; the sum of their squares is the mean square."""
        v, b, rho, m, s, q = _raw(u)
        d = self.x - m
        errors: Floats = self.weight * (v - b * s * q + b * (rho * d + np.sqrt(d * d + s * s)) - self.y)
        return errors

    def errors_and_slopes(self, u: Floats) -> tuple[Floats, Floats]:
        """Also the derivative of each error by each coordinate, float64[slices, points, 5]."""
        v, b, rho, m, s, q = _raw(u)
        d = self.x - m
        root = np.sqrt(d * d + s * s)
        shape = rho * d + root - s * q
        slopes = np.empty((*d.shape, 5))
        weight = self.weight
        slopes[:, :, 0] = weight * v
        slopes[:, :, 1] = weight * (b * shape)
        slopes[:, :, 2] = weight * (b * q * (q * d + s * rho))
        slopes[:, :, 3] = weight * (-b * (rho + d / root))
        slopes[:, :, 4] = weight * (b * s * (s / root - q))
        return weight * (v + b * shape - self.y), slopes

    def bound(self, errors: Floats) -> Floats:
        """Return from where on errors count linearly, float64[slices, 1]: within bid and ask none does."""
        # 1.25 mean |e| is the standard deviation of normal errors.
        size = np.abs(errors).sum(axis=1, keepdims=True)
        bound: Floats = 2.5 * np.maximum(
            1.0 / np.sqrt(self.count)[:, None], 1.25 * size / self.count[:, None]
        )
        return bound

    def free(self, u: Floats, gradient: Floats) -> Floats:
        """Return 0 where a coordinate is at its bound and would go on, else 1."""
        high = np.broadcast_to(_HIGH, u.shape).copy()
        high[:, 1] = np.minimum(high[:, 1], self._steepest_at(u))
        held = ((u <= _LOW) & (gradient > 0.0)) | ((u >= high - 1e-12) & (gradient < 0.0))
        free: Floats = np.where(held, 0.0, 1.0)
        return free

    def _steepest_at(self, u: Floats) -> Floats:
        most: Floats = self.steepest - np.log1p(np.abs(np.tanh(u[:, 2])))
        return most

    def bounded(self, u: Floats) -> Floats:
        """Return the nearest admissible coordinates."""
        inside = np.clip(u, _LOW, _HIGH)
        inside[:, 1] = np.minimum(inside[:, 1], self._steepest_at(inside))
        return inside


def _raw(u: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    rho = np.tanh(u[:, 2, None])
    return (
        np.exp(u[:, 0, None]),
        np.exp(u[:, 1, None]),
        rho,
        u[:, 3, None],
        np.exp(u[:, 4, None]),
        np.sqrt(1.0 - rho * rho),
    )


def _huber(errors: Floats, bound: Floats) -> tuple[Floats, Floats]:
    """Return the cost of each row, and the root of the weight of each error."""
    inside = np.minimum(1.0, bound / np.maximum(np.abs(errors), 1e-300))
    cost: Floats = np.sum(errors * errors * inside * (2.0 - inside), axis=1)
    return cost, np.sqrt(inside)


class _Descent:
    """Levenberg–Marquardt on all rows at once; each has its own damping and keeps its own best."""

    def __init__(self, problem: _Problem, start: Floats, tolerance: Floats | float) -> None:
        self.problem = problem
        self.tolerance = tolerance
        self.u = problem.bounded(start)
        self.pull = (_PULL / np.sqrt(problem.count)[:, None]) ** 2
        self.damping = np.full(len(start), 1e-3)
        self.done = np.zeros(len(start), dtype=np.bool_)
        self.errors, self.slopes = problem.errors_and_slopes(self.u)
        self._weigh()

    def run(self, steps: int) -> int:
        for taken in range(1, steps + 1):
            if self._step():
                return taken
        return steps

    def _weigh(self) -> None:
        self.bound = self.problem.bound(self.errors)
        self.cost, self.root = _huber(self.errors, self.bound)
        self.total = self.cost + self._pulled(self.u)

    def _pulled(self, u: Floats) -> Floats:
        pulled: Floats = np.sum(self.pull * (u - _USUAL) ** 2, axis=1)
        return pulled

    def _move(self) -> tuple[Floats, Floats]:
        """Return the next step of each row, and at most what it gains."""
        weighted = self.slopes * self.root[:, :, None]
        transposed = weighted.transpose(0, 2, 1)
        normal = transposed @ weighted
        gradient = (transposed @ (self.errors * self.root)[:, :, None])[:, :, 0]
        gradient += self.pull * (self.u - _USUAL)
        free = self.problem.free(self.u, gradient)
        gradient *= free
        normal *= free[:, :, None] * free[:, None, :]
        diagonal = np.einsum("sii->si", normal)  # a view: what is added there is added to the matrix
        diagonal += self.pull + self.damping[:, None] * diagonal + 1e-12
        move = np.clip(np.linalg.solve(normal, gradient[:, :, None])[:, :, 0], -1.5, 1.5)
        return move, 2.0 * np.sum(gradient * move, axis=1)

    def _step(self) -> bool:
        """Take a step; tell whether no row has anything to gain from another one."""
        move, promised = self._move()
        candidate = self.problem.bounded(self.u - move)
        errors, slopes = self.problem.errors_and_slopes(candidate)
        total = _huber(errors, self.bound)[0] + self._pulled(candidate)
        better = total < self.total
        gained = np.where(better, self.total - total, 0.0)
        little = self.tolerance * np.maximum(self.total, _ENOUGH)
        # What is refused again and again is at a bound, or as good as numbers can tell.
        self.done |= (better & (gained <= little)) | (promised <= little) | (self.damping >= 10.0)
        self.u = np.where(better[:, None], candidate, self.u)
        self.errors = np.where(better[:, None], errors, self.errors)
        self.slopes = np.where(better[:, None, None], slopes, self.slopes)
        self.damping = np.where(better, np.maximum(0.2 * self.damping, 1e-9), 10.0 * self.damping)
        self._weigh()
        return bool(self.done.all())


# -- where to start -----------------------------------------------------------------------------------


def _starts(problem: _Problem, start: list[Svi | None] | None) -> Floats:
    count = len(problem.count)
    given = [None] * count if start is None else start
    unknown = np.array([slice_ is None for slice_ in given])
    u = np.tile(_USUAL, (count, 1))
    for row, slice_ in enumerate(given):
        if slice_ is not None:
            u[row] = _coordinates(slice_)
    if unknown.any():
        rows = np.flatnonzero(unknown)
        u[rows] = _quasi_explicit(problem.rows(rows))
    return u


def _quasi_explicit(problem: _Problem) -> Floats:
    """Return the best of the grid for each row, after a few steps from the best three."""
    m, s = _GRID[:, 0, None, None], _GRID[:, 1, None, None]
    y = (problem.x - m) / s  # float64[grid, slices, points]
    z = np.sqrt(y * y + 1.0)
    weight = np.broadcast_to(problem.weight, y.shape)
    design = np.stack((weight, weight * y, weight * z), axis=-1)
    transposed = design.swapaxes(-1, -2)
    normal = transposed @ design + 1e-9 * np.eye(3)
    right = transposed @ (problem.weight * problem.y)[:, :, None]
    level, tilt, slope = np.moveaxis(np.linalg.solve(normal, right)[..., 0], -1, 0)
    slope = np.maximum(slope, 1e-3)
    tilt = np.clip(tilt, -0.99 * slope, 0.99 * slope)
    rho, sigma = tilt / slope, np.broadcast_to(_GRID[:, 1, None], slope.shape)
    lowest = np.maximum(level + np.sqrt(slope * slope - tilt * tilt), 1e-3)
    turn = np.broadcast_to(_GRID[:, 0, None], slope.shape)
    starts = np.stack((np.log(lowest), np.log(slope / sigma), np.arctanh(rho), turn, np.log(sigma)), axis=-1)
    return _best_of(problem, starts)


def _best_of(problem: _Problem, starts: Floats) -> Floats:
    cost = np.stack([np.sum(problem.errors(problem.bounded(u)) ** 2, axis=1) for u in starts])
    few = np.argsort(cost, axis=0)[:3]
    rows = np.arange(starts.shape[1])
    tried = np.concatenate([starts[place, rows] for place in few])
    descent = _Descent(problem.rows(np.tile(rows, 3)), tried, _EXACT)
    descent.run(8)
    totals = descent.total.reshape(3, -1)
    best: Floats = descent.u.reshape(3, -1, 5)[totals.argmin(axis=0), rows]
    return best


def _coordinates(slice_: Svi) -> Floats:
    """Return coordinates in units of the slice itself: time has passed since, but its shape is the same."""
    scale = max(variance_at(0.0, slice_), 1e-12)
    root = np.sqrt(scale)
    rho = min(max(slice_.rho, -0.999), 0.999)
    return np.array(
        [
            np.log(max(slice_.lowest / scale, 1e-9)),
            np.log(max(slice_.b / root, 1e-9)),
            np.arctanh(rho),
            slice_.m / root,
            np.log(max(slice_.sigma / root, 1e-9)),
        ]
    )


def _to_slices(u: Floats, scale: Floats) -> list[Svi]:
    root = np.sqrt(scale)
    v, b, rho, m, s = np.exp(u[:, 0]), np.exp(u[:, 1]), np.tanh(u[:, 2]), u[:, 3], np.exp(u[:, 4])
    level = v - b * s * np.sqrt(1.0 - rho * rho)
    columns = (level * scale, b * root, rho, m * root, s * root)
    return [Svi(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]
