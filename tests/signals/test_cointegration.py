import json
import math

import numpy as np
import pytest
from statsmodels.tsa.stattools import coint

from nautilus_quant.signals.cointegration import (
    UNTESTABLE,
    Cointegration,
    RollingCointegration,
    engle_granger,
    half_life,
)
from tests.signals.test_hedge_ratio import pair, walk


@pytest.mark.parametrize("lags", [0, 1, 4])
@pytest.mark.parametrize("keep", [0.3, 0.95, 1.0])
def test_equals_statsmodels(lags: int, keep: float) -> None:
    for seed in range(4):
        y, x = pair(250, seed, keep=keep)
        statistic, p, _ = coint(y, x, maxlag=lags, autolag=None, return_results=False)
        mine = engle_granger(y, x, lags=lags)
        assert mine.statistic == pytest.approx(statistic, rel=1e-6)
        assert mine.p == pytest.approx(p, rel=1e-5, abs=1e-12)
        assert mine.beta == pytest.approx(np.polyfit(x, y, 1)[0], rel=1e-9)


def test_pairs_are_told_from_strangers() -> None:
    assert engle_granger(*pair(500, 2)).p < 1e-6
    unrelated = [engle_granger(walk(300, seed), walk(300, 5_000 + seed)).p < 0.05 for seed in range(400)]
    # one in twenty by chance: 20 of 400, give or take three standard deviations
    assert sum(unrelated) <= 20 + 3 * math.sqrt(400 * 0.05 * 0.95)


@pytest.mark.parametrize("wanted", [2.0, 10.0, 40.0])
def test_the_half_life_is_that_of_the_gap(wanted: float) -> None:
    keep = 0.5 ** (1.0 / wanted)
    gap = np.zeros(200_000)
    noise = np.random.default_rng(3).normal(size=len(gap))
    for at in range(1, len(gap)):
        gap[at] = keep * gap[at - 1] + noise[at]
    assert half_life(gap + 7.0) == pytest.approx(wanted, rel=0.06)


def test_the_half_life_of_what_does_not_revert_is_infinite_and_of_a_bounce_zero() -> None:
    assert half_life(1.01 ** np.arange(50)) == math.inf
    assert half_life(np.zeros(50)) == math.inf
    assert half_life((-1.0) ** np.arange(50)) == 0.0


@pytest.mark.parametrize(
    ("y", "x"),
    [
        (np.full(100, 3.0), walk(100, 1)),
        (walk(100, 1), np.full(100, 3.0)),
        (2.0 * walk(100, 1) + 1.0, walk(100, 1)),
    ],
)
def test_what_cannot_be_tested_is_no_pair(y: np.ndarray, x: np.ndarray) -> None:
    assert str(engle_granger(y, x)) == str(UNTESTABLE)
    test = RollingCointegration(100, retest=1, enter=0.05, leave=0.2, lags=1)
    assert not any(test.update(one, other) for one, other in zip(y.tolist(), x.tolist(), strict=True))


def test_series_it_cannot_test_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        engle_granger(walk(50, 1), walk(60, 1))
    with pytest.raises(ValueError, match="at least"):
        engle_granger(walk(11, 1), walk(11, 2))


def rolling(y, x, **changes):
    settings = {"retest": 10, "enter": 0.01, "leave": 0.3, "lags": 1, **changes}
    test = RollingCointegration(120, **settings)
    return test, [test.update(one, other) for one, other in zip(y.tolist(), x.tolist(), strict=True)]


def test_it_tests_when_the_window_is_full_and_then_every_so_many_bars() -> None:
    y, x = pair(400, 3, keep=0.9)
    seen, test = [], RollingCointegration(120, retest=10, enter=0.01, leave=0.3, lags=1)
    for one, other in zip(y.tolist(), x.tolist(), strict=True):
        test.update(one, other)
        seen.append(test.latest)
    assert seen[118] is None
    for at in (119, 129, 139):
        assert seen[at] == engle_granger(y[at - 119 : at + 1], x[at - 119 : at + 1])
        assert seen[at] == seen[at + 9]


def test_hysteresis_enters_below_one_bound_and_leaves_above_the_other() -> None:
    y, x = pair(3_000, 7, keep=0.93)
    _, holds = rolling(y, x)
    expected, inside = [], False
    for at in range(119, 3_000, 10):
        p = engle_granger(y[at - 119 : at + 1], x[at - 119 : at + 1]).p
        inside = p <= (0.3 if inside else 0.01)
        expected += [inside] * 10
    assert holds[119:] == expected[: 3_000 - 119]
    assert {True, False} == set(holds[119:])


def test_a_break_is_left() -> None:
    y, x = pair(600, 3)
    y[300:] += walk(300, 77, 0.01, 0.0)
    _, holds = rolling(y, x)
    assert holds[299]
    assert not holds[-1]


@pytest.mark.parametrize("at", [0, 100, 119, 120, 125, 300])
def test_a_restart_at_any_bar_changes_nothing(at: int) -> None:
    y, x = pair(400, 5)
    whole, _ = rolling(y, x)
    before, _ = rolling(y[:at], x[:at])
    after, _ = rolling(y[:0], x[:0])
    after.restore(json.loads(json.dumps(before.to_dict())))
    for one, other in zip(y[at:].tolist(), x[at:].tolist(), strict=True):
        after.update(one, other)
    assert after.to_dict() == whole.to_dict()
    assert isinstance(after.latest, Cointegration)
