"""One instrument's order flow: who leans on the price, and against whom not to open."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.gating.flow_book import BookPressure
from nautilus_quant.gating.flow_queue import Queues
from nautilus_quant.gating.flow_tape import Tape
from nautilus_quant.gating.flow_toxicity import Toxicity
from nautilus_quant.gating.intent import Side
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.gating.book import BookView

SECOND = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowParams:
    """
    How flow is measured, and how strong it must be.

    Parameters
    ----------
    half_life
        Time after which a trade counts half [s]; less follows faster, and blocks more often and shorter.
    book_half_life
        In which the average imbalance of the book goes half the way [s].
    level_decay
        What a level of the book counts of the one before it, of five (0, 1].
    large_quantile, large_window
        Trades above this quantile [fraction] of the last `large_window` [trades] are large.
    prior
        Trades that count as if nobody had been in haste [trades]; more needs more trades to believe a flow.
    buckets, bucket_time
        Of the toxicity: how many are averaged, and the time in which one usually fills [s].
    book_weight, delta_weight, large_weight
        Of the parts of the score [-]; 0 leaves a part out, and asks nobody for its data.
    lift
        What the score gains when all flow is toxic, of itself [fraction].
    enter, leave
        Score from which on, and below which no longer, entries against it are blocked (0, 1].
    hold
        Least time of a block [s], unless the flow turns.
    least
        Trades that must count, old ones counting less, for the flow to be known [trades].
    stale_after
        Age from which on a book is not used [s].

    """

    half_life: float = 30.0
    book_half_life: float = 5.0
    level_decay: float = 0.7
    large_quantile: float = 0.95
    large_window: int = 2_000
    prior: float = 10.0
    buckets: int = 50
    bucket_time: float = 5.0
    book_weight: float = 0.4
    delta_weight: float = 0.35
    large_weight: float = 0.25
    lift: float = 0.5
    enter: float = 0.4
    leave: float = 0.2
    hold: float = 2.0
    least: float = 10.0
    stale_after: float = 10.0

    def __post_init__(self) -> None:
        weights = (self.book_weight, self.delta_weight, self.large_weight)
        require(
            all(0.0 <= weight < math.inf for weight in weights) and sum(weights) > 0.0,
            "0 <= book_weight, delta_weight, large_weight < inf, and one of them above 0",
            weights,
        )
        require(0.0 < self.leave < self.enter <= 1.0, "0 < leave < enter <= 1", (self.leave, self.enter))
        for name in ("lift", "hold", "least"):
            value = getattr(self, name)
            require(0.0 <= value < math.inf, f"0 <= {name} < inf", value)
        require(0.0 < self.stale_after < math.inf, "0 < stale_after < inf [s]", self.stale_after)

    @property
    def uses_trades(self) -> bool:
        """Whether a part of the score is made of trades."""
        return self.delta_weight + self.large_weight > 0.0


class FlowSays(NamedTuple):
    """
    The flow at one time.

    Parameters
    ----------
    score
        All of it in [-1, 1], positive when buyers press.
    imbalance
        Of the book, averaged over time [-1, 1].
    delta, large
        Bought less sold, of all trades and of large ones [-1, 1].
    toxicity
        VPIN [0, 1]; NaN while unknown.
    trades
        How many trades count, old ones counting less [trades].

    """

    score: float
    imbalance: float
    delta: float
    large: float
    toxicity: float
    trades: float


class InstrumentFlow:
    """
    Follows one instrument, and blocks entries against its flow.

    With the weights ``w`` of the parts ``x`` (imbalance, delta, large) and the toxicity ``T`` (0 while
    unknown), the score is ``Σ w·x / Σ w · (1 + lift·T)``, cut to [-1, 1]. Buying is blocked from a score of
    ``−enter`` on until it is above ``−leave``, selling the other way round.

    Nothing is kept over a restart: flow is a matter of seconds, and is soon known again.

    Parameters
    ----------
    params
        Of the rule.

    """

    __slots__ = (
        "_flow",
        "_hold",
        "_least",
        "_since",
        "_stale_after",
        "_weights",
        "book",
        "known",
        "params",
        "queues",
        "tape",
        "toxicity",
    )

    def __init__(self, params: FlowParams | None = None) -> None:
        rule = self.params = params or FlowParams()
        self.tape = Tape(
            rule.half_life, quantile=rule.large_quantile, window=rule.large_window, prior=rule.prior
        )
        self.book = BookPressure(rule.book_half_life, rule.level_decay)
        self.toxicity = Toxicity(rule.buckets, rule.bucket_time)
        self.queues = Queues()
        total = rule.book_weight + rule.delta_weight + rule.large_weight
        self._weights = (rule.book_weight / total, rule.delta_weight / total, rule.large_weight / total)
        self._stale_after = round(rule.stale_after * SECOND)
        self._hold = round(rule.hold * SECOND)
        self._least = rule.least if rule.uses_trades else 0.0
        self._flow = 0
        self._since = 0
        self.known = False
        """Whether there was enough data when it was last judged."""

    # -- what comes in -----------------------------------------------------------------------------

    def trade(self, ts: int, price: float, size: float, side: int) -> None:
        """Take somebody's trade at `ts`, UNIX time [ns]; `side` is +1 if the buyer was in haste, −1, or 0."""
        sign = self.tape.add(ts, price, size, side)
        self.toxicity.add(ts, size, sign)
        if self.queues:
            self.queues.trade(price, size, sign)

    def observe(self, book: BookView, ts: int) -> None:
        """Take the newest book, heard at `ts`, UNIX time [ns]."""
        self.book.observe(book, ts)
        if self.queues:
            self.queues.observe(book)

    # -- what it says ------------------------------------------------------------------------------

    @property
    def blocked(self) -> Side | None:
        """The side on which nothing was to be opened when it was last judged."""
        return _BLOCKED[self._flow]

    def lacks(self, now: int) -> str:
        """Say what is missing to judge at `now`, UNIX time [ns]; empty when nothing is."""
        rule = self.params
        if rule.book_weight:
            if not self.book.ts:
                return "no book or quote has been heard"
            age = now - self.book.ts
            if age > self._stale_after:
                return f"the last book came {age / SECOND:.1f} s ago, more than {rule.stale_after:g} s"
        if rule.uses_trades:
            trades = self.tape.read(now).trades
            if not trades >= rule.least:
                return (
                    f"trades heard count for {trades:.1f}, less than {rule.least:g} "
                    f"(half after {rule.half_life:g} s)"
                )
        return ""

    def read(self, now: int) -> FlowSays:
        """Return all measures at `now`, UNIX time [ns]."""
        delta, large, trades = self.tape.read(now)
        leaning = self.book.read(now)
        book_weight, delta_weight, large_weight = self._weights
        mean = book_weight * leaning + delta_weight * delta + large_weight * large
        toxic = self.toxicity.value
        if not math.isnan(toxic):
            mean *= 1.0 + self.params.lift * toxic
        return FlowSays(max(-1.0, min(1.0, mean)), leaning, delta, large, toxic, trades)

    def judge(self, now: int) -> Side | None:
        """
        Judge at `now`, UNIX time [ns]; give the side on which nothing should be opened.

        What is not `known` blocks nothing here: who asks decides what that means.
        """
        says, rule, flow = self.read(now), self.params, self._flow
        self.known = (not rule.book_weight or now - self.book.ts <= self._stale_after) and (
            says.trades >= self._least
        )
        if not self.known:
            self._flow = 0
            return None
        score = says.score
        if flow and score * flow < rule.leave and not 0 <= now - self._since < self._hold:
            flow = 0
        # Also when the other side was blocked until now: a flow that turned is no reason to wait.
        if score * flow < rule.enter and not -rule.enter < score < rule.enter:
            flow, self._since = (1 if score > 0.0 else -1), now
        self._flow = flow
        return _BLOCKED[flow]


_BLOCKED = {1: Side.SELL, -1: Side.BUY, 0: None}
"""By the direction of the flow."""
