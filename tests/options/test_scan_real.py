"""Recorded Deribit and OKX chains looked through: how much there is, and a planted mistake comes first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from nautilus_quant.account.fee_schedules import SCHEDULES
from nautilus_quant.options import black76
from nautilus_quant.options.chain import Chain
from nautilus_quant.options.recorded import RecordedChains
from nautilus_quant.options.scan_recorded import depth_of, fees_of
from nautilus_quant.options.scanner import Finding, Scan, scan
from nautilus_quant.options.surface_fit import fit_surface

pytestmark = pytest.mark.data

FILES = {
    "deribit": ("options_deribit_btc_6h.parquet", "BTC", 110, "deribit_options"),
    "okx": ("options_okx_btc_eth_daily.parquet", "ETH", 11, "okx_options"),
}


@pytest.fixture(scope="module", params=list(FILES))
def seen(request, nq_data):
    file, underlying, every, fees = FILES[request.param]
    path = nq_data / file
    chains = [one.chain for one in islice(RecordedChains(path).snapshots(underlying, every=every), 4)]
    tier = SCHEDULES[fees].tier(0.0)
    scans = [scan(chain, fit_surface(chain), tier=tier, depth=depth_of(path, chain)) for chain in chains]
    return path, fees, chains, scans


def test_venues_are_told_by_their_files(seen):
    path, fees, _, _ = seen
    assert fees_of(path) == fees


def test_nearly_all_that_is_quoted_is_compared_and_little_is_off(seen, capsys):
    path, _, chains, scans = seen
    found: Counter[str] = Counter()
    for one in scans:
        found.update(f"{idea.finding.value} {idea.kind}" for idea in one.spreads)
    options = sum(len(one.options) for one in scans)
    quoted = sum(int(one.rows.usable.sum()) for one in scans)
    compared = sum(int(one.rows.fitted.sum()) for one in scans)
    with capsys.disabled():
        print(
            f"\n{path.name}: {len(chains)} chains, {sum(map(len, chains))} options, {quoted} quoted on both "
            f"sides, {compared} compared; {options} off the surface after costs; spreads: {dict(found)}"
        )
    assert compared > 0.6 * quoted
    # A market that makers watch offers next to nothing to who pays spread and fees.
    assert options < 0.01 * compared
    assert sum(count for name, count in found.items() if name.startswith("arbitrage")) < 0.001 * quoted


def test_open_interest_is_read(seen):
    _, _, chains, scans = seen
    for chain, one in zip(chains, scans, strict=True):
        assert len(one.rows.depth.open_interest) == len(chain)
        assert np.isfinite(one.rows.depth.open_interest).mean() > 0.9
        assert np.isnan(one.rows.depth.bid_size).all()


def planted(chain: Chain, one: Scan, n: int, points: float) -> Chain:
    rows = one.rows
    assert rows is not None
    vol = rows.fit[n] + points / 100.0
    worth = float(black76.price(rows.forward[n], chain.strike[n], rows.years[n], vol, chain.call[n]))
    half = 0.5 * (chain.ask[n] - chain.bid[n])
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[n], ask[n] = worth - half, worth + half
    return replace(chain, bid=bid, ask=ask)


@pytest.mark.parametrize("points", [10.0, -10.0])
def test_a_planted_mistake_is_found_first(seen, points):
    """Ten vol points, on an option out of the money that is quoted within two."""
    _, fees, chains, scans = seen
    tier = SCHEDULES[fees].tier(0.0)
    tried = 0
    for chain, one in zip(chains, scans, strict=True):
        rows = one.rows
        outside = np.where(chain.call, chain.strike > rows.forward, chain.strike < rows.forward)
        tight = rows.fitted & outside & (rows.ask - rows.bid < 0.02 * rows.vega)
        tight &= (rows.vega / 100.0 > 5e-4 * rows.forward) & (rows.fit > 0.2)
        for n in np.flatnonzero(tight)[:: max(1, int(tight.sum()) // 2)][:2].tolist():
            wrong = planted(chain, one, n, points)
            found = scan(wrong, fit_surface(wrong), tier=tier)
            if not found.rows.fitted[n]:
                continue  # so cheap now that its spread is too wide to be compared
            assert found.options[0].name == chain.names[n]
            assert found.options[0].side == ("sell" if points > 0.0 else "buy")
            best = next(
                idea for idea in found.spreads if idea.finding in {Finding.ARBITRAGE, Finding.SURFACE}
            )
            assert chain.names[n] in {leg.name for leg in best.legs}
            tried += 1
    assert tried >= 6
