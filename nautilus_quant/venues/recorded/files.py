"""Reading parquet and CSV files into frames."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nautilus_quant.venues.recorded.frame import Frame, RecordedError
from nautilus_quant.venues.recorded.layouts import KLINE_COLUMNS, Layout, layout_of

_SYMBOL_COLUMNS = ("exchange", "symbol", "instrument")
_SIDES = {"BUY": 1, "SELL": -1}
_KLINE_NAME = re.compile(r"^(?P<symbol>[A-Z0-9]+)-(?P<interval>\d+[smhd])-\d{4}")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_NO_TIME = np.iinfo(np.int64).min


def read_file(path: Path, *, layout: str | None, interval: int | None, clock_shift: float) -> list[Frame]:
    """
    Read a file into one frame per symbol, in the order of the file.

    Parameters
    ----------
    path : Path
        A parquet file or a kline CSV, also compressed.
    layout : str, optional
        Name of the layout; told from the columns when None.
    interval : int, optional
        Length of a bar [s]; told from the file name or the times when None.
    clock_shift : float
        Added to times of a receiver clock [s].

    Raises
    ------
    RecordedError
        When the file is not there, is not what its name says, or fits no layout.
    """
    table = _table(path)
    shape = layout_of([str(name) for name in table.columns], name=layout, path=str(path))
    if interval is None and shape.name == "klines":
        interval = _interval_in_name(path)
    symbols = _symbols(table, path)
    ts = _times(table, shape, clock_shift)
    columns = {name: _values(table[column], name) for name, column in shape.columns.items()}
    if shape.kind == "mark":
        columns["price"] = columns["close"]
    whole = Frame(shape.kind, "", ts, columns, np.arange(len(table), dtype=np.int64))
    return [_of_symbol(whole, symbols, symbol, shape, interval) for symbol in pd.unique(symbols)]


def _table(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise RecordedError(f"{path}: no such file")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        return (
            pd.read_csv(path, header=None, names=list(KLINE_COLUMNS))
            if _headless(path)
            else pd.read_csv(path)
        )
    except (OSError, ValueError, pd.errors.ParserError) as error:
        raise RecordedError(f"{path}: cannot be read: {error}") from error


def _headless(path: Path) -> bool:
    first = str(pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0, 0])
    return first.strip().isdigit()


def _symbols(table: pd.DataFrame, path: Path) -> NDArray[Any]:
    names = [name for name in _SYMBOL_COLUMNS if name in table.columns]
    if not names:
        match = _KLINE_NAME.match(path.name)
        return np.full(len(table), match["symbol"] if match else "", dtype=object)
    parts = [table[name].astype(str).to_numpy(dtype=object) for name in names]
    return np.asarray(parts[0] if len(parts) == 1 else parts[0] + ":" + parts[1], dtype=object)


def _times(table: pd.DataFrame, layout: Layout, clock_shift: float) -> NDArray[np.int64]:
    ts = np.full(len(table), _NO_TIME, dtype=np.int64)
    for name in reversed([name for name in layout.time if name in table.columns]):
        column = table[name]
        known = column.notna().to_numpy(dtype=bool)
        shift = round(clock_shift * 1e9) if name.startswith("local") else 0
        ts[known] = _nanoseconds(column[known]) + shift
    return ts


def _nanoseconds(column: pd.Series[Any]) -> NDArray[np.int64]:
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        stamps: NDArray[np.int64] = column.dt.as_unit("ns").astype(np.int64).to_numpy(dtype=np.int64)
        return stamps
    values: NDArray[np.int64] = column.to_numpy(dtype=np.int64)
    # Whole numbers since 1970: 1e14 ms is the year 5138 and 1e14 µs is 1973, so the size tells the unit
    size = int(np.abs(values).max()) if len(values) else 0
    scale = 1_000_000 if size < 10**14 else 1_000 if size < 10**17 else 1
    return values * scale


def _values(column: pd.Series[Any], name: str) -> NDArray[Any]:
    if name == "id":
        return column.astype(str).to_numpy(dtype=object)
    if name == "side":
        return column.astype(str).str.upper().map(_SIDES).fillna(0).to_numpy(dtype=np.int8)
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)


def _of_symbol(
    whole: Frame, symbols: NDArray[Any], symbol: str, layout: Layout, interval: int | None
) -> Frame:
    frame = whole.take(symbols == symbol)
    length = _interval(frame, interval) if layout.kind in {"bar", "mark"} else 0
    known = frame.ts != _NO_TIME
    shift = np.where(known, length if layout.open_stamped else 0, 0)
    return Frame(frame.kind, symbol, frame.ts + shift, frame.columns, frame.rows, length)


def _interval(frame: Frame, seconds: int | None) -> int:
    if seconds is not None:
        return seconds * 1_000_000_000
    steps = np.diff(frame.ts[frame.ts != _NO_TIME])
    steps = steps[steps > 0]
    if not len(steps):
        raise RecordedError(f"{frame.symbol}: cannot tell the interval of {len(frame)} bars; give it [s]")
    lengths, counts = np.unique(steps, return_counts=True)
    return int(lengths[np.argmax(counts)])


def _interval_in_name(path: Path) -> int | None:
    match = _KLINE_NAME.match(path.name)
    return int(match["interval"][:-1]) * _UNIT[match["interval"][-1]] if match else None
