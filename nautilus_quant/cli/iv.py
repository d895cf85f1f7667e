"""``nq iv``: the volatility surface of an underlying, how it went, and how volatile the underlying was."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK
from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import At, Json, Source, Underlying

if TYPE_CHECKING:
    from nautilus_quant.options.surface_study import SurfaceStudy


def iv(
    source: Source,
    *,
    underlying: Underlying = None,
    at: At = None,
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
    from nautilus_quant.cli.surfaces import ADVICE, find, read_study

    found = find(source, underlying, at)
    if isinstance(found, Answer):
        return found
    where, chosen, end = found
    study = read_study(where, chosen, end, days)
    if study.surface is None:
        return note(FAILED, f"no surface of {chosen} in {where} in that time: {ADVICE}", advice=ADVICE)
    return _report(study, html)


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
