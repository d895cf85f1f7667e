"""JSON Schema of a configuration file, for completion and checks in editors."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nautilus_quant.config.adapters import ADAPTERS
from nautilus_quant.config.deployment import Kind
from nautilus_quant.config.markets import option_fields
from nautilus_quant.config.plugins import SECTIONS, resolve_path
from nautilus_quant.config.registry import REGISTRY
from nautilus_quant.config.spec import BacktestSpec, FileSpec, LogSpec, TimeoutSpec, VenueSpec

_TEMPLATE: Final = "#/$defs/{name}"
_ENV: Final = {"type": "string", "pattern": r"\$\{.+\}"}
_NAMES: Final = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
_FILES: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_WRITTEN: Final = {
    "fraction": r"^\s*[-+]?[0-9._]+([eE][-+]?[0-9]+)?\s*(%|bps)?\s*$",
    "seconds": r"^\s*([0-9][0-9_]*(\.[0-9]+)?\s*(us|ms|min|s|m|h|d|w)?\s*)+$",
}


def schema() -> dict[str, Any]:
    """
    Return the JSON Schema (draft 2020-12) of a configuration file.

    It is made from the very types the loader checks, fields of our own plug-ins and of the adapters
    included. A file may leave out what it inherits through ``extends``, so nothing is required here, and
    wherever a number goes, ``${NAME}`` goes as well.
    """
    parts: dict[str, Any] = {}
    root = _struct(FileSpec, parts)
    properties = root["properties"]
    properties["extends"] = {**_FILES, "description": "Files this one is laid over; relative to this file."}
    for name, spec in (("log", LogSpec), ("timeouts", TimeoutSpec), ("backtest", BacktestSpec)):
        properties[name] = _struct(spec, parts)
    properties["venues"] = _named(_venues(parts))
    for kind, section in SECTIONS.items():
        properties[section] = _named(_plugins(kind, parts))
    whole = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "nautilus_quant deployment",
        **root,
        "$defs": parts,
    }
    return dict(_editable(whole))


def _struct(cls: type, parts: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of a struct in place, its components among `parts`."""
    (found,), components = msgspec.json.schema_components((cls,), schema_hook=_hook, ref_template=_TEMPLATE)
    name = found["$ref"].rpartition("/")[2]
    own = components.pop(name)
    parts.update(components)
    own.pop("required", None)
    own.pop("title", None)
    own["additionalProperties"] = False
    return dict(copy.deepcopy(own))


def _named(options: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": {"anyOf": [{"type": "null"}, {"oneOf": options}]}}


def _plugins(kind: Kind, parts: dict[str, Any]) -> list[dict[str, Any]]:
    own = {"enabled": {"type": "boolean", "default": True}, "config": _NAMES}
    options = []
    for name, entry in REGISTRY[kind].items():
        option = _struct(resolve_path(entry.config_path), parts)
        option["properties"] = {"use": {"const": name}, **own, **option["properties"]}
        options.append(option | {"required": ["use"], "title": name})
    # Anybody's class by import path, and a layer which changes fields of a plug-in named in another file.
    options.append(
        {"title": "import path", "properties": {"use": _NAMES, **own}, "required": ["use"], "type": "object"}
    )
    options.append({"title": "inherited", "type": "object", "not": {"required": ["use"]}})
    return options


def _venues(parts: dict[str, Any]) -> list[dict[str, Any]]:
    options = []
    for name, adapter in ADAPTERS.items():
        try:
            known = {**option_fields(adapter, paper=False), **option_fields(adapter, paper=True)}
        except ImportError:
            continue  # this NautilusTrader does not have it
        option = _struct(VenueSpec, parts)
        fields = {key: _type(kinds[0], parts) for key, kinds in known.items()}
        option["properties"] = {**fields, **option["properties"], "adapter": {"const": name}}
        options.append(option | {"required": ["adapter"], "title": name})
    options.append({"title": "inherited", "type": "object", "not": {"required": ["adapter"]}})
    return options


def _type(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:
    (found,), components = msgspec.json.schema_components((kind,), schema_hook=_hook, ref_template=_TEMPLATE)
    parts.update(components)
    return dict(found)


def _hook(kind: type) -> dict[str, Any]:
    from nautilus_trader.common.config import nautilus_schema_hook

    try:
        return dict(nautilus_schema_hook(kind))
    except TypeError:
        return {}  # a type we know nothing of: anything goes, the loader will judge


def _editable(part: Any) -> Any:
    """Allow what people may write: percentages, durations, and the environment in place of a number."""
    if isinstance(part, list):
        return [_editable(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    plain = {key: _editable(item) for key, item in part.items() if key not in ("default", "x-unit")}
    if "default" in part:
        plain["default"] = part["default"]
    if part.get("type") not in ("number", "integer", "boolean"):
        return plain
    options: list[dict[str, Any]] = [plain, dict(_ENV)]
    if "x-unit" in part:
        options.insert(1, {"type": "string", "pattern": _WRITTEN[part["x-unit"]]})
    described = {key: plain.pop(key) for key in ("default", "description", "title") if key in plain}
    return {**described, "anyOf": options}
