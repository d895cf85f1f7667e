"""Exits for strategies that trade targets: what an exit has closed is not opened again at once."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderFilled

from nautilus_quant.host.exits import Exits
from nautilus_quant.host.exits_settings import ExitSettings
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig

if TYPE_CHECKING:
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument

_ZERO = Decimal(0)


class ExitTargetConfig(TargetStrategyConfig, kw_only=True, frozen=True):
    """
    What a strategy with targets and exits can be told.

    Parameters
    ----------
    exits
        How its positions are left; ``None`` leaves that to its targets alone.

    """

    exits: ExitSettings | None = None


class ExitTargets(TargetStrategy):
    """
    A `TargetStrategy` whose positions have exits; derive from it, or name it first among the bases.

    After an exit has filled, nothing is opened on that side of that instrument until the rule has wanted
    something else, flat or the other side. Its exits go on resting when it stops, since its positions stay.

    Parameters
    ----------
    config
        An `ExitTargetConfig`, or any config of a `TargetStrategy` that has its field ``exits``.

    """

    def __init__(self, config: ExitTargetConfig) -> None:
        super().__init__(config)
        self.exits: Exits | None = None
        self._left: dict[InstrumentId, int] = {}

    def on_start(self) -> None:
        """Take up the exits first, then start as any."""
        settings = self.config.exits
        if settings is not None:
            self.exits = Exits(self, settings, self.config.state)
            self.exits.start()
        super().on_start()

    def on_stop(self) -> None:
        """Cancel what works but for the exits."""
        super().on_stop()
        if self.exits is not None:
            self.exits.stop()

    def on_reset(self) -> None:
        """Forget what exits have closed."""
        super().on_reset()
        self._left.clear()

    def cancel_all_orders(
        self,
        instrument_id: InstrumentId,
        order_side: OrderSide = OrderSide.NO_ORDER_SIDE,
        *args: Any,
        **options: Any,
    ) -> None:
        """Cancel all orders of an instrument but the exits, which protect a position that stays."""
        if self.exits is None:
            super().cancel_all_orders(instrument_id, order_side, *args, **options)
            return
        cache = self.cache
        for order in [
            *cache.orders_open(instrument_id=instrument_id, strategy_id=self.id, side=order_side),
            *cache.orders_inflight(instrument_id=instrument_id, strategy_id=self.id, side=order_side),
        ]:
            if not self.exits.owns(order) and not order.is_closed and not order.is_pending_cancel:
                self.cancel_order(order)

    def on_order_event(self, event: OrderEvent) -> None:
        """Note first what an exit has closed, then go on towards the target."""
        if isinstance(event, OrderFilled) and self.exits is not None:
            order = self.cache.order(event.client_order_id)
            if order is not None and self.exits.owns(order):
                self._left[event.instrument_id] = -1 if event.order_side == OrderSide.BUY else 1
        super().on_order_event(event)

    def _difference(self, instrument: Instrument) -> Decimal:
        """Trade nothing that would open again what an exit has closed."""
        left = self._left.get(instrument.id, 0)
        if left and self._exposures.get(instrument.id, 0.0) * left <= 0.0:
            del self._left[instrument.id]
            left = 0
        difference = super()._difference(instrument)
        return _ZERO if difference * left > 0 else difference
