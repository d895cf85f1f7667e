"""How much of the expected funding is paid, and what is done when it is too little."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureParams:
    """
    When too little is paid.

    Parameters
    ----------
    half_life
        Payments after which one counts half [-]; more is slower to notice, and to forgive.
    low, high
        Share of the expected funding below which an alert is raised and the position scaled down, and from
        which on all is well again [-].
    least
        Payments before anything is said [-].
    floor
        Smallest share of the position that is kept while too little is paid [-].

    """

    half_life: float = 6.0
    low: float = 0.7
    high: float = 0.8
    least: int = 3
    floor: float = 0.0

    def __post_init__(self) -> None:
        require(0.0 < self.half_life < math.inf, "0 < half_life < inf [payments]", self.half_life)
        require(0.0 < self.low < self.high <= 1.0, "0 < low < high <= 1 [-]", (self.low, self.high))
        require(self.least >= 1, "least >= 1 [payments]", self.least)
        require(0.0 <= self.floor < self.low, "0 <= floor < low [-]", self.floor)


class CaptureChange(NamedTuple):
    """
    A position whose capture fell too low, or recovered.

    Parameters
    ----------
    position
        Its id.
    ratio
        Paid over expected [-].
    is_low
        Whether too little is paid.
    paid, expected
        Sums, fading [currency].

    """

    position: str
    ratio: float
    is_low: bool
    paid: float
    expected: float


@dataclass(slots=True)
class _Record:
    paid: float = 0.0
    expected: float = 0.0
    payments: int = 0
    is_low: bool = False


class CaptureBook:
    """
    Follows paid over expected funding of every position.

    ``ratio = sum(paid) / sum(expected)`` over fading sums. Expected is what the position was entered for: the
    forecast, or what its notional and the rates come to. Where as much is expected to be paid as received the
    ratio says nothing, and none is given.

    Parameters
    ----------
    params
        When too little is paid.

    """

    def __init__(self, params: CaptureParams | None = None) -> None:
        self.params = params or CaptureParams()
        self._decay = 0.5 ** (1.0 / self.params.half_life)
        self._records: dict[str, _Record] = {}

    def update(self, position: str, paid: float, expected: float) -> CaptureChange | None:
        """
        Take one settlement.

        Parameters
        ----------
        position
            Whose.
        paid, expected
            What came, and what should have come; received > 0 [currency].

        Returns
        -------
        CaptureChange or None
            Once when too little begins to be paid, and once when it ends. A number that is none changes
            nothing.

        """
        if not (math.isfinite(paid) and math.isfinite(expected)):
            return None
        record = self._records.setdefault(position, _Record())
        record.paid = self._decay * record.paid + paid
        record.expected = self._decay * record.expected + expected
        record.payments += 1
        ratio = self.ratio(position)
        if ratio is None:
            return None
        is_low = ratio < (self.params.high if record.is_low else self.params.low)
        if is_low == record.is_low:
            return None
        record.is_low = is_low
        return CaptureChange(position, ratio, is_low, record.paid, record.expected)

    def ratio(self, position: str) -> float | None:
        """Return paid over expected [-]; ``None`` while there is too little to tell."""
        record = self._records.get(position)
        if record is None or record.payments < self.params.least or not record.expected > 0.0:
            return None
        return record.paid / record.expected

    def scale(self, position: str) -> float:
        """Return the share of its size a position may keep [-]: what is captured, while it is too little."""
        record, ratio = self._records.get(position), self.ratio(position)
        if record is None or ratio is None or not record.is_low:
            return 1.0
        return min(max(ratio, self.params.floor), 1.0)

    def forget(self, position: str) -> None:
        """Drop a position that is closed."""
        self._records.pop(position, None)

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        records = {name: [r.paid, r.expected, r.payments, r.is_low] for name, r in self._records.items()}
        return {"version": VERSION, "positions": records}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("capture", state, VERSION)
        self._records = {}
        for name, (paid, expected, payments, is_low) in stored.mapping(state, "positions").items():
            require(math.isfinite(paid) and math.isfinite(expected), "finite sums", (paid, expected))
            self._records[str(name)] = _Record(float(paid), float(expected), int(payments), bool(is_low))
        return self
