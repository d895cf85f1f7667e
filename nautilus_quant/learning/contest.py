"""The arms of one market against each other: their would-be books, what they earned, which is chosen."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nautilus_quant.account.pace import UNKNOWN, Pace
from nautilus_quant.learning.ledger import Leg, ShadowLedger
from nautilus_quant.learning.record import Evaluation
from nautilus_quant.learning.reward import RewardScale, weight_of
from nautilus_quant.learning.selector import Choice, Selector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.policy import Flags, Floats

_NANOS = 1_000_000_000


class Arm(NamedTuple):
    """
    A strategy that competes.

    Parameters
    ----------
    name
        Strategy id.
    share
        Of the equity it may use by its own configuration [-].
    legs
        What it trades by targets; empty for a strategy that publishes none.
    kind
        What sort of strategy it is, e.g. ``momentum``.

    """

    name: str
    share: float
    legs: tuple[Leg, ...] = ()
    kind: str = ""


class Want(NamedTuple):
    """
    What an arm wants of one of its legs.

    Parameters
    ----------
    arm, instrument
        Who, of what.
    exposure
        Share of a full position [-1, 1].
    price
        Of the market, or of the resting order that was reached [quote currency].
    unit
        Value of one unit at it [reporting currency].
    ts
        When it reached us, UNIX time [ns].
    passive
        Whether it fills as a resting order.
    half_spread
        Present one [fraction of price]; NaN takes the cost model's.
    pace
        Of the market, for the impact.

    """

    arm: str
    instrument: str
    exposure: float
    price: float
    unit: float
    ts: int
    passive: bool = False
    half_spread: float = float("nan")
    pace: Pace = UNKNOWN


class Standing(NamedTuple):
    """
    What is known outside at the time of an evaluation.

    Parameters
    ----------
    ts
        UNIX time [ns].
    regime
        Of the market, from now on.
    awake
        Whether each arm may be chosen; shape (arms,).
    capital
        Equity of the node [reporting currency]; NaN when unknown.
    trigger
        Why now, see `nautilus_quant.learning.record.Evaluation`.
    unclear
        Arms nobody can say that of, shape (arms,): not chosen anew, and kept when they are held; ``None``
        for none.

    """

    ts: int
    regime: str
    awake: Flags
    capital: float
    trigger: str
    unclear: Flags | None = None


class Contest:
    """
    The arms of one market, what each would have earned with all of the market's budget, and the choice.

    Parameters
    ----------
    market
        Instrument id.
    arms
        In the order of every array.
    selector
        For the same arms.
    scale
        Turns returns into rewards.
    interval
        Length of a full evaluation [s].

    """

    def __init__(
        self, market: str, arms: Sequence[Arm], selector: Selector, scale: RewardScale, *, interval: float
    ) -> None:
        self.market = market
        self.arms = tuple(arms)
        self._selector = selector
        self._scale = scale
        self._interval = interval
        # Nobody can size a strategy without targets, so what it uses is not to be had for the others.
        self.budget = sum(arm.share for arm in arms if arm.legs) or sum(arm.share for arm in arms)
        """Share of the equity that is distributed, and that would-be books begin with [-]."""
        self._sized: Flags = np.array([arm.share > 0.0 for arm in arms], dtype=bool)
        age = int(interval * _NANOS)
        self._ledgers = {arm.name: ShadowLedger(arm.legs, max_age=age) for arm in arms if arm.legs}
        self._places = {arm.name: place for place, arm in enumerate(arms)}
        self._realised: dict[str, float] = {}
        self._wanting: set[str] = set()
        self._awake: Flags = np.zeros(len(arms), dtype=bool)
        self._regime = ""
        self._ts = 0

    @property
    def legs(self) -> frozenset[str]:
        """Instrument ids of everything its arms trade by targets."""
        return frozenset(leg.instrument for arm in self.arms for leg in arm.legs)

    @property
    def started(self) -> bool:
        """Whether there was an evaluation."""
        return self._ts > 0

    def ledger(self, arm: str) -> ShadowLedger | None:
        """Return the would-be book of an arm; ``None`` for one that publishes no targets."""
        return self._ledgers.get(arm)

    # -- what happens between evaluations ----------------------------------------------------------

    def close(self, ts: int, price: float) -> None:
        """Take a price of the market [quote currency] at `ts` [UNIX ns]; its volatility scales rewards."""
        self._scale.update(ts, price)

    def speaks(self, arm: Arm) -> bool:
        """Tell whether an arm can be judged: it has said what it wants once, or never says so at all."""
        return not arm.legs or arm.name in self._wanting

    def target(self, want: Want) -> bool:
        """
        Take what an arm wants, and trade it in its would-be book, once the capital is known.

        Returns
        -------
        bool
            Whether it is the first thing this arm says.

        """
        first = want.arm not in self._wanting
        self._wanting.add(want.arm)
        ledger = self._ledgers[want.arm]
        pace = want.pace
        ledger.conditions(
            want.instrument, half_spread=want.half_spread, volatility=pace.volatility, volume=pace.volume
        )
        ledger.target(
            want.instrument,
            want.exposure,
            want.price,
            want.unit,
            want.ts,
            may_open=bool(self._awake[self._places[want.arm]]),
            passive=want.passive,
        )
        return first

    def mark(self, instrument: str, price: float, unit: float, ts: int) -> None:
        """Take the price of a leg [quote currency] and the value of a unit of it [reporting currency]."""
        for ledger in self._holders(instrument):
            ledger.mark(instrument, price, unit, ts)

    def funding(self, instrument: str, rate: float) -> None:
        """Book a payment of `rate` [fraction of value] in every would-be book, at its last mark."""
        for ledger in self._holders(instrument):
            ledger.funding(instrument, rate)

    def _holders(self, instrument: str) -> list[ShadowLedger]:
        return [
            self._ledgers[arm.name]
            for arm in self.arms
            if any(leg.instrument == instrument for leg in arm.legs)
        ]

    def realised(self, arm: str, pnl: float) -> None:
        """Take the net result of a closed position [reporting currency] of an arm without targets."""
        self._realised[arm] = self._realised.get(arm, 0.0) + pnl

    # -- evaluation --------------------------------------------------------------------------------

    def evaluate(self, now: Standing) -> Evaluation:
        """Learn from what was earned since the last evaluation, and choose from now on."""
        spans = [self._span(arm, now.ts) for arm in self.arms]
        returns = [self._return(arm, now.ts, now.capital * self.budget) for arm in self.arms]
        rewards = self._learn(now.ts, returns, spans)
        unit = self._scale.unit(self._interval)
        if now.unclear is not None and self._selector.rests_on(now.unclear, now.awake):
            choice = self._selector.stay("stays, the gates do not know what may be held")
        else:
            awake = now.awake & self._sized
            choice = self._selector.choose(now.ts, now.regime, awake, self._costs(), unit)
        self._awake, self._regime, self._ts = now.awake, now.regime, now.ts
        return self._record(now, returns, rewards, choice)

    def _span(self, arm: Arm, ts: int) -> float:
        """Return what time an arm's return covers [s]: more than the others' after one that was not known."""
        since = self._ledgers[arm.name].since if arm.legs else self._ts
        return (ts - since) / _NANOS if since else 0.0

    def _return(self, arm: Arm, ts: int, capital: float) -> float:
        if not arm.legs:
            # What is not known to be how much waits for the next evaluation.
            return self._realised.pop(arm.name, math.nan) / capital if capital > 0.0 else math.nan
        net = self._ledgers[arm.name].cut(ts, capital)
        return net if self.speaks(arm) else math.nan

    def _learn(self, ts: int, returns: Sequence[float], spans: Sequence[float]) -> Floats:
        rewards = np.array([self._scale.reward(*earned) for earned in zip(returns, spans, strict=True)])
        rewards[~self._awake] = np.nan
        if self.started:
            weight = weight_of((ts - self._ts) / _NANOS, self._interval)
            self._selector.learn(rewards, self._regime, weight)
        return rewards

    def _costs(self) -> Floats:
        """Return what opening or closing what each arm holds costs; shape (arms,) [fraction of capital]."""
        return np.array([self._ledgers[arm.name].closing_cost if arm.legs else 0.0 for arm in self.arms])

    def _record(self, now: Standing, returns: Sequence[float], rewards: Floats, choice: Choice) -> Evaluation:
        beliefs = self._selector.policy.beliefs(now.regime)
        return Evaluation(
            ts=now.ts,
            market=self.market,
            regime=now.regime,
            trigger=now.trigger,
            arms=self._selector.arms,
            returns=tuple(returns),
            rewards=tuple(rewards.tolist()),
            awake=tuple(now.awake.tolist()),
            weights=tuple(choice.weights.tolist()),
            cost=choice.cost,
            means=tuple(beliefs.mean.tolist()),
            sds=tuple(beliefs.sd.tolist()),
            evidence=tuple(beliefs.evidence.tolist()),
            reason=choice.reason,
        )

    # -- what follows from the choice --------------------------------------------------------------

    def allows(self, arm: str) -> bool:
        """Tell whether an arm may open positions."""
        return self.started and bool(self._selector.weights[self._places[arm]] > 0.0)

    def multiples(self) -> dict[str, float]:
        """
        Return by how much to multiply each arm's own share of the equity.

        The arms of a market share the sum of what each may use, so that choosing one of six does not leave
        five sixths of the capital idle. What strategies without targets use is not part of it: they hear
        nothing of a size, and are let through or not.
        """
        weights = self._selector.weights.tolist()
        return {
            arm.name: weight * self.budget / arm.share if arm.share > 0.0 else 0.0
            for arm, weight in zip(self.arms, weights, strict=True)
        }

    # -- state -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "selector": self._selector.to_dict(),
            "scale": self._scale.to_dict(),
            "ledgers": {name: book.to_dict() for name, book in self._ledgers.items()},
            "realised": dict(self._realised),
            "wanting": sorted(self._wanting),
            "awake": self._awake.tolist(),
            "regime": self._regime,
            "ts": self._ts,
        }

    def restore(self, state: Mapping[str, Any], now: int | None = None) -> Self:
        """
        Go on from what `to_dict` gave; with other arms, what is known of those that remain is kept.

        Parameters
        ----------
        state
            What was saved.
        now
            UNIX time [ns]. Of a state that is later, because a clock was wrong or a backtest begins again,
            only beliefs and choice are kept: the books would wait for that time to come.

        Raises
        ------
        Exception
            Whatever a damaged state leads to; then this contest is of no use any more.

        """
        self._selector.restore(state["selector"])
        if now is None or int(state["ts"]) <= now:
            self._scale.restore(state["scale"])
            for name, book in self._ledgers.items():
                book.restore(state["ledgers"].get(name, {}))
            self._realised = {arm: pnl for arm, pnl in state["realised"].items() if arm in self._places}
            self._ts = int(state["ts"])
        self._wanting = set(self._places).intersection(state["wanting"])
        before = dict(zip(state["selector"]["arms"], state["awake"], strict=True))
        self._awake = np.array([bool(before.get(arm)) for arm in self._selector.arms])
        self._regime = str(state["regime"])
        return self
