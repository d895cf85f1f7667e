"""A config file with the strategies that were assigned, and a comment on each that says why."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nautilus_quant.config.problems import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from nautilus_quant.config.deployment import Deployment
    from nautilus_quant.learning.assignment import Assignment, Choice

MARK = "# Written by `nq assign`"
_LONGEST = 36


class WriteError(Exception):
    """The file cannot be written, or would not load."""


def written(deployment: Deployment, assignments: Mapping[str, Assignment], bars: str, path: Path) -> Path:
    """
    Write a file that extends the deployment's, and load it.

    Parameters
    ----------
    deployment
        What is extended.
    assignments
        By instrument.
    bars
        Bars the strategies decide on, ``"1-HOUR"``.
    path
        Where; only a file this command wrote before is replaced.

    Raises
    ------
    WriteError
        When another file is there, or the config would be refused; then nothing is left behind.

    """
    from nautilus_quant.config import load

    if path.exists() and not path.read_text(encoding="utf-8").startswith(MARK):
        raise WriteError(f"{path} exists and was not written by this command; choose another name")
    if path.resolve() == Path(deployment.path).resolve():
        raise WriteError(f"{path} cannot extend itself; choose another name")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.draft")
    draft.write_text(document(deployment, assignments, bars, path), encoding="utf-8")
    try:
        load(draft)
    except ConfigError as error:
        draft.unlink()
        raise WriteError(f"what was assigned does not load: {error}") from None
    draft.replace(path)
    return path


def document(deployment: Deployment, assignments: Mapping[str, Assignment], bars: str, path: Path) -> str:
    """Return the text of the file."""
    base = os.path.relpath(Path(deployment.path).resolve(), path.parent.resolve())
    lines = [
        f"{MARK} from measures of {bars} bars; scores are in sample, after costs, and promise nothing.",
        f"extends: {_scalar(base)}",
        "strategies:",
    ]
    taken = set(deployment.strategies)
    for assignment in assignments.values():
        lines += [""] if assignment.choices else []
        for choice in assignment.choices:
            lines += _block(assignment.instrument, choice, bars, taken)
        if assignment.choices:
            lines += [f"  # not {use}: {_line(reason)}" for use, reason in assignment.refused.items()]
    return "\n".join(lines) + "\n"


def _block(instrument: str, choice: Choice, bars: str, taken: set[str]) -> Iterator[str]:
    yield f"  # score {choice.score:.2f}: {_line(choice.reason)}"
    yield f"  {_name(instrument, choice.use, taken)}:"
    fields: dict[str, Any] = {"use": choice.use, "instrument": instrument, "bar": bars, **choice.params}
    for key, value in fields.items():
        yield f"    {key}: {_scalar(value)}"


def _name(instrument: str, use: str, taken: set[str]) -> str:
    """Return a key no other strategy has; what follows a hyphen would be the tag of its orders."""
    words = re.sub(r"[^A-Za-z0-9]+", "_", f"{use}_{instrument}".lower()).strip("_")
    name, number = words[:_LONGEST].rstrip("_"), 2
    while name in taken:
        end = f"_{number}"
        name, number = words[: _LONGEST - len(end)].rstrip("_") + end, number + 1
    taken.add(name)
    return name


def _scalar(value: Any) -> str:
    """Write a value so that YAML reads it back: JSON is YAML."""
    return json.dumps(value)


def _line(text: str) -> str:
    return " ".join(text.split())
