"""Value at risk by hand, against definitions written differently, and the room it leaves."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.budget import Budget
from nautilus_quant.portfolio.budget_limits import Cap, Limits
from nautilus_quant.portfolio.reservations import OpenOrder
from nautilus_quant.portfolio.value_at_risk import (
    ewma_covariance,
    historical,
    historical_es_room,
    historical_room,
    normal_factors,
    parametric,
    parametric_room,
)
from nautilus_quant.portfolio.value_at_risk_room import RiskModel, RiskParams
from nautilus_quant.portfolio.value_at_risk_window import ReturnsWindow

BUY, SELL = Side.BUY, Side.SELL
HOUR = 3_600_000_000_000


def test_parametric_by_hand():
    # 100 in a market of 3 % and 200 in one of 2 %, correlation 0.5:
    # variance 3^2 + 4^2 + 2 x 0.5 x 3 x 4 = 37; z(0.95) = 1.644854, phi(z) / 0.05 = 2.062713; 4 periods.
    covariance = np.array([[0.0009, 0.0003], [0.0003, 0.0004]])
    var, es = parametric(np.array([100.0, 200.0]), covariance, 0.95, 4.0)
    assert var == pytest.approx(1.644854 * math.sqrt(37.0) * 2.0, rel=1e-6)
    assert es == pytest.approx(2.062713 * math.sqrt(37.0) * 2.0, rel=1e-6)


def test_historical_by_hand():
    losses = np.array([-3.0, 5.0, 1.0, 9.0, -2.0, 4.0, 0.0, 7.0, 2.0, -1.0])
    # Of ten, at 80 % two may be worse: 9 and 7, so VaR is 5 and ES (9 + 7) / 2.
    assert historical(losses, 0.8) == pytest.approx((5.0, 8.0))
    # At 75 % the third counts by half: (9 + 7 + 5/2) / 2.5 = 7.4.
    assert historical(losses, 0.75) == (5.0, pytest.approx(7.4))
    # At 95 % only half of the worst.
    assert historical(losses, 0.95, 4.0) == (18.0, 18.0)


some_losses = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60).map(np.array)
levels = st.sampled_from([0.6, 0.75, 0.9, 0.95, 0.99])


@given(some_losses, levels)
def test_historical_is_numpys_quantile_and_the_minimum_of_rockafellar_and_uryasev(losses, level):
    var, es = historical(losses, level)
    if abs((1 - level) * len(losses) - round((1 - level) * len(losses))) > 1e-6:
        assert var == np.quantile(losses, level, method="inverted_cdf")
    # ES is the minimum over t of t + E[(L - t)+] / (1 - level), reached at one of the losses.
    objective = min(t + np.maximum(losses - t, 0.0).mean() / (1.0 - level) for t in losses)
    assert es == pytest.approx(objective, rel=1e-9, abs=1e-6)
    assert es >= var - 1e-6


@given(levels)
def test_normal_factors_are_scipys(level):
    var, es = normal_factors(level)
    assert var == pytest.approx(norm.ppf(level))
    assert es == pytest.approx(norm.expect(lambda x: x, lb=norm.ppf(level)) / (1.0 - level), rel=1e-6)


@given(st.integers(1, 40), st.integers(1, 4), st.floats(1.0, 50.0), st.floats(0.0, 1.0), st.integers(0, 9))
def test_covariance_is_the_recursion_and_shrinks_correlations(rows, columns, half_life, shrinkage, seed):
    returns = np.random.default_rng(seed).normal(size=(rows, columns))
    decay, total, weight = 0.5 ** (1.0 / half_life), np.zeros((columns, columns)), 0.0
    for row in returns:
        total = decay * total + np.outer(row, row)
        weight = decay * weight + 1.0
    expected = total / weight
    expected = (1.0 - shrinkage) * expected + shrinkage * np.diag(np.diag(expected))
    found = ewma_covariance(returns, half_life, shrinkage)
    assert found == pytest.approx(expected)
    assert np.linalg.eigvalsh(found).min() >= -1e-12


def test_parametric_room_by_hand():
    # 16 + 2 x 3 x + x^2 <= 32 up to x = 2, and (a hedge) 16 - 6 x + x^2 <= 32 up to 8.
    assert parametric_room(16.0, 3.0, 1.0, 32.0) == 2.0
    assert parametric_room(16.0, -3.0, 1.0, 32.0) == 8.0
    assert parametric_room(16.0, 3.0, 1.0, 9.0) == 0.0
    # Least is 7 at 3: no size reaches 4.
    assert parametric_room(16.0, -3.0, 1.0, 4.0) == 3.0
    assert parametric_room(16.0, 0.0, 0.0, 17.0) == math.inf
    assert parametric_room(16.0, 0.0, 0.0, 15.0) == 0.0


def test_historical_room_by_hand():
    # Four scenarios at 75 %: one may be worse than the limit of 10. Losses 20, 4, 0, -5 with slopes
    # 0, 2, 1, 3 reach 10 at 3, 10 and 5: the second one over is the one at 3.
    losses, slopes = np.array([20.0, 4.0, 0.0, -5.0]), np.array([0.0, 2.0, 1.0, 3.0])
    assert historical_room(losses, slopes, 10.0, 0.75) == 3.0
    # If the order takes the 20 below 10 before (at 2), then a second may go: at 5.
    assert historical_room(losses, np.array([-5.0, 2.0, 1.0, 3.0]), 10.0, 0.75) == 5.0
    assert historical_room(losses, -slopes, 10.0, 0.75) == math.inf


@settings(max_examples=150)
@given(st.integers(0, 10_000), st.integers(5, 60), levels, st.floats(0.2, 3.0))
def test_historical_room_is_where_it_first_breaks(seed, scenarios, level, tight):
    rng = np.random.default_rng(seed)
    losses, slopes = rng.normal(size=scenarios) * 10.0, rng.normal(size=scenarios) * 0.1
    now = historical(losses, level)
    limit = max(now.var * tight, 0.1)
    room = historical_room(losses, slopes, limit, level)
    kept = max(limit, now.var)
    top = min(room, 1_000.0)
    for size in np.linspace(0.0, top, 25):
        assert historical(losses + size * slopes, level).var <= kept + 1e-9
    if room < math.inf:
        assert historical(losses + (room + 1e-6) * slopes, level).var > kept - 1e-6
    es_limit = max(now.es * tight, 0.1)
    room = historical_es_room(losses, slopes, es_limit, level)
    kept = max(es_limit, now.es)
    for size in np.linspace(0.0, min(room, 1_000.0), 9):
        assert historical(losses + size * slopes, level).es <= kept * (1.0 + 1e-6)
    if room < math.inf:
        assert historical(losses + (room * (1.0 + 1e-6) + 1e-6) * slopes, level).es >= kept * (1.0 - 1e-6)


NAMES = ("BTC.X", "ETH.X", "SOL.X")


def market(seed: int = 1, rows: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(rows, 1))
    return (common + 0.5 * rng.normal(size=(rows, 3))) * np.array([0.01, 0.02, 0.03])


def model(**params: object) -> RiskModel:
    made = RiskModel(RiskParams(**{"half_life": 60.0, "level": 0.95, **params}))
    made.learn(NAMES, market())
    return made


def portfolio(sizes: dict[str, float], orders: dict[str, float] | None = None) -> Budget:
    budget = Budget(Limits())
    for name, size in sizes.items():
        value = Decimal(repr(abs(size)))
        budget.hold("A", name, value if size > 0 else Decimal(0), value if size < 0 else Decimal(0), 1.0)
    for name, size in (orders or {}).items():
        side = BUY if size > 0 else SELL
        budget.put(name, OpenOrder("A", name, side, Decimal(repr(abs(size))), 1.0))
    return budget


def measure(made: RiskModel, values: dict[str, float]) -> tuple[float, float]:
    """Value at risk and expected shortfall of known instruments from the formulas alone."""
    weights = np.array([values.get(name, 0.0) for name in NAMES])
    params = made.params
    if params.method == "historical":
        return historical(-market() @ weights, params.level, params.horizon)
    covariance = ewma_covariance(market(), params.half_life, params.shrinkage)
    return parametric(weights, covariance, params.level, params.horizon)


@settings(max_examples=120, deadline=None)
@given(
    st.sampled_from(["parametric", "historical"]),
    st.tuples(*[st.floats(-900.0, 900.0)] * 3),
    st.sampled_from(NAMES),
    st.sampled_from([BUY, SELL]),
    st.booleans(),
)
def test_an_order_of_the_room_uses_the_limit_up(method, sizes, name, side, by_es):
    cap = Cap(0.05)
    params = {"method": method, "horizon": 4.0, **({"es": cap} if by_es else {"var": cap})}
    made = model(**params)
    values = {n: round(size, 3) for n, size in zip(NAMES, sizes, strict=True)}
    budget = portfolio(values)
    at = int(by_es)
    before = measure(made, values)[at]
    assume(before <= 50.0)
    # The room is for a strategy of its own: its order closes nothing.
    room = made.room(side, name, budget.exposures, 1_000.0)
    assert room.limit == ("es" if by_es else "var")
    assert room.used == pytest.approx(before, abs=1e-4)
    assume(room.amount < math.inf)
    after = measure(made, {**values, name: values[name] + side * room.amount})[at]
    assert after == pytest.approx(50.0, abs=1e-3)
    half = measure(made, {**values, name: values[name] + side * room.amount / 2})[at]
    assert half <= 50.0 + 1e-6


def test_working_orders_count_on_the_side_that_is_asked():
    made = model(var=Cap(0.05))
    plain = portfolio({"BTC.X": 500.0})
    working = portfolio({"BTC.X": 500.0}, {"ETH.X": 300.0})
    same = portfolio({"BTC.X": 500.0, "ETH.X": 300.0})

    def room(budget: Budget, side: Side) -> float:
        return made.room(side, "SOL.X", budget.exposures, 1_000.0).amount

    assert room(working, BUY) == pytest.approx(room(same, BUY))
    assert room(working, BUY) < room(plain, BUY)
    assert room(working, SELL) == pytest.approx(room(plain, SELL))


def test_a_hedge_has_more_room_than_what_adds():
    made = model(var=Cap(0.05))
    budget = portfolio({"BTC.X": 2_000.0})
    adds = made.room(BUY, "ETH.X", budget.exposures, 1_000.0).amount
    hedges = made.room(SELL, "ETH.X", budget.exposures, 1_000.0).amount
    assert 0.0 < adds < hedges


def test_a_portfolio_beyond_its_limit_may_only_be_hedged():
    for method in ("parametric", "historical"):
        made = model(var=Cap(0.05), method=method)
        budget = portfolio({"BTC.X": 9_000.0})
        assert made.room(BUY, "ETH.X", budget.exposures, 1_000.0).amount == 0.0
        hedge = made.room(SELL, "ETH.X", budget.exposures, 1_000.0).amount
        assert hedge > 0.0
        now, then = measure(made, {"BTC.X": 9_000.0}), measure(made, {"BTC.X": 9_000.0, "ETH.X": -hedge})
        assert then[0] <= now[0] * (1.0 + 1e-9)


def test_what_it_closes_first_is_no_part_of_the_room():
    made = model(var=Cap(0.05))
    budget = portfolio({"BTC.X": 1_000.0})
    from_flat = made.room(SELL, "BTC.X", portfolio({}).exposures, 1_000.0).amount
    flips = made.room(SELL, "BTC.X", budget.exposures, 1_000.0, first=1_000.0).amount
    assert flips == pytest.approx(from_flat)


def test_unknown_instruments_are_refused_or_taken_for_the_worst():
    strict = model(var=Cap(0.05))
    assert strict.room(BUY, "NEW.X", portfolio({}).exposures, 1_000.0).limit == "var_unknown"
    holds = portfolio({"NEW.X": 10.0})
    assert strict.room(BUY, "BTC.X", holds.exposures, 1_000.0).amount == 0.0
    # 10 % a period: 50 of risk at z = 1.644854 is a deviation of 30.398, or a value of 303.98.
    careful = model(var=Cap(0.05), unknown_volatility=0.1)
    room = careful.room(BUY, "NEW.X", portfolio({}).exposures, 1_000.0)
    assert room.amount == pytest.approx(303.978, rel=1e-5)
    held = portfolio({"NEW.X": 100.0})
    assert careful.room(BUY, "NEW.X", held.exposures, 1_000.0).amount == pytest.approx(203.978, rel=1e-5)
    assert careful.room(SELL, "NEW.X", held.exposures, 1_000.0).amount == pytest.approx(403.978, rel=1e-5)
    # It is added to what others risk, as if it moved with them: they have 20.398 of 30.398 left.
    left = careful.room(BUY, "BTC.X", held.exposures, 1_000.0).amount
    alone = careful.room(BUY, "BTC.X", portfolio({}).exposures, 1_000.0).amount
    assert left == pytest.approx(alone * 20.3978 / 30.3978, rel=1e-4)
    (use,) = careful.uses(held.exposures, 1_000.0)
    assert use.used == pytest.approx(16.44854, rel=1e-5)


def test_nothing_learnt_is_all_unknown():
    made = RiskModel(RiskParams(var=Cap(0.05), unknown_volatility=0.1, level=0.95))
    budget = portfolio({"BTC.X": 100.0})
    assert made.room(BUY, "ETH.X", budget.exposures, 1_000.0).amount == pytest.approx(203.978, rel=1e-5)


@pytest.mark.parametrize(
    "limits", [{"var": Cap(0.05)}, {"es": Cap(0.05)}, {"var": Cap(0.05), "es": Cap(0.06)}]
)
def test_a_quick_look_at_a_size_agrees_with_the_room(limits):
    made = model(method="historical", **limits)
    budget = portfolio({"BTC.X": 1_000.0, "ETH.X": -300.0})
    for side in Side:
        room = made.room(side, "SOL.X", budget.exposures, 1_000.0)
        for asked in (0.2 * room.amount, 0.9 * room.amount, 1.1 * room.amount, 5.0 * room.amount):
            quick = made.room(side, "SOL.X", budget.exposures, 1_000.0, asked=asked)
            assert (quick.amount >= asked) == (room.amount >= asked)


def test_returns_of_a_window():
    window = ReturnsWindow(3, HOUR)
    for hour, prices in enumerate(
        [
            {"a": 100.0, "b": 10.0},
            {"a": 110.0, "b": 11.0},
            {"a": 121.0},
            {"a": 121.0, "b": 22.0},
            {"a": 242.0, "b": 22.0},
        ]
    ):
        window.sample((hour + 1) * HOUR, prices)
    names, returns = window.matrix(3)
    assert names == ("a",)  # b was missing once in three, more than a fifth
    assert returns[:, 0] == pytest.approx([math.log(1.1), 0.0, math.log(2.0)])
    names, returns = ReturnsWindow(3, HOUR, 0.5).restore(window.to_dict()).matrix(3)
    assert names == ("a", "b")
    # What was missed comes with the next price: 11 to 22 over two hours.
    assert returns[:, 1] == pytest.approx([0.0, math.log(2.0), 0.0])
    assert window.matrix(4) == ((), pytest.approx(np.zeros((0, 0))))


def test_a_gap_makes_no_return_and_nonsense_no_price():
    window = ReturnsWindow(10, HOUR)
    for hour, price in ((1, 100.0), (2, 110.0), (9, 300.0), (10, 330.0), (10, 999.0)):
        window.sample(hour * HOUR, {"a": price, "b": -1.0, "c": math.nan})
    names, returns = window.matrix(2)
    assert names == ("a",)
    assert returns[:, 0] == pytest.approx([math.log(1.1), math.log(1.1)])


def test_a_window_forgets_what_is_gone():
    window = ReturnsWindow(5, HOUR)
    for hour in range(1, 30):
        window.sample(hour * HOUR, {"a": 1.0} | ({"b": 1.0} if hour < 10 else {}))
    assert set(window.to_dict()["series"]) == {"a"}
    assert len(window.to_dict()["series"]["a"]["returns"]) == 5


def test_a_window_goes_on_after_a_restart():
    prices = np.exp(np.cumsum(np.random.default_rng(2).normal(size=(20, 2)), axis=0))
    whole, first = ReturnsWindow(10, HOUR), ReturnsWindow(10, HOUR)
    for hour, (a, b) in enumerate(prices):
        whole.sample((hour + 1) * HOUR, {"a": a, "b": b})
    for hour, (a, b) in enumerate(prices[:12]):
        first.sample((hour + 1) * HOUR, {"a": a, "b": b})
    second = ReturnsWindow(10, HOUR).restore(first.to_dict())
    for hour, (a, b) in list(enumerate(prices))[12:]:
        second.sample((hour + 1) * HOUR, {"a": a, "b": b})
    assert second.to_dict() == whole.to_dict()
    other = ReturnsWindow(10, 2 * HOUR).restore(first.to_dict())
    assert other.matrix(1)[0] == ()
    with pytest.raises(ValueError, match="version"):
        ReturnsWindow(10, HOUR).restore({"version": 9})


@pytest.mark.parametrize(
    "bad",
    [
        {"level": 0.4},
        {"method": "x"},
        {"horizon": 0.0},
        {"half_life": 0.0},
        {"shrinkage": 2.0},
        {"unknown_volatility": 0.0},
    ],
)
def test_impossible_measures_are_refused(bad):
    with pytest.raises(ValueError, match="need"):
        RiskParams(**bad)
