"""Whether a deployment is fit to start: keys, folders, state, kill file, data."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nautilus_quant.cli.check import Check
from nautilus_quant.cli.latch import latch_text, read_latch
from nautilus_quant.cli.places import Place
from nautilus_quant.host.statejson import NoStateError, StateError

if TYPE_CHECKING:
    from nautilus_quant.config.deployment import Deployment

DATA = "NQ_DATA"


def check_keys(deployment: Deployment, environment: Mapping[str, str]) -> Iterator[Check]:
    """See that the keys of real venues are set; only their names are looked at and told."""
    from nautilus_quant.config.adapters import ADAPTERS

    real = [venue for venue in deployment.venues.values() if not venue.embedded]
    if not real:
        yield Check.ok("keys", "none needed: the market is embedded")
    for venue in real:
        named = ADAPTERS[venue.adapter].variables(venue.options)
        missing = [
            name for field, name in named.items() if not (environment.get(name) or venue.options.get(field))
        ]
        if not missing:
            yield Check.ok(f"keys {venue.name}", f"set: {', '.join(named.values())}")
        elif venue.paper:
            yield Check.ok(f"keys {venue.name}", f"not set, and not needed for paper: {', '.join(missing)}")
        else:
            yield Check.fail(
                f"keys {venue.name}", f"not set: {', '.join(missing)}", f"export {missing[0]}=..."
            )


def check_state(place: Place) -> Iterator[Check]:
    """See that the state can be read, is whole, and belongs to this kind of deployment."""
    try:
        with place.open(read_only=True) as store:
            problems = store.check()
            yield _judge_journal(problems)
            yield from _judge_mode(store.mode, place.deployment)
            yield _judge_latch(latch_text(read_latch(store)))
    except NoStateError:
        yield Check.ok("state", "none yet, the first start creates it")
    except StateError as error:
        yield Check.fail("state", str(error))


def _judge_journal(problems: list[str]) -> Check:
    if problems:
        return Check.fail("state", "; ".join(problems), "keep the file as evidence, and restore a backup")
    return Check.ok("state", "readable, the journal's hash chain is whole")


def _judge_mode(mode: str | None, deployment: Deployment | None) -> Iterator[Check]:
    if deployment is not None and mode not in (None, deployment.state_kind):
        hint = "modes never share state: name another `state`"
        yield Check.fail("state mode", f"belongs to {mode}, this deployment is {deployment.state_kind}", hint)


def _judge_latch(words: str) -> Check:
    if words == "armed":
        return Check.ok("kill switch", words)
    return Check.warn("kill switch", words, "nothing is opened until: nq rearm CONFIG --reason TEXT")


def check_kill_file(deployment: Deployment) -> Iterator[Check]:
    """See that the kill file can be found, and is not there."""
    from nautilus_quant.cli.rearm import kill_file_of

    path = kill_file_of(deployment)
    if path is None:
        yield Check.warn(
            "kill file", "no safety engine is configured", "add: actors: {safety: {use: safety_engine}}"
        )
    elif not path.parent.is_dir():
        yield Check.fail(
            "kill file", f"its folder does not exist: {path.parent}", "create it, or name another"
        )
    elif path.exists():
        yield Check.fail(
            "kill file", f"{path} exists: a node would trip at once", f"rm {path}, then nq rearm"
        )
    else:
        yield Check.ok("kill file", f"{path} is not there")


def check_folders(deployment: Deployment) -> Iterator[Check]:
    """See that what a node writes can be written."""
    files = {"status file": deployment.status_file, "log file": deployment.log_file}
    for name, file in files.items():
        if not file:
            continue
        folder = Path(file).absolute().parent
        there = next(path for path in (folder, *folder.parents) if path.exists())
        if os.access(there, os.W_OK):
            yield Check.ok(name, f"{file} can be written")
        else:
            yield Check.fail(name, f"{there} cannot be written", "change its owner, or name another file")


def check_data(environment: Mapping[str, str]) -> Check:
    """See that recorded data is where the environment says."""
    named = environment.get(DATA)
    if not named:
        return Check.ok("data", f"{DATA} is not set: configs on recorded data will ask for it")
    if Path(named).is_dir():
        return Check.ok("data", f"{DATA}={named}")
    return Check.fail("data", f"{DATA}={named} is not a folder", f"export {DATA}=/path/to/data")


def ports_of(deployment: Deployment) -> list[tuple[str, int]]:
    """Find the ports that plug-ins listen on: their fields ``port`` and ``…_port``."""
    return [
        (f"{plugin.name}.{field}", value)
        for plugin in deployment.plugins
        for field, value in plugin.config.items()
        if _is_port(field, value)
    ]


def _is_port(field: str, value: Any) -> bool:
    named = field == "port" or field.endswith("_port")
    return named and isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65_536
