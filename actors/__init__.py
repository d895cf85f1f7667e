"""Actors: thin shells around the rules, importable as `nautilus_quant.actors`."""

from nautilus_quant.actors.anomaly_detector import AnomalyDetector
from nautilus_quant.actors.anomaly_detector_config import AnomalyDetectorConfig
from nautilus_quant.actors.exit_manager import ExitManager, ExitManagerConfig
from nautilus_quant.actors.liquidity_monitor import LiquidityMonitor, LiquidityMonitorConfig
from nautilus_quant.actors.margin_monitor import MarginMonitor
from nautilus_quant.actors.margin_monitor_config import MarginMonitorConfig
from nautilus_quant.actors.meta_learner import MetaLearner
from nautilus_quant.actors.meta_learner_config import MetaLearnerConfig
from nautilus_quant.actors.order_flow_config import OrderFlowGateConfig
from nautilus_quant.actors.order_flow_gate import OrderFlowGate
from nautilus_quant.actors.order_policy_config import OrderPolicyGateConfig
from nautilus_quant.actors.order_policy_gate import OrderPolicyGate
from nautilus_quant.actors.performance_guard import PerformanceGuard, PerformanceGuardConfig
from nautilus_quant.actors.portfolio_monitor import PortfolioMonitor, PortfolioMonitorConfig
from nautilus_quant.actors.regime_gate import RegimeGate, RegimeGateConfig
from nautilus_quant.actors.safety_engine import SafetyEngine, SafetyEngineConfig

__all__ = [
    "AnomalyDetector",
    "AnomalyDetectorConfig",
    "ExitManager",
    "ExitManagerConfig",
    "LiquidityMonitor",
    "LiquidityMonitorConfig",
    "MarginMonitor",
    "MarginMonitorConfig",
    "MetaLearner",
    "MetaLearnerConfig",
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
]
