"""What would-be trades happen at: prices, spreads and how much a market moves and trades."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.account.pace import UNKNOWN, Pace, PaceMeter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model.data import Bar
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.valuation import Valuer

_NAN = float("nan")


class ArmPrices:
    """
    The prices of all legs of all arms.

    Parameters
    ----------
    kernel
        The node.
    valuer
        Its prices.
    legs
        Instrument ids.
    with_pace
        Whether to follow how much each moves and trades, which only impact needs.

    """

    def __init__(
        self, kernel: NautilusKernel, valuer: Valuer, legs: Iterable[str], *, with_pace: bool
    ) -> None:
        self._cache = kernel.cache
        self._clock = kernel.clock
        self._valuer = valuer
        found = {leg: kernel.cache.instrument(InstrumentId.from_str(leg)) for leg in legs}
        self.instruments: dict[str, Instrument] = found
        """By instrument id."""
        self._meters = {leg: PaceMeter() for leg in found} if with_pace else {}

    def follow(self, instrument: str, bar: Bar) -> None:
        """Take a bar; those of one length only, else moves and volume would count twice."""
        meter = self._meters.get(instrument)
        if meter is not None:
            meter.update(bar.ts_event, bar.close.as_double(), bar.volume.as_double())

    def price(self, instrument: str, told: float | None = None) -> tuple[float, float]:
        """
        Return a price and the value of a unit at it.

        Parameters
        ----------
        instrument
            Of a leg.
        told
            The price itself, where it is known [quote currency]; else it is the market's.

        Returns
        -------
        tuple
            Price [quote currency] and value of one unit [reporting currency]; NaN for both where the market's
            price cannot be trusted.

        """
        now = self._clock.timestamp_ns()
        market = self._valuer.price(instrument, now)
        if market.problem:
            return _NAN, _NAN
        price = market.value if told is None else told
        return price, self._valuer.unit(self.instruments[instrument], now, price)

    def half_spread(self, instrument: str) -> float:
        """Return half the spread of the last quote over its middle [fraction]; NaN where nobody quotes."""
        quote = self._cache.quote_tick(self.instruments[instrument].id)
        if quote is None:
            return _NAN
        bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
        return (ask - bid) / (ask + bid) if 0.0 < bid <= ask else _NAN

    def pace(self, instrument: str) -> Pace:
        """Return how much a market moves and trades in a day; unknown when it is not followed."""
        meter = self._meters.get(instrument)
        return UNKNOWN if meter is None else meter.pace
