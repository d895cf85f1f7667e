"""The options in the cache, laid out so that their quotes are read quickly."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.host.options_contract import contract_of
from nautilus_quant.options.chain import Chain, tightest

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.identifiers import InstrumentId

    from nautilus_quant.options.contract import Contract

type Floats = NDArray[np.float64]
type CoinPrice = Callable[[str, int], tuple[float, bool]]


class _Layout(NamedTuple):
    """The columns of a chain that do not change, in the order of its ids."""

    ids: tuple[InstrumentId, ...]
    names: tuple[str, ...]
    expiry: NDArray[np.int64]
    strike: NDArray[np.float64]
    call: NDArray[np.bool_]
    in_coin: NDArray[np.bool_]
    repeated: bool


class Listing:
    """
    The option contracts of a cache, and their quotes as a chain.

    Parameters
    ----------
    cache
        Of the node.

    """

    def __init__(self, cache: CacheFacade) -> None:
        self._cache = cache
        self._seen = -1
        self._contracts: dict[InstrumentId, Contract] = {}
        self._ids: dict[str, InstrumentId] = {}
        self._layouts: dict[tuple[str, str | None], _Layout] = {}

    def contract(self, instrument_id: InstrumentId) -> Contract | None:
        """Return what an instrument pays, or ``None`` when it is no option or not there."""
        known = self._contracts.get(instrument_id)
        return known if known is not None else contract_of(self._cache.instrument(instrument_id))

    def id_of(self, name: str) -> InstrumentId | None:
        """Return the id of an option by its name."""
        if name not in self._ids:
            self.contracts()
        return self._ids.get(name)

    def contracts(self) -> dict[InstrumentId, Contract]:
        """Return all options in the cache, expired ones too."""
        instruments = self._cache.instruments()
        if len(instruments) != self._seen:
            self._seen = len(instruments)
            found = ((instrument.id, contract_of(instrument)) for instrument in instruments)
            self._contracts = {key: contract for key, contract in found if contract is not None}
            self._ids = {contract.name: key for key, contract in self._contracts.items()}
            self._layouts.clear()
        return self._contracts

    def chain(
        self,
        underlying: str,
        venue: str | None,
        now: int,
        coin_price: CoinPrice,
    ) -> Chain:
        """
        Return the latest quotes of the options on an underlying that have not expired.

        Parameters
        ----------
        underlying, venue
            Which ones; ``None`` takes all venues.
        now
            UNIX time [ns].
        coin_price
            What premiums in coin are converted at for an expiry [currency of the strikes], NaN when unknown,
            and whether that is a forward of this expiry.

        """
        layout = self._layout(underlying, venue)
        bid, ask, quoted = self._quotes(layout)
        scale, reference = np.full(len(layout.ids), np.nan), np.full(len(layout.ids), np.nan)
        for expiry in np.unique(layout.expiry).tolist():
            rows = layout.expiry == expiry
            scale[rows], is_forward = coin_price(underlying, expiry)
            reference[rows] = scale[rows] if is_forward else np.nan
        scale[~layout.in_coin] = 1.0
        chain = Chain(
            ts=now,
            underlying=underlying,
            expiry=layout.expiry,
            strike=layout.strike,
            call=layout.call,
            bid=bid * scale,
            ask=ask * scale,
            mark=np.full(len(layout.ids), np.nan),
            quoted=quoted,
            names=layout.names,
            reference=reference,
        )
        alive = layout.expiry > now
        chain = chain if alive.all() else chain.take(alive)
        return tightest(chain) if layout.repeated else chain

    def _quotes(self, layout: _Layout) -> tuple[Floats, Floats, NDArray[np.int64]]:
        """Return bids, asks and when they were made."""
        quote_of, count = self._cache.quote_tick, len(layout.ids)
        bid, ask, quoted = [math.nan] * count, [math.nan] * count, [0] * count
        for at, instrument_id in enumerate(layout.ids):
            quote = quote_of(instrument_id)
            if quote is not None:
                bid[at], ask[at] = quote.bid_price.as_double(), quote.ask_price.as_double()
                quoted[at] = quote.ts_init
        return np.array(bid), np.array(ask), np.array(quoted, dtype=np.int64)

    def _layout(self, underlying: str, venue: str | None) -> _Layout:
        contracts = self.contracts()
        known = self._layouts.get((underlying, venue))
        if known is not None:
            return known
        chosen = [
            (key, contract)
            for key, contract in contracts.items()
            if contract.underlying == underlying and venue in {None, key.venue.value}
        ]
        pays = {(contract.expiry, contract.strike, contract.call) for _, contract in chosen}
        layout = self._layouts[underlying, venue] = _Layout(
            tuple(key for key, _ in chosen),
            tuple(contract.name for _, contract in chosen),
            np.array([contract.expiry for _, contract in chosen], dtype=np.int64),
            np.array([contract.strike for _, contract in chosen], dtype=np.float64),
            np.array([contract.call for _, contract in chosen], dtype=np.bool_),
            np.array([contract.coin_settled for _, contract in chosen], dtype=np.bool_),
            len(pays) < len(chosen),
        )
        return layout
