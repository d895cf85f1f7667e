"""Saving now and then, in a live node only."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from nautilus_quant.host import cadence
from nautilus_quant.host.cadence import EVERY, SaveCadence
from tests.host.engine import START, Script, engine


def in_a_backtest(state: str | None) -> list[bool]:
    said: list[bool] = []

    def ask(script: Script) -> None:
        made = SaveCadence(script.msgbus, state)
        said.extend(made.is_due(START + n * EVERY) for n in range(3))

    made = engine(strategies=[Script({0: ask})])
    made.run()
    made.dispose()
    return said


@pytest.mark.parametrize("state", [None, "sqlite:///anything.db"])
def test_a_backtest_saves_at_its_end_alone(state):
    assert in_a_backtest(state) == [False, False, False]


@pytest.fixture
def live(monkeypatch):
    kernel = SimpleNamespace(environment=SimpleNamespace(value="live"))
    monkeypatch.setattr(cadence, "find_kernel", lambda _msgbus: kernel)
    return lambda state: SaveCadence(None, state)


def test_a_live_node_saves_every_ten_seconds(live):
    made = live("sqlite:///anything.db")
    times = [START, START + 1, START + EVERY - 1, START + EVERY, START + EVERY + 1]
    assert [made.is_due(ts) for ts in times] == [True, False, False, True, False]


def test_a_clock_set_back_does_not_stop_it(live):
    made = live("sqlite:///anything.db")
    made.is_due(START)
    assert made.is_due(START - EVERY)


def test_what_has_no_state_is_not_saved(live):
    assert not live(None).is_due(START)
