"""JSON that gives back what it was given: decimals, NaN, infinities, bytes; numpy becomes plain numbers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any


class StateError(Exception):
    """State could not be opened, read or written; the message says what to do."""


class NoStateError(StateError):
    """There is no state yet, and it was to be read only."""


def encode(document: object) -> str:
    """
    Write `document` as canonical JSON: ASCII, sorted keys, no spaces, one text for equal documents.

    Tuples and sets become lists, enum members their values, dates ISO texts, keys texts. Decimals, bytes and
    floats which JSON lacks are tagged (``{"$decimal": "1.50"}``), so that `decode` returns them.

    Raises
    ------
    StateError
        When something in it has no such form, or two keys become the same text.

    """
    tags = 0

    def default(value: object) -> object:
        nonlocal tags
        plain = _plain_object(value)
        tags += isinstance(plain, dict) and next(iter(plain), "").startswith("$")
        return plain

    try:
        text = _dumps(document, default)
    except (TypeError, ValueError, RecursionError, StateError):
        return _encode_carefully(document)
    # A "$" we did not write belongs to the caller's own data and must be told apart from a tag.
    return text if text.count('"$') == tags else _encode_carefully(document)


def decode(text: str) -> Any:
    """Read what `encode` wrote."""
    if '"$' not in text:
        return json.loads(text)
    return json.loads(text, object_hook=_untag)


def _dumps(document: object, default: Callable[[object], object] | None = None) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False, default=default)


def _encode_carefully(document: object) -> str:
    try:
        return _dumps(_plain(document))
    except (TypeError, ValueError, RecursionError) as error:
        raise StateError(f"a state document must be JSON-able, was not: {error}") from error


def _plain(value: object) -> object:
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        finite = value - value == 0.0
        return value if finite else {"$float": repr(float(value))}
    if isinstance(value, Mapping):
        return _plain_mapping(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    plain = _plain_object(value)
    tagged = isinstance(plain, dict) and isinstance(value, (Decimal, bytes))
    return plain if tagged else _plain(plain)


def _plain_mapping(mapping: Mapping[Any, Any]) -> dict[str, object]:
    plain = {_key(key): _plain(value) for key, value in mapping.items()}
    if len(plain) != len(mapping):
        raise StateError(f"keys of a state document must differ as texts, were {list(mapping)!r}")
    if any(key.startswith("$") for key in plain):
        return {"$dict": [[key, plain[key]] for key in sorted(plain)]}
    return plain


def _key(key: object) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (bool, int, float)):
        return json.dumps(key)
    raise StateError(f"keys of a state document must be texts or numbers, one was {key!r}")


def _plain_object(value: object) -> object:
    """Turn what the json module does not know into what it does."""
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):  # numpy, without importing it
        return value.tolist()
    raise StateError(f"a state document must be JSON-able, was given {type(value).__name__}: {value!r:.80}")


_TAGS: dict[str, Callable[[Any], object]] = {
    "$decimal": Decimal,
    "$float": float,
    "$bytes": base64.b64decode,
    "$dict": dict,
}


def _untag(document: dict[str, Any]) -> object:
    if len(document) != 1:
        return document
    ((key, value),) = document.items()
    read = _TAGS.get(key)
    return document if read is None else read(value)
