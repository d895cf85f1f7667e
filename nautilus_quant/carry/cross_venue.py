"""What buying a coin at one venue and selling it at another leaves, to the last level of both books."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.gating.book import Level
from nautilus_quant.signals.sequence import require

type Rungs = list[tuple[float, float]]
"""What a coin brings [quote currency], falling, and how many coins bring as much."""

_INF = math.inf


class Market(NamedTuple):
    """
    One venue's market in the coin, as it stands.

    Parameters
    ----------
    bids, asks
        Price [quote currency] and size [coins] of each level, best first, of a book without fault.
    entry_fee, exit_fee
        What this account is charged for getting in, and for getting out, when it takes [fraction]; negative
        when it is paid back.
    rest_fee
        What it is charged for getting in when its order rests.
    rests
        Whether the entry waits at its own side's best price, where nothing has to be walked, or takes.

    """

    bids: Sequence[Level]
    asks: Sequence[Level]
    entry_fee: float
    exit_fee: float
    rest_fee: float = 0.0
    rests: bool = False

    @property
    def fee(self) -> float:
        """What getting in is charged, the way it is done [fraction]."""
        return self.rest_fee if self.rests else self.entry_fee

    @property
    def mid(self) -> float:
        """Between the best prices [quote currency]; NaN where a side is empty, crossed or no number."""
        if not self.bids or not self.asks:
            return math.nan
        bid, ask = self.bids[0][0], self.asks[0][0]
        return 0.5 * (bid + ask) if 0.0 < bid < ask < _INF else math.nan


class Ending(NamedTuple):
    """
    How a pair is expected to end, and what that costs besides trading.

    Parameters
    ----------
    trades
        Whether both legs are traded back; else the coin itself is moved from one venue to the other.
    seconds
        Until then [s].
    fair
        By how much the price at the selling venue is expected to be above the other one then [fraction].
    fair_error
        Standard error of it [fraction].
    funding, funding_error
        What the pair is paid until then, and its standard error [fraction]; negative when it pays.
    transfer
        What moving a coin, or the money that was won and lost, costs [fraction].

    """

    trades: bool = True
    seconds: float = 0.0
    fair: float = 0.0
    fair_error: float = 0.0
    funding: float = 0.0
    funding_error: float = 0.0
    transfer: float = 0.0

    def risk(self, caution: float) -> float:
        """Return so many standard errors of all that is not certain [fraction]."""
        return caution * math.hypot(self.fair_error, self.funding_error)

    def per_coin(self, caution: float) -> float:
        """Return what it takes from every coin, before trading back [fraction]; NaN when unknown."""
        return self.fair - self.funding + self.transfer + self.risk(caution)


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeParams:
    """
    When a difference in prices is worth trading.

    Parameters
    ----------
    least
        What the last coin must leave after everything [fraction]; 0.0002 to 0.002. More trades less, and is
        hurt less by prices that move before both legs are filled.
    caution
        Standard errors of the fair difference and of funding that are taken off [-].

    """

    least: float = 0.0005
    caution: float = 1.0

    def __post_init__(self) -> None:
        require(math.isfinite(self.least), "a finite least edge [fraction]", self.least)
        require(0.0 <= self.caution < _INF, "0 <= caution < inf [standard errors]", self.caution)


class Edge(NamedTuple):
    """
    What the best size leaves, and of what it is made; fractions of the mid price, on average over the size.

    ``net = gross - fair - fees - exit + funding - transfer - risk``.

    Parameters
    ----------
    coins
        Best size; 0 when not even the first coin is worth it, and then the rest is said of the first coin.
    price
        Middle of both markets [quote currency].
    buy, sell
        Average prices of the entry [quote currency].
    gross
        ``(sell - buy) / price``.
    fees
        Of all orders.
    exit
        Half spreads and depth on the way out.
    fair, funding, transfer, risk
        See `Ending`; `risk` is what caution takes off.
    net
        What is left.
    hurdle
        What the last coin had to leave.
    trades
        Whether it ends by trading back.
    seconds
        Until it ends [s].

    """

    coins: float
    price: float
    buy: float
    sell: float
    gross: float
    fees: float
    exit: float
    fair: float
    funding: float
    transfer: float
    risk: float
    net: float
    hurdle: float
    trades: bool
    seconds: float

    @property
    def profit(self) -> float:
        """What it leaves in all [quote currency]."""
        return self.net * self.coins * self.price

    def numbers(self) -> dict[str, float]:
        """Return all of it by name, for messages and journals."""
        return {name: float(value) for name, value in self._asdict().items()}


def edge(
    buy: Market,
    sell: Market,
    ending: Ending,
    params: EdgeParams | None = None,
    *,
    most: float = _INF,
    skew: float = 0.0,
) -> Edge | None:
    """
    Return the best size to buy at one venue and sell at the other.

    Every further coin is bought dearer and sold cheaper, and its way back is longer: the best size is where
    the last coin leaves just the hurdle. Exact for the books as they stand; what is not seen is not traded,
    neither in nor out.

    Parameters
    ----------
    buy, sell
        The two markets.
    ending
        How it will end.
    params
        When it is worth it.
    most
        Largest size others allow [coins].
    skew
        Added to the hurdle [fraction]: above zero where the trade takes inventories away from their targets.

    Returns
    -------
    Edge or None
        ``None`` where a number is unknown.

    """
    params = params or EdgeParams()
    price = 0.5 * (buy.mid + sell.mid)
    hurdle = params.least + skew
    per_coin = (ending.per_coin(params.caution) + hurdle) * price
    fees = (buy.fee, buy.exit_fee, sell.fee, sell.exit_fee)
    if not all(map(math.isfinite, (price, per_coin, *fees))) or not most >= 0.0:
        return None
    taken, sums, first = 0.0, [0.0] * 4, None
    for size, values in together(_ladders(buy, sell, ending), most):
        first = first or values
        if not _brings(values, buy, sell, ending) > per_coin:
            break
        taken += size
        sums = [one + size * value for one, value in zip(sums, values, strict=True)]
    if first is None:
        return None
    average = [one / taken for one in sums] if taken > 0.0 else list(first)
    trade = (buy, sell, ending)
    rest = ending.per_coin(params.caution)
    return Edge(
        coins=taken,
        price=price,
        buy=-average[0],
        sell=average[1],
        gross=(average[0] + average[1]) / price,
        fees=_fees(average, *trade) / price,
        exit=-(average[2] + average[3]) / price,
        fair=ending.fair,
        funding=ending.funding,
        transfer=ending.transfer,
        risk=ending.risk(params.caution),
        net=_brings(average, *trade) / price - rest,
        hurdle=hurdle,
        trades=ending.trades,
        seconds=ending.seconds,
    )


def _ladders(buy: Market, sell: Market, ending: Ending) -> list[Rungs]:
    """Return what a coin brings at each level: bought, sold, sold back, and bought back."""
    nothing: Rungs = [(0.0, _INF)]
    return [
        [(-buy.bids[0][0], _INF)] if buy.rests else [(-price, size) for price, size in buy.asks],
        [(sell.asks[0][0], _INF)] if sell.rests else list(sell.bids),
        [(price - buy.mid, size) for price, size in buy.bids] if ending.trades else nothing,
        [(sell.mid - price, size) for price, size in sell.asks] if ending.trades else nothing,
    ]


def together(ladders: Sequence[Rungs], most: float) -> Iterator[tuple[float, list[float]]]:
    """
    Walk down several ladders at once; each step is as wide as all of them are even.

    Parameters
    ----------
    ladders
        Values and sizes of each; the walk ends with the shortest, and at a size that is not above zero.
    most
        Where it ends at the latest [coins].

    """
    at, left = [0] * len(ladders), [ladder[0][1] if ladder else 0.0 for ladder in ladders]
    while most > 0.0 and min(left) > 0.0:
        step = min(most, *left)
        if not step < _INF:
            return
        yield step, [ladder[place][0] for ladder, place in zip(ladders, at, strict=True)]
        most -= step
        for index, ladder in enumerate(ladders):
            left[index] -= step
            if left[index] <= 0.0:
                at[index] += 1
                left[index] = ladder[at[index]][1] if at[index] < len(ladder) else 0.0


def _fees(values: Sequence[float], buy: Market, sell: Market, ending: Ending) -> float:
    """Return the fees of a coin on all its ways [quote currency]."""
    entry = buy.fee * -values[0] + sell.fee * values[1]
    return entry + (buy.exit_fee * buy.mid + sell.exit_fee * sell.mid if ending.trades else 0.0)


def _brings(values: Sequence[float], buy: Market, sell: Market, ending: Ending) -> float:
    return sum(values) - _fees(values, buy, sell, ending)
