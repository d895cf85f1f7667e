"""SafetyEngine: loss limits, kill switch and flatten for any node, whatever strategies run in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.enums import TradingState
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoPerpetual

from nautilus_quant.account.flows import FlowDetector
from nautilus_quant.actors.safety_engine_config import SafetyEngineConfig
from nautilus_quant.gating.intent import ALLOW, Decision
from nautilus_quant.host import messages
from nautilus_quant.host.cash import CashWatch
from nautilus_quant.host.gateway import OrderGateway
from nautilus_quant.host.kernel import find_kernel, is_backtest
from nautilus_quant.host.kill_triggers import SAFETY, KillTriggers
from nautilus_quant.host.liquidator import Liquidator
from nautilus_quant.host.lookout import Lookout
from nautilus_quant.host.state import StateError, shared_store
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.host.venue_watch import VenueWatch
from nautilus_quant.safety.guard import (
    NOTHING,
    SAFETY_ERROR,
    STALE_MARK,
    STATE_UNWRITABLE,
    Judgement,
    SafetyGuard,
)
from nautilus_quant.safety.kill_switch import KillState
from nautilus_quant.safety.limits import SafetyLimits
from nautilus_quant.safety.venue import Action, Alarm, CancelAll, Close, Halt, Unhalt

if TYPE_CHECKING:
    from nautilus_trader.model.events import PositionEvent

_SECOND = 1_000_000_000
_MARKET = ("data.quotes.*", "data.trades.*", "data.mark_prices.*", "data.bars.*")
_POLL, _STEP = "SAFETY_POLL", "SAFETY_STEP"
_AFTER_VALUER = 12
"""Later than the valuer (which books the price), earlier than strategies (which would trade on it)."""


class SafetyEngine(Actor):  # type: ignore[misc]
    """
    Stand before every order of the node, and stop risk-taking when too much is lost.

    Parameters
    ----------
    config
        Limits; the defaults are the ceilings for real money.

    """

    def __init__(self, config: SafetyEngineConfig | None = None) -> None:
        config = config or SafetyEngineConfig()
        super().__init__(config)
        self._limits = SafetyLimits(
            max_hourly_loss=config.max_hourly_loss,
            max_daily_loss=config.max_daily_loss,
            max_drawdown=config.max_drawdown,
            hourly_halt=config.hourly_halt,
            daily_halt=config.daily_halt,
        )
        self._quoted: set[str] = set()
        self._held: set[InstrumentId] = set()

    # -- life --------------------------------------------------------------------------------------

    def on_start(self) -> None:
        """Restore the latch and the loss windows, stand before the orders, watch."""
        kernel = self._kernel = find_kernel(self.msgbus)
        self._live = not is_backtest(kernel)
        self._valuer = Valuer.on(self.msgbus, self.config.reporting_currency)
        self._valuer.book.max_age = round(self.config.max_mark_age * _SECOND)
        self._valuer.book.max_jump = self.config.max_jump
        self._guard = SafetyGuard(self._limits, self._valuer.price)
        self._liquidator = Liquidator(kernel)
        self._watch = VenueWatch(kernel, self._liquidator, self.config.max_impact_bps)
        self._store = shared_store(self._state_url())
        if self._live:
            self._triggers = KillTriggers(
                kernel, self._store, self.config.kill_file, self._trip, self._complain
            )
        self._restore()
        self._lookout = Lookout(
            self.clock,
            self._guard,
            self._valuer,
            self._cash.detector,
            interval=round(self.config.valuation_interval * _SECOND),
            judge=self._judge,
            after=self._after_look,
        )
        self._gateway = OrderGateway.join(self.msgbus, self._guard)
        self._gateway.journal_to(self._store)
        self._gateway.listen(self._on_decision)
        for topic in _MARKET:
            self.msgbus.subscribe(topic, self._lookout.look, priority=_AFTER_VALUER)
        self.msgbus.subscribe("events.position.*", self._on_position)
        for position in self.cache.positions_open():
            self._want_quotes(position.instrument_id.value)
        if self._live:
            self._every(_POLL, 1.0, self._on_poll)
            self._triggers.start()
        if not self._guard.kill.is_armed:
            self._begin()
        self._publish()

    def on_stop(self) -> None:
        """Write everything down and leave; the gateway stays closed while strategies still run."""
        self._save()
        self._gateway.leave(self._guard)
        self._gateway.journal_to(None)
        self._cash.stop()
        for topic in _MARKET:
            self.msgbus.unsubscribe(topic, self._lookout.look)
        self.msgbus.unsubscribe("events.position.*", self._on_position)
        if self._live:
            self._triggers.stop()
        self._store.close()

    def on_reset(self) -> None:
        """Start again from the beginning."""
        self._quoted.clear()
        self._held.clear()
        Valuer.on(self.msgbus).reset()

    def _state_url(self) -> str | None:
        if self.config.state is not None or not self._live:
            return self.config.state
        url = f"sqlite:///var/{self.trader_id}.db"
        self.log.warning(f"no state configured, latches and loss windows are kept in {url}")
        return url

    def _restore(self) -> None:
        now = self.clock.timestamp_ns()
        get = self._store.get
        flows = get(SAFETY, "flows")
        rearmed = self._guard.restore(get(SAFETY, "latch"), get(SAFETY, "limits"), get(SAFETY, "rearm"), now)
        settle = self.config.flow_settle
        detector = (
            FlowDetector(settle) if flows is None else FlowDetector.from_dict(flows["detector"], settle)
        )
        self._cash = CashWatch(self._kernel, self._valuer, detector)
        self._cash.start(now, None if flows is None else flows["held"])
        if rearmed is not None:
            # One transaction: an armed switch beside a tripped drawdown would trip again.
            self._store.append("rearm", {"reason": rearmed, "effective": True}, ts=now)
            # Used up: a trip by a clock that was set back must not find it younger than itself.
            self._store.delete(SAFETY, "rearm")
            self._store.put(SAFETY, "limits", self._guard.monitor.to_dict(), ts=now)
            self._store.put_now(SAFETY, "latch", self._guard.kill.to_dict(), ts=now)
            self.log.warning(f"kill switch re-armed: {rearmed}")

    def _save(self, *, at_once: bool = False) -> None:
        now, problems = self.clock.timestamp_ns(), self._store.problems
        if problems:
            reason = f"latches and loss windows would not survive a restart: {problems[0]}"
            self._guard.troubles[STATE_UNWRITABLE] = reason
        else:
            self._guard.troubles.pop(STATE_UNWRITABLE, None)
        flows = {"detector": self._cash.detector.to_dict(), "held": self._cash.held()}
        self._store.put(SAFETY, "flows", flows, ts=now)
        # A halt must be on disk before anything follows from it; a sick database is not waited for.
        put = self._store.put_now if at_once and not problems else self._store.put
        try:
            put(SAFETY, "limits", self._guard.monitor.to_dict(), ts=now)
        except StateError as error:
            self._complain("the loss windows could not be written", error)

    # -- watching ----------------------------------------------------------------------------------

    def _after_look(self, error: Exception | None) -> None:
        if error is None:
            self._guard.troubles.pop(SAFETY_ERROR, None)
            return
        if not self._live:
            raise error
        self._complain("the account could not be judged", error)
        self._guard.troubles[SAFETY_ERROR] = f"the account could not be judged: {error!r}"

    def _judge(self, now: int, equity: tuple[float, int] | None) -> None:
        judgement = self._judge_all(now) if equity is None else self._guard.judge_fresh(now, *equity)
        if judgement is not NOTHING:
            if judgement.halted:
                self._halt_entries(judgement.halted)
            if judgement.killed:
                self._begin()
        if self._guard.is_open(now) != self._lookout.is_open:
            self._publish()

    def _judge_all(self, now: int) -> Judgement:
        flow, settled, flows = self._cash.poll(now)
        if flows:
            self._journal("cash_flow", {"flows": flows, "amount": flow, "currency": self._valuer.currency})
        valuation = self._valuer.value(now)
        if not valuation.fresh:
            for market in self._valuer.markets():
                self._want_quotes(market)
        return self._guard.judge(valuation, flow, settled=settled)

    def _halt_entries(self, limits: tuple[str, ...]) -> None:
        self._save(at_once=True)
        at = {name: self._guard.monitor.tripped_at(name) for name in limits}
        # Its window begins anew when a limit trips, so that only these numbers tell what was lost.
        lost = {name: loss for name, (loss, _) in at.items()}
        self._journal("loss_limit", {"limits": list(limits), **self._numbers(), **lost})
        cancelled = self._liquidator.cancel_opening(self._gateway.exposure)
        said = [f"{name} of {loss:.3%} exceeded {limit:.3%}" for name, (loss, limit) in at.items()]
        self.log.error(f"{' and '.join(said)}: no new risk, {cancelled} opening orders cancelled")

    def _on_position(self, event: PositionEvent) -> None:
        instrument_id = event.instrument_id
        if instrument_id not in self._held:  # NautilusTrader writes an identifier anew for every look
            self._held.add(instrument_id)
            self._want_quotes(instrument_id.value)
        if not self._guard.kill.is_armed:
            self._watch_steps()

    def _on_decision(self, decision: Decision) -> None:
        if decision.outcome != ALLOW and any(verdict.code == STALE_MARK for verdict in decision.verdicts):
            self._want_quotes(decision.intent.instrument)

    def _want_quotes(self, instrument: str) -> None:
        if instrument in self._quoted:
            return
        self._quoted.add(instrument)
        instrument_id = InstrumentId.from_str(instrument)
        self.subscribe_quote_ticks(instrument_id)
        if isinstance(self.cache.instrument(instrument_id), CryptoPerpetual):
            self._valuer.want_marks(instrument)
            self.subscribe_mark_prices(instrument_id)
            self.subscribe_funding_rates(instrument_id)

    # -- the outside world, in a live node ---------------------------------------------------------

    def _on_poll(self, _event: object) -> None:
        if self._guard.kill.is_armed:
            self._triggers.look()
        self._lookout.poll()
        self._save()
        self._publish()

    # -- kill switch -------------------------------------------------------------------------------

    def _trip(self, trigger: str, reason: str) -> None:
        if self._guard.kill.trip(self.clock.timestamp_ns(), trigger, reason, self._numbers()):
            self._begin()

    def _begin(self) -> None:
        """Write the latch, then act on it until the node is flat and halted."""
        self._latch()
        self._guard.kill.latched()
        self._watch_steps()
        self._on_step(None)

    def _watch_steps(self) -> None:
        if _STEP not in self.clock.timer_names:
            self._every(_STEP, 0.5, self._on_step)

    def _latch(self) -> None:
        kill, now = self._guard.kill, self.clock.timestamp_ns()
        document = kill.to_dict()
        why = f" ({kill.tripped.trigger}: {kill.tripped.reason})" if kill.tripped else ""
        self.log.error(f"kill switch {kill.state}{why}")
        try:
            self._store.append("kill_switch", document, ts=now)
            if self._store.healthy:
                self._store.put_now(SAFETY, "latch", document, ts=now)
            else:
                # Waiting for a database that takes nothing would hold up the closing.
                self._store.put(SAFETY, "latch", document, ts=now)
        except StateError as error:
            # Losing the latch is bad, staying exposed because of it would be worse.
            self.log.error(f"ALARM the latch could not be written, closing all the same: {error}")

    def _on_step(self, _event: object) -> None:
        before = self._guard.kill.state
        seen = self._watch.look(resting=before is KillState.HALTED)
        actions = self._guard.kill.step(self.clock.timestamp_ns(), seen)
        if self._guard.kill.state is not before:
            self._latch()
        for action in actions:
            try:
                self._carry_out(action)
            except Exception as error:  # noqa: BLE001 (one that fails must not keep the others back)
                self._complain(f"{action} failed", error)
        halted = self._guard.kill.state is KillState.HALTED
        if halted and not self._live and _STEP in self.clock.timer_names:
            self.clock.cancel_timer(_STEP)  # nothing happens unseen in a backtest: a position wakes it
        self._publish()

    def _carry_out(self, action: Action) -> None:
        match action:
            case CancelAll(closes=closes):
                self._liquidator.cancel_all(closes=closes)
            case Close(position=position, quantity=quantity):
                # Somebody may have set HALTED or REDUCING, which deny closing orders too.
                self._set_trading(TradingState.ACTIVE)
                self._liquidator.close(position, quantity)
            case Halt():
                self._set_trading(TradingState.HALTED)
            case Unhalt():
                self._set_trading(TradingState.ACTIVE)
            case Alarm(code=code, message=message, count=count):
                self.log.error(
                    f"ALARM {code} ({count}): {message}{self._watch.problem and ' ' + self._watch.problem}"
                )
                self._journal("alarm", {"code": code, "message": message, "count": count})

    def _set_trading(self, state: TradingState) -> None:
        if self._kernel.risk_engine.trading_state != state:
            self._kernel.risk_engine.set_trading_state(state)

    # -- telling -----------------------------------------------------------------------------------

    def _numbers(self) -> dict[str, Any]:
        status = self._guard.monitor.status
        return {
            "equity": status.equity,
            "hourly_loss": status.hourly_loss,
            "daily_loss": status.daily_loss,
            "drawdown": status.drawdown,
        }

    def _journal(self, kind: str, body: dict[str, Any]) -> None:
        try:
            self._store.append(kind, body, ts=self.clock.timestamp_ns())
        except StateError as error:
            self._complain(f"{kind} is not in the journal", error)

    def _complain(self, what: str, error: Exception) -> None:
        self.log.error(f"ALARM {what}: {error!r}")

    def _publish(self) -> None:
        now = self.clock.timestamp_ns()
        block = self._guard.blocked(now)
        state = self._guard.kill.state
        self._lookout.is_open = block is None
        status = messages.SafetyStatus(
            ts=now,
            state=str(state),
            currency=self._valuer.currency or "",
            entries=block is None,
            reasons=() if block is None else (f"{block[0]}: {block[1]}",),
            **self._numbers(),
        )
        messages.publish(self.msgbus, status)

    def _every(self, name: str, seconds: float, callback: Any) -> None:
        self.clock.set_timer(name, pd.Timedelta(seconds=seconds), callback=callback)
