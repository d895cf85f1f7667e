"""Two arms compared pair by pair."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.learning.abtest import REACH, ABTest, Decision, Method, Result
from nautilus_quant.learning.confidence import BettingSequence, NormalMixture

UNIT = (-6.0, 6.0)


def told(test: ABTest, differences, b: float = 0.0) -> Result:
    for difference in differences:
        test.update(difference + b, b)
    return test.result()


def noise(mean: float, n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1.0, n)


@pytest.mark.parametrize("method", Method)
def test_the_better_arm_is_found_on_either_side(method: Method) -> None:
    better = told(ABTest(bounds=UNIT, method=method), noise(0.4, 600))
    worse = told(ABTest(bounds=UNIT, method=method), noise(-0.4, 600))
    assert (better.decision, worse.decision) == (Decision.A_BETTER, Decision.B_BETTER)
    assert better.lower > 0.0 > worse.upper
    assert "A earns at least 0." in better.reason
    assert "B earns at least 0." in worse.reason


@pytest.mark.parametrize("method", Method)
def test_a_small_difference_is_called_so(method: Method) -> None:
    same = told(ABTest(min_effect=0.25, bounds=UNIT, method=method), noise(0.0, 3_000))
    assert same.decision is Decision.EQUIVALENT
    assert -0.25 <= same.lower < same.upper <= 0.25
    surely_little = told(ABTest(min_effect=0.4, bounds=UNIT, method=method), noise(0.2, 3_000))
    assert surely_little.lower > 0.0
    assert surely_little.decision is Decision.EQUIVALENT
    assert told(ABTest(bounds=UNIT, method=method), noise(0.0, 3_000)).decision is Decision.UNDECIDED


def test_a_large_difference_is_no_small_one() -> None:
    for effect, decision in ((0.4, Decision.A_BETTER), (-0.4, Decision.B_BETTER)):
        assert told(ABTest(min_effect=0.1, bounds=UNIT), noise(effect, 900)).decision is decision


def test_the_numbers_are_those_of_numpy() -> None:
    rng = np.random.default_rng(8)
    a, b = rng.normal(0.3, 0.5, 400), rng.normal(0.1, 0.4, 400)
    test, sequence = ABTest(0.1, bounds=(-3.0, 3.0)), BettingSequence((-3.0, 3.0), 0.1)
    for one, other in zip(a, b, strict=True):
        test.update(one, other)
        sequence.update(one - other)
    found, d = test.result(), a - b
    assert found.estimate == pytest.approx(d.mean())
    assert (found.mean_a, found.mean_b) == pytest.approx((a.mean(), b.mean()))
    assert found.sd == pytest.approx(d.std(ddof=1))
    assert found.autocorrelation == pytest.approx(np.corrcoef(d[1:], d[:-1])[0, 1], abs=0.01)
    assert (found.lower, found.upper) == (sequence.lower, sequence.upper)
    assert found.p_value == sequence.p_value
    assert (found.n, found.calibration, found.skipped, found.clipped) == (400, 0, 0, 0)


def test_the_normal_method_is_the_normal_mixture() -> None:
    sequence, d = NormalMixture(0.05), noise(0.2, 300)
    found = told(ABTest(method=Method.NORMAL), d)
    for value in d:
        sequence.update(value)
    assert (found.lower, found.upper, found.p_value) == (sequence.lower, sequence.upper, sequence.p_value)
    assert (found.n, found.calibration) == (300, 0)


def test_missing_halves_are_left_out_and_counted() -> None:
    whole, holey = ABTest(bounds=UNIT), ABTest(bounds=UNIT)
    for i, value in enumerate(noise(0.2, 120)):
        whole.update(value, 0.0)
        holey.update(value, 0.0)
        if i % 3 == 0:
            holey.update(math.nan, 0.1)
            holey.update(0.1, math.inf)
    assert holey.result().skipped == 80
    assert holey.result().n == 120
    assert (holey.result().estimate, holey.result().p_value) == (
        whole.result().estimate,
        whole.result().p_value,
    )


def test_the_first_pairs_set_the_bounds_and_nothing_else() -> None:
    d = noise(0.3, 500)
    found = told(ABTest(), d)
    reach = REACH * math.sqrt(float(np.mean(d[:30] ** 2)))
    given_bounds = told(ABTest(bounds=(-reach, reach)), d[30:])
    assert (found.n, found.calibration) == (470, 30)
    assert (found.lower, found.upper) == pytest.approx((given_bounds.lower, given_bounds.upper))
    assert found.p_value == pytest.approx(given_bounds.p_value)


def test_while_it_calibrates_nothing_is_known() -> None:
    early = told(ABTest(calibration=10), [0.1] * 9)
    assert (early.decision, early.n, early.p_value) == (Decision.UNDECIDED, 0, 1.0)
    assert (early.lower, early.upper) == (-math.inf, math.inf)
    assert math.isnan(early.estimate)
    assert early.reason == "calibrating, 9 of 10 pairs seen"
    never_differed = told(ABTest(calibration=10), [0.0] * 50)
    assert (never_differed.n, never_differed.calibration) == (0, 50)


def test_arms_that_always_do_the_same_are_equivalent_if_asked() -> None:
    assert told(ABTest(min_effect=0.001), [0.0] * 400, b=0.3).decision is Decision.EQUIVALENT


def test_differences_outside_are_cut_and_counted() -> None:
    found = told(ABTest(bounds=(-1.0, 2.0)), [5.0, -5.0, 1.5, -0.5])
    assert found.clipped == 2
    assert found.estimate == pytest.approx((2.0 - 1.0 + 1.5 - 0.5) / 4)


def test_a_difference_that_turns_over_is_not_explained_away() -> None:
    found = told(ABTest(bounds=(-2.0, 2.0)), [0.5, 0.3] * 200 + [-0.5, -0.3] * 600)
    assert found.drifted
    assert found.decision is Decision.UNDECIDED
    assert "not constant" in found.reason


def test_autocorrelation_is_seen() -> None:
    smooth = np.convolve(noise(0.0, 2_000), [0.5, 0.5], mode="valid")
    assert told(ABTest(bounds=UNIT), smooth).autocorrelation == pytest.approx(0.5, abs=0.05)
    assert math.isnan(told(ABTest(bounds=UNIT), smooth[:19]).autocorrelation)


def test_the_p_value_never_grows() -> None:
    test, seen = ABTest(), []
    for value in noise(0.1, 800):
        test.update(value, 0.0)
        seen.append(test.result().p_value)
    assert np.all(np.diff(seen) <= 0.0)
    assert seen[-1] < 1.0


@given(st.lists(st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)), max_size=50))
def test_swapping_the_arms_swaps_the_answer(pairs: list[tuple[float, float]]) -> None:
    one, other = (ABTest(0.2, 0.05, (-1.5, 1.5)) for _ in range(2))
    for a, b in pairs:
        one.update(a, b)
        other.update(b, a)
    swapped = {Decision.A_BETTER: Decision.B_BETTER, Decision.B_BETTER: Decision.A_BETTER}
    found, mirrored = one.result(), other.result()
    assert mirrored.decision is swapped.get(found.decision, found.decision)
    assert (mirrored.lower, mirrored.upper) == pytest.approx((-found.upper, -found.lower))


@pytest.mark.parametrize("stop", [7, 31, 300])
@pytest.mark.parametrize("method", Method)
def test_it_goes_on_where_it_was(method: Method, stop: int) -> None:
    def make() -> ABTest:
        return ABTest(0.05, 0.1, method=method)

    d = [*noise(0.3, 320), 40.0]
    whole, first = make(), make()
    told(whole, d, b=0.7)
    whole.update(math.nan, 1.0)
    told(first, d[:stop], b=0.7)
    second = make().restore(json.loads(json.dumps(first.to_dict())))
    told(second, d[stop:], b=0.7)
    second.update(math.nan, 1.0)
    assert second.to_dict() == whole.to_dict()
    assert second.result() == whole.result()
    stricter = ABTest(0.01, 0.1, method=method)
    assert stricter.restore(first.to_dict()).result().calibration == 0
    assert stricter.result().n == 0


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"alpha": 1.0}, "0 < alpha < 1"),
        ({"min_effect": -0.1}, "min_effect >= 0"),
        ({"min_effect": math.nan}, "min_effect >= 0"),
        ({"min_effect": 1.0, "bounds": (-1.0, 2.0)}, "bounds wider than min_effect"),
        ({"bounds": (0.5, 1.0)}, "bounds wider than min_effect"),
        ({"calibration": 0}, "calibration >= 1"),
    ],
)
def test_impossible_values_are_refused(bad: dict, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ABTest(**bad)
