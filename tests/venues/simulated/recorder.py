"""An actor which subscribes to everything of some instruments and keeps all it hears."""

from __future__ import annotations

from typing import Any

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.data import BarType, OptionGreeks
from nautilus_trader.model.identifiers import InstrumentId

_GREEKS = (
    "instrument_id", "delta", "gamma", "vega", "theta", "rho", "mark_iv", "bid_iv", "ask_iv",
    "underlying_price", "open_interest", "convention", "ts_event", "ts_init",
)  # fmt: skip


class RecorderConfig(ActorConfig, frozen=True, kw_only=True):
    """What to listen to; bars by short spec."""

    instruments: tuple[str, ...]
    bars: tuple[str, ...] = ()


class Recorder(Actor):
    """Keeps events in the order in which they come."""

    def __init__(self, config: RecorderConfig) -> None:
        super().__init__(config)
        self.events: list[Any] = []
        self.answered: list[Any] = []

    def on_start(self) -> None:
        for name in self.config.instruments:
            instrument_id = InstrumentId.from_str(name)
            self.subscribe_order_book_depth(instrument_id)
            self.subscribe_trade_ticks(instrument_id)
            self.subscribe_mark_prices(instrument_id)
            self.subscribe_index_prices(instrument_id)
            self.subscribe_funding_rates(instrument_id)
            for spec in self.config.bars:
                self.subscribe_bars(BarType.from_str(f"{name}-{spec}-LAST-EXTERNAL"))
            self.subscribe_quote_ticks(instrument_id)
            self.subscribe_instrument_status(instrument_id)

    def _keep(self, event: Any) -> None:
        self.events.append(event)

    on_quote_tick = on_trade_tick = on_order_book_depth = on_mark_price = _keep
    on_index_price = on_funding_rate = on_bar = on_instrument_status = _keep


def plain(event: Any) -> dict[str, Any]:
    """Write an event as NautilusTrader would send it."""
    if isinstance(event, OptionGreeks):  # has no such method
        return {"type": "OptionGreeks"} | {name: str(getattr(event, name)) for name in _GREEKS}
    return type(event).to_dict(event)
