"""Which series a bar belongs to, looked up once for everybody who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.host.board import share_on_bus

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import Bar, BarType

_PLACE = "nautilus_quant.feeds"
_FIRST = 90
"""Before all who ask."""


class Feed:
    """
    One series of bars: a key which, unlike a `BarType`, costs nothing to hash and compare.

    Parameters
    ----------
    bar_type
        What it stands for.

    """

    __slots__ = ("bar_type",)

    def __init__(self, bar_type: BarType) -> None:
        self.bar_type = bar_type


class Feeds:
    """
    All series of bars heard on a message bus, shared by its listeners: `Feeds.on`.

    Parameters
    ----------
    msgbus
        Where bars are heard; ``None`` looks every bar up by its type.

    Attributes
    ----------
    bar, feed
        The bar last asked about, and its series. Who asks for every bar looks here first: a call costs more.

    """

    feed: Feed

    def __init__(self, msgbus: MessageBus | None = None) -> None:
        self._msgbus = msgbus
        self._feeds: dict[BarType, Feed] = {}
        self.bar: Bar | None = None

    @classmethod
    def on(cls, msgbus: MessageBus) -> Feeds:
        """Return those of this bus, making them the first time."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(msgbus))

    def on_ping(self, _message: object) -> None:
        """Make the feeds findable; nothing is published there."""

    def of(self, bar: Bar) -> Feed:
        """Return the one series that a bar belongs to."""
        if bar is self.bar:
            return self.feed
        bar_type = bar.bar_type
        feed = self._feeds.get(bar_type)
        if feed is None:
            feed = self._feeds[bar_type] = Feed(bar_type)
            if self._msgbus is not None:
                self._announce(self._msgbus, feed)
        self.bar, self.feed = bar, feed
        return feed

    def _announce(self, msgbus: MessageBus, feed: Feed) -> None:
        """Hear of its bars before its listeners, who then need no lookup."""

        # Hashing and comparing a bar's type costs more than all that most listeners do with the bar.
        def hear(bar: Bar) -> None:
            self.bar, self.feed = bar, feed

        # A pattern, for all that it matches one series only: whether somebody has subscribed the series
        # itself decides whether NautilusTrader goes on making its bars.
        topic = f"data.bars.{feed.bar_type}"
        msgbus.subscribe(f"{topic[:-1]}?", hear, priority=_FIRST)
