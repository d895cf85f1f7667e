"""The liquidity of everything a node hears books or quotes of, shared by all who ask: `LiquidityBook.on`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from nautilus_trader.common.component import Logger
from nautilus_trader.model.enums import LiquiditySide, OrderSide

from nautilus_quant.gating.intent import Side
from nautilus_quant.gating.liquidity import SECOND, Decided, InstrumentLiquidity, LiquidityParams
from nautilus_quant.gating.liquidity_advice import SliceParams, SlicePlan, post_only_offset, slice_plan
from nautilus_quant.gating.liquidity_score import LiquidityClass
from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.liquidity_feed import LiquidityFeed
from nautilus_quant.host.messages import Message, publish
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from decimal import Decimal

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import OrderBookDeltas, OrderBookDepth10, QuoteTick, TradeTick
    from nautilus_trader.model.events import OrderFilled
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.system.kernel import NautilusKernel

_PLACE = "nautilus_quant.liquidity"
_EARLY = 16
"""Before strategies hear of a book, it is known here."""
_MOST_DECIDED = 1_024
_SIDES = {1: 1, 2: -1}  # NautilusTrader's aggressor sides


@dataclass(frozen=True, kw_only=True)
class LiquidityUpdate(Message):
    """
    How liquid an instrument is (key: its id); once a second at most, and when the class changes.

    Parameters
    ----------
    liquidity, previous
        Class now, and at the last update: ``DEEP``, ``NORMAL``, ``THIN``, ``DRY`` or ``UNKNOWN``.
    points
        The score behind it [0 to 100]; NaN when unknown, as all that follows.
    spread, imbalance
        Of the book: [fraction of the mid], [-1, 1].
    bid_depth, ask_depth
        Worth of ten levels of a side [quote currency].
    volume
        Of the last 15 minutes [quote currency].
    coefficient
        ``k`` of the square-root law of impact [fraction].

    """

    liquidity: str
    previous: str
    points: float
    spread: float
    imbalance: float
    bid_depth: float
    ask_depth: float
    volume: float
    coefficient: float


class _Working:
    """An order that was let through, and what has been filled of it."""

    __slots__ = ("decided", "filled", "market", "paid")

    def __init__(self, market: InstrumentLiquidity, decided: Decided) -> None:
        self.market = market
        self.decided = decided
        self.filled = self.paid = 0.0


class LiquidityBook:
    """
    Hears depth, deltas, quotes and trades of every instrument somebody subscribes, and our own fills.

    Parameters
    ----------
    kernel
        The node.

    """

    def __init__(self, kernel: NautilusKernel) -> None:
        self._cache = kernel.cache
        self._clock = kernel.clock
        self._msgbus: MessageBus = kernel.msgbus
        self._log = Logger("LiquidityBook")
        self._valuer = Valuer.on(kernel.msgbus)
        self._params = LiquidityParams()
        self._every = SECOND
        self._feeds: dict[InstrumentId, LiquidityFeed] = {}
        self._names: dict[str, LiquidityFeed] = {}
        self._stored: dict[str, Mapping[str, Any]] = {}
        self._working: dict[str, _Working] = {}
        for topic, handler in (
            ("data.book.depth.*", self._on_depth),
            ("data.book.deltas.*", self._on_deltas),
            ("data.quotes.*", self._on_quote),
            ("data.trades.*", self._on_trade),
            ("events.fills.*", self._on_fill),
        ):
            kernel.msgbus.subscribe(topic, handler, priority=_EARLY)

    @classmethod
    def on(cls, msgbus: MessageBus) -> LiquidityBook:
        """Return the one of this bus, making it the first time."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(find_kernel(msgbus)))

    def on_ping(self, _message: object) -> None:
        """Make the book findable; nothing is published there."""

    def configure(self, params: LiquidityParams, every: float = 1.0) -> Self:
        """Start anew with other parameters; `every` is the least time between two updates [s]."""
        self._params, self._every = params, round(every * SECOND)
        self.reset()
        return self

    def reset(self) -> None:
        """Forget everything heard."""
        self._feeds.clear()
        self._names.clear()
        self._stored.clear()
        self._working.clear()

    # -- what comes in -----------------------------------------------------------------------------

    def _feed(self, instrument_id: InstrumentId) -> LiquidityFeed | None:
        instrument = self._cache.instrument(instrument_id)
        if instrument is None:
            return None
        feed = self._feeds[instrument_id] = LiquidityFeed(instrument, self._params)
        self._names[feed.name] = feed
        stored = self._stored.pop(feed.name, None)
        if stored is not None:
            try:
                feed.market.restore(stored, self._clock.timestamp_ns())
            except (KeyError, TypeError, ValueError) as error:
                # Of an older layout, or damaged: what cannot be read is learnt anew.
                self._log.warning(f"what was stored of {feed.name} cannot be read and is left out: {error!r}")
                feed.forget(self._params)
        return feed

    def _on_depth(self, depth: OrderBookDepth10) -> None:
        instrument_id, ts = depth.instrument_id, depth.ts_init
        feed = self._feeds.get(instrument_id) or self._feed(instrument_id)
        if feed is not None:
            feed.on_depth(depth, ts)
            if not 0 <= ts - feed.sampled < self._every:
                self._sample(feed, ts)

    def _on_deltas(self, deltas: OrderBookDeltas) -> None:
        instrument_id, ts = deltas.instrument_id, deltas.ts_init
        feed = self._feeds.get(instrument_id) or self._feed(instrument_id)
        if feed is not None:
            feed.on_deltas(deltas, self._cache.order_book(instrument_id), ts)
            if not 0 <= ts - feed.sampled < self._every:
                self._sample(feed, ts)

    def _on_quote(self, quote: QuoteTick) -> None:
        instrument_id, ts = quote.instrument_id, quote.ts_init
        feed = self._feeds.get(instrument_id) or self._feed(instrument_id)
        if feed is not None:
            feed.on_quote(quote, ts)
            if not 0 <= ts - feed.sampled < self._every:
                self._sample(feed, ts)

    def _on_trade(self, trade: TradeTick) -> None:
        instrument_id = trade.instrument_id
        feed = self._feeds.get(instrument_id) or self._feed(instrument_id)
        if feed is not None:
            side = _SIDES.get(trade.aggressor_side, 0)
            feed.market.trade(trade.ts_init, trade.price.as_double(), trade.size.as_double(), side)

    def _sample(self, feed: LiquidityFeed, ts: int) -> None:
        feed.sampled = ts
        market = feed.refresh(ts)
        previous, now = market.sample(ts, self._valuer.rate(feed.currency, ts))
        seen = market.measures
        update = LiquidityUpdate(
            key=feed.name,
            ts=ts,
            liquidity=now.value,
            previous=previous.value,
            points=market.points,
            spread=seen.spread,
            imbalance=seen.imbalance,
            bid_depth=seen.bid_10,
            ask_depth=seen.ask_10,
            volume=market.volume.total(ts),
            coefficient=market.model.coefficient,
        )
        publish(self._msgbus, update)

    # -- own orders --------------------------------------------------------------------------------

    def expect(self, order: str, instrument: str, side: Side, now: int) -> None:
        """Remember the market as an order is judged, to hold its fills against it."""
        feed = self._names.get(instrument)
        if feed is None or not feed.market.is_fresh(now):
            return
        self._working[order] = _Working(feed.market, feed.market.decide(side, now))
        if len(self._working) > _MOST_DECIDED:
            del self._working[next(iter(self._working))]

    def _on_fill(self, fill: OrderFilled) -> None:
        if fill.liquidity_side != LiquiditySide.TAKER:
            return
        quantity, side = float(fill.last_qty), Side.BUY if fill.order_side == OrderSide.BUY else Side.SELL
        feed = self._feeds.get(fill.instrument_id)
        if feed is not None:
            feed.market.take(side, quantity)
        name = fill.client_order_id.value
        working = self._working.get(name)
        if working is None:
            return
        working.filled += quantity
        working.paid += quantity * float(fill.last_px)
        order = self._cache.order(fill.client_order_id)
        if order is None or order.is_closed:
            del self._working[name]
            working.market.learn_from_fill(working.decided, working.filled, working.paid / working.filled)

    # -- what is asked -----------------------------------------------------------------------------

    def feed_of(self, instrument: str, now: int) -> LiquidityFeed | None:
        """Return what is known of an instrument, up to date at `now`, UNIX time [ns]."""
        feed = self._names.get(instrument)
        if feed is not None:
            market = feed.refresh(now)
            if market.klass is LiquidityClass.UNKNOWN and market.is_fresh(now):
                self._sample(feed, now)
        return feed

    def impact_bps(self, instrument: str, side: Side, quantity: float) -> float:
        """
        Return what taking a quantity is expected to cost against the mid [basis points].

        Parameters
        ----------
        instrument
            Its id, e.g. ``"BTCUSDT-PERP.SIM"``.
        side, quantity
            Of the order [base coin, or contracts].

        Returns
        -------
        float
            Half the spread is in it. Infinite beyond what is seen of the book, NaN without a fresh one.

        """
        now = self._clock.timestamp_ns()
        feed = self.feed_of(instrument, now)
        return math.nan if feed is None else 1e4 * feed.market.impact(side, quantity, now)

    def max_quantity(self, instrument: str, side: Side, impact_bps: float) -> float:
        """Return the largest quantity that costs at most `impact_bps` [base units]; 0 if unknown."""
        now = self._clock.timestamp_ns()
        feed = self.feed_of(instrument, now)
        return 0.0 if feed is None else feed.market.max_quantity(side, impact_bps / 1e4, now)

    def slice_plan(
        self,
        instrument: str,
        side: Side,
        quantity: Decimal,
        impact_bps: float,
        params: SliceParams | None = None,
    ) -> SlicePlan:
        """Cut an order into slices none of which costs more than `impact_bps`."""
        now = self._clock.timestamp_ns()
        feed = self.feed_of(instrument, now)
        if feed is None or not feed.market.is_fresh(now):
            return SlicePlan((), 0.0, quantity)
        market = feed.market
        volume = market.volume_near(now) / market.unit
        largest = market.max_quantity(side, impact_bps / 1e4, now)
        return slice_plan(quantity, largest, volume, step=feed.step, smallest=feed.smallest, params=params)

    def post_only_offset(self, instrument: str, side: Side, **options: Any) -> int:
        """Return how many ticks inside the spread a post-only order should rest; 0 where that is unknown."""
        now = self._clock.timestamp_ns()
        feed = self.feed_of(instrument, now)
        if feed is None or not feed.market.is_fresh(now):
            return 0
        seen = feed.market.measures
        return post_only_offset(round((seen.ask - seen.bid) / feed.tick), side * seen.imbalance, **options)

    def class_of(self, instrument: str) -> LiquidityClass:
        """Return the class of an instrument; UNKNOWN without a fresh book."""
        now = self._clock.timestamp_ns()
        feed = self.feed_of(instrument, now)
        if feed is None or not feed.market.is_fresh(now):
            return LiquidityClass.UNKNOWN
        return feed.market.klass

    # -- state -------------------------------------------------------------------------------------

    def restore(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        """Go on from what `documents` gave, each instrument when it is first heard of."""
        self._stored = dict(documents)

    def documents(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Give what `restore` needs, by instrument."""
        for feed in self._feeds.values():
            yield feed.name, feed.market.to_dict()
