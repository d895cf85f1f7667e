"""An order that is shared out: what it wants, how it is followed, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.enums import OrderType, TimeInForce

from nautilus_quant.carry.routing_parcel import After, Parcel
from nautilus_quant.host.routing_market import Ask
from nautilus_quant.host.routing_plan import Wish

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.orders import Order

    from nautilus_quant.gating.intent import Side
    from nautilus_quant.host.alarm import Alarm
    from nautilus_quant.host.routing_plan import Plan

_ZERO = Decimal(0)
_TINY = Decimal("1e-12")
_AT_ONCE = (TimeInForce.IOC, TimeInForce.FOK)


class DeskSettings(NamedTuple):
    """
    How orders are shared out.

    Parameters
    ----------
    waves
        How often an order is shared out at most [-].
    pause
        Between two waves [ns].
    close_first, split
        As `Wish`.

    """

    waves: int = 5
    pause: int = 1_000_000_000
    close_first: bool = True
    split: bool = True


@dataclass(slots=True)
class Job:
    """An order that is shared out."""

    order: Order
    own: Instrument
    group: tuple[Instrument, ...]
    parcel: Parcel
    wish: Wish
    side: Side
    alarm: Alarm
    parts: dict[str, Instrument] = field(default_factory=dict)
    plan: Plan | None = None
    """The first one."""
    reason: str = ""
    """Why nothing could be sent last."""
    busy: bool = False

    def ask(self, coins: Decimal) -> Ask:
        """Return what markets are asked about a part of it [base coin]."""
        return Ask(self.order.strategy_id, self.side, coins, self.own)


def parcel_of(order: Order, own: Instrument, group: Sequence[Instrument], settings: DeskSettings) -> Parcel:
    """Return what follows an order."""
    unit, step = own.multiplier.as_decimal(), own.size_increment.as_decimal()
    finest = min(one.size_increment.as_decimal() * one.multiplier.as_decimal() for one in group)
    after = After.AGAIN if order.order_type == OrderType.MARKET else After.REST
    return Parcel(
        order.leaves_qty.as_decimal() * unit,
        After.STOP if order.time_in_force in _AT_ONCE else after,
        waves=settings.waves,
        pause=settings.pause,
        least=max(min(finest, step * unit) - _TINY, _ZERO),
        takes=not (order.has_price and order.is_post_only),
    )


def read_order(
    order: Order, group: Sequence[Instrument], settings: DeskSettings
) -> tuple[tuple[Instrument, ...], Wish]:
    """
    Read what an order says to its router.

    Returns
    -------
    tuple
        The markets it may go to, and what it wants.

    Raises
    ------
    ValueError
        If it says what a router does not know.

    """
    params = dict(order.exec_algorithm_params or {})
    venues, split = params.pop("venues", None), params.pop("split", settings.split)
    if params:
        raise ValueError(f"a router knows venues and split, was {', '.join(sorted(params))}")
    if not isinstance(split, bool):
        raise ValueError(f"split is true or false, was {split!r}")  # noqa: TRY004 (told to a strategy)
    if venues is not None:
        named = [venues] if isinstance(venues, str) else list(venues)
        known = {one.id.venue.value for one in group}
        if not named or not set(named) <= known:
            raise ValueError(f"venues are some of {', '.join(sorted(known))}, was {venues!r}")
        group = [one for one in group if one.id.venue.value in named]
    wish = Wish(
        float(order.price) if order.has_price else None,
        reduce_only=order.is_reduce_only,
        close_first=settings.close_first,
        split=split,
        whole=order.time_in_force == TimeInForce.FOK,
    )
    return tuple(group), wish
