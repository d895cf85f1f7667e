"""Which recorded files a study of carry reads: coins on one venue, or one coin's perpetual on many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.venues.recorded.source import Source

_BARS = "ohlcv_1h_perp_binance.parquet"
_SPOT = "ohlcv_1h_spot_binance.parquet"
_MARKS = "mark_1h_perp_binance_btc_eth.parquet"
_FUNDING = "funding_binance_usdm.parquet"
_VENUES = "funding_multi_exchange_btc_eth.parquet"
_MARKED = ("BTC", "ETH")
_WARM = pd.Timedelta(days=2)
"""Before the start: the books of the first hour need a day, and the first day has holes at some coins."""

COINS = ("BTC", "ETH", "BNB", "SOL", "ADA", "DOT", "LINK", "LTC", "XRP")
"""Of the recorded spot and perpetual hours; perpetuals of SOL and DOT since 2022-12, of BNB and LINK 2023."""
VENUES = ("binance", "bybit", "gate", "htx", "kucoin", "mexc", "dydx")
"""
Whose funding of BTC and ETH is recorded 2021 to 2023, that of dydx since 2022.

Hyperliquid is left out: its record begins in 2024, when the others end, and lacks nine days of each month.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """
    What is read from where.

    Parameters
    ----------
    folder
        With the recorded files.
    start, end
        ISO 8601 times, UTC; the end is not part of it.

    """

    folder: Path
    start: str
    end: str

    @property
    def begin(self) -> str:
        """From when bars are read."""
        return (pd.Timestamp(self.start) - _WARM).isoformat()

    def bars(self, name: str, **more: Any) -> Source:
        """Return a source of bars, a little earlier than the start; a price far off its bar is left out."""
        path = str(self.folder / name)
        return Source(path=path, start=self.begin, end=self.end, rules={"outlier": "drop"}, **more)

    def rows(self, name: str, **more: Any) -> Source:
        """Return a source of marks or funding."""
        return Source(path=str(self.folder / name), start=self.start, end=self.end, **more)


def pair_of(coin: str, venue: str = "BINANCE") -> tuple[InstrumentId, InstrumentId]:
    """Return ids of spot and perpetual of a coin."""
    return InstrumentId.from_str(f"{coin}USDT.{venue}"), perpetual_of(coin, venue)


def perpetual_of(coin: str, venue: str) -> InstrumentId:
    """Return the id of a coin's perpetual at a venue, by the name the record of funding gives it."""
    return InstrumentId.from_str(f"{coin}USDT-PERP.{venue.upper()}")


def spot_and_perpetuals(span: Span, coins: Iterable[str]) -> list[Source]:
    """
    Return spot, perpetuals, funding and marks of coins at Binance.

    Parameters
    ----------
    span
        Which files, what time.
    coins
        Of `COINS`.

    """
    symbols = tuple(f"{coin}USDT" for coin in coins)
    marked = tuple(f"{coin}USDT" for coin in coins if coin in _MARKED)
    sources = [
        span.bars(_SPOT, symbols=symbols),
        span.bars(_BARS, symbols=symbols),
        span.rows(_FUNDING, symbols=symbols),
    ]
    has_marks = bool(marked) and pd.Timestamp(span.end) > pd.Timestamp("2023-01-02")
    return [*sources, span.rows(_MARKS, symbols=marked)] if has_marks else sources


def one_price_many_venues(
    span: Span, coin: str, venues: Sequence[str], fees: dict[str, str] | None = None
) -> list[Source]:
    """
    Return a coin's perpetual at several venues: each with its own funding, all with Binance's hours.

    Nobody recorded the prices of the other venues here, so differences between them cannot be seen: what
    comes of them is nothing, where it was something.

    Parameters
    ----------
    span
        Which files, what time.
    coin
        BTC or ETH.
    venues
        Of `VENUES`.
    fees
        What taking costs, by venue [fraction], where it is not what it costs at Binance.

    """
    found = []
    for venue in venues:
        instrument = perpetual_of(coin, venue).value
        more = {"taker_fee": fees[venue]} if fees and venue in fees else {}
        found += [
            span.bars(_BARS, symbols=(f"{coin}USDT",), instrument=instrument, overrides=more),
            span.rows(_VENUES, symbols=(f"{venue}:{coin}-PERP",), instrument=instrument),
        ]
    return found
