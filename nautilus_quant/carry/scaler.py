"""How much of every carry to hold: forecasts, costs, capital and capture put together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

from nautilus_quant.carry.capture import CaptureChange, CaptureParams
from nautilus_quant.carry.forecast import ForecastParams, FundingFormula
from nautilus_quant.carry.scaler_capital import Claim, allot
from nautilus_quant.carry.scaler_market import Leg, LegMarket, Outlook
from nautilus_quant.carry.scaler_thesis import Thesis, ThesisBook
from nautilus_quant.carry.sizing import Cost, Opportunity, Sizing, SizingParams, size
from nautilus_quant.carry.slippage import SlippageParams
from nautilus_quant.safety import stored
from nautilus_quant.signals.sequence import require

VERSION = 1
_DAY = 86_400.0
_TOLD = frozenset({"capture", "capital", "unknown"})
"""Why a size is what it is, also where it does not change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarryPair:
    """
    Two legs that hedge each other; a positive size is long `one` and short `two`.

    Parameters
    ----------
    name
        Of the pair.
    one, two
        Its legs, e.g. spot and a perpetual, or perpetuals of two venues.

    """

    name: str
    one: Leg
    two: Leg

    def __post_init__(self) -> None:
        legs = self.one.instrument, self.two.instrument
        require(legs[0] != legs[1], "two instruments", legs)
        paying = self.one.is_perpetual or self.two.is_perpetual
        require(paying, "a leg that pays funding", legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalerParams:
    """
    How carry is scaled.

    Parameters
    ----------
    horizon
        How long a position is held for [s]: what comes in over it must pay for getting in and out. More
        enters at lower rates, and is wrong more often.
    sizing
        How boldly.
    stay_caution
        Standard errors of the expected funding taken off what is held already [-]; below the caution of
        `sizing`, so that what has paid its way in does not leave over a doubt.
    impact_caution
        Standard errors added to what trading costs [-].
    max_share
        Largest size of one pair as a share of the equity [-].
    capital
        Share of the equity, and of what each venue holds, that all pairs may take [-].
    rebalance
        Least change of a size worth trading, as a share of the larger one [-].
    stale
        Intervals without a word of its funding after which nothing is known of an instrument [-].
    capture
        When too little is paid.
    formula
        How rates are made, where nothing else is said.
    forecast, slippage
        How fast the past is forgotten.

    """

    horizon: float = 7 * _DAY
    sizing: SizingParams = field(default_factory=SizingParams)
    stay_caution: float = 0.0
    impact_caution: float = 1.0
    max_share: float = 0.5
    capital: float = 0.9
    rebalance: float = 0.1
    stale: float = 2.0
    capture: CaptureParams = field(default_factory=CaptureParams)
    formula: FundingFormula = field(default_factory=FundingFormula)
    forecast: ForecastParams = field(default_factory=ForecastParams)
    slippage: SlippageParams = field(default_factory=SlippageParams)

    def __post_init__(self) -> None:
        require(0.0 < self.horizon < math.inf, "0 < horizon < inf [s]", self.horizon)
        for name in ("stay_caution", "impact_caution"):
            require(0.0 <= getattr(self, name) < math.inf, f"0 <= {name} [standard errors]", self)
        require(0.0 < self.max_share < math.inf, "0 < max_share < inf [-]", self.max_share)
        require(0.0 < self.capital <= 1.0, "0 < capital <= 1 [-]", self.capital)
        require(0.0 <= self.rebalance < 1.0, "0 <= rebalance < 1 [-]", self.rebalance)
        require(0.0 < self.stale < math.inf, "0 < stale < inf [intervals]", self.stale)


class Funds(NamedTuple):
    """
    What there is to hold carry with.

    Parameters
    ----------
    equity
        Of the node [reporting currency]; NaN when nobody can tell.
    venues
        What each venue holds [reporting currency].

    """

    equity: float
    venues: Mapping[str, float]


class CarryDecision(NamedTuple):
    """
    What should be held of a pair, and why.

    Parameters
    ----------
    pair
        Its name.
    size
        Signed notional [reporting currency].
    why
        What decided: see `nautilus_quant.carry.sizing.Sizing`; also ``capital``, ``capture`` and ``borrow``.
    edge
        What a unit earns over the holding time, before trading costs [fraction]; NaN when unknown.
    numbers
        What it was read from.

    """

    pair: str
    size: float
    why: str
    edge: float
    numbers: dict[str, float]


class _Asked(NamedTuple):
    """What a pair would hold by itself."""

    pair: CarryPair
    sign: float
    held: float  # in that direction
    chance: Opportunity
    sizing: Sizing


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
        self.pairs = {pair.name: pair for pair in pairs}
        self.markets: dict[str, LegMarket] = {}
        for pair in self.pairs.values():
            for leg in (pair.one, pair.two):
                known = self.markets.get(leg.instrument)
                require(known is None or known.leg == leg, f"one description of {leg.instrument}", leg)
                if known is None:
                    self.markets[leg.instrument] = self._market(leg)
        self.theses = ThesisBook(self.params.capture)

    def _market(self, leg: Leg) -> LegMarket:
        params = self.params
        return LegMarket(leg, params.formula, params.forecast, params.slippage, params.stale)

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
        horizon = self.params.horizon
        outlooks = {name: market.outlook(ts, horizon) for name, market in self.markets.items()}
        caution = self.params.impact_caution
        costs = {name: market.cost(caution) for name, market in self.markets.items()}
        decisions: dict[str, CarryDecision] = {}
        asked: list[_Asked] = []
        for name, pair in self.pairs.items():
            one, two = outlooks[pair.one.instrument], outlooks[pair.two.instrument]
            has = held.get(name, 0.0)
            if one is None or two is None or not math.isfinite(has) or not math.isfinite(funds.equity):
                decisions[name] = _unknown(name, has)
                continue
            both = costs[pair.one.instrument].plus(costs[pair.two.instrument]).times(2.0)
            sign = self._sign(one, two, has)
            opportunity = self._chance(pair, sign, (one, two), both, funds.equity)
            if not math.isfinite(opportunity.borrow) and not has:
                decisions[name] = CarryDecision(name, 0.0, "borrow", math.nan, {})
                continue
            asked.append(self._ask(pair, sign, opportunity, abs(has), funds.equity))
        decisions.update(self._allot(asked, funds))
        self._follow(decisions, held, outlooks, ts)
        return decisions

    def _sign(self, one: Outlook, two: Outlook, held: float) -> float:
        if held:
            return math.copysign(1.0, held)
        return 1.0 if two.carry.expected >= one.carry.expected else -1.0

    def _chance(
        self,
        pair: CarryPair,
        sign: float,
        outlooks: tuple[Outlook, Outlook],
        cost: Cost,
        equity: float,
    ) -> Opportunity:
        one, two = (outlook.carry for outlook in outlooks)
        short = pair.two if sign > 0.0 else pair.one
        borrow = self.markets[short.instrument].borrow(self.params.horizon)
        most = self.params.max_share * max(equity, 0.0)
        # The legs' errors are taken as independent: of one coin on two venues they are less than that.
        error = math.hypot(one.error, two.error)
        return Opportunity(sign * (two.expected - one.expected), error, borrow, cost, most)

    def _ask(self, pair: CarryPair, sign: float, chance: Opportunity, held: float, equity: float) -> _Asked:
        params = self.params
        room = self.theses.room(pair.name)
        reference, scale = (held, 1.0) if room is None else room
        if room is not None:  # nothing is added while too little is paid
            chance = chance._replace(most=min(chance.most, reference))
        found = size(chance, params.sizing, equity, held=reference, scale=scale)
        stays = chance.edge(params.stay_caution) > 0.0
        if held > found.size and room is None and stays and found.why != "unknown":
            found = found._replace(size=min(held, chance.most), why="held")
        elif room is not None and (found.size > 0.0 or not scale > 0.0):
            found = found._replace(size=min(found.size, held), why="capture")
        elif found.why == "unknown":
            found = found._replace(size=held)
        return _Asked(pair, sign, held, chance, found)

    def _allot(self, asked: list[_Asked], funds: Funds) -> Iterable[tuple[str, CarryDecision]]:
        params = self.params
        claims = [_claim(one, params) for one in asked]
        venues = {name: params.capital * amount for name, amount in funds.venues.items()}
        shares = allot(claims, params.capital * max(funds.equity, 0.0), venues) if claims else None
        for index, one in enumerate(asked):
            assert shares is not None
            wanted, why = one.sizing.size, one.sizing.why
            if shares.sizes[index] < wanted:
                wanted, why = shares.sizes[index], "capital"
            if wanted < params.sizing.smallest and wanted < one.held:
                wanted = 0.0
            elif wanted < params.sizing.smallest:
                wanted = one.held
            yield one.pair.name, self._decision(one, wanted, why, shares.levels[index])

    def _decision(self, one: _Asked, wanted: float, why: str, level: float) -> CarryDecision:
        threshold = self.params.rebalance * max(wanted, one.held)
        if wanted and one.held and abs(wanted - one.held) < threshold:
            wanted, why = one.held, why if why in _TOLD else "held"
        edge = one.chance.edge(self.params.sizing.caution)
        numbers = one.sizing.numbers
        numbers["best"], numbers["level"], numbers["most"] = one.sizing.best, level, one.chance.most
        numbers["flip"] = _flip(one.chance.expected, one.chance.error)
        return CarryDecision(one.pair.name, one.sign * wanted if wanted else 0.0, why, edge, numbers)

    def _follow(
        self,
        decisions: Mapping[str, CarryDecision],
        held: Mapping[str, float],
        outlooks: Mapping[str, Outlook | None],
        ts: int,
    ) -> None:
        horizon = int(self.params.horizon * 1e9)
        for name, decision in decisions.items():
            has = held.get(name, 0.0)
            if decision.size == 0.0 and has:
                continue  # it is paid until it is gone
            rates = {}
            for leg in (self.pairs[name].one, self.pairs[name].two):
                outlook = outlooks[leg.instrument]
                if outlook is None:
                    break
                if leg.is_perpetual:
                    rates[leg.instrument] = outlook.carry.expected / outlook.payments
            else:
                self.theses.follow(name, Thesis(ts, decision.size, rates), horizon)

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
        theses = ThesisBook(self.params.capture).restore(stored.mapping(state, "theses"))
        known = stored.mapping(state, "markets")
        markets = {
            name: self._market(market.leg).restore(known[name]) if name in known else market
            for name, market in self.markets.items()
        }
        self.theses, self.markets = theses, markets
        return self


def _flip(expected: float, error: float) -> float:
    """Return how likely it is that nothing, or less, comes in [-]."""
    if not error > 0.0:
        return float(expected <= 0.0)
    return 0.5 * math.erfc(expected / error * math.sqrt(0.5))


def _unknown(pair: str, held: float) -> CarryDecision:
    return CarryDecision(pair, held, "unknown", math.nan, {"held": held})


def _claim(one: _Asked, params: ScalerParams) -> Claim:
    keep = min(one.held, one.sizing.size)
    needs: dict[str, float] = {}
    for leg in (one.pair.one, one.pair.two):
        needs[leg.venue] = needs.get(leg.venue, 0.0) + leg.capital
    edge = one.chance.edge(params.stay_caution if keep else params.sizing.caution)
    edge = edge if math.isfinite(edge) else 0.0  # kept for want of knowledge
    return Claim(keep, one.sizing.size - keep, edge, one.chance.cost, needs)
