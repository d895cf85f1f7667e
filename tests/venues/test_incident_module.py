"""A backtest venue in trouble, in the real engine."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.backtest.models import LatencyModel
from nautilus_trader.common.config import LoggingConfig
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import FundingRateUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide, OrderStatus
from nautilus_trader.model.events import OrderCancelRejected, OrderModifyRejected
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.venues.funding_module import FundingModule, FundingModuleConfig
from nautilus_quant.venues.incident_module import IncidentModule, IncidentModuleConfig
from nautilus_quant.venues.incidents import Incident

S = 10**9
T0 = 1_700_000_000 * S
PERP = TestInstrumentProvider.btcusdt_perp_binance()
BUY = OrderSide.BUY


class Planned(Strategy):
    """Does what a plan says at each quote (counted from 0, one a second), and keeps its orders."""

    def __init__(self, plan):
        super().__init__()
        self.plan = plan
        self.seen = -1
        self.orders = []

    def on_start(self):
        self.subscribe_quote_ticks(PERP.id)

    def on_quote_tick(self, _tick):
        self.seen += 1
        for at, act in self.plan:
            if at == self.seen:
                act(self)

    def buy(self):
        self._send(self.order_factory.market(PERP.id, BUY, Quantity.from_str("0.010")))

    def rest(self):
        price = Price.from_str("30000.0")
        self._send(self.order_factory.limit(PERP.id, BUY, Quantity.from_str("0.010"), price))

    def bracket(self):
        orders = [
            self.order_factory.limit(PERP.id, BUY, Quantity.from_str("0.010"), Price.from_str(f"{price}.0"))
            for price in (30_000, 31_000)
        ]
        self.orders += orders
        self.submit_order_list(self.order_factory.create_list(orders))

    def _send(self, order):
        self.orders.append(order)
        self.submit_order(order)

    def cancel_first(self):
        self.cancel_order(self.orders[0])

    def modify_first(self):
        self.modify_order(self.orders[0], price=Price.from_str("29000.0"))


def quotes(count):
    bid, ask, size = Price.from_str("40000.0"), Price.from_str("40001.0"), Quantity.from_str("100.000")
    return [QuoteTick(PERP.id, bid, ask, size, size, T0 + n * S, T0 + n * S) for n in range(count)]


def engine_of(strategy, *modules, latency=None, data=()):
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money(1_000_000, USDT)],
        default_leverage=Decimal(10),
        modules=list(modules),
        latency_model=latency,
    )
    engine.add_instrument(PERP)
    engine.add_data([*quotes(60), *data], sort=True)
    engine.add_strategy(strategy)
    return engine


def module(*incidents, **options):
    return IncidentModule(IncidentModuleConfig(incidents=incidents, **options))


@pytest.fixture
def run():
    engines = []

    def run(plan, *modules, **options):
        strategy = Planned(plan)
        engine = engine_of(strategy, *modules, **options)
        engines.append(engine)
        engine.run()
        return strategy

    yield run
    for engine in engines:
        engine.dispose()


OUTAGE = Incident(kind="outage", at=10.0, duration=5.0)


def test_orders_are_rejected_in_an_outage_and_only_then(run):
    plan = [(n, Planned.buy) for n in (9, 10, 14, 15)]
    found = run(plan, module(OUTAGE, opening=T0)).orders
    filled, rejected = OrderStatus.FILLED, OrderStatus.REJECTED
    assert [order.status for order in found] == [filled, rejected, rejected, filled]
    assert found[1].events[-1].reason == "venue unreachable"


def test_without_an_opening_it_counts_from_the_start_of_the_run(run):
    found = run([(9, Planned.buy), (10, Planned.buy)], module(OUTAGE)).orders
    assert [order.status for order in found] == [OrderStatus.FILLED, OrderStatus.REJECTED]


def test_what_counts_is_when_an_order_arrives(run):
    plan = [(n, Planned.buy) for n in (9, 14)]
    latency = LatencyModel(base_latency_nanos=S)
    found = run(plan, module(OUTAGE, opening=T0, latency=1.0), latency=latency).orders
    assert [order.status for order in found] == [OrderStatus.REJECTED, OrderStatus.FILLED]


def test_working_orders_can_neither_be_cancelled_nor_changed(run):
    plan = [
        (2, Planned.rest),
        (11, Planned.cancel_first),
        (12, Planned.modify_first),
        (20, Planned.cancel_first),
    ]
    (order,) = run(plan, module(OUTAGE, opening=T0)).orders
    kinds = [type(event) for event in order.events]
    assert OrderCancelRejected in kinds
    assert OrderModifyRejected in kinds
    assert order.price == Price.from_str("30000.0")
    assert order.status is OrderStatus.CANCELED


def test_cancelling_all_in_an_outage_does_nothing(run):
    plan = [(2, Planned.rest), (11, lambda s: s.cancel_all_orders(PERP.id))]
    (order,) = run(plan, module(OUTAGE, opening=T0)).orders
    assert order.events[-1].ts_event < T0 + 30 * S
    assert order.status is not OrderStatus.CANCELED
    plan = [(2, Planned.rest), (20, lambda s: s.cancel_all_orders(PERP.id))]
    (order,) = run(plan, module(OUTAGE, opening=T0)).orders
    assert order.status is OrderStatus.CANCELED


def test_a_list_of_orders_is_rejected_whole(run):
    found = run([(11, Planned.bracket), (20, Planned.bracket)], module(OUTAGE, opening=T0)).orders
    assert [order.status for order in found[:2]] == [OrderStatus.REJECTED] * 2
    assert all(order.status is not OrderStatus.REJECTED for order in found[2:])


def test_a_burst_rejects_new_orders_by_chance_and_the_same_ones_each_time(run):
    burst = Incident(kind="rejects", at=5.0, duration=50.0, probability=0.4)
    plan = [(n, Planned.buy) for n in range(60)]
    one, two = (
        [order.status is OrderStatus.REJECTED for order in run(plan, module(burst, seed=3)).orders]
        for _ in range(2)
    )
    assert one == two
    assert not any(one[:5] + one[55:])
    assert 10 <= sum(one) <= 30


def test_a_burst_leaves_cancellations_alone(run):
    burst = Incident(kind="rejects", at=5.0, duration=50.0)
    (order,) = run([(2, Planned.rest), (11, Planned.cancel_first)], module(burst, opening=T0)).orders
    assert order.status is OrderStatus.CANCELED
    assert OrderCancelRejected not in [type(event) for event in order.events]


def test_a_venue_without_incidents_trades_as_if_there_were_no_module(run):
    plan = [(2, Planned.rest), (5, Planned.buy), (9, Planned.cancel_first), (12, Planned.bracket)]
    with_it, without = run(plan, module()), run(plan)
    assert [[type(e) for e in o.events] for o in with_it.orders] == [
        [type(e) for e in o.events] for o in without.orders
    ]
    assert [o.avg_px for o in with_it.orders] == [o.avg_px for o in without.orders]
    totals = [s.portfolio.account(Venue("BINANCE")).balance_total(USDT) for s in (with_it, without)]
    assert totals[0] == totals[1]


def test_funding_is_paid_into_the_account_of_the_client_that_stands_there(run):
    rate = FundingRateUpdate(PERP.id, Decimal("0.001"), T0 + 20 * S, T0 + 20 * S)
    funding = FundingModule(FundingModuleConfig())
    strategy = run([(9, Planned.buy)], module(OUTAGE, opening=T0), funding, data=[rate])
    # 0.01 × 40 000.5 (the middle, as there is no mark) × 0.001; and the fee, 0.01 × 40 001 × taker
    total = strategy.portfolio.account(Venue("BINANCE")).balance_total(USDT).as_decimal()
    fee = strategy.orders[0].commissions()[0].as_decimal()
    assert total == Decimal(1_000_000) - Decimal("0.400005") - fee


def test_a_second_run_begins_anew():
    burst = Incident(kind="rejects", at=0.0, duration=60.0, probability=0.5)
    strategy = Planned([(n, Planned.buy) for n in range(60)])
    engine = engine_of(strategy, module(burst, OUTAGE, seed=3))
    results = []
    for _ in range(2):
        engine.run()
        results.append([order.status for order in strategy.orders])
        strategy.orders, strategy.seen = [], -1
        engine.reset()
    engine.dispose()
    assert results[0] == results[1]
    assert OrderStatus.REJECTED in results[0]
