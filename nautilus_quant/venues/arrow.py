"""Reading prices and rates back from a catalog where NautilusTrader 1.231 cannot, or not rightly.

- ``IndexPriceUpdate`` is written, but has no decoder (``NotImplementedError``).
- ``FundingRateUpdate`` comes back with its rate as text instead of a ``Decimal``.

Importing this module registers decoders for both. A backtest that knows its data by import paths only names
the types as ``nautilus_quant.venues.arrow:IndexPriceUpdate`` and ``...:FundingRateUpdate``: they are
NautilusTrader's own classes, and looking them up here is what registers the decoders.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pyarrow as pa
from nautilus_trader.model.data import FundingRateUpdate, IndexPriceUpdate
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import Price
from nautilus_trader.serialization.arrow.serializer import get_schema, register_arrow

__all__ = ["FundingRateUpdate", "IndexPriceUpdate", "read_funding_rates", "read_index_prices"]


def read_index_prices(table: pa.Table) -> list[IndexPriceUpdate]:
    """
    Decode index prices of one instrument.

    Raises
    ------
    ValueError
        If the table does not say which instrument it is of (several were read at once).
    """
    instrument_id, precision = _instrument(table), int(table.schema.metadata[b"price_precision"])
    columns = (table[name].to_pylist() for name in ("value", "ts_event", "ts_init"))
    return [
        IndexPriceUpdate(
            instrument_id, Price.from_raw(int.from_bytes(raw, "little", signed=True), precision), event, init
        )
        for raw, event, init in zip(*columns, strict=True)
    ]


def read_funding_rates(table: pa.Table) -> list[FundingRateUpdate]:
    """
    Decode funding rates of one instrument.

    Raises
    ------
    ValueError
        If the table does not say which instrument it is of (several were read at once).
    """
    instrument_id = _instrument(table)
    return [
        FundingRateUpdate(
            instrument_id,
            Decimal(msgspec.json.decode(row["rate"])),
            row["ts_event"],
            row["ts_init"],
            interval=row.get("interval"),
            next_funding_ns=row.get("next_funding_ns"),
        )
        for row in table.to_pylist()
    ]


def _instrument(table: pa.Table) -> InstrumentId:
    about = table.schema.metadata or {}
    if b"instrument_id" not in about:
        raise ValueError("rates and index prices are read one instrument at a time; name its instrument_id")
    return InstrumentId.from_str(about[b"instrument_id"].decode())


def _register() -> None:
    for data_cls, decoder in ((IndexPriceUpdate, read_index_prices), (FundingRateUpdate, read_funding_rates)):
        register_arrow(data_cls, get_schema(data_cls), decoder=decoder)


_register()
