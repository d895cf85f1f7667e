import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.adx import Adx

Bars = list[tuple[float, float, float]]
prices = st.floats(1.0, 1000.0)


@st.composite
def some_bars(draw: st.DrawFn, most: int = 80) -> Bars:
    corners = draw(st.lists(st.tuples(prices, prices, st.floats(0.0, 1.0)), min_size=1, max_size=most))
    return [(max(a, b), min(a, b), min(a, b) + share * abs(a - b)) for a, b, share in corners]


def slow_twin(bars: Bars, period: int) -> list[tuple[float, float, float]]:
    """Wilder's worksheet, column by column: ADX, +DI and -DI of every bar from the first ADX on."""
    up, down, true_range = [], [], []
    for (high, low, _), (last_high, last_low, last_close) in zip(bars[1:], bars, strict=False):
        rise, fall = high - last_high, last_low - low
        up.append(rise if rise > max(fall, 0.0) else 0.0)
        down.append(fall if fall > max(rise, 0.0) else 0.0)
        true_range.append(max(high - low, abs(high - last_close), abs(low - last_close)))

    def smooth(column: list[float]) -> list[float]:
        out = [sum(column[: period - 1])]
        for value in column[period - 1 :]:
            out.append(out[-1] - out[-1] / period + value)
        return out[1:]

    rows, indices = [], []
    for plus, minus, reach in zip(smooth(up), smooth(down), smooth(true_range), strict=True):
        moved = plus + minus > 0.0
        indices.append(100.0 * abs(plus - minus) / (plus + minus) if moved else None)
        rows.append((100.0 * plus / reach if reach else 0.0, 100.0 * minus / reach if reach else 0.0))
    average = sum(index or 0.0 for index in indices[:period]) / period
    out = [(average, *rows[period - 1])]
    for index, row in zip(indices[period:], rows[period:], strict=True):
        if index is not None:
            average = (average * (period - 1) + index) / period
        out.append((average, *row))
    return out


def random_bars(count: int, seed: int) -> Bars:
    rng = np.random.default_rng(seed)
    ticks = 100.0 * np.exp(np.cumsum(rng.normal(0.0002, 0.004, (count, 6)).ravel())).reshape(count, 6)
    return [(float(row.max()), float(row.min()), float(row[-1])) for row in ticks]


@pytest.mark.parametrize("period", [2, 5, 14, 30])
def test_equals_wilders_worksheet(period: int) -> None:
    bars = random_bars(300, seed=period)
    adx = Adx(period)
    seen = [(adx.update(*bar), adx.up, adx.down) for bar in bars]
    expected = slow_twin(bars, period)
    assert np.allclose(seen[2 * period - 1 :], expected, rtol=1e-10, atol=1e-9)
    assert all(value == 0.0 for value, _, _ in seen[: 2 * period - 1])


@pytest.mark.parametrize("period", [2, 5, 14, 30])
def test_equals_talib(period: int) -> None:
    bars = random_bars(500, seed=100 + period)
    high, low, close = (np.array(column) for column in zip(*bars, strict=True))
    adx = Adx(period)
    seen = np.array([(adx.update(*bar), adx.up, adx.down) for bar in bars])[2 * period - 1 :]
    for column, function in enumerate((talib.ADX, talib.PLUS_DI, talib.MINUS_DI)):
        expected = function(high, low, close, timeperiod=period)[2 * period - 1 :]
        assert np.allclose(seen[:, column], expected, rtol=1e-9, atol=1e-8)


@given(some_bars())
def test_stays_between_nothing_and_all(bars: Bars) -> None:
    adx = Adx(5)
    for bar in bars:
        assert 0.0 <= adx.update(*bar) <= 100.0 + 1e-9
        assert adx.up >= 0.0
        assert adx.down >= 0.0
        assert adx.up + adx.down <= 100.0 + 1e-9


@given(some_bars(), st.floats(1e-6, 1e6))
def test_does_not_depend_on_the_scale_of_the_price(bars: Bars, factor: float) -> None:
    one, other = Adx(4), Adx(4)
    for high, low, close in bars:
        scaled = other.update(high * factor, low * factor, close * factor)
        assert scaled == pytest.approx(one.update(high, low, close), rel=1e-6, abs=1e-6)


@given(some_bars(), st.data())
def test_goes_on_exactly_where_it_stopped(bars: Bars, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(bars)))
    straight, first = Adx(3), Adx(3)
    for bar in bars[:cut]:
        straight.update(*bar)
        first.update(*bar)
    second = Adx(3).restore(first.to_dict())
    for bar in bars[cut:]:
        assert (second.update(*bar), second.up, second.down) == (
            straight.update(*bar),
            straight.up,
            straight.down,
        )


def test_a_straight_rise_is_all_trend_and_all_up() -> None:
    adx = Adx(5)
    for step in range(30):
        adx.update(101.0 + step, 100.0 + step, 101.0 + step)
    assert adx.value == pytest.approx(100.0)
    assert adx.up > adx.down == 0.0


def test_a_market_that_stands_still_has_no_trend() -> None:
    adx = Adx(3)
    assert all(adx.update(7.0, 7.0, 7.0) == 0.0 for _ in range(20))
    assert adx.ready


def test_standing_still_after_a_trend_leaves_the_trend_as_it_was() -> None:
    adx = Adx(2)
    for step in range(10):
        adx.update(11.0 + step, 10.0 + step, 11.0 + step)
    assert adx.update(20.0, 20.0, 20.0) == pytest.approx(100.0)


def test_a_bar_that_reaches_as_far_up_as_down_moved_neither_way() -> None:
    adx = Adx(2)
    for reach in range(1, 10):
        adx.update(100.0 + reach, 100.0 - reach, 100.0)
    assert (adx.value, adx.up, adx.down) == (0.0, 0.0, 0.0)


def test_too_short_a_period_is_refused() -> None:
    with pytest.raises(ValueError, match=r"period must be at least 2 \[bars\], was 1"):
        Adx(1)
