"""Several venues of one market: late, down, stale; in a backtest, and over restarts."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from nautilus_trader.backtest.node import BacktestNode
from nautilus_trader.config import (
    BacktestDataConfig,
    BacktestEngineConfig,
    BacktestRunConfig,
    BacktestVenueConfig,
    ImportableActorConfig,
    LoggingConfig,
)
from nautilus_trader.model.data import InstrumentStatus, QuoteTick
from nautilus_trader.model.enums import MarketStatusAction

from nautilus_quant.venues.incidents import Incident
from nautilus_quant.venues.simulated import SimulatedDataClientConfig, catalog
from nautilus_quant.venues.simulated.feed import Feed, Kind
from nautilus_quant.venues.simulated.opening import Openings
from nautilus_quant.venues.simulated.outlet import Outlet
from nautilus_quant.venues.simulated.place import Place
from nautilus_quant.venues.simulated.player import Player, Start
from tests.venues.simulated.conftest import ORIGIN
from tests.venues.simulated.recorder import plain
from tests.venues.simulated.test_catalog import first_difference

S, MS = 10**9, 10**6
BASE = {"seed": 5, "symbols": ("BTC",), "spot": True, "step": 0.5, "history": 60.0, "bars": ("1-SECOND",)}
START, END = ORIGIN + 10 * S, ORIGIN + 130 * S

THREE = (
    SimulatedDataClientConfig(venue="SIM_A", origin=ORIGIN, outlet=Outlet(), latency=0.005, **BASE),
    SimulatedDataClientConfig(
        venue="SIM_B",
        origin=ORIGIN,
        outlet=Outlet(price_decimals=-1),
        latency=0.04,
        funding_interval=60.0,
        incidents=(Incident(kind="outage", at=20.0, duration=15.0, every=60.0, announced=True),),
        **BASE,
    ),
    SimulatedDataClientConfig(
        venue="SIM_C",
        origin=ORIGIN,
        outlet=Outlet(basis=0.001),
        latency=0.7,
        incidents=(Incident(kind="stale", at=5.0, duration=30.0), Incident(kind="data", at=50.0)),
        **BASE,
    ),
)


def heard(config: SimulatedDataClientConfig, start: int, end: int) -> list:
    """What a node would hear of a venue that listens to everything."""
    feed = Feed(config.market, config.listings, config.venue, config.delivery)
    wanted = catalog.everything(config, list(Kind))
    player, events = Player(Start(config.timeline(start)), config.longest_bar), []
    while player.next_ts <= end:
        player.advance()
        feed.turn_to(player.block)
        if player.now >= start:
            events += feed.events(player.step, wanted, player.history)
    return events


def quotes(events: list, instrument: str) -> list[QuoteTick]:
    return [e for e in events if isinstance(e, QuoteTick) and str(e.instrument_id) == instrument]


def test_a_backtest_of_three_venues_hears_what_a_node_hears(tmp_path):
    data, names = [], []
    for config in THREE:
        path = catalog.write(config, START, END, tmp_path / config.venue)
        data += catalog.data_configs(config, path)
        names += [f"{item.symbol}.{config.venue}" for item in config.listings]
    recorder = ImportableActorConfig(
        actor_path="tests.venues.simulated.recorder:Recorder",
        config_path="tests.venues.simulated.recorder:RecorderConfig",
        config={"instruments": names, "bars": ["1-SECOND"]},
    )
    run = BacktestRunConfig(
        engine=BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), actors=[recorder]),
        venues=[
            BacktestVenueConfig(config.venue, "NETTING", "MARGIN", ["1000000 USDT"], bar_execution=False)
            for config in THREE
        ],
        data=[BacktestDataConfig(**fields) for fields in data],
        raise_exception=True,
        dispose_on_completion=False,
    )
    node = BacktestNode([run])
    node.run()
    (actor,) = node.get_engine(run.id).kernel.trader.actors()
    lived = sorted((e for config in THREE for e in heard(config, START, END)), key=lambda e: e.ts_init)
    assert Counter(type(e).__name__ for e in lived)["InstrumentStatus"] == 2 * 2 * 2
    assert first_difference([plain(e) for e in actor.events], [plain(e) for e in lived]) == ""
    node.dispose()


def test_events_come_late_by_the_latency_and_tell_when_they_happened():
    plain_config = msgspec.structs.replace(THREE[0], latency=0.0)
    for one, other in zip(heard(plain_config, START, END), heard(THREE[0], START, END), strict=True):
        assert type(one) is type(other)
        assert (other.ts_event, other.ts_init) == (one.ts_event, one.ts_init + 5 * MS)


def test_an_outage_is_silent_and_announced():
    config = THREE[1]
    events = heard(config, START, END)
    statuses = [e for e in events if isinstance(e, InstrumentStatus)]
    told = [(e.ts_event - ORIGIN, e.action) for e in statuses if str(e.instrument_id) == "BTCUSDT.SIM_B"]
    halt, trading = MarketStatusAction.HALT, MarketStatusAction.TRADING
    assert told == [(20 * S, halt), (35 * S, trading), (80 * S, halt), (95 * S, trading)]
    others = {(e.ts_event - ORIGIN) / S for e in events if not isinstance(e, InstrumentStatus)}
    assert not [ts for ts in others if 20 <= ts < 35 or 80 <= ts < 95]
    assert {19.5, 35.0, 79.5, 95.0} <= others


def test_one_that_begins_with_a_block_is_announced_too():
    """Blocks are of a minute, and their first step is half a second later."""
    outage = Incident(kind="outage", at=60.5, duration=59.5, announced=True)
    events = heard(msgspec.structs.replace(THREE[1], incidents=(outage,)), START, END)
    statuses = {(e.ts_event - ORIGIN, e.action) for e in events if isinstance(e, InstrumentStatus)}
    halt, trading = MarketStatusAction.HALT, MarketStatusAction.TRADING
    assert statuses == {(60_500 * MS, halt), (120 * S, trading)}


def test_a_stale_feed_repeats_the_last_quote_and_when_it_was():
    (quiet, troubled) = (
        quotes(heard(c, ORIGIN, END), "BTCUSDT-PERP.SIM_C")
        for c in (msgspec.structs.replace(THREE[2], incidents=()), THREE[2])
    )
    first = next(q for q in troubled if q.ts_init == ORIGIN + 5 * S + 700 * MS)
    before = next(q for q in quiet if q.ts_event == ORIGIN + 4 * S + 500 * MS)
    assert (first.bid_price, first.ask_size) == (before.bid_price, before.ask_size)
    stale = [q for q in troubled if ORIGIN + 5 * S <= q.ts_init - 700 * MS < ORIGIN + 35 * S]
    assert len(stale) == 60
    assert {(q.ts_event, q.bid_price) for q in stale} == {(before.ts_event, before.bid_price)}
    after = [q for q in troubled if q.ts_init - 700 * MS >= ORIGIN + 35 * S]
    assert after[0] == next(q for q in quiet if q.ts_event == ORIGIN + 35 * S)


def test_a_catalog_from_the_middle_of_a_stale_time_repeats_what_was_before(tmp_path):
    config = msgspec.structs.replace(
        THREE[2], incidents=(Incident(kind="stale", at=30.0, duration=60.0),), bars=()
    )
    start = ORIGIN + 70 * S
    path = catalog.write(config, start, END, tmp_path / "c", kinds=("quote",))
    stored = catalog.ParquetDataCatalog(path).query(QuoteTick, identifiers=["BTCUSDT.SIM_C"])
    expected = quotes(heard(config, start, END), "BTCUSDT.SIM_C")
    assert [plain(q) for q in stored] == [plain(q) for q in expected]
    assert {q.ts_event for q in stored[:20]} == {ORIGIN + 29 * S + 500 * MS}


def test_while_stale_there_is_nothing_but_quotes():
    during = [
        e for e in heard(THREE[2], ORIGIN, END) if ORIGIN + 5 * S <= e.ts_init - 700 * MS < ORIGIN + 35 * S
    ]
    assert {type(e) for e in during} == {QuoteTick}
    assert len(during) == 2 * 60


def test_one_that_connects_in_an_outage_hears_only_that_nothing_trades():
    config = THREE[1]
    feed = Feed(config.market, config.listings, config.venue, config.delivery)
    player = Player(Start(config.timeline(START)), config.longest_bar)
    while player.skip_block(ORIGIN + 25 * S):
        feed.turn_to(player.block)
    feed.turn_to(player.block)
    assert {type(e) for e in feed.snapshot(player.step)} == {InstrumentStatus}
    assert feed.silent(player.step)


# -- where venues of a market go on ----------------------------------------------------------------


def venue(name: str, state: str | None = None, **changes) -> SimulatedDataClientConfig:
    return SimulatedDataClientConfig(**{**BASE, "venue": name, "outlet": Outlet(), "state": state} | changes)


def index_at(player: Player, ts: int) -> int:
    """Bitcoin's fair price at a time [ticks]."""
    while player.skip_block(ts):
        pass
    return int(player.block.groups[0].index[0, player.step])


