"""What there is to hold carry with, read from a node."""

from __future__ import annotations

import math
from typing import Any

import pytest
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Quantity
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.carry.scaler_guard import FREE_OF_MARGIN, Account
from nautilus_quant.carry.scaler_terms import Funds
from nautilus_quant.host.scaler_funds import CarryFunds
from nautilus_quant.host.valuation import Valuer
from tests.strategies.funding_runs import HOUR, OTHER, PERP, SECOND, SPOT, START, build, quote, quotes, spot

VENUES = [Venue(name) for name in ("CASH", "PERPS", "OTHERS", "NOWHERE")]
HERE = spot("PERPS")
"""Spot on the account of the perpetuals."""


class Holder(Strategy):
    """Buys and sells with the first quotes, and looks later."""

    def __init__(self, orders: dict[Any, float], at: int) -> None:
        super().__init__(StrategyConfig())
        self.orders = dict(orders)
        self.at = at
        self.funds: Funds | None = None
        self.margins: dict[str, Account] = {}

    def on_start(self) -> None:
        Valuer.on(self.msgbus, "USDT")
        for instrument in (SPOT, PERP, OTHER, HERE):
            if self.cache.instrument(instrument.id) is not None:
                self.subscribe_quote_ticks(instrument.id)
        self.clock.set_time_alert_ns("look", self.at, self.look)

    def on_quote_tick(self, tick: QuoteTick) -> None:
        for instrument in [one for one in self.orders if one.id == tick.instrument_id]:
            size = self.orders.pop(instrument)
            side = OrderSide.BUY if size > 0 else OrderSide.SELL
            quantity = Quantity(abs(size), instrument.size_precision)
            self.submit_order(self.order_factory.market(instrument.id, side, quantity))

    def look(self, event: Any) -> None:
        valuer = Valuer.on(self.msgbus)
        funds = CarryFunds(self.cache, valuer)
        self.funds = funds.read(VENUES, event.ts_event)
        for instrument in (SPOT, PERP, OTHER):
            self.margins[instrument.id.venue.value] = funds.margin(instrument.id, event.ts_event)
        nowhere = InstrumentId(PERP.id.symbol, Venue("NOWHERE"))
        self.margins["NOWHERE"] = funds.margin(nowhere, event.ts_event)


def look(data: list[Any], orders: dict[Any, float], hours: float = 3.0, instruments: Any = ()) -> Holder:
    holder = Holder(orders, START + int(hours * HOUR) + SECOND)
    engine = build(data, [holder], instruments=instruments)
    engine.run()
    engine.dispose()
    return holder


def test_equity_is_read_in_all_and_by_venue():
    found = look(quotes([40_000.0] * 2 + [41_000.0] * 4), {SPOT: 1.0, PERP: -2.0}).funds
    assert found is not None
    # Bought at 40 000.5 with a fee of 0.08 %, sold at 39 999.5 for 0.04 %; now each is worth 41 000.
    cash = 100_000.0 - 40_000.5 * 1.0008 + 41_000.0
    perps = 100_000.0 - 2 * 39_999.5 * 0.0004 - 2 * (41_000.0 - 39_999.5)
    assert found.venues == {
        "CASH": pytest.approx(cash),
        "PERPS": pytest.approx(perps),
        "OTHERS": 100_000.0,
        "NOWHERE": 0.0,
    }
    assert found.equity == pytest.approx(cash + perps + 100_000.0)


def test_without_a_price_nobody_can_tell():
    late = [quote(PERP, 40_000.0, START + 3 * HOUR + 2 * SECOND)]
    holder = look(quotes([40_000.0] * 2) + late, {SPOT: 1.0, PERP: -1.0})
    assert holder.funds is not None
    assert math.isnan(holder.funds.equity)
    assert math.isnan(holder.funds.venues["CASH"])
    assert math.isnan(holder.margins["PERPS"].distance)


def test_a_coin_is_worth_what_any_market_says():
    alone = [quote(PERP, 42_000.0, START + n * 600 * SECOND) for n in range(12, 36)]
    found = look(quotes([40_000.0] * 2) + alone, {SPOT: 1.0}).funds
    assert found is not None
    assert found.venues["CASH"] == pytest.approx(100_000.0 - 40_000.5 * 1.0008 + 42_000.0)


def test_the_distance_of_a_short_by_hand():
    margins = look(quotes([40_000.0] * 4), {SPOT: 2.0, PERP: -20.0}).margins
    assert margins["CASH"] == FREE_OF_MARGIN
    assert all(map(math.isnan, margins["NOWHERE"]))  # no account, and nobody knows what it bears
    empty = margins["OTHERS"]
    assert (empty.distance, empty.equity, empty.notional, empty.maintenance) == (
        math.inf,
        100_000.0,
        0.0,
        0.025,
    )
    near = margins["PERPS"]
    equity = 100_000.0 - 20 * 39_999.5 * 0.0004 - 20 * 0.5
    assert near.equity == pytest.approx(equity)
    assert near.notional == pytest.approx(800_000.0)
    assert near.maintenance == pytest.approx(0.025)
    # E − N·x = m·N·(1 + x)
    assert near.distance == pytest.approx((equity / 800_000.0 - 0.025) / 1.025)


def test_spot_on_the_same_account_is_not_on_margin():
    data = quotes([40_000.0] * 2 + [44_000.0] * 2, (PERP, HERE))
    near = look(data, {HERE: 1.0, PERP: -1.0}, instruments=(HERE,)).margins["PERPS"]
    assert near.notional == pytest.approx(44_000.0)
    # What the short has lost the spot has won: but fees and spreads the equity is what it was.
    assert near.equity == pytest.approx(100_000.0 - 1.0 - 40_000.5 * 0.0008 - 39_999.5 * 0.0004)
