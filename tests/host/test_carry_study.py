"""A study's run through the real engine, against its sums by hand."""

from decimal import Decimal
from itertools import pairwise

import pandas as pd
import pytest
from nautilus_trader.config import StrategyConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.carry.depth import DepthParams
from nautilus_quant.host import carry_study
from nautilus_quant.host.carry_study import StudyPlan, run
from nautilus_quant.host.messages import publish
from nautilus_quant.host.scaler_messages import CarryCapture
from nautilus_quant.venues.recorded import Source
from nautilus_quant.venues.recorded.hourly import open_hours

HOUR = 3_600_000_000_000
START = pd.Timestamp("2023-12-30", tz="UTC")
ZERO = START.value
SPOT, PERP = (InstrumentId.from_str(name) for name in ("BTCUSDT.BINANCE", "BTCUSDT-PERP.BINANCE"))
STAMPS = {32: "0.0001", 40: "-0.0002", 48: "0.0004"}
FAR = {8 * n: "0.00005" for n in range(4)}


class Steps(Strategy):
    """Sends market orders at the quotes of the perpetual of given hours."""

    def __init__(self, steps):
        super().__init__(StrategyConfig())
        self.steps = steps

    def on_start(self):
        self.subscribe_quote_ticks(PERP)

    def on_quote_tick(self, tick: QuoteTick):
        for instrument_id, size in self.steps.get((tick.ts_init - ZERO) // HOUR, ()):
            side = OrderSide.BUY if size > 0 else OrderSide.SELL
            quantity = self.cache.instrument(instrument_id).make_qty(abs(size))
            self.submit_order(self.order_factory.market(instrument_id, side, quantity))


@pytest.fixture
def market(tmp_path):
    """A turn of the year at hour 48; spot at 50 000, the perpetual 50 above, from hour 40 on 10 more."""
    hours = range(60)

    def bars(name, closes):
        table = pd.DataFrame({"symbol": "BTCUSDT", "ts_open": [START + pd.Timedelta(hours=h) for h in hours]})
        for column in ("open", "high", "low", "close"):
            table[column] = closes
        table["volume"] = 1_000.0
        table.to_parquet(tmp_path / name)
        return Source(path=str(tmp_path / name))

    spot = [50_000.0 if h < 40 else 52_000.0 for h in hours]
    perp = [50_050.0 if h < 40 else 52_060.0 for h in hours]
    stamps = sorted((FAR | STAMPS).items())
    rates = pd.DataFrame(
        {
            "symbol": "BTCUSDT",
            "ts_funding": [START + pd.Timedelta(hours=h) for h, _ in stamps],
            "funding_rate": [float(rate) for _, rate in stamps],
        }
    )
    rates.to_parquet(tmp_path / "funding.parquet")
    sources = [bars("spot.parquet", spot), bars("perp.parquet", perp)]
    return open_hours(
        [*sources, Source(path=str(tmp_path / "funding.parquet"))],
        {},
        DepthParams(half_spread=0.0001, impact=0.0),
    )


def plan(capital=100_000, hours=61):
    ends = (ZERO, ZERO + 30 * HOUR, ZERO + hours * HOUR)
    return StudyPlan(
        name="run",
        groups={"BTC": (SPOT, PERP)},
        capital=capital,
        periods=list(pairwise(ends)),
    )


def test_a_pair_by_hand(market):
    steps = {
        26: [(SPOT, Decimal("0.01")), (PERP, Decimal("-0.01"))],
        50: [(SPOT, Decimal("-0.01")), (PERP, Decimal("0.01"))],
    }
    told = []
    found = run(plan(), market, [Steps(steps)], progress=told.append)
    # Funding of 0.01 short at the middle: 50 050 at hours 32 and 40 (the close of hour 40 comes after it),
    # 52 060 at hour 48.
    funding = Decimal("0.01") * (
        Decimal(50_050) * (Decimal("0.0001") - Decimal("0.0002")) + Decimal(52_060) * Decimal("0.0004")
    )
    assert found.total.funding == funding == Decimal("0.15819")
    assert found.total.basis == Decimal("-0.1")  # 10 wider, 0.01 short
    assert found.total.unhedged == 0
    # Best prices are 1 bp away: 50 005 and 51 994.8 of spot; 50 044.9 and 52 065.3 (ticks of 0.1) of the
    # perpetual, whose middles are 50 050 (50 044.9 | 50 055.1) and 52 060 (52 054.7 | 52 065.3).
    assert found.total.slippage == -Decimal("0.01") * (
        Decimal(5) + Decimal("5.2") + Decimal("5.1") + Decimal("5.3")
    )
    # 0.1 % of spot, 0.05 % of the perpetual.
    fees = Decimal("0.00001") * (Decimal(50_005) + Decimal("51994.8")) + Decimal("0.000005") * (
        Decimal("50044.9") + Decimal("52065.3")
    )
    assert found.total.fees == -fees
    assert found.equity - found.capital == found.total.total
    assert found.fills == 4
    assert found.traded == pytest.approx(0.01 * (50_005 + 51_994.8 + 50_044.9 + 52_065.3))
    assert found.left == {}
    assert told == [0.5, 1.0]


def test_its_samples_years_and_capture(market):
    steps = {26: [(SPOT, Decimal("0.01")), (PERP, Decimal("-0.01"))]}
    found = run(plan(), market, [Steps(steps)])
    hours = [(one.ts - ZERO) // HOUR for one in found.samples]
    assert hours == list(range(25, 61))
    held = [one.notional for one in found.samples]
    assert held[:2] == [0.0, pytest.approx(500.5)]
    assert held[-1] == pytest.approx(520.6)
    assert found.samples[-1].profit == pytest.approx(float(found.total.total))
    # Hour 48 is the turn of the year, its funding is settled in the new one.
    assert found.years[2023].funding == Decimal("0.01") * Decimal(50_050) * (
        Decimal("0.0001") - Decimal("0.0002")
    )
    assert found.years[2024].funding == Decimal("0.01") * Decimal(52_060) * Decimal("0.0004")
    assert found.total.total == sum(year.total for year in found.years.values())
    book = found.captures[PERP.value]
    assert book.payments == 2  # too little is known at hour 32 to foretell its rate
    assert book.paid == pytest.approx(500.5 * -0.0002 + 520.6 * 0.0004)
    assert found.left == {SPOT.value: pytest.approx(520.0), PERP.value: pytest.approx(-520.6)}
    assert abs(found.equity - found.capital - found.total.total) < Decimal("1e-6")


def test_what_is_bought_at_a_stamp_is_paid_nothing_for_it(market):
    steps = {48: [(SPOT, Decimal("0.01")), (PERP, Decimal("-0.01"))]}
    assert run(plan(), market, [Steps(steps)]).total.funding == 0


def test_a_larger_order_goes_deeper(market):
    deep = open_hours_with(market, impact=1.0)
    costs = []
    for size in (Decimal("0.1"), Decimal(10)):
        found = run(plan(10_000_000), deep, [Steps({52: [(SPOT, size)]})])
        costs.append(-found.total.slippage / size / 52_000)
    # The step of hour 40 is 4 % in one of 24 hours: 4 % of volatility a day. 10 of 24 000 units: 2.04 %.
    assert costs[0] < Decimal("0.0005")
    assert float(costs[1]) == pytest.approx(0.0001 + 0.04 * (10 / 24_000) ** 0.5, rel=0.1)


def open_hours_with(market, impact):
    from nautilus_quant.venues.recorded.hourly import books_of

    for stream in market.bars:
        market.books[stream.instrument.id] = books_of(
            stream.frame, stream.instrument, DepthParams(half_spread=0.0001, impact=impact)
        )
    return market


def test_venues_share_the_capital_and_have_their_own_fees(market):
    other = StudyPlan(
        name="run",
        groups={"BTC": (SPOT, PERP)},
        capital=100_000,
        periods=plan().periods,
        tiers={"BINANCE": ((0.0, 0.0, 0.01),)},
    )
    found = run(other, market, [Steps({50: [(SPOT, Decimal("0.01"))]})])
    assert found.total.fees == -Decimal("0.01") * Decimal("0.01") * Decimal("52005.2")


def test_sums_that_do_not_add_up_are_an_error(market, monkeypatch):
    monkeypatch.setattr(carry_study.Recorder, "_on_paid", lambda self, paid: None)
    steps = {26: [(PERP, Decimal(-1))]}
    with pytest.raises(RuntimeError, match=r"run: the sources come to .*, the accounts to .* USDT"):
        run(plan(), market, [Steps(steps)])


def test_small_orders_take_what_a_large_one_does_until_the_next_hour(market):
    deep = open_hours_with(market, impact=1.0)
    large = run(plan(10_000_000), deep, [Steps({52: [(SPOT, Decimal(10))]})])
    small = run(plan(10_000_000), deep, [Steps({52: [(SPOT, Decimal("0.1"))] * 100})])
    later = run(plan(10_000_000), deep, [Steps({hour: [(SPOT, Decimal("0.2"))] for hour in range(51, 61)})])
    assert small.total.slippage == large.total.slippage
    assert -later.total.slippage < -large.total.slippage / 10


class Promising(Steps):
    """Tells at the quotes of hours how much of what its pair was entered for has been paid."""

    def on_quote_tick(self, tick: QuoteTick):
        ratio = self.steps.get((tick.ts_init - ZERO) // HOUR)
        if ratio is not None:
            publish(self.msgbus, CarryCapture(key="BTC", ts=tick.ts_init, ratio=ratio, paid=1.0))


def test_what_positions_were_promised_is_kept(market):
    found = run(plan(), market, [Promising({30: 0.75, 40: 0.5, 50: 1.25})])
    assert found.promises == (0.75, 0.5, 1.25)
    assert found.kept == 0.75
