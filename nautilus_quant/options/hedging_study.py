"""What ways to hedge cost and leave: the frontier of cost and risk, and who lies on which side of it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.options.hedging_band import BandKind, BandParams
from nautilus_quant.options.hedging_params import HedgeParams, Mode
from nautilus_quant.options.hedging_sim import TradeCosts, hedge

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from nautilus_quant.options.hedging_sim import Paths

NONE = "unhedged"
INTERVAL = "fixed interval"
FIXED = "fixed band"
COST_AWARE = "cost-aware band"
MODES = (Mode.AGGRESSIVE, Mode.BALANCED, Mode.CONSERVATIVE)
TINY = 1e-4
"""Least width of the cost-aware bands that are studied [coins]: it is the formula that is looked at."""


class Way(NamedTuple):
    """
    A way to hedge.

    Parameters
    ----------
    family
        Which line of the chart it is on.
    name
        What it is, in a few words.
    params
        When and how; ``None`` never.

    """

    family: str
    name: str
    params: HedgeParams | None


class Point(NamedTuple):
    """
    What came of it.

    Parameters
    ----------
    way
        Which.
    cost
        Mean of all paths [currency].
    deviation
        Standard deviation of the profit, costs paid [currency].
    mean
        Of that profit [currency].
    trades
        Mean number of hedges.
    score
        See `nautilus_quant.options.hedging_sim.Outcome.score` [currency].

    """

    way: Way
    cost: float
    deviation: float
    mean: float
    trades: float
    score: float


def ways(
    paths: Paths,
    *,
    every: Sequence[int] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 48, 96),
    widths: Sequence[float] = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3),
    aversions: Sequence[float] = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
) -> list[Way]:
    """
    Return the ways a study compares.

    Parameters
    ----------
    paths
        What they are tried on: who hedges less than four times to their end is left out.
    every
        Steps between two hedges of the naive way.
    widths
        Of the fixed band [coins].
    aversions
        Of the cost-aware band [1 / currency].

    """
    steps = paths.price.shape[0] - 1
    spans = [count * paths.interval for count in every if 4 * count <= steps]
    bands = [
        *((INTERVAL, _span(span), BandParams(kind=BandKind.TIMED, interval=span)) for span in spans),
        *((FIXED, f"{w:g} coins", BandParams(width=w, widest=max(w, 1.0))) for w in widths),
        *((COST_AWARE, f"aversion {a:g}", _cost_aware(a)) for a in aversions),
    ]
    return [
        Way(NONE, NONE, None),
        *(
            Way(family_in(family, mode), name, HedgeParams(band=band, mode=mode))
            for mode in MODES
            for family, name, band in bands
        ),
    ]


def _cost_aware(aversion: float) -> BandParams:
    return BandParams(kind=BandKind.COST_AWARE, width=TINY, risk_aversion=aversion)


def family_in(family: str, mode: Mode) -> str:
    """Return the name of a family in a mode."""
    return f"{family}, {mode}"


def compare(paths: Paths, tried: Iterable[Way], costs: TradeCosts, risk_aversion: float) -> list[Point]:
    """Hedge the same paths in each way."""
    found = []
    for way in tried:
        outcome = hedge(paths, way.params, costs)
        found.append(
            Point(
                way,
                outcome.mean_cost,
                outcome.deviation,
                float(outcome.profit.mean()),
                float(outcome.trades.mean()),
                outcome.score(risk_aversion),
            )
        )
    return found


def advantage(points: Sequence[Point], family: str, against: str) -> list[tuple[Point, float]]:
    """
    Return how much less risk each of a family leaves than another one at the same cost [fraction].

    Positive is better. The other's frontier is drawn straight between its points in the logarithms of cost
    and deviation; who costs more or less than all of them is left out, as there is nothing to compare with.
    """
    line = sorted((p.cost, p.deviation) for p in points if p.way.family == against and p.cost > 0.0)
    # Only what is on the frontier: no other one is both cheaper and safer.
    edge: list[tuple[float, float]] = []
    for cost, deviation in line:
        if not edge or deviation < edge[-1][1]:
            edge.append((cost, deviation))
    if len(edge) < 2:
        return []
    costs, risks = np.log([c for c, _ in edge]), np.log([d for _, d in edge])
    found = []
    for point in points:
        if point.way.family != family or not costs[0] <= math.log(point.cost) <= costs[-1]:
            continue
        usual = math.exp(float(np.interp(math.log(point.cost), costs, risks)))
        found.append((point, 1.0 - point.deviation / usual))
    return found


def _span(seconds: float) -> str:
    hours = seconds / 3_600.0
    return f"every {hours:.3g} h" if hours < 48.0 else f"every {hours / 24.0:.3g} d"
