"""Configuration of the simulated market as a venue of a live node."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
from nautilus_trader.config import LiveDataClientConfig

from nautilus_quant.config.units import Seconds
from nautilus_quant.venues.incidents import Incident, Incidents
from nautilus_quant.venues.simulated.delivery import Delivery
from nautilus_quant.venues.simulated.history import bar_seconds
from nautilus_quant.venues.simulated.listing import Listing, offered
from nautilus_quant.venues.simulated.market import SECOND, MarketConfig, Timeline
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.outlet import Outlet
from nautilus_quant.venues.simulated.params import NAMES
from nautilus_quant.venues.simulated.stress import Stress

_MOST_LATENCY = 10.0


class SimulatedDataClientConfig(LiveDataClientConfig, frozen=True, kw_only=True):
    """
    The market, what of it is offered, and where it keeps its place.

    Parameters
    ----------
    venue
        Name of the venue in instrument ids.
    symbols
        Coins offered, of BTC ETH ADA BNB DOT LINK LTC XRP.
    bars
        Bars written to a catalog. A live node may subscribe to any whole seconds, minutes or hours.
    origin
        When the market opens, UNIX time [ns] or ISO 8601; rounded down to a second. Not given: when it first
        connects, or, in a catalog, at the catalog's start. Give it to see one market twice.
    state
        Where its place is kept, so that a restarted node finds the market where it would be by now;
        a URL as everywhere else. Not given: each start opens a new market.
    max_catch_up
        The longest absence that is played through [s]. After a longer one the market goes on from its last
        prices.
    latency
        How long an event is under way to the node [s]. Its ``ts_event`` is when it happened, its ``ts_init``
        when it comes. On paper and in a configured backtest orders take as long to the venue.
    incidents
        Outages, rejected orders, stale feeds: see `Incident`. Other than `stress` they change nothing in the
        market, only what a node sees and can do.
    seed, step, depth_interval, spot, history, volatility, pace, funding_interval, stress, options, outlet
        The market itself: see `MarketConfig`. Several venues show one market when each has an `outlet`, be it
        an empty one, and all have the same `seed`, `step`, `volatility`, `pace`, `history` and `origin`.
        `stress` is each venue's own then: a crash of the market is given to all of them.

    """

    venue: str = "SIM"
    symbols: tuple[str, ...] = NAMES
    bars: tuple[str, ...] = ("1-SECOND", "1-MINUTE")
    origin: int | str | None = None
    state: str | None = None
    max_catch_up: Seconds = 86_400.0
    seed: int = 1
    step: Seconds = 0.25
    depth_interval: Seconds = 1.0
    spot: bool = False
    history: Seconds = 7_200.0
    volatility: float = 1.0
    pace: Seconds = 90.0
    funding_interval: Seconds = 28_800.0
    stress: tuple[Stress, ...] = ()
    options: Options | None = None
    outlet: Outlet | None = None
    latency: Seconds = 0.0
    incidents: tuple[Incident, ...] = ()

    def __post_init__(self) -> None:
        offered(self.market, self.symbols)
        for spec in self.bars:
            bar_seconds(spec)
        if isinstance(self.origin, str):
            _parse_time(self.origin)
        if self.options is not None and self.latency:
            raise ValueError(f"what options do is told at once: latency must be 0 [s], was {self.latency}")
        if not self.latency <= _MOST_LATENCY:
            raise ValueError(f"latency must be at most {_MOST_LATENCY:.0f} [s], was {self.latency}; try 50ms")

    @property
    def market(self) -> MarketConfig:
        """The market itself."""
        fields = {name: getattr(self, name) for name in MarketConfig.__struct_fields__}
        if self.outlet is not None and not self.outlet.name:
            fields["outlet"] = msgspec.structs.replace(self.outlet, name=self.venue)
        return MarketConfig(**fields)

    @property
    def delivery(self) -> Delivery:
        """How its events reach the node."""
        return Delivery(round(self.latency * SECOND), Incidents(self.incidents))

    @property
    def listings(self) -> tuple[Listing, ...]:
        """The instruments offered."""
        return offered(self.market, self.symbols)

    @property
    def longest_bar(self) -> int:
        """Length of the longest of `bars` [s]."""
        return max((bar_seconds(spec) for spec in self.bars), default=0)

    def timeline(self, ts: int) -> Timeline:
        """Open the market where the config says, or else at `ts`, UNIX time [ns]."""
        origin = self.origin
        if isinstance(origin, str):
            origin = _parse_time(origin)
        return Timeline.opening_at(self.market, ts if origin is None else origin)


def _parse_time(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"origin must be UNIX time [ns] or like 2024-01-31T12:00:00Z, was {text!r}"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * SECOND
