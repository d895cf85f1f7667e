"""Plug-ins of somebody else, as a configuration may name them."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct, field
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig, StrategyConfig
from nautilus_trader.model.data import BarType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.trading.strategy import Strategy

from nautilus_quant.config.units import Fraction, Seconds


class Leg(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    instrument: InstrumentId
    weight: float = 1.0


class ProbeConfig(StrategyConfig, frozen=True, kw_only=True):
    instrument: InstrumentId
    bars: BarType | None = None
    size: Decimal = Decimal("0.1")
    fast: Annotated[int, Meta(ge=1)] = 10
    slow: int = 30
    stop: Fraction = 0.01
    wait: Seconds = 0.0
    legs: tuple[Leg, ...] = ()
    levels: dict[str, float] = field(default_factory=dict)
    api_token: str | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast must be shorter than slow [bars], was {self.fast} and {self.slow}")


class Probe(Strategy):
    def __init__(self, config: ProbeConfig) -> None:
        super().__init__(config)
        if config.size > 100:
            raise ValueError(f"size must be at most 100, was {config.size} with {config.api_token}")


class WatcherConfig(ActorConfig, frozen=True, kw_only=True):
    max_daily_loss: Fraction = 0.5
    state: str | None = None


class Watcher(Actor):
    def __init__(self, config: WatcherConfig) -> None:
        super().__init__(config)


class Settings(ActorConfig, frozen=True, kw_only=True):
    every: Seconds = 60.0


NOT_A_CLASS = 1
