"""Strategies: thin shells around the rules, importable as `nautilus_quant.strategies`."""

from nautilus_quant.strategies.cross_exchange_arb import CrossExchangeArb
from nautilus_quant.strategies.cross_exchange_arb_config import CrossExchangeArbConfig
from nautilus_quant.strategies.funding_arb import FundingArb, FundingArbConfig
from nautilus_quant.strategies.grid import Grid, GridConfig
from nautilus_quant.strategies.mean_reversion import MeanReversion, MeanReversionConfig
from nautilus_quant.strategies.momentum import Momentum, MomentumConfig
from nautilus_quant.strategies.options_delta import OptionsDelta, OptionsDeltaConfig
from nautilus_quant.strategies.options_spread import OptionsSpread, OptionsSpreadConfig
from nautilus_quant.strategies.stat_arb import StatArb, StatArbConfig

__all__ = [
    "CrossExchangeArb",
    "CrossExchangeArbConfig",
    "FundingArb",
    "FundingArbConfig",
    "Grid",
    "GridConfig",
    "MeanReversion",
    "MeanReversionConfig",
    "Momentum",
    "MomentumConfig",
    "OptionsDelta",
    "OptionsDeltaConfig",
    "OptionsSpread",
    "OptionsSpreadConfig",
    "StatArb",
    "StatArbConfig",
]
