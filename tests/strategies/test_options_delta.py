"""Volatility sold when it is dear and bought when it is cheap, in real engine runs."""

from __future__ import annotations

import math
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.data import Bar
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors.hedging_actor import HedgingActor, HedgingActorConfig
from nautilus_quant.host.messages import AllocationUpdate, publish
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.target import TargetStrategy
from nautilus_quant.strategies.options_delta import OptionsDelta, OptionsDeltaConfig
from tests.actors.expiry_runs import DAY, HOUR, MINUTE, SECOND
from tests.strategies.option_runs import BARS, NEAR, PERP, START, Market, Run, chain, engine, few, run

EQUITY = 2_000_000.0
RULE: dict[str, Any] = {
    "forecast": "ewma",
    "half_life": 1.0,
    "warm_up": 0.25,
    "enter_z": 0.0,
    "days": 14.0,
    "least_days": 5.0,
    "most_days": 20.0,
    "cooldown": 1e9,
    "slippage": 0.0,
    "history_days": 0.0,
    "max_vega": 1.0,
    "max_share": 1.0,
    "reporting_currency": "USDT",
}


def delta(kind: type[OptionsDelta] = OptionsDelta, *, coin: bool = False, **changes: Any) -> OptionsDelta:
    settings = {**RULE, "settlement": "coin" if coin else "money", **changes}
    return kind(OptionsDeltaConfig(instrument=PERP.id, bar="1-HOUR", **settings))