def test_venues_that_connect_seconds_apart_show_one_market():
    openings = Openings()
    first, _ = Place(venue("SIM_A"), openings).find(ORIGIN)
    second, _ = Place(venue("SIM_B"), openings).find(ORIGIN + 3 * S)
    assert first.timeline.origin == second.timeline.origin == ORIGIN
    assert index_at(first, ORIGIN + 300 * S) == index_at(second, ORIGIN + 300 * S)
    assert openings.venues == {"SIM_A": ORIGIN, "SIM_B": ORIGIN}
    elsewhere, _ = Place(venue("SIM_C", seed=6), openings).find(ORIGIN + 3 * S)
    assert elsewhere.timeline.origin == ORIGIN + 3 * S


def test_markets_of_the_past_have_openings_of_their_own():
    """A venue without an outlet is a market by itself, whatever the others do."""
    openings = Openings()
    Place(venue("SIM_A"), openings).find(ORIGIN)
    alone, _ = Place(venue("SIM", outlet=None), openings).find(ORIGIN + 3 * S)
    assert alone.timeline.origin == ORIGIN + 3 * S
    assert openings.venues["SIM"] == ORIGIN + 3 * S


class Node:
    """Lives of a process: each knows the venues' store only."""

    def __init__(self, url: str, *names: str, **changes) -> None:
        self._openings = Openings()
        self._configs = [venue(name, url, **changes) for name in names]
        self.places = [Place(config, self._openings) for config in self._configs]
        self.players: list[Player] = []

    def begin(self, now: int, apart: int = 0) -> None:
        self.players = [place.find(now + n * apart)[0] for n, place in enumerate(self.places)]

    def live(self, ts: int) -> None:
        """Play to a time, keeping the place with each block as the client does."""
        for place, player in zip(self.places, self.players, strict=True):
            while player.skip_block(ts):
                place.keep(player, ts, at_once=True)

    def end(self) -> None:
        for place in self.places:
            place.close()

    def indices(self, ts: int) -> list[int]:
        return [index_at(player, ts) for player in self.players]


