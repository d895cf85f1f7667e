"""How the arms have done: what is believed of each, what the selector has earned, and against what."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.learning.paired import Outcome, Paired
from nautilus_quant.learning.report_total import Together, together
from nautilus_quant.learning.track import FLAT, Curves, Summary, Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from nautilus_quant.learning.record import Evaluation

LEAST = 30
"""Evaluations below which nothing can be said, see `nautilus_quant.learning.paired.compare`."""


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
        total = None
        if self.total is not None:
            regimes = {name: _plain(item) for name, item in self.total.regimes.items()}
            total = {**_plain(self.total.summary), **_judged(self.total.paired), "regimes": regimes}
        return {
            "words": self.words,
            "total": total,
            "markets": {name: _market_dict(market) for name, market in self.markets.items()},
        }


def arms_report(evaluations: Iterable[Evaluation]) -> ArmsReport:
    """
    Report on evaluations of any markets, in order of time.

    Parameters
    ----------
    evaluations
        As journalled. Of several runs over the same time only the last counts, see `by_market`.

    """
    return report_of(by_market(evaluations))


def report_of(markets: dict[str, list[Evaluation]]) -> ArmsReport:
    """Report on the evaluations of each market."""
    tracks = {name: _tracked(items) for name, items in markets.items()}
    if not tracks:
        return ArmsReport()
    total = together(tracks)
    reports = {name: _market(name, markets[name], track) for name, track in tracks.items()}
    words = words_of(total.summary, total.paired, unit="period")
    return ArmsReport(markets=reports, total=total, words=words)


def by_market(evaluations: Iterable[Evaluation]) -> dict[str, list[Evaluation]]:
    """
    Sort evaluations by market.

    A run that starts before the end of what is there already goes through that time again, as a repeated
    backtest does: what it goes through again is dropped. Two evaluations at one time, of the clock and of a
    regime, become one.
    """
    found: dict[str, list[Evaluation]] = defaultdict(list)
    for item in evaluations:
        items = found[item.market]
        while item.trigger == "start" and items and item.ts <= items[-1].ts:
            items.pop()
        if items and items[-1].ts == item.ts:
            items[-1] = _as_one(items[-1], item)
        else:
            items.append(item)
    return dict(found)


def _as_one(first: Evaluation, second: Evaluation) -> Evaluation:
    """Keep what was earned before the first and chosen at the second, and add up what both cost."""
    places = [first.arms.index(arm) if arm in first.arms else None for arm in second.arms]

    def both(before: tuple[float, ...], after: tuple[float, ...]) -> tuple[float, ...]:
        earlier = [math.nan if at is None else before[at] for at in places]
        return tuple(_sum(*pair) for pair in zip(earlier, after, strict=True))

    return replace(
        second,
        returns=both(first.returns, second.returns),
        rewards=both(first.rewards, second.rewards),  # no time has passed at the second, and it has none
        cost=first.cost + second.cost,
    )


def _sum(first: float, second: float) -> float:
    """Add what is known; NaN when nothing is."""
    known = [value for value in (first, second) if math.isfinite(value)]
    return sum(known) if known else math.nan


def summary(evaluations: Iterable[Evaluation]) -> dict[str, Any]:
    """Return the report as plain JSON, see `ArmsReport.to_dict`."""
    return arms_report(evaluations).to_dict()


def write_html(evaluations: Iterable[Evaluation], path: str | Path, *, title: str = "Arms") -> Path:
    """
    Write the report as one HTML file with charts, which needs no network.

    Parameters
    ----------
    evaluations
        As for `arms_report`.
    path
        The file; folders are made.
    title
        At its top.

    Raises
    ------
    ImportError
        When plotly, the extra ``report``, is not installed.
    ValueError
        When there are no evaluations.

    """
    from nautilus_quant.learning.report_html import write

    return write(by_market(evaluations), path, title=title)


def words_of(summary: Summary, paired: Paired, *, unit: str = "evaluation") -> str:
    """
    Say plainly whether the selector beats equal weight after costs, and what that is worth.

    Parameters
    ----------
    summary
        What both have earned.
    paired
        Their differences.
    unit
        What there is one difference for.

    """
    difference = summary.selector - summary.equal
    percent = f"{100.0 * abs(difference):.2f} % of capital"
    if difference > 0.0:
        said = f"The selector is ahead of equal weight after costs by {percent}"
    else:
        less = f"it has earned {percent} less" if difference else "both have earned the same"
        said = f"The selector does NOT beat equal weight after costs: {less}"
    return f"{said}. {_evidence(paired, unit)}"


def _evidence(paired: Paired, unit: str) -> str:
    counted = f"{paired.pairs} {unit}" + ("" if paired.pairs == 1 else "s")
    if paired.pairs < LEAST:
        return f"Not enough evidence to tell this from chance: {counted}, at least {LEAST} are needed."
    if paired.outcome is Outcome.UNDECIDED:
        return f"Not enough evidence to tell this from chance: t = {paired.t:.2f} on {counted}."
    return f"Hardly chance: t = {paired.t:.2f} on {counted}."


def _tracked(items: Sequence[Evaluation]) -> Track:
    track = Track()
    for item in items:
        track.add(item)
    return track


def _market(name: str, items: Sequence[Evaluation], track: Track) -> MarketReport:
    latest = max(items, key=lambda item: item.ts)
    summed, paired = track.summary(), track.verdict().paired
    return MarketReport(
        market=name,
        regime=latest.regime,
        since=items[0].ts,
        until=latest.ts,
        evaluations=len(track),
        arms=_rows(latest, track, summed),
        beliefs=_beliefs(items),
        summary=summed,
        regimes=track.by_regime(),
        last=track.last_choice,
        curves=track.curves(),
        paired=paired,
        words=words_of(summed, paired),
        notes=tuple(_notes(items, track)),
    )


def _rows(latest: Evaluation, track: Track, summed: Summary) -> tuple[ArmRow, ...]:
    beliefs = {belief.arm: belief for belief in _believed(latest)}
    awake = dict(zip(latest.arms, latest.awake, strict=True))
    weights = dict(zip(latest.arms, latest.weights, strict=True))
    nets = {arm: float(series.sum()) for arm, series in track.arms.items()}
    return tuple(
        ArmRow(
            belief=beliefs.get(arm, Belief(arm, math.nan, math.nan, math.nan)),
            awake=awake.get(arm),
            weight=weights.get(arm, 0.0),
            share=summed.shares.get(arm, 0.0),
            net=nets.get(arm, 0.0),
        )
        for arm in dict.fromkeys((*latest.arms, *nets))
    )


def _beliefs(items: Sequence[Evaluation]) -> dict[str, tuple[Belief, ...]]:
    latest: dict[str, Evaluation] = {}
    for item in items:
        if item.regime not in latest or item.ts >= latest[item.regime].ts:
            latest[item.regime] = item
    return {regime: _believed(item) for regime, item in latest.items()}


def _believed(item: Evaluation) -> tuple[Belief, ...]:
    """Return the beliefs of a record; one without any, of a policy that has none, gives NaN."""
    unknown = (math.nan,) * len(item.arms)
    columns = (item.means or unknown, item.sds or unknown, item.evidence or unknown)
    return tuple(Belief(*row) for row in zip(item.arms, *columns, strict=True))


def _notes(items: Sequence[Evaluation], track: Track) -> Iterable[str]:
    if track.ignored:
        yield f"evaluations passed over, as they are not later than the one before: {track.ignored}"
    # The first evaluation earns nothing, whatever it says.
    missing = track.missing - sum(not math.isfinite(value) for value in items[0].returns)
    if missing:
        held = f", {track.missing_held} of them of an arm that was held" if track.missing_held else ""
        yield f"unknown returns, which count as 0: {missing}{held}"


def _market_dict(market: MarketReport) -> dict[str, Any]:
    return {
        "regime": market.regime,
        "since": market.since,
        "until": market.until,
        "evaluations": market.evaluations,
        "arms": [_row_dict(row) for row in market.arms],
        "beliefs": {name: [_belief_dict(item) for item in items] for name, items in market.beliefs.items()},
        "total": {**_plain(market.summary), **_judged(market.paired)},
        "regimes": {name: _plain(item) for name, item in market.regimes.items()},
        "last_arm": market.last or None,
        "words": market.words,
        "notes": list(market.notes),
    }


def _row_dict(row: ArmRow) -> dict[str, Any]:
    facts = {"awake": row.awake, "weight": row.weight, "share_of_time": row.share, "net": row.net}
    return {**_belief_dict(row.belief), **facts}


def _belief_dict(belief: Belief) -> dict[str, Any]:
    return {name: _known(value) for name, value in belief._asdict().items()}


def _plain(summed: Summary) -> dict[str, Any]:
    return {
        "days": summed.days,
        "selector": summed.selector,
        "equal_weight": summed.equal,
        "best_single": summed.best,
        "best_arm": summed.best_arm or None,
        "last_chosen": summed.last,
        "regret_to_best": summed.regret,
        "regret_to_equal_weight": summed.regret_of_equal,
        "switching_cost": summed.costs,
        "switches": summed.switches,
        "churn_per_day": summed.churn_per_day,
        "flat_share_of_time": summed.shares.get(FLAT, 0.0),
    }


def _judged(paired: Paired) -> dict[str, Any]:
    return {"outcome": str(paired.outcome), "t": _known(paired.t), "evaluations": paired.pairs}


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
