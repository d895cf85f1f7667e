"""What rules remember: read at the start, written now and then in a live node, and at the end."""

from __future__ import annotations

from typing import Any

import pytest

from nautilus_quant.host.rule_memory import RuleMemory, history_length
from nautilus_quant.host.state import shared_store
from tests.host.engine import SECOND, START, Script, engine

MINE = "S-1|BTC-1-MINUTE"


@pytest.fixture
def msgbus():
    made = engine(strategies=[Script({})])
    yield made.kernel.msgbus
    made.dispose()


class Rule:
    def __init__(self) -> None:
        self.asked = 0

    def documents(self) -> dict[str, dict[str, Any]]:
        self.asked += 1
        return {"signal": {"n": self.asked}, "grid": {"full": "1.5"}}


def test_every_document_is_saved_under_its_namespace_and_read_again(msgbus):
    url = "memory://rule-memory"
    with shared_store(url) as store:
        memory = RuleMemory(msgbus, url, MINE, Rule().documents)
        assert memory.get("signal") is None
        memory.close(START)
        assert store.documents("signal") == {MINE: {"n": 1}}
        assert store.documents("grid") == {MINE: {"full": "1.5"}}
        again = RuleMemory(msgbus, url, MINE, Rule().documents)
        assert again.get("signal") == {"n": 1}
        assert RuleMemory(msgbus, url, "S-2|BTC-1-MINUTE", Rule().documents).get("signal") is None


def test_without_a_state_nothing_is_made_to_be_saved(msgbus):
    rule = Rule()
    memory = RuleMemory(msgbus, None, MINE, rule.documents)
    memory.save(START)
    memory.save_sometimes(START)
    memory.close(START)
    assert rule.asked == 0


@pytest.mark.parametrize(("live", "times"), [(False, 0), (True, 3)])
def test_it_is_saved_now_and_then_in_a_live_node_alone(msgbus, monkeypatch, live, times):
    monkeypatch.setattr("nautilus_quant.host.cadence.is_backtest", lambda _kernel: not live)
    rule = Rule()
    memory = RuleMemory(msgbus, "memory://rule-memory-live", MINE, rule.documents)
    for second in range(25):
        memory.save_sometimes(START + second * SECOND)
    assert rule.asked == times
    memory.close(START)


def test_history_is_twice_the_warm_up_and_no_less_than_the_regime_gate_keeps():
    assert [history_length(warm_up) for warm_up in (1, 200, 201, 1_000)] == [400, 400, 402, 2_000]