@pytest.fixture
def url(tmp_path) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


def lives(url: str, times: list[tuple[int, int]], names: list[tuple[str, ...]], **changes) -> list[Node]:
    """Live several lives, each between two times [s after ORIGIN], and return them."""
    found = []
    for (begin, end), here in zip(times, names, strict=True):
        node = Node(url, *here, **changes)
        node.begin(ORIGIN + begin * S)
        node.live(ORIGIN + end * S)
        node.end()
        found.append(node)
    return found


def test_a_market_goes_on_after_a_restart_as_if_nothing_had_been(url):
    whole, _ = Place(venue("SIM_A"), Openings()).find(ORIGIN)
    _, second = lives(url, [(0, 200), (500, 600)], [("SIM_A", "SIM_B")] * 2)
    assert second.players[0].timeline.origin == ORIGIN
    here = [index_at(whole, ORIGIN + 700 * S)]
    assert second.indices(ORIGIN + 700 * S) == here * 2
    assert np.array_equal(
        second.players[0].block.groups[0].books.bid_size, whole.block.groups[0].books.bid_size
    )


def test_after_a_long_absence_all_venues_go_on_from_the_same_last_prices(url):
    """Also when one of them connects a minute, and so a block, after the other."""
    lives(url, [(0, 200)], [("SIM_A", "SIM_B")])
    node = Node(url, "SIM_A", "SIM_B", max_catch_up=3_600.0)
    node.begin(ORIGIN + 50_000 * S, apart=61 * S)
    one, other = node.indices(ORIGIN + 50_200 * S)
    assert one == other
    node.live(ORIGIN + 50_300 * S)
    node.end()
    again = Node(url, "SIM_B", "SIM_A", max_catch_up=3_600.0)
    again.begin(ORIGIN + 50_400 * S)
    assert len(set(again.indices(ORIGIN + 50_500 * S) + node.indices(ORIGIN + 50_500 * S))) == 1
    again.end()


