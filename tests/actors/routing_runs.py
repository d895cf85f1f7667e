"""One market on several venues in a small backtest: books a second apart, and strategies with a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.data import BookOrder, OrderBookDepth10, QuoteTick
from nautilus_trader.model.enums import AccountType, BookType, OmsType, OrderSide
from nautilus_trader.model.events import OrderEvent, OrderFilled
from nautilus_trader.model.identifiers import ExecAlgorithmId, InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoPerpetual, CurrencyPair, Instrument
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.model.orders import Order
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.actors.venue_router import VenueRouter, VenueRouterConfig
from nautilus_quant.host.messages import everything
from nautilus_quant.host.routing_report import RouteUpdate
from nautilus_quant.venues.incident_module import IncidentModule, IncidentModuleConfig

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
USDT = Currency.from_str("USDT")
ROUTER = ExecAlgorithmId("VenueRouter")

type Step = Callable[[Any], None]
type Levels = Sequence[tuple[float, float]]


def perpetual(
    venue: str, fee: float = 0.0, step: str = "0.001", multiplier: str = "1", quoted: str = "USDT"
) -> CryptoPerpetual:
    """The same market of bitcoin, on any venue."""
    lot = Quantity.from_str(step)
    return CryptoPerpetual(
        instrument_id=_id(venue),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=Currency.from_str(quoted),
        settlement_currency=Currency.from_str(quoted),
        is_inverse=False,
        price_precision=1,
        size_precision=lot.precision,
        price_increment=Price.from_str("0.1"),
        size_increment=lot,
        multiplier=Quantity.from_str(multiplier),
        min_quantity=lot,
        margin_init=Decimal("0.1"),
        margin_maint=Decimal("0.05"),
        maker_fee=Decimal("0.0001"),
        taker_fee=Decimal(repr(fee)),
        ts_event=0,
        ts_init=0,
    )


def spot(venue: str, fee: float = 0.0) -> CurrencyPair:
    """The spot market of bitcoin, on any venue."""
    lot = Quantity.from_str("0.001")
    return CurrencyPair(
        instrument_id=InstrumentId.from_str(f"BTCUSDT.{venue}"),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=Currency.from_str("BTC"),
        quote_currency=USDT,
        price_precision=1,
        size_precision=lot.precision,
        price_increment=Price.from_str("0.1"),
        size_increment=lot,
        min_quantity=lot,
        maker_fee=Decimal("0.0001"),
        taker_fee=Decimal(repr(fee)),
        ts_event=0,
        ts_init=0,
    )


def _id(venue: str) -> InstrumentId:
    return InstrumentId.from_str(f"BTCUSDT-PERP.{venue}")


def depth(instrument: Instrument, second: float, bids: Levels, asks: Levels) -> OrderBookDepth10:
    """Ten levels of a book, filled up with orders of nothing."""
    ts = START + round(second * SECOND)

    def side(levels: Levels, what: OrderSide) -> list[BookOrder]:
        made = [
            BookOrder(
                what,
                Price(price, instrument.price_precision),
                Quantity(size, instrument.size_precision),
                n + 1,
            )
            for n, (price, size) in enumerate(levels)
        ]
        empty = BookOrder(
            what, Price(0, instrument.price_precision), Quantity(0, instrument.size_precision), 0
        )
        return made + [empty] * (10 - len(made))

    counts = [1] * 10
    return OrderBookDepth10(
        instrument.id, side(bids, OrderSide.BUY), side(asks, OrderSide.SELL), counts, counts, 0, 0, ts, ts
    )


def quote(instrument: Instrument, second: float, bids: Levels, asks: Levels) -> QuoteTick:
    """The best of a book."""
    ts = START + round(second * SECOND)
    return QuoteTick(
        instrument.id,
        Price(bids[0][0], instrument.price_precision),
        Price(asks[0][0], instrument.price_precision),
        Quantity(bids[0][1], instrument.size_precision),
        Quantity(asks[0][1], instrument.size_precision),
        ts,
        ts,
    )


def books(
    instrument: Instrument, bids: Levels, asks: Levels, seconds: Iterable[float] = range(60)
) -> list[OrderBookDepth10]:
    """The same book once a second."""
    return [depth(instrument, second, bids, asks) for second in seconds]


class Script(Strategy):
    """Does what it is told a second apart, and keeps all its order events."""

    def __init__(self, steps: dict[int, Step], tag: str = "001", **config: Any) -> None:
        super().__init__(StrategyConfig(order_id_tag=tag, **config))
        self.steps = steps
        self.events: list[OrderEvent] = []
        self.orders: list[Order] = []
        self.seconds = 0

    def on_start(self) -> None:
        self.clock.set_timer_ns("steps", SECOND, 0, 0, self._on_time)

    def _on_time(self, _event: Any) -> None:
        self.seconds += 1
        step = self.steps.get(self.seconds)
        if step is not None:
            step(self)

    def on_order_event(self, event: OrderEvent) -> None:
        self.events.append(event)

    def market(self, instrument: Instrument, side: OrderSide, quantity: str, **more: Any) -> Order:
        """Send an order at market through the router."""
        order = self.order_factory.market(
            instrument.id, side, Quantity.from_str(quantity), exec_algorithm_id=ROUTER, **more
        )
        return self.send(order)

    def limit(
        self, instrument: Instrument, side: OrderSide, quantity: str, price: float, **more: Any
    ) -> Order:
        """Send a limit order through the router."""
        order = self.order_factory.limit(
            instrument.id,
            side,
            Quantity.from_str(quantity),
            Price(price, instrument.price_precision),
            exec_algorithm_id=ROUTER,
            **more,
        )
        return self.send(order)

    def send(self, order: Order) -> Order:
        self.orders.append(order)
        self.submit_order(order)
        return order

    def filled(self) -> dict[str, Decimal]:
        """What was filled on each venue, bought above 0."""
        found: dict[str, Decimal] = {}
        for event in self.events:
            if isinstance(event, OrderFilled):
                size = event.last_qty.as_decimal() * (1 if event.is_buy else -1)
                venue = event.instrument_id.venue.value
                found[venue] = found.get(venue, Decimal(0)) + size
        return found

    def held(self) -> dict[str, Decimal]:
        """What it holds on each venue."""
        found: dict[str, Decimal] = {}
        for position in self.cache.positions_open(strategy_id=self.id):
            venue = position.instrument_id.venue.value
            found[venue] = found.get(venue, Decimal(0)) + position.signed_decimal_qty()
        return found

    def kinds(self, order: Order) -> list[str]:
        """Names of an order's events."""
        return [
            type(event).__name__ for event in self.events if event.client_order_id == order.client_order_id
        ]


