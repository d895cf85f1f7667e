"""What Thompson sampling and the upper confidence bounds share: evidence, a generator, state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from nautilus_quant.learning.evidence import Evidence
from nautilus_quant.learning.outputs import best, eligible
from nautilus_quant.learning.params import PolicyParams, Priors
from nautilus_quant.learning.policy import Beliefs, Flags, Floats, Form, Output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.regime_table import Places

type Seed = int | Sequence[int]


class EvidencePolicy(ABC):
    """
    Scores the arms by their evidence, and chooses the highest.

    A handicap is taken off the score, which is in units of reward. An arm whose handicap is not finite is
    not chosen. The discount fades the evidence of arms that are not observed, too, so that they become
    uncertain and are looked at again (Garivier and Moulines 2011).

    Parameters
    ----------
    arms
        How many there are.
    params
        How fast to forget, how much to borrow.
    output
        Form of the answer.
    seed
        Of the generator.
    priors
        What is thought of each arm at first; 0 with the strength of two evaluations when not given.

    """

    kind: ClassVar[str]

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
        self._params = params or PolicyParams()
        self._output = output or Output()
        self._rng = np.random.default_rng(seed)
        self._priors = self._expected(Priors.of(arms, *(priors or ())))
        self._evidence = Evidence(self._priors, self._params)

    def select(self, awake: Flags, regime: str, handicap: Floats) -> Floats:
        """Choose; see `nautilus_quant.learning.policy.Policy`."""
        able = eligible(awake, handicap, self._arms)
        if self._output.form is Form.WEIGHTS:
            return self._shares(able, regime, handicap)
        return best(self._scores(regime) - handicap, able, self._output)

    def update(self, rewards: Floats, regime: str, weight: float = 1.0) -> None:
        """Learn from one evaluation; what is not finite was not observed."""
        self._evidence.update(self._heard(rewards), regime, weight)

    def beliefs(self, regime: str) -> Beliefs:
        """Return what is thought of each arm in a regime."""
        return self._evidence.beliefs(regime)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here; JSON-able."""
        return {
            "fit": self._fit(),
            "evidence": self._evidence.to_dict(),
            "generator": self._rng.bit_generator.state,
        }

    def restore(self, state: Mapping[str, Any], places: Places) -> Self:
        """Go on from what `to_dict` gave; what another kind of policy or other parameters learnt is left."""
        if state.get("fit") == self._fit():
            self._evidence.restore(state["evidence"], places)
            self._rng.bit_generator.state = state["generator"]
        return self

    def _fit(self) -> list[Any]:
        return [self.kind, *self._params.fit()]

    def _expected(self, priors: Priors) -> Priors:
        return priors

    def _heard(self, rewards: Floats) -> Floats:
        return rewards

    @abstractmethod
    def _scores(self, regime: str) -> Floats: ...

    @abstractmethod
    def _shares(self, able: Flags, regime: str, handicap: Floats) -> Floats: ...
