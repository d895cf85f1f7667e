"""``nq tune``: look for better parameters, and keep what is found as a new version."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Json

tune_app = typer.Typer(no_args_is_help=True, help="Look for better parameters.")


@tune_app.callback()
def tune() -> None:
    """Look for better parameters, and keep what is found as a new version."""


@tune_app.command()
def hedging(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="A deployment's YAML.", show_default=False)
    ],
    *,
    trials: Annotated[int, typer.Option(metavar="N", min=1, help="How many bands are tried.")] = 100,
    underlying: Annotated[
        str | None, typer.Option(metavar="CODE", help="Whose options, e.g. BTC; the only one configured.")
    ] = None,
    chains: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Recorded option chains (Parquet) to be tried on as well."),
    ] = None,
    coins: Annotated[
        float, typer.Option(metavar="N", help="Size of the book in coins: straddles that are hedged.")
    ] = 1.0,
    price: Annotated[float, typer.Option(metavar="USD", help="Of a coin, in simulations.")] = 100_000.0,
    vol: Annotated[float, typer.Option(metavar="V", help="Annual volatility, in simulations.")] = 0.6,
    fee: Annotated[float, typer.Option(metavar="F", help="Taker's fee, a share of what is traded.")] = 0.0005,
    paths: Annotated[int, typer.Option(metavar="N", min=1, help="Of each simulated market.")] = 400,
    seed: Annotated[int, typer.Option(metavar="N", help="Of simulations and search.")] = 7,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Where the study is kept; tuning.db beside the state."),
    ] = None,
    json_output: Json = False,
) -> None:
    """
    Look for the band that leaves least cost and risk, on simulated paths and recorded chains.

    What is better than what is in force becomes a new version, which a running hedging actor picks up.

    Exit codes: 0 done, 1 nothing to tune with, 2 a question it cannot read.
    """
    from nautilus_quant.cli.answer import deliver
    from nautilus_quant.cli.tune_hedging import Question, run

    question = Question(
        trials=trials,
        underlying=underlying,
        chains=chains,
        coins=coins,
        price=price,
        vol=vol,
        fee=fee,
        paths=paths,
        seed=seed,
        storage=storage,
    )
    with user_errors(ValueError):
        raise typer.Exit(deliver(run(config, question), json_output=json_output))
