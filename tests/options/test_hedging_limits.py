"""Emergencies, options against gamma and vega, and dear fills."""

from __future__ import annotations

import math

import pytest

from nautilus_quant.options.hedging_limits import HedgeLimits, SlippageWatch, emergency, option_hedge
from tests.options.hedging_kit import net

LIMITS = HedgeLimits(delta=2.0, gamma_1pct=0.5, vega=100.0, calm=0.8)


@pytest.mark.parametrize(
    ("book", "drawdown", "said"),
    [
        (net(1.9), 0.049, ""),
        (net(1.9), 0.051, "drawdown 0.051, the limit is 0.05"),
        (net(-2.1), 0.0, "net delta 2.1 coins, the limit is 2"),
        (net(0.0, gamma_1pct=-0.6), 0.0, "net gamma 0.6 coins per 1 %, the limit is 0.5"),
        (net(0.0, vega=-101.0), math.nan, "net vega 101 per vol point, the limit is 100"),
        (net(math.nan), math.nan, ""),
    ],
)
def test_what_is_an_emergency(book, drawdown, said):
    assert emergency(book, drawdown, LIMITS) == said


def test_two_reasons_are_both_told():
    assert emergency(net(-2.1), 0.06, LIMITS).count("the limit is") == 2


def test_it_is_over_below_a_share_of_the_limit():
    assert emergency(net(1.7), math.nan, LIMITS, was=True)
    assert not emergency(net(1.6), math.nan, LIMITS, was=True)


def test_gamma_is_the_raw_one_at_the_price():
    # 0.3 coins for 1 % of 100 000, which is 1 000.
    assert net(0.0).gamma == pytest.approx(0.3 / 1_000.0)


def test_vega_is_brought_to_the_calm_share_of_its_limit_in_the_cheapest_option():
    # 150 is brought to 80: 70 / 35 = 2 of the first for 20, or 70 / 50 = 1.4 of the second for 7.
    found = option_hedge(
        net(0.0, vega=150.0), gamma_1pct=[0.01, 0.02], vega=[35.0, 50.0], cost=[10.0, 5.0], limits=LIMITS
    )
    assert found is not None
    assert (found.option, found.quantity) == (1, pytest.approx(-1.4))


def test_short_gamma_is_bought_back():
    # -0.7 is brought to -0.4.
    found = option_hedge(
        net(0.0, gamma_1pct=-0.7, vega=-50.0), gamma_1pct=[0.06], vega=[5.0], cost=[1.0], limits=LIMITS
    )
    assert found is not None
    assert found.quantity == pytest.approx(5.0)


def test_an_option_that_would_push_the_other_over_its_limit_is_not_taken():
    # 3 / 0.06 of them would add 50 * 5 = 250 vega to -50.
    book = net(0.0, gamma_1pct=-3.4, vega=-50.0)
    assert option_hedge(book, [0.06], [5.0], [1.0], LIMITS) is None


def test_within_limits_or_without_an_option_nothing_is_done():
    assert option_hedge(net(0.0, vega=99.0), [0.01], [5.0], [1.0], LIMITS) is None
    assert option_hedge(net(0.0, vega=150.0), [], [], [], LIMITS) is None
    assert option_hedge(net(0.0, vega=150.0), [0.01], [math.nan], [1.0], LIMITS) is None
    assert option_hedge(net(0.0, vega=math.nan), [0.01], [5.0], [1.0], LIMITS) is None
    assert option_hedge(net(0.0, vega=1e9), [0.01], [5.0], [1.0], HedgeLimits()) is None


def test_the_mean_slippage_is_by_size_and_of_the_last_alone():
    watch = SlippageWatch(HedgeLimits(slippage=0.001, window=3, fewest=2))
    assert math.isnan(watch.mean)
    watch.add(0.004, 1.0)
    assert not watch.is_too_dear  # too few
    watch.add(0.0, 3.0)
    assert watch.mean == pytest.approx(0.001)
    assert not watch.is_too_dear  # as much as it may
    watch.add(0.002, 4.0)
    assert watch.mean == pytest.approx(0.0015)  # 12 / 8 thousandths
    assert watch.is_too_dear
    watch.add(0.0, 1.0)  # the first is forgotten: 8 / 8 thousandths
    assert watch.mean == pytest.approx(0.001)
    watch.add(math.nan, 1.0)
    watch.add(1.0, 0.0)
    assert watch.mean == pytest.approx(0.001)
    other = SlippageWatch(HedgeLimits(slippage=0.001, window=3, fewest=2))
    other.restore(watch.to_list())
    assert other.mean == watch.mean


@pytest.mark.parametrize(
    "fields",
    [
        {"drawdown": 0.0},
        {"delta": -1.0},
        {"vega": math.nan},
        {"calm": 0.0},
        {"slippage": 0.0},
        {"window": 3, "fewest": 4},
    ],
)
def test_impossible_limits_are_refused(fields):
    with pytest.raises(ValueError, match="need"):
        HedgeLimits(**fields)
