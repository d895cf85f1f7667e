"""The would-be book of one arm is what a backtest of that arm alone ends with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.identifiers import Venue
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.account.costs import CostModel
from nautilus_quant.host.messages import TargetUpdate, subscribe
from nautilus_quant.host.target import lot_of
from nautilus_quant.learning.ledger import Leg, ShadowLedger
from nautilus_quant.strategies import MeanReversion, MeanReversionConfig, Momentum, MomentumConfig
from tests.gating.regime_bars import bars_of, noise, walk
from tests.host.engine import BTC, SECOND, START, engine, quotes

CAPITAL = 1_000_000.0
HOUR = 3600 * SECOND
# What exceeds a bar's volume, the engine fills a tick further; these bars have room for all we trade.
DEEP = Quantity(1_000_000, BTC.size_precision)


class Seen(NamedTuple):
    """A target, the market and the position at that moment."""

    ts: int
    exposure: float
    middle: float
    half_spread: float
    position: float


def momentum(**changes: Any) -> Momentum:
    rule = {"fast": 4.0, "slow": 12.0, "vol_half_life": 20.0, "vol_target": 3.0, "band": 0.05}
    return Momentum(MomentumConfig(instrument=BTC.id, **{"bar": "1-SECOND", **rule, **changes}))


def reversion(**changes: Any) -> MeanReversion:
    rule = {"lookback": 20.0, "entry": 1.5, "vol_target": 3.0, "leverage": 2.5}
    return MeanReversion(MeanReversionConfig(instrument=BTC.id, **{"bar": "1-SECOND", **rule, **changes}))


def bars(closes: list[float], kind: str = "1-SECOND") -> list[Bar]:
    return [bar_of(value.ts, value[1:], kind) for value in bars_of(closes, START, SECOND)]


def bar_of(ts: int, prices: Any, kind: str) -> Bar:
    bar_type = BarType.from_str(f"{BTC.id}-{kind}-LAST-EXTERNAL")
    return Bar(bar_type, *[Price(p, BTC.price_precision) for p in prices], DEEP, ts, ts)


def backtest(strategy: Any, data: list[Any]) -> tuple[list[Seen], float, float, int]:
    """What it wanted and when; its position, the account's equity and the number of fills at the end."""
    # Where there are quotes, orders fill at them, and not at the prices of bars.
    made = engine(data, strategies=[strategy], bar_execution=all(isinstance(one, Bar) for one in data))
    seen: list[Seen] = []
    last: dict[str, float] = {"middle": 0.0}

    def note(update: TargetUpdate) -> None:
        quote, bar = made.cache.quote_tick(BTC.id), made.cache.bar(strategy.bar_type)
        bid, ask = (bar.close, bar.close) if quote is None else (quote.bid_price, quote.ask_price)
        middle = (float(bid) + float(ask)) / 2.0
        spread = (float(ask) - float(bid)) / 2.0 / middle
        held = float(strategy.position_of(BTC.id))
        seen.append(Seen(update.ts, update.exposure, middle, spread, held))

    subscribe(made.kernel.msgbus, TargetUpdate, note)
    made.run()
    quote, bar = made.cache.quote_tick(BTC.id), made.cache.bar(strategy.bar_type)
    close = bar.close if quote is None else None
    last["middle"] = (
        float(close) if close is not None else (float(quote.bid_price) + float(quote.ask_price)) / 2
    )
    account = made.portfolio.account(Venue("BINANCE"))
    held = float(strategy.position_of(BTC.id))
    entry = sum(float(p.avg_px_open) for p in made.cache.positions_open())
    equity = account.balance_total(BTC.quote_currency).as_double() + held * (last["middle"] - entry)
    fills = len(made.cache.orders())
    made.dispose()
    seen.append(Seen(seen[-1].ts, float("nan"), last["middle"], 0.0, held))
    return seen, held, equity, fills


