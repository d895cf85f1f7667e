"""Run a live node: ``python -m nautilus_quant.live CONFIG``, or ``nq live CONFIG``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nautilus_quant.cli.codes import FAILED, REFUSED
from nautilus_quant.cli.errors import stop, user_errors
from nautilus_quant.cli.options import Config, Json, PrintNative

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.cli.screen import Screen
    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.host.runner_session import Finished
    from nautilus_quant.host.runner_signals import StopSignals

Duration = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Stop after trading so long: 60 (seconds), 90s, 15m, 6h."),
]
DryBuild = Annotated[bool, typer.Option("--dry-build", help="Build the node, name its parts, and exit.")]


def live(
    config: Config,
    duration: Duration = None,
    json_output: Json = False,
    print_native: PrintNative = False,
    dry_build: DryBuild = False,
) -> None:
    """
    Run a live node until it is told to stop.

    SIGTERM, Ctrl+C and --duration stop it gracefully: no new risk, orders cancelled, positions kept
    or closed as `on_stop` says, state flushed. Positions that are kept keep their stops and exits where
    the venue lives on without the node; those that stay without are named. A second Ctrl+C ends it at
    once.

    Exit codes: 0 stopped as asked, 1 something broke, 2 config refused, 3 already running,
    130 ended by a second Ctrl+C.
    """
    with user_errors():
        seconds = _seconds(duration)
        from nautilus_quant.host.runner_signals import StopSignals

        screens: list[Screen] = []

        def close_screens() -> None:
            for screen in screens:
                screen.close()

        signals = StopSignals(on_force=close_screens)
        signals.install()
        from nautilus_quant.config import load, native_live

        deployment = load(config)
        if print_native:
            typer.echo(json.dumps(native_live(deployment), indent=2))
        elif dry_build:
            _dry_build(deployment, json_output=json_output)
        else:
            _run(deployment, screens, signals, seconds, json_output=json_output)


def _run(
    deployment: Deployment,
    screens: list[Screen],
    signals: StopSignals,
    duration: float | None,
    *,
    json_output: bool,
) -> None:
    from nautilus_quant.cli.latch import latch_text, read_latch
    from nautilus_quant.cli.screen import Screen
    from nautilus_quant.host import runner_session as session

    safety = session.safety_fields(deployment)
    _check_kill_file(safety)
    with session.open_state(deployment) as store:
        kill = read_latch(store)
        latch = "" if kill.is_armed else f"{latch_text(kill)}; re-arm: nq rearm CONFIG --reason TEXT"
        screen = Screen(deployment, safety, latch, json_output=json_output)
        screens.append(screen)
        try:
            finished = session.run_live(deployment, store, screen, signals, duration=duration)
        finally:
            screen.close()
    _report(finished, screen, json_output=json_output)
    if not finished.outcome.ok:
        stop(f"failed: {finished.outcome.reason} (see {deployment.log_files or 'the log'})", FAILED)


def _check_kill_file(safety: Mapping[str, Any] | None) -> None:
    """Refuse before anything starts what the safety engine would refuse in the middle of the start."""
    file = Path((safety or {}).get("kill_file") or "/")
    if not file.parent.is_dir():
        stop(f"kill_file must lie in a folder that exists, was {file} (mkdir -p {file.parent})", REFUSED)


def _report(finished: Finished, screen: Screen, *, json_output: bool) -> None:
    from nautilus_quant.monitoring.summary import summary

    outcome = finished.outcome
    if json_output:
        document = summary(finished.snapshot, duration_s=outcome.duration_s, reason=outcome.reason)
        stays = {"resting": list(outcome.resting), "bare": list(outcome.bare)}
        typer.echo(json.dumps({**document, **stays}, allow_nan=False))
    else:
        screen.end(finished.snapshot, outcome.reason)
        for text in outcome.resting:
            screen.console.print(f"stays at its venue: {text}", markup=False, highlight=False)


def _dry_build(deployment: Deployment, *, json_output: bool) -> None:
    from nautilus_quant.host import runner_session as session

    with session.open_state(deployment):
        names = session.build_only(deployment)
    if json_output:
        typer.echo(json.dumps({"mode": str(deployment.mode), "name": deployment.name, "components": names}))
    else:
        typer.echo(f"{deployment.name} ({deployment.mode}) builds: {', '.join(names)}")


def _seconds(duration: str | None) -> float | None:
    if duration is None:
        return None
    from nautilus_quant.config.units import parse_seconds

    try:
        seconds = parse_seconds(duration)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--duration") from None
    if seconds <= 0:
        raise typer.BadParameter(f"must be positive [s], was {duration}", param_hint="--duration")
    return seconds


def main() -> None:
    """Run the command."""
    typer.run(live)


if __name__ == "__main__":
    main()
