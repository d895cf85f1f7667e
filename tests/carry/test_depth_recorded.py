"""The books of studies beside recorded ones of Binance: dearer, and not by an order of magnitude."""

import numpy as np
import pandas as pd
import pytest

from nautilus_quant.carry.depth import DepthParams, rolling_day
from nautilus_quant.carry.slippage import walk
from nautilus_quant.gating.book_levels import LevelBook
from tests.gating.test_liquidity_real_data import updates

pytestmark = [pytest.mark.data, pytest.mark.slow]
SIZES = (1e4, 1e5, 1e6, 5e6)
STEP = 10_000
MARKETS = {
    "BINANCE_USDM:BTCUSDT": "ohlcv_1h_perp_binance.parquet",
    "BINANCE_SPOT:BTCUSDT": "ohlcv_1h_spot_binance.parquet",
}


def recorded_costs(folder, market):
    """Median cost of buying each size at once [fraction of the middle], a look every ten seconds."""
    book, seen, sampled = LevelBook(), [], 0
    for _, event, rows in updates(folder, market):
        for bid, price, size in rows:
            book.put(price, size, bid=bid)
        if event < sampled + STEP:
            continue
        sampled = event
        view = book.view(5_000)
        mid = 0.5 * (view.bids[0][0] + view.asks[0][0])
        sizes, costs = np.array(list(walk(mid, view.asks))).T
        # What is paid in all grows evenly within a level, its average does not.
        seen.append([np.interp(size, sizes, sizes * costs, right=np.nan) / size for size in SIZES])
    assert len(seen) > 20
    assert np.isfinite(seen).all()
    return np.median(seen, axis=0)


@pytest.mark.parametrize("market", MARKETS)
def test_the_books_of_studies_are_dearer_than_recorded_ones(nq_data, market):
    bars = pd.read_parquet(nq_data / MARKETS[market])
    bars = bars[
        (bars["symbol"] == "BTCUSDT") & (bars["ts_open"] < pd.Timestamp("2024-08-08 23:00", tz="UTC"))
    ]
    bars = bars.sort_values("ts_open").tail(25)
    volatility, volume = rolling_day(bars["close"].to_numpy(), bars["volume"].to_numpy(), 24)
    params = DepthParams()
    shares = np.array(SIZES) / bars["close"].iloc[-1] / volume[-1]
    law = params.half_spread + params.impact * volatility[-1] * np.sqrt(shares)
    recorded = recorded_costs(nq_data, market)
    assert (law > 1.5 * recorded).all()
    assert (law[2:] < 8.0 * recorded[2:]).all()  # a million and more; small orders pay next to nothing there
