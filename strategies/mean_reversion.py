"""Trade one instrument back to its mean while it is calm."""

from __future__ import annotations

from nautilus_trader.config import NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction
from nautilus_quant.signals.mean_reversion import MeanReversionParams, MeanReversionRule
from nautilus_quant.strategies.signal_strategy import SignalStrategy, SignalStrategyConfig


class MeanReversionConfig(SignalStrategyConfig, kw_only=True, frozen=True):
    """
    What it can be told; see `nautilus_quant.signals.mean_reversion.MeanReversionParams` for more.

    Parameters
    ----------
    lookback
        Span of the mean and of the spread around it [bars].
    entry, exit
        Deviation at which a position is opened, and below which it is closed [standard deviations].
    stop
        Loss since the entry at which it is given up [standard deviations at the entry].
    max_holding
        Bars after which it is given up [bars].
    max_vol_ratio
        Fast over slow volatility above which nothing is opened [-].
    vol_half_life
        Half-life of the fast volatility [bars].
    vol_target
        Volatility per year a position aims at [fraction]; may exceed 1.
    cap
        Largest exposure [fraction of a full position].

    """

    lookback: PositiveFloat = 50.0
    entry: PositiveFloat = 2.0
    exit: NonNegativeFloat = 0.5
    stop: PositiveFloat = 2.0
    max_holding: PositiveInt = 100
    max_vol_ratio: PositiveFloat = 1.5
    vol_half_life: PositiveFloat = 20.0
    vol_target: PositiveFloat = 0.4
    cap: Fraction = 1.0


class MeanReversion(SignalStrategy):
    """
    Z-score reversion with a volatility filter, a stop and a longest holding (Avellaneda, Lee 2010).

    Parameters
    ----------
    config
        A `MeanReversionConfig`.

    """

    def __init__(self, config: MeanReversionConfig) -> None:
        super().__init__(config)

    def _new_rule(self, interval: int) -> MeanReversionRule:
        config = self.config
        params = MeanReversionParams(
            lookback=config.lookback,
            entry=config.entry,
            exit=config.exit,
            stop=config.stop,
            max_holding=config.max_holding,
            max_vol_ratio=config.max_vol_ratio,
            vol_half_life=config.vol_half_life,
            vol_target=config.vol_target,
            cap=config.cap,
        )
        return MeanReversionRule(params, interval=interval)
