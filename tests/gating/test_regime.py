import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.gating.regime import Regime, RegimeClassifier, RegimeParams
from nautilus_quant.gating.regime_history import BarValues
from nautilus_quant.signals.adx import Adx
from tests.gating.regime_bars import MINUTE, START, bars_of, joined, noise, walk, wild_bars

QUICK = RegimeParams(
    adx_period=3, fast_half_life=3.0, slow_half_life=20.0, crisis_window=5, warm_up=12, dwell=2
)


def run(closes: list[float], params: RegimeParams | None = None) -> tuple[RegimeClassifier, list[Regime]]:
    classifier = RegimeClassifier(params, MINUTE)
    return classifier, [classifier.update(*bar) for bar in bars_of(closes)]


def warmed(params: RegimeParams = QUICK, count: int = 40) -> tuple[RegimeClassifier, BarValues]:
    """A classifier that knows its regime, and its last bar."""
    bars = bars_of(walk(count, volatility=0.001))
    classifier = RegimeClassifier(params, MINUTE)
    for bar in bars:
        classifier.update(*bar)
    assert not classifier.owed
    return classifier, bars[-1]


def after(bar: BarValues, bars: int = 1, move: float = 0.0) -> BarValues:
    """The bar that comes so many intervals later."""
    close = bar.close * math.exp(move)
    return BarValues(bar.ts + bars * MINUTE, bar.close, max(bar.close, close), min(bar.close, close), close)


# -- what it measures ----------------------------------------------------------------------------------


def test_measures_equal_their_definitions() -> None:
    params = RegimeParams(fast_half_life=4.0, slow_half_life=30.0, crisis_window=6, warm_up=50)
    # the highest of the seven closes that span a window of six returns is the seventh back
    bars = bars_of(joined(noise(74, 0.004), np.full(6, -0.002)))
    classifier = RegimeClassifier(params, MINUTE)
    for bar in bars:
        classifier.update(*bar)

    closes = np.array([bar.close for bar in bars])
    returns = np.diff(np.log(closes))

    def volatility(half_life: float, sample: np.ndarray) -> float:
        weights = 0.5 ** (np.arange(len(sample))[::-1] / half_life)
        return float(np.sqrt(np.sum(weights * sample**2) / np.sum(weights)))

    fall = math.log(closes[-7:].max() / closes[-1])
    assert closes[-7:].argmax() == 0
    adx = Adx(14)
    for bar in bars:
        adx.update(bar.high, bar.low, bar.close)
    m = classifier.measures
    assert m.adx == adx.value
    assert m.direction == adx.up - adx.down
    assert m.vol_ratio == pytest.approx(volatility(4.0, returns) / volatility(30.0, returns))
    assert m.fall == pytest.approx(fall)
    assert m.fall_sigmas == pytest.approx(fall / (volatility(30.0, returns[:-1]) * math.sqrt(6)))


@settings(max_examples=20)
@given(st.floats(1e-4, 1e5))
def test_does_not_depend_on_the_scale_of_the_price(factor: float) -> None:
    closes = walk(200, volatility=0.003)
    one, regimes = run(closes)
    other, scaled = run([close * factor for close in closes])
    assert regimes == scaled
    assert other.measures == pytest.approx(one.measures, rel=1e-6, abs=1e-6)


# -- what it says --------------------------------------------------------------------------------------


def test_warms_up_for_exactly_as_many_bars_as_it_says() -> None:
    _, regimes = run(walk(150))
    assert regimes[:99] == [Regime.WARMING_UP] * 99
    assert Regime.WARMING_UP not in regimes[99:]


def test_a_steady_rise_and_a_steady_fall_are_trends() -> None:
    up = noise(150, 0.0006, seed=3) + 0.0004
    _, rising = run(joined(noise(120, 0.0008), up))
    _, falling = run(joined(noise(120, 0.0008), -up))
    assert rising[-1] is Regime.STRONG_TREND_UP
    assert falling[-1] is Regime.STRONG_TREND_DOWN


def test_a_swing_is_a_range() -> None:
    swing = 0.002 * np.sin(np.arange(300) * math.pi / 2.0)
    _, regimes = run(joined(swing))
    assert set(regimes[100:]) == {Regime.RANGING}


def test_doubled_volatility_is_high_and_passes() -> None:
    _, regimes = run(joined(noise(300, 0.001), noise(40, 0.0026, seed=5), noise(150, 0.001, seed=6)))
    assert Regime.HIGH_VOL not in regimes[:300]
    assert Regime.HIGH_VOL in regimes[300:340]
    assert regimes[-1] is not Regime.HIGH_VOL


def test_a_crash_is_a_crisis_at_once_and_lasts_its_dwell() -> None:
    _, regimes = run(joined(noise(200, 0.001), np.full(1, -0.06), noise(80, 0.001, seed=9)))
    assert regimes[199] is not Regime.CRISIS
    assert regimes[200:224] == [Regime.CRISIS] * 24


