"""Targets that cannot pay for themselves are not traded, in real engine runs."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from nautilus_trader.model.data import Bar
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.host.hurdle import CostHurdle
from nautilus_quant.host.messages import AllocationUpdate, publish
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

MINUTE = 60 * SECOND
MINUTES = bar_type_of(BTC.id, "1-MINUTE")
STEP = 0.001  # every bar goes up or down by so much
# Variance a second 0.001² / 60, so over an hour 0.001² * 60: 0.775 %.
HOURLY = STEP * math.sqrt(60)
# In and out at the instrument's 0.018 % and a half spread of 0.1 on 30 000.
COST = (1 + 0.1 / 30_000) * 1.00018 / ((1 - 0.1 / 30_000) * (1 - 0.00018)) - 1


def bars(count: int, step: float = STEP) -> list[Bar]:
    """Bars up and down in turn; a quote half a second after each stays at 30 000."""
    made = []
    for n in range(count):
        price = Price(30_000.0 * math.exp(step * (n % 2)), 1)
        ts = START + n * MINUTE
        made.append(Bar(MINUTES, price, price, price, price, Quantity(1, 3), ts, ts))
    return made


def market(count: int, step: float = STEP) -> list:
    calm = [
        type(q)(q.instrument_id, q.bid_price, q.ask_price, q.bid_size, q.ask_size, ts, ts)
        for n, q in enumerate(quotes([30_000.0] * count))
        for ts in [START + n * MINUTE + SECOND // 2]
    ]
    return sorted([*bars(count, step), *calm], key=lambda data: data.ts_init)


class Wishes(TargetStrategy):
    """Wants what it is told at the quote after the n-th bar."""

    def __init__(self, wishes: dict[int, float], steps=None, **config) -> None:
        super().__init__(TargetStrategyConfig(instrument=BTC.id, **config))
        self.wishes = wishes
        self.steps = steps or {}
        self.seen = 0

    def on_quote_tick(self, tick) -> None:
        if self.seen in self.steps:
            self.steps[self.seen](self)
        if self.seen in self.wishes:
            self.set_target(BTC.id, self.wishes[self.seen], ts=tick.ts_event)
        self.seen += 1


def trades(strategy: Wishes, data=None) -> list[Decimal]:
    made = engine(market(40) if data is None else data, strategies=[strategy], bar_execution=False)
    made.run()
    signed = [o.quantity.as_decimal() * (1 if o.is_buy else -1) for o in made.cache.orders()]
    made.dispose()
    return [round(quantity, 1) for quantity in signed]


def test_without_a_hurdle_nothing_is_asked():
    assert trades(Wishes({1: 0.3, 20: 0.6, 25: 0.5, 30: 0.0})) == [
        Decimal("10.0"),
        Decimal("10.0"),
        Decimal("-3.3"),
        Decimal("-16.7"),
    ]


def test_growth_trades_from_where_it_pays_and_not_before():
    # 0.775 % * growth > hurdle * 0.0367 %: at a hurdle of 5 from 0.2368 of a full position on.
    band = 5.0 * COST / HOURLY
    assert band == pytest.approx(0.2368, abs=0.0005)
    assert trades(Wishes({20: 0.225, 25: 0.25}, fee_hurdle=5.0)) == [Decimal("8.3")]
    assert trades(Wishes({20: 0.25, 25: 0.475, 30: 0.5}, fee_hurdle=5.0)) == [Decimal("8.3"), Decimal("8.3")]


def test_shrinking_and_going_flat_are_never_held_back():
    assert trades(Wishes({20: 0.6, 22: 0.5, 24: 0.4, 26: 0.5, 28: 0.0}, fee_hurdle=5.0)) == [
        Decimal("20.0"),
        Decimal("-3.3"),
        Decimal("-3.3"),
        Decimal("-13.3"),
    ]


def test_a_reversal_is_made_even_where_its_growth_alone_would_not_pay():
    assert trades(Wishes({20: 0.6, 25: -0.1}, fee_hurdle=5.0)) == [Decimal("20.0"), Decimal("-23.3")]


def test_an_allocation_that_shrinks_is_followed():
    def halve(strategy: Wishes) -> None:
        publish(strategy.msgbus, AllocationUpdate(key=strategy.id.value, ts=0, allocation=0.5))

    assert trades(Wishes({20: 0.6}, {25: halve}, fee_hurdle=5.0)) == [Decimal("20.0"), Decimal("-10.0")]


def test_before_the_volatility_is_known_nothing_is_opened():
    # The 11th bar brings the tenth change.
    assert trades(Wishes({9: 1.0}, fee_hurdle=1.0)) == []
    assert trades(Wishes({10: 1.0}, fee_hurdle=1.0)) == [Decimal("33.3")]


def test_a_market_that_stands_still_pays_nothing():
    assert trades(Wishes({20: 1.0, 30: 0.9}, fee_hurdle=1.0), market(40, step=0.0)) == []


def test_a_longer_horizon_asks_for_less():
    wishes = {20: 0.2}
    assert trades(Wishes(wishes, fee_hurdle=5.0)) == []
    assert trades(Wishes(wishes, fee_hurdle=5.0, fee_horizon=4 * 3_600.0)) == [Decimal("6.7")]


def test_what_is_held_when_the_market_is_unknown_may_be_left_and_not_turned():
    class Holder(Wishes):
        def on_target_start(self) -> None:
            self.hurdles, self._hurdles = self._hurdles, {}  # a position from a run without a hurdle

    def ask_again(strategy: Wishes) -> None:
        strategy._hurdles = strategy.hurdles

    assert trades(Holder({1: 0.6, 5: -0.6}, {3: ask_again}, fee_hurdle=1.0)) == [
        Decimal("20.0"),
        Decimal("-20.0"),
    ]


def test_a_strategy_that_trades_in_its_own_way_is_told():
    said: list[str] = []

    class Own(Wishes):
        def _trade(self, instrument_id) -> None:
            pass

        def on_target_start(self) -> None:
            said.append(repr(self._hurdles))

    assert trades(Own({20: 1.0}, fee_hurdle=1.0)) == []
    assert said == ["{}"]


def test_volatility_and_cost_by_hand():
    said: dict[str, float] = {}

    def start(script: Script) -> None:
        script.hurdle = CostHurdle(script.msgbus, script.cache, MINUTES, hurdle=5.0, horizon=3_600.0)
        script.hurdle.start()
        said["before"] = script.hurdle.volatility

    def ask(script: Script) -> None:
        said.update(volatility=script.hurdle.volatility, cost=script.hurdle.cost(BTC))
        said["text"] = script.hurdle.explain(BTC, 0.1)
        script.hurdle.stop()
        script.hurdle.stop()

    script = Script({0: start, 30: ask})
    made = engine(market(40), strategies=[script], bar_execution=False)
    made.run()
    assert not made.kernel.msgbus.is_subscribed(f"data.bars.{MINUTES}", script.hurdle._on_bar)
    made.dispose()
    assert math.isnan(said["before"])
    assert said["volatility"] == pytest.approx(HOURLY, rel=1e-3)
    assert said["cost"] == pytest.approx(COST)
    assert "growing by 0.100 of a full position does not pay now" in said["text"]


def test_with_bars_alone_there_is_no_spread():
    said: list[float] = []

    class Asker(Wishes):
        def on_bar(self, bar) -> None:
            said.append(self._hurdles[BTC.id].cost(BTC))

    trades(Asker({}, fee_hurdle=1.0), bars(3))
    assert said[-1] == pytest.approx(1.00018 / (1 - 0.00018) - 1)


def test_a_hurdle_below_nothing_is_refused():
    with pytest.raises(Exception, match="fee_hurdle"):
        TargetStrategyConfig.parse(b'{"instrument": "BTCUSDT-PERP.BINANCE", "fee_hurdle": -1.0}')
