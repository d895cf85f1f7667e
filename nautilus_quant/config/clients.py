"""Client configs of a venue, as NautilusTrader's importable (JSON) configs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from nautilus_quant.config.adapters import ADAPTERS, PAPER
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.markets import RESERVED
from nautilus_quant.config.plugins import resolve_path
from nautilus_quant.config.registry import Entry


def data_client(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Return the importable config of the client that brings a venue's data."""
    return _importable(ADAPTERS[venue.adapter].data, data_fields(deployment, venue))


def exec_client(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Return the importable config of the client that takes orders: the venue's, or paper."""
    if venue.paper:
        return _importable(PAPER, paper_fields(deployment, venue))
    entry = ADAPTERS[venue.adapter].execution
    return _importable(entry, _real_fields(deployment, venue, fields_of(entry)))


def data_fields(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Return the fields of the data client's config."""
    names = fields_of(ADAPTERS[venue.adapter].data)
    if not venue.embedded:
        return _real_fields(deployment, venue, names)
    plain = {key: value for key, value in venue.options.items() if key in names}
    provided = {"venue": venue.name, "state": deployment.state, "bars": _bar_specs(deployment, venue)}
    return {**{key: value for key, value in provided.items() if key in names and value}, **plain}


def paper_fields(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Return the fields of the paper execution client's config."""
    names = fields_of(PAPER) - RESERVED
    plain = {key: value for key, value in venue.options.items() if key in names}
    return {
        "venue": venue.name,
        "starting_balances": list(venue.balances),
        "base_currency": venue.base_currency,
        "account_type": venue.account_type,
        "oms_type": venue.oms_type,
        "default_leverage": venue.leverage,
        "state": deployment.state,
        # Records of funding are of what was paid, at its time, and not of what will be.
        **({"funding": "paid"} if venue.adapter == "replay" else {}),
        **plain,
    }


def fields_of(entry: Entry) -> frozenset[str]:
    """Return the names of all fields of a config class."""
    return frozenset(item.name for item in msgspec.structs.fields(resolve_path(entry.path)))


def instruments_of(deployment: Deployment, venue: Venue) -> list[str]:
    """Return the instruments of a venue that any plug-in names."""
    return [item for item in deployment.instruments if item.endswith(f".{venue.name}")]


def _importable(entry: Entry, fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"path": entry.path, "config": dict(fields), "factory": {"path": entry.config_path}}


def _real_fields(deployment: Deployment, venue: Venue, names: frozenset[str]) -> dict[str, Any]:
    plain = {key: value for key, value in venue.options.items() if key in names}
    if "instrument_provider" in names and "instrument_provider" not in plain:
        wanted = instruments_of(deployment, venue)
        # A venue lists thousands of instruments: load what is traded.
        plain["instrument_provider"] = {"load_ids": wanted} if wanted else {"load_all": True}
    return plain


def _bar_specs(deployment: Deployment, venue: Venue) -> list[str]:
    """Return the venue-made bars the plug-ins want of a venue, ``1-SECOND``."""
    specs: dict[str, None] = {}
    for bar in deployment.bars:
        head, _, source = bar.rpartition("-")
        instrument, step, unit, price = head.rsplit("-", 3)
        if source == "EXTERNAL" and price == "LAST" and instrument.endswith(f".{venue.name}"):
            specs[f"{step}-{unit}"] = None
    return list(specs)
