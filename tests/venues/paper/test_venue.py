"""How the paper venue behaves while it runs: books, reports, drills."""

import asyncio
import random
from decimal import Decimal

import pytest
from nautilus_trader.backtest.config import ImportableFeeModelConfig
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import GenerateOrderStatusReports, SubmitOrder
from nautilus_trader.model.enums import OrderSide, OrderStatus, PositionSide
from nautilus_trader.model.events import OrderFilled
from nautilus_trader.model.objects import Quantity

from nautilus_quant.account.fee_tiers import REFRESH
from nautilus_quant.venues.paper import PaperExecClientConfig

BUY, SELL = OrderSide.BUY, OrderSide.SELL


def open_orders(bench, instrument):
    command = GenerateOrderStatusReports(
        instrument_id=instrument.id,
        start=None,
        end=None,
        open_only=True,
        command_id=UUID4(),
        ts_init=bench.clock.timestamp_ns(),
    )
    return bench.loop.run_until_complete(bench.client.generate_order_status_reports(command))


@pytest.mark.parametrize("seed", range(5))
def test_books_agree_with_nautilus_after_any_sequence_of_fills(life, btc, inverse, seed):
    rng = random.Random(seed)
    bench = life(btc, inverse, starting_balances=["1_000_000 USDT", "100 BTC"])
    for _ in range(60):
        price = round(rng.uniform(20_000, 80_000), 1)
        instrument = rng.choice([btc, inverse])
        bench.quote(instrument, price, price + 0.1, 1_000_000)
        quantity = f"{rng.uniform(0.001, 2):.3f}" if instrument is btc else str(rng.randint(1, 50_000))
        bench.market(instrument, rng.choice([BUY, SELL]), quantity, rng.choice(["S-A", "S-B"]))
        ledger = bench.client.account.ledger
        assert bench.balance("USDT") == ledger.balances["USDT"]
        assert bench.balance("BTC") == ledger.balances["BTC"]
        owned = {p.id.value: p.signed_decimal_qty() for p in bench.cache.positions_open()}
        assert owned == {key: holding.quantity for key, holding in ledger.holdings.items()}
        for position in bench.cache.positions_open():
            assert ledger.holdings[position.id.value].price == pytest.approx(position.avg_px_open, rel=1e-15)


def test_a_fill_is_written_before_the_node_hears_of_it(life, btc):
    bench = life(btc)
    bench.quote(btc, 50_000.0, 50_000.1)
    seen = []

    def listen(event):
        if isinstance(event, OrderFilled):
            (holding,) = bench.client._store.get("paper", "PAPER")["holdings"]
            seen.append(Decimal(holding["quantity"]))

    process = bench.engine.process
    bench.bus.deregister("ExecEngine.process", process)
    bench.bus.register("ExecEngine.process", lambda event: (listen(event), process(event)))
    bench.market(btc, BUY, "0.100")

    assert seen == [Decimal("0.1")]


def test_a_store_that_cannot_be_written_does_not_lose_the_fill(life, btc):
    bench = life(btc)
    bench.quote(btc, 50_000.0, 50_000.1)
    alarms = []
    bench.client.account._alarm = alarms.append
    bench.client._store.put_now = None  # calling it raises

    order = bench.market(btc, BUY, "0.100")

    assert order.status == OrderStatus.FILLED
    assert bench.reports(btc)[0].quantity.as_decimal() == Decimal("0.1")
    assert "would lose fills" in alarms[0]


def test_reports_follow_the_position_at_all_times(life, btc):
    bench = life(btc)
    bench.quote(btc, 50_000.0, 50_000.1)
    assert bench.reports() == []
    assert bench.reports(btc)[0].position_side == PositionSide.FLAT

    bench.market(btc, SELL, "0.100")
    (report,) = bench.reports()
    assert report.signed_decimal_qty == Decimal("-0.1")
    assert report.avg_px_open == Decimal("50000.0")
    assert report.venue_position_id is None

    bench.market(btc, BUY, "0.100", reduce_only=True)
    assert bench.reports() == []
    assert bench.reports(btc)[0].position_side == PositionSide.FLAT


def test_working_orders_are_reported(life, btc):
    bench = life(btc)
    bench.quote(btc, 50_000.0, 50_000.1)
    order = bench.limit(btc, BUY, "0.100", "49000.0")

    (report,) = open_orders(bench, btc)

    assert report.client_order_id == order.client_order_id
    assert report.venue_order_id == order.venue_order_id
    assert report.order_status == OrderStatus.ACCEPTED
    assert str(report.price) == "49000.0"
    bench.cancel(order)
    assert open_orders(bench, btc) == []
    assert order.status == OrderStatus.CANCELED


def test_events_carry_the_time_of_the_order_not_of_the_last_tick(life, btc):
    bench = life(btc)
    bench.quote(btc, 50_000.0, 50_000.1)
    before = bench.clock.timestamp_ns()

    order = bench.market(btc, BUY, "0.100")

    assert before <= order.last_event.ts_event <= bench.clock.timestamp_ns()


def test_unknown_instrument_is_rejected_not_raised(life, btc, inverse):
    bench = life(btc)
    order = bench.factory("S-A").market(inverse.id, BUY, Quantity.from_str("10"))
    bench.cache.add_order(order)
    bench.client.submit_order(SubmitOrder(order.trader_id, order.strategy_id, order, UUID4(), 0))
    bench.loop.run_until_complete(bench.settle())
    assert order.status == OrderStatus.REJECTED
    assert "not listed" in order.last_event.reason


