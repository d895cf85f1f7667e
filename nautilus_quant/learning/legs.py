"""One instrument in a would-be book: what is held, what it is worth, and what trading it has cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.account.costs import CostModel
from nautilus_quant.learning.lots import WholeSteps
from nautilus_quant.portfolio.sizing import Lot
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """
    What an arm trades, and how.

    Parameters
    ----------
    instrument
        Instrument id.
    leverage
        Value of a position at exposure 1 as a multiple of equity [-].
    threshold
        Least change worth an order [fraction of a full position].
    lot
        Sizes it can be traded in.
    costs
        What trading it costs.
    inverse
        Whether a contract is worth a fixed amount of quote currency and settles in the base coin.
    multiplier
        Base coins per unit when linear, quote currency per contract when inverse.
    min_notional
        Least value of an order that opens [quote currency]; 0 for none.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    instrument: str
    leverage: float = 1.0
    threshold: float = 0.05
    lot: Lot = field(default_factory=lambda: Lot(step=Decimal("0.001")))
    costs: CostModel = field(default_factory=CostModel)
    inverse: bool = False
    multiplier: float = 1.0
    min_notional: float = 0.0

    def __post_init__(self) -> None:
        require(0.0 < self.leverage < math.inf, "leverage > 0 [-]", self.leverage)
        require(0.0 < self.multiplier < math.inf, "multiplier > 0", self.multiplier)
        require(0.0 <= self.min_notional < math.inf, "min_notional >= 0 [quote currency]", self.min_notional)
        WholeSteps(self.lot, self.threshold)


class Split(NamedTuple):
    """
    Where profit and loss comes from [reporting currency].

    Parameters
    ----------
    gross
        Moves of the middle price, realised or not.
    fees, spread, impact
        Costs, paid > 0; a rebate is a fee below 0.
    funding
        Payments, received > 0.

    """

    gross: float
    fees: float
    spread: float
    impact: float
    funding: float

    @property
    def costs(self) -> float:
        """Fees, spread and impact together."""
        return self.fees + self.spread + self.impact

    @property
    def net(self) -> float:
        """All of it."""
        return self.gross - self.costs + self.funding


