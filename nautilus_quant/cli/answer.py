"""What a command has to say: an exit code, data for programs, a view for people."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_quant.cli.codes import OK

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, slots=True)
class Answer:
    """
    The end of a command.

    Parameters
    ----------
    code
        One of `nautilus_quant.cli.codes`.
    data
        Plain JSON for ``--json``.
    view
        The same for a terminal.

    """

    code: int
    data: dict[str, Any]
    view: RenderableType


def note(code: int, message: str, **facts: Any) -> Answer:
    """Answer in one sentence; `facts` go into the data."""
    from rich.text import Text

    style = "green" if code == OK else "red"
    return Answer(code, {"ok": code == OK, "message": message, **plain(facts)}, Text(message, style=style))


def deliver(answer: Answer, *, json_output: bool) -> int:
    """Print an answer on stdout, as one JSON object or as its view, and return its exit code."""
    if json_output:
        print(json.dumps(answer.data, indent=2, allow_nan=False))
    else:
        from rich.console import Console

        Console(soft_wrap=True).print(answer.view)
    return answer.code


def plain(value: Any) -> Any:
    """Return a copy that any JSON reader takes: decimals as texts, NaN and infinities as ``null``."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value
