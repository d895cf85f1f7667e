"""Trading one coin between venues: which pairs to enter, hold, reduce and leave."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from nautilus_quant.carry.cross_venue import Edge, EdgeParams, Ending, Market
from nautilus_quant.carry.cross_venue_basis import Basis, BasisParams
from nautilus_quant.carry.cross_venue_choice import Candidate, Chosen, choose, sides_of
from nautilus_quant.carry.cross_venue_funding import NO_FUNDING, LegFunding, PairFunding
from nautilus_quant.carry.cross_venue_hold import Held, HoldParams, hold
from nautilus_quant.carry.cross_venue_inventory import InventoryParams, Stock
from nautilus_quant.carry.cross_venue_outage import Access
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_NANOS = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossVenueParams:
    """
    Parts of the rule.

    Parameters
    ----------
    edge, hold, inventory, basis
        When a difference is worth trading, when a pair is left, how far inventories may wander, and how the
        usual difference is learnt.
    retry
        Wait before a pair is entered again of which nothing came to be held [s].
    least_more
        Least that is added to a pair that is held, as a share of its largest size [-].

    """

    edge: EdgeParams = field(default_factory=EdgeParams)
    hold: HoldParams = field(default_factory=HoldParams)
    inventory: InventoryParams = field(default_factory=InventoryParams)
    basis: BasisParams = field(default_factory=BasisParams)
    retry: float = 10.0
    least_more: float = 0.1

    def __post_init__(self) -> None:
        require(0.0 <= self.retry < math.inf, "0 <= retry < inf [s]", self.retry)
        require(0.0 <= self.least_more <= 1.0, "0 <= least_more <= 1 [-]", self.least_more)


class PairView(NamedTuple):
    """
    A pair of venues as it stands.

    Parameters
    ----------
    name, one, two
        Of the pair, and of its legs.
    coins
        Hedged now, signed: + is long leg one, short leg two.
    busy
        Whether orders are on their way, or the legs are apart.
    most
        Largest size of the pair [coins]; 0 where it may not be held.
    smallest
        Smallest order worth sending [coins].
    rests
        Leg whose entry rests in the book; empty when both are taken.
    moved_from_one, moved_from_two
        What moving a coin away from a leg's venue costs [fraction]; NaN where it cannot be moved.

    """

    name: str
    one: str
    two: str
    coins: float = 0.0
    busy: bool = False
    most: float = math.inf
    smallest: float = 0.0
    rests: str = ""
    moved_from_one: float = math.nan
    moved_from_two: float = math.nan


class Wish(NamedTuple):
    """
    What should be held of a pair from now on.

    Parameters
    ----------
    pair
        Its name.
    coins
        Signed size; 0 leaves it.
    why
        In a few words.
    edge
        What it leaves, of a pair that is entered.
    urgent
        Whether nothing should rest in the book.
    numbers
        What it was read from.

    """

    pair: str
    coins: float
    why: str
    edge: Edge | None = None
    urgent: bool = False
    numbers: Mapping[str, float] = MappingProxyType({})


@dataclass(slots=True)
class Trade:
    """
    A pair that was entered.

    Parameters
    ----------
    direction
        +1 when leg one is long.
    entry
        Difference at which it was entered [fraction].
    since
        When, UNIX time [ns].
    trades
        Whether it ends by trading back; else coins are moved, and it waits for that or the other direction.
    leaving
        Whether it was told to be left.
    held
        Whether anything of it ever was held.

    """

    direction: int
    entry: float
    since: int
    trades: bool = True
    leaving: bool = False
    held: bool = False


class CrossVenueRule:
    """
    Learns the usual differences and funding, and says what to hold.

    Parameters
    ----------
    params
        Its parts.
    funding
        Of each leg that pays any.

    """

    def __init__(
        self, params: CrossVenueParams | None = None, funding: Mapping[str, LegFunding] | None = None
    ) -> None:
        self.params = params or CrossVenueParams()
        self.funding = dict(funding or {})
        self.bases: dict[str, Basis] = {}
        self.trades: dict[str, Trade] = {}
        self._not_before: dict[str, int] = {}

    def step(
        self,
        ts: int,
        pairs: Sequence[PairView],
        markets: Mapping[str, Market],
        stocks: Mapping[str, Stock],
        access: Mapping[str, Access],
    ) -> list[Wish]:
        """
        Take what is known now, and say what should change.

        Parameters
        ----------
        ts
            UNIX time [ns].
        pairs
            All of them.
        markets, stocks
            By leg; of one without a fresh book, or whose account is unknown, there is none.
        access
            What may be done at the venue of each leg; a leg without is closed.

        Returns
        -------
        list
            Pairs to leave first; of others only what changes.

        """
        for pair in pairs:
            self._learn(ts, pair, markets)
        wishes = [wish for pair in pairs if (wish := self._leave(ts, pair, markets, access)) is not None]
        candidates = [one for pair in pairs for one in self._candidates(ts, pair, markets, access)]
        # A leg that cannot be closed for a while must not keep its venue from trading with others.
        free = [pair for pair in pairs if Access.DOWN not in {access.get(pair.one), access.get(pair.two)}]
        sides = sides_of([(pair.one, pair.two, self._direction(pair)) for pair in free])
        reducing = [one for one in candidates if one.pair in self._held(pairs, one)]
        adding = [one for one in candidates if one not in reducing]
        views = {pair.name: pair for pair in pairs}
        edge, inventory = self.params.edge, self.params.inventory
        chosen = choose(adding, markets, stocks, edge, inventory, sides=sides)
        used = {venue for one in chosen for venue in (one.candidate.buy, one.candidate.sell)}
        back = [one for one in reducing if one.buy not in used and one.sell not in used]
        chosen += choose(back, markets, stocks, edge, inventory)
        return wishes + [self._enter(ts, views[one.candidate.pair], one, markets) for one in chosen]

    # -- what is learnt ------------------------------------------------------------------------------

    def _learn(self, ts: int, pair: PairView, markets: Mapping[str, Market]) -> None:
        basis = self.bases.get(pair.name)
        if basis is None:
            basis = self.bases[pair.name] = Basis(self.params.basis)
        difference = self.difference(pair, markets)
        basis.update(ts, difference)
        trade = self.trades.get(pair.name)
        if not pair.coins and not pair.busy:
            if trade is not None and not trade.held:
                self._not_before[pair.name] = ts + int(self.params.retry * _NANOS)
            self.trades.pop(pair.name, None)
        elif trade is None and pair.coins:
            # Held, and nobody remembers why: as if it were entered now.
            self.trades[pair.name] = Trade(1 if pair.coins > 0.0 else -1, difference, ts, held=True)
        elif trade is not None and pair.coins:
            trade.held = True
            if math.isnan(trade.entry):  # nothing could be seen when it was found
                trade.entry = difference

    @staticmethod
    def difference(pair: PairView, markets: Mapping[str, Market]) -> float:
        """Return by how much leg two is dearer than leg one [fraction]; NaN when unknown."""
        one, two = markets.get(pair.one), markets.get(pair.two)
        if one is None or two is None:
            return math.nan
        return 2.0 * (two.mid - one.mid) / (two.mid + one.mid)

    def _direction(self, pair: PairView) -> int:
        if pair.coins:
            return 1 if pair.coins > 0.0 else -1
        trade = self.trades.get(pair.name)
        return 0 if trade is None else trade.direction

    def _funding(self, ts: int, long: str, short: str, seconds: float) -> PairFunding:
        known = [self.funding.get(leg) for leg in (long, short)]
        carries = [NO_FUNDING if leg is None else leg.over(ts, seconds) for leg in known]
        return PairFunding.of(carries[0], carries[1])

    def lasts(self, pair: PairView, difference: float) -> float:
        """Return how long a difference is expected to last, at most as long as a pair is held [s]."""
        basis = self.bases[pair.name]
        seconds = basis.lasts(difference - basis.mean, self.params.hold.exit)
        return min(seconds, self.params.hold.longest)

    # -- leaving -------------------------------------------------------------------------------------

    def _leave(
        self, ts: int, pair: PairView, markets: Mapping[str, Market], access: Mapping[str, Access]
    ) -> Wish | None:
        trade = self.trades.get(pair.name)
        if trade is None or trade.leaving:
            return None
        if Access.RETURNED in {access.get(pair.one), access.get(pair.two)}:
            trade.leaving = True
            return Wish(pair.name, 0.0, "venue is back after an outage", urgent=True)
        if not pair.coins or not trade.trades:
            return None
        return self._judge(ts, pair, trade, self.difference(pair, markets))

    def _judge(self, ts: int, pair: PairView, trade: Trade, difference: float) -> Wish | None:
        long, short = (pair.one, pair.two) if trade.direction > 0 else (pair.two, pair.one)
        funding = self._funding(ts, long, short, self.lasts(pair, difference))
        held = Held(trade.direction, trade.entry, (ts - trade.since) / _NANOS)
        fair = self.bases[pair.name].mean
        stay = hold(held, difference, fair, funding, self.params.hold)
        if stay.stays:
            return None
        trade.leaving = True
        numbers = {"gain": stay.gain, "difference": difference, "fair": fair, "funding": funding.expected}
        return Wish(pair.name, 0.0, stay.why, urgent=stay.why == "stop", numbers=numbers)

    # -- entering ------------------------------------------------------------------------------------

    def _candidates(
        self, ts: int, pair: PairView, markets: Mapping[str, Market], access: Mapping[str, Access]
    ) -> Iterator[Candidate]:
        trade = self.trades.get(pair.name)
        is_open = access.get(pair.one) is Access.OPEN and access.get(pair.two) is Access.OPEN
        waits = ts < self._not_before.get(pair.name, 0) or (trade is not None and trade.leaving)
        if pair.busy or waits or not is_open:
            return
        difference = self.difference(pair, markets)
        if not math.isfinite(difference):
            return
        held = self._direction(pair)
        seconds = self.lasts(pair, difference)
        funding = self._funding(ts, pair.one, pair.two, seconds)
        for direction in (1, -1):
            if not self._may_pay(pair, direction, difference, funding, markets):
                continue
            room = pair.most - abs(pair.coins)
            if held == -direction:
                # Back the way it came: by the other direction's own edge, where it does not end by itself.
                room = 0.0 if trade is None or trade.trades else abs(pair.coins)
            least = self.params.least_more * pair.most if held == direction else 0.0
            if room > least:
                one = self._candidate(pair, direction, seconds, funding, room)
                yield one._replace(smallest=max(one.smallest, least))

    def _may_pay(
        self,
        pair: PairView,
        direction: int,
        difference: float,
        funding: PairFunding,
        markets: Mapping[str, Market],
    ) -> bool:
        """Rule out at little cost what cannot pay at any size: nearly all there is, nearly always."""
        one, two = markets[pair.one], markets[pair.two]
        gain = direction * (difference - self.bases[pair.name].mean + funding.expected)
        fees = (
            one.exit_fee + two.exit_fee + min(one.entry_fee, one.rest_fee) + min(two.entry_fee, two.rest_fee)
        )
        moved = pair.moved_from_one if direction > 0 else pair.moved_from_two
        if math.isfinite(moved):
            gain, fees = max(gain, direction * difference), 0.0
        if pair.rests:  # bought and sold at its own side's price, it earns what others pay
            gain += sum((market.asks[0][0] - market.bids[0][0]) / market.mid for market in (one, two))
        # A twentieth of fees for prices that are not the middle one.
        least = self.params.edge.least - 2.0 * self.params.inventory.skew
        return gain - fees + 0.05 * abs(fees) > least

    def _candidate(
        self, pair: PairView, direction: int, seconds: float, funding: PairFunding, room: float
    ) -> Candidate:
        buy, sell = (pair.one, pair.two) if direction > 0 else (pair.two, pair.one)
        basis = self.bases[pair.name]
        endings = [
            Ending(
                seconds=seconds,
                fair=direction * basis.mean,
                fair_error=basis.error,
                funding=direction * funding.expected,
                funding_error=funding.error,
            )
        ]
        moved = pair.moved_from_one if direction > 0 else pair.moved_from_two
        if math.isfinite(moved):
            endings.append(Ending(trades=False, transfer=moved))
        return Candidate(pair.name, buy, sell, tuple(endings), room, pair.smallest, pair.rests)

    def _held(self, pairs: Sequence[PairView], one: Candidate) -> set[str]:
        """Return the names of pairs that a candidate would reduce."""
        sides = {pair.name: (pair.one if pair.coins > 0.0 else pair.two) for pair in pairs if pair.coins}
        return {name for name, long in sides.items() if name == one.pair and one.sell == long}

    def _enter(self, ts: int, pair: PairView, one: Chosen, markets: Mapping[str, Market]) -> Wish:
        direction = 1 if one.candidate.buy == pair.one else -1
        trade = self.trades.get(pair.name)
        if trade is None:
            difference = self.difference(pair, markets)
            self.trades[pair.name] = Trade(direction, difference, ts, one.edge.trades)
        why = "difference" if one.edge.trades else "difference, coins are moved"
        if trade is not None and trade.direction == -direction:
            why = "the other way round"
        numbers = {**one.edge.numbers(), "skew": one.skew}
        return Wish(pair.name, pair.coins + direction * one.edge.coins, why, one.edge, numbers=numbers)

    # -- state ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return all that `restore` needs."""
        trades = {
            name: [
                t.direction,
                None if math.isnan(t.entry) else t.entry,
                t.since,
                t.trades,
                t.leaving,
                t.held,
            ]
            for name, t in self.trades.items()
        }
        return {
            "version": VERSION,
            "bases": {name: basis.to_dict() for name, basis in self.bases.items()},
            "funding": {name: leg.to_dict() for name, leg in self.funding.items()},
            "trades": trades,
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; ValueError when it is damaged."""
        stored.check_version("cross-venue rule", state, VERSION)
        bases = {
            name: Basis(self.params.basis).restore(one)
            for name, one in stored.mapping(state, "bases").items()
        }
        trades = {}
        for name, (direction, entry, since, *flags) in stored.mapping(state, "trades").items():
            require(direction in {1, -1}, "a direction of 1 or -1", direction)
            difference = math.nan if entry is None else float(entry)
            trades[name] = Trade(direction, difference, int(since), *map(bool, flags))
        for name, one in stored.mapping(state, "funding").items():
            if name in self.funding:
                self.funding[name].restore(one)
        self.bases, self.trades = bases, trades
        return self
