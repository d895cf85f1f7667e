"""
Options that belong together: what they pay at their expiry, and the most that can be lost with them.

A spread is counted in units: a leg of ratio 2 is two contracts for each unit. Amounts are of one unit, its
multipliers included, and exact. They come in two currencies:

- In *settlement*, what changes hands. With S the price at the expiry, a coin-settled call pays
  max(S - K, 0) / S coins. Between two strikes that is a / S + b, hence monotone, as the linear payoff
  a + b·S is: the extremes of both lie at a strike or at the ends, S to 0 and S to infinity.
- In *money*, the currency of the strikes: coins that are paid at S are worth S each, so both kinds pay
  alike. A put spread sold in coins may cost any number of them as S falls to nothing, and never more
  money than its strikes are apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.options.contract import intrinsic
from nautilus_quant.options.settlement import exact
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from nautilus_quant.options.contract import Contract

_ZERO = Decimal(0)
_INFINITE = Decimal("Infinity")


class Leg(NamedTuple):
    """
    One option of a spread.

    Parameters
    ----------
    contract
        Which.
    ratio
        How many contracts for each unit of the spread; negative is sold.

    """

    contract: Contract
    ratio: int


@dataclass(frozen=True, slots=True)
class Spread:
    """
    Several options on one underlying, paid in one currency.

    Parameters
    ----------
    kind
        What people call it, e.g. ``"iron_condor"``.
    legs
        Each option once.

    Raises
    ------
    ValueError
        If there are no legs, one is there twice or with ratio 0, or they do not belong together.

    """

    kind: str
    legs: tuple[Leg, ...]

    def __post_init__(self) -> None:
        contracts = [leg.contract for leg in self.legs]
        require(len(contracts) > 0, "a spread of one leg at least", self.legs)
        require(all(leg.ratio for leg in self.legs), "a ratio other than 0 for every leg", self.legs)
        require(len({c.name for c in contracts}) == len(contracts), "every option once", self.legs)
        alike = {(c.underlying, c.settlement, c.coin_settled) for c in contracts}
        require(len(alike) == 1, "legs on one underlying, settled in one currency", sorted(map(str, alike)))

    @property
    def coin_settled(self) -> bool:
        """Whether it is paid in the underlying coin."""
        return self.legs[0].contract.coin_settled

    @property
    def underlying(self) -> str:
        """The coin it is about."""
        return self.legs[0].contract.underlying

    @property
    def expiry(self) -> int:
        """When the first leg expires [ns UTC]."""
        return min(leg.contract.expiry for leg in self.legs)

    @property
    def one_expiry(self) -> bool:
        """Whether all legs expire together, so that what they pay follows from one price."""
        return len({leg.contract.expiry for leg in self.legs}) == 1


class Extremes(NamedTuple):
    """
    The least and the most a unit can pay over all prices; infinite where there is no bound.

    Limits count, also those that are only approached as the price falls to 0 or rises without end.
    """

    worst: Decimal
    best: Decimal


class Risk(NamedTuple):
    """
    What is known of a unit of a spread before it is entered.

    Parameters
    ----------
    loss, profit
        The most of each, fees taken off [settlement currency]; infinite without a bound.
    loss_money, profit_money
        The same in the currency of the strikes, coins valued when they change hands.

    """

    loss: Decimal
    profit: Decimal
    loss_money: Decimal
    profit_money: Decimal

    @property
    def is_bounded(self) -> bool:
        """Whether the loss is bounded in money."""
        return self.loss_money.is_finite()


def payoff(spread: Spread, price: ArrayLike, *, in_money: bool = False) -> NDArray[np.float64]:
    """
    Return what a unit pays at its expiry [settlement currency; currency of the strikes if `in_money`].

    Parameters
    ----------
    spread
        All its legs expire together.
    price
        Settlement prices of the underlying, positive; any shape, which is that of the result.
    in_money
        Whether coins are counted as what they are worth then.

    Raises
    ------
    ValueError
        If the legs expire at different times: what the later ones are worth does not follow from a price.

    """
    _require_one_expiry(spread)
    prices = np.asarray(price, np.float64)
    paid = np.zeros_like(prices)
    for contract, ratio in spread.legs:
        paid += ratio * contract.multiplier * intrinsic(prices, contract.strike, contract.call)
    return paid / prices if spread.coin_settled and not in_money else paid


def extremes(spread: Spread, *, in_money: bool = False) -> Extremes:
    """
    Return the least and the most a unit can pay at its expiry over all positive prices, exactly.

    Parameters
    ----------
    spread
        All its legs expire together.
    in_money
        As of `payoff`.

    Raises
    ------
    ValueError
        If the legs expire at different times.

    """
    _require_one_expiry(spread)
    in_coins = spread.coin_settled and not in_money
    values = [_at(spread, exact(c.strike), in_coins=in_coins) for c, _ in spread.legs]
    # Below all strikes a put pays K - S, above all of them a call S - K.
    puts = sum((exact(c.multiplier) * r * exact(c.strike) for c, r in spread.legs if not c.call), _ZERO)
    slope_above = sum((exact(c.multiplier) * r for c, r in spread.legs if c.call), _ZERO)
    if in_coins:
        if puts:  # puts / S plus a constant, S to 0; without the first it is what the lowest strike pays
            values.append(_endless(puts))
        values.append(slope_above)  # constant / S + slope, S to infinity
    else:
        values.append(puts)
        if slope_above:
            values.append(_endless(slope_above))
    return Extremes(min(values), max(values))


def risk_of(spread: Spread, premium: Decimal, fees: Decimal, forward: float) -> Risk:
    """
    Return what can be lost and won with a unit held to its expiry.

    Parameters
    ----------
    spread
        All its legs expire together.
    premium
        What is paid for a unit now; negative when it is received [settlement currency].
    fees
        Of getting in and out of a unit [settlement currency].
    forward
        What a coin is worth now [currency of the strikes]; premium and fees in coins are valued by it.

    Raises
    ------
    ValueError
        If the legs expire at different times (see `spread_stress.worst_case` for those), or the price of a
        coin is needed and not positive.

    """
    cost = premium + fees
    paid = extremes(spread)
    if not spread.coin_settled:
        return Risk(cost - paid.worst, paid.best - cost, cost - paid.worst, paid.best - cost)
    require(0.0 < forward < float("inf"), "forward > 0 to value coins", forward)
    worth, money = cost * exact(forward), extremes(spread, in_money=True)
    return Risk(cost - paid.worst, paid.best - cost, worth - money.worst, money.best - worth)


def breakevens(spread: Spread, cost: Decimal) -> list[float]:
    """
    Return the prices at which a unit neither wins nor loses, lowest first [currency of the strikes].

    Parameters
    ----------
    spread
        All its legs expire together.
    cost
        Premium and fees [settlement currency].

    """
    _require_one_expiry(spread)
    strikes = sorted({exact(c.strike) for c, _ in spread.legs})
    ends = [strikes[0] / 2, *strikes, strikes[-1] * 2]
    found = []
    for at, (low, high) in enumerate(pairwise(ends)):
        # On each piece, profit times S (in coins) or profit itself is straight in S.
        first, last = (_scaled(spread, price, cost) for price in (low, high))
        slope = (last - first) / (high - low)
        if not slope:
            continue
        root = low - first / slope
        below = _ZERO if at == 0 else low
        if below < root <= (high if at < len(ends) - 2 else _INFINITE):
            found.append(float(root))
    return found


def _scaled(spread: Spread, price: Decimal, cost: Decimal) -> Decimal:
    paid = _at(spread, price, in_coins=False)
    return paid - cost * price if spread.coin_settled else paid - cost


def _at(spread: Spread, price: Decimal, *, in_coins: bool) -> Decimal:
    paid = _ZERO
    for contract, ratio in spread.legs:
        over = price - exact(contract.strike)
        paid += exact(contract.multiplier) * ratio * max(over if contract.call else -over, _ZERO)
    return paid / price if in_coins else paid


def _endless(sign: Decimal) -> Decimal:
    return _INFINITE.copy_sign(sign)


def _require_one_expiry(spread: Spread) -> None:
    require(spread.one_expiry, "legs of one expiry to know what they pay", spread.kind)
