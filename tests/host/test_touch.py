"""What a quote says, and who reads it."""

from __future__ import annotations

import math

import pytest
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.hedging_market import HedgeMarket
from nautilus_quant.host.options_underlying import Underlyings
from nautilus_quant.host.touch import mid_of, touch_of
from tests.actors.hedging_runs import PERP
from tests.host.live import live_system


def quote(bid: float, ask: float, bids: float = 2.0, asks: float = 3.0, ts: int = 0) -> QuoteTick:
    prices, sizes = [Price(price, 1) for price in (bid, ask)], [Quantity(size, 3) for size in (bids, asks)]
    return QuoteTick(PERP.id, *prices, *sizes, ts, ts)


@pytest.mark.parametrize(
    ("made", "touch", "mid"),
    [
        (quote(99.0, 101.0), (99.0, 101.0), 100.0),
        (quote(0.0, 101.0), (None, 101.0), None),
        (quote(99.0, 0.0), (99.0, None), None),
        (quote(-1.0, 101.0), (None, 101.0), None),
        (quote(99.0, 101.0, bids=0.0), (None, 101.0), 100.0),
        (quote(99.0, 101.0, asks=0.0), (99.0, None), 100.0),
        (quote(0.0, 0.0), (None, None), None),
    ],
)
def test_a_side_without_price_or_size_is_nobodys(made, touch, mid):
    assert tuple(None if math.isnan(price) else price for price in touch_of(made)) == touch
    assert (None if math.isnan(mid_of(made)) else mid_of(made)) == mid


@pytest.mark.parametrize(("bid", "ask"), [(0.0, 30_000.0), (30_000.0, 0.0)])
def test_nobody_prices_or_hedges_by_one_side_of_a_market(bid, ask):
    """Half of the ask would be taken for the price of the coin, and no price to buy at divided by."""
    with live_system() as system:
        system.venue("BINANCE", PERP)
        system.cache.add_quote_tick(quote(bid, ask, ts=system.now))
        market = HedgeMarket(system.kernel, "BTC", (), 30.0)
        assert market.candidates() == []
        assert math.isnan(market.price(PERP.id))
        assert math.isnan(Underlyings(system.cache).price("BTC", 0)[0])
