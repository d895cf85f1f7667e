"""Numbers as people read them; a dash stands for what is not known."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

UNKNOWN = "–"


def money(value: float) -> str:
    """Write an amount with two decimals and thousands marks."""
    return f"{value:,.2f}" if math.isfinite(value) else UNKNOWN


def amount(value: Decimal) -> str:
    """Write a balance: large ones with two decimals, small ones with as many as they have."""
    if not value.is_finite():
        return UNKNOWN
    return f"{value:,.2f}" if abs(value) >= 1_000 or value == 0 else f"{value.normalize():,f}"


def signed(value: float) -> str:
    """Write a profit or loss with its sign; what rounds to nothing has none."""
    if not math.isfinite(value):
        return UNKNOWN
    return f"{value:+,.2f}" if abs(value) >= 0.005 else "0.00"


def price(value: float) -> str:
    """Write a price with six significant digits."""
    if not math.isfinite(value):
        return UNKNOWN
    whole = len(str(int(abs(value))))
    return f"{value:,.{max(0, 6 - whole)}f}"


def percent(value: float) -> str:
    """Write a fraction as a percentage with two decimals."""
    return f"{100.0 * value:.2f} %" if math.isfinite(value) else UNKNOWN


def share(value: float) -> str:
    """Write a fraction as a percentage with as few digits as it has."""
    return f"{100.0 * value:.4g} %" if math.isfinite(value) else UNKNOWN


def seconds(value: float) -> str:
    """Write a short time [s]."""
    return f"{value:.1f} s" if math.isfinite(value) else UNKNOWN


def lasted(value: float) -> str:
    """Write a long time [s] in its two largest units: 42 s, 7 min 05 s, 3 h 20 min, 2 d 4 h."""
    if not math.isfinite(value):
        return UNKNOWN
    whole = max(0, round(value))
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    if whole < 86_400:
        return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3_600} h"


def regimes_text(regimes: Mapping[str, str]) -> str:
    """Write regimes in one line."""
    return ", ".join(f"{key} {regime}" for key, regime in regimes.items())


def words(value: Any) -> str:
    """Write any plain JSON value in a line."""
    if value is None:
        return UNKNOWN
    if isinstance(value, float):
        return f"{value:,.6g}" if abs(value) < 1e4 else f"{value:,.2f}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {words(item)}" for key, item in value.items()) or UNKNOWN
    if isinstance(value, list | tuple):
        return "; ".join(words(item) for item in value) or UNKNOWN
    return str(value)
