"""Trading systems for NautilusTrader that can be trusted with money: gates, safety, regimes, strategies."""

__version__ = "0.1.0"
