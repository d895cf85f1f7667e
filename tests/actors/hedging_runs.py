"""A venue with a perpetual, a second one and options on bitcoin, and somebody who holds options."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import StrategyConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import SubmitOrder
from nautilus_trader.model.currencies import BTC as COIN
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import OptionGreeks, QuoteTick
from nautilus_trader.model.enums import OptionKind, OrderSide
from nautilus_trader.model.events import OrderRejected, OrderSubmitted
from nautilus_trader.model.identifiers import AccountId, InstrumentId, Symbol
from nautilus_trader.model.instruments import CryptoOption, CryptoPerpetual
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.actors.hedging_actor import HedgingActor, HedgingActorConfig
from nautilus_quant.host.hedging_settings import HedgeSettings
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.option_messages import HedgeUpdate
from nautilus_quant.options.black76 import price_and_greeks
from nautilus_quant.options.contract import years
from tests.host.engine import BTC as PERP
from tests.host.engine import SECOND, START, engine
from tests.host.options_kit import option

DAY = 86_400 * SECOND
EXPIRY = START + 7 * DAY
CALL = option(EXPIRY, 30_000.0, True)
PUT = option(EXPIRY, 29_000.0, False)
COIN_CALL = option(EXPIRY, 30_000.0, True, coin=True)
VOL = 0.6


def perpetual(name: str, *, taker: str = "0.0004", lot: str = "0.001") -> CryptoPerpetual:
    """Another perpetual at the same venue."""
    return CryptoPerpetual(
        instrument_id=InstrumentId(Symbol(name), PERP.id.venue),
        raw_symbol=Symbol(name),
        base_currency=COIN,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=1,
        size_precision=3,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str(lot),
        margin_init=Decimal("0.05"),
        margin_maint=Decimal("0.02"),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal(taker),
        ts_event=0,
        ts_init=0,
    )


OTHER = perpetual("BTCUSDC-PERP", taker="0.0006")


def moved(instrument: CryptoOption, forward: float, ts: int) -> tuple[float, float]:
    """Premium and delta of an option."""
    call = instrument.option_kind == OptionKind.CALL
    left = years(ts, instrument.expiration_ns)
    premium, greeks = price_and_greeks(forward, float(instrument.strike_price), left, VOL, call)
    return float(premium), float(greeks.delta)


def quote(instrument: Any, bid: float, ask: float, ts: int, size: float = 1_000.0) -> QuoteTick:
    return QuoteTick(
        instrument.id,
        Price(bid, instrument.price_precision),
        Price(ask, instrument.price_precision),
        Quantity(size, instrument.size_precision),
        Quantity(size, instrument.size_precision),
        ts,
        ts,
    )


def market(
    path: Iterable[float],
    options: Iterable[CryptoOption] = (CALL,),
    linear: Iterable[Any] = (PERP,),
    *,
    step: int = SECOND,
    half: float = 0.5,
    greeks: Callable[[int], bool] = lambda _: True,
) -> list[Any]:
    """Quotes of all, and the venue's greeks of the options, along a path of the price."""
    data: list[Any] = []
    options, linear = list(options), list(linear)
    for n, price in enumerate(path):
        ts = START + n * step
        data += [quote(one, price - half, price + half, ts) for one in linear]
        for one in options:
            premium, delta = moved(one, price, ts)
            scale = price if one.quote_currency == COIN else 1.0
            tick = float(one.price_increment)
            middle = max(premium / scale, 2 * tick)
            data.append(quote(one, middle * 0.995, middle * 1.005, ts, 500.0))
            if greeks(n):
                data.append(
                    OptionGreeks(one.id, delta, 0.0, 0.0, 0.0, 0.0, VOL, None, None, price, None, ts, ts)
                )
    return data


