"""Strategies: thin shells around the rules, importable as `nautilus_quant.strategies`."""

from nautilus_quant.strategies.mean_reversion import MeanReversion, MeanReversionConfig
from nautilus_quant.strategies.momentum import Momentum, MomentumConfig

__all__ = ["MeanReversion", "MeanReversionConfig", "Momentum", "MomentumConfig"]
