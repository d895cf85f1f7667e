"""What a delta can be hedged with, what each would cost, and how an order for it is made."""

from __future__ import annotations

import math
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.gating.intent import Side
from nautilus_quant.options.hedging_params import Mode

if TYPE_CHECKING:
    from collections.abc import Iterable


class Style(StrEnum):
    """How an order meets the market."""

    REST = "rest"
    """A limit on its own side of the book, post-only."""
    TAKE = "take"
    """A limit at the other side's best price, at once or not at all."""
    MARKET = "market"
    """At any price."""


LADDERS = {
    Mode.AGGRESSIVE: (Style.MARKET,),
    Mode.BALANCED: (Style.TAKE, Style.MARKET),
    Mode.CONSERVATIVE: (Style.REST, Style.TAKE, Style.MARKET),
    Mode.EMERGENCY: (Style.MARKET,),
}
"""What is tried one after the other."""


def style_of(mode: Mode, attempt: int) -> Style:
    """Return how the order of an attempt is sent, counted from 0."""
    ladder = LADDERS[mode]
    return ladder[min(attempt, len(ladder) - 1)]


class Candidate(NamedTuple):
    """
    An instrument a delta can be hedged with, as it is quoted now.

    Parameters
    ----------
    name
        Instrument id.
    bid, ask
        Best prices [quote currency].
    bid_size, ask_size
        What is there [units].
    delta
        Coins one unit moves like [coins].
    lot, least
        Step and minimum of its orders [units].
    taker, maker
        Fees as a share of the notional [fraction].
    funding
        What a long position is expected to pay each second as a share of its notional; negative when it is
        paid [1/s]. 0 for spot and futures.
    buys, sells
        The most that can be bought and sold [units]: less than all with an account without margin.

    """

    name: str
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    delta: float
    lot: Decimal
    least: Decimal
    taker: float = 0.0
    maker: float = 0.0
    funding: float = 0.0
    buys: float = math.inf
    sells: float = math.inf

    @property
    def mid(self) -> float:
        """Middle of the best prices."""
        return 0.5 * (self.bid + self.ask)

    @property
    def half_spread(self) -> float:
        """Distance of a best price from the middle as a share of it [fraction]."""
        return (self.ask - self.bid) / (self.ask + self.bid)

    @property
    def is_quoted(self) -> bool:
        """Whether both sides have a price that makes sense."""
        return 0.0 < self.bid <= self.ask < math.inf and 0.0 < self.delta < math.inf


def cost_of(candidate: Candidate, coins: float, style: Style, holding: float) -> float:
    """
    Return what trading `coins` costs as a share of the notional [fraction].

    Fee, half spread, as many times more as the order is larger than what is quoted, and the funding expected
    while it is held. What rests pays the maker's fee and no spread.

    Parameters
    ----------
    candidate
        With what.
    coins
        Positive buys.
    style
        How.
    holding
        How long the hedge will stay [s].

    """
    funding = math.copysign(candidate.funding * holding, coins * candidate.funding)
    if style is Style.REST:
        return candidate.maker + funding
    there = candidate.ask_size if coins > 0.0 else candidate.bid_size
    deep = max(abs(coins) / (candidate.delta * there), 1.0) if there > 0.0 else math.inf
    return candidate.taker + candidate.half_spread * deep + funding


def units_of(candidate: Candidate, coins: float) -> Decimal:
    """Return how many units trade `coins`: whole lots, never more; 0 when it is less than an order."""
    most = candidate.buys if coins > 0.0 else candidate.sells
    wanted = min(abs(coins) / candidate.delta, most)
    if not math.isfinite(wanted):
        return Decimal(0)
    # Half a millionth of a lot is how exactly the sum of many deltas is known.
    lots = (Decimal(repr(wanted)) / candidate.lot + Decimal("5e-7")).to_integral_value(ROUND_FLOOR)
    units = lots * candidate.lot
    return units if units >= candidate.least else Decimal(0)


def ranked(candidates: Iterable[Candidate], coins: float, style: Style, holding: float) -> list[Candidate]:
    """Return those that can trade `coins`, at least a lot of them, cheapest first."""
    able = [one for one in candidates if one.is_quoted and units_of(one, coins) > 0]
    return sorted(able, key=lambda one: (cost_of(one, coins, style, holding), one.name))


def limit_price(candidate: Candidate, side: Side, style: Style) -> float | None:
    """Return the price of an order; ``None`` at market."""
    if style is Style.MARKET:
        return None
    buys = side is Side.BUY
    return candidate.bid if buys is (style is Style.REST) else candidate.ask


def slippage(side: Side, arrival: float, paid: float) -> float:
    """Return how much worse than the middle when it was decided an order filled [fraction]."""
    return side * (paid - arrival) / arrival


def reducible(net: float, side: Side, working: float) -> float:
    """
    Return how many coins an order may trade and still only reduce a net delta [coins].

    Parameters
    ----------
    net
        The delta now [coins]; one that is no number has nothing to reduce.
    side
        Of the order.
    working
        What orders of the same side on their way will reduce [coins].

    """
    if not (math.isfinite(net) and math.isfinite(working)) or net * side >= 0.0:
        return 0.0
    return max(abs(net) - max(working, 0.0), 0.0)