def test_instrument_that_comes_later_trades(life, btc, inverse):
    bench = life(btc)
    bench.cache.add_instrument(inverse)
    bench.quote(btc, 50_000.0, 50_000.1)
    order = bench.market(inverse, BUY, "10")
    assert "no market" in order.last_event.reason.lower()


def test_drill_rejects_by_seed(life, btc):
    def outcomes(seed):
        bench = life(btc, state=None, reject_probability=0.5, seed=seed)
        bench.quote(btc, 50_000.0, 50_000.1)
        return [bench.market(btc, BUY, "0.001").status for _ in range(20)]

    first = outcomes(3)
    assert first == outcomes(3)
    assert first != outcomes(4)
    assert set(first) == {OrderStatus.FILLED, OrderStatus.REJECTED}


def test_drill_outage_rejects_and_hides_and_delivers_later(life, btc):
    bench = life(btc, outages=((0.2, 0.6),))
    bench.quote(btc, 50_000.0, 50_000.1)
    resting = bench.limit(btc, BUY, "0.100", "49000.0")
    bench.loop.run_until_complete(asyncio.sleep(0.25))

    assert not bench.client.is_connected
    order = bench.market(btc, BUY, "0.100")
    assert order.status == OrderStatus.REJECTED
    bench.cancel(resting)
    assert resting.status == OrderStatus.ACCEPTED
    with pytest.raises(ConnectionError):
        bench.reports(btc)
    bench.quote(btc, 48_000.0, 48_000.1)
    assert resting.status == OrderStatus.ACCEPTED  # filled at the venue, the node does not know

    bench.loop.run_until_complete(asyncio.sleep(0.4))

    assert bench.client.is_connected
    assert resting.status == OrderStatus.FILLED
    assert bench.reports(btc)[0].quantity.as_decimal() == Decimal("0.1")
    assert bench.balance() == bench.client.account.ledger.balances["USDT"]


def test_leverage_of_one_instrument(life, btc, inverse):
    bench = life(btc, inverse, leverages={"BTCUSDT-PERP.PAPER": 4})
    account = bench.cache.account(bench.client.account_id)
    assert account.leverage(btc.id) == 4
    assert account.default_leverage == 10


def test_config_survives_json():
    import msgspec
    from nautilus_trader.common.config import msgspec_decoding_hook, msgspec_encoding_hook

    config = PaperExecClientConfig(
        venue="SIM", starting_balances=["100_000 USDT"], state="sqlite:///a.db", outages=((1.0, 2.5),)
    )
    data = msgspec.json.encode(config, enc_hook=msgspec_encoding_hook)
    assert msgspec.json.decode(data, type=PaperExecClientConfig, dec_hook=msgspec_decoding_hook) == config


@pytest.mark.parametrize(
    "options",
    [{"reject_probability": 1.5}, {"prob_slippage": -0.1}, {"outages": ((2.0, 1.0),)}],
)
def test_impossible_config_is_refused(options):
    with pytest.raises(ValueError, match=r"must be a probability|an outage needs"):
        PaperExecClientConfig(venue="SIM", starting_balances=["1 USDT"], **options)


def tiered(*rows, **more):
    return ImportableFeeModelConfig(
        fee_model_path="nautilus_quant.host.fee_model:TieredFeeModel",
        config_path="nautilus_quant.host.fee_model:TieredFeeModelConfig",
        config={"tiers": rows, **more},
    )


def test_fees_follow_the_schedule_and_what_was_traded_outlives_the_process(life, btc, tmp_path):
    state = f"sqlite:///{tmp_path}/paper.db"
    fees = tiered((0, 0.0002, 0.0005), (10_000, 0.0001, 0.0004))
    bench = life(btc, state=state, fee_model=fees)
    bench.quote(btc, 50_000.0, 50_000.0)
    order = bench.market(btc, BUY, "0.200")
    assert order.commissions()[0].as_decimal() == 5  # 10 000 * 0.05 %
    bench.client._store.flush()

    again = life(btc, state=state, fee_model=fees)
    tracker = again.client._fees.fees.tracker(btc)
    assert tracker.volume(again.clock.timestamp_ns()) == pytest.approx(10_000.0)
    again.client._fees.clock = lambda: again.clock.timestamp_ns() + REFRESH
    again.quote(btc, 50_000.0, 50_000.0)
    order = again.market(btc, SELL, "0.100")
    assert order.commissions()[0].as_decimal() == 2  # 5 000 * 0.04 %


def test_fee_tiers_that_cannot_be_read_begin_anew(life, btc, tmp_path):
    state = f"sqlite:///{tmp_path}/paper.db"
    fees = tiered((0, 0.0002, 0.0005), (10_000, 0.0001, 0.0004))
    bench = life(btc, state=state, fee_model=fees)
    bench.client._store.put_now("paper_fees", "PAPER", {"own": {"daily": "much"}}, ts=0)

    again = life(btc, state=state, fee_model=fees)
    again.quote(btc, 50_000.0, 50_000.0)
    assert again.market(btc, BUY, "0.200").commissions()[0].as_decimal() == 5
