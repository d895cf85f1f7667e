"""What a node with options is worth: premiums have been paid, so options count with all they are worth."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.data import MarkPriceUpdate, QuoteTick
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Symbol
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Money, Price, Quantity

from nautilus_quant.host.cash import CashWatch
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.venues.settlement import OptionSettlement
from tests.venues.test_settlement import SIM, Holder, S, option, quote, settle


class Watcher(Holder):
    """Trades the options, and writes down what the node is worth at each quote."""

    def __init__(self, side: OrderSide, *, marked: bool) -> None:
        super().__init__(side)
        self.marked = marked
        self.seen: list[Any] = []
        self.quick = 0

    def on_start(self) -> None:
        super().on_start()
        self.valuer = Valuer.on(self.msgbus, "USDT")
        self.cash = CashWatch(find_kernel(self.msgbus), self.valuer)
        self.cash.start(self.clock.timestamp_ns(), None)
        self.flows: list[dict[str, float]] = []
        for item in self.cache.instruments() if self.marked else ():
            self.valuer.want_marks(str(item.id))

    def on_quote_tick(self, tick: QuoteTick) -> None:
        if "X" in str(tick.instrument_id):
            super().on_quote_tick(tick)
        now = self.clock.timestamp_ns()
        self.flows.append(self.cash.poll(now)[2])
        self.seen.append(self.valuer.value(now))
        quick = self.valuer.fresh_equity(now)
        assert quick is None or quick[0] == pytest.approx(self.seen[-1].equity)
        self.quick += quick is not None


def spot() -> CurrencyPair:
    return CurrencyPair(
        instrument_id=InstrumentId(Symbol("BTCUSDT"), SIM),
        raw_symbol=Symbol("BTCUSDT"),
        base_currency=BTC,
        quote_currency=USDT,
        price_precision=1,
        size_precision=1,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.1"),
        ts_event=0,
        ts_init=0,
    )


def run(
    item: Any, data: list[Any], side: OrderSide, balances: list[Money], *, marked: bool = False
) -> list[Any]:
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        SIM, OmsType.NETTING, AccountType.MARGIN, starting_balances=balances, modules=[OptionSettlement()]
    )
    instruments = [item, spot()]
    for each in instruments:
        engine.add_instrument(each)
    for kind in {type(event) for event in data}:
        for each in instruments:
            some = [event for event in data if type(event) is kind and event.instrument_id == each.id]
            if some:
                engine.add_data(some)
    watcher = Watcher(side, marked=marked)
    engine.add_strategy(watcher)
    engine.run()
    engine.dispose()
    assert watcher.quick or len(balances) > 1
    assert not any(watcher.flows), "a premium or a settlement is no deposit"
    assert not watcher.cash.detector.unsettled
    return watcher.seen


@pytest.mark.parametrize("balances", [[Money(100_000, USDT)], [Money(100_000, USDT), Money(0, BTC)]])
def test_a_long_option_is_worth_its_price(balances):
    item = option(USDT)
    data = [
        quote(item, "500.0", "510.0", S),
        quote(item, "600.0", "620.0", 2 * S),
        quote(item, "0.0", "10.0", 3 * S),
    ]
    data += [quote(item, "0.0", "10.0", 4 * S)]
    seen = run(item, data, OrderSide.BUY, balances)
    # 2 bought at 510; then worth 610 each: 100000 - 1020 + 1220. Without a bid they are worth half the ask,
    # 98980 + 10, once a second quote has confirmed the jump.
    assert seen[1].equity == pytest.approx(100_200)
    assert seen[1].fresh
    assert seen[3].equity == pytest.approx(98_990)
    assert seen[3].fresh


def test_a_short_option_is_owed():
    item = option(USDT)
    data = [quote(item, "500.0", "510.0", S), quote(item, "600.0", "620.0", 2 * S)]
    seen = run(item, data, OrderSide.SELL, [Money(100_000, USDT)])
    assert seen[1].equity == pytest.approx(100_000 + 2 * 500 - 2 * 610)


def test_options_in_coin_are_worth_coin():
    item, pair = option(BTC), spot()
    data = [
        quote(pair, "59999.9", "60000.1", S // 2),
        quote(item, "0.0080", "0.0090", S),
        quote(item, "0.0100", "0.0120", 2 * S),
    ]
    seen = run(item, data, OrderSide.BUY, [Money(1_000, USDT), Money(10, BTC)])
    # 1000 + 60000 (10 - 2 x 0.009 + 2 x 0.011)
    assert seen[-1].equity == pytest.approx(1_000 + 60_000 * 10.004)


def test_settlement_leaves_no_step_in_equity():
    item, pair = option(USDT), spot()
    data = [
        quote(item, "500.0", "500.0", S),
        quote(item, "700.0", "700.0", 99 * S),
        settle(item, "700.00000000"),
        quote(pair, "60000.0", "60000.1", 101 * S),
    ]
    seen = run(item, data, OrderSide.BUY, [Money(100_000, USDT)])
    assert [round(value.equity) for value in seen[1:]] == [100_400, 100_400]
    assert seen[-1].unrealised == 0.0


def test_a_mark_of_nothing_is_a_price_for_an_option():
    item = option(USDT)
    marks = [MarkPriceUpdate(item.id, Price.from_str("0.0"), ts * S, ts * S) for ts in (2, 3, 4)]
    data = [quote(item, "500.0", "510.0", S), *marks, quote(item, "0.0", "0.1", 5 * S)]
    seen = run(item, data, OrderSide.BUY, [Money(100_000, USDT)], marked=True)
    assert seen[-1].fresh
    assert seen[-1].equity == pytest.approx(100_000 - 1_020)
