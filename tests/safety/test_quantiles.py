"""Streaming quantiles against the exact ones."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.safety.quantiles import P2Quantile, RobustBaseline
from nautilus_quant.safety.stored import DamagedStateError

SEEDED = [3, 17, 91]


def fed(values, p: float = 0.5) -> P2Quantile:
    made = P2Quantile(p)
    for value in values:
        made.update(float(value))
    return made


def test_the_worked_example_of_the_paper():
    """Table I of Jain and Chlamtac: the median of 20 values, 4.44 at the end; exactly it is 4.24."""
    values = [0.02, 0.15, 0.74, 3.39, 0.83, 22.37, 10.15, 15.43, 38.62, 15.92,
              34.60, 10.28, 1.47, 0.40, 0.05, 11.39, 0.27, 0.42, 0.09, 11.37]  # fmt: skip
    made = fed(values)
    assert made.value == pytest.approx(4.44, abs=0.005)
    assert made._places == [1, 6, 10, 16, 20]
    assert made._heights[0] == 0.02
    assert made._heights[4] == 38.62


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=5), st.floats(0.01, 0.99))
def test_up_to_five_values_it_is_exact(values, p):
    assert fed(values, p).value == pytest.approx(float(np.quantile(values, p)), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("seed", SEEDED)
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform"])
def test_it_is_near_the_exact_one_on_what_does_not_drift(seed, p, draw):
    values = getattr(np.random.default_rng(seed), draw)(size=5_000)
    exact = np.quantile(values, p)
    share = np.mean(values <= fed(values, p).value)  # where in the sample the estimate lies
    assert share == pytest.approx(p, abs=0.015), exact


@given(st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=80), st.floats(0.05, 0.95))
def test_markers_ascend_and_stay_within_what_was_seen(values, p):
    made = fed(values, p)
    heights = made._heights
    assert heights == sorted(heights)
    assert (heights[0], heights[4]) == (min(values), max(values))
    assert made._places[0] == 1
    assert made._places[4] == len(values)


@given(st.floats(-1e9, 1e9), st.integers(1, 60))
def test_of_a_constant_it_is_the_constant(value, count):
    assert fed([value] * count).value == value


def baseline(values, window: int = 200) -> RobustBaseline:
    made = RobustBaseline(window)
    for value in values:
        made.update(float(value))
    return made


def mad(values) -> float:
    return float(np.median(np.abs(values - np.median(values))))


@pytest.mark.parametrize("seed", SEEDED)
def test_median_and_mad_of_a_stream(seed):
    values = np.random.default_rng(seed).normal(7.0, 2.0, size=1_990)
    made = baseline(values, 1_000)
    assert made.count == 1_990
    assert made.median == pytest.approx(np.median(values), abs=0.1)
    assert made.mad == pytest.approx(mad(values), rel=0.06)
    assert made.mad == pytest.approx(2.0 / 1.4826, rel=0.1)


@pytest.mark.parametrize("seed", SEEDED)
def test_it_follows_drift_and_forgets_what_was_before(seed):
    """The level climbs from 0 to 30: the answer is that of the last one to two windows."""
    rng = np.random.default_rng(seed)
    values = np.linspace(0.0, 30.0, 3_000) + rng.normal(size=3_000)
    made = baseline(values, 300)
    last = values[-made.count :]
    assert 300 <= made.count < 600
    assert made.median == pytest.approx(np.median(last), abs=0.5)
    assert made.mad == pytest.approx(mad(last), rel=0.25)
    assert made.median > 25.0  # of all values it is 15


def test_outliers_do_not_move_it():
    rng = np.random.default_rng(5)
    values = rng.normal(10.0, 1.0, size=500)
    values[::10] = 40.0
    made = baseline(values, 400)
    assert made.median == pytest.approx(np.median(values), abs=0.2)
    assert made.mad == pytest.approx(mad(values), abs=0.25)
    assert values.mean() > 12.9


def test_a_jump_is_usual_after_two_windows():
    made = baseline([1.0] * 100 + [9.0] * 101, 50)
    assert made.median == 9.0
    assert made.mad == 0.0


@given(st.integers(5, 40), st.integers(0, 300))
def test_the_answer_rests_on_one_to_two_windows(window, count):
    made = baseline(range(count), window)
    # The first generation answers alone until it is two windows old, then each lasts one window more.
    assert made.count == (count if count < 2 * window else window + count % window)


def test_few_values():
    assert math.isnan(RobustBaseline().median)
    made = baseline([3.0, 1.0, 2.0, 10.0])
    assert made.median == 2.5
    assert math.isnan(made.mad)
    made.update(2.0)  # median 2; distances 1 1 0 8 0, whose median is 1
    assert (made.median, made.mad) == (2.0, 1.0)


@given(st.lists(st.floats(-1e6, 1e6), max_size=60), st.integers(0, 60))
def test_a_restart_changes_nothing(values, cut):
    whole, first = baseline(values, 10), baseline(values[:cut], 10)
    again = RobustBaseline(10).restore(json.loads(json.dumps(first.to_dict())))
    for value in values[cut:]:
        again.update(value)
    assert again.to_dict() == whole.to_dict()
    assert repr((again.median, again.mad)) == repr((whole.median, whole.mad))


@pytest.mark.parametrize(
    "damage",
    [
        {"count": 3},
        {"heights": [5.0, 4.0, 3.0, 2.0, 1.0]},
        {"heights": [1.0, 2.0, 3.0, 4.0, math.nan]},
        {"places": [1, 2, 2, 6, 10]},
        {"places": [2, 3, 5, 6, 10]},
        {"count": -1, "heights": []},
        {"heights": "12345"},
    ],
)
def test_damaged_state_is_refused(damage):
    good = fed(range(10)).to_dict()
    fresh = P2Quantile()
    with pytest.raises(DamagedStateError):
        fresh.restore({**good, **damage})
    assert fresh.count == 0


def test_a_spread_that_does_not_belong_to_its_median_is_refused():
    state = baseline(range(30)).to_dict()
    state["elder"]["deviation"] = P2Quantile().to_dict()
    with pytest.raises(DamagedStateError, match="every value has a deviation"):
        RobustBaseline().restore(state)


@pytest.mark.parametrize("p", [0.0, 1.0, math.nan])
def test_impossible_parameters(p):
    with pytest.raises(ValueError, match="0 < p < 1"):
        P2Quantile(p)
    with pytest.raises(ValueError, match="window >= 5"):
        RobustBaseline(4)


class Laborious(P2Quantile):
    """Works every value out, as the paper does, also while all are the same."""

    def _is_steady(self, _x: float) -> bool:
        return False


@pytest.mark.parametrize("p", [0.5, 0.9])
@given(
    same=st.integers(0, 450),
    values=st.lists(st.sampled_from([1.0, 2.0, 2.5, 7.0]), max_size=30),
    stored_after=st.integers(0, 480),
)
def test_a_steady_beginning_saves_work_and_changes_nothing(p, same, values, stored_after):
    quick, slow = P2Quantile(p), Laborious(p)
    for n, value in enumerate([2.0] * same + values):
        quick.update(value)
        slow.update(value)
        if n == stored_after:
            quick = P2Quantile(p).restore(json.loads(json.dumps(quick.to_dict())))
    told = quick.to_dict()
    assert (told["count"], told["heights"], told["places"]) == (slow.count, slow._heights, slow._places)


def test_steady_markers_stand_where_working_them_out_puts_them():
    quick, slow = P2Quantile(), Laborious()
    for _ in range(450):
        quick.update(2.0)
        slow.update(2.0)
        assert slow.count <= 5 or quick.to_dict()["places"] == slow._places
