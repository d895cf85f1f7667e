"""Actors: thin shells around the rules, importable as `nautilus_quant.actors`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nautilus_quant.actors.anomaly_detector import AnomalyDetector
    from nautilus_quant.actors.anomaly_detector_config import AnomalyDetectorConfig
    from nautilus_quant.actors.exit_manager import ExitManager, ExitManagerConfig
    from nautilus_quant.actors.expiry_handler import ExpiryHandler, ExpiryHandlerConfig
    from nautilus_quant.actors.funding_arb_scaler import FundingArbScaler, FundingArbScalerConfig
    from nautilus_quant.actors.hedging_actor import HedgingActor, HedgingActorConfig
    from nautilus_quant.actors.iv_monitor import IVMonitor
    from nautilus_quant.actors.iv_monitor_config import IVMonitorConfig
    from nautilus_quant.actors.liquidity_monitor import LiquidityMonitor, LiquidityMonitorConfig
    from nautilus_quant.actors.margin_monitor import MarginMonitor
    from nautilus_quant.actors.margin_monitor_config import MarginMonitorConfig
    from nautilus_quant.actors.meta_learner import MetaLearner
    from nautilus_quant.actors.meta_learner_config import MetaLearnerConfig
    from nautilus_quant.actors.option_margin import OptionMargin, OptionMarginConfig
    from nautilus_quant.actors.order_flow_config import OrderFlowGateConfig
    from nautilus_quant.actors.order_flow_gate import OrderFlowGate
    from nautilus_quant.actors.order_policy_config import OrderPolicyGateConfig
    from nautilus_quant.actors.order_policy_gate import OrderPolicyGate
    from nautilus_quant.actors.performance_guard import PerformanceGuard, PerformanceGuardConfig
    from nautilus_quant.actors.portfolio_monitor import PortfolioMonitor, PortfolioMonitorConfig
    from nautilus_quant.actors.regime_gate import RegimeGate, RegimeGateConfig
    from nautilus_quant.actors.safety_engine import SafetyEngine
    from nautilus_quant.actors.safety_engine_config import SafetyEngineConfig
    from nautilus_quant.actors.venue_router import VenueRouter, VenueRouterConfig

__all__ = [
    "AnomalyDetector",
    "AnomalyDetectorConfig",
    "ExitManager",
    "ExitManagerConfig",
    "ExpiryHandler",
    "ExpiryHandlerConfig",
    "FundingArbScaler",
    "FundingArbScalerConfig",
    "HedgingActor",
    "HedgingActorConfig",
    "IVMonitor",
    "IVMonitorConfig",
    "LiquidityMonitor",
    "LiquidityMonitorConfig",
    "MarginMonitor",
    "MarginMonitorConfig",
    "MetaLearner",
    "MetaLearnerConfig",
    "OptionMargin",
    "OptionMarginConfig",
    "OrderFlowGate",
    "OrderFlowGateConfig",
    "OrderPolicyGate",
    "OrderPolicyGateConfig",
    "PerformanceGuard",
    "PerformanceGuardConfig",
    "PortfolioMonitor",
    "PortfolioMonitorConfig",
    "RegimeGate",
    "RegimeGateConfig",
    "SafetyEngine",
    "SafetyEngineConfig",
    "VenueRouter",
    "VenueRouterConfig",
]

# Each is imported when it is asked for: who takes one actor does not load, and collect garbage around, all.
_WHERE = {
    "AnomalyDetector": "anomaly_detector",
    "AnomalyDetectorConfig": "anomaly_detector_config",
    "ExitManager": "exit_manager",
    "ExitManagerConfig": "exit_manager",
    "ExpiryHandler": "expiry_handler",
    "ExpiryHandlerConfig": "expiry_handler",
    "FundingArbScaler": "funding_arb_scaler",
    "FundingArbScalerConfig": "funding_arb_scaler",
    "HedgingActor": "hedging_actor",
    "HedgingActorConfig": "hedging_actor",
    "IVMonitor": "iv_monitor",
    "IVMonitorConfig": "iv_monitor_config",
    "LiquidityMonitor": "liquidity_monitor",
    "LiquidityMonitorConfig": "liquidity_monitor",
    "MarginMonitor": "margin_monitor",
    "MarginMonitorConfig": "margin_monitor_config",
    "MetaLearner": "meta_learner",
    "MetaLearnerConfig": "meta_learner_config",
    "OptionMargin": "option_margin",
    "OptionMarginConfig": "option_margin",
    "OrderFlowGate": "order_flow_gate",
    "OrderFlowGateConfig": "order_flow_config",
    "OrderPolicyGate": "order_policy_gate",
    "OrderPolicyGateConfig": "order_policy_config",
    "PerformanceGuard": "performance_guard",
    "PerformanceGuardConfig": "performance_guard",
    "PortfolioMonitor": "portfolio_monitor",
    "PortfolioMonitorConfig": "portfolio_monitor",
    "RegimeGate": "regime_gate",
    "RegimeGateConfig": "regime_gate",
    "SafetyEngine": "safety_engine",
    "SafetyEngineConfig": "safety_engine_config",
    "VenueRouter": "venue_router",
    "VenueRouterConfig": "venue_router",
}


def __getattr__(name: str) -> Any:
    """Import an actor or its config."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
