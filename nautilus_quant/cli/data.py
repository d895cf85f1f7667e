"""``nq data``: bring recorded data into a NautilusTrader catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console

from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Json

if TYPE_CHECKING:
    from nautilus_quant.venues.recorded.catalog import ImportReport, Progress

data_app = typer.Typer(no_args_is_help=True, help="Recorded market data.")

Files = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Parquet files, Binance kline CSV (also zipped), or catalogs."),
]
Catalog = Annotated[Path, typer.Option(metavar="DIR", help="NautilusTrader catalog to write into.")]
Instrument = Annotated[
    str | None, typer.Option(metavar="ID", help="Instrument of the rows, e.g. BTCUSDT-PERP.BINANCE.")
]
Layout = Annotated[str | None, typer.Option(help="Layout of the file; told from its columns otherwise.")]
Venue = Annotated[str, typer.Option(help="Venue of instruments that are made from the file's symbols.")]
Kind = Annotated[str | None, typer.Option(help="perp or spot, for symbols that do not say.")]
Interval = Annotated[str | None, typer.Option(metavar="TIME", help="Length of a bar, e.g. 60 or 1m.")]
VolumeUnit = Annotated[str, typer.Option(help="base, or quote when the volume column is money.")]
Start = Annotated[str | None, typer.Option(metavar="UTC", help="First time to read, ISO 8601.")]
End = Annotated[str | None, typer.Option(metavar="UTC", help="Time to stop before, ISO 8601.")]
BadRows = Annotated[str, typer.Option(help="refuse the file, or drop rows that break a rule.")]


@data_app.command("import")
def import_(
    files: Files,
    *,
    catalog: Catalog,
    instrument: Instrument = None,
    layout: Layout = None,
    venue: Venue = "BINANCE",
    kind: Kind = None,
    interval: Interval = None,
    volume_unit: VolumeUnit = "base",
    start: Start = None,
    end: End = None,
    bad_rows: BadRows = "refuse",
    json_output: Json = False,
) -> None:
    """
    Check recorded data and write it into a NautilusTrader catalog; what is there already stays.

    Exit codes: 0 done, 1 the data was refused.
    """
    options = {
        "instrument": instrument,
        "layout": layout,
        "venue": venue,
        "kind": kind,
        "volume_unit": volume_unit,
        "start": start,
        "end": end,
        "bad_rows": bad_rows,
    }
    from nautilus_quant.venues.recorded import RecordedError

    with user_errors(RecordedError, ValueError):
        report = _import(files, catalog, options, interval, Console(stderr=json_output))
        if json_output:
            import msgspec

            typer.echo(json.dumps(msgspec.to_builtins(report)))
        else:
            _print(report)


def _import(
    files: list[Path], catalog: Path, options: dict[str, Any], interval: str | None, console: Console
) -> ImportReport:
    from nautilus_quant.config.units import parse_seconds
    from nautilus_quant.venues.recorded import Source, import_data

    if interval is not None:
        options["interval"] = round(parse_seconds(interval))
    sources = [Source(path=str(file), **options) for file in files]
    with _Bar(console) as progress:
        return import_data(sources, catalog, progress=progress.show)


class _Bar:
    """A progress bar by objects written; silent off a terminal."""

    def __init__(self, console: Console) -> None:
        from rich.progress import Progress as RichProgress

        self._bar = RichProgress(console=console, disable=not console.is_terminal)
        self._task = self._bar.add_task("importing", total=None)
        self.show: Progress = self._show

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _show(self, done: int, total: int) -> None:
        self._bar.update(self._task, completed=done, total=total)


def _print(report: ImportReport) -> None:
    typer.echo(f"{report.catalog}: {'already there' if report.cached else 'written'}")
    for name, count in report.data.items():
        typer.echo(f"  {name}: {count:,}")
    for finding in report.findings:
        typer.echo(f"  ! {finding}", err=True)
