"""Finding what others have put on a bus, without looking at all that is on it."""

from __future__ import annotations

from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.identifiers import TraderId

from nautilus_quant.host.board import find_on_bus, share_on_bus

TOPIC = "nautilus_quant.some_place"


class Thing:
    def on_ping(self, _message):
        pass


class Other(Thing):
    pass


def bus() -> MessageBus:
    return MessageBus(TraderId("TESTER-001"), TestClock())


def test_it_is_made_once_for_each_bus():
    first, second = bus(), bus()
    shared = share_on_bus(first, TOPIC, Thing, Thing)

    assert share_on_bus(first, TOPIC, Thing, Thing) is shared
    assert share_on_bus(second, TOPIC, Thing, Thing) is not shared
    assert find_on_bus(first, TOPIC, Thing) is shared


def test_what_left_the_bus_is_not_found_any_more():
    msgbus = bus()
    shared = share_on_bus(msgbus, TOPIC, Thing, Thing)
    assert find_on_bus(msgbus, TOPIC, Thing) is shared
    msgbus.unsubscribe(TOPIC, shared.on_ping)

    assert find_on_bus(msgbus, TOPIC, Thing) is None
    assert share_on_bus(msgbus, TOPIC, Thing, Thing) is not shared


def test_what_is_of_another_kind_is_not_found():
    msgbus = bus()
    share_on_bus(msgbus, TOPIC, Thing, Thing)

    assert find_on_bus(msgbus, TOPIC, Other) is None
    assert find_on_bus(msgbus, TOPIC, Thing) is not None


def test_a_bus_at_the_address_of_one_that_is_gone_starts_empty():
    for _ in range(50):  # the same address is used again sooner or later
        msgbus = bus()
        assert find_on_bus(msgbus, TOPIC, Thing) is None
        share_on_bus(msgbus, TOPIC, Thing, Thing)
        del msgbus
