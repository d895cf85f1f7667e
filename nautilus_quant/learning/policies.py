"""Selection policies by name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

from nautilus_quant.learning.ensemble import Ensemble
from nautilus_quant.learning.hedge import Hedge
from nautilus_quant.learning.thompson import ThompsonBeta, ThompsonNormal
from nautilus_quant.learning.ucb import KLUCB, UCB1Tuned

if TYPE_CHECKING:
    from nautilus_quant.learning.params import PolicyParams, Priors
    from nautilus_quant.learning.policy import Output, Policy

POLICIES: Final = {
    policy.kind: policy for policy in (ThompsonNormal, ThompsonBeta, UCB1Tuned, KLUCB, Hedge, Ensemble)
}
"""Every policy by its name in configuration."""


def make_policy(
    name: str,
    arms: int,
    *,
    params: PolicyParams | None = None,
    output: Output | None = None,
    seed: int = 0,
    priors: Priors | None = None,
) -> Policy:
    """
    Make a policy.

    Parameters
    ----------
    name
        ``thompson``, ``thompson_beta``, ``ucb``, ``kl_ucb``, ``hedge`` or ``ensemble``.
    arms
        How many there are, at least 1.
    params
        How fast to forget, how much to borrow; the defaults when not given.
    output
        Form of the answer; one arm when not given.
    seed
        Of its generator; the same seed and the same calls give the same choices.
    priors
        What is thought of each arm at first; the same of all when not given.

    Raises
    ------
    ValueError
        If no policy has that name, or priors do not fit the arms.

    """
    policy = POLICIES.get(name)
    if policy is None:
        near = get_close_matches(name, POLICIES, n=1, cutoff=0.4)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"need a policy of {', '.join(POLICIES)}, was {name}{hint}")
    made: Policy = policy(arms, params, output=output, seed=seed, priors=priors)
    return made
