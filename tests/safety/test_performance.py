"""The performance guard's rule: exact values, a second definition, clocks and restarts."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.safety.performance import Change, PerformanceLimits, PerformanceMonitor, Stage
from nautilus_quant.safety.stored import DamagedStateError
from nautilus_quant.safety.trade_window import TradeStatistics, TradeWindow

SECOND = 1_000_000_000
OFF = PerformanceLimits(
    window=6,
    min_trades=4,
    min_win_rate=0.0,
    min_profit_factor=0.0,
    min_expectancy=-1e6,
    pause=100.0,
    max_pause=350.0,
    probation=2,
    max_unknown=3,
)
WIN_RATE = replace(OFF, min_win_rate=0.5)


def fed(limits: PerformanceLimits, pnls: list[float], *, start: int = 0) -> PerformanceMonitor:
    """A monitor that has heard of a trade a second, each worth 1000."""
    monitor = PerformanceMonitor(limits)
    for n, pnl in enumerate(pnls):
        monitor.closed((start + n) * SECOND, pnl, 1_000.0)
    return monitor


def test_statistics_are_those_of_the_last_trades():
    window = TradeWindow(4)
    assert math.isnan(window.statistics.win_rate)
    for pnl, notional in [(99.0, 1.0), (3.0, 100.0), (-1.5, 200.0), (0.0, 300.0), (1.5, 400.0)]:
        window.push(pnl, notional)
    assert window.statistics == TradeStatistics(4, 0.5, 3.0, 0.003)


def test_without_losers_the_profit_factor_is_infinite_and_without_either_unknown():
    window = TradeWindow(5)
    window.push(0.0, 10.0)
    assert math.isnan(window.statistics.profit_factor)
    assert (window.statistics.win_rate, window.statistics.expectancy) == (0.0, 0.0)
    window.push(1.0, 10.0)
    assert window.statistics.profit_factor == math.inf


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6)), max_size=60), st.integers(1, 12))
def test_nothing_is_left_of_trades_that_have_left_the_window(trades, size):
    """Sums that are added to and taken from for ever are those of the trades in the window, exactly."""
    rolled, fresh = TradeWindow(size), TradeWindow(size)
    for trade in trades:
        rolled.push(*trade)
    for trade in trades[-size:]:
        fresh.push(*trade)
    assert repr(rolled.statistics) == repr(fresh.statistics)
    if trades:
        last = trades[-size:]
        gains = math.fsum(pnl for pnl, _ in last if pnl > 0)
        losses = -math.fsum(pnl for pnl, _ in last if pnl <= 0)
        stats = rolled.statistics
        assert stats.win_rate == sum(pnl > 0 for pnl, _ in last) / len(last)
        assert stats.expectancy == pytest.approx(
            (gains - losses) / math.fsum(n for _, n in last), rel=1e-6, abs=1e-9
        )
        if losses > 1e-3:
            assert stats.profit_factor == pytest.approx(gains / losses, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("limits", "pnls", "code", "reason"),
    [
        (WIN_RATE, [9, -1, -1, -1], "WIN_RATE", "won 25.0% over the last 4 trades, the floor is 50.0%"),
        (
            replace(OFF, min_profit_factor=1.5),
            [2, 1, -1, -1.5],
            "PROFIT_FACTOR",
            "profit factor 1.2 over the last 4 trades, the floor is 1.5",
        ),
        (
            replace(OFF, min_expectancy=0.001),
            [1, 1, 1, 0.6],
            "EXPECTANCY",
            "made 0.0900% of the value traded over the last 4 trades, the floor is 0.1000%",
        ),
    ],
)
def test_each_floor_pauses_and_says_so(limits, pnls, code, reason):
    monitor = fed(limits, [float(pnl) for pnl in pnls[:-1]])
    assert monitor.stage is Stage.OK
    (change,) = monitor.closed(50 * SECOND, float(pnls[-1]), 1_000.0)
    assert (change.stage, change.previous, change.code, change.reason) == ("PAUSED", "OK", code, reason)
    assert change.until == 150 * SECOND
    block = monitor.blocked(60 * SECOND)
    assert block is not None
    assert block[0] == code
    assert block[1] == f"{reason}; paused for another 90 s"
    assert block[2]["trades"] == 4.0
    assert block[2]["seconds_left"] == 90.0


def test_a_floor_itself_is_good_enough():
    monitor = fed(replace(WIN_RATE, min_profit_factor=1.0, min_expectancy=0.0), [1.0, -1.0, 1.0, -1.0])
    assert monitor.stage is Stage.OK


def test_too_few_trades_are_not_judged():
    assert fed(WIN_RATE, [-1.0] * 3).stage is Stage.OK
    assert fed(WIN_RATE, [-1.0] * 4).stage is Stage.PAUSED


def test_the_way_through_all_stages():
    monitor = fed(WIN_RATE, [-1.0] * 4)  # paused at 3 s, until 103 s
    assert monitor.closed(50 * SECOND, 5.0, 1_000.0) == ()
    assert monitor.statistics.trades == 0  # opened before the pause: counts for nothing
    assert monitor.blocked(103 * SECOND - 1) is not None
    assert monitor.blocked(103 * SECOND) is None
    assert monitor.advance(103 * SECOND - 1) is None
    resumed = monitor.advance(103 * SECOND)
    assert resumed is not None
    assert (resumed.stage, resumed.previous, resumed.until) == ("PROBATION", "PAUSED", 0)
    assert monitor.closed(104 * SECOND, -1.0, 1_000.0) == ()
    (good,) = monitor.closed(105 * SECOND, 2.0, 1_000.0)
    assert (good.stage, good.previous) == ("OK", "PROBATION")
    assert monitor.statistics.trades == 2


def test_pauses_double_up_to_their_bound_and_start_small_again_after_a_recovery():
    monitor, ts, lengths = fed(WIN_RATE, [-1.0] * 4), 0, []
    for _ in range(4):
        ts = monitor.until
        changes = [*monitor.closed(ts, -1.0, 1_000.0), *monitor.closed(ts, -1.0, 1_000.0)]
        assert [change.stage for change in changes] == ["PROBATION", "PAUSED"]
        lengths.append((monitor.until - ts) // SECOND)
    assert lengths == [200, 350, 350, 350]
    for _ in range(2):
        monitor.closed(monitor.until, 1.0, 1_000.0)
    assert monitor.stage is Stage.OK
    ts = monitor.until + SECOND
    for _ in range(4):
        monitor.closed(ts, -1.0, 1_000.0)
    assert monitor.until - ts == 100 * SECOND


def test_a_clock_that_steps_back_does_not_shorten_a_pause():
    monitor = PerformanceMonitor(WIN_RATE)
    monitor.closed(1_000 * SECOND, -1.0, 1.0)
    for _ in range(3):
        monitor.closed(10 * SECOND, -1.0, 1.0)
    assert monitor.until == 1_100 * SECOND
    assert monitor.blocked(10 * SECOND) is not None
    assert monitor.advance(10 * SECOND) is None


def test_a_pause_that_has_ended_stays_ended_when_the_clock_steps_back():
    monitor = fed(WIN_RATE, [-1.0] * 4)
    monitor.advance(monitor.until)
    assert monitor.blocked(5 * SECOND) is None


@pytest.mark.parametrize(
    ("pnl", "notional"),
    [
        (math.nan, 1.0),
        (math.inf, 1.0),
        (1.0, math.nan),
        (1.0, 0.0),
        (1.0, -5.0),
        (1.0, math.inf),
        (1e16, 1.0),
    ],
)
def test_an_unknown_result_is_counted_and_changes_nothing_else(pnl, notional):
    monitor = fed(WIN_RATE, [1.0, -1.0, 1.0])
    before = monitor.statistics
    assert monitor.closed(9 * SECOND, pnl, notional) == ()
    assert (monitor.statistics, monitor.unknown, monitor.stage) == (before, 1, Stage.OK)


def test_many_unknown_results_in_a_row_are_a_breach():
    monitor = fed(WIN_RATE, [math.nan, math.nan, 1.0, math.nan, math.nan])
    assert monitor.stage is Stage.OK
    (change,) = monitor.closed(9 * SECOND, math.nan, 1.0)
    assert (change.code, change.stage) == ("UNKNOWN_RESULTS", Stage.PAUSED)
    assert change.reason == "the results of 3 trades in a row are unknown"
    assert monitor.unknown == 5


# -- a second definition ---------------------------------------------------------------------------


def naive(limits: PerformanceLimits, events: list[tuple[int, float, float]]) -> list[tuple[Any, ...]]:
    """The definition again, from the whole history each time; what it says after each trade."""
    stage, until, strikes, now, blind, results, said = "OK", 0, 0, 0, 0, [], []
    for ts, pnl, notional in events:
        now = max(now, ts)
        if stage == "PAUSED" and ts >= until:
            stage, results, blind = "PROBATION", [], 0
        known = math.isfinite(pnl)
        blind = 0 if known else blind + 1
        if stage != "PAUSED":
            results = [*results, (pnl, notional)] if known else results
            last = results[-limits.window :]
            wins = [p for p, _ in last if p > 0]
            losses = [-p for p, _ in last if p <= 0]
            need = limits.probation if stage == "PROBATION" else limits.min_trades
            judged = known and len(last) >= need
            bad = blind >= limits.max_unknown or (
                judged
                and (
                    len(wins) < limits.min_win_rate * len(last)
                    or (sum(losses) > 0 and sum(wins) < limits.min_profit_factor * sum(losses))
                    or sum(p for p, _ in last) < limits.min_expectancy * sum(n for _, n in last)
                )
            )
            if bad:
                until = max(until, now + round(min(limits.pause * 2**strikes, limits.max_pause) * SECOND))
                stage, strikes, results, blind = "PAUSED", strikes + 1, [], 0
            elif judged and stage == "PROBATION":
                stage, strikes = "OK", 0
        said.append((stage, until, len(results[-limits.window :])))
    return said


WHOLE = st.one_of(st.integers(-4, 4).map(float), st.just(math.nan))
EVENTS = st.lists(st.tuples(st.integers(-50, 400), WHOLE, st.sampled_from([1.0, 2.0, 8.0])), max_size=80)


@given(
    events=EVENTS,
    trades=st.tuples(st.integers(1, 8), st.integers(1, 8), st.integers(1, 8)),
    floors=st.tuples(
        st.sampled_from([0.0, 0.25, 0.5]),
        st.sampled_from([0.0, 0.5, 2.0]),
        st.sampled_from([-1e6, -0.25, 0.25]),
    ),
)
def test_it_is_its_definition(events, trades, floors):
    (window, least, probation), (win_rate, factor, expectancy) = trades, floors
    limits = PerformanceLimits(
        window=window,
        min_trades=min(least, window),
        probation=min(probation, window),
        min_win_rate=win_rate,
        min_profit_factor=factor,
        min_expectancy=expectancy,
        pause=10.0,
        max_pause=75.0,
        max_unknown=2,
    )
    monitor, ts, timed, said = PerformanceMonitor(limits), 0, [], []
    for step, pnl, notional in events:
        ts = max(0, ts + step * SECOND // 10)
        timed.append((ts, pnl, notional))
        monitor.closed(ts, pnl, notional)
        said.append((monitor.stage.value, monitor.until, monitor.statistics.trades))
        monitor = PerformanceMonitor(limits).restore(json.loads(json.dumps(monitor.to_dict())))
    assert said == naive(limits, timed)


@given(EVENTS)
def test_no_pause_ever_ends_earlier_than_it_was_going_to(events):
    monitor, ts, until = PerformanceMonitor(WIN_RATE), 0, 0
    for step, pnl, notional in events:
        ts = max(0, ts + step * SECOND)
        monitor.closed(ts, pnl, notional)
        assert monitor.until >= until
        until = monitor.until
        if monitor.stage is Stage.PAUSED:
            assert monitor.blocked(until - 1) is not None


# -- state -----------------------------------------------------------------------------------------


def test_a_restart_goes_on_exactly():
    monitor = fed(WIN_RATE, [1.0, math.nan, -2.5])
    again = PerformanceMonitor(WIN_RATE).restore(json.loads(json.dumps(monitor.to_dict())))
    assert repr(again.to_dict()) == repr(monitor.to_dict())
    for one in (monitor, again):
        one.closed(8 * SECOND, -1.0, 3.0)
        one.closed(9 * SECOND, -1.0, 3.0)
    assert again.stage is Stage.PAUSED
    assert again.blocked(10 * SECOND) == monitor.blocked(10 * SECOND)


def test_a_pause_outlives_other_limits_and_a_smaller_window_keeps_the_last_trades():
    paused = fed(WIN_RATE, [-1.0] * 4).to_dict()
    other = PerformanceMonitor(replace(OFF, pause=1.0, window=5)).restore(paused)
    assert other.until == 103 * SECOND
    assert other.blocked(100 * SECOND) is not None
    trades = fed(OFF, [1.0, 2.0, 3.0, 4.0]).to_dict()
    small = PerformanceMonitor(replace(OFF, window=3, min_trades=2)).restore(trades)
    assert small.statistics.expectancy == 0.003


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("version", 7),
        ("stage", "FINE"),
        ("until", "soon"),
        ("strikes", None),
        ("why", []),
        ("paused_by", [math.nan, 0.0, 0.0, 0.0]),
        ("trades", [[1.0]]),
        ("trades", [[math.nan, 1.0]]),
        ("trades", "none"),
    ],
)
def test_damaged_state_is_refused_as_a_whole(key, value):
    damaged = {**fed(WIN_RATE, [-1.0] * 4).to_dict(), key: value}
    monitor = PerformanceMonitor(WIN_RATE)
    with pytest.raises(ValueError) as caught:
        monitor.restore(damaged)
    assert repr(monitor.to_dict()) == repr(PerformanceMonitor(WIN_RATE).to_dict())
    assert isinstance(caught.value, DamagedStateError) or key == "paused_by"


def test_what_cannot_be_read_pauses():
    monitor = PerformanceMonitor(WIN_RATE)
    change = monitor.distrust(20 * SECOND, "unreadable")
    assert isinstance(change, Change)
    assert (change.code, change.until) == ("STATE_DAMAGED", 120 * SECOND)
    block = monitor.blocked(30 * SECOND)
    assert block is not None
    assert block[1] == "unreadable; paused for another 90 s"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"min_trades": 7}, "min_trades <= window"),
        ({"min_trades": 0}, "1 <= min_trades"),
        ({"probation": 7}, "probation <= window"),
        ({"min_win_rate": 1.5}, "min_win_rate <= 1"),
        ({"min_profit_factor": -1.0}, "min_profit_factor >= 0"),
        ({"min_expectancy": math.nan}, "finite min_expectancy"),
        ({"pause": 0.0}, "0 < pause"),
        ({"pause": 400.0}, "pause <= max_pause"),
        ({"max_pause": 1e9}, "at most a year"),
        ({"max_unknown": 0}, "max_unknown >= 1"),
    ],
)
def test_impossible_limits_are_refused(change, rule):
    with pytest.raises(ValueError, match=rule):
        replace(OFF, **change)
