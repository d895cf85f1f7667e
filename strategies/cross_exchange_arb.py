"""Buy a coin where it is cheap and sell it where it is dear, at as many venues as there are."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OrderStatus, OrderType
from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.carry.cross_venue_fills import FillBook
from nautilus_quant.carry.cross_venue_funding import LegFunding
from nautilus_quant.carry.cross_venue_hedge import HedgeBook
from nautilus_quant.carry.cross_venue_outage import Access
from nautilus_quant.carry.cross_venue_rule import CrossVenueRule, PairView
from nautilus_quant.carry.two_leg_terms import Style
from nautilus_quant.carry.two_leg_told import Phase, What
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.cadence import SaveCadence
from nautilus_quant.host.cross_venue_desk import StockTerms, VenueDesk
from nautilus_quant.host.cross_venue_elsewhere import Elsewhere
from nautilus_quant.host.cross_venue_memory import CrossVenueMemory
from nautilus_quant.host.cross_venue_messages import CrossVenueUpdate
from nautilus_quant.host.cross_venue_watch import VenueVoice
from nautilus_quant.host.messages import publish
from nautilus_quant.host.two_leg_pair import Pair, outcome_of
from nautilus_quant.host.two_leg_strategy import TwoLegStrategy
from nautilus_quant.strategies.cross_exchange_arb_config import (
    CrossExchangeArbConfig,
    fill_params,
    funding_doubt,
    hedge_params,
    outage_params,
    rule_params,
    target_coins,
    transfer_terms,
)

if TYPE_CHECKING:
    from nautilus_trader.model.data import FundingRateUpdate, OrderBookDepth10, QuoteTick
    from nautilus_trader.model.events import OrderEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.orders import Order

    from nautilus_quant.carry.cross_venue_rule import Wish
    from nautilus_quant.carry.two_leg_told import PairChange
    from nautilus_quant.host.cross_venue_memory import Remembers

_NANOS = 1_000_000_000
_MINUTE = 60 * _NANOS
_QUIET = (Phase.FLAT, Phase.HEDGED)
_ROUNDING = 1.0 + 1e-9


class CrossExchangeArb(TwoLegStrategy):
    """
    Trade differences between venues beyond the usual ones, after fees, funding, transfers and the way out.

    Every two venues are a pair; which of them is entered, held and left, and what inventories have to say in
    it, is told in `nautilus_quant.carry.cross_venue_rule`, and how legs are kept together in
    `nautilus_quant.host.two_leg_strategy.TwoLegStrategy`. A venue that is down, is killed (an allocation of 0
    published for its instrument) or fills badly does not hold back the others. A leg that stands alone at a
    venue that is down is hedged by its pair, else at another venue, and that hedge is taken off when the leg
    is closed (`nautilus_quant.carry.cross_venue_hedge`).

    Parameters
    ----------
    config
        A `CrossExchangeArbConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, or there are not two different instruments.

    """

    def __init__(self, config: CrossExchangeArbConfig) -> None:
        super().__init__(config)
        self._terms = StockTerms(
            float(config.inventory_limit),
            float(config.max_notional),
            float(config.reserve),
            target_coins(config),
            transfer_terms(config),
        )
        self._alarm: Alarm | None = None
        self._notes: CrossVenueMemory | None = None
        self._cadence: SaveCadence | None = None
        self._venue_voice: VenueVoice | None = None
        self._desk: VenueDesk | None = None
        self._outage_params = outage_params(config)
        self._forget()

    def _forget(self) -> None:
        self._rule = CrossVenueRule(rule_params(self.config))
        self._fills = FillBook(fill_params(self.config))
        self._hedge_book = HedgeBook(hedge_params(self.config))
        self._hedges: Elsewhere | None = None
        self._wanted: dict[str, float] = {}
        self._gone: set[str] = set()
        self._halted: set[str] = set()
        self._equity = math.nan
        self._looked = 0
        self._looking = False
        self._is_current = False  # whether pairs know what became of orders sent at the start

    def pairs(self) -> tuple[Pair, ...]:
        """Every two of its venues."""
        legs = (self.config.instrument, *self.config.others)
        if len(set(legs)) != len(legs) or len(legs) < 2:
            raise ValueError(f"need two or more different instruments, was {[leg.value for leg in legs]}")
        return tuple(Pair(f"{one}/{two}", one, two) for one, two in itertools.combinations(legs, 2))

    # -- life ----------------------------------------------------------------------------------------

    def on_target_start(self) -> None:
        """Go on from the saved state, and begin to hear books and funding."""
        try:
            self._desk = self._open_desk()
        except ValueError as error:
            self.log.error(f"cannot trade between these: {error}")
            self.stop()
            return
        # The pairs' machines are new, and have heard nothing of venues that are down.
        self._gone.clear()
        self._halted.clear()
        self._is_current = False
        doubt = funding_doubt(self.config)
        self._rule.funding = {leg.value: LegFunding(doubt) for leg in self._desk.perpetuals}
        self._venue_voice = VenueVoice(self.msgbus, self.id.value)
        self._notes = CrossVenueMemory(self.id.value, self.config.state, self.log)
        self._cadence = SaveCadence(self.msgbus, self.config.state)
        self._hedges = Elsewhere(self, self._desk, self._venue_voice, self._notes, self._hedge_book)
        self._notes.read(self._rules(self._desk, self._hedges))
        self._hedges.reconcile(self.clock.timestamp_ns())
        for pair in self._pairs.values():
            coins = [self._desk.legs[leg.value].coins for leg in pair.legs]
            if coins != [1, 1]:
                self.reweigh(pair.name, (1 / coins[0], -1 / coins[1]))
        for leg in self._desk.perpetuals:
            self.subscribe_funding_rates(leg)
        if self.config.book == "depth10":
            for name in self.legs:
                self.subscribe_order_book_depth(name, managed=False)
        self._alarm = Alarm(self.clock, f"{self.id.value}-watch", lambda _event: self._watch())
        self._alarm.set(self.clock.timestamp_ns() + self._patience)

    def _open_desk(self) -> VenueDesk:
        instruments = [self.cache.instrument(leg) for leg in self.legs]
        desk = VenueDesk(
            self.msgbus,
            self.portfolio,
            instruments,
            self.position_of,
            self._terms,
            now=self.clock.timestamp_ns(),
            outages=self._outage_params,
            inventory=self._rule.params.inventory,
        )
        stale = self.config.stale_after
        if stale is not None:
            ages = {"stale_after": float(stale), "dead_after": 3.0 * float(stale)}
            desk.health.configure(replace(desk.health.params, **ages))
        return desk

    def _rules(self, desk: VenueDesk, hedges: Elsewhere) -> dict[str, Remembers]:
        return {
            "rule": self._rule,
            "fills": self._fills,
            "outages": desk.outages,
            "hedges": hedges.book,
            "found": desk.found,
        }

    def on_stop(self) -> None:
        """Keep what is known after what the base does."""
        self._leave_hedged()
        super().on_stop()
        if self._alarm is not None:
            self._alarm.cancel()
        if self._notes is not None and self._desk is not None and self._hedges is not None:
            self._notes.keep(self._rules(self._desk, self._hedges), self.clock.timestamp_ns())
            self._notes.close()
            self._notes = None

    def _leave_hedged(self) -> None:
        """Keep pairs from mending at the end what is hedged elsewhere: nobody would take that hedge off."""
        if self._hedges is None or not self._hedges.book.held:
            return
        for desk in self._desks.values():
            if desk.machine.phase is Phase.UNHEDGED:
                for leg in (0, 1):
                    self._do(desk, desk.machine.on_venue(leg, self.clock.timestamp_ns(), down=True))

    def on_reset(self) -> None:
        """Forget everything."""
        super().on_reset()
        if self._desk is not None:
            self._desk.health.reset()
        self._desk = None
        self._forget()

    # -- what is heard -------------------------------------------------------------------------------

    def aside(self, instrument_id: InstrumentId) -> Decimal:
        """Return what is hedged elsewhere: it belongs to no pair."""
        coins = self._hedge_book.held.get(instrument_id.value, Decimal(0))
        return coins / self._desk.legs[instrument_id.value].coins if coins and self._desk else Decimal(0)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Look at the prices."""
        super().on_quote_tick(tick)
        self._on_news(tick.ts_init)

    def on_order_book_depth(self, depth: OrderBookDepth10) -> None:
        """Look at the books."""
        self._on_news(depth.ts_init)

    def on_funding_rate(self, update: FundingRateUpdate) -> None:
        """Take a rate."""
        leg = self._rule.funding.get(update.instrument_id.value)
        if leg is not None:
            interval = int(update.interval) * _MINUTE if update.interval else None
            rate = Decimal(str(update.rate))
            leg.update(rate, update.ts_init, update.next_funding_ns or None, interval)

    def on_pair(self, pair: str, change: PairChange) -> None:
        """Take note of a pair that can trade neither leg: others hedge it."""
        if change.what is What.STUCK and self._hedges is not None:
            self._hedges.note_stuck(pair)

    def on_order_event(self, event: OrderEvent) -> None:
        """Follow hedges elsewhere, and how much is filled, after what the base does with all else."""
        if event.client_order_id.value not in self._hedge_book.pending:
            super().on_order_event(event)
        order = self.cache.order(event.client_order_id)
        if order is None or self._desk is None or self._hedges is None or self._notes is None:
            return  # what is heard after the end, the next start asks for
        now = self.clock.timestamp_ns()
        self._hedges.follow(order, now)
        # What our own gates denied never was sent; what rests is taken back when the price has gone.
        if order.is_closed and order.status != OrderStatus.DENIED and order.order_type == OrderType.MARKET:
            self._count(order, now)

    def _count(self, order: Order, now: int) -> None:
        assert self._desk is not None
        assert self._venue_voice is not None
        worth = self._desk.price * float(self._desk.legs[order.instrument_id.value].coins)
        sent, filled = float(order.quantity) * worth, float(order.filled_qty) * worth
        change = self._fills.update(order.instrument_id.venue.value, sent, filled)
        if change is not None:
            params = self._fills.params
            self._venue_voice.fills(change, now, params.low, params.bad)

    # -- looking -------------------------------------------------------------------------------------

    def _on_news(self, now: int) -> None:
        if not 0 <= now - self._looked < float(self.config.interval) * _NANOS:
            self._look_around(now)

    def _watch(self) -> None:
        now = self.clock.timestamp_ns()
        if now - self._looked >= self._patience:
            self._look_around(now)
        self._be_watchful(now)

    def _be_watchful(self, now: int) -> None:
        """Look again by the clock while something is held: venues that are silent say nothing."""
        holds = any(self.pair(name).phase is not Phase.FLAT for name in self._pairs)
        at_stake = holds or (self._hedges is not None and self._hedges.book.is_needed)
        if at_stake and self._alarm is not None and self._alarm.at is None:
            self._alarm.set(max(self._looked + self._patience, now + self._patience // 10))

    @property
    def _patience(self) -> int:
        return max(int(float(self.config.watch) * _NANOS), _NANOS // 100)

    def _look_around(self, now: int) -> None:
        desk, hedges = self._desk, self._hedges
        if desk is None or hedges is None or self._looking or not self.is_running:
            return
        self._looking, self._looked = True, now
        try:
            self._catch_up(now)
            desk.look(now)
            self._heed_venues(desk, now)
            hedges.look([(pair, self.pair(name)) for name, pair in self._pairs.items()], now)
            most = self._most(now) / desk.price if desk.price > 0.0 else 0.0
            views = [self._view(desk, pair, most) for pair in self._pairs.values()]
            for wish in self._rule.step(now, views, desk.markets, desk.stocks, desk.accesses):
                self._grant(wish, now)
            self._speak(desk, hedges, now)
            self._be_watchful(now)
        finally:
            self._looking = False

    def _catch_up(self, now: int) -> None:
        """Tell pairs what became of orders sent at the start, whose answers came before anybody listened."""
        if self._is_current:
            return
        self._is_current = True
        for desk in self._desks.values():
            machine = desk.machine
            for known in list(machine.book.orders.live()):
                order = self.cache.order(ClientOrderId(known.id))
                if order is not None and order.is_closed:
                    filled = order.filled_qty.as_decimal()
                    self._do(desk, machine.on_order(known.id, filled, outcome_of(order), now))

    def _speak(self, desk: VenueDesk, hedges: Elsewhere, now: int) -> None:
        assert self._venue_voice is not None
        for change in desk.supplies():
            self._venue_voice.supply(change, now)
        self._venue_voice.transfers(desk.transfers(), now)
        if self._notes is not None and self._cadence is not None and self._cadence.is_due(now):
            self._notes.keep(self._rules(desk, hedges), now)

    def _view(self, desk: VenueDesk, pair: Pair, most: float) -> PairView:
        machine, share = self.pair(pair.name), self._allocation_of(pair)
        one, two = pair.one.value, pair.two.value
        rests = (one, two)[int(self.config.lead)] if self.config.style == Style.PASSIVE_AGGRESSIVE else ""
        # Without an allocation it is as if what is wanted were held: others learn from targets.
        coins = float(machine.matched) / share if share > 0.0 else self._wanted.get(pair.name, 0.0)
        return PairView(
            name=pair.name,
            one=one,
            two=two,
            coins=coins,
            busy=share > 0.0 and machine.phase not in _QUIET,
            most=most,
            smallest=desk.smallest(one, two),
            rests=rests,
            moved_from_one=desk.moved(one),
            moved_from_two=desk.moved(two),
        )

    def _most(self, now: int) -> float:
        """Return the largest pair [reporting currency]; a venue that is silent does not take it away."""
        assert self._valuer is not None
        valuation = self._valuer.fresh_value(now)
        if valuation.fresh:
            self._equity = valuation.equity
        most = self._equity * float(self.config.leverage)
        return min(float(self.config.max_notional), most) if most > 0.0 else 0.0

    def _grant(self, wish: Wish, now: int) -> None:
        self.matched_notional(wish.pair)  # looks at the newest prices
        value = self.pair(wish.pair).book.unit_value
        if wish.coins and not math.isfinite(value):
            return
        self._wanted[wish.pair] = wish.coins
        reason, edge = wish.why, wish.edge
        if edge is not None:
            reason = f"{wish.why}, {1e4 * edge.net:.1f} bp left"
        key = f"{self.id.value}|{wish.pair}"
        update = CrossVenueUpdate(key=key, ts=now, coins=wish.coins, why=wish.why, numbers=wish.numbers)
        publish(self.msgbus, update)
        if self._notes is not None:
            self._notes.note(wish.pair, wish.why, now, {"coins": wish.coins, **wish.numbers})
        self.want(
            wish.pair,
            wish.coins * value * _ROUNDING if wish.coins else 0.0,
            ts=now,
            reason=reason,
            # A leg that is there is worth what is left, and what getting the other one was reckoned to cost.
            edge=None if edge is None else edge.net + edge.fees / 4.0 + edge.exit / 2.0,
            urgent=wish.urgent,
        )

    # -- emergencies ---------------------------------------------------------------------------------

    def _heed_venues(self, desk: VenueDesk, now: int) -> None:
        assert self._venue_voice is not None
        for change, reasons in desk.access(now, self._holds):
            self._venue_voice.outage(change, now, reasons)
        gone = {desk.legs[name].venue for name in desk.down}
        for venue in sorted(gone ^ self._gone):
            self.venue_down(venue, down=venue in gone)
        self._gone = gone
        shut = (Access.CLOSING, Access.RETURNED)
        for name, pair in self._pairs.items():
            on = any(desk.outages.access(leg.value) in shut for leg in pair.legs)
            if on != (name in self._halted):
                (self._halted.add if on else self._halted.discard)(name)
                self.halt(name, on=on)

    def _holds(self, leg: str) -> bool:
        held = [
            quantity
            for name, pair in self._pairs.items()
            for instrument_id, quantity in zip(pair.legs, self.pair(name).held, strict=True)
            if instrument_id.value == leg
        ]
        return any(held) or (self._hedges is not None and leg in self._hedges.book.held)
