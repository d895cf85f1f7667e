"""Plug-ins: from a block of YAML to a class, its config class and its checked fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, Final, NamedTuple

import msgspec

from nautilus_quant.config.check import Checker, to_plain
from nautilus_quant.config.deployment import Kind, Plugin
from nautilus_quant.config.environment import join
from nautilus_quant.config.nodes import Node
from nautilus_quant.config.problems import nearest
from nautilus_quant.config.registry import REGISTRY, Entry, lookup
from nautilus_quant.config.secrets import discreet
from nautilus_quant.config.spec import DataKind

OWN_KEYS: Final = frozenset({"use", "config", "enabled"})
SECTIONS: Final[Mapping[Kind, str]] = {
    "actor": "actors",
    "strategy": "strategies",
    "exec_algorithm": "exec_algorithms",
}
_BASES: Final[Mapping[Kind, tuple[str, str]]] = {
    "actor": ("nautilus_trader.common.actor:Actor", "nautilus_trader.config:ActorConfig"),
    "strategy": ("nautilus_trader.trading.strategy:Strategy", "nautilus_trader.config:StrategyConfig"),
    "exec_algorithm": (
        "nautilus_trader.execution.algorithm:ExecAlgorithm",
        "nautilus_trader.config:ExecAlgorithmConfig",
    ),
}
_OURS: Final = "nautilus_quant.actors"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,35}")


class Fields(NamedTuple):
    """Fields of a plug-in, checked, and where they were written."""

    block: Node
    path: str
    plain: dict[str, Any]


def read_plugins(kind: Kind, tree: Node, checker: Checker, *, deep: bool) -> dict[str, Plugin]:
    """
    Read all plug-ins of one kind.

    Parameters
    ----------
    kind : str
        Which section.
    tree : Node
        The whole file.
    checker : Checker
        Receives what is wrong.
    deep : bool
        Whether to import the classes and check their fields; otherwise fields stay as written.
    """
    section = SECTIONS[kind]
    found: dict[str, Plugin] = {}
    node = tree.child(section)
    if node is None or not isinstance(node.value, dict):
        return found
    for name, block in node.value.items():
        path = join(section, name)
        if not _NAME.fullmatch(name):
            rule = "a name is up to 36 letters, digits, hyphens and underscores"
            checker.report(block, path, rule, shown=repr(name), line=node.key_lines.get(name, 0))
        elif (plugin := _plugin(kind, name, block, path, checker, deep=deep)) is not None:
            found[name] = plugin
    return found


def is_enabled(block: Node | None) -> bool:
    """Tell whether a block is switched on, which it is unless it says ``enabled: false``."""
    switch = block.child("enabled") if block is not None else None
    return switch is None or switch.value is not False


def _plugin(kind: Kind, name: str, block: Node, path: str, checker: Checker, *, deep: bool) -> Plugin | None:
    if not isinstance(block.value, dict):
        checker.report(block, path, "must be a mapping with a `use` key", hint="write {use: ...}")
        return None
    before = len(checker.problems)
    entry, use = _entry(kind, block, path, checker)
    _check_switch(block, path, checker)
    if entry is None:
        return None
    fields = {key: item for key, item in block.value.items() if key not in OWN_KEYS}
    rest = replace(block, value=fields)
    plugin = Plugin(
        name=name, kind=kind, use=use, path=entry.path, config_path=entry.config_path, config=to_plain(rest)
    )
    if deep:
        plugin = _checked(plugin, rest, block, path, checker)
    return plugin if len(checker.problems) == before and is_enabled(block) else None


def _entry(kind: Kind, block: Node, path: str, checker: Checker) -> tuple[Entry | None, str]:
    use, config = block.child("use"), block.child("config")
    short = REGISTRY[kind]
    if use is None:
        checker.report(
            block,
            path,
            "`use` is required",
            hint=f"one of {', '.join(sorted(short))}, or package.module:Class",
            shown="",
        )
        return None, ""
    for node, key in ((use, "use"), (config, "config")):
        if node is not None and not isinstance(node.value, str):
            checker.report(node, join(path, key), "must be text")
            return None, ""
    entry = lookup(kind, str(use.value), None if config is None else str(config.value))
    if entry is None:
        checker.report(
            use,
            join(path, "use"),
            "must be a short name or package.module:Class",
            hint=nearest(str(use.value), short, what="short names"),
        )
    return entry, str(use.value)


def _check_switch(block: Node, path: str, checker: Checker) -> None:
    switch = block.child("enabled")
    if switch is not None and not isinstance(switch.value, bool):
        checker.report(switch, join(path, "enabled"), "must be true or false")


def _checked(plugin: Plugin, rest: Node, block: Node, path: str, checker: Checker) -> Plugin:
    base, config_base = (resolve_path(item) for item in _BASES[plugin.kind])
    use, config = block.child("use"), block.child("config") or block.child("use")
    cls = _import(plugin.path, base, use or block, join(path, "use"), checker)
    if cls is None:
        return plugin
    config_cls = _import(plugin.config_path, config_base, config or block, join(path, "config"), checker)
    if config_cls is None:
        return plugin
    plain = checker.struct(config_cls, rest, path)
    names = frozenset(item.encode_name for item in msgspec.structs.fields(config_cls))
    whole = _decoded(config_cls, plain, checker)
    sound = whole is not None and _constructs(cls, whole, Fields(rest, path, plain), checker)
    instruments, bars = _market_data(whole) if sound else ((), ())
    return replace(
        plugin,
        config=plain,
        fields=names,
        instruments=instruments,
        bars=bars,
        targets=_is_target(config_cls),
        safety=_is_safety(cls),
        kinds=_kinds(whole) if sound else (),
    )


def _constructs(cls: Any, config: Any, fields: Fields, checker: Checker) -> bool:
    """Build it once: many classes, NautilusTrader's examples too, judge their config when constructed."""
    try:
        cls(config)
    except Exception as error:  # noqa: BLE001 - classes of others run here
        said = discreet(str(error) or type(error).__name__, fields.plain)
        checker.blame(fields.block, fields.path, said, f"{cls.__name__} refuses this config: {said}")
        return False
    return True


