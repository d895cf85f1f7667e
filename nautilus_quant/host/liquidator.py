"""Cancel and close anything in a node, whoever's it is: the hands of the kill switch."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import CancelOrder
from nautilus_trader.model.enums import OrderSide, TimeInForce, TriggerType
from nautilus_trader.model.identifiers import ClientOrderId, PositionId
from nautilus_trader.model.orders import MarketOrder

from nautilus_quant.host.new_orders import send_new
from nautilus_quant.host.routing import nets
from nautilus_quant.host.sizes import whole_steps

if TYPE_CHECKING:
    from collections.abc import Container

    from nautilus_trader.model.identifiers import AccountId, InstrumentId
    from nautilus_trader.model.orders import Order
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.exposure import Exposure

TAG = "KILL_SWITCH"


class Liquidator:
    """
    Send cancels and reduce-only market orders in the name of the strategies that own them.

    Parameters
    ----------
    kernel
        The node.
    tag, prefix
        Of the closing orders: what tells them from others, and what their ids begin with.

    """

    def __init__(self, kernel: NautilusKernel, tag: str = TAG, prefix: str = "KS") -> None:
        self._kernel = kernel
        self._tag = tag
        self._prefix = prefix
        self._cache = kernel.cache
        self._count = 0
        self._closers: dict[str, list[Order]] = {}

    def working(self) -> list[Order]:
        """Return every order which could still trade: resting, in flight, emulated, held by an algorithm."""
        cache = self._cache
        found = [*cache.orders_open(), *cache.orders_inflight(), *cache.orders_emulated()]
        for algorithm_id in cache.exec_algorithm_ids():
            found += cache.orders_for_exec_algorithm(algorithm_id)
        unique = {order.client_order_id: order for order in found}
        return [order for order in unique.values() if not order.is_closed]

    def positions(self) -> list[Position]:
        """Return all open positions of the node."""
        return list(self._cache.positions_open())

    def exposed(self) -> dict[str, Decimal]:
        """
        Return the signed quantities that can be closed, by position id.

        Without what is too small for an order, and without what positions of several strategies
        cancel out where the venue nets them: there a reduce-only order could not close it.
        """
        groups: dict[tuple[AccountId, InstrumentId], list[Position]] = {}
        found: dict[str, Decimal] = {}
        for position in self.positions():
            if nets(self._kernel.exec_engine, position):
                groups.setdefault((position.account_id, position.instrument_id), []).append(position)
            elif not self.is_dust(position.instrument_id, position.signed_decimal_qty()):
                found[position.id.value] = position.signed_decimal_qty()
        for (_, instrument_id), positions in groups.items():
            net = sum((p.signed_decimal_qty() for p in positions), Decimal(0))
            if not self.is_dust(instrument_id, net):
                found |= _share_out(net, positions)
        return found

    def is_dust(self, instrument_id: InstrumentId, quantity: Decimal) -> bool:
        """Tell whether a quantity is smaller than the smallest order; of an unknown instrument none is."""
        instrument = self._cache.instrument(instrument_id)
        if instrument is None:
            return not quantity
        least = instrument.size_increment.as_decimal()
        if instrument.min_quantity is not None:
            least = max(least, instrument.min_quantity.as_decimal())
        return bool(abs(quantity) < least)

    def cancel_all(self, *, closes: bool = False) -> int:
        """
        Cancel every working order, and say how many.

        Parameters
        ----------
        closes
            Those of the kill switch as well.

        """
        chosen = [o for o in self.working() if closes or TAG not in (o.tags or ())]
        for order in chosen:
            send_cancel(self._kernel, order)
        return len(chosen)

    def cancel_opening(self, exposure: Exposure) -> int:
        """Cancel working orders that would open risk, keep stops and targets, and say how many went."""
        chosen: dict[ClientOrderId, Order] = {}
        # Where two orders would close the same position, one is too many: stops are kept before targets.
        for order in sorted(self.working(), key=lambda order: order.has_trigger_price):
            name = order.client_order_id
            intent = exposure.submit(order, self._cache.position_id(name), gone=chosen)
            if intent.opening and order.parent_order_id is None:
                chosen[name] = order
        for order in chosen.values():
            send_cancel(self._kernel, order)
        return len(chosen)

    def working_closes(self, ghosts: Container[ClientOrderId] = ()) -> dict[str, Decimal]:
        """Return what its own orders will still close, by position id, but for `ghosts`."""
        for key, orders in list(self._closers.items()):
            left = [o for o in orders if not o.is_closed and o.client_order_id not in ghosts]
            if left:
                self._closers[key] = left
            else:
                del self._closers[key]
        return {
            key: sum((o.leaves_qty.as_decimal() for o in orders), Decimal(0))
            for key, orders in self._closers.items()
        }

    def close(self, position_id: str, quantity: Decimal) -> bool:
        """
        Close part of a position at market, reduce-only.

        Parameters
        ----------
        position_id
            Which one.
        quantity
            How much [base coin, or contracts]; more than there is becomes what there is.

        Returns
        -------
        bool
            Whether an order was sent.

        """
        position = self._cache.position(PositionId(position_id))
        if position is None or position.is_closed:
            return False
        instrument = self._cache.instrument(position.instrument_id)
        if instrument is None:
            return False
        most = min(quantity, abs(position.signed_decimal_qty()))
        if most < instrument.size_increment.as_decimal():
            return False
        order = self._market_order(position, whole_steps(instrument, most))
        self._closers.setdefault(position_id, []).append(order)
        send_new(self._kernel, order, position.id)
        return True

    def _market_order(self, position: Position, size: object) -> MarketOrder:
        now = self._kernel.clock.timestamp_ns()
        self._count += 1
        return MarketOrder(
            trader_id=position.trader_id,
            strategy_id=position.strategy_id,
            instrument_id=position.instrument_id,
            # Letters and digits only, and short: every venue takes that.
            client_order_id=ClientOrderId(f"{self._prefix}{now // 1_000_000}N{self._count}"),
            order_side=OrderSide.SELL if position.is_long else OrderSide.BUY,
            quantity=size,
            init_id=UUID4(),
            ts_init=now,
            time_in_force=TimeInForce.GTC,
            # A spot account cannot go short, and some spot venues refuse the word.
            reduce_only=not self._is_cash(position),
            tags=[self._tag],
        )

    def _is_cash(self, position: Position) -> bool:
        account = self._cache.account(position.account_id)
        return account is not None and bool(account.is_cash_account)


def _share_out(net: Decimal, positions: list[Position]) -> dict[str, Decimal]:
    """Divide a net quantity among the positions on its side."""
    shares: dict[str, Decimal] = {}
    for position in positions:
        size = position.signed_decimal_qty()
        if size * net > 0:
            share = min(size, net, key=abs)
            shares[position.id.value] = share
            net -= share
    return shares


def send_cancel(kernel: NautilusKernel, order: Order) -> None:
    """Cancel an order, wherever it is held."""
    command = CancelOrder(
        trader_id=order.trader_id,
        strategy_id=order.strategy_id,
        instrument_id=order.instrument_id,
        client_order_id=order.client_order_id,
        venue_order_id=order.venue_order_id,
        command_id=UUID4(),
        ts_init=kernel.clock.timestamp_ns(),
    )
    if order.is_emulated or order.emulation_trigger != TriggerType.NO_TRIGGER:
        endpoint = "OrderEmulator.execute"
    elif order.exec_algorithm_id is not None and order.is_active_local:
        endpoint = f"{order.exec_algorithm_id}.execute"
    else:
        endpoint = "ExecEngine.execute"
    kernel.msgbus.send(endpoint, command)
