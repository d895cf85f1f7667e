"""
Rules that recorded rows must keep.

================  =========================================================================
nan               every value and every time is a finite number
price             prices are above zero
size              sizes are above zero; volumes and quoted sizes are not below zero
high_low          the high is the highest and the low the lowest price of a bar
crossed           the bid is not above the ask
outlier           high and low of a bar are within ``outlier_ratio`` of its body
duplicate         no two bars, marks or funding rates have the same time
order             times never go back
gap               bars follow each other without a hole (only reported, unless told otherwise)
================  =========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.recorded.frame import Frame

EXAMPLES = 5  # rows named per rule; the count is always exact
Mask = NDArray[np.bool_]

_PRICES = ("open", "high", "low", "close", "price", "bid", "ask")
_AMOUNTS = ("volume", "bid_size", "ask_size")


@dataclass(frozen=True, slots=True)
class Finding:
    """
    Rows of one symbol that break one rule.

    Parameters
    ----------
    symbol : str
        Symbol as the file writes it.
    rule : str
        Name of the rule.
    action : str
        ``refuse``, ``drop`` or ``keep``.
    count : int
        How many rows.
    examples : tuple of str
        The first of them: row number in the file (from 0), time and values.
    """

    symbol: str
    rule: str
    action: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        more = f" … and {self.count - len(self.examples)} more" if self.count > len(self.examples) else ""
        rows = f"{self.count} row{'' if self.count == 1 else 's'}"
        return f"{self.symbol or 'rows'}: {rows} against {self.rule!r} ({self.action}): " + (
            "; ".join(self.examples) + more
        )


@dataclass(frozen=True, slots=True)
class Policy:
    """What to do with bad rows, by rule."""

    bad_rows: str
    rules: dict[str, str]
    outlier_ratio: float

    def action(self, rule: str) -> str:
        """Return refuse, drop or keep."""
        return self.rules.get(rule, "keep" if rule == "gap" else self.bad_rows)


def check(frame: Frame, policy: Policy) -> tuple[Frame, list[Finding]]:
    """
    Return the rows to use and everything found.

    Rules are applied one after the other, each to what the ones before left: a dropped row neither hides nor
    causes another finding. Rows of a finding to ``refuse`` are taken out as well; it is for the caller to
    refuse.
    """
    findings = []
    for rule, broken in _RULES:
        bad = broken(frame, policy)
        if bad is None or not bad.any():
            continue
        action = policy.action(rule)
        findings.append(_finding(frame, rule, action, bad))
        if action != "keep" and rule != "gap":
            frame = frame.take(~bad)
    return frame, findings


def _finding(frame: Frame, rule: str, action: str, bad: Mask) -> Finding:
    examples = tuple(_describe(frame, int(i), rule) for i in np.flatnonzero(bad)[:EXAMPLES])
    return Finding(frame.symbol, rule, action, int(bad.sum()), examples)


def _describe(frame: Frame, i: int, rule: str) -> str:
    time = datetime.fromtimestamp(frame.ts[i] / 1e9, UTC).isoformat(timespec="milliseconds")
    if rule == "gap":
        missing = int((frame.ts[i] - frame.ts[i - 1]) // frame.interval) - 1
        return f"row {frame.rows[i]} at {time}: {missing} bars missing before it"
    values = " ".join(f"{name}={column[i]}" for name, column in frame.columns.items())
    return f"row {frame.rows[i]} at {time}: {values}"


def _numbers(frame: Frame, names: tuple[str, ...]) -> Iterator[NDArray[Any]]:
    return (frame.columns[name] for name in names if name in frame.columns)


def _nan(frame: Frame, _: Policy) -> Mask:
    bad: Mask = frame.ts == np.iinfo(np.int64).min
    for column in _numbers(frame, (*_PRICES, *_AMOUNTS, "size", "rate")):
        bad |= ~np.isfinite(column)
    return bad


def _price(frame: Frame, _: Policy) -> Mask:
    bad = np.zeros(len(frame), dtype=bool)
    for column in _numbers(frame, _PRICES):
        bad |= column <= 0.0
    return bad


def _size(frame: Frame, _: Policy) -> Mask:
    bad = np.zeros(len(frame), dtype=bool)
    for column in _numbers(frame, _AMOUNTS):
        bad |= column < 0.0
    for column in _numbers(frame, ("size",)):
        bad |= column <= 0.0
    return bad


def _high_low(frame: Frame, _: Policy) -> Mask | None:
    if "high" not in frame.columns:
        return None
    c = frame.columns
    bad: Mask = (c["high"] < np.maximum(c["open"], c["close"])) | (
        c["low"] > np.minimum(c["open"], c["close"])
    )
    return bad


def _crossed(frame: Frame, _: Policy) -> Mask | None:
    if "bid" not in frame.columns:
        return None
    bad: Mask = frame.columns["bid"] > frame.columns["ask"]
    return bad


def _outlier(frame: Frame, policy: Policy) -> Mask | None:
    if "high" not in frame.columns:
        return None
    c = frame.columns
    bottom, top = np.minimum(c["open"], c["close"]), np.maximum(c["open"], c["close"])
    bad: Mask = (c["low"] * policy.outlier_ratio < bottom) | (c["high"] > top * policy.outlier_ratio)
    return bad


def _duplicate(frame: Frame, _: Policy) -> Mask | None:
    if frame.kind in {"trade", "quote"}:
        return None  # many in one millisecond
    bad = np.ones(len(frame), dtype=bool)
    bad[np.unique(frame.ts, return_index=True)[1]] = False
    return bad


def _order(frame: Frame, _: Policy) -> Mask:
    bad = np.zeros(len(frame), dtype=bool)
    if len(frame) > 1:
        bad[1:] = frame.ts[1:] < np.maximum.accumulate(frame.ts)[:-1]
    return bad


def _gap(frame: Frame, _: Policy) -> Mask | None:
    if not frame.interval or frame.kind != "bar":
        return None
    bad = np.zeros(len(frame), dtype=bool)
    bad[1:] = np.diff(frame.ts) > frame.interval
    return bad


_RULES: tuple[tuple[str, Callable[[Frame, Policy], Mask | None]], ...] = (
    ("nan", _nan),
    ("price", _price),
    ("size", _size),
    ("high_low", _high_low),
    ("crossed", _crossed),
    ("outlier", _outlier),
    ("duplicate", _duplicate),
    ("order", _order),
    ("gap", _gap),
)
RULES = tuple(rule for rule, _ in _RULES)
