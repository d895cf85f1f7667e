"""What is heard of one instrument's book, turned into the view of the rules when somebody looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model.enums import BookAction, BookType, OrderSide

from nautilus_quant.gating.book import MAX_LEVELS, BookView, Terms
from nautilus_quant.gating.book_levels import LevelBook
from nautilus_quant.gating.liquidity import SECOND, InstrumentLiquidity

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from nautilus_trader.model.book import BookLevel, OrderBook
    from nautilus_trader.model.data import BookOrder, OrderBookDeltas, OrderBookDepth10, QuoteTick
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.gating.book import Level
    from nautilus_quant.gating.liquidity import LiquidityParams

_BUY, _CLEAR, _DELETE = OrderSide.BUY, BookAction.CLEAR, BookAction.DELETE


class LiquidityFeed:
    """
    One instrument's newest book and quote, and the rule that judges them.

    A book of several levels goes before a quote while it is fresh. Nothing is translated until somebody
    looks, and then once.

    Parameters
    ----------
    instrument
        Its name, size increment, multiplier and currency count.
    params
        Of the rule.

    """

    __slots__ = (
        "_deltas",
        "_depth",
        "_depth_ts",
        "_levels",
        "_new_depth",
        "_new_quote",
        "_orders",
        "_quote",
        "_quote_ts",
        "_stale_after",
        "_terms",
        "_uses_quote",
        "currency",
        "market",
        "name",
        "sampled",
        "smallest",
        "step",
        "tick",
    )

    def __init__(self, instrument: Instrument, params: LiquidityParams) -> None:
        self.name: str = instrument.id.value
        self.currency: str = instrument.quote_currency.code
        self.step: Decimal = instrument.size_increment.as_decimal()
        least = instrument.min_quantity
        self.smallest: Decimal = self.step if least is None else least.as_decimal()
        self.tick = float(instrument.price_increment)
        self._terms = Terms(float(instrument.multiplier), bool(instrument.is_inverse))
        self.forget(params)
        self.sampled = 0
        self._stale_after = round(params.stale_after * SECOND)
        self._depth: OrderBookDepth10 | None = None
        self._orders: OrderBook | None = None
        self._levels: LevelBook | None = None
        self._deltas = False
        self._quote: QuoteTick | None = None
        self._depth_ts = self._quote_ts = 0
        self._new_depth = self._new_quote = self._uses_quote = False

    def forget(self, params: LiquidityParams) -> None:
        """Start the rule anew."""
        self.market = InstrumentLiquidity(self._terms, params)

    # -- what comes in -----------------------------------------------------------------------------

    def on_depth(self, depth: OrderBookDepth10, ts: int) -> None:
        """Take ten levels of each side."""
        self._depth, self._depth_ts, self._new_depth, self._deltas = depth, ts, True, False

    def on_quote(self, quote: QuoteTick, ts: int) -> None:
        """Take the best prices."""
        self._quote, self._quote_ts, self._new_quote = quote, ts, True

    def on_deltas(self, deltas: OrderBookDeltas, kept: OrderBook | None, ts: int) -> None:
        """Take changes of the book; `kept` is NautilusTrader's own, for what was before and single orders."""
        self._depth_ts, self._new_depth, self._deltas = ts, True, True
        if kept is not None and kept.book_type == BookType.L3_MBO:
            self._orders = kept
            return
        if self._levels is None:
            self._levels = LevelBook()
            if kept is not None:  # these changes are in it already; a second time they change nothing
                self._copy(kept.bids(), bid=True)
                self._copy(kept.asks(), bid=False)
        put, clear = self._levels.put, self._levels.clear
        for delta in deltas.deltas:
            action = delta.action
            if action == _CLEAR:
                clear()
                continue
            order = delta.order
            size = 0.0 if action == _DELETE else order.size.as_double()
            put(order.price.as_double(), size, bid=order.side == _BUY)

    def _copy(self, levels: Iterable[BookLevel], *, bid: bool) -> None:
        assert self._levels is not None
        for level in levels:
            self._levels.put(level.price.as_double(), level.size(), bid=bid)

    # -- what is asked -----------------------------------------------------------------------------

    def refresh(self, now: int) -> InstrumentLiquidity:
        """Hand what is newest at `now`, UNIX time [ns], to the rule, unless it has it; give the rule."""
        old = now - self._depth_ts > self._stale_after
        if old and self._quote_ts > self._depth_ts:
            if self._new_quote or not self._uses_quote:
                self._new_quote, self._uses_quote = False, True
                self.market.observe(self._quote_view(), self._quote_ts)
        elif self._new_depth or (self._uses_quote and self._depth_ts):
            self._new_depth = self._uses_quote = False
            self.market.observe(self._book_view(), self._depth_ts)
        return self.market

    def _quote_view(self) -> BookView:
        quote = self._quote
        assert quote is not None
        bid = (quote.bid_price.as_double(), quote.bid_size.as_double())
        ask = (quote.ask_price.as_double(), quote.ask_size.as_double())
        return BookView((bid,), (ask,))

    def _book_view(self) -> BookView:
        if not self._deltas:
            assert self._depth is not None
            return BookView(_view_of(self._depth.bids), _view_of(self._depth.asks))
        if self._orders is not None:
            return BookView(_top_of(self._orders.bids()), _top_of(self._orders.asks()))
        assert self._levels is not None
        return self._levels.view()


def _view_of(orders: list[BookOrder]) -> list[Level]:
    levels = [(order.price.as_double(), order.size.as_double()) for order in orders]
    # Books of fewer levels are filled up with orders of nothing.
    while levels and not levels[-1][1]:
        levels.pop()
    return levels


def _top_of(levels: list[BookLevel]) -> list[Level]:
    return [(level.price.as_double(), level.size()) for level in levels[:MAX_LEVELS]]
