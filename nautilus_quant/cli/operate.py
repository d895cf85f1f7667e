"""Commands which look after a node from outside: status, kill, rearm, explain, doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nautilus_quant.cli.codes import REFUSED
from nautilus_quant.cli.errors import stop, user_errors
from nautilus_quant.cli.options import Config, Json, MaybeConfig, State, need


def status(config: Config, json_output: Json = False) -> None:
    """
    Say how a deployment's node is: does it run, what does it hold, may it trade.

    Exit codes: 0 runs, 1 hangs or its state is damaged, 4 does not run, 5 runs and is tripped.
    """
    from nautilus_quant.cli import status_view
    from nautilus_quant.cli.answer import deliver

    with user_errors():
        raise typer.Exit(deliver(status_view.run(config), json_output=json_output))


def kill(
    config: MaybeConfig = None,
    *,
    reason: Annotated[str, typer.Option(help="What the journal shall say.")] = "",
    state: State = None,
    json_output: Json = False,
) -> None:
    """
    Trip the kill switch: everything is cancelled and closed, and stays closed until it is re-armed.

    Exit codes: 0 tripped, 1 a node runs and did not answer, 2 nobody would act on it.
    """
    from nautilus_quant.cli import kill as command
    from nautilus_quant.cli.answer import deliver

    need(config, state)
    with user_errors():
        raise typer.Exit(deliver(command.run(config, state=state, reason=reason), json_output=json_output))


def rearm(
    config: Config,
    *,
    reason: Annotated[str, typer.Option(help="What was wrong, and why risk is allowed again.")],
    json_output: Json = False,
) -> None:
    """
    Re-arm a kill switch that has tripped, from the next start on.

    Exit codes: 0 re-armed, 2 refused.
    """
    from nautilus_quant.cli import rearm as command
    from nautilus_quant.cli.answer import deliver

    with user_errors():
        raise typer.Exit(deliver(command.run(config, reason=reason), json_output=json_output))


def explain(
    order: Annotated[
        str | None, typer.Argument(metavar="[ORDER]", help="Client order id.", show_default=False)
    ] = None,
    *,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="CONFIG", help="The deployment's file.")
    ] = None,
    state: State = None,
    last_denials: Annotated[
        int | None, typer.Option(metavar="N", help="The last N orders which were cut or denied.")
    ] = None,
    strategy: Annotated[str | None, typer.Option(help="Only this strategy's.")] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Only what is not older: 2h, or a UTC time.")
    ] = None,
    json_output: Json = False,
) -> None:
    """
    Tell which gates saw an order, on what numbers, and what they said; or list decisions.

    Without --config or --state it reads the state under var/ that was used last, and says which.

    Exit codes: 0 found, 1 not found or the journal is damaged, 2 a question it cannot read.
    """
    from nautilus_quant.cli import explain as command
    from nautilus_quant.cli.answer import deliver

    where = state or (None if config is not None else _newest_state())
    with user_errors():
        answer = command.run(
            order, config=config, state=where, last_denials=last_denials, strategy=strategy, since=since
        )
        raise typer.Exit(deliver(answer, json_output=json_output))


def doctor(config: MaybeConfig = None, *, state: State = None, json_output: Json = False) -> None:
    """
    Check whether this machine is fit to trade: versions, clock, disk, keys, ports, state.

    Exit codes: 0 fit, also with warnings, 1 a check failed.
    """
    from nautilus_quant.cli import doctor as command
    from nautilus_quant.cli.answer import deliver

    with user_errors():
        raise typer.Exit(deliver(command.run(config, state=state), json_output=json_output))


def _newest_state() -> str:
    """Return the URL of the state used last, which is safe to guess for a command that only reads."""
    found = sorted(Path("var").glob("*/*.db"), key=lambda path: path.stat().st_mtime)
    if not found:
        stop("there is no state under var/: give --config CONFIG, or --state URL", REFUSED)
    typer.echo(f"state {found[-1]}", err=True)
    return f"sqlite:///{found[-1]}"
