"""Messages on the bus: whoever comes late hears the latest of each key."""

from __future__ import annotations

import pytest
from nautilus_trader.model.data import DataType

from nautilus_quant.host.messages import (
    AllocationUpdate,
    Message,
    RegimeUpdate,
    defer,
    everything,
    is_heard,
    latest,
    publish,
    subscribe,
    topic_of,
)
from tests.host.engine import Script, engine


@pytest.fixture
def made():
    made = engine()
    yield made
    made.dispose()


def regime(key: str, name: str, ts: int = 5) -> RegimeUpdate:
    return RegimeUpdate(key=key, ts=ts, regime=name)


def test_before_the_first_there_is_nothing(made):
    assert latest(made.kernel.msgbus, RegimeUpdate, "MARKET") is None
    assert everything(made.kernel.msgbus, RegimeUpdate) == {}


def test_a_late_listener_hears_the_latest_of_each_key_and_all_that_follow(made):
    msgbus = made.kernel.msgbus
    publish(msgbus, regime("A", "RANGING"))
    publish(msgbus, regime("A", "CRISIS"))
    publish(msgbus, regime("B", "HIGH_VOL"))
    publish(msgbus, AllocationUpdate(key="A", ts=5, allocation=0.5))
    heard: list[Message] = []
    subscribe(msgbus, RegimeUpdate, heard.append)
    assert [(m.key, m.regime) for m in heard] == [("A", "CRISIS"), ("B", "HIGH_VOL")]
    publish(msgbus, regime("A", "RANGING"))
    assert heard[-1] == regime("A", "RANGING")
    assert latest(msgbus, RegimeUpdate, "A") is heard[-1]


def test_two_systems_share_nothing(made):
    other = engine()
    publish(made.kernel.msgbus, regime("A", "CRISIS"))
    assert latest(other.kernel.msgbus, RegimeUpdate, "A") is None
    other.dispose()


def test_the_time_is_that_of_the_event():
    message = regime("A", "CRISIS", ts=17)
    assert (message.ts_event, message.ts_init) == (17, 17)


def test_anybodys_strategy_hears_them_as_custom_data(made):
    class Listener(Script):
        def on_start(self):
            super().on_start()
            self.heard = []
            self.subscribe_data(DataType(RegimeUpdate))

        def on_data(self, data):
            self.heard.append(data)

    listener = Listener({3: lambda s: publish(s.msgbus, regime("A", "CRISIS"))})
    made.add_strategy(listener)
    made.run()
    assert listener.heard == [regime("A", "CRISIS")]
    assert topic_of(RegimeUpdate) == "data.RegimeUpdate"


# -- figures nobody hears ----------------------------------------------------------------------------


def test_what_is_deferred_is_made_when_somebody_asks_and_once(made):
    msgbus, asked = made.kernel.msgbus, []

    def make() -> RegimeUpdate:
        asked.append(1)
        return regime("A", "CRISIS", ts=9)

    publish(msgbus, regime("A", "RANGING"))
    defer(msgbus, RegimeUpdate, "A", make)
    assert asked == []
    assert latest(msgbus, RegimeUpdate, "A") == regime("A", "CRISIS", ts=9)
    assert latest(msgbus, RegimeUpdate, "A") == regime("A", "CRISIS", ts=9)
    assert asked == [1]


def test_a_late_listener_hears_what_was_deferred(made):
    msgbus, heard = made.kernel.msgbus, []
    defer(msgbus, RegimeUpdate, "A", lambda: regime("A", "CRISIS"))
    subscribe(msgbus, RegimeUpdate, heard.append)
    assert heard == [regime("A", "CRISIS")]


def test_what_is_published_takes_the_place_of_what_was_deferred(made):
    msgbus = made.kernel.msgbus
    defer(msgbus, RegimeUpdate, "A", lambda: regime("A", "CRISIS"))
    defer(msgbus, RegimeUpdate, "B", lambda: regime("B", "CRISIS"))
    publish(msgbus, regime("A", "RANGING"))
    assert {key: message.regime for key, message in everything(msgbus, RegimeUpdate).items()} == {
        "A": "RANGING",
        "B": "CRISIS",
    }


@pytest.mark.parametrize("topic", ["data.RegimeUpdate", "data.*", "*"])
def test_whoever_listens_is_known_within_the_hour(made, topic):
    msgbus, heard, hour = made.kernel.msgbus, [], 3_600 * 10**9
    assert not is_heard(msgbus, RegimeUpdate, 0)
    msgbus.subscribe(topic, heard.append)
    assert is_heard(msgbus, RegimeUpdate, hour)
    msgbus.unsubscribe(topic, heard.append)
    assert is_heard(msgbus, RegimeUpdate, 2 * hour - 1)
    assert not is_heard(msgbus, RegimeUpdate, 2 * hour)


def test_at_the_start_listeners_are_looked_for_often(made):
    msgbus, heard = made.kernel.msgbus, []
    assert not is_heard(msgbus, RegimeUpdate, 100)
    msgbus.subscribe("data.RegimeUpdate", heard.append)
    assert is_heard(msgbus, RegimeUpdate, 101)


def test_who_listens_by_the_board_is_known_at_once(made):
    msgbus, heard = made.kernel.msgbus, []
    for now in (0, 10**12, 2 * 10**12):
        assert not is_heard(msgbus, RegimeUpdate, now)
    subscribe(msgbus, RegimeUpdate, heard.append)
    assert is_heard(msgbus, RegimeUpdate, 2 * 10**12 + 1)
