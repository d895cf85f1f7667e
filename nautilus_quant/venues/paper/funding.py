"""Funding at a paper venue: the same rule as in a backtest, and what is due outlives the process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import Clock, MessageBus
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.data.messages import SubscribeFundingRates, SubscribeMarkPrices
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.funding_ledger import FundingLedger
from nautilus_quant.carry.funding_schedule import FundingSchedule, Untimed
from nautilus_quant.host.funding import terms_of
from nautilus_quant.host.state import StateStore
from nautilus_quant.host.subscribing import can_subscribe
from nautilus_quant.venues.funding_settlement import FundingSettlement
from nautilus_quant.venues.paper.account import PaperAccount
from nautilus_quant.venues.paper.config import PaperExecClientConfig

DATA_ENGINE: Final = "DataEngine.execute"
FUNDING: Final = "paper_funding"
"""Namespace of what was paid and what is announced, by venue."""
_NEEDED: Final = {"funding_rates": SubscribeFundingRates, "mark_prices": SubscribeMarkPrices}
_NANOS: Final = 1_000_000_000
_SAVE_EVERY: Final = 60 * _NANOS


class PaperFunding:
    """
    Pays the funding of one paper venue.

    A payment is written down before it is booked: a crash between the two loses one, and never pays twice.
    What was announced for a time at which the process was not there is paid when it is back, at the price
    then. Rates and mark prices of what is traded are subscribed here: nobody else has to.

    Parameters
    ----------
    config
        Configuration of the venue.
    exchange
        The venue's exchange.
    account
        The venue's books, which say what is held.
    store
        Where it is remembered.
    bus, cache, clock, loop
        Of the node.
    ready
        Whether the node has processed all fills, and hears the venue.
    alarm
        Told when what is stored cannot be read or written.

    """

    def __init__(
        self,
        config: PaperExecClientConfig,
        *,
        exchange: SimulatedExchange,
        account: PaperAccount,
        store: StateStore,
        bus: MessageBus,
        cache: Cache,
        clock: Clock,
        loop: asyncio.AbstractEventLoop,
        ready: Callable[[], bool],
        alarm: Callable[[str], None],
    ) -> None:
        self._off = config.funding == "off"
        self._venue = config.venue
        self._account = account
        self._store = store
        self._bus = bus
        self._clock = clock
        self._alarm = alarm
        self._cache = cache
        self._saved = 0
        self._watched: set[InstrumentId] = set()
        schedule = FundingSchedule(
            Untimed.IGNORED if self._off else Untimed(config.funding), int(config.funding_interval * _NANOS)
        )
        self._settlement = FundingSettlement(
            exchange,
            bus=bus,
            cache=cache,
            clock=clock,
            held=self._held,
            schedule=schedule,
            stale_after=int(config.mark_stale_after * _NANOS),
            delay=round((config.funding_delay + config.latency) * _NANOS),
            ready=ready,
            keep=self._save,
            run=loop.call_soon_threadsafe,
        )
        self._restore()

    @property
    def ledger(self) -> FundingLedger:
        """What was paid, by instrument."""
        return self._settlement.ledger

    def start(self) -> None:
        """Listen to funding rates."""
        if not self._off:
            self._bus.subscribe(self._settlement.rates, self._on_rate)
            self._settlement.arm()

    def stop(self) -> None:
        """Listen no more, and write down what is announced."""
        if not self._off:
            self._bus.unsubscribe(self._settlement.rates, self._on_rate)
            self._settlement.stop()
            self._save()

    def watch(self, instrument_id: InstrumentId) -> None:
        """Subscribe what an instrument pays by, if it is a perpetual: it is held, or about to be."""
        if self._off or instrument_id in self._watched:
            return
        instrument = self._cache.instrument(instrument_id)
        if instrument is None:
            return
        self._watched.add(instrument_id)
        if terms_of(instrument) is None or DATA_ENGINE not in self._bus.endpoints():
            return
        now = self._clock.timestamp_ns()
        for kind, command in _NEEDED.items():
            if can_subscribe(self._bus, self._venue, kind):
                self._bus.send(DATA_ENGINE, command(instrument_id, None, instrument_id.venue, UUID4(), now))
            else:
                self._alarm(f"{self._venue} tells no {kind} of {instrument_id}, which funding is paid by")

    def on_fill(self, fill: OrderFilled) -> None:
        """Remember a fill of the venue, just booked."""
        self._settlement.on_fill(fill, self._account.position_of(fill))

    def _on_rate(self, update: FundingRateUpdate) -> None:
        self._settlement.on_rate(update)
        if self._clock.timestamp_ns() - self._saved >= _SAVE_EVERY:
            self._save()

    def _held(self, instrument_id: InstrumentId) -> Mapping[str, Decimal]:
        holdings = self._account.ledger.holdings.values()
        return {h.position: h.quantity for h in holdings if h.instrument == instrument_id.value}

    def _save(self) -> None:
        self._saved = self._clock.timestamp_ns()
        document: dict[str, Any] = {
            "schedule": self._settlement.schedule.to_dict(),
            "ledger": self._settlement.ledger.to_dict(),
        }
        try:
            self._store.put_now(FUNDING, self._venue, document, ts=self._saved)
        except Exception as error:  # noqa: BLE001 paying without a note is the lesser evil
            self._alarm(f"funding cannot be written down, a crash now could pay it twice: {error!r}")

    def _restore(self) -> None:
        document = self._store.get(FUNDING, self._venue)
        if document is None:
            return
        try:
            ledger = FundingLedger.from_dict(document["ledger"])
            self._settlement.schedule.restore(document["schedule"])
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            self._alarm(f"cannot read what funding was paid, it begins anew: {error!r}")
        else:
            self._settlement.ledger = ledger
