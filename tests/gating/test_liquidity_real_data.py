"""Liquidity measured on the recorded books of Binance, built from a snapshot and every change."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import BookOrder
from nautilus_trader.model.enums import BookType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.book_levels import LevelBook
from nautilus_quant.gating.intent import Side
from nautilus_quant.gating.liquidity import InstrumentLiquidity
from nautilus_quant.gating.liquidity_score import LiquidityClass

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.data, pytest.mark.slow]
MILLISECOND = 1_000_000
BOUNDS = (0.0001, 0.0002, 0.0005, 0.0015, 0.005)
PRECISION = {"BINANCE_USDM:BTCUSDT": (1, 3), "BINANCE_SPOT:BTCUSDT": (2, 5)}


def recorded(folder: Path, what: str, market: str) -> pd.DataFrame:
    path = folder / f"l2_binance_20240808_{what}.parquet"
    return pd.read_parquet(path, filters=[("instrument", "==", market)]).drop(columns=["instrument"])


def updates(folder: Path, market: str) -> Iterator[tuple[int, int, list[tuple[bool, float, float]]]]:
    """The snapshot, then each later change: its last id, event time [ms], and sides, prices and sizes."""
    table = recorded(folder, "depth", market)
    start = int(table.loc[table.is_snapshot, "final_update_id"].iloc[0])
    kept = table[(table.final_update_id > start) | table.is_snapshot]
    kept = kept.sort_values("final_update_id", kind="stable")
    ids = kept.final_update_id.to_numpy()
    events = kept.event_ms.fillna(0).to_numpy(np.int64).tolist()
    rows = list(zip(kept.side == "bid", kept.price.tolist(), kept.qty.tolist(), strict=True))
    starts = np.flatnonzero(np.diff(ids, prepend=-1)).tolist()
    for first, end in pairwise([*starts, len(rows)]):
        yield int(ids[first]), events[first], rows[first:end]


class Replay:
    """The book of NautilusTrader and our own, side by side, looked at now and then."""

    def __init__(self, folder: Path, market: str) -> None:
        self.price, self.size = PRECISION[market]
        self.trades = recorded(folder, "trades", market).sort_values("event_ms", kind="stable")
        ticker = recorded(folder, "bookticker", market)
        columns = ticker[["bid_px", "bid_qty", "ask_px", "ask_qty"]].to_numpy().tolist()
        self.told = dict(zip(ticker.update_id.tolist(), columns, strict=True))
        self.theirs = OrderBook(InstrumentId.from_str("BTCUSDT.BINANCE"), BookType.L2_MBP)
        self.ours = LevelBook()
        self.bests: dict[int, tuple[list[float], list[float]]] = {}
        self.views: list[tuple[int, BookView, BookView]] = []
        self._play(folder, market)

    def _play(self, folder: Path, market: str) -> None:
        sampled = 0
        for last, event, rows in updates(folder, market):
            for bid, price, size in rows:
                self._put(bid, price, size)
            if last in self.told:
                view = self.ours.view(1)
                self.bests[last] = ([*view.bids[0], *view.asks[0]], self._best())
            if event >= sampled + 1_000:
                sampled = event
                self.views.append((event, self.ours.view(), self._view()))

    def _put(self, bid: bool, price: float, size: float) -> None:
        side = OrderSide.BUY if bid else OrderSide.SELL
        order = BookOrder(side, Price(price, self.price), Quantity(size, self.size), 0)
        (self.theirs.update if size else self.theirs.delete)(order, 0)
        self.ours.put(price, size, bid=bid)

    def _best(self) -> list[float]:
        book = self.theirs
        best = (book.best_bid_price(), book.best_bid_size(), book.best_ask_price(), book.best_ask_size())
        return [float(str(number)) for number in best]

    def _view(self) -> BookView:
        bids, asks = (
            tuple((float(str(level.price)), round(level.size(), self.size)) for level in side[:20])
            for side in (self.theirs.bids(), self.theirs.asks())
        )
        return BookView(bids, asks)


@pytest.fixture(scope="module", params=list(PRECISION))
def replay(nq_data, request) -> Replay:
    return Replay(nq_data, request.param)


def test_the_book_is_that_of_the_book_ticker(replay):
    """Wherever a ticker has the update id of a change, prices and sizes are the same, in both books."""
    assert len(replay.bests) > 500
    for last, (ours, theirs) in replay.bests.items():
        assert ours == theirs == replay.told[last], last


def test_measures_are_finite_and_more_is_never_cheaper(replay):
    trades = replay.trades
    signs = np.where(trades.aggressor_side == "BUY", 1, -1).tolist()
    columns = (trades.event_ms.tolist(), trades.price.tolist(), trades.qty.tolist(), signs)
    pending = list(zip(*columns, strict=True))[::-1]
    one, classes = InstrumentLiquidity(), set()
    for event, ours, theirs in replay.views:
        assert ours == theirs
        while pending and pending[-1][0] <= event:
            at, *trade = pending.pop()
            one.trade(at * MILLISECOND, *trade)
        ts = event * MILLISECOND
        assert one.observe(ours, ts).fault == ""
        classes.add(one.sample(ts)[1])
        assert all(math.isfinite(number) for number in one.numbers(ts).values())
        for side in Side:
            sizes = [one.max_quantity(side, bound, ts) for bound in BOUNDS]
            assert sizes == sorted(sizes)
            assert all(0.0 <= size < math.inf for size in sizes)
            for size, bound in zip(sizes, BOUNDS, strict=True):
                assert one.impact(side, size, ts) <= bound * (1 + 1e-9) or size == 0.0
    assert len(replay.views) > 300
    assert classes <= {LiquidityClass.DEEP, LiquidityClass.NORMAL}
    assert one.spread.value == pytest.approx(10**-replay.price / one.measures.mid, rel=0.05)  # one tick
    assert one.model.count > 20
    assert 0.0003 <= one.model.coefficient <= 0.01
