"""A venue with options that expire, priced by Black-76, and a strategy that just holds some."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import OptionGreeks, QuoteTick, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, AssetClass, OmsType, OptionKind, OrderSide
from nautilus_trader.model.events import OrderFilled, OrderInitialized
from nautilus_trader.model.identifiers import (
    InstrumentId,
    Symbol,
    TradeId,
    Venue,
    new_generic_spread_id,
)
from nautilus_trader.model.instruments import CryptoOption, IndexInstrument, OptionSpread
from nautilus_trader.model.objects import Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.actors.expiry_handler import ExpiryHandler, ExpiryHandlerConfig
from nautilus_quant.host.expiry_settings import ExpirySettings
from nautilus_quant.host.messages import Alert, subscribe
from nautilus_quant.host.option_messages import ExpiryUpdate
from nautilus_quant.options.black76 import price as black76
from nautilus_quant.options.contract import years

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
SIM = Venue("SIM")
INDEX = IndexInstrument(
    InstrumentId.from_str("BTC.SIM"),
    Symbol("BTC"),
    USDT,
    2,
    2,
    Price.from_str("0.01"),
    Quantity.from_str("0.01"),
    0,
    0,
)
EXPIRY = 1_766_649_600 * SECOND  # 25 December 2025, 08:00 UTC
VOL = 0.6
TICK = 0.01

type Path = Callable[[int], float]
type Book = Callable[[str, int], float | None]


def option(
    strike: float = 100_000.0,
    expiry: int = EXPIRY,
    *,
    call: bool = True,
    coin: bool = False,
    active: int = 0,
) -> CryptoOption:
    """An option on bitcoin; its strike in cents, since the engine rounds what it pays to those."""
    currency = BTC if coin else USDT
    precision = 4 if coin else 2
    kind = "C" if call else "P"
    name = f"{'BTC' if coin else 'BTCUSDT'}-{expiry // SECOND}-{strike:g}-{kind}"
    return CryptoOption(
        InstrumentId(Symbol(name), SIM),
        Symbol(name),
        BTC,
        currency,
        currency,
        False,
        OptionKind.CALL if call else OptionKind.PUT,
        Price(strike, 2),
        active,
        expiry,
        precision,
        1,
        Price(10.0**-precision, precision),
        Quantity.from_str("0.1"),
        0,
        0,
        min_quantity=Quantity.from_str("0.1"),
        maker_fee=Decimal("0.01"),
        taker_fee=Decimal("0.01"),
    )


def spread(old: CryptoOption, new: CryptoOption) -> OptionSpread:
    """A calendar spread of the venue: buying it sells the old leg and buys the new one."""
    name = new_generic_spread_id([(old.id, -1), (new.id, 1)])
    return OptionSpread(
        name,
        name.symbol,
        AssetClass.CRYPTOCURRENCY,
        USDT,
        2,
        Price.from_str("0.01"),
        Quantity.from_int(1),
        Quantity.from_int(1),
        "BTC",
        "CALENDAR",
        0,
        old.expiration_ns,
        0,
        0,
    )


class Tape:
    """
    Quotes of options around their Black-76 prices, and trades of the index.

    `path` gives the index; `size` the size of a quote by instrument and time, ``None`` for no quote at all.
    """

    def __init__(
        self,
        options: Iterable[CryptoOption],
        path: Path | float,
        *,
        start: int,
        end: int,
        step: int = 30 * SECOND,
        half: float = 0.01,
        size: Book | None = None,
        spreads: Iterable[OptionSpread] = (),
    ) -> None:
        self.options = list(options)
        self.spreads = list(spreads)
        self.path: Path = path if callable(path) else lambda _: float(path)
        self.times = range(start, end + 1, step)
        self.half = half
        self.size: Book = size or (lambda _name, _ts: 100.0)

    def mid(self, instrument: CryptoOption, ts: int) -> float:
        """What an option is worth, in the currency of its premium."""
        forward = self.path(ts)
        left = years(ts, instrument.expiration_ns)
        worth = black76(
            forward,
            float(instrument.strike_price),
            left,
            VOL,
            instrument.option_kind == OptionKind.CALL,
        )
        return float(worth) / (forward if instrument.quote_currency == BTC else 1.0)

    def data(self) -> list[Any]:
        made: list[Any] = []
        for ts in self.times:
            forward = self.path(ts)
            size = Quantity.from_str("1.00")
            made.append(
                TradeTick(INDEX.id, Price(forward, 2), size, AggressorSide.BUYER, TradeId(str(ts)), ts, ts)
            )
            told: set[int] = set()
            for instrument in self.options:
                if ts >= instrument.expiration_ns:
                    continue
                if instrument.expiration_ns not in told:
                    told.add(instrument.expiration_ns)
                    made.append(self._greeks(instrument, forward, ts))
                if self.size(instrument.id.symbol.value, ts) is not None:
                    made += self._quote(instrument, self.mid(instrument, ts), ts)
            for made_of in self.spreads:
                if ts < made_of.expiration_ns:
                    legs = {option.id: option for option in self.options}
                    worth = sum(ratio * self.mid(legs[leg], ts) for leg, ratio in made_of.legs())
                    made += self._quote(made_of, worth, ts)
        return made

    def _greeks(self, instrument: CryptoOption, forward: float, ts: int) -> OptionGreeks:
        return OptionGreeks(instrument.id, 0.5, 0.0, 0.0, 0.0, 0.0, VOL, None, None, forward, None, ts, ts)

    def _quote(self, instrument: Any, mid: float, ts: int) -> list[QuoteTick]:
        size = self.size(instrument.id.symbol.value, ts)
        if size is None:
            return []
        tick = float(instrument.price_increment)
        bid = math.floor(mid * (1 - self.half) / tick + 1e-9) * tick
        ask = max(math.ceil(mid * (1 + self.half) / tick - 1e-9) * tick, bid + tick)
        bids = size if bid > 0.0 or instrument.is_spread() else 0.0
        return [
            QuoteTick(
                instrument.id,
                Price(bid, instrument.price_precision),
                Price(ask, instrument.price_precision),
                Quantity(bids, instrument.size_precision),
                Quantity(size, instrument.size_precision),
                ts,
                ts,
            )
        ]


class Holder(Strategy):
    """Somebody's strategy: buys or sells what it is told once it can, and never looks again."""

    def __init__(self, wanted: dict[InstrumentId, float], tag: str = "001", at: int = 0) -> None:
        super().__init__(StrategyConfig(order_id_tag=tag))
        self.wanted = dict(wanted)
        self.at = at
        self.events: list[Any] = []

    def on_start(self) -> None:
        for instrument_id in self.wanted:
            self.subscribe_quote_ticks(instrument_id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        size = self.wanted.get(tick.instrument_id, 0.0)
        if not size or tick.ts_init < self.at:
            return
        self.wanted[tick.instrument_id] = 0.0
        side = OrderSide.BUY if size > 0 else OrderSide.SELL
        quantity = self.cache.instrument(tick.instrument_id).make_qty(abs(size))
        self.submit_order(self.order_factory.market(tick.instrument_id, side, quantity))

    def on_order_event(self, event: Any) -> None:
        self.events.append(event)


class Run:
    """What came of a run."""

    def __init__(self, made: BacktestEngine, handler: ExpiryHandler | None) -> None:
        self.engine = made
        self.handler = handler
        self.updates: list[ExpiryUpdate] = []
        self.alerts: list[Alert] = []
        subscribe(made.kernel.msgbus, ExpiryUpdate, self.updates.append)
        subscribe(made.kernel.msgbus, Alert, self.alerts.append)
        self.updates.clear()  # what an earlier run of the engine said last
        self.alerts.clear()
        self.events: list[OrderFilled] = []
        self.sent: list[Any] = []
        made.kernel.msgbus.subscribe("events.order.*", self._on_order)

    def _on_order(self, event: Any) -> None:
        if isinstance(event, OrderFilled):
            self.events.append(event)
        elif isinstance(event, OrderInitialized):
            self.sent.append(event.client_order_id)

    def told(self, *what: str) -> list[tuple[str, str]]:
        return [(u.what, u.code) for u in self.updates if not what or u.what in what]

    def when(self, what: str) -> list[int]:
        return [u.ts for u in self.updates if u.what == what]

    def held(self) -> dict[str, float]:
        return {
            p.instrument_id.symbol.value: float(p.signed_decimal_qty())
            for p in self.engine.cache.positions_open()
        }

    def orders(self, instrument: CryptoOption | OptionSpread | None = None) -> list[Any]:
        """Orders of the handler, in the order they were sent."""
        found = [o for o in self.engine.cache.orders() if "EXPIRY" in (o.tags or ())]
        found.sort(key=lambda o: self.sent.index(o.client_order_id))
        return [o for o in found if instrument is None or o.instrument_id == instrument.id]

    def fills(self) -> list[tuple[str, str, float]]:
        """What the handler traded: side, instrument and quantity, in the order it was sent."""
        return [
            (o.side.name, o.instrument_id.symbol.value, float(o.filled_qty))
            for o in self.orders()
            if float(o.filled_qty)
        ]

    def balance(self, currency: Any = USDT) -> Decimal:
        (account,) = self.engine.cache.accounts()
        total: Decimal = account.balance_total(currency).as_decimal()
        return total


QUICK: dict[str, Any] = {"max_age": 120.0, "retry": 30.0}


def handler(
    state: str | None = None, *, actor: dict[str, Any] | None = None, **settings: Any
) -> ExpiryHandler:
    config = ExpirySettings(**{**QUICK, **settings})
    return ExpiryHandler(ExpiryHandlerConfig(expiry=config, state=state, **(actor or {})))


def engine(
    tape: Tape,
    strategies: Iterable[Strategy],
    actors: Iterable[Any] = (),
    *,
    index: bool = True,
    underlying: Any = None,
    oms: OmsType = OmsType.NETTING,
    start: int | None = None,
    end: int | None = None,
    **venue: Any,
) -> BacktestEngine:
    """A backtest engine, ready to run; of the tape only what lies between `start` and `end`."""
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        venue=SIM,
        oms_type=oms,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(1_000_000, USDT), Money(100, BTC)],
        default_leverage=Decimal(10),
        **venue,
    )
    for instrument in ([underlying or INDEX] if index else []) + tape.options + tape.spreads:
        made.add_instrument(instrument)
    data = [item for item in tape.data() if index or not isinstance(item, TradeTick)]
    chosen = [d for d in data if (start or 0) <= d.ts_init and (end is None or d.ts_init <= end)]
    made.add_data(chosen)
    for one in actors:
        made.add_actor(one)
    for strategy in strategies:
        made.add_strategy(strategy)
    return made


def run(
    tape: Tape, wanted: dict[InstrumentId, float], acting: ExpiryHandler | None = None, **other: Any
) -> Run:
    """Run to the end with one holder and one handler."""
    actors = [*other.pop("actors", ())]
    made = engine(tape, [Holder(wanted)], [acting or handler(), *actors], **other)
    ran = Run(made, acting)
    made.run()
    return ran
