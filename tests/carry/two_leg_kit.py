"""Two legs of 100 each, and what tests read of their actions."""

from __future__ import annotations

from decimal import Decimal

from nautilus_quant.carry.two_leg import TwoLeg
from nautilus_quant.carry.two_leg_orders import Outcome
from nautilus_quant.carry.two_leg_terms import Leg, Style, TwoLegParams
from nautilus_quant.carry.two_leg_told import Cancel, PairChange, Place, What
from nautilus_quant.portfolio.sizing import Lot

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
FILLED, WORKING, CANCELED, REFUSED = Outcome.FILLED, Outcome.WORKING, Outcome.CANCELED, Outcome.REFUSED


def at(seconds: float) -> int:
    return T0 + int(seconds * SECOND)


def legs(one="1", two="-1", *, step="0.1", least=None, most=None) -> tuple[Leg, Leg]:
    lot = Lot(step=Decimal(step), minimum=least and Decimal(least), maximum=most and Decimal(most))
    return Leg(name="A", weight=Decimal(one), lot=lot), Leg(name="B", weight=Decimal(two), lot=lot)


def pair(both: tuple[Leg, Leg] | None = None, *, prices=((100.0, 0.1), (100.0, 0.2)), **params) -> TwoLeg:
    """A pair of 100 each; a unit costs 0.1 to take of A, 0.2 of B; parts are worth 1 000."""
    wanted = {"style": Style.SIMULTANEOUS, "max_unhedged": 6_000.0, "leg_timeout": 10.0, **params}
    made = TwoLeg(both or legs(), TwoLegParams(**wanted), "X")
    for leg, (value, cost) in enumerate(prices):
        made.on_market(leg, value, cost, T0)
    return made


def places(actions) -> list[tuple[int, Decimal, str]]:
    return [(a.leg, a.quantity, a.purpose.value) for a in actions if isinstance(a, Place)]


def news(actions) -> list[What]:
    return [a.what for a in actions if isinstance(a, PairChange)]


def cancels(actions) -> list[str]:
    return [a.id for a in actions if isinstance(a, Cancel)]


def ids(actions) -> list[str]:
    return [a.id for a in actions if isinstance(a, Place)]


def opened(machine: TwoLeg, size: int, ts: float = 0.0) -> TwoLeg:
    """The same, once so much of it has been opened."""
    todo = machine.want(Decimal(size), at(ts))
    while placed := [a for a in todo if isinstance(a, Place)]:
        todo = [b for a in placed for b in machine.on_order(a.id, abs(a.quantity), FILLED, at(ts))]
    assert machine.matched == size
    return machine
