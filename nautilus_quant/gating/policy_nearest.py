"""The valid value nearest to one that is not: exact on the grid of steps, and the next of kin among names."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

NEXT_OF_KIN: Final[Mapping[str, tuple[str, ...]]] = {
    "MARKET": ("MARKET_TO_LIMIT", "LIMIT"),
    "LIMIT": ("MARKET_TO_LIMIT", "LIMIT_IF_TOUCHED", "MARKET"),
    "STOP_MARKET": ("STOP_LIMIT", "TRAILING_STOP_MARKET"),
    "STOP_LIMIT": ("STOP_MARKET", "TRAILING_STOP_LIMIT"),
    "MARKET_TO_LIMIT": ("MARKET", "LIMIT"),
    "MARKET_IF_TOUCHED": ("LIMIT_IF_TOUCHED", "LIMIT"),
    "LIMIT_IF_TOUCHED": ("MARKET_IF_TOUCHED", "LIMIT"),
    "TRAILING_STOP_MARKET": ("TRAILING_STOP_LIMIT", "STOP_MARKET", "STOP_LIMIT"),
    "TRAILING_STOP_LIMIT": ("TRAILING_STOP_MARKET", "STOP_LIMIT", "STOP_MARKET"),
    "GTC": ("GTD", "DAY"),
    "GTD": ("GTC", "DAY"),
    "DAY": ("GTD", "GTC"),
    "IOC": ("FOK", "GTC"),
    "FOK": ("IOC", "GTC"),
    "AT_THE_OPEN": ("DAY", "GTC"),
    "AT_THE_CLOSE": ("DAY", "GTC"),
}
"""What stands in for an order type or a time in force, best first: what does most nearly the same."""

_ROUNDING = 2e-15
"""Bounds that were computed are widened by what float arithmetic loses [fraction]."""
_DIGITS = 60


def nearest_name(name: str, allowed: Sequence[str]) -> str:
    """
    Return the allowed name that does most nearly the same; empty when nothing is allowed.

    >>> nearest_name("GTD", ["GTC", "IOC"]), nearest_name("STOP_MARKET", ["MARKET", "STOP_LIMIT"])
    ('GTC', 'STOP_LIMIT')
    """
    for other in NEXT_OF_KIN.get(name, ()):
        if other in allowed:
            return other
    close = difflib.get_close_matches(name, allowed, n=1, cutoff=0.0)
    return close[0] if close else ""


def nearest_multiple(value: float, step: Decimal, low: float, high: float) -> Decimal | None:
    """
    Return the multiple of `step` within [low, high] that is nearest to `value`, or ``None``.

    >>> nearest_multiple(30000.03, Decimal("0.1"), 0.0, 1e6)
    Decimal('30000.0')
    >>> nearest_multiple(5.0, Decimal("0.1"), 0.0, 3.14)
    Decimal('3.1')
    """
    with localcontext() as context:
        context.prec = _DIGITS
        least, most = _steps(low, step, ROUND_CEILING), _steps(high, step, ROUND_FLOOR)
        if math.isnan(value) or (least is not None and most is not None and least > most):
            return None
        wanted = _steps(value, step, ROUND_HALF_EVEN)
        if wanted is None:
            wanted = most if value > 0.0 else least
        if wanted is None:
            return None
        if least is not None:
            wanted = max(wanted, least)
        return ((wanted if most is None else min(wanted, most)) * step).quantize(step)


def largest_multiple(value: float, step: Decimal, low: float, high: float) -> Decimal:
    """
    Return the largest multiple of `step` that is at most `value` and within [low, high]; 0 without one.

    >>> largest_multiple(2.57, Decimal("0.1"), 0.1, 10.0)
    Decimal('2.5')
    """
    found = nearest_multiple(min(value, high), step, low, min(value, high))
    return Decimal(0) if found is None else found


def plain(value: Decimal | float | None) -> str:
    """
    Return a number as people write it, without exponent; empty for ``None``.

    >>> plain(1e-05), plain(30000.0), plain(Decimal("30000.0")), plain(float("inf"))
    ('0.00001', '30000', '30000.0', 'inf')
    """
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if not math.isfinite(value):
        return str(value)
    text = f"{Decimal(repr(float(f'{value:.15g}'))):f}"
    return text.removesuffix(".0")


def _steps(value: float, step: Decimal, rounding: str) -> Decimal | None:
    """Count the steps to a value; ``None`` for one that is infinite."""
    if not math.isfinite(value):
        return None
    steps = Decimal(repr(value)) / step
    near = steps.to_integral_value(ROUND_HALF_EVEN)
    if rounding != ROUND_HALF_EVEN and abs(steps - near) <= Decimal(_ROUNDING) * max(abs(steps), Decimal(1)):
        return near
    return steps.to_integral_value(rounding)
