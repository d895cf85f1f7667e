"""What is held at each venue, what it should be, and how that bends what is traded next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from nautilus_quant.gating.intent import Side
from nautilus_quant.signals.sequence import require


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryParams:
    """
    How far inventories may wander, and what is given to bring them back.

    Parameters
    ----------
    skew
        Hurdle that is added to a trade which takes a venue's inventory away from its target, and taken off
        one which brings it back, where it is at its limit [fraction]; half of it half way. As much as a
        transfer would cost makes trading back and transferring equal.
    low
        Share of the limit still free below which a venue counts as low [-].
    high
        Share from which on it is well again [-].

    """

    skew: float = 0.0005
    low: float = 0.2
    high: float = 0.35

    def __post_init__(self) -> None:
        require(0.0 <= self.skew < math.inf, "0 <= skew < inf [fraction]", self.skew)
        require(0.0 <= self.low < self.high <= 1.0, "0 <= low < high <= 1 [-]", (self.low, self.high))


class Stock(NamedTuple):
    """
    One venue's inventory of a coin.

    Parameters
    ----------
    held
        Now, short < 0 [coins].
    target
        What it should be [coins].
    limit
        How far it may be from that, to either side [coins].
    free_to_buy, free_to_sell
        What the account still bears: money and margin for buying; coins, or margin, for selling [coins].

    """

    held: float
    target: float = 0.0
    limit: float = math.inf
    free_to_buy: float = math.inf
    free_to_sell: float = math.inf

    @property
    def excess(self) -> float:
        """What is held beyond the target [coins]."""
        return self.held - self.target

    def room(self, side: Side) -> float:
        """Return how much more may be bought or sold [coins]; 0 where a number is unknown."""
        free = self.free_to_buy if side is Side.BUY else self.free_to_sell
        rest = self.limit - side * self.excess
        return max(0.0, min(free, rest)) if not (math.isnan(free) or math.isnan(rest)) else 0.0

    def fill(self, side: Side, coins: float) -> Stock:
        """Return the stock after so much more has been traded."""
        buys = side is Side.BUY
        return Stock(
            self.held + side * coins,
            self.target,
            self.limit,
            self.free_to_buy - (coins if buys else 0.0),
            self.free_to_sell - (0.0 if buys else coins),
        )

    def skew(self, side: Side, params: InventoryParams) -> float:
        """
        Return what trading this side adds to the hurdle [fraction].

        In proportion to the excess, as a market maker shades its quotes (Avellaneda and Stoikov 2008,
        "High-frequency trading in a limit order book", eq. 29: the reservation price falls linearly with the
        inventory).
        """
        if not (math.isfinite(self.excess) and 0.0 < self.limit < math.inf):
            return 0.0
        return side * params.skew * min(max(self.excess / self.limit, -1.0), 1.0)


class Supply(StrEnum):
    """How much room a venue's inventory leaves on one side."""

    ENOUGH = "enough"
    LOW = "low"
    OUT = "out"


class SupplyChange(NamedTuple):
    """
    A side of a venue that ran low or out, or recovered.

    Parameters
    ----------
    venue, side
        Where, and what can no longer be done there.
    supply, previous
        Now, and before.
    room
        What may still be traded [coins].

    """

    venue: str
    side: Side
    supply: Supply
    previous: Supply
    room: float


