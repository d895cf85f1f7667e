"""What a report on the arms holds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.learning.report_json import market_dict, total_dict

if TYPE_CHECKING:
    from nautilus_quant.learning.paired import Paired
    from nautilus_quant.learning.report_total import Together
    from nautilus_quant.learning.track import Curves, Summary


class Belief(NamedTuple):
    """
    What is thought of an arm in one regime, as of the last evaluation in it.

    Parameters
    ----------
    arm
        Strategy id.
    mean, sd
        Of its expected reward [reward]; NaN when unknown.
    evidence
        What that rests on [evaluations]; NaN when unknown.

    """

    arm: str
    mean: float
    sd: float
    evidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmRow:
    """
    One arm now.

    Parameters
    ----------
    belief
        In the regime of now.
    awake
        Whether it may be chosen now; ``None`` for an arm that competes no more.
    weight
        Its share of the market's budget now [-].
    share
        Of the time, by its weight [-].
    net
        Net return, had it been alone all the time [fraction of capital].

    """

    belief: Belief
    awake: bool | None
    weight: float
    share: float
    net: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketReport:
    """
    One market.

    Parameters
    ----------
    market
        Instrument id.
    regime
        Of now.
    since, until
        First and last evaluation, UNIX time [ns].
    evaluations
        How many.
    arms
        Those of the last evaluation in its order, then those that compete no more.
    beliefs
        By regime.
    summary, regimes
        Of all, and by regime; see `nautilus_quant.learning.track.Summary`.
    last
        The arm chosen last; empty when none is.
    curves
        What was earned, evaluation by evaluation.
    paired
        Selector minus equal weight.
    words
        What that means.
    notes
        What to know about the data; mostly empty.

    """

    market: str
    regime: str
    since: int
    until: int
    evaluations: int
    arms: tuple[ArmRow, ...]
    beliefs: dict[str, tuple[Belief, ...]]
    summary: Summary
    regimes: dict[str, Summary]
    last: str
    curves: Curves
    paired: Paired
    words: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsReport:
    """
    All markets, and all together.

    Parameters
    ----------
    markets
        By instrument id, in the order they were first seen.
    total
        Every market with the same capital; ``None`` when there is no market.
    words
        Whether the selector beats equal weight after costs, over all markets.

    """

    markets: dict[str, MarketReport] = field(default_factory=dict)
    total: Together | None = None
    words: str = "There are no evaluations yet."

    def to_dict(self) -> dict[str, Any]:
        """
        Give the report as plain JSON.

        Returns
        -------
        dict
            ``words``: the verdict. ``total``: see below, with ``regimes``; ``null`` without evaluations.
            ``markets``: by instrument id ``regime``, ``since`` and ``until`` [UNIX ns], ``evaluations``,
            ``arms`` (each ``arm``, ``mean``, ``sd``, ``evidence``, ``awake``, ``weight``, ``share_of_time``,
            ``net``), ``beliefs`` by regime, ``total``, ``regimes``, ``last_arm``, ``words``, ``notes``.
            Each total: ``days``, ``selector``, ``equal_weight``, ``best_single``, ``best_arm``,
            ``last_chosen``, ``regret_to_best``, ``regret_to_equal_weight``, ``switching_cost`` [fractions of
            capital], ``switches``, ``churn_per_day``; where it is judged also ``outcome`` (``better``,
            ``worse`` or ``not enough evidence``), ``t`` and ``evaluations``. Unknown numbers are ``null``.

        """
        return {
            "words": self.words,
            "total": None if self.total is None else total_dict(self.total),
            "markets": {name: market_dict(market) for name, market in self.markets.items()},
        }
