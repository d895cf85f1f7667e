"""Targets become orders, behind the gates, in real engine runs."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.host.messages import AllocationUpdate, TargetUpdate, publish, subscribe
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from tests.host.engine import BTC, START, USDT, GateActor, Valve, engine, quotes

ETH = TestInstrumentProvider.ethusdt_perp_binance()
BITCOIN = Currency.from_str("BTC")


class Wishes(TargetStrategy):
    """Wants what it is told at the n-th quote."""

    def __init__(self, wishes: dict[int, float], steps=None, *, spot=BTC.id, **config) -> None:
        super().__init__(TargetStrategyConfig(instrument=spot, **config))
        self.wishes = wishes
        self.steps = steps or {}
        self.seen = 0
        self.targets: list[TargetUpdate] = []

    def on_target_start(self) -> None:
        subscribe(self.msgbus, TargetUpdate, self.targets.append)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if self.seen in self.steps:
            self.steps[self.seen](self)
        if self.seen in self.wishes:
            self.set_target(self.config.instrument, self.wishes[self.seen], ts=tick.ts_event, reason="told")
        self.seen += 1


def run(strategy: Wishes, *gates: Valve, prices=None) -> Wishes:
    made = engine(
        quotes(prices or [30_000.0] * 60), actors=[GateActor(g) for g in gates], strategies=[strategy]
    )
    made.run()
    strategy.left = strategy.position_of(BTC.id)
    # Fees and spread move the equity a little: sizes to the hundredth of a coin.
    strategy.orders = [round(o.quantity.as_decimal(), 2) for o in made.cache.orders()]
    strategy.reduce_only = [o.is_reduce_only for o in made.cache.orders()]
    strategy.status = [o.status_string() for o in made.cache.orders()]
    strategy.gateway_outcomes = next((dict(a.gateway.outcomes) for a in made.kernel.trader.actors()), {})
    made.dispose()
    return strategy


def test_a_full_target_is_the_equity_times_leverage():
    held = run(Wishes({5: 1.0}, leverage=2.0)).left
    assert held == Decimal("66.666")  # 2 × 1 000 000 / 30 000, rounded down to the lot


def test_targets_are_published_also_without_an_allocation():
    strategy = run(Wishes({5: 0.5, 6: -0.5}, allocation=0.0))
    assert [t.exposure for t in strategy.targets] == [0.5, -0.5]
    assert [t.ts for t in strategy.targets] == [START + 5_000_000_000, START + 6_000_000_000]
    assert strategy.orders == []


def test_a_target_says_how_it_is_reached():
    def rest(s: Wishes) -> None:
        s.set_target(BTC.id, -0.25, ts=7, reason="sold", passive=True, price=30_100.5)

    told, plain = run(Wishes({6: 0.5}, {5: rest}, allocation=0.0)).targets
    assert (told.exposure, told.reason, told.passive, told.price) == (-0.25, "sold", True, 30_100.5)
    assert (plain.exposure, plain.passive, plain.price) == (0.5, False, None)


def test_an_allocation_from_the_bus_sizes_and_zero_flattens():
    def allocate(share):
        return lambda s: publish(s.msgbus, AllocationUpdate(key=s.id.value, ts=0, allocation=share))

    strategy = run(Wishes({5: 1.0}, {10: allocate(0.5), 20: allocate(0.0)}))
    assert strategy.orders == [Decimal("33.33"), Decimal("16.67"), Decimal("16.66")]
    assert strategy.left == 0


def test_an_allocation_published_before_the_start_counts():
    strategy = Wishes({5: 1.0})
    made = engine(strategies=[strategy])
    publish(made.kernel.msgbus, AllocationUpdate(key=strategy.id.value, ts=0, allocation=0.1))
    made.run()
    assert strategy.position_of(BTC.id) == Decimal("3.333")
    made.dispose()


def test_small_changes_do_not_churn_but_going_flat_is_always_done():
    strategy = run(Wishes({5: 0.50, 6: 0.52, 7: 0.48, 8: 0.60, 9: 0.0}, rebalance_threshold=0.05))
    assert strategy.orders == [Decimal("16.67"), Decimal("3.33"), Decimal("20.00")]
    assert strategy.reduce_only == [False, False, True]


def test_a_reversal_is_one_order():
    strategy = run(Wishes({5: 0.5, 8: -0.5}))
    assert strategy.orders == [Decimal("16.67"), Decimal("33.33")]
    assert round(strategy.left, 2) == Decimal("-16.66")


def test_a_closed_gate_lets_a_reversal_close_and_no_more():
    gate = Valve()
    strategy = run(Wishes({5: 0.5, 8: -0.5}, {7: lambda s: gate.close()}), gate)
    assert strategy.left == 0
    assert strategy.reduce_only == [False, True]
    assert strategy.status == ["FILLED", "FILLED"]  # nothing was sent to be denied


def test_a_gate_that_allows_less_is_met_with_a_smaller_order():
    strategy = run(Wishes({5: 1.0}), Valve(Decimal("1.2345")))
    assert strategy.left == Decimal("1.234")
    assert strategy.gateway_outcomes == {"SIZED_DOWN": 1, "ALLOW": 1}


def test_a_lasting_cut_is_recorded_once():
    strategy = run(Wishes(dict.fromkeys(range(5, 30), 1.0)), Valve(Decimal(0)))
    assert strategy.orders == []
    assert strategy.gateway_outcomes == {"DENY": 1}


@pytest.mark.parametrize("nonsense", [float("nan"), float("inf"), -float("inf")])
def test_a_target_that_is_no_number_changes_nothing(nonsense):
    strategy = run(Wishes({5: 0.5, 8: nonsense}))
    assert strategy.left == Decimal("16.666")
    assert len(strategy.targets) == 1


def test_exposures_beyond_one_are_cut():
    assert run(Wishes({5: 7.0})).left == Decimal("33.333")


def test_openings_wait_for_their_interval_and_closings_do_not():
    strategy = run(Wishes({5: 0.2, 6: 0.6, 7: 0.0, 20: 0.2}, min_interval=10.0))
    assert strategy.orders == [Decimal("6.67"), Decimal("6.67"), Decimal("6.67")]


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("1-MINUTE", "BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL"),
        ("5-second", "BTCUSDT-PERP.BINANCE-5-SECOND-LAST-EXTERNAL"),
        ("1-MINUTE-MID-INTERNAL", "BTCUSDT-PERP.BINANCE-1-MINUTE-MID-INTERNAL"),
        ("BTCUSDT-PERP.BINANCE-1-HOUR-BID-INTERNAL", "BTCUSDT-PERP.BINANCE-1-HOUR-BID-INTERNAL"),
    ],
)
def test_bar_types_are_read_as_people_write_them(text, means):
    assert str(bar_type_of(BTC.id, text)) == means


@pytest.mark.parametrize("text", ["MINUTE", "1-FORTNIGHT", "ETHUSDT-PERP.BINANCE-1-HOUR-BID-INTERNAL", ""])
def test_other_bar_types_are_refused_with_an_example(text):
    with pytest.raises(ValueError, match="1-MINUTE"):
        bar_type_of(BTC.id, text)


def test_without_its_instrument_it_does_not_run():
    strategy = Wishes({5: 1.0})
    made = engine(strategies=[strategy], instruments=[ETH], data=quotes([2_000.0] * 20, ETH))
    made.run()
    assert strategy.seen == 0
    assert not strategy.is_running
    assert made.cache.orders() == []
    made.dispose()


def test_a_target_before_any_price_waits_for_the_next():
    class Eager(Wishes):
        def on_target_start(self) -> None:
            self.set_target(BTC.id, 1.0, ts=START)

    assert run(Eager({})).orders == []
    assert run(Eager({5: 1.0})).left > 0


def test_what_was_bought_without_a_target_is_left_alone():
    def buy(s: Wishes) -> None:
        s.submit_order(s.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("2.000")))

    strategy = run(Wishes({}, {5: buy}))
    assert strategy.left == 2
    assert strategy.targets == []


def test_the_allocation_of_another_strategy_is_not_its_own():
    def cut(s: Wishes) -> None:
        publish(s.msgbus, AllocationUpdate(key="Other-001", ts=1, allocation=0.0))

    assert run(Wishes({5: 1.0}, {10: cut})).left > 0


def test_a_position_larger_than_the_largest_order_is_left_in_parts():
    narrow = CryptoPerpetual.from_dict({**CryptoPerpetual.to_dict(BTC), "max_quantity": "2.000"})
    strategy = Wishes({3: 1.0, 30: 0.0}, allocation=0.15)
    made = engine(quotes([30_000.0] * 60), strategies=[strategy], instruments=[narrow])
    made.run()
    sizes = [order.quantity.as_decimal() for order in made.cache.orders_closed()]
    assert strategy.position_of(BTC.id) == 0
    assert len(sizes) == 6
    assert max(sizes) == 2
    made.dispose()


def test_spot_is_sold_without_a_word_spot_venues_refuse():
    coin = TestInstrumentProvider.btcusdt_binance()
    strategy = Wishes({3: 1.0, 30: 0.0}, spot=coin.id, allocation=0.5)
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        Venue("BINANCE"), OmsType.NETTING, AccountType.CASH, [Money(1_000_000, USDT), Money(0, BITCOIN)]
    )
    made.add_instrument(coin)
    made.add_data(quotes([30_000.0] * 60, coin))
    made.add_strategy(strategy)
    made.run()
    assert strategy.position_of(coin.id) == 0
    assert [order.is_reduce_only for order in made.cache.orders()] == [False, False]
    made.dispose()


def test_an_order_that_opens_less_than_the_venue_takes_is_not_sent_and_closing_is():
    # The least value is 10 USDT of 1 000 000: an exposure of 0.000 03 wants 30, one of 0.000 001 wants 1.
    assert BTC.min_notional is not None
    least = float(BTC.min_notional)
    below = run(Wishes({5: 0.9 * least / 1_000_000}), prices=[500.0] * 60)
    above = run(Wishes({5: 2.0 * least / 1_000_000, 9: 0.0}, rebalance_threshold=0.0), prices=[500.0] * 60)
    assert below.orders == []
    assert len(above.orders) == 2
    assert above.left == 0


def test_several_targets_are_all_published_before_the_first_is_traded():
    class Both(Wishes):
        @property
        def legs(self):
            return (BTC.id, ETH.id)

        def on_quote_tick(self, tick: QuoteTick) -> None:
            self.seen += 1
            if self.seen == 20:
                self.set_targets({BTC.id: 0.5, ETH.id: -0.25}, ts=tick.ts_event, reason="told")
            if self.seen == 30:
                self.set_targets({BTC.id: 0.1, ETH.id: float("nan")}, ts=tick.ts_event)

        def submit_order(self, order, *args, **kwargs):
            self.known = [target.exposure for target in self.targets]
            super().submit_order(order, *args, **kwargs)

    strategy = Both({})
    ticks = sorted([*quotes([30_000.0] * 20), *quotes([2_000.0] * 20, ETH)], key=lambda tick: tick.ts_event)
    made = engine(ticks, strategies=[strategy], instruments=[BTC, ETH])
    made.run()
    assert strategy.known == [0.5, -0.25]
    assert round(strategy.position_of(BTC.id), 1) == Decimal("16.7")
    assert round(strategy.position_of(ETH.id)) == -125
    assert len(strategy.targets) == 2
    made.dispose()


def test_it_says_what_it_trades_and_does_not_run_without_all_of_it():
    class Both(Wishes):
        @property
        def legs(self):
            return (BTC.id, ETH.id)

    assert Wishes({}).legs == (BTC.id,)
    strategy = Both({5: 1.0})
    made = engine(strategies=[strategy])
    made.run()
    assert not strategy.is_running
    assert made.cache.orders() == []
    made.dispose()


def allocation(share: float):
    return lambda s: publish(s.msgbus, AllocationUpdate(key=s.id.value, ts=0, allocation=share))


def buy_ten(s: Wishes) -> None:
    s.submit_order(s.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str("10.000")))


def test_what_is_found_without_a_target_is_closed_when_nothing_is_allotted():
    strategy = run(Wishes({}, {5: buy_ten, 10: allocation(0.0)}))
    assert strategy.left == 0
    assert strategy.reduce_only == [False, True]


def test_what_is_found_at_a_start_is_closed_when_nothing_is_allotted():
    strategy = Wishes({5: 0.5})
    made = engine(strategies=[strategy])
    made.run(end=START + 20_000_000_000, streaming=True)
    assert strategy.position_of(BTC.id) > 0
    strategy.stop()
    publish(made.kernel.msgbus, AllocationUpdate(key=strategy.id.value, ts=0, allocation=0.0))
    strategy.reset()
    strategy.wishes = {}
    strategy.start()
    made.run(start=START + 21_000_000_000)
    assert strategy.position_of(BTC.id) == 0
    made.dispose()


def test_bars_without_a_target_close_what_nothing_is_allotted_to():
    strategy = run(Wishes({}, {5: allocation(0.0), 10: buy_ten, 15: lambda s: s.leave_unallotted()}))
    assert strategy.left == 0


def test_an_allocation_that_ends_while_a_cut_order_is_on_its_way_closes_what_it_fills():
    gate = Valve(Decimal("1.2345"))

    class Slow(Wishes):
        """Its opening orders rest a while, as in a live node they do."""

        def _submit(self, instrument, side, quantity, *, opening) -> None:
            if not opening:
                super()._submit(instrument, side, quantity, opening=opening)
                return
            quantity, price = instrument.make_qty(quantity), instrument.make_price(29_000)
            order = self.order_factory.limit(instrument.id, OrderSide.BUY, quantity, price)
            self._pending[instrument.id] = order
            self.submit_order(order)

    prices = [*[30_000.0] * 20, *[28_990.0] * 20]
    strategy = run(Slow({5: 1.0}, {10: allocation(0.0)}), gate, prices=prices)
    assert strategy.status == ["FILLED", "FILLED"]
    assert strategy.left == 0
