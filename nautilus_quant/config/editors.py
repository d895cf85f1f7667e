"""JSON Schema of a configuration file, for completion and checks in editors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from nautilus_quant.config.adapters import ADAPTERS
from nautilus_quant.config.deployment import Kind
from nautilus_quant.config.each import EACH, INSTRUMENT_PATTERN, MAX_EACH
from nautilus_quant.config.markets import option_fields
from nautilus_quant.config.plugins import SECTIONS, resolve_path
from nautilus_quant.config.registry import REGISTRY
from nautilus_quant.config.spec import BacktestSpec, FileSpec, LogSpec, TimeoutSpec, VenueSpec

type Schema = dict[str, Any]

_TEMPLATE: Final = "#/$defs/{name}"
_ENV: Final = {"type": "string", "pattern": r"\$\{.+\}"}
_IMPORT_PATH: Final = {"type": "string", "pattern": "^[^:]+:[^:]+$"}
_OWN: Final = {"enabled": {"type": "boolean", "default": True}, "config": _IMPORT_PATH}
_FILES: Final = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_INSTRUMENT: Final = {"type": "string", "pattern": INSTRUMENT_PATTERN}
_EACH: Final = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_EACH,
    "uniqueItems": True,
    "items": {
        "anyOf": [
            _INSTRUMENT,
            {"type": "object", "properties": {"instrument": _INSTRUMENT}, "required": ["instrument"]},
        ]
    },
    "description": "Instruments, for one strategy each, called after this block and the instrument; "
    "{instrument: ..., partner: ...} sets further fields of that one.",
}
_WRITTEN: Final = {
    "fraction": r"^\s*[-+]?[0-9._]+([eE][-+]?[0-9]+)?\s*(%|bps)?\s*$",
    "seconds": r"^\s*([0-9][0-9_]*(\.[0-9]+)?\s*(us|ms|min|s|m|h|d|w)?\s*)+$",
}


def schema() -> Schema:
    """
    Return the JSON Schema (draft 2020-12) of a configuration file.

    It is made from the very types the loader checks, fields of our own plug-ins and of the adapters
    included. A file may leave out what it inherits through ``extends``, so nothing is required here, and
    wherever a number goes, ``${NAME}`` goes as well.
    """
    parts: Schema = {}
    root = _struct(FileSpec, parts)
    properties = root["properties"]
    properties["extends"] = {**_FILES, "description": "Files this one is laid over, relative to this file."}
    for name, spec in (("log", LogSpec), ("timeouts", TimeoutSpec), ("backtest", BacktestSpec)):
        properties[name] = _struct(spec, parts)
    properties["venues"] = _named(_venues(parts))
    for kind, section in SECTIONS.items():
        properties[section] = _named(_plugins(kind, parts))
    draft = "https://json-schema.org/draft/2020-12/schema"
    whole = {"$schema": draft, "title": "nautilus_quant deployment", **root, "$defs": parts}
    return dict(_editable(whole))


def _struct(cls: type[msgspec.Struct], parts: Schema) -> Schema:
    """Return the schema of a struct; msgspec's own gives up on defaults it cannot write as JSON."""
    described = _descriptions(cls)
    properties = {}
    for item in msgspec.structs.fields(cls):
        field = _type(item.type, parts)
        if item.default is not msgspec.NODEFAULT and (default := _plain(item.default)) is not None:
            field["default"] = default
        if item.encode_name in described:
            field["description"] = described[item.encode_name]
        properties[item.encode_name] = field
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _type(kind: Any, parts: Schema) -> Schema:
    try:
        (found,), components = msgspec.json.schema_components(
            (kind,), schema_hook=_hook, ref_template=_TEMPLATE
        )
    except TypeError:
        return {}  # nothing we could say about it; the loader will judge
    parts.update(components)
    return dict(found)


def _named(options: list[Schema]) -> Schema:
    return {"type": "object", "additionalProperties": {"anyOf": [{"type": "null"}, {"oneOf": options}]}}


def _plugins(kind: Kind, parts: Schema) -> list[Schema]:
    options = []
    for name, entry in REGISTRY[kind].items():
        option = _struct(resolve_path(entry.config_path), parts)
        option["properties"] = {"use": {"const": name}, **_OWN, **option["properties"]}
        options.append(option | {"required": ["use"], "title": name})
    anybodys = {"use": _IMPORT_PATH, **_OWN}
    options.append({"title": "import path", "type": "object", "properties": anybodys, "required": ["use"]})
    options.append(_inherited("use"))
    return [_for_many(option) for option in options] if kind == "strategy" else options


def _for_many(option: Schema) -> Schema:
    """Let a strategy be written once for many instruments."""
    properties = {**option.get("properties", {}), EACH: {"anyOf": [{"type": "null"}, _EACH]}}
    return option | {"properties": properties}


def _venues(parts: Schema) -> list[Schema]:
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
    return [*options, _inherited("adapter")]


def _inherited(key: str) -> Schema:
    """Return the schema of a block which changes keys of one that another file has begun."""
    return {"title": "inherited", "type": "object", "not": {"required": [key]}}


def _hook(kind: type) -> Schema:
    from nautilus_trader.common.config import nautilus_schema_hook

    try:
        return dict(nautilus_schema_hook(kind))
    except TypeError:
        return {}


def _plain(value: Any) -> Any:
    from nautilus_trader.common.config import msgspec_encoding_hook

    try:
        return msgspec.to_builtins(value, enc_hook=msgspec_encoding_hook)
    except (TypeError, ValueError):
        return None


def _descriptions(cls: type) -> dict[str, str]:
    """Return what the numpy-style docstrings of a class and its bases say about each field."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        names: list[str] = []
        lines: list[str] = []
        for line in [*(inspect.cleandoc(base.__doc__ or "").splitlines()), ""]:
            if line.startswith("    "):
                lines.append(line.strip())
                continue
            found.update(dict.fromkeys(names, " ".join(lines)) if lines else {})
            names, lines = [name.strip() for name in line.partition(":")[0].split(",")], []
    return found


def _editable(part: Any) -> Any:
    """Allow what people may write: percentages, durations, and the environment in place of a number."""
    if isinstance(part, list):
        return [_editable(item) for item in part]
    if not isinstance(part, Mapping):
        return part
    kept = {key: item for key, item in part.items() if key != "x-unit"}
    plain = {key: item if key == "default" else _editable(item) for key, item in kept.items()}
    if all(isinstance(item, int) for item in part.get("enum", ("",))):
        return {"anyOf": [plain, {"type": "string"}]}  # people write the member's name
    if part.get("type") not in ("number", "integer", "boolean"):
        return plain
    options: list[Schema] = [plain, dict(_ENV)]
    if "x-unit" in part:
        options.insert(1, {"type": "string", "pattern": _WRITTEN[part["x-unit"]]})
    about = {key: plain.pop(key) for key in ("default", "description", "title") if key in plain}
    return {**about, "anyOf": options}
