"""What is watched of a surface: volatility, tilt and curvature by days to expiry, at constant maturities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from nautilus_quant.options.surface import Surface

DAY: Final = 86_400_000_000_000
_DAYS_PER_YEAR = 365.0


class Bucket(NamedTuple):
    """
    A range of days to expiry.

    Parameters
    ----------
    name
        E.g. ``"7-14"``.
    first, last
        From the first on, up to but without the last [days].
    tenor
        Where its figures are read off [days]: at a maturity that does not move as expiries draw near, so that
        one day's figures compare with another's.

    """

    name: str
    first: float
    last: float
    tenor: float


BUCKETS: Final = (
    Bucket("0-7", 0.0, 7.0, 3.5),
    Bucket("7-14", 7.0, 14.0, 10.5),
    Bucket("14-30", 14.0, 30.0, 22.0),
    Bucket("30+", 30.0, math.inf, 60.0),
)

KINDS: Final = ("atm", "rr25", "bf25", "step")
"""
Volatility at the money; that of the 25-delta call less that of the put (negative where puts are dear); the
middle of those two less at the money; and at the money less at the money of the bucket before.
"""


def bucket_of(days: float) -> Bucket | None:
    """Return the bucket of some days to expiry; ``None`` for what is past."""
    return next((bucket for bucket in BUCKETS if bucket.first <= days < bucket.last), None)


def statistics(surface: Surface) -> dict[str, float]:
    """
    Return the figures of every bucket that has a slice [vol, 0.01 is a point], by ``"kind|bucket"``.

    Each is read off at the tenor of the bucket: between two slices total variance runs straight in time, at
    the money and at each of the two deltas; outside the slices the volatility is that of the nearest.
    """
    if not surface.slices:
        return {}
    days = np.array([slice_.years * _DAYS_PER_YEAR for slice_ in surface.slices])
    variance = surface.wings**2 * days
    found: dict[str, float] = {}
    before = math.nan
    for bucket in BUCKETS:
        if not np.any((days >= bucket.first) & (days < bucket.last)):
            before = math.nan
            continue
        tenor = float(np.clip(bucket.tenor, days[0], days[-1]))
        atm, put, call = (math.sqrt(np.interp(tenor, days, row) / tenor) for row in variance)
        found[f"atm|{bucket.name}"] = atm
        found[f"rr25|{bucket.name}"] = call - put
        found[f"bf25|{bucket.name}"] = 0.5 * (call + put) - atm
        if math.isfinite(before):
            found[f"step|{bucket.name}"] = atm - before
        before = atm
    return found
