"""Follow the trend of one instrument, with positions that shrink when it gets rough."""

from __future__ import annotations

from nautilus_trader.config import PositiveFloat

from nautilus_quant.config.units import Fraction
from nautilus_quant.signals.momentum import MomentumParams, MomentumRule
from nautilus_quant.strategies.signal_strategy import SignalStrategy, SignalStrategyConfig


class MomentumConfig(SignalStrategyConfig, kw_only=True, frozen=True):
    """
    What the momentum strategy can be told; see `nautilus_quant.signals.momentum.MomentumParams` for more.

    Parameters
    ----------
    fast, slow
        Mean ages of the two averages compared [bars].
    vol_half_life
        Half-life of the volatility a position is sized by [bars].
    vol_target
        Volatility per year a full signal aims at [fraction]; may exceed 1.
    cap
        Largest exposure [fraction of a full position].
    band
        Change of exposure below which the old one is kept [fraction of a full position].

    """

    fast: PositiveFloat = 16.0
    slow: PositiveFloat = 48.0
    vol_half_life: PositiveFloat = 60.0
    vol_target: PositiveFloat = 0.4
    cap: Fraction = 1.0
    band: Fraction = 0.2


class Momentum(SignalStrategy):
    """
    Time-series momentum with volatility targeting (Moskowitz et al. 2012, Baz et al. 2015).

    Parameters
    ----------
    config
        A `MomentumConfig`.

    """

    def __init__(self, config: MomentumConfig) -> None:
        super().__init__(config)

    def _new_rule(self, interval: int) -> MomentumRule:
        config = self.config
        params = MomentumParams(
            fast=config.fast,
            slow=config.slow,
            vol_half_life=config.vol_half_life,
            vol_target=config.vol_target,
            cap=config.cap,
            band=config.band,
        )
        return MomentumRule(params, interval=interval)
