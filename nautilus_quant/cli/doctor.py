"""``nq doctor``: whether this machine, and this deployment, are fit to trade."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from nautilus_quant.cli.answer import Answer
from nautilus_quant.cli.check import Check, Level
from nautilus_quant.cli.codes import FAILED, OK
from nautilus_quant.cli.doctor_deployment import (
    check_data,
    check_folders,
    check_keys,
    check_kill_file,
    check_state,
    ports_of,
)
from nautilus_quant.cli.doctor_machine import check_clock, check_disk, check_memory, check_ports
from nautilus_quant.cli.doctor_packages import check_packages, check_python
from nautilus_quant.cli.places import Place, find_place

if TYPE_CHECKING:
    from rich.console import RenderableType

    from nautilus_quant.config.deployment import Deployment

_STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def run(config: Path | None = None, *, state: str | None = None) -> Answer:
    """
    Check the machine and, when one is named, a deployment or a state.

    Parameters
    ----------
    config
        The deployment's file.
    state
        URL of a state to check instead.

    Returns
    -------
    Answer
        OK, also with warnings; FAILED when a check failed.

    """
    checks = [check_python(), *check_packages(), *check_clock(), check_memory(), check_data(os.environ)]
    checks += _place_checks(config, state)
    failed = any(check.level is Level.FAIL for check in checks)
    return Answer(FAILED if failed else OK, _data(checks), _view(checks))


def _place_checks(config: Path | None, state: str | None) -> Iterator[Check]:
    if config is None and state is None:
        yield check_disk(Path.cwd())
        return
    from nautilus_quant.config.problems import ConfigError

    try:
        place = find_place(config, state, plugins=True)
    except ConfigError as error:
        yield Check.fail("config", str(error), "nq config check CONFIG")
        return
    yield check_disk(_folder(place))
    if place.deployment is not None:
        yield from _deployment_checks(place.deployment)
    yield from check_state(place)


def _deployment_checks(deployment: Deployment) -> Iterator[Check]:
    yield Check.ok("config", f"{deployment.path} is accepted: {deployment.name}, mode {deployment.mode}")
    yield from check_keys(deployment, os.environ)
    yield from check_ports(ports_of(deployment))
    yield from check_folders(deployment)
    yield from check_kill_file(deployment)


def _folder(place: Place) -> Path:
    """Where the state lies on this machine; the working folder when that is a server's business."""
    _, marker, path = place.url.partition("sqlite:///")
    return Path(path).parent if marker else Path.cwd()


def _data(checks: Sequence[Check]) -> dict[str, object]:
    counts = {level.value: sum(check.level is level for check in checks) for level in Level}
    details = [
        {"name": check.name, "level": check.level.value, "found": check.found, "hint": check.hint}
        for check in checks
    ]
    return {"ok": not counts["fail"], "counts": counts, "checks": details}


def _view(checks: Sequence[Check]) -> RenderableType:
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, show_header=False)
    for check in checks:
        hint = f" ({check.hint})" if check.hint else ""
        mark = Text(check.level.value, style=_STYLES[check.level])
        table.add_row(mark, Text(check.name), Text(check.found + hint))
    return Group(table, _verdict(checks))


def _verdict(checks: Sequence[Check]) -> RenderableType:
    from rich.text import Text

    failed, warned = (sum(c.level is level for c in checks) for level in (Level.FAIL, Level.WARN))
    if failed:
        return Text(f"not fit to trade: {failed} of {len(checks)} checks failed", style="bold red")
    looks = "" if not warned else f", {warned} worth a look"
    return Text(f"fit to trade: {len(checks)} checks{looks}", style="green")
