"""Every plug-in can be found, written in YAML, sent as JSON, and looked up."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path

import pytest

from nautilus_quant.config import load
from nautilus_quant.config.plugins import SECTIONS
from tests.conformity.plugins import Plugin, plugins

EVERY = [*plugins("actor"), *plugins("strategy"), *plugins("exec_algorithm")]
ROOMS = {"strategies": ["strategy"], "actors": ["actor", "exec_algorithm"]}
each = pytest.mark.parametrize("plugin", EVERY, ids=lambda plugin: plugin.use)


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_exported_has_a_short_name_and_a_config(room: str) -> None:
    exported = set(importlib.import_module(f"nautilus_quant.{room}").__all__)
    named = {plugin.path.partition(":")[2] for kind in ROOMS[room] for plugin in plugins(kind)}
    assert exported == named | {f"{name}Config" for name in named}


@each
def test_defaults_survive_json(plugin: Plugin) -> None:
    config = plugin.config_class.parse(json.dumps(plugin.example))
    assert plugin.config_class.parse(config.json()) == config


@each
def test_an_unknown_setting_is_refused(plugin: Plugin, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no_such_setting"):
        load(deployment(plugin, tmp_path, no_such_setting=1))


@each
def test_yaml_knows_it_by_its_short_name(plugin: Plugin, tmp_path: Path) -> None:
    loaded = load(deployment(plugin, tmp_path))
    found = {**loaded.actors, **loaded.strategies, **loaded.exec_algorithms}
    assert found["part-new"].path == plugin.path


@each
def test_every_setting_is_described(plugin: Plugin) -> None:
    config = plugin.config_class
    described = "\n".join(str(base.__doc__) for base in config.__mro__ if "nautilus_quant" in base.__module__)
    own = {
        name
        for base in config.__mro__
        if "nautilus_quant" in base.__module__
        for name in base.__annotations__
    }
    listed = re.findall(r"^\s*([a-z_]+(?:, [a-z_]+)*)$", described, re.MULTILINE)
    assert own - {name for line in listed for name in line.split(", ")} == set()


def deployment(plugin: Plugin, folder: Path, **settings: object) -> Path:
    """A file with nothing in it but this plug-in, the market, and what every deployment must have."""
    part = {"use": plugin.use, **settings}
    document: dict[str, object] = {
        "mode": "paper",
        "state": f"sqlite:///{folder / 'state.db'}",
        "venues": {"SIM": {"adapter": "simulated", "balances": ["100_000 USDT"]}},
    }
    if plugin.kind == "strategy":
        part["instrument"] = "BTCUSDT-PERP.SIM"
        part |= {key: "ETHUSDT-PERP.SIM" for key in plugin.example if key == "partner"}
        part |= {key: ["ETHUSDT-PERP.SIM"] for key in plugin.example if key == "others"}
    document[SECTIONS[plugin.kind]] = {"part-new": part}
    path = folder / "deployment.yaml"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path
