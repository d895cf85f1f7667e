"""A live venue with ways of its own: reduce-only by its own books, unheard fills, answers that come late."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.common.factories import OrderFactory
from nautilus_trader.common.providers import InstrumentProvider
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.execution.reports import OrderStatusReport, PositionStatusReport
from nautilus_trader.live.execution_client import LiveExecutionClient
from nautilus_trader.live.execution_engine import LiveExecutionEngine
from nautilus_trader.live.risk_engine import LiveRiskEngine
from nautilus_trader.model.enums import (
    AccountType,
    LiquiditySide,
    OmsType,
    OrderSide,
    OrderStatus,
    OrderType,
    PositionSide,
    TimeInForce,
)
from nautilus_trader.model.identifiers import (
    AccountId,
    ClientId,
    InstrumentId,
    StrategyId,
    TradeId,
    TraderId,
    Venue,
    VenueOrderId,
)
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import AccountBalance, Money, Price, Quantity
from nautilus_trader.portfolio.portfolio import Portfolio

from nautilus_quant.host.liquidator import Liquidator
from nautilus_quant.host.venue_watch import VenueWatch
from nautilus_quant.safety.kill_switch import KillState, KillSwitch
from nautilus_quant.safety.venue import Alarm, CancelAll, Close
from tests.host.engine import BTC, SECOND, START, USDT

TRADER = TraderId("TESTER-001")
PRICE = Price.from_str("30000.0")


class StubbornVenue(LiveExecutionClient):
    """Holds one net position an instrument, as Binance does in one-way mode; fills market orders at once."""

    def __init__(  # noqa: PLR0917
        self,
        loop: Any,
        bus: MessageBus,
        cache: Cache,
        clock: TestClock,
        name: str,
        account: AccountType,
    ) -> None:
        super().__init__(
            loop=loop,
            client_id=ClientId(name),
            venue=Venue(name),
            oms_type=OmsType.NETTING,
            account_type=account,
            base_currency=None,
            instrument_provider=InstrumentProvider(),
            msgbus=bus,
            cache=cache,
            clock=clock,
        )
        self._set_account_id(AccountId(f"{name}-001"))
        self.net: dict[InstrumentId, Decimal] = {}
        self.resting: dict[str, OrderStatusReport] = {}
        self.submitted: list[Any] = []
        self.cancelled: list[str] = []
        self.asked = 0
        self.lose_fills = False
        self.lose_orders = 0  # how many of the next orders never arrive
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def _connect(self) -> None:
        """Report the account."""

    async def _disconnect(self) -> None:
        """Nothing to let go."""

    def open_account(self) -> None:
        money = Money(1_000_000, USDT)
        balance = AccountBalance(money, Money(0, USDT), money)
        self.generate_account_state([balance], [], reported=True, ts_event=self._clock.timestamp_ns())
        self._set_connected(True)

    async def _submit_order(self, command: SubmitOrder) -> None:
        order = command.order
        self.submitted.append(order)
        now = self._clock.timestamp_ns()
        key = (order.strategy_id, order.instrument_id, order.client_order_id)
        self.generate_order_submitted(*key, now)
        if self.lose_orders:
            self.lose_orders -= 1
            return
        held = self.net.get(order.instrument_id, Decimal(0))
        sign = 1 if order.side == OrderSide.BUY else -1
        size = order.quantity.as_decimal()
        if order.is_reduce_only and held * sign >= 0:
            self.generate_order_rejected(*key, "ReduceOnly Order is rejected", now)
            return
        size = min(size, abs(held)) if order.is_reduce_only else size
        number = VenueOrderId(f"V-{len(self.submitted)}")
        if order.order_type != OrderType.MARKET:
            self.generate_order_accepted(*key, number, now)
            self.resting[number.value] = self.rest(order, number)
            return
        self.net[order.instrument_id] = held + sign * size
        self.generate_order_accepted(*key, number, now)
        if not self.lose_fills:
            self._fill(order, number, size)

    def _fill(self, order: Any, number: VenueOrderId, size: Decimal) -> None:
        instrument = self._cache.instrument(order.instrument_id)
        self.generate_order_filled(
            strategy_id=order.strategy_id,
            instrument_id=order.instrument_id,
            client_order_id=order.client_order_id,
            venue_order_id=number,
            venue_position_id=None,
            trade_id=TradeId(f"T-{len(self.submitted)}"),
            order_side=order.side,
            order_type=order.order_type,
            last_qty=instrument.make_qty(size),
            last_px=PRICE,
            quote_currency=instrument.quote_currency,
            commission=Money(0, instrument.quote_currency),
            liquidity_side=LiquiditySide.TAKER,
            ts_event=self._clock.timestamp_ns(),
        )

    def rest(self, order: Any, number: VenueOrderId, *, known: bool = True) -> OrderStatusReport:
        now = self._clock.timestamp_ns()
        return OrderStatusReport(
            account_id=self.account_id,
            instrument_id=order.instrument_id,
            venue_order_id=number,
            client_order_id=order.client_order_id if known else None,
            order_side=order.side,
            order_type=order.order_type,
            time_in_force=TimeInForce.GTC,
            order_status=OrderStatus.ACCEPTED,
            quantity=order.quantity,
            filled_qty=Quantity.zero(order.quantity.precision),
            price=order.price,
            report_id=UUID4(),
            ts_accepted=now,
            ts_last=now,
            ts_init=now,
        )

    async def _cancel_order(self, command: Any) -> None:
        number = command.venue_order_id or self._cache.venue_order_id(command.client_order_id)
        if number is None:
            return  # it knows no such order, and says nothing
        self.cancelled.append(number.value)
        if self.resting.pop(number.value, None) is not None:
            self.generate_order_canceled(
                command.strategy_id,
                command.instrument_id,
                command.client_order_id,
                number,
                self._clock.timestamp_ns(),
            )

    async def generate_position_status_reports(self, command: Any) -> list[PositionStatusReport]:
        self.asked += 1
        said = dict(self.net)
        await self.may_answer.wait()
        now = self._clock.timestamp_ns()
        if command.instrument_id is not None and not said.get(command.instrument_id):
            return [PositionStatusReport.create_flat(self.account_id, command.instrument_id, 3, now)]
        return [self._report(name, size, now) for name, size in said.items() if size]

    def _report(self, name: InstrumentId, size: Decimal, now: int) -> PositionStatusReport:
        return PositionStatusReport(
            account_id=self.account_id,
            instrument_id=name,
            position_side=PositionSide.LONG if size > 0 else PositionSide.SHORT,
            quantity=Quantity(abs(size), 3),
            report_id=UUID4(),
            ts_last=now,
            ts_init=now,
            avg_px_open=Decimal(30_000),
        )

    async def generate_order_status_reports(self, command: Any) -> list[OrderStatusReport]:
        await self.may_answer.wait()
        return list(self.resting.values())

    async def generate_fill_reports(self, command: Any) -> list[Any]:
        return []

    async def generate_order_status_report(self, command: Any) -> OrderStatusReport | None:
        return None


class Bench:
    """Engines and venues on one bus, a kill switch over them, and time that moves when told."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        instruments: Iterable[Instrument] = (BTC,),
        account: AccountType = AccountType.MARGIN,
    ) -> None:
        self.loop = loop
        self.clock = TestClock()
        self.clock.set_time(START)
        self.bus = MessageBus(trader_id=TRADER, clock=self.clock)
        self.cache = Cache()
        self.portfolio = Portfolio(self.bus, self.cache, self.clock)
        self.engine = LiveExecutionEngine(loop, self.bus, self.cache, self.clock)
        self.risk = LiveRiskEngine(loop, self.portfolio, self.bus, self.cache, self.clock)
        for instrument in instruments:
            self.cache.add_instrument(instrument)
        names = sorted({instrument.venue.value for instrument in instruments})
        self.venues = [StubbornVenue(loop, self.bus, self.cache, self.clock, name, account) for name in names]
        self.venue = self.venues[0]
        for venue in self.venues:
            self.engine.register_client(venue)
        self.kernel: Any = SimpleNamespace(
            cache=self.cache,
            exec_engine=self.engine,
            risk_engine=self.risk,
            loop=loop,
            clock=self.clock,
            msgbus=self.bus,
        )
        self.liquidator = Liquidator(self.kernel)
        self.watch = VenueWatch(self.kernel, self.liquidator, 25.0)
        self.kill = KillSwitch()
        self.alarms: list[str] = []
        self._factories: dict[str, OrderFactory] = {}
        loop.run_until_complete(self._start())

    async def _start(self) -> None:
        self.engine.start()
        self.risk.start()
        for venue in self.venues:
            venue.open_account()
        await self._turns()

    async def _turns(self) -> None:
        for _ in range(60):
            await asyncio.sleep(0)

    def settle(self) -> None:
        self.loop.run_until_complete(self._turns())

    def order(self, strategy: str, side: OrderSide, quantity: str, price: str | None = None, **options: Any):
        factory = self._factories.setdefault(
            strategy, OrderFactory(TRADER, StrategyId(strategy), self.clock, use_uuid_client_order_ids=True)
        )
        instrument = options.pop("instrument", BTC)
        size = Quantity.from_str(quantity)
        if price is None:
            return factory.market(instrument.id, side, size, **options)
        return factory.limit(instrument.id, side, size, Price.from_str(price), **options)

    def send(self, strategy: str, side: OrderSide, quantity: str, price: str | None = None, **options: Any):
        order = self.order(strategy, side, quantity, price, **options)
        self.cache.add_order(order)
        command = SubmitOrder(TRADER, order.strategy_id, order, UUID4(), self.clock.timestamp_ns())
        self.bus.send("RiskEngine.execute", command)
        self.settle()
        return order

    def trip(self) -> None:
        self.kill.trip(self.clock.timestamp_ns(), "command", "drill")
        self.kill.latched()

    def step(self, seconds: float = 0.5) -> None:
        self.clock.set_time(self.clock.timestamp_ns() + round(seconds * SECOND))
        for action in self.kill.step(self.clock.timestamp_ns(), self.watch.look(resting=self.halted)):
            match action:
                case CancelAll(closes=closes):
                    self.liquidator.cancel_all(closes=closes)
                case Close(position=position, quantity=quantity):
                    self.liquidator.close(position, quantity)
                case Alarm(code=code):
                    self.alarms.append(code)
        self.settle()

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self.step()

    @property
    def halted(self) -> bool:
        return self.kill.state is KillState.HALTED

    def close(self) -> None:
        self.engine.stop()
        self.risk.stop()
        self.settle()
