"""Actors: thin shells around the rules, importable as `nautilus_quant.actors`."""

from nautilus_quant.actors.safety_engine import SafetyEngine, SafetyEngineConfig

__all__ = ["SafetyEngine", "SafetyEngineConfig"]
