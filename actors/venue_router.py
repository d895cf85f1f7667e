"""Carries out orders at the best of several venues, or at several, for any strategy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from nautilus_trader.config import ExecAlgorithmConfig, PositiveInt
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.algorithm import ExecAlgorithm
from nautilus_trader.execution.messages import SubmitOrderList
from nautilus_trader.model.enums import BookType
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.venue_health import VenueHealthParams
from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.routing_desk import Hands, RoutingDesk
from nautilus_quant.host.routing_job import DeskSettings
from nautilus_quant.host.routing_market import MarketSettings, RoutingMarket
from nautilus_quant.host.routing_orders import LOCAL, finish, is_part
from nautilus_quant.host.routing_report import journal_entry, route_update
from nautilus_quant.host.state import StateError, StateStore, shared_store
from nautilus_quant.host.subscribing import can_subscribe

if TYPE_CHECKING:
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.orders import Order, OrderList

    from nautilus_quant.host.routing_job import Job

_ORDERS = "events.order.*"
_EARLY = 5
_SECOND = 1_000_000_000
_MOST_FOUND = 64


class VenueRouterConfig(ExecAlgorithmConfig, kw_only=True, frozen=True):
    """
    What the router can be told; any order names it by ``exec_algorithm_id``, which is ``VenueRouter``.

    Parameters
    ----------
    routes
        Ids of instruments that are the same, a list for each market, e.g.
        ``[[BTCUSDT-PERP.BINANCE, BTC-USDT-SWAP.OKX]]``. Without any, all spot and all linear perpetual
        markets of the node that have the same coins are; more than 64 of them must be named.
    book
        What is subscribed of them: ``depth10`` (ten levels), ``deltas`` (the best twenty follow; most
        adapters of NautilusTrader know these, and few know depth), or ``quotes`` (no more than the best size
        is routed at a time). Whatever is heard besides counts too. Mind that a paper venue fills everybody's
        orders by all it hears: with depth they walk ten levels, with quotes alone they fill at one price.
    split
        Whether several venues may share an order; else the best one gets it. An order can say otherwise by
        ``exec_algorithm_params={"split": False}``, and name ``{"venues": ["SIM_A", "SIM_B"]}``.
    close_first
        Whether positions of the order's strategy are closed where they are held, before it opens any
        elsewhere.
    waves
        How often an order at market is shared out at most, when books hold less than it asks [-].
    pause
        Between two of them [s]; less takes what is left from thinner books.
    stale_after, dead_after
        Age of a venue's newest data from which on it is used only where nobody else is much better, and from
        which on nothing is opened there [s]. Take a few times the usual gap between two quotes.
    late_by
        By how much data may come later than the quickest that came [s].
    rejects_in_a_row
        After so many rejected orders nothing is opened at a venue [-], for `recovery`.
    answer_within
        How long an order may go unanswered [s].
    recovery
        How long a venue that was down counts as not well [s].
    degraded_cost
        Added to the price at a venue that is not well [fraction]; more avoids it more.
    impact_share
        Share of the square-root law of impact that counts on top of walking the book [-], where somebody
        subscribes the trades of a market.
    latency_share
        Of a venue's last orders, the share that was answered within the latency that counts [-].
    state
        URL of the state store, whose journal tells how each order was shared out; ``None`` keeps none.

    """

    routes: tuple[tuple[InstrumentId, ...], ...] = ()
    book: Literal["depth10", "deltas", "quotes"] = "depth10"
    split: bool = True
    close_first: bool = True
    waves: PositiveInt = 5
    pause: Seconds = 1.0
    stale_after: Seconds = 10.0
    dead_after: Seconds = 30.0
    late_by: Seconds = 5.0
    rejects_in_a_row: PositiveInt = 4
    answer_within: Seconds = 5.0
    recovery: Seconds = 30.0
    degraded_cost: Fraction = 0.0005
    impact_share: Fraction = 0.25
    latency_share: Fraction = 0.95
    state: str | None = None

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Kinds of data it subscribes beside quotes, which a backtest of it must play."""
        return ("depth",) if self.book == "depth10" else ()


