"""How the arms have done: what is believed of each, what the selector has earned, and against what."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from nautilus_quant.learning.report_model import ArmRow, ArmsReport, Belief, MarketReport
from nautilus_quant.learning.report_runs import by_market
from nautilus_quant.learning.report_total import together
from nautilus_quant.learning.report_words import words_of
from nautilus_quant.learning.track import Summary, Track

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from nautilus_quant.learning.record import Evaluation

__all__ = [
    "ArmRow", "ArmsReport", "Belief", "MarketReport", "arms_report", "by_market", "report_of", "summary",
    "words_of", "write_html",
]  # fmt: skip


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
