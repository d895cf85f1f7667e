"""From scores to shares."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from nautilus_quant.learning.outputs import best, boltzmann, chance_of_best, eligible
from nautilus_quant.learning.policy import Form, Output

ALL = np.ones(3, dtype=bool)


@pytest.mark.parametrize(
    ("scores", "awake", "output", "shares"),
    [
        ([1.0, 3.0, 2.0], [1, 1, 1], Output(), [0, 1, 0]),
        ([1.0, 3.0, 2.0], [1, 0, 1], Output(), [0, 0, 1]),
        ([2.0, 2.0, 2.0], [0, 1, 1], Output(), [0, 1, 0]),
        ([-5.0, -3.0, -4.0], [1, 1, 1], Output(Form.TOP_K, 2), [0, 0.5, 0.5]),
        ([2.0, 2.0, 2.0], [1, 1, 1], Output(Form.TOP_K, 2), [0.5, 0.5, 0]),
        ([2.0, 9.0, 2.0], [1, 0, 1], Output(Form.TOP_K, 3), [0.5, 0, 0.5]),
        ([2.0, 9.0, 2.0], [0, 0, 0], Output(Form.TOP_K, 3), [0, 0, 0]),
        ([2.0, 9.0, 2.0], [0, 0, 0], Output(), [0, 0, 0]),
    ],
)
def test_the_best_awake_share_alike_and_the_lowest_number_wins_a_tie(scores, awake, output, shares):
    assert best(np.array(scores), np.array(awake, dtype=bool), output).tolist() == shares


def test_boltzmann_shares_by_hand():
    shares = boltzmann(np.array([0.0, math.log(3.0), 700.0]), np.array([True, True, False]))
    assert shares.tolist() == pytest.approx([0.25, 0.75, 0.0])
    assert boltzmann(np.array([1e6, -1e6, 0.0]), ALL).tolist() == [1.0, 0.0, 0.0]
    assert not boltzmann(np.zeros(3), ~ALL).any()


def normal_chance(mean: list[float], sd: list[float], awake: list[bool]) -> np.ndarray:
    means, sds = np.array(mean), np.array(sd)
    return chance_of_best(
        means, sds, np.array(awake), lambda x, arms: norm.cdf((x - means[arms, None]) / sds[arms, None])
    )


@given(st.floats(-2.0, 2.0), st.floats(0.05, 2.0), st.floats(0.05, 2.0))
def test_of_two_normal_arms_the_chance_is_known(mean, first, second):
    shares = normal_chance([mean, 0.0, 99.0], [first, second, 1.0], [True, True, False])
    assert shares[0] == pytest.approx(norm.cdf(mean / math.hypot(first, second)), abs=2e-3)
    assert shares.sum() == pytest.approx(1.0)
    assert shares[2] == 0.0


def test_equal_arms_have_equal_chances_and_a_certain_one_takes_all():
    assert normal_chance([1.0] * 3, [0.5] * 3, [True] * 3).tolist() == pytest.approx([1 / 3] * 3)
    assert normal_chance([1.0, 0.0, 0.0], [0.01] * 3, [True] * 3).tolist() == pytest.approx([1.0, 0.0, 0.0])
    assert not normal_chance([1.0] * 3, [1.0] * 3, [False] * 3).any()


def test_an_unknown_handicap_is_as_good_as_asleep():
    able = eligible(np.array([True, True, False]), np.array([0.0, math.nan, 0.0]), 3)
    assert able.tolist() == [True, False, False]


def test_shapes_must_fit():
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        eligible(ALL, np.zeros(2), 3)