def test_a_fall_too_small_to_matter_is_no_crisis() -> None:
    quiet = joined(noise(200, 0.00002), np.full(1, -0.0004), noise(10, 0.00002, seed=9))
    params = RegimeParams(crisis_vol_enter=50.0)
    assert Regime.CRISIS not in run(quiet, params)[1]
    assert Regime.CRISIS in run(quiet, RegimeParams(crisis_vol_enter=50.0, min_fall=0.0))[1]


def test_one_tick_after_standing_still_is_no_burst() -> None:
    classifier, regimes = run([50_000.0] * 150 + [50_000.1, 50_000.0] * 5)
    assert not {Regime.HIGH_VOL, Regime.CRISIS} & set(regimes)
    assert classifier.measures.vol_ratio < 3.0


@pytest.mark.parametrize("seed", range(5))
def test_every_regime_but_the_last_lasts_its_dwell_unless_a_crisis_ends_it(seed: int) -> None:
    pieces = [
        noise(60, scale, seed=seed * 10 + at) for at, scale in enumerate([0.001, 0.004, 0.001, 0.01, 0.001])
    ]
    _, regimes = run(joined(*pieces), RegimeParams(dwell=6, crisis_dwell=9))
    starts = [at for at in range(1, len(regimes)) if regimes[at] is not regimes[at - 1]]
    for start, end in pairwise(starts):
        if regimes[end] is not Regime.CRISIS:
            assert end - start >= (9 if regimes[start] is Regime.CRISIS else 6)


# -- a bad feed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spoil",
    [
        {"open": math.nan},
        {"high": math.nan},
        {"low": math.nan},
        {"close": math.nan},
        {"high": math.inf},
        {"low": 0.0},
        {"low": -1.0},
        {"low": 1e9},
        {"high": 1.0},
        {"open": 1e9},
        {"close": 1e9},
        {"open": 1e-9},
        {"close": 1e-9},
    ],
)
def test_a_bar_that_cannot_be_is_refused_and_nothing_is_known_for_a_while(spoil: dict[str, float]) -> None:
    classifier, last = warmed()
    measures = classifier.measures
    bad = after(last)._replace(**spoil)
    assert classifier.update(*bad) is Regime.WARMING_UP
    assert classifier.refused == 1
    assert classifier.measures == measures
    assert [classifier.update(*after(last, n)) is Regime.WARMING_UP for n in (2, 3, 4)] == [True, True, False]


def test_a_corrected_bar_of_the_same_time_is_taken() -> None:
    classifier, last = warmed()
    classifier.update(*after(last)._replace(close=math.nan))
    classifier.update(*after(last))
    assert classifier.ts == last.ts + MINUTE
    assert classifier.ignored == 0


def test_an_absurd_move_is_refused_and_the_old_level_goes_on() -> None:
    classifier, last = warmed()
    assert classifier.update(*after(last, 1, move=2.0)) is Regime.WARMING_UP
    for n in (2, 3, 4):
        classifier.update(*after(last, n))
    assert classifier.regime is not Regime.WARMING_UP
    assert classifier.refused == 1


def test_a_new_level_that_stays_is_believed_and_everything_starts_over() -> None:
    classifier, last = warmed()
    high = after(last, 1, move=2.0)
    classifier.update(*high)
    classifier.update(*after(high))
    assert classifier.refused == 1
    assert classifier.owed == QUICK.warm_up - 1
    assert classifier.starting
    for n in range(2, QUICK.warm_up + 1):
        classifier.update(*after(high, n))
    assert not classifier.owed


def test_two_absurd_bars_at_different_levels_are_both_refused() -> None:
    classifier, last = warmed()
    classifier.update(*after(last, 1, move=2.0))
    classifier.update(*after(last, 2, move=-2.0))
    assert classifier.refused == 2
    assert not classifier.starting


def test_a_doubt_is_forgotten_with_the_next_good_bar() -> None:
    classifier, last = warmed()
    for n in (1, 3):
        classifier.update(*after(last, n, move=2.0))
        classifier.update(*after(last, n + 1))
    assert classifier.refused == 2
    assert not classifier.starting


def test_a_doubt_survives_a_restart() -> None:
    classifier, last = warmed()
    high = after(last, 1, move=2.0)
    classifier.update(*high)
    other = RegimeClassifier.from_dict(classifier.to_dict(), QUICK, MINUTE)
    other.update(*after(high))
    assert other.refused == 1
    assert other.starting


@pytest.mark.parametrize("ago", [0, 1, 12])
def test_repeated_and_late_bars_are_ignored(ago: int) -> None:
    classifier, last = warmed()
    before = classifier.to_dict()
    classifier.update(*after(last, -ago, move=0.1))
    assert classifier.ignored == 1
    after_all = classifier.to_dict()
    after_all["counts"][0] = before["counts"][0]
    assert after_all == before


