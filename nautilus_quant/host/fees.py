"""The fees of a node: what an order will cost, and in which tier each account is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_trader.common.component import Logger

from nautilus_quant.account.fee_tiers import REFRESH
from nautilus_quant.account.fees import Liquidity, Tier, profit_move
from nautilus_quant.host.board import find_on_bus, share_on_bus
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.fee_paid import PaidFees
from nautilus_quant.host.fee_terms import FeeTerms, VenueFees, is_option, is_settled_in_coin
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Message, publish
from nautilus_quant.host.state import StateError, StateStore, shared_store

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.common.component import Clock, MessageBus, TimeEvent
    from nautilus_trader.model.events import OrderFilled
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.account.fee_check import Tally
    from nautilus_quant.account.fee_tiers import TierTracker

NAMESPACE = "fees"
"""Of the documents in the state store."""
_PLACE = "nautilus_quant.fees"
_FILLS = "events.fills.*"
_TIMER = "fee-tiers"
_RECONCILED = "reconciled"
_EARLY = 15
"""Before strategies hear of a fill, it is part of the volume."""


@dataclass(frozen=True, kw_only=True)
class FeeUpdate(Message):
    """
    An account pays by another tier from now on (key: ``venue|schedule``).

    Parameters
    ----------
    tier, previous
        Names of the tiers, as the venue calls them.
    maker, taker
        Fees from now on [fraction]; rebates are negative.
    volume
        What was traded in the last 30 days [USD].

    """

    tier: str
    previous: str
    maker: float
    taker: float
    volume: float


class _Costs(NamedTuple):
    """What the fast answers about one instrument need."""

    rates: tuple[float, float, float, float]  # taker, maker; then the same of reduce-only orders
    multiplier: float
    inverse: bool
    cap: float  # infinite without one
    coins: bool  # an option that pays its fee for the coins it is about


class FeeBook:
    """
    Fees of everything on a message bus.

    Shared: `FeeBook.on`. Until somebody starts it, it answers with the fees instruments carry. Whoever starts
    it names the terms of each venue, and the book follows the tier by the fills of the node, keeps the volume
    in the state store, and compares the fee paid with each fill to the fee expected.

    Parameters
    ----------
    msgbus
        Of the node.

    """

    def __init__(self, msgbus: MessageBus) -> None:
        self._msgbus = msgbus
        self._cache = find_kernel(msgbus).cache
        self._log = Logger("FeeBook")
        self._costs: dict[InstrumentId, _Costs] = {}
        self._users = 0
        self._terms: dict[str, FeeTerms] = {}
        self._plain = VenueFees()
        self._venues: dict[str, VenueFees] = {}
        self._told: dict[str, Tier] = {}
        self._paid = PaidFees(msgbus)
        self._clock: Clock | None = None
        self._store: StateStore | None = None
        self._cadence: SaveCadence | None = None

    @classmethod
    def on(cls, msgbus: MessageBus) -> FeeBook:
        """Return the fee book of this bus, making it the first time."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(msgbus))

    @classmethod
    def find(cls, msgbus: MessageBus) -> FeeBook | None:
        """Return the fee book of this bus, if there is one."""
        return find_on_bus(msgbus, _PLACE, cls)

    def on_ping(self, _message: object) -> None:
        """Make the book findable; nothing is published there."""

    # -- life --------------------------------------------------------------------------------------

    def start(
        self,
        clock: Clock,
        terms: Mapping[str, FeeTerms] | None = None,
        *,
        state: str | None = None,
        tolerance: float = 0.02,
        alert_after: int = 5,
    ) -> None:
        """
        Begin to follow tiers and to compare fees; the first to start decides the terms.

        Parameters
        ----------
        clock
            Of the actor that starts it: rings every six hours.
        terms
            By venue; at one that is not named instruments' own fees hold.
        state
            URL of the state store; ``None`` keeps nothing over a restart.
        tolerance, alert_after
            By how much fees may differ [fraction], and for how many fills in a row, before an alert.

        Raises
        ------
        ValueError
            If it runs already, by other terms; or a number is impossible.

        """
        asked = dict(terms or {})
        if self._users:
            if asked != self._terms:
                raise ValueError(f"one node has one set of fee terms, was {self._terms} and now {asked}")
            self._users += 1
            return
        self._paid = PaidFees(self._msgbus, tolerance=tolerance, fills=alert_after)
        self._terms = asked
        self._venues = {venue: VenueFees(item) for venue, item in asked.items()}
        self._store = shared_store(state) if state is not None else None
        self._cadence = SaveCadence(self._msgbus, state)
        self._users = 1
        self._clock = clock
        now = clock.timestamp_ns()
        if self._store is not None:
            self._restore(self._store)
        self.refresh(now)
        self._msgbus.subscribe(_FILLS, self._on_fill, priority=_EARLY)
        # It first rings an interval after its start: at the next full six hours.
        clock.set_timer_ns(_TIMER, REFRESH, now - now % REFRESH, 0, self._on_time)

    def stop(self) -> None:
        """Stop when the last who started it stops; then instruments' own fees hold again."""
        self._users = max(0, self._users - 1)
        if self._users or self._clock is None:
            return
        self._msgbus.unsubscribe(_FILLS, self._on_fill)
        if _TIMER in self._clock.timer_names:
            self._clock.cancel_timer(_TIMER)
        self._save(self._clock.timestamp_ns())
        if self._store is not None:
            self._store.close()
        self._store = self._cadence = self._clock = None
        self._terms, self._venues, self._told = {}, {}, {}
        self._plain.forget()
        self._costs.clear()

    # -- questions ---------------------------------------------------------------------------------

    def rate(self, instrument: Instrument, *, passive: bool = False, reduce_only: bool = False) -> float:
        """
        Return the share of its notional an order will be charged [fraction]; negative when it is paid back.

        Parameters
        ----------
        instrument
            What is traded.
        passive
            Whether the order rests until somebody takes it.
        reduce_only
            Whether it may only reduce a position.

        """
        costs = self._costs.get(instrument.id) or self._read(instrument)
        return costs.rates[passive + 2 * reduce_only]

    def expected(
        self,
        instrument: Instrument,
        quantity: float,
        price: float,
        *,
        passive: bool = False,
        reduce_only: bool = False,
    ) -> float:
        """
        Return about what an order will cost [quote currency; base coin of inverse contracts].

        Parameters
        ----------
        instrument
            What is traded.
        quantity
            How much [base coin, or contracts].
        price
            At which it is filled [quote currency].
        passive, reduce_only
            As `rate`.

        """
        costs = self._costs.get(instrument.id) or self._read(instrument)
        rate = costs.rates[passive + 2 * reduce_only]
        contracts = quantity * costs.multiplier
        if costs.inverse:
            return rate * contracts / price
        if costs.cap == math.inf:
            return rate * contracts * price
        most = costs.cap * contracts * price
        return min(rate * contracts, most) if costs.coins else most

    def break_even(
        self,
        instrument: Instrument,
        half_spread: float = 0.0,
        *,
        entry_passive: bool = False,
        exit_passive: bool = False,
        profit: float = 0.0,
    ) -> float:
        """
        Return the move of the middle price that pays for getting in and out, and leaves a profit [fraction].

        Parameters
        ----------
        instrument
            What is traded.
        half_spread
            Distance of the best price from the middle [fraction of price]; paid by orders that take.
        entry_passive, exit_passive
            Whether each order rests.
        profit
            What must be left [fraction of the price at entry]: the least worthwhile target; 0 to break even.

        """
        rates = (self._costs.get(instrument.id) or self._read(instrument)).rates
        return profit_move(
            (rates[entry_passive], 0.0 if entry_passive else half_spread),
            (rates[exit_passive], 0.0 if exit_passive else half_spread),
            profit,
        )

    def tier(self, instrument: Instrument) -> Tier:
        """Return the tier an instrument is charged by."""
        return self._fees_at(instrument.id.venue.value).tier(instrument)

    @property
    def tiers(self) -> dict[str, tuple[Tier, float]]:
        """Tier in force, and volume as of the last refresh [USD], by ``venue|schedule``."""
        now = 0 if self._clock is None else self._clock.timestamp_ns()
        return {key: (tracker.tier, tracker.volume(now)) for key, tracker in self._trackers()}

    @property
    def reconciled(self) -> dict[tuple[str, str], Tally]:
        """Fees expected and paid since the beginning, by venue and currency; also after it stopped."""
        return self._paid.tallies

    def _fees_at(self, venue: str) -> VenueFees:
        return self._venues.get(venue, self._plain)

    def _read(self, instrument: Instrument) -> _Costs:
        tier = self.tier(instrument)
        rates = tuple(
            float(tier.rate(liquidity, reduce_only=only))
            for only in (False, True)
            for liquidity in (Liquidity.TAKER, Liquidity.MAKER)
        )
        capped = tier.cap is not None and is_option(instrument)
        costs = _Costs(
            (rates[0], rates[1], rates[2], rates[3]),
            float(instrument.multiplier),
            bool(instrument.is_inverse),
            float(tier.cap) if tier.cap is not None and capped else math.inf,
            capped and is_settled_in_coin(instrument),
        )
        self._costs[instrument.id] = costs
        return costs

    # -- tiers -------------------------------------------------------------------------------------

    def refresh(self, now: int) -> None:
        """Look at the volumes, if it is time to, and read again what fees instruments carry."""
        for fees in (self._plain, *self._venues.values()):
            fees.forget()
        self._costs.clear()
        for instrument in self._cache.instruments():
            self._fees_at(instrument.id.venue.value).tracker(instrument)
        for key, tracker in self._trackers():
            tracker.update(now)
            self._tell(key, tracker, now)

    def _on_time(self, event: TimeEvent) -> None:
        self.refresh(event.ts_event)
        self._save_sometimes(event.ts_event)

    def _trackers(self) -> list[tuple[str, TierTracker]]:
        return [
            (f"{venue}|{name}", tracker)
            for venue, fees in self._venues.items()
            for name, tracker in fees.trackers.items()
        ]

    def _tell(self, key: str, tracker: TierTracker, now: int) -> None:
        tier, before = tracker.tier, self._told.get(key)
        self._told[key] = tier
        if before is None or before.index == tier.index:
            return
        self._costs.clear()
        self._log.info(
            f"{key}: fee tier {before.name} -> {tier.name}, maker {tier.maker}, taker {tier.taker}"
        )
        update = FeeUpdate(
            key=key,
            ts=now,
            tier=tier.name,
            previous=before.name,
            maker=float(tier.maker),
            taker=float(tier.taker),
            volume=tracker.volume(now),
        )
        publish(self._msgbus, update)

    # -- fills -------------------------------------------------------------------------------------

    def _on_fill(self, fill: OrderFilled) -> None:
        instrument = self._cache.instrument(fill.instrument_id)
        if instrument is None:
            return
        venue, now = fill.instrument_id.venue.value, fill.ts_event
        fees = self._fees_at(venue)
        tracker = fees.tracker(instrument)
        if tracker is not None:
            key = f"{venue}|{tracker.schedule.name}"
            self._told.setdefault(key, tracker.tier)
            if tracker.update(now) is not None:
                self._tell(key, tracker, now)
        self._paid.on_fill(fill, instrument, fees.tier(instrument))
        if tracker is not None:
            tracker.add(now, self._paid.dollars(fill, instrument))
        self._save_sometimes(now)

    # -- state -------------------------------------------------------------------------------------

    def _restore(self, store: StateStore) -> None:
        documents = store.documents(NAMESPACE)
        try:
            self._paid.reconciler.restore(documents.pop(_RECONCILED, {}))
        except ValueError as error:
            self._log.error(f"stored fees cannot be read, their sums begin anew: {error}")
        for key, document in documents.items():
            venue, _, name = key.partition("|")
            fees = self._venues.get(venue)
            schedule = None if fees is None else fees.find(name)
            if fees is None or schedule is None:
                continue
            try:
                self._told[key] = fees.track(schedule).restore(document).tier
            except ValueError as error:
                self._log.error(f"{key}: stored volume cannot be read, it begins anew: {error}")

    def _save_sometimes(self, now: int) -> None:
        if self._cadence is not None and self._cadence.is_due(now):
            self._save(now)

    def _save(self, now: int) -> None:
        if self._store is None:
            return
        documents: dict[str, Any] = {key: tracker.to_dict() for key, tracker in self._trackers()}
        documents[_RECONCILED] = self._paid.reconciler.to_dict()
        try:
            for key, document in documents.items():
                self._store.put(NAMESPACE, key, document, ts=now)
        except StateError as error:
            self._log.error(f"fees are not saved, a restart would forget the volume: {error}")
