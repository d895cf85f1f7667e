"""Cash settlement in a backtest, to the last digit, and what NautilusTrader makes of options without it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig, StrategyConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import InstrumentClose, QuoteTick, TradeTick
from nautilus_trader.model.enums import (
    AccountType,
    AggressorSide,
    InstrumentCloseType,
    OmsType,
    OptionKind,
    OrderSide,
    OrderStatus,
)
from nautilus_trader.model.identifiers import InstrumentId, Symbol, TradeId, Venue
from nautilus_trader.model.instruments import CryptoOption, IndexInstrument
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.venues.settlement import TAG, OptionSettlement, is_settlement, outliving

S = 10**9
EXPIRY = 100 * S
SIM = Venue("SIM")


def option(
    currency: Currency,
    *,
    call: bool = True,
    inverse: bool = False,
    expiry: int = EXPIRY,
    underlying: Currency = BTC,
) -> CryptoOption:
    name = f"{underlying}{'' if currency == BTC else 'USDT'}-X-60000-{'C' if call else 'P'}"
    coin = currency == BTC
    return CryptoOption(
        instrument_id=InstrumentId(Symbol(name), SIM),
        raw_symbol=Symbol(name),
        underlying=underlying,
        quote_currency=currency,
        settlement_currency=currency,
        is_inverse=inverse,
        option_kind=OptionKind.CALL if call else OptionKind.PUT,
        strike_price=Price.from_str("60000"),
        activation_ns=0,
        expiration_ns=expiry,
        price_precision=4 if coin else 1,
        size_precision=1,
        price_increment=Price.from_str("0.0001" if coin else "0.1"),
        size_increment=Quantity.from_str("0.1"),
        ts_event=0,
        ts_init=0,
    )


class Holder(Strategy):
    """Trades once at the first quote of each option, and leaves a limit order far away."""

    def __init__(self, side: OrderSide) -> None:
        super().__init__(StrategyConfig(order_id_tag=str(side)))
        self.side = side
        self.closed: list[Any] = []

    def on_start(self) -> None:
        for item in self.cache.instruments():
            self.subscribe_quote_ticks(item.id)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if not self.cache.orders(instrument_id=tick.instrument_id, strategy_id=self.id):
            item = self.cache.instrument(tick.instrument_id)
            self.submit_order(self.order_factory.market(item.id, self.side, item.make_qty(2)))
            far = item.make_price(float(tick.ask_price) * 100)
            self.submit_order(self.order_factory.limit(item.id, OrderSide.SELL, item.make_qty(1), far))

    def on_position_closed(self, event: Any) -> None:
        self.closed.append(event)


def quote(item: CryptoOption, bid: str, ask: str, ts: int) -> QuoteTick:
    size = item.make_qty(100)
    return QuoteTick(item.id, Price.from_str(bid), Price.from_str(ask), size, size, ts, ts)


def settle(item: CryptoOption, value: str, ts: int = EXPIRY - 1) -> InstrumentClose:
    return InstrumentClose(item.id, Price.from_str(value), InstrumentCloseType.CONTRACT_EXPIRED, ts, ts)


def run(
    items: list[CryptoOption], data: list[Any], *, side: OrderSide = OrderSide.BUY, module: bool = True
) -> Any:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        SIM,
        OmsType.NETTING,
        AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(100_000, USDT), Money(10, BTC)],
        modules=[OptionSettlement()] if module else [],
    )
    for item in items:
        engine.add_instrument(item)
    for item in items:
        for kind in (QuoteTick, TradeTick, InstrumentClose):
            some = [event for event in data if event.instrument_id == item.id and type(event) is kind]
            if some:
                engine.add_data(some)
    holder = Holder(side)
    engine.add_strategy(holder)
    engine.run()
    account = engine.cache.accounts()[0]
    balances = {code.code: money.as_decimal() for code, money in account.balances_total().items()}
    found = (balances, holder, engine.cache.orders(), engine.cache.positions_open())
    engine.dispose()
    return found


LINEAR, COIN = (USDT, "500.0", "510.0"), (BTC, "0.0080", "0.0090")


@pytest.mark.parametrize(
    ("terms", "call", "side", "value", "balances"),
    [
        # 2 bought at 510 and settled at 1234.5: 100000 + 2 (1234.5 - 510); no fee on these instruments
        (LINEAR, True, OrderSide.BUY, "1234.50000000", {"USDT": "101449", "BTC": "10"}),
        (LINEAR, True, OrderSide.BUY, "0.00000000", {"USDT": "98980", "BTC": "10"}),
        # 2 sold at 500 and settled at 1234.5: 100000 + 2 (500 - 1234.5)
        (LINEAR, False, OrderSide.SELL, "1234.50000000", {"USDT": "98531", "BTC": "10"}),
        (LINEAR, False, OrderSide.SELL, "0.00000000", {"USDT": "101000", "BTC": "10"}),
        # in coin: 2 bought at 0.009 and settled at 1000 / 61000 = 0.01639344: 10 + 2 (0.01639344 - 0.009)
        (COIN, True, OrderSide.BUY, "0.01639344", {"USDT": "100000", "BTC": "10.01478688"}),
        (COIN, False, OrderSide.BUY, "0.00000000", {"USDT": "100000", "BTC": "9.982"}),
        # 2 sold at 0.008 and settled at 1000 / 59000 = 0.01694915: 10 + 2 (0.008 - 0.01694915)
        (COIN, False, OrderSide.SELL, "0.01694915", {"USDT": "100000", "BTC": "9.9821017"}),
    ],
)
def test_settlement_pays_to_the_last_digit(terms, call, side, value, balances):
    currency, bid, ask = terms
    item = option(currency, call=call)
    found, holder, orders, open_ = run([item], [quote(item, bid, ask, S), settle(item, value)], side=side)
    assert found == {code: Decimal(amount) for code, amount in balances.items()}
    assert open_ == []
    (closed,) = holder.closed
    start = {"USDT": Decimal(100_000), "BTC": Decimal(10)}[currency.code]
    assert closed.realized_pnl == Money(found[currency.code] - start, currency)
    assert closed.ts_closed == EXPIRY - 1
    status = {order.tags[0] if order.tags else order.type_string(): order.status for order in orders}
    assert status == {"MARKET": OrderStatus.FILLED, "LIMIT": OrderStatus.CANCELED, TAG: OrderStatus.FILLED}


def test_only_what_expires_is_settled_and_only_once():
    mine, other = option(USDT), option(USDT, call=False)
    data = [quote(mine, "500.0", "510.0", S), quote(other, "20.0", "21.0", S)]
    data += [settle(mine, "700.00000000"), settle(mine, "900.00000000", EXPIRY)]
    balances, holder, _, open_ = run([mine, other], data)
    assert balances["USDT"] == 100_000 - 2 * 510 - 2 * 21 + 2 * 700
    assert [position.instrument_id for position in open_] == [other.id]
    assert len(holder.closed) == 1


def test_the_close_of_a_session_is_no_settlement():
    item = option(USDT)
    close = InstrumentClose(
        item.id, Price.from_str("1.0"), InstrumentCloseType.END_OF_SESSION, 50 * S, 50 * S
    )
    assert not is_settlement(close)
    _, holder, _, open_ = run([item], [quote(item, "500.0", "510.0", S), close])
    assert holder.closed == []
    assert len(open_) == 1


def test_without_the_module_an_expired_position_stays_open_for_ever():
    item = option(USDT)
    balances, holder, _, open_ = run(
        [item], [quote(item, "500.0", "510.0", S), settle(item, "700.00000000")], module=False
    )
    assert holder.closed == []
    assert [position.instrument_id for position in open_] == [item.id]
    assert balances["USDT"] == 100_000 - 2 * 510


def test_with_an_index_nautilus_takes_dollars_for_bitcoin():
    # 61000 of the index against a strike of 60000: it closes at 1000, which is BTC for an option in bitcoin
    item = option(BTC)
    index = IndexInstrument(
        instrument_id=InstrumentId(Symbol("BTC"), SIM),
        raw_symbol=Symbol("BTC"),
        currency=USDT,
        price_precision=1,
        size_precision=1,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.1"),
        ts_event=0,
        ts_init=0,
    )
    trade = TradeTick(
        index.id, Price.from_str("61000.0"), Quantity.from_str("1.0"), AggressorSide.BUYER, TradeId("1"), S, S
    )
    data = [trade, quote(item, "0.0080", "0.0090", 2 * S), settle(item, "0.01639344")]
    _, holder, _, _ = run([index, item], data, module=False)
    assert holder.closed[0].realized_pnl == Money(2 * (1_000 - Decimal("0.009")), BTC)
    _, holder, _, _ = run([index, item], data)
    assert holder.closed[0].realized_pnl == Money(2 * (Decimal("0.01639344") - Decimal("0.009")), BTC)


def test_an_inverse_flag_would_make_nonsense_of_premiums_in_coin():
    # Bought at 0.009 BTC and settled at 0.018 BTC, 2 options gain 0.018 BTC. NautilusTrader says for an
    # inverse one 2 (1 / 0.009 - 1 / 0.018) = 111.1 BTC, and books 2 / 0.018 - 2 / 0.009 = -111.1 BTC.
    right, wrong = option(BTC), option(BTC, inverse=True)
    data = [quote(right, "0.0080", "0.0090", S), settle(right, "0.01800000")]
    balances, holder, _, _ = run([right], data)
    assert holder.closed[0].realized_pnl == Money(Decimal("0.018"), BTC)
    assert balances["BTC"] == Decimal("10.018")
    balances, holder, _, _ = run([wrong], data)
    assert float(holder.closed[0].realized_pnl) == pytest.approx(111.1, abs=0.1)
    assert float(balances["BTC"]) == pytest.approx(10 - 111.1, abs=0.1)


def test_an_outliving_copy_differs_in_its_expiry_only():
    item = option(BTC)
    copy = outliving(item)
    changed = {k for k, v in CryptoOption.to_dict(copy).items() if v != CryptoOption.to_dict(item)[k]}
    assert changed == {"expiration_ns"}
    assert copy.expiration_ns - item.expiration_ns == 86_400 * S
