"""From a file to a deployment, or to everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from nautilus_quant.config import layers
from nautilus_quant.config.check import Checker, problem_of
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.each import collapse, expand_each
from nautilus_quant.config.environment import resolve
from nautilus_quant.config.markets import read_venues
from nautilus_quant.config.nodes import Node
from nautilus_quant.config.plugins import read_plugins
from nautilus_quant.config.problems import ConfigError, Problem
from nautilus_quant.config.rules import Rules, environment, notes
from nautilus_quant.config.spec import FileSpec, Mode, TimeoutSpec


def load(path: str | Path, *, env: Mapping[str, str] | None = None, plugins: bool = True) -> Deployment:
    """
    Read and check a configuration file.

    Parameters
    ----------
    path : str or Path
        The YAML file.
    env : mapping of str to str, optional
        The environment; that of the process when not given.
    plugins : bool
        Whether to import the plug-ins and check their fields, which takes NautilusTrader's import time
        (seconds). Commands that need the state's URL only do without.

    Raises
    ------
    ConfigError
        With every problem of the file and of the files it extends.
    """
    return _Loading(Path(path), environment() if env is None else env, deep=plugins).deployment()


_OWNED: Final = {
    "environment": "mode",
    "trader_id": "trader_id",
    "actors": "actors",
    "strategies": "strategies",
    "exec_algorithms": "exec_algorithms",
    "data_clients": "venues",
    "exec_clients": "venues",
    "logging": "log",
    **dict.fromkeys((f"timeout_{name}" for name in TimeoutSpec.__struct_fields__), "timeouts"),
}
"""Fields of NautilusTrader's node config that follow from keys of ours."""


class _Loading:
    """One reading of one file."""

    def __init__(self, path: Path, env: Mapping[str, str], *, deep: bool) -> None:
        self._path, self._env, self._deep = path, env, deep
        self._checker = Checker()

    def deployment(self) -> Deployment:
        problems = self._checker.problems
        tree = layers.read(self._path, self._env, problems)
        if problems:
            raise ConfigError(problems)
        tree, origins = expand_each(resolve(tree, self._env, problems), self._checker)
        plain = self._checker.struct(FileSpec, tree, "")
        mode = _mode(plain)
        built = self._built(tree, plain, mode)
        if problems:
            raise ConfigError(_ordered(collapse(problems, origins), self._path))
        return built

    def _built(self, tree: Node, plain: Mapping[str, Any], mode: Mode | None) -> Deployment:
        if self._deep:
            from nautilus_trader.config import msgspec_decoding_hook

            self._checker.decode = msgspec_decoding_hook
        deep, checker = self._deep, self._checker
        _check_settings(tree, checker, deep=deep)
        venues = read_venues(tree, mode, checker, deep=deep)
        actors = read_plugins("actor", tree, checker, deep=deep)
        strategies = read_plugins("strategy", tree, checker, deep=deep)
        algorithms = read_plugins("exec_algorithm", tree, checker, deep=deep)
        spec = _spec(plain, mode)
        kind = _state_kind(spec.mode, venues)
        name = spec.name or _stem(self._path)
        allocation = spec.allocation if spec.allocation is not None else _default_allocation(spec.mode)
        deployment = Deployment(
            path=str(self._path),
            name=name,
            description=spec.description,
            mode=spec.mode,
            allocation=allocation,
            state=spec.state or f"sqlite:///var/{name}/{kind}.db",
            state_kind=kind,
            reporting_currency=spec.reporting_currency,
            trader_id=spec.trader_id,
            on_stop=spec.on_stop,
            status_file=spec.status_file or f"var/{name}/status.json",
            log=spec.log,
            log_file=f"var/{name}/node.log" if spec.log.file is None else spec.log.file,
            timeouts=spec.timeouts,
            backtest=spec.backtest,
            nautilus=spec.nautilus,
            venues=venues,
            actors=actors,
            strategies=strategies,
            exec_algorithms=algorithms,
            notes=notes(venues, strategies, spec.mode, allocation),
        )
        if mode is not None:
            Rules(deployment, tree, checker, self._env).check()
        if deep and not checker.problems:
            self._check_native(deployment, tree)
        return deployment

    def _check_native(self, deployment: Deployment, tree: Node) -> None:
        """Let NautilusTrader's own classes judge what was put together."""
        from nautilus_quant.config.verify import problems_of

        for path, said in problems_of(deployment, self._checker.decode):
            node = tree
            for key in path.split("."):
                node = node.child(key) or node
            self._checker.report(node, path, said, shown="")


def _check_settings(tree: Node, checker: Checker, *, deep: bool) -> None:
    """Check the settings that pass through to NautilusTrader."""
    node = tree.child("nautilus")
    if not deep or node is None or not isinstance(node.value, dict):
        return
    from nautilus_trader.config import TradingNodeConfig

    kinds = {item.name: item.type for item in msgspec.structs.fields(TradingNodeConfig)}
    for key, item in node.value.items():
        if key in _OWNED:
            checker.report(item, f"nautilus.{key}", f"has its own key here: {_OWNED[key]}", shown="")
        elif key not in kinds:
            checker.unknown(node, key, "nautilus", kinds.keys() - _OWNED.keys())
        else:
            checker.value(kinds[key], item, f"nautilus.{key}")


def _mode(plain: Mapping[str, Any]) -> Mode | None:
    written = plain.get("mode")
    return Mode(written) if isinstance(written, str) and written in list(Mode) else None


def _spec(plain: Mapping[str, Any], mode: Mode | None) -> FileSpec:
    """Build the spec; keys with problems, which are reported, fall back to defaults."""
    whole = {"venues": {}, **plain, "mode": mode or Mode.PAPER}
    if problem_of(FileSpec, whole, None) is None:
        return msgspec.convert(whole, FileSpec)
    return msgspec.convert({"venues": {}, "mode": mode or Mode.PAPER}, FileSpec)


def _state_kind(mode: Mode, venues: Mapping[str, Venue]) -> str:
    if not mode.has_orders:
        return str(mode)
    return "live" if any(not venue.paper for venue in venues.values()) else "rehearsal"


def _default_allocation(mode: Mode) -> float:
    return 0.01 if mode is Mode.CANARY else 1.0


def _stem(path: Path) -> str:
    words = "".join(letter if letter.isalnum() or letter in "_-" else "-" for letter in path.stem)
    return words.strip("-_")[:64] or "deployment"


def _ordered(problems: list[Problem], main: Path) -> list[Problem]:
    """Sort by place, the main file first."""
    return sorted(problems, key=lambda item: (item.file != str(main), item.file, item.line))
