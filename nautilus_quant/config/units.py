"""Percentages and durations as people write them: ``0.5%``, ``6h``, ``1d12h``.

Plug-in config classes annotate their fields with `Fraction` and `Seconds`. In Python such a field is a
plain float (0.005, 21600.0); in YAML the loader also takes the written form. The marker which tells the
loader so travels inside the type (``Meta.extra``), hence a plug-in needs nothing but the annotation.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Final

from msgspec import Meta

FRACTION: Final = "fraction"
SECONDS: Final = "seconds"

_NUMBER = r"[+-]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?"
_FRACTION = re.compile(rf"\s*({_NUMBER})\s*(%|bps)?\s*")
_DURATION_PART = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*(us|ms|min|s|m|h|d|w)\s*")
_PER_UNIT: Final = {"": 1.0, "%": 100.0, "bps": 10_000.0}
_SECONDS: Final = {
    "us": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3_600.0,
    "d": 86_400.0,
    "w": 604_800.0,
}

Fraction = Annotated[
    float,
    Meta(
        ge=0.0,
        le=1.0,
        extra={"unit": FRACTION},
        extra_json_schema={"x-unit": FRACTION},
    ),
]
"""A share of a whole in [0, 1]; YAML also takes ``0.5%`` and ``5bps``."""

Seconds = Annotated[
    float,
    Meta(
        ge=0.0,
        extra={"unit": SECONDS},
        extra_json_schema={"x-unit": SECONDS},
    ),
]
"""A non-negative length of time [s]; YAML also takes ``250ms``, ``30s``, ``6h``, ``1d12h``."""


def parse_fraction(value: str | float) -> float:
    """
    Read a share of a whole.

    Parameters
    ----------
    value : str or float
        ``"0.5%"``, ``"50bps"``, ``"0.005"`` or a number, which is taken as it is (0.005 is half a percent).

    Raises
    ------
    ValueError
        If the text is neither a number nor a number followed by ``%`` or ``bps``, or is not finite.

    Examples
    --------
    >>> parse_fraction("0.5%")
    0.005
    >>> parse_fraction("5bps"), parse_fraction(0.25)
    (0.0005, 0.25)
    """
    if not isinstance(value, str):
        return _finite(value, value)
    match = _FRACTION.fullmatch(value)
    if match is None:
        raise ValueError(f"a fraction is a number, or a percentage such as 0.5%, was {value!r}")
    # Dividing (not multiplying by 0.01) gives the float nearest to what was written: 2% is 0.02 exactly.
    return _finite(float(match[1]) / _PER_UNIT[match[2] or ""], value)


def parse_seconds(value: str | float) -> float:
    """
    Read a length of time [s].

    Parameters
    ----------
    value : str or float
        Numbers with units, largest first or not (``"6h"``, ``"1d12h"``, ``"250ms"``, ``"1.5 h"``), or a
        bare number of seconds. Units are us, ms, s, m or min, h, d and w.

    Raises
    ------
    ValueError
        If the text is not such a length, or is not finite.

    Examples
    --------
    >>> parse_seconds("1d12h"), parse_seconds("250ms"), parse_seconds(30)
    (129600.0, 0.25, 30.0)
    """
    if not isinstance(value, str):
        return _finite(value, value)
    text = value.strip()
    if re.fullmatch(_NUMBER, text):
        return _finite(float(text), value)
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text):
        raise ValueError(
            f"a duration is seconds, or numbers with units such as 250ms, 30s, 6h, 1d12h, was {value!r}"
        )
    return _finite(math.fsum(float(number) * _SECONDS[unit] for number, unit in parts), value)


def _finite(number: float, written: object) -> float:
    if not math.isfinite(number):
        raise ValueError(f"need a finite number, was {written!r}")
    return float(number)
