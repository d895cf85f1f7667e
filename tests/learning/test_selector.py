import json

import numpy as np
import pytest

from nautilus_quant.learning.selector import Selector, SelectorParams
from tests.learning.policies_probe import Scripted

HOUR = 3600 * 1_000_000_000
AWAKE = np.array([True, True, True])
FREE = np.zeros(3)


def selector(*answers, **params):
    return Selector(("a", "b", "c"), Scripted(*answers), SelectorParams(**params))


def test_the_first_choice_is_taken_and_costs_what_it_opens():
    chooser = selector([0, 1, 0])

    choice = chooser.choose(0, "RANGING", AWAKE, np.array([0.001, 0.002, 0.003]), 0.01)

    assert choice.weights.tolist() == [0, 1, 0]
    assert choice.cost == pytest.approx(0.002)
    assert choice.changed
    assert choice.reason == "chosen: b 100%"


def test_a_change_costs_closing_the_old_and_opening_the_new():
    chooser = selector([1, 0, 0], [0, 0, 1])
    costs = np.array([0.001, 0.002, 0.003])
    chooser.choose(0, "RANGING", AWAKE, costs, 0.01)

    assert chooser.choose(2 * HOUR, "RANGING", AWAKE, costs, 0.01).cost == pytest.approx(0.004)


def test_the_policy_hears_the_cost_of_leaving_and_opening_spread_over_the_horizon():
    chooser = selector([1, 0, 0], [1, 0, 0], horizon=4.0)
    costs = np.array([0.001, 0.002, 0.003])
    chooser.choose(0, "RANGING", AWAKE, costs, 0.01)
    chooser.choose(2 * HOUR, "RANGING", AWAKE, costs, 0.01)

    first, second = chooser.policy.handicaps
    assert first == pytest.approx([0.025, 0.05, 0.075])
    assert second == pytest.approx([0.0, 0.003 / 0.04, 0.004 / 0.04])


def test_within_the_dwell_the_choice_stays_without_asking():
    chooser = selector([1, 0, 0], min_dwell=7200.0)
    chooser.choose(0, "RANGING", AWAKE, FREE, 0.01)

    choice = chooser.choose(2 * HOUR - 1, "HIGH_VOL", AWAKE, FREE, 0.01)

    assert choice.weights.tolist() == [1, 0, 0]
    assert not choice.changed
    assert choice.cost == 0.0


def test_an_arm_that_falls_asleep_is_left_within_the_dwell():
    chooser = selector([1, 0, 0], [0, 1, 0], min_dwell=7200.0)
    chooser.choose(0, "RANGING", AWAKE, FREE, 0.01)

    choice = chooser.choose(1, "HIGH_VOL", np.array([False, True, True]), FREE, 0.01)

    assert choice.weights.tolist() == [0, 1, 0]


def test_with_every_arm_asleep_all_is_flat_and_says_so_and_costs_the_closing():
    chooser = selector([1, 0, 0])
    costs = np.array([0.001, 0.002, 0.003])
    chooser.choose(0, "RANGING", AWAKE, costs, 0.01)

    choice = chooser.choose(1, "CRISIS", np.zeros(3, dtype=bool), costs, 0.01)

    assert choice.weights.tolist() == [0, 0, 0]
    assert choice.cost == pytest.approx(0.001)
    assert choice.reason == "no arm may be chosen, all flat"


def test_after_being_flat_the_dwell_does_not_keep_it_flat():
    chooser = selector([1, 0, 0], min_dwell=7200.0)
    chooser.choose(0, "CRISIS", np.zeros(3, dtype=bool), FREE, 0.01)

    assert chooser.choose(1, "RANGING", AWAKE, FREE, 0.01).weights.tolist() == [1, 0, 0]


def test_a_clock_that_goes_backwards_does_not_prolong_the_dwell():
    chooser = selector([1, 0, 0], [0, 1, 0], min_dwell=3600.0)
    chooser.choose(10 * HOUR, "RANGING", AWAKE, FREE, 0.01)

    assert chooser.choose(HOUR, "RANGING", AWAKE, FREE, 0.01).weights.tolist() == [0, 1, 0]


def test_small_changes_of_weights_are_left_alone():
    chooser = selector([0.5, 0.5, 0], [0.54, 0.46, 0], [0.6, 0.4, 0], min_dwell=0.0, least_change=0.05)
    chooser.choose(0, "RANGING", AWAKE, FREE, 0.01)

    assert chooser.choose(1, "RANGING", AWAKE, FREE, 0.01).weights.tolist() == [0.5, 0.5, 0]
    assert chooser.choose(2, "RANGING", AWAKE, FREE, 0.01).weights.tolist() == [0.6, 0.4, 0]


@pytest.mark.parametrize("unit", [float("nan"), 0.0, -1.0])
def test_without_a_known_unit_changes_are_free(unit):
    chooser = selector([1, 0, 0])
    chooser.choose(0, "RANGING", AWAKE, np.ones(3), unit)

    assert chooser.policy.handicaps[0].tolist() == [0, 0, 0]


def test_unknown_costs_count_as_none():
    chooser = selector([1, 0, 0])

    assert chooser.choose(0, "RANGING", AWAKE, np.array([np.nan, 1, 1]), 0.01).cost == 0.0


@pytest.mark.parametrize(
    ("rewards", "weight"), [([np.nan] * 3, 1.0), ([1, 0, 0], 0.0), ([1, 0, 0], 1.5), ([1, 0, 0], np.nan)]
)
def test_nothing_is_learnt_from_nothing(rewards, weight):
    chooser = selector()
    chooser.learn(np.array(rewards, dtype=float), "RANGING", weight)

    assert chooser.policy.heard == []


def test_what_is_learnt_reaches_the_policy():
    chooser = selector()
    chooser.learn(np.array([1.0, -1.0, 0.5]), "RANGING", 0.5)

    assert chooser.policy.heard == [([1.0, -1.0, 0.5], "RANGING", 0.5)]


def test_a_restart_keeps_choice_and_dwell():
    before = selector([0, 1, 0], min_dwell=7200.0)
    before.choose(5 * HOUR, "RANGING", AWAKE, FREE, 0.01)
    after = selector(min_dwell=7200.0).restore(json.loads(json.dumps(before.to_dict())))

    assert after.choose(6 * HOUR, "RANGING", AWAKE, FREE, 0.01).weights.tolist() == [0, 1, 0]


def test_with_other_arms_what_remains_keeps_its_place():
    before = selector([0, 1, 0])
    before.choose(5 * HOUR, "RANGING", AWAKE, FREE, 0.01)
    after = Selector(("b", "new", "a"), Scripted()).restore(before.to_dict())

    assert after.policy.places == [1, None, 0]
    assert after.weights.tolist() == [1, 0, 0]


def test_a_choice_whose_arm_is_gone_is_dropped():
    before = selector([0, 1, 0])
    before.choose(5 * HOUR, "RANGING", AWAKE, FREE, 0.01)
    after = Selector(("a", "c"), Scripted([1, 0])).restore(before.to_dict())

    assert not after.weights.any()
    assert after.choose(5 * HOUR + 1, "RANGING", AWAKE[:2], FREE[:2], 0.01).changed


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"min_dwell": -1.0}, "min_dwell >= 0"),
        ({"horizon": 0.0}, "horizon > 0"),
        ({"least_change": 1.1}, "0 <= least_change <= 1"),
        ({"min_dwell": float("nan")}, "min_dwell >= 0"),
    ],
)
def test_impossible_parameters_are_refused(wrong, message):
    with pytest.raises(ValueError, match=message):
        SelectorParams(**wrong)
