import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.market import MarketRegime
from nautilus_quant.gating.regime_rule import Regime

UP, DOWN, RANGE, HIGH, CRISIS, WARM = (
    Regime.STRONG_TREND_UP,
    Regime.STRONG_TREND_DOWN,
    Regime.RANGING,
    Regime.HIGH_VOL,
    Regime.CRISIS,
    Regime.WARMING_UP,
)


def market_of(*regimes: Regime, share: float = 0.5, least: int = 2) -> MarketRegime:
    market = MarketRegime(share, least)
    for at, regime in enumerate(regimes):
        market.update(f"I{at}", regime)
    return market


@pytest.mark.parametrize(
    ("regimes", "expected"),
    [
        ((), WARM),
        ((WARM, WARM), WARM),
        ((CRISIS,), CRISIS),  # one instrument is its own market
        ((CRISIS, WARM, WARM), CRISIS),
        ((CRISIS, UP), HIGH),  # alone, and a tie goes to caution
        ((CRISIS, UP, UP), UP),
        ((CRISIS, CRISIS, UP, UP), CRISIS),
        ((CRISIS, CRISIS, UP, UP, UP), UP),
        ((CRISIS, CRISIS, HIGH, UP, UP), HIGH),
        ((UP, UP, RANGE), UP),
        ((UP, DOWN), DOWN),
        ((UP, RANGE, DOWN), RANGE),
        ((WARM, WARM, WARM, UP), UP),
    ],
)
def test_what_instruments_make_of_the_market(regimes: tuple[Regime, ...], expected: Regime) -> None:
    assert market_of(*regimes).regime is expected


def test_share_and_least_are_obeyed() -> None:
    assert market_of(*[CRISIS] * 3, *[UP] * 7, share=0.3).regime is CRISIS
    assert market_of(*[CRISIS] * 3, *[UP] * 8, share=0.3).regime is UP
    assert market_of(*[CRISIS] * 3, *[UP] * 7, share=0.1, least=4).regime is UP
    assert market_of(CRISIS, CRISIS, UP, share=0.1, least=1).needed == 1


@given(st.lists(st.sampled_from(Regime), max_size=12), st.floats(0.01, 1.0), st.integers(1, 5))
def test_crisis_is_what_the_definition_says(regimes: list[Regime], share: float, least: int) -> None:
    market = market_of(*regimes, share=share, least=least)
    known = [regime for regime in regimes if regime is not WARM]
    crises = known.count(CRISIS)
    enough = crises >= share * len(known) and (crises >= least or crises == len(known))
    assert (market.regime is CRISIS) == (enough and crises > 0)
    assert (market.regime is WARM) == (not known)


def test_the_latest_regime_of_an_instrument_counts() -> None:
    market = market_of(CRISIS, CRISIS, UP)
    assert market.update("I0", UP) is UP
    assert market.update("I0", UP) is UP
    assert (market.crises, market.known, market.needed) == (1, 3, 2)


@pytest.mark.parametrize("share", [0.0, 1.1, math.nan])
def test_an_impossible_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match=r"share must be in \(0, 1\] \[fraction of instruments\], was"):
        MarketRegime(share)


def test_less_than_one_instrument_is_refused() -> None:
    with pytest.raises(ValueError, match=r"least must be at least 1 \[instruments\], was 0"):
        MarketRegime(least=0)
