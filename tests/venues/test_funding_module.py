"""Funding in real backtests, against figures by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model.data import FundingRateUpdate
from nautilus_trader.model.enums import OmsType
from nautilus_trader.model.instruments import CurrencyPair
from nautilus_trader.model.objects import Currency, Money
from nautilus_trader.test_kit.providers import TestInstrumentProvider

from tests.venues.funding_kit import (
    EIGHT,
    HOUR,
    INVERSE,
    LINEAR,
    START,
    USDT,
    Scheduled,
    build,
    mark,
    quote,
    rate,
    total,
    without_funding,
)


def quotes(instrument, hours, price=40_000.0):
    return [quote(instrument, price, START + n * HOUR) for n in range(hours)]


def told(instrument, price, value):
    return [mark(instrument, price, START + EIGHT), rate(instrument, value, START + EIGHT)]


def funding(instrument, data, plan, **options):
    """What the account has more than without funding."""
    engine, module = build(instrument, data, [Scheduled(instrument, plan)], **options)
    engine.run()
    more = total(engine, instrument) - without_funding(instrument, data, plan, options.get("balances"))
    engine.dispose()
    booked = module.ledger.totals.get(instrument.id.value)
    assert more == (0 if booked is None else booked.net)
    return more


def test_a_long_pays_and_a_short_receives():
    data = [
        *quotes(LINEAR, 10),
        mark(LINEAR, "41000.5", START + EIGHT),
        rate(LINEAR, "0.0001", START + EIGHT),
    ]
    # 2 × 41 000.5 × 0.0001
    assert funding(LINEAR, data, {START: "2"}) == Decimal("-8.2001")
    assert funding(LINEAR, data, {START: "-2"}) == Decimal("8.2001")


def test_a_negative_rate_turns_it_round():
    data = [*quotes(LINEAR, 10), mark(LINEAR, "41000", START + EIGHT), rate(LINEAR, "-0.0003", START + EIGHT)]
    assert funding(LINEAR, data, {START: "2"}) == Decimal("24.6")


def test_an_inverse_contract_pays_in_coin():
    data = [*quotes(INVERSE, 10), *told(INVERSE, "40000", "0.0001")]
    # 100 000 USD / 40 000 × 0.0001
    assert funding(INVERSE, data, {START: "100000"}) == Decimal("-0.00025")
    assert funding(INVERSE, data, {START: "-100000"}) == Decimal("0.00025")


def test_a_currency_the_account_does_not_start_with():
    data = [*quotes(INVERSE, 10), *told(INVERSE, "40000", "0.0001")]
    assert funding(INVERSE, data, {START: "-100000"}, balances=[Money(1_000_000, USDT)]) == Decimal("0.00025")


def test_an_account_in_another_currency_is_paid_in_that_and_told_so():
    eur, pair = Currency.from_str("EUR"), CurrencyPair.to_dict(TestInstrumentProvider.btcusdt_binance())
    named = {"id": "USDTEUR.BINANCE", "raw_symbol": "USDTEUR"}
    without = {"max_price": None, "min_price": None, "max_notional": None, "min_notional": None}
    coins = {"base_currency": "USDT", "quote_currency": "EUR"}
    market = CurrencyPair.from_dict({**pair, **named, **coins, **without})
    data = [*quotes(LINEAR, 10), *quotes(market, 10, 0.9), *told(LINEAR, "41000", "0.0001")]
    holder = Scheduled(LINEAR, {START: "-2"})
    engine, _ = build(LINEAR, data, [holder], balances=[Money(1_000_000, eur)], base=eur, others=[market])
    engine.run()
    # 8.2 USDT at 0.9 EUR each.
    (paid,) = holder.paid
    assert (paid.currency, paid.amount) == ("EUR", Decimal("7.38"))
    assert list(paid.positions.values()) == [Decimal("7.38")]
    engine.dispose()


def test_what_counts_is_held_just_before_the_stamp():
    """Orders sent on the data of the stamp come after it, in whatever order the data come."""
    stamp = START + EIGHT
    told = [mark(LINEAR, "40000", stamp), rate(LINEAR, "0.0001", stamp)]
    before = [q for q in quotes(LINEAR, 10) if q.ts_init < stamp]
    at = [quote(LINEAR, 40_000.0, stamp)]
    after = [quote(LINEAR, 40_000.0, stamp + HOUR)]
    plan = {START: "1", stamp: "-3"}  # turns round at the stamp itself
    for order in ([*told, *at], [*at, *told], [told[1], *at, told[0]]):
        assert funding(LINEAR, [*before, *order, *after], plan) == -4
    assert funding(LINEAR, [*before, *at, *told, *after], {stamp: "1"} | {START: "0"}) == 0


def test_the_mark_of_the_stamp_counts_not_a_later_one():
    stamp = START + EIGHT
    prices = [("39000", stamp - HOUR), ("40000", stamp), ("50000", stamp + 1)]
    marks = [mark(LINEAR, price, ts) for price, ts in prices]
    assert funding(LINEAR, [*quotes(LINEAR, 10), *marks, rate(LINEAR, "0.0001", stamp)], {START: "1"}) == -4


def test_without_marks_the_middle_of_the_book_counts():
    stamp = START + EIGHT
    stale = mark(LINEAR, "1", stamp - 3 * HOUR)
    data = [*quotes(LINEAR, 10, 30_000.0), rate(LINEAR, "0.0001", stamp)]
    assert funding(LINEAR, data, {START: "1"}) == -3
    assert funding(LINEAR, [*data, stale], {START: "1"}) == -3


def test_an_announced_rate_is_paid_at_its_time_without_any_data_then():
    stamp = START + EIGHT
    data = [quote(LINEAR, 40_000.0, START), mark(LINEAR, "40000", stamp - HOUR)]
    data += [rate(LINEAR, "0.0005", START, stamp), rate(LINEAR, "0.0001", stamp - HOUR, stamp)]
    late = quote(LINEAR, 40_000.0, stamp + 5 * HOUR)
    plan = {START: "1", stamp + 5 * HOUR: "0"}
    engine, module = build(LINEAR, [*data, late], [strategy := Scheduled(LINEAR, plan)])
    engine.run()
    (paid,) = strategy.paid
    assert (paid.due, paid.ts, paid.amount, paid.rate) == (stamp, stamp + 1, -4, Decimal("0.0001"))
    assert paid.positions == {"BTCUSDT-PERP.BINANCE-Scheduled-001": -4}
    assert module.ledger.totals[LINEAR.id.value].payments == 1
    engine.dispose()


@pytest.mark.parametrize(("delay", "amount"), [(0.0, -4), (0.04, -8)])
def test_the_last_rate_counts_where_a_payment_waits_as_long_as_data_take(delay, amount):
    """Of the position just before the stamp, at the mark of then, whatever comes while it waits."""
    stamp, late = START + EIGHT, 40_000_000
    last = FundingRateUpdate(LINEAR.id, Decimal("0.0002"), stamp, stamp + late, None, stamp)
    closing = quote(LINEAR, 40_000.0, stamp + late // 2)
    data = [
        *quotes(LINEAR, 8),
        closing,
        mark(LINEAR, "40000", stamp - HOUR),
        mark(LINEAR, "50000", stamp + 1),
    ]
    data += [rate(LINEAR, "0.0001", stamp - HOUR, stamp), last, *quotes(LINEAR, 10)[9:]]
    plan = {START: "1", stamp + late // 2: "0"}
    engine, module = build(LINEAR, data, [strategy := Scheduled(LINEAR, plan)], delay=delay)
    engine.run()
    (paid,) = strategy.paid
    assert (paid.due, paid.ts, paid.amount) == (stamp, stamp + round(delay * 1e9) + 1, amount)
    assert module.ledger.totals[LINEAR.id.value].payments == 1
    engine.dispose()


def test_predicted_rates_are_paid_by_the_clock():
    minutes = [rate(LINEAR, f"0.000{n % 9}", START + 60 * 10**9 * n, interval=60) for n in range(1, 125)]
    data = [*quotes(LINEAR, 4), *minutes, mark(LINEAR, "40000", START), mark(LINEAR, "40000", START + HOUR)]
    # Paid at the first, second and third hour: the 60th, the 120th and the last, 0.0006, 0.0003 and 0.0007.
    assert funding(LINEAR, data, {START: "1"}, untimed="predicted") == -(24 + 12 + 28)


def test_ignored_rates_pay_nothing():
    data = [*quotes(LINEAR, 10), rate(LINEAR, "0.0001", START + EIGHT)]
    engine, module = build(LINEAR, data, [Scheduled(LINEAR, {START: "1"})], untimed="ignored")
    engine.run()
    assert module.ledger.totals == {}
    engine.dispose()


def test_a_stamp_at_the_very_end_is_settled_before_the_strategy_stops():
    stamp = START + EIGHT
    data = [*quotes(LINEAR, 9), mark(LINEAR, "40000", stamp), rate(LINEAR, "0.0001", stamp)]
    assert funding(LINEAR, data, {START: "1"}) == -4


def test_hedged_positions_are_settled_each_for_itself():
    stamp = START + EIGHT
    data = [*quotes(LINEAR, 10), mark(LINEAR, "40000", stamp), rate(LINEAR, "0.0001", stamp)]
    traders = [Scheduled(LINEAR, {START: "3"}, "001"), Scheduled(LINEAR, {START: "-1"}, "002")]
    engine, module = build(LINEAR, data, traders, oms=OmsType.HEDGING)
    engine.run()
    (paid,) = traders[0].paid
    assert paid.amount == -8
    assert sorted(paid.positions.values()) == [-12, 4]
    assert module.ledger.totals[LINEAR.id.value].payments == 2
    engine.dispose()


def test_a_reset_begins_anew():
    stamp = START + EIGHT
    data = [*quotes(LINEAR, 10), mark(LINEAR, "40000", stamp), rate(LINEAR, "0.0001", stamp)]
    engine, module = build(LINEAR, data, [strategy := Scheduled(LINEAR, {START: "1"})])
    engine.run()
    first = total(engine, LINEAR)
    strategy.held = Decimal(0)
    engine.reset()
    assert module.ledger.totals == {}
    engine.run()
    assert total(engine, LINEAR) == first
    assert module.ledger.totals[LINEAR.id.value].net == -4
    engine.dispose()


@pytest.mark.parametrize("config", [{"untimed": "sometimes"}, {"interval": 0.0}])
def test_impossible_settings_are_refused(config):
    with pytest.raises(ValueError, match=r"sometimes|interval"):
        build(LINEAR, [], [], **config)