def test_a_recording_played_again_starts_over() -> None:
    classifier, last = warmed()
    assert classifier.update(*after(last, -13)) is Regime.WARMING_UP
    assert classifier.ts == last.ts - 13 * MINUTE
    assert classifier.owed == QUICK.warm_up - 1


def test_a_few_missing_bars_are_passed_over_with_a_return_that_counts_for_them() -> None:
    classifier, last = warmed(RegimeParams(adx_period=3, fast_half_life=3.0, warm_up=12))
    slow = classifier.to_dict()["slow"]
    assert classifier.update(*after(last, 4, move=0.01)) is not Regime.WARMING_UP
    decay = 0.5 ** (1.0 / 200.0)
    expected = decay * slow["sum"] + (1.0 - decay) * 0.01**2 / 4.0
    assert classifier.to_dict()["slow"]["sum"] == pytest.approx(expected)


def test_more_missing_bars_are_owed() -> None:
    classifier, last = warmed()
    assert classifier.update(*after(last, 6)) is Regime.WARMING_UP  # five missed
    assert [classifier.update(*after(last, n)) is Regime.WARMING_UP for n in (7, 8, 9, 10)] == [True] * 3 + [
        False
    ]
    assert not classifier.starting


def test_a_warm_up_of_missing_bars_starts_over() -> None:
    classifier, last = warmed()
    classifier.update(*after(last, 13))
    assert classifier.starting
    assert classifier.owed == QUICK.warm_up - 1


def test_bars_without_an_interval_have_no_gaps() -> None:
    classifier = RegimeClassifier(QUICK)
    for bar in bars_of(walk(20), interval=7 * MINUTE):
        classifier.update(*bar)
    assert classifier.update(START + 10**18, 1.0e4, 5.2e4, 1.0e4, 5.0e4) is not Regime.WARMING_UP
    classifier.update(START, 5e4, 5e4, 5e4, 5e4)
    assert classifier.ignored == 1


@given(wild_bars())
def test_a_bad_feed_never_breaks_it_nor_makes_it_say_more_than_it_knows(bars: list[BarValues]) -> None:
    classifier = RegimeClassifier(QUICK, MINUTE)
    good = 0
    for bar in bars:
        counted = classifier.ignored + classifier.refused
        regime = classifier.update(*bar)
        good += classifier.ignored + classifier.refused == counted
        assert all(math.isfinite(value) for value in classifier.measures)
        if good < QUICK.warm_up or classifier.owed:
            assert regime is Regime.WARMING_UP


# -- state ---------------------------------------------------------------------------------------------


@given(wild_bars(), st.data())
def test_goes_on_exactly_where_it_stopped(bars: list[BarValues], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(bars)))
    straight, first = RegimeClassifier(QUICK, MINUTE), RegimeClassifier(QUICK, MINUTE)
    for bar in bars[:cut]:
        straight.update(*bar)
        first.update(*bar)
    second = RegimeClassifier.from_dict(first.to_dict(), QUICK, MINUTE)
    assert second.to_dict() == straight.to_dict()
    for bar in bars[cut:]:
        assert second.update(*bar) is straight.update(*bar)
        assert second.numbers == straight.numbers
    assert second.to_dict() == straight.to_dict()


@given(st.integers(1, 250), st.integers(0, 5))
def test_says_the_same_of_a_prefix(length: int, seed: int) -> None:
    closes = walk(250, seed=seed, volatility=0.003)
    assert run(closes)[1][:length] == run(closes[:length])[1]


@pytest.mark.parametrize(("params", "interval"), [(RegimeParams(), MINUTE), (QUICK, 2 * MINUTE), (QUICK, 0)])
def test_what_was_learnt_otherwise_is_dropped(params: RegimeParams, interval: int) -> None:
    classifier, _ = warmed()
    other = RegimeClassifier.from_dict(classifier.to_dict(), params, interval)
    assert other.regime is Regime.WARMING_UP
    assert other.owed == params.warm_up
    assert other.ts == 0


def test_memory_does_not_grow() -> None:
    classifier, last = warmed()
    for n in range(1, 3_000):
        classifier.update(*after(last, n, move=-1e-5 * n))
    assert len(str(classifier.to_dict())) < 2_000


def test_numbers_name_what_was_measured() -> None:
    classifier, _ = warmed()
    assert set(classifier.numbers) == {"adx", "direction", "vol_ratio", "fall", "fall_sigmas", "owed"}


def test_a_negative_interval_is_refused() -> None:
    with pytest.raises(ValueError, match=r"interval must not be negative \[ns\], was -5"):
        RegimeClassifier(interval=-5)
