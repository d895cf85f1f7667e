"""``nq abtest``: which of two arms, or of two parameter sets, is better."""

from __future__ import annotations

from typing import Annotated

import typer

from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Json


def abtest(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="CONFIG ARM_A ARM_B",
            help="A deployment and two of its strategy ids; with --returns two files, A and B.",
            show_default=False,
        ),
    ],
    *,
    returns: Annotated[
        bool,
        typer.Option(
            "--returns", help="Compare two files (CSV or Parquet, columns ts and ret) of net returns instead."
        ),
    ] = False,
    market: Annotated[str | None, typer.Option(help="Only on this instrument id.")] = None,
    regime: Annotated[str | None, typer.Option(help="Only what was earned in this regime.")] = None,
    unit: Annotated[
        str, typer.Option(help="What to compare: reward (scaled by risk), or return (net, of capital).")
    ] = "reward",
    alpha: Annotated[str, typer.Option(help="Probability of finding a difference where none is.")] = "5%",
    power: Annotated[str, typer.Option(help="Probability to plan for of finding one that is.")] = "80%",
    min_effect: Annotated[
        str, typer.Option(help="Difference that matters, in the unit compared; below it, both are alike.")
    ] = "0",
    json_output: Json = False,
) -> None:
    """
    Compare two arms, or two series of returns; looking every hour does not inflate false positives.

    Says which is better, that they are alike, or that there is not enough evidence yet and about how much
    is missing.

    Exit codes: 0 compared, whatever came out, 1 nothing to compare, 2 a question it cannot read.
    """
    from nautilus_quant.cli import abtest_run
    from nautilus_quant.cli.answer import deliver

    with user_errors():
        question = abtest_run.Question(
            tuple(names),
            files=returns,
            market=market,
            regime=regime,
            unit=unit,
            alpha=alpha,
            power=power,
            min_effect=min_effect,
        )
        raise typer.Exit(deliver(abtest_run.run(question), json_output=json_output))