def resolve_path(path: str) -> Any:
    """Import ``package.module:Class``; whatever goes wrong in there goes up."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _import(path: str, base: type, node: Node, place: str, checker: Checker) -> Any:
    try:
        found = resolve_path(path)
    except AttributeError:
        module, _, name = path.partition(":")
        names = [item for item in dir(import_module(module)) if not item.startswith("_")]
        checker.report(node, place, f"{module} has no {name}", hint=nearest(name, names) if names else "")
        return None
    except Exception as error:  # noqa: BLE001 - modules of others run here
        said = (
            f"{type(error).__name__}: {error}" if not isinstance(error, ModuleNotFoundError) else str(error)
        )
        checker.report(
            node, place, f"cannot import {path} ({said})", hint="is it installed, or on PYTHONPATH?"
        )
        return None
    if not (isinstance(found, type) and issubclass(found, base)):
        checker.report(node, place, f"must be a subclass of NautilusTrader's {base.__name__}")
        return None
    return found


def _decoded(config_cls: Any, plain: Mapping[str, Any], checker: Checker) -> Any:
    try:
        return msgspec.convert(dict(plain), config_cls, dec_hook=checker.decode)
    except Exception:  # noqa: BLE001 - already reported, field by field
        return None


def _is_target(config_cls: type) -> bool:
    return any(
        _full_name(base) == "nautilus_quant.host.target:TargetStrategyConfig" for base in config_cls.__mro__
    )


def _is_safety(cls: type) -> bool:
    return any(base.__name__ == "SafetyEngine" and _full_name(base).startswith(_OURS) for base in cls.__mro__)


def _kinds(config: Any) -> tuple[DataKind, ...]:
    """Return what a config says it subscribes beside bars and quotes; most say nothing."""
    return tuple(getattr(config, "data_kinds", ()))


def _full_name(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


def _market_data(config: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the instruments and bar types a config names, wherever in its fields."""
    from nautilus_trader.model.data import BarType
    from nautilus_trader.model.identifiers import InstrumentId

    leaves = list(_leaves(config))
    bars = [leaf for leaf in leaves if isinstance(leaf, BarType)]
    bars += _own_bars(config)
    named = [leaf for leaf in leaves if isinstance(leaf, InstrumentId)]
    named += [bar.instrument_id for bar in bars]
    return tuple(dict.fromkeys(map(str, named))), tuple(dict.fromkeys(map(str, bars)))


def _own_bars(config: Any) -> list[Any]:
    """Return the bar types our own plug-ins write short, ``1-MINUTE``, for the instruments beside."""
    bar = getattr(config, "bar", None)
    if not bar or not type(config).__module__.startswith("nautilus_quant"):
        return []
    from nautilus_quant.host.bars import bar_type_of

    single = getattr(config, "instrument", None)
    instruments = [single] if single is not None else getattr(config, "instruments", ())
    return [bar_type_of(instrument, bar) for instrument in instruments]


def _leaves(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from _leaves(getattr(value, name))
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _leaves(key)
            yield from _leaves(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _leaves(item)
    else:
        yield value
