"""Rules that no single key can break: modes, safety, keys, instruments, ids, state."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final

from msgspec.structs import fields

from nautilus_quant.config.adapters import ADAPTERS
from nautilus_quant.config.check import Checker
from nautilus_quant.config.deployment import Deployment, Plugin, Venue
from nautilus_quant.config.nodes import Node
from nautilus_quant.config.plugins import is_enabled, resolve_path
from nautilus_quant.config.problems import nearest
from nautilus_quant.config.registry import SAFETY_ENGINE, lookup
from nautilus_quant.config.spec import Mode

MAX_CANARY: Final = 0.05
_STORES: Final = frozenset({"sqlite", "postgresql", "memory"})
_MODE_KINDS: Final = {
    "paper": "paper",
    "shadow": "shadow",
    "canary": "live",
    "production": "live",
    "live": "live",
}


@dataclass(frozen=True, slots=True)
class Rules:
    """
    Checks of a whole deployment.

    Parameters
    ----------
    deployment : Deployment
        As far as it could be read; parts with problems are missing from it.
    tree : Node
        The file, for lines.
    checker : Checker
        Receives what is wrong.
    env : mapping of str to str
        The environment, where keys are looked up.
    """

    deployment: Deployment
    tree: Node
    checker: Checker
    env: Mapping[str, str]

    def check(self) -> None:
        """Apply every rule."""
        self._allocation()
        self._state()
        self._names()
        self._instruments()
        self._credentials()
        self._safety()

    def _allocation(self) -> None:
        deployment = self.deployment
        node = self._at("allocation")
        if deployment.allocation <= 0.0:
            self.checker.report(
                node, "allocation", "must be more than 0", hint="to trade nothing use mode: paper"
            )
        elif deployment.mode is Mode.CANARY and deployment.allocation > MAX_CANARY:
            rule = "canary trades 1 % to 5 % of the capital"
            self.checker.report(node, "allocation", rule, hint="more than that is mode: production")
        self._shares()

    def _shares(self) -> None:
        """Check that target strategies do not use more than there is."""
        targets = [plugin for plugin in self.deployment.strategies.values() if plugin.targets]
        total = sum(self.deployment.share(plugin) for plugin in targets)
        empty = [plugin for plugin in targets if self.deployment.share(plugin) <= 0.0]
        if total > 1.0 + 1e-9:
            rule = "the shares of all strategies add up to 100% of the allocation at most"
            hint = "strategies without an allocation of their own share what is left"
            self.checker.report(self._at("strategies"), "strategies", rule, shown=_percent(total), hint=hint)
        elif empty and any("allocation" not in plugin.config for plugin in empty):
            names = ", ".join(plugin.name for plugin in empty if "allocation" not in plugin.config)
            rule = f"the others' allocations leave nothing for {names}"
            self.checker.report(self._at("strategies"), "strategies", rule, shown="")

    def _state(self) -> None:
        deployment = self.deployment
        node = self._at("state")
        if deployment.mode.has_orders and deployment.state.startswith("memory:"):
            rule = f"{deployment.mode} needs a state that survives a restart"
            self.checker.report(node, "state", rule, hint="sqlite:///var/<name>/state.db")
        kind, marker, _ = deployment.state.partition("://")
        if marker and kind.partition("+")[0] not in _STORES:
            rule = "a state is kept in SQLite, PostgreSQL or memory"
            hint = (
                "sqlite:///var/<name>/state.db, postgresql+psycopg://user:${PASSWORD}@host/name or memory://"
            )
            self.checker.report(node, "state", rule, hint=hint)
        # The file and its folder; folders further up are somebody's home.
        file = PurePath(deployment.state.partition("://")[2])
        kinds = {_MODE_KINDS[word]: word for word in (file.parent.name, file.stem) if word in _MODE_KINDS}
        kinds.pop(_MODE_KINDS[deployment.mode], None)
        for other in kinds.values():
            rule = f"paper, shadow and live never share a state: mode {deployment.mode}, a state of {other}"
            self.checker.report(node, "state", rule, hint="leave `state` away to get one of its own")

    def _names(self) -> None:
        tags: dict[str, str] = {}
        for plugin in self.deployment.strategies.values():
            path, tag = f"strategies.{plugin.name}", plugin.order_id_tag
            if tag in tags:
                rule = f"the tag of a strategy's orders is its own, `{tag}` belongs to {tags[tag]}"
                hint = (
                    f"set order_id_tag, or write the name with an underscore: {plugin.name.replace('-', '_')}"
                )
                self.checker.report(self._at(path), path, rule, hint=hint, shown="")
            tags.setdefault(tag, plugin.name)
        ids: dict[str, str] = {}
        for plugin in self.deployment.actors.values():
            if plugin.component_id in ids:
                path = f"actors.{plugin.name}"
                rule = (
                    f"component_id is its own, `{plugin.component_id}` belongs to {ids[plugin.component_id]}"
                )
                self.checker.report(self._at(path), path, rule, shown="")
            ids.setdefault(plugin.component_id, plugin.name)

    def _instruments(self) -> None:
        venues = self._at("venues").value
        known = set(venues) if isinstance(venues, dict) else set()
        for plugin in self.deployment.plugins:
            section = {"strategy": "strategies", "actor": "actors"}.get(plugin.kind, "exec_algorithms")
            for instrument in plugin.instruments:
                venue = instrument.rpartition(".")[2]
                if venue not in known:
                    path, node = self._mention(f"{section}.{plugin.name}", instrument)
                    hint = nearest(venue, known, what="venues of this file")
                    self.checker.report(
                        node, path, f"venue {venue} is not among the venues", shown=instrument, hint=hint
                    )

    def _credentials(self) -> None:
        if not self.deployment.mode.has_orders:
            return
        for venue in self.deployment.venues.values():
            for name, variable in ADAPTERS[venue.adapter].variables(venue.options).items():
                path = f"venues.{venue.name}"
                asked = any(problem.path == f"{path}.{name}" for problem in self.checker.problems)
                if not asked and not venue.options.get(name) and not self.env.get(variable):
                    rule = f"{venue.adapter} needs {name}: environment variable {variable} is not set"
                    self.checker.report(self._at(path), path, rule, hint=f"export {variable}=...", shown="")

    def _safety(self) -> None:
        if not self.deployment.mode.has_orders:
            return
        engines = [
            plugin
            for plugin in self.deployment.actors.values()
            if plugin.safety or plugin.path == SAFETY_ENGINE
        ]
        for plugin in engines:
            self._limits(plugin)
        if not engines:
            self._no_engine()

    def _no_engine(self) -> None:
        actors = self._at("actors")
        blocks = actors.value if isinstance(actors.value, dict) else {}
        for name, block in blocks.items():
            if not _is_engine(block):
                continue
            if not is_enabled(block):
                rule = f"the safety engine cannot be switched off in mode {self.deployment.mode}"
                self.checker.report(block.child("enabled") or block, f"actors.{name}.enabled", rule)
            return  # a block with problems of its own is reported there
        rule = f"mode {self.deployment.mode} needs a safety engine"
        self.checker.report(actors, "actors", rule, hint="actors: {safety: {use: safety_engine}}", shown="")

    def _limits(self, plugin: Plugin) -> None:
        from nautilus_quant.safety.limits import CEILINGS, FLOORS

        for name, ceiling in CEILINGS.items():
            value = _effective(plugin, name)
            if value is not None and value > ceiling:
                self._loose(
                    plugin,
                    name,
                    f"must be at most {_percent(ceiling)} in mode {self.deployment.mode}",
                    _percent(value),
                )
        for name, floor in FLOORS.items():
            value = _effective(plugin, name)
            if value is not None and value < floor:
                self._loose(
                    plugin,
                    name,
                    f"must be at least {floor:g} s in mode {self.deployment.mode}",
                    f"{value:g} s",
                )

    def _loose(self, plugin: Plugin, name: str, rule: str, value: str) -> None:
        path = f"actors.{plugin.name}.{name}"
        hint = "limits may be tighter than their ceilings, never looser"
        self.checker.report(self._at(path), path, rule, shown=value, hint=hint)

    def _at(self, path: str) -> Node:
        """Return the node at a dotted path, or the deepest one on the way that exists."""
        node = self.tree
        for key in path.split("."):
            node = node.child(key) or node
        return node

    def _mention(self, path: str, text: str) -> tuple[str, Node]:
        """Find the key below `path` whose value names `text`."""
        node = self._at(path)
        for key, item in node.value.items() if isinstance(node.value, dict) else ():
            if isinstance(item.value, str) and text in item.value:
                return f"{path}.{key}", item
        return path, node


def notes(
    venues: Mapping[str, Venue], strategies: Mapping[str, Plugin], mode: Mode, allocation: float
) -> tuple[str, ...]:
    """Return what is allowed, but worth a word before the start."""
    found: list[str] = []
    embedded = [venue.name for venue in venues.values() if venue.embedded]
    if mode.has_orders and embedded:
        found.append(f"mode {mode} on an embedded market ({', '.join(embedded)}): no real order is sent")
    foreign = [plugin.component_id for plugin in strategies.values() if not plugin.targets]
    if allocation < 1.0 and foreign:
        found.append(f"allocation does not scale {', '.join(foreign)}: they size their orders themselves")
    return tuple(found)


def environment() -> Mapping[str, str]:
    """Return the environment of this process."""
    return os.environ


def _is_engine(block: Node) -> bool:
    use = block.child("use")
    entry = lookup("actor", str(use.value)) if use is not None and isinstance(use.value, str) else None
    return entry is not None and entry.path == SAFETY_ENGINE


def _effective(plugin: Plugin, name: str) -> float | None:
    """Return the number in effect: as written, or the default of the config class."""
    value = plugin.config.get(name)
    if name not in plugin.config and name in plugin.fields:
        value = next(item.default for item in fields(resolve_path(plugin.config_path)) if item.name == name)
    return float(value) if isinstance(value, int | float) else None


def _percent(value: Any) -> str:
    return f"{100.0 * float(value):g}%"
