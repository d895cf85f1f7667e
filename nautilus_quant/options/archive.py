"""
Fitted surfaces on disk: Parquet, one folder for each underlying and UTC day, one row for each expiry.

``root/underlying=BTC/day=2026-01-26/part-<first>-<last>.parquet``: any Parquet reader takes the folder as one
table. With each surface goes when it became known, before which nobody may read it in a backtest.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.options.arbitrage import Butterfly, Calendar
from nautilus_quant.options.surface import Surface, SviSlice
from nautilus_quant.options.svi import Svi

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DAY = 86_400_000_000_000
ROWS = 512
"""Rows that are written at once at the latest [slices]."""


class Recorded(NamedTuple):
    """
    A surface, and when it became known, UNIX time [ns]; not before the time of its chain.

    Parameters
    ----------
    known
        UNIX time [ns].
    surface
        The surface.

    """

    known: int
    surface: Surface


class ArchiveWriter:
    """
    Collects surfaces, and writes those of an underlying and a day together.

    Parameters
    ----------
    root
        Folder of the archive; made when there is something to write.
    rows
        How many slices are held at most before all are written.

    """

    def __init__(self, root: str | Path, rows: int = ROWS) -> None:
        self._root = Path(root)
        self._rows = rows
        self._held: dict[str, list[Recorded]] = {}
        self._count = 0

    def add(self, surface: Surface, known: int) -> list[Path]:
        """
        Take a surface that became known at `known`, UNIX time [ns].

        Returns
        -------
        list of Path
            Files that were written: when a day is over, and when enough is held.

        """
        held = self._held.setdefault(surface.underlying, [])
        written = self.flush() if held and held[-1].known // DAY != known // DAY else []
        self._held.setdefault(surface.underlying, []).append(Recorded(known, surface))
        self._count += max(1, len(surface.forwards))
        return written + self.flush() if self._count >= self._rows else written

    def flush(self) -> list[Path]:
        """Write what is held; of each file either all is there afterwards or nothing."""
        held, self._held, self._count = self._held, {}, 0
        return [write(self._root, recorded) for recorded in held.values() if recorded]


def write(root: Path, recorded: list[Recorded]) -> Path:
    """Write surfaces of one underlying and one day into a file of their own."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    first = recorded[0]
    folder = root / f"underlying={first.surface.underlying}" / f"day={_day(first.known)}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [row for item in recorded for row in _rows(item)]
    file = folder / f"part-{first.known}-{recorded[-1].known}.parquet"
    # Readers take *.parquet only: half a file has another name.
    half = file.with_suffix(f".{os.getpid()}.half")
    pq.write_table(pa.Table.from_pylist(rows, schema=_schema()), half, compression="zstd")
    half.replace(file)
    return file


def read(
    root: str | Path, underlying: str, start: int | None = None, end: int | None = None
) -> Iterator[Recorded]:
    """
    Read surfaces in the order in which they became known, a day at a time.

    Parameters
    ----------
    root
        Folder of the archive.
    underlying
        Of which.
    start, end
        First time and the one after the last, UNIX time [ns]; ``None`` for all.

    Yields
    ------
    Recorded
        Each moment once, however often it was recorded.

    Raises
    ------
    FileNotFoundError
        If there is nothing of that underlying.

    """
    folder = Path(root) / f"underlying={underlying}"
    if not folder.is_dir():
        raise FileNotFoundError(f"no surfaces of {underlying} under {root}: there is no folder {folder.name}")
    for day in sorted(folder.glob("day=*")):
        if _is_outside(day.name.removeprefix("day="), start, end):
            continue
        for recorded in _read_day(day, underlying):
            inside = (start is None or recorded.known >= start) and (end is None or recorded.known < end)
            if inside:
                yield recorded


def underlyings(root: str | Path) -> tuple[str, ...]:
    """Return what an archive has surfaces of."""
    folders = Path(root).glob("underlying=*")
    return tuple(sorted(folder.name.removeprefix("underlying=") for folder in folders))


