"""Funding foretold: venues' formulas, processes whose answer is known, and real history."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.forecast import (
    BINANCE,
    DERIBIT,
    HOUR,
    ForecastParams,
    FundingForecast,
    FundingFormula,
    PremiumAverage,
    _squares,
)

EIGHT = 8 * HOUR
MINUTE = HOUR // 60


@pytest.mark.parametrize(
    ("premium", "rate"),
    # Between −0.04 % and 0.06 % the interest makes good everything; beyond, 0.05 % of the premium.
    [(0.0, 1e-4), (0.0006, 1e-4), (0.001, 0.0005), (-0.0004, 1e-4), (-0.001, -0.0005), (0.5, 0.02)],
)
def test_binance(premium, rate):
    assert BINANCE.rate(premium) == pytest.approx(rate)


@given(st.floats(-0.01, 0.01))
def test_deribit_as_it_is_written(premium):
    assert DERIBIT.rate(premium) == pytest.approx(
        min(0.005, max(-0.005, max(0.00025, premium) + min(-0.00025, premium))), abs=1e-18
    )


def test_a_shorter_interval_pays_its_share():
    assert FundingFormula(interval=4 * HOUR).rate(0.001) == pytest.approx(0.00025)


def test_the_average_is_weighted_as_the_venue_does():
    premia = np.random.default_rng(1).normal(0.0005, 0.001, 480)
    average = PremiumAverage(BINANCE, 3_600.0)
    for minute, premium in enumerate(premia[:-1], 1):
        average.update(minute * MINUTE, premium)
    found, error = average.expected(479 * MINUTE)
    # sum(n·p) / sum(n) as in the venue's page; a minute is a small share of 480, the last is foreseen.
    weights = np.arange(1, 481)
    assert found == pytest.approx(premia @ weights / weights.sum(), abs=2e-5)
    assert error < 2e-5
    plain = PremiumAverage(DERIBIT, 3_600.0)
    for minute, premium in enumerate(premia[:-1], 1):
        plain.update(minute * MINUTE, premium)
    assert plain.expected(479 * MINUTE)[0] == pytest.approx(premia.mean(), abs=2e-5)


def test_the_rest_of_the_interval_is_expected_at_the_level():
    average = PremiumAverage(DERIBIT, 1.0)
    average.update(2 * HOUR, 0.001)
    average.update(4 * HOUR, 0.003)
    # 0.001 for two hours, 0.003 for two, and 0.003 expected for four
    assert average.expected(4 * HOUR)[0] == pytest.approx((0.002 + 0.006 + 0.012) / 8)
    assert average.expected(9 * HOUR) is None
    average.update(9 * HOUR, 0.001)
    assert average.expected(9 * HOUR)[0] == pytest.approx(0.001)


def test_what_is_late_or_no_number_changes_nothing():
    average = PremiumAverage(BINANCE, 3_600.0)
    average.update(HOUR, 0.001)
    for ts, premium in ((HOUR, 0.5), (HOUR - 1, 0.5), (2 * HOUR, math.nan)):
        average.update(ts, premium)
    assert average.seen == 1
    forecast = FundingForecast()
    forecast.settled(math.inf)
    assert forecast.seen == 0


def history(count=4_000, left=0.8, mean=0.0001, noise=0.00005, seed=3):
    rng, rate, rates = np.random.default_rng(seed), mean, []
    for _ in range(count):
        rate = mean + left * (rate - mean) + noise * rng.standard_normal()
        rates.append(rate)
    return rates


def taught(rates, **params):
    forecast = FundingForecast(params=ForecastParams(**params))
    for rate in rates:
        forecast.settled(rate)
    return forecast


def test_a_process_is_found():
    forecast = taught(history(), half_life=1_000.0)
    assert forecast.mean == pytest.approx(0.0001, abs=2e-5)
    assert forecast.persistence == pytest.approx(0.8, abs=0.03)
    rate, error = forecast.next(0)
    assert rate == pytest.approx(forecast.mean + forecast.persistence * (forecast.last - forecast.mean))
    assert error == pytest.approx(0.00005, rel=0.1)


@pytest.mark.parametrize("payments", [1, 3, 30])
def test_the_sum_of_the_next_equals_simulation(payments):
    forecast = taught([*history(), 0.0006], half_life=1_000.0)
    made = forecast.over(payments, 0)
    rng = np.random.default_rng(5)
    mean, left = forecast.mean, forecast.persistence
    spread = math.sqrt(forecast._variance)
    rate, sums = np.full(40_000, forecast.last), np.zeros(40_000)
    for _ in range(payments):
        rate = mean + left * (rate - mean) + spread * rng.standard_normal(40_000)
        sums += rate
    assert made.expected == pytest.approx(sums.mean(), abs=4 * sums.std() / 200)
    assert made.error == pytest.approx(sums.std(), rel=0.02)
    assert made.flip == pytest.approx((sums < 0).mean(), abs=0.01)


def test_the_premium_takes_over_as_its_interval_runs():
    forecast = taught(history())
    start, rates = EIGHT * 1_000, []
    for minute in range(1, 480):
        forecast.premium(start + minute * MINUTE, 0.002 + 0.0002 * math.sin(minute))
        rates.append(forecast.next(start + minute * MINUTE)[0])
    before = taught(history()).next(0)[0]
    # 0.2 % less 0.05 %
    assert rates[0] == before
    assert before < rates[10] <= rates[-1] == pytest.approx(0.0015, abs=2e-5)
    forecast.settled(0.0015)
    assert forecast.next(start + EIGHT)[0] < 0.0015  # nothing is known of the next interval's premium yet


def test_a_formula_that_misses_counts_less():
    def after(*, is_right):
        forecast, start, rate = FundingForecast(), EIGHT * 1_000, 0.0
        for interval in range(60):
            premium, other = (0.003, 0.001) if interval % 2 else (0.001, 0.003)
            for minute in range(30, 480, 30):
                forecast.premium(start + interval * EIGHT + minute * MINUTE, premium)
            told = forecast.next(start + interval * EIGHT + 479 * MINUTE)
            rate = told[0]
            forecast.settled(BINANCE.rate(premium if is_right else other))
        return rate

    assert after(is_right=True) == pytest.approx(0.0025, abs=1e-4)
    # Wrong by 0.002 each time, while the mean of 0.0015 is wrong by 0.001: it counts a fifth.
    assert after(is_right=False) == pytest.approx(0.0015 + 0.001 / 5, abs=1.5e-4)


def test_unknown_until_enough_is_seen():
    forecast = FundingForecast()
    for n in range(4):
        forecast.settled(0.0001)
        assert forecast.next(n) is None
        assert forecast.over(3, n) is None
    forecast.settled(0.0001)
    assert forecast.next(0)[0] == pytest.approx(0.0001)
    assert forecast.over(3, 0).flip == 0.0
    with pytest.raises(ValueError, match="payments"):
        forecast.over(0, 0)


def test_the_premium_alone_foretells_too():
    forecast = FundingForecast()
    for minute in range(1, 10):
        forecast.premium(minute * MINUTE, 0.001 + 1e-5 * minute)
    made = forecast.over(3, 9 * MINUTE)
    assert made.expected == pytest.approx(3 * 0.00052, abs=5e-5)  # the level lags
    assert made.error > 0.0
    # Nobody has seen what this venue makes of its premium: it may be nothing.
    assert forecast.next(9 * MINUTE)[1] >= forecast.next(9 * MINUTE)[0]
    forecast.settled(0.0005)
    for minute in range(481, 490):
        forecast.premium(minute * MINUTE, 0.001)
    assert forecast.next(489 * MINUTE)[1] < 0.2 * forecast.next(489 * MINUTE)[0]


@given(st.lists(st.floats(-0.01, 0.01), max_size=50))
def test_it_goes_on_where_it_was(rates):
    forecast = taught(rates)
    other = FundingForecast().restore(forecast.to_dict())
    for one in (forecast, other):
        one.settled(0.0003)
    assert other.to_dict() == forecast.to_dict()
    assert 0.0 <= forecast.persistence <= 0.99


def test_damaged_state():
    with pytest.raises(ValueError, match="version"):
        FundingForecast().restore({})
    state = taught([0.1] * 9).to_dict()
    state["sums"][2] = math.nan
    with pytest.raises(ValueError, match="6 finite"):
        FundingForecast().restore(state)


@pytest.mark.parametrize(
    "wrong", [{"half_life": 0.0}, {"persistence": 1.0}, {"least": 1}, {"prior_weight": 0.0}]
)
def test_impossible_parameters(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ForecastParams(**wrong)


@pytest.mark.parametrize("wrong", [{"damper": -1.0}, {"cap": 0.0}, {"interval": 0}, {"interest": math.nan}])
def test_impossible_formulas(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        FundingFormula(**wrong)


@pytest.mark.data
def test_real_history_is_foretold_better_than_by_its_mean_or_its_last(nq_data):
    frame = pd.read_parquet(nq_data / "funding_binance_usdm.parquet").sort_values("ts_funding")
    missed, signs = {"own": 0.0, "mean": 0.0, "last": 0.0}, []
    for symbol, rates in frame.groupby("symbol", observed=True)["funding_rate"]:
        forecast, squares = FundingForecast(), {"own": 0.0, "mean": 0.0, "last": 0.0}
        for rate in rates.tolist():
            told = forecast.next(0)
            if told is not None:
                for name, value in (("own", told[0]), ("mean", forecast.mean), ("last", forecast.last)):
                    squares[name] += (rate - value) ** 2
                flip = forecast.over(1, 0).flip
                signs.append((flip, (told[0] > 0) != (rate > 0)))
            forecast.settled(rate)
        assert squares["own"] < squares["mean"], symbol
        missed = {name: missed[name] + math.sqrt(squares[name] / len(rates)) for name in missed}
    assert missed["own"] < 0.98 * missed["last"]
    flips = np.array(signs)
    # Those said to flip often do so more often than those said not to.
    assert flips[flips[:, 0] > 0.3, 1].mean() > 3 * flips[flips[:, 0] < 0.1, 1].mean()


# -- what the venue foretells itself ---------------------------------------------------------------------


def announcing(missing, count=40):
    """A forecast of rates that jump about, announced an interval before with an error each time."""
    rng = np.random.default_rng(5)
    forecast = FundingForecast()
    for n, rate in enumerate(rng.normal(0.0, 0.001, count)):
        forecast.announced(n * EIGHT, float(rate + missing * (-1) ** n), (n + 1) * EIGHT)
        forecast.settled(float(rate))
    return forecast, count * EIGHT


def test_a_venue_that_foretells_well_is_believed():
    forecast, now = announcing(0.0)
    assert abs(forecast.next(now)[0]) < 0.0006  # nothing is announced: about the mean
    forecast.announced(now, 0.004, now + EIGHT)
    rate, error = forecast.next(now)
    assert rate == pytest.approx(0.004)
    assert error < 1e-8
    assert forecast.over(3, now).expected < 3 * 0.004  # the rate after it returns to the mean


def test_a_venue_that_foretells_badly_counts_more_towards_the_end():
    forecast, now = announcing(0.001)
    history, scatter = forecast.next(now)
    assert (history, scatter) == (pytest.approx(-5e-4, abs=1e-4), pytest.approx(1e-3, rel=0.2))
    forecast.announced(now, 0.0015, now + EIGHT)
    early, error = forecast.next(now)
    # It missed by 0.001 each time over a whole interval, as much as history scatters; but 0.002 from history
    # is more than that explains, which counts for a third of it: 1 / (0.002² − 0.001²).
    assert early == pytest.approx((0.0015 + history / 3) / (1 + 1 / 3), abs=1e-4)
    assert error == pytest.approx(0.001 * math.sqrt(3 / 4), rel=0.1)
    late, last = forecast.next(now + EIGHT - EIGHT // 16)
    assert late == pytest.approx(0.0015, abs=5e-5)
    assert last == pytest.approx(0.001 / 4, rel=0.1)  # a sixteenth of the variance


def test_a_later_word_replaces_an_earlier_one_and_a_past_one_says_nothing():
    forecast, now = announcing(0.0)
    forecast.announced(now, 0.004, now + EIGHT)
    forecast.announced(now + HOUR, 0.002, now + EIGHT)
    assert forecast.next(now + HOUR)[0] == pytest.approx(0.002)
    before = forecast.next(now + EIGHT)
    assert abs(before[0]) < 0.0006  # it is due: no word of the next one
    for rate, due in ((math.nan, now + 2 * EIGHT), (0.01, now + HOUR)):
        forecast.announced(now + EIGHT, rate, due)
    assert forecast.next(now + EIGHT) == before


def test_without_history_no_word_is_enough():
    forecast = FundingForecast()
    forecast.announced(0, 0.004, EIGHT)
    assert forecast.next(0) is None


def test_what_is_known_of_a_venue_is_kept():
    forecast, now = announcing(0.001)
    again = FundingForecast().restore(forecast.to_dict())
    for one in (forecast, again):
        one.announced(now, 0.004, now + EIGHT)
    assert again.next(now) == forecast.next(now)
    old = {key: value for key, value in forecast.to_dict().items() if key != "announced"}
    assert FundingForecast().restore(old).seen == 40
    with pytest.raises(ValueError, match="variance"):
        FundingForecast().restore({**forecast.to_dict(), "announced": [math.nan, 3]})


@given(st.floats(0.0, 0.99), st.integers(1, 60))
def test_the_sum_of_squares_in_closed_form(left, payments):
    reach = [(1.0 - left**n) / (1.0 - left) for n in range(payments + 1)]
    assert _squares(left, payments) == pytest.approx(
        sum(g * g for g in reach[1:payments]), rel=1e-8, abs=1e-9
    )
