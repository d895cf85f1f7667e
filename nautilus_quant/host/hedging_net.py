"""What a book of options and its hedges moves, in coins."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from nautilus_trader.model.identifiers import StrategyId
from nautilus_trader.model.instruments import CryptoFuture, CryptoPerpetual, CurrencyPair

from nautilus_quant.host.valuation import DOLLARS
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


def coin_of(instrument: Instrument | None) -> str | None:
    """Return which coin a perpetual, a future, or a pair against a dollar moves like; ``None`` of others."""
    if isinstance(instrument, CryptoFuture):
        return str(instrument.underlying.code)
    if isinstance(instrument, CryptoPerpetual):
        return str(instrument.base_currency.code)
    if isinstance(instrument, CurrencyPair) and instrument.quote_currency.code in DOLLARS:
        return str(instrument.base_currency.code)
    return None


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
        self._coins: dict[InstrumentId, str | None] = {}

    def options(self) -> dict[InstrumentId, float]:
        """Return the options of the book that live, net over strategies [contracts]."""
        now = self._desk.now()
        held: dict[InstrumentId, float] = {}
        for position in self._cache.positions_open():
            contract = self._desk.contract(position.instrument_id)
            if contract is None or contract.underlying != self.underlying or contract.expiry <= now:
                continue
            if not self._chosen:
                self._book.add(position.strategy_id)
            if position.strategy_id in self._book:
                name = position.instrument_id
                held[name] = held.get(name, 0.0) + position.signed_qty
        return held

    def net(self, price: Callable[[InstrumentId], float]) -> Net:
        """
        Return what the book moves now.

        Parameters
        ----------
        price
            Of a hedge instrument now, NaN when nobody knows: what inverse contracts are counted at.

        """
        held = self.options()
        linear, count = self._linear(price)
        if not held:
            return Net(linear, 0.0, 0.0, self._price(()), count)
        book = self._desk.book(held)
        if book is None:
            return Net(math.nan, math.nan, math.nan, math.nan, count + len(held))
        forwards = self._forwards(held)
        moved = book.delta_adjusted if self._adjusted else book.delta
        return Net(
            delta=float(np.sum(moved)) + linear,
            gamma_1pct=float(np.sum(book.gamma_1pct)),
            vega=float(np.dot(book.vega, forwards)),
            price=self._price(forwards),
            positions=count + len(held),
        )

    def _linear(self, price: Callable[[InstrumentId], float]) -> tuple[float, int]:
        found: list[Position] = [
            position
            for position in self._cache.positions_open()
            if position.strategy_id in self._book and self._coin(position.instrument_id) == self.underlying
        ]
        units = (
            position.signed_qty
            * unit_delta(self._cache.instrument(position.instrument_id), price(position.instrument_id))
            for position in found
        )
        return math.fsum(units), len(found)

    def _coin(self, instrument_id: InstrumentId) -> str | None:
        if instrument_id not in self._coins:
            self._coins[instrument_id] = coin_of(self._cache.instrument(instrument_id))
        return self._coins[instrument_id]

    def _forwards(self, held: Iterable[InstrumentId]) -> list[float]:
        known: dict[int, float] = {}
        forwards = []
        for instrument_id in held:
            contract = self._desk.contract(instrument_id)
            assert contract is not None
            if contract.expiry not in known:
                known[contract.expiry] = self._desk.forward(contract).value
            forwards.append(known[contract.expiry])
        return forwards

    def _price(self, forwards: Collection[float]) -> float:
        return float(np.median(list(forwards))) if forwards else math.nan

    def held(self, instrument_id: InstrumentId) -> float:
        """Return what everybody holds of an instrument, signed [units]: what a venue would say."""
        return math.fsum(p.signed_qty for p in self._cache.positions_open(instrument_id=instrument_id))
