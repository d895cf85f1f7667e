"""Numbers as people read them."""

import math
from decimal import Decimal

import pytest

from nautilus_quant.monitoring.words import (
    UNKNOWN,
    amount,
    lasted,
    money,
    percent,
    price,
    share,
    signed,
    words,
)


@pytest.mark.parametrize(
    ("write", "value", "text"),
    [
        (money, 1_234.5, "1,234.50"),
        (signed, 3.0, "+3.00"),
        (signed, -1_000.004, "-1,000.00"),
        (signed, -0.004, "0.00"),
        (price, 62_235.5, "62,235.5"),
        (price, 0.45135, "0.45135"),
        (price, 1_234_567.0, "1,234,567"),
        (percent, 0.0012, "0.12 %"),
        (share, 0.005, "0.5 %"),
        (lasted, 41.6, "42 s"),
        (lasted, 425.0, "7 min 05 s"),
        (lasted, 12_000.0, "3 h 20 min"),
        (lasted, 187_200.0, "2 d 4 h"),
        (words, {"a": [1, None], "b": 0.125}, f"a 1; {UNKNOWN}, b 0.125"),
    ],
)
def test_numbers(write, value, text):
    assert write(value) == text


@pytest.mark.parametrize("write", [money, signed, price, percent, share, lasted])
def test_what_is_not_known_is_a_dash(write):
    assert write(math.nan) == UNKNOWN
    assert write(math.inf) == UNKNOWN


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("100000.00000000", "100,000.00"),
        ("0.05000000", "0.05"),
        ("20.00", "20"),
        ("0E-8", "0.00"),
        ("NaN", UNKNOWN),
    ],
)
def test_balances(value, text):
    assert amount(Decimal(value)) == text
