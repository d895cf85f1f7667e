"""Exact values of NautilusTrader's objects."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import AggressorSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.venues import arrow
from nautilus_quant.venues.simulated.convert import Translator
from nautilus_quant.venues.simulated.feed import bar_length
from nautilus_quant.venues.simulated.instruments import instrument
from nautilus_quant.venues.simulated.listing import listings
from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.stress import Stress
from tests.venues.simulated.conftest import blocks_of

MARKET = MarketConfig(
    seed=11,
    step=0.5,
    depth_interval=1.0,
    history=60.0,
    spot=True,
    stress=(Stress(kind="nan", symbol="BTC", at=1.0, duration=1.0),),
)
BTC, ADA, SPOT_BTC = 0, 2, 8


@pytest.fixture(scope="module")
def block():
    return blocks_of(MARKET, 2)[1]


def speaker(row: int, block) -> Translator:
    translator = Translator(MARKET, listings(MARKET)[row], "SIM")
    translator.begin(block)
    return translator


@pytest.mark.parametrize(("row", "decimals", "lots"), [(BTC, 1, 3), (ADA, 4, 0), (SPOT_BTC, 2, 5)])
def test_a_quote_is_ticks_and_lots(block, row, decimals, lots):
    quote, books = speaker(row, block).quote(7), block.groups[row // 8].books
    assert quote.bid_price == Price(int(books.bid[row % 8, 7]) / 10**decimals, decimals)
    assert quote.ask_price == Price(int(books.ask[row % 8, 7]) / 10**decimals, decimals)
    assert quote.bid_size == Quantity(int(books.bid_size[row % 8, 7]) / 10**lots, lots)
    assert quote.ask_size == Quantity(int(books.ask_size[row % 8, 7]) / 10**lots, lots)
    assert quote.ts_event == quote.ts_init == block.ts[7]


def test_a_book_comes_every_other_step_and_begins_with_the_quote(block):
    translator = speaker(ADA, block)
    assert translator.depth(6) is None
    depth, quote = translator.depth(7), translator.quote(7)
    assert (depth.bids[0].price, depth.asks[0].price) == (quote.bid_price, quote.ask_price)
    assert (depth.bids[0].size, depth.asks[0].size) == (quote.bid_size, quote.ask_size)
    assert len(depth.bids) == len(depth.asks) == 10
    assert depth.sequence == 120 + 8


def test_trades_have_names_of_their_own(block):
    translator, tape = speaker(BTC, block), block.groups[0].tape
    trades = [trade for step in range(120) for trade in translator.trades(step)]
    assert len({str(trade.trade_id) for trade in trades}) == len(trades) == (tape.row == BTC).sum()
    sides = {AggressorSide.BUYER: 1, AggressorSide.SELLER: -1}
    assert [sides[trade.aggressor_side] for trade in trades] == tape.side[tape.row == BTC].tolist()
    assert sum(float(trade.size) for trade in trades) == pytest.approx(
        tape.size[tape.row == BTC].sum() / 1_000
    )


def test_not_a_number_is_the_largest_price(block):
    mark = speaker(BTC, block).mark(1)
    assert float(mark.value) == pytest.approx(17_014_118_346_046.0)
    assert float(speaker(BTC, block).mark(3).value) < 100_000
    assert float(speaker(ADA, block).mark(1).value) < 1


def test_funding_is_exact_and_says_when(block):
    translator = speaker(ADA, block)
    assert translator.funding(block.basis.at - 1) is None
    update = translator.funding(block.basis.at)
    assert update.rate == Decimal(int(block.basis.rates[ADA])) / 10**8
    assert update.interval == 480
    assert update.next_funding_ns % (28_800 * 10**9) == 0
    assert update.ts_event % (60 * 10**9) == 0


def test_instruments():
    perp, spot = (instrument(listings(MARKET)[row], "SIM") for row in (ADA, SPOT_BTC))
    assert (perp.id, spot.id) == (
        InstrumentId.from_str("ADAUSDT-PERP.SIM"),
        InstrumentId.from_str("BTCUSDT.SIM"),
    )
    assert (perp.price_increment, perp.size_increment) == (Price.from_str("0.0001"), Quantity.from_str("1"))
    assert (spot.price_increment, spot.size_increment) == (
        Price.from_str("0.01"),
        Quantity.from_str("0.00001"),
    )
    assert (perp.margin_init, perp.margin_maint) == (Decimal("0.02"), Decimal("0.01"))
    assert (perp.maker_fee, perp.taker_fee) == (Decimal("0.0002"), Decimal("0.0005"))
    assert perp.is_inverse is False


@pytest.mark.parametrize(
    ("spec", "length"),
    [
        ("1-SECOND-LAST-EXTERNAL", 1),
        ("5-MINUTE-LAST-EXTERNAL", 300),
        ("1-HOUR-LAST-EXTERNAL", 3_600),
        ("1-MINUTE-MID-EXTERNAL", None),
        ("1-MINUTE-LAST-INTERNAL", None),
        ("100-TICK-LAST-EXTERNAL", None),
    ],
)
def test_bar_lengths(spec, length):
    assert bar_length(BarType.from_str(f"BTCUSDT-PERP.SIM-{spec}")) == length


def test_rates_of_nobody_are_refused():
    with pytest.raises(ValueError, match="one instrument at a time"):
        arrow.read_funding_rates(pa.table({"rate": [b'"0.1"'], "ts_event": [1], "ts_init": [1]}))
