"""What changing arms costs, and how much better another must be before it is worth that."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.learning.policy import Floats


def switching_cost(turning: Floats, current: Floats, proposed: Floats) -> float:
    """
    Return what going from some weights to others costs now [fraction of the market's capital].

    Each arm trades its own position, so what one closes and another opens is paid twice.

    Parameters
    ----------
    turning
        Cost of opening, or closing, each arm as a whole; shape (arms,) [fraction of capital].
    current, proposed
        Weights; shape (arms,) [-].

    """
    return float(np.abs(proposed - current) @ turning)


def handicaps(turning: Floats, current: Floats, unit: float, horizon: float) -> Floats:
    """
    Return by how much each arm's reward must be better before choosing it pays for the change.

    ``(cost of leaving what is held + cost of opening the arm) / (unit * horizon)``, and 0 for arms held.

    Parameters
    ----------
    turning
        Cost of opening, or closing, each arm as a whole; shape (arms,) [fraction of capital].
    current
        Weights now; shape (arms,) [-].
    unit
        Return whose reward is 1 over a full evaluation [fraction of capital]; NaN, while it is unknown, makes
        all handicaps 0: there are no rewards yet to weigh them against.
    horizon
        Evaluations an arm is expected to be held for [-]. More makes changes cheaper.

    Returns
    -------
    Floats
        Shape (arms,) [reward per evaluation].

    Raises
    ------
    ValueError
        If the horizon is not positive.

    """
    require(0.0 < horizon < math.inf, "horizon > 0 [evaluations]", horizon)
    if not 0.0 < unit < math.inf:
        return np.zeros_like(turning)
    leaving = current @ turning
    return np.where(current > 0.0, 0.0, (leaving + turning) / (unit * horizon))
