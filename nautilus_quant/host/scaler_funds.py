"""What there is to hold carry with, and how far each account is from liquidation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_trader.model.instruments import CurrencyPair

from nautilus_quant.account.equity import Account, AccountKind, Price, value
from nautilus_quant.account.margin import Held, Maintenance, Terms
from nautilus_quant.account.margin_liquidation import Priced, account_distance
from nautilus_quant.carry.scaler_guard import FREE_OF_MARGIN, UNTOLD
from nautilus_quant.carry.scaler_guard import Account as Margin
from nautilus_quant.carry.scaler_terms import Funds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from nautilus_trader.accounting.accounts.base import Account as VenueAccount
    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.model.identifiers import InstrumentId, Venue
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

    def margin(self, instrument_id: InstrumentId, now: int) -> Margin:
        """Return how far the account of an instrument is from liquidation at `now` [ns]."""
        account = self._cache.account_for_venue(instrument_id.venue)
        if account is None:
            return UNTOLD
        if not account.is_margin_account:
            return FREE_OF_MARGIN
        equity = self._equity(account, now)
        priced = [self._priced(p, now) for p in self._positions(account) if not self._is_spot(p)]
        if not priced:
            far = math.nan if math.isnan(equity) else math.inf
            return Margin(far, equity, 0.0, self._rate_of(instrument_id))
        notional = kept = 0.0
        for held, mark, worth in priced:
            size = worth * held.notional(mark)
            notional += size
            kept += size * held.terms.maintenance.bracket(size).rate
        rate = kept / notional if notional > 0.0 else math.nan
        return Margin(account_distance(priced, equity), equity, notional, rate)

    def _is_spot(self, position: Position) -> bool:
        return isinstance(self._cache.instrument(position.instrument_id), CurrencyPair)

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

    def _rate_of(self, instrument_id: InstrumentId) -> float:
        instrument = self._cache.instrument(instrument_id)
        rate = math.nan if instrument is None else float(instrument.margin_maint)
        return rate if 0.0 < rate < 1.0 else self._maintenance

    def _priced(self, position: Position, now: int) -> Priced:
        held = self._valuer.held(position)
        terms = Terms(Maintenance.flat(self._rate_of(position.instrument_id)), held.multiplier, held.inverse)
        price = self._valuer.price(held.instrument, now)
        mark = math.nan if price.problem else price.value
        rate = self._valuer.rate(held.currency, now)
        return Priced(Held.of(held.instrument, held.quantity, terms), mark, rate)
