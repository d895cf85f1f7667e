"""Follows order flow, and lets nobody open against it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderType
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderExpired,
    OrderFilled,
    OrderTriggered,
    OrderUpdated,
)

from nautilus_quant.actors.order_flow_config import OrderFlowGateConfig, params_of
from nautilus_quant.gating.flow import SECOND, InstrumentFlow
from nautilus_quant.gating.flow_verdict import GATE, UNKNOWN, judge
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.gate_actor import GateActor
from nautilus_quant.host.liquidity import LiquidityBook
from nautilus_quant.host.messages import Message, publish

if TYPE_CHECKING:
    from nautilus_trader.model.data import TradeTick
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.flow import FlowParams
    from nautilus_quant.gating.intent import Intent, Verdict
    from nautilus_quant.host.gate_actor import Heard
    from nautilus_quant.host.gateway import OrderGateway
    from nautilus_quant.host.state import StateStore

_AFTER_BOOKS = 12  # `LiquidityBook` hears with 16, strategies with 0
_BOOKS = ("data.book.depth.*", "data.book.deltas.*", "data.quotes.*")
_TRADES = "data.trades.*"
_ORDERS = "events.order.*"
_PATIENCE = 60 * SECOND  # of entries denied for want of data, until somebody is told
_SIDES = {1: 1, 2: -1}  # NautilusTrader's aggressor sides
_RESTING = frozenset({OrderType.LIMIT, OrderType.MARKET_TO_LIMIT})


@dataclass(frozen=True, kw_only=True)
class FlowUpdate(Message):
    """
    The order flow of an instrument (key: its id); once a second at most, and when what is blocked changes.

    Parameters
    ----------
    blocked
        Side on which nothing is opened: ``BUY``, ``SELL``, or empty.
    known
        Whether there is enough data to judge.
    score
        All of the flow in [-1, 1], positive when buyers press.
    imbalance, delta, large
        Its parts: book, trades, large trades [-1, 1].
    toxicity
        VPIN [0, 1]; NaN while unknown.
    cumulative
        Bought less sold since the start [base coin, or contracts].
    trades
        How many trades count, old ones counting less [trades].

    """

    blocked: str
    known: bool
    score: float
    imbalance: float
    delta: float
    large: float
    toxicity: float
    cumulative: float
    trades: float


_PLACED = frozenset({OrderAccepted, OrderUpdated, OrderTriggered})
_REACHED = frozenset({OrderFilled, OrderCanceled, OrderExpired})


class _Followed:
    """One instrument: its flow, and when it was last looked at and told."""

    __slots__ = ("blocked", "flow", "heard", "known", "name", "sampled", "told")

    def __init__(self, name: str, params: FlowParams) -> None:
        self.name = name
        self.flow = InstrumentFlow(params)
        self.blocked: Side | None = None
        self.known = False
        self.heard = self.sampled = self.told = 0


class OrderFlowGate(GateActor):
    """
    Blocks what would open against the flow: buying while sellers press, selling while buyers do.

    The flow is made of the imbalance of the book, of who is in haste in trades and in large trades, and of
    how toxic it is. What reduces a position always passes. Nothing is kept over a restart: until there have
    been enough trades, `without_data` decides. For resting orders, `queue_ahead` tells what is in front.

    Parameters
    ----------
    config
        An `OrderFlowGateConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible.

    """

    name = GATE

    def __init__(self, config: OrderFlowGateConfig | None = None) -> None:
        super().__init__(config or OrderFlowGateConfig())
        self._params = params_of(self.config)
        InstrumentFlow(self._params)  # says what is wrong now, not when the first trade comes
        self._allow_unknown = self.config.without_data == "allow"
        self._every = round(float(self.config.every) * SECOND)
        self._sample = round(float(self.config.sample) * SECOND)
        self._followed: dict[InstrumentId, _Followed] = {}
        self._flows: dict[str, _Followed] = {}
        self._blind: dict[str, int] = {}  # since when entries are denied for want of data
        self._alerted: set[str] = set()
        self._books: LiquidityBook | None = None

    @property
    def flows(self) -> dict[str, InstrumentFlow]:
        """The flow of every instrument that was heard, by its id."""
        return {name: followed.flow for name, followed in self._flows.items()}

    def queue_ahead(self, order: Order) -> float:
        """Return the estimated size in front of a resting order [base coin, or contracts]; NaN if unknown."""
        followed = self._followed.get(order.instrument_id)
        return math.nan if followed is None else followed.flow.queues.ahead(order.client_order_id.value)

    # -- life --------------------------------------------------------------------------------------

    def _topics(self) -> list[Heard]:
        books: list[Heard] = [(topic, self._on_book, _AFTER_BOOKS) for topic in _BOOKS]
        return [*books, (_TRADES, self._on_trade, _AFTER_BOOKS), (_ORDERS, self._on_order, _AFTER_BOOKS)]

    def _resume(self, _gateway: OrderGateway, _store: StateStore) -> None:
        self._books = LiquidityBook.on(self.msgbus)

    def _begin(self) -> None:
        for instrument_id in self.config.instruments:
            self._subscribe(instrument_id)

    def _subscribe(self, instrument_id: InstrumentId) -> None:
        book = self.config.book
        if book == "depth10":
            self.subscribe_order_book_depth(instrument_id, managed=False)
        elif book == "deltas":
            self.subscribe_order_book_deltas(instrument_id)
        elif book == "quotes":
            self.subscribe_quote_ticks(instrument_id)
        if self.config.trades:
            self.subscribe_trade_ticks(instrument_id)

    def on_reset(self) -> None:
        """Forget all flow."""
        self._followed.clear()
        self._flows.clear()
        self._blind.clear()
        self._alerted.clear()
        if self._books is not None:
            self._books.reset()

    # -- what comes in -----------------------------------------------------------------------------

    def _follow(self, instrument_id: InstrumentId) -> _Followed:
        made = self._followed[instrument_id] = _Followed(instrument_id.value, self._params)
        self._flows[made.name] = made
        return made

    def _on_trade(self, trade: TradeTick) -> None:
        instrument_id, ts = trade.instrument_id, trade.ts_init
        followed = self._followed.get(instrument_id) or self._follow(instrument_id)
        side = _SIDES.get(trade.aggressor_side, 0)
        followed.flow.trade(ts, trade.price.as_double(), trade.size.as_double(), side)
        self._judge(followed, ts)

    def _on_book(self, data: Any) -> None:
        instrument_id, ts = data.instrument_id, data.ts_init
        followed = self._followed.get(instrument_id) or self._follow(instrument_id)
        if not 0 <= ts - followed.sampled < self._sample:
            followed.sampled = ts
            self._look(followed, ts)
            self._judge(followed, ts)

    def _look(self, followed: _Followed, ts: int) -> None:
        """Take the newest book, unless it is the last one or cannot be used."""
        assert self._books is not None  # set before anything is heard
        feed = self._books.feed_of(followed.name, ts)
        if feed is None:
            return
        market = feed.market
        if market.ts > followed.heard and not market.measures.fault:
            followed.heard = market.ts
            followed.flow.observe(market.book, market.ts)

    def _judge(self, followed: _Followed, now: int) -> None:
        flow = followed.flow
        blocked = flow.judge(now)
        changed = blocked is not followed.blocked or flow.known is not followed.known
        if changed or not 0 <= now - followed.told < self._every:
            self._tell(followed, now)

    def _tell(self, followed: _Followed, now: int) -> None:
        flow = followed.flow
        blocked, says = flow.blocked, flow.read(now)
        if blocked is not followed.blocked:
            state = f"{blocked.name} is blocked" if blocked else "nothing is blocked"
            self.log.debug(f"{followed.name}: {state}, flow {says.score:+.2f}")
        followed.blocked, followed.known, followed.told = blocked, flow.known, now
        update = FlowUpdate(
            key=followed.name,
            ts=now,
            blocked=blocked.name if blocked else "",
            known=flow.known,
            score=says.score,
            imbalance=says.imbalance,
            delta=says.delta,
            large=says.large,
            toxicity=says.toxicity,
            cumulative=flow.tape.cumulative,
            trades=says.trades,
        )
        publish(self.msgbus, update)

    # -- own orders --------------------------------------------------------------------------------

    def _on_order(self, event: OrderEvent) -> None:
        kind = type(event)
        if kind in _PLACED:
            self._place(event)
        elif kind in _REACHED:
            self._reached(event)

    def _place(self, event: OrderEvent) -> None:
        order = self.cache.order(event.client_order_id)
        if order is None or order.is_closed or not order.has_price:
            return
        if order.order_type not in _RESTING and not getattr(order, "is_triggered", False):
            return
        followed = self._followed.get(order.instrument_id) or self._follow(order.instrument_id)
        queues, side, price = followed.flow.queues, Side(1 if order.is_buy else -1), float(order.price)
        if isinstance(event, OrderUpdated) and queues.price_of(order.client_order_id.value) == price:
            return  # a smaller size keeps its place
        self._look(followed, event.ts_init)
        assert self._books is not None
        feed = self._books.feed_of(followed.name, event.ts_init)
        fresh = feed is not None and feed.market.is_fresh(event.ts_init)
        queues.place(order.client_order_id.value, side, price, feed.market.book if fresh else None)

    def _reached(self, event: OrderEvent) -> None:
        followed = self._followed.get(event.instrument_id)
        if followed is None:
            return
        order, name = self.cache.order(event.client_order_id), event.client_order_id.value
        if order is None or order.is_closed or not isinstance(event, OrderFilled):
            followed.flow.queues.remove(name)
        else:
            followed.flow.queues.reached(name)

    # -- orders ------------------------------------------------------------------------------------

    def check(self, intent: Intent) -> Verdict:
        """Judge an order by the flow of its instrument."""
        followed = self._flows.get(intent.instrument)
        flow = None if followed is None else followed.flow
        verdict = judge(intent, flow, allow_unknown=self._allow_unknown)
        if verdict.code == UNKNOWN:
            self._wait(intent, verdict)
        elif self._blind:
            self._see(intent)
        return verdict

    def _wait(self, intent: Intent, verdict: Verdict) -> None:
        name, now = intent.instrument, intent.ts
        if now - self._blind.setdefault(name, now) >= _PATIENCE and name not in self._alerted:
            self._alerted.add(name)
            self._alert(name, now, "WARNING", f"nothing is opened in {name} any more: {verdict.reason}")

    def _see(self, intent: Intent) -> None:
        name = intent.instrument
        self._blind.pop(name, None)
        if name in self._alerted:
            self._alerted.remove(name)
            self._alert(name, intent.ts, "INFO", f"the order flow of {name} is known")
