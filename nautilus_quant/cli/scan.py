"""``nq scan``: options and spreads that are rich or cheap after costs, and what of the surface is unusual."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import At, Json, Source, Underlying

if TYPE_CHECKING:
    from nautilus_quant.account.fees import Tier
    from nautilus_quant.options.scan_rows import Depth, ScanParams
    from nautilus_quant.options.scanner import Scan
    from nautilus_quant.options.surface_study import SurfaceStudy

AUTO = "auto"


def scan(
    source: Source,
    *,
    underlying: Underlying = None,
    at: At = None,
    days: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="How long a past skew and term structure are held to.")
    ] = 30.0,
    fees: Annotated[
        str, typer.Option(metavar="NAME", help="Schedule of fees, e.g. deribit_options; auto, none.")
    ] = AUTO,
    volume: Annotated[
        float, typer.Option(metavar="USD", min=0.0, help="30-day volume, for the level of the fees.")
    ] = 0.0,
    errors: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="Standard errors off the surface, at least.")
    ] = 2.0,
    score: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="Standard deviations off the past, at least.")
    ] = 2.0,
    open_interest: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="Contracts open at least.")
    ] = 0.0,
    size: Annotated[
        float, typer.Option(metavar="N", min=0.0, help="Contracts at the price at least; few files say.")
    ] = 0.0,
    top: Annotated[int, typer.Option(metavar="N", min=1, help="Rows of each table.")] = 15,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Draw residuals and smiles there, too (needs plotly)."),
    ] = None,
    json_output: Json = False,
) -> None:
    """
    Find what is rich or cheap after spread and fees.

    Exit codes: 0 it was looked through, whatever was found; 1 there is nothing to look through; 2 a question
    it cannot read.
    """
    from nautilus_quant.cli.answer import deliver
    from nautilus_quant.options.scan_rows import ScanParams

    with user_errors(ValueError):
        params = ScanParams(
            min_errors=errors, min_score=score, min_open_interest=open_interest, min_size=size
        )
        answer = run(
            source,
            underlying=underlying,
            at=at,
            days=days,
            fees=fees,
            volume=volume,
            params=params,
            top=top,
            html=html,
        )
        raise typer.Exit(deliver(answer, json_output=json_output))


def run(
    source: Path,
    *,
    underlying: str | None = None,
    at: str | None = None,
    days: float = 30.0,
    fees: str = AUTO,
    volume: float = 0.0,
    params: ScanParams | None = None,
    top: int = 15,
    html: Path | None = None,
) -> Answer:
    """
    Scan.

    Parameters
    ----------
    source
        Parquet file of recorded chains, folder of an archive, or a deployment's file that names one.
    underlying
        Of which; ``None`` for the only one there is.
    at
        Nothing later than that is looked at; ``None`` for all.
    days
        Length of the past that scores rest on [days].
    fees, volume
        Schedule of fees (``"auto"`` takes that of the venue, ``"none"`` none), and 30-day volume [USD].
    params
        What is worth looking at.
    top
        Rows of each table.
    html
        Where to draw.

    Returns
    -------
    Answer
        OK; its data are those of `nautilus_quant.cli.scan_view.data`, and ``html``. FAILED: nothing to look
        through, or no plotly for the charts. REFUSED: a question it cannot read.

    """
    from nautilus_quant.cli.surfaces import find, read_study

    found = find(source, underlying, at)
    if isinstance(found, Answer):
        return found
    where, chosen, end = found
    tier = _tier(where, fees, volume)
    if isinstance(tier, Answer):
        return tier
    study = read_study(where, chosen, end, days)
    if study.surface is None or not study.surface.slices:
        return note(FAILED, f"no surface of {chosen} in {where} in that time: nothing to hold quotes against")
    scanned = _scan(study, where, tier, params)
    return _report(study, scanned, tier, top, html)


def _tier(where: Path, fees: str, volume: float) -> Tier | Answer:
    from nautilus_quant.account.fee_schedules import SCHEDULES
    from nautilus_quant.options.scan_recorded import fees_of
    from nautilus_quant.options.scan_rows import NO_FEE

    name = fees
    if fees == AUTO:
        name = (fees_of(where) if where.suffix == ".parquet" else None) or "none"
    if name == "none":
        return NO_FEE
    if name not in SCHEDULES:
        return note(REFUSED, f"--fees must be auto, none or one of {', '.join(SCHEDULES)}, was {name!r}")
    return SCHEDULES[name].tier(volume)


def _scan(study: SurfaceStudy, where: Path, tier: Tier, params: ScanParams | None) -> Scan:
    from nautilus_quant.options.scan_rows import ScanParams
    from nautilus_quant.options.scanner import Scan, scan, scan_skew

    surface, book = study.surface, study.book
    assert surface is not None
    params = params or ScanParams()
    if study.chain is None:  # an archive holds surfaces and no quotes
        return Scan(None, (), (), scan_skew(book.statistics, book.scores, params))
    return scan(
        study.chain,
        surface,
        params,
        tier=tier,
        depth=_depth(where, study),
        statistics=book.statistics,
        scores=book.scores,
    )


def _depth(where: Path, study: SurfaceStudy) -> Depth:
    from nautilus_quant.options.scan_recorded import depth_of

    assert study.chain is not None
    return depth_of(where, study.chain)


def _report(study: SurfaceStudy, scanned: Scan, tier: Tier, top: int, html: Path | None) -> Answer:
    from nautilus_quant.cli.scan_view import data, view

    surface = study.surface
    assert surface is not None
    written = None
    if html is not None:
        from nautilus_quant.cli.scan_html import write

        try:
            written = str(write(surface, scanned, html))
        except ImportError as error:
            return note(FAILED, str(error))
    found: dict[str, Any] = {**data(surface, scanned, tier), "html": written}
    return Answer(OK, plain(found), view(surface, scanned, tier, top=top, written=written))
