"""A paper venue: NautilusTrader's sandbox with an account that outlives the process."""

from __future__ import annotations

import asyncio
from typing import Any

from nautilus_trader.adapters.sandbox.execution import SandboxExecutionClient
from nautilus_trader.backtest.execution_client import BacktestExecClient
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import LiveClock, MessageBus, TestClock
from nautilus_trader.common.enums import LogColor
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.core.data import Data
from nautilus_trader.execution.messages import (
    GenerateOrderStatusReport,
    GenerateOrderStatusReports,
    GeneratePositionStatusReports,
)
from nautilus_trader.execution.reports import ExecutionMassStatus, OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import (
    OmsType,
    account_type_from_str,
    oms_type_from_str,
)
from nautilus_trader.model.events import OrderEvent, OrderFilled
from nautilus_trader.model.identifiers import ClientId, InstrumentId, Venue
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import AccountBalance, Currency, Money
from nautilus_trader.model.orders import Order
from nautilus_trader.portfolio.base import PortfolioFacade

from nautilus_quant.host.fee_model import TieredFeeModel
from nautilus_quant.host.state import StateStore, shared_store
from nautilus_quant.venues.paper.account import PaperAccount, account_id_of
from nautilus_quant.venues.paper.commands import UNREACHABLE, Commands
from nautilus_quant.venues.paper.config import PaperExecClientConfig
from nautilus_quant.venues.paper.exchange import build_exchange, build_fees
from nautilus_quant.venues.paper.expiry import Expiry
from nautilus_quant.venues.paper.faults import FaultPlan
from nautilus_quant.venues.paper.funding import PaperFunding
from nautilus_quant.venues.paper.remainder import Remainders
from nautilus_quant.venues.paper.reports import flat_report, hedge_report, net_report, order_report
from nautilus_quant.venues.paper.restore import Restoration
from nautilus_quant.venues.paper.uplink import ConnectionPlan, Uplink
from nautilus_quant.venues.paper.wire import VenueWire
from nautilus_quant.venues.settlement import is_option, is_settlement
from nautilus_quant.venues.simulated.opening import Openings

FEES = "paper_fees"
"""Namespace of what was traded, by venue: fee tiers depend on it."""


