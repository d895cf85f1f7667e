import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.regime import Regime, RegimeClassifier, RegimeParams
from nautilus_quant.gating.regime_history import BarValues, InstrumentRegime
from tests.gating.regime_bars import MINUTE, START, bars_of, walk, wild_bars

QUICK = RegimeParams(
    adx_period=3, fast_half_life=3.0, slow_half_life=20.0, crisis_window=5, warm_up=12, dwell=2
)
BARS = bars_of(walk(60, volatility=0.002))


def followed(bars: list[BarValues] = BARS[:0]) -> InstrumentRegime:
    instrument = InstrumentRegime("BTC-1-MINUTE", QUICK, MINUTE)
    for bar in bars:
        instrument.update(bar, bar.ts + 5)
    return instrument


def classified(bars: list[BarValues]) -> RegimeClassifier:
    classifier = RegimeClassifier(QUICK, MINUTE)
    for bar in bars:
        classifier.update(*bar)
    return classifier


def test_history_before_the_first_bar_warms_it_up() -> None:
    instrument = followed()
    for bar in BARS[:30]:
        instrument.add_history(bar)
    assert instrument.classifier.to_dict() == classified(BARS[:30]).to_dict()
    assert instrument.update(BARS[30], BARS[30].ts) is not Regime.WARMING_UP


@given(st.integers(0, 11), st.permutations(range(30)))
def test_history_that_comes_late_and_in_any_order_counts_as_if_it_had_come_first(
    live: int, order: list[int]
) -> None:
    instrument = followed(BARS[30 : 30 + live])
    for at in order:
        instrument.add_history(BARS[at])
    if live:
        # A bar newer than all live ones would be taken at once; the last of the history never is.
        assert instrument.classifier.measures == classified(BARS[: 30 + live]).measures
    regime = instrument.update(BARS[45], BARS[45].ts)
    assert live == 0 or regime is classified([*BARS[: 30 + live], BARS[45]]).regime


def test_history_after_the_warm_up_changes_nothing() -> None:
    instrument = followed(BARS[20:40])
    before = instrument.to_dict()
    for bar in BARS[:30]:
        instrument.add_history(bar)
    assert instrument.to_dict() == before
    assert not instrument._kept  # no bars are kept for what can no longer come


def test_history_may_close_the_gap_of_a_restart() -> None:
    instrument = InstrumentRegime.from_dict(followed(BARS[:30]).to_dict(), QUICK)
    for bar in BARS[25:50]:
        instrument.add_history(bar)
    assert instrument.classifier.to_dict()["measures"] == classified(BARS[:50]).to_dict()["measures"]


def test_endless_history_is_kept_within_bounds_and_the_newest_counts() -> None:
    bars = bars_of(walk(2_000, volatility=0.002))
    instrument = followed(bars[-1:])
    for bar in bars[:-1]:
        instrument.add_history(bar)
        assert len(instrument._kept) <= 80  # twice two half-lives of 20
    assert not instrument.classifier.owed
    exact = classified(bars).measures
    assert instrument.classifier.measures.adx == pytest.approx(exact.adx, abs=0.5)


@given(wild_bars())
def test_a_bad_feed_never_breaks_it(bars: list[BarValues]) -> None:
    instrument = followed()
    for at, bar in enumerate(bars):
        if at % 3:
            instrument.update(bar, bar.ts)
        else:
            instrument.add_history(bar)
        assert instrument.classifier.regime in Regime


def test_time_beginning_anew_forgets_what_was_kept() -> None:
    instrument = followed(BARS[40:45])
    instrument.update(BARS[5], 7)
    assert instrument.classifier.ts == BARS[5].ts
    instrument.add_history(BARS[4])
    assert instrument.classifier.ts == BARS[5].ts
    assert instrument.heard == 7


def test_age_counts_from_the_last_bar_that_was_new() -> None:
    instrument = followed()
    assert instrument.age(START) == math.inf
    instrument.update(BARS[3], START)
    instrument.update(BARS[3], START + 60_000_000_000)  # a feed that repeats itself is silent
    assert instrument.age(START + 90_000_000_000) == 90.0
    instrument.add_history(BARS[2])
    assert instrument.age(START + 90_000_000_000) == 90.0


def test_history_is_as_old_as_its_bars() -> None:
    instrument = followed()
    instrument.add_history(BARS[3])
    assert instrument.age(BARS[3].ts + 4_000_000_000) == 4.0


def test_how_long_silence_and_memory_last() -> None:
    assert followed().longest_silence(30.0) == 240.0  # three bars may be missing
    assert followed().longest_silence(500.0) == 500.0
    assert followed().memory(30.0) == 720.0  # a warm-up of twelve minutes
    assert InstrumentRegime("X", QUICK, 0).memory(30.0) == 30.0


@given(st.integers(0, 50))
def test_goes_on_where_it_stopped(cut: int) -> None:
    straight = followed(BARS[:cut])
    second = InstrumentRegime.from_dict(straight.to_dict(), QUICK)
    assert second.to_dict() == straight.to_dict()
    for bar in BARS[cut:]:
        assert second.update(bar, bar.ts) is straight.update(bar, bar.ts)
