"""Faults around the gateway: whatever breaks, no order hangs, the node lives, and no risk slips through."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.objects import Quantity

from nautilus_quant.gating.intent import UNLIMITED
from nautilus_quant.host.exposure import Exposure
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import GateDecision, subscribe
from tests.host.engine import BTC, Script, Valve, run

NOTHING = Decimal(0)
ONE = Quantity.from_str("1.000")


def buy(s: Script) -> None:
    s.submit_order(s.order_factory.market(BTC.id, OrderSide.BUY, ONE))


def _break(*_: object) -> None:
    raise RuntimeError("broken")


@pytest.mark.parametrize("place", ["listener", "journal", "subscriber"])
@pytest.mark.parametrize("closed", [False, True])
def test_whoever_fails_to_hear_of_a_decision_changes_nothing(place, closed):
    def break_it(script: Script) -> None:
        gateway = find_gateway(script.msgbus)
        if place == "listener":
            gateway.listen(_break)
        elif place == "journal":
            gateway.journal_to(SimpleNamespace(append=_break))
        else:
            subscribe(script.msgbus, GateDecision, _break)

    script = run({1: break_it, 2: buy, 4: buy}, Valve(NOTHING if closed else UNLIMITED))
    assert len(script.reached_venue()) == (0 if closed else 2)
    assert script.kinds().count("OrderDenied") == (2 if closed else 0)


@pytest.mark.parametrize("answer", [None, 1.0, SimpleNamespace(allowed=1.0)])
def test_an_answer_that_is_no_verdict_is_a_denial(answer):
    class Odd(Valve):
        def check(self, intent):
            return answer

    script = run({2: buy}, Odd())
    assert script.kinds() == ["OrderInitialized", "OrderDenied"]
    assert "GATE_ERROR" in script.events[-1].reason


def test_an_order_nobody_can_judge_is_denied_unless_it_can_only_reduce(monkeypatch):
    script = run(
        {
            2: buy,
            4: lambda s: monkeypatch.setattr(Exposure, "submit", _break),
            5: buy,
            6: lambda s: s.submit_order(
                s.order_factory.market(BTC.id, OrderSide.SELL, Quantity.from_str("1.000"), reduce_only=True)
            ),
        },
        Valve(),
    )
    assert script.left == 0
    assert [e.reason for e in script.events if isinstance(e, OrderDenied)] == [
        "GATEWAY_ERROR: RuntimeError('broken')"
    ]