class Holder(Strategy):
    """Somebody's strategy: trades what it is told at the n-th quote of the perpetual."""

    def __init__(self, steps: dict[int, list[tuple[Any, float]]], tag: str = "001", **options: Any) -> None:
        super().__init__(StrategyConfig(order_id_tag=tag, **options))
        self.steps = steps
        self.seen = 0
        self.calls: dict[int, Callable[[Holder], None]] = {}
        self.events: list[Any] = []

    def on_start(self) -> None:
        self.subscribe_quote_ticks(PERP.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if tick.instrument_id != PERP.id:
            return
        step, self.seen = self.seen, self.seen + 1
        for instrument, size in self.steps.get(step, ()):
            side = OrderSide.BUY if size > 0 else OrderSide.SELL
            self.submit_order(self.order_factory.market(instrument.id, side, instrument.make_qty(abs(size))))
        if step in self.calls:
            self.calls[step](self)

    def on_order_event(self, event: Any) -> None:
        self.events.append(event)


def hedger(settings: dict[str, Any] | None = None, **config: Any) -> HedgingActor:
    given = {"every": 1.0, **(settings or {})}
    return HedgingActor(HedgingActorConfig(hedging=HedgeSettings(**given), **config))


class Run:
    """A finished backtest, and what was heard in it."""

    def __init__(
        self,
        data: list[Any],
        steps: dict[int, list[tuple[Any, float]]],
        actor: HedgingActor | None,
        *,
        actors: Iterable[Any] = (),
        calls: dict[int, Callable[[Holder], None]] | None = None,
        instruments: Iterable[Any] = (PERP, CALL),
        others: Iterable[Strategy] = (),
        **venue: Any,
    ) -> None:
        self.holder = Holder(steps)
        self.holder.calls = calls or {}
        mine = [] if actor is None else [actor]
        self.engine: BacktestEngine = engine(
            data,
            actors=[*actors, *mine],
            strategies=[self.holder, *others],
            instruments=list(instruments),
            **venue,
        )
        self.heard: list[HedgeUpdate] = []
        self.alerts: list[Alert] = []
        self.orders: list[Any] = []
        self.deltas: list[tuple[int, float]] = []
        bus = self.engine.kernel.msgbus
        subscribe(bus, HedgeUpdate, self.heard.append)
        subscribe(bus, Alert, self.alerts.append)
        self.actor = actor
        if actor is not None:
            self.name = f"{actor.id}-HEDGE"
            bus.subscribe(f"events.order.{self.name}", self.orders.append)
            # Before anybody acts on the quote: what the last second ended with.
            bus.subscribe(f"data.quotes.{PERP.id.venue}.{PERP.id.symbol}", self._note, priority=50)
        self.engine.run()
        self.hedges = {
            position.instrument_id: position.signed_qty
            for position in self.engine.cache.positions_open()
            if actor is not None and position.strategy_id.value == self.name
        }

    def _note(self, tick: QuoteTick) -> None:
        assert self.actor is not None
        net = self.actor.nets.get("BTC")
        self.deltas.append((tick.ts_init, math.nan if net is None else net.delta))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.orders]

    def what(self) -> list[str]:
        return [update.what for update in self.heard]

    def close(self) -> None:
        self.engine.dispose()


class Saboteur(Actor):
    """Stands before the risk engine and does away with hedges: rejects them, or lets them vanish."""

    def __init__(self, how: str, instrument: Any = PERP, until: int = 2**62) -> None:
        super().__init__()
        self.how = how
        self.instrument = instrument
        self.until = until
        self.seen: list[tuple[int, str, str]] = []

    def on_start(self) -> None:
        kernel = find_kernel(self.msgbus)
        self.kernel = kernel
        self.msgbus.deregister("RiskEngine.execute", kernel.risk_engine.execute)
        self.msgbus.register("RiskEngine.execute", self.on_command)

    def on_command(self, command: Any) -> None:
        if isinstance(command, SubmitOrder) and "HEDGE" in (command.order.tags or ()):
            order = command.order
            self.seen.append((self.clock.timestamp_ns(), order.instrument_id.value, str(order.quantity)))
            if order.instrument_id == self.instrument.id and self.clock.timestamp_ns() < self.until:
                if self.how == "reject":
                    self._reject(order)
                return
        self.kernel.risk_engine.execute(command)

    def _reject(self, order: Any) -> None:
        now, account = self.clock.timestamp_ns(), AccountId("BINANCE-001")
        names = (order.trader_id, order.strategy_id, order.instrument_id, order.client_order_id, account)
        engine_ = self.kernel.exec_engine
        engine_.process(OrderSubmitted(*names, UUID4(), now, now))
        engine_.process(OrderRejected(*names, "venue is busy", UUID4(), now, now))
