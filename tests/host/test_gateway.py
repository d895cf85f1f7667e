"""The chain of gates: joining, leaving, previews, counting, and what is written down."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder
from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.identifiers import ClientOrderId
from nautilus_trader.model.objects import Quantity

from nautilus_quant.gating.intent import ALLOW, DENY, SIZED_DOWN, UNLIMITED, Decision, Intent, Side, Verdict
from nautilus_quant.host import gateway as gateway_module
from nautilus_quant.host.decisions import decision_body, decision_message, denial_text
from nautilus_quant.host.denial import deny_order
from nautilus_quant.host.gateway import OrderGateway, find_gateway
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import GateDecision, everything, latest
from nautilus_quant.host.state import StateStore
from nautilus_quant.host.working_orders import WorkingOrders
from tests.host.engine import BTC, GateActor, Script, Valve, engine, run

ONE = Quantity.from_str("1.000")


@pytest.fixture
def made():
    made = engine()
    yield made
    made.dispose()


def buy(s: Script, quantity: Quantity = ONE):
    order = s.order_factory.market(BTC.id, OrderSide.BUY, quantity)
    s.submit_order(order)
    return order


def intent(opening: str = "1", reducing: str = "0") -> Intent:
    opened, reduced = Decimal(opening), Decimal(reducing)
    return Intent(
        ts=1,
        strategy="S-001",
        instrument="BTCUSDT-PERP.BINANCE",
        side=Side.BUY,
        quantity=opened + reduced,
        price=None,
        reducing=reduced,
        opening=opened,
        notional=30_000.0 * float(opened),
    )


def test_gates_are_asked_in_the_order_they_came_and_names_are_unique(made):
    msgbus = made.kernel.msgbus
    first, second = Valve(name="first"), Valve(name="second")
    assert find_gateway(msgbus) is None
    gateway = OrderGateway.join(msgbus, first)
    assert OrderGateway.join(msgbus, second) is gateway
    assert OrderGateway.join(msgbus, second) is gateway  # twice is once
    assert gateway.gates == ("first", "second")
    with pytest.raises(ValueError, match="gate names must be unique, 'first' is in the chain"):
        OrderGateway.join(msgbus, Valve(name="first"))


def test_who_is_not_in_the_chain_cannot_leave_it(made):
    msgbus = made.kernel.msgbus
    gate = Valve()
    gateway = OrderGateway.join(msgbus, gate)
    gateway.leave(Valve())
    assert gateway.gates == ("valve",)
    gateway.leave(gate)
    assert gateway.gates == ()
    assert find_gateway(msgbus) is None


def test_one_of_two_leaves_and_the_other_stays(made):
    msgbus = made.kernel.msgbus
    one, two = Valve(name="one"), Valve(name="two")
    gateway = OrderGateway.join(msgbus, one)
    OrderGateway.join(msgbus, two)
    gateway.leave(one)
    assert find_gateway(msgbus) is gateway
    assert gateway.gates == ("two",)
    gateway.on_ping(None)


def test_a_gate_that_was_stopped_may_come_back_and_open_the_door_again():
    gate = Valve()
    actor = GateActor(gate)
    script = Script(
        {
            2: lambda s: actor.gateway.leave(gate),
            4: buy,
            6: lambda s: OrderGateway.join(
                s.msgbus, Valve()
            ),  # another one of that name: the old one is gone
            8: buy,
        }
    )
    made = engine(actors=[actor], strategies=[script])
    made.run()
    assert [type(e).__name__ for e in script.events].count("OrderDenied") == 1
    assert script.position == 1
    made.dispose()


def test_a_preview_is_neither_counted_nor_told(made):
    msgbus = made.kernel.msgbus
    gate = Valve(Decimal("0.4"))
    gateway = OrderGateway.join(msgbus, gate)
    decision = gateway.preview(intent())
    assert (decision.outcome, decision.allowed, decision.passes) == (
        SIZED_DOWN,
        Decimal("0.4"),
        Decimal("0.4"),
    )
    assert gateway.preview(intent("0", "1")).outcome == ALLOW
    assert len(gate.asked) == 1  # what only reduces is nobody's business
    assert gateway.outcomes.total() == 0
    assert everything(msgbus, GateDecision) == {}


def test_a_decision_is_counted_told_written_and_published(made):
    msgbus = made.kernel.msgbus
    gateway = OrderGateway.join(msgbus, Valve(Decimal("0.4"), name="size"))
    OrderGateway.join(msgbus, Valve(name="open"))
    heard: list[Decision] = []
    gateway.listen(heard.append)
    gateway.listen(heard.append)  # the same one is told once
    with StateStore.open(None) as store, StateStore.open(None) as other:
        gateway.journal_to(store)
        gateway.journal_to(other)  # the first one offered is kept
        gateway.decide(intent())
        gateway.decide(intent("0", "1"))
        gateway.journal_to(None)
        gateway.decide(intent())
        assert [entry.body["outcome"] for entry in store.entries(kind="order_decision")] == [SIZED_DOWN]
        assert other.entries() == []
    assert len(heard) == 2
    assert gateway.outcomes == {SIZED_DOWN: 2, ALLOW: 1}
    assert gateway.counts == {"size": {SIZED_DOWN: 2}, "open": {ALLOW: 2}}
    told = latest(msgbus, GateDecision, "S-001|BTCUSDT-PERP.BINANCE")
    assert (told.outcome, told.asked, told.allowed, told.gate) == (SIZED_DOWN, "1", "0.4", "size")


def test_what_passes_every_gate_whole_is_counted_once_for_each_and_for_none_that_came_later(made):
    msgbus = made.kernel.msgbus
    gateway = OrderGateway.join(msgbus, Valve(name="first"))
    for _ in range(3):
        gateway.decide(intent())
    gateway.preview(intent())  # asked, and not sent
    OrderGateway.join(msgbus, Valve(name="second"))
    gateway.decide(intent())
    assert gateway.counts == {"first": {ALLOW: 4}, "second": {ALLOW: 1}}
    assert gateway.counts == {"first": {ALLOW: 4}, "second": {ALLOW: 1}}  # a look counts nothing


def test_an_order_that_would_be_cut_is_denied_with_the_size_that_passes():
    script = run({2: buy}, Valve(Decimal("0.400")))
    [denied] = [e for e in script.events if isinstance(e, OrderDenied)]
    assert denied.reason == "valve VALVE: at most 0.400; 0.4 would pass"


def test_a_decision_in_words():
    allowed = Decision.of(intent(), (Verdict.allow("a"),))
    assert denial_text(allowed) == ""
    message = decision_message(allowed)
    assert (message.gate, message.code, message.reason) == ("", "", "")
    denied = Decision.of(intent(), (Verdict.allow("a"), Verdict.deny("b", "CODE", "because", limit=3.0)))
    assert denial_text(denied) == "b CODE: because"
    body = decision_body(denied)
    assert (body["outcome"], body["intent"]["side"]) == (DENY, "BUY")
    assert body["verdicts"][1] == {
        "gate": "b",
        "allowed": Decimal(0),
        "code": "CODE",
        "reason": "because",
        "numbers": {"limit": 3.0},
    }


def test_a_verdict_that_is_no_number_closes():
    decision = Decision.of(
        intent(), (Verdict("odd", Decimal("NaN"), "ODD"), Verdict("all", UNLIMITED, ALLOW))
    )
    assert (decision.outcome, decision.allowed) == (DENY, Decimal(0))


def test_a_change_to_an_order_nobody_knows_is_for_nautilus_trader_to_answer():
    seen = []

    def change(s: Script) -> None:
        command = ModifyOrder(
            trader_id=s.trader_id,
            strategy_id=s.id,
            instrument_id=BTC.id,
            client_order_id=ClientOrderId("O-UNKNOWN"),
            venue_order_id=None,
            quantity=ONE,
            price=None,
            trigger_price=None,
            command_id=UUID4(),
            ts_init=s.clock.timestamp_ns(),
        )
        s.msgbus.send("RiskEngine.execute", command)
        seen.append(True)

    gate = Valve(Decimal(0))
    script = run({2: change}, gate)
    assert seen == [True]
    assert gate.asked == []
    assert script.events == []


def test_commands_that_never_reach_the_other_address_do_not_pile_up(monkeypatch):
    monkeypatch.setattr(gateway_module, "_MAX_IN_FLIGHT", 3)
    found = []

    def too_big(s: Script) -> None:
        """Denied by the risk engine, behind the first address."""
        buy(s, Quantity.from_str("1001.000"))
        found.append(len(find_gateway(s.msgbus)._in_flight))

    script = run(dict.fromkeys(range(2, 12), too_big), Valve())
    assert script.kinds().count("OrderDenied") == 10
    assert max(found) == 3


def test_only_what_has_not_left_the_node_is_denied():
    def again(s: Script) -> None:
        deny_order(find_kernel(s.msgbus), buy(s), "too late")

    script = run({2: again})
    assert "OrderDenied" not in script.kinds()
    assert script.left == 1


def test_orders_that_work_already_are_known_from_the_start():
    found = []

    def look(s: Script) -> None:
        [order] = s.cache.orders_open()
        found.append(WorkingOrders([order]).of(s.id, BTC.id) == [order])

    def rest(s: Script) -> None:
        s.submit_order(s.order_factory.limit(BTC.id, OrderSide.BUY, ONE, BTC.make_price(20_000)))

    run({2: rest, 4: look})
    assert found == [True]
