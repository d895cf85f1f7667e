import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.pairing import ClosePair, Pairing


def test_only_bars_of_the_same_time_are_put_together() -> None:
    pairing = Pairing()
    assert pairing.add(0, 10, 1.0) is None
    assert pairing.add(1, 20, 2.0) is None
    assert pairing.add(0, 20, 1.5) == ClosePair(20, 1.5, 2.0)
    assert pairing.add(1, 10, 2.5) is None  # its time has passed
    assert pairing.add(1, 30, 3.0) is None
    assert pairing.add(0, 30, 4.0) == ClosePair(30, 4.0, 3.0)


def test_a_leg_that_comes_late_gets_its_partners() -> None:
    pairing = Pairing()
    for ts in (10, 20, 30):
        assert pairing.add(0, ts, float(ts)) is None
    assert [pairing.add(1, ts, -float(ts)) for ts in (10, 20, 30)] == [
        ClosePair(ts, float(ts), -float(ts)) for ts in (10, 20, 30)
    ]


def test_a_bar_said_twice_counts_once() -> None:
    pairing = Pairing()
    pairing.add(0, 10, 1.0)
    pairing.add(0, 10, 1.1)
    assert pairing.add(1, 10, 2.0) == ClosePair(10, 1.1, 2.0)
    assert pairing.add(0, 10, 1.2) is None
    assert pairing.add(1, 10, 2.0) is None


def test_who_waits_in_vain_is_forgotten() -> None:
    pairing = Pairing(most=3)
    for ts in range(10):
        pairing.add(0, ts, 1.0)
    assert [len(waiting) for waiting in pairing._waiting] == [3, 0]
    assert pairing.add(1, 5, 2.0) is None
    assert pairing.add(1, 7, 2.0) == ClosePair(7, 1.0, 2.0)
    with pytest.raises(ValueError, match="most >= 1"):
        Pairing(0)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), max_size=60))
def test_pairs_come_in_order_and_are_of_one_time(bars) -> None:
    pairing, out = Pairing(4), []
    for leg, ts in bars:
        pair = pairing.add(leg, ts, float(100 * leg + ts))
        if pair is not None:
            assert (pair.a, pair.b) == (float(ts), float(100 + ts))
            out.append(pair.ts)
        assert all(len(waiting) <= 4 for waiting in pairing._waiting)
    assert out == sorted(set(out))
