"""Forecasts of volatility against processes whose volatility is known, and against the textbook."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.vol_forecast import DAY, ForecastParams, VolForecast, har_forecast

HOUR = DAY // 24
T0 = 20_000 * DAY
EWMA = ForecastParams(method="ewma", half_life=2.0, warm_up=1.0)


def learn(forecast: VolForecast, closes: np.ndarray, start: int = T0) -> VolForecast:
    for at, close in enumerate(closes):
        forecast.update(start + at * HOUR, float(close))
    return forecast


def walk(vol: float | np.ndarray, days: int, seed: int = 5) -> np.ndarray:
    """Hourly closes of a price with a volatility a year, of each day or of all."""
    rng = np.random.default_rng(seed)
    each = np.repeat(np.broadcast_to(vol, days), 24) / math.sqrt(365 * 24)
    return 100.0 * np.exp(np.cumsum(each * rng.standard_normal(24 * days)))


def test_the_weighted_variance_is_that_of_riskmetrics() -> None:
    closes = walk(0.7, 6)
    forecast = learn(VolForecast(EWMA, HOUR), closes)
    squares = np.diff(np.log(closes)) ** 2
    decay = 2.0 ** (-1.0 / 48.0)
    weights = decay ** np.arange(len(squares))[::-1]
    expected = math.sqrt((weights * squares).sum() / weights.sum() * 24 * 365)
    assert forecast.vol(7.0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("method", ["ewma", "har"])
def test_a_constant_volatility_is_found(method: str) -> None:
    params = ForecastParams(method=method, half_life=20.0, warm_up=2.0, window=365, fewest=60)
    forecast = learn(VolForecast(params, HOUR), walk(0.55, 300))
    assert forecast.vol(10.0) == pytest.approx(0.55, rel=0.06)


def test_nothing_is_forecast_before_the_warm_up() -> None:
    forecast = VolForecast(EWMA, HOUR)
    learn(forecast, walk(0.5, 1))  # 24 closes, 23 returns
    assert not forecast.ready
    assert math.isnan(forecast.vol(7.0))
    forecast.update(T0 + DAY, 101.0)
    assert forecast.ready
    assert forecast.vol(7.0) > 0.0
    assert forecast.seen == 24


def daily(seed: int = 3, days: int = 500) -> np.ndarray:
    """Daily variances that follow the heterogeneous autoregression, with some noise."""
    rng = np.random.default_rng(seed)
    made = [1e-3] * 30
    for _ in range(days):
        last = np.array(made)
        mean = 1e-4 + 0.35 * last[-1] + 0.3 * last[-7:].mean() + 0.25 * last[-30:].mean()
        made.append(mean * rng.gamma(8.0, 1.0 / 8.0))
    return np.array(made[30:])


def test_the_regression_is_ordinary_least_squares_on_day_week_and_month() -> None:
    rv, h = daily(), 5
    rows, outcomes = [], []
    for t in range(29, len(rv) - h):
        rows.append([1.0, rv[t], rv[t - 6 : t + 1].mean(), rv[t - 29 : t + 1].mean()])
        outcomes.append(rv[t + 1 : t + 1 + h].mean())
    weights = np.linalg.solve(np.transpose(rows) @ rows, np.transpose(rows) @ outcomes)
    expected = weights @ [1.0, rv[-1], rv[-7:].mean(), rv[-30:].mean()]
    assert har_forecast(rv, h, 60) == pytest.approx(expected, rel=1e-8)


def test_it_forecasts_better_than_the_last_day_and_than_the_mean() -> None:
    rv = daily(days=900)
    errors: dict[str, list[float]] = {"har": [], "last": [], "mean": []}
    for t in range(500, 880, 7):
        known, came = rv[:t], rv[t : t + 7].mean()
        errors["har"].append(har_forecast(known, 7, 60) - came)
        errors["last"].append(known[-1] - came)
        errors["mean"].append(known.mean() - came)
    square = {name: float(np.mean(np.square(error))) for name, error in errors.items()}
    assert square["har"] < square["last"]
    assert square["har"] < square["mean"]


def test_a_forecast_is_never_beyond_what_was_seen() -> None:
    rv = daily()
    rv[-1] = 100.0  # one absurd day, whose outcome nobody knows yet
    assert har_forecast(rv, 1, 60) <= rv[:-1].max()


def test_too_few_days_or_an_unknown_month_give_none() -> None:
    rv = daily()
    assert math.isnan(har_forecast(rv[:29], 1, 10))
    assert math.isnan(har_forecast(rv[:60], 1, 60))
    assert har_forecast(rv[:100], 1, 60) > 0.0
    broken = rv.copy()
    broken[-3] = math.nan
    assert math.isnan(har_forecast(broken, 1, 60))
    earlier = rv.copy()
    earlier[-100] = math.nan
    assert har_forecast(earlier, 1, 60) > 0.0


def test_without_days_enough_the_regression_is_the_weighted_variance() -> None:
    closes = walk(0.7, 40)
    har = learn(VolForecast(ForecastParams(half_life=2.0, warm_up=1.0), HOUR), closes)
    assert har.vol(7.0) == learn(VolForecast(EWMA, HOUR), closes).vol(7.0)


def test_calm_after_a_storm_is_expected_to_last_no_longer_than_it_did() -> None:
    blocks = np.tile(np.repeat([0.3, 1.0], 40), 5)
    forecast = learn(VolForecast(ForecastParams(window=400, fewest=60), HOUR), walk(blocks, len(blocks)))
    near, far = forecast.vol(1.0), forecast.vol(30.0)
    assert 0.3 < far < 1.05
    assert near > far  # it ends in a storm


def test_a_gap_does_not_make_volatility() -> None:
    closes = walk(0.6, 30)
    whole, holed = VolForecast(EWMA, HOUR), VolForecast(EWMA, HOUR)
    for at, close in enumerate(closes):
        whole.update(T0 + at * HOUR, float(close))
        if not 300 <= at < 310:
            holed.update(T0 + at * HOUR, float(close))
    assert holed.vol(7.0) == pytest.approx(whole.vol(7.0), rel=0.15)
    assert holed.seen == whole.seen


def test_late_repeated_and_impossible_bars_change_nothing() -> None:
    closes = walk(0.6, 3)
    one, other = learn(VolForecast(EWMA, HOUR), closes), learn(VolForecast(EWMA, HOUR), closes)
    last = T0 + (len(closes) - 1) * HOUR
    for ts, close in ((last, 500.0), (last - 5 * HOUR, 1.0), (last + HOUR, math.nan), (last + HOUR, -1.0)):
        other.update(ts, close)
    assert other.to_dict() == one.to_dict()


@pytest.mark.parametrize("cut", [10, 100, 1_500])
def test_it_goes_on_from_what_was_saved(cut: int) -> None:
    closes = walk(0.6, 120)
    params = ForecastParams(window=200, fewest=40)
    whole = learn(VolForecast(params, HOUR), closes)
    first = learn(VolForecast(params, HOUR), closes[:cut])
    saved = json.loads(json.dumps(first.to_dict()))
    again = learn(VolForecast(params, HOUR).restore(saved), closes[cut:], T0 + cut * HOUR)
    assert again.to_dict() == whole.to_dict()
    assert again.vol(14.0) == whole.vol(14.0)


def test_what_other_parameters_learnt_is_left_alone() -> None:
    saved = learn(VolForecast(EWMA, HOUR), walk(0.6, 5)).to_dict()
    other = VolForecast(ForecastParams(method="ewma", half_life=3.0), HOUR).restore(saved)
    assert other.seen == 0


def test_memory_is_bounded() -> None:
    params = ForecastParams(window=60, fewest=20)
    forecast = learn(VolForecast(params, HOUR), walk(0.6, 300))
    assert len(forecast.to_dict()["days"]) == 60 + 31


@given(scale=st.floats(0.1, 3.0))
def test_twice_the_moves_are_twice_the_volatility(scale: float) -> None:
    logs = np.log(walk(0.5, 10))
    one = learn(VolForecast(EWMA, HOUR), np.exp(logs)).vol(7.0)
    other = learn(VolForecast(EWMA, HOUR), np.exp(scale * logs)).vol(7.0)
    assert other == pytest.approx(scale * one, rel=1e-9)


def test_what_cannot_be_is_refused() -> None:
    for wrong, text in (
        ({"method": "garch"}, "a method of"),
        ({"half_life": 0.0}, "half_life"),
        ({"warm_up": math.inf}, "warm_up"),
        ({"fewest": 5}, "fewest"),
    ):
        with pytest.raises(ValueError, match=text):
            ForecastParams(**wrong)  # type: ignore[arg-type]
    for interval in (0, 2 * DAY):
        with pytest.raises(ValueError, match="bars of a day at most"):
            VolForecast(EWMA, interval)
