"""Which funding rate is paid when: venues announce the next one, records hold those that were paid."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


class FundingClock:
    """
    Tells each payment once, from announcements of the next one or from past payments.

    An announced rate is paid when the venue starts to announce the one after it.
    """

    def __init__(self) -> None:
        self._announced: dict[str, tuple[float, int]] = {}

    def update(self, instrument: str, rate: float, next_ns: int | None) -> float | None:
        """
        Take an update.

        Parameters
        ----------
        instrument
            Whose rate it is.
        rate
            Per funding interval [fraction of the position's value]; positive when longs pay.
        next_ns
            When it will be paid, UNIX time [ns]; ``None`` when it is being paid now.

        Returns
        -------
        float or None
            The rate paid now; ``None`` when nothing is. A payment whose rate is not known is passed over.

        """
        if next_ns is None:
            return rate if math.isfinite(rate) else None
        before = self._announced.get(instrument)
        if before is not None and next_ns < before[1]:
            return None
        if math.isfinite(rate):
            self._announced[instrument] = (rate, next_ns)
        return before[0] if before is not None and next_ns > before[1] else None

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {name: [rate, due] for name, (rate, due) in self._announced.items()}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""
        self._announced = {name: (float(rate), int(due)) for name, (rate, due) in state.items()}
        return self
