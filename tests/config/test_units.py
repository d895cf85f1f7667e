import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.config.units import Fraction, Seconds, parse_fraction, parse_seconds


class Both(msgspec.Struct):
    share: Fraction = 0.5
    wait: Seconds = 1.0


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("0.5%", 0.005),
        ("2%", 0.02),
        ("12.5 %", 0.125),
        ("25bps", 0.0025),
        ("0.75", 0.75),
        (0.1, 0.1),
        (1, 1.0),
    ],
)
def test_fractions(written, value):
    assert parse_fraction(written) == value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("250ms", 0.25),
        ("30s", 30.0),
        ("5m", 300.0),
        ("5min", 300.0),
        ("6h", 21_600.0),
        ("1d12h", 129_600.0),
        ("2w", 1_209_600.0),
        ("1.5 h", 5_400.0),
        ("1h 30m", 5_400.0),
        ("50us", 5e-5),
        ("1_000", 1_000.0),
        (3, 3.0),
    ],
)
def test_durations(written, value):
    assert parse_seconds(written) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("written", ["", "%", "five%", "5%%", "5 percent", "nan", "inf", "1e999", math.nan])
def test_no_fractions(written):
    with pytest.raises(ValueError, match="was"):
        parse_fraction(written)


@pytest.mark.parametrize("written", ["", "h", "6hours", "6h!", "-3s", "1y", "nan", math.inf])
def test_no_durations(written):
    with pytest.raises(ValueError, match="was"):
        parse_seconds(written)


@given(st.integers(0, 10_000))
def test_percent_is_the_float_nearest_to_what_was_written(count):
    assert parse_fraction(f"{count}%") == count / 100


@given(st.integers(0, 60), st.integers(0, 23), st.integers(0, 59), st.integers(0, 999))
def test_parts_add_up(days, hours, seconds, millis):
    written = f"{days}d{hours}h{seconds}s{millis}ms"
    assert parse_seconds(written) == pytest.approx(days * 86_400 + hours * 3_600 + seconds + millis / 1_000)


@pytest.mark.parametrize("values", [{"share": 1.01}, {"share": -0.1}, {"wait": -1.0}])
def test_fields_are_bounded(values):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(values, Both)
