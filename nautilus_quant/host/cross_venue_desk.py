"""All venues of one coin as a node sees them: prices, inventories, and what may be done where."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.instruments import CryptoPerpetual, PerpetualContract

from nautilus_quant.carry.cross_venue_inventory import Supply, SupplyWatch, rebalance
from nautilus_quant.carry.cross_venue_outage import Access, Outages
from nautilus_quant.carry.venue_health import Health
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.cross_venue_leg import VenueLeg
from nautilus_quant.host.cross_venue_watch import FoundStock
from nautilus_quant.host.fees import FeeBook
from nautilus_quant.host.liquidity import LiquidityBook
from nautilus_quant.host.valuation import Valuer
from nautilus_quant.host.venue_health import HealthBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from decimal import Decimal

    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.portfolio.portfolio import Portfolio

    from nautilus_quant.carry.cross_venue import Market
    from nautilus_quant.carry.cross_venue_inventory import (
        InventoryParams,
        Move,
        Stock,
        SupplyChange,
        TransferTerms,
    )
    from nautilus_quant.carry.cross_venue_outage import OutageChange, OutageParams

_ARRIVAL = 30_000_000_000
"""Within which the first data of a venue comes [ns]."""


class StockTerms(NamedTuple):
    """
    What inventories may be.

    Parameters
    ----------
    limit
        How far from its target [reporting currency].
    usual
        What counts as full room where there is no limit [reporting currency].
    reserve
        Share of free money left alone [-].
    targets
        Coins by instrument.
    transfers
        Terms by instrument.

    """

    limit: float
    usual: float
    reserve: float
    targets: Mapping[str, float]
    transfers: Mapping[str, TransferTerms]


class VenueDesk:
    """
    Gathers what the rules ask for.

    Parameters
    ----------
    msgbus, portfolio
        Of the node.
    instruments
        The coin at each venue.
    position
        Gives the signed position of an instrument [base coin, or contracts].
    terms
        Of inventories.
    now
        UNIX time [ns].
    outages, inventory
        Parameters of the rules.

    """

    def __init__(
        self,
        msgbus: MessageBus,
        portfolio: Portfolio,
        instruments: Iterable[Instrument],
        position: Callable[[InstrumentId], Decimal],
        terms: StockTerms,
        *,
        now: int,
        outages: OutageParams,
        inventory: InventoryParams,
    ) -> None:
        self._valuer = Valuer.on(msgbus)
        liquidity, fees = LiquidityBook.on(msgbus), FeeBook.on(msgbus)
        self.health = HealthBook.on(msgbus)
        self.legs = {item.id.value: VenueLeg(item, liquidity, fees, self._valuer) for item in instruments}
        self._portfolio = portfolio
        self._position = position
        self._terms = terms
        self._began = now
        self.outages = Outages(outages)
        self.supply = SupplyWatch(inventory)
        self.found = FoundStock()
        self.markets: dict[str, Market] = {}
        self.stocks: dict[str, Stock] = {}
        self.price = math.nan
        """Of a coin, on average over the venues that are heard [reporting currency]."""

    @property
    def perpetuals(self) -> list[InstrumentId]:
        """Instruments that pay funding."""
        kinds = CryptoPerpetual | PerpetualContract
        return [leg.id for leg in self.legs.values() if isinstance(leg.instrument, kinds)]

    def look(self, now: int) -> None:
        """Take the newest prices and inventories at `now`, UNIX time [ns]."""
        self._valuer.fresh_value(now)  # it decides the reporting currency
        stale_after = self.health.params.stale_after
        found = {name: leg.market(now, stale_after) for name, leg in self.legs.items()}
        self.markets = {
            name: market for name, market in found.items() if market is not None and market.mid > 0.0
        }
        mids = [market.mid for market in self.markets.values()]
        if mids:
            self.price = sum(mids) / len(mids)
        stocks = {name: self._stock(leg, now) for name, leg in self.legs.items()}
        self.stocks = {name: stock for name, stock in stocks.items() if stock is not None}

    def _stock(self, leg: VenueLeg, now: int) -> Stock | None:
        account, terms = self._portfolio.account(leg.id.venue), self._terms
        target = terms.targets.get(leg.name)
        if target is None and account is not None and not account.is_margin_account:
            base = account.balance_total(leg.instrument.base_currency)
            target = self.found.of(leg.name, 0.0 if base is None else float(base))
        return leg.stock(
            account,
            self._position(leg.id),
            self.price,
            now,
            limit=terms.limit,
            target=target,
            reserve=terms.reserve,
        )

    def access(self, now: int, holds: Callable[[str], bool]) -> list[tuple[OutageChange, tuple[str, ...]]]:
        """Take how venues do at `now`, UNIX time [ns]; give what changed, and why."""
        changes = []
        for name, leg in self.legs.items():
            state = self.health.state(leg.venue, now, name)
            awaited = self._is_awaited(leg, now) and self.outages.access(name) is not Access.DOWN
            down = state.health is Health.DOWN and not awaited
            degraded = state.health is not Health.UP
            change = self.outages.update(name, now, down=down, degraded=degraded, holds=holds(name))
            if change is not None:
                changes.append((change, state.reasons))
        return changes

    def _is_awaited(self, leg: VenueLeg, now: int) -> bool:
        """Tell whether nothing has been heard of a venue because this has only just begun."""
        heard = self.health.of(leg.venue).markets.get(leg.name)
        return (heard is None or heard.heard < 0) and now - self._began < _ARRIVAL

    @property
    def accesses(self) -> dict[str, Access]:
        """What may be done at the venue of each instrument."""
        return {name: self.outages.access(name) for name in self.legs}

    @property
    def down(self) -> set[str]:
        """Instruments at whose venues nothing arrives."""
        return {name for name, access in self.accesses.items() if access is Access.DOWN}

    def covers(self, leg: VenueLeg, change: Decimal) -> bool:
        """Tell whether a change only reduces the position there, and the venue may be told so."""
        position = self._position(leg.id) * leg.coins
        account = self._portfolio.account(leg.id.venue)
        is_margin = account is None or bool(account.is_margin_account)
        return is_margin and position * change < 0 and abs(position) >= abs(change)

    def smallest(self, one: str, two: str) -> float:
        """Return the smallest order both legs take [coins]."""
        return max(self.legs[one].smallest(self.price), self.legs[two].smallest(self.price))

    def moved(self, name: str) -> float:
        """Return what moving a coin away from a venue costs [fraction]; NaN where it cannot be moved."""
        terms, stock = self._terms.transfers.get(name), self.stocks.get(name)
        if terms is None or stock is None:
            return math.nan
        return terms.per_coin(stock.limit)

    def supplies(self) -> list[SupplyChange]:
        """Look whether inventories have run out, or are well again."""
        usual = self._terms.usual / self.price if self.price > 0.0 else math.nan
        return [
            change
            for name, stock in self.stocks.items()
            for change in self.supply.update(name, stock, self.legs[name].smallest(self.price), usual)
        ]

    def transfers(self) -> list[Move]:
        """Return what should be moved between venues: something, once one of them has run low."""
        low = [
            name
            for name in self.stocks
            if any(self.supply.of(name, side) is not Supply.ENOUGH for side in Side)
        ]
        if not low or not self._terms.transfers:
            return []
        closed = [name for name, access in self.accesses.items() if access is not Access.OPEN]
        smallest = max(leg.smallest(self.price) for leg in self.legs.values())
        return rebalance(self.stocks, self._terms.transfers, smallest=smallest, closed=closed)
