"""One equity of a node: several currencies, inverse contracts, prices that are old, absurd, or in a book."""

from __future__ import annotations

import math

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import Bar, BarType, BookOrder, MarkPriceUpdate, TradeTick
from nautilus_trader.model.enums import AccountType, AggressorSide, BookType, OmsType, OrderSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.account.marks import MarkBook
from nautilus_quant.host.kernel import KernelNotFoundError
from nautilus_quant.host.valuation import Valuer
from tests.host.live import LiveSystem, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
ETH = TestInstrumentProvider.ethusdt_perp_binance()
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
COIN = TestInstrumentProvider.btcusdt_binance()
FUTURE = TestInstrumentProvider.btcusdt_future_binance()
OPTION = TestInstrumentProvider.crypto_option()
SHARE = TestInstrumentProvider.equity()
SECOND = 1_000_000_000
BUY, SELL = OrderSide.BUY, OrderSide.SELL


@pytest.fixture
def live():
    with live_system() as system:
        yield system


@pytest.fixture
def valuer(live):
    return Valuer.on(live.kernel.msgbus, "USDT")


def publish(live: LiveSystem, kind: str, data, instrument) -> None:
    live.kernel.msgbus.publish(f"data.{kind}.{instrument.id.venue}.{instrument.id.symbol}", data)


def trade(live: LiveSystem, instrument, price: float) -> None:
    now = live.now
    tick = TradeTick(
        instrument.id,
        Price(price, instrument.price_precision),
        Quantity(1, instrument.size_precision),
        AggressorSide.BUYER,
        TradeId("1"),
        now,
        now,
    )
    publish(live, "trades", tick, instrument)


def test_before_the_first_account_nothing_is_known(live, valuer):
    valuation = valuer.value(live.now)
    assert math.isnan(valuation.equity)
    assert (valuation.fresh, valuation.stale) == (False, ("no account yet",))


def test_balances_and_the_profit_of_what_is_open(live, valuer):
    client = live.venue("BINANCE", BTC, ETH)
    live.balance(client, USDT=10_000)
    live.trade(client, BTC, BUY, "2", 30_000)
    live.trade(client, ETH, SELL, "10", 2_000)
    live.quote(BTC, 30_050, 30_150)
    live.quote(ETH, 2_010)
    valuation = valuer.value(live.now)
    assert valuation.fresh
    assert valuation.unrealised == 200.0 - 100.0
    assert valuation.equity == 10_100.0


def test_accounts_of_several_venues_and_currencies_are_one_sum(live, valuer):
    first = live.venue("BINANCE", BTC)
    live.balance(first, USDT=10_000, BTC=0.5)
    second = live.venue("OKX")
    live.balance(second, USDC=5_000, USDT=1_000)
    live.quote(BTC, 30_000)
    valuation = valuer.value(live.now)
    assert (valuation.equity, valuation.fresh) == (31_000.0, True)


def test_a_coin_held_in_cash_is_worth_its_price_and_counted_once(live, valuer):
    client = live.venue("BINANCE", COIN, kind=AccountType.CASH)
    live.balance(client, USDT=10_000)
    live.trade(client, COIN, BUY, "0.1", 30_000)
    live.balance(client, USDT=7_000, BTC=0.1)
    live.quote(COIN, 32_000)
    valuation = valuer.value(live.now)
    assert (valuation.equity, valuation.unrealised) == (10_200.0, 0.0)


def test_an_inverse_contract_and_its_margin_move_with_the_coin(live):
    valuer = Valuer.on(live.kernel.msgbus, "USD")
    client = live.venue("BITMEX", INVERSE, BTC)
    live.balance(client, BTC=1)
    live.trade(client, INVERSE, BUY, "20000", 20_000)
    live.quote(INVERSE, 25_000)
    live.quote(BTC, 25_000)
    valuation = valuer.value(live.now)
    assert valuation.fresh
    assert valuation.unrealised == pytest.approx(0.2 * 25_000)  # 20 000 × (1/20 000 − 1/25 000) coins
    assert valuation.equity == pytest.approx(1.2 * 25_000)


def test_a_currency_without_a_price_makes_the_equity_unknown(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, ETH=1)
    valuation = valuer.value(live.now)
    assert math.isnan(valuation.equity)
    assert (valuation.fresh, valuation.stale) == (False, ("ETH: no price yet",))
    assert math.isnan(valuer.rate("ETH", live.now))


def test_a_market_that_is_listed_later_gives_its_currency_a_price(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, ETH=1)
    assert not valuer.value(live.now).fresh
    live.cache.add_instrument(ETH)
    live.quote(ETH, 2_000)
    assert valuer.value(live.now).equity == 12_000.0


def test_options_futures_and_shares_say_nothing_of_the_worth_of_a_coin(live, valuer):
    client = live.venue("BINANCE", SHARE, OPTION, FUTURE, INVERSE)
    live.balance(client, USDT=10_000, BTC=1)
    live.quote(FUTURE, 31_000)
    assert valuer.value(live.now).stale == ("BTC: no price yet",)
    live.cache.add_instrument(BTC)
    live.quote(BTC, 30_000)
    assert valuer.value(live.now).equity == 40_000.0


