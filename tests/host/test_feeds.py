"""Which series a bar belongs to, and that knowing it changes nothing for anybody else."""

from __future__ import annotations

import pytest
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.host.feeds import Feeds
from tests.host.live import live_system

MINUTES = BarType.from_str("BTCUSDT-PERP.BINANCE-1-MINUTE-LAST-EXTERNAL")
SECONDS = BarType.from_str("BTCUSDT-PERP.BINANCE-1-SECOND-LAST-INTERNAL")


def bar(bar_type: BarType) -> Bar:
    price = Price(100, 1)
    return Bar(bar_type, price, price, price, price, Quantity(1, 0), 1, 1)


@pytest.fixture
def bus():
    with live_system() as system:
        yield system.kernel.msgbus


def test_every_bar_of_a_series_has_its_one_feed(bus):
    feeds, heard = Feeds.on(bus), []
    bus.subscribe("data.bars.*", lambda bar: heard.append((bar.bar_type, feeds.of(bar))))
    for bar_type in [MINUTES, SECONDS, MINUTES, MINUTES, SECONDS, SECONDS, MINUTES]:
        bus.publish(f"data.bars.{bar_type}", bar(bar_type))
    assert all(feed.bar_type == bar_type for bar_type, feed in heard)
    assert len({feed for _, feed in heard}) == 2


def test_a_known_series_is_not_looked_up_again(bus):
    feeds, heard = Feeds.on(bus), []
    bus.subscribe("data.bars.*", lambda bar: heard.append(feeds.of(bar)))
    bus.publish(f"data.bars.{MINUTES}", bar(MINUTES))
    feeds._feeds.clear()
    bus.publish(f"data.bars.{MINUTES}", bar(MINUTES))
    assert heard[0] is heard[1]
    assert not feeds._feeds


def test_a_bar_that_came_another_way_is_looked_up(bus):
    feeds = Feeds.on(bus)
    known = feeds.of(bar(MINUTES))
    assert feeds.of(bar(SECONDS)).bar_type == SECONDS
    assert feeds.of(bar(MINUTES)) is known


def test_hearing_a_series_does_not_keep_nautilus_making_its_bars(bus):
    """It stops when nobody subscribes the very topic of the series any more."""
    Feeds.on(bus).of(bar(SECONDS))
    assert not bus.has_subscribers(f"data.bars.{SECONDS}")
