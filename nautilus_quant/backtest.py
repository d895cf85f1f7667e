"""Run a backtest: ``python -m nautilus_quant.backtest CONFIG``, or ``nq backtest CONFIG``."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import typer
from rich.console import Console

from nautilus_quant.cli.codes import FAILED
from nautilus_quant.cli.errors import stop, user_errors
from nautilus_quant.cli.options import Config, Json, PrintNative

if TYPE_CHECKING:
    from rich.progress import TaskID

    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.host.runner_backtest import BacktestFinished

Report = Annotated[
    Path | None,
    typer.Option(metavar="FILE.html", help="Write NautilusTrader's tear sheet there (needs plotly)."),
]


def backtest(
    config: Config,
    report: Report = None,
    json_output: Json = False,
    print_native: PrintNative = False,
) -> None:
    """
    Run a deployment's strategies and gates over recorded or simulated data.

    The data comes from the deployment's venues and is kept as NautilusTrader catalogs, so that a
    second run starts at once.

    Exit codes: 0 finished, 1 something broke, 2 config refused.
    """
    with user_errors():
        from nautilus_quant.config import load, native_backtest

        deployment = load(config)
        if print_native:
            typer.echo(json.dumps(native_backtest(deployment), indent=2))
            return
        if report is not None:
            _check_plotly()
        _run(deployment, report, json_output=json_output)


def _run(deployment: Deployment, report: Path | None, *, json_output: bool) -> None:
    console = Console(stderr=json_output)
    from nautilus_quant.config import prepare_data
    from nautilus_quant.host.runner_backtest import run_backtest, write_report
    from nautilus_quant.host.runner_session import safety_fields

    with Bars(console) as bars:
        prepare_data(deployment, bars.preparing)
        began = time.monotonic()
        finished = run_backtest(deployment, bars.running)
        took = time.monotonic() - began
    document = _document(finished)
    if report is not None:
        write_report(finished.engine, report, f"{deployment.name} · NautilusTrader backtest")
    if json_output:
        typer.echo(json.dumps(document, allow_nan=False))
    else:
        _print(console, finished, document, safety_fields(deployment))
        console.print(f"took {took:.1f} s", highlight=False)
        if report is not None:
            console.print(f"report {report}", markup=False, highlight=False)
    if finished.problem:
        stop(f"failed: {finished.problem}", FAILED)


def _document(finished: BacktestFinished) -> dict[str, Any]:
    """Return the result as JSON; nothing in it depends on when or how fast it was computed."""
    from nautilus_quant.monitoring.snapshot import iso_time, known
    from nautilus_quant.monitoring.summary import summary

    native, curve, trades = finished.native, finished.curve, finished.trades
    reason = finished.problem or "end of data"
    return {
        **summary(finished.snapshot, duration_s=finished.duration_s, reason=reason),
        "start": iso_time(native.backtest_start or 0),
        "end": iso_time(native.backtest_end or 0),
        "sharpe": known(curve.sharpe),
        "max_drawdown": known(curve.max_drawdown),
        "profit_factor": known(trades.profit_factor),
        "win_rate": known(trades.win_rate),
        "expectancy": known(trades.expectancy),
        "trades": trades.trades,
        "statistics": {
            "returns": _numbers(native.stats_returns),
            "pnl": {code: _numbers(stats) for code, stats in native.stats_pnls.items()},
        },
    }


def _numbers(statistics: dict[str, Any]) -> dict[str, float | None]:
    from nautilus_quant.monitoring.snapshot import known

    return {name: known(float(value)) for name, value in statistics.items() if value is not None}


def _print(
    console: Console, finished: BacktestFinished, document: dict[str, Any], limits: dict[str, Any] | None
) -> None:
    from nautilus_quant.monitoring.table import live_table, result_table
    from nautilus_quant.monitoring.words import lasted, share, words

    curve, trades = finished.curve, finished.trades
    results = {
        "data": f"{document['start'][:16]} to {document['end'][:16]}, {lasted(finished.duration_s)}",
        "trades": f"{trades.trades}, {share(trades.win_rate)} won",
        "profit factor": words(document["profit_factor"]),
        "expectancy": f"{words(document['expectancy'])} {document['currency']} a trade, after fees",
        "max drawdown": share(curve.max_drawdown),
        "sharpe": f"{words(document['sharpe'])} a year, from {curve.days} daily returns",
    }
    console.print(live_table(finished.snapshot, limits=limits, ended=document["reason"]))
    console.print(result_table("", results))


class Bars:
    """Progress bars, one for writing data and one for the run; silent off a terminal."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

        text, columns = TextColumn("{task.description}"), (BarColumn(), TaskProgressColumn())
        shown = console.is_terminal
        self._bar = Progress(text, *columns, TimeRemainingColumn(), console=console, disable=not shown)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def preparing(self, venue: str, share: float) -> None:
        """Show how much of a venue's data has been written."""
        self._show("data", f"data of {venue}", share)

    def running(self, share: float, ts: int) -> None:
        """Show how far the run is, and the time in the data [ns]."""
        day = datetime.fromtimestamp(ts / 1e9, tz=UTC).strftime("%Y-%m-%d %H:%M")
        self._show("run", f"run {day}", share)

    def _show(self, name: str, text: str, share: float) -> None:
        if name not in self._tasks:
            self._tasks[name] = self._bar.add_task(text, total=1.0)
        self._bar.update(self._tasks[name], description=text, completed=share)


def _check_plotly() -> None:
    """Say before the run, not after it, that the report cannot be written."""
    from importlib.util import find_spec

    if find_spec("plotly") is None:
        stop("--report needs plotly: pip install 'nt-quant[report]'", FAILED)


def main() -> None:
    """Run the command."""
    typer.run(backtest)


if __name__ == "__main__":
    main()
