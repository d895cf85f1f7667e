"""What the funding arbitrage can be told."""

from __future__ import annotations

from typing import Literal

from msgspec import field
from nautilus_trader.config import NonNegativeFloat
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.scaler_settings import CarryPairConfig, CarryRuleConfig
from nautilus_quant.host.two_leg_strategy import TwoLegStrategyConfig


class FundingArbConfig(TwoLegStrategyConfig, kw_only=True, frozen=True):
    """
    What it can be told.

    Parameters
    ----------
    partner, borrow
        What `instrument` is paired with, and what selling it short costs [fraction per year]: for one pair;
        see `nautilus_quant.host.scaler_settings.CarryPairConfig`.
    hedges
        Several pairs in place of `partner`; `instrument` is `one` of the first.
    rule
        How boldly carry is held, where no scaler says so.
    every
        Between two decisions [s]; funding changes slowly, typically 300 to 3600.
    scaler
        ``auto`` holds what a `FundingArbScaler` of the node says, where there is one for a pair; ``own``
        decides by itself in any case.
    size_stale_after
        Age from which what the scaler said is nothing any more [s]: then nothing is added. More than its own
        `every`.
    min_distance, target_distance
        Move against the positions of a margin account at which it is liquidated, below which both legs are
        cut, and what that brings it to [fraction of price]. Between the two nothing is added.
    maintenance
        Maintenance margin per notional of instruments that name none [-].
    watch
        Least time between two looks at that distance, by quotes of one instrument [s].
    delistings
        When instruments end, by id, as in ``{LUNAUSDT-PERP.BINANCE: "2026-05-13T00:00:00Z"}``.
    leave_before
        How long before that their pairs are left [s].
    premium
        Whether mark and index prices are subscribed, to foretell rates by the premium.
    statuses
        Whether the status of instruments is subscribed; what others subscribe is heard in any case.

    """

    partner: InstrumentId | None = None
    borrow: NonNegativeFloat | None = None
    hedges: tuple[CarryPairConfig, ...] = ()
    rule: CarryRuleConfig = field(default_factory=CarryRuleConfig)
    every: Seconds = 900.0
    scaler: Literal["auto", "own"] = "auto"
    size_stale_after: Seconds = 3_600.0
    min_distance: Fraction = 0.1
    target_distance: Fraction = 0.2
    maintenance: Fraction = 0.005
    watch: Seconds = 60.0
    delistings: dict[str, str] = field(default_factory=dict)
    leave_before: Seconds = 259_200.0
    premium: bool = False
    statuses: bool = False

    @property
    def carries(self) -> tuple[CarryPairConfig, ...]:
        """All pairs."""
        if self.partner is None:
            return self.hedges
        return (CarryPairConfig(one=self.instrument, two=self.partner, borrow=self.borrow), *self.hedges)

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Kinds of data it subscribes beside quotes and bars, which a backtest of it must play."""
        return ("funding",)
