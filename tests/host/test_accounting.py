"""The book of a live system, with venues that report as real ones: what is booked as what."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.enums import AccountType, OrderSide
from nautilus_trader.model.objects import AccountBalance, Currency, Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.account.statement import Part, Statement, amount_of, value_of
from nautilus_quant.host.accounting import Accounting
from nautilus_quant.host.valuation import Valuer
from tests.host.live import LiveSystem, live_system

BTC = TestInstrumentProvider.btcusdt_perp_binance()
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
COIN = TestInstrumentProvider.btcusdt_binance()
SECOND = 1_000_000_000
BUY, SELL = OrderSide.BUY, OrderSide.SELL
USDT, BNB = Currency.from_str("USDT"), Currency.from_str("BNB")


@pytest.fixture
def live():
    with live_system() as system:
        Valuer.on(system.kernel.msgbus)  # hears quotes from the beginning
        yield system


@pytest.fixture
def margin(live):
    client = live.venue("BINANCE", BTC)
    live.balance(client, USDT=10_000)
    live.quote(BTC, 30_000)
    return client


def keeping(live: LiveSystem, state=None, currency: str = "USDT", **options) -> Accounting:
    book = Accounting(live.kernel, Valuer.on(live.kernel.msgbus, currency), live.clock, state, **options)
    book.begin(live.now)
    return book


def settled(live: LiveSystem, book: Accounting, later: int = 3 * SECOND) -> dict[str, Decimal]:
    """What the parts are when there was time for explanations; they add up."""
    book.settle(live.now)
    assert book.settle(live.now + later)
    statement = book.statement
    assert statement is not None
    assert statement.equity == statement.explained
    assert statement.balances == {code: book._exact().get(code, 0) for code in statement.balances}
    return {part.value: value_of(value) for part, value in statement.parts.items() if value}


def test_a_trade_is_split_into_result_and_fees(live, margin):
    book = keeping(live)
    margin.commission = Money(3, USDT)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, BTC, SELL, "1", 30_100)
    live.balance(margin, USDT=10_094)  # 10 000 + 100 − 2 × 3
    assert settled(live, book) == {"realised": 100, "fees": -6}
    assert value_of(book.statement.opening) == 10_000


def test_a_position_that_is_turned_counts_once(live, margin):
    book = keeping(live)
    margin.commission = Money(3, USDT)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, BTC, SELL, "3", 30_100)
    live.trade(margin, BTC, BUY, "2", 30_000)
    live.balance(margin, USDT=10_291)  # + 100 + 200 − 3 × 3
    assert settled(live, book) == {"realised": 300, "fees": -9}


def test_a_fee_in_another_currency_is_valued_at_its_rate(live, margin):
    bnb = TestInstrumentProvider.btcusdt_binance()
    live.cache.add_instrument(bnb)
    live.balance(margin, USDT=10_000, BTC=1)
    book = keeping(live)
    margin.commission = Money(Decimal("0.01"), Currency.from_str("BTC"))
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=10_000, BTC=0.99)
    live.quote(BTC, 31_000)
    # The fee at 30 000; what was left rose by 0.99 × 1 000.
    assert settled(live, book) == {"fees": -300, "revaluation": 990}


def test_a_fee_in_a_currency_without_a_price_waits(live, margin):
    live.balance(margin, USDT=10_000, BNB=5)
    book = keeping(live)
    margin.commission = Money(Decimal("0.01"), BNB)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=10_000, BNB=4.99)
    book.settle(live.now)
    assert book.statement.equity is None
    assert book.statement.waiting == ("BNB",)
    assert book.reconcile(Valuer.on(live.kernel.msgbus).value(live.now)) is None


def test_a_deposit_and_a_withdrawal_are_transfers(live, margin):
    book = keeping(live)
    live.balance(margin, USDT=12_500)
    assert not book.settle(live.now)  # may still be explained
    assert settled(live, book) == {"transfers": 2_500}
    live.balance(margin, USDT=12_000)
    assert settled(live, book) == {"transfers": 2_000}


def test_a_transfer_is_decided_without_anybody_asking(live, margin):
    book = keeping(live, settle=0.01)
    live.balance(margin, USDT=12_500)

    async def wait() -> None:
        import asyncio

        await asyncio.sleep(0.2)

    live.loop.run_until_complete(wait())
    assert value_of(book.statement.parts[Part.TRANSFERS]) == 2_500
    book.stop()
    assert not [name for name in live.clock.timer_names if name.startswith("accounting-settle")]


def announced(live: LiveSystem, rate: float, due_in: int = SECOND // 1_000) -> None:
    now = live.now
    update = FundingRateUpdate(BTC.id, Decimal(str(rate)), now, now, next_funding_ns=now + due_in)
    live.kernel.msgbus.publish(f"data.funding_rates.{BTC.id.venue}.{BTC.id.symbol}", update)


def test_a_payment_that_is_due_is_funding(live, margin):
    book = keeping(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    announced(live, 0.0001)
    live.balance(margin, USDT=9_997)
    assert settled(live, book) == {"funding": -3}


def test_a_small_payment_is_known_long_after_it(live, margin):
    book = keeping(live)
    live.trade(margin, BTC, SELL, "0.01", 30_000)
    announced(live, 0.0001, 0)
    live.balance(margin, USDT=10_000.03)
    assert book.settle(live.now + 300 * SECOND)
    assert settled(live, book) == {"funding": Decimal("0.03")}


@pytest.mark.parametrize("due_in", [0, SECOND], ids=["before", "as the venue is early"])
def test_a_payment_as_small_as_rounding_is_funding_all_the_same(live, margin, due_in):
    book = keeping(live)
    live.trade(margin, BTC, SELL, "0.01", 30_000)
    announced(live, 0.0001, due_in)
    live.balance(margin, USDT=10_000.03)  # 3e-6 of the balance
    assert book.settle(live.now + 3 * SECOND)
    assert settled(live, book) == {"funding": Decimal("0.03")}


def test_what_a_venue_rounds_is_rounding(live, margin):
    book = keeping(live)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.trade(margin, BTC, SELL, "1", 30_100)
    live.balance(margin, USDT=10_099.99)
    assert settled(live, book) == {"realised": 100, "rounding": Decimal("-0.01")}


def test_what_is_bought_with_cash_is_valued_at_its_rate(live):
    client = live.venue("BINANCE", COIN, kind=AccountType.CASH)
    live.balance(client, USDT=10_000)
    live.quote(COIN, 30_000)
    book = keeping(live)
    client.commission = Money(3, USDT)
    live.trade(client, COIN, BUY, "0.1", 30_010)  # 0.1 × 30 000 − 3 001 = −1
    live.balance(client, USDT=6_996, BTC=0.1)
    live.quote(COIN, 31_000)  # + 0.1 × 1 000
    live.trade(client, COIN, SELL, "0.05", 31_020)  # 1 551 − 0.05 × 31 000 = +1
    live.balance(client, USDT=8_544, BTC=0.05)
    assert settled(live, book) == {"fees": -6, "revaluation": 100}
    assert book.statement.equity == (10_094 * 10**28)


def test_an_inverse_contract_pays_in_its_coin(live):
    client = live.venue("BITMEX", INVERSE, BTC)
    live.balance(client, BTC=1)
    live.quote(BTC, 20_000)
    book = keeping(live)
    live.trade(client, INVERSE, BUY, "20000", 20_000)
    live.quote(BTC, 25_000)
    live.trade(client, INVERSE, SELL, "20000", 25_000)
    live.balance(client, BTC=1.2)  # 20 000 × (1/20 000 − 1/25 000)
    assert settled(live, book) == {"realised": 5_000, "revaluation": 5_000}


def after_restart(live: LiveSystem, book: Accounting) -> Accounting:
    state = book.to_dict()
    book.stop()
    return keeping(live, state)


def test_the_book_goes_on_after_a_restart(live, margin):
    book = keeping(live)
    margin.commission = Money(3, USDT)
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=9_997)
    settled(live, book)
    book = after_restart(live, book)
    live.trade(margin, BTC, SELL, "1", 30_100)
    live.balance(margin, USDT=10_094)
    assert settled(live, book) == {"realised": 100, "fees": -6}
    assert value_of(book.statement.opening) == 10_000


def test_what_came_while_away_is_a_transfer_where_nothing_was_traded(live, margin):
    book = keeping(live)
    settled(live, book)
    state = book.to_dict()
    book.stop()
    live.balance(margin, USDT=11_000)
    assert settled(live, keeping(live, state)) == {"transfers": 1_000}


def test_what_came_while_away_is_profit_where_something_was_traded(live, margin):
    book = keeping(live)
    settled(live, book)
    state = book.to_dict()
    book.stop()
    live.trade(margin, BTC, BUY, "1", 30_000)
    live.balance(margin, USDT=9_900)
    assert settled(live, keeping(live, state)) == {"realised": -100}


def test_a_book_in_another_currency_begins_anew(live, margin):
    book = keeping(live)
    state = book.to_dict()
    book.stop()
    state["statement"] = Statement("EUR").to_dict()
    assert settled(live, keeping(live, state)) == {}


def test_damaged_state_is_refused(live, margin):
    state = keeping(live).to_dict()
    state["statement"] = {**state["statement"], "opening": "1"}
    with pytest.raises(ValueError, match="must add up"):
        keeping(live, state)


def hidden(live: LiveSystem, client, total: float) -> None:
    """Change a balance without a word."""
    money = Money(total, USDT)
    live.cache.account(client.account_id).update_balances([AccountBalance(money, Money(0, USDT), money)])


def test_a_change_nobody_told_of_is_seen_and_not_booked(live, margin):
    book = keeping(live)
    valuer = Valuer.on(live.kernel.msgbus)
    settled(live, book)
    assert book.reconcile(valuer.value(live.now)) == (10_000.0, 10_000.0, 10_000.0, 0.0)
    hidden(live, margin, 9_990)
    assert book.settle(live.now)
    found = book.reconcile(valuer.value(live.now))
    assert (found.book, found.account) == (10_000.0, 9_990.0)
    assert found.gap == pytest.approx(0.001)
    live.balance(margin, USDT=9_990)  # now it is told
    assert settled(live, book) == {"transfers": -10}
    assert book.reconcile(valuer.value(live.now)).gap == 0.0


def test_a_small_change_nobody_told_of_is_no_rounding(live, margin):
    book = keeping(live)
    settled(live, book)
    hidden(live, margin, 9_999.5)  # half of what may differ
    assert book.settle(live.now)
    assert amount_of(book.statement.balances["USDT"]) == 10_000
    assert book.statement.parts[Part.ROUNDING] == 0


def test_a_large_rest_is_no_rounding(live, margin):
    book = keeping(live, tolerance=1e-6)
    live.balance(margin, USDT=10_000.05)  # 5e-6: less than a flow, more than the tolerance
    assert book.settle(live.now)
    assert amount_of(book.statement.balances["USDT"]) == 10_000
    assert book.reconcile(Valuer.on(live.kernel.msgbus).value(live.now)).gap == pytest.approx(5e-6, rel=1e-3)


trades = st.lists(
    st.tuples(
        st.sampled_from([BUY, SELL]),
        st.integers(1, 3_000),  # [0.001 BTC]
        st.integers(290_000, 310_000),  # [0.1 USDT]
        st.integers(-500, 5_000),  # fee [0.01 USDT]
    ),
    max_size=4,
)
rounds = st.lists(
    st.tuples(
        trades,
        st.sampled_from([0, 1_000_001, -2_345_678, 123_456_789]),
        st.booleans(),
        st.integers(25_000, 35_000),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(rounds)
def test_parts_come_to_what_the_venue_did_whatever_it_does(done):
    """Rounds of trades that end flat, a transfer of USDT [0.0001] and of coins, a move, a restart."""
    with live_system() as live:
        valuer = Valuer.on(live.kernel.msgbus, "USDT")
        client = live.venue("BINANCE", BTC)
        total, coins = Decimal(1_000_000), Decimal(1)
        live.quote(BTC, 30_000)
        live.balance(client, USDT=total, BTC=coins)
        book = keeping(live)
        result = fees = moved = Decimal(0)
        before = Decimal(30_000)
        revalued = Decimal(0)
        for fills, transfer, restarts, price in done:
            held = sum(size if side == BUY else -size for side, size, _, _ in fills)
            closing = [(SELL if held > 0 else BUY, abs(held), 300_000, 7)] if held else []
            for side, quantity, at, fee in [*fills, *closing]:
                size, px, paid = Decimal(quantity) / 1_000, Decimal(at) / 10, Decimal(fee) / 100
                client.commission = Money(paid, USDT)
                live.trade(client, BTC, side, str(size), float(px))
                result += -size * px if side == BUY else size * px
                fees -= paid
            live.balance(client, USDT=total + result + fees + moved, BTC=coins)
            settled(live, book)
            if restarts:
                book = after_restart(live, book)
            moved += Decimal(transfer) / 10_000
            live.balance(client, USDT=total + result + fees + moved, BTC=coins)
            settled(live, book)
            live.quote(BTC, price)
            revalued += coins * (price - before)
            before = Decimal(price)
        found = settled(live, book)
        book.stop()
        rest = found.get("rounding", 0)
        assert abs(rest) < Decimal("0.000001")
        assert found.get("fees", 0) == fees
        assert found.get("revaluation", 0) == revalued
        assert found.get("transfers", 0) == moved
        assert found.get("realised", 0) + rest == result
        assert valuer.value(live.now).equity == pytest.approx(
            float(value_of(book.statement.equity)), rel=1e-12
        )
