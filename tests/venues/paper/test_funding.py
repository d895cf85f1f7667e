"""Funding at the paper venue: the rule of the backtest, in an account that outlives the process."""

import asyncio
from decimal import Decimal

import pytest
from nautilus_trader.model.data import FundingRateUpdate, MarkPriceUpdate
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.objects import Price

from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import subscribe
from nautilus_quant.venues.paper import PaperExecClientConfig

BUY, SELL = OrderSide.BUY, OrderSide.SELL
MS = 1_000_000


def tell(bench, instrument, rate, *, after=None, at=None, mark=None):
    """Publish a rate, paid `after` some ms, or at a time, or at once."""
    now = bench.clock.timestamp_ns()
    topic = f"{instrument.id.venue}.{instrument.id.symbol}"
    if mark is not None:
        update = MarkPriceUpdate(instrument.id, Price.from_str(mark), now, now)
        bench.cache.add_mark_price(update)
        bench.bus.publish(f"data.mark_prices.{topic}", update)
    due = at if after is None else now + after * MS
    update = FundingRateUpdate(instrument.id, Decimal(rate), now, now, next_funding_ns=due)
    bench.bus.publish(f"data.funding_rates.{topic}", update)
    return due


def wait(bench, ms=150):
    bench.loop.run_until_complete(asyncio.sleep(ms / 1_000))
    bench.loop.run_until_complete(bench.settle())


def heard(bench):
    paid = []
    subscribe(bench.bus, FundingPaid, paid.append)
    return paid


def test_an_announced_rate_is_paid_at_its_time(life, btc):
    bench = life(btc)
    paid = heard(bench)
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, BUY, "0.500")
    before = bench.balance()
    tell(bench, btc, "0.01", after=60, mark="49000")
    due = tell(bench, btc, "0.0001", after=60)
    assert bench.balance() == before
    wait(bench)
    # 0.5 × 49 000 × 0.0001
    assert bench.balance() == before - Decimal("2.45")
    assert bench.client.account.ledger.balances["USDT"] == before - Decimal("2.45")
    (one,) = paid
    assert (one.key, one.due, one.amount, one.mark) == (btc.id.value, due, Decimal("-2.45"), 49_000)
    assert one.positions == {"BTCUSDT-PERP.PAPER-S-A": Decimal("-2.45")}


def test_an_inverse_short_receives_coin(life, inverse):
    bench = life(inverse, starting_balances=["10 BTC"])
    bench.quote(inverse, 50_000.0, 50_000.0, 1_000_000)
    bench.market(inverse, SELL, "100000")
    before = bench.balance("BTC")
    tell(bench, inverse, "0.0001", after=30, mark="40000")
    wait(bench)
    assert bench.balance("BTC") == before + Decimal("0.00025")


def test_it_survives_a_crash_and_is_paid_once(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.0)
    first.market(btc, SELL, "1.000")
    due = tell(first, btc, "0.001", after=30, mark="50000")
    wait(first)
    balance = first.balance()

    second = life(btc)
    assert second.balance() == balance
    second.quote(btc, 50_000.0, 50_000.0)
    tell(second, btc, "0.001", at=due)  # the venue still announces the last one
    wait(second)
    assert second.balance() == balance
    tell(second, btc, "0.001", after=30, mark="50000")
    wait(second)
    assert second.balance() == balance + 50
    assert second.client._funding.ledger.totals[btc.id.value].net == 100


def test_what_was_due_while_away_is_paid_when_a_price_is_known(life, btc):
    first = life(btc)
    first.quote(btc, 50_000.0, 50_000.0)
    first.market(btc, SELL, "1.000")
    tell(first, btc, "0.001", after=300)
    first.client.disconnect()
    balance = first.balance()
    first.loop.run_until_complete(asyncio.sleep(0.35))
    assert first.balance() == balance

    second = life(btc)
    second.quote(btc, 40_000.0, 40_000.0)
    second.client._funding._settlement.settle(second.clock.timestamp_ns())
    assert second.balance() == balance + 40


def test_what_is_due_in_an_outage_waits_for_its_end(life, btc):
    bench = life(btc, outages=((0.3, 0.6),))
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, SELL, "1.000")
    balance = bench.balance()
    tell(bench, btc, "0.001", after=400, mark="50000")
    wait(bench, 500)
    settlement = bench.client._funding._settlement
    assert (bench.balance(), settlement.waiting) == (balance, 1)
    wait(bench, 300)
    settlement.settle(bench.clock.timestamp_ns())
    assert (bench.balance(), settlement.waiting) == (balance + 50, 0)


@pytest.mark.parametrize(("funding", "amount"), [("paid", 50), ("predicted", 0), ("ignored", 0), ("off", 0)])
def test_rates_without_a_time(life, btc, funding, amount):
    bench = life(btc, funding=funding)
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, SELL, "1.000")
    balance = bench.balance()
    wait(bench, 10)
    tell(bench, btc, "0.001", mark="50000")
    wait(bench, 30)
    assert bench.balance() == balance + amount


def test_off_pays_nothing_at_all(life, btc):
    bench = life(btc, funding="off")
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, SELL, "1.000")
    balance = bench.balance()
    tell(bench, btc, "0.001", after=20, mark="50000")
    wait(bench, 60)
    assert bench.balance() == balance


def test_what_cannot_be_read_begins_anew(life, btc):
    first = life(btc)
    first.client._store.put_now("paper_funding", "PAPER", {"ledger": {"version": 9}}, ts=1)
    second = life(btc)
    assert second.client._funding.ledger.totals == {}


@pytest.mark.parametrize("wrong", [{"funding": "often"}, {"funding_interval": 0.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match="funding"):
        PaperExecClientConfig(venue="PAPER", starting_balances=["1 USDT"], **wrong)


def test_the_last_word_on_a_rate_counts_though_it_comes_late(life, btc):
    """What was held at its time is paid for, at the mark price of then."""
    bench = life(btc, funding_delay=0.2, latency=0.02)
    bench.quote(btc, 50_000.0, 50_000.0)
    bench.market(btc, SELL, "1.000")
    wait(bench, 40)
    before = bench.balance()
    due = tell(bench, btc, "0.001", after=100, mark="50000")
    wait(bench, 110)
    now = bench.clock.timestamp_ns()
    assert now > due
    bench.market(btc, BUY, "1.000")
    mark = MarkPriceUpdate(btc.id, Price.from_str("60000"), now, now)
    bench.cache.add_mark_price(mark)
    late = FundingRateUpdate(btc.id, Decimal("0.002"), due, now, next_funding_ns=due)
    bench.bus.publish(f"data.funding_rates.{btc.id.venue}.{btc.id.symbol}", late)
    wait(bench, 60)
    after_closing = bench.balance()
    assert after_closing == before - 25  # the fee of the closing order alone: 1 × 50 000 × 0.0005
    wait(bench, 250)
    assert bench.balance() == after_closing + 100  # 1 × 50 000 × 0.002
