from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from nautilus_quant.learning.lots import WholeSteps
from nautilus_quant.portfolio.sizing import Lot, order_quantity, target_quantity

steps = st.sampled_from([Decimal(text) for text in ("0.00001", "0.001", "0.003", "0.1", "1", "7", "100")])
exposures = st.one_of(st.floats(-1.5, 1.5), st.sampled_from([0.0, 1.0, -1.0, 0.1, 0.3, 0.7]))
money = st.one_of(st.floats(0.0, 1e9), st.integers(0, 10**6).map(float), st.sampled_from([0.3, 0.7, 2.1]))
units = st.one_of(st.floats(1e-6, 1e6), st.integers(1, 10**5).map(float), st.sampled_from([0.1, 0.7]))
thresholds = st.one_of(st.floats(0.0, 1.0), st.sampled_from([0.0, 0.05, 0.07, 0.1, 0.29, 1.0]))


@given(exposures, money, units, steps)
@example(0.3, 1.0, 0.1, Decimal("0.001"))  # 0.3 / 0.1 is 2.9999999999999996 in floats
@example(0.7, 3.0, 0.7, Decimal("0.003"))
@example(1.0, 4.35, 1.0, Decimal("0.00001"))
def test_wants_what_the_decimal_rule_wants(exposure: float, budget: float, unit: float, step: Decimal):
    lot = Lot(step=step)
    assert WholeSteps(lot, 0.05).wanted(exposure, budget, unit) * step == target_quantity(
        exposure, budget, unit, lot
    )


@given(st.integers(0, 10**9), steps, st.integers(-3, 3))
def test_wants_the_same_as_the_rule_beside_whole_steps(count: int, step: Decimal, ulps: int):
    budget = float(count * step) * (1.0 + ulps * 2.0**-52)
    assert WholeSteps(Lot(step=step), 0.0).wanted(1.0, budget, 1.0) * step == target_quantity(
        1.0, budget, 1.0, Lot(step=step)
    )


@given(
    st.tuples(st.integers(-2000, 2000), st.integers(-2000, 2000), st.integers(0, 2000)),
    thresholds,
    steps,
    st.one_of(st.none(), st.decimals("0.00001", "5000", places=5)),
    st.one_of(st.none(), st.integers(1, 3000)),
)
@example((0, 7, 100), 0.07, Decimal("0.001"), None, None)
@example((10, 17, 100), 0.07, Decimal("0.001"), None, None)
@example((10, 39, 100), 0.29, Decimal(1), None, None)
def test_trades_what_the_decimal_rule_trades(
    sizes: tuple[int, int, int], threshold: float, step: Decimal, minimum, most
):
    lot = Lot(step=step, minimum=minimum, maximum=None if most is None else most * step)
    expected = order_quantity(*(size * step for size in sizes), threshold, lot)
    assert WholeSteps(lot, threshold).order(*sizes) * step == expected


@given(st.floats(), st.floats(), st.floats(1e-300, 1e300))
def test_tells_nothing_of_what_is_no_number(exposure: float, budget: float, unit: float):
    assume(abs(exposure) <= 1.0)
    wanted = WholeSteps(Lot(step=Decimal(1)), 0.0).wanted(exposure, budget, unit)
    expected = target_quantity(exposure, budget, unit, Lot(step=Decimal(1)))
    assert wanted == expected or (wanted is None and not abs(expected) < Decimal("1e299"))


@pytest.mark.parametrize(
    ("lot", "threshold", "rule"),
    [
        (Lot(step=Decimal(0)), 0.1, "step > 0"),
        (Lot(step=Decimal(1), maximum=Decimal("0.5")), 0.1, "maximum >= step"),
        (Lot(step=Decimal(1)), 1.1, "0 <= threshold <= 1"),
    ],
)
def test_impossible_lots_are_refused(lot, threshold, rule):
    with pytest.raises(ValueError, match=rule):
        WholeSteps(lot, threshold)
