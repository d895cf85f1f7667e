import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.regime_rule import CALM, Measures, Regime, RegimeParams, most_cautious, next_regime

P = RegimeParams(
    trend_enter=31.0,
    trend_leave=21.0,
    vol_enter=1.7,
    vol_leave=1.3,
    crisis_enter=4.5,
    crisis_leave=2.5,
    crisis_vol_enter=3.6,
    crisis_vol_leave=2.1,
    min_fall=0.01,
    dwell=7,
    crisis_dwell=11,
)
LONG = 1_000
regimes = st.sampled_from(Regime)
measures = st.builds(
    Measures,
    adx=st.floats(0.0, 100.0),
    direction=st.floats(-100.0, 100.0),
    vol_ratio=st.floats(0.0, 6.0),
    fall=st.floats(0.0, 0.5),
    fall_sigmas=st.floats(0.0, 10.0),
)


def moved(current: Regime, *, stayed: int = LONG, **changes: float) -> Regime:
    return next_regime(current, stayed, CALM._replace(**changes), P)


def slow_twin(current: Regime, stayed: int, m: Measures, p: RegimeParams) -> Regime:
    """The definition, state by state, written the long way."""
    inside = {regime: current == regime for regime in Regime}
    falls = m.fall_sigmas >= (p.crisis_leave if inside[Regime.CRISIS] else p.crisis_enter)
    falls = falls and (m.fall >= p.min_fall or inside[Regime.CRISIS])
    bursts = m.vol_ratio >= (p.crisis_vol_leave if inside[Regime.CRISIS] else p.crisis_vol_enter)
    up_bar = p.trend_leave if inside[Regime.STRONG_TREND_UP] else p.trend_enter
    down_bar = p.trend_leave if inside[Regime.STRONG_TREND_DOWN] else p.trend_enter
    wanted = Regime.RANGING
    if m.direction > 0 and m.adx >= up_bar:
        wanted = Regime.STRONG_TREND_UP
    if m.direction <= 0 and m.adx >= down_bar:
        wanted = Regime.STRONG_TREND_DOWN
    if m.vol_ratio >= (p.vol_leave if inside[Regime.HIGH_VOL] else p.vol_enter):
        wanted = Regime.HIGH_VOL
    if falls or bursts:
        wanted = Regime.CRISIS
    bound = {Regime.WARMING_UP: 0, Regime.CRISIS: p.crisis_dwell}.get(current, p.dwell)
    if wanted == Regime.CRISIS:
        bound = 0
    return wanted if stayed >= bound else current


@given(regimes, st.integers(0, 20), measures)
def test_equals_the_definition(current: Regime, stayed: int, m: Measures) -> None:
    assert next_regime(current, stayed, m, P) is slow_twin(current, stayed, m, P)


@given(regimes, st.integers(0, 20), measures)
def test_never_goes_back_to_warming_up(current: Regime, stayed: int, m: Measures) -> None:
    assert next_regime(current, stayed, m, P) is not Regime.WARMING_UP


@given(regimes, measures)
def test_what_was_entered_is_kept_by_the_same_measures(current: Regime, m: Measures) -> None:
    entered = next_regime(current, LONG, m, P)
    assert next_regime(entered, LONG, m, P) is entered


