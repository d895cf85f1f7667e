"""Arguments and options which several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nautilus_quant.cli.codes import REFUSED
from nautilus_quant.cli.errors import stop

Config = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The deployment's YAML file.", show_default=False),
]
MaybeConfig = Annotated[
    Path | None,
    typer.Argument(metavar="[CONFIG]", help="The deployment's YAML file.", show_default=False),
]
State = Annotated[
    str | None,
    typer.Option(metavar="URL", help="The state itself, when the config cannot be read."),
]
OfBacktest = Annotated[
    bool,
    typer.Option("--backtest", help="Of the backtest's state, instead of the live node's."),
]
Source = Annotated[
    Path,
    typer.Argument(
        metavar="SOURCE",
        help="Recorded chains (Parquet), an archive of surfaces (a folder), or a deployment's YAML.",
        show_default=False,
    ),
]
Underlying = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="Of which, e.g. BTC; the only one there is."),
]
At = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="The last surface before then, e.g. 2026-01-31T08:00 (UTC)."),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout; everything else goes to stderr."),
]
PrintNative = Annotated[
    bool,
    typer.Option("--print-native", help="Print the plain NautilusTrader config as JSON, and exit."),
]


def need(config: Path | None, state: str | None) -> None:
    """End the command when neither of the two says which deployment is meant."""
    if config is None and state is None:
        stop("say which deployment: give its config, or --state URL", REFUSED)
