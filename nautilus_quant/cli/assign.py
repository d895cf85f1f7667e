"""``nq assign``: measure instruments, and say which strategies suit them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Config, Json


def assign(
    config: Config,
    *,
    instrument: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="Instrument to assign; those of the config when not given. Repeatable."
        ),
    ] = None,
    bars: Annotated[str, typer.Option(metavar="SPEC", help="Bars to measure and trade on.")] = "1-HOUR",
    days: Annotated[
        float | None,
        typer.Option(help="The last days of the data; 90, or on the simulated market 500 bars."),
    ] = None,
    spread: Annotated[
        str | None,
        typer.Option(
            help="Spread to count with where there are no quotes, e.g. 2bps; else guessed from bars."
        ),
    ] = None,
    top: Annotated[int, typer.Option(help="Strategies per instrument at most.")] = 2,
    min_score: Annotated[float, typer.Option(help="Score below which nothing is assigned, in (0, 1].")] = 0.3,
    write: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a config there that extends CONFIG by what was assigned."),
    ] = None,
    json_output: Json = False,
) -> None:
    """
    Measure instruments on the data a backtest would play, and say which strategies suit them, and why.

    Exit codes: 0 something was assigned, 1 nothing suits or there is no data, 2 refused.
    """
    with user_errors():
        from nautilus_quant.cli import assign_run
        from nautilus_quant.cli.answer import deliver

        wish = assign_run.Wish(tuple(instrument or ()), bars, days, spread, top, min_score, write)
        raise typer.Exit(deliver(assign_run.run(config, wish), json_output=json_output))
