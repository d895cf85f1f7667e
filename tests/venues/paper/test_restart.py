"""What a paper venue gives back to a node that was killed."""

from decimal import Decimal

import pytest
from nautilus_trader.model.enums import OrderSide, OrderStatus, PositionSide
from nautilus_trader.model.identifiers import StrategyId

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def test_position_comes_back_under_its_strategy_at_its_price(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.300")
    first.quote(btc, 50_100.0, 50_100.3)
    first.market(btc, BUY, "0.111")
    before = first.cache.positions_open()[0]
    balance = first.balance()

    second = life(btc)

    (after,) = second.cache.positions_open()
    assert after.id == before.id
    assert after.strategy_id == StrategyId("S-A")
    assert after.signed_decimal_qty() == Decimal("0.411")
    assert after.avg_px_open == pytest.approx(before.avg_px_open, abs=1e-9)
    assert second.balance() == balance


def test_the_fill_that_gives_back_costs_nothing(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, SELL, "1.000")
    balance = first.balance()
    assert balance == Decimal(100000) - Decimal(25)  # 1 × 50 000.0 × 0.0005

    for _ in range(3):
        bench = life(btc)
        assert bench.balance() == balance
        assert len(bench.cache.positions_open()) == 1


def test_restored_position_closes_reduce_only_to_the_cent(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.0)
    first.market(btc, BUY, "0.200")
    first.quote(btc, 50_000.1, 50_000.1)
    first.market(btc, BUY, "0.100")
    second = life(btc)
    second.quote(btc, 51_000.0, 51_000.1)

    order = second.market(btc, SELL, "0.300", reduce_only=True)

    assert order.status == OrderStatus.FILLED
    assert second.cache.positions_open() == []
    profit = Decimal("0.2") * 1000 + Decimal("0.1") * Decimal("999.9")
    fees = (
        Decimal("0.2") * 50_000 + Decimal("0.1") * Decimal("50000.1") + Decimal("0.3") * 51_000
    ) * Decimal("0.0005")
    assert round(second.balance(), 2) == round(100_000 + profit - fees, 2)
    assert round(second.cache.positions_closed()[0].realized_pnl.as_decimal(), 2) == round(
        profit - Decimal("0.3") * 51_000 * Decimal("0.0005"), 2
    )
    third = life(btc)
    assert third.balance() == second.balance()
    assert third.cache.positions() == []


def test_two_strategies_on_one_instrument_keep_their_own(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.500", "S-A")
    first.market(btc, SELL, "0.200", "S-B")
    balance = first.balance()

    second = life(btc)

    owned = {p.strategy_id.value: p.signed_decimal_qty() for p in second.cache.positions_open()}
    assert owned == {"S-A": Decimal("0.5"), "S-B": Decimal("-0.2")}
    assert second.balance() == balance
    (report,) = second.reports()
    assert report.signed_decimal_qty == Decimal("0.3")


def test_flip_is_remembered_as_the_new_side(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.100")
    first.quote(btc, 49_000.0, 49_000.1)
    first.market(btc, SELL, "0.250")
    balance = first.balance()

    second = life(btc)

    (position,) = second.cache.positions_open()
    assert position.side == PositionSide.SHORT
    assert position.signed_decimal_qty() == Decimal("-0.15")
    assert position.avg_px_open == 49_000.0
    assert second.balance() == balance


def test_inverse_contract(life, inverse):
    first = life(inverse, starting_balances=["10 BTC"])
    first.quote(inverse, 50_000.0, 50_000.0, 1_000_000)
    first.market(inverse, BUY, "100000")
    second = life(inverse, starting_balances=["10 BTC"])
    second.quote(inverse, 40_000.0, 40_000.0, 1_000_000)
    second.market(inverse, SELL, "100000", reduce_only=True)

    # 100 000 × (1/50 000 − 1/40 000) = −0.5 BTC; fees 0.0005 × (2 + 2.5) BTC
    assert second.balance("BTC") == Decimal(10) - Decimal("0.5") - Decimal("0.00225")
    assert life(inverse, starting_balances=["10 BTC"]).balance("BTC") == second.balance("BTC")


def test_cash_account_holds_coins_and_position(life, coin):
    options = {"account_type": "CASH", "default_leverage": Decimal(1), "starting_balances": ["1_000 USDT"]}
    first = life(coin, **options)
    first.quote(coin, 50_000.0, 50_000.0)
    first.market(coin, BUY, "0.01900")  # 950 USDT and the fee: nearly all there is
    balance = first.balance("USDT"), first.balance("BTC")

    second = life(coin, **options)

    assert (second.balance("USDT"), second.balance("BTC")) == balance
    assert second.cache.positions_open()[0].signed_decimal_qty() == Decimal("0.019")
    second.quote(coin, 50_000.0, 50_000.0)
    second.market(coin, SELL, "0.01900")
    assert second.cache.positions_open() == []
    assert second.balance("BTC") == 0


def test_hedging_positions_come_back_under_their_ids(life, btc):
    first = life(btc, oms_type="HEDGING")
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.100")
    first.market(btc, SELL, "0.300")
    before = {p.id: p.signed_decimal_qty() for p in first.cache.positions_open()}
    assert len(before) == 2

    second = life(btc, oms_type="HEDGING")
    second.quote(btc, 50_000.0, 50_000.1)

    assert {p.id: p.signed_decimal_qty() for p in second.cache.positions_open()} == before
    second.market(btc, BUY, "0.050")
    assert len(second.cache.positions_open()) == 3


def test_a_deposit_booked_anywhere_is_remembered(life, btc):
    from nautilus_trader.model.objects import Currency, Money

    first = life(btc)
    first.client.exchange.adjust_account(Money(Decimal("250.5"), Currency.from_str("USDT")))

    assert life(btc).balance() == Decimal("100250.5")


def test_balances_are_without_state_as_configured(life, btc):
    first = life(btc, state=None)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.100")

    second = life(btc, state=None)

    assert second.balance() == 100_000
    assert second.cache.positions() == []
    assert second.reports(btc)[0].position_side == PositionSide.FLAT


def test_working_orders_are_gone(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    assert first.limit(btc, BUY, "0.100", "49000.0").status == OrderStatus.ACCEPTED

    second = life(btc)

    assert second.cache.orders() == []
    assert second.client.exchange.get_open_orders() == []
    second.quote(btc, 48_000.0, 48_000.1)
    assert second.cache.positions() == []


def test_portfolio_is_initialised_before_any_quote(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.100")

    second = life(btc)
    second.portfolio.initialize_orders()
    second.portfolio.initialize_positions()

    assert second.portfolio.initialized
    assert second.portfolio.net_position(btc.id) == Decimal("0.1")


def test_position_waits_for_an_instrument_that_comes_late(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.1)
    first.market(btc, BUY, "0.100")

    second = life()
    assert second.cache.positions() == []

    third = life(btc)
    assert third.cache.positions_open()[0].signed_decimal_qty() == Decimal("0.1")
