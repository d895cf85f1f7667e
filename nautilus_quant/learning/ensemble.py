"""
Policies that vote, with the weight their advice has earned.

Hedge over the members as experts: Cesa-Bianchi, Lugosi, "Prediction, learning, and games", 2006, chapter 2.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from nautilus_quant.learning.hedge import Hedge
from nautilus_quant.learning.outputs import best, eligible
from nautilus_quant.learning.params import ADAHEDGE, PolicyParams, Priors
from nautilus_quant.learning.policy import Beliefs, Flags, Floats, Form, Output
from nautilus_quant.learning.regime_table import columns_at
from nautilus_quant.learning.thompson import ThompsonNormal
from nautilus_quant.learning.ucb import UCB1Tuned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.learning.evidence_policy import EvidencePolicy, Seed
    from nautilus_quant.learning.regime_table import Places

ANYWHERE = ""
MEMBERS: Final[tuple[type[EvidencePolicy | Hedge], ...]] = (ThompsonNormal, UCB1Tuned, Hedge)


class Ensemble:
    """
    Thompson sampling, UCB1-Tuned and Hedge, each answering in the form asked for.

    The members' shares are averaged by their weights; the form ``one`` takes the arm with most votes. A
    member hears of an evaluation what the arms it last chose earned: those of them that were observed, by
    their shares; nothing when none was. AdaHedge over the members turns that into weights, over all regimes
    together and with the members' half-life. What changing its choice would have cost is not charged to a
    member.

    Parameters
    ----------
    arms
        How many there are.
    params
        Of every member.
    output
        Form of the answer.
    seed
        From which each member's is made.
    priors
        Of every member.

    """

    kind = "ensemble"

    def __init__(
        self,
        arms: int,
        params: PolicyParams | None = None,
        *,
        output: Output | None = None,
        seed: Seed = 0,
        priors: Priors | None = None,
    ) -> None:
        self._arms = arms
        self._output = output or Output()
        own = params or PolicyParams()
        roots = np.random.SeedSequence(seed).generate_state(len(MEMBERS)).tolist()
        self._members: list[EvidencePolicy | Hedge] = [
            member(arms, own, output=output, seed=root, priors=priors)
            for member, root in zip(MEMBERS, roots, strict=True)
        ]
        over = replace(own, rate=ADAHEDGE, window=None)
        self._votes = Hedge(len(MEMBERS), over, output=Output(Form.WEIGHTS))
        self._everyone = np.ones(len(MEMBERS), dtype=np.bool_)
        self._chosen = np.zeros((len(MEMBERS), arms))
        self._weights = self._votes_now()

    @property
    def votes(self) -> dict[str, float]:
        """Weight of each member [-], by its kind."""
        return dict(zip((member.kind for member in self._members), self._weights.tolist(), strict=True))

    def _votes_now(self) -> Floats:
        return self._votes.select(self._everyone, ANYWHERE, np.zeros(len(MEMBERS)))

    def select(self, awake: Flags, regime: str, handicap: Floats) -> Floats:
        """Choose; see `nautilus_quant.learning.policy.Policy`."""
        able = eligible(awake, handicap, self._arms)
        self._chosen = np.array([member.select(awake, regime, handicap) for member in self._members])
        combined = self._weights @ self._chosen
        if self._output.form is Form.WEIGHTS:
            return np.asarray(combined, dtype=np.float64)
        return best(combined, able, self._output)

    def update(self, rewards: Floats, regime: str, weight: float = 1.0) -> None:
        """Learn from one evaluation; what is not finite was not observed."""
        for member in self._members:
            member.update(rewards, regime, weight)
        seen = np.isfinite(rewards)
        share = self._chosen @ seen
        earned = self._chosen @ np.where(seen, rewards, 0.0)
        heard = np.divide(earned, share, out=np.full(len(MEMBERS), np.nan), where=share > 0.0)
        self._votes.update(heard, ANYWHERE, weight)
        self._weights = self._votes_now()

    def beliefs(self, regime: str) -> Beliefs:
        """Return what Thompson sampling thinks of each arm in a regime."""
        return self._members[0].beliefs(regime)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here; JSON-able."""
        return {
            "kind": self.kind,
            "members": [member.to_dict() for member in self._members],
            "votes": self._votes.to_dict(),
            "chosen": self._chosen.tolist(),
        }

    def restore(self, state: Mapping[str, Any], places: Places) -> Self:
        """Go on from what `to_dict` gave; what another kind of policy or other parameters learnt is left."""
        if state.get("kind") != self.kind or state["votes"].get("fit") != self._votes.to_dict()["fit"]:
            return self
        for member, saved in zip(self._members, state["members"], strict=True):
            member.restore(saved, places)
        self._votes.restore(state["votes"], list(range(len(MEMBERS))))
        self._weights = self._votes_now()
        self._chosen = columns_at(np.asarray(state["chosen"], dtype=np.float64), places)
        return self
