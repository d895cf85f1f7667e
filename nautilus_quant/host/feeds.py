"""Which series a bar belongs to, looked up once for everybody who listens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.host.board import share_on_bus

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import Bar, BarType

_PLACE = "nautilus_quant.feeds"


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
    """All series of bars heard on a message bus, shared by its listeners: `Feeds.on`."""

    def __init__(self) -> None:
        self._feeds: dict[BarType, Feed] = {}
        self._bar: Bar | None = None
        self._feed: Feed | None = None

    @classmethod
    def on(cls, msgbus: MessageBus) -> Feeds:
        """Return those of this bus, making them the first time."""
        return share_on_bus(msgbus, _PLACE, cls, cls)

    def on_ping(self, _message: object) -> None:
        """Make the feeds findable; nothing is published there."""

    def of(self, bar: Bar) -> Feed:
        """Return the one series that a bar belongs to."""
        # Listeners hear a bar one after the other; hashing its type is most of what some do with it.
        if bar is self._bar and self._feed is not None:
            return self._feed
        bar_type = bar.bar_type
        feed = self._feeds.get(bar_type)
        if feed is None:
            feed = self._feeds[bar_type] = Feed(bar_type)
        self._bar, self._feed = bar, feed
        return feed
