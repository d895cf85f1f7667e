"""One venue's market in a coin as a node sees it: book, fees, inventory."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.carry.cross_venue import Market
from nautilus_quant.carry.cross_venue_emergency import Refuge
from nautilus_quant.carry.cross_venue_inventory import Stock
from nautilus_quant.gating.book import MAX_LEVELS, walk_cost
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.target import lot_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.accounting.accounts.base import Account
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Money

    from nautilus_quant.gating.book import Level
    from nautilus_quant.host.fees import FeeBook
    from nautilus_quant.host.liquidity import LiquidityBook
    from nautilus_quant.host.valuation import Valuer

_ZERO = Decimal(0)
_NANOS = 1_000_000_000


class VenueLeg:
    """
    Translates one instrument into what the rules know.

    Parameters
    ----------
    instrument
        Spot, or a linear perpetual or future.
    liquidity, fees, valuer
        Of the node.

    Raises
    ------
    ValueError
        For an inverse contract: its worth in coins changes with the price, and so would every hedge.

    """

    def __init__(
        self, instrument: Instrument, liquidity: LiquidityBook, fees: FeeBook, valuer: Valuer
    ) -> None:
        if instrument.is_inverse:
            raise ValueError(f"need spot or a linear contract, was {instrument.id}, which is inverse")
        self.instrument = instrument
        self.id = instrument.id
        self.name: str = instrument.id.value
        self.venue: str = instrument.id.venue.value
        self.coins = instrument.multiplier.as_decimal()
        """Coins of one unit."""
        self._coins = float(self.coins)
        lot, least = lot_of(instrument), instrument.min_notional
        self.step = lot.step * self.coins
        """Size increment [coins]."""
        self._smallest = float(lot.minimum or lot.step) * self._coins
        self._least = 0.0 if least is None else float(least)
        self._liquidity = liquidity
        self._fees = fees
        self._valuer = valuer

    # -- the market ----------------------------------------------------------------------------------

    def market(self, now: int, stale_after: float) -> Market | None:
        """
        Return book and fees; ``None`` without a fresh book or a rate.

        Parameters
        ----------
        now
            UNIX time [ns].
        stale_after
            Age from which on a book is none [s]: depth may be silent where quotes are not.

        """
        feed = self._liquidity.feed_of(self.name, now)
        rate = self._valuer.rate(self.instrument.quote_currency.code, now)
        if feed is None or not feed.market.is_fresh(now) or not rate > 0.0:
            return None
        if now - feed.market.ts > stale_after * _NANOS:
            return None
        book = feed.market.book
        return Market(
            self._in_coins(book.bids, rate),
            self._in_coins(book.asks, rate),
            self._fees.rate(self.instrument),
            self._fees.rate(self.instrument, reduce_only=True),
            self._fees.rate(self.instrument, passive=True),
        )

    def _in_coins(self, levels: Sequence[Level], rate: float) -> Sequence[Level]:
        if rate == 1.0 and self._coins == 1.0:
            return levels[:MAX_LEVELS]
        return [(price * rate, size * self._coins) for price, size in levels[:MAX_LEVELS]]

    def smallest(self, price: float) -> float:
        """Return the smallest order at a price [coins; reporting currency]."""
        return max(self._smallest, self._least / price) if price > 0.0 else self._smallest

    # -- the inventory -------------------------------------------------------------------------------

    def stock(
        self,
        account: Account | None,
        position: Decimal,
        price: float,
        now: int,
        *,
        limit: float,
        target: float | None = None,
        reserve: float = 0.0,
    ) -> Stock | None:
        """
        Return what is held at this venue, and what more it bears; ``None`` without an account or a price.

        Parameters
        ----------
        account
            Of the venue.
        position
            Signed, of a margin account [base coin, or contracts]; in a cash account the coins themselves
            count.
        price
            Of a coin [reporting currency].
        now
            UNIX time [ns].
        limit
            How far the inventory may be from its target [reporting currency].
        target
            Coins that should be there; ``None`` for none in a margin account, and for what is there in a cash
            account.
        reserve
            Share of free money that is left alone [-].

        """
        if account is None or not price > 0.0:
            return None
        rate = self._valuer.rate(self.instrument.quote_currency.code, now)
        money = _amount(account.balance_free(self.instrument.quote_currency)) * rate * (1.0 - reserve)
        if account.is_margin_account:
            room = money / self._margin(account, price)
            return Stock(float(position) * self._coins, target or 0.0, limit / price, room, room)
        held = _amount(account.balance_total(self.instrument.base_currency))
        sellable = _amount(account.balance_free(self.instrument.base_currency))
        wanted = held if target is None else target
        return Stock(held, wanted, min(limit / price, max(wanted, 0.0)), money / price, sellable)

    def _margin(self, account: Account, price: float) -> float:
        """Return the margin a coin takes, as NautilusTrader asks for it [currency of the price]."""
        leverage = account.leverage(self.id) or account.default_leverage
        share = float(self.instrument.margin_init) or 1.0
        return share * price / max(float(leverage), 1.0)

    # -- an emergency --------------------------------------------------------------------------------

    def refuge(self, market: Market | None, stock: Stock | None, alone: Decimal, *, is_open: bool) -> Refuge:
        """Return what hedging so much here would cost, and how much of it can be done."""
        if market is None or stock is None:
            return Refuge(self.name, is_open, math.nan, math.nan, _ZERO, _ZERO, self.step)
        sides = ((market.asks, Side.BUY), (market.bids, Side.SELL))
        rooms = [min(stock.room(side), sum(size for _, size in levels)) for levels, side in sides]
        costs = [
            market.entry_fee + walk_cost(levels, market.mid, min(abs(float(alone)), room))
            for (levels, _), room in zip(sides, rooms, strict=True)
        ]
        return Refuge(
            self.name,
            is_open,
            costs[0],
            costs[1],
            _exact(rooms[0]),
            _exact(rooms[1]),
            self.step,
            smallest=_exact(self.smallest(market.mid)),
        )


def _amount(money: Money | None) -> float:
    return 0.0 if money is None else float(money)


def _exact(coins: float) -> Decimal:
    return Decimal(repr(coins)) if math.isfinite(coins) else _ZERO
