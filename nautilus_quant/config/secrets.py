"""Which values are secret, and how they look when printed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "***"

# Whole words between separators: `api_key`, `webhook_url`, `bot_token`; not `key_type` or `monkey`.
_SECRET_FIELD = re.compile(
    r"(^|_|-)(keys?|secrets?|passphrase|password|passwd|tokens?|credentials?|webhook(_url)?|dsn)$",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"(?P<head>[A-Za-z][\w+.-]*://[^\s:/@]*):(?P<password>[^\s/]*)@")


def is_secret(field: str) -> bool:
    """Tell whether a field of this name holds a secret."""
    return _SECRET_FIELD.search(field) is not None


def masked_text(text: str) -> str:
    """Mask the password inside URLs such as ``postgresql://user:password@host/db``."""
    return _URL_PASSWORD.sub(rf"\g<head>:{MASK}@", text)


def without_password(text: str) -> str:
    """Drop the password inside a URL; PostgreSQL's client then reads PGPASSWORD or ``~/.pgpass``."""
    return _URL_PASSWORD.sub(r"\g<head>@", text)


def masked(value: Any, field: str = "") -> Any:
    """
    Return a copy of plain data (mappings, lists, scalars) in which secrets are masked.

    An empty or absent secret stays visible as such: that it is missing is no secret.
    """
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, field) for item in value]
    if is_secret(field) and value not in (None, ""):
        return MASK
    return masked_text(value) if isinstance(value, str) else value


def discreet(said: str, plain: Mapping[str, Any]) -> str:
    """Mask the secrets among `plain` fields in a message which somebody made of them."""
    for name, item in plain.items():
        if isinstance(item, Mapping):
            said = discreet(said, item)
        elif is_secret(name) and item not in (None, ""):
            said = said.replace(str(item), MASK)
    return masked_text(said)
