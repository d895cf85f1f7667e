"""What a router knows of markets: which are the same, what their books show, what an order meets there."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.enums import OmsType, TimeInForce

from nautilus_quant.carry.routing import VenueTerms, delay_cost
from nautilus_quant.carry.venue_health import Health
from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.liquidity import LiquidityBook
from nautilus_quant.host.routing import client_of, oms_of
from nautilus_quant.host.routing_groups import find_groups
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.host.venue_health import HealthBook
from nautilus_quant.signals.ewma import EwmaVolatility

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.model.events import OrderFilled
    from nautilus_trader.model.identifiers import InstrumentId, StrategyId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.gating.book import Level
    from nautilus_quant.host.liquidity_feed import LiquidityFeed

_SECOND = 1_000_000_000
_HALF_LIFE = 60.0
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class MarketSettings(NamedTuple):
    """
    How markets are judged.

    Parameters
    ----------
    stale_after
        Age from which on a book is not used [s].
    degraded_cost
        Added to the price at a venue that is not well [fraction].
    impact_share
        Share of the square-root law of impact that counts on top of walking the book, where trades are heard
        [-].
    latency_share
        Of the last orders, the share answered within the latency that counts [-].

    """

    stale_after: float = 10.0
    degraded_cost: float = 0.0005
    impact_share: float = 0.25
    latency_share: float = 0.95


class Ask(NamedTuple):
    """
    An order about which venues are asked.

    Parameters
    ----------
    strategy
        Whose.
    side
        Of it.
    quantity
        What is to be done [base coin].
    own
        Its own instrument, in whose currency everything is counted.

    """

    strategy: StrategyId
    side: Side
    quantity: Decimal
    own: Instrument


class RoutingMarket:
    """
    Markets that are one and the same, on several venues.

    Parameters
    ----------
    kernel
        The node.
    settings
        How they are judged.
    routes
        As in `find_groups`.

    Raises
    ------
    ValueError
        If a route is impossible.

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        settings: MarketSettings | None = None,
        routes: Sequence[Sequence[InstrumentId]] = (),
    ) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._settings = settings or MarketSettings()
        self._liquidity = LiquidityBook.on(kernel.msgbus)
        self._fees = FeeBook.on(kernel.msgbus)
        self._valuer = Valuer.on(kernel.msgbus)
        self.health = HealthBook.on(kernel.msgbus)
        self._groups = find_groups(kernel, routes)
        self._taken: dict[str, tuple[int, float]] = {}
        self._volatility: dict[InstrumentId, tuple[EwmaVolatility, float, int]] = {}

    @property
    def instruments(self) -> list[InstrumentId]:
        """All instruments that are in a group."""
        return list(self._groups)

    def group(self, instrument_id: InstrumentId) -> tuple[Instrument, ...]:
        """Return the markets an order in an instrument may go to; empty where there is no other."""
        return self._groups.get(instrument_id, ())

    # -- what they show ----------------------------------------------------------------------------

    def book(self, instrument: Instrument, now: int) -> tuple[BookView, str]:
        """Return the book of an instrument, sizes in base coin, without what we took of it; or its fault."""
        name = instrument.id.value
        feed = self._liquidity.feed_of(name, now)
        if feed is None:
            return BookView((), ()), "no book was heard"
        market = feed.market
        age = (now - market.ts) / _SECOND
        if market.measures.fault or not 0.0 <= age <= self._settings.stale_after:
            return BookView((), ()), market.measures.fault or f"its book is {age:.1f} s old"
        bids, asks = market.book
        ts, taken = self._taken.get(name, (0, 0.0))
        if ts == market.ts:  # what we sold was bid for, what we bought was asked
            bids, asks = without(bids, max(-taken, 0.0)), without(asks, max(taken, 0.0))
        unit = float(instrument.multiplier)
        return BookView(_in_coins(bids, unit), _in_coins(asks, unit)), ""

    def on_fill(self, fill: OrderFilled, now: int) -> None:
        """Know that a part of a book is gone, until the book says so itself."""
        name = fill.instrument_id.value
        feed = self._liquidity.feed_of(name, now)
        if feed is None:
            return
        ts, taken = self._taken.get(name, (0, 0.0))
        size = fill.last_qty.as_double() * (1.0 if fill.is_buy else -1.0)
        self._taken[name] = (feed.market.ts, size + (taken if ts == feed.market.ts else 0.0))

    def sample(self, now: int) -> None:
        """Follow how much prices move; once a second or so."""
        for instrument_id in self._groups:
            feed = self._liquidity.feed_of(instrument_id.value, now)
            mid = math.nan if feed is None or feed.market.measures.fault else feed.market.measures.mid
            if not mid > 0.0:
                continue
            volatility, before, ts = self._volatility.get(
                instrument_id, (EwmaVolatility(_HALF_LIFE), mid, now)
            )
            if now > ts:
                volatility.update(math.log(mid / before), (now - ts) / _SECOND)
            self._volatility[instrument_id] = (volatility, mid, now)

    # -- what holds for an order -------------------------------------------------------------------

    def terms(self, ask: Ask, instrument: Instrument, now: int, *, passive: bool = False) -> VenueTerms:
        """Return what holds for an order at one market; `most` does not know of gates and positions."""
        settings, name, venue = self._settings, instrument.id.value, instrument.id.venue.value
        unit = float(instrument.multiplier)
        state = self.health.state(venue, now, name)
        feed = self._liquidity.feed_of(name, now)
        volatility, _, _ = self._volatility.get(ask.own.id, (None, 0.0, 0))
        sigma = 0.0 if volatility is None else volatility.value
        rate = self.rate(instrument, ask.own, now)
        return VenueTerms(
            fee=self._fees.rate(instrument, passive=passive),
            lot=float(instrument.size_increment) * unit,
            smallest=self.smallest(instrument, now) * unit,
            most=min(self._affordable(ask, instrument, now), _most(instrument)) * unit,
            rate=rate,
            delay=delay_cost(sigma, self.health.latency(venue, settings.latency_share)),
            penalty=settings.degraded_cost if state.health is Health.DEGRADED else 0.0,
            impact=0.0 if feed is None else settings.impact_share * self._impact(feed, ask.side, now),
            excluded="; ".join(state.reasons) if state.health is Health.DOWN else "",
        )

    def rate(self, instrument: Instrument, own: Instrument, now: int) -> float:
        """Return the worth of an instrument's currency in another's [-]; NaN where that is unknown."""
        ours, theirs = own.quote_currency.code, instrument.quote_currency.code
        if ours == theirs:
            return 1.0
        worth = self._valuer.rate(ours, now)
        return self._valuer.rate(theirs, now) / worth if worth > 0.0 else math.nan

    def smallest(self, instrument: Instrument, now: int) -> float:
        """Return the smallest order of an instrument [base coin, or contracts]."""
        least = float(instrument.min_quantity or instrument.size_increment)
        notional = float(instrument.min_notional or 0.0)
        if not notional:
            return least
        price = self._price(instrument, now)
        step, unit = float(instrument.size_increment), float(instrument.multiplier)
        # Venues hold it against prices of their own: a hundredth more is on the safe side.
        worth = 1.01 * notional / (price * unit) if price > 0.0 else 0.0
        return max(least, math.ceil(worth / step - 1e-9) * step)

    def allowed(self, ask: Ask, instrument: Instrument) -> tuple[float, str]:
        """Return what all gates let a strategy open of an instrument now [base coin], and which binds."""
        gateway = find_gateway(self._kernel.msgbus)
        if gateway is None:
            return math.inf, ""
        unit = instrument.multiplier.as_decimal()
        intent = gateway.exposure.preview(ask.strategy, instrument.id, ask.side, ask.quantity / unit)
        decision = gateway.preview(intent)
        binding = decision.binding
        why = "" if binding is None else f"{binding.code}: {binding.reason}"
        return (math.inf if binding is None else float(decision.passes * unit)), why

    def held(self, ask: Ask, group: Sequence[Instrument]) -> Mapping[InstrumentId, Decimal]:
        """Return what an order could close of its strategy's own positions, by market [base coin]."""
        found: dict[InstrumentId, Decimal] = {}
        for one in group:
            if oms_of(self._kernel.exec_engine, ask.strategy, one.id.venue) != OmsType.NETTING:
                continue  # who counts each position by itself names the one an order closes
            size = sum(
                (p.signed_decimal_qty() for p in self._cache.positions_open(None, one.id, ask.strategy)),
                Decimal(0),
            )
            left = -size * int(ask.side) - self._closing(ask, one)
            if left > 0:
                found[one.id] = left * one.multiplier.as_decimal()
        return found

    def _closing(self, ask: Ask, instrument: Instrument) -> Decimal:
        orders = [
            *self._cache.orders_open(None, instrument.id, ask.strategy),
            *self._cache.orders_inflight(None, instrument.id, ask.strategy),
        ]
        buys = ask.side is Side.BUY
        same = {o.client_order_id: o for o in orders if o.is_buy == buys and (o.is_inflight or _takes(o))}
        return sum((o.leaves_qty.as_decimal() for o in same.values()), Decimal(0))

    def _price(self, instrument: Instrument, now: int) -> float:
        """Return the middle of the book, or what else is known; NaN when nothing is."""
        feed = self._liquidity.feed_of(instrument.id.value, now)
        if feed is not None and not feed.market.measures.fault:
            return feed.market.measures.mid
        return self._valuer.price(instrument.id.value, now).value

    def _impact(self, feed: LiquidityFeed, side: Side, now: int) -> float:
        """Return ``k/sqrt(V)`` of the square-root law [fraction per root of a coin]; 0 without trades."""
        market = feed.market
        # The volume is not guessed from the book here: walking it counts already.
        coins = market.volume.estimate(now) / market.measures.mid if market.measures.mid > 0.0 else 0.0
        if not coins > 0.0:
            return 0.0
        return market.model.coefficient * market.depth_multiplier(side) / math.sqrt(coins)

    def _affordable(self, ask: Ask, instrument: Instrument, now: int) -> float:
        """Return what a cash account can pay for, or has [base coin, or contracts]; margin is for others."""
        client = client_of(self._kernel.exec_engine, instrument.id.venue)
        account = None if client is None else self._cache.account(client.account_id)
        if account is None:
            return 0.0  # a venue that has not told of an account takes no orders
        if not account.is_cash_account:
            return math.inf
        coin = instrument.quote_currency if ask.side is Side.BUY else instrument.base_currency
        free = account.balance_free(coin)
        amount = 0.0 if free is None else free.as_double()
        if ask.side is Side.SELL:
            return float(amount)
        price = self._price(instrument, now)
        fee = max(self._fees.rate(instrument), 0.0)
        return float(amount / (price * (1.0 + fee) * 1.001)) if price > 0.0 else 0.0


def _takes(order: Order) -> bool:
    """Tell whether an order fills or ends at once; what rests may wait for long."""
    return bool(order.is_aggressive or order.time_in_force in _AT_ONCE)


def _most(instrument: Instrument) -> float:
    return math.inf if instrument.max_quantity is None else float(instrument.max_quantity)


def _in_coins(levels: Sequence[Level], unit: float) -> Sequence[Level]:
    return levels if unit == 1.0 else [(price, size * unit) for price, size in levels]


def without(levels: Sequence[Level], taken: float) -> Sequence[Level]:
    """Return levels without a size that was taken of the best."""
    if not taken > 0.0:
        return levels
    left: list[Level] = []
    for price, size in levels:
        gone = min(size, taken)
        taken -= gone
        if size - gone > 1e-9 * size:
            left.append((price, size - gone))
    return left
