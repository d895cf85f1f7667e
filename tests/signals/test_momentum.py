import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.signals.momentum import (
    MomentumParams,
    MomentumRule,
    crossover_scale,
    response,
    volatility_scale,
)

HOUR = 3_600_000_000_000
START = 1_700_000_000_000_000_000
P = MomentumParams(fast=4.0, slow=12.0, vol_half_life=9.0, vol_target=0.5, cap=0.8, band=0.07)


def walk(count: int, seed: int = 1, drift: float = 0.0, volatility: float = 0.01) -> list[float]:
    steps = np.random.default_rng(seed).normal(drift, volatility, count)
    return [float(value) for value in 3_000.0 * np.exp(np.cumsum(steps))]


def run(closes: list[float], params: MomentumParams = P) -> list[float | None]:
    rule = MomentumRule(params, interval=HOUR)
    out = [rule.update(START + at * HOUR, close) for at, close in enumerate(closes)]
    return [None if target is None else target.exposure for target in out]


def slow_twin(closes: list[float], p: MomentumParams) -> list[float | None]:
    """The whole history again for every bar, straight from the papers."""
    out: list[float | None] = []
    held = 0.0
    for end in range(1, len(closes) + 1):
        if end < math.ceil(p.slow) + 1:
            out.append(None)
            continue
        log_prices = np.log(closes[:end])
        ages = np.arange(end)[::-1]

        def mean(n: float, x: np.ndarray = log_prices, age: np.ndarray = ages) -> float:
            weights = (1.0 - 1.0 / n) ** age
            return float((weights * x).sum() / weights.sum())

        weights = 0.5 ** (ages[1:] / p.vol_half_life)
        sigma = math.sqrt((weights * np.diff(log_prices) ** 2).sum() / weights.sum())
        j = np.arange(1, 2_000)
        scale = math.sqrt((((1 - 1 / p.slow) ** j - (1 - 1 / p.fast) ** j) ** 2).sum())
        z = (mean(p.fast) - mean(p.slow)) / (sigma * scale)
        per_year = sigma * math.sqrt(365.25 * 24)
        wanted = (
            z * math.exp(-z * z / 4) / (math.sqrt(2) * math.exp(-0.5)) * min(p.cap, p.vol_target / per_year)
        )
        if abs(wanted - held) >= p.band:
            held = wanted
        out.append(held)
    return out


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_equals_the_papers(seed: int) -> None:
    closes = walk(120, seed)
    mine, expected = run(closes), slow_twin(closes, P)
    assert mine[:12] == expected[:12] == [None] * 12
    assert mine[12:] == pytest.approx(expected[12:], rel=1e-9, abs=1e-12)
    assert len({*mine}) > 10  # the band did not hold it still


@given(st.floats(1.0, 50.0), st.floats(1.05, 6.0))
def test_scale_is_the_deviation_of_the_crossover_of_a_random_walk(fast: float, times: float) -> None:
    slow = fast * times
    j = np.arange(1, 20_000)
    brute = math.sqrt((((1 - 1 / slow) ** j - (1 - 1 / fast) ** j) ** 2).sum())
    assert crossover_scale(fast, slow) == pytest.approx(brute, rel=1e-6)


def test_the_trend_of_a_random_walk_has_unit_deviation() -> None:
    rule = MomentumRule(MomentumParams(fast=4.0, slow=12.0, vol_half_life=200.0), interval=HOUR)
    trends = []
    for at, close in enumerate(walk(20_000, seed=4)):
        rule.update(START + at * HOUR, close)
        trends.append(rule.z)
    assert np.std(trends[500:]) == pytest.approx(1.0, abs=0.05)


def test_response_peaks_at_root_two_and_is_odd() -> None:
    assert response(math.sqrt(2.0)) == pytest.approx(1.0)
    assert response(-math.sqrt(2.0)) == pytest.approx(-1.0)
    assert response(0.0) == 0.0
    assert 0.0 < response(4.0) < response(1.0) < 1.0


def test_size_follows_volatility_up_to_the_cap() -> None:
    assert volatility_scale(0.8, 0.4, 1.0) == 0.5
    assert volatility_scale(0.3, 0.4, 1.0) == 1.0
    assert volatility_scale(0.0, 0.4, 0.7) == 0.7
    assert volatility_scale(0.5, 0.4, 0.8) == pytest.approx(0.8)


