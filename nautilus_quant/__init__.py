"""Trading systems for NautilusTrader that can be trusted with money: gates, safety, selection, hedging, carry."""

__version__ = "0.1.0"
