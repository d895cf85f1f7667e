"""Hands each bar to what tells the regime of its instrument."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.gating.regime_rule import Regime
from nautilus_quant.host.feeds import Feeds

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import Bar, BarType

    from nautilus_quant.gating.regime_history import Bar as Values
    from nautilus_quant.gating.regime_history import InstrumentRegime
    from nautilus_quant.host.feeds import Feed

_WARMING_UP = Regime.WARMING_UP

type Source = tuple[str, InstrumentRegime]
"""An instrument id, and what takes its bars."""


class RegimeBars:
    """
    Listens to all bars, and knows which of them count.

    It is an object of its own, since what every bar passes through must not look up what a NautilusTrader
    actor knows: that takes several times as long.

    Parameters
    ----------
    msgbus
        Of the node.
    find
        Called once with each type of bars: what takes them; ``None`` if they do not count.
    change
        Called with an instrument, its new regime and since when, UNIX time [ns].
    after
        Called after each bar with when it was received, UNIX time [ns]; ``None`` calls nothing.

    """

    __slots__ = ("_after", "_change", "_feeds", "_find", "_sources")

    def __init__(
        self,
        msgbus: MessageBus,
        find: Callable[[BarType], Source | None],
        change: Callable[[str, Regime, int], None],
        after: Callable[[int], None] | None,
    ) -> None:
        self._feeds = Feeds.on(msgbus)
        self._find = find
        self._change = change
        self._after = after
        self._sources: dict[Feed, Source | None] = {}

    @property
    def instruments(self) -> set[str]:
        """Whose bars count."""
        return {source[0] for source in self._sources.values() if source is not None}

    def on_live(self, bar: Bar) -> None:
        """Take a bar that has just closed."""
        feeds = self._feeds
        feed = feeds.feed if feeds.bar is bar else feeds.of(bar)
        source = self._sources.get(feed)
        if source is None:
            source = None if feed in self._sources else self._follow(feed)
            if source is None:
                return
        instrument, followed = source
        heard, ts, steady = bar.ts_init, bar.ts_event, followed.steady
        if steady is None:
            regime = followed.update(_values_of(bar), heard)
        else:
            regime = steady.update(
                ts,
                bar.open.as_double(),
                bar.high.as_double(),
                bar.low.as_double(),
                bar.close.as_double(),
                heard,
            )
            if regime is _WARMING_UP:
                followed.waver(_values_of(bar))
        if regime is not followed.told:
            self._change(instrument, regime, ts)
        if self._after is not None:
            self._after(heard)

    def on_past(self, bar: Bar) -> None:
        """Take a bar of the past, as requested by somebody."""
        feed = self._feeds.of(bar)
        source = self._sources[feed] if feed in self._sources else self._follow(feed)
        if source is not None:
            source[1].add_history(_values_of(bar))

    def _follow(self, feed: Feed) -> Source | None:
        source = self._sources[feed] = self._find(feed.bar_type)
        return source


def _values_of(bar: Bar) -> Values:
    return (
        bar.ts_event,
        bar.open.as_double(),
        bar.high.as_double(),
        bar.low.as_double(),
        bar.close.as_double(),
    )
