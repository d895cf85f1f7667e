"""Water-filling against a convex solver."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, minimize

from nautilus_quant.carry.sizing import Cost, optimum
from nautilus_quant.carry.water_filling import Chances, spread


def chances_of(seed, count, venues):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, count)  # linear, square root, both
    return Chances(
        edge=rng.normal(0.002, 0.002, count),
        linear=np.where(kind != 1, 10 ** rng.uniform(-9, -7, count), 0.0),
        root=np.where(kind != 0, 10 ** rng.uniform(-6, -4, count), 0.0),
        most=10 ** rng.uniform(3, 6, count),
        capital=rng.uniform(0.05, 1.0, count),
        venue=rng.integers(0, venues, count),
    )


def profit(chances, sizes):
    q = np.maximum(sizes, 0.0)
    return float(np.sum(chances.edge * q - chances.linear * q**2 - chances.root * q**1.5))


def solved(chances, capital, venue_capital):
    """The same by SciPy's SLSQP, in units in which every size is about one."""
    unit = np.maximum(
        1.0,
        [
            optimum(edge, Cost(0.0, linear, root), most)
            for edge, linear, root, most in zip(
                chances.edge, chances.linear, chances.root, chances.most, strict=True
            )
        ],
    )
    rows = [chances.capital * unit / max(capital, 1.0)]
    bounds = [capital / max(capital, 1.0)]
    for v, most in enumerate(venue_capital):
        rows.append(np.where(chances.venue == v, chances.capital * unit, 0.0) / max(most, 1.0))
        bounds.append(most / max(most, 1.0))
    scale = max(profit(chances, np.where(chances.edge > 0, unit, 0.0)), 1e-9)
    start = np.zeros(len(unit))

    def loss(x):
        return -profit(chances, x * unit) / scale

    def slope(x):
        q = np.maximum(x * unit, 0.0)
        return -(chances.edge - 2 * chances.linear * q - 1.5 * chances.root * np.sqrt(q)) * unit / scale

    found = minimize(
        loss,
        start,
        jac=slope,
        method="SLSQP",
        bounds=[(0.0, most / u) for most, u in zip(chances.most, unit, strict=True)],
        constraints=LinearConstraint(np.array(rows), -np.inf, np.array(bounds)),
        options={"maxiter": 1_000, "ftol": 1e-14},
    )
    return found.x * unit


@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 3), st.floats(2, 6), st.floats(2, 6))
@settings(max_examples=30, deadline=None)
def test_it_equals_a_convex_solver(seed, count, venues, total, each):
    chances = chances_of(seed, count, venues)
    venue_capital = np.full(venues, 10.0**each)
    made = spread(chances, 10.0**total, venue_capital)
    best = profit(chances, made.sizes)
    other = solved(chances, 10.0**total, venue_capital)
    assert best >= profit(chances, other) - 1e-6 * abs(best) - 1e-9
    used = chances.capital * made.sizes
    assert used.sum() <= 10.0**total * (1 + 1e-9)
    assert (np.bincount(chances.venue, used, venues) <= venue_capital * (1 + 1e-9)).all()
    assert ((made.sizes >= 0) & (made.sizes <= chances.most)).all()
    if best > 0 and not np.isclose(profit(chances, other), 0.0):
        assert best == pytest.approx(profit(chances, other), rel=1e-4)


@given(st.integers(0, 10**6), st.integers(1, 100), st.integers(1, 5), st.floats(1, 7), st.floats(1, 7))
@settings(max_examples=100, deadline=None)
def test_the_last_unit_earns_the_same_everywhere(seed, count, venues, total, each):
    """The conditions of Karush, Kuhn and Tucker, which are sufficient: the problem is concave."""
    chances = chances_of(seed, count, venues)
    capital, venue_capital = 10.0**total, np.full(venues, 10.0**each)
    made = spread(chances, capital, venue_capital)
    q = made.sizes
    margin = chances.edge - 2 * chances.linear * q - 1.5 * chances.root * np.sqrt(q)
    per_unit, level = margin / chances.capital, made.levels[chances.venue]
    scale = np.abs(chances.edge / chances.capital).max()
    inside = (q > 0) & (q < chances.most)
    assert per_unit[inside] == pytest.approx(level[inside], abs=1e-7 * scale)
    assert (per_unit[q == 0] <= level[q == 0] + 1e-7 * scale).all()
    assert (per_unit[q == chances.most] >= level[q == chances.most] - 1e-7 * scale).all()
    used = np.bincount(chances.venue, chances.capital * q, venues)
    for v in range(venues):  # a venue above the common level is full, a common level above zero is, too
        assert made.levels[v] <= made.level or used[v] == pytest.approx(venue_capital[v], rel=1e-6)
    assert made.level == 0.0 or used.sum() == pytest.approx(capital, rel=1e-6)


def test_with_capital_enough_everybody_gets_the_best():
    chances = chances_of(3, 20, 4)
    made = spread(chances, 1e12, np.full(4, 1e12))
    alone = [
        optimum(edge, Cost(0.0, linear, root), most)
        for edge, linear, root, most in zip(
            chances.edge, chances.linear, chances.root, chances.most, strict=True
        )
    ]
    assert made.sizes == pytest.approx(alone)
    assert made.level == 0.0


def test_by_hand():
    # Margins 0.004 and 0.002 of the same market of 1e-8: 150 000 to spread, each unit takes all its capital.
    chances = Chances(
        edge=np.array([0.004, 0.002]),
        linear=np.full(2, 1e-8),
        root=np.zeros(2),
        most=np.full(2, 1e9),
        capital=np.ones(2),
        venue=np.array([0, 1]),
    )
    # 2e-8 × q₁ = 0.004 − level, 2e-8 × q₂ = 0.002 − level, q₁ + q₂ = 150 000: level 0.0015
    made = spread(chances, 150_000.0, np.full(2, 1e9))
    assert made.sizes == pytest.approx([125_000, 25_000])
    assert made.level == pytest.approx(0.0015)
    # The first venue has 40 000 only: the other gets the rest up to its best, 100 000.
    made = spread(chances, 150_000.0, np.array([40_000.0, 1e9]))
    assert made.sizes == pytest.approx([40_000, 100_000])
    assert made.levels == pytest.approx([0.004 - 0.0008, 0.0])


def test_no_capital_and_no_chances():
    chances = chances_of(1, 5, 2)
    assert spread(chances, 0.0, np.full(2, 1e6)).sizes == pytest.approx(np.zeros(5), abs=1e-3)
    none = Chances(
        **{name: np.zeros(0) for name in ("edge", "linear", "root", "most", "capital")},
        venue=np.zeros(0, int),
    )
    assert spread(none, 1.0, np.ones(2)).sizes.size == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("edge", np.nan), ("linear", -1.0), ("root", np.inf), ("most", np.nan), ("capital", 0.0), ("venue", 7)],
)
def test_numbers_that_are_none(field, value):
    good = chances_of(1, 3, 2)
    values = {name: getattr(good, name).copy() for name in Chances.__slots__}
    values[field][1] = value
    with pytest.raises(ValueError, match="need"):
        spread(Chances(**values), 1e6, np.full(2, 1e6))


def test_capital_that_is_none():
    with pytest.raises(ValueError, match="capital"):
        spread(chances_of(1, 3, 2), float("nan"), np.full(2, 1e6))
    with pytest.raises(ValueError, match="capital"):
        spread(chances_of(1, 3, 2), 1e6, np.full(2, -1.0))
