"""What a book of options and its hedges moves, in coins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from nautilus_trader.model.identifiers import StrategyId

from nautilus_quant.host.options_underlying import coin_of
from nautilus_quant.options.contract import Contract
from nautilus_quant.options.hedging_limits import Net

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.options import OptionDesk

EXTERNAL = StrategyId("EXTERNAL")
"""Whose NautilusTrader says positions are that a venue reports and nobody claims."""


def unit_delta(instrument: Instrument, price: float) -> float:
    """Return how many coins one unit moves like; NaN of an inverse contract without a price."""
    multiplier = float(instrument.multiplier)
    if not instrument.is_inverse:
        return multiplier
    return multiplier / price if price > 0.0 else math.nan


class BookNet:
    """
    Adds up what is held in one underlying.

    Parameters
    ----------
    underlying
        Which coin.
    desk, cache
        Of the node.
    chosen
        Strategies whose positions are the book; none for all that hold, or held, options on the coin.
    own
        Under which the hedges are traded: always part of the book.
    external
        Whether unclaimed positions are part of it.
    adjusted
        Whether deltas are premium-adjusted.

    """

    def __init__(
        self,
        underlying: str,
        desk: OptionDesk,
        cache: CacheFacade,
        *,
        chosen: Collection[StrategyId],
        own: StrategyId,
        external: bool,
        adjusted: bool,
    ) -> None:
        self.underlying = underlying
        self._desk = desk
        self._cache = cache
        self._chosen = frozenset(chosen)
        always = {own, EXTERNAL} if external else {own}
        self._book: set[StrategyId] = {*self._chosen, *always}
        self._adjusted = adjusted
        self._kinds: dict[InstrumentId, Contract | Instrument | None] = {}

    def options(self) -> dict[InstrumentId, float]:
        """Return the options of the book that live, net over strategies [contracts]."""
        return self._split()[0]

    def _split(self) -> tuple[dict[InstrumentId, float], list[tuple[Position, Instrument]]]:
        """Return the options of the book, net, and the positions that move like the coin."""
        now, book = self._desk.now(), self._book
        held: dict[InstrumentId, float] = {}
        linear: list[tuple[Position, Instrument]] = []
        kinds = self._kinds
        for position in self._cache.positions_open():
            name = position.instrument_id
            kind = kinds[name] if name in kinds else self._kind(name)
            if kind is None:
                continue
            if not isinstance(kind, Contract):
                linear.append((position, kind))
            elif kind.expiry > now:
                if not self._chosen:
                    book.add(position.strategy_id)
                if position.strategy_id in book:
                    held[name] = held.get(name, 0.0) + position.signed_qty
        # Only now it is known who holds options.
        return held, [one for one in linear if one[0].strategy_id in book]

    def _kind(self, instrument_id: InstrumentId) -> Contract | Instrument | None:
        """Return an option on the coin as a contract, what moves like it as an instrument, else nothing."""
        contract = self._desk.contract(instrument_id)
        instrument = self._cache.instrument(instrument_id)
        found: Contract | Instrument | None = None
        if contract is not None:
            found = contract if contract.underlying == self.underlying else None
        elif coin_of(instrument) == self.underlying:
            found = instrument
        if instrument is not None:
            self._kinds[instrument_id] = found
        return found

    def net(self, price: Callable[[InstrumentId], float]) -> Net:
        """
        Return what the book moves now.

        Parameters
        ----------
        price
            Of a hedge instrument now, NaN when nobody knows: what inverse contracts are counted at.

        """
        held, linear = self._split()
        coins = math.fsum(p.signed_qty * unit_delta(one, price(p.instrument_id)) for p, one in linear)
        count = len(linear) + len(held)
        if not held:
            return Net(coins, 0.0, 0.0, math.nan, count)
        book = self._desk.book(held)
        if book is None:
            return Net(math.nan, math.nan, math.nan, math.nan, count)
        forwards = self._forwards(held)
        moved = book.delta_adjusted if self._adjusted else book.delta
        return Net(
            delta=float(np.sum(moved)) + coins,
            gamma_1pct=float(np.sum(book.gamma_1pct)),
            vega=float(np.dot(book.vega, forwards)),
            price=float(np.median(forwards)),
            positions=count,
        )

    def _forwards(self, held: Iterable[InstrumentId]) -> list[float]:
        known: dict[int, float] = {}
        forwards = []
        for instrument_id in held:
            contract = self._kinds[instrument_id]
            assert isinstance(contract, Contract)
            if contract.expiry not in known:
                known[contract.expiry] = self._desk.forward(contract).value
            forwards.append(known[contract.expiry])
        return forwards

    def held(self, instrument_id: InstrumentId) -> float:
        """Return what everybody holds of an instrument, signed [units]: what a venue would say."""
        return math.fsum(p.signed_qty for p in self._cache.positions_open(instrument_id=instrument_id))
