"""Actors: thin shells around the rules, importable as `nautilus_quant.actors`."""

from nautilus_quant.actors.regime_gate import RegimeGate, RegimeGateConfig
from nautilus_quant.actors.safety_engine import SafetyEngine, SafetyEngineConfig

__all__ = ["RegimeGate", "RegimeGateConfig", "SafetyEngine", "SafetyEngineConfig"]
