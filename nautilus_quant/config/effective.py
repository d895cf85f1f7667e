"""The configuration in effect, for reading: layers merged, defaults filled in, secrets masked."""

from __future__ import annotations

from typing import Any

from nautilus_quant.config.deployment import Deployment, Plugin, Venue
from nautilus_quant.config.native import plugin_fields
from nautilus_quant.config.secrets import masked


def show(deployment: Deployment) -> dict[str, Any]:
    """
    Return a deployment as plain data, as it could stand in a file.

    Parameters
    ----------
    deployment : Deployment
        A checked deployment.
    """
    plain: dict[str, Any] = {
        "name": deployment.name,
        "description": deployment.description,
        "mode": str(deployment.mode),
        "allocation": deployment.allocation,
        "state": deployment.state,
        "reporting_currency": deployment.reporting_currency,
        "trader_id": deployment.trader_id,
        "on_stop": deployment.on_stop,
        "status_file": deployment.status_file,
        "log": {**_fields(deployment.log), "file": deployment.log_file},
        "timeouts": _fields(deployment.timeouts),
        "backtest": _fields(deployment.backtest),
        "nautilus": deployment.nautilus,
        "venues": {name: _venue(venue) for name, venue in deployment.venues.items()},
        "actors": {name: _plugin(deployment, plugin) for name, plugin in deployment.actors.items()},
        "strategies": {name: _plugin(deployment, plugin) for name, plugin in deployment.strategies.items()},
        "exec_algorithms": {
            name: _plugin(deployment, item) for name, item in deployment.exec_algorithms.items()
        },
    }
    return dict(masked(plain))


def _venue(venue: Venue) -> dict[str, Any]:
    return {
        "adapter": venue.adapter,
        "balances": list(venue.balances),
        "account": venue.account_type.lower(),
        "oms": venue.oms_type.lower(),
        "base_currency": venue.base_currency,
        "leverage": venue.leverage,
        **venue.options,
    }


def _plugin(deployment: Deployment, plugin: Plugin) -> dict[str, Any]:
    fields = plugin_fields(deployment, plugin, state=deployment.state, live=False)
    if plugin.targets:
        fields["allocation"] = deployment.share(plugin)
    conventional = plugin.use == plugin.path and plugin.config_path != f"{plugin.path}Config"
    return {"use": plugin.use, **({"config": plugin.config_path} if conventional else {}), **fields}


def _fields(spec: Any) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in spec.__struct_fields__}
