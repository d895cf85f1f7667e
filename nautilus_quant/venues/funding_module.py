"""Funding in a backtest: a simulation module for any venue, of ours or in a plain NautilusTrader run."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.config import SimulationModuleConfig
from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.modules import SimulationModule
from nautilus_trader.common.enums import ComponentState
from nautilus_trader.common.messages import ComponentStateChanged
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.funding_ledger import FundingLedger
from nautilus_quant.carry.funding_schedule import FundingSchedule, Untimed
from nautilus_quant.config.units import Seconds
from nautilus_quant.venues.funding_settlement import FundingSettlement

_NANOS = 1_000_000_000
_STATES = "events.system.*"


class FundingModuleConfig(SimulationModuleConfig, frozen=True, kw_only=True):
    """
    How a simulated venue pays funding.

    Parameters
    ----------
    untimed
        How to read a rate that does not say when it is paid: ``paid`` at its own time, as in records of past
        funding; ``predicted`` for the next whole multiple of the interval, as in recorded live feeds; or
        ``ignored``.
    interval
        Between two payments, for predicted rates that do not say [s].
    mark_stale_after
        Age at which a mark price is none, and the middle of the book is taken [s]. Hourly marks need more
        than an hour.
    delay
        How long after its time a payment is booked [s]: as long as data are under way, so that the last rate
        announced counts.

    """

    untimed: str = "paid"
    interval: Seconds = 28_800.0
    mark_stale_after: Seconds = 7_200.0
    delay: Seconds = 0.0

    def schedule(self) -> FundingSchedule:
        """Return the rule these settings make; ValueError when they are impossible."""
        return FundingSchedule(Untimed(self.untimed), int(self.interval * _NANOS))


class FundingModule(SimulationModule):
    """
    Settles every `FundingRateUpdate` of a venue's perpetuals on what is held in them, into the account.

    Add it to the venue (``BacktestVenueConfig.modules``, or ``add_venue(modules=[FundingModule()])``) and
    funding rates, best with mark prices, to the data. Nothing has to be subscribed. What is settled is the
    position held just before the stamp, whatever the order of the data of that moment.

    Parameters
    ----------
    config
        Its configuration.

    """

    def __init__(self, config: FundingModuleConfig | None = None) -> None:
        super().__init__(config or FundingModuleConfig())
        self._schedule = self.config.schedule()
        self._settlement: FundingSettlement | None = None

    @property
    def ledger(self) -> FundingLedger:
        """What was paid, by instrument."""
        return self._settlement.ledger if self._settlement is not None else FundingLedger()

    def register_venue(self, exchange: SimulatedExchange) -> None:
        """Listen to rates and fills of the venue."""
        super().register_venue(exchange)
        self._settlement = FundingSettlement(
            exchange,
            bus=self.msgbus,
            cache=self.cache,
            clock=self.clock,
            held=self._held,
            schedule=self._schedule,
            stale_after=int(self.config.mark_stale_after * _NANOS),
            delay=round(self.config.delay * _NANOS),
        )
        self.msgbus.subscribe(self._settlement.rates, self._settlement.on_rate)
        self.msgbus.subscribe("events.fills.*", self._settlement.on_fill)
        self.msgbus.subscribe(_STATES, self._on_state)

    def _held(self, instrument_id: InstrumentId) -> Mapping[str, Decimal]:
        positions = self.cache.positions_open(venue=None, instrument_id=instrument_id)
        return {position.id.value: position.signed_decimal_qty() for position in positions}

    def _on_state(self, event: Any) -> None:
        """Settle what is due at the very end before strategies stop: no time will pass any more."""
        if (
            isinstance(event, ComponentStateChanged)
            and event.component_type == "Trader"
            and event.state == ComponentState.STOPPING
            and self._settlement is not None
        ):
            self._settlement.settle(self.clock.timestamp_ns(), last=True)

    def process(self, ts_now: int) -> None:
        """Nothing: the clock rings when something is due."""

    def log_diagnostics(self, logger: Any) -> None:
        """Say what was paid."""
        for name, total in self.ledger.totals.items():
            logger.info(
                f"Funding of {name}: {total.net} {total.currency} in {total.payments} payments, received "
                f"{total.received}, paid {total.paid}"
            )
        if self._settlement is not None and self._settlement.waiting:
            logger.error(f"{self._settlement.waiting} funding payments had no price, and were not booked")

    def reset(self) -> None:
        """Begin anew."""
        if self._settlement is not None:
            self._settlement.reset()
