"""The plain NautilusTrader backtest behind a deployment: the same plug-ins over a catalog of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from nautilus_quant.config.catalogs import data_configs, data_kinds, market_config, period
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.native import discreet, plugin_configs
from nautilus_quant.venues.incidents import Incident, Incidents

if TYPE_CHECKING:
    from nautilus_trader.config import BacktestRunConfig


def native_backtest(deployment: Deployment, *, secrets: bool = False) -> list[dict[str, Any]]:
    """
    Return the config of a backtest as plain, JSON-able data: a list with one run.

    ``python -m nautilus_trader.backtest --fsspec-url file.json`` runs it, once `prepare_data` has written the
    catalogs it names.

    Parameters
    ----------
    deployment : Deployment
        A checked deployment; a live one runs over its `backtest` block, or that block's defaults.
    secrets : bool
        Whether to keep secrets.
    """
    spec = deployment.backtest
    start, end = period(deployment)
    run = {
        "venues": [_venue(deployment, venue) for venue in deployment.venues.values()],
        "data": [item for venue in deployment.venues.values() for item in data_configs(deployment, venue)],
        "engine": {
            "trader_id": deployment.trader_id,
            "logging": {"log_level": deployment.log.level},
            "run_analysis": True,
            **plugin_configs(deployment, state=spec.state, live=False),
        },
        "chunk_size": spec.chunk_size,
        "raise_exception": True,
        "dispose_on_completion": False,
        "start": start,
        "end": end,
    }
    return [run if secrets else discreet(run)]


def run_configs(deployment: Deployment) -> list[BacktestRunConfig]:
    """Return NautilusTrader's typed configs of the backtest, with secrets, for our own runner."""
    from nautilus_trader.config import BacktestRunConfig, msgspec_decoding_hook

    native = native_backtest(deployment, secrets=True)
    for run in native:
        run["engine"]["logging"] = {"bypass_logging": True}  # our runner shows progress, and is quick
    return msgspec.convert(native, list[BacktestRunConfig], dec_hook=msgspec_decoding_hook)


def _venue(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    return {
        "name": venue.name,
        "oms_type": venue.oms_type,
        "account_type": venue.account_type,
        "starting_balances": list(venue.balances),
        "base_currency": venue.base_currency,
        "default_leverage": venue.leverage,
        "book_type": venue.options.get("book_type", "L1_MBP"),
        # Bars never reach the matching engine of a live paper venue: quotes fill there, so they do here.
        **({"bar_execution": False} if venue.adapter == "simulated" else {}),
        **{key: venue.options[key] for key in _SHARED_WITH_PAPER if key in venue.options},
        **_fill_model(venue),
        **_latency_model(venue),
        **({"fee_model": venue.options["fee_model"]} if venue.options.get("fee_model") else {}),
        **({"modules": modules} if (modules := _modules(deployment, venue)) else {}),
    }


def _modules(deployment: Deployment, venue: Venue) -> list[dict[str, Any]]:
    options = [_SETTLEMENT] if venue.adapter == "simulated" and venue.options.get("options") else []
    pays = "funding" in data_kinds(deployment, venue) and venue.options.get("funding") != "off"
    troubled = [_incidents(deployment, venue)] if _has_trouble(venue) else []
    return options + ([_funding(venue)] if pays else []) + troubled


def _has_trouble(venue: Venue) -> bool:
    """Tell whether anything happens to orders; what happens to data is in the data."""
    schedule = msgspec.convert(venue.options.get("incidents") or (), tuple[Incident, ...])
    return Incidents(schedule).concern_orders


def _incidents(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Reject what the paper client would reject at the same times after the market's opening."""
    shared: dict[str, Any] = {key: venue.options[key] for key in _TROUBLE if key in venue.options}
    start, _ = period(deployment)
    if venue.adapter == "simulated" and start is not None:
        shared["opening"] = market_config(deployment, venue).timeline(start).origin
    return {**_INCIDENTS, "config": shared}


def _funding(venue: Venue) -> dict[str, Any]:
    """Pay funding as the paper client would by the same options, where it is told of rates at all."""
    named = {
        "funding": "untimed",
        "funding_interval": "interval",
        "mark_stale_after": "mark_stale_after",
        "latency": "delay",
    }
    given = {name: venue.options[key] for key, name in named.items() if key in venue.options}
    return {**_FUNDING, "config": given}


# NautilusTrader does not settle options rightly by itself: see `nautilus_quant.venues.settlement`.
_SETTLEMENT: Final = {
    "actor_path": "nautilus_quant.venues.settlement:OptionSettlement",
    "config_path": "nautilus_quant.venues.settlement:OptionSettlementConfig",
    "config": {},
}


# It settles no funding either.
_FUNDING: Final = {
    "actor_path": "nautilus_quant.venues.funding_module:FundingModule",
    "config_path": "nautilus_quant.venues.funding_module:FundingModuleConfig",
}

_INCIDENTS: Final = {
    "actor_path": "nautilus_quant.venues.incident_module:IncidentModule",
    "config_path": "nautilus_quant.venues.incident_module:IncidentModuleConfig",
}

_TROUBLE: Final = ("incidents", "latency", "seed")

_SHARED_WITH_PAPER: Final = (
    "bar_execution",
    "frozen_account",
    "reject_stop_orders",
    "support_contingent_orders",
    "support_gtd_orders",
    "trade_execution",
    "use_position_ids",
    "use_random_ids",
    "use_reduce_only",
)


def _latency_model(venue: Venue) -> dict[str, Any]:
    """Let commands take as long as they take to the paper client."""
    latency = venue.options.get("latency")
    if not latency:
        return {}
    return {
        "latency_model": {
            "latency_model_path": "nautilus_trader.backtest.models:LatencyModel",
            "config_path": "nautilus_trader.backtest.config:LatencyModelConfig",
            "config": {"base_latency_nanos": round(latency * 1e9)},
        }
    }


def _fill_model(venue: Venue) -> dict[str, Any]:
    """Return the fill model the paper client would make of the same options."""
    options = venue.options
    if options.get("fill_model") is not None:
        return {"fill_model": options["fill_model"]}
    if not options.keys() & {"prob_fill_on_limit", "prob_slippage"}:
        return {}
    config = {
        "prob_fill_on_limit": options.get("prob_fill_on_limit", 1.0),
        "prob_slippage": options.get("prob_slippage", 0.0),
        "random_seed": options.get("seed", 0),
    }
    return {
        "fill_model": {
            "fill_model_path": "nautilus_trader.backtest.models:FillModel",
            "config_path": "nautilus_trader.backtest.config:FillModelConfig",
            "config": config,
        }
    }
