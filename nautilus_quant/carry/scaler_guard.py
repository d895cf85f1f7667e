"""What a carry may not be, whatever it earns: near liquidation, halted, or on an instrument that ends."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

FREE = math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardParams:
    """
    When a pair is cut or left.

    Parameters
    ----------
    distance
        Move against the positions of an account at which it is liquidated, below which both legs are cut
        [fraction of price].
    target
        What the cut brings it to [fraction of price]; more than `distance`, so that it is cut once.
    leave_before
        How long before an instrument ends its pairs are left [s].

    """

    distance: float = 0.1
    target: float = 0.2
    leave_before: float = 259_200.0

    def __post_init__(self) -> None:
        require(0.0 <= self.distance < self.target < math.inf, "0 <= distance < target", self)
        require(self.leave_before >= 0.0, "leave_before >= 0 [s]", self.leave_before)


class Account(NamedTuple):
    """
    Where a leg is held.

    Parameters
    ----------
    distance
        Move against all its positions at which it is liquidated [fraction of price]; infinite without one,
        NaN when nobody can tell.
    equity, notional
        Of the account, and of all its positions that are on margin [reporting currency].
    maintenance
        Margin it must keep per notional [-].

    """

    distance: float
    equity: float
    notional: float
    maintenance: float

    def capacity(self, distance: float) -> float:
        """
        Return the notional it bears so that it is a distance from liquidation [reporting currency].

        Liquidation is where ``E - N·d = m·N·(1 + d)``: equity ``E``, notional ``N``, maintenance ``m``.
        """
        return max(self.equity, 0.0) / (distance + self.maintenance * (1.0 + distance))


FREE_OF_MARGIN = Account(math.inf, math.inf, 0.0, 0.0)
"""A cash account, which cannot be liquidated."""
UNTOLD = Account(math.nan, math.nan, math.nan, math.nan)
"""An account no venue has told of."""


class Bound(NamedTuple):
    """
    The most that may be held of a pair.

    Parameters
    ----------
    most
        Size [reporting currency]; what is held where only nothing may be added; NaN when nobody knows.
    why
        ``""``, ``margin``, ``margin unknown``, ``size unknown``, ``halted`` or ``ends``.
    urgent
        Whether what is too much must go at once.

    """

    most: float
    why: str
    urgent: bool


def bound(
    held: float,
    accounts: Iterable[Account],
    params: GuardParams,
    *,
    halted: bool = False,
    ends: int | None = None,
    now: int = 0,
) -> Bound:
    """
    Return the most that may be held of a pair.

    What is too much for `distance` is cut to what `target` bears, and no more than that is ever added.

    Parameters
    ----------
    held
        Size held now, without its sign [reporting currency]; NaN when nobody can tell.
    accounts
        Of both legs; one that is given twice bears both.
    params
        When.
    halted
        Whether a leg cannot be traded now.
    ends
        When the first of the instruments ends, UNIX time [ns]; ``None`` when none is known to.
    now
        UNIX time [ns].

    """
    # One leg of what is halted would be closed alone, and opened again.
    if ends is not None and now >= ends - int(params.leave_before * 1e9) and not halted:
        return Bound(0.0, "ends", urgent=False)
    found = Bound(held, "halted", urgent=False) if halted else Bound(FREE, "", urgent=False)
    if math.isnan(held):
        return found if halted else Bound(math.nan, "size unknown", urgent=False)
    both = list(accounts)
    for account in both:
        legs = sum(other[:3] == account[:3] for other in both)
        one = _margin(held, account, params, max(legs, 1))
        if one.most < found.most:
            found = one
    return found


def _margin(held: float, account: Account, params: GuardParams, legs: int) -> Bound:
    if any(map(math.isnan, account)):
        return Bound(held, "margin unknown", urgent=False)
    capacity = account.capacity(params.target)
    if account.distance < params.distance:
        return Bound(held * min(capacity / account.notional, 1.0), "margin", urgent=True)
    room = (capacity - account.notional) / legs
    return Bound(held + room, "", urgent=False) if room > 0.0 else Bound(held, "margin", urgent=False)


def limited(wanted: float, held: float, most: Bound) -> float:
    """
    Return a signed size within a bound [reporting currency].

    Parameters
    ----------
    wanted, held
        Signed sizes; what is wanted in the other direction is opened from nothing, by no more than the bound.
    most
        The bound.

    Returns
    -------
    float
        NaN, which is to change nothing, where something is wanted and nobody knows what is held.

    """
    if wanted and math.isnan(most.most):
        return math.nan
    if most.why in ("halted", "margin unknown", "margin") and wanted * held < 0.0:
        return 0.0
    return math.copysign(min(abs(wanted), most.most), wanted) if wanted else 0.0
