"""Orders that rest and would open a position: cancelled where nothing may be opened any more."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from nautilus_quant.host.liquidator import send_cancel

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.model.identifiers import ClientOrderId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.gateway import OrderGateway


def cancel_entries(kernel: NautilusKernel, gateway: OrderGateway, whose: Callable[[Order], bool]) -> None:
    """
    Cancel what rests and would open a position if it filled, an entry sent just now included.

    Where several orders would close the same position, as many stay as it takes, stops before limits: a
    position must not lose its protection because it has too much of it.

    Parameters
    ----------
    kernel, gateway
        The system, and what tells closing from opening in it.
    whose
        Which orders it is about.

    """
    cache = kernel.cache
    working = chain(cache.orders_open(), cache.orders_inflight(), cache.orders_emulated())
    orders = {order.client_order_id: order for order in working if whose(order)}
    gone: dict[ClientOrderId, Order] = {}
    for name, order in sorted(orders.items(), key=lambda item: item[1].has_trigger_price):
        if gateway.exposure.submit(order, cache.position_id(name), "rest", gone=gone).opening:
            gone[name] = order
    for order in gone.values():
        send_cancel(kernel, order)
