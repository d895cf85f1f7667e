"""Exponentially weighted mean and volatility, unbiased from the first value on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self


def decay_of_half_life(half_life: float) -> float:
    """
    Weight kept after one step, such that a value's weight halves in `half_life` steps.

    Raises
    ------
    ValueError
        If `half_life` is not a positive finite number [bars].

    """
    if not 0.0 < half_life < math.inf:
        raise ValueError(
            f"half_life must be positive and finite [bars], was {half_life}; typical values 5-500"
        )
    return float(2.0 ** (-1.0 / half_life))


def decay_of_span(span: float) -> float:
    """
    Weight kept after one step of an average with the same centre of mass as a simple mean of `span` values.

    Raises
    ------
    ValueError
        If `span` is below 1 or not finite [bars].

    """
    if not 1.0 <= span < math.inf:
        raise ValueError(f"span must be at least 1 and finite [bars], was {span}; typical values 5-500")
    return (span - 1.0) / (span + 1.0)


class Ewma:
    """
    Exponentially weighted mean of what has been seen.

    Dividing by the sum of the weights removes the pull towards zero a recursion started at zero has, so the
    first value is its own mean. Values must be finite: whoever calls decides what to do with others.

    Parameters
    ----------
    decay
        Weight kept per step [-], in [0, 1); see `decay_of_half_life` and `decay_of_span`.

    """

    __slots__ = ("_decay", "_fresh", "_sum", "_weight")

    def __init__(self, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay must be in [0, 1) [-], was {decay}; typical values 0.9-0.999")
        self._decay = decay
        self._fresh = 1.0 - decay
        self._sum = 0.0
        self._weight = 0.0

    def update(self, value: float) -> float:
        """Take one value, give the mean including it."""
        decay, fresh = self._decay, self._fresh
        self._sum = total = decay * self._sum + fresh * value
        self._weight = weight = decay * self._weight + fresh
        return total / weight

    @property
    def value(self) -> float:
        """The mean; NaN before the first value."""
        return self._sum / self._weight if self._weight else math.nan

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""
        return {"sum": self._sum, "weight": self._weight}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the decay stays this object's own."""
        self._sum = float(state["sum"])
        self._weight = float(state["weight"])
        return self


class EwmaVolatility(Ewma):
    """
    Root of the exponentially weighted mean square of log returns (RiskMetrics 1996, zero mean) [per bar].

    Parameters
    ----------
    half_life
        After how many bars a return counts half [bars]. More is calmer and slower: 10-30 follows the day's
        mood, 200-500 says what is normal.

    """

    __slots__ = ()

    def __init__(self, half_life: float) -> None:
        super().__init__(decay_of_half_life(half_life))

    def update(self, log_return: float, bars: float = 1.0) -> float:
        """Take a log return over `bars` bar lengths (more than one after a gap), give the volatility."""
        # The mean's own update written out: this runs twice per bar, and a call costs more than the sums.
        decay, fresh = self._decay, self._fresh
        self._sum = total = decay * self._sum + fresh * (log_return * log_return / bars)
        self._weight = weight = decay * self._weight + fresh
        return math.sqrt(total / weight)

    @property
    def value(self) -> float:
        """The volatility [per bar]; NaN before the first return."""
        return math.sqrt(super().value)


class EwmaVolatilities:
    """
    A fast and a slow `EwmaVolatility` of the same returns, in one step.

    Parameters
    ----------
    fast_half_life, slow_half_life
        After how many bars a return counts half [bars].

    """

    __slots__ = (
        "_fast",
        "_fast_fresh",
        "_fast_sum",
        "_fast_weight",
        "_slow",
        "_slow_fresh",
        "_slow_sum",
        "_slow_weight",
    )

    def __init__(self, fast_half_life: float, slow_half_life: float) -> None:
        self._fast = decay_of_half_life(fast_half_life)
        self._slow = decay_of_half_life(slow_half_life)
        self._fast_fresh, self._slow_fresh = 1.0 - self._fast, 1.0 - self._slow
        self._fast_sum = self._fast_weight = self._slow_sum = self._slow_weight = 0.0

    def update(self, log_return: float, bars: float = 1.0) -> tuple[float, float]:
        """Take a log return over `bars` bar lengths, give the fast and the slow volatility [per bar]."""
        square = log_return * log_return / bars
        decay, fresh = self._fast, self._fast_fresh
        self._fast_sum = fast = decay * self._fast_sum + fresh * square
        self._fast_weight = fast_weight = decay * self._fast_weight + fresh
        decay, fresh = self._slow, self._slow_fresh
        self._slow_sum = slow = decay * self._slow_sum + fresh * square
        self._slow_weight = slow_weight = decay * self._slow_weight + fresh
        return math.sqrt(fast / fast_weight), math.sqrt(slow / slow_weight)

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs: what `EwmaVolatility.to_dict` gives of each."""
        return {
            "fast": {"sum": self._fast_sum, "weight": self._fast_weight},
            "slow": {"sum": self._slow_sum, "weight": self._slow_weight},
        }

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave; the decays stay this object's own."""
        fast, slow = state["fast"], state["slow"]
        self._fast_sum, self._fast_weight = float(fast["sum"]), float(fast["weight"])
        self._slow_sum, self._slow_weight = float(slow["sum"]), float(slow["weight"])
        return self
