"""The commands of `nq`, put together. Nothing heavy is imported here: ``--help`` answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from nautilus_quant import __version__
from nautilus_quant.backtest import backtest
from nautilus_quant.cli import operate
from nautilus_quant.cli.abtest import abtest
from nautilus_quant.cli.arms import arms
from nautilus_quant.cli.assign import assign
from nautilus_quant.cli.codes import MEANINGS
from nautilus_quant.cli.config import config_app
from nautilus_quant.cli.data import data_app
from nautilus_quant.cli.iv import iv
from nautilus_quant.cli.pnl import pnl
from nautilus_quant.cli.scan import scan
from nautilus_quant.cli.tune import tune_app
from nautilus_quant.live import live

_EPILOG = "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."

app = typer.Typer(
    name="nq",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_show_locals=False,  # they may hold secrets
    epilog=_EPILOG,
    help="Trading systems for NautilusTrader: gates, safety, selection.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"nautilus_quant {__version__}")
        raise typer.Exit


@app.callback()
def root(
    _version_wanted: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version, and exit."),
    ] = False,
) -> None:
    """Options of `nq` itself."""


app.command()(live)
app.command()(backtest)
app.command()(abtest)
app.command()(assign)
for command in (operate.status, operate.kill, operate.rearm, operate.explain, operate.doctor):
    app.command()(command)
app.command()(arms)
app.command()(pnl)
app.command()(iv)
app.command()(scan)
app.add_typer(data_app, name="data")
app.add_typer(config_app, name="config")
app.add_typer(tune_app, name="tune")
