"""Hedges at other venues than their legs: what is there, what is on its way, and when to send more."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self

from nautilus_quant.carry.cross_venue_emergency import HedgePlan, HedgeStep, Refuge, plan
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_ZERO = Decimal(0)
_NANOS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeParams:
    """
    How long to wait.

    Parameters
    ----------
    patience
        How long a leg must have stood alone before it is hedged elsewhere [s]: its own pair tries first.
    pause
        Wait after an order of which nothing was filled [s].

    """

    patience: float = 10.0
    pause: float = 10.0

    def __post_init__(self) -> None:
        require(0.0 <= self.patience < math.inf, "0 <= patience < inf [s]", self.patience)
        require(0.0 <= self.pause < math.inf, "0 <= pause < inf [s]", self.pause)


@dataclass(slots=True)
class _Order:
    venue: str
    quantity: Decimal  # signed
    filled: Decimal = _ZERO  # signed


class HedgeBook:
    """
    Keeps hedges as large as what stands alone, one round of orders at a time.

    Name an order by `sent`, and keep `to_dict`, before it is sent: after a restart `on_order` tells what
    became of it, and nothing is hedged twice.

    Parameters
    ----------
    params
        How long to wait.

    """

    def __init__(self, params: HedgeParams | None = None) -> None:
        self.params = params or HedgeParams()
        self.held: dict[str, Decimal] = {}
        self._orders: dict[str, _Order] = {}
        self._since: int | None = None
        self._not_before = 0
        self._missing = _ZERO

    @property
    def pending(self) -> tuple[str, ...]:
        """Ids of orders whose end is not known."""
        return tuple(self._orders)

    @property
    def is_needed(self) -> bool:
        """Whether anything is hedged, or on its way."""
        return bool(self._orders or self.held or self._since is not None)

    def step(self, ts: int, alone: Decimal, refuges: Sequence[Refuge]) -> HedgePlan:
        """
        Say what to send now.

        Parameters
        ----------
        ts
            UNIX time [ns].
        alone
            Coins of legs that stand alone where nobody can trade them, short < 0.
        refuges
            Venues that could do; their `hedge` is filled in here.

        """
        if not alone:
            self._since = None
        elif self._since is None or ts < self._since:
            self._since = ts
        if self._orders or ts < self._not_before:
            return HedgePlan((), self._missing)  # as it was: what is on its way is no hedge yet
        known = [one._replace(hedge=self.held.get(one.venue, _ZERO)) for one in refuges]
        made = plan(alone, known)
        if self._since is None or ts - self._since >= self.params.patience * _NANOS:
            self._missing = made.missing
            return made
        self._missing = _ZERO
        return HedgePlan(tuple(step for step in made.steps if step.reduces), _ZERO)

    def sent(self, order_id: str, step: HedgeStep) -> None:
        """Take note of an order that is about to be sent."""
        self._orders[order_id] = _Order(step.venue, step.change)

    def on_order(self, order_id: str, filled: Decimal, ts: int, *, done: bool) -> bool:
        """
        Learn what became of an order; say whether it was one of these.

        Parameters
        ----------
        order_id
            Which.
        filled
            All that has filled of it so far, not signed; less than was known before changes nothing [coins].
        ts
            UNIX time [ns].
        done
            Whether nothing more can come.

        """
        order = self._orders.get(order_id)
        if order is None:
            return False
        filled = max(filled, abs(order.filled))
        signed = filled.copy_sign(order.quantity)
        now = self.held.get(order.venue, _ZERO) + signed - order.filled
        order.filled = signed
        if now:
            self.held[order.venue] = now
        else:
            self.held.pop(order.venue, None)
        if done:
            del self._orders[order_id]
            if not filled:
                self._not_before = ts + int(self.params.pause * _NANOS)
        return True

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        orders = {name: [o.venue, str(o.quantity), str(o.filled)] for name, o in self._orders.items()}
        held = {venue: str(coins) for venue, coins in self.held.items()}
        return {"version": VERSION, "held": held, "orders": orders}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("hedges", state, VERSION)
        held = {str(name): _number(text) for name, text in stored.mapping(state, "held").items()}
        orders = {
            str(name): _Order(str(venue), _number(quantity), _number(filled))
            for name, (venue, quantity, filled) in stored.mapping(state, "orders").items()
        }
        self.held, self._orders = held, orders
        return self


def _number(text: Any) -> Decimal:
    number = Decimal(str(text))
    require(number.is_finite(), "a finite quantity [coins]", text)
    return number