class SupplyWatch:
    """
    Tells once when a venue runs low, when it has run out, and when it is well again.

    Parameters
    ----------
    params
        When that is.

    """

    def __init__(self, params: InventoryParams | None = None) -> None:
        self.params = params or InventoryParams()
        self._known: dict[tuple[str, Side], Supply] = {}

    def update(self, venue: str, stock: Stock, smallest: float, usual: float) -> list[SupplyChange]:
        """
        Look at one venue.

        Parameters
        ----------
        venue, stock
            Which, and what it holds.
        smallest
            Order that is still worth sending [coins]: with less room it has run out.
        usual
            What counts as full room where there is no limit [coins].

        """
        changes = []
        for side in Side:
            before = self.of(venue, side)
            room = stock.room(side)
            full = stock.limit if stock.limit < math.inf else usual
            now = self._judge(room, smallest, full, before)
            if now is not before:
                self._known[venue, side] = now
                changes.append(SupplyChange(venue, side, now, before, room))
        return changes

    def _judge(self, room: float, smallest: float, full: float, before: Supply) -> Supply:
        # Out until half of what counts as low is free again: a price that wanders is no news.
        if room < (max(smallest, 0.5 * self.params.low * full) if before is Supply.OUT else smallest):
            return Supply.OUT
        bound = self.params.low if before is Supply.ENOUGH else self.params.high
        return Supply.LOW if room < bound * full else Supply.ENOUGH

    def of(self, venue: str, side: Side) -> Supply:
        """Return how much room there was when it was last looked at."""
        return self._known.get((venue, side), Supply.ENOUGH)


class TransferTerms(NamedTuple):
    """
    What moving coins away from a venue takes.

    Parameters
    ----------
    fixed
        Per transfer [coins].
    share
        Of what is moved [fraction].
    seconds
        Until it has arrived [s].
    rate
        What coins on their way would have earned, per year [fraction].

    """

    fixed: float = 0.0
    share: float = 0.0
    seconds: float = 0.0
    rate: float = 0.0

    def cost(self, coins: float) -> float:
        """Return what moving so many takes [coins]."""
        waiting = self.rate * self.seconds / 31_557_600.0
        return self.fixed + coins * (self.share + waiting) if coins > 0.0 else 0.0

    def per_coin(self, batch: float) -> float:
        """Return what a coin bears of it when so many are moved at a time [fraction]; NaN without any."""
        return self.cost(batch) / batch if 0.0 < batch < math.inf else math.nan


class Move(NamedTuple):
    """
    Coins that should go from one venue to another.

    Parameters
    ----------
    source, target
        Venues.
    coins
        How many leave the source.
    cost
        What of them does not arrive [coins].
    seconds
        Until they have arrived [s].

    """

    source: str
    target: str
    coins: float
    cost: float
    seconds: float


def rebalance(
    stocks: Mapping[str, Stock],
    terms: Mapping[str, TransferTerms],
    *,
    smallest: float = 0.0,
    closed: Sequence[str] = (),
) -> list[Move]:
    """
    Return what to move so that inventories come back to their targets, cheapest transfers first.

    Parameters
    ----------
    stocks
        By venue.
    terms
        Of transfers away from each venue; from others nothing is moved.
    smallest
        Less is not moved [coins].
    closed
        Venues that neither send nor receive now.

    Returns
    -------
    list
        Never more than what a venue holds above its target, or another lacks. At most one transfer fewer than
        there are venues.

    """
    over = {name: stock.excess for name, stock in stocks.items() if _moves(stock, name, closed) > 0.0}
    under = {name: -stock.excess for name, stock in stocks.items() if _moves(stock, name, closed) < 0.0}
    moves: list[Move] = []
    routes = [(source, target) for source in over if source in terms for target in under]
    routes.sort(key=lambda route: _dearness(terms[route[0]], min(over[route[0]], under[route[1]])))
    for source, target in routes:
        coins = min(over[source], under[target])
        cost = terms[source].cost(coins)
        if coins <= smallest or cost >= coins:
            continue
        over[source] -= coins
        under[target] -= coins
        moves.append(Move(source, target, coins, cost, terms[source].seconds))
    return moves


def _moves(stock: Stock, name: str, closed: Sequence[str]) -> float:
    return stock.excess if name not in closed and math.isfinite(stock.excess) else 0.0


def _dearness(terms: TransferTerms, coins: float) -> tuple[float, float]:
    cost = terms.cost(coins)
    return cost / coins if coins > 0.0 else math.inf, terms.seconds
