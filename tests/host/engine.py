"""A small backtest to put things into: one instrument, a quote a second, strategies with a script."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import LoggingConfig, StrategyConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.events import OrderEvent, OrderSubmitted
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.gating.intent import UNLIMITED, Intent, Verdict
from nautilus_quant.host.gateway import OrderGateway

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
BTC = TestInstrumentProvider.btcusdt_perp_binance()
USDT = Currency.from_str("USDT")

type Step = Callable[[Any], None]


class Valve:
    """A gate that can be opened and closed, and remembers what it was asked."""

    def __init__(self, allowed: Decimal = UNLIMITED, name: str = "valve") -> None:
        self.name = name
        self.allowed = allowed
        self.asked: list[Intent] = []

    def check(self, intent: Intent) -> Verdict:
        self.asked.append(intent)
        if self.allowed == UNLIMITED:
            return Verdict.allow(self.name)
        return Verdict.limit(
            self.name, self.allowed, "VALVE", f"at most {self.allowed}", most=float(self.allowed)
        )

    def close(self) -> None:
        self.allowed = Decimal(0)


class GateActor(Actor):
    """Keeps a gate in the chain while it runs."""

    def __init__(self, gate: Any) -> None:
        super().__init__()
        self.gate = gate
        self.gateway: OrderGateway | None = None

    def on_start(self) -> None:
        self.gateway = OrderGateway.join(self.msgbus, self.gate)

    def on_stop(self) -> None:
        assert self.gateway is not None
        self.gateway.leave(self.gate)


class Script(Strategy):
    """Does what it is told at the n-th quote, and keeps all its order events."""

    def __init__(self, steps: dict[int, Step], tag: str = "001", **config: Any) -> None:
        super().__init__(StrategyConfig(order_id_tag=tag, **config))
        self.steps = steps
        self.seen = 0
        self.events: list[OrderEvent] = []
        self.left = Decimal(0)  # position at the end of the run
        self.final: list[Any] = []  # orders at the end of the run

    def on_start(self) -> None:
        self.subscribe_quote_ticks(BTC.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        step = self.steps.get(self.seen)
        self.seen += 1
        if step is not None:
            step(self)

    def on_order_event(self, event: OrderEvent) -> None:
        self.events.append(event)

    @property
    def position(self) -> Decimal:
        held = self.cache.positions_open(strategy_id=self.id)
        return sum((p.signed_decimal_qty() for p in held), Decimal(0))

    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.events]

    def reached_venue(self) -> list[str]:
        return [e.client_order_id.value for e in self.events if isinstance(e, OrderSubmitted)]


def quotes(prices: Iterable[float], instrument: Instrument = BTC, spread: float = 0.2) -> list[QuoteTick]:
    """One quote a second around each price."""
    made = []
    for n, price in enumerate(prices):
        ts = START + n * SECOND
        made.append(
            QuoteTick(
                instrument.id,
                Price(price - spread / 2, instrument.price_precision),
                Price(price + spread / 2, instrument.price_precision),
                Quantity(1000, instrument.size_precision),
                Quantity(1000, instrument.size_precision),
                ts,
                ts,
            )
        )
    return made


def engine(
    data: Sequence[Any] | None = None,
    *,
    actors: Iterable[Actor] = (),
    strategies: Iterable[Strategy] = (),
    algorithms: Iterable[Any] = (),
    oms: OmsType = OmsType.NETTING,
    instruments: Sequence[Instrument] = (BTC,),
    **venue: Any,
) -> BacktestEngine:
    """A backtest engine, ready to run."""
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        venue=Venue("BINANCE"),
        oms_type=oms,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(1_000_000, USDT)],
        default_leverage=Decimal(10),
        **venue,
    )
    for instrument in instruments:
        made.add_instrument(instrument)
    made.add_data(list(quotes([30_000.0] * 60) if data is None else data))
    for actor in actors:
        made.add_actor(actor)
    for algorithm in algorithms:
        made.add_exec_algorithm(algorithm)
    for strategy in strategies:
        made.add_strategy(strategy)
    return made


def run(steps: dict[int, Step], gate: Any | None = None, **options: Any) -> Script:
    """Run one scripted strategy behind one gate to the end."""
    script = Script(steps)
    actors = [] if gate is None else [GateActor(gate)]
    scripts = [script, *options.pop("others", ())]
    made = engine(actors=actors, strategies=scripts, **options)
    made.run()
    script.final = made.cache.orders()
    for one in scripts:
        one.left = one.position
    made.dispose()
    return script
