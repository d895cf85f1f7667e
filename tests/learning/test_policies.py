"""What every selection policy promises, checked on every one."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.learning.ensemble import Ensemble
from nautilus_quant.learning.params import PolicyParams, Priors
from nautilus_quant.learning.policies import POLICIES, make_policy
from nautilus_quant.learning.policy import Form, Output, Policy
from nautilus_quant.learning.thompson import ThompsonBeta, ThompsonNormal

NAMES = ("thompson", "thompson_beta", "ucb", "kl_ucb", "hedge", "ensemble")
OUTPUTS = (Output(), Output(Form.TOP_K, 2), Output(Form.WEIGHTS))
ARMS = 4
ALL, FREE = np.ones(ARMS, dtype=bool), np.zeros(ARMS)
every_policy = pytest.mark.parametrize("name", NAMES)
every_output = pytest.mark.parametrize("output", OUTPUTS, ids=lambda output: output.form)


def history(seed: int, rounds: int, arms: int = ARMS) -> list[tuple[np.ndarray, str, float]]:
    draws = np.random.default_rng(seed)
    rewards = draws.normal(np.linspace(-0.3, 0.3, arms), 1.0, (rounds, arms))
    rewards[draws.random(rewards.shape) < 0.1] = math.nan
    regimes = draws.choice(["a", "b", "c"], rounds)
    return [
        (row, str(regime), 1.0 if at % 3 else 0.5)
        for at, (row, regime) in enumerate(zip(rewards, regimes, strict=True))
    ]


def lived(policy: Policy, told: list[tuple[np.ndarray, str, float]]) -> list[list[float]]:
    """Choose and learn in turns; give all choices."""
    chosen = []
    for rewards, regime, weight in told:
        awake = np.ones(len(rewards), dtype=bool)
        chosen.append(policy.select(awake, regime, np.zeros(len(rewards))).tolist())
        policy.update(rewards, regime, weight)
    return chosen


def saved(policy: Policy) -> dict[str, object]:
    document: dict[str, object] = json.loads(json.dumps(policy.to_dict(), allow_nan=False))
    return document


def test_policies_have_the_names_of_the_configuration():
    assert tuple(POLICIES) == NAMES


@pytest.mark.parametrize(
    ("wrong", "hint"), [("thomson", "thompson"), ("klucb", "kl_ucb"), ("Hedge", "hedge")]
)
def test_an_unknown_name_is_answered_with_the_nearest(wrong, hint):
    with pytest.raises(ValueError, match=rf"was {wrong}; did you mean {hint}\?"):
        make_policy(wrong, 3)


def test_what_resembles_nothing_gets_no_hint():
    with pytest.raises(ValueError, match=r"was 42$"):
        make_policy("42", 3)


@every_policy
def test_there_must_be_an_arm_and_priors_must_fit(name):
    with pytest.raises(ValueError, match="arms >= 1"):
        make_policy(name, 0)
    with pytest.raises(ValueError):
        make_policy(name, 3, priors=Priors.of(2))


@every_policy
@every_output
@settings(max_examples=15)
@given(
    awake=st.lists(st.booleans(), min_size=ARMS, max_size=ARMS),
    handicap=st.lists(
        st.floats(0.0, 5.0) | st.sampled_from([math.nan, math.inf]), min_size=ARMS, max_size=ARMS
    ),
    rounds=st.integers(0, 8),
)
def test_shares_go_to_arms_awake_only_and_add_up(name, output, awake, handicap, rounds):
    regime = "a" if rounds % 2 else "never"
    policy = make_policy(name, ARMS, output=output, seed=rounds)
    for told in history(rounds, rounds):
        policy.update(*told)
    able = np.array(awake) & np.isfinite(handicap)
    shares = policy.select(np.array(awake), regime, np.array(handicap))
    assert shares.shape == (ARMS,)
    assert (shares >= 0.0).all()
    assert not shares[~able].any()
    assert shares.sum() == pytest.approx(1.0 if able.any() else 0.0)
    if output.form is Form.ONE:
        assert np.count_nonzero(shares) == int(able.any())
    if output.form is Form.TOP_K:
        assert np.count_nonzero(shares) <= output.k


@every_policy
@every_output
def test_the_same_seed_gives_the_same_choices(name, output):
    first, again = (make_policy(name, ARMS, output=output, seed=5) for _ in range(2))
    assert lived(first, history(1, 40)) == lived(again, history(1, 40))


@pytest.mark.parametrize("name", ["thompson", "thompson_beta", "hedge"])
def test_another_seed_draws_otherwise(name):
    first, other = (make_policy(name, ARMS, seed=seed) for seed in (5, 6))
    assert lived(first, history(1, 40)) != lived(other, history(1, 40))


@every_policy
@every_output
@pytest.mark.parametrize("window", [None, 5])
def test_a_restart_goes_on_exactly(name, output, window):
    params = PolicyParams(half_life=20.0, window=window, share=0.02)
    straight, before, after = (
        make_policy(name, ARMS, params=params, output=output, seed=seed) for seed in (3, 3, 99)
    )
    told = history(2, 60)
    expected = lived(straight, told)
    assert lived(before, told[:30]) == expected[:30]
    assert lived(after.restore(saved(before), list(range(ARMS))), told[30:]) == expected[30:]
    assert saved(after) == saved(straight)


@every_policy
def test_when_arms_change_what_is_known_of_the_others_stays(name):
    priors = Priors.of(3, [0.1, 0.2, 0.3], [4.0, 5.0, 6.0])
    old = make_policy(name, ARMS)
    lived(old, history(3, 30))
    new = make_policy(name, 3, priors=priors).restore(saved(old), [3, None, 0])
    fresh = make_policy(name, 3, priors=priors)
    for regime in ("a", "b", "never"):
        was, now, prior = old.beliefs(regime), new.beliefs(regime), fresh.beliefs(regime)
        assert now.evidence[[0, 2]].tolist() == was.evidence[[3, 0]].tolist()
        assert [part[1] for part in now] == [part[1] for part in prior]
    assert now.mean[0] > now.mean[2]  # as it was: arm 3 has the best rewards, arm 0 the worst
    assert lived(new, history(4, 10, 3))


@every_policy
def test_state_of_another_policy_or_of_other_parameters_is_left_alone(name):
    fresh = saved(make_policy(name, ARMS))
    other = make_policy("hedge" if name != "hedge" else "ucb", ARMS)
    longer = make_policy(name, ARMS, params=PolicyParams(half_life=999.0))
    for stranger in (other, longer):
        lived(stranger, history(5, 10))
        assert saved(make_policy(name, ARMS).restore(saved(stranger), list(range(ARMS)))) == fresh
    assert saved(make_policy(name, ARMS).restore({}, list(range(ARMS)))) == fresh


@every_policy
def test_the_form_of_the_answer_may_change_over_a_restart(name):
    old = make_policy(name, ARMS)
    lived(old, history(5, 20))
    new = make_policy(name, ARMS, output=OUTPUTS[2]).restore(saved(old), list(range(ARMS)))
    assert new.beliefs("a").evidence.sum() > 0.0


@every_policy
@every_output
def test_who_is_clearly_better_is_chosen_and_a_handicap_turns_it(name, output):
    policy = make_policy(name, 3, output=output, params=PolicyParams(half_life=math.inf))
    draws = np.random.default_rng(7)
    for _ in range(300):
        policy.update(draws.normal([-1.0, 0.8, -1.2], 0.5), "a")
    awake = np.ones(3, dtype=bool)
    shares = policy.select(awake, "a", np.zeros(3))
    assert shares[1] == shares.max()
    turned = policy.select(awake, "a", np.array([0.0, 4.0, 0.0]))
    assert turned[1] < 0.1


@every_policy
def test_regimes_are_told_apart(name):
    policy = make_policy(name, 2, params=PolicyParams(half_life=math.inf, pooling=5.0))
    for _ in range(100):
        policy.update(np.array([1.0, -1.0]), "calm")
        policy.update(np.array([-1.0, 1.0]), "wild")
    awake, free = np.array([True, True]), np.zeros(2)
    assert policy.select(awake, "calm", free).argmax() == 0
    assert policy.select(awake, "wild", free).argmax() == 1
    assert policy.beliefs("calm").mean[0] > 0.3 > policy.beliefs("wild").mean[0]


@every_policy
@pytest.mark.parametrize(
    "rewards", [np.full(ARMS, math.nan), np.array([math.inf, -math.inf, math.nan, math.nan])]
)
def test_what_is_not_a_number_teaches_nothing(name, rewards):
    policy = make_policy(name, ARMS)
    before = policy.beliefs("a")
    policy.update(rewards, "a")
    assert [part.tolist() for part in policy.beliefs("a")] == [part.tolist() for part in before]


@every_policy
def test_a_wrong_shape_or_weight_is_refused_and_changes_nothing(name):
    policy = make_policy(name, ARMS)
    before = saved(policy)
    for wrong in ((np.zeros(3), 1.0), (np.zeros(ARMS), 0.0), (np.zeros(ARMS), 1.1)):
        with pytest.raises(ValueError, match="need "):
            policy.update(wrong[0], "a", wrong[1])
    assert saved(policy) == before
    with pytest.raises(ValueError, match="need awake"):
        policy.select(ALL[:2], "a", FREE)


@pytest.mark.parametrize("name", ["thompson", "thompson_beta", "hedge"])
def test_arms_are_drawn_as_often_as_their_share(name):
    drawn, shared = (make_policy(name, ARMS, output=output, seed=8) for output in (Output(), OUTPUTS[2]))
    for told in history(9, 12):
        drawn.update(*told)
        shared.update(*told)
    awake, handicap, times = np.array([True, True, False, True]), np.array([0.0, 0.1, 0.0, 0.3]), 6_000
    counts = sum(drawn.select(awake, "a", handicap) for _ in range(times))
    shares = shared.select(awake, "a", handicap)
    spread = 4.0 * np.sqrt(shares * (1.0 - shares) / times) + 2e-3
    assert (np.abs(counts / times - shares) <= spread).all(), (counts / times, shares)


def test_thompson_draws_from_students_distribution():
    policy = ThompsonNormal(1, PolicyParams(half_life=math.inf), seed=1, priors=Priors.of(1, 0.5, 6.0))
    draws = np.array([policy._scores("a")[0] for _ in range(20_000)])
    # 8 degrees of freedom, squared scale 1/8: variance 1/8 * 8/6
    assert draws.mean() == pytest.approx(0.5, abs=4.0 * math.sqrt(1 / 6 / 20_000))
    assert draws.var() == pytest.approx(1 / 6, rel=0.06)


def test_wins_are_counted_and_losses_are_the_rest():
    params = PolicyParams(half_life=math.inf, reward_sd=2.0)
    policy = ThompsonBeta(2, params, priors=Priors.of(2, [0.0, 1.0], 4.0))
    for reward in (0.1, 3.0, -1.0, 0.0):
        policy.update(np.array([reward, math.nan]), "a", 0.5)
    # prior 2 : 2, two half wins and two half losses
    mean, sd, count = policy.beliefs("a")
    assert (mean[0], count[0]) == pytest.approx((0.0, 2.0))
    assert sd[0] == pytest.approx(4.0 * math.sqrt(3.0 * 3.0 / (36.0 * 7.0)))
    # a mean of 1 with wins and losses of 2 is a chance of 3/4
    assert mean[1] == pytest.approx(1.0)
    assert sd[1] == pytest.approx(4.0 * math.sqrt(3.0 * 1.0 / (16.0 * 5.0)))


class Fixed:
    """A member that always wants the same."""

    def __init__(self, kind: str, shares: list[float]) -> None:
        self.kind, self.shares = kind, np.array(shares)

    def select(self, awake: np.ndarray, regime: str, handicap: np.ndarray) -> np.ndarray:
        return self.shares

    def update(self, rewards: np.ndarray, regime: str, weight: float) -> None: ...


def council(output: Output) -> Ensemble:
    made = Ensemble(3, PolicyParams(half_life=math.inf), output=output)
    made._members = [Fixed("x", [1, 0, 0]), Fixed("y", [0, 1, 0]), Fixed("z", [0, 0.5, 0.5])]  # type: ignore[list-item]
    return made


def test_an_ensemble_averages_what_its_members_want():
    awake, free = np.ones(3, dtype=bool), np.zeros(3)
    assert council(Output(Form.WEIGHTS)).select(awake, "a", free).tolist() == pytest.approx(
        [1 / 3, 1 / 2, 1 / 6]
    )
    assert council(Output()).select(awake, "a", free).tolist() == [0.0, 1.0, 0.0]


def test_members_gain_weight_by_what_their_choices_earn():
    made = council(Output())
    awake, free = np.ones(3, dtype=bool), np.zeros(3)
    assert list(made.votes.values()) == pytest.approx([1 / 3] * 3)
    for _ in range(30):
        made.select(awake, "a", free)
        made.update(np.array([1.0, -1.0, 0.5]), "a")
    assert made.votes["x"] > 0.9 > made.votes["z"] > made.votes["y"]
    assert made.select(awake, "a", free).tolist() == [1.0, 0.0, 0.0]


def test_a_member_hears_nothing_of_choices_that_were_not_observed():
    made = council(Output())
    awake, free = np.ones(3, dtype=bool), np.zeros(3)
    made.select(awake, "a", free)
    made.update(np.array([math.nan, 2.0, math.nan]), "a")
    # y and z (by its half in arm 1) earn 2, x nothing that is known: all are where the mixture is
    assert list(made.votes.values()) == pytest.approx([1 / 3] * 3)
    made.select(awake, "a", free)
    made.update(np.array([math.nan, 2.0, -1.0]), "a")  # now z earns 0.5
    votes = made.votes
    assert votes["y"] > votes["x"] > votes["z"]
