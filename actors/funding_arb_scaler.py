"""Says how much of every carry to hold: over all venues and symbols, by what the last unit earns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from msgspec import field
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from nautilus_quant.config.units import Seconds
from nautilus_quant.host.messages import everything, latest, publish
from nautilus_quant.host.scaler_desk import CarryDesk
from nautilus_quant.host.scaler_messages import CarryCapture, CarryHeld, CarrySize
from nautilus_quant.host.scaler_payments import is_held_by
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig

if TYPE_CHECKING:
    from nautilus_quant.carry.scaler_terms import CarryDecision

_UNKNOWN = "unknown"


class FundingArbScalerConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the scaler can be told.

    Parameters
    ----------
    hedges
        The pairs it decides about, of any venues; each of them is traded by one strategy at most.
    rule
        How boldly carry is held.
    every
        Between two decisions [s]; typically 300 to 3600. Strategies that follow take what is older than their
        own `size_stale_after` for nothing.
    premium
        Whether mark and index prices are subscribed, to foretell rates by the premium.
    reporting_currency
        Currency sizes are told in; ``None`` takes the account's.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    hedges: tuple[CarryPairConfig, ...] = ()
    rule: CarryRuleConfig = field(default_factory=CarryRuleConfig)
    every: Seconds = 900.0
    premium: bool = False
    reporting_currency: str | None = None
    state: str | None = None

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Kinds of data it subscribes beside quotes, which a backtest of it must play."""
        return ("funding",)


class FundingArbScaler(Actor):
    """
    Spreads capital over carries, and tells strategies how much of each to hold.

    A `FundingArb` of the same node follows by itself; any other strategy may subscribe `CarrySize`, and tell
    what it holds by `CarryHeld`. Every change of a size is in the journal with the numbers it follows from,
    and so is every payment. When less than 70 % of the funding a pair was entered for is paid, an alert says
    so, and the pair is scaled down.

    Parameters
    ----------
    config
        A `FundingArbScalerConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible.

    """

    def __init__(self, config: FundingArbScalerConfig | None = None) -> None:
        super().__init__(config or FundingArbScalerConfig())
        if not float(self.config.every) > 0.0:
            raise ValueError(f"need every > 0 [s], was {self.config.every}; typical values 300-3600")
        self.config.rule.params()
        self._desk: CarryDesk | None = None
        self._decisions: dict[str, CarryDecision] = {}

    @property
    def decisions(self) -> dict[str, CarryDecision]:
        """What was decided last, by the name of the pair."""
        return dict(self._decisions)

    @property
    def captures(self) -> dict[str, float]:
        """Paid over expected funding of each pair [-], where enough is known to tell."""
        found = {} if self._desk is None else self._desk.keys
        told = {name: latest(self.msgbus, CarryCapture, key) for name, key in found.items()}
        return {name: one.ratio for name, one in told.items() if one is not None and math.isfinite(one.ratio)}

    def on_start(self) -> None:
        """Go on from the saved state, say that sizes will come, and decide by the clock."""
        config = self.config
        missing = [
            leg
            for pair in config.hedges
            for leg in (pair.one, pair.two)
            if self.cache.instrument(leg) is None
        ]
        if missing:
            self.log.error(f"cannot scale carries: no {missing[0]} in the cache")
            self.stop()
            return
        self._desk = CarryDesk(
            self,
            config.hedges,
            config.rule,
            every=float(config.every),
            held=self._held,
            is_ours=self._is_ours,
            on_time=self._on_time,
            state=config.state,
            currency=config.reporting_currency,
        )
        now = self.clock.timestamp_ns()
        for key in self._desk.keys.values():  # whoever would decide alone waits for the first decision
            publish(self.msgbus, CarrySize(key=key, ts=now, size=math.nan, why=_UNKNOWN, edge=math.nan))
        self._desk.start(premium=config.premium)

    def on_stop(self) -> None:
        """Listen no more, and keep what is known."""
        if self._desk is not None:
            self._desk.stop()
            self._desk = None

    def on_reset(self) -> None:
        """Forget all decisions."""
        self._decisions = {}

    def _on_time(self, now: int) -> None:
        assert self._desk is not None  # it rings
        held = {name: self._sum(name, full=True) for name in self._desk.keys}
        self._decisions = self._desk.decide(now, held)
        for name, one in self._decisions.items():
            key = self._desk.keys[name]
            message = CarrySize(
                key=key, ts=now, size=one.size, why=one.why, edge=one.edge, numbers=one.numbers
            )
            publish(self.msgbus, message)

    def _held(self, name: str) -> float:
        return self._sum(name, full=False)

    def _sum(self, name: str, *, full: bool) -> float:
        """Return what strategies hold of a pair."""
        assert self._desk is not None  # asked while it runs
        key = self._desk.keys[name]
        told = [one for one in everything(self.msgbus, CarryHeld).values() if one.pair == key]
        return math.fsum(one.full if full else one.size for one in told)

    def _is_ours(self, position: str) -> bool:
        """Tell whether a position is of a strategy that holds pairs: others may trade the same instrument."""
        holders = {one.key.partition("|")[0] for one in everything(self.msgbus, CarryHeld).values()}
        return is_held_by(self.cache, position, holders)
