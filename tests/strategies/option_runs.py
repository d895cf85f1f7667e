"""A venue with options of two expiries around a path, and the perpetual on whose bars strategies decide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import Bar, BarType, OptionGreeks, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OptionKind
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.identifiers import InstrumentId, Symbol
from nautilus_trader.model.instruments import CryptoOption, CryptoPerpetual
from nautilus_trader.model.objects import Money, Price, Quantity

from nautilus_quant.host.messages import Alert, TargetUpdate, subscribe
from nautilus_quant.options.black76 import price as black76
from nautilus_quant.options.contract import years
from tests.actors.expiry_runs import DAY, HOUR, MINUTE, SECOND, SIM, option

START = 1_763_712_000 * SECOND  # 21 November 2025, 08:00 UTC
NEAR, FAR = START + 14 * DAY, START + 35 * DAY
STRIKES = tuple(range(70_000, 132_000, 2_000))
PERP = CryptoPerpetual(
    InstrumentId.from_str("BTCUSDT-PERP.SIM"),
    Symbol("BTCUSDT-PERP"),
    BTC,
    USDT,
    USDT,
    False,
    2,
    3,
    Price.from_str("0.01"),
    Quantity.from_str("0.001"),
    0,
    0,
)
BARS = BarType.from_str(f"{PERP.id}-1-HOUR-LAST-EXTERNAL")

type Path = Callable[[int], float]
type Book = Callable[[CryptoOption, int], tuple[float, float] | None]


def chain(*, coin: bool = False, expiries: Iterable[int] = (NEAR, FAR)) -> list[CryptoOption]:
    return [
        option(float(strike), expiry, call=call, coin=coin)
        for expiry in expiries
        for strike in STRIKES
        for call in (True, False)
    ]


def few(*, coin: bool = False) -> list[CryptoOption]:
    """Three strikes around the money, of one expiry."""
    options = chain(coin=coin, expiries=(NEAR,))
    return [one for one in options if abs(float(one.strike_price) - 100_000.0) < 3_000.0]


class Market:
    """
    Quotes, greeks and hourly bars.

    `path` gives the price and `vol` the volatility by time; `size` bid and ask sizes of an option, ``None``
    for no quote.
    """

    def __init__(
        self,
        options: list[CryptoOption],
        *,
        path: Path | float = 100_000.0,
        vol: Path | float = 0.6,
        start: int = START,
        hours: int = 12,
        step: int = 30 * MINUTE,
        half: float = 0.01,
        size: Book | None = None,
    ) -> None:
        self.options = options
        self.path: Path = path if callable(path) else lambda _: float(path)
        self.vol: Path = vol if callable(vol) else lambda _: float(vol)
        self.times = range(start, start + hours * HOUR + 1, step)
        self.half = half
        self.size: Book = size or (lambda _option, _ts: (100.0, 100.0))

    def mid(self, instrument: CryptoOption, ts: int) -> float:
        forward = self.path(ts)
        left = years(ts, instrument.expiration_ns)
        call = instrument.option_kind == OptionKind.CALL
        worth = float(black76(forward, float(instrument.strike_price), left, self.vol(ts), call))
        return worth / (forward if instrument.quote_currency == BTC else 1.0)

    def data(self) -> list[Any]:
        made: list[Any] = []
        for ts in self.times:
            price = self.path(ts)
            made.append(_quote(PERP, price - 1.0, price + 1.0, (10.0, 10.0), ts))
            for instrument in self.options:
                if ts < instrument.expiration_ns:
                    made.append(self._greeks(instrument, price, ts))
                    made += self._quotes(instrument, ts)
            if not ts % HOUR and ts > self.times[0]:
                level = Price(price, 2)
                made.append(Bar(BARS, *[level] * 4, Quantity(1, 3), ts, ts))
        return made

    def _greeks(self, instrument: CryptoOption, price: float, ts: int) -> OptionGreeks:
        return OptionGreeks(
            instrument.id, 0.5, 0.0, 0.0, 0.0, 0.0, self.vol(ts), None, None, price, None, ts, ts
        )

    def _quotes(self, instrument: CryptoOption, ts: int) -> list[QuoteTick]:
        sizes = self.size(instrument, ts)
        if sizes is None:
            return []
        tick, mid = float(instrument.price_increment), self.mid(instrument, ts)
        bid = math.floor(mid * (1 - self.half) / tick + 1e-9) * tick
        ask = max(math.ceil(mid * (1 + self.half) / tick - 1e-9) * tick, bid + tick)
        return [_quote(instrument, bid, ask, (sizes[0] if bid > 0.0 else 0.0, sizes[1]), ts)]


def _quote(instrument: Any, bid: float, ask: float, sizes: tuple[float, float], ts: int) -> QuoteTick:
    digits, lots = instrument.price_precision, instrument.size_precision
    return QuoteTick(
        instrument.id,
        Price(bid, digits),
        Price(ask, digits),
        Quantity(sizes[0], lots),
        Quantity(sizes[1], lots),
        ts,
        ts,
    )


class Run:
    """What came of a run."""

    def __init__(self, made: BacktestEngine) -> None:
        self.engine = made
        self.fills: list[OrderFilled] = []
        self.targets: list[TargetUpdate] = []
        self.alerts: list[Alert] = []
        made.kernel.msgbus.subscribe("events.order.*", self._on_order, priority=1)
        subscribe(made.kernel.msgbus, TargetUpdate, self.targets.append)
        subscribe(made.kernel.msgbus, Alert, self.alerts.append)

    def _on_order(self, event: Any) -> None:
        if isinstance(event, OrderFilled):
            self.fills.append(event)

    def traded(self) -> list[tuple[str, str, float]]:
        """Side, what (expiry day, strike, kind) and quantity of each fill."""
        return [(f.order_side.name, label(f.instrument_id), float(f.last_qty)) for f in self.fills]

    def held(self) -> dict[str, float]:
        return {
            label(p.instrument_id): float(p.signed_decimal_qty()) for p in self.engine.cache.positions_open()
        }

    def balance(self, currency: Any = USDT) -> Decimal:
        (account,) = self.engine.cache.accounts()
        total: Decimal = account.balance_total(currency).as_decimal()
        return total


def label(name: InstrumentId) -> str:
    """Whether the nearer or the farther expiry, strike in thousands, and kind, e.g. ``"near 100 C"``."""
    if name == PERP.id:
        return "perpetual"
    _, expiry, strike, kind = name.symbol.value.split("-")
    return f"{'near' if int(expiry) * SECOND == NEAR else 'far'} {float(strike) / 1_000:g} {kind}"


def engine(
    market: Market, strategies: Iterable[Any], actors: Iterable[Any] = (), **venue: Any
) -> BacktestEngine:
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    made.add_venue(
        venue=SIM,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(1_000_000, USDT), Money(10, BTC)],
        default_leverage=Decimal(10),
        **venue,
    )
    for instrument in [PERP, *market.options]:
        made.add_instrument(instrument)
    made.add_data(market.data())
    for actor in actors:
        made.add_actor(actor)
    for strategy in strategies:
        made.add_strategy(strategy)
    return made


def run(market: Market, *strategies: Any, actors: Iterable[Any] = (), **venue: Any) -> Run:
    made = engine(market, strategies, actors, **venue)
    ran = Run(made)
    made.run()
    return ran
