"""How much of every carry to hold: forecasts, costs, capital and capture put together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple, Self

import numpy as np

from nautilus_quant.carry.capture import CaptureChange
from nautilus_quant.carry.scaler_capital import Claims, Needs, Shares, allot
from nautilus_quant.carry.scaler_market import Leg, LegMarket, Outlook
from nautilus_quant.carry.scaler_terms import CarryDecision, CarryPair, Funds, ScalerParams
from nautilus_quant.carry.scaler_thesis import Thesis, ThesisBook
from nautilus_quant.carry.sizing import Cost
from nautilus_quant.carry.sizing_many import (
    CAPITAL,
    CAPTURE,
    HELD,
    UNKNOWN,
    WHY,
    Flags,
    Floats,
    Ints,
    Sizes,
    Table,
    sizes,
)
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_ROOT_HALF = math.sqrt(0.5)
_new = tuple.__new__  # what a named tuple does, without the detour through a Python function

type _Row = tuple[float, ...]


class _Legs(NamedTuple):
    """What never changes of the legs of all pairs, by pair."""

    one: Ints  # which market
    two: Ints
    borrow_one: Floats
    borrow_two: Floats
    needs: Needs
    venues: list[str]
    places: dict[str, int]


class CarryScaler:
    """
    Decides how much to hold of every pair.

    1. Expected: funding of both legs over the holding time, less errors and borrow.
    2. Size by itself: where the last unit earns what it costs, 80 % of it traded; see `sizing.size`.
    3. Capital: where it is short, the last unit earns the same everywhere; see `scaler_capital.allot`.
    4. Capture: a pair that is paid less than it was entered for keeps what is captured of its size.

    What is not known changes nothing that is held, and adds nothing. A pair turns round by way of nothing.

    Parameters
    ----------
    pairs
        What may be held; names are unique.
    params
        How.

    """

    def __init__(self, pairs: Iterable[CarryPair], params: ScalerParams | None = None) -> None:
        self.params = params or ScalerParams()
        self.pairs: dict[str, CarryPair] = {}
        self.markets: dict[str, LegMarket] = {}
        for pair in pairs:
            require(pair.name not in self.pairs, "a name of its own for each pair", pair.name)
            self.pairs[pair.name] = pair
            for leg in (pair.one, pair.two):
                known = self.markets.get(leg.instrument)
                require(known is None or known.leg == leg, f"one description of {leg.instrument}", leg)
                if known is None:
                    self.markets[leg.instrument] = self._market(leg)
        self.theses = ThesisBook(self.params.capture, self.params.rebalance)
        self._priced: tuple[list[Cost], Floats] | None = None
        self._legs = self._layout()

    def _market(self, leg: Leg) -> LegMarket:
        params = self.params
        return LegMarket(leg, params.formula, params.forecast, params.slippage, params.stale)

    def _layout(self) -> _Legs:
        place = {name: index for index, name in enumerate(self.markets)}
        venues = sorted({market.leg.venue for market in self.markets.values()})
        ones = [pair.one for pair in self.pairs.values()]
        twos = [pair.two for pair in self.pairs.values()]
        needs = Needs(
            np.array([leg.capital for leg in ones]),
            np.array([leg.capital for leg in twos]),
            np.array([venues.index(leg.venue) for leg in ones], dtype=np.int64),
            np.array([venues.index(leg.venue) for leg in twos], dtype=np.int64),
        )
        horizon = self.params.horizon
        return _Legs(
            np.array([place[leg.instrument] for leg in ones], dtype=np.int64),
            np.array([place[leg.instrument] for leg in twos], dtype=np.int64),
            np.array([self.markets[leg.instrument].borrow(horizon) for leg in ones]),
            np.array([self.markets[leg.instrument].borrow(horizon) for leg in twos]),
            needs,
            venues,
            {name: index for index, name in enumerate(self.pairs)},
        )

    # -- decisions -----------------------------------------------------------------------------------

    def decide(self, ts: int, funds: Funds, held: Mapping[str, float]) -> dict[str, CarryDecision]:
        """
        Return what should be held of every pair.

        Parameters
        ----------
        ts
            Now, UNIX time [ns].
        funds
            What there is.
        held
            Signed notional held now, by pair [reporting currency]; NaN when nobody can tell.

        """
        if not self.pairs:
            return {}
        horizon = self.params.horizon
        outlooks = [market.outlook(ts, horizon) for market in self.markets.values()]
        has = np.array([held.get(name, 0.0) for name in self.pairs])
        now = np.abs(has)
        sign, table, room = self._table(outlooks, has, funds.equity)
        found = sizes(table, self.params.sizing, funds.equity)
        size, why = self._choose(table._replace(held=now), found, room)
        shares = self._allot(table, size, now, funds)
        size, why = self._settle(size, why, shares.sizes, now)
        rows = self._numbers(table, found, shares, now, size)
        signed = (sign * size + 0.0).tolist()  # no minus zero
        known = has.tolist()
        self._follow(signed, known, outlooks, ts)
        return self._decisions(signed, why.tolist(), rows, known)

    def _table(
        self, outlooks: list[Outlook | None], has: Floats, equity: float
    ) -> tuple[Floats, Table, Flags]:
        """Return the direction of each pair, what it earns and costs that way, and whether it is cut."""
        legs, params = self._legs, self.params
        rates = np.array([math.nan if one is None else one[0] for one in outlooks])
        doubts = np.array([math.nan if one is None else one[1] for one in outlooks])
        rate = rates[legs.two] - rates[legs.one]
        sign = np.where(has != 0.0, np.sign(has), np.where(rate >= 0.0, 1.0, -1.0))
        # The legs' errors are taken as independent: of one coin on two venues they are less than that.
        error = np.hypot(doubts[legs.one], doubts[legs.two])
        most = np.full(len(has), params.max_share * max(equity, 0.0))
        held, scale = np.abs(has), np.ones(len(has))
        room = np.zeros(len(has), dtype=np.bool_)
        for name, left in self.theses.rooms():  # nothing is added while too little is paid
            index = legs.places.get(name)
            if index is not None:
                held[index], scale[index] = left
                most[index] = min(most[index], left[0])
                room[index] = True
        borrow = np.where(sign > 0.0, legs.borrow_two, legs.borrow_one)
        fixed, linear, root = self._costs()
        return sign, Table(sign * rate, error, borrow, fixed, linear, root, most, held, scale), room

    def _costs(self) -> Floats:
        """Return what each pair costs, float64[3, n]: rows of it are read anew only when a market changed."""
        caution, legs = self.params.impact_caution, self._legs
        costs = [market.cost(caution) for market in self.markets.values()]
        if self._priced is None or costs != self._priced[0]:
            each = _columns(costs)
            self._priced = costs, np.ascontiguousarray((2.0 * (each[legs.one] + each[legs.two])).T)
        return self._priced[1]

    def _choose(self, table: Table, found: Sizes, room: Flags) -> tuple[Floats, Ints]:
        """Return what each pair would hold by itself; `table.held` is what it holds."""
        held, size, why = table.held, found.size, found.why
        unknown = why == UNKNOWN
        stays = (held > size) & ~room & ~unknown & (table.edge(self.params.stay_caution) > 0.0)
        cut = room & ~unknown & ((size > 0.0) | ~(table.scale > 0.0))
        size = np.where(stays, np.minimum(held, table.most), size)
        size = np.where(cut, np.minimum(size, held), np.where(unknown, held, size))
        return size, np.where(stays, HELD, np.where(cut, CAPTURE, why))

    def _allot(self, table: Table, size: Floats, held: Floats, funds: Funds) -> Shares:
        params = self.params
        known = np.isfinite(size)
        size = np.where(known, size, 0.0)
        keep = np.where(known, np.minimum(held, size), 0.0)
        worth, edge = table.edge(params.stay_caution), table.edge(params.sizing.caution)
        claims = Claims(
            keep,
            size - keep,
            np.where(np.isfinite(worth), worth, 0.0),  # kept for want of knowledge
            np.where(np.isfinite(edge), edge, 0.0),
            table.fixed,
            table.linear,
            table.root,
        )
        venues = params.capital * np.array([funds.venues.get(name, 0.0) for name in self._legs.venues])
        capital = params.capital * funds.equity
        if not (math.isfinite(capital) and np.isfinite(venues).all()):
            return Shares(np.minimum(size, keep), np.zeros(len(size)))  # nothing new
        return allot(claims, self._legs.needs, capital, venues)

    def _settle(self, size: Floats, why: Ints, shares: Floats, held: Floats) -> tuple[Floats, Ints]:
        """Bound sizes by their shares of the capital, and let go of what is too little to trade."""
        params = self.params
        short = shares < size
        size, why = np.where(short, shares, size), np.where(short, CAPITAL, why)
        small = size < params.sizing.smallest
        size = np.where(small, np.where(size < held, 0.0, held), size)
        near = (size > 0.0) & (held > 0.0) & (np.abs(size - held) < params.rebalance * np.maximum(size, held))
        told = (why == CAPTURE) | (why == CAPITAL) | (why == UNKNOWN)
        return np.where(near, held, size), np.where(near & ~told, HELD, why)

    def _numbers(self, table: Table, found: Sizes, shares: Shares, held: Floats, size: Floats) -> list[_Row]:
        edge = table.edge(self.params.sizing.caution)
        cost = table.fixed + table.linear * size + table.root * np.sqrt(np.maximum(size, 0.0))
        some = size > 0.0
        profit = np.where(some, size, 0.0) * np.where(some, edge - cost, 0.0)
        columns = [
            *(table.expected, table.error, table.borrow, edge, table.fixed, table.linear, table.root),
            *(held, table.scale, found.bound, profit, found.best, shares.levels, table.most),
        ]
        return list(zip(*[column.tolist() for column in columns], strict=True))

    def _decisions(
        self, size: list[float], why: list[int], rows: list[_Row], held: list[float]
    ) -> dict[str, CarryDecision]:
        found: dict[str, CarryDecision] = {}
        for name, signed, reason, row, has in zip(self.pairs, size, why, rows, held, strict=True):
            numbers = _named(row)
            text, edge = WHY[reason], row[3]
            if reason == UNKNOWN:
                edge = math.nan
                if not math.isfinite(row[2]) and math.isfinite(row[0]) and not has:
                    text = "borrow"
                numbers = {key: value for key, value in numbers.items() if math.isfinite(value)}
            found[name] = _new(CarryDecision, (name, signed, text, edge, numbers))
        return found

    def _follow(self, sizes: list[float], held: list[float], outlooks: list[Outlook | None], ts: int) -> None:
        horizon = int(self.params.horizon * 1e9)
        is_news = self.theses.is_news
        news = [
            (name, size)
            for name, size, has in zip(self.pairs, sizes, held, strict=True)
            # What is being left is paid until it is gone; a size nobody can tell is no reason to hold one.
            if not (size == 0.0 and has) and math.isfinite(size) and is_news(name, size, ts, horizon)
        ]
        if not news:
            return
        known = dict(zip(self.markets, outlooks, strict=True))
        for name, size in news:
            rates = {}
            for leg in (self.pairs[name].one, self.pairs[name].two):
                outlook = known[leg.instrument]
                if outlook is None:
                    break
                if leg.is_perpetual:
                    rates[leg.instrument] = outlook[0] / outlook[2]
            else:
                self.theses.follow(name, Thesis(ts, size, rates), horizon)

    # -- payments ------------------------------------------------------------------------------------

    def paid(self, pair: str, instrument: str, notional: float, paid: float) -> CaptureChange | None:
        """Take one payment; see `nautilus_quant.carry.scaler_thesis.ThesisBook.paid`."""
        return self.theses.paid(pair, instrument, notional, paid)

    # -- state ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        return {
            "version": VERSION,
            "markets": {name: market.to_dict() for name, market in self.markets.items()},
            "theses": self.theses.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged, and then nothing has changed."""
        stored.check_version("carry scaler", state, VERSION)
        theses = ThesisBook(self.params.capture, self.params.rebalance).restore(
            stored.mapping(state, "theses")
        )
        known = stored.mapping(state, "markets")
        markets = {
            name: self._market(market.leg).restore(known[name]) if name in known else market
            for name, market in self.markets.items()
        }
        self.theses, self.markets = theses, markets
        return self


def _columns(rows: Sequence[Cost]) -> Floats:
    """Return rows of three as an array, in a fraction of the time `np.array` takes."""
    return np.fromiter(chain.from_iterable(rows), np.float64, 3 * len(rows)).reshape(-1, 3)


def _named(row: _Row) -> dict[str, float]:
    expected, error, borrow, edge, fixed, linear, root, held, scale, kelly, profit, best, level, most = row
    return {
        "expected": expected,
        "error": error,
        "borrow": borrow,
        "edge": edge,
        "fixed": fixed,
        "linear": linear,
        "root": root,
        "held": held,
        "scale": scale,
        "kelly": kelly,
        "profit": profit,
        "best": best,
        "level": level,
        "most": most,
        "flip": _flip(expected, error),
    }


def _flip(expected: float, error: float) -> float:
    """Return how likely it is that nothing, or less, comes in [-]; NaN when unknown."""
    if error > 0.0:
        return 0.5 * math.erfc(expected / error * _ROOT_HALF)
    return math.nan if math.isnan(expected + error) else float(expected <= 0.0)
