"""Alarms about trouble that lasts: not at once, not too often, and with a count."""

from __future__ import annotations

from nautilus_quant.safety.venue import Action, Alarm


class Alarms:
    """
    Remembers since when each trouble lasts.

    A trouble is reported after one interval and then at every interval, as long as `raise_` names it in every
    round; one round without it ends it.

    Parameters
    ----------
    interval
        Time between two alarms about one trouble [ns].

    """

    __slots__ = ("_named", "_troubles", "interval")

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self._troubles: dict[str, tuple[int, int]] = {}  # code -> (last told or first seen, times told)
        self._named: set[str] = set()

    def raise_(self, ts: int, code: str, message: str) -> list[Action]:
        """Name a trouble at `ts` [ns]; the answer is an alarm when it is time for one."""
        self._named.add(code)
        when, count = self._troubles.setdefault(code, (ts, 0))
        if ts - when < self.interval:
            return []
        self._troubles[code] = (ts, count + 1)
        return [Alarm(code, message, count + 1)]

    def end_round(self) -> None:
        """Forget every trouble that was not named in this round."""
        self._troubles = {code: told for code, told in self._troubles.items() if code in self._named}
        self._named.clear()

    def reset_clock(self, ts: int) -> None:
        """Count intervals from `ts` [ns], for a clock that stepped back."""
        self._troubles = {code: (ts, count) for code, (_, count) in self._troubles.items()}
