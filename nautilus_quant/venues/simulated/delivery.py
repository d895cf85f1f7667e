"""How a venue's events reach the node: how late, and when not at all."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.incidents import Incidents
from nautilus_quant.venues.simulated.blocks import Block
from nautilus_quant.venues.simulated.market import BLOCK, MarketConfig

Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Delivery:
    """
    The way from a venue to the node.

    Parameters
    ----------
    latency
        How long an event is under way [ns].
    incidents
        What goes wrong.

    """

    latency: int = 0
    incidents: Incidents = field(default_factory=Incidents)

    def conditions(self, config: MarketConfig, block: Block) -> Conditions | None:
        """Return what the steps of a block meet with; ``None`` when nothing is ever wrong."""
        if not self.incidents:
            return None
        start = int(block.ts[0]) - config.step_ns
        opening = start - (block.index - config.history_blocks) * BLOCK
        halted = self.incidents.halted(np.append(start, block.ts) - opening)
        elapsed = block.ts - opening
        return Conditions(
            self.incidents.silent(elapsed).tolist(),
            self.incidents.stale(elapsed).tolist(),
            halted[1:].tolist(),
            (halted[1:] != halted[:-1]).tolist(),
        )


@dataclass(frozen=True, slots=True)
class Conditions:
    """
    What the steps of one block meet with.

    Parameters
    ----------
    silent
        Nothing is published.
    stale
        The feed repeats the last quote.
    halted
        The venue says that nothing trades.
    changed
        It says so, or the opposite, for the first time.

    """

    silent: list[bool]
    stale: list[bool]
    halted: list[bool]
    changed: list[bool]
