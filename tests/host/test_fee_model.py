"""The schedule charged by the engine: commissions by hand over a change of tier."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from nautilus_trader.backtest.config import FeeModelFactory, ImportableFeeModelConfig
from nautilus_trader.model.data import QuoteTick
from nautilus_trader.model.enums import LiquiditySide, OrderSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from nautilus_quant.account.fee_schedules import SCHEDULES
from nautilus_quant.account.fees import FeeSchedule, Liquidity
from nautilus_quant.host.fee_model import TieredFeeModel, TieredFeeModelConfig
from nautilus_quant.host.fee_terms import FeeTerms, commission, dollar_volume, kind_of, liquidity_of
from tests.host.engine import BTC, START, Script, run

HOUR = 3_600_000_000_000
TIERS = ((0.0, 0.0002, 0.0005), (50_000.0, 0.0001, 0.0004))
TAKER = Liquidity.TAKER


def hourly(count: int, price: float = 30_000.0) -> list[QuoteTick]:
    """A quote an hour, half a dollar on each side; START is 22:13:20 UTC."""
    size = Quantity(1000, BTC.size_precision)
    return [
        QuoteTick(BTC.id, Price(price - 0.5, 1), Price(price + 0.5, 1), size, size, ts, ts)
        for ts in range(START, START + count * HOUR, HOUR)
    ]


def market(side: OrderSide, quantity: str, **options):
    def step(script: Script) -> None:
        order = script.order_factory.market(BTC.id, side, BTC.make_qty(Decimal(quantity)), **options)
        script.submit_order(order)

    return step


def rest(side: OrderSide, quantity: str, price: float):
    def step(script: Script) -> None:
        order = script.order_factory.limit(
            BTC.id, side, BTC.make_qty(Decimal(quantity)), BTC.make_price(price)
        )
        script.submit_order(order)

    return step


def fees(script: Script) -> list[Decimal]:
    return [event.commission.as_decimal() for event in script.events if isinstance(event, OrderFilled)]


def test_commissions_follow_the_schedule_over_a_change_of_tier():
    buy, sell = OrderSide.BUY, OrderSide.SELL
    model = TieredFeeModel(TieredFeeModelConfig(schedule="instrument", tiers=TIERS))
    steps = {
        0: market(buy, "1.000"),  # 22:13, 30 000.5 * 0.05 % = 15.00025
        1: market(sell, "1.000"),  # 23:13, 29 999.5 * 0.05 % = 14.99975: 60 000 USD now, but no refresh yet
        2: market(buy, "0.100"),  # 00:13, after midnight's refresh: 3 000.05 * 0.04 % = 1.20002
        3: market(sell, "0.100"),  # 2 999.95 * 0.04 % = 1.19998
    }
    script = run(steps, data=hourly(6), fee_model=model)
    assert fees(script) == [Decimal(x) for x in ("15.00025", "14.99975", "1.20002", "1.19998")]
    assert model.fees.tier(BTC).index == 1


def test_resting_orders_pay_the_maker_fee():
    model = TieredFeeModel(TieredFeeModelConfig(tiers=TIERS, discount=0.1))
    script = run(
        {0: rest(OrderSide.BUY, "1.000", 29_000.0)}, data=hourly(3) + _later(28_999.0), fee_model=model
    )
    # 29 000 * 0.02 % * 0.9 = 5.22
    assert fees(script) == [Decimal("5.22")]


def _later(price: float) -> list[QuoteTick]:
    return [q for q in hourly(6, price) if q.ts_event >= START + 3 * HOUR]


def test_orders_that_only_reduce_get_their_discount():
    model = TieredFeeModel(TieredFeeModelConfig(tiers=TIERS, reduce_only_discount=0.5))
    steps = {0: market(OrderSide.BUY, "1.000"), 1: market(OrderSide.SELL, "1.000", reduce_only=True)}
    script = run(steps, data=hourly(4), fee_model=model)
    assert fees(script) == [Decimal("15.00025"), Decimal("7.499875")]


def test_by_the_instrument_it_charges_what_nautilus_trader_does():
    steps = {
        0: market(OrderSide.BUY, "0.123"),
        1: rest(OrderSide.SELL, "0.123", 30_400.0),
        3: market(OrderSide.SELL, "0.7"),
    }
    data = hourly(3) + _later(30_500.0)
    plain = run(dict(steps), data=data)
    ours = run(dict(steps), data=data, fee_model=TieredFeeModel(TieredFeeModelConfig(schedule="instrument")))
    assert fees(ours) == fees(plain)
    assert len(fees(plain)) == 3


def test_what_the_account_traded_before_counts():
    model = TieredFeeModel(TieredFeeModelConfig(tiers=TIERS, initial_volume=50_000.0))
    script = run({0: market(OrderSide.BUY, "1.000")}, data=hourly(2), fee_model=model)
    assert fees(script) == [Decimal("12.0002")]  # 30 000.5 * 0.04 %


def test_a_clock_dates_fills_better_than_their_orders():
    model = TieredFeeModel(TieredFeeModelConfig(tiers=TIERS))
    model.clock = lambda: START + 50 * HOUR
    run({0: market(OrderSide.BUY, "1.000")}, data=hourly(2), fee_model=model)
    tracker = model.fees.tracker(BTC)
    assert tracker.volume(START) == 0.0
    assert tracker.volume(START + 50 * HOUR) == pytest.approx(30_000.5)


def test_it_is_imported_by_its_path():
    config = ImportableFeeModelConfig(
        fee_model_path="nautilus_quant.host.fee_model:TieredFeeModel",
        config_path="nautilus_quant.host.fee_model:TieredFeeModelConfig",
        config={"schedule": "okx_spot", "discount": 0.25},
    )
    model = FeeModelFactory.create(config)
    assert isinstance(model, TieredFeeModel)
    assert model.fees.tier(BTC).taker == Decimal("0.00075")


# -- instruments ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("btcusdt_perp_binance", "linear"),
        ("ethusdt_binance", "spot"),
        ("xbtusd_bitmex", "inverse"),
        ("crypto_option", "option"),
    ],
)
def test_the_usual_schedule_is_chosen_by_venue_and_kind(name, kind):
    instrument = getattr(TestInstrumentProvider, name)()
    assert kind_of(instrument) == kind
    model = TieredFeeModel()
    tracker = model.fees.tracker(instrument)
    named = {"linear": "binance_usdm", "spot": "binance_spot", "option": "deribit_options"}
    if kind == "inverse":  # nothing is known of BitMEX: its instruments' own fees
        assert tracker is None
        assert model.fees.tier(instrument).maker == Decimal("-0.00025")
    else:
        assert tracker.schedule.name == named[kind]


def test_inverse_contracts_pay_in_coins():
    # Binance FAQ 360033544231, coin-margined: 10 contracts of 100 USD at 10 104 by a taker, 1 000 / 10 104
    # BTC = 0.09897 BTC * 0.05 % = 0.000049485 BTC, rounded to satoshis.
    instrument = TestInstrumentProvider.xbtusd_bitmex()
    tier = FeeSchedule.flat("x", Decimal("0.0002"), Decimal("0.0005")).tiers[0]
    fee = commission(instrument, Quantity(1000, 0), Price(10_104.0, 1), tier, TAKER)
    assert (fee.currency.code, fee.as_decimal()) == ("BTC", Decimal("0.00004949"))
    assert dollar_volume(instrument, 1000.0, 10_104.0) == 1_000.0


@pytest.mark.parametrize(("premium", "due"), [("0.0001", "0.00002500"), ("0.0100", "0.00060000")])
def test_options_paid_in_coins_have_a_cap(premium, due):
    # Deribit: 0.0003 BTC a contract, at most 12.5 % of the premium: 2 * 0.0001 * 12.5 % = 0.000025 BTC.
    instrument = TestInstrumentProvider.crypto_option()
    tier = SCHEDULES["deribit_options"].tier(0.0)
    fee = commission(instrument, Quantity(2, 1), Price.from_str(premium), tier, TAKER)
    assert (fee.currency.code, fee.as_decimal()) == ("BTC", Decimal(due))


def test_options_paid_in_dollars_pay_the_cap():
    instrument = TestInstrumentProvider.aapl_option()
    tier = SCHEDULES["okx_options"].tier(0.0)
    fee = commission(instrument, Quantity(3, 0), Price.from_str("4.00"), tier, TAKER)
    assert fee.as_decimal() == 3 * instrument.multiplier.as_decimal() * 4 * Decimal("0.07")


def test_what_is_not_quoted_in_dollars_earns_no_tier():
    assert math.isnan(dollar_volume(TestInstrumentProvider.adabtc_binance(), 2.0, 0.05))


# -- terms ---------------------------------------------------------------------------------------------


def test_a_schedule_nobody_knows_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError, match="did you mean binance_usdm"):
        FeeTerms(schedule="binance_usd")


@pytest.mark.parametrize(
    "tiers", [((5.0, 0.0, 0.0),), ((0.0, 0.0, 2.0),), ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0))]
)
def test_an_impossible_table_is_refused(tiers):
    with pytest.raises(ValueError, match="need"):
        FeeTerms(tiers=tiers)


def test_liquidity_that_is_not_told_costs_more():
    assert liquidity_of(LiquiditySide.NO_LIQUIDITY_SIDE) is TAKER
    assert liquidity_of(LiquiditySide.MAKER) is Liquidity.MAKER
