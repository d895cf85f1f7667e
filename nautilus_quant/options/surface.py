"""The volatility surface of one underlying at one moment: a slice for each expiry, and what lies between."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.arbitrage import Butterfly, Calendar
from nautilus_quant.options.contract import years as years_between
from nautilus_quant.options.svi import Svi, derivatives, stack, total_variance, variance_at

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

type Floats = NDArray[np.float64]

QUARTER = 0.6744897501960817
"""Standard normal quantile of 3/4: an option this many deviations out of the money has a delta of 25 %."""

_NEWTON_STEPS = 6


@dataclass(frozen=True, slots=True)
class SviSlice:
    """
    The fitted smile of one expiry.

    Parameters
    ----------
    expiry
        UNIX time [ns].
    years
        Time to it when it was fitted [years of 365 days].
    forward
        Of the expiry [currency].
    params
        Of the curve.
    rmse
        Root mean square error of the volatilities it was fitted to [vol, 0.01 is a point].
    n
        Strikes it was fitted to.
    low, high
        First and last of them [log-moneyness].
    inside
        Share of them where the curve is between bid and ask [-].
    cost
        Mean square error in units of half the distance of bid and ask, large ones counted linearly [-].
    butterfly, calendar
        Arbitrage within the slice, and against the one before.

    """

    expiry: int
    years: float
    forward: float
    params: Svi
    rmse: float
    n: int
    low: float
    high: float
    inside: float = 1.0
    cost: float = 0.0
    butterfly: Butterfly = field(default_factory=Butterfly)
    calendar: Calendar = field(default_factory=Calendar)

    @property
    def atm(self) -> float:
        """Volatility where the strike is the forward."""
        return self.vol_at(0.0)

    def vol_at(self, k: float) -> float:
        """Return the volatility at one log-moneyness."""
        return math.sqrt(max(variance_at(k, self.params), 0.0) / self.years)

    def vols(self, k: Floats) -> Floats:
        """Return volatilities at log-moneynesses, of the same shape."""
        vols: Floats = np.sqrt(np.maximum(total_variance(k, self.params), 0.0) / self.years)
        return vols

    @property
    def free(self) -> bool:
        """Whether neither a butterfly nor a calendar spread costs less than nothing."""
        return self.butterfly.free and self.calendar.free

    def to_dict(self) -> dict[str, Any]:
        """Give all that `from_dict` needs."""
        return {
            "expiry": self.expiry,
            "years": self.years,
            "forward": self.forward,
            "params": list(self.params),
            "rmse": self.rmse,
            "n": self.n,
            "low": self.low,
            "high": self.high,
            "inside": self.inside,
            "cost": self.cost,
            "butterfly": self.butterfly.to_dict(),
            "calendar": self.calendar.to_dict(),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Take what `to_dict` gave."""
        a, b, rho, m, sigma = map(float, state["params"])
        return cls(
            expiry=int(state["expiry"]),
            years=float(state["years"]),
            forward=float(state["forward"]),
            params=Svi(a, b, rho, m, sigma),
            rmse=float(state["rmse"]),
            n=int(state["n"]),
            low=float(state["low"]),
            high=float(state["high"]),
            inside=float(state["inside"]),
            cost=float(state["cost"]),
            butterfly=Butterfly.from_dict(state["butterfly"]),
            calendar=Calendar.from_dict(state["calendar"]),
        )


