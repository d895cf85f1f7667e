"""Closed positions as trades, with commissions in coins that no position settles in."""

from __future__ import annotations

import math
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import PositionChanged, PositionClosed, PositionOpened
from nautilus_trader.model.identifiers import PositionId, TradeId
from nautilus_trader.model.objects import Currency, Money, Price, Quantity
from nautilus_trader.model.position import Position
from nautilus_trader.test_kit.providers import TestInstrumentProvider
from nautilus_trader.test_kit.stubs.events import TestEventStubs
from nautilus_trader.test_kit.stubs.execution import TestExecStubs

from nautilus_quant.host.performance import RoundTrips
from tests.host.engine import BTC, USDT

BNB = Currency.from_str("BNB")
INVERSE = TestInstrumentProvider.xbtusd_bitmex()
NAME = PositionId("P-1")
RATES = {"USDT": 1.0, "BNB": 600.0, "BTC": 50_000.0}


class Rates:
    """A valuer whose reporting currency is settled by its first valuation, as the real one's is."""

    def __init__(self, rates: dict[str, float] = RATES) -> None:
        self.rates = rates
        self.currency: str | None = None

    def value(self, now: int) -> None:
        self.currency = "USDT"

    def rate(self, code: str, now: int) -> float:
        assert self.currency == "USDT"
        return self.rates.get(code, math.nan)

    def unit(self, instrument: Any, now: int, price: float) -> float:
        return self.rate("USDT", now) * price


class Shelf:
    """A cache of instruments."""

    def __init__(self, *instruments: Any) -> None:
        self._held = {item.id: item for item in instruments}

    def instrument(self, instrument_id: Any) -> Any:
        return self._held.get(instrument_id)


class Desk:
    """Fills orders, and hands fills and position events on in the engine's order."""

    def __init__(self, trips: RoundTrips, instrument: Any = BTC) -> None:
        self.trips, self.instrument = trips, instrument
        self.position: Position | None = None
        self.count = 0

    def fill(self, side: OrderSide, size: int, price: float, fee: Money) -> Any:
        self.count += 1
        instrument = self.instrument
        order = TestExecStubs.limit_order(
            instrument=instrument,
            order_side=side,
            quantity=Quantity(size, instrument.size_precision),
            price=Price(price, instrument.price_precision),
        )
        return TestEventStubs.order_filled(
            order,
            instrument,
            position_id=NAME,
            trade_id=TradeId(f"T-{self.count}"),
            last_px=Price(price, instrument.price_precision),
            commission=fee,
        )

    def trade(self, side: OrderSide, size: int, price: float, fee: Money) -> Any:
        fill = self.fill(side, size, price, fee)
        self.trips.on_fill(fill)
        return self.apply(fill)

    def apply(self, fill: Any) -> Any:
        if self.position is None or self.position.is_closed:
            self.position = Position(self.instrument, fill)
            event = PositionOpened.create(self.position, fill, UUID4(), 0)
        else:
            self.position.apply(fill)
            kind = PositionClosed if self.position.is_closed else PositionChanged
            event = kind.create(self.position, fill, UUID4(), 0)
        return self.trips.on_event(event)


def desk(rates: Rates | None = None, *instruments: Any) -> Desk:
    return Desk(RoundTrips(Shelf(*(instruments or (BTC,))), rates or Rates()))


def test_profit_is_net_of_commissions_in_the_settlement_currency():
    one = desk()
    assert one.trade(OrderSide.BUY, 2, 100.0, Money(0.2, USDT)) is None
    assert one.trade(OrderSide.SELL, 1, 110.0, Money(0.1, USDT)) is None
    assert one.trade(OrderSide.SELL, 1, 90.0, Money(0.1, USDT)) == pytest.approx((-0.4, 200.0))


def test_commissions_in_other_coins_are_taken_off_at_their_rate():
    one = desk()
    one.trade(OrderSide.BUY, 2, 100.0, Money(0.001, BNB))
    one.trade(OrderSide.SELL, 1, 110.0, Money(0.002, BNB))
    result = one.trade(OrderSide.SELL, 1, 110.0, Money(0.003, BNB))
    assert result == pytest.approx((20.0 - 0.006 * 600.0, 200.0))
    one.trade(OrderSide.BUY, 1, 100.0, Money(0.001, BNB))  # the next trade pays its own
    assert one.trade(OrderSide.SELL, 1, 100.0, Money(0.001, BNB)) == pytest.approx((-1.2, 100.0))
    assert one.trips._fees == {}  # where every position has an id of its own, these would pile up


def test_a_fill_that_flips_pays_for_both_trades_in_proportion():
    one = desk()
    one.trade(OrderSide.BUY, 1, 100.0, Money(0.0, BNB))
    flip = one.fill(OrderSide.SELL, 4, 100.0, Money(0.004, BNB))
    one.trips.on_fill(flip)
    first = one.apply(one.fill(OrderSide.SELL, 1, 100.0, Money(0.001, BNB)))  # as the engine splits it
    assert first == pytest.approx((-0.6, 100.0))
    assert one.apply(one.fill(OrderSide.SELL, 3, 100.0, Money(0.003, BNB))) is None
    assert one.trade(OrderSide.BUY, 3, 100.0, Money(0.0, BNB)) == pytest.approx((-1.8, 300.0))


def test_without_a_rate_the_result_is_unknown():
    one = desk(Rates({"USDT": 1.0}))
    one.trade(OrderSide.BUY, 1, 100.0, Money(0.001, BNB))
    pnl, notional = one.trade(OrderSide.SELL, 1, 100.0, Money(0.001, USDT))
    assert math.isnan(pnl)
    assert notional == 100.0


def test_an_instrument_nobody_knows_has_no_value():
    trips = RoundTrips(Shelf(), Rates())
    one = Desk(trips)
    one.trade(OrderSide.BUY, 1, 100.0, Money(0.0, USDT))
    assert math.isnan(one.trade(OrderSide.SELL, 1, 100.0, Money(0.0, USDT))[1])


def test_a_position_from_before_brings_its_commissions():
    before = desk()
    before.trade(OrderSide.BUY, 1, 100.0, Money(0.01, BNB))
    after = desk()
    after.position = before.position
    after.trips.adopt(before.position, 0)
    after.trips.adopt(before.position, 0)  # by another who shares it
    assert after.trade(OrderSide.SELL, 1, 100.0, Money(0.0, BNB)) == pytest.approx((-6.0, 100.0))


def test_what_settles_in_coins_is_counted_in_the_reporting_currency():
    one = Desk(RoundTrips(Shelf(INVERSE), Rates()), INVERSE)
    btc = INVERSE.settlement_currency
    assert btc.code == "BTC"
    one.trade(OrderSide.BUY, 10_000, 50_000.0, Money(0.0001, btc))
    pnl, _ = one.trade(OrderSide.SELL, 10_000, 40_000.0, Money(0.0001, btc))
    assert pnl == pytest.approx((10_000 * (1 / 50_000 - 1 / 40_000) - 0.0002) * 50_000.0)