def days_of(root: str | Path, underlying: str) -> tuple[int, ...]:
    """Return the beginnings of the days an archive has surfaces of, UNIX times [ns], in order."""
    folders = (Path(root) / f"underlying={underlying}").glob("day=*")
    names = sorted(folder.name.removeprefix("day=") for folder in folders)
    return tuple(int(datetime.fromisoformat(f"{name}T00:00+00:00").timestamp()) * 10**9 for name in names)


def _read_day(folder: Path, underlying: str) -> list[Recorded]:
    import pyarrow.parquet as pq

    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("*.parquet")):
        # One file, not the dataset around it: the folders' names would come as columns of another type.
        rows += pq.ParquetFile(file).read().to_pylist()
    moments: dict[int, dict[int, dict[str, Any]]] = {}
    for row in rows:
        moments.setdefault(row["known"], {}).setdefault(row["expiry"], row)
    return [_surface(known, underlying, moments[known].values()) for known in sorted(moments)]


def _surface(known: int, underlying: str, rows: Iterable[dict[str, Any]]) -> Recorded:
    ordered = sorted(rows, key=lambda row: int(row["expiry"]))
    surface = Surface(
        ts=int(ordered[0]["ts"]),
        underlying=underlying,
        slices=tuple(_slice(row) for row in ordered if row["n"]),
        forwards={int(row["expiry"]): float(row["forward"]) for row in ordered},
        rejected=json.loads(ordered[0]["rejected"]),
    )
    return Recorded(known, surface)


def _rows(recorded: Recorded) -> list[dict[str, Any]]:
    known, surface = recorded
    about = {
        "ts": surface.ts,
        "known": known,
        "rejected": json.dumps(dict(surface.rejected), sort_keys=True),
    }
    rows = []
    for expiry, forward in surface.forwards.items():
        slice_ = surface.slice_of(expiry)
        row = {**about, "expiry": expiry, "forward": forward, "n": 0}
        rows.append(row if slice_ is None else {**row, **_columns(slice_)})
    return rows


def _columns(slice_: SviSlice) -> dict[str, Any]:
    butterfly, calendar = slice_.butterfly, slice_.calendar
    return {
        "years": slice_.years,
        "forward": slice_.forward,
        **slice_.params._asdict(),
        "rmse": slice_.rmse,
        "n": slice_.n,
        "low": slice_.low,
        "high": slice_.high,
        "inside": slice_.inside,
        "cost": slice_.cost,
        "atm": slice_.atm,
        **{f"butterfly_{name}": value for name, value in butterfly.to_dict().items()},
        **{f"calendar_{name}": value for name, value in calendar.to_dict().items()},
    }


def _slice(row: dict[str, Any]) -> SviSlice:
    return SviSlice(
        expiry=int(row["expiry"]),
        years=row["years"],
        forward=row["forward"],
        params=Svi(*(row[name] for name in Svi._fields)),
        rmse=row["rmse"],
        n=int(row["n"]),
        low=row["low"],
        high=row["high"],
        inside=row["inside"],
        cost=row["cost"],
        butterfly=Butterfly.from_dict({name: row[f"butterfly_{name}"] for name in _BUTTERFLY}),
        calendar=Calendar.from_dict({name: row[f"calendar_{name}"] for name in _CALENDAR}),
    )


_BUTTERFLY = tuple(Butterfly().to_dict())
_CALENDAR = tuple(Calendar().to_dict())


def _schema() -> Any:
    import pyarrow as pa

    whole = ("ts", "known", "expiry", "n", "butterfly_places", "calendar_places", "calendar_before")
    real = (
        *("forward", "years", *Svi._fields, "rmse", "low", "high", "inside", "cost", "atm"),
        *("butterfly_worst", "butterfly_at", "calendar_worst", "calendar_vol", "calendar_at"),
    )
    fields = [pa.field(name, pa.int64()) for name in whole] + [pa.field(name, pa.float64()) for name in real]
    return pa.schema([*fields, pa.field("rejected", pa.string())])


def _day(ts: int) -> str:
    return datetime.fromtimestamp(ts // 1_000_000_000, tz=UTC).date().isoformat()


def _is_outside(day: str, start: int | None, end: int | None) -> bool:
    first = _day(start) if start is not None else day
    last = _day(end) if end is not None else day
    return not first <= day <= last
