"""Recorded data as NautilusTrader objects: parquet files, kline CSV and catalogs."""

from nautilus_quant.venues.recorded.catalog import ImportReport, import_data, write
from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.source import Source
from nautilus_quant.venues.recorded.stream import Stream
from nautilus_quant.venues.recorded.streams import Recording, open_sources

__all__ = [
    "ImportReport",
    "RecordedError",
    "Recording",
    "Source",
    "Stream",
    "import_data",
    "open_sources",
    "write",
]
