"""A small market for tests."""

from __future__ import annotations

import pytest

from nautilus_quant.venues.simulated.blocks import Block, generate
from nautilus_quant.venues.simulated.listing import listings
from nautilus_quant.venues.simulated.market import MarketConfig, Timeline
from nautilus_quant.venues.simulated.state import MarketState

ORIGIN = 1_700_000_000_000_000_000


def blocks_of(config: MarketConfig, count: int, origin: int = ORIGIN) -> list[Block]:
    """Generate the first blocks of a market."""
    timeline, state = Timeline(config, origin), MarketState.initial(len(listings(config)))
    made = []
    for index in range(count):
        block, state = generate(timeline, index, state)
        made.append(block)
    return made


@pytest.fixture
def market() -> MarketConfig:
    """Half a second a step, one minute of history."""
    return MarketConfig(seed=11, step=0.5, depth_interval=1.0, history=60.0)


@pytest.fixture(scope="session")
def long_blocks() -> list[Block]:
    """Four hours of a market in default proportions."""
    return blocks_of(MarketConfig(seed=3, step=1.0, history=60.0), 240)
