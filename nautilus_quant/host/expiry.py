"""All positions that expire: from the clock, fills and quotes to rolling, closing and settling them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import PositionId

from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.expiry_desk import ExpiryDesk
from nautilus_quant.host.expiry_market import ExpiryMarket
from nautilus_quant.host.expiry_memory import ExpiryMemory
from nautilus_quant.host.expiry_orders import ExpiryOrders
from nautilus_quant.host.expiry_settle import BalanceWatch, Settled, Settlements, entry_of, judge
from nautilus_quant.host.expiry_tools import Tools
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.option_messages import ExpiryUpdate
from nautilus_quant.options.expiry_calendar import SECOND, ExpiryCalendar, Moment, Stage
from nautilus_quant.options.settlement import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.data import IndexPriceUpdate
    from nautilus_trader.model.events import OrderEvent, PositionEvent
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.expiry_hands import ExpiryHands
    from nautilus_quant.host.expiry_settings import ExpirySettings

_SOURCE = "expiry"
_INDEX = "data.index_prices.*"
_SETTLING = ("SETTLEMENT", "EXPIRATION_")
"""How tags of the orders begin by which simulated venues settle: ours, and NautilusTrader's."""
_DAY = 86_400 * SECOND


class ExpiryBook:
    """
    Watches over everything held that expires.

    It acts at moments the clock rings for and on what its own orders and the venue answer; between them it
    does nothing.

    Parameters
    ----------
    host
        Actor whose bus, cache, clock and log it uses.
    owner
        Its name, the same after a restart.
    settings
        How options are left.
    wants
        Whether a position is its business.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    def __init__(
        self,
        host: Actor,
        owner: str,
        settings: ExpirySettings,
        wants: Callable[[Position], bool],
        *,
        state: str | None = None,
    ) -> None:
        self._host = host
        self._owner = owner
        self._settings = settings
        self._wants = wants
        self._state = state
        self._alarm: Alarm | None = None
        self.calendar = ExpiryCalendar(settings.times())
        self.desks: dict[str, ExpiryDesk] = {}
        self._settled: dict[str, Settled] = {}
        self._alerts: dict[str, tuple[str, str]] = {}

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up the positions there are, with what an earlier run did about them, then listen."""
        msgbus, cache = self._host.msgbus, self._host.cache
        self._orders = ExpiryOrders(find_kernel(msgbus), self._owner)
        self._market = ExpiryMarket(self._host, self._settings)
        self._memory = ExpiryMemory(self._owner, self._state, self._host.log)
        self._balances = BalanceWatch(msgbus, cache)
        self._settlements = Settlements(msgbus)
        self._settlements.start()
        self._tools = Tools(
            self._host,
            self._settings,
            self._orders,
            self._market,
            self._say,
            self._alert,
            self._save,
            self._mark_rolled,
        )
        self._topics: tuple[tuple[str, Callable[[Any], None]], ...] = (
            ("events.order.*", self._on_order),
            ("events.position.*", self._on_position),
            (_INDEX, self._on_index),
        )
        for topic, handler in self._topics:
            msgbus.subscribe(topic, handler)
        positions = cache.positions_open()
        names = {position.id.value for position in positions}
        for position in positions:
            self._take_up(position, names)
        for key, left in self._memory.left_over().items():
            self._finish(key, left)
        self._attend()

    def stop(self) -> None:
        """Listen no more; nothing rests at a venue."""
        for topic, handler in self._topics:
            self._host.msgbus.unsubscribe(topic, handler)
        if self._alarm is not None:
            self._alarm.cancel()
        for key in list(self._settled):
            self._end(self.desks[key])
        for desk in self.desks.values():
            self._save(desk)
        self._balances.stop()
        self._settlements.stop()
        self._market.unhear_all()
        self._memory.close()
        self.desks.clear()

    # -- positions ---------------------------------------------------------------------------------

    def _take_up(self, position: Position, open_ids: set[str]) -> None:
        """Go on with a position that was there before: all moments that were missed count."""
        kept = self._memory.recall(position, open_ids)
        desk = self._watch(position, since=-1, kept=kept)
        if desk is not None and kept is not None:
            self._go_on(desk, kept)

    def _go_on(self, desk: ExpiryDesk, kept: Mapping[str, Any]) -> None:
        try:
            desk.restore(kept)
        except (ValueError, KeyError, TypeError, ArithmeticError) as error:
            self._host.log.error(f"{desk.position.id}: what was kept of its expiry is damaged: {error!r}")
        stage = self.calendar.stage(desk.position.id.value, self._now())
        if stage is not None and kept.get("stage"):
            desk.prepare(rolls=stage is Stage.ROLL)
            desk.work(stage)

    def _finish(self, key: str, left: Mapping[str, Any]) -> None:
        """Go on with a roll whose old leg is closed, while it may; where nobody knows it, tell a person."""
        plan = left.get("plan")
        if not plan or plan.get("opened") == plan.get("total"):
            return
        position = self._host.cache.position(PositionId(key))
        desk = None if position is None else self._watch(position, since=-1, kept=left)
        if desk is None:
            self._tell_left_over(key, left)
            return
        self._go_on(desk, left)
        self._tidy(desk)

    def _watch(
        self, position: Position, *, since: int, kept: Mapping[str, Any] | None = None
    ) -> ExpiryDesk | None:
        contract = self._market.contract(position.instrument_id)
        if contract is None or not self._wants(position):
            return None
        key = position.id.value
        if kept is not None and kept.get("calendar"):
            self.calendar.restore({key: kept["calendar"]}, [key])
        self.calendar.hold(key, contract.expiry, since=since)
        rolled = self._memory.was_rolled(position.strategy_id.value, position.instrument_id.value)
        desk = self.desks[key] = ExpiryDesk(position, contract, self._tools, rolled=rolled)
        return desk

    def _on_position(self, event: PositionEvent) -> None:
        position = self._host.cache.position(event.position_id)
        if position is None:
            return
        self._tell_who_rolls_to(position)
        key = position.id.value
        desk = self.desks.get(key)
        if desk is not None and position.is_open and (desk.position.is_closed or desk.was_closed):
            self._drop(desk)  # opened anew under the same id
            desk = None
        if desk is None:
            if position.is_open and self._watch(position, since=self._now()) is not None:
                self._attend()
            return
        desk.on_position()
        self._tidy(desk)
        self._ring()

    def _tell_who_rolls_to(self, position: Position) -> None:
        """Let whoever rolls to an option by a spread know that this leg is booked."""
        for desk in list(self.desks.values()):
            if desk.target == position.instrument_id and desk.position.strategy_id == position.strategy_id:
                desk.on_position()
                self._tidy(desk)

    def _tidy(self, desk: ExpiryDesk) -> None:
        """Let go of a position that is closed, unless something is left to do or to compare."""
        if desk.position.is_open:
            return
        desk.was_closed = True
        if desk.position.id.value not in self._settled:
            if not desk.is_busy:
                self._drop(desk)
        elif self._now() > desk.contract.expiry + round(float(self._settings.grace) * SECOND):
            self._end(desk)  # settled late: the moment at which it would have been compared is past

    def _drop(self, desk: ExpiryDesk) -> None:
        key = desk.position.id.value
        self.desks.pop(key, None)
        self.calendar.drop(key)
        self._market.unhear(key)
        self._memory.forget(desk.position)
        for about in ("expiry", "roll", "order", "work"):
            told = self._alerts.pop(f"{_SOURCE}|{key}|{about}", None)
            if told is not None and told[0] != "INFO":
                self._publish(
                    f"{_SOURCE}|{key}|{about}", "INFO", f"{desk.contract.name} is not held any more"
                )
                del self._alerts[f"{_SOURCE}|{key}|{about}"]

    # -- time --------------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._host.clock.timestamp_ns())

    def _on_time(self, _event: TimeEvent) -> None:
        self._attend()

    def _attend(self) -> None:
        """Do what is due, and say when to be woken next."""
        now = self._now()
        self._sample(now)
        for key, moment in self.calendar.due(now):
            desk = self.desks.get(key)
            if desk is not None:
                self._meet(desk, moment, now)
        for desk in list(self.desks.values()):
            if desk.again is not None and desk.again <= now:
                desk.retry()
                self._tidy(desk)
        self._settlements.forget(now - _DAY)
        self._ring()

    def _ring(self) -> None:
        """Be woken at the next moment, retry or sample."""
        now = self._now()
        times = [self.calendar.next(), *(desk.again for desk in self.desks.values())]
        if self._settlements.open_windows(now):
            times.append(now + round(float(self._settings.sample) * SECOND))
        after = min((ts for ts in times if ts is not None), default=None)
        if self._alarm is None:
            self._alarm = Alarm(self._host.clock, f"{self._owner}-expiry", self._on_time)
        if after is None:
            self._alarm.cancel()
        else:
            self._alarm.set(max(after, now))

    def _meet(self, desk: ExpiryDesk, moment: Moment, now: int) -> None:
        stage, place = moment.stage, self._place(desk)
        if stage is Stage.WARN:
            self._warn(desk, moment)
        elif stage is Stage.PREPARE:
            desk.prepare(rolls=moment.before > float(self._settings.roll_before))
        elif stage is Stage.SETTLE:
            self._market.hear(desk.position.id.value, [desk.position.instrument_id])
            self._settlements.begin(place, self._market.window(desk.position.instrument_id))
            self._sample(now)
        elif stage is Stage.EXPIRY:
            desk.expire()
        elif stage is Stage.OVERDUE:
            self._end(desk)
        else:
            desk.prepare(rolls=stage is Stage.ROLL)
            desk.work(stage)
            self._tidy(desk)
        if desk.position.id.value in self.desks:
            self._save(desk)

    def _place(self, desk: ExpiryDesk) -> tuple[str, str, int]:
        contract = desk.contract
        return desk.position.instrument_id.venue.value, contract.underlying, contract.expiry

    def _warn(self, desk: ExpiryDesk, moment: Moment) -> None:
        hours = moment.before / 3_600.0
        held = f"{desk.position.side.name} {desk.held} {desk.contract.name}"
        text = f"{held} of {desk.position.strategy_id} expires in {hours:g} h"
        numbers: dict[str, float | str] = {"hours": hours, "quantity": str(desk.held)}
        self._say(desk, "warned", f"{hours:g}H", text, numbers)
        self._alert(desk, "WARNING", "expiry", text)

    # -- the index ---------------------------------------------------------------------------------

    def _sample(self, now: int) -> None:
        """Look at the index of what is being averaged."""
        for place in self._settlements.open_windows(now):
            for desk in self.desks.values():
                if self._place(desk) == place:
                    self._settlements.sample(place, now, self._market.forward(desk.contract))
                    break

    def _on_index(self, update: IndexPriceUpdate) -> None:
        windows = self._settlements.open_windows(update.ts_init)
        if not windows:
            return
        instrument: Instrument | None = self._host.cache.instrument(update.instrument_id)
        base = None if instrument is None else instrument.get_base_currency()
        for place in windows:
            if base is not None and place[:2] == (update.instrument_id.venue.value, base.code):
                self._settlements.sample(place, update.ts_init, update.value.as_double())

    # -- orders ------------------------------------------------------------------------------------

    def _on_order(self, event: OrderEvent) -> None:
        if isinstance(event, OrderFilled):
            self._on_fill(event)
        if not self._orders.owns(event.client_order_id):
            return
        for desk in list(self.desks.values()):
            if desk.pending is not None and desk.pending.order == event.client_order_id.value:
                desk.on_order(event)
                self._tidy(desk)
                self._ring()
                return

    def _on_fill(self, fill: OrderFilled) -> None:
        desk = self.desks.get("" if fill.position_id is None else fill.position_id.value)
        if desk is None:
            return
        change = self._balances.take(fill, desk.contract.settlement)
        if self._orders.owns(fill.client_order_id):
            return
        if fill.instrument_id == desk.position.instrument_id and self._settles(desk, fill):
            self._on_settlement(desk, fill, change)

    def _settles(self, desk: ExpiryDesk, fill: OrderFilled) -> bool:
        """Tell whether a venue has closed a position with this fill: simulated ones do so just before."""
        order = self._host.cache.order(fill.client_order_id)
        tags = () if order is None else order.tags or ()
        return fill.ts_event >= desk.contract.expiry or any(tag.startswith(_SETTLING) for tag in tags)

    def _on_settlement(self, desk: ExpiryDesk, fill: OrderFilled, change: Decimal | None) -> None:
        quantity = fill.last_qty.as_decimal()
        commission = fill.commission
        is_same = commission is not None and commission.currency.code == desk.contract.settlement
        self._settled[desk.position.id.value] = Settled(
            position=desk.position,
            contract=desk.contract,
            quantity=quantity if fill.order_side == OrderSide.SELL else -quantity,
            entry=entry_of(desk.position),
            paid=fill.last_px.as_decimal(),
            fee=commission.as_decimal() if is_same else Decimal(0),
            change=change,
            unit=Decimal(1).scaleb(-fill.currency.precision),
            ts=fill.ts_event,
        )

    # -- after the expiry --------------------------------------------------------------------------

    def _end(self, desk: ExpiryDesk) -> None:
        """Compare what the venue did with what it should have done; tell when it did nothing."""
        key = desk.position.id.value
        instrument_id = desk.position.instrument_id
        known = self._settlements.paid(instrument_id, desk.contract)
        status = self._settlements.statuses.get(instrument_id, "")
        settled = self._settled.pop(key, None)
        if settled is not None:
            verdict = judge(settled, known, status=status)
            self._say(desk, "settled", verdict.code, verdict.text, verdict.numbers)
            if verdict.severity != "INFO" or f"{_SOURCE}|{key}|expiry" in self._alerts:
                self._alert(desk, verdict.severity, "expiry", verdict.text)
            if verdict.severity != "INFO":
                # What is wrong with a settlement is not over because nothing is held any more.
                del self._alerts[f"{_SOURCE}|{key}|expiry"]
        if desk.position.is_closed:
            self._drop(desk)
            return
        due = "nobody knows at what price" if known.source is Source.NONE else f"it should pay {known.payoff}"
        text = (
            f"{desk.contract.name} expired {self._settings.grace:g} s ago, and {desk.held} of it "
            f"are still there; {due} per unit"
        )
        numbers = {"held": str(desk.held), "expected": str(known.payoff), "source": str(known.source)}
        self._say(desk, "overdue", "NOT_SETTLED", text, numbers)
        self._alert(desk, "CRITICAL", "expiry", text)

    # -- what is told and kept -----------------------------------------------------------------------

    def _tell_left_over(self, key: str, left: Mapping[str, Any]) -> None:
        plan = left["plan"]
        text = (
            f"{left.get('instrument')} was being rolled to {left.get('target')} when the node stopped: "
            f"{plan.get('closed')} closed, {plan.get('opened')} opened; the rest is not opened any more"
        )
        self._publish(f"{_SOURCE}|{key}|roll", "WARNING", text)

    def _say(
        self, desk: ExpiryHands, what: str, code: str, reason: str, numbers: Mapping[str, float | str]
    ) -> None:
        ts, position = self._now(), desk.position
        self._memory.note(position, what, ts, code=code, reason=reason, **numbers)
        update = ExpiryUpdate(
            key=position.id.value,
            ts=ts,
            strategy=position.strategy_id.value,
            instrument=position.instrument_id.value,
            expiry=desk.contract.expiry,
            what=what,
            code=code,
            reason=reason,
            numbers=dict(numbers),
        )
        publish(self._host.msgbus, update)

    def _alert(self, desk: ExpiryHands, severity: str, about: str, text: str) -> None:
        self._publish(f"{_SOURCE}|{desk.position.id.value}|{about}", severity, text)

    def _publish(self, key: str, severity: str, text: str) -> None:
        if self._alerts.get(key) == (severity, text):
            return
        self._alerts[key] = (severity, text)
        if severity == "CRITICAL":
            self._host.log.error(text)
        elif severity == "WARNING":
            self._host.log.warning(text)
        publish(
            self._host.msgbus,
            Alert(key=key, ts=self._now(), source=_SOURCE, severity=severity, text=text),
        )

    def _save(self, desk: ExpiryHands) -> bool:
        key = desk.position.id.value
        state = {**desk.to_dict(), "calendar": self.calendar.to_dict().get(key)}
        return self._memory.save(desk.position, state, self._now())

    def _mark_rolled(self, desk: ExpiryHands) -> None:
        position = desk.position
        strategy, instrument = position.strategy_id.value, position.instrument_id.value
        self._memory.mark_rolled(strategy, instrument, desk.contract.expiry, self._now())
