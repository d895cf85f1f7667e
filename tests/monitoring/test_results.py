"""Statistics of a run against slower definitions."""

import math

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.monitoring.results import (
    curve_statistics,
    daily_returns,
    max_drawdown,
    sharpe,
    trade_statistics,
)

DAY = 86_400 * 10**9
equities = st.lists(st.floats(1.0, 1e9), min_size=1, max_size=50)


@given(equities)
def test_drawdown_is_the_worst_of_all_pairs(values):
    pairs = [(v - w) / v for at, v in enumerate(values) for w in values[at:]]
    assert max_drawdown(values) == pytest.approx(max(pairs), abs=1e-12)


@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=40))
def test_sharpe_is_what_pandas_says(returns):
    series = pd.Series(returns)
    if series.std() > 1e-9:
        assert sharpe(returns) == pytest.approx(series.mean() / series.std() * math.sqrt(365.0), rel=1e-6)


def test_a_day_counts_with_its_last_equity():
    curve = [(0, 100.0), (DAY - 1, 110.0), (DAY, 5.0), (2 * DAY - 1, 121.0), (3 * DAY, 60.5)]
    assert daily_returns(curve) == pytest.approx([0.1, -0.5])


def test_unknown_equity_is_left_out():
    statistics = curve_statistics([(0, math.nan), (1, 100.0), (2, math.nan), (3, 75.0)])
    assert statistics.max_drawdown == 0.25
    assert math.isnan(statistics.sharpe)
    assert math.isnan(curve_statistics([]).max_drawdown)


def test_trades():
    statistics = trade_statistics([3.0, -1.0, 0.0, -0.5, math.nan])
    assert (statistics.trades, statistics.win_rate) == (4, 0.25)
    assert (statistics.profit_factor, statistics.expectancy) == (2.0, 0.375)


def test_trades_without_losers_or_at_all():
    assert trade_statistics([1.0]).profit_factor == math.inf
    none = trade_statistics([])
    assert none.trades == 0
    assert all(math.isnan(x) for x in (none.win_rate, none.profit_factor, none.expectancy))
