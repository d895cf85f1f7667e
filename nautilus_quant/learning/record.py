"""One evaluation of the arms of a market, as it is journalled, reported and compared."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """
    What was seen since the last evaluation, and what was chosen from now on.

    Parameters
    ----------
    ts
        UNIX time [ns].
    market
        Instrument id the arms compete on.
    regime
        Of that instrument, from now on.
    trigger
        ``start``, ``interval``, ``regime``, ``gate`` or ``arms``: why it was done now.
    arms
        Strategy ids, in the order of all that follows.
    returns
        Net return of each arm since the last evaluation [fraction of capital]; 0 when it did nothing, NaN
        when it could not be observed.
    rewards
        The same as the policy heard of it [reward]; NaN when it heard nothing.
    awake
        Whether each arm may be chosen now.
    weights
        Share of the market's budget given to each arm from now on [-].
    cost
        Cost of changing the weights now [fraction of capital].
    means, sds, evidence
        Beliefs in this regime, see `nautilus_quant.learning.policy.Beliefs`.
    reason
        In words.

    """

    ts: int
    market: str
    regime: str
    trigger: str
    arms: tuple[str, ...]
    returns: tuple[float, ...]
    rewards: tuple[float, ...]
    awake: tuple[bool, ...]
    weights: tuple[float, ...]
    cost: float = 0.0
    means: tuple[float, ...] = field(default=())
    sds: tuple[float, ...] = field(default=())
    evidence: tuple[float, ...] = field(default=())
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Give a JSON-able document; what is not a number becomes ``None``."""
        return {name: _plain(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave; unknown keys are passed over."""
        known = {name: _read(document[name]) for name in cls.__slots__ if name in document}
        return cls(**known)


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _read(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(float("nan") if item is None else item for item in value)
    return float("nan") if value is None else value