@pytest.mark.parametrize(
    ("current", "changes", "expected"),
    [
        (Regime.RANGING, {"adx": 31.0, "direction": 5.0}, Regime.STRONG_TREND_UP),
        (Regime.RANGING, {"adx": 31.0, "direction": -5.0}, Regime.STRONG_TREND_DOWN),
        (Regime.RANGING, {"adx": 30.9, "direction": 5.0}, Regime.RANGING),
        (Regime.STRONG_TREND_UP, {"adx": 21.0, "direction": 5.0}, Regime.STRONG_TREND_UP),
        (Regime.STRONG_TREND_UP, {"adx": 20.9, "direction": 5.0}, Regime.RANGING),
        (Regime.STRONG_TREND_UP, {"adx": 30.0, "direction": -5.0}, Regime.RANGING),
        (Regime.STRONG_TREND_UP, {"adx": 31.0, "direction": -5.0}, Regime.STRONG_TREND_DOWN),
        (Regime.RANGING, {"vol_ratio": 1.7}, Regime.HIGH_VOL),
        (Regime.RANGING, {"vol_ratio": 1.69}, Regime.RANGING),
        (Regime.HIGH_VOL, {"vol_ratio": 1.3}, Regime.HIGH_VOL),
        (Regime.HIGH_VOL, {"vol_ratio": 1.29}, Regime.RANGING),
        (Regime.RANGING, {"vol_ratio": 2.0, "adx": 60.0, "direction": 9.0}, Regime.HIGH_VOL),
        (Regime.RANGING, {"fall_sigmas": 4.5, "fall": 0.01}, Regime.CRISIS),
        (Regime.RANGING, {"fall_sigmas": 4.5, "fall": 0.009}, Regime.RANGING),
        (Regime.RANGING, {"fall_sigmas": 4.4, "fall": 0.2}, Regime.RANGING),
        (Regime.RANGING, {"vol_ratio": 3.6}, Regime.CRISIS),
        (Regime.CRISIS, {"fall_sigmas": 2.5, "fall": 0.001}, Regime.CRISIS),
        (Regime.CRISIS, {"fall_sigmas": 2.4, "fall": 0.3}, Regime.RANGING),
        (Regime.CRISIS, {"vol_ratio": 2.1}, Regime.CRISIS),
        (Regime.CRISIS, {"vol_ratio": 2.0}, Regime.HIGH_VOL),
    ],
)
def test_thresholds(current: Regime, changes: dict[str, float], expected: Regime) -> None:
    assert moved(current, **changes) is expected


def test_a_regime_lasts_its_dwell() -> None:
    assert moved(Regime.STRONG_TREND_UP, stayed=6) is Regime.STRONG_TREND_UP
    assert moved(Regime.STRONG_TREND_UP, stayed=7) is Regime.RANGING


def test_a_crisis_lasts_its_own_dwell() -> None:
    assert moved(Regime.CRISIS, stayed=10) is Regime.CRISIS
    assert moved(Regime.CRISIS, stayed=11) is Regime.RANGING


def test_a_crisis_waits_for_nobody() -> None:
    assert moved(Regime.RANGING, stayed=0, vol_ratio=4.0) is Regime.CRISIS


def test_the_first_regime_waits_for_nobody() -> None:
    assert moved(Regime.WARMING_UP, stayed=0) is Regime.RANGING


def test_caution() -> None:
    assert most_cautious([Regime.STRONG_TREND_UP, Regime.HIGH_VOL, Regime.RANGING]) is Regime.HIGH_VOL
    assert most_cautious([Regime.STRONG_TREND_UP, Regime.STRONG_TREND_DOWN]) is Regime.STRONG_TREND_DOWN
    assert most_cautious([]) is Regime.WARMING_UP


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"trend_leave": 31.0, "trend_enter": 30.0},
            r"need 0 < trend_leave < trend_enter <= 100 \[%\], were 31.0 and 30.0",
        ),
        ({"trend_enter": 101.0}, "trend_enter <= 100"),
        ({"fast_half_life": 300.0}, r"fast_half_life < slow_half_life \[bars\], were 300.0 and 200.0"),
        ({"vol_leave": math.nan}, "vol_leave < vol_enter"),
        ({"crisis_enter": math.inf}, "crisis_leave < crisis_enter"),
        ({"crisis_vol_leave": 0.0}, "crisis_vol_leave < crisis_vol_enter"),
        ({"min_fall": -0.1}, r"min_fall must not be negative \[fraction\], was -0.1"),
        ({"max_move": 0.0}, r"max_move must be positive \[log return\], was 0.0"),
        ({"min_vol": math.nan}, r"min_vol must be positive \[per bar\], was nan"),
        ({"adx_period": 1}, r"adx_period must be at least 2 \[bars\], was 1"),
        ({"crisis_window": 1}, r"crisis_window must be at least 2 \[bars\], was 1"),
        ({"dwell": 0}, r"dwell must be at least 1 \[bars\], was 0"),
        ({"crisis_dwell": 0}, r"crisis_dwell must be at least 1 \[bars\], was 0"),
        ({"recovery": 0}, r"recovery must be at least 1 \[bars\], was 0"),
        ({"max_gap": -1}, r"max_gap must be at least 0 \[bars\], was -1"),
        ({"warm_up": 27}, r"warm_up must be at least 2 \* adx_period = 28 \[bars\], was 27"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        RegimeParams(**changes)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"vol_leave.*; .*dwell must be at least 1"):
        RegimeParams(vol_leave=9.0, dwell=0)
