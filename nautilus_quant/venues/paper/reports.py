"""Status reports of the paper venue: what it says when the node asks for the truth."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.reports import OrderStatusReport, PositionStatusReport
from nautilus_trader.model.enums import PositionSide
from nautilus_trader.model.identifiers import AccountId, PositionId, VenueOrderId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Quantity
from nautilus_trader.model.orders import Order

from nautilus_quant.venues.paper.ledger import Holding

# what a report copies from an order when the order type has it
_OPTIONAL = (
    "price",
    "trigger_price",
    "trigger_type",
    "limit_offset",
    "trailing_offset",
    "trailing_offset_type",
)


def net_report(
    account_id: AccountId, instrument: Instrument, holdings: Iterable[Holding], now: int
) -> PositionStatusReport:
    """
    Report the net position of a netting account in one instrument, FLAT when there is none.

    The entry price is left out when several strategies own parts: NautilusTrader compares it with an average
    over its own positions which has no meaning for opposite sides.
    """
    parts = list(holdings)
    net = sum((part.quantity for part in parts), Decimal(0))
    if net == 0:
        return flat_report(account_id, instrument, now)
    return _position_report(
        account_id,
        instrument,
        net,
        price=parts[0].price if len(parts) == 1 else None,
        ts_last=max(part.ts_last for part in parts),
        now=now,
    )


def hedge_report(
    account_id: AccountId, instrument: Instrument, holding: Holding, now: int
) -> PositionStatusReport:
    """Report one position of a hedging account under its own id."""
    return _position_report(
        account_id,
        instrument,
        holding.quantity,
        price=holding.price,
        ts_last=holding.ts_last,
        now=now,
        position=PositionId(holding.position),
    )


def flat_report(account_id: AccountId, instrument: Instrument, now: int) -> PositionStatusReport:
    """Report that nothing is held in an instrument."""
    return PositionStatusReport.create_flat(account_id, instrument.id, instrument.size_precision, now)


def order_report(
    order: Order, account_id: AccountId, venue_order_id: VenueOrderId, now: int
) -> OrderStatusReport:
    """Report a working order as it stands at the venue."""
    optional = {name: getattr(order, name) for name in _OPTIONAL if getattr(order, name, None) is not None}
    return OrderStatusReport(
        account_id=account_id,
        instrument_id=order.instrument_id,
        venue_order_id=venue_order_id,
        client_order_id=order.client_order_id,
        order_list_id=order.order_list_id,
        linked_order_ids=order.linked_order_ids,
        parent_order_id=order.parent_order_id,
        contingency_type=order.contingency_type,
        order_side=order.side,
        order_type=order.order_type,
        time_in_force=order.time_in_force,
        order_status=order.status,
        quantity=order.quantity,
        filled_qty=order.filled_qty,
        avg_px=Decimal(str(order.avg_px)) if order.avg_px else None,
        post_only=order.is_post_only,
        reduce_only=order.is_reduce_only,
        report_id=UUID4(),
        ts_accepted=order.ts_accepted,
        ts_last=order.ts_last,
        ts_init=now,
        **optional,
    )


def _position_report(
    account_id: AccountId,
    instrument: Instrument,
    quantity: Decimal,
    *,
    price: float | None,
    ts_last: int,
    now: int,
    position: PositionId | None = None,
) -> PositionStatusReport:
    return PositionStatusReport(
        account_id=account_id,
        instrument_id=instrument.id,
        position_side=PositionSide.LONG if quantity > 0 else PositionSide.SHORT,
        quantity=Quantity(abs(quantity), instrument.size_precision),
        report_id=UUID4(),
        ts_last=ts_last,
        ts_init=now,
        venue_position_id=position,
        avg_px_open=None if price is None else Decimal(repr(price)),
    )