def test_of_several_markets_the_one_that_is_quoted_tells(live, valuer):
    client = live.venue("BINANCE", COIN, BTC)
    live.balance(client, USDT=10_000, BTC=1)
    live.quote(BTC, 30_000)  # nobody subscribed the spot market
    assert valuer.value(live.now).equity == 40_000.0
    live.quote(COIN, 29_990)  # now somebody has
    assert valuer.value(live.now).equity == 39_990.0


def test_old_prices_are_shown_and_not_trusted(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    live.trade(client, BTC, BUY, "1", 30_000)
    live.quote(BTC, 30_100)
    late = live.now + 31 * SECOND
    valuation = valuer.value(late)
    assert (valuation.equity, valuation.fresh) == (10_100.0, False)
    assert valuation.stale == ("BTCUSDT-PERP.BINANCE: stale",)
    assert math.isnan(valuer.rate("BTC", late))


def test_a_one_sided_quote_is_absurd(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    live.trade(client, BTC, BUY, "1", 30_000)
    live.quote(BTC, 30_000)
    live.quote(BTC, 0, 30_000)
    assert valuer.value(live.now).stale == ("BTCUSDT-PERP.BINANCE: absurd mid price 0",)


def test_one_absurd_quote_does_not_confirm_itself_however_often_it_is_looked_at(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    live.trade(client, BTC, BUY, "1", 30_000)
    live.quote(BTC, 30_000)
    live.quote(BTC, 3_000)
    for _ in range(5):
        valuation = valuer.value(live.now)
        assert not valuation.fresh
        assert valuation.stale == ("BTCUSDT-PERP.BINANCE: absurd mid price 3000",)
    live.quote(BTC, 3_001)  # a second one does
    assert valuer.value(live.now).fresh


def test_a_quote_from_before_anybody_listened_counts(live):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, BTC=1)
    live.quote(BTC, 30_000)
    assert Valuer.on(live.kernel.msgbus, "USDT").value(live.now).equity == 40_000.0


def book(live: LiveSystem, bid: float, ask: float) -> OrderBook:
    made = OrderBook(BTC.id, BookType.L2_MBP)
    now = live.now
    made.add(BookOrder(BUY, Price(bid, 1), Quantity(1, 3), 1), now)
    made.add(BookOrder(SELL, Price(ask, 1), Quantity(1, 3), 2), now)
    return made


def test_an_order_book_is_enough(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, BTC=1)
    live.cache.add_order_book(OrderBook(BTC.id, BookType.L2_MBP))
    assert not valuer.value(live.now).fresh  # an empty one is not
    live.cache.add_order_book(book(live, 29_990, 30_010))
    assert valuer.value(live.now).equity == 40_000.0


def test_an_old_book_does_not_take_the_place_of_an_absurd_quote(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, BTC=1)
    live.cache.add_order_book(book(live, 29_990, 30_010))
    live.quote(BTC, 30_000)
    live.quote(BTC, 3_000)
    for _ in range(3):
        assert not valuer.value(live.now).fresh


def test_trades_marks_and_bars_are_prices_too(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, BTC=1)
    bar_type = BarType.from_str("BTCUSDT-PERP.BINANCE-1-HOUR-LAST-EXTERNAL")
    price, now = Price(29_000, 1), live.now
    for _ in range(2):  # the second finds the interval known
        publish(live, "bars", Bar(bar_type, price, price, price, price, Quantity(1, 3), now, now), BTC)
    assert valuer.value(live.now).equity == 39_000.0
    assert valuer.value(live.now + 1_800 * SECOND).fresh  # until the next bar, and a little more
    assert not valuer.value(live.now + 3_700 * SECOND).fresh
    trade(live, BTC, 30_000)
    assert valuer.value(live.now).equity == 40_000.0
    mark = MarkPriceUpdate(BTC.id, Price(31_000, 1), live.now, live.now)
    publish(live, "mark_prices", mark, BTC)
    assert valuer.value(live.now).equity == 40_000.0  # nobody asked for them
    valuer.want_marks(BTC.id.value)
    publish(live, "mark_prices", mark, BTC)
    assert valuer.value(live.now).equity == 41_000.0


def test_the_value_of_one_unit(live, valuer):
    for instrument in (BTC, INVERSE, ETH):
        live.cache.add_instrument(instrument)
    live.quote(BTC, 30_000)
    live.quote(INVERSE, 30_000)
    assert valuer.unit(BTC, live.now) == 30_000.0
    assert valuer.unit(BTC, live.now, 10_000.0) == 10_000.0
    assert valuer.unit(INVERSE, live.now) == 1.0
    assert math.isnan(valuer.unit(ETH, live.now))


@pytest.mark.parametrize(
    ("balances", "chosen"),
    [({"USDT": 100, "BTC": 5}, "USDT"), ({"BTC": 5, "ETH": 7}, "ETH"), ({"BNB": 1_000, "USDT": 100}, "USDT")],
    ids=str,
)
def test_the_currency_is_the_dollars_of_the_account_or_its_largest(live, balances, chosen):
    valuer = Valuer.on(live.kernel.msgbus)
    client = live.venue("BINANCE", BTC)
    live.balance(client, **balances)
    valuer.value(live.now)
    assert valuer.currency == chosen


def test_there_is_one_valuer_and_one_currency_on_a_bus(live):
    msgbus = live.kernel.msgbus
    valuer = Valuer.on(msgbus)
    assert Valuer.on(msgbus, "USDT") is valuer
    assert Valuer.on(msgbus, "USDT").currency == "USDT"
    with pytest.raises(ValueError, match="one reporting currency, was USDT and now EUR"):
        Valuer.on(msgbus, "EUR")
    valuer.on_ping(None)


def test_a_reset_forgets_prices_and_accounts(live, valuer):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000, BTC=1)
    trade(live, BTC, 30_000)
    assert valuer.value(live.now).fresh
    valuer.reset()
    assert valuer.value(live.now).stale == ("BTC: no price yet",)


def test_a_hedging_account_sums_its_positions(live, valuer):
    client = live.venue("BINANCE", BTC, oms=OmsType.HEDGING)
    live.balance(client, USDT=10_000)
    live.trade(client, BTC, BUY, "2", 30_000)
    live.trade(client, BTC, SELL, "1", 30_100)
    live.quote(BTC, 30_200)
    assert valuer.value(live.now).equity == 10_000.0 + 400.0 - 100.0


def test_a_bus_without_a_system_is_refused():
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    msgbus = engine.kernel.msgbus
    engine.dispose()
    for subscription in msgbus.subscriptions("commands.system.shutdown"):
        msgbus.unsubscribe(subscription.topic, subscription.handler)
    with pytest.raises(KernelNotFoundError, match="no NautilusKernel listens"):
        Valuer.on(msgbus)


@pytest.mark.parametrize("kind", [AccountType.MARGIN, AccountType.CASH])
def test_the_short_way_to_the_equity_comes_to_the_same(live, valuer, kind):
    """After every step that changes what is held; NaN-free, and to the last bit."""
    client = live.venue("BINANCE", BTC, COIN, INVERSE, kind=kind)
    seen = []

    def compare() -> None:
        live.quote(BTC, 30_050.1, 30_150.3)
        now = live.now
        short, whole = valuer.fresh_equity(now), valuer.value(now)
        seen.append(short is not None)
        assert short is None or (short == (whole.equity, whole.valid_until) and whole.fresh)
        assert repr(valuer.fresh_value(now)) == repr(whole)  # NaN equals NaN here

    compare()
    live.balance(client, USDT=10_000.1)
    compare()
    live.trade(client, BTC, BUY, "0.3", 30_000.7)
    compare()
    live.trade(client, BTC, BUY, "0.1", 29_000.3)
    compare()
    live.trade(client, BTC, SELL, "0.9", 31_000.9)
    compare()
    live.balance(client, USDT=9_000.7, BTC=0)
    compare()
    live.balance(client, USDT=9_000.7, BTC=0.1)
    compare()
    assert seen == [False, True, True, True, True, True, False]


def bar_at(live: LiveSystem, value: float) -> None:
    price, bar_type = Price(value, 1), BarType.from_str(f"{BTC.id}-1-MINUTE-LAST-EXTERNAL")
    bar = Bar(bar_type, price, price, price, price, Quantity(1, 3), live.now, live.now)
    live.kernel.msgbus.publish(f"data.bars.{bar_type}", bar)


def mark_at(live: LiveSystem, value: float) -> None:
    publish(live, "mark_prices", MarkPriceUpdate(BTC.id, Price(value, 1), live.now, live.now), BTC)


@pytest.mark.parametrize(
    "tell",
    [
        lambda live, value: live.quote(BTC, value, value),
        lambda live, value: trade(live, BTC, value),
        mark_at,
        bar_at,
    ],
    ids=["quote", "trade", "mark", "bar"],
)
def test_nothing_that_comes_in_the_same_moment_is_missed_by_the_short_way(live, valuer, tell):
    """It is worked out once for each moment: what comes after that, at the same time, counts, too."""
    client = live.venue("BINANCE", BTC)
    valuer.want_marks(BTC.id.value)
    live.balance(client, USDT=10_000)
    live.trade(client, BTC, BUY, "1", 30_000.0)
    valuer.book = MarkBook()  # without whatever came before
    tell(live, 30_000.0)
    now = live.now

    def equity() -> float:
        short = valuer.fresh_equity(now)
        assert short is not None
        assert short[0] == valuer.value(now).equity
        return short[0]

    before = equity()
    tell(live, 30_100.0)
    assert equity() == before + 100.0
    live.balance(client, USDT=9_000)
    assert equity() == before + 100.0 - 1_000.0