def test_a_venue_that_was_away_while_others_went_on_finds_them_where_they_are(url):
    """SIM_B comes late, when the market has stood still once, and again after an absence of its own."""
    first, second, third, fourth = lives(
        url,
        [(0, 100), (90_000, 90_100), (90_200, 91_500), (91_600, 91_700)],
        [("SIM_A", "SIM_B"), ("SIM_A",), ("SIM_A",), ("SIM_A", "SIM_B")],
        max_catch_up=600.0,
    )
    assert len({n.players[0].timeline.origin for n in (first, second, third, fourth)}) == 1
    at = ORIGIN + 91_800 * S
    assert len(set(fourth.indices(at) + third.indices(at))) == 1


def test_a_venue_that_would_catch_up_longer_goes_on_with_the_others_all_the_same(url):
    lives(url, [(0, 200)], [("SIM_A", "SIM_B")])
    patient = [venue("SIM_A", url, max_catch_up=600.0), venue("SIM_B", url, max_catch_up=86_400.0)]
    openings = Openings()
    places = [Place(config, openings) for config in patient]
    players = [place.find(ORIGIN + 4_000 * S)[0] for place in places]
    assert len({index_at(player, ORIGIN + 4_100 * S) for player in players}) == 1
    for place in places:
        place.close()


def test_a_venue_that_was_away_for_long_does_not_play_what_it_missed(url):
    """The others were there all the time: it goes on from where they are."""
    first, second = lives(url, [(0, 100), (160, 2_000)], [("SIM_A", "SIM_B"), ("SIM_A",)], max_catch_up=600.0)
    third = Node(url, "SIM_A", "SIM_B", max_catch_up=600.0)
    third.begin(ORIGIN + 2_060 * S)
    assert third.players[1].block.index > 25
    at = ORIGIN + 2_200 * S
    assert len(set(third.indices(at) + second.indices(at) + first.indices(at)[:1])) == 1
    third.end()


def test_a_new_venue_joins_a_market_that_has_run_for_long(url):
    (first,) = lives(url, [(0, 2_000)], [("SIM_A",)], max_catch_up=600.0)
    second = Node(url, "SIM_B", "SIM_A", max_catch_up=600.0)
    second.begin(ORIGIN + 2_060 * S)
    assert second.players[0].block.index > 25
    at = ORIGIN + 2_200 * S
    assert len(set(second.indices(at) + first.indices(at))) == 1
    second.end()


def test_the_place_of_a_market_only_ever_moves_on(url):
    node = Node(url, "SIM_A", "SIM_B")
    node.begin(ORIGIN)
    seen = []
    for ts in range(60, 600, 60):
        for place, player in zip(node.places, node.players, strict=True):
            while player.skip_block(ORIGIN + ts * S + (0 if place is node.places[0] else -60 * S)):
                place.keep(player, ORIGIN + ts * S)
            (opening,) = node.places[0]._openings.markets.values()
            seen.append(opening.block)
    assert all(a <= b for a, b in pairwise(seen))
    assert seen[-1] > 3
    node.end()


def test_a_place_in_the_future_is_not_taken(url):
    """The clock of the machine was wrong for a while."""
    lives(url, [(10_000, 10_300)], [("SIM_A", "SIM_B")])
    node = Node(url, "SIM_A", "SIM_B")
    node.begin(ORIGIN)
    assert [player.timeline.origin for player in node.players] == [ORIGIN] * 2
    assert len(set(node.indices(ORIGIN + 60 * S))) == 1
    node.end()


def test_a_given_opening_wins(url):
    lives(url, [(0, 100)], [("SIM_A",)])
    node = Node(url, "SIM_A", "SIM_B", origin=ORIGIN + 40 * S)
    node.begin(ORIGIN + 200 * S)
    assert [player.timeline.origin for player in node.players] == [ORIGIN + 40 * S] * 2
    assert len(set(node.indices(ORIGIN + 300 * S))) == 1
    node.end()
