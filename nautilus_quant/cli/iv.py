"""``nq iv``: the volatility surface of an underlying, how it went, and how volatile the underlying was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Json

if TYPE_CHECKING:
    from nautilus_quant.options.surface_study import SurfaceStudy

ADVICE = (
    "give `use: iv_monitor` under `actors` a folder as `archive`; it then keeps a surface every archive_every"
)
DAY = 86_400_000_000_000
FOREVER = 2**62


def iv(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SOURCE",
            help="An archive of surfaces (a folder), recorded chains (Parquet), or a deployment's YAML.",
            show_default=False,
        ),
    ],
    *,
    underlying: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of which, e.g. BTC; the only one there is.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="WHEN", help="The last surface before then, e.g. 2026-01-31T08:00 (UTC)."),
    ] = None,
    days: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="How far back its past is looked at.")
    ] = 30.0,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw heat map, smiles, cone and past there, too (needs plotly)."),
    ] = None,
    json_output: Json = False,
) -> None:
    """
    Tell the term structure of volatility, what is unusual of it, and how well it fits.

    Exit codes: 0 there is a surface, 1 there is none, 2 a question it cannot read.
    """
    from nautilus_quant.cli.answer import deliver

    with user_errors(ValueError):
        answer = run(source, underlying=underlying, at=at, days=days, html=html)
        raise typer.Exit(deliver(answer, json_output=json_output))


def run(
    source: Path,
    *,
    underlying: str | None = None,
    at: str | None = None,
    days: float = 30.0,
    html: Path | None = None,
) -> Answer:
    """
    Report on a surface.

    Parameters
    ----------
    source
        Folder of an archive, Parquet file of recorded chains, or a deployment's file.
    underlying
        Of which; ``None`` for the only one there is.
    at
        Nothing later than that is looked at; ``None`` for all.
    days
        Length of the past that is gone through [days].
    html
        Where to draw.

    Returns
    -------
    Answer
        OK; its data are those of `nautilus_quant.cli.iv_view.data`, and ``html``. FAILED: no surface, or no
        plotly for the charts. REFUSED: a question it cannot read.

    """
    found = find(source, underlying, at)
    if isinstance(found, Answer):
        return found
    where, chosen, end = found
    study = read_study(where, chosen, end, days)
    if study.surface is None:
        return note(FAILED, f"no surface of {chosen} in {where} in that time: {ADVICE}", advice=ADVICE)
    return _report(study, html)


def find(source: Path, underlying: str | None, at: str | None) -> tuple[Path, str, int | None] | Answer:
    """Return where to look, at what, and until when, UNIX time [ns], or why not."""
    from nautilus_quant.cli.explain import parse_since

    end = None if at is None else parse_since(at, _now())
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
    from nautilus_quant.options.archive import days_of, read
    from nautilus_quant.options.recorded import RecordedChains
    from nautilus_quant.options.surface_study import SurfaceStudy

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


def _report(study: SurfaceStudy, html: Path | None) -> Answer:
    from nautilus_quant.cli.iv_view import data, view

    written = None
    if html is not None:
        from nautilus_quant.cli.iv_html import write

        try:
            written = str(write(study, html))
        except ImportError as error:
            return note(FAILED, str(error))
    found: dict[str, Any] = {**data(study), "html": written}
    return Answer(OK, plain(found), view(study, written))


def place_of(source: Path) -> Path | None:
    """Return the folder or file surfaces are read from, or that of a deployment's archive."""
    if source.is_dir() or source.suffix == ".parquet":
        return source
    from nautilus_quant.cli.places import operator_environment
    from nautilus_quant.config import load

    deployment = load(source, env=operator_environment(), plugins=False)
    for plugin in deployment.plugins:
        archive = plugin.config.get("archive")
        if plugin.path.endswith(":IVMonitor") and archive:
            return Path(archive)
    return None


def underlyings_of(where: Path) -> tuple[str, ...]:
    """Return the underlyings of an archive or a recording."""
    from nautilus_quant.options.archive import underlyings
    from nautilus_quant.options.recorded import RecordedChains

    if where.suffix != ".parquet":
        return underlyings(where)
    return RecordedChains(where).underlyings()


def _now() -> int:
    import time

    return time.time_ns()
