"""Coins against a contract: after a restart they are in no position, and no order of them only reduces."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.backtest.engine import BacktestEngine, BacktestEngineConfig
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.instruments import CryptoPerpetual
from nautilus_trader.model.objects import Currency, Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.host.state import StateStore
from nautilus_quant.host.two_leg_pair import Pair
from tests.host.engine import BTC, SECOND, START, USDT, quotes
from tests.host.two_leg_kit import Two

COIN = TestInstrumentProvider.btcusdt_binance()
PERP = CryptoPerpetual.from_dict({**CryptoPerpetual.to_dict(BTC), "id": "BTCUSDT-PERP.OTHER"})
CARRY = Pair("CARRY", COIN.id, PERP.id)
SIZE = 300_000.0


def market() -> BacktestEngine:
    made = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    rich = [Money(5_000_000, USDT), Money(50, Currency.from_str("BTC"))]
    for name, kind, instrument, leverage in (
        ("BINANCE", AccountType.CASH, COIN, 1),
        ("OTHER", AccountType.MARGIN, PERP, 10),
    ):
        made.add_venue(
            venue=Venue(name),
            oms_type=OmsType.NETTING,
            account_type=kind,
            base_currency=None,
            starting_balances=rich,
            default_leverage=Decimal(leverage),
        )
        made.add_instrument(instrument)
    data = [*quotes([30_000.0] * 60, COIN), *quotes([30_000.0] * 60, PERP)]
    made.add_data(sorted(data, key=lambda tick: tick.ts_event))
    return made


class Reborn(Two):
    """Has sold a contract in this node, and then goes on from what an earlier one kept."""

    ready = False
    short = 10

    def on_start(self) -> None:
        if self.ready:
            super().on_start()
        else:
            self.subscribe_quote_ticks(PERP.id)

    def on_quote_tick(self, tick) -> None:
        if self.ready:
            super().on_quote_tick(tick)
        elif tick.ts_event == START + 2 * SECOND and self.short:
            order = self.order_factory.market(PERP.id, OrderSide.SELL, PERP.make_qty(self.short))
            self.submit_order(order)

    def on_order_event(self, event) -> None:
        if self.ready:
            super().on_order_event(event)


def reborn(tmp_path, short: int, wishes=None):
    """Ten coins against ten contracts were held; in the new node only contracts are seen."""
    url = f"sqlite:///{tmp_path}/state.db"
    first = Two({5: SIZE}, pairs=(CARRY,), state=url)
    made = market()
    made.add_strategy(first)
    made.run()
    assert [first.position_of(leg) for leg in first.legs] == [10, -10]
    made.dispose()

    strategy = Reborn({}, pairs=(CARRY,), state=url)
    store = StateStore.open(url)
    kept = store.documents("two_legs")[f"{first.id.value}|CARRY"]
    store.put_now("two_legs", "Reborn-000|CARRY", kept, ts=1)
    store.close()
    strategy.short, strategy.wishes = short, wishes or {}
    made = market()
    made.add_strategy(strategy)
    made.run(end=START + 8 * SECOND, streaming=True)
    strategy.stop()
    strategy.reset()
    strategy.ready = True
    strategy.start()
    made.run(start=START + 9 * SECOND)
    found = {
        "left": [strategy.position_of(leg) for leg in strategy.legs],
        "pair": strategy.pair("CARRY").held,
        "critical": [a.key.rsplit("|", 2)[1] for a in strategy.alerts if a.severity == "CRITICAL"],
    }
    made.dispose()
    return found


def test_coins_of_an_earlier_node_are_still_held_against_the_contracts(tmp_path) -> None:
    assert reborn(tmp_path, 10) == {"left": [0, -10], "pair": (10, -10), "critical": []}


def test_and_can_be_sold(tmp_path) -> None:
    found = reborn(tmp_path, 10, {20: 0.0})
    assert found == {"left": [-10, 0], "pair": (0, 0), "critical": []}


def test_coins_whose_contracts_are_gone_are_left_alone_and_told(tmp_path) -> None:
    found = reborn(tmp_path, 0)
    assert found["left"] == [0, 0]
    assert found["pair"] == (0, 0)
    assert sorted(found["critical"]) == sorted([COIN.id.value, PERP.id.value])


def test_coins_that_are_being_sold_by_somebody_else_are_not_sold_twice() -> None:
    def kill(s: Two) -> None:
        s.submit_order(s.order_factory.market(PERP.id, OrderSide.BUY, PERP.make_qty(10), reduce_only=True))
        s.submit_order(s.order_factory.market(COIN.id, OrderSide.SELL, COIN.make_qty(10)))

    strategy = Two({5: SIZE, 10: 0.0}, {10: kill}, pairs=(CARRY,))
    made = market()
    made.add_strategy(strategy)
    made.run()
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    assert strategy.pair("CARRY").held == (0, 0)
    sold = [order.filled_qty for order in made.cache.orders(instrument_id=COIN.id) if order.is_sell]
    assert sold == [10]
    made.dispose()


@pytest.mark.parametrize("wish", [SIZE, 2 * SIZE])
def test_coins_are_closed_to_the_last(wish: float) -> None:
    strategy = Two({5: wish, 30: 0.0}, pairs=(CARRY,))
    made = market()
    made.add_strategy(strategy)
    made.run()
    assert [strategy.position_of(leg) for leg in strategy.legs] == [0, 0]
    made.dispose()
