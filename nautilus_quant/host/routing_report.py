"""What a router tells of an order it shared out."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.host.messages import Message

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade

    from nautilus_quant.host.routing_job import Job
    from nautilus_quant.host.routing_market import RoutingMarket


@dataclass(frozen=True, kw_only=True)
class RouteUpdate(Message):
    """
    An order was shared out, or has ended (key: id of the order).

    Parameters
    ----------
    strategy, instrument, side
        Of the order.
    asked, filled, working, left
        Of it: asked for, done so far, on its way or resting, and sent to nobody [base coin]. What works when
        the router stops goes on without it.
    sent
        What each instrument was sent, ``{"BTCUSDT-PERP.SIM_A": 0.2}`` [base coin].
    expected, alone
        What a coin was expected to cost or bring with fees and all else, and the same of the best venue
        alone; NaN where it is not known, or nobody could do it alone [quote currency].
    price
        What was paid or got on average, without fees [quote currency]; NaN before the first fill.
    over
        Whether it has ended.
    reason
        Why something is left, if anybody said so.
    excluded
        Why instruments were left out at first.

    """

    strategy: str
    instrument: str
    side: str
    asked: float
    filled: float
    working: float
    left: float
    sent: Mapping[str, float]
    expected: float
    alone: float
    price: float
    over: bool
    reason: str = ""
    excluded: Mapping[str, str] = field(default_factory=dict)


def route_update(job: Job, over: bool, cache: CacheFacade, market: RoutingMarket, now: int) -> RouteUpdate:
    """Tell of an order at `now`, UNIX time [ns]."""
    parcel, order, first = job.parcel, job.order, job.plan
    sent: dict[str, float] = defaultdict(float)
    paid = done = 0.0
    for name, piece in parcel.pieces.items():
        sent[piece.venue] += float(piece.quantity)
        part = cache.order(ClientOrderId(name))
        if part is not None and piece.filled:
            rate = market.rate(job.parts[name], job.own, now)
            paid += float(piece.filled) * float(part.avg_px) * rate
            done += float(piece.filled)
    return RouteUpdate(
        key=order.client_order_id.value,
        ts=now,
        strategy=order.strategy_id.value,
        instrument=order.instrument_id.value,
        side=job.side.name,
        asked=float(parcel.asked),
        filled=float(parcel.filled),
        working=float(parcel.working),
        left=float(parcel.unplaced),
        sent=dict(sent),
        expected=math.nan if first is None else first.price,
        alone=math.nan if first is None else first.alone,
        price=paid / done if done else math.nan,
        over=over,
        reason=job.reason if over and parcel.unplaced else "",
        excluded={} if first is None else dict(first.excluded),
    )


def journal_entry(update: RouteUpdate) -> dict[str, Any]:
    """Give an update as it goes into the journal."""
    body = asdict(update)
    body["order"] = body.pop("key")
    del body["ts"]
    return body
