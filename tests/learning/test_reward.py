import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.learning.reward import RewardScale, weight_of

SECOND = 1_000_000_000
DAY = 86_400.0
START = 1_700_000_000 * SECOND

steps = st.lists(st.tuples(st.integers(60, 400_000), st.floats(-0.1, 0.1)), max_size=40)


def fed(scale: RewardScale, story: list[tuple[int, float]], start: int = START) -> int:
    ts, price = start, 100.0
    scale.update(ts, price)
    for seconds, move in story:
        ts, price = ts + seconds * SECOND, price * math.exp(move)
        scale.update(ts, price)
    return ts


def hourly(per_hour: float, **options) -> RewardScale:
    scale = RewardScale(**options)
    fed(scale, [(3600, per_hour * (-1) ** n) for n in range(300)])
    return scale


def test_a_full_position_on_a_move_of_one_deviation_is_one():
    scale = hourly(0.01, leverage=2.0)
    assert scale.sigma == pytest.approx(0.01 / 60.0)
    assert scale.reward(0.02, 3600.0) == pytest.approx(1.0)
    assert scale.reward(-0.02, 4 * 3600.0) == pytest.approx(-0.5)
    assert scale.unit(3600.0) == pytest.approx(0.02)


def test_rewards_are_clipped():
    scale = hourly(0.01, bound=2.5)
    assert scale.reward(1.0, 3600.0) == 2.5
    assert scale.reward(-1.0, 3600.0) == -2.5
    assert scale.reward(math.inf, 3600.0) == 2.5


@pytest.mark.parametrize(
    ("net", "seconds"), [(math.nan, 60.0), (0.1, 0.0), (0.1, -5.0), (0.1, math.nan), (0.1, math.inf)]
)
def test_what_is_unknown_has_no_reward(net: float, seconds: float):
    assert math.isnan(hourly(0.01).reward(net, seconds))


def test_without_enough_moves_there_is_no_reward():
    scale = RewardScale(least=3)
    fed(scale, [(3600, 0.01), (3600, -0.01)])
    assert math.isnan(scale.sigma)
    assert math.isnan(scale.reward(0.01, 3600.0))
    scale.update(START + 3 * 3600 * SECOND, 101.0)
    assert scale.reward(0.01, 3600.0) > 0.0


def test_a_market_that_does_not_move_gives_no_measure():
    assert math.isnan(hourly(0.0).reward(0.01, 3600.0))


@given(steps)
def test_equals_the_weighted_mean_written_out(story):
    scale = RewardScale(half_life=DAY, least=1)
    fed(scale, story)
    if not story:
        assert math.isnan(scale.sigma)
        return
    lives = np.minimum(1.0, np.array([seconds for seconds, _ in story]) / DAY)
    later = np.cumsum(lives[::-1])[::-1] - lives  # half-lives since each move
    weights = (1.0 - 0.5**lives) * 0.5**later
    values = np.array([move**2 / seconds for seconds, move in story])
    assert scale.sigma == pytest.approx(math.sqrt(weights @ values / weights.sum()), rel=1e-6, abs=1e-12)


@given(st.integers(0, 2**16))
def test_how_often_prices_come_hardly_matters(seed: int):
    moves = np.random.default_rng(seed).normal(0.0, 0.001, 6000)
    minutes, hours = RewardScale(), RewardScale()
    fed(minutes, [(60, float(move)) for move in moves])
    fed(hours, [(3600, float(move)) for move in moves.reshape(-1, 60).sum(axis=1)])
    assert minutes.sigma == pytest.approx(0.001 / math.sqrt(60), rel=0.15)
    assert hours.sigma == pytest.approx(minutes.sigma, rel=0.5)


@pytest.mark.parametrize("price", [math.nan, 0.0, -1.0, math.inf])
def test_what_is_no_price_changes_nothing(price: float):
    scale = hourly(0.01)
    before = scale.to_dict()
    scale.update(START + 10**18, price)
    assert scale.to_dict() == before


def test_what_comes_too_soon_or_backwards_changes_nothing():
    scale = hourly(0.01, spacing=60.0)
    before = scale.to_dict()
    for ts in (before["ts"] + 59 * SECOND, before["ts"], START):
        scale.update(ts, 500.0)
    assert scale.to_dict() == before
    scale = RewardScale(spacing=0.0)
    scale.update(START, 100.0)
    scale.update(START, 101.0)  # no time has passed
    assert scale.to_dict()["close"] == 100.0


@given(steps, st.integers(0, 40))
def test_goes_on_exactly_where_it_stopped(story, at):
    straight, first = RewardScale(least=3), RewardScale(least=3)
    ts = fed(first, story[:at])
    fed(straight, story[:at])
    second = RewardScale(least=3).restore(json.loads(json.dumps(first.to_dict(), allow_nan=False)))
    for n, (seconds, move) in enumerate(story[at:], 1):
        for scale in (straight, second):
            scale.update(ts + n * seconds * SECOND, 100.0 * math.exp(move))
    assert second.to_dict() == straight.to_dict()


def test_what_another_half_life_has_measured_is_left_alone():
    fresh = RewardScale(half_life=DAY)
    assert math.isnan(fresh.restore(hourly(0.01).to_dict()).sigma)


@pytest.mark.parametrize(("seconds", "weight"), [(1800.0, 0.5), (3600.0, 1.0), (9e9, 1.0), (-5.0, 0.0)])
def test_an_evaluation_counts_by_the_time_it_covers(seconds: float, weight: float):
    assert weight_of(seconds, 3600.0) == weight
    with pytest.raises(ValueError, match=r"interval > 0 \[s\], was 0"):
        weight_of(seconds, 0.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("leverage", 0.0), ("half_life", math.inf), ("bound", -1.0), ("spacing", 1e9), ("least", 0)],
)
def test_impossible_scales_are_refused(name: str, value: float):
    with pytest.raises(ValueError, match=f"{name}.*, was {value}"):
        RewardScale(**{name: value})
