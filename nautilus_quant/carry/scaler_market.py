"""What is known of one instrument of a carry: the funding to come, and what trading it costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from nautilus_quant.carry.forecast import ForecastParams, FundingForecast, FundingFormula
from nautilus_quant.carry.sizing import Cost
from nautilus_quant.carry.slippage import Shape, SlippageCurve, SlippageParams
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_YEAR = 365.25 * 86_400.0
_SECOND = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """
    One side of a pair.

    Parameters
    ----------
    instrument
        Its id.
    venue
        Where it is, whose capital it takes.
    is_perpetual
        Whether it pays funding.
    capital
        Capital a unit of notional takes [-]: 1 for spot, the initial margin for a perpetual.
    borrow
        What selling a unit short costs [fraction per year]; infinite where it cannot be borrowed, 0 for a
        perpetual.

    """

    instrument: str
    venue: str
    is_perpetual: bool
    capital: float = 1.0
    borrow: float = math.inf

    def __post_init__(self) -> None:
        require(0.0 < self.capital < math.inf, "0 < capital < inf [-]", self.capital)
        require(self.borrow >= 0.0, "borrow >= 0 [fraction per year]", self.borrow)


type Outlook = tuple[float, float, int]
"""What holding one instrument short brings: funding over the holding time, its standard deviation [fraction],
and in how many payments [-]."""

_NOTHING = (0.0, 0.0, 1)


class LegMarket:
    """
    Follows one instrument.

    Parameters
    ----------
    leg
        Which.
    formula
        How its venue makes funding rates.
    forecast, slippage
        How fast the past is forgotten.
    stale
        Intervals without a word of its funding after which nothing is known any more [-].

    """

    def __init__(
        self,
        leg: Leg,
        formula: FundingFormula,
        forecast: ForecastParams,
        slippage: SlippageParams,
        stale: float = 2.0,
    ) -> None:
        self.leg = leg
        self.fee = math.nan
        self.curve = SlippageCurve(slippage)
        self.forecast = FundingForecast(formula, forecast)
        self._stale = stale
        self._root = self.curve.fits[Shape.ROOT]  # both fits see the same
        self._cost: tuple[int, float, float, Cost] | None = None
        self._reach: tuple[FundingFormula, float, int, int] | None = None
        self._heard: int | None = None
        self._stamp: int | None = None

    @property
    def interval(self) -> int:
        """Between two payments [ns]."""
        return self.forecast.formula.interval

    def every(self, interval: int) -> None:
        """Learn that it pays at another interval [ns]: rates of the old one say nothing about the new."""
        if interval > 0 and interval != self.interval:
            formula = replace(self.forecast.formula, interval=interval)
            self.forecast = FundingForecast(formula, self.forecast.params)

    def premium(self, ts: int, value: float) -> None:
        """Take the premium over the index [fraction] at a time [ns]."""
        self.forecast.premium(ts, value)

    def announced(self, ts: int, rate: float, due: int) -> None:
        """Take a rate [fraction] the venue foretells for `due`, at `ts`, UNIX time [ns]."""
        self.forecast.announced(ts, rate, due)
        if math.isfinite(rate) and due > ts:
            self._heard = max(ts, self._heard or ts)

    def settled(self, ts: int, rate: float) -> None:
        """Take a rate [fraction] paid at `ts`, UNIX time [ns]; one that was taken before changes nothing."""
        if not math.isfinite(rate) or (self._stamp is not None and ts <= self._stamp):
            return
        self.forecast.settled(rate)
        self._stamp = ts
        self._heard = max(ts, self._heard or ts)

    def outlook(self, ts: int, horizon: float) -> Outlook | None:
        """Return the funding of the next `horizon` [s] at `ts` [ns]; ``None`` where it is not known."""
        if not self.leg.is_perpetual:
            return _NOTHING
        forecast, heard, reach = self.forecast, self._heard, self._reach
        if reach is None or reach[0] is not forecast.formula or reach[1] != horizon:
            reach = self._reach = self._reached(forecast.formula, horizon)
        _, _, payments, limit = reach
        if heard is None or ts - heard > limit:
            return None
        found = forecast.moments(payments, ts)
        return None if found is None else (found[0], found[1], payments)

    def _reached(self, formula: FundingFormula, horizon: float) -> tuple[FundingFormula, float, int, int]:
        """Return what a formula makes of a horizon: payments in it, and after how long [ns] all is stale."""
        payments = max(1, round(horizon * _SECOND / formula.interval))
        limit = self._stale * formula.interval
        return formula, horizon, payments, math.floor(limit)

    def cost(self, caution: float) -> Cost:
        """Return what trading once costs, impact with so many standard errors added [-]."""
        known, seen, fee = self._cost, self._root.seen, self.fee
        if known is not None and known[0] == seen and known[1] == fee and known[2] == caution:
            return known[3]
        fixed, linear, root = self.curve.cost(caution)
        cost = Cost(fixed + fee, linear, root)
        self._cost = seen, fee, caution, cost
        return cost

    def borrow(self, horizon: float) -> float:
        """Return what being short over `horizon` [s] costs beside funding [fraction]."""
        return self.leg.borrow * horizon / _YEAR

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        return {
            "version": VERSION,
            "interval": self.interval,
            "heard": self._heard,
            "stamp": self._stamp,
            "forecast": self.forecast.to_dict(),
            "curve": self.curve.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("market of a carry", state, VERSION)
        self.every(stored.moment(state, "interval"))
        heard, stamp = stored.maybe_moment(state, "heard"), stored.maybe_moment(state, "stamp")
        self.forecast.restore(stored.mapping(state, "forecast"))
        self.curve.restore(stored.mapping(state, "curve"))
        self._cost = None
        self._heard, self._stamp = heard, stamp
        return self
