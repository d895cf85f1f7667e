"""One instrument's liquidity: what its book, its trades and our fills say of the size it bears."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.gating.book import BookView, Measures, Terms, measure, quantity_within, walk_cost
from nautilus_quant.gating.intent import Side
from nautilus_quant.gating.liquidity_impact import AVERAGE_OF_PEAK, ImpactModel, ImpactParams, load
from nautilus_quant.gating.liquidity_score import LiquidityClass, ScoreParams, classify, score
from nautilus_quant.gating.liquidity_window import RollingVolume, Typical
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

SECOND = 1_000_000_000
_FLOW = 10 * SECOND
"""Time over which other people's trades are set against the move of the mid [ns]."""
_THINNEST, _DEEPEST = 3.0, 0.5
"""Bounds of the depth multiplier: beyond them the usual depth is not to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityParams:
    """
    Parts of the rule.

    Parameters
    ----------
    impact, score
        Of the model of impact, and of the score and its classes.
    half_life
        Of the usual spread and depth [s].
    stale_after
        Age from which on a book is not used [s].

    """

    impact: ImpactParams = field(default_factory=ImpactParams)
    score: ScoreParams = field(default_factory=ScoreParams)
    half_life: float = 300.0
    stale_after: float = 10.0

    def __post_init__(self) -> None:
        require(0.0 < self.half_life < math.inf, "0 < half_life < inf [s]", self.half_life)
        require(0.0 < self.stale_after < math.inf, "0 < stale_after < inf [s]", self.stale_after)


class Decided(NamedTuple):
    """
    The market when an order was let through, against which its fills are held.

    Parameters
    ----------
    mid
        Between the best prices [quote currency].
    half_spread
        Half the distance of the best prices from each other [fraction].
    side
        Of the order.
    volume, multiplier
        What the model was asked with: volume of 15 minutes [quote currency], and of the depth [-].

    """

    mid: float
    half_spread: float
    side: Side
    volume: float
    multiplier: float


class InstrumentLiquidity:
    """
    Follows one instrument.

    Books are given to it when somebody asks, and at least once a second (`observe`, then `sample`), trades
    always.

    Parameters
    ----------
    terms
        What a size is worth.
    params
        Of the rule.

    """

    __slots__ = (
        "_bounds",
        "_depth",
        "_flow",
        "_flow_mid",
        "_flow_since",
        "_params",
        "_taken",
        "_terms",
        "book",
        "klass",
        "measures",
        "model",
        "points",
        "spread",
        "ts",
        "volume",
    )

    def __init__(self, terms: Terms = Terms(), params: LiquidityParams | None = None) -> None:  # noqa: B008
        self._params = params or LiquidityParams()
        self._terms = terms
        self.model = ImpactModel(self._params.impact)
        self.volume = RollingVolume()
        self.spread = Typical(self._params.half_life)
        """The usual one [fraction]."""
        self._depth = {side: Typical(self._params.half_life) for side in Side}
        self.ts = 0
        """When the book was heard, UNIX time [ns]; 0 before the first."""
        self.book = BookView((), ())
        self.measures: Measures = measure(self.book)
        self.points = math.nan
        self.klass = LiquidityClass.UNKNOWN
        self._taken = {Side.BUY: 0.0, Side.SELL: 0.0}
        self._bounds: dict[tuple[Side, float], float] = {}
        self._flow = 0.0
        self._flow_mid = math.nan
        self._flow_since = 0

    # -- what comes in -----------------------------------------------------------------------------

    def observe(self, book: BookView, ts: int) -> Measures:
        """Take the newest book, heard at `ts`, UNIX time [ns]."""
        self.book, self.ts = book, ts
        self.measures = measure(book, self._terms)
        # Filled up again, as far as anybody knows.
        self._taken[Side.BUY] = self._taken[Side.SELL] = 0.0
        self._bounds.clear()
        return self.measures

    def trade(self, ts: int, price: float, size: float, side: int) -> None:
        """Take somebody's trade at `ts`, UNIX time [ns]; `side` is +1 if the buyer was in haste, −1, or 0."""
        notional = self._terms.notional(price, size)
        if not 0.0 < notional < math.inf:
            return
        self.volume.add(ts, notional)
        self._flow += side * notional

    def take(self, side: Side, quantity: float) -> None:
        """Count what an order of ours took out of the book just seen [base coin, or contracts]."""
        self._taken[side] += quantity
        self._bounds.clear()

    def sample(self, ts: int, rate: float = 1.0) -> tuple[LiquidityClass, LiquidityClass]:
        """
        Follow what is usual, learn from the flow, and judge anew; to be called about once a second.

        Parameters
        ----------
        ts
            UNIX time [ns].
        rate
            Price of the quote currency in the reporting currency; NaN where nobody knows, and then depth and
            volume count for nothing.

        Returns
        -------
        tuple
            Class before and now.

        """
        seen = self.measures
        before = self.klass
        if seen.fault:
            self.points, self.klass = math.nan, LiquidityClass.UNKNOWN
            self._flow_since = 0
            return before, self.klass
        self._learn(ts)
        self.spread.update(ts, seen.spread)
        if self._has_levels:
            self._depth[Side.BUY].update(ts, seen.ask_10)
            self._depth[Side.SELL].update(ts, seen.bid_10)
        volume = self.volume.estimate(ts) * rate if self.volume.heard else None
        depth = min(seen.bid_10, seen.ask_10) * rate
        self.points = score(seen.spread, depth, volume, self._params.score)
        self.klass = classify(self.points, before, self._params.score)
        return before, self.klass

    @property
    def _has_levels(self) -> bool:
        return len(self.book.bids) > 1 and len(self.book.asks) > 1

    def _learn(self, ts: int) -> None:
        """Set what others bought and sold in ten seconds against where the mid went meanwhile."""
        age = ts - self._flow_since
        if 0 <= age < _FLOW:
            return
        mid, flow = self.measures.mid, self._flow
        weight = self._params.impact.market_weight
        # A longer gap says nothing: who knows what was not heard.
        if age < 2 * _FLOW and flow and weight:
            x = load(abs(flow), self.volume_near(ts), 1.0)
            move = math.copysign(1.0, flow) * (mid / self._flow_mid - 1.0)
            self.model.update(x, AVERAGE_OF_PEAK * move, weight)
        self._flow, self._flow_mid, self._flow_since = 0.0, mid, ts

    def learn_from_fill(self, decided: Decided, quantity: float, average: float) -> float:
        """
        Hold a filled order against the mid when it was decided; give its slippage [fraction of that mid].

        Parameters
        ----------
        decided
            What `decide` gave.
        quantity, average
            What was filled [base coin, or contracts], and its average price [quote currency].

        """
        slippage = decided.side * (average / decided.mid - 1.0)
        x = load(self._terms.notional(average, quantity), decided.volume, decided.multiplier)
        self.model.update(x, slippage - decided.half_spread)
        return slippage

    def decide(self, side: Side, now: int) -> Decided:
        """Remember the market as an order sees it at `now`, UNIX time [ns]."""
        seen = self.measures
        return Decided(seen.mid, 0.5 * seen.spread, side, self.volume_near(now), self.depth_multiplier(side))

    # -- what it says ------------------------------------------------------------------------------

    def is_fresh(self, now: int) -> bool:
        """Tell whether the book is young enough at `now`, UNIX time [ns], and without fault."""
        return not self.measures.fault and now - self.ts <= self._params.stale_after * SECOND

    @property
    def stale_after(self) -> float:
        """Age from which on a book is not used [s]."""
        return self._params.stale_after

    @property
    def unit(self) -> float:
        """Worth of one base coin or contract at the mid [quote currency]."""
        return self._terms.notional(self.measures.mid, 1.0)

    def volume_near(self, now: int) -> float:
        """
        Return the volume of 15 minutes for the model [quote currency].

        At least what is seen of the book: nobody may hear trades, and what stands there can be traded with.
        """
        return max(self.volume.estimate(now), self.measures.bid_worth + self.measures.ask_worth)

    def depth_multiplier(self, side: Side) -> float:
        """
        Return ``sqrt(usual depth / depth now)`` of the side an order trades against, bounded [-].

        1 for a quote: what stands at the best price says nothing of the levels behind it.
        """
        usual = self._depth[side].value
        now = self.measures.ask_10 if side is Side.BUY else self.measures.bid_10
        if not (self._has_levels and usual > 0.0 and now > 0.0):
            return 1.0
        return max(_DEEPEST, min(_THINNEST, math.sqrt(usual / now)))

    def impact(self, side: Side, quantity: float, now: int) -> float:
        """
        Return the expected distance of the average fill from the mid [fraction]; half the spread is in it.

        The larger of walking the book as it stands, and of half the spread with the square-root law.

        Parameters
        ----------
        side, quantity
            Of an order that takes [base coin, or contracts].
        now
            UNIX time [ns].

        Returns
        -------
        float
            Infinite beyond what is seen, NaN without a fresh book.

        """
        if not self.is_fresh(now):
            return math.nan
        seen = self.measures
        walked = walk_cost(self._against(side), seen.mid, quantity + self._taken[side])
        notional = self._terms.notional(seen.mid, quantity)
        law = self.model.cost(notional, self.volume_near(now), self.depth_multiplier(side))
        return max(walked, 0.5 * seen.spread + law)

    def max_quantity(self, side: Side, bound: float, now: int) -> float:
        """
        Return the largest quantity whose `impact` is within `bound` [base coin, or contracts].

        Parameters
        ----------
        side
            Of an order that takes.
        bound
            Largest distance of its average price from the mid [fraction].
        now
            UNIX time [ns].

        Returns
        -------
        float
            0 without a fresh book, or when half the spread alone is beyond the bound.

        """
        if not self.is_fresh(now):
            return 0.0
        key = (side, bound)
        known = self._bounds.get(key)
        if known is None:
            known = self._bounds[key] = self._largest(side, bound, now)
        return known

    def _largest(self, side: Side, bound: float, now: int) -> float:
        seen = self.measures
        walked = quantity_within(self._against(side), seen.mid, bound) - self._taken[side]
        return max(0.0, min(walked, self._by_law(side, bound - 0.5 * seen.spread, now)))

    def max_passive(self, side: Side, bound: float, now: int) -> float:
        """Return the same for an order that rests: it pays no spread and walks nothing, but is seen."""
        return self._by_law(side, bound, now) if self.is_fresh(now) else 0.0

    def passive_impact(self, side: Side, quantity: float, now: int) -> float:
        """Return the expected move of the mid, on average, against an order that rests [fraction]."""
        if not self.is_fresh(now):
            return math.nan
        notional = self._terms.notional(self.measures.mid, quantity)
        return self.model.cost(notional, self.volume_near(now), self.depth_multiplier(side))

    def _by_law(self, side: Side, bound: float, now: int) -> float:
        worth = self.model.notional_within(bound, self.volume_near(now), self.depth_multiplier(side))
        return worth / self.unit

    def _against(self, side: Side) -> Any:
        return self.book.asks if side is Side.BUY else self.book.bids

    def numbers(self, now: int) -> dict[str, float]:
        """Give what it knows, for messages and journals; all finite but what is unknown (NaN)."""
        seen = self.measures
        return {
            "spread": seen.spread,
            "usual_spread": self.spread.value,
            "imbalance": seen.imbalance,
            "mid": seen.mid,
            "microprice": seen.microprice,
            "bid_1": seen.bid_1,
            "bid_5": seen.bid_5,
            "bid_10": seen.bid_10,
            "ask_1": seen.ask_1,
            "ask_5": seen.ask_5,
            "ask_10": seen.ask_10,
            "volume": self.volume.total(now),
            "k": self.model.coefficient,
            "k_error": self.model.error,
        }

    # -- state -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs; the book is not in it."""
        return {
            "model": self.model.to_dict(),
            "volume": self.volume.to_dict(),
            "spread": self.spread.to_dict(),
            "asks": self._depth[Side.BUY].to_dict(),
            "bids": self._depth[Side.SELL].to_dict(),
        }

    def restore(self, state: Mapping[str, Any], now: int) -> None:
        """Go on at `now`, UNIX time [ns], from what `to_dict` gave."""
        self.model.restore(state["model"])
        self.volume.restore(state["volume"], now)
        self.spread.restore(state["spread"])
        self._depth[Side.BUY].restore(state["asks"])
        self._depth[Side.SELL].restore(state["bids"])
