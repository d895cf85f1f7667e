"""The margin monitor with several accounts and with inverse contracts."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.objects import Currency, Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.actors.margin_monitor import MarginMonitor, MarginUpdate
from nautilus_quant.host.messages import everything
from nautilus_quant.host.valuation import Valuer
from tests.actors.test_margin_monitor import ACCOUNT, buy, denials, monitor, order
from tests.host.engine import SECOND, START, USDT, Script, engine, quotes
from tests.venues.test_settlement import option, quote

XBT = TestInstrumentProvider.xbtusd_bitmex()
BITCOIN = Currency.from_str("BTC")


def two_venues(script: Script, actor: MarginMonitor) -> Any:
    """1 000 000 USDT at BINANCE, and 10 BTC at BITMEX, where contracts are worth a dollar each."""
    made = engine(actors=[actor], strategies=[script])
    made.add_venue(
        venue=XBT.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(10, BITCOIN)],
        default_leverage=Decimal(100),
    )
    made.add_instrument(XBT)
    made.add_data(quotes([30_000.0] * 60, XBT, spread=1.0))
    made.run()
    return made


def test_each_account_has_its_own_margin():
    """A venue liquidates by what it holds itself: 0.9 × 10 BTC × 30 000 × 10 contracts fit."""
    actor = monitor(report_interval=0.0)
    script = Script(
        {1: order(OrderSide.BUY, "2700001", XBT), 2: order(OrderSide.BUY, "2600000", XBT), 3: buy("300.000")}
    )
    made = two_venues(script, actor)
    assert len(denials(script)) == 1
    assert "2700000 more fit" in denials(script)[0]
    updates = everything(made.kernel.msgbus, MarginUpdate)
    total = Valuer.on(made.kernel.msgbus).value(made.kernel.clock.timestamp_ns()).equity
    assert set(updates) == {ACCOUNT, "BITMEX-001"}
    assert updates["BITMEX-001"].equity + updates[ACCOUNT].equity == pytest.approx(total, rel=1e-12)
    made.dispose()


@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
def test_an_inverse_position(side):
    script = Script({1: order(side, "1500000", XBT)})
    made = two_venues(script, monitor(report_interval=0.0))
    last = everything(made.kernel.msgbus, MarginUpdate)["BITMEX-001"]
    made.dispose()
    # 1.5 m USD are 50 BTC; at 10x 5 BTC are needed, 0.35 % for maintenance.
    assert last.utilisation == pytest.approx(150_000.0 / last.equity)
    assert last.maintenance == pytest.approx(5_250.0 / last.equity)
    price, sign = last.liquidation[str(XBT.id)], 1 if side == OrderSide.BUY else -1
    coins = last.equity / 30_000.0 + sign * 1_500_000.0 * (1 / 30_000.0 - 1 / price)
    assert coins == pytest.approx(0.0035 * 1_500_000.0 / price)
    assert last.distances[str(XBT.id)] == pytest.approx(sign * (1 - price / 30_000.0))


def test_an_option_is_part_of_its_accounts_equity_at_all_it_is_worth():
    item = option(USDT, expiry=START + 3_600 * SECOND)
    actor, script = (
        monitor(report_interval=0.0),
        Script({1: buy("1.000"), 3: order(OrderSide.BUY, "2.0", item)}),
    )
    made = engine(actors=[actor], strategies=[script])
    made.add_venue(
        venue=item.venue,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=None,
        starting_balances=[Money(100_000, USDT)],
    )
    made.add_instrument(item)
    bids = [("500.0", "510.0")] * 10 + [("600.0", "620.0")] * 40
    made.add_data([quote(item, *prices, START + n * SECOND) for n, prices in enumerate(bids)])
    made.run()
    updates = everything(made.kernel.msgbus, MarginUpdate)
    made.dispose()
    # 2 bought at 510 and worth 610 each: 100 000 - 1020 + 1220.
    assert updates["SIM-001"].equity == pytest.approx(100_200.0)
