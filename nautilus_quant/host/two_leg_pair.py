"""A pair of instruments in a node: its machine, its prices, its orders' names."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.events import (
    OrderAccepted,
    OrderInitialized,
    OrderPendingCancel,
    OrderSubmitted,
)

from nautilus_quant.carry.two_leg import TwoLeg
from nautilus_quant.carry.two_leg_orders import Outcome
from nautilus_quant.carry.two_leg_terms import Leg
from nautilus_quant.host.target import lot_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order

    from nautilus_quant.carry.two_leg_terms import TwoLegParams
    from nautilus_quant.host.alarm import Alarm

NO_NEWS = (OrderInitialized, OrderSubmitted, OrderAccepted, OrderPendingCancel)
"""What is told of an order and changes nothing of what a machine knows."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_LENGTH = 9


class Pair(NamedTuple):
    """
    Two instruments that belong together.

    Parameters
    ----------
    name
        Of the pair, the same after a restart; unique within its strategy.
    one, two
        Their ids, on one venue or on two.
    weight_one, weight_two
        Units of each per unit of the pair [base coin, or contracts]; signed. A positive size of the pair is
        long of one and short of two as it stands.

    """

    name: str
    one: InstrumentId
    two: InstrumentId
    weight_one: Decimal = Decimal(1)
    weight_two: Decimal = Decimal(-1)

    @property
    def legs(self) -> tuple[InstrumentId, InstrumentId]:
        """Both ids."""
        return self.one, self.two

    @property
    def weights(self) -> tuple[Decimal, Decimal]:
        """Both weights."""
        return self.weight_one, self.weight_two


class PairDesk:
    """
    What a strategy knows of one pair while it runs.

    Parameters
    ----------
    pair
        Which.
    machine
        That trades it.
    alarm
        That wakes it.

    Attributes
    ----------
    notional
        Last wanted, at a full allocation [reporting currency]; ``None`` before the first wish.
    shares
        Whether a leg is in another pair, too.

    """

    def __init__(self, pair: Pair, machine: TwoLeg, alarm: Alarm) -> None:
        self.pair = pair
        self.machine = machine
        self.alarm = alarm
        self.notional: float | None = None
        self.reason = ""
        self.edge: float | None = None
        self.urgent = False
        self.shares = [False, False]
        self.saved = False  # whether it went on from an earlier run
        self.unreadable = ""  # why it could not


def make_machine(
    strategy: str, pair: Pair, instruments: tuple[Instrument, Instrument], params: TwoLegParams, rate: Rate
) -> TwoLeg:
    """
    Return the machine of a pair, which waits to be told what is held.

    `rate` gives the worth of a currency in the reporting currency.
    """
    legs = legs_of(pair.weights, instruments, rate)
    machine = TwoLeg(legs, params, mark_of(strategy, pair.name))
    machine.suspend()
    return machine


def legs_of(
    weights: tuple[Decimal, Decimal], instruments: tuple[Instrument, Instrument], rate: Rate
) -> tuple[Leg, Leg]:
    """Return both legs as the machine knows them."""
    one, two = (_leg(item, weight, rate) for item, weight in zip(instruments, weights, strict=True))
    return one, two


def mark_of(strategy: str, pair: str) -> str:
    """Return what the ids of a pair's orders begin with: the same after a restart, another for each pair."""
    digest = hashlib.blake2b(f"{strategy}|{pair}".encode(), digest_size=_LENGTH).digest()
    return "TL" + "".join(_LETTERS[byte % 32] for byte in digest)


def outcome_of(order: Order) -> Outcome:
    """Return what has become of an order."""
    status = order.status_string()
    if not order.is_closed:
        return Outcome.WORKING
    return {"FILLED": Outcome.FILLED, "CANCELED": Outcome.CANCELED}.get(status, Outcome.REFUSED)


def report_of(order: Order | None) -> tuple[Decimal, Outcome] | None:
    """Return what is known, after a restart, of an order that was alive; ``None`` when it never was sent."""
    if order is None or order.status_string() == "INITIALIZED":
        return None
    return order.filled_qty.as_decimal(), outcome_of(order)


def _leg(instrument: Instrument, weight: Decimal, rate: Rate) -> Leg:
    least = instrument.min_notional
    worth = 0.0 if least is None else float(least) * rate(least.currency.code)
    # A rate that is not known yet must not keep a pair from being managed; venues refuse what is too small.
    return Leg(
        name=instrument.id.value,
        weight=weight,
        lot=lot_of(instrument),
        least_value=max(0.0, worth),
    )


if TYPE_CHECKING:
    type Rate = Callable[[str], float]