def test_a_rise_is_bought_and_a_fall_is_sold() -> None:
    assert run(walk(60, drift=0.006))[-1] > 0.1
    assert run(walk(60, drift=-0.006))[-1] < -0.1


def test_small_changes_are_not_worth_an_order() -> None:
    calm = [target for target in run(walk(200)) if target is not None]
    assert all(abs(b - a) >= P.band for a, b in itertools.pairwise(calm) if a != b)
    everything = [
        target for target in run(walk(200), MomentumParams(band=0.0, slow=50.0)) if target is not None
    ]
    assert len({*everything}) == len(everything)


@settings(max_examples=40)
@given(st.integers(0, 80), st.integers(0, 9))
def test_a_prefix_says_the_same_and_the_future_changes_nothing(length: int, seed: int) -> None:
    closes = walk(80, seed)
    other_future = closes[:length] + [close * 3.0 for close in closes[length:]]
    assert run(closes)[:length] == run(closes[:length]) == run(other_future)[:length]


@given(st.floats(1e-3, 1e3))
def test_does_not_depend_on_the_scale_of_the_price(factor: float) -> None:
    closes = walk(60, seed=5)
    mine, scaled = run(closes), run([close * factor for close in closes])
    assert scaled[12:] == pytest.approx(mine[12:], rel=1e-6, abs=1e-9)


@given(st.integers(0, 60))
def test_goes_on_exactly_where_it_stopped(cut: int) -> None:
    closes = walk(60, seed=6)
    first = MomentumRule(P, interval=HOUR)
    for at, close in enumerate(closes[:cut]):
        first.update(START + at * HOUR, close)
    second = MomentumRule(P, interval=HOUR).restore(first.to_dict())
    for at, close in enumerate(closes[cut:], start=cut):
        assert second.update(START + at * HOUR, close) == first.update(START + at * HOUR, close)
    assert second.to_dict() == first.to_dict()
    assert second.z == first.z


def test_what_was_learnt_otherwise_is_left_alone() -> None:
    first = MomentumRule(P, interval=HOUR)
    for at, close in enumerate(walk(40)):
        first.update(START + at * HOUR, close)
    assert first.ready
    assert not MomentumRule(MomentumParams(), interval=HOUR).restore(first.to_dict()).ready
    assert not MomentumRule(P, interval=2 * HOUR).restore(first.to_dict()).ready


def test_bad_and_repeated_bars_change_nothing() -> None:
    rule = MomentumRule(P, interval=HOUR)
    for at, close in enumerate(walk(40)):
        rule.update(START + at * HOUR, close)
    before = rule.to_dict()
    assert rule.update(START + 40 * HOUR, math.nan) is None
    assert rule.update(START + 39 * HOUR, 1.0) is None
    assert rule.to_dict() == before


def test_a_long_gap_starts_over() -> None:
    rule = MomentumRule(P, interval=HOUR)
    for at, close in enumerate(walk(40)):
        rule.update(START + at * HOUR, close)
    assert rule.update(START + 52 * HOUR, 3_000.0) is not None
    assert rule.update(START + 66 * HOUR, 3_000.0) is None
    assert not rule.ready


def test_a_price_that_does_not_move_is_no_trend() -> None:
    rule = MomentumRule(P, interval=HOUR)
    targets = [rule.update(START + at * HOUR, 100.0) for at in range(20)]
    assert targets[-1] == (0.0, "the price does not move")


def test_the_reason_tells_trend_and_volatility() -> None:
    rule = MomentumRule(P, interval=HOUR)
    for at, close in enumerate(walk(40)):
        target = rule.update(START + at * HOUR, close)
    assert target is not None
    assert target.reason.startswith(f"trend {rule.z:+.2f} sigma, volatility ")
    assert rule.warm_up == 13


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"fast": 48.0}, r"need 1 <= fast < slow \[bars\], was \(48.0, 48.0\)"),
        ({"fast": 0.5}, "fast < slow"),
        ({"slow": math.inf}, "fast < slow"),
        ({"vol_half_life": 0.0}, "vol_half_life > 0"),
        ({"vol_target": math.nan}, "vol_target > 0"),
        ({"cap": 1.1}, "0 < cap <= 1"),
        ({"cap": 0.0}, "0 < cap <= 1"),
        ({"band": 1.0}, "0 <= band < cap"),
        ({"band": -0.1}, "0 <= band < cap"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        MomentumParams(**changes)
