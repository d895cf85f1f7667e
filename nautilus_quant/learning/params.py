"""What all selection policies are told: how fast to forget, what to borrow, what rewards look like."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any, NamedTuple, Self

import numpy as np

from nautilus_quant.learning.policy import Floats
from nautilus_quant.signals.sequence import require

ADAHEDGE = "adahedge"
ANYTIME = "anytime"


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyParams:
    """
    How a policy learns.

    Parameters
    ----------
    half_life
        Evaluations after which one counts half [evaluations]; ``inf`` forgets nothing. Shorter follows a
        changing market sooner and tells the arms apart less surely. Typical 100-1000: with one evaluation
        every 6 h, 250 are two months.
    absent_ageing
        How fast the evidence of a regime ages while another one is in force, relative to how fast it ages in
        force [-], 0-1. With 1 everything ages by the clock, and a regime that comes back once a quarter finds
        nothing left; with 0 a regime last seen years ago is trusted as if it had just ended. Typical 0-0.2.
    window
        Evaluations kept in each regime, besides the discount [evaluations]; ``None`` keeps all. For breaks
        rather than drift. Typical 100-2000.
    pooling
        How much the other regimes may say about an arm, at most [evaluations]. More makes a rarely seen
        regime look like the others; 0 learns each regime by itself. Typical 10-100.
    reward_sd
        Standard deviation of one reward [reward], until the data say otherwise. About 1 for rewards that are
        scaled by risk.
    reward_low, reward_high
        Range of rewards [reward]; upper confidence bounds and Hedge clip to it.
    rate
        Learning rate of Hedge: ``adahedge``, which finds the scale of the rewards by itself, ``anytime``,
        which takes it from their range, or a fixed number [1/reward]. A larger one moves weight sooner.
    share
        Weight that Hedge hands from all arms to all arms at each evaluation [fraction], so that an arm that
        was bad for long can return. 0 keeps the guarantee against the best single arm; about one over the
        evaluations between changes follows the best arm of each stretch. Typical 0-0.05.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    half_life: float = 250.0
    absent_ageing: float = 0.1
    window: int | None = None
    pooling: float = 25.0
    reward_sd: float = 1.0
    reward_low: float = -3.0
    reward_high: float = 3.0
    rate: str | float = ADAHEDGE
    share: float = 0.0

    def __post_init__(self) -> None:
        require(self.half_life > 0.0, "half_life > 0 [evaluations]", self.half_life)
        require(0.0 <= self.absent_ageing <= 1.0, "0 <= absent_ageing <= 1 [-]", self.absent_ageing)
        require(self.window is None or self.window >= 1, "window >= 1 [evaluations]", self.window)
        require(0.0 <= self.pooling < math.inf, "pooling >= 0 [evaluations]", self.pooling)
        require(0.0 < self.reward_sd < math.inf, "reward_sd > 0 [reward]", self.reward_sd)
        require(
            -math.inf < self.reward_low < self.reward_high < math.inf,
            "reward_low < reward_high [reward]",
            (self.reward_low, self.reward_high),
        )
        known = self.rate in {ADAHEDGE, ANYTIME}
        if isinstance(self.rate, str):
            require(known, f"rate {ADAHEDGE}, {ANYTIME} or a number [1/reward]", self.rate)
        else:
            require(0.0 < self.rate < math.inf, "rate > 0 [1/reward]", self.rate)
        require(0.0 <= self.share < 1.0, "0 <= share < 1 [fraction]", self.share)

    @property
    def discount(self) -> float:
        """What is left of an evaluation's weight after one more [-]; 1 forgets nothing."""
        return math.exp2(-1.0 / self.half_life)

    @property
    def span(self) -> float:
        """Width of the range of rewards [reward]."""
        return self.reward_high - self.reward_low

    def clip(self, rewards: Floats) -> Floats:
        """Bring rewards into their range; what is not finite becomes NaN: not observed."""
        seen = np.where(np.isfinite(rewards), rewards, np.nan)
        return np.minimum(np.maximum(seen, self.reward_low), self.reward_high)

    def fit(self) -> list[Any]:
        """Say in plain values what saved state must have been learnt with."""
        return [self.discount, *astuple(self)[1:]]


class Priors(NamedTuple):
    """
    What is thought of each arm before anything is seen.

    Parameters
    ----------
    mean
        Expected reward; shape (arms,) [reward].
    strength
        What that is worth; shape (arms,) [evaluations], more than 0. Typical 1-50.

    """

    mean: Floats
    strength: Floats

    @classmethod
    def of(cls, arms: int, mean: Any = 0.0, strength: Any = 2.0) -> Self:
        """
        Spread numbers, or arrays of shape (arms,), over the arms.

        Raises
        ------
        ValueError
            If a mean is not finite, a strength not positive, or a shape does not fit.

        """
        require(arms >= 1, "arms >= 1", arms)
        means, strengths = (np.array(np.broadcast_to(x, (arms,)), dtype=np.float64) for x in (mean, strength))
        require(bool(np.isfinite(means).all()), "a finite prior mean [reward]", mean)
        positive = bool((np.isfinite(strengths) & (strengths > 0.0)).all())
        require(positive, "a prior strength > 0 [evaluations]", strength)
        return cls(means, strengths)
