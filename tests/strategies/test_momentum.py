from dataclasses import fields

import pytest
from nautilus_trader.model.data import Bar, BarType

from nautilus_quant.host.state import shared_store
from nautilus_quant.signals.momentum import MomentumParams, MomentumRule
from nautilus_quant.strategies import Momentum, MomentumConfig
from tests.gating.regime_bars import joined, noise
from tests.host.engine import BTC, SECOND, START
from tests.strategies.bar_runs import BARS, bars, run

RISE = joined(noise(80, 0.0003, seed=3) + 0.0002, price=30_000.0)
RULE = {"fast": 4.0, "slow": 12.0, "vol_half_life": 20.0, "vol_target": 3.0, "cap": 0.9, "band": 0.05}


def momentum(**changes) -> Momentum:
    return Momentum(MomentumConfig(instrument=BTC.id, bar="1-SECOND", **{**RULE, **changes}))


def expected(closes: list[float], skip: int = 0) -> list[tuple[int, float, str]]:
    """What the rule alone says to the same bars, as the exchange rounds them."""
    rule = MomentumRule(MomentumParams(**RULE), interval=SECOND)
    told = [(bar.ts_event, rule.update(bar.ts_event, float(bar.close))) for bar in bars(closes)]
    return [(ts, target.exposure, target.reason) for ts, target in told[skip:] if target is not None]


def test_wants_what_the_rule_says_at_the_time_of_the_bar():
    wanted = run(momentum(), RISE)
    assert [(update.ts, update.exposure, update.reason) for update in wanted] == expected(RISE)
    assert len(wanted) == 80 - 12


def test_holds_what_it_wants():
    strategy = momentum()
    wanted = run(strategy, RISE)
    assert wanted[-1].exposure > 0.1
    # a position is corrected only by more than the threshold of 5 % of a full one
    assert strategy.left * RISE[-1] == pytest.approx(wanted[-1].exposure * 1_000_000, abs=60_000)


def test_a_fall_is_sold():
    strategy = momentum()
    run(strategy, joined(noise(80, 0.0003, seed=3) - 0.0004, price=30_000.0))
    assert strategy.left < 0


def test_bars_of_another_type_are_not_read():
    class Curious(Momentum):
        def on_start(self) -> None:
            super().on_start()
            self.subscribe_bars(BarType.from_str(f"{BTC.id}-1-MINUTE-LAST-EXTERNAL"))

    other = bars([10_000.0, 90_000.0], 40, f"{BTC.id}-1-MINUTE-LAST-EXTERNAL")
    config = MomentumConfig(instrument=BTC.id, bar="1-SECOND", **RULE)
    wanted = run(Curious(config), RISE, extra=tuple(other))
    assert [(update.ts, update.exposure, update.reason) for update in wanted] == expected(RISE)


def test_a_restart_goes_on_as_if_it_had_not_been():
    with shared_store("memory://momentum-restart"):
        run(momentum(state="memory://momentum-restart"), RISE[:50])
        later = run(momentum(state="memory://momentum-restart"), RISE[50:], first=50)
    whole = [row for row in expected(RISE) if row[0] > START + 50 * SECOND]
    assert [update.ts for update in later] == [ts for ts, _, _ in whole]
    # the first bar of the second run opens where it closes, so only closes are the same
    assert [update.exposure for update in later] == pytest.approx([exposure for _, exposure, _ in whole])


def test_without_a_state_a_restart_warms_up_again():
    later = run(momentum(), RISE[50:], first=50)
    assert len(later) == 30 - 12


def test_history_warms_it_up_and_is_not_traded_on():
    class Remembering(Momentum):
        """Is handed the history a live data client would have answered with."""

        def on_target_start(self) -> None:
            super().on_target_start()
            for bar in bars(RISE[:50]):
                self.on_historical_data(bar)
            self.on_historical_data("something else")
            for bar in bars([1.0, 2.0], 55, f"{BTC.id}-1-MINUTE-LAST-EXTERNAL"):
                self.on_historical_data(bar)

    config = MomentumConfig(instrument=BTC.id, bar="1-SECOND", **RULE)
    wanted = run(Remembering(config), RISE[50:], first=50)
    assert wanted[0].ts == START + 51 * SECOND
    assert len(wanted) == 30


@pytest.mark.parametrize(("slow", "count"), [(12.0, 400), (300.0, 602)])
@pytest.mark.parametrize("history", [True, False])
def test_asks_for_twice_its_warm_up_or_the_gates_unless_told_not_to(history: bool, slow: float, count: int):
    class Asking(Momentum):
        def request_bars(self, bar_type, start, **_):
            self.asked = (bar_type, start)

    config = MomentumConfig(instrument=BTC.id, bar="1-SECOND", history=history, **{**RULE, "slow": slow})
    strategy = Asking(config)
    strategy.asked = None
    run(strategy, RISE, first=30)
    if not history:
        assert strategy.asked is None
        return
    bar_type, start = strategy.asked
    assert str(bar_type) == BARS
    assert start.timestamp() * 1e9 == pytest.approx(START + 30 * SECOND - count * SECOND)


def test_a_reset_strategy_knows_nothing():
    strategy = momentum()
    run(strategy, RISE)
    assert strategy._rule.ready
    strategy.on_reset()
    assert not strategy._rule.ready


def test_defaults_are_those_of_the_rule():
    config, rule = MomentumConfig(instrument=BTC.id), MomentumParams()
    for item in fields(MomentumParams):
        assert getattr(config, item.name) == getattr(rule, item.name), item.name


def test_impossible_parameters_are_refused_when_it_is_made():
    with pytest.raises(ValueError, match="fast < slow"):
        momentum(fast=30.0)


def test_bars_without_a_clock_are_refused_when_it_is_made():
    with pytest.raises(ValueError, match="not time based"):
        Momentum(MomentumConfig(instrument=BTC.id, bar="100-TICK"))


def test_a_bar_is_read_at_its_close():
    bar = bars(RISE)[0]
    assert isinstance(bar, Bar)
    assert bar.ts_event == START + SECOND


@pytest.mark.parametrize("damage", [{"slow": "x"}, {"sequence": {}}, {"z": None}])
def test_a_damaged_state_begins_anew_and_does_not_stop_the_node(damage):
    with shared_store("memory://momentum-damaged") as store:
        run(momentum(state="memory://momentum-damaged"), RISE[:50])
        ((key, saved),) = store.documents("signal").items()
        store.put("signal", key, {**saved, **damage}, ts=1)
        later = run(momentum(state="memory://momentum-damaged"), RISE[50:], first=50)
    fresh = run(momentum(), RISE[50:], first=50)
    assert [update.exposure for update in later] == [update.exposure for update in fresh]
    assert len(later) == 30 - 12
