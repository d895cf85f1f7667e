"""What a carry scaler learns from a node: announced rates, premiums, quotes and own fills."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.model.data import (
    BookOrder,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
    OrderBookDelta,
)
from nautilus_trader.model.enums import BookAction, OrderSide
from nautilus_trader.model.objects import Price

from nautilus_quant.carry.slippage import SlippageCurve
from nautilus_quant.host.scaler_desk import CarryDesk
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig
from tests.strategies.funding_runs import HOUR, PERP, SECOND, SPOT, START, arb, build, quote, quotes, rates

FLAT = [40_000.0] * 40
NAME = PERP.id.value


class Desk(Actor):
    """Runs a desk and keeps what it decides."""

    def __init__(self, **rule: Any) -> None:
        super().__init__()
        self.rule = CarryRuleConfig(impact=0.0001, **rule)
        self.rates: dict[int, float] = {}
        self.desk: CarryDesk | None = None
        self.market: Any = None
        self.observed: list[tuple[float, float, float]] = []

    def on_start(self) -> None:
        self.desk = CarryDesk(
            self,
            (CarryPairConfig(one=SPOT.id, two=PERP.id, name="pair"),),
            self.rule,
            every=3_600.0,
            held=lambda _: 0.0,
            is_ours=lambda _: True,
            on_time=self.on_time,
            state=None,
            currency="USDT",
        )
        self.market = self.desk.scaler.markets[NAME]
        observe = self.market.curve.observe

        def probe(notional: float, cost: float, weight: float = 1.0) -> bool:
            self.observed.append((notional, cost, weight))
            return observe(notional, cost, weight)

        self.market.curve.observe = probe
        self.desk.start(premium=True)

    def on_time(self, now: int) -> None:
        assert self.desk is not None
        self.desk.decide(now)
        found = self.market.forecast.next(now)
        if found is not None:
            self.rates[(now - START) // HOUR] = found[0]

    def on_stop(self) -> None:
        assert self.desk is not None
        self.desk.stop()


def run(data: list[Any], strategies: Any = (), **rule: Any) -> Desk:
    desk = Desk(**rule)
    engine = build(data, strategies, [desk])
    engine.run()
    engine.dispose()
    return desk


def announced(value: float, hours: float, due: float, interval: int | None = None) -> FundingRateUpdate:
    ts = START + int(hours * HOUR)
    return FundingRateUpdate(PERP.id, Decimal(repr(value)), ts, ts, interval, START + int(due * HOUR))


def test_rates_of_the_past_are_learnt_at_their_time():
    desk = run(quotes(FLAT) + rates([0.001] * 5))
    assert min(desk.rates) == 32
    assert desk.rates[39] == pytest.approx(0.001)


def test_an_announced_rate_is_the_next_one_and_is_settled_at_its_time():
    data = quotes(FLAT)
    for n in range(5):
        data += [announced(0.001, 8 * n + 0.5, 8 * (n + 1))]
    data += [announced(0.003, 35.5, 40.0)]
    desk = run(data, least=3)
    assert desk.market.forecast.seen == 4  # the one of 40 hours is not due before the end
    assert desk.rates[34] == pytest.approx(0.001, rel=1e-3)
    assert desk.rates[36] == pytest.approx(0.003, rel=1e-3)


def test_a_rate_that_was_late_on_its_way_is_settled_at_its_time():
    late = 40_000_000
    data = quotes(FLAT[:10])
    for n in range(1, 10):
        at = START + n * HOUR
        data.append(FundingRateUpdate(PERP.id, Decimal("0.001"), at, at + late, 60, at))
    desk = run(data)
    assert desk.market.forecast.seen == 9
    assert desk.market._stamp == START + 9 * HOUR


def test_the_interval_the_venue_says_holds():
    data = quotes(FLAT) + [announced(0.001, n + 0.5, n + 1.0, 60) for n in range(30)]
    desk = run(data)
    assert desk.market.interval == HOUR
    assert desk.market.forecast.seen == 30


def test_the_premium_of_mark_over_index_foretells():
    data = quotes(FLAT) + rates([0.0001, 0.0004, -0.0002, 0.0003, 0.0])
    for minute in range(32 * 60 + 1, 36 * 60):
        ts = START + minute * 60 * SECOND
        data += [
            IndexPriceUpdate(PERP.id, Price(40_000.0, 1), ts - 1, ts - 1),
            MarkPriceUpdate(PERP.id, Price(40_080.0, 1), ts, ts),
        ]
    desk = run(data)
    assert desk.rates[33] > 0.0005
    # 0.2 % on the average of the interval, less 0.05 %.
    assert desk.rates[35] == pytest.approx(0.0015, rel=0.05)


def test_the_spread_is_learnt_from_quotes_and_the_fee_from_the_instrument():
    desk = run(quotes(FLAT))
    # Half of 1.0 at 40 000 is what 50 coins cost: much less than was believed before.
    before = SlippageCurve(desk.rule.params().slippage).expected(2_000_000.0)
    assert 0.0000125 < desk.market.curve.expected(2_000_000.0) < 0.5 * before
    assert desk.market.curve.seen == 40 * 6
    assert desk.market.fee == pytest.approx(0.0004)
    assert desk.desk.scaler.markets[SPOT.id.value].fee == pytest.approx(0.0008)  # type: ignore[union-attr]


class Reader(Actor):
    """Wants the book, so that there is one."""

    def on_start(self) -> None:
        self.subscribe_order_book_deltas(PERP.id)


@pytest.mark.parametrize("late", [1, 20])
def test_depth_is_learnt_from_a_book_somebody_subscribed_unless_it_is_old(late: int):
    """Ten coins at each level of 1, 2 ... away: 50 coins cost 3 of 40 000, and 20 s later nobody knows."""
    deltas: list[Any] = []
    for n in range(40):
        ts = START + (n + 1) * HOUR - late * SECOND
        for level in range(1, 11):
            for side, sign in ((OrderSide.BUY, -1), (OrderSide.SELL, 1)):
                order = BookOrder(side, PERP.make_price(40_000 + sign * level), PERP.make_qty(10), 0)
                deltas.append(OrderBookDelta(PERP.id, BookAction.UPDATE, order, 0, 0, ts, ts))
    desk = Desk()
    engine = build(quotes(FLAT) + deltas, (), [desk, Reader()])
    engine.run()
    engine.dispose()
    depths = [(notional, cost) for notional, cost, weight in desk.observed if weight == pytest.approx(0.0025)]
    assert (len(depths) > 0) is (late == 1)
    if late == 1:
        fifty = [cost for notional, cost in depths if notional == pytest.approx(50 * 40_000.0)]
        assert fifty == pytest.approx([3.0 / 40_000.0] * len(fifty))
        assert len(fifty) == 2 * 39


def test_a_whole_order_is_learnt_from_against_the_price_before():
    """Part by part, each would look as dear as the level it was filled at."""
    thin = [
        quote(item, 40_000.0, START + n * 600 * SECOND, size=1)
        for n in range(40 * 6)
        for item in (SPOT, PERP)
    ]
    strategy = arb()
    desk = Desk()
    engine = build(thin + rates([0.001] * 5), [strategy], [desk])
    engine.run()
    (order,) = engine.cache.orders(instrument_id=PERP.id)
    assert len(order.trade_ids) > 1
    engine.dispose()
    (whole,) = [(notional, cost) for notional, cost, weight in desk.observed if weight == 1.0]
    assert whole == (pytest.approx(float(order.quantity) * 40_000.0), 1.0 - order.avg_px / 40_000.0)


def test_nothing_is_heard_after_the_end():
    desk = run(quotes(FLAT[:10]) + rates([0.001]))
    assert desk.market.forecast.seen == 1
    assert desk.desk is not None
    assert desk.desk.feed._topics == []
