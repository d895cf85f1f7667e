"""Actors: thin shells around the rules, importable as `nautilus_quant.actors`."""

from nautilus_quant.actors.meta_learner import MetaLearner
from nautilus_quant.actors.meta_learner_config import MetaLearnerConfig
from nautilus_quant.actors.performance_guard import PerformanceGuard, PerformanceGuardConfig
from nautilus_quant.actors.regime_gate import RegimeGate, RegimeGateConfig
from nautilus_quant.actors.safety_engine import SafetyEngine, SafetyEngineConfig

__all__ = [
    "MetaLearner",
    "MetaLearnerConfig",
    "PerformanceGuard",
    "PerformanceGuardConfig",
    "RegimeGate",
    "RegimeGateConfig",
    "SafetyEngine",
    "SafetyEngineConfig",
]
