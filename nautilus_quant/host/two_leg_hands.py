"""Orders of a pair of instruments: made as the machine asks, and found again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.host.sizes import whole_steps

if TYPE_CHECKING:
    from nautilus_trader.model.orders import Order

    from nautilus_quant.carry.two_leg_told import Place
    from nautilus_quant.host.two_leg_pair import PairDesk
    from nautilus_quant.host.two_leg_strategy import TwoLegStrategy


def order_for(strategy: TwoLegStrategy, desk: PairDesk, place: Place) -> Order | None:
    """Return the order that a machine asks for; ``None`` when it cannot be sent now."""
    instrument = strategy.cache.instrument(desk.pair.legs[place.leg])
    if place.reducing and _closed_by_others(strategy, desk, place):
        return None
    side = OrderSide.BUY if place.quantity > 0 else OrderSide.SELL
    quantity = whole_steps(instrument, abs(place.quantity))
    reduce_only = place.reducing and strategy._may_go_short(instrument) and _covers(strategy, desk, place)  # noqa: SLF001
    order_id = ClientOrderId(place.id)
    if not place.passive:
        return strategy.order_factory.market(
            instrument.id, side, quantity, reduce_only=reduce_only, client_order_id=order_id
        )
    quote = strategy.cache.quote_tick(instrument.id)
    if quote is None:
        return None
    return strategy.order_factory.limit(
        instrument.id,
        side,
        quantity,
        quote.bid_price if place.quantity > 0 else quote.ask_price,
        TimeInForce.GTC,
        post_only=True,
        reduce_only=reduce_only,
        client_order_id=order_id,
    )


def strangers(strategy: TwoLegStrategy, desk: PairDesk) -> list[Order]:
    """Return orders of a pair that may still fill, and that its machine does not remember."""
    known = desk.machine.book.orders
    return [
        order
        for leg in desk.pair.legs
        for order in strategy.cache.orders(instrument_id=leg, strategy_id=strategy.id)
        if order.client_order_id.value.startswith(known.mark)
        and not order.is_closed
        and known.get(order.client_order_id.value) is None
    ]


def _closed_by_others(strategy: TwoLegStrategy, desk: PairDesk, place: Place) -> bool:
    """Tell whether somebody else, a kill switch, is closing a leg of which no order can only reduce."""
    leg = desk.pair.legs[place.leg]
    if strategy._may_go_short(strategy.cache.instrument(leg)):  # noqa: SLF001
        return False
    mark = desk.machine.book.orders.mark[:2]
    working = [
        order
        for order in (
            *strategy.cache.orders_open(instrument_id=leg, strategy_id=strategy.id),
            *strategy.cache.orders_inflight(instrument_id=leg, strategy_id=strategy.id),
        )
        if not order.client_order_id.value.startswith(mark) and order.is_buy == (place.quantity > 0)
    ]
    return bool(working)


def _covers(strategy: TwoLegStrategy, desk: PairDesk, place: Place) -> bool:
    """Tell whether the netted position is as large as what is reduced: other pairs share it."""
    if not desk.shares[place.leg]:
        return True
    position = strategy.position_of(desk.pair.legs[place.leg])
    return position * place.quantity < 0 and abs(position) >= abs(place.quantity)
