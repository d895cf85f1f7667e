"""Options at the paper venue: premiums, settlement, restarts around the expiry."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import InstrumentClose
from nautilus_trader.model.enums import InstrumentCloseType, OptionKind, OrderSide, OrderStatus
from nautilus_trader.model.identifiers import InstrumentId, StrategyId, Symbol
from nautilus_trader.model.instruments import CryptoOption
from nautilus_trader.model.objects import Currency, Price, Quantity

from nautilus_quant.venues.settlement import TAG

S = 10**9
BUY, SELL = OrderSide.BUY, OrderSide.SELL
BALANCES = {"starting_balances": ["100_000 USDT", "10 BTC"]}


def option(currency: Currency, expires_in: float = 3_600.0) -> CryptoOption:
    coin = currency == BTC
    name = f"{'BTC' if coin else 'BTCUSDT'}-20990101-60000-C"
    now = time.time_ns()
    return CryptoOption(
        instrument_id=InstrumentId.from_str(f"{name}.PAPER"),
        raw_symbol=Symbol(name),
        underlying=BTC,
        quote_currency=currency,
        settlement_currency=currency,
        is_inverse=False,
        option_kind=OptionKind.CALL,
        strike_price=Price.from_str("60000"),
        activation_ns=now - 86_400 * S,
        expiration_ns=now + round(expires_in * S),
        price_precision=4 if coin else 1,
        size_precision=1,
        price_increment=Price.from_str("0.0001" if coin else "0.1"),
        size_increment=Quantity.from_str("0.1"),
        taker_fee=Decimal("0.01"),
        maker_fee=Decimal("0.01"),
        ts_event=0,
        ts_init=0,
    )


@pytest.fixture
def linear() -> CryptoOption:
    return option(USDT)


@pytest.fixture
def coin() -> CryptoOption:
    return option(BTC)


def settle(bench, item: CryptoOption, value: str) -> None:
    now = bench.clock.timestamp_ns()
    close = InstrumentClose(item.id, Price.from_str(value), InstrumentCloseType.CONTRACT_EXPIRED, now, now)
    bench.bus.publish(f"data.venue.close_price.{item.id}", close)
    bench.loop.run_until_complete(bench.settle())


def test_premiums_and_settlement_move_the_right_currency(life, linear, coin):
    bench = life(linear, coin, **BALANCES)
    bench.quote(linear, 500.0, 510.0)
    bench.quote(coin, 0.0080, 0.0090)
    bench.market(linear, BUY, "2.0")
    bench.market(coin, SELL, "1.5", "S-B")
    # 100000 - 2 x 510 x 1.01, and 10 + 1.5 x 0.008 x 0.99
    assert bench.balance() == Decimal("98969.8")
    assert bench.balance("BTC") == Decimal("10.01188")

    settle(bench, linear, "1234.56789012")
    settle(bench, coin, "0.01639344")

    # + 2 x 1234.56789012, and - 1.5 x 0.01639344; settlement is free
    assert bench.balance() == Decimal("101438.93578024")
    assert bench.balance("BTC") == Decimal("9.98728984")
    assert bench.cache.positions_open() == []
    assert bench.client.account.ledger.holdings == {}
    assert bench.client.account.ledger.balances == {
        "USDT": Decimal("101438.93578024"),
        "BTC": Decimal("9.98728984"),
    }
    profit = {p.strategy_id.value: p.realized_pnl.as_decimal() for p in bench.cache.positions_closed()}
    assert profit == {"S-A": Decimal("1438.93578024"), "S-B": Decimal("-0.01271016")}


def test_each_strategy_is_paid_for_what_it_holds(life, linear):
    bench = life(linear, **BALANCES)
    bench.quote(linear, 500.0, 510.0)
    bench.market(linear, BUY, "2.0", "S-A")
    bench.market(linear, SELL, "0.5", "S-B")
    settle(bench, linear, "100.00000000")
    closed = {p.strategy_id.value: p.realized_pnl.as_decimal() for p in bench.cache.positions_closed()}
    # 2 (100 - 510) - 10.2, and 0.5 (500 - 100) - 2.5
    assert closed == {"S-A": Decimal("-830.2"), "S-B": Decimal("197.5")}


def test_a_second_settlement_finds_nothing(life, linear):
    bench = life(linear, **BALANCES)
    bench.quote(linear, 500.0, 510.0)
    bench.market(linear, BUY, "1.0")
    settle(bench, linear, "700.00000000")
    once = bench.balance()
    settle(bench, linear, "700.00000000")
    assert bench.balance() == once == Decimal(100000) - Decimal("515.1") + 700
    assert [order.tags for order in bench.cache.orders() if order.tags] == [[TAG]]


def test_what_works_in_an_expired_option_is_cancelled(life, linear):
    bench = life(linear, **BALANCES)
    bench.quote(linear, 500.0, 510.0)
    order = bench.limit(linear, BUY, "1.0", "400.0")
    assert order.status == OrderStatus.ACCEPTED
    settle(bench, linear, "0.00000000")
    assert order.status == OrderStatus.CANCELED


def test_an_expired_option_is_not_traded(life):
    item = option(USDT, expires_in=-1.0)
    bench = life(item, **BALANCES)
    bench.quote(item, 500.0, 510.0)
    order = bench.market(item, BUY, "1.0")
    assert order.status == OrderStatus.REJECTED
    assert "has expired" in order.last_event.reason


@pytest.mark.parametrize("side", [BUY, SELL])
def test_positions_survive_a_restart_and_are_settled_after_it(life, linear, coin, side):
    first = life(linear, coin, **BALANCES)
    first.quote(linear, 500.0, 500.0)
    first.quote(coin, 0.0080, 0.0080)
    first.market(linear, side, "2.0")
    first.market(coin, side, "1.5")
    before = first.balance(), first.balance("BTC")

    second = life(linear, coin, **BALANCES)
    assert (second.balance(), second.balance("BTC")) == before
    sign = 1 if side == BUY else -1
    held = {p.instrument_id: p.signed_decimal_qty() for p in second.cache.positions_open()}
    assert held == {linear.id: sign * Decimal("2.0"), coin.id: sign * Decimal("1.5")}

    settle(second, linear, "800.00000000")
    settle(second, coin, "0.01000000")
    assert second.balance() == before[0] + sign * 1_600
    assert second.balance("BTC") == before[1] + sign * Decimal("0.015")
    assert second.cache.positions_open() == []


def test_an_option_that_expired_meanwhile_is_settled_when_its_close_is_heard_at_last(life, linear):
    first = life(linear, **BALANCES)
    first.quote(linear, 500.0, 500.0)
    first.market(linear, BUY, "2.0")
    before = first.balance()

    second = life(**BALANCES)  # the market lists it no more
    assert second.cache.positions_open() == []
    assert len(second.client.account.ledger.holdings) == 1
    gone = option(USDT, expires_in=-5.0)
    second.cache.add_instrument(gone)
    second.bus.publish(f"data.instrument.PAPER.{gone.id.symbol}", gone)
    settle(second, gone, "800.00000000")

    assert second.client.account.ledger.holdings == {}
    assert second.client.account.ledger.balances["USDT"] == before + 1_600
    third = life(**BALANCES)
    assert third.balance() == before + 1_600


def test_only_traded_options_get_a_market_of_their_own(life, linear, coin):
    bench = life(linear, coin, **BALANCES)
    assert bench.client.exchange.instruments == {}
    bench.bus.publish(f"data.instrument.PAPER.{coin.id.symbol}", coin)
    bench.quote(linear, 500.0, 510.0)
    assert set(bench.client.exchange.instruments) == {linear.id}
    assert bench.cache.instrument(linear.id).expiration_ns == linear.expiration_ns


def test_the_order_that_settles_says_so(life, linear):
    bench = life(linear, **BALANCES)
    bench.quote(linear, 500.0, 510.0)
    bench.market(linear, BUY, "1.0", "S-B")
    settle(bench, linear, "700.00000000")
    (order,) = [order for order in bench.cache.orders() if order.tags]
    assert order.status == OrderStatus.FILLED
    assert order.is_reduce_only
    assert order.strategy_id == StrategyId("S-B")
    assert order.avg_px == 700.0
    assert order.last_event.commission.as_decimal() == 0
