import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.rolling import RollingMax

samples = st.lists(st.floats(-100.0, 100.0), min_size=1, max_size=80)


@given(samples, st.integers(1, 12))
def test_is_the_maximum_of_the_last_values(sample: list[float], window: int) -> None:
    rolling = RollingMax(window)
    for at, value in enumerate(sample):
        assert rolling.update(value) == max(sample[max(0, at - window + 1) : at + 1])


@given(samples, st.integers(1, 12), st.data())
def test_goes_on_exactly_where_it_stopped(sample: list[float], window: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(sample)))
    straight, first = RollingMax(window), RollingMax(window)
    for value in sample[:cut]:
        straight.update(value)
        first.update(value)
    second = RollingMax(window).restore(first.to_dict())
    assert [second.update(v) for v in sample[cut:]] == [straight.update(v) for v in sample[cut:]]


def test_memory_is_bounded_by_the_window() -> None:
    rolling = RollingMax(10)
    for value in range(10_000):
        rolling.update(-float(value))  # falling: every value stays a candidate until it is too old
    assert len(rolling.to_dict()["candidates"]) == 10


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValueError, match=r"window must be at least 1 \[bars\], was 0"):
        RollingMax(0)
