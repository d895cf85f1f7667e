"""Begin to protect a position: its ladder, new or of an earlier run, and the desk that keeps its orders."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.exits_desk import ExitDesk
from nautilus_quant.host.exits_rest import closes_position
from nautilus_quant.host.exits_settings import why_not_resting
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.portfolio.exits import Kind
from nautilus_quant.portfolio.exits_ladder import ExitLadder
from nautilus_quant.portfolio.sizing import Lot

if TYPE_CHECKING:
    from nautilus_trader.common.actor import Actor
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.exits_orders import ExitOrders
    from nautilus_quant.host.exits_settings import ExitSettings
    from nautilus_quant.host.exits_state import ExitMemory
    from nautilus_quant.host.exits_told import ExitTold


class ExitArming:
    """
    Makes ladders and desks.

    Parameters
    ----------
    host
        Whose bus and cache are used.
    orders
        How a desk sends orders, and knows those of an earlier run.
    memory
        Ladders of an earlier run.
    told
        Who is told what a person should know.

    """

    def __init__(self, host: Actor, orders: ExitOrders, memory: ExitMemory, told: ExitTold) -> None:
        self._host = host
        self._orders = orders
        self._memory = memory
        self._told = told

    def ladder(self, position: Position, settings: ExitSettings) -> ExitLadder | None:
        """Return the ladder an earlier run kept, or a new one; ``None`` without an instrument."""
        instrument = self._host.cache.instrument(position.instrument_id)
        if instrument is None:
            return None
        params = settings.params(FeeBook.on(self._host.msgbus).break_even(instrument))
        lot, tick = _lot_of(instrument), instrument.price_increment.as_decimal()
        known = self._memory.ladder(position, lot, params, tick, self._host.cache)
        return known or ExitLadder(
            Side.BUY if position.is_long else Side.SELL,
            position.avg_px_open,
            abs(Decimal(position.signed_decimal_qty())),
            lot,
            params=params,
            tick=tick,
            opened=position.ts_opened,
        )

    def desk(self, position: Position, settings: ExitSettings) -> ExitDesk | None:
        """Return a desk for a position, with the exits that work for it; ``None`` without a ladder."""
        ladder = self.ladder(position, settings)
        if ladder is None:
            return None
        instrument = self._host.cache.instrument(position.instrument_id)
        is_cash = self._orders.is_cash(position)
        reasons = {kind: why_not_resting(settings, instrument, kind, is_cash=is_cash) for kind in Kind}

        def tell(severity: str, about: str, text: str) -> None:
            self._told.alert(position, severity, about, text)

        desk = ExitDesk(
            position,
            ladder,
            self._orders,
            own_side=[kind for kind, reason in reasons.items() if reason],
            retries=settings.retries,
            modifies=settings.replace == "modify",
            tell=tell,
        )
        self._told.not_resting(position, ladder, reasons)
        self._adopt(desk, position)
        return desk

    def _adopt(self, desk: ExitDesk, position: Position) -> None:
        cache = self._host.cache
        of = {"instrument_id": position.instrument_id, "strategy_id": position.strategy_id}
        for order in {*cache.orders_open(**of), *cache.orders_inflight(**of)}:
            rung = self._orders.rung_of(order)
            if rung is not None and closes_position(cache, order, position):
                desk.adopt(order, rung)


def _lot_of(instrument: Instrument) -> Lot:
    least, most = instrument.min_quantity, instrument.max_quantity
    return Lot(
        step=instrument.size_increment.as_decimal(),
        minimum=None if least is None else least.as_decimal(),
        maximum=None if most is None else most.as_decimal(),
    )
