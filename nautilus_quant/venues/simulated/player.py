"""Plays a market step by step, and remembers what a restart needs."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from nautilus_quant.venues.simulated.blocks import Block, generate
from nautilus_quant.venues.simulated.history import History
from nautilus_quant.venues.simulated.listing import listings
from nautilus_quant.venues.simulated.market import BLOCK_SECONDS, MarketConfig, Timeline
from nautilus_quant.venues.simulated.state import MarketState

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Start:
    """Where a player begins: a block, and what the one before it left (``None`` for the first)."""

    timeline: Timeline
    block: int = 0
    state: MarketState | None = None

    def within(self, now: int, max_catch_up: float) -> Start:
        """
        Do not play through a long absence.

        A market left alone for more than `max_catch_up` [s] goes on from the prices it had, as if it had
        stood still.
        """
        latest = self.timeline.block_of(now) - self.timeline.config.history_blocks
        if (latest - self.block) * BLOCK_SECONDS <= max_catch_up:
            return self
        return replace(self, block=latest)


class Player:
    """
    Walks through a market's steps in order.

    Parameters
    ----------
    start
        Where to begin.
    longest
        Length of the longest bar anybody will want [s].

    """

    def __init__(self, start: Start, longest: int = 60) -> None:
        config = start.timeline.config
        self.timeline = start.timeline
        self.history = History(max(config.history_blocks * BLOCK_SECONDS, longest))
        self.step = -1
        self._next_state = start.state or MarketState.initial(len(listings(config)))
        self._starts: deque[tuple[int, MarketState]] = deque(maxlen=config.history_blocks + 2)
        self._next_index = start.block
        self._load()

    @property
    def now(self) -> int:
        """When the last step taken happened, UNIX time [ns]; the market's start when there was none."""
        if self.step < 0:
            return self.timeline.block_start(self.block.index)
        return int(self.block.ts[self.step])

    @property
    def next_ts(self) -> int:
        """When the next step happens, UNIX time [ns]."""
        return self.now + self.timeline.config.step_ns

    def advance(self) -> bool:
        """Take the next step; tells whether that began a new block."""
        self.step += 1
        if self.step < self.timeline.config.steps:
            return False
        self._load()
        self.step = 0
        return True

    def skip_block(self, ts: int) -> bool:
        """Go on by one block, or to the last step up to `ts`; tells whether that is not reached yet."""
        if int(self.block.ts[-1]) < ts:
            self.next_block()
            return True
        behind = (ts - self.timeline.block_start(self.block.index)) // self.timeline.config.step_ns
        self.step = max(self.step, int(behind) - 1)
        return False

    def next_block(self) -> None:
        """Go on to the beginning of the next block."""
        self._load()
        self.step = -1

    @property
    def begins(self) -> tuple[int, MarketState]:
        """The first block of the history there is, and what the one before it left."""
        return self._starts[0]

    def checkpoint(self) -> dict[str, Any]:
        """Write what lets another player go on from here with as much history as there is now."""
        index, state = self.begins
        return {
            "version": _VERSION,
            "identity": self.timeline.config.identity,
            "origin": self.timeline.origin,
            "block": index,
            "state": state.to_dict(),
        }

    def _load(self) -> None:
        self._starts.append((self._next_index, self._next_state))
        self.block: Block
        self.block, self._next_state = generate(self.timeline, self._next_index, self._next_state)
        self._next_index += 1
        self.history.add(self.block)


def read_checkpoint(config: MarketConfig, document: Mapping[str, Any], now: int) -> Start | None:
    """Read what `Player.checkpoint` wrote; ``None`` if that was another market, or lies in the future."""
    if document.get("version") != _VERSION or document.get("identity") != config.identity:
        return None
    timeline = Timeline(config, int(document["origin"]))
    if timeline.block_start(int(document["block"])) > now:
        return None
    return Start(timeline, int(document["block"]), MarketState.from_dict(document["state"]))
