"""
Exponential weights over arms that all are observed, chosen or not.

Freund, Schapire, "A decision-theoretic generalization of on-line learning", JCSS 55 (1997). Learning rate: de
Rooij, van Erven, Grunwald, Koolen, "Follow the leader if you can, hedge if you must", JMLR 15 (2014). Arms
asleep: Freund, Schapire, Singer, Warmuth, "Using and combining predictors that specialize", STOC 1997, in the
form of Chernov, Vovk, "Prediction with expert evaluators' advice", ALT 2009. Fixed share: Herbster, Warmuth,
"Tracking the best expert", Machine Learning 32 (1998). Discount: Chernov, Zhdanov, "Prediction with expert
advice under discounted loss", ALT 2010.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np

from nautilus_quant.learning.evidence import Evidence
from nautilus_quant.learning.outputs import best, boltzmann, eligible
from nautilus_quant.learning.params import ADAHEDGE, ANYTIME, PolicyParams, Priors
from nautilus_quant.learning.policy import Beliefs, Flags, Floats, Form, Output
from nautilus_quant.learning.regime_table import RegimeTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.learning.evidence_policy import Seed
    from nautilus_quant.learning.regime_table import Places


class Standing(NamedTuple):
    """Lead of each arm over the mixture [reward], the learning rate [1/reward], evaluations behind it."""

    lead: Floats
    eta: float
    evaluations: float


class Hedge:
    """
    Gives each arm weight exp(eta x lead), its lead being what it gained over what the mixture gained.

    The guarantee: whatever the rewards, after T evaluations with K arms and rewards in a range of width S the
    mixture lies at most S sqrt(T ln K) + S (4/3 ln K + 2) behind the best arm with AdaHedge (de Rooij et al.
    (2014), theorem 6), and less behind a clear leader. It holds for the form ``weights`` without handicap,
    discount and pooling; the form ``one`` draws an arm by the weights and has it in expectation.

    An arm asleep, or not observed, keeps its lead: it is credited with what the mixture gained. Each regime
    has its own leads; those of all other regimes are added, scaled to at most `pooling` evaluations, and so
    is the prior, its mean times its strength. A handicap is taken off as often as evaluations stand behind
    the lead, which puts it beside the mean reward. `window` bears on the beliefs only.

    Parameters
    ----------
    arms
        How many there are.
    params
        Learning rate, share, discount, pooling, range.
    output
        Form of the answer.
    seed
        Of the generator that draws an arm by its weight.
    priors
        What is thought of each arm at first; 0 with the strength of two evaluations when not given.

    """

    kind = "hedge"

    def __init__(
        self,
        arms: int,
        params: PolicyParams | None = None,
        *,
        output: Output | None = None,
        seed: Seed = 0,
        priors: Priors | None = None,
    ) -> None:
        self._params = p = params or PolicyParams()
        self._output = output or Output()
        self._rng = np.random.default_rng(seed)
        self._priors = Priors.of(arms, *(priors or ()))
        self._prior_lead = self._priors.strength * (self._priors.mean - self._priors.mean.mean())
        self._evidence = Evidence(self._priors, p)
        self._log_arms = math.log(max(arms, 2))
        self._leads = RegimeTable(1, arms, discount=p.discount, absent_ageing=p.absent_ageing)
        self._clock = RegimeTable(2, 1, discount=p.discount, absent_ageing=p.absent_ageing)

    def _standing(self, regime: str) -> Standing:
        (seen,), (gap,) = self._clock.own(regime).tolist()
        lead = self._leads.own(regime)[0] + self._prior_lead
        if not self._clock.alone(regime):
            (others,), (others_gap,) = self._clock.others(regime).tolist()
            part = min(1.0, self._params.pooling / max(others, 1e-300))
            seen, gap = seen + part * others, gap + part * others_gap
            lead = lead + part * self._leads.others(regime)[0]
        return Standing(lead, self._eta(seen, gap), seen)

    def _eta(self, seen: float, gap: float) -> float:
        rate = self._params.rate
        if rate == ADAHEDGE:
            return self._log_arms / gap if gap > 1e-200 else math.inf  # below, eta x lead overflows
        if rate == ANYTIME:
            return math.sqrt(8.0 * self._log_arms / (seen + 1.0)) / self._params.span
        return float(rate)

    def select(self, awake: Flags, regime: str, handicap: Floats) -> Floats:
        """Choose; see `nautilus_quant.learning.policy.Policy`."""
        able = eligible(awake, handicap, len(self._prior_lead))
        lead, eta, seen = self._standing(regime)
        memory = min(seen, 1.0 / self._params.share) if self._params.share else seen
        charge = (memory + self._priors.strength) * np.where(able, handicap, 0.0)
        logits = log_weights(lead - charge, eta, able)
        if self._output.form is Form.WEIGHTS:
            return boltzmann(logits, able)
        # the largest of logits with Gumbel noise falls on each arm with the probability that is its weight
        return best(logits + self._rng.gumbel(size=len(able)), able, self._output)

    def update(self, rewards: Floats, regime: str, weight: float = 1.0) -> None:
        """Learn from one evaluation; what is not finite was asleep."""
        gains = self._params.clip(rewards)
        self._evidence.update(gains, regime, weight)
        seen = np.isfinite(gains)
        lead, eta, _ = self._standing(regime)
        weights = boltzmann(log_weights(lead, eta, seen), seen)
        mixture = float(weights @ np.where(seen, gains, 0.0))
        over = weight * np.where(seen, gains - mixture, 0.0)
        gap = max(mix_gain(lead + over, eta) - mix_gain(lead, eta), 0.0)
        own = self._leads.age(regime, weight)[0]
        own += over
        clock = self._clock.age(regime, weight)
        clock += [[weight * bool(seen.any())], [gap]]
        if self._params.share and math.isfinite(eta):
            own[:] = shared(own, eta, 1.0 - (1.0 - self._params.share) ** weight)

    def beliefs(self, regime: str) -> Beliefs:
        """Return what is thought of each arm in a regime; the weights rest on the leads, not on this."""
        return self._evidence.beliefs(regime)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs to go on exactly here; JSON-able."""
        return {
            "fit": self._fit(),
            "evidence": self._evidence.to_dict(),
            "leads": self._leads.to_dict(),
            "clock": self._clock.to_dict(),
            "generator": self._rng.bit_generator.state,
        }

    def restore(self, state: Mapping[str, Any], places: Places) -> Self:
        """Go on from what `to_dict` gave; a new arm starts level with the mixture."""
        if state.get("fit") == self._fit():
            self._evidence.restore(state["evidence"], places)
            self._leads.restore(state["leads"], places)
            self._clock.restore(state["clock"], [0])
            self._rng.bit_generator.state = state["generator"]
        return self

    def _fit(self) -> list[Any]:
        return [self.kind, *self._params.fit()]


def log_weights(lead: Floats, eta: float, awake: Flags) -> Floats:
    """Return logarithms of weights, up to a constant; with an infinite rate the leaders awake share all."""
    if math.isfinite(eta):
        return eta * lead
    top = lead.max(where=awake, initial=-math.inf)
    return np.where(lead == top, 0.0, -1e300)


def mix_gain(lead: Floats, eta: float) -> float:
    """Return ln(mean(exp(eta lead))) / eta [reward], the maximum at an infinite rate."""
    top = float(lead.max())
    if not math.isfinite(eta):
        return top
    return top + math.log(float(np.exp(eta * (lead - top)).mean())) / eta


def shared(lead: Floats, eta: float, share: float) -> Floats:
    """Return leads whose weights are (1 - share) of what they were and an equal part; the mix gain stays."""
    weights = boltzmann(eta * lead, np.ones(len(lead), dtype=np.bool_))
    mixed = (1.0 - share) * weights + share / len(lead)
    return np.asarray(mix_gain(lead, eta) + np.log(mixed * len(lead)) / eta, dtype=np.float64)
