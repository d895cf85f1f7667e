"""Configuration of the replay client."""

from __future__ import annotations

import math

from nautilus_trader.config import LiveDataClientConfig

from nautilus_quant.venues.recorded.source import Source

ON_END = ("stop", "idle")


class ReplayDataClientConfig(LiveDataClientConfig, frozen=True, kw_only=True):
    """
    Recorded data played through a live node.

    Parameters
    ----------
    venue : str
        Venue of the instruments; it replaces the one of the sources.
    sources : tuple of Source
        What to play, merged in time order; at equal times in the order given.
    speed : float, default 1.0
        Recorded seconds per second: 1 is real time, 60 a minute per second, 0 as fast as the node can follow
        (each time step waits until the node has dealt with the one before).
    half_spread_bps : float, default 1.0
        Half of the spread [basis points of the close] of the quotes made for instruments that have bars only.
        NautilusTrader's simulated venue does not hear bars, so a quote at the close goes before each bar.
        More is more pessimistic; 0.5 to 2 is usual for liquid perpetuals at rest.
    play_from : str, optional
        ISO 8601 time, UTC. What is recorded before is not played but answers requests for bars, so that
        strategies can warm up.
    on_end : str, default "stop"
        ``"stop"`` asks the node to shut down after the last item, ``"idle"`` leaves it running.
    """

    venue: str
    sources: tuple[Source, ...]
    speed: float = 1.0
    half_spread_bps: float = 1.0
    play_from: str | None = None
    on_end: str = "stop"

    def __post_init__(self) -> None:
        if not self.sources:
            raise ValueError("a replay needs at least one source")
        if not 0.0 <= self.speed < math.inf:
            raise ValueError(
                f"speed must be 0 (as fast as possible) or above [recorded s per s], was {self.speed}"
            )
        if not 0.0 <= self.half_spread_bps < 1_000.0:
            raise ValueError(
                f"half_spread_bps must be in [0, 1000) [bp], was {self.half_spread_bps}; usual 0.5 to 2"
            )
        if self.on_end not in ON_END:
            raise ValueError(f"on_end must be one of {', '.join(ON_END)}, was {self.on_end!r}")
