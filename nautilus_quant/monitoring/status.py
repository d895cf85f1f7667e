"""The status file: one JSON object, replaced in one step, so that a reader never sees half of it."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def write_status(path: Path, document: dict[str, Any]) -> None:
    """
    Replace the status file.

    Parameters
    ----------
    path
        Where it lies; its folder is made when missing.
    document
        Plain JSON without NaN, as `snapshot.to_document` returns it.

    Raises
    ------
    OSError
        When the folder cannot be written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own for each process: two writers never share a half-written file.
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    fresh.replace(path)


def read_status(path: Path) -> dict[str, Any] | None:
    """Return what the status file says, or ``None`` when there is none yet."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return document if isinstance(document, dict) else None
