"""Quotes of options that somebody can trade."""

from __future__ import annotations

import numpy as np
import pytest
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import BacktestEngineConfig, LoggingConfig
from nautilus_trader.model.currencies import BTC, USDT
from nautilus_trader.model.enums import AccountType, OmsType, OrderSide
from nautilus_trader.model.objects import Money

from nautilus_quant.venues.simulated.option_convert import OptionSpeaker, option_instrument
from tests.venues.simulated.test_option_book import BLOCK, alive, quoted
from tests.venues.test_settlement import SIM, Holder

STEP = 20


@pytest.mark.parametrize("side", [OrderSide.BUY, OrderSide.SELL])
def test_an_option_nobody_bids_for_is_bought_at_its_ask_and_given_away(side):
    options = alive(0, STEP)
    quotes = quoted(options, STEP)
    (row, *_) = np.flatnonzero(quotes.bid == 0).tolist()
    item = option_instrument(options[row], SIM.value, 300)
    tick = OptionSpeaker(options[row], SIM.value).quote(quotes, row, int(BLOCK.ts[STEP]))
    assert tick.bid_price == 0
    engine = BacktestEngine(BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True)))
    engine.add_venue(
        SIM,
        OmsType.NETTING,
        AccountType.MARGIN,
        starting_balances=[Money(100_000, USDT), Money(10, BTC)],
    )
    engine.add_instrument(item)
    engine.add_data([tick])
    engine.add_strategy(Holder(side))
    engine.run()
    (first, *_) = [order for order in engine.cache.orders() if order.is_closed]
    engine.dispose()
    paid = tick.ask_price if side == OrderSide.BUY else tick.bid_price
    assert first.avg_px == pytest.approx(float(paid))