class VenueRouter(ExecAlgorithm):
    """
    Shares orders out over venues after fees, depth, impact, latency and health.

    A strategy submits an order as ever, with ``exec_algorithm_id=ExecAlgorithmId("VenueRouter")``, and gets:

    - **Parts**: orders in its own name, ``{id}-E1``, ``{id}-E2`` and so on, each on the instrument of its
      venue, with all their events. Their fills make positions **on those instruments**: a strategy that
      routes holds positions on several, and closes them by routed orders, which go first to where they are.
    - **The order itself** stays with the router, unsent, and shows what no venue has been sent yet. It ends
      CANCELED when all is done, with what is left undone as its size, but for one step: NautilusTrader knows
      no order of size 0. It ends DENIED when nothing could be done. What rests of a limit order goes to its
      own venue as the order itself.
    - **Cancelling it** cancels the parts that rest, and sends nothing more. ``cancel_all_orders`` reaches
      what waits here only where another order of the strategy is open on that instrument: NautilusTrader does
      not look further.
    - Nothing more is opened for a strategy that has stopped.
    - Every part passes the gates. A rejected or denied part goes to the next venue; what a venue may still
      fill is never sent to another.
    - Sent on unchanged: orders on instruments without another venue, stops and other kinds, icebergs, parts
      of brackets, sizes in quote currency, orders that name a client or a position. A stop that
      NautilusTrader emulates is routed when it is released.

    What a router has not sent when it ends is not sent by the next; what rests stays where it is. What is
    sent before the router runs is denied: NautilusTrader starts strategies first, so route nothing in their
    ``on_start``.

    Parameters
    ----------
    config
        A `VenueRouterConfig`.

    Raises
    ------
    ValueError
        If a bound is impossible.

    """

    def __init__(self, config: VenueRouterConfig | None = None) -> None:
        config = config or VenueRouterConfig()
        super().__init__(config)
        self._health = VenueHealthParams(
            stale_after=config.stale_after,
            dead_after=config.dead_after,
            late_by=config.late_by,
            rejects_in_a_row=config.rejects_in_a_row,
            answer_within=config.answer_within,
            recovery=config.recovery,
        )
        self._market: RoutingMarket | None = None
        self._desk: RoutingDesk | None = None
        self._store: StateStore | None = None

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Find out which markets are the same, and hear them."""
        config, kernel = self.config, find_kernel(self.msgbus)
        settings = MarketSettings(
            config.stale_after, config.degraded_cost, config.impact_share, config.latency_share
        )
        self._market = RoutingMarket(kernel, settings, config.routes)
        self._market.health.configure(self._health)
        self._store = shared_store(config.state)
        found = self._market.instruments
        if len(found) > _MOST_FOUND and not config.routes:
            raise ValueError(
                f"{len(found)} instruments are on several venues: name those to route as `routes`"
            )
        if not found:
            self.log.warning("no market is on several venues: all orders are sent on unchanged")
        self._desk = RoutingDesk(
            kernel,
            self._market,
            Hands(self.id, self.submit_order, self.modify_order_in_place),
            self.clock,
            settings=DeskSettings(
                config.waves, round(config.pause * _SECOND), config.close_first, config.split
            ),
            told=self._tell,
        )
        self.msgbus.subscribe(_ORDERS, self._desk.on_event, priority=_EARLY)
        for instrument_id in found:
            self._subscribe(instrument_id)
        self._answer_early_orders()
        self.clock.set_timer_ns("venue-router", _SECOND, 0, 0, self._on_time)

    def _answer_early_orders(self) -> None:
        """Deny what came before it ran, or is left from an earlier run: nobody else would ever answer."""
        for order in self.cache.orders_for_exec_algorithm(self.id):
            if order.status in LOCAL and not is_part(order):
                finish(find_kernel(self.msgbus), order, "ROUTER: it was sent before the router ran")

    def _subscribe(self, instrument_id: InstrumentId) -> None:
        self.subscribe_quote_ticks(instrument_id)
        if can_subscribe(self.msgbus, instrument_id.venue.value, "instrument_status"):
            self.subscribe_instrument_status(instrument_id)
        if self.config.book == "depth10":
            self.subscribe_order_book_depth(instrument_id, managed=False)
        elif self.config.book == "deltas":
            self.subscribe_order_book_deltas(instrument_id, BookType.L2_MBP)

    def on_stop(self) -> None:
        """Send nothing more, and let what works go on."""
        self.clock.cancel_timers()
        if self._desk is not None:
            self._desk.stop()
            self.msgbus.unsubscribe(_ORDERS, self._desk.on_event)
            self._desk = None
        if self._store is not None:
            self._store.close()
            self._store = None

    def on_reset(self) -> None:
        """Forget what was heard of venues."""
        if self._market is not None:
            self._market.health.reset()
            self._market = None

    # -- orders ------------------------------------------------------------------------------------

    def on_order(self, order: Order) -> None:
        """Share an order out."""
        if self._desk is not None:
            self._desk.take(order)

    def on_order_list(self, order_list: OrderList) -> None:
        """Send a list on unchanged: its orders hang on each other, and on one instrument."""
        first = order_list.first
        command = SubmitOrderList(
            trader_id=first.trader_id,
            strategy_id=first.strategy_id,
            order_list=order_list,
            command_id=UUID4(),
            ts_init=self.clock.timestamp_ns(),
            position_id=self.cache.position_id(first.client_order_id),
            client_id=self.cache.client_id(first.client_order_id),
        )
        self.msgbus.send("RiskEngine.execute", command)

    # -- words -------------------------------------------------------------------------------------

    def _on_time(self, event: TimeEvent) -> None:
        if self._market is not None:
            self._market.sample(event.ts_event)
            self._market.health.check(event.ts_event)

    def _tell(self, job: Job, over: bool) -> None:
        if self._market is None:
            return
        update = route_update(job, over, self.cache, self._market, self.clock.timestamp_ns())
        publish(self.msgbus, update)
        if over and update.left and update.reason:
            text = f"{update.key}: {update.left:g} of {update.asked:g} could not be routed: {update.reason}"
            self.log.warning(text)
            alert = Alert(
                key=f"router|{update.instrument}",
                ts=update.ts,
                source="router",
                severity="WARNING",
                text=text,
            )
            publish(self.msgbus, alert)
        if self._store is not None:
            try:
                self._store.append("route", journal_entry(update), ts=update.ts)
            except StateError as error:
                self.log.warning(f"how {update.key} was routed is not in the journal: {error}")