class PaperExecutionClient(Commands, SandboxExecutionClient):
    """
    Simulated fills on live data, at a venue that remembers.

    What differs from NautilusTrader's sandbox:

    - Balances and open positions are in the state store before the node hears of a fill. After a crash the
      account is what it was, and each position comes back under its strategy at its entry price.
    - Position and order status reports tell the truth at any time, FLAT included.
    - Orders that were working when the process ended are gone, as at a venue that cancels on disconnect.
    - Events carry the node's time rather than the time of the last tick; ``batch_cancel_orders`` works.
    - A market order larger than the best quote is filled to the end, one tick further, as in a backtest.
    - Options are settled in cash at the price their venue publishes when they expire.
    - Perpetuals pay funding at the mark price, at the venue's times and rates.
    - Faults for drills: rejections and outages.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        Event loop of the node.
    portfolio : PortfolioFacade
        Portfolio of the node.
    msgbus : MessageBus
        Message bus of the node.
    cache : Cache
        Cache of the node.
    clock : LiveClock
        Clock of the node.
    config : PaperExecClientConfig
        Configuration.
    """

    def __init__(  # noqa: PLR0917 NautilusTrader's signature
        self,
        loop: asyncio.AbstractEventLoop,
        portfolio: PortfolioFacade,
        msgbus: MessageBus,
        cache: Cache,
        clock: LiveClock,
        config: PaperExecClientConfig,
    ) -> None:
        # The sandbox's own constructor would wire its exchange straight to the node, with the configured
        # balances: LiveExecutionClient's is called instead, and the exchange built with a memory in between.
        LiveExecutionClient.__init__(
            self,
            loop=loop,
            client_id=ClientId(config.venue),
            venue=Venue(config.venue),
            oms_type=oms_type_from_str(config.oms_type),
            account_type=account_type_from_str(config.account_type),
            base_currency=Currency.from_str(config.base_currency) if config.base_currency else None,
            instrument_provider=InstrumentProvider(),
            msgbus=msgbus,
            cache=cache,
            clock=clock,
            config=None,
        )
        self._set_account_id(account_id_of(config.venue))
        # NautilusTrader's topic of settlements does not match the pattern of the rest of a venue's data
        self._closes = f"data.venue.close_price.*.{config.venue}"
        openings = Openings.on(msgbus)
        self._faults = FaultPlan(
            config.reject_probability,
            config.outages,
            config.seed,
            config.incidents,
            lambda: openings.venues.get(config.venue),
        )
        self._uplink = Uplink(config.latency, loop)
        self._plan = ConnectionPlan(self._faults, clock=clock, loop=loop, switch=self._switch)
        self._store = StateStore.open(None) if config.state is None else shared_store(config.state)
        self._account = PaperAccount(
            config.venue, config.starting_balances, store=self._store, cache=cache, alarm=self._log.error
        )
        self._unprocessed = 0  # fills sent to the node which it has not applied yet
        self._given_back: set[str] = set()  # position ids the node has got back
        self._restored = False
        self.test_clock = TestClock()
        self.test_clock.set_time(clock.timestamp_ns())
        self._wire = VenueWire(
            msgbus.trader_id,
            self.test_clock,
            send=msgbus.send,
            book=self._book,
            book_account=self._account.book_state,
        )
        self._open(config, portfolio)

    def _open(self, config: PaperExecClientConfig, portfolio: PortfolioFacade) -> None:
        """Put the exchange behind the wire, with what the account holds now."""
        self._fees = build_fees(config, self.test_clock)
        self._restore_fees()
        self.exchange = build_exchange(
            config,
            fees=self._fees,
            balances=self._account.balances(),
            portfolio=portfolio,
            msgbus=self._wire.bus,
            cache=self._cache,
            clock=self.test_clock,
        )
        self._client = BacktestExecClient(
            exchange=self.exchange, msgbus=self._wire.bus, cache=self._cache, clock=self.test_clock
        )
        self.exchange.register_client(self._client)
        self.exchange.initialize_account()
        self._account.save(self._clock.timestamp_ns())
        self._remainders = Remainders(self.exchange, self._cache, self._account.still_held)
        self._expiry = Expiry(
            self.exchange, self._account, self._wire, trader_id=self.trader_id, cache=self._cache
        )
        self._funding = PaperFunding(
            config,
            exchange=self.exchange,
            account=self._account,
            store=self._store,
            bus=self._msgbus,
            cache=self._cache,
            clock=self._clock,
            loop=self._loop,
            ready=self._is_settled,
            alarm=self._log.error,
        )

    @property
    def account(self) -> PaperAccount:
        """The venue's books."""
        return self._account

    # -- connection --------------------------------------------------------------------------------

    def connect(self) -> None:
        """Listen to the market, load instruments and give the positions back."""
        self._msgbus.subscribe(f"data.*.{self.venue}.*", handler=self.on_data)
        self._msgbus.subscribe(self._closes, handler=self.on_data)
        self._msgbus.subscribe("events.fills.*", handler=self._on_processed)
        self._msgbus.subscribe(f"events.account.{self.account_id}", handler=self._on_account)
        for instrument in self._cache.instruments(venue=self.venue):
            if not is_option(instrument):  # of options only those that are traded get a market of their own
                self.exchange.update_instrument(instrument)
        self._client._set_connected(True)  # noqa: SLF001 the sandbox connects its inner client this way
        if self._account.resumed:
            self._log.info(f"Resumed account {self._account.ledger.to_dict()}", LogColor.BLUE)
        self._restore()
        self._funding.start()
        self._set_connected(True)
        self._plan.start()

    def disconnect(self) -> None:
        """Leave the market; working orders die with the process."""
        self._set_connected(False)
        self._uplink.stop()
        self._plan.stop()
        self._funding.stop()
        for topic, handler in (
            (f"data.*.{self.venue}.*", self.on_data),
            (self._closes, self.on_data),
            ("events.fills.*", self._on_processed),
            (f"events.account.{self.account_id}", self._on_account),
        ):
            self._msgbus.unsubscribe(topic, handler=handler)
        self._store.flush()

    def _dispose(self) -> None:
        self._store.close()

    def _switch(self) -> None:
        down = self._faults.down(self._clock.timestamp_ns())
        if down:
            self._wire.cut()
        else:
            self._wire.mend()
        if down == self.is_connected:
            self._set_connected(not down)
            self._log.warning(f"Drill: connection {'lost' if down else 'back'}")

    # -- books -------------------------------------------------------------------------------------

    def on_data(self, data: Data) -> None:
        """Let the venue's market move."""
        if is_settlement(data) and is_option(self._cache.instrument(data.instrument_id)):
            self._restore()
            self._expiry.settle(data)
        elif not (isinstance(data, Instrument) and is_option(data)):
            if isinstance(data, QuoteTick):
                self._listed(data.instrument_id)
            super().on_data(data)
        self._remainders.complete()

    def _book(self, event: OrderEvent) -> None:
        if isinstance(event, OrderFilled):
            self._unprocessed += 1
            self._account.book_fill(event)
            self._funding.on_fill(event)
            if isinstance(self._fees, TieredFeeModel):
                self._store.put(FEES, self.venue.value, self._fees.to_dict(), ts=event.ts_event)
        self._remainders.note(event)

    def _on_processed(self, fill: OrderFilled) -> None:
        if fill.account_id == self.account_id and not fill.reconciliation:
            self._unprocessed = max(0, self._unprocessed - 1)
            self._on_account(None)

    def _on_account(self, _: Any) -> None:
        account = self._cache.account(self.account_id)
        if self._unprocessed == 0 and self._restored and account is not None:
            self._account.take_over(account, self._clock.timestamp_ns())

    def _is_settled(self) -> bool:
        """Tell whether the node's balances are the venue's, and it hears of a change."""
        return not self._tick() and self._unprocessed == 0 and self._restored

    def _restore_fees(self) -> None:
        document = self._store.get(FEES, self.venue.value)
        if document is None or not isinstance(self._fees, TieredFeeModel):
            return
        try:
            self._fees.restore(document)
        except ValueError as error:
            self._log.error(f"Cannot read what was traded, fee tiers begin anew: {error}")

    # -- restart -----------------------------------------------------------------------------------

    def _restore(self, *, last: bool = False) -> None:
        if self._restored:
            return
        waiting = self._give_back_all()
        if waiting and last:
            self._log.error(
                f"Cannot give back {waiting}: no such instrument in the cache; the venue keeps them"
            )
        self._restored = last or not waiting
        account = self._cache.account(self.account_id)
        if self._account.differs(account):
            self._report_balances(self._account.balances())

    def _give_back_all(self) -> list[str]:
        waiting = []
        for holding in list(self._account.ledger.holdings.values()):
            instrument = self._cache.instrument(InstrumentId.from_str(holding.instrument))
            if holding.position in self._given_back:
                continue
            if instrument is None:
                waiting.append(holding.position)
                continue
            now = self._clock.timestamp_ns()
            self._given_back.add(holding.position)
            self._give_back(Restoration(holding, instrument, self.trader_id, self.account_id, now))
        return waiting

    def _give_back(self, restoration: Restoration) -> None:
        known = self._cache.position(restoration.position_id)
        if known is not None and known.is_open:
            return  # a node with a database of its own remembers; reconciliation compares the two
        # A cash account pays for the fill again: advance it, so that no balance is negative in between
        account = self._cache.account(self.account_id)
        totals = account.balances_total()
        advances = self._account.debits(restoration.fill())
        self._report_balances([m + totals[m.currency] if m.currency in totals else m for m in advances])
        self._cache.add_order(restoration.order(), restoration.position_id, self.id)
        self._send_order_status_report(restoration.accepted())
        self._send_fill_report(restoration.filled())

    def _report_balances(self, totals: list[Money]) -> None:
        if not totals:
            return
        account = self._cache.account(self.account_id)
        balances = []
        for total in totals:
            locked = account.balance_locked(total.currency) or Money(0, total.currency)
            balances.append(AccountBalance(total, locked, total - locked))
        margins = list(account.margins().values()) if account.is_margin_account else []
        self.generate_account_state(balances, margins, True, self._clock.timestamp_ns())

    # -- reports -----------------------------------------------------------------------------------

    async def generate_mass_status(self, lookback_mins: int | None = None) -> ExecutionMassStatus | None:
        """Give positions back that had to wait for their instrument, then report."""
        self._restore(last=True)
        for holding in self._account.ledger.holdings.values():
            self._funding.watch(InstrumentId.from_str(holding.instrument))
        return await super().generate_mass_status(lookback_mins)

    async def generate_position_status_reports(
        self, command: GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        """
        Report what the venue holds now.

        Instruments without a position are reported FLAT when they are asked for, and when the node
        believes to hold something in them.
        """
        self._ask()
        now = self._clock.timestamp_ns()
        reports: list[PositionStatusReport] = []
        for instrument_id in self._reported_instruments(command.instrument_id):
            instrument = self._cache.instrument(instrument_id)
            if instrument is None:
                self._log.error(f"Cannot report the position in {instrument_id}: no such instrument")
                continue
            held = [h for h in self._account.ledger.holdings.values() if h.instrument == instrument_id.value]
            if not held:
                reports.append(flat_report(self.account_id, instrument, now))
            elif self.oms_type == OmsType.HEDGING:
                reports += [hedge_report(self.account_id, instrument, h, now) for h in held]
            else:
                reports.append(net_report(self.account_id, instrument, held, now))
        return reports

    async def generate_order_status_reports(
        self, command: GenerateOrderStatusReports
    ) -> list[OrderStatusReport]:
        """Report the orders that work at the venue now."""
        self._ask()
        return [self._order_report(order) for order in self.exchange.get_open_orders(command.instrument_id)]

    async def generate_order_status_report(
        self, command: GenerateOrderStatusReport
    ) -> OrderStatusReport | None:
        """Report one order if it works at the venue now."""
        self._ask()
        for order in self.exchange.get_open_orders(command.instrument_id):
            if order.client_order_id == command.client_order_id:
                return self._order_report(order)
        return None

    def _ask(self) -> None:
        if self._faults.down(self._clock.timestamp_ns()):
            raise ConnectionError(UNREACHABLE)

    def _order_report(self, order: Order) -> OrderStatusReport:
        venue_order_id = order.venue_order_id or self._cache.venue_order_id(order.client_order_id)
        return order_report(order, self.account_id, venue_order_id, self._clock.timestamp_ns())

    def _reported_instruments(self, wanted: InstrumentId | None) -> list[InstrumentId]:
        if wanted is not None:
            return [wanted]
        held = {InstrumentId.from_str(h.instrument) for h in self._account.ledger.holdings.values()}
        believed = self._cache.positions_open(venue=None, account_id=self.account_id)
        return sorted(held | {position.instrument_id for position in believed}, key=str)

    async def _query_account(self, command: Any) -> None:  # noqa: ARG002 NautilusTrader's signature
        account = self._cache.account(self.account_id)
        self.generate_account_state(
            list(account.balances().values()), [], reported=True, ts_event=self._clock.timestamp_ns()
        )
