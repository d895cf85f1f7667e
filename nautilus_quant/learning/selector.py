"""When to learn, when to change the choice, and what a change costs: the decision around a policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nautilus_quant.learning.switching import handicaps, switching_cost
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.policy import Flags, Floats, Policy

_NANOS = 1_000_000_000
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectorParams:
    """
    How readily a choice is changed.

    Parameters
    ----------
    min_dwell
        Least time between two changes of the choice [s]; an arm that falls asleep is left at once all the
        same. More trades less and reacts later. Typical one to four evaluation intervals.
    horizon
        Evaluations over which a change has to earn its cost back [evaluations]. Less stays longer.
        Typical 2-10.
    least_change
        Change of the weights, as half the sum of absolute differences, below which they stay [0, 1].
        Typical 0.02-0.2.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    min_dwell: float = 3600.0
    horizon: float = 4.0
    least_change: float = 0.05

    def __post_init__(self) -> None:
        require(0.0 <= self.min_dwell < float("inf"), "min_dwell >= 0 [s]", self.min_dwell)
        require(0.0 < self.horizon < float("inf"), "horizon > 0 [evaluations]", self.horizon)
        require(0.0 <= self.least_change <= 1.0, "0 <= least_change <= 1 [-]", self.least_change)


class Choice(NamedTuple):
    """
    The weights from now on.

    Parameters
    ----------
    weights
        Share of each arm, shape (arms,) [-].
    cost
        Of changing to them [fraction of capital].
    changed
        Whether they differ from those before.
    reason
        In words.

    """

    weights: Floats
    cost: float
    changed: bool
    reason: str


class Selector:
    """
    Chooses among the arms of one market, through a policy, and no oftener than it pays.

    Parameters
    ----------
    arms
        Names of the arms; their order is that of every array.
    policy
        For as many arms.
    params
        How readily a choice is changed.

    """

    def __init__(self, arms: Sequence[str], policy: Policy, params: SelectorParams | None = None) -> None:
        self.arms = tuple(arms)
        self.policy = policy
        self._params = params or SelectorParams()
        self.weights: Floats = np.zeros(len(self.arms))
        """In force; shape (arms,) [-]."""
        self._changed_at: int | None = None

    def learn(self, rewards: Floats, regime: str, weight: float) -> None:
        """
        Take the rewards earned since the last choice.

        Parameters
        ----------
        rewards
            Shape (arms,) [reward]; NaN for an arm that was asleep or could not be observed.
        regime
            In which they were earned.
        weight
            Share of a full evaluation interval they cover (0, 1]; beyond it nothing is learnt.

        """
        if 0.0 < weight <= 1.0 and bool(np.isfinite(rewards).any()):
            self.policy.update(rewards, regime, weight)

    def choose(self, ts: int, regime: str, awake: Flags, costs: Floats, unit: float) -> Choice:
        """
        Decide on the weights from `ts` on.

        Parameters
        ----------
        ts
            UNIX time [ns].
        regime
            In force from now on.
        awake
            Arms that may be chosen; shape (arms,).
        costs
            Of closing or opening what each arm holds or would hold; shape (arms,) [fraction of capital];
            not a number counts as nothing known, thus free.
        unit
            What a reward of 1 in one evaluation is worth [fraction of capital]; NaN or 0 when nobody can
            tell, then changes are free.

        """
        costs = np.nan_to_num(costs, nan=0.0, posinf=0.0, neginf=0.0)
        if not awake.any():
            return self._settle(ts, np.zeros(len(self.arms)), costs, "no arm may be chosen, all flat")
        holds = bool(self.weights.any()) and not bool((self.weights > 0.0)[~awake].any())
        if holds and self._dwells(ts):
            return self.stay("stays, chosen a short while ago")
        handicap = handicaps(costs, self.weights, unit, self._params.horizon)
        proposed = self.policy.select(awake, regime, handicap)
        require(are_shares(proposed, awake), "shares of arms awake, >= 0 and <= 1 in all [-]", proposed)
        if holds and float(np.abs(proposed - self.weights).sum()) / 2.0 < self._params.least_change:
            return self.stay("stays, nothing is better by enough")
        return self._settle(ts, proposed, costs, self._describe(proposed))

    def rests_on(self, unclear: Flags, awake: Flags) -> bool:
        """Tell whether what is held is in doubt, and in doubt only: nothing of it is forbidden."""
        held = self.weights > 0.0
        return bool((held & unclear).any()) and not bool((held & ~unclear & ~awake).any())

    def stay(self, reason: str) -> Choice:
        """Keep the weights."""
        return Choice(self.weights, 0.0, False, reason)

    def _settle(self, ts: int, weights: Floats, costs: Floats, reason: str) -> Choice:
        cost = switching_cost(costs, self.weights, weights)
        changed = bool((weights != self.weights).any())
        if changed:
            self._changed_at = ts
            self.weights = weights
        return Choice(self.weights, cost, changed, reason)

    def _dwells(self, ts: int) -> bool:
        # A clock that went backwards must not hold an old choice for longer than the dwell lasts.
        at = self._changed_at
        return at is not None and 0 <= ts - at < self._params.min_dwell * _NANOS

    def _describe(self, weights: Floats) -> str:
        chosen = [f"{self.arms[at]} {weights[at]:.0%}" for at in np.argsort(-weights) if weights[at] > 0.0]
        return "chosen: " + ", ".join(chosen[:4]) + (", ..." if len(chosen) > 4 else "")

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here."""
        return {
            "arms": list(self.arms),
            "weights": self.weights.tolist(),
            "changed_at": self._changed_at,
            "policy": self.policy.to_dict(),
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave, perhaps with other arms.

        What is known of the arms that remain is kept; the choice only when all that was chosen remains.

        Raises
        ------
        ValueError
            If the saved weights cannot be any.

        """
        shares = np.array(state["weights"], dtype=np.float64)
        require(are_shares(shares, np.ones(len(shares), dtype=bool)), "weights >= 0, <= 1 in all [-]", shares)
        before: list[str] = list(state["arms"])
        places = [before.index(arm) if arm in before else None for arm in self.arms]
        self.policy.restore(state["policy"], places)
        held = np.array([0.0 if place is None else float(state["weights"][place]) for place in places])
        if abs(float(held.sum()) - float(sum(state["weights"]))) < 1e-9:
            self.weights = held
            self._changed_at = state["changed_at"]
        return self


def are_shares(weights: Floats, awake: Flags) -> bool:
    """Tell whether weights, shape (arms,), can be shares of one budget among the arms that are awake."""
    inside = bool((weights >= 0.0).all()) and float(weights.sum()) <= 1.0 + _ROUNDING
    return inside and not bool(weights[~awake].any())
