"""Figures by days to expiry, how unusual they are, and what is told of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.options.buckets import BUCKETS, bucket_of, statistics
from nautilus_quant.options.surface import Surface
from nautilus_quant.options.surface_book import SurfaceBook
from nautilus_quant.options.surface_fit import fit_surface
from nautilus_quant.options.surface_watch import SurfaceWatch
from nautilus_quant.options.zscores import Crossing, Ladder, RollingScores, ScoreParams
from tests.options.surface_kit import DAY, NOW, SECOND, chain_of, smiles, svi

SOON = ScoreParams(every=0.0, window=8, fewest=3)


# -- buckets ------------------------------------------------------------------------------------------


def test_days_fall_into_one_bucket_each():
    assert [bucket_of(days).name for days in (0.0, 6.999, 7.0, 13.9, 14.0, 29.9, 30.0, 800.0)] == [
        *("0-7", "0-7", "7-14", "7-14", "14-30", "14-30", "30+", "30+")
    ]
    assert bucket_of(-0.1) is None
    for bucket in BUCKETS:
        assert bucket.first <= bucket.tenor < bucket.last


def test_figures_of_a_known_surface():
    surface = fit_surface(chain_of(smiles(days=(2, 9, 23, 60))))
    found = statistics(surface)
    # One smile in units of √t, 50 % at the money: so it is between the expiries.
    for bucket in BUCKETS:
        assert found[f"atm|{bucket.name}"] == pytest.approx(0.5, abs=5e-4)
        assert found[f"rr25|{bucket.name}"] < -0.005  # puts are dearer
        assert found[f"bf25|{bucket.name}"] > 0.005
    assert found["step|7-14"] == pytest.approx(found["atm|7-14"] - found["atm|0-7"])
    assert "step|0-7" not in found


def test_between_expiries_total_variance_is_straight():
    slices = {NOW + 9 * DAY: svi(9, 0.4), NOW + 13 * DAY: svi(13, 0.5)}
    found = statistics(fit_surface(chain_of(slices)))
    # At 10.5 days: (0.16·9·2.5 + 0.25·13·1.5)/4 = 2.11875 over 10.5 days, so √0.201786 = 0.44920.
    assert found["atm|7-14"] == pytest.approx(0.44920, abs=5e-4)
    assert set(found) == {"atm|7-14", "rr25|7-14", "bf25|7-14"}


def test_a_bucket_without_a_slice_has_no_figures_and_no_step():
    found = statistics(fit_surface(chain_of(smiles(days=(2, 23, 60)))))
    assert not [name for name in found if name.endswith("|7-14")]
    assert "step|14-30" not in found
    assert "step|30+" in found
    assert statistics(Surface(NOW, "BTC", ())) == {}


# -- scores -------------------------------------------------------------------------------------------


def test_a_score_by_hand():
    scores = RollingScores(SOON)
    for n, value in enumerate((0.1, 0.2, 0.3)):
        assert scores.update(NOW + n, {"x": value}) == {}
    # Mean 0.2, sample standard deviation 0.1; 0.5 is three above. Afterwards 0.5 is part of the past.
    assert scores.update(NOW + 3, {"x": 0.5})["x"] == pytest.approx(3.0)
    # Mean 0.275, deviations² 0.030625 + 0.005625 + 0.000625 + 0.050625 = 0.0875 over 3.
    assert scores.update(NOW + 4, {"x": 0.275})["x"] == pytest.approx(0.0, abs=1e-12)
    # That is remembered too: the same mean, over 4.
    assert scores.update(NOW + 5, {"x": 0.4})["x"] == pytest.approx(0.125 / math.sqrt(0.0875 / 4))


@given(st.lists(st.floats(0.05, 2.0), min_size=4, max_size=40))
def test_scores_are_those_of_the_definition(values):
    scores = RollingScores(SOON)
    for n, value in enumerate(values):
        found = scores.update(NOW + n, {"x": value})
        past = np.array(values[max(0, n - 8) : n])
        if len(past) < 3:
            assert found == {}
            continue
        deviation = max(past.std(ddof=1), 0.0005)
        assert found["x"] == pytest.approx((value - past.mean()) / deviation, rel=1e-6, abs=1e-6)


@given(st.lists(st.floats(0.05, 2.0), min_size=10, max_size=30), st.integers(3, 9), st.floats(-5.0, 5.0))
def test_no_score_knows_of_what_comes_later(values, at, other):
    def run(series: list[float]) -> list[dict[str, float]]:
        scores = RollingScores(SOON)
        return [scores.update(NOW + n, {"x": value}) for n, value in enumerate(series)]

    changed = [*values[:at], *(value + other for value in values[at:])]
    assert run(values)[:at] == run(changed)[:at]


def test_what_comes_too_soon_is_scored_and_not_remembered():
    scores = RollingScores(ScoreParams(every=10.0, window=8, fewest=2))
    for n in range(3):
        scores.update(NOW + n * 10 * SECOND, {"x": float(n)})
    before = scores.depth
    first = scores.update(NOW + 25 * SECOND, {"x": 9.0})
    again = scores.update(NOW + 26 * SECOND, {"x": 9.0})
    assert first == again
    assert scores.depth == before == {"x": 3}
    scores.update(NOW + 30 * SECOND, {"x": 9.0})
    assert scores.depth == {"x": 4}
    scores.update(NOW + 20 * SECOND, {"x": 9.0})  # from the past
    assert scores.depth == {"x": 4}


def test_figures_come_and_go_and_memory_is_bounded():
    scores = RollingScores(SOON)
    for n in range(1_000):
        scores.update(NOW + n, {f"only at {n}": 1.0, "always": float(n), "nan": math.nan})
    assert scores._past.shape == (9, 8)
    assert scores.depth["always"] == 8
    assert "nan" not in scores.depth


def test_what_never_moves_is_not_extraordinary_for_moving_a_little():
    scores = RollingScores(SOON)
    for n in range(5):
        scores.update(NOW + n, {"x": 0.5})
    assert scores.update(NOW + 9, {"x": 0.501})["x"] == pytest.approx(2.0)  # a tenth of a point over 0.05


@given(st.lists(st.floats(0.05, 2.0), min_size=1, max_size=20), st.integers(0, 19))
def test_scores_go_on_as_if_nothing_had_happened(values, stop):
    one, other = RollingScores(SOON), RollingScores(SOON)
    for n, value in enumerate(values):
        figures = {"x": value} if n % 3 else {"x": value, "y": -value}
        if n == stop:
            other = RollingScores(SOON).restore(json.loads(json.dumps(other.to_dict())))
        a, b = one.update(NOW + n, figures), other.update(NOW + n, figures)
        assert a == pytest.approx(b)


def test_impossible_pasts_are_refused():
    with pytest.raises(ValueError, match="2 <= fewest <= window"):
        ScoreParams(fewest=1)
    with pytest.raises(ValueError, match="least > 0"):
        ScoreParams(least=0.0)


# -- bounds -------------------------------------------------------------------------------------------


def test_each_bound_is_told_once_and_with_hysteresis():
    ladder = Ladder((2.0, 3.0))
    told = [
        [(c.level, c.before, c.bound) for c in ladder.update({"x": value})]
        for value in (1.9, 2.1, 2.5, 1.8, 1.71, 1.6, 2.0, -3.2, 2.6, 2.5, 0.0, 3.5)
    ]
    assert told == [
        [],
        [(1, 0, 2.0)],
        [],
        [],
        [],
        [(0, 1, 2.0)],  # below 0.85·2 = 1.7
        [(1, 0, 2.0)],
        [(2, 1, 3.0)],  # the size counts
        [],  # above 0.85·3 = 2.55
        [(1, 2, 3.0)],
        [(0, 1, 2.0)],
        [(2, 0, 3.0)],
    ]
    assert ladder.levels == {"x": 2}


def test_what_is_unknown_stays_where_it_was():
    ladder = Ladder((2.0,))
    ladder.update({"x": 5.0})
    assert ladder.update({"x": math.nan}) == []
    assert ladder.update({}) == []
    assert ladder.levels == {"x": 1}
    assert Ladder((2.0,)).restore(json.loads(json.dumps(ladder.to_dict()))).levels == {"x": 1}


@given(st.lists(st.floats(-10.0, 10.0), max_size=50))
def test_levels_are_within_the_bounds_and_change_with_each_crossing(values):
    ladder, level = Ladder((2.0, 3.0)), 0
    for value in values:
        for crossing in ladder.update({"x": value}):
            assert crossing.before == level
            assert crossing.level != level
            assert crossing.is_worse == (crossing.level > level)
            level = crossing.level
        if abs(value) >= 3.0:
            assert level == 2
        if abs(value) < 1.7:
            assert level == 0


def test_impossible_bounds_are_refused():
    for bounds in ((), (0.0,), (3.0, 2.0)):
        with pytest.raises(ValueError, match="bounds"):
            Ladder(bounds)
    with pytest.raises(ValueError, match="back"):
        Ladder((1.0,), back=0.0)


# -- the book -----------------------------------------------------------------------------------------


def run_book(vols: list[float]) -> tuple[SurfaceBook, SurfaceWatch, list]:
    book, watch = SurfaceBook(scores=SOON), SurfaceWatch("BTC")
    notes = []
    for n, vol in enumerate(vols):
        surface = book.update(chain_of(smiles(vol, days=(2, 9)), ts=NOW + n * SECOND, strikes=11))
        notes += watch.tell(surface, book)
    return book, watch, notes


CALM = [0.50, 0.501, 0.499, 0.50, 0.501]


def test_a_jump_in_volatility_is_told():
    book, _, notes = run_book([*CALM, 0.503, 0.54, 0.55])
    assert book.levels["atm|7-14"] >= 1
    about = [note for note in notes if note.about == "BTC|atm|7-14"]
    assert about[-1].severity == "CRITICAL" or about[0].severity == "CRITICAL"
    assert "standard deviations above its last" in about[0].text
    assert about[0].numbers["value"] == pytest.approx(about[0].numbers["value"])
    assert len([note for note in about if note.severity == "CRITICAL"]) == 1


def test_a_book_goes_on_after_json():
    book, _, _ = run_book(CALM)
    again = SurfaceBook(scores=SOON).restore(json.loads(json.dumps(book.to_dict())))
    chain = chain_of(smiles(0.52, days=(2, 9)), ts=NOW + 60 * SECOND, strikes=11)
    assert again.update(chain) == book.update(chain)
    assert again.scores == pytest.approx(book.scores)
    assert again.crossings == book.crossings
    with pytest.raises(ValueError, match="version 1, was 7"):
        SurfaceBook().restore({"version": 7})


@given(st.floats(-30_000.0, 30_000.0), st.floats(-20_000.0, 20_000.0))
@settings(max_examples=30)
def test_vega_counts_from_its_target(vega, target):
    watch = SurfaceWatch("BTC", vega_target=target)
    notes = watch.tell_vega(vega)
    drift = abs(vega - target)
    wanted = [] if drift < 5_000 else ["WARNING"] if drift < 10_000 else ["CRITICAL"]
    assert [note.severity for note in notes] == wanted
    assert watch.tell_vega(vega) == []
    assert watch.tell_vega(math.nan) == []
    assert [note.severity for note in watch.tell_vega(target)] == ["INFO"] * len(wanted)


def test_no_surface_is_told_and_its_return_too():
    watch, book = SurfaceWatch("BTC"), SurfaceBook()
    gone = Surface(NOW, "BTC", (), {}, {"stale": 40})
    book.take(gone)
    (note,) = watch.tell(gone, book)
    assert (note.about, note.severity) == ("BTC|fit", "WARNING")
    assert "40 stale" in note.text
    assert watch.tell(gone, book) == []
    back = book.update(chain_of(smiles(days=(9,))))
    assert [note.severity for note in watch.tell(back, book)] == ["INFO"]


def test_a_watch_goes_on_after_json():
    watch = SurfaceWatch("BTC")
    watch.tell_vega(7_000.0)
    again = SurfaceWatch("BTC").restore(json.loads(json.dumps(watch.to_dict())))
    assert again.tell_vega(7_000.0) == []
    assert [note.severity for note in again.tell_vega(12_000.0)] == ["CRITICAL"]


def test_a_crossing_says_which_way():
    assert Crossing("x", 1, 0, 2.1, 2.0).is_worse
    assert not Crossing("x", 0, 1, 1.6, 2.0).is_worse
