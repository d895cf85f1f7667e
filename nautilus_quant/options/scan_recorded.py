"""What recorded chains tell beside quotes: open interest, and whose they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from nautilus_quant.options.scan_rows import Depth

if TYPE_CHECKING:
    from nautilus_quant.options.chain import Chain

_OPEN_INTEREST: Final = "open_interest"
_LAYOUTS: Final = (
    ("currency", "instrument_name", "deribit_options"),
    ("underlying", "instrument", "okx_options"),
)
"""Columns of underlying and name, and the schedule of fees of who lays files out so."""


def fees_of(path: str | Path) -> str | None:
    """Name the schedule of fees of the venue that recorded chains are from; ``None`` when nothing tells."""
    layout = _layout(path)
    return None if layout is None else layout[2]


def depth_of(path: str | Path, chain: Chain) -> Depth:
    """
    Return the depth of a recorded chain; sizes of quotes are in no file.

    Parameters
    ----------
    path
        The Parquet file it was read from.
    chain
        As it was read.

    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    unknown = Depth.unknown(len(chain))
    layout = _layout(path)
    if layout is None or _OPEN_INTEREST not in pq.read_schema(path).names:
        return unknown
    underlying, name, _ = layout
    wanted = [(underlying, "=", chain.underlying)]
    table = pq.read_table(path, columns=["ts", name, _OPEN_INTEREST], filters=wanted)
    times = table.column("ts").cast(pa.timestamp("ns", "UTC")).cast(pa.int64())
    rows = table.filter(pc.equal(times, chain.ts))
    amounts = rows.column(_OPEN_INTEREST).cast(pa.float64()).to_numpy()
    known = dict(zip(rows.column(name).to_pylist(), amounts.tolist(), strict=True))
    return unknown._replace(open_interest=np.array([known.get(each, np.nan) for each in chain.names], float))


def _layout(path: str | Path) -> tuple[str, str, str] | None:
    import pyarrow.parquet as pq

    names = set(pq.read_schema(Path(path)).names)
    return next((layout for layout in _LAYOUTS if {*layout[:2]} <= names), None)
