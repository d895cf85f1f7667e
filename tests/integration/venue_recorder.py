"""An actor that writes down all it hears of some instruments, for comparison with another run."""

from __future__ import annotations

import json
from pathlib import Path

from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig
from nautilus_trader.model.identifiers import InstrumentId

from tests.venues.simulated.recorder import plain


class VenueRecorderConfig(ActorConfig, kw_only=True, frozen=True):
    path: str
    instruments: tuple[InstrumentId, ...]


class VenueRecorder(Actor):
    """Appends one JSON line per event: when it came, and what it is."""

    def on_start(self) -> None:
        self.file = Path(self.config.path).open("w", encoding="utf-8")  # noqa: SIM115
        for instrument_id in self.config.instruments:
            self.subscribe_quote_ticks(instrument_id)
            self.subscribe_order_book_depth(instrument_id)
            self.subscribe_trade_ticks(instrument_id)
            self.subscribe_mark_prices(instrument_id)
            self.subscribe_funding_rates(instrument_id)
            self.subscribe_instrument_status(instrument_id)

    def on_stop(self) -> None:
        self.file.close()

    def _write(self, event) -> None:
        what = f"{type(event).__name__} {json.dumps(plain(event), sort_keys=True, default=str)}"
        self.file.write(json.dumps({"ts": event.ts_init, "what": what}) + "\n")
        self.file.flush()

    on_quote_tick = on_order_book_depth = on_trade_tick = on_mark_price = _write
    on_funding_rate = on_instrument_status = _write
