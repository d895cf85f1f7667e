"""Playing a market, and going on after a break."""

from __future__ import annotations

import json

import pytest

from nautilus_quant.venues.simulated.market import MarketConfig, Timeline
from nautilus_quant.venues.simulated.player import Player, Start, read_checkpoint
from tests.venues.simulated.conftest import ORIGIN

S = 10**9


@pytest.fixture
def config() -> MarketConfig:
    return MarketConfig(seed=9, step=0.5, history=180.0)


def player_at(config: MarketConfig, ts: int, start: Start | None = None) -> Player:
    player = Player(start or Start(Timeline(config, ORIGIN)))
    while player.skip_block(ts):
        pass
    return player


def seen(player: Player, steps: int) -> list[tuple[int, int, int]]:
    """Time, and Bitcoin's bid and mark, of the next steps."""
    found = []
    for _ in range(steps):
        player.advance()
        group = player.block.groups[0]
        found.append((player.now, int(group.books.bid[0, player.step]), int(group.mark[0, player.step])))
    return found


def test_steps_follow_one_another_over_blocks(config):
    player = Player(Start(Timeline(config, ORIGIN)))
    times = [ts for ts, _, _ in seen(player, 300)]
    assert times == [ORIGIN - 180 * S + k * S // 2 for k in range(1, 301)]


@pytest.mark.parametrize("after", [0.0, 0.3, 0.5, 59.9, 60.0, 60.2, 60.5, 185.0])
def test_skipping_ends_at_the_last_step_there_is(config, after):
    moment = ORIGIN + int(after * S)
    player = player_at(config, moment)
    begun_now = player.step < 0
    assert player.now <= moment < player.next_ts
    assert begun_now == (player.now == player.timeline.block_start(player.block.index))


@pytest.mark.parametrize("cut", [1.0, 61.0, 400.0, 3_600.0])
def test_a_restarted_market_goes_on_as_if_it_had_never_stopped(config, cut):
    whole = player_at(config, ORIGIN + int(cut * S))
    document = json.loads(json.dumps(whole.checkpoint()))
    later = ORIGIN + int((cut + 100) * S)
    while whole.skip_block(later):
        pass
    again = player_at(config, later, read_checkpoint(config, document, later))
    assert again.now == whole.now
    assert seen(again, 400) == seen(whole, 400)


def test_a_restarted_market_remembers_its_history(config):
    first = player_at(config, ORIGIN + 1_000 * S)
    again = player_at(
        config, ORIGIN + 1_000 * S, read_checkpoint(config, first.checkpoint(), ORIGIN + 1_000 * S)
    )
    for player in (first, again):
        ends, _ = player.history.bars(0, 60, ORIGIN + 821 * S, ORIGIN + 1_000 * S)
        assert len(ends) == 3


def test_a_market_left_alone_too_long_stands_still(config):
    document = player_at(config, ORIGIN).checkpoint()
    later = ORIGIN + 10 * 86_400 * S
    start = read_checkpoint(config, document, later)
    again = player_at(config, later, start.within(later, 86_400.0))
    assert later - 500_000_000 < again.now <= later
    assert start.within(ORIGIN + 3_600 * S, 86_400.0) is start


def test_a_checkpoint_of_something_else_is_not_taken(config):
    document = player_at(config, ORIGIN).checkpoint()
    assert read_checkpoint(MarketConfig(seed=10, step=0.5, history=180.0), document, ORIGIN) is None
    assert read_checkpoint(config, {**document, "version": 0}, ORIGIN) is None
    assert read_checkpoint(config, document, ORIGIN - 3_600 * S) is None
