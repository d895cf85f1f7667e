"""A spread on its way from entry to exit: what was planned, what was paid, and how it stands."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from nautilus_quant.options.contract import Contract
from nautilus_quant.options.settlement import exact
from nautilus_quant.options.spread_exit import Standing
from nautilus_quant.options.spreads import Leg, Spread, extremes

if TYPE_CHECKING:
    from collections.abc import Mapping

_ZERO = Decimal(0)


class Phase(StrEnum):
    """What is being done about it."""

    ENTERING = "entering"
    HELD = "held"  # nothing is added any more; legs that do not match are cut
    LEAVING = "leaving"


class Touch(NamedTuple):
    """Best prices of an option per unit of underlying [settlement currency]; NaN where nobody quotes."""

    bid: float
    ask: float


@dataclass(slots=True)
class SpreadBook:
    """
    One spread that is entered, held or left.

    Parameters
    ----------
    spread
        Which.
    units
        How many were wanted.
    entered
        When, UNIX time [ns].
    loss
        The most that could be lost with all of them, as known before [currency of the strikes].
    phase
        What is being done.
    cash
        Received less paid for all fills so far, fees included [settlement currency].
    best
        The most a unit can pay at its expiry [settlement currency]; infinite without a bound.
    stake
        What was paid or received for the entry, as a positive amount [settlement currency]; 0 before.
    reason
        Why it was entered, then why it is left.
    bought
        Net quantities of all fills by instrument id [contracts]: what is held, but for a settlement.
    limits
        Prices the loss was known by, by instrument id [settlement currency]: nothing is opened at worse ones.

    """

    spread: Spread
    units: Decimal
    entered: int
    loss: float
    phase: Phase = Phase.ENTERING
    cash: Decimal = _ZERO
    best: Decimal = field(default=_ZERO)
    stake: Decimal = _ZERO
    reason: str = ""
    bought: dict[str, Decimal] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(cls, spread: Spread, units: Decimal, *, ts: int, loss: float, reason: str) -> Self:
        """Plan to enter `units` at `ts`, UNIX time [ns]; each may lose `loss` [currency of the strikes]."""
        best = extremes(spread).best if spread.one_expiry else Decimal("Infinity")
        return cls(spread, units, ts, float(units) * loss, best=best, reason=reason)

    @property
    def plan(self) -> dict[str, Decimal]:
        """Signed positions wanted, by instrument id [contracts]."""
        return {contract.name: self.units * ratio for contract, ratio in self.spread.legs}

    def on_fill(self, name: str, quantity: Decimal, price: Decimal, fee: Decimal) -> None:
        """
        Take a fill.

        Parameters
        ----------
        name
            Instrument id of the leg.
        quantity
            Signed, negative when sold [contracts].
        price
            Premium per unit of underlying [settlement currency].
        fee
            Charged for it [settlement currency].

        """
        contract = next((c for c, _ in self.spread.legs if c.name == name), None)
        if contract is None:
            return
        self.cash -= quantity * exact(contract.multiplier) * price + fee
        self.bought[name] = self.bought.get(name, _ZERO) + quantity

    def shrink(self, units: Decimal) -> None:
        """Want fewer units."""
        self.loss *= float(units / self.units)
        self.units = units

    def hold(self) -> None:
        """Add nothing any more."""
        if self.phase is Phase.ENTERING:
            self.phase = Phase.HELD
            self.stake = abs(self.cash)

    def leave(self, reason: str) -> None:
        """Close it; a reason once given stays."""
        self.hold()
        if self.phase is not Phase.LEAVING:
            self.phase, self.reason = Phase.LEAVING, reason

    def standing(self, now: int, touches: Mapping[str, Touch], exit_fees: float = 0.0) -> Standing:
        """
        Return how it stands at `now`, UNIX time [ns] [settlement currency].

        Parameters
        ----------
        now
            UNIX time [ns].
        touches
            Best prices by instrument id. What is long and has no bid is worth nothing; what is short and has
            no ask makes the profit unknown.
        exit_fees
            Of closing all of it.

        """
        worth = 0.0
        for contract, _ in self.spread.legs:
            quantity = float(self.bought.get(contract.name, _ZERO)) * contract.multiplier
            worth += _closing(quantity, touches.get(contract.name))
        held = min(
            (abs(self.bought.get(c.name, _ZERO) / ratio) for c, ratio in self.spread.legs), default=_ZERO
        )
        profit = float(self.best * held + self.cash) if self.best.is_finite() else math.inf
        return Standing(
            now, self.spread.expiry, float(self.cash) + worth - exit_fees, profit, float(self.stake)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give all that `from_dict` needs, as plain JSON."""
        return {
            "kind": self.spread.kind,
            "legs": [[asdict(contract), ratio] for contract, ratio in self.spread.legs],
            "units": str(self.units),
            "entered": self.entered,
            "loss": self.loss,
            "phase": str(self.phase),
            "cash": str(self.cash),
            "best": str(self.best),
            "stake": str(self.stake),
            "reason": self.reason,
            "bought": {name: str(quantity) for name, quantity in self.bought.items()},
            "limits": dict(self.limits),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Take what `to_dict` gave."""
        legs = tuple(Leg(Contract(**contract), int(ratio)) for contract, ratio in state["legs"])
        return cls(
            spread=Spread(str(state["kind"]), legs),
            units=Decimal(state["units"]),
            entered=int(state["entered"]),
            loss=float(state["loss"]),
            phase=Phase(state["phase"]),
            cash=Decimal(state["cash"]),
            best=Decimal(state["best"]),
            stake=Decimal(state["stake"]),
            reason=str(state["reason"]),
            bought={str(name): Decimal(quantity) for name, quantity in state["bought"].items()},
            limits={str(name): float(price) for name, price in state["limits"].items()},
        )


def _closing(quantity: float, touch: Touch | None) -> float:
    """Return what closing a position pays; NaN when it would have to be bought and nobody sells."""
    if not quantity:
        return 0.0
    if quantity > 0.0:
        return quantity * touch.bid if touch is not None and touch.bid > 0.0 else 0.0
    return quantity * touch.ask if touch is not None and touch.ask > 0.0 else math.nan
