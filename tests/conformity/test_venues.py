"""Every adapter by short name: its classes exist, and what is missing is named before anything connects."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
from nautilus_trader.common.config import ImportableFactoryConfig, resolve_config_path, resolve_path
from nautilus_trader.live.factories import LiveDataClientFactory, LiveExecClientFactory

from nautilus_quant.config import ConfigError, load, native_live
from nautilus_quant.config.adapters import ADAPTERS, Adapter


def installed(adapter: Adapter) -> bool:
    """Not every NautilusTrader brings every adapter."""
    return find_spec(adapter.data.path.partition(":")[0].rpartition(".")[0]) is not None


HERE = [adapter for adapter in ADAPTERS.values() if installed(adapter)]
ELSEWHERE = [adapter for adapter in ADAPTERS.values() if not installed(adapter)]


def refusal(adapter: Adapter, folder: Path) -> str:
    """What is said about a deployment on this venue, on a machine without keys."""
    path = folder / "real.yaml"
    document = {
        "mode": "canary",
        "allocation": "1%",
        "state": f"sqlite:///{folder / 'state.db'}",
        "venues": {adapter.venue: {"adapter": adapter.name}},
        "actors": {"safety": {"use": "safety_engine"}},
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        native_live(load(path))
    return str(refused.value)


@pytest.mark.parametrize("adapter", HERE, ids=lambda adapter: adapter.name)
def test_configs_and_factories_are_what_a_node_asks_for(adapter: Adapter) -> None:
    for entry, factory in ((adapter.data, LiveDataClientFactory), (adapter.execution, LiveExecClientFactory)):
        assert resolve_config_path(entry.path)
        assert issubclass(resolve_path(entry.config_path), factory)


@pytest.mark.parametrize("adapter", HERE, ids=lambda adapter: adapter.name)
def test_a_node_built_from_json_can_name_its_execution_factory(adapter: Adapter) -> None:
    # The node makes an instance of it and asks that for its name.
    made = ImportableFactoryConfig(path=adapter.execution.config_path).create()
    assert made.__name__ == adapter.execution.config_path.rpartition(":")[2]


@pytest.mark.parametrize("adapter", [a for a in HERE if a.credentials], ids=lambda adapter: adapter.name)
def test_every_missing_key_is_named(
    adapter: Adapter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = set(adapter.variables({}).values())
    for variable in variables:
        monkeypatch.delenv(variable, raising=False)
    said = refusal(adapter, tmp_path)
    assert {variable for variable in variables if variable not in said} == set()


@pytest.mark.parametrize("adapter", ELSEWHERE, ids=lambda adapter: adapter.name)
def test_an_adapter_that_is_not_installed_is_refused_by_name(adapter: Adapter, tmp_path: Path) -> None:
    assert f"adapter {adapter.name} is not in the installed NautilusTrader" in refusal(adapter, tmp_path)
