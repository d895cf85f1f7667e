"""What an option is, and how long it lives."""

import numpy as np
import pytest

from nautilus_quant.options.contract import YEAR, Contract, intrinsic, years

SECOND = 1_000_000_000


def test_a_year_has_365_days_and_time_counts_to_the_nanosecond() -> None:
    assert years(0, 365 * 86_400 * SECOND) == 1.0
    # ns since 1970 do not fit a double: the difference must be taken in integers. 90 s and 1 ns:
    now = 1_774_000_000_000_000_003
    assert years(now, now + 90 * SECOND + 1) * YEAR == pytest.approx(90 * SECOND + 1, abs=1e-3)
    assert years(now, now + 90 * SECOND + 1) > years(now, now + 90 * SECOND)


def test_the_last_second_is_a_second_and_the_expiry_is_nothing() -> None:
    expiry = 1_774_000_000 * SECOND
    second = SECOND / YEAR
    at = {expiry - 2 * SECOND: 2 * second, expiry - 1: second, expiry: 0.0, expiry + 5 * SECOND: 0.0}
    for now, left in at.items():
        assert years(now, expiry) == pytest.approx(left, rel=1e-12)
        assert years(now, np.array([expiry, expiry])) == pytest.approx(np.array([left, left]), rel=1e-12)


def test_arrays_and_scalars_agree() -> None:
    now = 1_774_000_000_123_456_789
    expiries = now + np.array([-5, 0, 1, SECOND, 86_400 * SECOND, YEAR], np.int64)
    assert years(now, expiries).tolist() == [years(now, int(expiry)) for expiry in expiries]


def test_intrinsic_is_what_exercise_pays() -> None:
    # call 110 - 100 = 10, put 120 - 110 = 10, call 110 < 120, put 110 > 100
    paid = intrinsic([110.0] * 4, [100.0, 120.0, 120.0, 100.0], [True, False, True, False])
    assert paid.tolist() == [10.0, 10.0, 0.0, 0.0]
    assert intrinsic(110.0, 100.0, True) == 10.0
    assert np.isnan(intrinsic(np.nan, 100.0, True))


@pytest.mark.parametrize("field", ["strike", "multiplier"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_sizes_must_be_positive(field: str, value: float) -> None:
    told = {"name": "BTC-C", "underlying": "BTC", "expiry": 1, "strike": 1e5, "call": True, field: value}
    with pytest.raises(ValueError, match=rf"{field} of BTC-C must be positive and finite, was"):
        Contract(**told)
