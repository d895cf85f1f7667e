"""The commands of `nq`, put together. Nothing heavy is imported here: ``--help`` answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from nautilus_quant import __version__
from nautilus_quant.backtest import backtest
from nautilus_quant.cli.config import config_app
from nautilus_quant.cli.data import data_app
from nautilus_quant.live import live

_EPILOG = (
    "Exit codes: 0 all went well; 1 something broke; 2 command or config refused; "
    "3 a node runs on this state already. Each command's help names its own."
)

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
app.add_typer(data_app, name="data")
app.add_typer(config_app, name="config")
