"""Reading stored state: what is missing, of another type or not a number is refused, never guessed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any


class DamagedStateError(ValueError):
    """Stored state is not what was written."""


def check_version(what: str, state: Any, version: int) -> None:
    """Refuse state that another version wrote."""
    found = state.get("version") if isinstance(state, Mapping) else None
    if found != version:
        raise DamagedStateError(f"stored {what} must have version {version}, was {found!r:.200}")


def field(state: Any, key: str) -> Any:
    """Return what is stored under `key`."""
    if not isinstance(state, Mapping) or key not in state:
        raise DamagedStateError(f"stored state needs {key!r}, was {state!r:.200}")
    return state[key]


def mapping(state: Any, key: str) -> Mapping[str, Any]:
    """Return a mapping."""
    value = field(state, key)
    if not isinstance(value, Mapping):
        raise DamagedStateError(f"stored {key!r} must be a mapping, was {value!r:.200}")
    return value


def number(state: Any, key: str) -> float:
    """Return a finite number."""
    value = field(state, key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DamagedStateError(f"stored {key!r} must be a finite number, was {value!r:.200}")
    return float(value)


def moment(state: Any, key: str) -> int:
    """Return a time or a duration [ns]."""
    value = field(state, key)
    if isinstance(value, bool) or not isinstance(value, int):
        raise DamagedStateError(f"stored {key!r} must be a whole number [ns], was {value!r:.200}")
    return value


def flag(state: Any, key: str) -> bool:
    """Return a yes or no."""
    value = field(state, key)
    if not isinstance(value, bool):
        raise DamagedStateError(f"stored {key!r} must be true or false, was {value!r:.200}")
    return value


def choice[E: StrEnum](state: Any, key: str, kind: type[E]) -> E:
    """Return one of a few names."""
    value = field(state, key)
    names = [str(name) for name in kind]
    if value not in names:
        raise DamagedStateError(f"stored {key!r} must be one of {', '.join(names)}, was {value!r:.200}")
    return kind(value)


def maybe_number(state: Any, key: str) -> float | None:
    """Return a finite number, or None where null is stored."""
    return None if field(state, key) is None else number(state, key)


def maybe_moment(state: Any, key: str) -> int | None:
    """Return a time [ns], or None where null is stored."""
    return None if field(state, key) is None else moment(state, key)
