"""All underlyings of a node kept hedged: from positions, quotes and the clock to their desks."""

from __future__ import annotations

import math
from datetime import timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import StrategyId

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.book_reducers import BookReducers
from nautilus_quant.host.hedging_desk import HedgeDesk, HedgeTools
from nautilus_quant.host.hedging_market import HedgeMarket
from nautilus_quant.host.hedging_memory import HedgeMemory
from nautilus_quant.host.hedging_net import BookNet, unit_delta
from nautilus_quant.host.hedging_options import OptionOffers
from nautilus_quant.host.hedging_orders import HedgeOrders
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Alert, SafetyStatus, latest, publish
from nautilus_quant.host.options import OptionDesk
from nautilus_quant.host.options_underlying import coin_of
from nautilus_quant.host.touch import mid_of
from nautilus_quant.options.hedging import SECOND, Hedger
from nautilus_quant.options.hedging_market import reducible
from nautilus_quant.safety.kill_state import KillState

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.common.actor import Actor
    from nautilus_trader.common.events import TimeEvent
    from nautilus_trader.model.data import QuoteTick
    from nautilus_trader.model.events import OrderEvent, PositionEvent
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.orders import Order

    from nautilus_quant.host.hedging_settings import HedgeSettings
    from nautilus_quant.host.option_messages import HedgeUpdate

SOURCE = "hedging"
"""Of its alerts."""
_POSITIONS = "events.position.*"


