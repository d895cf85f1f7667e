"""The demo: a live node on the embedded market buys and sells options which expire while it runs."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from nautilus_trader.config import LoggingConfig, TradingNodeConfig
from nautilus_trader.live.node import TradingNode
from nautilus_trader.model.data import InstrumentClose

from nautilus_quant.venues.paper import PaperExecClientConfig, SandboxLiveExecClientFactory
from nautilus_quant.venues.settlement import TAG
from nautilus_quant.venues.simulated import SimulatedDataClientConfig, SimulatedLiveDataClientFactory
from nautilus_quant.venues.simulated.feed import Feed, Wanted
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.player import Player, Start
from tests.venues.simulated.option_players import Listener, ListenerConfig, OptionBuyer, OptionBuyerConfig
from tests.venues.simulated.recorder import plain
from tests.venues.simulated.test_catalog import first_difference

S = 10**9
MARKET = SimulatedDataClientConfig(
    seed=5,
    symbols=("BTC", "ETH"),
    step=0.5,
    history=60.0,
    options=Options(
        settlements=("linear", "coin"), daily=1, weekly=1, monthly=1, rapid=3, every=10.0, interval=1.0
    ),
)


def run_node(market: Any, players: list[OptionBuyer], listener: Listener, until: int) -> dict[str, Any]:
    """Run a node on the embedded market until a time [ns]; return what it has then."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    node = TradingNode(
        TradingNodeConfig(
            trader_id="TESTER-001",
            logging=LoggingConfig(log_level="ERROR"),
            data_clients={"SIM": market},
            exec_clients={
                "SIM": PaperExecClientConfig(
                    venue="SIM", starting_balances=["100_000 USDT", "5 BTC"], base_currency=None
                )
            },
            timeout_disconnection=1.0,
            timeout_post_stop=0.1,
        ),
        loop=loop,
    )
    for player in players:
        node.trader.add_strategy(player)
    node.trader.add_actor(listener)
    node.add_data_client_factory("SIM", SimulatedLiveDataClientFactory)
    node.add_exec_client_factory("SIM", SandboxLiveExecClientFactory)
    node.build()
    found: dict[str, Any] = {}

    async def live() -> None:
        task = asyncio.create_task(node.run_async())
        await asyncio.sleep((until - time.time_ns()) / S)
        found["open"] = node.cache.positions_open()
        found["orders"] = node.cache.orders()
        found["balances"] = {
            code.code: money.as_decimal() for code, money in node.cache.accounts()[0].balances_total().items()
        }
        await node.stop_async()
        await task
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for other in left:
            other.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    loop.run_until_complete(live())
    node.dispose()
    asyncio.set_event_loop(None)
    return found


@pytest.mark.slow
def test_a_node_holds_options_to_their_expiry():
    expiry = (time.time_ns() // (10 * S) + 2) * 10 * S
    long = OptionBuyer(OptionBuyerConfig(expiry=expiry, order_id_tag="LONG"))
    short = OptionBuyer(OptionBuyerConfig(expiry=expiry, currency="BTC", short=True, order_id_tag="SHORT"))
    listener = Listener(ListenerConfig(first=expiry, last=expiry + 30 * S))
    market = msgspec.structs.replace(MARKET, origin=time.time_ns() // S * S)
    found = run_node(market, [long, short], listener, expiry + 2 * S)

    assert found["open"] == []
    assert not [order for order in found["orders"] if order.is_open]
    for player, start in ((long, {"USDT": 100_000}), (short, {"BTC": 5})):
        ((code, amount),) = start.items()
        assert player.closed
        values = {close.instrument_id: close.close_price for close in player.closes}
        settled = [fill for fill in player.fills if fill.client_order_id.value.startswith(TAG)]
        assert {fill.instrument_id: fill.last_px for fill in settled} == {
            fill.instrument_id: values[fill.instrument_id] for fill in settled
        }
        assert all(0 < expiry - fill.ts_event < 10_000 for fill in settled)
        profit = sum((event.realized_pnl.as_decimal() for event in player.closed), Decimal(0))
        assert found["balances"][code] == amount + profit
    heard = [event for event in listener.events if isinstance(event, InstrumentClose)]
    assert len(heard) >= 22
    assert len({event.instrument_id for event in heard}) == len(heard)

    # From the first second that is heard whole to the last: what anybody hears who plays the same market.
    start, end = listener.events[0].ts_init // S * S + 3 * S, listener.events[-1].ts_init - S
    names = {event.instrument_id for event in listener.events}
    assert end - start > 5 * S
    lived = [plain(event) for event in listener.events if start < event.ts_init <= end]
    assert first_difference(lived, played(market, names, start, end)) == ""


def played(market: SimulatedDataClientConfig, names: set[Any], start: int, end: int) -> list[dict[str, Any]]:
    """Play a market without a node, and listen to some options between two times [ns]."""
    feed = Feed(market.market, market.listings, market.venue)
    player, events = Player(Start(market.timeline(start)), market.longest_bar), []
    while player.now <= end:
        player.advance()
        feed.turn_to(player.block)
        feed.options.want_all(("quote", "mark", "greeks"))
        events += feed.events(player.step, Wanted(), player.history)
    return [plain(e) for e in events if e.instrument_id in names and start < e.ts_init <= end]
