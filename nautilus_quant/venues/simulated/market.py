"""What makes a simulated market the one it is, and how its time is divided."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Final

import msgspec
from msgspec import Struct

from nautilus_quant.config.units import Seconds
from nautilus_quant.venues.simulated.options import Options
from nautilus_quant.venues.simulated.outlet import Outlet
from nautilus_quant.venues.simulated.stress import Stress

SECOND: Final = 1_000_000_000
"""Nanoseconds."""

BLOCK_SECONDS: Final = 60
"""Length of one block [s]: what is generated in one go, and how often the state is carried over."""

BLOCK: Final = BLOCK_SECONDS * SECOND

SLOT_SECONDS: Final = 5
"""How often a regime may change [s]."""

SLOTS: Final = BLOCK_SECONDS // SLOT_SECONDS

_MAX_STEPS_PER_SECOND: Final = 100


class MarketConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A market, given its opening time: same config, same opening, same events for ever.

    Parameters
    ----------
    seed
        Chooses the market.
    step
        Time between quotes [s]; a whole number of them must fit in a second. Smaller is busier.
    depth_interval
        Time between 10-level books [s]; a multiple of `step` within a minute.
    spot
        Whether there is a spot pair beside each perpetual. The perpetuals are the same either way.
    history
        How long before its opening the market began [s]: what a request for bars can look back on.
    volatility
        Scales all price movement [-]; 1 is an active day, 0.3 a sleepy one.
    pace
        Mean length of a trend or range [s]. Around it there are slow trends ten times as long.
    funding_interval
        Time between funding payments [s], in whole minutes; they fall on its multiples in UTC. Each pays all
        of the mean premium, where real venues pay a share of it in less than eight hours: a short interval
        shows in minutes what takes them days.
    stress
        Accidents to happen.
    options
        The options on BTC and ETH that trade beside the perpetuals; none unless given. The perpetuals are the
        same either way.
    outlet
        What a venue has of its own where several show one market; without it the venue is the market.

    """

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

    def __post_init__(self) -> None:
        _check(self)

    @property
    def step_ns(self) -> int:
        """Time between quotes [ns]."""
        return round(self.step * SECOND)

    @property
    def steps(self) -> int:
        """Quotes of one instrument in a block."""
        return BLOCK // self.step_ns

    @property
    def steps_per_slot(self) -> int:
        """Quotes of one instrument while regimes stay as they are."""
        return self.steps // SLOTS

    @property
    def depth_every(self) -> int:
        """Steps from one book to the next."""
        return round(self.depth_interval / self.step)

    @property
    def history_blocks(self) -> int:
        """Blocks before the opening."""
        return math.ceil(self.history / BLOCK_SECONDS)

    @property
    def option_steps(self) -> int:
        """Steps from one quote of an option to the next; 0 without options."""
        return round(self.options.interval / self.step) if self.options is not None else 0

    @property
    def identity(self) -> str:
        """Changes with anything that would make the carried state wrong; stress and options do not."""
        own = None if self.outlet is None else self.outlet.carried
        calm = msgspec.structs.replace(self, stress=(), options=None, outlet=own)
        return hashlib.sha256(calm.encoded()).hexdigest()[:16]

    @property
    def common(self) -> str:
        """Changes with anything that fair prices depend on: venues that agree in it show one market."""
        about = [self.seed, self.step, self.volatility, self.pace, self.history_blocks]
        return hashlib.sha256(msgspec.json.encode(about)).hexdigest()[:16]

    def encoded(self) -> bytes:
        """Write the market down; one without options, or outlet, as if there never were any."""
        fields = msgspec.to_builtins(self)
        for name in ("options", "outlet"):
            if fields[name] is None:
                del fields[name]
        return msgspec.json.encode(fields)


def _check(config: MarketConfig) -> None:
    _check_steps(config)
    if not 0 <= config.seed < 2**63:
        raise ValueError(f"seed must be in [0, 2^63), was {config.seed}")
    if not 0.0 < config.volatility <= 20.0:
        raise ValueError(f"volatility must be in (0, 20] [times the usual], was {config.volatility}")
    if not SLOT_SECONDS <= config.pace < math.inf:
        raise ValueError(f"pace must be at least {SLOT_SECONDS} [s], was {config.pace}; typical 30–600")
    if not BLOCK_SECONDS <= config.history <= 30 * 86_400:
        raise ValueError(f"history must be from one minute to 30 days [s], was {config.history}")
    if not (60 <= config.funding_interval < math.inf and config.funding_interval % 60 == 0):
        raise ValueError(f"funding_interval must be whole minutes [s], was {config.funding_interval}")


def _check_steps(config: MarketConfig) -> None:
    if not 1.0 / _MAX_STEPS_PER_SECOND <= config.step <= 1.0 or not _divides(config.step, 1.0):
        raise ValueError(
            f"step must divide one second, from 0.01 to 1 [s], was {config.step}; try 0.25 or 0.1"
        )
    every = config.depth_interval
    if (
        not config.step <= every <= BLOCK_SECONDS
        or not _divides(config.step, every)
        or not _divides(every, 60.0)
    ):
        raise ValueError(
            f"depth_interval must be a multiple of step={config.step} that divides a minute [s], was {every}"
        )
    if config.options is not None:
        _check_interval(config, config.options.interval)


def _check_interval(config: MarketConfig, every: float) -> None:
    whole = config.step <= every <= BLOCK_SECONDS and _divides(config.step, every) and _divides(every, 60.0)
    if not whole:
        raise ValueError(
            f"options.interval must be a multiple of step={config.step} that divides a minute [s], "
            f"was {every}"
        )


def _divides(part: float, whole: float) -> bool:
    """Tell whether both are whole nanoseconds, the second a multiple of the first."""
    exact = abs(part * SECOND - round(part * SECOND)) < 1e-3
    return exact and round(whole * SECOND) % round(part * SECOND) == 0


@dataclass(frozen=True, slots=True)
class Timeline:
    """
    Divides absolute time into blocks and steps.

    Block 0 begins `history` before the opening. A block is open at its start and closed at its end: its
    last step falls on the beginning of the next one, so that a bar closes with the step it ends on.

    Parameters
    ----------
    config
        The market.
    origin
        Its opening, UNIX time [ns]; rounded down to a second.

    """

    config: MarketConfig
    origin: int

    @classmethod
    def opening_at(cls, config: MarketConfig, ts: int) -> Timeline:
        """Open at a time, rounded down to a second."""
        return cls(config, ts - ts % SECOND)

    @property
    def genesis(self) -> int:
        """When block 0 begins, UNIX time [ns]."""
        return self.origin - self.config.history_blocks * BLOCK

    def block_of(self, ts: int) -> int:
        """Index of the block that holds the last step up to `ts`; a time on a border is the end of one."""
        return (ts - self.genesis - 1) // BLOCK

    def block_start(self, block: int) -> int:
        """When a block begins, UNIX time [ns]; its first step is one step later."""
        return self.genesis + block * BLOCK
