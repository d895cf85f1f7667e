"""Room kept for orders on their way: several strategies in one instant must not use the same margin twice."""

from __future__ import annotations

from nautilus_quant.account.margin import initial_rate

MICRO = 1e6
"""Reservations are whole millionths of the reporting currency: what comes and goes adds up to nothing."""


class _Reservation:
    """Of one order."""

    __slots__ = ("floor", "held", "opening", "value")

    def __init__(self, floor: float, value: float, opening: float) -> None:
        self.floor = floor
        self.value = value
        self.opening = opening
        self.held = 0


class Reserve:
    """
    The notional of all orders of one account that may still open risk.

    Attributes
    ----------
    totals
        Millionths of the reporting currency, by the venue's own initial margin per notional [-].

    """

    __slots__ = ("_orders", "totals")

    def __init__(self) -> None:
        self._orders: dict[str, _Reservation] = {}
        self.totals: dict[float, int] = {}

    @property
    def orders(self) -> tuple[str, ...]:
        """Client order ids."""
        return tuple(self._orders)

    def __len__(self) -> int:
        """Count the orders."""
        return len(self._orders)

    def of(self, order: str) -> float:
        """Return what is kept for an order [reporting currency]."""
        kept = self._orders.get(order)
        return 0.0 if kept is None else kept.held / MICRO

    def margin(self, leverage: float) -> float:
        """Return the initial margin of all at a leverage [reporting currency]."""
        total = 0.0
        for floor, micro in self.totals.items():
            total += micro / MICRO * initial_rate(leverage, floor)
        return total

    def put(self, order: str, floor: float, notional: float, opening: float, *, more: bool = False) -> None:
        """
        Keep room for an order.

        Parameters
        ----------
        order
            Client order id.
        floor
            The venue's own initial margin per notional of its instrument [-].
        notional, opening
            What it may open [reporting currency; contracts or base units].
        more
            Whether that comes on top of what is kept for it, rather than instead.

        """
        known = self._orders.get(order)
        if more and known is not None:
            kept = known.held / MICRO
            notional += kept
            opening += kept / known.value * known.opening
        self.update(order, 0.0)
        made = self._orders[order] = _Reservation(floor, notional, opening)
        self._hold(made, opening)

    def update(self, order: str, leaves: float) -> None:
        """Keep room for what is left of an order [contracts or base units]; 0 when it is over."""
        kept = self._orders.get(order)
        if kept is None:
            return
        self._hold(kept, min(leaves, kept.opening))
        if leaves <= 0.0:
            del self._orders[order]

    def _hold(self, kept: _Reservation, opening: float) -> None:
        micro = round(kept.value * (opening / kept.opening) * MICRO) if opening > 0.0 else 0
        total = self.totals.get(kept.floor, 0) + micro - kept.held
        kept.held = micro
        if total:
            self.totals[kept.floor] = total
        else:
            self.totals.pop(kept.floor, None)
