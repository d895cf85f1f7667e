import math

import pytest

from nautilus_quant.signals.sequence import BarSequence, periods_per_year, require

SECOND = 1_000_000_000


def test_counts_bars_since_the_last() -> None:
    sequence = BarSequence(SECOND, memory=10)
    assert sequence.advance(100 * SECOND, 7.0) == -1  # the first
    assert sequence.advance(101 * SECOND, 8.0) == 1
    assert sequence.close == 8.0
    assert sequence.advance(104 * SECOND, 9.0) == 3
    assert sequence.advance(104 * SECOND + 1, 9.5) == 1  # a hair later is still a later bar
    assert sequence.advance(114 * SECOND, 9.7) == 10
    assert sequence.advance(125 * SECOND, 9.9) == -1  # too long ago


@pytest.mark.parametrize("close", [math.nan, math.inf, 0.0, -1.0])
def test_a_close_without_a_price_is_ignored(close: float) -> None:
    sequence = BarSequence(SECOND, memory=10)
    sequence.advance(100 * SECOND, 7.0)
    assert sequence.advance(101 * SECOND, close) == 0
    assert sequence.close == 7.0
    assert sequence.advance(102 * SECOND, 7.5) == 2


def test_repeated_and_late_bars_are_ignored_until_they_are_another_recording() -> None:
    sequence = BarSequence(SECOND, memory=10)
    sequence.advance(100 * SECOND, 7.0)
    assert sequence.advance(100 * SECOND, 8.0) == 0
    assert sequence.advance(91 * SECOND, 8.0) == 0
    assert sequence.close == 7.0
    assert sequence.advance(89 * SECOND, 6.0) == -1
    assert sequence.advance(90 * SECOND, 6.1) == 1


def test_goes_on_where_it_stopped() -> None:
    first = BarSequence(SECOND, memory=10)
    first.advance(100 * SECOND, 7.0)
    second = BarSequence(SECOND, memory=10).restore(first.to_dict())
    assert second.close == 7.0
    assert second.advance(102 * SECOND, 7.5) == 2


def test_periods_per_year() -> None:
    assert periods_per_year(3600 * SECOND) == pytest.approx(365.25 * 24)
    with pytest.raises(
        ValueError, match=r"interval must be positive \[ns\], was 0; use bars that come by the clock"
    ):
        periods_per_year(0)


def test_require() -> None:
    require(True, "anything", 1)
    with pytest.raises(ValueError, match=r"need x > 0 \[bars\], was -1"):
        require(False, "x > 0 [bars]", -1)
