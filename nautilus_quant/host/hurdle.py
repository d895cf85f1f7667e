"""What a market moves and what trading it costs, for strategies which trade only what can pay for itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_quant.account.pace import PaceMeter
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.portfolio.hurdle import pays

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import Bar, BarType
    from nautilus_trader.model.instruments import Instrument

_DAY = 86_400.0
_EARLY = 15
"""Before a strategy hears of a bar, it is part of the volatility."""


class CostHurdle:
    """
    Follows the volatility of one market by its bars, and judges changes of the position in it.

    Parameters
    ----------
    msgbus, cache
        Of the strategy.
    bar_type
        The bars it decides on; unknown before ten of them.
    hurdle
        As `nautilus_quant.portfolio.hurdle.pays`.
    horizon
        How long a target usually stands [s].

    """

    def __init__(
        self, msgbus: MessageBus, cache: CacheFacade, bar_type: BarType, *, hurdle: float, horizon: float
    ) -> None:
        self._msgbus = msgbus
        self._cache = cache
        self._fees = FeeBook.on(msgbus)
        self._topic = f"data.bars.{bar_type}"
        self._hurdle = hurdle
        self._scale = math.sqrt(horizon / _DAY)
        self._meter = PaceMeter()

    def start(self) -> None:
        """Listen to the bars."""
        self._msgbus.subscribe(self._topic, self._on_bar, priority=_EARLY)

    def stop(self) -> None:
        """Listen no more; what was learnt stays."""
        if self._msgbus.is_subscribed(self._topic, self._on_bar):
            self._msgbus.unsubscribe(self._topic, self._on_bar)

    @property
    def volatility(self) -> float:
        """Standard deviation of returns over the horizon [fraction]; NaN before enough bars."""
        daily = self._meter.pace.volatility
        return daily * self._scale if daily > 0.0 else math.nan

    def cost(self, instrument: Instrument) -> float:
        """Return the move that pays for two orders which take, half spreads included [fraction]."""
        return self._fees.break_even(instrument, self._half_spread(instrument))

    def passes(self, instrument: Instrument, change: float) -> bool:
        """Tell whether growing by a share of a full position can pay for itself; ``False`` when unknown."""
        return pays(change, self.volatility, self.cost(instrument), self._hurdle)

    def explain(self, instrument: Instrument, change: float) -> str:
        """Say in words what is too little."""
        return (
            f"{instrument.id}: growing by {change:.3f} of a full position does not pay now: "
            f"volatility {self.volatility:.3%}, times the growth, must exceed {self._hurdle:g} times "
            f"the cost of {self.cost(instrument):.3%}"
        )

    def _half_spread(self, instrument: Instrument) -> float:
        quote = self._cache.quote_tick(instrument.id)
        if quote is None:
            return 0.0  # bars alone: what fills there pays no spread
        bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
        return max(0.0, (ask - bid) / (ask + bid)) if bid + ask > 0.0 else math.nan

    def _on_bar(self, bar: Bar) -> None:
        self._meter.update(bar.ts_event, bar.close.as_double(), bar.volume.as_double())
