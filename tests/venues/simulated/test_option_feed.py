"""Options as a node hears them: events, times, lists, subscriptions, restarts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.model.data import InstrumentClose, MarkPriceUpdate, OptionGreeks, QuoteTick
from nautilus_trader.model.enums import OptionKind
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoOption

from nautilus_quant.host.state import shared_store
from nautilus_quant.venues.simulated.blocks import Block
from nautilus_quant.venues.simulated.market import MarketConfig, Timeline
from nautilus_quant.venues.simulated.option_feed import OPTION_KINDS, OptionFeed
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.player import Player, Start, read_checkpoint
from nautilus_quant.venues.simulated.stress import Stress
from tests.venues.simulated.conftest import ORIGIN, blocks_of
from tests.venues.simulated.recorder import plain
from tests.venues.simulated.test_client import Bench

S = 10**9
SHORT = Options(daily=0, weekly=0, monthly=0, rapid=2, every=60.0, strikes=2)
BOTH = Options(daily=1, weekly=0, monthly=0, rapid=2, every=60.0, strikes=2, settlements=("linear", "coin"))


def market(options: Options = BOTH, **changes: Any) -> MarketConfig:
    return MarketConfig(**{"seed": 6, "step": 0.5, "history": 60.0, "options": options, **changes})


def heard(config: MarketConfig, blocks: list[Block], kinds: tuple[str, ...] = OPTION_KINDS) -> list[Any]:
    feed, events = OptionFeed(config, "SIM"), []
    for block in blocks:
        feed.begin(block)
        feed.want_all(kinds)
        for step in range(config.steps):
            events += [*feed.closes(step), *feed.events(step)]
    return events


def test_perpetuals_are_the_same_with_and_without_options():
    with_, without = blocks_of(market(), 3), blocks_of(market(None), 3)
    for one, other in zip(with_, without, strict=True):
        assert other.board is None
        for field in ("bid", "ask", "bid_size", "ask_size", "bids", "asks"):
            left, right = (getattr(block.groups[0].books, field) for block in (one, other))
            assert np.array_equal(left, right), field
        assert np.array_equal(one.groups[0].tape.price, other.groups[0].tape.price)
        assert np.array_equal(one.basis.rates, other.basis.rates)
    assert market().identity == market(None).identity
    assert b"options" not in market(None).encoded()


def test_the_same_market_is_the_same_and_another_seed_another():
    short, other = market(SHORT), market(SHORT, seed=7)
    events = [plain(event) for event in heard(short, blocks_of(short, 2))]
    assert events == [plain(event) for event in heard(short, blocks_of(short, 2))]
    assert events != [plain(event) for event in heard(other, blocks_of(other, 2))]


def test_no_two_events_are_of_one_time_and_all_come_in_order():
    times = [event.ts_init for event in heard(market(), blocks_of(market(), 3))]
    assert len(times) > 5_000
    assert (np.diff(times) > 0).all()


def test_quotes_come_at_their_interval_and_end_with_the_option():
    config = market()
    events = heard(config, blocks_of(config, 3))
    quotes = [event for event in events if isinstance(event, QuoteTick)]
    assert {event.ts_init // 10_000 * 10_000 % (2 * S) for event in quotes} == {0}
    closes = {event.instrument_id: event.ts_init for event in events if isinstance(event, InstrumentClose)}
    assert closes
    for event in quotes:
        assert event.ts_init < closes.get(event.instrument_id, 2**63)
    last = {event.instrument_id: event.ts_init for event in quotes}
    assert all(0 < ts - last[name] <= 2 * S for name, ts in closes.items())
    assert all(60 * S - ts % (60 * S) < 10_000 for ts in closes.values())  # microseconds before the minute


def test_greeks_say_what_the_marks_are_made_of():
    config = market()
    events = heard(config, blocks_of(config, 1))
    marks = {
        (e.instrument_id, e.ts_init // S): float(e.value) for e in events if isinstance(e, MarkPriceUpdate)
    }
    seen = 0
    for event in events:
        if isinstance(event, OptionGreeks) and str(event.instrument_id).startswith("ETHUSDT"):
            mark, strike = (
                marks[event.instrument_id, event.ts_init // S],
                float(str(event.instrument_id).split("-")[2]),
            )
            call = str(event.instrument_id).endswith("-C.SIM")
            assert (event.delta > 0) == call
            assert mark >= max((event.underlying_price - strike) * (1 if call else -1), 0.0) - 0.011
            assert 0.01 < event.mark_iv < 4.0  # little is left to vary at the end of the settlement window
            assert (event.bid_iv or 0.0) <= event.mark_iv <= event.ask_iv
            assert event.gamma > 0 > event.theta
            seen += 1
    assert seen > 100


def test_a_silent_feed_says_nothing_of_options_but_what_they_settle_at():
    config = market(SHORT, stress=(Stress(kind="gap", symbol="BTC", at=0.0, duration=600.0),))
    events = heard(config, blocks_of(config, 3)[1:])
    names = {str(event.instrument_id)[:3] for event in events if isinstance(event, QuoteTick)}
    assert names == {"ETH"}
    assert {str(event.instrument_id)[:3] for event in events if isinstance(event, InstrumentClose)} == {
        "BTC",
        "ETH",
    }


def test_instruments_say_what_a_contract_needs():
    config = market()
    feed = OptionFeed(config, "SIM")
    listed = {str(item.id): item for item in feed.begin(blocks_of(config, 1)[0])}
    assert all(isinstance(item, CryptoOption) and not item.is_inverse for item in listed.values())
    coin = next(item for name, item in listed.items() if name.startswith("BTC-") and name.endswith("-P.SIM"))
    assert (coin.quote_currency.code, coin.settlement_currency.code, str(coin.underlying)) == ("BTC",) * 3
    assert coin.option_kind == OptionKind.PUT
    assert str(coin.id).split("-")[2] == str(coin.strike_price)
    assert coin.activation_ns < coin.expiration_ns
    assert coin.info == {"settlement": "average index", "settlement_window_s": 12}
    linear = next(item for name, item in listed.items() if name.startswith("ETHUSDT-"))
    assert (linear.quote_currency.code, linear.settlement_currency.code) == ("USDT", "USDT")
    assert str(linear.price_increment) == "0.01"
    assert not linear.is_quanto


def test_new_options_are_told_once():
    config, feed = market(SHORT), OptionFeed(market(SHORT), "SIM")
    told = [str(item.id) for block in blocks_of(config, 6) for item in feed.begin(block)]
    assert len(told) == len(set(told))
    expiries = sorted({name.split("-")[1] for name in told})
    assert len(expiries) == 8  # one in each of six blocks, and two more ahead


def test_a_restarted_market_has_the_same_options():
    config = market()
    player = Player(Start(Timeline(config, ORIGIN)), 60)
    for _ in range(4):
        player.next_block()
    document = player.checkpoint()
    start = read_checkpoint(config, document, player.now)
    again = Player(start, 60)
    while again.block.index < player.block.index:
        again.next_block()
    left, right = player.block.board, again.block.board
    assert left.series == right.series
    assert np.array_equal(left.knots, right.knots)
    assert left.settlements == right.settlements


def test_other_options_begin_anew_and_the_market_goes_on():
    player = Player(Start(Timeline(market(), ORIGIN)), 60)
    document = player.checkpoint()
    changed = market(SHORT)
    start = read_checkpoint(changed, document, player.now)
    again = Player(start, 60)
    assert {item.expiry - player.timeline.genesis for item in again.block.board.series} != set()
    assert np.array_equal(again.block.groups[0].books.bid, player.block.groups[0].books.bid)
    assert len(again.block.board.series) < len(player.block.board.series)


# -- in a live data client --


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()
    yield loop
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()


def bench_of(loop: asyncio.AbstractEventLoop, **changes: Any) -> Bench:
    options = Options(daily=1, weekly=0, monthly=0, rapid=2, every=10.0, strikes=2, interval=0.5)
    bench = Bench(loop, step=0.1, symbols=("BTC", "ETH"), **{"options": options, **changes})
    bench.connect()
    return bench


def options_in(bench: Bench) -> list[CryptoOption]:
    found = [item for item in bench.cache.instruments() if isinstance(item, CryptoOption)]
    return sorted(found, key=lambda item: (-item.expiration_ns, str(item.id)))


def test_only_what_is_subscribed_is_quoted(loop):
    bench = bench_of(loop)
    listed = options_in(bench)
    assert len(listed) >= 60
    bench.data.clear()
    bench.run(0.6)
    assert [item for item in bench.data if not isinstance(item, CryptoOption | InstrumentClose)] == []
    name = listed[0].id
    bench.ask("_subscribe_option_greeks", instrument_id=name)
    bench.data.clear()
    bench.run(1.1)
    assert {type(item) for item in bench.data if not isinstance(item, CryptoOption | InstrumentClose)} == {
        QuoteTick,
        OptionGreeks,
    }
    assert len(bench.of(OptionGreeks, name)) in {2, 3}
    assert len(bench.of(OptionGreeks)) == len(bench.of(OptionGreeks, name))
    bench.ask("_unsubscribe_option_greeks", instrument_id=name)
    bench.data.clear()
    bench.run(0.6)
    assert bench.of(QuoteTick) == []
    bench.close()


def test_marks_and_quotes_are_for_the_asking_and_books_are_not(loop):
    bench = bench_of(loop)
    name = options_in(bench)[0].id
    bench.ask("_subscribe_mark_prices", instrument_id=name)
    bench.ask("_subscribe_order_book_depth", instrument_id=name)  # logs an error
    bench.data.clear()
    bench.run(0.7)
    assert bench.of(MarkPriceUpdate, name)
    assert {type(item).__name__ for item in bench.data} <= {
        "QuoteTick", "MarkPriceUpdate", "CryptoOption", "InstrumentClose",
    }  # fmt: skip
    bench.close()


def test_a_node_that_was_away_hears_what_its_options_settled_at(loop, tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    options = Options(daily=0, weekly=0, monthly=0, rapid=1, every=10.0, strikes=1)
    first = bench_of(loop, state=state, options=options)
    now = first.client._player.now
    first.close()
    store = shared_store(state)
    kept = store.get("simulated", "SIM")
    assert now <= kept["seen"] <= now + 2 * S
    store.put_now("simulated", "SIM", kept | {"seen": now - 25 * S}, ts=now)  # as if stopped 25 s earlier
    store.close()
    second = bench_of(loop, state=state, options=options)
    closes = [event for event in second.data if isinstance(event, InstrumentClose)]
    assert len({event.ts_event // (10 * S) for event in closes}) in {2, 3}
    assert all(event.ts_event > now - 25 * S for event in closes)
    assert all(second.cache.instrument(event.instrument_id) is not None for event in closes)
    second.close()
    opened = second.clock.timestamp_ns()
    third = bench_of(loop, options=options)  # a market that has just opened has missed nothing
    closes = [event for event in third.data if isinstance(event, InstrumentClose)]
    assert [event for event in closes if event.ts_event < opened] == []
    third.close()


def test_a_loop_that_was_away_for_minutes_misses_no_listing(loop):
    bench = bench_of(loop)
    client, now = bench.client, bench.clock.timestamp_ns()
    late = Player(Start(client._player.timeline), 60)
    client._feed.turn_to(late.block)
    for item in options_in(bench):
        bench.cache.purge_instrument(item.id)
    bench.data.clear()
    loop.run_until_complete(client._play_up_to_now(late, late.now))
    client._tell_missed()
    assert late.block.index >= 2
    assert {item.id for item in options_in(bench) if item.expiration_ns > now} == {
        name for name, speaker in client._feed.options.speakers.items() if speaker.option.expiry > now
    }
    told = [event.id for event in bench.data if isinstance(event, CryptoOption)]
    closed = [event.instrument_id for event in bench.data if isinstance(event, InstrumentClose)]
    assert set(closed) <= set(told)
    expiries = sorted(
        {event.ts_init // (10 * S) for event in bench.data if isinstance(event, InstrumentClose)}
    )
    assert np.diff(expiries).tolist() == [1] * (len(expiries) - 1)  # one every ten seconds
    assert len(expiries) >= 11
    bench.close()


def test_an_option_chain_of_nautilus_s_own_is_centred_at_once(loop):
    bench = bench_of(loop)
    sample = next(item.id for item in options_in(bench) if str(item.id).startswith("BTCUSDT-"))
    for name in (sample, InstrumentId.from_str("BTC-20200101-9000-C.SIM"), None):
        bench.ask("_request_forward_prices", sample_instrument_id=name, id=UUID4(), params=None)
    first, expired, unknown = (response.data for response in bench.responses)
    assert [str(item.instrument_id) for item in first] == [str(sample)]
    assert float(first[0].forward_price) == pytest.approx(62_000, rel=0.05)
    assert expired == unknown == []
    bench.close()


def test_expired_options_nobody_traded_are_forgotten(loop):
    bench = bench_of(loop)
    listed = {item.id: item.expiration_ns for item in options_in(bench)}
    soonest = min(listed.values())
    bench.client._forget(soonest + 600 * S)
    assert all(bench.cache.instrument(name) is not None for name in listed)
    bench.client._forget(soonest + 600 * S + 1)
    gone = {name for name in listed if bench.cache.instrument(name) is None}
    assert gone == {name for name, expiry in listed.items() if expiry == soonest}
    bench.close()


def test_an_expired_option_cannot_be_subscribed(loop):
    bench = bench_of(loop)
    bench.ask("_subscribe_quote_ticks", instrument_id=InstrumentId.from_str("BTCUSDT-20200101-9000-C.SIM"))
    bench.data.clear()
    bench.run(0.3)
    assert bench.of(QuoteTick) == []
    bench.close()
