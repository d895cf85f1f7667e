"""What there is to hold carry with, and how far each account is from liquidation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_quant.account.equity import Account, AccountKind, Price, value
from nautilus_quant.account.margin import Held, Maintenance, Terms
from nautilus_quant.account.margin_liquidation import Priced, account_distance
from nautilus_quant.carry.scaler import Funds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.accounting.accounts.base import Account as VenueAccount
    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.model.identifiers import Venue
    from nautilus_trader.model.position import Position

    from nautilus_quant.host.valuation import Valuer


class CarryFunds:
    """
    Reads equity, in all and by venue, and the distance to liquidation.

    Parameters
    ----------
    cache
        Of the node.
    valuer
        Prices and rates.
    maintenance
        Maintenance margin per notional of instruments that name none [-].

    """

    def __init__(self, cache: Cache, valuer: Valuer, maintenance: float = 0.005) -> None:
        self._cache = cache
        self._valuer = valuer
        self._maintenance = maintenance

    def read(self, venues: Iterable[Venue], now: int) -> Funds:
        """Return what there is at `now` [ns]; NaN where nobody can tell, 0 at a venue without an account."""
        valuation = self._valuer.value(now)
        amounts = {}
        for venue in venues:
            account = self._cache.account_for_venue(venue)
            amounts[venue.value] = 0.0 if account is None else self._equity(account, now)
        known = valuation.fresh and all(map(math.isfinite, amounts.values()))
        return Funds(valuation.equity if known else math.nan, amounts)

    def distance(self, venue: Venue, now: int) -> float:
        """
        Return how far prices may move against the positions of a venue before they are liquidated.

        Returns
        -------
        float
            Fraction of the price; infinite without a margin account or a position, NaN when a price is
            missing.

        """
        account = self._cache.account_for_venue(venue)
        if account is None or not account.is_margin_account:
            return math.inf
        priced = [self._priced(position, now) for position in self._positions(account)]
        return account_distance(priced, self._equity(account, now)) if priced else math.inf

    def maintenance_of(self, venue: Venue) -> float:
        """Return the largest maintenance rate of what is held at a venue [fraction of notional]."""
        account = self._cache.account_for_venue(venue)
        held = () if account is None else self._positions(account)
        return max((self._rate_of(position) for position in held), default=self._maintenance)

    def _positions(self, account: VenueAccount) -> list[Position]:
        return [p for p in self._cache.positions_open() if p.account_id == account.id]

    def _equity(self, account: VenueAccount, now: int) -> float:
        kind = AccountKind.MARGIN if account.is_margin_account else AccountKind.CASH
        balances = {c.code: m.as_double() for c, m in account.balances_total().items()}
        positions = [self._valuer.held(position) for position in self._positions(account)]
        books = [Account(kind, balances, positions)]
        valuer = self._valuer
        found = value(
            now, books, lambda name: valuer.price(name, now), self._rate(now), valuer.currency or ""
        )
        return found.equity if found.fresh else math.nan

    def _rate(self, now: int) -> Callable[[str], Price]:
        def rate(code: str) -> Price:
            worth = self._valuer.rate(code, now)
            return Price(worth, "no rate" if math.isnan(worth) else "", now)

        return rate

    def _rate_of(self, position: Position) -> float:
        instrument = self._cache.instrument(position.instrument_id)
        rate = math.nan if instrument is None else float(instrument.margin_maint)
        return rate if 0.0 < rate < 1.0 else self._maintenance

    def _priced(self, position: Position, now: int) -> Priced:
        held = self._valuer.held(position)
        terms = Terms(Maintenance.flat(self._rate_of(position)), held.multiplier, held.inverse)
        price = self._valuer.price(held.instrument, now)
        mark = math.nan if price.problem else price.value
        rate = self._valuer.rate(held.currency, now)
        return Priced(Held.of(held.instrument, held.quantity, terms), mark, rate)
