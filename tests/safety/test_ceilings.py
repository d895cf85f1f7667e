"""What limits can be set to, and what counts as looser than allowed."""

from __future__ import annotations

import math

import pytest

from nautilus_quant.safety.ceilings import CEILINGS, FLOORS, SafetyLimits


def test_ceilings_and_floors_are_those_required():
    assert dict(CEILINGS) == {"max_hourly_loss": 0.005, "max_daily_loss": 0.02, "max_drawdown": 0.10}
    assert dict(FLOORS) == {"hourly_halt": 3_600.0, "daily_halt": 86_400.0}


def test_defaults_are_as_loose_as_allowed():
    assert SafetyLimits().loosened() == []


def test_tighter_is_never_loosened():
    tight = SafetyLimits(max_hourly_loss=0.001, max_daily_loss=0.01, max_drawdown=0.05, hourly_halt=7_200.0)
    assert tight.loosened() == []


def test_every_looser_setting_is_named():
    loose = SafetyLimits(
        max_hourly_loss=0.006, max_daily_loss=0.03, max_drawdown=0.11, hourly_halt=3_599.0, daily_halt=60.0
    )
    assert loose.loosened() == [
        "max_hourly_loss must be at most 0.005 [fraction], was 0.006",
        "max_daily_loss must be at most 0.02 [fraction], was 0.03",
        "max_drawdown must be at most 0.1 [fraction], was 0.11",
        "hourly_halt must be at least 3600 [s], was 3599",
        "daily_halt must be at least 86400 [s], was 60",
    ]


@pytest.mark.parametrize("name", CEILINGS)
@pytest.mark.parametrize("wrong", [0.0, 1.0, -0.1, 10.0, math.nan, math.inf])
def test_impossible_losses_are_refused(name, wrong):
    with pytest.raises(
        ValueError, match=rf"{name} must lie between 0 and 1 \[fraction\], was .*; typical 0\."
    ):
        SafetyLimits(**{name: wrong})


@pytest.mark.parametrize("name", FLOORS)
@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_impossible_halts_are_refused(name, wrong):
    with pytest.raises(ValueError, match=rf"{name} must be positive and finite \[s\], was"):
        SafetyLimits(**{name: wrong})
