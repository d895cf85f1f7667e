"""Where surfaces come from, for the commands on them: archives, recorded chains, a deployment's config."""

from __future__ import annotations

import time
from pathlib import Path

from nautilus_quant.cli.answer import Answer, note
from nautilus_quant.cli.codes import FAILED, REFUSED
from nautilus_quant.cli.explain import parse_since
from nautilus_quant.cli.places import operator_environment
from nautilus_quant.config import load
from nautilus_quant.options.archive import days_of, read, underlyings
from nautilus_quant.options.recorded import RecordedChains
from nautilus_quant.options.surface_study import SurfaceStudy

ADVICE = (
    "give `use: iv_monitor` under `actors` a folder as `archive`; it then keeps a surface every archive_every"
)
DAY = 86_400_000_000_000
FOREVER = 2**62


def find(source: Path, underlying: str | None, at: str | None) -> tuple[Path, str, int | None] | Answer:
    """Return where to look, at what, and until when, UNIX time [ns], or why not."""
    end = None if at is None else parse_since(at, time.time_ns())
    if at is not None and end is None:
        return note(REFUSED, f"--at must be like 2026-01-31T08:00 (UTC) or 7d, was {at!r}")
    where = place_of(source)
    if where is None:
        return note(FAILED, f"{source} has no `use: iv_monitor` with an `archive`: {ADVICE}", advice=ADVICE)
    known = underlyings_of(where)
    chosen = underlying or (known[0] if len(known) == 1 else None)
    if chosen is None or chosen not in known:
        names = ", ".join(known) or "nothing"
        text = f"there is {names} in {where}: say which with --underlying"
        return note(REFUSED if known else FAILED, text, underlyings=list(known))
    return where, chosen, end


def read_study(where: Path, underlying: str, end: int | None, days: float) -> SurfaceStudy:
    """Go through an archive or recorded chains up to `end`, UNIX time [ns], from `days` before the last."""
    study = SurfaceStudy()
    if where.is_dir():
        last = min(days_of(where, underlying)[-1] + DAY, end or FOREVER)
        for recorded in read(where, underlying, last - round(days * DAY), end):
            study.take(recorded.surface)
        return study
    chains = RecordedChains(where)
    times = chains.times(underlying, end)
    start = int(times[-1] - days * DAY) if len(times) else None
    for snapshot in chains.snapshots(underlying, start, end):
        study.add(snapshot.chain, snapshot.spot)
    return study


def place_of(source: Path) -> Path | None:
    """Return the folder or file surfaces are read from, or that of a deployment's archive."""
    if source.is_dir() or source.suffix == ".parquet":
        return source
    deployment = load(source, env=operator_environment(), plugins=False)
    for plugin in deployment.plugins:
        archive = plugin.config.get("archive")
        if plugin.path.endswith(":IVMonitor") and archive:
            return Path(archive)
    return None


def underlyings_of(where: Path) -> tuple[str, ...]:
    """Return the underlyings of an archive or a recording."""
    if where.suffix != ".parquet":
        return underlyings(where)
    return RecordedChains(where).underlyings()
