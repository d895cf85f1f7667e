"""When a spread is left: enough of its profit is made, it has lost too much, or it is about to expire."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

from nautilus_quant.signals.sequence import require

DAY = 86_400_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitParams:
    """
    When it is left.

    Parameters
    ----------
    profit_share
        Share of the largest profit that is enough [fraction]; of the stake where there is no largest.
        0 waits for the expiry.
    loss_multiple
        Loss at which it is given up, as a multiple of the stake [-]: of what was received when it was sold,
        of what was paid when it was bought. 0 never does.
    days
        Days before the first expiry at which it is left whatever it is worth [days].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    profit_share: float = 0.5
    loss_multiple: float = 2.0
    days: float = 1.0

    def __post_init__(self) -> None:
        require(0.0 <= self.profit_share < math.inf, "profit_share >= 0 [fraction]", self.profit_share)
        require(0.0 <= self.loss_multiple < math.inf, "loss_multiple >= 0 [-]", self.loss_multiple)
        require(0.0 <= self.days < math.inf, "days >= 0 [days]", self.days)


class Standing(NamedTuple):
    """
    How a spread stands; amounts are of all of it, in one currency.

    Parameters
    ----------
    now, expiry
        Times [ns UTC]; the expiry of the first leg.
    pnl
        Profit since the entry, fees taken off, if it were closed now; NaN when unknown.
    profit
        The largest it can make; infinite without a bound.
    stake
        What was paid or received for it, as a positive amount.

    """

    now: int
    expiry: int
    pnl: float
    profit: float
    stake: float


def why_leave(standing: Standing, params: ExitParams) -> str:
    """Return why a spread is left now; empty when it is kept. An unknown profit leaves the time to decide."""
    left = (standing.expiry - standing.now) / DAY
    if left <= params.days:
        return f"{left:.2f} days to expiry, at most {params.days:g}"
    enough = params.profit_share * (standing.profit if math.isfinite(standing.profit) else standing.stake)
    if params.profit_share > 0.0 and standing.pnl >= enough > 0.0:
        return f"profit {standing.pnl:.6g}, enough is {enough:.6g}"
    most = params.loss_multiple * standing.stake
    if params.loss_multiple > 0.0 and standing.pnl <= -most < 0.0:
        return f"loss {-standing.pnl:.6g}, at most {most:.6g}"
    return ""
