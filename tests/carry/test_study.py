"""What a study says of a run."""

import math
from decimal import Decimal

import pytest

from nautilus_quant.carry.attribution import Sources
from nautilus_quant.carry.forecast import ForecastParams, FundingForecast
from nautilus_quant.carry.study import YEAR, Capture, Outcome, Sample, by_year, capture, knee

DAY = YEAR // 365


def outcome(**changed):
    samples = [(0, 0.0, 0.0), (YEAR, 50.0, 300.0), (2 * YEAR, -10.0, 600.0)]
    given = {
        "name": "run",
        "capital": Decimal(1_000),
        "samples": [Sample(ts=ts, profit=profit, notional=held) for ts, profit, held in samples],
        "assets": {
            "BTC": Sources(funding=Decimal(30), fees=Decimal(-5)),
            "ETH": Sources(basis=Decimal(-40), unhedged=Decimal(5)),
        },
        "years": {},
        "captures": {},
        "promises": [],
        "fills": 4,
        "traded": 1_200.0,
        "left": {},
        "equity": Decimal(990),
    }
    return Outcome(**given | changed)


def test_the_figures_of_a_run_by_hand():
    found = outcome()
    assert found.total == Sources(
        funding=Decimal(30), basis=Decimal(-40), unhedged=Decimal(5), fees=Decimal(-5)
    )
    assert found.span == 2.0
    assert found.annual == pytest.approx(-10 / 1_000 / 2)
    assert found.curve.max_drawdown == pytest.approx(60 / 1_050)
    assert found.invested == pytest.approx((0 + 300 + 600) / 3 / 1_000)
    assert found.time_held == pytest.approx(2 / 3)


def test_what_is_kept_of_promises_is_their_median():
    assert outcome(promises=[math.nan, 0.5, 0.9, 0.8]).kept == 0.8
    assert math.isnan(outcome(promises=[math.nan]).kept)


def test_a_run_without_samples_says_nothing():
    found = outcome(samples=[])
    assert found.span == 0.0
    assert all(math.isnan(one) for one in (found.annual, found.invested, found.time_held, found.capture))


def test_years_are_differences():
    first, both = (
        Sources(funding=Decimal(3), fees=Decimal(-1)),
        Sources(funding=Decimal(10), fees=Decimal(-1), slippage=Decimal(-2)),
    )
    assert by_year([(2021, first), (2022, both)]) == {
        2021: first,
        2022: Sources(funding=Decimal(7), slippage=Decimal(-2)),
    }
    with pytest.raises(ValueError, match="ascending years"):
        by_year([(2022, first), (2021, both)])


def test_capture_compares_with_what_was_known_before():
    book = Capture(FundingForecast(params=ForecastParams(least=2)))
    for day in range(3):
        book.settle(day * DAY, 0.001, 0.0)
    assert book.payments == 0
    # All rates were 0.001, so that is foretold; 0.0004 is paid to a short of 500, and a long of 200 pays it.
    book.settle(3 * DAY, 0.0004, -500.0)
    assert (book.paid, book.foretold) == (pytest.approx(0.2), pytest.approx(0.5))
    told = book.forecast.next(4 * DAY)[0]
    book.settle(4 * DAY, 0.0004, 200.0)
    assert (book.paid, book.foretold) == (pytest.approx(0.12), pytest.approx(0.5 - 200 * told))
    assert book.payments == 2
    assert capture({"BTC": book}) == pytest.approx(0.12 / (0.5 - 200 * told))


def test_capture_needs_something_foretold():
    book = Capture()
    book.settle(0, 0.001, -500.0)
    assert (book.payments, book.paid) == (0, 0.0)
    assert math.isnan(capture({"BTC": book}))
    assert math.isnan(capture({}))


def test_the_knee_of_a_capacity_curve():
    # Halfway from 12 % to 4 % on a logarithmic scale between 10 000 and 1 000 000 lies 100 000.
    assert knee([(1e3, 0.16), (1e4, 0.12), (1e6, 0.04)]) == pytest.approx(1e5)
    assert knee([(1e3, 0.16), (1e4, 0.12)]) == math.inf
    assert math.isnan(knee([(1e3, 0.0), (1e4, 0.12)]))
    assert math.isnan(knee([]))
