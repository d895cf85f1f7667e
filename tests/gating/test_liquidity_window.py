"""Rolling volume and typical values, against sums and means over all that was seen."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.liquidity_window import RollingVolume, Typical

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def test_volume_leaves_the_window_bucket_by_bucket():
    volume = RollingVolume()
    assert not volume.heard
    volume.add(START, 5.0)
    volume.add(START + 10 * SECOND, 7.0)
    assert volume.heard
    assert volume.window == 900.0
    assert volume.total(START + 10 * SECOND) == 12.0
    assert volume.total(START + 899 * SECOND) == 12.0
    assert volume.total(START + 900 * SECOND) == 7.0
    assert volume.total(START + 910 * SECOND) == 0.0


def test_less_than_a_window_is_scaled_up_and_less_than_a_minute_says_nothing():
    volume = RollingVolume()
    volume.add(START, 10.0)
    assert volume.estimate(START + 59 * SECOND) == 0.0
    assert volume.estimate(START + 90 * SECOND) == 100.0  # a tenth of the window
    assert volume.estimate(START + 890 * SECOND) == pytest.approx(10.0 * 900 / 890)
    assert volume.estimate(START + 5_000 * SECOND) == 0.0


@given(
    st.lists(st.tuples(st.integers(0, 60 * SECOND), st.floats(-1.0, 1e6)), min_size=1, max_size=150),
)
def test_the_sum_is_that_of_the_buckets_in_the_window(trades):
    volume, seen, now = RollingVolume(10.0, 9), [], START
    for wait, amount in trades:
        now += wait
        volume.add(now, amount)
        if amount > 0.0:
            seen.append((now // (10 * SECOND), amount))
        wanted = math.fsum(a for bucket, a in seen if bucket > now // (10 * SECOND) - 9)
        assert volume.total(now) == pytest.approx(wanted, abs=1e-6)


def test_late_trades_count_in_their_bucket_and_older_ones_not_at_all():
    volume = RollingVolume()
    volume.add(START + 950 * SECOND, 1.0)
    volume.add(START + 70 * SECOND, 2.0)
    volume.add(START + 40 * SECOND, 4.0)
    assert volume.total(START + 950 * SECOND) == 3.0
    assert volume.total(START + 970 * SECOND) == 1.0
    for bad in (math.nan, math.inf, -1.0, 0.0):
        volume.add(START + 960 * SECOND, bad)
    assert volume.total(START + 970 * SECOND) == 1.0


def test_a_restart_goes_on_with_the_window_while_it_lasts():
    volume = RollingVolume()
    for n in range(60):
        volume.add(START + n * SECOND, 1.5)
    state = json.loads(json.dumps(volume.to_dict()))
    soon, late = START + 120 * SECOND, START + 1_000 * SECOND
    again = RollingVolume().restore(state, soon)
    assert again.total(soon) == volume.total(soon) == 90.0
    assert again.estimate(soon) == volume.estimate(soon)
    assert not RollingVolume().restore(state, late).heard
    assert not RollingVolume().restore(state, START - 20 * SECOND).heard
    assert not RollingVolume(5.0).restore(state, soon).heard


def test_impossible_windows_are_refused():
    with pytest.raises(ValueError, match="bucket > 0"):
        RollingVolume(0.0)
    with pytest.raises(ValueError, match="half_life"):
        Typical(0.0)


def test_a_value_counts_half_after_the_half_life():
    typical = Typical(60.0)
    assert math.isnan(typical.value)
    typical.update(START, 100.0)
    assert typical.value == 100.0
    typical.update(START + 60 * SECOND, 110.0)  # within 3·25: not cut
    assert typical.value == 105.0


def test_an_outlier_moves_it_no_further_than_three_deviations():
    typical = Typical(60.0)
    typical.update(START, 100.0)
    typical.update(START + 60 * SECOND, 1e9)
    assert typical.value == 100.0 + 0.5 * 75.0  # the first deviation is taken to be a quarter


def test_the_first_values_are_averaged():
    typical = Typical(1e6)
    for n, value in enumerate((100.0, 110.0, 120.0, 90.0)):
        typical.update(START + n * SECOND, value)
    assert typical.value == pytest.approx(105.0)


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_it_follows_a_step_in_the_end(before, after):
    typical = Typical(10.0)
    for n in range(100):
        typical.update(START + n * SECOND, before)
    for n in range(100, 3_000):
        typical.update(START + n * SECOND, after)
    assert typical.value == pytest.approx(after, rel=0.01)


def test_what_is_no_value_or_comes_late_changes_nothing():
    typical = Typical()
    typical.update(START, 2.0)
    for ts, value in (
        (START + SECOND, math.nan),
        (START + SECOND, -1.0),
        (START + SECOND, math.inf),
        (START, 9.0),
        (START - SECOND, 9.0),
    ):
        typical.update(ts, value)
    assert typical.value == 2.0


def test_typical_values_survive_a_restart():
    typical = Typical()
    assert math.isnan(Typical().restore(json.loads(json.dumps(typical.to_dict()))).value)
    typical.update(START, 3.0)
    typical.update(START + SECOND, 4.0)
    again = Typical().restore(json.loads(json.dumps(typical.to_dict())))
    for each in (typical, again):
        each.update(START + 2 * SECOND, 5.0)
    assert again.to_dict() == typical.to_dict()
