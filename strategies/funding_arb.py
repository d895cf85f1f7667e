"""Earn funding with pairs that hedge each other: spot against perpetual, or perpetuals of two venues."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import MarketStatusAction
from nautilus_trader.model.identifiers import InstrumentId, Venue

from nautilus_quant.carry.scaler_guard import Bound, GuardParams, bound, limited
from nautilus_quant.carry.venue_health import Health
from nautilus_quant.host.messages import Alert, latest, publish, subscribe, topic_of
from nautilus_quant.host.scaler_desk import CarryDesk
from nautilus_quant.host.scaler_messages import CarryHeld, CarrySize
from nautilus_quant.host.scaler_payments import is_held_by
from nautilus_quant.host.two_leg_pair import Pair
from nautilus_quant.host.two_leg_strategy import TwoLegStrategy
from nautilus_quant.host.venue_health import VenueHealthUpdate, says_something
from nautilus_quant.strategies.funding_arb_config import FundingArbConfig

if TYPE_CHECKING:
    from nautilus_trader.model.data import InstrumentStatus, QuoteTick

    from nautilus_quant.carry.scaler_terms import CarryDecision
    from nautilus_quant.carry.two_leg_told import PairChange

_NANOS = 1_000_000_000
_HALTED = frozenset(
    {
        MarketStatusAction.HALT,
        MarketStatusAction.PAUSE,
        MarketStatusAction.SUSPEND,
        MarketStatusAction.CLOSE,
        MarketStatusAction.POST_CLOSE,
        MarketStatusAction.NOT_AVAILABLE_FOR_TRADING,
    }
)


class FundingArb(TwoLegStrategy):
    """
    Holds pairs while their funding pays for getting in and out, and leaves when it does not.

    - How much: by forecast, costs, capital and capture (`nautilus_quant.carry.scaler.CarryScaler`), by a rule
      of its own or as a `FundingArbScaler` of the node says. A silent scaler adds nothing; what is held is
      then managed by the own rule.
    - Both legs are kept together by `TwoLegStrategy`. A pair turns round by way of nothing.
    - Near liquidation both legs are cut at once, an ending instrument is left in time, and a pair with a leg
      that cannot be traded is left alone, as it is hedged: halted, or at a venue that somebody in the node
      says is down (`VenueHealthUpdate`).

    Parameters
    ----------
    config
        A `FundingArbConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, there is no pair, or `instrument` is not `one` of the first.

    """

    def __init__(self, config: FundingArbConfig) -> None:
        if not config.carries:
            raise ValueError(f"need a partner for {config.instrument}, or hedges, was neither")
        if config.carries[0].one != config.instrument:
            one = config.carries[0].one
            raise ValueError(f"need instrument to be `one` of the first pair, was {config.instrument}, {one}")
        if not float(config.every) > 0.0:
            raise ValueError(f"need every > 0 [s], was {config.every}; typical values 300-3600")
        config.rule.params()
        super().__init__(config)
        self._guard = GuardParams(
            distance=float(config.min_distance),
            target=float(config.target_distance),
            leave_before=float(config.leave_before),
        )
        self._ends = {name: _moment(name, text) for name, text in config.delistings.items()}
        unknown = sorted(set(self._ends) - {leg.value for leg in self.legs})
        if unknown:
            raise ValueError(f"need delistings of its own instruments, was {', '.join(unknown)}")
        self._carry: CarryDesk | None = None
        self._forget()

    def _forget(self) -> None:
        self._stopped: set[str] = set()  # instruments that cannot be traded now
        self._down: set[str] = set()  # venues
        self._leaving: set[str] = set()  # instruments whose venue has begun to close them
        self._bounds: dict[str, str] = {}
        self._halted: set[str] = set()
        self._decisions: dict[str, CarryDecision] = {}
        self._watched: dict[InstrumentId, int] = {}

    def pairs(self) -> tuple[Pair, ...]:
        """Name the pairs of the config."""
        return tuple(Pair(pair.title, pair.one, pair.two) for pair in self.config.carries)

    # -- life ----------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Start as the base does, and tell what is held already."""
        super().on_start()
        if self._carry is None:
            return
        for name in self._pairs:
            self._tell_held(name, self.clock.timestamp_ns())
        subscribe(self.msgbus, VenueHealthUpdate, self._on_health)

    def on_target_start(self) -> None:
        """Go on from the saved state, listen, and decide by the clock."""
        config = self.config
        self._carry = CarryDesk(
            self,
            config.carries,
            config.rule,
            every=float(config.every),
            held=self._notional,
            is_ours=self._is_mine,
            on_time=self._on_time,
            state=config.state,
            currency=config.reporting_currency,
            maintenance=float(config.maintenance),
        )
        for leg in self.legs:
            self.msgbus.subscribe(f"data.status.{leg.venue}.{leg.symbol}", self._on_status)
            if config.statuses:
                self.subscribe_instrument_status(leg)
        if config.scaler == "auto":
            subscribe(self.msgbus, CarrySize, self._on_size)
        self._carry.start(premium=config.premium)

    def on_stop(self) -> None:
        """Keep what is known, then do what the base does."""
        if self._carry is not None:
            self._carry.stop()
            self._carry = None
        for leg in self.legs:
            self.msgbus.unsubscribe(f"data.status.{leg.venue}.{leg.symbol}", self._on_status)
        self.msgbus.unsubscribe(topic_of(VenueHealthUpdate), self._on_health)
        if self.config.scaler == "auto":
            self.msgbus.unsubscribe(topic_of(CarrySize), self._on_size)
        super().on_stop()

    def on_reset(self) -> None:
        """Forget all decisions, too."""
        super().on_reset()
        self._forget()

    def _is_mine(self, position: str) -> bool:
        return is_held_by(self.cache, position, (self.id.value,))

    # -- what comes in -------------------------------------------------------------------------------

    def on_quote_tick(self, tick: QuoteTick) -> None:
        """Look after liquidation now and then, beside what the base does."""
        super().on_quote_tick(tick)
        if self._carry is None:
            return
        last = self._watched.get(tick.instrument_id)
        if last is None or not 0 <= tick.ts_init - last < float(self.config.watch) * _NANOS:
            self._watched[tick.instrument_id] = tick.ts_init
            self._look_after(tick.ts_init)

    def on_pair(self, pair: str, change: PairChange) -> None:
        """Tell what is held now."""
        self._tell_held(pair, change.ts)

    def _on_status(self, status: InstrumentStatus) -> None:
        if not says_something(status):
            return
        name = status.instrument_id.value
        halted = status.action in _HALTED or status.is_trading is False
        (self._stopped.add if halted else self._stopped.discard)(name)
        (self._leaving.add if status.action == MarketStatusAction.PRE_CLOSE else self._leaving.discard)(name)
        for pair in self._pairs.values():
            if status.instrument_id in pair.legs:
                self._go_on(pair, self.clock.timestamp_ns())

    def _on_health(self, update: VenueHealthUpdate) -> None:
        down = update.health == Health.DOWN.name
        if down == (update.key in self._down):
            return
        (self._down.add if down else self._down.discard)(update.key)
        self.venue_down(update.key, down=down)
        for pair in self._pairs.values():
            if any(leg.venue.value == update.key for leg in pair.legs):
                self._go_on(pair, self.clock.timestamp_ns())

    def _on_size(self, size: CarrySize) -> None:
        if self._carry is None:
            return
        for name, key in self._carry.keys.items():
            if key == size.key:
                self._go_on(self._pairs[name], self.clock.timestamp_ns())

    # -- decisions -----------------------------------------------------------------------------------

    def _on_time(self, now: int) -> None:
        assert self._carry is not None  # it rings
        self._carry.tells = not any(self._is_fresh(self._told(name), now) for name in self._pairs)
        held = {name: self._full(pair) for name, pair in self._pairs.items()}
        self._decisions = self._carry.decide(now, held)
        for name, pair in self._pairs.items():
            self._tell_held(name, now)
            self._go_on(pair, now)

    def _told(self, name: str) -> CarrySize | None:
        """Return what a scaler of the node has said of a pair."""
        if self._carry is None or self.config.scaler != "auto":
            return None
        return latest(self.msgbus, CarrySize, self._carry.keys[name])

    def _is_fresh(self, told: CarrySize | None, now: int) -> bool:
        return told is not None and 0 <= now - told.ts <= float(self.config.size_stale_after) * _NANOS

    def _wanted(self, pair: Pair, now: int) -> tuple[float, str, float]:
        """Return what should be held with all the allocation, why, and its edge; NaN changes nothing."""
        told, own = self._told(pair.name), self._decisions.get(pair.name)
        if told is not None and self._is_fresh(told, now):
            return (math.nan if told.why == "unknown" else told.size), told.why, told.edge
        if own is None or own.why == "unknown":
            return math.nan, "unknown", math.nan
        if told is None:
            return own.size, own.why, own.edge
        held = self._full(pair)
        less = own.size if own.size * held > 0.0 and abs(own.size) < abs(held) else held
        return (0.0 if not own.size else less), f"{own.why}, no word of the scaler", own.edge

    def _go_on(self, pair: Pair, now: int) -> None:
        """Want what there should be of a pair, as far as margin and trading allow."""
        held = self._notional(pair.name)
        most = self._bound(pair, held, now)
        self._note_bound(pair.name, most, held, now)
        if most.why == "halted":
            return
        size, why, edge = self._wanted(pair, now)
        known = edge if math.isfinite(edge) else None
        share = self._allocation_of(pair)
        if not share > 0.0:  # the base closes, and what would be wanted is told
            if math.isfinite(size):
                self.want(pair.name, size, ts=now, reason=why, edge=known)
            return
        wanted = size * share if math.isfinite(size) else held
        if math.isnan(wanted) and most.most == 0.0:  # to leave, nobody has to know how much is held
            wanted = math.inf
        if math.isnan(wanted) or (math.isnan(size) and abs(held) <= most.most):
            return
        aim = limited(wanted, held, most)
        if math.isnan(aim):
            return
        why = (most.why or "margin") if abs(aim) < abs(wanted) else why
        self.want(pair.name, aim / share, ts=now, reason=why, edge=known, urgent=most.urgent)

    def _notional(self, name: str) -> float:
        """Return what is held of a pair, hedged [reporting currency]; NaN when nobody can tell."""
        matched = self.pair(name).matched
        if not matched or self._carry is None:
            return 0.0
        valuer, now = self._carry.valuer, self.clock.timestamp_ns()
        units = [valuer.unit(self.cache.instrument(leg), now) for leg in self._pairs[name].legs]
        return float(matched) * max(units) if all(map(math.isfinite, units)) else math.nan

    def _full(self, pair: Pair) -> float:
        """Return what is held as it would be with all the allocation [reporting currency]."""
        share = self._allocation_of(pair)
        held = self._notional(pair.name)
        return held / share if share > 0.0 else held

    def _tell_held(self, name: str, now: int) -> None:
        if self._carry is None:
            return
        key = self._carry.keys[name]
        held, full = self._notional(name), self._full(self._pairs[name])
        publish(self.msgbus, CarryHeld(key=f"{self.id.value}|{key}", ts=now, pair=key, size=held, full=full))

    # -- what may not be -----------------------------------------------------------------------------

    def _bound(self, pair: Pair, held: float, now: int) -> Bound:
        assert self._carry is not None  # asked while it runs
        funds = self._carry.funds
        accounts = [funds.margin(leg, now) for leg in pair.legs]
        names = {leg.value for leg in pair.legs}
        closed = names & self._stopped or {leg.venue.value for leg in pair.legs} & self._down
        ends = [self._ends[name] for name in names if name in self._ends]
        ends += [now for _ in names & self._leaving]
        return bound(
            abs(held),
            accounts,
            self._guard,
            halted=bool(closed),
            ends=min(ends, default=None),
            now=now,
        )

    def _look_after(self, now: int) -> None:
        """Cut what is too near to liquidation between two decisions."""
        assert self._carry is not None  # asked while it runs
        near: dict[Venue, bool] = {}
        for name, pair in self._pairs.items():
            if not self.pair(name).matched:
                continue
            for leg in pair.legs:
                if leg.venue not in near:
                    near[leg.venue] = self._carry.funds.margin(leg, now).distance < self._guard.distance
            if any(near[leg.venue] for leg in pair.legs):
                self._go_on(pair, now)

    def _note_bound(self, name: str, most: Bound, held: float, now: int) -> None:
        """Tell a change once, and let the machine of the pair know."""
        halted = most.why == "halted"
        if halted != (name in self._halted):
            (self._halted.add if halted else self._halted.discard)(name)
            self.halt(name, on=halted)
        mark = "" if most.why == "margin" and not most.urgent else most.why
        if mark == self._bounds.get(name, "") or not (held or halted or not mark):
            return
        self._bounds[name] = mark
        severity = "CRITICAL" if most.urgent else "WARNING" if mark else "INFO"
        text = f"{name}: no more than {most.most:.2f} may be held: {mark}" if mark else f"{name}: free again"
        (self.log.warning if mark else self.log.info)(text)
        numbers = {"held": held, "most": most.most} if math.isfinite(most.most) else {"held": held}
        alert = Alert(
            key=f"carry|{name}|bound",
            ts=now,
            source="carry",
            severity=severity,
            text=text,
            numbers=numbers,
        )
        publish(self.msgbus, alert)


def _moment(name: str, text: str) -> int:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"need a time of ISO 8601 at which {name} ends, was {text!r}") from error
    if at.tzinfo is None:
        raise ValueError(f"need a time zone in the time at which {name} ends, e.g. Z, was {text!r}")
    return int(at.timestamp()) * _NANOS


__all__ = ["FundingArb", "FundingArbConfig"]
