"""Sources opened: one stream of NautilusTrader data per symbol and kind, checked, with its instrument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import Instrument

from nautilus_quant.venues.recorded import convert
from nautilus_quant.venues.recorded.checks import Finding, Policy, check
from nautilus_quant.venues.recorded.files import read_file
from nautilus_quant.venues.recorded.frame import Frame, RecordedError
from nautilus_quant.venues.recorded.instruments import build, decimals_of, usual_decimals
from nautilus_quant.venues.recorded.layouts import CATALOG
from nautilus_quant.venues.recorded.naming import Asset, asset_of
from nautilus_quant.venues.recorded.nautilus import open_catalog
from nautilus_quant.venues.recorded.source import Source
from nautilus_quant.venues.recorded.stream import Stream, nanoseconds


@dataclass(frozen=True, slots=True)
class FrameStream:
    """A stream over the rows of a frame; objects are made when they are asked for."""

    frame: Frame
    instrument: Instrument

    @property
    def data_class(self) -> type[Data]:
        """Class of the objects."""
        return convert.data_class(self.frame)

    @property
    def bar_type(self) -> BarType | None:
        """Bar type if these are bars."""
        return convert.bar_type(self.frame, self.instrument) if self.frame.kind == "bar" else None

    @property
    def first(self) -> int:
        """Time of the first row [ns]."""
        return int(self.frame.ts[0])

    @property
    def last(self) -> int:
        """Time of the last row [ns]."""
        return int(self.frame.ts[-1])

    def __len__(self) -> int:
        return len(self.frame)

    def window(self, start: int, end: int, limit: int) -> list[Data]:
        """Return the objects with start <= time <= end [ns], the last `limit` of them if it is not 0."""
        begin, stop = np.searchsorted(self.frame.ts, [start, end + 1])
        if limit:
            begin = max(begin, stop - limit)
        return convert.objects(self.frame, self.instrument, int(begin), int(stop))

    def batches(self, size: int) -> Iterator[list[Data]]:
        """Yield the objects in lists of at most `size`."""
        for start in range(0, len(self.frame), size):
            yield convert.objects(self.frame, self.instrument, start, start + size)


@dataclass(frozen=True, slots=True)
class Recording:
    """
    What a set of sources holds.

    Parameters
    ----------
    streams : tuple of Stream
        In the order of the sources and of the symbols in them.
    findings : tuple of Finding
        Everything that was dropped or kept against a rule.
    """

    streams: tuple[Stream, ...]
    findings: tuple[Finding, ...]

    @property
    def instruments(self) -> list[Instrument]:
        """The instruments, each once."""
        return list({stream.instrument.id: stream.instrument for stream in self.streams}.values())


@dataclass(frozen=True, slots=True)
class _Part:
    frame: Frame
    source: Source
    asset: Asset
    instrument_id: InstrumentId


def open_sources(sources: Sequence[Source]) -> Recording:
    """
    Read and check sources, and give all rows of one instrument the same precision.

    Raises
    ------
    RecordedError
        When a source cannot be read, breaks a rule it must keep, or has no rows in the asked time.
    """
    parts: list[_Part] = []
    streams: list[Stream] = []
    findings: list[Finding] = []
    for source in sources:
        if source.layout == CATALOG or Path(source.path).is_dir():
            streams += open_catalog(source)
            continue
        found, bad = _open_file(source)
        parts += found
        findings += bad
    known = {stream.instrument.id: stream.instrument for stream in streams}
    instruments = _instruments(parts) | known
    streams += [FrameStream(part.frame, instruments[part.instrument_id]) for part in parts]
    return Recording(tuple(streams), tuple(findings))


def _open_file(source: Source) -> tuple[list[_Part], list[Finding]]:
    path = Path(source.path)
    frames = read_file(path, layout=source.layout, interval=source.interval, clock_shift=source.clock_shift)
    frames = _chosen(frames, source)
    policy = Policy(source.bad_rows, dict(source.rules), source.outlier_ratio)
    parts, findings = [], []
    for frame in frames:
        part, found = check(frame.between(nanoseconds(source.start), nanoseconds(source.end)), policy)
        findings += found
        if len(part):
            parts.append(_part(_in_base_units(part, source.volume_unit), source))
    _refuse(path, findings)
    if not parts:
        raise RecordedError(f"{path}: no rows between {source.start or 'begin'} and {source.end or 'end'}")
    return parts, findings


def _chosen(frames: list[Frame], source: Source) -> list[Frame]:
    names = [frame.symbol for frame in frames]
    missing = sorted(set(source.symbols) - set(names))
    if missing:
        raise RecordedError(f"{source.path}: no symbol {', '.join(missing)}; it has {', '.join(names)}")
    if source.symbols:
        return [frame for frame in frames if frame.symbol in source.symbols]
    if source.instrument is None or len(frames) == 1:
        return frames
    wanted = InstrumentId.from_str(source.instrument).symbol.value
    chosen = [frame for frame in frames if asset_of(frame.symbol, kind=_kind(source)).symbol == wanted]
    if len(chosen) != 1:
        raise RecordedError(
            f"{source.path}: {len(chosen)} of its symbols ({', '.join(names)}) are {source.instrument}; "
            "name one in `symbols`"
        )
    return chosen


def _part(frame: Frame, source: Source) -> _Part:
    if source.instrument is not None:
        instrument_id = InstrumentId.from_str(source.instrument)
        return _Part(frame, source, asset_of(instrument_id.symbol.value, kind="spot"), instrument_id)
    if not frame.symbol:
        raise RecordedError(
            f"{source.path}: the file names no symbol; say `instrument`, e.g. BTCUSDT-PERP.{source.venue}"
        )
    asset = asset_of(frame.symbol, kind=_kind(source))
    return _Part(frame, source, asset, InstrumentId.from_str(f"{asset.symbol}.{source.venue}"))


def _kind(source: Source) -> str:
    return source.kind or ("spot" if "spot" in Path(source.path).name.lower() else "perp")


def _instruments(parts: Sequence[_Part]) -> dict[InstrumentId, Instrument]:
    built = {}
    for instrument_id in {part.instrument_id: None for part in parts}:
        same = [part for part in parts if part.instrument_id == instrument_id]
        needed = [_needed(part.frame) for part in same]
        finest = (max(price for price, _ in needed), max(size for _, size in needed))
        overrides = {name: value for part in same for name, value in part.source.overrides.items()}
        usual = usual_decimals(same[0].asset, _typical_price(same))
        built[instrument_id] = build(same[0].asset, instrument_id, usual, finest, overrides)
    return built


def _typical_price(parts: Sequence[_Part]) -> float:
    prices = [
        part.frame.columns[name]
        for part in parts
        for name in ("close", "price", "bid")
        if name in part.frame.columns
    ]
    return float(np.median(prices[0])) if prices else 1.0


def _needed(frame: Frame) -> tuple[int, int]:
    if frame.kind in {"funding", "mark"}:
        return 0, 0  # finer than the tick, and nothing is matched against them
    prices, sizes = ("open", "high", "low", "close", "price", "bid", "ask"), ("size", "bid_size", "ask_size")
    return _finest(frame, prices), _finest(frame, sizes)


def _finest(frame: Frame, names: Sequence[str]) -> int:
    return max((decimals_of(frame.columns[name]) for name in names if name in frame.columns), default=0)


def _in_base_units(frame: Frame, unit: str) -> Frame:
    if unit == "base" or "volume" not in frame.columns:
        return frame
    volume = frame.columns["volume"] / frame.columns["close"]
    return Frame(
        frame.kind, frame.symbol, frame.ts, {**frame.columns, "volume": volume}, frame.rows, frame.interval
    )


def _refuse(path: Path, findings: Sequence[Finding]) -> None:
    refused = [finding for finding in findings if finding.action == "refuse"]
    if refused:
        lines = [f"{path}: refused:", *map(str, refused)]
        hint = "hint: `bad_rows: drop` leaves such rows out and reports them; `rules` says it for one rule"
        raise RecordedError("\n  ".join([*lines, hint]))
