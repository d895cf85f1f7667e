"""Reading index prices back from a catalog, which NautilusTrader 1.231 can write but not read.

Its catalog has an Arrow encoder for ``IndexPriceUpdate`` and no decoder (``NotImplementedError``). Importing
this module registers one. A backtest that only knows its data by import paths names the type by the path
``nautilus_quant.venues.simulated.arrow:IndexPriceUpdate``: it is NautilusTrader's own class, and looking it
up here is what registers the decoder.
"""

from __future__ import annotations

import pyarrow as pa
from nautilus_trader.model.data import IndexPriceUpdate
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price
from nautilus_trader.serialization.arrow.serializer import get_schema, register_arrow

__all__ = ["IndexPriceUpdate", "read_index_prices"]


def read_index_prices(table: pa.Table) -> list[IndexPriceUpdate]:
    """
    Decode index prices of one instrument.

    Raises
    ------
    ValueError
        If the table does not say which instrument it is of (several were read at once).
    """
    about = table.schema.metadata or {}
    if b"instrument_id" not in about or b"price_precision" not in about:
        raise ValueError("index prices must be read for one instrument at a time; name its instrument_id")
    instrument_id = InstrumentId.from_str(about[b"instrument_id"].decode())
    precision = int(about[b"price_precision"])
    columns = (table[name].to_pylist() for name in ("value", "ts_event", "ts_init"))
    return [
        IndexPriceUpdate(
            instrument_id, Price.from_raw(int.from_bytes(raw, "little", signed=True), precision), event, init
        )
        for raw, event, init in zip(*columns, strict=True)
    ]


def _register() -> None:
    register_arrow(IndexPriceUpdate, get_schema(IndexPriceUpdate), decoder=read_index_prices)


_register()
