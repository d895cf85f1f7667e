"""How a position is to be left: the parameters of a ladder of exits, and what the ladder wants now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

_WHOLE = 1.0 + 1e-9


class Unit(StrEnum):
    """What distances are counted in."""

    FRACTION = "fraction"
    """Of the entry price."""
    ATR = "atr"
    """Average true ranges (Wilder 1978)."""


class Kind(StrEnum):
    """Which way an exit lies."""

    LIMIT = "limit"
    """A take-profit."""
    STOP = "stop"
    """A stop-loss, wherever break-even and trailing have moved it to."""


class Level(NamedTuple):
    """
    One rung of a ladder.

    Parameters
    ----------
    distance
        From the entry price [of it, or average true ranges].
    share
        Of the position, closed there [0, 1].

    """

    distance: float
    share: float = 1.0


class Exit(NamedTuple):
    """
    One exit that is wanted.

    Parameters
    ----------
    kind, level, part
        Which: the rung, nearest first, and the piece of it where one order may not be so large.
    price
        Limit or trigger price [quote currency].
    quantity
        How much it closes [base coin, or contracts].
    due
        Whether the price has reached it: whoever watches in place of a venue closes now.

    """

    kind: Kind
    level: int
    part: int
    price: Decimal
    quantity: Decimal
    due: bool


class Plan(NamedTuple):
    """
    All that is wanted for one position.

    Parameters
    ----------
    exits
        Take-profits and stops. Each kind by itself sums to at most the position, stops to all of it that can
        be traded wherever there is a stop at all.
    close
        Why all of it is to be closed at market now; empty when it is not.

    """

    exits: tuple[Exit, ...] = ()
    close: str = ""

    def of(self, kind: Kind) -> tuple[Exit, ...]:
        """Return those of one kind."""
        return tuple(exit_ for exit_ in self.exits if exit_.kind is kind)


NOTHING = Plan()
"""Of a position that is closed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitParams:
    """
    Where a position is left, in profit, in loss and in time.

    Parameters
    ----------
    take_profits, stop_losses
        Rungs, nearest first; pairs ``(distance, share)``. Shares of take-profits which sum to less than 1
        leave a rest to the stops. The last stop covers what the others leave, whatever its share.
    unit
        Of the distances above and of `break_even`. A true range is the one at entry: rungs do not breathe.
    trailing
        Distance of a stop behind the best price since entry; 0 for none. Wider holds on longer. Typically
        1 to 3 %, or 2 to 4 true ranges.
    trailing_from
        Profit from which on it trails; 0 from the start.
    trailing_unit
        Of both. True ranges are those of now, and a range that widens does not loosen the stop.
    break_even
        Profit from which on no stop lies behind the entry price, and `fees` beyond it; 0 for never.
    fees
        Cost of getting in and out [fraction of the entry price]; typically 0.001.
    time_stop
        Time after which all is closed at market [s]; 0 for never.
    step
        Least move of a trailing stop [fraction of the entry price]. More costs fewer orders.
    pause
        Least time between two moves of a trailing stop [s].
    fallback
        Length of a true range while none is known [fraction of the entry price]: a position is not left
        without a stop because bars are missing.

    Raises
    ------
    ValueError
        If one is impossible, or there is no exit at all.

    """

    take_profits: tuple[Level, ...] = ()
    stop_losses: tuple[Level, ...] = ()
    unit: Unit = Unit.FRACTION
    trailing: float = 0.0
    trailing_from: float = 0.0
    trailing_unit: Unit = Unit.FRACTION
    break_even: float = 0.0
    fees: float = 0.0
    time_stop: float = 0.0
    step: float = 0.0005
    pause: float = 1.0
    fallback: float = 0.02

    def __post_init__(self) -> None:
        """Check everything that can be checked without a position."""
        for name in ("trailing", "trailing_from", "break_even", "fees", "time_stop", "step", "pause"):
            number = getattr(self, name)
            require(0.0 <= number < math.inf, f"0 <= {name} < inf", number)
        require(0.0 < self.fallback < 1.0, "0 < fallback < 1 [fraction of the entry price]", self.fallback)
        self._check_levels("take_profits", self.take_profits)
        self._check_levels("stop_losses", self.stop_losses)
        if self.unit is Unit.FRACTION:
            deepest = max((level.distance for level in self.stop_losses), default=0.0)
            require(deepest < 1.0, "stop_losses less than 1 away [fraction of the entry price]", deepest)
            if self.break_even:
                require(self.break_even > self.fees, "break_even > fees, or its stop is passed", self)
        if self.trailing_unit is Unit.FRACTION:
            require(self.trailing < 1.0, "trailing < 1 [fraction of the entry price]", self.trailing)
        require(not self.trailing_from or self.trailing > 0.0, "trailing with trailing_from", self)
        require(self.has_stop or bool(self.take_profits) or self.time_stop > 0.0, "at least one exit", self)

    @property
    def has_stop(self) -> bool:
        """Whether there is, or may come to be, a stop."""
        return bool(self.stop_losses) or self.trailing > 0.0 or self.break_even > 0.0

    def wants(self, kind: Kind) -> bool:
        """Tell whether there are, or may come to be, exits of a kind."""
        return self.has_stop if kind is Kind.STOP else bool(self.take_profits)

    @property
    def needs_range(self) -> bool:
        """Whether a distance is counted in average true ranges."""
        trails = self.trailing > 0.0 and self.trailing_unit is Unit.ATR
        return trails or (
            self.unit is Unit.ATR and bool(self.take_profits or self.stop_losses or self.break_even)
        )

    def _check_levels(self, name: str, levels: tuple[Level, ...]) -> None:
        last = 0.0
        for distance, share in levels:
            require(last < distance < math.inf, f"{name} with rising distances > 0", levels)
            require(0.0 < share <= 1.0, f"{name} with 0 < shares <= 1", levels)
            last = distance
        total = math.fsum(level.share for level in levels)
        require(total <= _WHOLE, f"shares of {name} that sum to at most 1", total)


def levels_of(pairs: Iterable[tuple[float, float]]) -> tuple[Level, ...]:
    """Return rungs from pairs ``(distance, share)`` as people write them."""
    return tuple(Level(float(distance), float(share)) for distance, share in pairs)
