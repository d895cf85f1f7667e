"""One node for each state: two of them would both believe that the positions are theirs."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

_SQLITE = "sqlite:///"


class AlreadyRunningError(RuntimeError):
    """Another process runs on the same state."""


def lock_path(state: str | None) -> Path | None:
    """
    Return where the lock of a state lies, or ``None`` for a state in memory.

    For SQLite it is a file beside the database, for a database server one in the temporary folder,
    which guards against a second node on this machine only.

    Parameters
    ----------
    state
        URL of the state, e.g. ``sqlite:///var/paper/state.db``.

    """
    if not state or state.startswith("memory:"):
        return None
    if state.startswith(_SQLITE):
        name = state.removeprefix(_SQLITE).partition("?")[0]
        return Path(f"{name}.lock") if name and name != ":memory:" else None
    # The password stays out of the name; user, host and database make it unique enough.
    parts = urlsplit(state)
    place = f"{parts.username}@{parts.hostname}:{parts.port}{parts.path}"
    name = hashlib.sha256(place.encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"nautilus_quant-{name}.lock"


@contextmanager
def state_lock(state: str | None) -> Iterator[None]:
    """
    Hold the lock of a state; the system releases it when the process ends, however it ends.

    Raises
    ------
    AlreadyRunningError
        When another process holds it; the message names its process id.

    """
    path = lock_path(state)
    if path is None:
        yield
        return
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            raise AlreadyRunningError(_refusal(state, file.read().strip(), path)) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def is_held(state: str | None) -> bool | None:
    """Tell whether a process holds the lock of a state; ``None`` when that cannot be told from here."""
    path = lock_path(state)
    if path is None or not (state or "").startswith(_SQLITE):
        return None  # a node on a database server may run on another machine
    import fcntl

    try:
        with path.open("r", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _refusal(state: str | None, pid: str, path: Path) -> str:
    shown = state if state and state.startswith(_SQLITE) else "this database"
    return (
        f"one node at a time may run on a state: process {pid or 'unknown'} holds {shown} (lock {path}). "
        f"Stop it (kill -TERM {pid or 'PID'}), or give this config a `state` of its own"
    )
