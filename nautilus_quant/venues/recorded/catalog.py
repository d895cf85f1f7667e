"""Converting recorded data to a NautilusTrader catalog, once."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec
from nautilus_trader.core.data import Data
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.recorded.source import Source
from nautilus_quant.venues.recorded.stream import Stream
from nautilus_quant.venues.recorded.streams import Recording, open_sources

Progress = Callable[[int, int], None]

MANIFEST = ".imports.json"
_VERSION = 1  # raise it when a conversion gives other objects than before
_BATCH = 50_000


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an import did.

    Parameters
    ----------
    catalog : str
        Directory of the catalog.
    cached : bool
        Whether everything was there already and nothing was written.
    instruments : list of str
        Instrument ids.
    data : dict of str to int
        Objects by kind and identifier, e.g. ``{"Bar BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL": 45031}``.
    bar_types : list of str
        Bar types, for subscriptions.
    first, last : int
        UNIX times [ns] of the first and the last object.
    findings : list of str
        Rows that were dropped, or kept against a rule, in words.
    """

    catalog: str
    cached: bool
    instruments: list[str]
    data: dict[str, int]
    bar_types: list[str]
    first: int
    last: int
    findings: list[str]


def write(
    source: Source | Sequence[Source], path: str | Path, progress: Progress | None = None
) -> ImportReport:
    """
    Convert sources to a catalog at `path`; do nothing if that was done before.

    What was done is remembered in the catalog under a hash of the sources' options and of path, size and time
    of change of their files. Data of the same instrument, kind and time from an earlier import is replaced.

    Parameters
    ----------
    source : Source or sequence of Source
        What to convert.
    path : str or Path
        Directory of the catalog; made when it is not there.
    progress : callable, optional
        Called with (objects written, objects in total).

    Returns
    -------
    ImportReport

    Raises
    ------
    RecordedError
        When a source cannot be read or is refused.
    """
    sources = [source] if isinstance(source, Source) else list(source)
    folder = Path(path)
    key = fingerprint(sources)
    manifest = _read_manifest(folder)
    if key in manifest:
        return msgspec.structs.replace(manifest[key], cached=True, catalog=str(folder))
    report = _write(open_sources(sources), folder, progress)
    folder.joinpath(MANIFEST).write_bytes(msgspec.json.encode(manifest | {key: report}))
    return report


def import_data(
    source: Source | Sequence[Source], catalog_path: str | Path, *, progress: Progress | None = None
) -> ImportReport:
    """Convert sources to a catalog; the same as `write` under the name of the command."""
    return write(source, catalog_path, progress)


def fingerprint(sources: Iterable[Source]) -> str:
    """Return a hash of the options of sources and of path, size and time of change [ns] of their files."""
    facts = [_VERSION, *([msgspec.to_builtins(source), _files(Path(source.path))] for source in sources)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:32]


def _files(path: Path) -> list[tuple[str, int, int]]:
    paths = sorted(path.rglob("*.parquet")) if path.is_dir() else [path] if path.exists() else []
    return [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]


def _read_manifest(folder: Path) -> dict[str, ImportReport]:
    path = folder / MANIFEST
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, ImportReport]) if path.exists() else {}
    except msgspec.MsgspecError:
        return {}  # written by another version, or cut off: import again


def _write(recording: Recording, folder: Path, progress: Progress | None) -> ImportReport:
    _no_overlap(recording.streams)
    folder.mkdir(parents=True, exist_ok=True)
    catalog = ParquetDataCatalog(folder)
    for instrument in recording.instruments:
        _write_instrument(catalog, instrument)
    lengths = Counter[str]()
    for stream in recording.streams:
        lengths[_name(stream)] += len(stream)
    total, done = lengths.total(), 0
    for stream in recording.streams:
        catalog.delete_data_range(stream.data_class, _identifier(stream), stream.first, stream.last)
        for batch in _whole_times(stream.batches(_BATCH)):
            catalog.write_data(batch)
            done += len(batch)
            if progress is not None:
                progress(done, total)
    return ImportReport(
        catalog=str(folder),
        cached=False,
        instruments=[instrument.id.value for instrument in recording.instruments],
        data=dict(lengths),
        bar_types=[str(stream.bar_type) for stream in recording.streams if stream.bar_type is not None],
        first=min(stream.first for stream in recording.streams),
        last=max(stream.last for stream in recording.streams),
        findings=[str(finding) for finding in recording.findings],
    )


def _write_instrument(catalog: ParquetDataCatalog, instrument: Instrument) -> None:
    catalog.delete_data_range(type(instrument), instrument.id.value)
    catalog.write_data([instrument])


def _whole_times(batches: Iterable[list[Data]]) -> Iterator[list[Data]]:
    """Move the end of a batch to the next one where a time lies on both sides: files must not touch."""
    held: list[Data] = []
    for batch in batches:
        if held and held[-1].ts_init == batch[0].ts_init:
            last = held[-1].ts_init
            cut = next((i for i in range(len(held), 0, -1) if held[i - 1].ts_init != last), 0)
            batch = held[cut:] + batch  # noqa: PLW2901
            held = held[:cut]
        if held:
            yield held
        held = batch
    if held:
        yield held


def _no_overlap(streams: Iterable[Stream]) -> None:
    ends: dict[str, Stream] = {}
    for stream in sorted(streams, key=lambda s: (_name(s), s.first)):
        before = ends.get(_name(stream))
        if before is not None and stream.first <= before.last:
            raise RecordedError(
                f"two sources hold {_name(stream)} at the same time; give them `start` and `end`"
            )
        ends[_name(stream)] = stream


def _identifier(stream: Stream) -> str:
    return str(stream.bar_type) if stream.bar_type is not None else str(stream.instrument.id.value)


def _name(stream: Stream) -> str:
    return f"{stream.data_class.__name__} {_identifier(stream)}"
