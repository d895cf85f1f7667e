"""Power as planned, against simulation; and plans against formulas solved by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from nautilus_quant.learning.abtest import Method
from nautilus_quant.learning.confidence import log_wealth, mixture_radius, prior_ratio, stakes
from nautilus_quant.learning.power import detectable, plan, power_of, simulate, stopping_times

RUNS = 2_000


@pytest.mark.parametrize(("effect", "power"), [(0.15, 0.8), (0.25, 0.8), (0.25, 0.95)])
def test_the_power_is_as_planned(effect: float, power: float) -> None:
    """At least as planned, since looking early adds a little; and not so much that the plan were useless."""
    planned = plan(effect, 1.0, power=power)
    seen = simulate(effect, 1.0, n=math.ceil(planned.required), seed=3, runs=RUNS)
    slack = 3.0 * math.sqrt(power * (1.0 - power) / RUNS)
    assert power - slack <= seen.power <= power + 0.1
    assert seen.wrong < 0.01
    assert seen.median_stop < planned.typical < planned.required


def test_the_normal_method_has_its_power_too() -> None:
    planned = plan(0.2, 1.0, method=Method.NORMAL)
    n = math.ceil(planned.required)
    x = np.random.default_rng(3).normal(0.2, 1.0, (RUNS, n))
    looks = np.arange(1, n + 1)
    ratio = prior_ratio(0.05, 500.0)
    radius = np.array([mixture_radius(i, 1.0, 0.05, ratio) for i in looks])
    found = np.mean((np.cumsum(x, axis=1) / looks > radius).any(axis=1))
    assert 0.8 - 3.0 * math.sqrt(0.16 / RUNS) <= found <= 0.9


def test_a_plan_by_hand() -> None:
    """One look: ((1.959964 + 0.841621) / 0.1)² = 784.9; the rest solves its own equations."""
    made = plan(-0.2, 2.0, method=Method.NORMAL)
    ratio = prior_ratio(0.05, 500.0)
    assert made.single_look == pytest.approx(784.8879, abs=1e-3)
    assert mixture_radius(made.typical, 2.0, 0.05, ratio) == pytest.approx(0.2, rel=1e-5)
    z = (0.2 - mixture_radius(made.required, 2.0, 0.05, ratio)) / (2.0 / math.sqrt(made.required))
    assert stats.norm.cdf(z) == pytest.approx(0.8, abs=1e-5)


def test_the_betting_boundary_is_where_wealth_reaches_the_limit() -> None:
    """A path of small steps that just rises to the plan's sum wins about 2 / alpha."""
    made = plan(0.1, 1.0)
    n = round(made.typical)
    path = np.tile([1.1, -0.9], n // 2)  # mean 0.1, mean square 1.01
    logs = np.log1p(stakes(np.zeros(1), -6.0, 6.0) * path).sum(axis=2)[..., None]
    assert float(log_wealth(logs, axis=1)[0, 0]) == pytest.approx(-math.log(0.05), abs=0.15)


@pytest.mark.parametrize("method", Method)
def test_power_and_effect_are_the_plan_read_backwards(method: Method) -> None:
    made = plan(0.3, 2.0, 0.1, 0.7, method=method, reach=5.0)
    n = made.required
    assert power_of(-0.3, 2.0, 0.1, n=n, method=method, reach=5.0) == pytest.approx(0.7, abs=1e-4)
    assert detectable(2.0, 0.1, 0.7, n=n, method=method, reach=5.0) == pytest.approx(0.3, rel=1e-4)


def test_what_is_asked_for_costs() -> None:
    base = plan(0.1, 1.0).required
    assert plan(0.1, 1.0, alpha=0.01).required > base
    assert plan(0.1, 1.0, power=0.95).required > base
    assert plan(0.05, 1.0).required > 3.0 * base
    assert plan(0.1, 1.0, reach=12.0).required != base
    assert plan(-0.1, 1.0).required == base
    assert plan(0.2, 2.0).required == pytest.approx(base)


def test_no_effect_takes_for_ever() -> None:
    for method in Method:
        made = plan(0.0, 1.0, method=method)
        assert (made.required, made.typical, made.single_look) == (math.inf, math.inf, math.inf)
        assert plan(1e-9, 1.0, method=method).required == math.inf  # longer than anybody waits


def test_a_simulation_is_reproducible_and_symmetric() -> None:
    one = simulate(0.2, 1.0, n=300, seed=4, runs=200)
    assert simulate(0.2, 1.0, n=300, seed=4, runs=200) == one
    assert simulate(0.2, 1.0, n=300, seed=5, runs=200) != one
    assert simulate(0.4, 2.0, n=300, seed=4, runs=200) == one
    other = simulate(-0.2, 1.0, n=300, seed=4, runs=200)
    assert abs(other.power - one.power) < 4 * math.hypot(one.standard_error, other.standard_error)
    assert one.mean_stop <= 300
    assert one.standard_error == pytest.approx(math.sqrt(one.power * (1 - one.power) / 200))


def test_stopping_times_of_a_certain_thing() -> None:
    """All at the bound of 2: after n of them the wealth of each half is mean((1 ± bet)^n) / 2."""
    more, less = stopping_times(np.array([[2.0] * 40, [-2.0] * 40, [0.0] * 40]), 2.0, 0.05)
    bets = np.geomspace(0.02, 0.9, 8)
    first = next(n for n in range(1, 40) if np.mean((1 + bets) ** n) / 2 >= 20)
    assert list(more) == [first, math.inf, math.inf]
    assert list(less) == [math.inf, first, math.inf]


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"effect": math.nan}, "a finite effect"),
        ({"sd": 0.0}, "sd > 0"),
        ({"alpha": 0.0}, "0 < alpha < 1"),
        ({"power": 1.0}, "0 < power < 1"),
        ({"reach": 0.5}, "reach >= 1"),
    ],
)
def test_impossible_values_are_refused(bad: dict, rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        plan(**({"effect": 0.1, "sd": 1.0} | bad))
