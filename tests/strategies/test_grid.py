"""The grid's orders rest where they should, whatever happens, in real engine runs."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, LiquiditySide, OmsType, OrderType
from nautilus_trader.model.objects import Currency, Money, Quantity
from nautilus_trader.persistence.wranglers import BarDataWrangler
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.messages import AllocationUpdate, TargetUpdate, subscribe
from nautilus_quant.host.passive import Touch
from nautilus_quant.host.state import shared_store
from nautilus_quant.signals.grid import GridParams
from nautilus_quant.strategies.grid import GridConfig
from tests.host.engine import BTC, SECOND, START, USDT, Valve, engine, quotes
from tests.strategies.bar_runs import bars
from tests.strategies.grid_runs import CENTRE, Probe, allocate, at, level, regime, run

UNIT = 11.111  # a third of 1 000 000 / 30 000, rounded down to the lot
QUIET = [CENTRE] * 5
EMPTY = [
    ("BUY", 29_117.7, UNIT, False),
    ("BUY", 29_408.8, UNIT, False),
    ("BUY", 29_702.9, UNIT, False),
    ("SELL", 30_300.0, UNIT, False),
    ("SELL", 30_603.0, UNIT, False),
    ("SELL", 30_909.1, UNIT, False),
]
ONE_HELD = [*EMPTY[:2], ("SELL", 30_000.0, UNIT, True), *EMPTY[3:]]


def fills(strategy: Probe) -> list[tuple[str, float]]:
    done = [event for event in strategy.events if type(event).__name__ == "OrderFilled"]
    return [(event.order_side.name, round(float(event.last_px), 1)) for event in done]


# -- a quiet life --------------------------------------------------------------------------------------


def test_orders_rest_post_only_on_every_level() -> None:
    strategy = run(Probe(), QUIET)
    assert strategy.final == EMPTY
    assert all(order.is_post_only for order in strategy.orders)


def test_an_unchanged_grid_sends_nothing() -> None:
    closes = [*QUIET, *at(0.2, 0.5, 0.9, 0.4, -0.3, -0.9, 0.0)]
    strategy = run(Probe(), closes)
    assert strategy.commands == {1: 6}
    assert strategy.final == EMPTY


def test_a_fill_is_answered_across_at_once_as_a_maker() -> None:
    way = at(0, 0, -0.5, -1.2, -1.2, -2.2, -1.5, -0.9, -0.5, 0.3, 1.2, 1.2, 0.5, -0.2, 0, 0)
    strategy = run(Probe(), way)
    assert fills(strategy) == [
        ("BUY", 29_702.9), ("BUY", 29_408.8), ("SELL", 29_703.0), ("SELL", 30_000.0), ("SELL", 30_300.0),
        ("BUY", 30_000.0),
    ]  # fmt: skip
    filled = [order for order in strategy.orders if order.filled_qty > 0]
    assert {order.liquidity_side for order in filled} == {LiquiditySide.MAKER}
    assert strategy.left == 0.0
    assert strategy.final == EMPTY


def test_what_it_holds_in_theory_is_published_with_the_price_of_the_levels() -> None:
    strategy = run(Probe(allocation=0.0), at(0, 0, -1.2, -2.5, -1.5, -0.5, 0.0))
    told = [(round(t.exposure, 9), t.passive, t.price and round(t.price, 6)) for t in strategy.targets]
    assert told == [
        (0.0, True, None),
        (0.0, True, None),
        (round(1 / 3, 9), True, round(level(-1), 6)),
        (round(2 / 3, 9), True, round(level(-2), 6)),
        (round(2 / 3, 9), True, None),
        (round(1 / 3, 9), True, round(level(-1), 6)),
        (0.0, True, CENTRE),  # bars reach a little beyond their closes
    ]
    assert strategy.orders == []


def test_a_bar_that_goes_both_ways_is_two_targets() -> None:
    first, last = bars([CENTRE] * 2)
    low = BTC.make_price(level(-1.5))
    both = Bar(
        last.bar_type,
        last.open,
        BTC.make_price(level(0.5)),
        low,
        BTC.make_price(level(0.5)),
        last.volume,
        *[last.ts_event] * 2,
    )
    strategy = run(Probe(allocation=0.0), QUIET, made_bars=[first, both])
    told = [(round(t.exposure, 3), t.price and round(t.price, 1)) for t in strategy.targets]
    assert told == [(0.0, None), (0.333, 29_703.0), (0.0, 30_000.0)]
    assert len({t.ts for t in strategy.targets}) == 2


@pytest.mark.parametrize("seed", range(4))
def test_position_and_working_orders_never_exceed_the_bound(seed: int) -> None:
    steps = np.random.default_rng(seed).normal(0.0, 0.006, 150)
    closes = [float(x) for x in CENTRE * np.exp(np.cumsum(steps) - steps[0])]
    strategy = run(Probe(recenter_levels=1.0, stop=2.0, max_age=20, bound=0.5), closes)
    bound = 0.5 * 1_000_000 * 1.2 / min(closes)  # equity wanders a little
    assert max(strategy.most) <= bound
    assert max(strategy.most) > 0.3 * bound
    assert max(strategy.commands.values()) <= 6 + 6 + 1  # all cancelled, all placed anew, one that closes
    limits = [order for order in strategy.orders if order.order_type == OrderType.LIMIT]
    assert all(order.liquidity_side == LiquiditySide.MAKER for order in limits if order.filled_qty > 0)


# -- regimes -------------------------------------------------------------------------------------------


def test_another_regime_cancels_what_opens_and_keeps_what_reduces() -> None:
    way = [*at(0, 0, -1.2, -1.2, -1.2, -1.2), *at(-2.5, -2.5, -0.5)]
    strategy = run(Probe({4: regime("STRONG_TREND_DOWN")}), way)
    assert strategy.final == [("SELL", 30_000.0, UNIT, True)]
    assert strategy.left == UNIT
    assert [round(t.exposure, 3) for t in strategy.targets][2:] == [0.333] * 7
    back = run(Probe({4: regime("STRONG_TREND_DOWN"), 6: regime("RANGING")}), at(0, 0, *[-1.2] * 8))
    assert back.final == ONE_HELD


def test_what_reduces_still_does_in_another_regime() -> None:
    strategy = run(Probe({4: regime("HIGH_VOL")}), at(0, 0, -1.2, -1.2, -1.2, -0.5, 0.5, 1.5, 1.5))
    assert (strategy.left, strategy.final) == (0.0, [])
    assert fills(strategy) == [("BUY", 29_702.9), ("SELL", 30_000.0)]


def test_another_regime_flattens_if_told_so_and_a_new_grid_begins_in_the_next() -> None:
    told = {4: regime("STRONG_TREND_UP"), 8: regime("RANGING")}
    strategy = run(Probe(told, on_regime_exit="flatten"), at(0, 0, *[-1.2] * 10))
    left = strategy.targets[3]
    assert (left.exposure, left.passive, left.reason) == (0.0, False, "the regime is STRONG_TREND_UP")
    assert strategy.held[5] == strategy.left == 0.0
    assert strategy.final[2][1] == pytest.approx(level(-2.2), abs=0.2)
    assert len(strategy.final) == 6


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        ([regime("CRISIS", "MARKET")], False),
        ([regime("STRONG_TREND_UP", "MARKET")], False),  # its own is unknown
        ([regime("RANGING"), regime("STRONG_TREND_UP", "MARKET")], True),
        ([regime("RANGING"), regime("CRISIS", "MARKET")], False),
        ([regime("WARMING_UP")], False),
        ([regime("CRISIS", "ETHUSDT-PERP.BINANCE")], True),
    ],
)
def test_regimes_of_the_instrument_and_of_the_market_count(told: list, opens: bool) -> None:
    strategy = run(Probe({3: lambda s: [tell(s) for tell in told]}), [CENTRE] * 8)
    assert strategy.final == (EMPTY if opens else [])


def test_an_unknown_regime_is_refused_when_it_is_made() -> None:
    with pytest.raises(ValueError, match="RANGING"):
        Probe(regimes=("RANGIN",))


# -- gates and allocations -----------------------------------------------------------------------------


def test_behind_a_closed_gate_nothing_opens_and_what_reduces_passes() -> None:
    gate = Valve()
    way = at(0, 0, 0, 0, -1.2, -1.2, -1.2, -0.5, 0.5, 0.5, 0.5)
    strategy = run(Probe({3: lambda s: gate.close()}), way, gate)
    assert fills(strategy) == [("BUY", 29_702.9), ("SELL", 30_000.0)]
    assert strategy.left == 0.0
    assert "BUY" not in [one[0] for one in strategy.final if one[1] > 29_500]  # level −1 is not bought again
    assert strategy.outcomes["DENY"] == 1
    assert strategy.kinds()["OrderDenied"] == 0


def test_a_gate_that_allows_less_is_met_with_smaller_orders_and_no_others_later() -> None:
    strategy = run(Probe(), [CENTRE] * 12, Valve(Decimal("2.3456")))
    assert [size for _, _, size, _ in strategy.final] == [2.345] * 6
    assert strategy.commands[1] == 6
    assert sum(strategy.commands.values()) == 6
    assert strategy.outcomes == {"SIZED_DOWN": 1, "ALLOW": 6}


def test_a_gate_that_opens_again_lets_orders_grow() -> None:
    gate = Valve(Decimal(2))

    def widen(_: Probe) -> None:
        gate.allowed = Decimal(1_000)

    assert run(Probe({4: widen}), [CENTRE] * 10, gate).final == EMPTY


def test_no_allocation_cancels_and_closes_at_market_and_targets_flow_on() -> None:
    told = {4: allocate(0.0), 8: allocate(1.0)}
    strategy = run(Probe(told), at(0, 0, *[-1.2] * 5, -2.2, -2.2, -2.2, -2.2, -2.2))
    assert strategy.held[3] == UNIT
    assert strategy.held[5:8] == [0.0, 0.0, 0.0]
    closing = [order for order in strategy.orders if order.order_type == OrderType.MARKET]
    assert [(order.is_reduce_only, float(order.quantity)) for order in closing] == [(True, UNIT)]
    assert [round(t.exposure, 3) for t in strategy.targets][-4:] == [0.667] * 4
    # With an allocation again, what it should hold by now is bought where it rests, below the levels.
    opens = [one for one in strategy.final if one[0] == "BUY"]
    assert len(opens) == 3
    assert max(price for _, price, _, _ in opens) < level(-2.2)


def test_half_the_allocation_halves_the_levels() -> None:
    strategy = run(Probe({4: allocate(0.5)}), [CENTRE] * 10, made_bars=bars([CENTRE] * 2))
    assert [size for _, _, size, _ in strategy.final] == [5.555] * 6
    assert strategy.commands == {1: 6, 4: 12}  # replaced as soon as the venue has cancelled


def test_a_level_too_small_for_the_venue_is_not_sent() -> None:
    assert run(Probe(allocation=0.0001), QUIET).orders != []
    assert run(Probe(allocation=0.000_02), QUIET).orders == []  # a third of 20 USDT is less than a lot
    assert run(Probe(allocation=0.000_015), [500.0] * 5).orders == []  # a third of 15 USDT, and 10 the least
    assert run(Probe(allocation=0.000_06), [500.0] * 5).orders != []


def test_what_should_be_sold_already_follows_the_market_down() -> None:
    strategy = run(Probe({4: allocate(0.1)}), at(0, 0, -1.2, -1.2, -1.2, -1.4, -1.6, -1.6, -1.6))
    sells = [one for one in strategy.final if one[0] == "SELL" and one[3]]
    assert sells[0][1] == pytest.approx(level(-1.6), abs=0.3)
    assert sum(size for _, _, size, _ in sells) == pytest.approx(UNIT)


def test_a_grid_the_price_has_left_is_closed_at_market_and_begun_anew() -> None:
    way = at(0, 0, -3.2, -3.8, -3.8, -3.8, -3.8)
    strategy = run(Probe(recenter_levels=0.5, recenter_bars=2), way)
    closing = [order for order in strategy.orders if order.order_type == OrderType.MARKET]
    assert [float(order.quantity) for order in closing] == [3 * UNIT]
    assert strategy.left == 0.0
    assert [round(price / level(-3.8), 3) for _, price, _, _ in strategy.final] == [
        0.971, 0.98, 0.99, 1.01, 1.02, 1.03
    ]  # fmt: skip
    assert not any(reduces for _, _, _, reduces in strategy.final)


# -- trouble -------------------------------------------------------------------------------------------


def thin(closes: list[float], sizes: dict[int, float]) -> list[QuoteTick]:
    made = quotes(closes)
    for n, size in sizes.items():
        tick = QuoteTick.to_dict(made[n])
        made[n] = QuoteTick.from_dict({**tick, "bid_size": f"{size:.3f}", "ask_size": f"{size:.3f}"})
    return made


def test_a_part_filled_is_offered_back_and_the_rest_stays() -> None:
    closes = at(0, 0, -1.2, -0.8, -0.8, -0.8)
    strategy = run(Probe(), closes, data=thin(closes, {2: 4.0}), liquidity_consumption=True)
    assert strategy.final == [
        *EMPTY[:2], ("BUY", 29_702.9, 7.111, False), ("SELL", 30_000.0, 4.0, True), *EMPTY[3:],
    ]  # fmt: skip
    done = at(0, 0, -1.2, -0.8, -0.8, 0.5, 0.5, 0.5)
    after = run(Probe(), done, data=thin(done, {2: 4.0}), liquidity_consumption=True)
    assert (after.left, after.final) == (0.0, EMPTY)


def restart(strategy: Probe) -> None:
    """As a killed process comes back: orders and position are there, nothing else."""
    assert strategy._memory is not None
    strategy._memory.close(strategy.clock.timestamp_ns())
    strategy._forget()
    strategy._rule = strategy._new_rule(1_000_000_000)
    strategy.on_target_start()


def test_a_restart_adopts_the_orders_it_finds() -> None:
    with shared_store("memory://grid-restart"):
        steps = {5: restart}
        strategy = run(Probe(steps, state="memory://grid-restart"), at(0, 0, *[-1.2] * 8))
    assert strategy.final == ONE_HELD
    assert sum(count for second, count in strategy.commands.items() if 3 <= second < 10) == 0


def test_a_restart_without_its_grid_cancels_the_orders_it_finds() -> None:
    strategy = run(Probe({5: restart}), at(0, 0, *[-1.2] * 8))
    centre = level(-1.2)
    assert [price for _, price, _, _ in strategy.final if price > centre] != []
    assert all(abs(price / centre - 1) > 0.009 for _, price, _, reduces in strategy.final if not reduces)
    assert strategy.kinds()["OrderCanceled"] >= 6


def test_an_order_of_no_level_is_cancelled() -> None:
    def stray(s: Probe) -> None:
        order = s.order_factory.limit(
            BTC.id, 1, Quantity.from_str("1.000"), BTC.make_price(29_000.0), post_only=True
        )
        s._orders[order.client_order_id] = order
        s.submit_order(order)

    assert run(Probe({3: stray}), [CENTRE] * 8).final == EMPTY


def test_an_order_the_venue_sends_back_is_tried_again_a_tick_away_once_a_bar() -> None:
    back = run(Sent(levels=1, spacing=0.000_01, long_only=True), [CENTRE + 1.0, *[CENTRE] * 9])
    tried = [float(order.price) for order in back.orders if order.order_type == OrderType.LIMIT]
    assert len(tried) == back.kinds()["OrderRejected"] + 1
    assert [round(a - b, 6) for a, b in pairwise(tried)] == [0.1] * (len(tried) - 1)
    assert len(tried) == 5  # from 30000.4, taken for the bid, to 30000.0 below the real ask of 30000.1
    assert max(back.commands.values()) == 1
    assert back._came_back == {}


class Sent(Probe):
    """Believes the ask is half a unit higher than it is."""

    def _touch(self, instrument, side):
        real = super()._touch(instrument, side)
        return Touch(real.bid + Decimal("0.5"), real.ask + Decimal("0.5"))


def test_defaults_are_those_of_the_rule() -> None:
    config, rule = GridConfig(instrument=BTC.id), GridParams()
    for item in fields(GridParams):
        assert getattr(config, item.name) == getattr(rule, item.name), item.name


# -- over time, on spot, on real bars ------------------------------------------------------------------


def test_a_later_run_goes_on_with_grid_inventory_and_sizes() -> None:
    told = {"state": "memory://grid-runs", "on_regime_exit": "flatten"}
    with shared_store("memory://grid-runs"):
        first = run(Probe(**told), at(0, 0, -1.2, -1.2, -1.2))
        later = run(Probe(**told), at(-1.2, -1.2, -1.2, -1.2), first=5)
    assert first.final == ONE_HELD
    # The account starts anew, so what it should hold is bought first; levels and sizes are the old ones.
    assert [price for _, price, _, _ in later.final if price > CENTRE] == [30_300.0, 30_603.0, 30_909.1]
    assert {size for _, _, size, _ in later.final} == {UNIT}
    assert later.targets[0].exposure == pytest.approx(1 / 3)


def test_the_past_begins_no_grid_and_moves_a_saved_one_only_on() -> None:
    strategy = Probe(spacing=0.0, vol_half_life=3.0)
    for bar in bars(at(0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0, 0.1, 0.0)):
        strategy.on_historical_data(bar)
    assert strategy._rule.ready
    assert strategy._rule.ladder is None
    saved = run(Probe(), at(0, 0, -1.2, -1.2))._rule
    strategy = Probe()
    strategy._rule.restore(saved.to_dict())
    for bar in bars([CENTRE] * 3, first=-4_000):  # older than anything it remembers
        strategy.on_historical_data(bar)
    assert strategy._rule.to_dict() == saved.to_dict()
    for bar in bars(at(-2.5, -0.5, 0.5), first=4):
        strategy.on_historical_data(bar)
    assert (strategy._rule.exposure, strategy._rule.ladder) == (0.0, saved.ladder)


def test_rounds_of_orders_that_open_keep_their_distance_and_closing_never_waits() -> None:
    way = at(0, 0, -1.2, -0.5, 0.5, *[0.5] * 10)
    strategy = run(Probe(min_interval=8.0), way)
    opened = sorted({(o.ts_init - START) // SECOND for o in strategy.orders if not o.is_reduce_only})
    closed = [(o.ts_init - START) // SECOND for o in strategy.orders if o.is_reduce_only]
    assert closed == [2]
    assert opened == [1, 9]
    assert strategy.final == EMPTY


def test_on_spot_it_sells_only_what_it_holds_and_waits_for_cancels_before_it_sells_all() -> None:
    coin = TestInstrumentProvider.btcusdt_binance()
    closes = at(0, 0, *[-1.2] * 4, -0.5, 0.5, 0.5, *[-1.2] * 4)
    strategy = Probe({11: allocate(0.0)}, instrument=coin.id, long_only=True, allocation=0.5, bar="1-SECOND")
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    balances = [Money(1_000_000, USDT), Money(0, Currency.from_str("BTC"))]
    made.add_venue(coin.id.venue, OmsType.NETTING, AccountType.CASH, balances, bar_execution=False)
    made.add_instrument(coin)
    made.add_data([*quotes(closes, coin), *candles(coin, closes)])
    made.add_strategy(strategy)
    made.run()
    orders = made.cache.orders()
    assert not any(order.is_reduce_only for order in orders)
    assert [side for side, _ in fills(strategy)] == ["BUY", "SELL", "BUY", "SELL"]
    assert strategy.position_of(coin.id) == 0
    assert strategy.kinds()["OrderRejected"] + strategy.kinds()["OrderDenied"] == 0
    market = next(order for order in orders if order.order_type == OrderType.MARKET)
    cancels = [e.ts_event for e in strategy.events if type(e).__name__ == "OrderCanceled"]
    assert market.ts_init >= max(cancels)
    made.dispose()


def candles(instrument, closes: list[float]) -> list[Bar]:
    kind = f"{instrument.id}-1-SECOND-LAST-EXTERNAL"
    price, size = instrument.make_price, instrument.make_qty(1)
    return [
        Bar(BarType.from_str(kind), *[price(float(str(p))) for p in (b.open, b.high, b.low, b.close)], size,
            b.ts_event, b.ts_event)
        for b in bars(closes)
    ]  # fmt: skip


def month(nq_data: Path, count: int | None = None) -> list[Bar]:
    kind = BarType.from_str(f"{BTC.id}-1-MINUTE-LAST-EXTERNAL")
    frame = pd.read_parquet(nq_data / "ohlcv_1m_btc_perp_202201.parquet").set_index("ts_close")
    return BarDataWrangler(kind, BTC).process(frame)[:count]


@pytest.mark.slow
def test_ten_days_of_minutes_keep_bound_and_number_of_orders(nq_data: Path) -> None:
    strategy = Probe(
        bar="1-MINUTE", levels=5, spacing=0.004, stop=3.0, recenter_levels=2.0, max_age=500, allocation=0.5
    )
    made = engine(month(nq_data, 14_400), strategies=[strategy])
    targets: list = []
    subscribe(made.kernel.msgbus, TargetUpdate, targets.append)
    made.run()
    orders = made.cache.orders()
    limits = [order for order in orders if order.order_type == OrderType.LIMIT]
    assert len({t.ts for t in targets}) == 14_400
    assert {t.exposure for t in targets if t.exposure > 0.5} == {0.6, 0.8, 1.0}
    assert all(o.liquidity_side == LiquiditySide.MAKER for o in limits if o.filled_qty > 0)
    assert 500 < len(orders) < 2_000
    # A new grid cancels two orders a level, closes, and places two.
    assert max(strategy.commands.values()) <= 2 * (2 * 5 + 2 * 5 + 1)
    # Equity wanders a little, and an exit that is replaced counts until it is known to be cancelled.
    assert max(strategy.most) < 1.2 * 0.5 * 1_000_000 / min(float(o.price) for o in limits)
    assert abs(float(strategy.position_of(BTC.id))) <= max(strategy.most)
    made.dispose()


@pytest.mark.parametrize("state", [None, "memory://grid-unchosen"])
def test_a_restart_without_an_allocation_leaves_nothing_to_fill_and_nothing_held(state: str | None) -> None:
    def killed(s: Probe) -> None:
        assert s.position_of(BTC.id) > 0
        s._exposures.clear()
        s._allocations.clear()
        restart(s)
        s._on_allocation(AllocationUpdate(key=f"{s.id.value}|{BTC.id}", ts=0, allocation=0.0))

    strategy = Probe({4: killed, 6: lambda s: setattr(s, "resting_after", s.working())}, state=state)
    path = at(0, 0, *[-1.2] * 6)
    with shared_store("memory://grid-unchosen"):
        run(strategy, path, made_bars=bars(path[:3]))
    assert strategy.resting_after == []
    assert strategy.left == 0.0


@pytest.mark.parametrize(("namespace", "damage"), [("signal", {"grid": None}), ("grid", {"full": "x"})])
def test_a_damaged_state_begins_a_new_grid(namespace: str, damage: dict) -> None:
    with shared_store("memory://grid-damaged") as store:
        run(Probe(state="memory://grid-damaged"), at(0, 0, -1.2))
        ((key, saved),) = store.documents(namespace).items()
        store.put(namespace, key, {**saved, **damage}, ts=1)
        strategy = run(Probe(state="memory://grid-damaged"), at(*[0.7] * 5), first=3)
    assert [o for o in strategy.orders if o.price == BTC.make_price(level(1.7))]
