"""Surfaces of recorded chains: how far they are from quotes and from what the venues said themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

from nautilus_quant.options.clean import Reason
from nautilus_quant.options.contract import years
from nautilus_quant.options.recorded import RecordedChains, Snapshot
from nautilus_quant.options.surface_fit import SurfaceParams, read_quotes
from nautilus_quant.options.surface_study import SurfaceStudy, summary

pytestmark = pytest.mark.xdist_group("recorded surfaces")

POINT = 0.01
FILES = {
    ("options_deribit_btc_6h.parquet", "BTC"): 30,
    ("options_okx_btc_eth_daily.parquet", "BTC"): 5,
    ("options_okx_btc_eth_daily.parquet", "ETH"): 5,
}


class Seen:
    """Some snapshots of a file, each fitted from the one before."""

    def __init__(self, snapshots: list[Snapshot], is_okx: bool) -> None:
        self.snapshots, self.is_okx = snapshots, is_okx
        self.study = SurfaceStudy()
        self.surfaces = [self.study.add(one.chain, one.spot) for one in snapshots]
        self.quotes = [read_quotes(one.chain, SurfaceParams())[0] for one in snapshots]

    def good(self, at: int) -> np.ndarray:
        return self.quotes[at].reasons == Reason.GOOD

    def over_all(self, figure) -> np.ndarray:
        return np.concatenate([figure(at) for at in range(len(self.snapshots))])


@pytest.fixture(scope="module", params=list(FILES), ids=lambda key: f"{key[0].split('_')[1]}-{key[1]}")
def seen(request, nq_data) -> Seen:
    file, underlying = request.param
    every = FILES[request.param]
    snapshots = list(RecordedChains(nq_data / file).snapshots(underlying, every=every))
    return Seen(snapshots, is_okx="okx" in file)


def test_slices_are_as_close_as_quotes_are_to_each_other(seen):
    found = summary(seen.study.moments)
    assert found["slices"] > 8 * len(seen.snapshots)
    assert found["rmse_median"] < 0.5 * POINT
    assert found["rmse_worst"] < 2.0 * POINT
    assert found["inside_median"] > 0.8


def test_hardly_any_slice_can_be_arbitraged(seen):
    found = summary(seen.study.moments)
    assert found["slices_with_butterflies"] <= 0.01 * found["slices"]
    assert found["slices_with_calendars"] <= 0.02 * found["slices"]


def test_surfaces_agree_with_the_venues_volatilities(seen):
    def off(at: int) -> np.ndarray:
        chain, good = seen.snapshots[at].chain, seen.good(at)
        vols = seen.surfaces[at].vol(chain.strike[good], chain.expiry[good])
        return np.abs(vols - seen.snapshots[at].mark_iv[good])

    bound = 0.5 if seen.is_okx else 0.2  # OKX's marks are not always between its bids and asks
    assert np.median(seen.over_all(off)) < bound * POINT


def test_forwards_agree_with_the_venues_where_it_tells_them(seen):
    """Deribit tells the forward of each expiry; OKX's file has the index for all."""

    def off(at: int) -> np.ndarray:
        chain, surface = seen.snapshots[at].chain, seen.surfaces[at]
        reference = np.array(
            [np.median(chain.references[chain.expiry == one.expiry]) for one in surface.slices]
        )
        return np.abs(np.array([one.forward for one in surface.slices]) / reference - 1.0)

    assert np.median(seen.over_all(off)) < (300e-4 if seen.is_okx else 3e-4)


def test_everything_is_accounted_for(seen):
    for one, surface in zip(seen.snapshots, seen.surfaces, strict=True):
        assert sum(surface.rejected.values()) == len(one.chain)
        assert surface.rejected["good"] > 100


def test_deltas_of_the_surface_are_those_of_its_volatilities(seen):
    """The 25-delta wings of every slice have that delta by Black-76."""
    for surface in seen.surfaces:
        for slice_, put in zip(surface.slices, surface.wings[1], strict=True):
            root = put * np.sqrt(years(surface.ts, slice_.expiry))
            # d₁ = 0.674 there, so k = root²/2 − 0.674·root.
            k = 0.5 * root**2 - 0.6744897501960817 * root
            assert slice_.vol_at(k) == pytest.approx(put, abs=1e-6)
            assert ndtr(-k / root + 0.5 * root) - 1.0 == pytest.approx(-0.25, abs=1e-9)