class Run:
    """A backtest that has ended, and what can be asked of it."""

    def __init__(self, engine: BacktestEngine, scripts: Sequence[Script]) -> None:
        self.engine = engine
        self.cache = engine.cache
        self.script = scripts[0]
        self.held = [script.held() for script in scripts]
        self.updates: dict[str, RouteUpdate] = everything(engine.kernel.msgbus, RouteUpdate)

    def parts(self, order: Order) -> dict[str, Order]:
        """Parts of an order, by venue."""
        mark = f"ROUTED:{order.client_order_id}"
        found = [one for one in self.cache.orders() if mark in (one.tags or ())]
        return {one.instrument_id.venue.value: one for one in sorted(found, key=lambda o: o.client_order_id)}


def engine(
    instruments: Sequence[Instrument],
    data: Sequence[Any],
    scripts: Sequence[Script],
    *,
    actors: Iterable[Actor] = (),
    oms: OmsType = OmsType.NETTING,
    router: VenueRouter | None = None,
    venue: Callable[[str], dict[str, Any]] = lambda _name: {},
    **config: Any,
) -> BacktestEngine:
    """A backtest with as many venues as the instruments have."""
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    for name in dict.fromkeys(one.id.venue.value for one in instruments):
        options: dict[str, Any] = {
            "oms_type": oms,
            "account_type": AccountType.MARGIN,
            "base_currency": None,
            "starting_balances": [Money(1_000_000, USDT)],
            "default_leverage": Decimal(10),
            "book_type": BookType.L2_MBP,
        }
        made.add_venue(venue=Venue(name), **(options | venue(name)))
    for instrument in instruments:
        made.add_instrument(instrument)
    made.add_data(sorted(data, key=lambda item: item.ts_init))
    for actor in actors:
        made.add_actor(actor)
    made.add_exec_algorithm(router or VenueRouter(VenueRouterConfig(**config)))
    for script in scripts:
        made.add_strategy(script)
    return made


def run(
    steps: dict[int, Step], instruments: Sequence[Instrument], data: Sequence[Any], **options: Any
) -> Run:
    """Run one scripted strategy to the end."""
    scripts = [options.pop("script", None) or Script(steps), *options.pop("others", ())]
    made = engine(instruments, data, scripts, **options)
    made.run()
    return Run(made, scripts)


BUY, SELL = OrderSide.BUY, OrderSide.SELL
A, B, C = perpetual("A", 0.0005), perpetual("B", 0.0002), perpetual("C", 0.0004)
X = perpetual("X")
ROUTES = ((A.id, B.id, C.id),)
BIDS: Levels = [(29_999.0, 5.0), (29_998.0, 5.0)]


def market(
    a: Levels = ((30_000.0, 1.0), (30_001.0, 5.0)),
    b: Levels = ((30_006.0, 2.0), (30_012.0, 9.0)),
    c: Levels = ((30_050.0, 9.0),),
    **seconds: Any,
) -> list[Any]:
    """With fees, A asks 30 015.00 and 30 016.00, B 30 012.00 and 30 018.00, C 30 062.02."""
    given = zip((A, B, C), (a, b, c), strict=True)
    return [item for one, asks in given for item in books(one, BIDS, asks, **seconds)]


TIME = books(X, BIDS, [(30_000.0, 1.0)])
"""A market that goes on where others fall silent."""


def buy(quantity: str = "3.000", **more: Any) -> Any:
    return lambda script: script.market(A, BUY, quantity, **more)


def sell(quantity: str = "3.000", **more: Any) -> Any:
    return lambda script: script.market(A, SELL, quantity, **more)


def incidents(*given: dict[str, Any]) -> dict[str, Any]:
    config = msgspec.convert({"incidents": list(given)}, IncidentModuleConfig)
    return {"modules": [IncidentModule(config)]}


def rejecting(start: float = 0.0, seconds: float = 100.0, share: float = 1.0) -> dict[str, Any]:
    return {"kind": "rejects", "at": start, "duration": seconds, "probability": share}
