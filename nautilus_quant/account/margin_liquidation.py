"""
Where an account is liquidated: at the price where its equity falls to its maintenance margin.

The condition is that of Binance ("How to Calculate Liquidation Price of USDⓈ-M Futures Contracts" and
"... of COIN-M Futures Contracts"), Bybit ("Liquidation Price (USDT Contract)" and "... (Inverse Contract)")
and Deribit ("Liquidations": equity below maintenance margin); none of the venues' closing fees is counted.
With ``n`` and ``g`` net and gross size times multiplier, ``μ`` and ``d`` rate and deduction of the bracket:

- linear:  ``equity + n (p − mark) = others + g p μ − d``
- inverse: ``equity + n (1/mark − 1/p) = others + g μ / p − d``
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nautilus_quant.account.margin import Bracket, Held

_NEVER = math.inf
_SLACK = 1e-9  # a solution on the border of two brackets belongs to both
_LEAST = 1e-9  # of the mark: prices do not become zero, and inverse contracts could not be valued there
_FURTHEST = 19
_FAR = 2.0**_FURTHEST  # of the moves looked at [fraction of the mark]
_CLOSE, _ROUNDING = 1e-12, 1e-15  # of a move: how near is near enough, and what floats cannot tell apart
_STEPS = 200


def liquidation_price(held: Held, mark: float, equity: float, others: float = 0.0) -> float | None:
    """
    Return the price of one instrument at which its account is liquidated, all other prices unchanged.

    Parameters
    ----------
    held
        What the account holds of it.
    mark
        Its mark price now [quote currency].
    equity
        Of the account now, profit of all positions included [settlement currency of the instrument].
    others
        Maintenance margin of everything else in the account [settlement currency of the instrument].

    Returns
    -------
    float or None
        [quote currency]; ``None`` when no price does it, or a number is missing. Beyond the mark when the
        account should be liquidated already.

    """
    found = (_solve(held, mark, equity - others, bracket) for bracket in held.terms.maintenance.brackets)
    prices = [price for price in found if price is not None]
    # Several only where opposite positions are margined each for itself: the market meets the nearest first.
    return min(prices, key=lambda price: abs(math.log(price / mark)), default=None)


def isolated_liquidation_price(held: Held, entry: float, margin: float) -> float | None:
    """
    Return the price at which a position with a margin of its own is liquidated.

    Parameters
    ----------
    held
        The position.
    entry
        Its average open price [quote currency].
    margin
        Set aside for it [settlement currency].

    """
    return liquidation_price(held, entry, margin)


def distance(held: Held, mark: float, price: float | None) -> float:
    """Return how far the market is from a liquidation price [fraction of mark]; below 0 when it is past."""
    if price is None:
        return _NEVER
    return (1.0 if _falls(held, mark) else -1.0) * (mark - price) / mark


def _solve(held: Held, mark: float, free: float, bracket: Bracket) -> float | None:
    multiplier = held.terms.multiplier
    net, margined = held.net * multiplier, held.gross * multiplier * bracket.rate
    if held.terms.inverse:
        above, below = net + margined, free + net / mark + bracket.deduction
    else:
        above, below = net * mark - free - bracket.deduction, net - margined
    price = above / below if below else math.nan
    if not 0.0 < price < math.inf:
        return None
    notional = held.notional(price)
    return price if held.terms.maintenance.bracket(notional * (1.0 - _SLACK)) is bracket or (
        held.terms.maintenance.bracket(notional * (1.0 + _SLACK)) is bracket
    ) else None  # fmt: skip


def _falls(held: Held, mark: float) -> bool:
    """Tell whether it is a fall of the price that brings liquidation nearer."""
    if held.net and held.gross == abs(held.net):
        return held.net > 0.0
    rate = held.terms.maintenance.bracket(held.notional(mark)).rate
    margined = held.gross * rate
    return held.net + margined > 0.0 if held.terms.inverse else held.net - margined > 0.0


class Priced(NamedTuple):
    """
    A position with what is needed to value it.

    Parameters
    ----------
    held
        The position.
    mark
        Mark price [quote currency].
    rate
        Worth of the settlement currency [reporting currency].

    """

    held: Held
    mark: float
    rate: float = 1.0


def surplus(positions: Sequence[Priced], equity: float, move: float) -> float:
    """
    Return equity less maintenance margin after every price moved against its position [reporting currency].

    Parameters
    ----------
    positions
        All of one account.
    equity
        Now [reporting currency].
    move
        The same for all [fraction of mark]; rates of currencies stay.

    """
    return _surplus(_legs(positions), equity, move)


type _Leg = tuple[Held, float, float, bool]


def _legs(positions: Sequence[Priced]) -> list[_Leg]:
    return [(held, mark, rate, _falls(held, mark)) for held, mark, rate in positions]


def _surplus(legs: Sequence[_Leg], equity: float, move: float) -> float:
    left, down = equity, max(1.0 - move, _LEAST)
    for held, mark, rate, falls in legs:
        price = mark * (down if falls else 1.0 + move)
        left += rate * (held.profit(mark, price) - held.terms.maintenance.amount(held.notional(price)))
    return left


def account_distance(positions: Sequence[Priced], equity: float) -> float:
    """
    Return the move, the same against every position, at which the account is liquidated [fraction of mark].

    Returns
    -------
    float
        0 when it should be already, infinite when no move does it, NaN when a number is missing.

    """
    legs = _legs(positions)
    now = _surplus(legs, equity, 0.0)
    if math.isnan(now) or now <= 0.0:
        return now if math.isnan(now) else 0.0
    far = 1.0
    left = _surplus(legs, equity, far)
    if left > 0.0 and all(falls for *_, falls in legs):
        return _NEVER  # no price falls by more than all of it
    if now > left > 0.0:  # most of the way at once: beyond 1, what is left falls ever faster, or hardly
        far = 2.0 ** min(math.floor(math.log2(now / (now - left))), _FURTHEST)
        left = _surplus(legs, equity, far)
    while left > 0.0:
        far *= 2.0
        if far > _FAR:
            return _NEVER
        left = _surplus(legs, equity, far)
    return _root(lambda move: _surplus(legs, equity, move), far, now, left)


def _root(function: Callable[[float], float], high: float, first: float, last: float) -> float:
    """
    Return where a function that is `first` at 0 and `last` at `high` changes its sign.

    False position with the Illinois step (M. Dowell, P. Jarratt (1971): A modified regula falsi method for
    computing the root of an equation. BIT 11, 168-174). Within one bracket the function is a straight line,
    and the first step is there.
    """
    low, move, side = 0.0, high, 0
    for _ in range(_STEPS):
        move = low + (high - low) * first / (first - last)
        slack = _CLOSE + _ROUNDING * move
        value = function(move)
        if value == 0.0 or high - low <= slack:
            return move
        # Whether the sign changes within the slack: one end of the interval may stay far for long.
        if value > 0.0:
            if move + slack >= high or function(move + slack) <= 0.0:
                return move
            low, first, last, side = move, value, last / 2.0 if side > 0 else last, 1
        else:
            if move - slack <= low or function(move - slack) >= 0.0:
                return move
            high, last, first, side = move, value, first / 2.0 if side < 0 else first, -1
    return move
