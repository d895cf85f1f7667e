"""The plain NautilusTrader configs behind a deployment, which NautilusTrader's own commands run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from nautilus_quant.config.clients import data_client, exec_client
from nautilus_quant.config.deployment import Deployment, Plugin
from nautilus_quant.config.registry import PORTFOLIO_MONITOR
from nautilus_quant.config.secrets import is_secret, without_password
from nautilus_quant.config.spec import Mode

if TYPE_CHECKING:
    from nautilus_trader.config import TradingNodeConfig

# Closed orders and positions stay in NautilusTrader's cache for good unless they are purged.
_PURGE: Final = {
    "purge_closed_orders_interval_mins": 10,
    "purge_closed_orders_buffer_mins": 60,
    "purge_closed_positions_interval_mins": 10,
    "purge_closed_positions_buffer_mins": 60,
    "purge_account_events_interval_mins": 10,
    "purge_account_events_lookback_mins": 60,
}
# What was missed while the connection was down is looked up at the start, and checked for ever after.
_REAL_RECONCILIATION: Final = {
    "reconciliation_lookback_mins": 2 * 24 * 60,
    "open_check_interval_secs": 10.0,
    "position_check_interval_secs": 60.0,
}


def native_live(deployment: Deployment, *, secrets: bool = False) -> dict[str, Any]:
    """
    Return the config of a live node as plain, JSON-able data.

    ``python -m nautilus_trader.live --fsspec-url file.json`` runs it. That command decodes without
    NautilusTrader's type hook, so fields with identifier types stand at their defaults here, `trader_id`
    among them; `node_config` sets it.

    Parameters
    ----------
    deployment : Deployment
        A checked deployment.
    secrets : bool
        Whether to keep secrets. Without them adapters read their keys from the environment, and a database
        URL comes without its password.
    """
    native = {
        "environment": "live" if deployment.real else "sandbox",
        "logging": live_logging(deployment),
        "data_engine": {"graceful_shutdown_on_exception": True},
        "risk_engine": {"graceful_shutdown_on_exception": True},
        "exec_engine": _exec_engine(deployment),
        **{f"timeout_{name}": value for name, value in _timeouts(deployment).items()},
        "data_clients": {name: data_client(deployment, venue) for name, venue in deployment.venues.items()},
        "exec_clients": {name: exec_client(deployment, venue) for name, venue in deployment.venues.items()},
        **plugin_configs(deployment, state=deployment.state, live=True),
    }
    native = _overlaid(native, deployment.nautilus)
    return native if secrets else discreet(native)


def node_config(deployment: Deployment) -> TradingNodeConfig:
    """Return NautilusTrader's typed config of the live node, with trader id and secrets."""
    import msgspec
    from nautilus_trader.config import TradingNodeConfig, msgspec_decoding_hook

    native = {**native_live(deployment, secrets=True), "trader_id": deployment.trader_id}
    return msgspec.convert(native, TradingNodeConfig, dec_hook=msgspec_decoding_hook)


def live_logging(deployment: Deployment) -> dict[str, Any]:
    """Return the logging block: terminal, and a file that is rotated by size."""
    logging: dict[str, Any] = {"log_level": deployment.log.level}
    if not deployment.log_file:
        return logging
    file = PurePath(deployment.log_file)
    return logging | {
        "log_level_file": deployment.log.file_level,
        "log_directory": str(file.parent),
        "log_file_name": file.name.removesuffix(".log"),
        "log_file_max_size": deployment.log.max_size,
        "log_file_max_backup_count": deployment.log.backups,
    }


def plugin_configs(
    deployment: Deployment, *, state: str | None, live: bool
) -> dict[str, list[dict[str, Any]]]:
    """Return the importable configs of all plug-ins."""
    return {
        section: [
            {
                f"{kind}_path": plugin.path,
                "config_path": plugin.config_path,
                "config": plugin_fields(deployment, plugin, state=state, live=live),
            }
            for plugin in plugins.values()
        ]
        for section, kind, plugins in (
            ("actors", "actor", deployment.actors),
            ("strategies", "strategy", deployment.strategies),
            ("exec_algorithms", "exec_algorithm", deployment.exec_algorithms),
        )
    }


def plugin_fields(deployment: Deployment, plugin: Plugin, *, state: str | None, live: bool) -> dict[str, Any]:
    """Return the fields of a plug-in: as written, and where they are open, as the deployment implies."""
    fields = {key: value for key, value in _shared(deployment, plugin, state).items() if key in plugin.fields}
    fields |= plugin.config
    if plugin.targets:
        # All strategies together use the deployment's allocation, however many there are.
        fields["allocation"] = deployment.allocation * deployment.share(plugin)
    if plugin.path == PORTFOLIO_MONITOR and deployment.mode is Mode.CANARY:
        _bind_allocation(fields, deployment.allocation)
    if live and plugin.targets and (claims := _claims(deployment, plugin)):
        fields.setdefault("external_order_claims", claims)
    return fields


def _bind_allocation(fields: dict[str, Any], allocation: float) -> None:
    """Hold foreign strategies, which know no allocation, within the deployment's, too."""
    budget = fields.get("budget", {})
    if isinstance(budget, Mapping):
        written = budget.get("allocation")
        tightest = allocation if written is None else min(allocation, written)
        fields["budget"] = {**budget, "allocation": tightest}


def discreet(native: Any, field: str = "") -> Any:
    """Return a copy without secrets, for printing."""
    if isinstance(native, Mapping):
        return {key: discreet(item, str(key)) for key, item in native.items() if not _drop(str(key), item)}
    if isinstance(native, list | tuple):
        return [discreet(item, field) for item in native]
    return without_password(native) if isinstance(native, str) else native


def _drop(key: str, value: Any) -> bool:
    return is_secret(key) and isinstance(value, str)


def _shared(deployment: Deployment, plugin: Plugin, state: str | None) -> dict[str, Any]:
    shared: dict[str, Any] = {"state": state, "reporting_currency": deployment.reporting_currency}
    if plugin.kind == "actor":
        shared["component_id"] = plugin.name
    if plugin.kind == "strategy":
        shared["order_id_tag"] = plugin.order_id_tag
    return shared


def _claims(deployment: Deployment, plugin: Plugin) -> list[str]:
    """Return the instruments that only this plug-in trades: after a restart their positions are its own."""
    others = {
        item for other in deployment.strategies.values() if other is not plugin for item in other.instruments
    }
    claimed = {
        str(item)
        for other in deployment.strategies.values()
        for item in other.config.get("external_order_claims") or ()
    }
    return [item for item in plugin.instruments if item not in others | claimed]


def _exec_engine(deployment: Deployment) -> dict[str, Any]:
    engine: dict[str, Any] = {"reconciliation": True, "graceful_shutdown_on_exception": True, **_PURGE}
    return engine | _REAL_RECONCILIATION if deployment.real else engine


def _timeouts(deployment: Deployment) -> dict[str, float]:
    spec = deployment.timeouts
    return {name: getattr(spec, name) for name in spec.__struct_fields__}


def _overlaid(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(merged.get(key), Mapping) and isinstance(value, Mapping)
        merged[key] = _overlaid(merged[key], value) if both else value
    return merged
