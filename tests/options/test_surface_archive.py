"""Surfaces on disk, the volatility cone, and the prices it rests on."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.archive import ArchiveWriter, Recorded, days_of, read, underlyings, write
from nautilus_quant.options.cone import DAY, QUANTILES, PriceGrid, cone
from nautilus_quant.options.surface import Surface
from nautilus_quant.options.surface_fit import fit_surface
from tests.options.surface_kit import NOW, SECOND, chain_of, smiles, svi

HOUR = DAY // 24


# -- archive ------------------------------------------------------------------------------------------


def surface(n: int = 0, **shape: float) -> Surface:
    return fit_surface(chain_of(smiles(days=(9, 23), **shape), ts=NOW + n * HOUR, strikes=9))


@pytest.fixture(scope="module")
def surfaces() -> list[Surface]:
    crossing = fit_surface(chain_of({**smiles(days=(9, 23)), NOW + 9 * DAY: svi(9, 0.95)}, strikes=9))
    return [surface(n) for n in range(5)] + [crossing]


def test_what_is_written_is_read(tmp_path, surfaces):
    recorded = [Recorded(NOW + n * SECOND, one) for n, one in enumerate(surfaces)]
    file = write(tmp_path, recorded)
    assert file == tmp_path / f"underlying=BTC/day=2026-01-01/part-{NOW}-{NOW + 5 * SECOND}.parquet"
    assert list(read(tmp_path, "BTC")) == recorded
    assert underlyings(tmp_path) == ("BTC",)
    assert list(file.parent.iterdir()) == [file]  # nothing half


def test_an_expiry_without_a_slice_keeps_its_forward(tmp_path):
    one = surface()
    alone = Surface(one.ts, "BTC", one.slices[1:], one.forwards, one.rejected)
    write(tmp_path, [Recorded(NOW, alone)])
    (found,) = read(tmp_path, "BTC")
    assert found.surface == alone
    assert found.surface.forward(NOW + 9 * DAY) == one.slices[0].forward


def test_days_are_folders_of_their_own_by_when_it_became_known(tmp_path, surfaces):
    writer = ArchiveWriter(tmp_path)
    written = [file for n, one in enumerate(surfaces) for file in writer.add(one, NOW + n * 10 * HOUR)]
    written += writer.flush()
    assert [file.parent.name for file in written] == ["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"]
    assert days_of(tmp_path, "BTC") == (NOW, NOW + DAY, NOW + 2 * DAY)
    assert [one.known for one in read(tmp_path, "BTC")] == [NOW + n * 10 * HOUR for n in range(6)]
    assert writer.flush() == []


def test_a_stretch_of_time_is_read_without_its_end(tmp_path, surfaces):
    writer = ArchiveWriter(tmp_path)
    for n, one in enumerate(surfaces):
        writer.add(one, NOW + n * 10 * HOUR)
    writer.flush()
    found = list(read(tmp_path, "BTC", NOW + 10 * HOUR, NOW + 30 * HOUR))
    assert [one.known for one in found] == [NOW + 10 * HOUR, NOW + 20 * HOUR]


def test_it_does_not_hold_more_than_it_was_told_to(tmp_path, surfaces):
    writer = ArchiveWriter(tmp_path, rows=4)
    files = [writer.add(one, NOW + n) for n, one in enumerate(surfaces)]
    assert list(map(len, files)) == [0, 1, 0, 1, 0, 1]  # two slices each


def test_underlyings_by_turns_do_not_make_a_file_each_time(tmp_path, surfaces):
    writer = ArchiveWriter(tmp_path)
    for n, one in enumerate(surfaces):
        writer.add(one, NOW + n)
        writer.add(replace(one, underlying="ETH"), NOW + n)
    files = writer.flush()
    assert [file.parent.parent.name for file in files] == ["underlying=BTC", "underlying=ETH"]
    assert len(list(tmp_path.rglob("*.parquet"))) == 2
    assert [item.surface.underlying for item in read(tmp_path, "ETH")] == ["ETH"] * len(surfaces)


def test_what_was_recorded_twice_is_read_once(tmp_path, surfaces):
    write(tmp_path, [Recorded(NOW + n, one) for n, one in enumerate(surfaces[:3])])
    write(tmp_path, [Recorded(NOW + n, one) for n, one in enumerate(surfaces[1:4], start=1)])
    assert [one.known - NOW for one in read(tmp_path, "BTC")] == [0, 1, 2, 3]


def test_any_reader_takes_the_folder_as_a_table(tmp_path, surfaces):
    writer = ArchiveWriter(tmp_path)
    for n, one in enumerate(surfaces):
        writer.add(one, NOW + n * 10 * HOUR)
    writer.flush()
    table = pq.read_table(tmp_path).to_pandas()
    assert len(table) == 12
    assert set(table["underlying"]) == {"BTC"}
    assert table["atm"].iloc[0] == pytest.approx(surfaces[0].slices[0].atm)
    assert int(table["calendar_places"].sum()) > 0


def test_nothing_of_an_underlying_is_said_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="no surfaces of ETH"):
        list(read(tmp_path, "ETH"))
    assert underlyings(tmp_path) == ()


# -- cone ---------------------------------------------------------------------------------------------


def test_a_cone_by_hand():
    # Hourly returns of ±1 %: every window has the same volatility, √8760 · 0.01 = 0.93595.
    closes = np.exp(0.01 * (np.arange(200) % 2))
    found = {horizon.days: horizon for horizon in cone(closes, HOUR)}
    assert set(found) == {1.0, 3.0, 7.0}
    assert found[1.0].quantiles == pytest.approx((0.93595,) * 5, abs=1e-5)
    assert found[1.0].now == pytest.approx(0.93595, abs=1e-5)
    assert found[1.0].windows == 200 - 24
    assert found[1.0].independent == pytest.approx(199 / 24)
    assert math.isnan(found[1.0].implied)


@given(st.integers(0, 2**32 - 1))
def test_windows_are_those_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, 100)))
    (one, three) = cone(closes, HOUR, horizons=(1.0, 3.0))
    for horizon, size in ((one, 24), (three, 72)):
        returns = np.diff(np.log(closes))
        windows = [returns[n : n + size] for n in range(len(returns) - size + 1)]
        realised = [math.sqrt(float(np.mean(w**2)) * 8_760) for w in windows]
        assert horizon.windows == len(realised)
        assert horizon.quantiles == pytest.approx(tuple(np.quantile(realised, QUANTILES)), rel=1e-9)
        assert horizon.now == pytest.approx(realised[-1], rel=1e-9)


def test_a_gap_counts_for_all_its_intervals():
    rng = np.random.default_rng(3)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, 2_000)))
    sparse = np.full(2_000, np.nan)
    sparse[::6] = closes[::6]
    whole, rare = (cone(prices, HOUR, horizons=(30.0,))[0] for prices in (closes, sparse))
    assert rare.quantiles[2] == pytest.approx(whole.quantiles[2], rel=0.1)
    long = closes.copy()
    long[900:1_000] = np.nan  # nobody knows what happened there
    # 1 832 windows of 168 hours; 236 of them hold more than a tenth of the 101 that nobody knows.
    assert cone(closes, HOUR, horizons=(7.0,))[0].windows == 1_832
    assert cone(long, HOUR, horizons=(7.0,))[0].windows == 1_832 - 236


def test_what_is_implied_has_its_rank():
    rng = np.random.default_rng(4)
    closes = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.005, 3_000)))  # 46.8 % a year
    (horizon,) = cone(closes, HOUR, horizons=(14.0,), surface=surface())
    assert horizon.implied == pytest.approx(0.5, abs=1e-3)
    returns = np.diff(np.log(closes))
    realised = [math.sqrt(float(np.mean(returns[n : n + 336] ** 2)) * 8_760) for n in range(2_999 - 335)]
    assert horizon.rank == pytest.approx(np.mean(np.array(realised) < horizon.implied))


def test_too_few_prices_make_no_cone():
    assert cone(np.empty(0), HOUR) == ()
    assert cone(np.full(30, 5.0), HOUR, horizons=(1.0,))[0].now == 0.0
    assert cone(np.full(24, 5.0), HOUR, horizons=(1.0,)) == ()


# -- prices -------------------------------------------------------------------------------------------


def test_a_grid_keeps_the_last_of_each_interval():
    grid = PriceGrid(HOUR, 5)
    for ts, price in ((0, 1.0), (1, 2.0), (HOUR, 3.0), (3 * HOUR, 4.0), (2 * HOUR, 9.0), (3 * HOUR + 5, 5.0)):
        grid.add(ts, price)
    np.testing.assert_array_equal(grid.closes, [2.0, 3.0, np.nan, 5.0])
    grid.add(6 * HOUR, 6.0)
    np.testing.assert_array_equal(grid.closes, [5.0, np.nan, np.nan, 6.0])  # the gap before is gone
    for bad in (0.0, -1.0, math.nan, math.inf):
        grid.add(7 * HOUR, bad)
    assert len(grid.closes) == 4
    grid.add(100 * HOUR, 7.0)
    np.testing.assert_array_equal(grid.closes, [7.0])


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(1.0, 9.0)), max_size=30), st.integers(0, 30))
def test_a_grid_goes_on_after_json(steps, stop):
    one, other, ts = PriceGrid(HOUR, 6), PriceGrid(HOUR, 6), 0
    for n, (step, price) in enumerate(steps):
        ts += step * HOUR // 2
        if n == stop:
            other = PriceGrid(HOUR, 6).restore(json.loads(json.dumps(other.to_dict())))
        one.add(ts, price)
        other.add(ts, price)
        np.testing.assert_array_equal(one.closes, other.closes)


def test_prices_of_another_interval_are_left_out():
    kept = PriceGrid(HOUR, 5)
    kept.add(0, 1.0)
    assert len(PriceGrid(DAY, 5).restore(kept.to_dict()).closes) == 0
