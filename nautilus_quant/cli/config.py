"""``nq config``: check a configuration, see what it comes to, and get its schema."""

from __future__ import annotations

import json

import typer

from nautilus_quant.cli.errors import user_errors
from nautilus_quant.cli.options import Config, Json

config_app = typer.Typer(no_args_is_help=True, help="Configuration files.")


@config_app.command()
def check(config: Config, json_output: Json = False) -> None:
    """
    Check a configuration file and everything it names.

    Exit codes: 0 good, 2 refused; with --json the problems are listed on stdout.
    """
    from nautilus_quant.config import ConfigError, load

    with user_errors():
        try:
            deployment = load(config)
        except ConfigError as error:
            if json_output:
                _emit({"ok": False, "problems": [_problem(p) for p in error.problems]})
            raise
        if json_output:
            _emit({"ok": True, "problems": [], "notes": list(deployment.notes)})
            return
        plugins = f"{len(deployment.strategies)} strategies, {len(deployment.actors)} actors"
        typer.echo(f"{config}: good ({deployment.mode}, {plugins}, {len(deployment.venues)} venues)")
        for note in deployment.notes:
            typer.echo(f"  note: {note}")


@config_app.command()
def show(config: Config) -> None:
    """Print what is in effect as JSON: layers merged, defaults filled in, secrets masked."""
    from nautilus_quant.config import load
    from nautilus_quant.config import show as plain

    with user_errors():
        _emit(plain(load(config)))


@config_app.command()
def schema() -> None:
    """Print the JSON Schema of configuration files, for completion and checks in editors."""
    from nautilus_quant.config import schema as json_schema

    with user_errors():
        typer.echo(json.dumps(json_schema(), indent=1))


def _problem(problem: object) -> dict[str, object]:
    from dataclasses import asdict, is_dataclass

    assert is_dataclass(problem)
    assert not isinstance(problem, type)
    return asdict(problem)


def _emit(document: object) -> None:
    typer.echo(json.dumps(document, indent=2, default=str))