class HedgeBook:
    """
    Hedges the options of a node.

    It looks when a position changes, when the price of a hedge instrument has moved, and now and then.

    Parameters
    ----------
    host
        Actor whose bus, cache, clock and log it uses, and which subscribes for it.
    owner
        Its name, the same after a restart; hedges are held by the strategy id ``<owner>-HEDGE``.
    settings
        When and how.
    underlyings
        Coins that are hedged; none for all that options are listed on.
    strategies
        Whose positions are the book; none for all that hold options on the coin.
    instruments
        What each coin is hedged with; none for every perpetual, future and dollar pair in the cache.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    def __init__(
        self,
        host: Actor,
        owner: str,
        settings: HedgeSettings,
        *,
        underlyings: Sequence[str] = (),
        strategies: Sequence[str] = (),
        instruments: Mapping[str, Sequence[str]] | None = None,
        state: str | None = None,
    ) -> None:
        self._host = host
        self._owner = owner
        self._settings = settings
        self._underlyings = tuple(underlyings)
        self._strategies = [StrategyId(name) for name in strategies]
        self._instruments = dict(instruments or {})
        self._state = state
        self._timer = f"{owner}-hedging"
        self._alerts: dict[str, str] = {}
        self._heard: set[InstrumentId] = set()
        self._looked: dict[InstrumentId, float] = {}
        self._reloaded = 0
        self.strategy_id = StrategyId(f"{owner}-HEDGE")
        self.desks: dict[str, HedgeDesk] = {}

    # -- life --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Take up what an earlier run left, then listen."""
        host = self._host
        self._kernel = find_kernel(host.msgbus)
        self._desk = OptionDesk.on(host.msgbus, host.cache, host.clock)
        self._memory = HedgeMemory(self._owner, self._state, host.log)
        self._tools = HedgeTools(
            host=host,
            orders=HedgeOrders(self._kernel, self._owner, self.strategy_id),
            memory=self._memory,
            drawdown=self._drawdown,
            is_closing=self._is_closing,
            tell=self._tell,
            alert=self._alert,
        )
        BookReducers.on(host.msgbus).register(self.strategy_id, self)
        host.msgbus.subscribe(f"events.order.{self.strategy_id}", self._on_order)
        host.msgbus.subscribe(_POSITIONS, self._on_position)
        host.clock.set_timer(
            self._timer, timedelta(seconds=float(self._settings.every)), callback=self._on_time
        )
        self._reloaded = self._now()
        self._look_for_coins()

    def stop(self) -> None:
        """Listen no more, and leave nothing resting; what becomes of it the next run finds out."""
        host = self._host
        BookReducers.on(host.msgbus).leave(self.strategy_id, self)
        host.msgbus.unsubscribe(f"events.order.{self.strategy_id}", self._on_order)
        host.msgbus.unsubscribe(_POSITIONS, self._on_position)
        if self._timer in host.clock.timer_names:
            host.clock.cancel_timer(self._timer)
        for desk in self.desks.values():
            desk.withdraw()
            desk.save()
        self._memory.close()

    def _look_for_coins(self) -> None:
        """Take up coins that options are listed on by now, and hear what they are hedged with."""
        for coin in self._underlyings or self._desk.underlyings():
            if coin not in self.desks:
                self.desks[coin] = self._new_desk(coin)
                self.desks[coin].start()
        if self._settings.subscribe:
            self._hear()
            self._leave_expired()

    def _new_desk(self, coin: str) -> HedgeDesk:
        settings, cache = self._settings, self._host.cache
        max_age = float(settings.max_age)
        eyes = (
            BookNet(
                coin,
                self._desk,
                cache,
                chosen=self._strategies,
                own=self.strategy_id,
                external=settings.external,
                adjusted=settings.premium_adjusted,
            ),
            HedgeMarket(self._kernel, coin, self._instruments.get(coin, ()), max_age),
            OptionOffers(self._kernel, coin, self._desk, max_age),
        )
        return HedgeDesk(coin, Hedger(settings.params(), settings.hedger()), eyes, self._tools)

    def _hear(self) -> None:
        host, wanted = self._host, self._heard
        for desk in self.desks.values():
            for instrument_id in desk.market.listed():
                if instrument_id not in wanted:
                    wanted.add(instrument_id)
                    host.subscribe_quote_ticks(instrument_id)
                    host.subscribe_funding_rates(instrument_id)
            for instrument_id in desk.book.options():
                if instrument_id not in wanted:
                    wanted.add(instrument_id)
                    host.subscribe_quote_ticks(instrument_id)
                    host.subscribe_option_greeks(instrument_id)

    def _leave_expired(self) -> None:
        now = self._now()
        for instrument_id in list(self._heard):
            contract = self._desk.contract(instrument_id)
            if contract is not None and contract.expiry <= now:
                self._heard.discard(instrument_id)
                self._host.unsubscribe_quote_ticks(instrument_id)
                self._host.unsubscribe_option_greeks(instrument_id)

    # -- when to look ------------------------------------------------------------------------------

    def _now(self) -> int:
        return int(self._host.clock.timestamp_ns())

    def _on_time(self, _event: TimeEvent) -> None:
        if not self._host.is_running:
            return  # a timer that was due when it was cancelled rings once more
        self._look_for_coins()
        now = self._now()
        reload = now - self._reloaded >= float(self._settings.reload) * SECOND
        self._reloaded = now if reload else self._reloaded
        for desk in self.desks.values():
            if reload:
                desk.take_versions()
            desk.work()

    def _on_position(self, event: PositionEvent) -> None:
        coin = self._coin_of(event.instrument_id)
        if coin not in self.desks:
            return
        if self._settings.subscribe and event.instrument_id not in self._heard:
            self._hear()
        self.desks[coin].work()

    def _on_order(self, event: OrderEvent) -> None:
        coin = self._coin_of(event.instrument_id)
        if coin in self.desks:
            self.desks[coin].on_order(event)

    def on_quote(self, quote: QuoteTick) -> None:
        """Look at a coin when the price of what hedges it has moved."""
        coin = self._coin_of(quote.instrument_id)
        desk = self.desks.get(coin or "")
        if desk is None or quote.instrument_id not in desk.market.listed():
            return
        price, before = mid_of(quote), self._looked.get(quote.instrument_id, math.nan)
        if not price > 0.0 or abs(price - before) <= float(self._settings.move) * before:
            return
        self._looked[quote.instrument_id] = price
        desk.work()

    def _coin_of(self, instrument_id: InstrumentId) -> str | None:
        contract = self._desk.contract(instrument_id)
        if contract is not None:
            return contract.underlying
        return coin_of(self._host.cache.instrument(instrument_id))

    def _drawdown(self) -> float:
        status = latest(self._host.msgbus, SafetyStatus, "safety")
        return math.nan if status is None else status.drawdown

    def _is_closing(self) -> bool:
        status = latest(self._host.msgbus, SafetyStatus, "safety")
        return status is not None and status.state != KillState.ARMED

    # -- what the gateway asks ---------------------------------------------------------------------

    def reducible(self, instrument_id: InstrumentId, side: Side, others: Sequence[Order]) -> Decimal:
        """Return the most that an order under its id reduces of the net delta now [units]."""
        desk = self.desks.get(self._coin_of(instrument_id) or "")
        instrument = None if desk is None else desk.market.listed().get(instrument_id)
        if desk is None or instrument is None:
            return Decimal(0)
        unit = unit_delta(instrument, desk.market.price(instrument_id))
        room = reducible(desk.net().delta, side, self._working(desk, side, others))
        if not (math.isfinite(unit) and unit > 0.0):
            return Decimal(0)
        lot = instrument.size_increment.as_decimal()
        # As exactly as the hedge itself is counted, see `units_of`.
        lots = (Decimal(repr(room / unit)) / lot + Decimal("5e-7")).to_integral_value(ROUND_FLOOR)
        return Decimal(lots * lot)

    def _working(self, desk: HedgeDesk, side: Side, others: Sequence[Order]) -> float:
        """Return what orders of the same side on their way trade of a coin [coins]."""
        wanted = OrderSide.BUY if side is Side.BUY else OrderSide.SELL
        coins = [0.0]
        for order in others:
            if order.side != wanted or self._coin_of(order.instrument_id) != desk.underlying:
                continue
            instrument = self._host.cache.instrument(order.instrument_id)
            contract = self._desk.contract(order.instrument_id)
            # An option moves less than its coin; that much is certain.
            unit = (
                unit_delta(instrument, desk.market.price(order.instrument_id))
                if contract is None
                else contract.multiplier
            )
            coins.append(order.leaves_qty.as_double() * unit)
        return math.fsum(coins)

    # -- what is told ------------------------------------------------------------------------------

    def _tell(self, update: HedgeUpdate) -> None:
        publish(self._host.msgbus, update)
        numbers = {
            name: value
            for name in ("delta_before", "delta_after", "slippage", "latency")
            if math.isfinite(value := getattr(update, name))
        }
        self._memory.note(
            update.key,
            update.what,
            update.ts,
            mode=update.mode,
            version=update.version,
            instrument=update.instrument,
            quantity=update.quantity,
            reason=update.reason,
            **numbers,
        )

    def _alert(self, coin: str, severity: str, about: str, text: str) -> None:
        key = f"{SOURCE}|{coin}|{about}"
        if self._alerts.get(key, "INFO") == severity:
            return
        self._alerts[key] = severity
        told = f"{coin}: {text}"
        (self._host.log.info if severity == "INFO" else self._host.log.warning)(told)
        publish(
            self._host.msgbus,
            Alert(key=key, ts=self._now(), source=SOURCE, severity=severity, text=told),
        )
