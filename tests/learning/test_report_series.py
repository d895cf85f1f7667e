import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nautilus_quant.learning.report_series import extremes, thinned, weights_of
from tests.learning.evaluations import DAY, START, btc, evaluation


def test_choices_in_arrays():
    weights = weights_of(btc())
    assert weights.arms == ("X-1", "Y-2")
    assert ((weights.ts - START) // DAY).tolist() == [0, 1, 2, 4, 5]
    assert weights.shares.tolist() == [[1, 0], [1, 0], [0, 1], [0, 0], [0.5, 0.5]]
    assert [weights.names[at] for at in weights.regimes] == ["UP", "UP", "DOWN", "UP", "UP"]
    assert weights.switches.tolist() == [0, 0, 1, 2, 3]


def test_arms_that_come_and_go():
    weights = weights_of([*btc(), evaluation(6, (0.0,), (1.0,), arms=("Z-3",))])
    assert weights.arms == ("X-1", "Y-2", "Z-3")
    assert weights.shares[-1].tolist() == [0.0, 0.0, 1.0]
    assert weights.shares[0].tolist() == [1.0, 0.0, 0.0]


def test_what_is_not_later_is_passed_over():
    assert len(weights_of([*btc(), evaluation(4, (0.0, 0.0), (1.0, 0.0))]).ts) == 5


def test_thinned_weights_are_averages_over_time():
    weights = thinned(weights_of(btc()), 2)
    # Days 0 to 2: all of the first arm. Then two days of the second, one of none, and a nanosecond of both.
    assert ((weights.ts - START) // DAY).tolist() == [0, 2]
    assert weights.shares[0].tolist() == [1.0, 0.0]
    assert weights.shares[1] == pytest.approx([0.0, 2.0 / 3.0])
    assert [weights.names[at] for at in weights.regimes] == ["UP", "DOWN"]
    assert weights.switches.tolist() == [0, 1]


def test_few_weights_stay_as_they_are():
    weights = weights_of(btc())
    assert thinned(weights, 5) is weights


def test_a_limit_is_needed():
    with pytest.raises(ValueError, match=r"limit >= 1 \[points\], was 0"):
        thinned(weights_of(btc()), 0)
    with pytest.raises(ValueError, match=r"limit >= 4 \[points\], was 3"):
        extremes(np.zeros(9), 3)


@given(
    hnp.arrays(np.float64, st.integers(1, 300), elements=st.floats(-1e6, 1e6)),
    st.integers(4, 60),
)
def test_a_thinned_curve_keeps_its_ends_and_extremes(values, limit):
    kept = extremes(values, limit)
    assert len(kept) <= limit
    assert np.all(np.diff(kept) > 0)
    assert kept[0] == 0
    assert kept[-1] == len(values) - 1
    assert values[kept].max() == values.max()
    assert values[kept].min() == values.min()


def test_a_spike_survives():
    values = np.zeros(100_000)
    values[54_321] = 7.0
    values[54_322] = -7.0
    kept = extremes(values, 400)
    assert {54_321, 54_322} <= set(kept.tolist())
