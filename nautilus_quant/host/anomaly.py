"""How orders fare: turns the events of all orders of a node into what the rules of anomalies measure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import LiquiditySide, OrderType, TimeInForce
from nautilus_trader.model.events import (
    OrderAccepted,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderSubmitted,
    OrderUpdated,
)

from nautilus_quant.host.messages import Message
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.safety.anomaly_params import Measure

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.orders import Order

MOST = 10_000
"""Orders under way that are remembered; the oldest goes first."""
QUOTE_AGE = 30_000_000_000
"""Age up to which a quote tells the mid [ns]."""
_MILLISECOND = 1e6
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)
_MARKET = (OrderType.MARKET, OrderType.MARKET_TO_LIMIT)


@dataclass(frozen=True, kw_only=True)
class RollbackRequest(Message):
    """
    Orders fare so badly that the parameters in use should go back to the last good ones.

    Its key is ``venue|instrument|strategy``; the instrument is ``*`` where all of the venue is meant. One is
    published when the severity rises to ROLLBACK or beyond, for each strategy whose orders were measured.

    Parameters
    ----------
    venue, instrument, strategy
        What it is about, as in the key.
    severity
        ``ROLLBACK`` or ``HALT``.
    code
        The measure, e.g. ``slippage``.
    reason
        In words, with unit, value and bound.
    numbers
        What it was read from.

    """

    venue: str
    instrument: str
    strategy: str
    severity: str
    code: str
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)


type Observe = Callable[[int, str, str, Measure, float], Any]
"""Takes a value: when, UNIX time [ns], instrument, strategy, measure, and value [its unit] (NaN: unknown)."""


class _Track:
    """An order under way."""

    __slots__ = ("acked", "cost", "filled", "instrument", "mid", "sent", "strategy", "taken")

    def __init__(self, instrument: str, strategy: str, sent: int, mid: float) -> None:
        self.instrument = instrument
        self.strategy = strategy
        self.sent = sent
        self.mid = mid
        self.acked: int | None = None
        self.filled = False
        self.taken = 0.0
        """Quantity filled at once, against orders that rested."""
        self.cost = 0.0
        """Their slippage times quantity [bps × quantity]."""


class OrderWatch:
    """
    Follows orders from being sent to their end.

    Times are those at which this node heard of things (``ts_init``): clocks of venues differ from ours. The
    slippage of an order is that of all it took, weighted by quantity, told once when it is over, so that an
    order that walks ten levels counts as one. Fills of an order that rested are nobody's slippage. Orders
    with a trigger are measured against that, all others against the mid when they were sent or last changed.
    What a venue was only asked about afterwards (reconciliation) is passed over: its times are made up.

    Parameters
    ----------
    msgbus, cache
        Of the node.
    observe
        Called with every value.

    """

    def __init__(self, msgbus: MessageBus, cache: CacheFacade, observe: Observe) -> None:
        self._cache = cache
        self._valuer = Valuer.on(msgbus)
        self._observe = observe
        self._tracks: dict[str, _Track] = {}
        self._handlers: dict[type, Callable[[Any], None]] = {
            OrderSubmitted: self._on_submitted,
            OrderAccepted: self._on_accepted,
            OrderUpdated: self._on_updated,
            OrderRejected: self._on_rejected,
            OrderFilled: self._on_filled,
            OrderCanceled: self._on_over,
            OrderExpired: self._on_over,
            OrderDenied: self._on_denied,
        }

    def __len__(self) -> int:
        return len(self._tracks)

    def on_event(self, event: OrderEvent) -> None:
        """Take an event of any order."""
        handler = self._handlers.get(type(event))
        if handler is not None:
            handler(event)

    # -- stages of an order ------------------------------------------------------------------------

    def _on_submitted(self, event: OrderSubmitted) -> None:
        instrument_id, ts = event.instrument_id, event.ts_init
        instrument = instrument_id.value
        mid = self._mid(instrument_id, instrument, ts)
        track = _Track(instrument, event.strategy_id.value, ts, mid)
        self._tracks[event.client_order_id.value] = track
        if len(self._tracks) > MOST:
            del self._tracks[next(iter(self._tracks))]

    def _on_accepted(self, event: OrderAccepted) -> None:
        track = self._tracks.get(event.client_order_id.value)
        if track is not None and track.acked is None:
            self._acknowledge(track, event.ts_init, told=not event.reconciliation)

    def _acknowledge(self, track: _Track, ts: int, *, told: bool = True) -> None:
        track.acked = ts
        if told:
            self._tell(track, ts, Measure.ACK_LATENCY, (ts - track.sent) / _MILLISECOND)
            self._tell(track, ts, Measure.REJECT_RATE, 0.0)

    def _on_updated(self, event: OrderUpdated) -> None:
        track = self._tracks.get(event.client_order_id.value)
        if track is not None and track.acked is not None:
            instrument_id = event.instrument_id
            track.mid = self._mid(instrument_id, instrument_id.value, event.ts_init)

    def _on_rejected(self, event: OrderRejected) -> None:
        track = self._tracks.pop(event.client_order_id.value, None)
        # A maker's order that would have taken is turned away by design.
        if track is None or event.reconciliation or event.due_post_only:
            return
        ts = event.ts_init
        if track.acked is None:
            self._tell(track, ts, Measure.ACK_LATENCY, (ts - track.sent) / _MILLISECOND)
        self._tell(track, ts, Measure.REJECT_RATE, 1.0)

    def _on_denied(self, event: OrderDenied) -> None:
        self._tracks.pop(event.client_order_id.value, None)

    def _on_filled(self, event: OrderFilled) -> None:
        name = event.client_order_id
        track, order = self._tracks.get(name.value), self._cache.order(name)
        if track is None or order is None:
            return
        if event.reconciliation:
            track.acked, track.filled, track.mid = track.acked or event.ts_init, True, math.nan
        elif not track.filled:
            self._first_fill(track, event.ts_init, order)
        if event.liquidity_side != LiquiditySide.MAKER:
            self._take(track, event, order)
        if order.is_closed:
            self._end(name.value, track, event.ts_init, order)

    def _first_fill(self, track: _Track, ts: int, order: Order) -> None:
        track.filled = True
        if track.acked is None:
            # Many venues answer an order at market with its fill and nothing else.
            self._acknowledge(track, ts)
        elif order.order_type in _MARKET or order.time_in_force in _AT_ONCE:
            self._tell(track, ts, Measure.FILL_LATENCY, (ts - track.acked) / _MILLISECOND)

    def _take(self, track: _Track, event: OrderFilled, order: Order) -> None:
        reference = float(order.trigger_price) if order.has_trigger_price else track.mid
        quantity, price = event.last_qty.as_double(), event.last_px.as_double()
        sign = 1.0 if event.is_buy else -1.0
        worse = sign * (price / reference - 1.0) if reference > 0.0 else math.nan
        track.taken += quantity
        track.cost += quantity * worse * 1e4

    def _on_over(self, event: OrderEvent) -> None:
        name = event.client_order_id
        track, order = self._tracks.get(name.value), self._cache.order(name)
        if track is not None and order is not None:
            self._end(name.value, track, event.ts_init, order)

    def _end(self, name: str, track: _Track, ts: int, order: Order) -> None:
        del self._tracks[name]
        if track.taken > 0.0:
            self._tell(track, ts, Measure.SLIPPAGE, track.cost / track.taken)
        filled, asked = order.filled_qty.as_double(), order.quantity.as_double()
        self._tell(track, ts, Measure.FILL_RATIO, filled / asked if asked > 0.0 else math.nan)

    # -- what it is measured by --------------------------------------------------------------------

    def _mid(self, instrument_id: InstrumentId, name: str, now: int) -> float:
        quote = self._cache.quote_tick(instrument_id)
        if quote is not None and abs(now - quote.ts_init) <= QUOTE_AGE:
            bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
            return (bid + ask) / 2.0 if bid > 0.0 and ask > 0.0 else math.nan
        price = self._valuer.price(name, now)
        return math.nan if price.problem else price.value

    def _tell(self, track: _Track, ts: int, measure: Measure, value: float) -> None:
        self._observe(ts, track.instrument, track.strategy, measure, value)
