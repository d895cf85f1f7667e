import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.ewma import (
    Ewma,
    EwmaVolatilities,
    EwmaVolatility,
    decay_of_half_life,
    decay_of_span,
)

values = st.floats(-1e6, 1e6)
decays = st.floats(0.0, 0.999)


def weighted_mean(sample: list[float], decay: float) -> float:
    weights = [decay**age for age in range(len(sample))]
    return sum(w * v for w, v in zip(weights, reversed(sample), strict=True)) / sum(weights)


def test_exact_values() -> None:
    mean = Ewma(0.5)
    assert math.isnan(mean.value)
    assert mean.update(8.0) == 8.0
    assert mean.update(2.0) == 4.0  # (8 * 0.5 + 2) / 1.5
    assert mean.update(11.0) == 8.0  # (8 * 0.25 + 2 * 0.5 + 11) / 1.75
    assert mean.value == 8.0


@given(st.lists(values, min_size=1, max_size=60), decays)
def test_equals_the_weighted_mean_of_the_definition(sample: list[float], decay: float) -> None:
    mean = Ewma(decay)
    for value in sample:
        mean.update(value)
    assert mean.value == pytest.approx(weighted_mean(sample, decay), rel=1e-9, abs=1e-6)


@given(st.lists(values, min_size=2, max_size=30), decays, st.data())
def test_goes_on_exactly_where_it_stopped(sample: list[float], decay: float, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(sample)))
    straight, first = Ewma(decay), Ewma(decay)
    for value in sample[:cut]:
        straight.update(value)
        first.update(value)
    second = Ewma(decay).restore(first.to_dict())
    assert [straight.update(v) for v in sample[cut:]] == [second.update(v) for v in sample[cut:]]


def test_a_weight_halves_in_a_half_life() -> None:
    assert decay_of_half_life(7.0) ** 7 == pytest.approx(0.5)


def test_a_span_has_the_centre_of_mass_of_a_simple_mean() -> None:
    decay = decay_of_span(21.0)
    assert decay / (1.0 - decay) == pytest.approx((21.0 - 1.0) / 2.0)
    assert decay_of_span(1.0) == 0.0


def test_volatility_is_the_root_of_the_mean_square() -> None:
    volatility = EwmaVolatility(1.0)
    assert volatility.update(0.03) == pytest.approx(0.03)
    assert volatility.update(-0.06) == pytest.approx(math.sqrt((0.0009 * 0.5 + 0.0036) / 1.5))


def test_a_return_over_four_bars_is_twice_that_of_one() -> None:
    assert EwmaVolatility(5.0).update(0.08, bars=4) == pytest.approx(0.04)


def test_volatility_goes_on_where_it_stopped() -> None:
    first = EwmaVolatility(3.0)
    first.update(0.01)
    second = EwmaVolatility(3.0).restore(first.to_dict())
    assert second.value == first.value == pytest.approx(0.01)
    assert second.update(0.02) == first.update(0.02)


@pytest.mark.parametrize("bad", [0.0, -3.0, math.inf, math.nan])
def test_an_impossible_half_life_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"half_life must be positive and finite \[bars\], was"):
        decay_of_half_life(bad)


@pytest.mark.parametrize("bad", [0.99, math.inf, math.nan])
def test_an_impossible_span_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"span must be at least 1 and finite \[bars\], was"):
        decay_of_span(bad)


@pytest.mark.parametrize("bad", [-0.1, 1.0, math.nan])
def test_an_impossible_decay_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match=r"decay must be in \[0, 1\)"):
        Ewma(bad)


@given(st.lists(st.tuples(st.floats(-0.5, 0.5), st.integers(1, 5)), min_size=1, max_size=60))
def test_two_volatilities_in_one_step_are_the_same_to_the_last_bit(returns):
    fast, slow, both = EwmaVolatility(10.0), EwmaVolatility(200.0), EwmaVolatilities(10.0, 200.0)
    for at, (log_return, bars) in enumerate(returns):
        assert both.update(log_return, bars) == (fast.update(log_return, bars), slow.update(log_return, bars))
        if at == len(returns) // 2:
            both = EwmaVolatilities(10.0, 200.0).restore(both.to_dict())
    assert both.to_dict() == {"fast": fast.to_dict(), "slow": slow.to_dict()}
