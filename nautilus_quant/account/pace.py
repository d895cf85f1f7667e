"""How much a market moves and trades in a day: what the law of impact is scaled by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

_NANOS = 1_000_000_000
_DAY = 86_400.0


class Pace(NamedTuple):
    """
    Of a market, per day.

    Parameters
    ----------
    volatility
        Standard deviation of log returns [fraction]; 0 while it is unknown.
    volume
        Traded [base coin, or contracts]; 0 while it is unknown.

    """

    volatility: float
    volume: float


UNKNOWN = Pace(0.0, 0.0)


class PaceMeter:
    """
    Follows the pace of a market by its bars, exponentially weighted in time.

    Parameters
    ----------
    half_life
        Time after which a bar counts half [s]. Typical 12 hours to a week.
    least
        Bars before anything is told.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    __slots__ = ("_close", "_half_life", "_least", "_seen", "_squares", "_ts", "_volume", "_weight")

    def __init__(self, *, half_life: float = _DAY, least: int = 10) -> None:
        require(0.0 < half_life < math.inf, "half_life > 0 [s]", half_life)
        require(least >= 1, "least >= 1 [bars]", least)
        self._half_life = half_life
        self._least = least
        self._squares = self._volume = self._weight = self._close = 0.0
        self._ts = self._seen = 0

    def update(self, ts: int, close: float, volume: float) -> None:
        """Take a bar that ended at `ts` [UNIX ns]; what makes no sense or is not later is passed over."""
        if not (0.0 < close < math.inf and 0.0 <= volume < math.inf):
            return
        seconds = (ts - self._ts) / _NANOS
        if self._close:
            if seconds <= 0.0:
                return
            keep = 2.0 ** -min(1.0, seconds / self._half_life)
            move = math.log(close / self._close)
            self._squares = keep * self._squares + (1.0 - keep) * move * move / seconds
            self._volume = keep * self._volume + (1.0 - keep) * volume / seconds
            self._weight = keep * self._weight + 1.0 - keep
            self._seen = min(self._seen + 1, self._least)
        self._ts, self._close = ts, close

    @property
    def pace(self) -> Pace:
        """Per day; unknown before enough bars."""
        if self._seen < self._least:
            return UNKNOWN
        squares, volume = self._squares / self._weight, self._volume / self._weight
        return Pace(math.sqrt(squares * _DAY), volume * _DAY)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"numbers": [self._squares, self._volume, self._weight, self._close, self._ts, self._seen]}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        numbers = state["numbers"]
        self._squares, self._volume, self._weight, self._close = map(float, numbers[:4])
        self._ts, self._seen = map(int, numbers[4:])
        return self
