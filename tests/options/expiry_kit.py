"""Options and outlooks for tests of what happens before an expiry."""

from __future__ import annotations

import datetime as dt
from typing import Any

from nautilus_quant.options.contract import Contract
from nautilus_quant.options.expiry_rules import Outlook

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
EXPIRY = 1_766_649_600 * SECOND  # 25 December 2025, 08:00 UTC


def at(text: str) -> int:
    """UNIX time [ns] of a time in UTC."""
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    return round(moment.timestamp()) * SECOND


def option(strike: float = 100_000.0, *, call: bool = True, expiry: int = EXPIRY, **other: Any) -> Contract:
    kind = "C" if call else "P"
    name = other.pop("name", f"BTC-{expiry // SECOND}-{strike:g}-{kind}.SIM")
    return Contract(name, other.pop("underlying", "BTC"), expiry, strike, call, **other)


def outlook(**other: Any) -> Outlook:
    """A call held, two hours before its expiry, at 60 % volatility, far in the money."""
    known: dict[str, Any] = {
        "now": EXPIRY - 2 * HOUR,
        "contract": option(),
        "long": True,
        "forward": 110_000.0,
        "vol": 0.6,
        "bid": 9_950.0,
        "ask": 10_050.0,
        "fee": 30.0,
    }
    return Outlook(**{**known, **other})
