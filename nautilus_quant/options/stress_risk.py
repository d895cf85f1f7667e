"""Where the risk of a book of options sits, and what a jump across strikes at an expiry would cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.black76 import greeks
from nautilus_quant.options.contract import intrinsic
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.options.stress import Lines

type Floats = NDArray[np.float64]


class Share(NamedTuple):
    """
    The part of a book that holds the most of something.

    Parameters
    ----------
    at
        Which expiry, UNIX time [ns], or which strike; 0 where there is nothing.
    share
        Its net size over the sum of the net sizes of all parts [fraction]; 0 where there is nothing.
    amount
        Its net size [reporting currency].

    """

    at: float
    share: float
    amount: float


class Concentration(NamedTuple):
    """
    Which expiry and which strike hold the most vega and gamma.

    Parameters
    ----------
    vega_expiry, vega_strike
        Of the worth gained for a vol point (0.01).
    gamma_expiry, gamma_strike
        Of the change of delta, in money, for a move of 1 %.

    """

    vega_expiry: Share
    vega_strike: Share
    gamma_expiry: Share
    gamma_strike: Share


NOTHING = Share(0.0, 0.0, 0.0)


def concentration(lines: Lines, quantity: Floats) -> Concentration:
    """
    Return where vega and gamma are concentrated.

    Parameters
    ----------
    lines
        What there is; only options count.
    quantity
        Contracts held of each, float64[n]; negative for sold ones.

    """
    at = np.flatnonzero(lines.option & (quantity != 0.0))
    if not len(at):
        return Concentration(NOTHING, NOTHING, NOTHING, NOTHING)
    forward, strike = lines.forward[at], lines.strike[at]
    found = greeks(forward, strike, lines.years[at], lines.vol[at], lines.call[at])
    held = quantity[at] * lines.size[at]
    vega, gamma = found.vega * held, found.gamma * forward * forward * held / 100.0
    expiry = lines.expiry[at]
    return Concentration(
        _largest(expiry, vega), _largest(strike, vega), _largest(expiry, gamma), _largest(strike, gamma)
    )


def _largest(key: NDArray[np.int64] | Floats, amount: Floats) -> Share:
    keys, row = np.unique(key, return_inverse=True)
    net = np.bincount(row, amount, len(keys))
    total = float(np.abs(net).sum())
    if not total > 0.0:
        return NOTHING
    place = int(np.abs(net).argmax())
    return Share(float(keys[place]), float(abs(net[place])) / total, float(net[place]))


class ExpiryGap(NamedTuple):
    """
    What the worst jump of the price at an expiry costs, when nobody can trade any more.

    Parameters
    ----------
    expiry
        UNIX time [ns].
    loss
        Against settling where the forward is, hedges counted [reporting currency]; not below 0.
    price
        Settlement price at which.
    crossed
        How many strikes that are held lie between the forward and it.

    """

    expiry: int
    loss: float
    price: float
    crossed: int


def expiry_gaps(lines: Lines, quantity: Floats, reach: float = 0.1) -> tuple[ExpiryGap, ...]:
    """
    Return the gap risk of each expiry that is held, the nearest first.

    What is paid is straight between strikes, so the worst price is a strike or an end of the range: those are
    all looked at. Hedges in futures, perpetuals and spot move by the same share of their price. They are
    counted in full with every expiry.

    Parameters
    ----------
    lines
        What there is.
    quantity
        Contracts held of each, float64[n]; negative for sold ones.
    reach
        Largest jump to either side [fraction].

    """
    require(0.0 < reach < 1.0, "0 < reach < 1 [fraction]", reach)
    worth = quantity * lines.size
    hedge = float((worth * lines.forward)[~lines.option].sum())
    held = lines.option & (quantity != 0.0)
    return tuple(
        _gap(lines, worth, np.flatnonzero(held & (lines.expiry == expiry)), hedge, reach)
        for expiry in np.unique(lines.expiry[held])
    )


def _gap(lines: Lines, worth: Floats, at: NDArray[np.intp], hedge: float, reach: float) -> ExpiryGap:
    forward, strike, call = float(lines.forward[at[0]]), lines.strike[at], lines.call[at]
    inside = strike[np.abs(strike / forward - 1.0) < reach]
    prices = np.unique(np.concatenate([[forward, forward * (1.0 - reach), forward * (1.0 + reach)], inside]))
    paid = (intrinsic(prices[:, None], strike, call) - intrinsic(forward, strike, call)) @ worth[at]
    losses = -(paid + hedge * (prices / forward - 1.0))
    place = int(np.argmax(losses))
    worst = float(prices[place])
    low, high = min(forward, worst), max(forward, worst)
    crossed = len(np.unique(strike[(strike >= low) & (strike <= high)])) if low < high else 0
    return ExpiryGap(int(lines.expiry[at[0]]), max(float(losses[place]), 0.0), worst, crossed)
