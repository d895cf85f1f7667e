"""What to cut so that an account fits the leverage of its next window, and in which order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from nautilus_quant.account.margin import initial_rate

_NO_COST = 1e-9  # of notional: what costs nothing goes first, and among those what releases most
_SLACK = 1e-9  # of the requirement: rounding of floats is no reason to cut one more lot


class Holding(NamedTuple):
    """
    Something that can be cut.

    Parameters
    ----------
    instrument, strategy, position
        Identifiers; who is to be told, and what is to be closed.
    quantity
        How much of it can be closed [contracts or base units].
    value
        Notional of one unit [reporting currency].
    floor
        The venue's own initial margin per notional [-].
    cost
        Of closing: fee, half spread and impact [fraction of notional].
    step, least
        Increment and smallest quantity of an order [contracts or base units].

    """

    instrument: str
    strategy: str
    position: str
    quantity: Decimal
    value: float
    floor: float = 0.0
    cost: float = 0.0005
    step: Decimal = Decimal(1)
    least: Decimal = Decimal(0)


class Cut(NamedTuple):
    """
    One entry of a plan.

    Parameters
    ----------
    instrument, strategy, position
        Whose position it is.
    quantity
        To close of it [contracts or base units].
    releases
        Initial margin set free at the next window [reporting currency].
    cost
        Of closing it [reporting currency].

    """

    instrument: str
    strategy: str
    position: str
    quantity: Decimal
    releases: float
    cost: float


def reduction_plan(
    holdings: Sequence[Holding],
    equity: float,
    leverage: float,
    target: float,
    fixed: float = 0.0,
) -> list[Cut]:
    """
    Return what to close so that ``initial requirement <= target × equity`` at a leverage.

    What releases most margin per cost of trading goes first, which is the cheapest way when quantities are
    divisible (the fractional knapsack: Dantzig, Operations Research 5 (1957)). Then what rounding to whole
    lots cut too much is given back, the dearest first: no cut of the plan can be left out or made one lot
    smaller. What would be left too small to be closed by an order later goes at once.

    Parameters
    ----------
    holdings
        What can be cut.
    equity
        Of the account now [reporting currency]; costs of the cuts reduce it.
    leverage
        Of the next window [-].
    target
        Largest utilisation wanted then [-].
    fixed
        Requirement of what cannot be cut [reporting currency].

    Returns
    -------
    list of Cut
        In the order to be traded; empty when nothing need be cut, or nothing is known. All holdings whose
        cutting helps when even that is not enough.

    """
    margins = [held.value * initial_rate(leverage, held.floor) for held in holdings]
    needed = fixed + math.fsum(m * float(h.quantity) for m, h in zip(margins, holdings, strict=True))
    excess = needed - target * equity
    if not excess > _SLACK * needed:  # NaN, too
        return []
    # Every unit closed releases its margin, and takes its cost from the equity that carries the rest.
    lots = [_Lots.of(h, m - target * h.value * h.cost) for m, h in zip(margins, holdings, strict=True)]
    order = sorted(
        (index for index in range(len(lots)) if lots[index].gain > 0.0),
        key=lambda index: _ratio(holdings[index], leverage),
    )
    taken, left = _take(lots, order, excess, needed)
    _give_back(lots, order, taken, left)
    cuts = []
    for index in order:
        held, quantity = holdings[index], taken[index] * lots[index].step
        if quantity:
            amount = float(quantity)
            releases, cost = margins[index] * amount, held.value * held.cost * amount
            cuts.append(Cut(held.instrument, held.strategy, held.position, quantity, releases, cost))
    return cuts


def _ratio(held: Holding, leverage: float) -> tuple[float, float, str]:
    """Sort by cost per margin released, then by size, then by name."""
    cost = max(held.cost, _NO_COST) / initial_rate(leverage, held.floor)
    return cost, -held.value * float(held.quantity), held.position


class _Lots(NamedTuple):
    """A holding in whole lots: those there are, those the smallest order has, and what cutting one brings."""

    step: Decimal
    most: int
    least: int
    gain: float  # net of its cost [reporting currency]

    @classmethod
    def of(cls, holding: Holding, gain: float) -> _Lots:
        most = int(holding.quantity // holding.step)
        least = max(1, math.ceil(holding.least / holding.step))
        return cls(holding.step, most if most >= least else 0, least, gain * float(holding.step))

    def at_least(self, lots: float) -> int:
        """Return the fewest lots that can be traded and are no fewer: none, or enough, or all."""
        if lots <= 0:
            return 0
        if lots > self.most:
            return self.most
        enough = max(math.ceil(lots), self.least)
        return self.most if enough > self.most - self.least else enough


def _take(lots: list[_Lots], order: list[int], excess: float, needed: float) -> tuple[dict[int, int], float]:
    taken = dict.fromkeys(order, 0)
    for index in order:
        if excess <= _SLACK * needed:
            break
        taken[index] = lots[index].at_least(excess / lots[index].gain * (1.0 - _SLACK))
        excess -= taken[index] * lots[index].gain
    return taken, excess


def _give_back(lots: list[_Lots], order: list[int], taken: dict[int, int], left: float) -> None:
    for index in reversed(order):
        spare = int(-left / lots[index].gain) if left < 0.0 else 0
        fewer = lots[index].at_least(taken[index] - spare) if spare else taken[index]
        if fewer < taken[index]:
            left += (taken[index] - fewer) * lots[index].gain
            taken[index] = fewer
