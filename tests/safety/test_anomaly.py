"""The ladder of severities: stories worked out by hand, and a second definition."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.safety.anomaly import AnomalyMonitor
from nautilus_quant.safety.anomaly_measure import MeasureMonitor
from nautilus_quant.safety.anomaly_params import DEFAULTS, LadderParams, Measure, MeasureParams, Severity
from nautilus_quant.safety.stored import DamagedStateError

SECOND = 1_000_000_000
SLIP, ACK, FILLS, REJECTS = Measure.SLIPPAGE, Measure.ACK_LATENCY, Measure.FILL_RATIO, Measure.REJECT_RATE
NONE, ALERT, THROTTLE, ROLLBACK, HALT = Severity

# A deviation is 1.4826 × 10 = 14.826 ms: 2, 4, 6 and 8 of them are 29.7, 59.3, 89.0 and 118.6 ms.
LATENCY = MeasureParams(alert=2.0, throttle=4.0, rollback=6.0, halt=8.0, floor=10.0)
QUICK = LadderParams(
    min_samples=5, window=1_000, persist=2, within=3, release=0.5, recovery=10.0, halt_recovery=30.0,
    half_life=2.0, min_rolling=3,
)  # fmt: skip


def monitor(ladder: LadderParams = QUICK, **params: MeasureParams) -> AnomalyMonitor:
    rules = {ACK: LATENCY, **{Measure(name): rule for name, rule in params.items()}}
    return AnomalyMonitor("X.SIM", rules, ladder)


def calm(
    made: AnomalyMonitor, count: int = 30, value: float = 100.0, measure: Measure = ACK
) -> AnomalyMonitor:
    """So many equal values at time zero: what is usual is `value`, and its deviation the floor."""
    for _ in range(count):
        assert made.observe(0, measure, value) == ()
    return made


def at(made: AnomalyMonitor, second: float, value: float, measure: Measure = ACK) -> list[Severity]:
    return [change.severity for change in made.observe(round(second * SECOND), measure, value)]


# -- what one measure says ---------------------------------------------------------------------------


def test_a_score_is_the_distance_in_robust_deviations():
    made = MeasureMonitor(ACK, LATENCY, replace(QUICK, persist=1, within=1))
    for value in (80.0, 90.0, 100.0, 110.0, 180.0):  # median 100, distances 20 10 0 10 80: MAD 10
        made.observe(value)
    assert made.score == -math.inf  # nothing is scored by itself
    made.observe(160.0)
    assert made.score == pytest.approx(60.0 / 14.826)


def test_of_a_steady_measure_the_floor_is_the_spread():
    made = MeasureMonitor(ACK, LATENCY, replace(QUICK, persist=1, within=1))
    for _ in range(9):
        made.observe(100.0)
    made.observe(129.0)
    assert made.score == pytest.approx(29.0 / 14.826)
    relative = MeasureMonitor(ACK, replace(LATENCY, relative_floor=0.5), replace(QUICK, persist=1, within=1))
    for value in [100.0] * 9 + [129.0]:
        relative.observe(value)
    assert relative.score == pytest.approx(29.0 / (1.4826 * 50.0))


def test_low_values_are_the_bad_ones_where_said_so():
    rule = MeasureParams(alert=2.0, throttle=4.0, rollback=6.0, halt=8.0, floor=0.05, low=True)
    made = MeasureMonitor(FILLS, rule, replace(QUICK, persist=1, within=1))
    for value in [0.9] * 9 + [0.6]:
        made.observe(value)
    assert made.score == pytest.approx(0.3 / (1.4826 * 0.05))
    made.observe(1.0)
    assert made.score < 0.0


def test_the_rolling_mean_halves_the_weight_of_a_value_in_a_half_life():
    made = MeasureMonitor(ACK, LATENCY, replace(QUICK, half_life=1.0))
    assert math.isnan(made.rolling)
    for value in (10.0, 20.0, 40.0):
        made.observe(value)
    assert made.rolling == pytest.approx((10.0 / 4 + 20.0 / 2 + 40.0) / 1.75)


def test_a_rate_is_scored_by_its_rolling_mean():
    """0 0 0 0 0 0 1 1: with half-life 2 the rolling mean climbs; single values would score 1 at once."""
    rule = replace(DEFAULTS[REJECTS], limit=math.inf)
    made = MeasureMonitor(REJECTS, rule, replace(QUICK, persist=1, within=1))
    for _ in range(6):
        made.observe(0.0)
    made.observe(1.0)
    rolling = 1.0 / sum(2.0 ** (-n / 2.0) for n in range(7))
    assert made.rolling == pytest.approx(rolling)
    assert made.score == pytest.approx(rolling / (1.4826 * 0.02))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e15, -1e300])
def test_what_is_no_measure_is_counted_and_changes_nothing(value):
    made = calm(monitor())
    before = made.to_dict()
    assert at(made, 0, value) == []
    after = made.to_dict()
    assert after["measures"]["ack_latency"].pop("unknown") == 1
    assert before["measures"]["ack_latency"].pop("unknown") == 0
    assert after == before


def test_an_absurd_value_moves_what_is_usual_no_more_than_a_bad_one():
    made = calm(monitor())
    for second in range(8):
        at(made, second, 1e14)
    assert made.measures[ACK].baseline.median == pytest.approx(100.0, abs=60.0)
    for _ in range(100):
        at(made, 9, 100.0)
    assert made.measures[ACK].baseline.median == pytest.approx(100.0, abs=1.0)


# -- stories -----------------------------------------------------------------------------------------


def test_one_outlier_says_nothing_and_two_of_three_do():
    made = calm(monitor())
    assert at(made, 1, 500.0) == []
    assert at(made, 2, 100.0) == []
    assert at(made, 3, 500.0) == [HALT]  # 400 / 14.8 = 27 deviations, twice of the last three


@pytest.mark.parametrize(
    ("value", "severity"),
    [(129.0, None), (130.0, ALERT), (159.0, ALERT), (160.0, THROTTLE), (189.0, ROLLBACK), (219.0, HALT)],
)
def test_each_rung_is_reached_at_its_threshold(value, severity):
    """100 + 14.826 × (2, 4, 6, 8) = 129.7, 159.3, 188.96, 218.6."""
    made = calm(monitor(), count=200)
    assert at(made, 1, value) == []
    assert at(made, 1, value) == ([] if severity is None else [severity])


def test_it_climbs_at_once_and_comes_down_one_rung_at_a_time():
    made = calm(monitor())
    at(made, 1, 500.0)
    assert at(made, 2, 500.0) == [HALT]
    assert made.until == (2 + 30) * SECOND
    assert made.advance(32 * SECOND - 1) == ()
    (change,) = made.advance(32 * SECOND)
    assert (change.severity, change.previous, change.ts, change.until) == (
        ROLLBACK, HALT, 32 * SECOND, 42 * SECOND,
    )  # fmt: skip
    assert change.code == "RECOVERY"
    seen = [made.severity_at(round(second * SECOND)) for second in (0, 41.9, 42, 52, 61.9, 62, 99)]
    assert seen == [ROLLBACK, ROLLBACK, THROTTLE, ALERT, ALERT, NONE, NONE]
    later = made.advance(1_000 * SECOND)
    assert [(c.severity, c.ts // SECOND, c.until // SECOND) for c in later] == [
        (THROTTLE, 42, 52), (ALERT, 52, 62), (NONE, 62, 0),
    ]  # fmt: skip
    assert made.until == 0


def test_hysteresis_holds_above_a_share_of_the_threshold():
    """THROTTLE from 4 deviations = 159.3 ms on; it holds from 2 = 129.7 ms on (release 0.5)."""
    made = calm(monitor(), count=200)
    at(made, 1, 165.0)
    assert at(made, 2, 165.0) == [THROTTLE]
    assert at(made, 7, 131.0) == []
    assert made.until == 17 * SECOND  # the second worst of the last three is 165, then 131
    at(made, 8, 131.0)
    at(made, 9, 131.0)
    assert made.until == 19 * SECOND
    for second in (10, 11, 12):
        at(made, second, 125.0)
    assert made.until == 20 * SECOND  # at 10 s two of the last three were still 131
    assert at(made, 20, 125.0) == [ALERT]


def test_after_a_step_down_new_evidence_is_needed():
    made = calm(monitor())
    at(made, 1, 170.0)
    at(made, 1, 170.0)
    assert made.severity is THROTTLE
    assert at(made, 12, 170.0) == [ALERT]  # one is none: the two before are spent
    assert at(made, 13, 170.0) == [THROTTLE]


def test_slippage_beyond_15_bps_is_a_rollback_whatever_is_usual():
    """Nothing is scored, 20 bps are usual here; the rolling mean of three orders is 20."""
    made = AnomalyMonitor("X.SIM", None, QUICK)
    assert at(made, 1, 20.0, SLIP) == []
    assert at(made, 2, 20.0, SLIP) == []
    (change,) = made.observe(3 * SECOND, SLIP, 20.0)
    assert change.severity is ROLLBACK
    assert change.reason == "rolling slippage is 20 bps, the limit is 15 bps"
    assert change.numbers == {"rolling": pytest.approx(20.0), "limit": 15.0}
    for second in range(4, 40):
        assert at(made, second, 20.0, SLIP) == []
    assert made.severity is ROLLBACK
    assert made.until == 49 * SECOND


def test_slippage_of_15_bps_is_within_the_limit():
    made = AnomalyMonitor("X.SIM", None, QUICK)
    for second in range(20):
        assert at(made, second, 15.0, SLIP) == []
    made = AnomalyMonitor("X.SIM", None, QUICK)
    assert [at(made, 0, 15.1, SLIP) for _ in range(3)] == [[], [], [ROLLBACK]]


def test_rejects_from_the_first_order_on_throttle():
    made = AnomalyMonitor("X.SIM", None, QUICK)
    assert [at(made, second, 1.0, REJECTS) for second in range(3)] == [[], [], [THROTTLE]]


def test_the_latencies_of_a_backtest_are_silent():
    """None or constant, and now and then a hair more."""
    made = AnomalyMonitor("X.SIM")
    for n in range(1_000):
        for measure in (ACK, Measure.FILL_LATENCY):
            assert made.observe(n, measure, 0.0 if n % 7 else 5.0) == ()
    assert made.severity is NONE


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_lively_market_throttles_nothing(seed):
    """5000 orders with skewed slippage, latencies with a heavy tail, and one in fifty rejected."""
    rng = np.random.default_rng(seed)
    made = AnomalyMonitor("X.SIM")
    for n in range(5_000):
        ts = n * 60 * SECOND
        changes = [
            *made.observe(ts, SLIP, float(rng.exponential(2.0))),
            *made.observe(ts, ACK, float(40.0 * rng.lognormal(0.0, 0.5))),
            *made.observe(ts, REJECTS, float(rng.random() < 0.02)),
        ]
        assert all(change.severity <= ALERT for change in changes), changes


def test_a_clock_that_steps_back_stands_still():
    made = calm(monitor())
    at(made, 100, 500.0)
    assert at(made, 101, 500.0) == [HALT]
    assert at(made, 5, 100.0) == []
    assert made.until == 131 * SECOND  # two of the last three still hold, at 101 s
    assert made.advance(-(10**18)) == ()
    assert made.severity is HALT
    assert [c.severity for c in made.advance(131 * SECOND)] == [ROLLBACK]


def test_who_sent_the_orders_of_late_is_known():
    made = monitor()
    made.observe(0, ACK, 1.0, "A-001")
    made.observe(5 * SECOND, ACK, 1.0, "B-001")
    made.observe(6 * SECOND, ACK, math.nan, "C-001")
    assert made.strategies == ("A-001", "B-001")
    made.advance(11 * SECOND)
    assert made.strategies == ("B-001",)
    for n in range(200):
        made.observe(11 * SECOND, ACK, 1.0, f"S-{n}")
    assert len(made.strategies) == 64


# -- a second definition -----------------------------------------------------------------------------


class Naive:
    """The whole history of one measure, and the definition read aloud over it."""

    def __init__(self, params: MeasureParams, ladder: LadderParams) -> None:
        self.params, self.ladder = params, ladder
        self.scores: list[float] = []
        self.values: list[float] = []
        self.severity, self.end, self.now = 0, 0.0, 0

    def lasting(self) -> float:
        return self.ladder.halt_recovery if self.severity == 4 else self.ladder.recovery

    def verdict(self, share: float) -> int:
        last = self.scores[-self.ladder.within :]
        rungs = (self.params.alert, self.params.throttle, self.params.rollback, self.params.halt)
        worst = 0
        for rung, threshold in enumerate(rungs, start=1):
            if sum(score / share >= threshold for score in last) >= self.ladder.persist:
                worst = rung
        weights = [2.0 ** (-n / self.ladder.half_life) for n in range(len(self.values))][::-1]
        if len(self.values) >= self.ladder.min_rolling:
            mean = sum(w * v for w, v in zip(weights, self.values, strict=True)) / sum(weights)
            if mean > share * self.params.limit:
                worst = max(worst, int(self.params.limit_severity))
        return worst

    def step(self, second: int, value: float, score: float | None) -> int:
        self.now = max(self.now, second)
        while self.severity and self.now >= self.end:
            self.severity -= 1
            self.end += self.lasting()
            self.scores, self.values = [], []
        self.values.append(value)
        if score is not None:
            self.scores.append(score)
        if self.verdict(1.0) > self.severity:
            self.severity = self.verdict(1.0)
            self.end = self.now + self.lasting()
        elif self.severity and self.verdict(self.ladder.release) >= self.severity:
            self.end = self.now + self.lasting()
        return self.severity


STEPS = st.lists(
    st.tuples(st.integers(-20, 60), st.sampled_from([90.0, 100.0, 110.0, 135.0, 165.0, 195.0, 230.0, 900.0])),
    max_size=60,
)


@given(STEPS, st.integers(1, 3), st.sampled_from([0.5, 0.8, 1.0]), st.sampled_from([math.inf, 150.7]))
def test_it_does_what_the_definition_says(steps, persist, release, limit):
    rule = replace(LATENCY, limit=limit)
    ladder = replace(QUICK, persist=persist, release=release)
    made = AnomalyMonitor("X.SIM", {ACK: rule}, ladder)
    naive = Naive(rule, ladder)
    second = 100
    for jump, value in steps:
        second += jump
        baseline = made.monitor(ACK).baseline
        score = None
        if baseline.count >= ladder.min_samples:
            score = (value - baseline.median) / (1.4826 * max(baseline.mad, 10.0))
        before = made.severity
        changes = made.observe(second * SECOND, ACK, value)
        assert int(made.severity) == naive.step(second, value, score)
        assert [before, *(c.severity for c in changes)] == [*(c.previous for c in changes), made.severity]
        if made.severity:
            assert made.until == naive.end * SECOND


# -- a restart ---------------------------------------------------------------------------------------


@given(STEPS, st.integers(0, 60))
def test_a_restart_changes_nothing(steps, cut):
    whole, part = monitor(), monitor()
    second = 100
    for n, (jump, value) in enumerate(steps):
        if n == cut:
            part = monitor().restore(json.loads(json.dumps(part.to_dict())))
        second += jump
        said = [made.observe(second * SECOND, ACK, value, "A-001") for made in (whole, part)]
        assert said[0] == said[1]
    assert part.to_dict() == whole.to_dict()


def test_a_halt_survives_with_its_end_and_its_reason():
    made = calm(monitor())
    made.opened = 7
    at(made, 1, 500.0)
    at(made, 2, 500.0)
    again = monitor().restore(made.to_dict())
    assert (again.severity, again.until, again.opened) == (HALT, 32 * SECOND, 7)
    assert "HALT from 8" in again.reason
    assert [c.severity for c in again.advance(33 * SECOND)] == [ROLLBACK]


@pytest.mark.parametrize(
    "damage",
    [
        {"version": 2},
        {"severity": "BAD"},
        {"until": 1.5},
        {"measures": {"speed": {}}},
        {"measures": {"ack_latency": {}}},
        {"numbers": {"score": "high"}},
        {"strategies": []},
    ],
)
def test_damaged_state_is_refused_and_nothing_taken(damage):
    made = calm(monitor())
    fresh = monitor()
    before = fresh.to_dict()
    with pytest.raises(DamagedStateError):
        fresh.restore({**made.to_dict(), **damage})
    assert fresh.to_dict() == before


def test_damage_in_a_measure_is_refused():
    state = calm(monitor()).to_dict()
    state["measures"]["ack_latency"]["scores"] = [1.0, math.nan]
    with pytest.raises(DamagedStateError):
        monitor().restore(state)
    state["measures"]["ack_latency"].update(scores=[], weight=0.0)
    with pytest.raises(DamagedStateError, match="contradict"):
        monitor().restore(state)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"alert": 0.0}, "alert > 0"),
        ({"throttle": 9.0}, "alert <= throttle"),
        ({"floor": 0.0}, "0 < floor"),
        ({"relative_floor": -1.0}, "relative_floor >= 0"),
        ({"limit": 0.0}, "limit > 0"),
        ({"low": True, "limit": 1.0}, "no limit where low"),
    ],
)
def test_impossible_rules_of_a_measure(change, said):
    with pytest.raises(ValueError, match=said):
        replace(LATENCY, **change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"min_samples": 4}, "5 <= min_samples"),
        ({"persist": 4}, "persist <= within"),
        ({"release": 0.0}, "0 < release"),
        ({"halt_recovery": 1.0}, "recovery <= halt_recovery"),
        ({"half_life": math.nan}, "half_life"),
        ({"min_rolling": 0}, "min_rolling >= 1"),
    ],
)
def test_impossible_ladders(change, said):
    with pytest.raises(ValueError, match=said):
        replace(QUICK, **change)


# -- what only repeats itself ------------------------------------------------------------------------

SPELLS = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 0.25, 100.0, 400.0, 1e9, math.nan]), st.integers(1, 40)), max_size=12
)


def hurried(made: MeasureMonitor, value: float) -> bool:
    if value != made.steady:
        return made.observe(value)
    made.more += 1
    return True


@given(
    SPELLS, st.sampled_from(list(Measure)), st.integers(5, 20), st.integers(1, 4), st.sampled_from([2.0, 7.5])
)
def test_what_is_steady_counts_as_all_else_does(spells, measure, window, every, half_life):
    """One monitor hurries over what repeats itself, the other never does: they say and keep the same."""
    ladder = LadderParams(
        min_samples=5, window=window, persist=2, within=3, half_life=half_life, min_rolling=3
    )
    params = replace(DEFAULTS[measure], limit=300.0) if measure is SLIP else DEFAULTS[measure]
    quick, slow = (MeasureMonitor(measure, params, ladder) for _ in range(2))
    for spell, (value, count) in enumerate(spells):
        for _ in range(count):
            assert slow.observe(value) == hurried(quick, value)
            assert slow.usual == quick.usual or math.isnan(slow.usual)
        if spell % every == 0:
            assert (quick.rolling, quick.score) == pytest.approx(
                (slow.rolling, slow.score), rel=0, nan_ok=True
            )
            assert (quick.calls(), quick.holds()) == (slow.calls(), slow.holds())
        if spell % 5 == 4:
            quick.forget()
            slow.forget()
    assert json.dumps(quick.to_dict()) == json.dumps(slow.to_dict())


def test_a_steady_measure_is_hurried_over_until_it_changes():
    made = MeasureMonitor(ACK, LATENCY, QUICK)
    for _ in range(10):
        assert hurried(made, 100.0)
    assert made.steady == 100.0
    made.more += 1
    assert hurried(made, 130.0)
    assert math.isnan(made.steady)  # its score of 2.02 counts among the last three
    assert (made.baseline.count, made.score) == (12, 0.0)


@pytest.mark.parametrize(("limit", "within"), [(100.0, True), (99.0, False)])
def test_beyond_a_limit_nothing_is_hurried_over(limit, within):
    made = MeasureMonitor(SLIP, replace(DEFAULTS[SLIP], limit=limit), QUICK)
    for _ in range(10):
        made.observe(100.0)
    assert (made.steady == 100.0) is within
    assert (made.calls() is NONE) is within
