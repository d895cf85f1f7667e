"""The loss limits against their definition, written a second time to be read rather than to be fast."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.safety.limits import LossMonitor, SafetyLimits

SECOND = 10**9
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
LIMITS = SafetyLimits(max_hourly_loss=0.005, max_daily_loss=0.02, max_drawdown=0.10)


@dataclass
class NaiveWindow:
    limit: float
    length: int
    halt: int
    bucket: int
    valuations: list[list] = field(default_factory=list)  # [equity, from, last in force]
    run: list[int] = field(default_factory=list)  # stamps of consecutive valuations beyond the limit
    until: int = 0

    def reference(self):
        now = self.valuations[-1][1]
        oldest = (now - self.length) // self.bucket
        return max(equity for equity, _, last in self.valuations if last // self.bucket >= oldest)


@dataclass
class NaiveMonitor:
    """Remembers all fresh valuations since the last trip of each window, and moves them with every flow."""

    hour: NaiveWindow
    day: NaiveWindow
    max_drawdown: float
    peak: float | None = None
    latched: bool = False
    run: list[int] = field(default_factory=list)
    time: int = -1
    equity: float = math.nan
    fresh: bool = False

    def update(self, ts, equity, fresh, flow):
        for valuation in self.hour.valuations + self.day.valuations:
            valuation[0] += flow
        if self.peak is not None:
            self.peak += flow
        self.equity = equity
        self.fresh = fresh and math.isfinite(equity)
        if not self.fresh:
            return []
        self.time = max(self.time, ts)
        trips = []
        if self.judge(self.hour, ts, equity):
            trips.append("hourly_loss")
        if self.judge(self.day, ts, equity):
            trips.append("daily_loss")
        self.peak = equity if self.peak is None else max(self.peak, equity)
        beyond = fraction(self.peak, equity) > self.max_drawdown
        if not self.latched and confirmed(self.run, ts, beyond):
            self.latched = True
            trips.append("drawdown")
        return trips

    def judge(self, window, ts, equity):
        seen = window.valuations
        if seen and self.time > seen[-1][1]:
            seen[-1][2] = self.time - 1
        seen.append([equity, self.time, self.time])
        if not confirmed(window.run, ts, fraction(window.reference(), equity) > window.limit):
            return False
        window.until = max(window.until, self.time + window.halt)
        window.valuations = [[equity, self.time, self.time]]
        return True

    def rearm(self, ts, equity):
        self.latched = False
        self.peak = equity if math.isfinite(equity) else None
        self.run.clear()
        for window in (self.hour, self.day):
            window.run.clear()
            window.until = min(window.until, ts + window.halt)

    def code(self, ts):
        reasons = [
            (self.latched, "DRAWDOWN"),
            (ts < self.day.until, "DAILY_LOSS"),
            (ts < self.hour.until, "HOURLY_LOSS"),
            (not self.fresh, "STALE_EQUITY"),
            (self.equity <= 0, "NO_EQUITY"),
            (self.run or self.hour.run or self.day.run, "LOSS_UNCONFIRMED"),
        ]
        return next((code for found, code in reasons if found), None)


def confirmed(run, ts, beyond):
    if not beyond:
        run.clear()
        return False
    run.append(ts)
    if len(set(run)) < 2:
        return False
    run.clear()
    return True


def fraction(reference, equity):
    if equity >= reference:
        return 0.0
    return (reference - equity) / reference if reference > 0 else 1.0


def naive(limits):
    hour = NaiveWindow(limits.max_hourly_loss, HOUR, int(limits.hourly_halt) * SECOND, 5 * SECOND)
    day = NaiveWindow(limits.max_daily_loss, DAY, int(limits.daily_halt) * SECOND, 120 * SECOND)
    return NaiveMonitor(hour, day, limits.max_drawdown)


# eighths of a unit add and subtract exactly, so both ways of moving references give the same floats
amounts = st.integers(-2_000 * 8, 2_000 * 8).map(lambda n: n / 8)
equities = st.one_of(
    st.integers(880 * 8, 1_020 * 8).map(lambda n: n / 8),
    st.integers(990, 1_000).map(float),
    st.sampled_from(
        [1_000.0, 995.0, 994.875, 980.0, 979.875, 900.0, 899.875]
    ),  # at the limits and just beyond
    st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -5.0]),
)
pauses = st.one_of(
    st.integers(1, 10).map(lambda s: s * SECOND),
    st.sampled_from([0, 1, 60 * SECOND, 1_800 * SECOND, HOUR, HOUR + 1, 6 * HOUR, DAY, DAY + 120 * SECOND]),
    st.sampled_from([-1, -SECOND, -HOUR, -DAY]),
)
valuations = st.tuples(
    st.just("value"), pauses, equities, st.booleans() | st.just(True), st.just(0.0) | st.just(0.0) | amounts
)
# short pauses and small moves often, so that confirmations and second trips happen
slides = st.lists(st.tuples(st.integers(0, 900), st.integers(-48, 32)), min_size=2, max_size=12).map(
    lambda moves: ("slide", moves)
)
stops = st.just(("restart",))
rearms = st.tuples(st.just("rearm"), st.just(math.nan) | st.just(950.0))
stories = st.lists(st.one_of(valuations, valuations, slides, slides, stops, rearms), min_size=1, max_size=30)


def events(story):
    """Unfold a story into single events with absolute times."""
    ts, equity = 1_700_000_000 * SECOND, 1_000.0
    for what, *rest in story:
        if what == "value":
            pause, equity, fresh, flow = rest
            ts += pause
            yield "value", ts, equity, fresh, flow
        elif what == "slide":
            equity = equity if math.isfinite(equity) else 1_000.0
            for seconds, eighths in rest[0]:
                ts += seconds * SECOND
                equity += eighths / 8
                yield "value", ts, equity, True, 0.0
        else:
            yield what, ts, *rest


def through_json(monitor, limits=LIMITS):
    return LossMonitor.from_dict(json.loads(json.dumps(monitor.to_dict(), allow_nan=False)), limits)


@settings(max_examples=600)
@given(stories)
def test_limits_trip_exactly_when_the_definition_says_so(story):
    monitor, twin = LossMonitor(LIMITS), naive(LIMITS)
    for what, ts, *rest in events(story):
        if what == "value":
            status = monitor.update(ts, *rest)
            assert list(status.trips) == twin.update(ts, *rest)
            assert status.hourly_until == twin.hour.until
            assert status.daily_until == twin.day.until
            assert status.latched == twin.latched
        elif what == "rearm":
            now = max(ts, twin.time)
            monitor.rearm(now, *rest)
            twin.rearm(now, *rest)
        else:
            monitor = through_json(monitor)
            twin.fresh = False  # nothing is known to be fresh after a restart
        for at in (ts, ts + HOUR, ts - HOUR):
            block = monitor.blocked(at)
            assert (block and block[0]) == twin.code(at)


@settings(max_examples=300)
@given(stories)
def test_halts_and_latch_never_end_by_themselves(story):
    monitor = LossMonitor(LIMITS)
    promises = []  # ends of all halts so far
    for what, ts, *rest in events(story):
        if what == "value":
            status = monitor.update(ts, *rest)
            ends = {
                "hourly_loss": status.hourly_until,
                "daily_loss": status.daily_until,
                "drawdown": math.inf,
            }
            made = [ends[name] for name in status.trips]
            assert all(end >= ts + HOUR for end in made)
            promises += made
        elif what == "restart":
            monitor = through_json(monitor)
        for end in promises:
            assert monitor.blocked(ts) is not None or ts >= end
            assert monitor.blocked(min(ts, end - 1)) is not None


@settings(max_examples=200)
@given(stories, st.lists(st.integers(0, 200), max_size=4))
def test_restarts_at_any_point_change_nothing_but_freshness(story, stops):
    through, monitor = LossMonitor(LIMITS), LossMonitor(LIMITS)
    for i, (what, ts, *rest) in enumerate(events(story)):
        if i in stops:
            monitor = through_json(monitor)
            assert monitor.blocked(ts) is not None
        if what == "value":
            assert repr(monitor.update(ts, *rest)) == repr(through.update(ts, *rest))
        elif what == "rearm":
            monitor.rearm(ts, *rest)
            through.rearm(ts, *rest)
    assert monitor.to_dict() == through.to_dict()


@settings(max_examples=200)
@given(stories, st.integers(0, 8_000).map(lambda n: n / 8))
def test_deposit_moves_the_peak_and_is_no_profit(story, deposit):
    monitor = LossMonitor(LIMITS)
    for what, ts, *rest in events(story):
        if what == "value":
            monitor.update(ts, *rest)
    monitor.update(ts, 900.0, True)
    before = monitor.status
    after = monitor.update(ts, 900.0 + deposit, True, deposit)
    assert after.peak == before.peak + deposit
    assert after.peak * after.drawdown == before.peak * before.drawdown or math.isclose(
        after.peak * after.drawdown, before.peak * before.drawdown
    )


@settings(max_examples=200)
@given(stories, st.sampled_from([math.nan, math.inf, 500.0, 5_000.0]), st.integers(1, 40))
def test_what_is_not_fresh_moves_no_reference_and_trips_nothing(story, equity, often):
    quiet, noisy = LossMonitor(LIMITS), LossMonitor(LIMITS)
    for what, ts, *rest in events(story):
        if what == "value":
            assert noisy.update(ts, *rest).trips == quiet.update(ts, *rest).trips
            for i in range(often % 3):
                assert noisy.update(ts + i, equity, False).trips == ()
                assert noisy.blocked(ts + i) is not None
    mine, other = noisy.to_dict(), quiet.to_dict()
    del mine["ts"], other["ts"]
    assert mine == other


def test_state_stays_small_while_equity_falls_for_ever():
    monitor = LossMonitor(SafetyLimits(max_hourly_loss=0.9, max_daily_loss=0.9, max_drawdown=0.9))
    for i in range(60_000):
        monitor.update(i * 2 * SECOND, 1_000.0 - i / 128, True)
    assert len(json.dumps(monitor.to_dict())) < 60_000


class EagerMonitor(LossMonitor):
    """Judges every valuation at once, and lets none wait."""

    def passes(self, ts, equity, valid_until):
        return False


# mostly calm, so that many wait; some straight falls and rises, and every event that ends the wait
drifts = st.lists(
    st.tuples(st.sampled_from([1, 2, 5, 60, 119, 120, 1_800, 3_600]), st.integers(-24, 24)),
    min_size=5,
    max_size=40,
).map(lambda moves: ("slide", moves))
reads = st.sampled_from([("status",), ("document",), ("drawdown",), ("restart",)])
long_stories = st.lists(
    st.one_of(drifts, drifts, drifts, slides, valuations, reads, rearms), min_size=1, max_size=20
)


@pytest.mark.slow
@settings(max_examples=600)
@given(long_stories)
def test_valuations_that_wait_change_nothing(story):
    lazy, eager = LossMonitor(LIMITS), EagerMonitor(LIMITS)
    for what, ts, *rest in events(story):
        if what == "value":
            equity, fresh, flow = rest
            until = ts + 90 * SECOND
            assert lazy.judge(ts, equity, fresh, flow, until) == eager.judge(ts, equity, fresh, flow, until)
        elif what == "rearm":
            lazy.rearm(ts, *rest)
            eager.rearm(ts, *rest)
        elif what == "restart":
            lazy = through_json(lazy)
            eager = EagerMonitor.from_dict(json.loads(json.dumps(eager.to_dict())), LIMITS)
        elif what == "document":
            assert lazy.to_dict() == eager.to_dict()
        elif what == "status":
            assert repr(lazy.status) == repr(eager.status)
        else:
            assert lazy.drawdown == eager.drawdown
        for at in (ts, ts + 90 * SECOND, ts + 91 * SECOND, ts + HOUR, ts - HOUR):
            assert lazy.is_open(at) == eager.is_open(at)
            # a reason carries figures, so that asking for one ends the wait
            assert lazy.is_open(at) or repr(lazy.blocked(at)) == repr(eager.blocked(at))
    assert lazy.to_dict() == eager.to_dict()


@settings(max_examples=300)
@given(long_stories, st.integers(-(10**9), 10**9).map(lambda n: n / 7.0))
def test_valuations_that_wait_round_as_they_would_have(story, first):
    """With flows that no binary fraction holds, every figure is the same to the last bit."""
    lazy, eager = LossMonitor(LIMITS), EagerMonitor(LIMITS)
    for monitor in (lazy, eager):
        monitor.judge(1, 1_000.0 + first, True, first)
    for what, ts, *rest in events(story):
        if what == "value":
            equity, fresh, flow = rest
            moved = equity + first + flow * 1.1
            first += flow * 1.1
            assert lazy.judge(ts, moved, fresh, flow * 1.1) == eager.judge(ts, moved, fresh, flow * 1.1)
    assert lazy.to_dict() == eager.to_dict()


def test_many_valuations_wait_and_no_more_than_some_hundred():
    monitor = LossMonitor(LIMITS)
    for second in range(10_000):
        monitor.update(1, 1_000.0, True) if not second else monitor.judge(second * SECOND, 999.0, True)
        assert len(monitor._waiting) < 512
    assert len(monitor._waiting) > 100
    assert monitor.status.hourly_loss == 0.0  # the first 1 000 left the hour's window
    assert monitor.status.drawdown == 0.001