class LegBook:
    """
    The state of a leg.

    The P&L of what is held is valued at the present mark, whatever marks came before; it is converted into
    the reporting currency when it is realised, so what is flat earns nothing more.

    Parameters
    ----------
    leg
        What is traded, and how.

    """

    __slots__ = (
        "_basis", "_inverse", "_multiplier", "_size", "fees", "funded", "half_spread", "impact", "leg",
        "open", "price", "realised", "spread", "steps", "traded", "ts", "unit", "volatility", "volume",
        "whole",
    )  # fmt: skip

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.whole = WholeSteps(leg.lot, leg.threshold)
        self._inverse, self._multiplier = leg.inverse, leg.multiplier
        self._size = self.whole.step * leg.multiplier
        self.steps = 0
        self._basis = 0.0  # what the position was worth when opened [settlement currency]
        self.price = 0.0  # last middle [quote currency]; 0 before the first
        self.unit = 0.0  # value of one unit at it [reporting currency]
        self.ts = 0
        self.open = 0.0  # P&L of what is held [reporting currency]
        self.realised = self.fees = self.spread = self.impact = self.funded = self.traded = 0.0
        self.half_spread = math.nan
        self.volatility = self.volume = 0.0

    def mark(self, price: float, unit: float, ts: int) -> bool:
        """Value what is held; False for what can be no mark, and for one older than the last: ignored."""
        if ts < self.ts or not (0.0 < price < math.inf and 0.0 < unit < math.inf):
            return False
        self.price, self.unit, self.ts = price, unit, ts
        if self.steps:
            self.open = (self._worth(self.steps) - self._basis) * self.rate
        return True

    @property
    def rate(self) -> float:
        """Value of the settlement currency at the last mark [reporting currency]."""
        if self._inverse:
            return self.unit * self.price / self._multiplier
        return self.unit / (self.price * self._multiplier)

    @property
    def quantity(self) -> float:
        """Signed position [base coin, or contracts]."""
        return self.steps * self.whole.step

    @property
    def value(self) -> float:
        """Signed value of what is held, at the last mark [reporting currency]."""
        return self.quantity * self.unit

    @property
    def cost_rate(self) -> float:
        """Cost of trading all that is held now, to the first order [fraction of its value]."""
        participation = abs(self.quantity) / self.volume if self.volume else 0.0
        return self.leg.costs.rate(
            half_spread=self.half_spread, participation=participation, volatility=self.volatility
        )

    def order(self, exposure: float, budget: float, *, may_open: bool) -> int:
        """
        Return what to trade towards an exposure [steps], by the rule of `TargetStrategy`.

        Parameters
        ----------
        exposure
            Share of the budget [-1, 1]; beyond it is cut.
        budget
            Value of a full position [reporting currency].
        may_open
            False gives only what reduces.

        """
        held, whole = self.steps, self.whole
        target = whole.wanted(exposure, budget, self.unit)
        if target is None or target == held:
            return 0
        full = whole.wanted(1.0, budget, self.unit) if target * held > 0 else 0
        order = 0 if full is None else whole.order(held, target, full)
        closing = min(abs(order), abs(held)) if order * held < 0 else 0
        if closing == abs(order):
            return order
        if not may_open:
            return closing if order > 0 else -closing
        return order if self._is_large_enough(order) else 0

    def _is_large_enough(self, order: int) -> bool:
        notional = abs(order) * self._size * (1.0 if self._inverse else self.price)
        return not notional < self.leg.min_notional

    def trade(self, steps: int, *, passive: bool) -> None:
        """Buy (> 0) or sell at the last mark, and pay what that costs."""
        held = self.steps
        if held * steps < 0:
            self._reduce(min(1.0, -steps / held))
            kept = 0 if abs(steps) >= abs(held) else held + steps
        else:
            kept = held
        self.steps = held + steps
        self._basis += self._worth(self.steps - kept)
        self._pay(steps, passive=passive)
        self.open = (self._worth(self.steps) - self._basis) * self.rate if self.steps else 0.0

    def close(self) -> None:
        """Be flat at the last mark, at no cost."""
        if self.steps:
            self._reduce(1.0)
            self.steps, self.open = 0, 0.0

    def fund(self, rate: float, price: float) -> None:
        """Pay `rate` [fraction] of the position's value at `price` [quote currency]; a short receives it."""
        size = self.steps * self._size
        payment = size / price if self._inverse else size * price
        self.funded -= payment * rate * self.rate

    def _worth(self, steps: int) -> float:
        """Return what a position settles to [settlement currency], up to a constant."""
        return -steps * self._size / self.price if self._inverse else steps * self._size * self.price

    def _reduce(self, share: float) -> None:
        self.realised += share * (self._worth(self.steps) - self._basis) * self.rate
        self._basis *= 1.0 - share

    def _pay(self, steps: int, *, passive: bool) -> None:
        costs, quantity = self.leg.costs, abs(steps) * self.whole.step
        notional = quantity * self.unit
        self.traded += notional
        if passive:
            self.fees += notional * costs.maker
            return
        spread = costs.spread(self.half_spread)
        impact = costs.impact_of(quantity / self.volume, self.volatility) if self.volume else 0.0
        # A linear contract's fee is on what is paid, and a buyer pays more than the middle.
        paid = 1.0 if self._inverse else max(0.0, 1.0 + math.copysign(spread + impact, steps))
        self.fees += notional * paid * costs.taker
        self.spread += notional * spread
        self.impact += notional * impact

    def split(self) -> Split:
        """Return where this leg's P&L comes from."""
        return Split(self.realised + self.open, self.fees, self.spread, self.impact, self.funded)

    @property
    def fit(self) -> list[object]:
        """What a saved state must have in common with this leg to mean the same."""
        return [self.leg.instrument, str(self.leg.lot.step), self.leg.multiplier, self.leg.inverse]

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {
            "steps": self.steps,
            "ts": self.ts,
            "numbers": [getattr(self, name) for name in _NUMBERS],
            "half_spread": None if math.isnan(self.half_spread) else self.half_spread,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from what `to_dict` gave."""
        self.steps, self.ts = int(state["steps"]), int(state["ts"])
        for name, number in zip(_NUMBERS, state["numbers"], strict=True):
            setattr(self, name, float(number))
        half_spread = state["half_spread"]
        self.half_spread = math.nan if half_spread is None else float(half_spread)


_NUMBERS = (
    "_basis", "price", "unit", "open", "realised", "fees", "spread", "impact", "funded", "traded",
    "volatility", "volume",
)  # fmt: skip
