"""How much an order may add before the value at risk of the whole portfolio reaches its limit."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.budget import Room, Use
from nautilus_quant.portfolio.budget_cells import Exposures
from nautilus_quant.portfolio.budget_limits import NO_CAP, Cap
from nautilus_quant.portfolio.reservations import SCALE
from nautilus_quant.portfolio.value_at_risk import (
    Array,
    Tail,
    beyond,
    ewma_covariance,
    historical,
    historical_es_room,
    historical_room,
    normal_factors,
    parametric_room,
)
from nautilus_quant.signals.sequence import require

PARAMETRIC, HISTORICAL = "parametric", "historical"
VAR, ES, UNKNOWN = "var", "es", "var_unknown"


@dataclass(frozen=True, kw_only=True)
class RiskParams:
    """
    What is measured, and how.

    Parameters
    ----------
    method
        ``parametric`` (normal returns with an EWMA covariance) or ``historical`` (the window as it was).
    level
        Confidence [-]; typically 0.95 to 0.99.
    horizon
        Periods [-]; loss grows with its square root.
    half_life
        Of the covariance [periods].
    shrinkage
        Share by which correlations are drawn to zero [-].
    unknown_volatility
        Standard deviation of the return of one period [-] of instruments too little is known of, taken as
        moving against us together with all others. ``None`` allows no new risk while there is one.
    var, es
        Limits of value at risk and of expected shortfall.

    """

    method: str = PARAMETRIC
    level: float = 0.99
    horizon: float = 1.0
    half_life: float = 60.0
    shrinkage: float = 0.1
    unknown_volatility: float | None = None
    var: Cap = NO_CAP
    es: Cap = NO_CAP

    def __post_init__(self) -> None:
        require(self.method in {PARAMETRIC, HISTORICAL}, f"method {PARAMETRIC} or {HISTORICAL}", self.method)
        require(0.5 < self.level < 1.0, "0.5 < level < 1 [-]", self.level)
        require(self.horizon > 0.0, "horizon > 0 [periods]", self.horizon)
        require(self.half_life > 0.0, "half_life > 0 [periods]", self.half_life)
        require(0.0 <= self.shrinkage <= 1.0, "0 <= shrinkage <= 1 [-]", self.shrinkage)
        volatility = self.unknown_volatility
        require(volatility is None or volatility > 0.0, "unknown_volatility > 0 [-] or none", volatility)

    @property
    def binds(self) -> bool:
        """Whether anything is limited."""
        return self.var.binds or self.es.binds


class _Corner(NamedTuple):
    """The portfolio when every order on one side fills and none on the other."""

    values: dict[str, float]
    unknown: float
    product: Array
    variance: float
    losses: Array
    tail: Tail


class RiskModel:
    """
    Value at risk of what `Exposures` holds and reserves.

    Working orders count on the side that is asked about: buys as if all of them filled and no sell did, or
    the other way round. No loop over positions but when they changed.

    Parameters
    ----------
    params
        What is measured, and how.

    """

    def __init__(self, params: RiskParams) -> None:
        self.params = params
        self._index: dict[str, int] = {}
        self._returns: Array = np.zeros((0, 0))
        self._covariance: Array = np.zeros((0, 0))
        self._corners: dict[int, tuple[int, _Corner]] = {}
        factors, root = normal_factors(params.level), math.sqrt(params.horizon)
        self._factors = Tail(factors.var * root, factors.es * root)

    def learn(self, names: tuple[str, ...], returns: Array) -> None:
        """Take returns of one period, oldest first, shape (T, n), of the instruments that are known."""
        self._index = {name: at for at, name in enumerate(names)}
        self._returns = np.ascontiguousarray(returns)
        params = self.params
        self._covariance = ewma_covariance(returns, params.half_life, params.shrinkage)
        self._corners.clear()

    def room(
        self,
        side: Side,
        instrument: str,
        exposures: Exposures,
        equity: float,
        *,
        first: float = 0.0,
        asked: float = math.inf,
    ) -> Room:
        """
        Return the largest value an order may open.

        Parameters
        ----------
        side, instrument
            Of the order.
        exposures
            Held and reserved.
        equity
            Now [reporting currency].
        first
            What the order closes before it opens anything [reporting currency].
        asked
            No more than this needs to be known [reporting currency]: the answer may stop here.

        """
        corner = self._corner(side, exposures)
        known = instrument in self._index
        if self.params.unknown_volatility is None and (corner.unknown or not known):
            return Room(0.0, UNKNOWN, 0.0, 0.0)
        var, es = self.params.var.bound(equity), self.params.es.bound(equity)
        if not known:
            most, limit = self._room_of_unknown(side, instrument, corner, var, es)
        elif self.params.method == PARAMETRIC:
            most, limit = self._parametric(side, instrument, corner, var, es)
        else:
            most, limit = self._historical(side, instrument, corner, (var, es), first + asked)
        used, bound = (corner.tail.var, var) if limit == VAR else (corner.tail.es, es)
        return Room(max(most - first, 0.0), limit, used, bound)

    def uses(self, exposures: Exposures, equity: float) -> Iterator[Use]:
        """Yield how far each limit is used, on the worse side."""
        tails = [self._corner(side, exposures).tail for side in Side]
        for label, cap, used in (
            (VAR, self.params.var, max(tail.var for tail in tails)),
            (ES, self.params.es, max(tail.es for tail in tails)),
        ):
            if cap.binds:
                yield Use(label, used, cap.bound(equity))

    def _sigma_limit(self, var: float, es: float) -> tuple[float, str]:
        """Return the standard deviation of one period that both limits allow, and which is the tighter."""
        by_var, by_es = var / self._factors.var, es / self._factors.es
        return (by_var, VAR) if by_var <= by_es else (by_es, ES)

    def _parametric(
        self, side: Side, instrument: str, corner: _Corner, var: float, es: float
    ) -> tuple[float, str]:
        sigma, limit = self._sigma_limit(var, es)
        sigma = max(sigma - corner.unknown, 0.0)
        at = self._index[instrument]
        slope, own = side * float(corner.product[at]), float(self._covariance[at, at])
        return parametric_room(corner.variance, slope, own, sigma * sigma), limit

    def _historical(
        self, side: Side, instrument: str, corner: _Corner, bounds: tuple[float, float], asked: float
    ) -> tuple[float, str]:
        level, root = self.params.level, math.sqrt(self.params.horizon)
        losses, slopes = corner.losses, -int(side) * self._returns[:, self._index[instrument]]
        var = (bounds[0] - self._factors.var * corner.unknown) / root
        es = (bounds[1] - self._factors.es * corner.unknown) / root
        if asked < math.inf and _fits(losses, losses + asked * slopes, var, es, level):
            return asked, VAR
        by_var = by_es = math.inf
        if var < math.inf:
            by_var = historical_room(losses, slopes, var, level)
        if es < math.inf:
            by_es = historical_es_room(losses, slopes, es, level)
        return (by_var, VAR) if by_var <= by_es else (by_es, ES)

    def _room_of_unknown(
        self, side: Side, instrument: str, corner: _Corner, var: float, es: float
    ) -> tuple[float, str]:
        volatility = self.params.unknown_volatility
        assert volatility is not None  # the caller has refused
        value = corner.values.get(instrument, 0.0)
        others = corner.unknown - abs(value) * volatility
        known = self._known(corner.variance, corner.losses)
        rooms = [
            (((bound - measure) / factor - others) / volatility, limit)
            for bound, measure, factor, limit in (
                (var, known.var, self._factors.var, VAR),
                (es, known.es, self._factors.es, ES),
            )
        ]
        most, limit = min(rooms)
        return most - side * value, limit

    def _known(self, variance: float, losses: Array) -> Tail:
        if not len(losses):
            sigma = math.sqrt(max(variance, 0.0))
            return Tail(self._factors.var * sigma, self._factors.es * sigma)
        return historical(losses, self.params.level, self.params.horizon)

    def _corner(self, side: Side, exposures: Exposures) -> _Corner:
        kept = self._corners.get(side)
        if kept is not None and kept[0] == exposures.version:
            return kept[1]
        made = self._new_corner(_values(side, exposures))
        self._corners[side] = (exposures.version, made)
        return made

    def _new_corner(self, values: Mapping[str, float]) -> _Corner:
        weights, unknown, index = np.zeros(len(self._index)), 0.0, self._index
        volatility = self.params.unknown_volatility
        for instrument, value in values.items():
            at = index.get(instrument)
            if at is not None:
                weights[at] = value
            elif value:
                unknown += abs(value) * (math.inf if volatility is None else volatility)
        product = self._covariance @ weights
        losses = np.zeros(0) if self.params.method == PARAMETRIC else -(self._returns @ weights)
        variance = float(weights @ product)
        var, es = self._known(variance, losses)
        factors = self._factors
        tail = Tail(var + factors.var * unknown, es + factors.es * unknown)
        return _Corner(dict(values), unknown, product, variance, losses, tail)


def _fits(before: Array, after: Array, var: float, es: float, level: float) -> bool:
    """
    Tell quickly whether an order of one size, and so every smaller one, keeps both limits.

    A loss on the way lies between those at its ends, and so does the expected shortfall, which is convex.
    """
    if var < math.inf and np.count_nonzero(np.maximum(before, after) > var) > beyond(len(before), level):
        return False
    return es == math.inf or max(historical(before, level).es, historical(after, level).es) <= es


def _values(side: Side, exposures: Exposures) -> dict[str, float]:
    """Return the signed value of each instrument when all orders of `side` fill [reporting currency]."""
    buys = side is Side.BUY
    return {
        label[11:]: (sums.up if buys else -sums.down) / SCALE
        for label, sums in exposures.sums.items()
        if label.startswith("instrument:")
    }
