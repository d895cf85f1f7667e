"""Strategies: thin shells around the rules, importable as `nautilus_quant.strategies`."""
