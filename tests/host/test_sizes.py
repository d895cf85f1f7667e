"""Sizes are cut to whole steps, and not a step below."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.host.sizes import whole_steps
from tests.host.engine import BTC

STEP = Decimal("0.001")


def test_what_a_float_cuts_short_stays_whole():
    cut = [n * STEP for n in range(1, 10_000) if BTC.make_qty(n * STEP, round_down=True) != n * STEP]
    assert cut, "make_qty is exact now: it may be used"
    assert [whole_steps(BTC, size).as_decimal() for size in cut] == cut


@given(steps=st.integers(0, 10**9))
def test_whole_steps_stay(steps):
    assert whole_steps(BTC, steps * STEP).as_decimal() == steps * STEP


@given(steps=st.integers(0, 10**6), more=st.decimals(0, "0.000999999", places=9))
def test_parts_of_a_step_go(steps, more):
    assert whole_steps(BTC, steps * STEP + more).as_decimal() == steps * STEP