def shadow(strategy: Any, seen: list[Seen]) -> ShadowLedger:
    """Give the same targets to a ledger, which must hold at each what the engine holds."""
    config = strategy.config
    leg = Leg(
        instrument=BTC.id.value,
        leverage=float(config.leverage),
        threshold=float(config.rebalance_threshold),
        lot=lot_of(BTC),
        costs=CostModel(taker=float(BTC.taker_fee), half_spread=0.0),
        min_notional=float(BTC.min_notional),
    )
    ledger = ShadowLedger([leg], CAPITAL)
    for at in seen:
        assert ledger.quantity(BTC.id.value) == pytest.approx(at.position, abs=1e-9)
        ledger.conditions(BTC.id.value, half_spread=at.half_spread)
        ledger.mark(BTC.id.value, at.middle, at.middle, at.ts)
        ledger.target(BTC.id.value, at.exposure, at.middle, at.middle, at.ts)
    return ledger


def agree(strategy: Any, data: list[Any], fills_at_least: int) -> ShadowLedger:
    seen, held, equity, fills = backtest(strategy, data)
    ledger = shadow(strategy, seen)
    assert fills >= fills_at_least
    assert ledger.quantity(BTC.id.value) == pytest.approx(held, abs=1e-9)
    # The engine rounds the fee and the realised P&L of each fill to the last digit of its currency (1e-8
    # USDT); the other 1e-6 is what floats of a million lose on the way.
    assert ledger.equity == pytest.approx(equity, rel=0, abs=2 * fills * 1e-8 + 1e-6)
    assert ledger.equity != pytest.approx(CAPITAL, abs=1.0)
    return ledger


@pytest.mark.parametrize("make", [momentum, reversion])
def test_equals_the_engine_on_bars(make):
    ledger = agree(make(), bars(walk(900, seed=4, volatility=0.0008, price=30_000.0)), 15)
    assert ledger.split.spread == 0.0
    assert ledger.costs_paid > 0.0


@pytest.mark.parametrize("make", [momentum, reversion])
@pytest.mark.parametrize("spread", [0.2, 60.0])
def test_equals_the_engine_on_quotes_with_a_spread(make, spread: float):
    closes = walk(700, seed=5, volatility=0.0008, price=30_000.0)
    ledger = agree(make(), [*quotes(closes, spread=spread), *bars(closes)], 12)
    assert ledger.split.spread == pytest.approx(ledger.turnover * spread / 2 / 30_000.0, rel=0.1)


@pytest.mark.parametrize("threshold", [0.0, 0.3])
def test_equals_the_engine_whatever_is_worth_an_order(threshold: float):
    closes = walk(400, seed=6, volatility=0.0008, price=30_000.0)
    agree(momentum(rebalance_threshold=threshold, leverage=3.0), bars(closes), 5)


def test_equals_the_engine_when_most_of_the_capital_is_lost():
    up_and_down = np.concatenate([noise(60, 0.002, seed=s) + 0.01 * (-1) ** s for s in range(6)])
    closes = [float(value) for value in 30_000.0 * np.exp(np.cumsum(up_and_down))]
    ledger = agree(momentum(leverage=3.0, vol_target=100.0, slow=30.0), bars(closes), 10)
    assert abs(ledger.split.gross) > 0.2 * CAPITAL


@pytest.mark.slow
@pytest.mark.parametrize("make", [momentum, reversion])
def test_equals_the_engine_on_recorded_hours(make, nq_data):
    frame = pd.read_parquet(nq_data / "ohlcv_1h_perp_binance.parquet")
    frame = frame[frame["symbol"] == "BTCUSDT"].iloc[20_000:23_000]
    ends = pd.to_datetime(frame["ts_open"], utc=True).astype("datetime64[ns, UTC]").astype("int64") + HOUR
    rows = zip(frame["open"], frame["high"], frame["low"], frame["close"], ends, strict=True)
    hourly = [bar_of(int(end), prices, "1-HOUR") for *prices, end in rows]
    agree(make(bar="1-HOUR", vol_target=0.6), hourly, 40)