def swing(step: float) -> Any:
    """A price that goes up and down by `step` every hour: its volatility is step x sqrt(8 760) a year."""
    return lambda ts: 100_000.0 * (1.0 + step * ((ts // HOUR) % 2))


CALM, WILD = swing(0.002), swing(0.012)  # 18.7 % and 112 %, against 60 % implied


@pytest.mark.parametrize("coin", [False, True])
@pytest.mark.parametrize(("path", "side"), [(CALM, "SELL"), (WILD, "BUY")])
def test_it_sells_what_is_dear_and_buys_what_is_cheap(path: Any, side: str, coin: bool) -> None:
    strategy = delta(coin=coin)
    ran = run(Market(chain(coin=coin), hours=9, path=path), strategy)
    assert [entry[0] for entry in ran.traded()] == [side, side]
    assert {name.split()[2] for name in ran.held()} == {"C", "P"}
    assert len({name.split()[1] for name in ran.held()}) == 1
    assert min(f.ts_event for f in ran.fills) >= START + 7 * HOUR  # six hours of returns first
    assert strategy.book is not None
    assert 0.9 * 0.02 * EQUITY < strategy.book.loss <= 0.02 * EQUITY * 1.02
    assert strategy.view is not None
    assert strategy.view.side == (-1 if side == "SELL" else 1)
    ran.engine.dispose()


def test_what_is_neither_dear_nor_cheap_is_left_alone() -> None:
    for changes in ({"enter_points": 60.0}, {"sell": False}, {"enter_z": 1.0}, {"allocation": 0.0}):
        strategy = delta(**changes)
        ran = run(Market(chain(), hours=9, path=CALM), strategy)
        assert ran.fills == [], changes
        ran.engine.dispose()


def test_it_leaves_when_the_difference_is_gone() -> None:
    strategy = delta()
    vol = lambda ts: 0.6 if ts < START + 12 * HOUR else 0.19  # noqa: E731
    ran = run(Market(chain(), hours=15, path=CALM, vol=vol), strategy)
    assert [entry[0] for entry in ran.traded()] == ["SELL", "SELL", "BUY", "BUY"]
    assert ran.fills[-1].ts_event == START + 12 * HOUR
    assert ran.held() == {}
    assert ran.balance() > 1_000_000
    ran.engine.dispose()


def test_a_strangle_is_taken_by_its_delta() -> None:
    ran = run(Market(chain(), hours=9, path=CALM), delta(shape="strangle"))
    assert sorted(ran.held()) == ["near 110 C", "near 94 P"]
    ran.engine.dispose()


@pytest.mark.parametrize(
    ("caps", "units"),
    [
        # A straddle at 100 000, 14 days less 7 hours, 60 %: one point of volatility is worth about
        # 2 x 100 000 x 0.3989 x sqrt(0.03756) x 0.01 = 154.6 dollars. 0.0002 x 2 000 000 / 154.6 = 2.58,
        # in lots of 0.1.
        ({"max_loss": 1.0, "max_vega": 0.0002}, 2.5),
        # Its premium is about 60 times that, 9 270, and 1 % less at the bid: 0.02 x 2 000 000 / 9 180.
        ({"max_loss": 1.0, "max_share": 0.02}, 4.3),
    ],
)
def test_every_cap_binds(caps: dict[str, float], units: float) -> None:
    still = Market(chain(), hours=8, path=swing(0.0002))
    strategy = delta(**caps)
    ran = run(still, strategy)
    assert [abs(quantity) for quantity in ran.held().values()] == pytest.approx([units, units])
    ran.engine.dispose()


def test_a_loss_is_cut_before_it_is_the_worst_one() -> None:
    strategy = delta(stop_loss=0.1, recenter_delta=0.0, breach=1e9)
    jump = lambda ts: CALM(ts) if ts < START + 10 * HOUR else 113_000.0  # noqa: E731
    ran = run(Market(chain(), hours=12, path=jump), strategy)
    assert [entry[0] for entry in ran.traded()] == ["SELL", "SELL", "BUY", "BUY"]
    assert ran.fills[-1].ts_event == START + 10 * HOUR
    assert 0.1 * 0.02 * EQUITY <= 1_000_000 - float(ran.balance()) < 0.02 * EQUITY
    ran.engine.dispose()


def test_after_a_loss_it_waits_for_a_difference_that_would_enter() -> None:
    # 47 points at first; from the ninth hour on 41, which would keep it and not enter it.
    vol = lambda ts: 0.66 if ts < START + 8.5 * HOUR else 0.6  # noqa: E731
    for enough, sold in ((45.0, 2), (35.0, 6)):
        strategy = delta(stop_loss=0.005, enter_points=enough, cooldown=7_200.0, recenter_delta=0.0)
        ran = run(Market(chain(), hours=12, path=CALM, vol=vol), strategy)
        # The spread it pays for getting in is loss enough.
        assert [entry[0] for entry in ran.traded()][:4] == ["SELL", "SELL", "BUY", "BUY"]
        assert len(ran.fills) == 2 + sold
        ran.engine.dispose()


def test_strikes_that_are_too_far_away_are_left_and_it_is_entered_anew() -> None:
    strategy = delta(stop_loss=0.0, cooldown=0.0, recenter_delta=0.4, breach=1e9)
    move = lambda ts: CALM(ts) if ts < START + 10 * HOUR else 1.06 * CALM(ts)  # noqa: E731
    ran = run(Market(chain(), hours=12, path=move, vol=1.2), strategy)
    strikes = [name.split()[1] for _, name, _ in ran.traded()]
    assert strikes[0] == "100"
    assert strikes[-1] == "106"
    assert {name.split()[1] for name in ran.held()} == {"106"}
    ran.engine.dispose()


def test_what_has_grown_beyond_its_cap_is_left() -> None:
    # Bought at 60 % and dearer at 110 %: there is nearly twice as much to lose.
    vol = lambda ts: 0.6 if ts < START + 10 * HOUR else 1.1  # noqa: E731
    for breach, fills in ((1.5, 4), (3.0, 2)):
        strategy = delta(breach=breach, exit_points=0.5, recenter_delta=0.0)
        ran = run(Market(chain(), hours=12, path=WILD, vol=vol), strategy)
        assert len(ran.fills) == fills
        ran.engine.dispose()


def test_it_is_out_before_the_expiry() -> None:
    strategy = delta(exit_days=13.5, least_days=13.6, recenter_delta=0.0)
    ran = run(Market(chain(expiries=(NEAR,)), hours=16, path=CALM), strategy)
    assert ran.held() == {}
    assert ran.fills[-1].ts_event == NEAR - 13 * DAY - 12 * HOUR
    ran.engine.dispose()


def test_what_it_wants_is_told() -> None:
    strategy = delta()
    vol = lambda ts: 0.6 if ts < START + 12 * HOUR else 0.19  # noqa: E731
    ran = run(Market(chain(), hours=15, path=CALM, vol=vol), strategy)
    assert isinstance(strategy, TargetStrategy)
    by_name: dict[str, list[float]] = {}
    for update in ran.targets:
        by_name.setdefault(update.instrument, []).append(update.exposure)
    assert len(by_name) == 2
    for values in by_name.values():
        assert all(value < 0.0 for value in values[:4])
        assert values[-1] == 0.0
    ran.engine.dispose()


def test_without_an_allocation_any_more_it_is_closed() -> None:
    class Cut(OptionsDelta):
        def on_bar(self, bar: Bar) -> None:
            super().on_bar(bar)
            if bar.ts_event == START + 9 * HOUR:
                publish(self.msgbus, AllocationUpdate(key=self.id.value, ts=bar.ts_event, allocation=0.0))

    ran = run(Market(chain(), hours=11, path=CALM), delta(Cut))
    assert len(ran.fills) == 4
    assert ran.held() == {}
    ran.engine.dispose()


@pytest.mark.parametrize("coin", [False, True])
def test_its_delta_is_hedged_by_the_hedging_actor_and_the_hedge_is_none_of_its_business(coin: bool) -> None:
    rising = lambda ts: CALM(ts) + 600.0 * max((ts - START) / HOUR - 6.0, 0.0)  # noqa: E731
    strategy = delta(recenter_delta=0.0, buy=False, coin=coin)
    hedger = HedgingActor(HedgingActorConfig())
    market = Market(few(coin=coin), hours=9, path=rising, vol=1.0, step=MINUTE)
    made = engine(market, [strategy], [hedger])
    ran = Run(made)
    made.run()
    assert strategy.book is not None
    units = float(strategy.book.units)
    held = ran.held()
    assert held.pop("perpetual") != 0.0
    assert held == {"near 100 C": -units, "near 100 P": -units}
    assert abs(strategy._delta_of_coin()) * units > 0.1
    assert abs(hedger.nets["BTC"].delta) <= 0.05  # the actor's band
    hedges = [f for f in ran.fills if f.instrument_id == PERP.id]
    assert strategy.id not in {f.strategy_id for f in hedges}
    made.dispose()


# -- memory -----------------------------------------------------------------------------------------------


def test_a_restart_goes_on_as_if_it_had_not_been() -> None:
    class Restarted(OptionsDelta):
        def on_bar(self, bar: Bar) -> None:
            super().on_bar(bar)
            if bar.ts_event == START + 9 * HOUR:
                self.stop()

    with shared_store("memory://delta-restart"):
        strategy = delta(Restarted, state="memory://delta-restart")
        vol = lambda ts: 0.6 if ts < START + 12 * HOUR else 0.19  # noqa: E731
        made = engine(Market(chain(), hours=15, path=CALM, vol=vol), [strategy])
        ran = Run(made)
        pause = START + 9 * HOUR + 10 * SECOND
        made.run(end=pause, streaming=True)
        before = strategy._forecast.vol(14.0)
        strategy.reset()
        assert math.isnan(strategy._forecast.vol(14.0))
        strategy.start()
        assert strategy._forecast.vol(14.0) == before
        assert strategy._opinion.side == -1
        made.run(start=pause)
        assert [entry[0] for entry in ran.traded()] == ["SELL", "SELL", "BUY", "BUY"]
        assert ran.fills[-1].ts_event == START + 12 * HOUR
        made.dispose()


def test_a_second_run_repeats_the_first() -> None:
    strategy = delta()
    ran = run(Market(chain(), hours=10, path=WILD), strategy)
    first = ran.traded()
    ran.fills.clear()
    ran.engine.reset()
    ran.engine.run()
    assert ran.traded() == first != []
    ran.engine.dispose()


class Remembering(OptionsDelta):
    """Is handed the history a live data client would have answered with, at its start or later."""

    late = 0

    def request_bars(self, bar_type: Any, start: Any, callback: Any = None, **_: Any) -> UUID4:
        self.asked = (bar_type, start, callback)
        return UUID4()

    def on_target_start(self) -> None:
        super().on_target_start()
        if not self.late:
            self.answer()

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        if bar.ts_event == START + self.late * HOUR:
            self.answer()

    def answer(self) -> None:
        for hour in range(-48, 1):
            ts = START + hour * HOUR
            level = Price(WILD(ts), 2)
            self.on_historical_data(Bar(BARS, *[level] * 4, Quantity(1, 3), ts, ts))
        self.asked[2](UUID4())


@pytest.mark.parametrize("late", [0, 3])
def test_the_past_is_learnt_when_it_is_here_and_nothing_since_is_lost(late: int) -> None:
    kind = type("Asked", (Remembering,), {"late": late})
    strategy = delta(kind, history_days=2.0)
    ran = run(Market(chain(), hours=5, path=WILD), strategy)
    assert strategy.asked[0] == BARS
    assert strategy._forecast.seen == 48 + 5
    assert strategy._forecast.vol(14.0) == pytest.approx(0.012 * math.sqrt(8_760), rel=0.01)
    assert min(f.ts_event for f in ran.fills) == START + max(late + 1, 1) * HOUR
    ran.engine.dispose()


def test_what_cannot_be_is_refused() -> None:
    for wrong, text in (
        ({"exit_points": 9.0}, "exit_points"),
        ({"sell": False, "buy": False}, "sell or buy"),
        ({"exit_days": 6.0}, "exit_days < least_days"),
        ({"breach": 0.5}, "breach"),
        ({"max_vega": 0.0}, "vega"),
        ({"stress_move": 0.0}, "move"),
    ):
        with pytest.raises(ValueError, match=text):
            delta(**wrong)
