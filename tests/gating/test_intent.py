"""Decisions are the minimum of what gates allow, and a gate that says nonsense allows nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.intent import UNLIMITED, Decision, Intent, Side, Verdict

NAN = Decimal("NaN")


def intent(opening="2", reducing="0") -> Intent:
    return Intent(
        ts=1,
        strategy="S-1",
        instrument="BTCUSDT-PERP.SIM",
        side=Side.BUY,
        quantity=Decimal(opening) + Decimal(reducing),
        price=None,
        reducing=Decimal(reducing),
        opening=Decimal(opening),
        notional=100.0,
    )


def verdict(allowed: Decimal) -> Verdict:
    return Verdict("g", allowed, "X")


bounds = st.one_of(st.decimals(0, 5, places=3), st.just(UNLIMITED), st.just(NAN))


@given(st.lists(bounds, max_size=4))
def test_the_smallest_bound_decides(allowed):
    decision = Decision.of(intent(), tuple(verdict(a) for a in allowed))
    expected = min([Decimal(2), *(Decimal(0) if a.is_nan() else a for a in allowed)])
    assert decision.allowed == expected
    assert decision.outcome == ("ALLOW" if expected == 2 else "SIZED_DOWN" if expected > 0 else "DENY")
    assert decision.passes == expected


@pytest.mark.parametrize("nonsense", [NAN, Decimal(-1), Decimal("-Infinity")])
def test_a_limit_that_is_no_size_allows_nothing(nonsense):
    assert Verdict.limit("g", nonsense, "X", "because").allowed == 0


def test_what_reduces_passes_whatever_gates_say():
    decision = Decision.of(intent("1", "3"), (Verdict.deny("g", "X", "no"),))
    assert decision.outcome == "DENY"
    assert decision.passes == 3
    assert decision.binding is not None
    assert decision.binding.gate == "g"


def test_nothing_binds_what_is_allowed():
    assert Decision.of(intent(), (Verdict.allow("g", x=1.0),)).binding is None


def test_the_venue_is_what_stands_behind_the_last_dot():
    assert intent().venue == "SIM"
