"""The pair in real engine runs: bars of both legs, the rule, and what is left after a restart."""

from __future__ import annotations

import math
from dataclasses import fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Money, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors import RegimeGate, RegimeGateConfig
from nautilus_quant.host.messages import AllocationUpdate, TargetUpdate, publish, subscribe
from nautilus_quant.host.state import shared_store
from nautilus_quant.signals.pair import PairParams, PairRule
from nautilus_quant.strategies.stat_arb import StatArb, StatArbConfig
from tests.host.engine import BTC, SECOND, START, USDT, engine, quotes
from tests.signals.test_hedge_ratio import pair

ETH = TestInstrumentProvider.ethusdt_perp_binance()
RULE: dict[str, Any] = {
    "hedge": "ols",
    "hedge_window": 60,
    "window": 70,
    "retest": 5,
    "enter_p": 0.06,
    "leave_p": 0.4,
    "lags": 2,
    "entry": 1.7,
    "exit": 0.4,
    "stop": 2.2,
    "max_holding": 4.0,
    "max_half_life": 40.0,
    "min_beta": 0.3,
    "max_beta": 4.0,
    "max_gap": 2,
    "cap": 0.8,
}


def stat_arb(kind: type[StatArb] = StatArb, **changes: Any) -> StatArb:
    settings = {
        "instrument": ETH.id,
        "partner": BTC.id,
        "bar": "1-SECOND",
        "history": False,
        **RULE,
        **changes,
    }
    return kind(StatArbConfig(**settings))


def closes(count: int, seed: int) -> list[tuple[float, float]]:
    """Prices of ETH and BTC that belong together."""
    y, x = pair(count, seed, beta=1.2, keep=0.85)
    y, x = y - y[0] + math.log(2_000.0), x - x[0] + math.log(30_000.0)
    return [(float(ETH.make_price(a)), float(BTC.make_price(b))) for a, b in np.exp(np.stack([y, x]).T)]


PRICES = closes(300, 15)


def bar_of(instrument: Any, close: float, ts: int) -> Bar:
    price = instrument.make_price(close)
    size = Quantity(1, instrument.size_precision)
    return Bar(BarType.from_str(f"{instrument.id}-1-SECOND-LAST-EXTERNAL"), *[price] * 4, size, ts, ts)


def bars(prices: list[tuple[float, float]], first: int = 0) -> list[Bar]:
    """Bars of a second; those of the partner come first."""
    made = []
    for at, (eth, btc) in enumerate(prices, first):
        ts = START + (at + 1) * SECOND
        made += [bar_of(BTC, btc, ts), bar_of(ETH, eth, ts)]
    return made


def ticks(prices: list[tuple[float, float]], first: int = 0) -> list[QuoteTick]:
    """Quotes of both legs at the time of each bar, and before it."""
    eth = quotes([2_000.0] * first + [eth for eth, _ in prices], ETH, 0.02)[first:]
    btc = quotes([30_000.0] * first + [btc for _, btc in prices])[first:]
    return [*eth, *btc]


def build(strategy: StatArb, prices=PRICES, *, first: int = 0, drop=lambda _: False, actors=()) -> Any:
    data = [item for item in [*ticks(prices, first), *bars(prices, first)] if not drop(item)]
    data.sort(key=lambda item: (item.ts_init, isinstance(item, Bar)))
    return engine(data, strategies=[strategy], instruments=(BTC, ETH), actors=actors)


def run(strategy: StatArb, prices=PRICES, **options: Any) -> list[TargetUpdate]:
    made = build(strategy, prices, **options)
    wanted: list[TargetUpdate] = []
    subscribe(made.kernel.msgbus, TargetUpdate, wanted.append)
    made.run()
    strategy.left = [float(strategy.position_of(leg)) for leg in strategy.legs]
    strategy.traded = len(made.cache.orders())
    made.dispose()
    return wanted


def expected(prices=PRICES, skip: tuple[int, ...] = ()) -> list[tuple[int, float, float, str]]:
    """What the rule alone says."""
    rule, out = PairRule(PairParams(**RULE), interval=SECOND), []
    for at, (eth, btc) in enumerate(prices):
        target = None if at in skip else rule.update(START + (at + 1) * SECOND, eth, btc)
        if target is not None:
            out.append((START + (at + 1) * SECOND, *target))
    return out


