"""The shipped configs of several venues trade, hedge and pay funding, as minutes of a backtest."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from nautilus_trader.backtest.node import BacktestNode

from nautilus_quant.config import load, prepare_data, run_configs
from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import Alert, subscribe

pytestmark = pytest.mark.slow

CONFIGS = Path(__file__).parents[2] / "configs"


class Outcome:
    """What a config came to."""

    def __init__(self, name: str, minutes: int, folder: Path) -> None:
        path = folder / "short.yaml"
        path.write_text(
            f"extends: {CONFIGS / name}\n"
            f"backtest: {{start: 2025-01-01, duration: {minutes}min, cache: {folder / 'catalog'}}}\n"
        )
        deployment = load(path, env={})
        prepare_data(deployment)
        node = BacktestNode(configs=run_configs(deployment))
        node.build()
        (engine,) = node.get_engines()
        self.paid: list[FundingPaid] = []
        self.alerts: list[Alert] = []
        subscribe(engine.kernel.msgbus, FundingPaid, self.paid.append)
        subscribe(engine.kernel.msgbus, Alert, self.alerts.append)
        node.run()
        cache = engine.kernel.cache
        self.held: dict[str, dict[str, Decimal]] = defaultdict(dict)
        for position in cache.positions_open():
            coin = str(position.instrument_id)[:3]
            self.held[coin][str(position.instrument_id)] = position.signed_decimal_qty()
        filled = [order for order in cache.orders() if order.filled_qty > 0]
        self.venues = {str(order.instrument_id.venue) for order in filled}
        self.orders = len(filled)
        self.rejected = {
            str(order.instrument_id.venue) for order in cache.orders() if order.status_string() == "REJECTED"
        }
        node.dispose()

    def unhedged(self, coin: str) -> Decimal:
        """What is held of a coin over all venues, as a share of the largest leg."""
        sizes = self.held[coin].values()
        return abs(sum(sizes)) / max(abs(size) for size in sizes)


def test_funding_is_earned_with_legs_that_hedge_each_other(tmp_path):
    found = Outcome("funding-paper.yaml", 8, tmp_path)
    assert found.venues == {"SIM_A", "SIM_B", "SIM_C"}
    for coin in ("BTC", "ETH"):
        assert len(found.held[coin]) >= 2
        assert found.unhedged(coin) < Decimal("0.02")
    # Shorts at the rich venues receive, longs where shorts pay receive too.
    received = [paid for paid in found.paid if paid.amount > 0]
    assert sum(paid.amount for paid in found.paid) > 0
    assert len(received) > len(found.paid) / 2
    assert not [alert for alert in found.alerts if alert.severity == "CRITICAL"]


def test_differences_between_venues_are_traded_and_hedged(tmp_path):
    found = Outcome("cross-venue-paper.yaml", 8, tmp_path)
    assert len(found.venues) >= 2
    assert found.orders >= 4
    for coin in found.held:
        assert found.unhedged(coin) < Decimal("0.02")
    assert found.rejected <= {"SIM_B", "SIM_C"}
    # SIM_B is in maintenance after five minutes.
    critical = {alert.key for alert in found.alerts if alert.severity == "CRITICAL"}
    assert critical == {
        f"CrossExchangeArb-{name}|{name.upper()}USDT-PERP.SIM_B|access" for name in ("btc", "eth")
    }
