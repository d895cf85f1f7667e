"""What kinds of data lie in recorded files and catalogs, without reading them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.layouts import layout_of

_FOLDERS: Final = {"funding_rate_update": "funding", "mark_price_update": "mark"}


def kinds_in(path: str, layout: str | None = None) -> frozenset[str]:
    """
    Tell whether there are funding rates (``funding``) and mark prices (``mark``).

    Parameters
    ----------
    path
        A recorded file, or the directory of a NautilusTrader catalog. Nothing is known of one that is not
        there, or is no such thing: who reads it will say so.
    layout
        Name of the layout; told from the columns when ``None``.

    """
    place = Path(path)
    if place.is_dir():
        return frozenset(kind for name, kind in _FOLDERS.items() if (place / "data" / name).is_dir())
    if not place.is_file() or place.suffix != ".parquet":
        return frozenset()
    try:
        columns = pq.read_schema(place).names
        kind = layout_of(columns, name=layout, path=path).kind
    except (OSError, ValueError, RecordedError):
        return frozenset()
    return frozenset({kind} & set(_FOLDERS.values()))