def rows(wanted: list[TargetUpdate]) -> list[tuple[int, float, float, str]]:
    first, second = wanted[::2], wanted[1::2]
    assert {t.instrument for t in first} <= {ETH.id.value}
    assert {t.instrument for t in second} <= {BTC.id.value}
    return [(a.ts, a.exposure, b.exposure, a.reason) for a, b in zip(first, second, strict=True)]


def entries() -> list[int]:
    """At which bars the rule enters."""
    return [(ts - START) // SECOND - 1 for ts, *_, reason in expected() if reason.endswith("entered")]


def test_wants_what_the_rule_says_of_both_legs() -> None:
    strategy = stat_arb()
    assert rows(run(strategy)) == expected()
    assert len(entries()) > 2
    assert strategy.traded >= 4


def test_it_holds_both_legs_as_wanted_and_none_when_it_is_over() -> None:
    at = entries()[0]
    holding = stat_arb()
    wanted = rows(run(holding, PRICES[: at + 1]))
    eth, btc = PRICES[at]
    assert holding.left[0] * eth == pytest.approx(wanted[-1][1] * 1_000_000, rel=0.02)
    assert holding.left[1] * btc == pytest.approx(wanted[-1][2] * 1_000_000, rel=0.02)
    over = next(ts for ts, a, *_ in expected() if not a and ts > START + (at + 1) * SECOND)
    flat = stat_arb()
    run(flat, PRICES[: (over - START) // SECOND + 1])
    assert flat.left == [0.0, 0.0]
    assert flat.traded == 4


def test_it_says_which_legs_it_trades() -> None:
    assert stat_arb().legs == (ETH.id, BTC.id)


def test_a_bar_without_its_partner_is_not_used() -> None:
    lost = bar_of(BTC, PRICES[100][1], START + 101 * SECOND)
    assert rows(run(stat_arb(), drop=lambda item: isinstance(item, Bar) and item == lost)) == expected(
        skip=(100,)
    )


def test_a_partner_that_falls_silent_ends_the_trade() -> None:
    silent = START + (entries()[0] + 1) * SECOND
    strategy = stat_arb()
    wanted = rows(
        run(
            strategy,
            drop=lambda i: isinstance(i, Bar) and i.ts_init > silent and i.bar_type.instrument_id == BTC.id,
        )
    )
    assert wanted[-1] == (silent + 3 * SECOND, 0.0, 0.0, "no bars of both legs for 3 bars")
    assert strategy.left == [0.0, 0.0]


def test_without_an_allocation_targets_keep_flowing_and_nothing_is_held() -> None:
    none = stat_arb(allocation=0.0)
    assert rows(run(none)) == expected()
    assert none.traded == 0
    at = entries()[0]

    class Cut(StatArb):
        def on_bar(self, bar: Bar) -> None:
            super().on_bar(bar)
            if bar.ts_event == START + (at + 1) * SECOND:
                publish(
                    self.msgbus, AllocationUpdate(key=f"{self.id}|{ETH.id}", ts=bar.ts_event, allocation=0.0)
                )

    cut = stat_arb(Cut)
    assert rows(run(cut)) == expected()
    assert cut.left == [0.0, 0.0]


@pytest.mark.parametrize("unknown", [None, ETH, BTC])
def test_a_regime_gate_that_forbids_one_leg_keeps_both_out(unknown) -> None:
    orderly = ["RANGING", "STRONG_TREND_UP", "STRONG_TREND_DOWN", "HIGH_VOL"]
    gate = RegimeGate(
        RegimeGateConfig(
            matrix={"stat_arb": orderly},
            warm_up=20,
            adx_period=5,
            slow_half_life=50.0,
            market_least=9,
            # judged by bars that nobody hears, an instrument has no regime
            proxies={} if unknown is None else {unknown.id.value: "XRPUSDT-PERP.BINANCE"},
        )
    )
    strategy = stat_arb()
    run(strategy, actors=[gate])
    assert (strategy.traded >= 4) == (unknown is None)
    assert (strategy.traded == 0) == (unknown is not None)


# -- restarts -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offset", [-30, 0, 1])
def test_a_restart_goes_on_as_if_it_had_not_been(offset: int) -> None:
    cut = entries()[0] + 1 + offset
    with shared_store(f"memory://pair-restart{offset}"):
        run(stat_arb(state=f"memory://pair-restart{offset}"), PRICES[:cut])
        later = run(stat_arb(state=f"memory://pair-restart{offset}"), PRICES[cut:], first=cut)
    assert rows(later) == [row for row in expected() if row[0] > START + cut * SECOND]


@pytest.mark.parametrize("damage", [{"rule": {}}, {"rule": None}, {"plan": {"x": "y"}}])
def test_a_damaged_state_begins_anew_and_does_not_stop_the_node(damage: dict[str, Any]) -> None:
    cut = entries()[0] + 1
    with shared_store("memory://pair-damaged") as store:
        run(stat_arb(state="memory://pair-damaged"), PRICES[:cut])
        ((key, saved),) = store.documents("pair").items()
        store.put("pair", key, {**saved, **damage}, ts=1)
        later = run(stat_arb(state="memory://pair-damaged"), PRICES[cut:], first=cut)
    assert rows(later) == rows(run(stat_arb(), PRICES[cut:], first=cut))


AT = entries()[0]


class Bereft(StatArb):
    """Its partner leg is closed by somebody, or a part of it, while it does not run."""

    part = Decimal(1)

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        if bar.ts_event == START + (AT + 2) * SECOND and bar.bar_type == self.bar_type:
            held = self.position_of(BTC.id)
            side = "SELL" if held > 0 else "BUY"
            order = self.order_factory.market(
                BTC.id, OrderSide[side], BTC.make_qty(abs(held) * self.part), reduce_only=True
            )
            self.submit_order(order)
            self.stop()


def test_a_restart_with_one_leg_closes_it_and_waits_for_the_next_signal() -> None:
    with shared_store("memory://pair-bereft"):
        strategy = stat_arb(Bereft, state="memory://pair-bereft")
        made = build(strategy)
        pause = START + (AT + 3) * SECOND + SECOND // 2
        made.run(end=pause, streaming=True)
        held = [strategy.position_of(leg) for leg in strategy.legs]
        assert (held[0] != 0, held[1]) == (True, 0)
        traded = len(made.cache.orders())
        strategy.reset()
        publish(made.kernel.msgbus, AllocationUpdate(key=strategy.id.value, ts=pause, allocation=1.0))
        strategy.start()
        assert strategy._rule.ready
        again = START + (entries()[1]) * SECOND
        made.run(start=pause, end=again, streaming=True)
        assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
        assert len(made.cache.orders()) == traded + 1
        made.run(start=again)
        assert len(made.cache.orders()) > traded + 1
        made.dispose()


def test_a_restart_with_half_a_leg_remembers_what_belonged_together() -> None:
    class Halved(Bereft):
        part = Decimal("0.5")

    with shared_store("memory://pair-halved"):
        strategy = stat_arb(Halved, state="memory://pair-halved")
        made = build(strategy)
        pause = START + (AT + 3) * SECOND + SECOND // 2
        made.run(end=pause, streaming=True)
        whole = strategy.position_of(ETH.id)
        strategy.reset()
        strategy.start()
        made.run(start=pause, end=pause + SECOND // 4, streaming=True)
        made.run(start=pause + SECOND // 4, end=pause + 2 * SECOND, streaming=True)
        assert float(strategy.position_of(ETH.id) / whole) == pytest.approx(0.5, abs=0.01)
        made.dispose()


# -- the past ---------------------------------------------------------------------------------------------


class Remembering(StatArb):
    """Is handed the history a live data client would have answered with, one leg after the other."""

    late = False

    def request_bars(self, bar_type, start, callback=None, **_):
        self.asked = [*getattr(self, "asked", []), (bar_type, start, callback)]
        return UUID4()

    def on_target_start(self) -> None:
        super().on_target_start()
        if self.config.history and not self.late:
            self.answer()

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        if self.late and bar.ts_event == START + 104 * SECOND and bar.bar_type == self.bar_type:
            self.answer()

    def answer(self) -> None:
        for request, (bar_type, _, callback) in zip(list(self._asked), self.asked, strict=True):
            for bar in bars(PRICES[:100]):
                if bar.bar_type == bar_type:
                    self.on_historical_data(bar)
            callback(request)
        self.on_historical_data("something else")


@pytest.mark.parametrize("late", [False, True])
def test_history_warms_it_up_also_when_bars_came_first(late: bool) -> None:
    class Late(Remembering):
        pass

    Late.late = late
    strategy = stat_arb(Late, history=True)
    wanted = rows(run(strategy, PRICES[100:], first=100))
    start = START + (104 if late else 100) * SECOND
    assert wanted == [row for row in expected() if row[0] > start]
    assert [bar_type.instrument_id for bar_type, *_ in strategy.asked] == [ETH.id, BTC.id]
    assert strategy.asked[0][1].timestamp() * 1e9 == pytest.approx(START + 100 * SECOND - 400 * SECOND)


def test_without_history_it_warms_up_with_what_comes() -> None:
    strategy = stat_arb(Remembering)
    assert len(rows(run(strategy, PRICES[100:], first=100))) == 200 - 69
    assert not hasattr(strategy, "asked")


def test_a_reset_pair_knows_nothing() -> None:
    strategy = stat_arb()
    run(strategy)
    assert strategy._rule.ready
    strategy.on_reset()
    assert not strategy._rule.ready


# -- what it can be told ----------------------------------------------------------------------------------


def test_defaults_are_those_of_the_rule() -> None:
    config, rule = StatArbConfig(instrument=ETH.id, partner=BTC.id), PairParams()
    for item in fields(PairParams):
        assert getattr(config, item.name) == getattr(rule, item.name), item.name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"enter_p": 0.5}, "enter_p < leave_p"),
        ({"partner": ETH.id}, "partner other than the instrument"),
        ({"partner_bar": "1-MINUTE"}, "bars of one length"),
        ({"bar": "100-TICK"}, "not time based"),
        ({"leg_timeout": 0.0}, "leg_timeout > 0"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_made(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stat_arb(**changes)


# -- real data --------------------------------------------------------------------------------------------


class Watched(StatArb):
    """Notes how long a leg was alone, at every event of an order and every bar."""

    since: int | None = None
    longest = 0
    entered = 0

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        self.look()

    def on_order_event(self, event) -> None:
        super().on_order_event(event)
        self.look()

    def look(self) -> None:
        now, held = self.clock.timestamp_ns(), [bool(self.position_of(leg)) for leg in self.legs]
        if self.since is not None:
            self.longest = max(self.longest, now - self.since)
        if held[0] == held[1]:
            self.since = None
        elif self.since is None:
            self.since = now
        self.entered = max(self.entered, all(held) * 1)


def real_bars(folder: Path, symbol: str, instrument: Any) -> list[Bar]:
    """Hourly bars of 2023, stamped at the close."""
    table = pd.read_parquet(folder / "ohlcv_1h_perp_binance.parquet", filters=[("symbol", "==", symbol)])
    table = table[table["ts_open"].dt.year == 2023]
    kind = BarType.from_str(f"{instrument.id}-1-HOUR-LAST-EXTERNAL")
    stamps = (table["ts_open"] + pd.Timedelta(hours=1)).astype("datetime64[ns, UTC]").astype("int64")
    columns = (table[name].tolist() for name in ("open", "high", "low", "close", "volume"))
    return [
        Bar(kind, *(instrument.make_price(v) for v in row[:4]), instrument.make_qty(row[4]), ts, ts)
        for ts, row in zip(stamps.tolist(), zip(*columns, strict=True), strict=True)
    ]


def test_a_year_of_real_hours_never_leaves_a_leg_alone_for_long(nq_data: Path) -> None:
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        Venue("BINANCE"),
        OmsType.NETTING,
        AccountType.MARGIN,
        [Money(1_000_000, USDT)],
        default_leverage=Decimal(10),
    )
    for symbol, instrument in (("ETHUSDT", ETH), ("BTCUSDT", BTC)):
        made.add_instrument(instrument)
        made.add_data(real_bars(nq_data, symbol, instrument), sort=False)
    made.sort_data()
    strategy = Watched(StatArbConfig(instrument=ETH.id, partner=BTC.id, bar="1-HOUR", history=False))
    made.add_strategy(strategy)
    made.run()
    assert strategy._rule.ready
    assert strategy.entered
    assert len(made.cache.orders()) >= 8
    assert strategy.longest <= strategy.config.leg_timeout * SECOND
    made.dispose()
