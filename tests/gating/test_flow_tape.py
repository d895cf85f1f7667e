"""Who is in haste: by aggressor, by tick rule, fading with time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.flow_tape import Tape

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND

SIZES = st.floats(1e-6, 1e6)
TRADES = st.lists(
    st.tuples(st.integers(0, 20), st.floats(1.0, 1e5), SIZES, st.sampled_from([-1, 0, 1])), max_size=60
)


def test_delta_by_hand():
    tape = Tape(half_life=10.0, prior=2.0)
    assert tape.add(T0, 100.0, 3.0, 1) == 1
    assert tape.add(T0, 100.0, 1.0, -1) == -1
    # (3 − 1) / 4, times 2 trades / (2 + 2)
    assert tape.read(T0).delta == pytest.approx(0.25)
    # a half-life later the sums are 1 and 2; one more sold: (1 − 2) / (2 + 2), times 2 / (2 + 2)
    tape.add(T0 + 10 * SECOND, 100.0, 2.0, -1)
    assert tape.read(T0 + 10 * SECOND).delta == pytest.approx(-0.25 * 0.5)
    assert tape.read(T0 + 10 * SECOND).trades == pytest.approx(2.0)
    assert tape.cumulative == 0.0


def test_silence_fades_it_to_nothing():
    tape = Tape(half_life=10.0, prior=2.0)
    for _ in range(20):
        tape.add(T0, 100.0, 1.0, 1)
    # 20 / 22; after three half-lives 2.5 / 4.5
    assert tape.read(T0).delta == pytest.approx(20 / 22)
    assert tape.read(T0 + 30 * SECOND).delta == pytest.approx(2.5 / 4.5)
    assert tape.read(T0 + 3_600 * SECOND).delta == pytest.approx(0.0, abs=1e-9)


def test_the_tick_rule_where_nobody_says_the_side():
    tape = Tape()
    prices = [100.0, 101.0, 101.0, 100.5, 100.5, 100.5, 102.0]
    signs = [tape.add(T0, price, 1.0, 0) for price in prices]
    assert signs == [0, 1, 1, -1, -1, -1, 1]
    assert tape.cumulative == 0.0
    assert tape.add(T0, 103.0, 1.0, -1) == -1  # the venue knows better


def test_large_trades_alone():
    tape = Tape(quantile=0.9, prior=4.0)
    for n in range(100):
        tape.add(T0, 100.0, 1.0 + 0.01 * n, 1 if n % 2 else -1)
    before = tape.read(T0)
    assert tape.threshold == pytest.approx(1.9, abs=0.03)
    fresh = Tape(quantile=0.9, prior=4.0)
    for _ in range(100):
        fresh.add(T0, 100.0, 1.0, 1)
    assert fresh.read(T0).large == 0.0  # nothing stands out among equals
    fresh.add(T0, 100.0, 5.0, -1)
    # one large trade: −5 / 5, times 1 / (1 + 4/4)
    assert fresh.read(T0).large == pytest.approx(-0.5)
    # all others bought: (100 − 5) / 105, times 101 / 105
    assert fresh.read(T0).delta == pytest.approx(95 / 105 * 101 / 105)
    assert -1.0 <= before.large <= 1.0


def test_large_trades_fade_like_all_others():
    tape = Tape(half_life=10.0, quantile=0.9, prior=4.0)
    for _ in range(100):
        tape.add(T0, 100.0, 1.0, 1)
    tape.add(T0, 100.0, 5.0, -1)
    tape.add(T0 + 10 * SECOND, 100.0, 7.5, 1)
    # (7.5 − 2.5) / (7.5 + 2.5), times 1.5 / (1.5 + 1)
    assert tape.read(T0 + 10 * SECOND).large == pytest.approx(0.5 * 0.6)
    # a half-life on, 0.75 / (0.75 + 1)
    assert tape.read(T0 + 20 * SECOND).large == pytest.approx(0.5 * 0.75 / 1.75)


def test_what_is_no_trade_is_left_out():
    tape = Tape()
    for price, size in ((0.0, 1.0), (100.0, 0.0), (math.nan, 1.0), (100.0, math.nan), (100.0, math.inf)):
        assert tape.add(T0, price, size, 1) == 0
    assert tape.read(T0) == (0.0, 0.0, 0.0)


def test_a_late_trade_counts_as_the_last_did():
    tape = Tape(half_life=1.0, prior=0.0)
    tape.add(T0, 100.0, 1.0, 1)
    tape.add(T0 - 60 * SECOND, 100.0, 1.0, -1)
    assert tape.read(T0).delta == 0.0


@given(TRADES, st.integers(0, 100))
def test_bounds_and_symmetry(trades, later):
    """Swapping buyers and sellers, and prices with them, turns every sign and nothing else."""
    one, other, now = Tape(prior=1.0), Tape(prior=1.0), T0
    for seconds, price, size, side in trades:
        now += seconds * SECOND
        one.add(now, price, size, side)
        other.add(now, 1e6 / price, size, -side)
    a, b = one.read(now + later * SECOND), other.read(now + later * SECOND)
    assert a.delta == -b.delta
    assert a.large == -b.large
    assert a.trades == b.trades <= len(trades) + 1e-9
    assert one.cumulative == -other.cumulative
    assert max(abs(a.delta), abs(a.large)) <= 1.0


@given(TRADES.filter(bool), st.integers(1, 600))
def test_it_never_grows_by_waiting(trades, later):
    tape, now = Tape(), T0
    for seconds, price, size, side in trades:
        now += seconds * SECOND
        tape.add(now, price, size, side)
    before, after = tape.read(now), tape.read(now + later * SECOND)
    assert abs(after.delta) <= abs(before.delta)
    assert abs(after.large) <= abs(before.large)
    assert after.trades < before.trades


@given(st.lists(st.tuples(st.integers(0, 9), SIZES, st.sampled_from([-1, 1])), min_size=1, max_size=40))
def test_online_is_the_definition(trades):
    """Σ sign·size·2^(−age/h) / Σ size·2^(−age/h), times n / (n + prior)."""
    tape, now, seen = Tape(half_life=7.0, prior=3.0), T0, []
    for seconds, size, side in trades:
        now += seconds * SECOND
        tape.add(now, 100.0, size, side)
        seen.append((now, size, side))
    weights = [2.0 ** (-(now - ts) / SECOND / 7.0) for ts, _, _ in seen]
    signed = math.fsum(w * size * side for w, (_, size, side) in zip(weights, seen, strict=True))
    total = math.fsum(w * size for w, (_, size, _) in zip(weights, seen, strict=True))
    expected = signed / total * sum(weights) / (sum(weights) + 3.0)
    assert tape.read(now).delta == pytest.approx(expected, abs=1e-9)


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="0 < half_life"):
        Tape(half_life=0.0)
    with pytest.raises(ValueError, match="0 <= prior"):
        Tape(prior=-1.0)
