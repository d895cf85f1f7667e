"""Short names of the plug-ins that come with the suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from nautilus_quant.config.deployment import Kind
from nautilus_quant.gating.matrix import snake_case


class Entry(NamedTuple):
    """Import paths of a class and of its config class."""

    path: str
    config_path: str


def _ours(room: str, *names: str) -> dict[str, Entry]:
    module = f"nautilus_quant.{room}"
    return {snake_case(name): Entry(f"{module}:{name}", f"{module}:{name}Config") for name in names}


_ALGORITHMS: Final = "nautilus_trader.examples.algorithms"

REGISTRY: Final[Mapping[Kind, Mapping[str, Entry]]] = {
    "strategy": _ours(
        "strategies",
        "Momentum",
        "MeanReversion",
        "StatArb",
        "Grid",
        "OptionsDelta",
        "OptionsSpread",
        "FundingArb",
        "CrossExchangeArb",
    ),
    "actor": _ours(
        "actors",
        "SafetyEngine",
        "RegimeGate",
        "PerformanceGuard",
        "MetaLearner",
        "OrderPolicyGate",
        "LiquidityMonitor",
        "MarginMonitor",
        "PortfolioMonitor",
        "OrderFlowGate",
        "AnomalyDetector",
        "ExitManager",
        "IVMonitor",
        "ExpiryHandler",
        "OptionMargin",
        "HedgingActor",
        "FundingArbScaler",
    ),
    "exec_algorithm": {
        **_ours("actors", "VenueRouter"),
        "twap": Entry(f"{_ALGORITHMS}.twap:TWAPExecAlgorithm", f"{_ALGORITHMS}.twap:TWAPExecAlgorithmConfig"),
    },
}

SAFETY_ENGINE: Final = REGISTRY["actor"]["safety_engine"].path
PORTFOLIO_MONITOR: Final = REGISTRY["actor"]["portfolio_monitor"].path


def lookup(kind: Kind, use: str, config: str | None = None) -> Entry | None:
    """
    Return what a ``use`` means: a short name, or ``package.module:Class``.

    Parameters
    ----------
    kind : str
        Short names are per kind.
    use : str
        What the file says.
    config : str, optional
        Import path of the config class, where it is not the class's name followed by ``Config``.

    Returns
    -------
    Entry or None
        None when it is neither a short name nor an import path.
    """
    entry = REGISTRY[kind].get(use)
    if entry is None and _is_path(use):
        entry = Entry(use, f"{use}Config")
    return entry if entry is None or config is None else Entry(entry.path, config)


def _is_path(text: str) -> bool:
    module, separator, name = text.partition(":")
    return bool(separator) and name.isidentifier() and all(part.isidentifier() for part in module.split("."))
