"""The layouts of recorded data this package reads, as data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from nautilus_quant.venues.recorded.frame import RecordedError

_OHLC = {"open": "open", "high": "high", "low": "low", "close": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """
    How a file writes its rows.

    Parameters
    ----------
    name : str
        Name for `Source.layout`.
    kind : str
        What a row is: bar, trade, quote, funding, mark.
    time : tuple of str
        Columns with the time, the best first; a later one is taken where an earlier has no value.
    columns : mapping of str to str
        Canonical name to the name in the file.
    open_stamped : bool
        Whether the time is the open of a bar, so that its interval has to be added.
    """

    name: str
    kind: str
    time: tuple[str, ...]
    columns: Mapping[str, str]
    open_stamped: bool = False

    def fits(self, columns: Collection[str]) -> bool:
        """Return whether a file with these columns can be read."""
        return self.time[0] in columns and set(self.columns.values()) <= set(columns)


LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="ohlcv", kind="bar", time=("ts_open",), columns=_OHLC | {"volume": "volume"}, open_stamped=True
    ),
    Layout(name="ohlcv_close", kind="bar", time=("ts_close",), columns=_OHLC | {"volume": "volume"}),
    Layout(
        name="klines",
        kind="bar",
        time=("open_time",),
        columns=_OHLC | {"volume": "volume"},
        open_stamped=True,
    ),
    Layout(name="mark", kind="mark", time=("ts_open",), columns=_OHLC, open_stamped=True),
    Layout(
        name="trades",
        kind="trade",
        time=("ts_exch",),
        columns={"price": "price", "size": "quantity", "side": "aggressor_side", "id": "trade_id"},
    ),
    Layout(
        name="trades_ms",
        kind="trade",
        time=("trade_ms",),
        columns={"price": "price", "size": "qty", "side": "aggressor_side", "id": "trade_id"},
    ),
    Layout(
        name="bookticker",
        kind="quote",
        time=("event_ms", "local_ns"),
        columns={"bid": "bid_px", "bid_size": "bid_qty", "ask": "ask_px", "ask_size": "ask_qty"},
    ),
    Layout(name="funding", kind="funding", time=("ts_funding",), columns={"rate": "funding_rate"}),
    Layout(name="funding_by_exchange", kind="funding", time=("ts_utc",), columns={"rate": "funding_rate"}),
)
CATALOG = "catalog"  # a NautilusTrader catalog, told by being a directory

# https://github.com/binance/binance-public-data: columns of a kline file, which older files do not name
KLINE_COLUMNS = (
    "open_time",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "close_time",
    "quote_volume",
    "count",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)


def layout_of(columns: Collection[str], *, name: str | None, path: str) -> Layout:
    """
    Return the layout called `name`, or the first that fits the columns.

    Raises
    ------
    RecordedError
        When there is none, or the named one needs columns which are not there.
    """
    known = [layout.name for layout in LAYOUTS]
    if name is not None and name not in known:
        raise RecordedError(f"{path}: unknown layout {name!r}; known: {', '.join(known)}, {CATALOG}")
    for layout in LAYOUTS:
        if name in {None, layout.name} and layout.fits(columns):
            return layout
    wanted = f"layout {name!r}" if name else "any layout"
    raise RecordedError(
        f"{path}: columns {', '.join(sorted(columns))} do not fit {wanted}; known layouts: "
        + "; ".join(f"{lay.name} ({lay.time[0]}, {', '.join(lay.columns.values())})" for lay in LAYOUTS)
    )
