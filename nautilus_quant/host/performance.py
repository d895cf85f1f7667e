"""What the performance guard tells the other plug-ins, and how closed positions become trades."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nautilus_trader.model.events import PositionClosed, PositionOpened

from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Message

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.events import OrderFilled, PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId, PositionId, StrategyId
    from nautilus_trader.model.objects import Currency, Money
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.valuation import Valuer


_PLACE = "nautilus_quant.round_trips"


@dataclass(frozen=True, kw_only=True)
class PerformanceUpdate(Message):
    """
    A strategy was paused for its results, or may go on (key: strategy id, or ``strategy|instrument``).

    Parameters
    ----------
    stage
        ``OK``, ``PAUSED`` or ``PROBATION``; only ``PAUSED`` forbids entries.
    until
        End of the pause, UNIX time [ns]; 0 unless paused.
    code, reason
        Which floor it was below, in words with unit, value and bound.

    """

    stage: str
    until: int
    code: str
    reason: str


class RoundTrips:
    """
    Turns position events into results of trades: from flat to flat, or to the other side.

    Shared by all who ask on a message bus: `RoundTrips.on`.

    A position realises profit net of commissions in its settlement currency only; those in another (a venue's
    own coin, the base coin of a spot market) are taken off here.

    Parameters
    ----------
    cache
        Instruments, and positions that were open before.
    valuer
        Exchange rates.

    """

    def __init__(self, cache: CacheFacade, valuer: Valuer) -> None:
        self._cache = cache
        self._valuer = valuer
        self._last: dict[tuple[StrategyId, InstrumentId], OrderFilled] = {}
        self._fees: dict[PositionId, float] = {}
        self._event: PositionEvent | None = None
        self._trade: tuple[float, float] | None = None

    @classmethod
    def on(cls, msgbus: MessageBus, valuer: Valuer) -> RoundTrips:
        """Return those of this bus, making them the first time."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(find_kernel(msgbus).cache, valuer))

    def on_ping(self, _message: object) -> None:
        """Make them findable; nothing is published there."""

    def adopt(self, position: Position, now: int) -> None:
        """Take a position that was open before anybody listened, with what it has paid so far."""
        self._fees.pop(position.id, None)  # somebody else may have adopted it
        for paid in position.commissions():
            self._pay(position.id, paid, position.settlement_currency, 1.0, now)

    def on_fill(self, fill: OrderFilled) -> None:
        """Remember a fill; the events of the positions it changes come next."""
        self._last[(fill.strategy_id, fill.instrument_id)] = fill

    def on_event(self, event: PositionEvent) -> tuple[float, float] | None:
        """
        Take a position event; give the trade it ends, if it ends one.

        Returns
        -------
        tuple of float or None
            Profit after all commissions, and value of the position at its largest, at its mean entry price
            [reporting currency]; NaN where a rate or the instrument is missing.

        """
        if event is not self._event:
            self._event, self._trade = event, self._read(event)
        return self._trade

    def _read(self, event: PositionEvent) -> tuple[float, float] | None:
        if isinstance(event, PositionOpened):
            self._fees.pop(event.position_id, None)
        fill = self._last.get((event.strategy_id, event.instrument_id))
        paid, settled = (None if fill is None else fill.commission), event.realized_pnl.currency
        if fill is not None and paid is not None and paid.currency != settled:
            # A fill that flips ends one and begins another.
            share = event.last_qty.as_double() / fill.last_qty.as_double()
            self._pay(event.position_id, paid, settled, share, event.ts_event)
        return self._result(event) if isinstance(event, PositionClosed) else None

    def _pay(
        self, position: PositionId, paid: Money | None, settled: Currency, share: float, now: int
    ) -> None:
        if paid is None or paid.currency == settled:
            return
        cost = share * paid.as_double() * self._rate(paid.currency.code, now)
        self._fees[position] = self._fees.get(position, 0.0) + cost

    def _result(self, event: PositionClosed) -> tuple[float, float]:
        realized, now = event.realized_pnl, event.ts_event
        pnl = realized.as_double() * self._rate(realized.currency.code, now)
        pnl -= self._fees.pop(event.position_id, 0.0)
        instrument = self._cache.instrument(event.instrument_id)
        if instrument is None:
            return pnl, float("nan")
        unit = self._valuer.unit(instrument, now, event.avg_px_open)
        return pnl, float(event.peak_qty) * unit

    def _rate(self, code: str, now: int) -> float:
        if self._valuer.currency is None:
            self._valuer.value(now)  # which settles the reporting currency
        return self._valuer.rate(code, now)
