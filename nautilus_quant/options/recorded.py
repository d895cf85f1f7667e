"""Recorded option chains from Parquet files: snapshots of all options of a venue, a row for each."""

from __future__ import annotations

import math
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.options.chain import Chain

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Layout(NamedTuple):
    """Names of the columns. Premiums are in coin, volatilities decimal; kinds are ``call`` and ``put``."""

    underlying: str
    name: str
    kind: str
    bid: str
    ask: str
    spot: str | None


LAYOUTS: Final = (
    _Layout("currency", "instrument_name", "option_type", "bid_price", "ask_price", "index_price"),
    _Layout("underlying", "instrument", "type", "bid", "ask", None),
)
"""Deribit's chains as snapshots of its book summaries, and OKX's, as their columns tell them apart."""

_COMMON: Final = ("ts", "expiry", "strike", "mark_price", "mark_iv", "underlying_price")


class Snapshot(NamedTuple):
    """
    A chain, and what the venue itself said.

    Parameters
    ----------
    chain
        Premiums converted from coin at the venue's forward of each row.
    mark_iv
        The venue's volatility of each row, decimal, float64[n].
    spot
        Price of the underlying: its index, else the forward of the nearest expiry; NaN when unknown.

    """

    chain: Chain
    mark_iv: NDArray[np.float64]
    spot: float


class RecordedChains:
    """
    The snapshots of one file.

    Parameters
    ----------
    path
        A Parquet file of one of the `LAYOUTS`.

    Raises
    ------
    ValueError
        If its columns are those of none of them.

    """

    def __init__(self, path: str | Path) -> None:
        import pyarrow.parquet as pq

        self._file = Path(path)
        columns = set(pq.read_schema(self._file).names)
        layout = next((one for one in LAYOUTS if _needed(one) <= columns), None)
        if layout is None:
            raise ValueError(
                f"{path} is no recorded option chain: needs the columns {sorted(_needed(LAYOUTS[0]))}, "
                f"or {sorted(_needed(LAYOUTS[1]))}"
            )
        self._layout = layout

    def underlyings(self) -> tuple[str, ...]:
        """Return what there are options on."""
        import pyarrow.compute as pc
        import pyarrow.parquet as pq

        column = pq.read_table(self._file, columns=[self._layout.underlying]).column(0)
        return tuple(sorted(str(name) for name in pc.unique(column).to_pylist()))

    def times(self, underlying: str, end: int | None = None) -> NDArray[np.int64]:
        """Return the times of the snapshots before `end`, UNIX time [ns], in order, int64[n]."""
        import pyarrow.parquet as pq

        wanted = [(self._layout.underlying, "=", underlying)]
        times = np.unique(_times(pq.read_table(self._file, columns=["ts"], filters=wanted), "ts"))
        return times if end is None else times[times < end]

    def snapshots(
        self, underlying: str, start: int | None = None, end: int | None = None, *, every: int = 1
    ) -> Iterator[Snapshot]:
        """
        Read the snapshots of an underlying in order of time.

        Parameters
        ----------
        underlying
            Of which.
        start, end
            First time and the one after the last, UNIX time [ns]; ``None`` for all.
        every
            Only each n-th snapshot of the file.

        """
        import pyarrow.parquet as pq

        wanted = [(self._layout.underlying, "=", underlying)]
        table = pq.read_table(self._file, columns=sorted(_needed(self._layout)), filters=wanted)
        times = _times(table, "ts")
        order = np.argsort(times, kind="stable")
        moments, first = np.unique(times[order], return_index=True)
        found = zip(moments.tolist(), np.split(order, first[1:]), strict=True)
        for moment, rows in islice(found, 0, None, every):
            if (start is None or moment >= start) and (end is None or moment < end):
                yield self._snapshot(table.take(rows), moment, underlying)

    def _snapshot(self, table: Any, ts: int, underlying: str) -> Snapshot:
        import pyarrow as pa

        layout = self._layout

        def numbers(name: str) -> NDArray[np.float64]:
            column = table.column(name).cast(pa.float64()).to_numpy()
            return np.asarray(column, dtype=np.float64)

        forward = numbers("underlying_price")
        expiry = _times(table, "expiry")
        chain = Chain.of(
            ts,
            underlying,
            expiry=expiry,
            strike=numbers("strike"),
            call=np.array([kind == "call" for kind in table.column(layout.kind).to_pylist()]),
            bid=numbers(layout.bid) * forward,
            ask=numbers(layout.ask) * forward,
            mark=numbers("mark_price") * forward,
            names=[str(name) for name in table.column(layout.name).to_pylist()],
            reference=forward,
        )
        if layout.spot is not None:
            spot = float(np.median(numbers(layout.spot)))
        else:
            spot = float(forward[expiry.argmin()]) if len(expiry) else math.nan
        return Snapshot(chain, numbers("mark_iv"), spot)


def _times(table: Any, name: str) -> NDArray[np.int64]:
    import pyarrow as pa

    column = table.column(name).cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _needed(layout: _Layout) -> set[str]:
    own = {layout.underlying, layout.name, layout.kind, layout.bid, layout.ask}
    return {*own, *_COMMON} | ({layout.spot} if layout.spot is not None else set())
