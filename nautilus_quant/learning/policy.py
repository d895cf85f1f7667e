"""What every selection policy can do, and the forms its answer takes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

type Floats = NDArray[np.float64]
type Flags = NDArray[np.bool_]


class Form(StrEnum):
    """What a policy answers with."""

    ONE = "one"
    TOP_K = "top_k"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True)
class Output:
    """
    The form of an answer.

    Parameters
    ----------
    form
        The best arm, the `k` best in equal shares, or a share for each.
    k
        Arms with a share when the form is ``top_k``.

    Raises
    ------
    ValueError
        If `k` is less than 1.

    """

    form: Form = Form.ONE
    k: int = 1

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k >= 1 [arms], was {self.k}")


class Beliefs(NamedTuple):
    """
    What a policy thinks of each arm's reward in one regime.

    Parameters
    ----------
    mean, sd
        Of the expected reward, not of a single one; shape (arms,) [reward].
    evidence
        What it rests on after discounting; shape (arms,) [evaluations].

    """

    mean: Floats
    sd: Floats
    evidence: Floats


class Policy(Protocol):
    """Chooses among arms numbered from 0, by what it has seen in each regime."""

    def select(self, awake: Flags, regime: str, handicap: Floats) -> Floats:
        """
        Choose.

        Parameters
        ----------
        awake
            Arms that may be chosen now; shape (arms,).
        regime
            The regime they would be held in.
        handicap
            What choosing each arm costs; shape (arms,) [reward per evaluation]; 0 for one already held.

        Returns
        -------
        Floats
            Shares, shape (arms,): not negative, 0 for arms asleep, summing to 1, or all 0 when all sleep.

        """

    def update(self, rewards: Floats, regime: str, weight: float = 1.0) -> None:
        """
        Learn from one evaluation.

        Parameters
        ----------
        rewards
            Shape (arms,); NaN for an arm not observed.
        regime
            In which they were earned.
        weight
            How much of a full evaluation interval they cover (0, 1].

        """

    def beliefs(self, regime: str) -> Beliefs:
        """Return what is thought of each arm in a regime."""

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs, JSON-able; arrays are keyed by position."""

    def restore(self, state: Mapping[str, Any], places: list[int | None]) -> Self:
        """
        Go on from what `to_dict` gave, perhaps with other arms.

        Parameters
        ----------
        state
            Of a policy of the same kind; of another kind it is left alone.
        places
            For each arm of this policy its number in the saved one, or ``None`` for a new arm.

        """
