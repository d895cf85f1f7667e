"""One decision of the hedging actor with everything it looks at, in an engine that holds many options."""

from __future__ import annotations

from decimal import Decimal
from statistics import median
from typing import Any

from benchmarks.timing import each

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
DAY = 86_400 * SECOND
VOL = 0.6
PRICE = 30_000.0


def option(number: int) -> Any:
    """Make an option: ten expiries, twenty strikes of each."""
    from nautilus_trader.model.currencies import BTC, USDT
    from nautilus_trader.model.enums import OptionKind
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import CryptoOption
    from nautilus_trader.model.objects import Price, Quantity

    week, place = divmod(number, 20)
    strike = 20_000 + 1_000 * place
    name = InstrumentId.from_str(f"BTC-{week}-{strike}-C.BINANCE")
    return CryptoOption(
        instrument_id=name,
        raw_symbol=name.symbol,
        underlying=BTC,
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        option_kind=OptionKind.CALL,
        strike_price=Price(strike, 0),
        activation_ns=0,
        expiration_ns=START + 7 * (week + 1) * DAY,
        price_precision=2,
        size_precision=1,
        price_increment=Price(0.01, 2),
        size_increment=Quantity(0.1, 1),
        ts_event=0,
        ts_init=0,
    )


def quotes(perpetual: Any, options: list[Any]) -> list[Any]:
    """Make three rounds of quotes of all, and of greeks of the options."""
    from nautilus_trader.model.data import OptionGreeks, QuoteTick
    from nautilus_trader.model.objects import Price, Quantity

    def quote(one: Any, price: float, ts: int) -> QuoteTick:
        digits, size = one.price_precision, Quantity(100, one.size_precision)
        return QuoteTick(one.id, Price(price, digits), Price(price + 1.0, digits), size, size, ts, ts)

    data: list[Any] = []
    for ts in (START, START + 2 * SECOND, START + 3 * SECOND):
        data.append(quote(perpetual, PRICE, ts))
        for one in options:
            data.append(quote(one, 500.0, ts))
            data.append(OptionGreeks(one.id, 0.5, 0.0, 0.0, 0.0, 0.0, VOL, None, None, PRICE, None, ts, ts))
    return data


def buyer(options: list[Any]) -> Any:
    """Make a strategy that buys one of each."""
    from nautilus_trader.model.enums import OrderSide
    from nautilus_trader.trading.strategy import Strategy

    class Buyer(Strategy):  # type: ignore[misc]
        def on_start(self) -> None:
            self.clock.set_time_alert_ns("buy", START + SECOND, self._buy)

        def _buy(self, _event: object) -> None:
            for one in options:
                self.submit_order(self.order_factory.market(one.id, OrderSide.BUY, one.make_qty(Decimal(1))))

    return Buyer()


def desk(positions: int) -> Any:
    """Return the desk of a hedging actor at the end of a run in which so many options were bought."""
    from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
    from nautilus_trader.config import LoggingConfig, RiskEngineConfig
    from nautilus_trader.model.enums import AccountType, OmsType
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.objects import Currency, Money
    from nautilus_trader.test_kit.providers import TestInstrumentProvider

    from nautilus_quant.actors.hedging_actor import HedgingActor, HedgingActorConfig
    from nautilus_quant.host.hedging_settings import HedgeSettings

    options = [option(number) for number in range(positions)]
    perpetual = TestInstrumentProvider.btcusdt_perp_binance()
    quiet, unhurried = LoggingConfig(bypass_logging=True), RiskEngineConfig(bypass=True)
    engine = BacktestEngine(BacktestEngineConfig(logging=quiet, risk_engine=unhurried))
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(100_000_000, Currency.from_str("USDT"))],
    )
    for one in (perpetual, *options):
        engine.add_instrument(one)
    engine.add_data(quotes(perpetual, options))
    # So wide a band that it looks and never trades: what is timed is a decision, not an order.
    settings = HedgeSettings(width=1e6, widest=1e6, every=1.0)
    actor = HedgingActor(HedgingActorConfig(hedging=settings))
    engine.add_actor(actor)
    engine.add_strategy(buyer(options))
    engine.run()
    found = actor.nets["BTC"].positions
    assert found == positions, f"{found} of {positions} options are held"
    return actor.desk("BTC")


def decision(positions: int) -> float:
    """Time one look at so many positions: greeks of all, candidates, and what to trade [µs]."""
    made = desk(positions)
    return median(each(lambda _: made.work(), 200))