@dataclass(frozen=True)
class Surface:
    """
    All slices of an underlying at one moment.

    Between two expiries, total variance runs straight in time at the same log-moneyness, which is free of
    calendar arbitrage where the slices are; before the first and after the last the volatility is theirs.

    Parameters
    ----------
    ts
        Of the chain it was fitted to, UNIX time [ns].
    underlying
        E.g. ``"BTC"``.
    slices
        The nearest expiry first.
    forwards
        Forward of each expiry that has one [currency], those without a slice too.
    rejected
        How many quotes were left out, by reason.

    """

    ts: int
    underlying: str
    slices: tuple[SviSlice, ...]
    forwards: Mapping[int, float] = field(default_factory=dict)
    rejected: Mapping[str, int] = field(default_factory=dict)

    # -- what is asked -------------------------------------------------------------------------------

    def slice_of(self, expiry: int) -> SviSlice | None:
        """Return the slice of exactly this expiry [ns], if there is one."""
        at = bisect_left(self._expiries, expiry)
        return self.slices[at] if at < len(self.slices) and self._expiries[at] == expiry else None

    def forward(self, expiry: int) -> float:
        """
        Return the forward of an expiry [ns]; NaN when nothing is known.

        Between two known ones the log of the forward runs straight; outside it is that of the nearest.
        """
        known = self.forwards.get(expiry)
        if known is not None:
            return known
        times, logs = self._forward_curve
        return math.exp(float(np.interp(expiry - self.ts, times, logs))) if len(times) else math.nan

    def vol(self, strike: ArrayLike, expiry: ArrayLike) -> Floats:
        """
        Return volatilities.

        Parameters
        ----------
        strike
            In the currency of the forward.
        expiry
            UNIX times [ns]; broadcast with the strikes.

        Returns
        -------
        float64
            Of the common shape; NaN without any slice, and for expiries that are past.

        """
        strikes, expiries = np.broadcast_arrays(
            np.asarray(strike, dtype=np.float64), np.asarray(expiry, dtype=np.int64)
        )
        vols = np.full(strikes.shape, np.nan)
        if not self.slices:
            return vols
        for value in np.unique(expiries).tolist():
            rows = expiries == value
            with np.errstate(divide="ignore", invalid="ignore"):
                k = np.log(strikes[rows] / self.forward(value))
            vols[rows] = self.smile(k, value)
        return vols

    def smile(self, k: ArrayLike, expiry: int) -> Floats:
        """Return the volatilities of one expiry [ns] at log-moneynesses; NaN without any slice."""
        at_k = np.asarray(k, dtype=np.float64)
        left = years_between(self.ts, expiry)
        if not self.slices or left <= 0.0:
            return np.full(at_k.shape, np.nan)
        place = bisect_left(self._expiries, expiry)
        if place == len(self.slices):
            return self.slices[-1].vols(at_k)
        after = self.slices[place]
        if place == 0 or after.expiry == expiry:
            return after.vols(at_k)
        before = self.slices[place - 1]
        share = (left - before.years) / (after.years - before.years)
        w_before, w_after = total_variance(at_k, before.params), total_variance(at_k, after.params)
        w: Floats = (1.0 - share) * w_before + share * w_after
        return np.sqrt(np.maximum(w, 0.0) / left)

    def covers(self, expiry: int) -> bool:
        """Tell whether an expiry [ns] has a slice or lies between two; others take the nearest's vol."""
        return bool(self.slices) and self.slices[0].expiry <= expiry <= self.slices[-1].expiry

    def atm(self, expiry: int) -> float:
        """Return the volatility at the money of an expiry [ns]; NaN without any slice."""
        return float(self.smile(0.0, expiry))

    @property
    def free(self) -> bool:
        """Whether no slice can be arbitraged."""
        return all(slice_.free for slice_ in self.slices)

    @cached_property
    def wings(self) -> Floats:
        """
        Volatilities at the money, of the 25-delta put and of the 25-delta call, float64[3, slices].

        At the money the strike is the forward; the other two are where d₁ = ±0.674 by the smile's own
        volatility: undiscounted Black-76 deltas of −25 % and 25 %, not adjusted for a premium in coin.
        """
        if not self.slices:
            return np.empty((3, 0))
        params = stack([slice_.params for slice_ in self.slices])
        left = np.array([slice_.years for slice_ in self.slices])[:, None]
        target = np.array([0.0, QUARTER, -QUARTER])
        k = np.zeros((len(self.slices), 3))
        for _ in range(_NEWTON_STEPS):
            w, slope, _curve = derivatives(k, params)
            root = np.sqrt(np.maximum(w, 1e-12))
            off = np.where(target == 0.0, k, k - 0.5 * w + target * root)
            k -= off / np.maximum(1.0 - 0.5 * slope + 0.5 * target * slope / root, 0.25)
        vols: Floats = np.sqrt(np.maximum(total_variance(k, params), 0.0) / left).T
        return vols

    @cached_property
    def _expiries(self) -> list[int]:
        return [slice_.expiry for slice_ in self.slices]

    @cached_property
    def _forward_curve(self) -> tuple[Floats, Floats]:
        known = sorted((expiry, value) for expiry, value in self.forwards.items() if value > 0.0)
        times = np.array([expiry - self.ts for expiry, _ in known], dtype=np.float64)
        return times, np.log(np.array([value for _, value in known], dtype=np.float64))

    # -- state ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `from_dict` needs, as plain JSON."""
        return {
            "ts": self.ts,
            "underlying": self.underlying,
            "slices": [slice_.to_dict() for slice_ in self.slices],
            "forwards": [[expiry, value] for expiry, value in self.forwards.items()],
            "rejected": dict(self.rejected),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Take what `to_dict` gave."""
        return cls(
            ts=int(state["ts"]),
            underlying=str(state["underlying"]),
            slices=tuple(SviSlice.from_dict(item) for item in state["slices"]),
            forwards={int(expiry): float(value) for expiry, value in state["forwards"]},
            rejected={str(name): int(count) for name, count in state["rejected"].items()},
        )
