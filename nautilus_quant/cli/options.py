"""Arguments and options which several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path,
    typer.Argument(metavar="CONFIG", help="The deployment's YAML file.", show_default=False),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object on stdout; everything else goes to stderr."),
]
PrintNative = Annotated[
    bool,
    typer.Option("--print-native", help="Print the plain NautilusTrader config as JSON, and exit."),
]
