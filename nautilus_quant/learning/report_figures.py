"""The charts of the arms as plotly draws them: plain dictionaries, so that nothing here needs plotly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.learning.report_series import Weights, extremes, thinned
from nautilus_quant.monitoring.chart_page import COLORS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.learning.policy import Floats
    from nautilus_quant.learning.report import Belief
    from nautilus_quant.learning.track import Curves

type Figure = dict[str, Any]
type Numbers = NDArray[Any]

POINTS: Final = 1_600
"""Values drawn of a curve: more than a screen has columns."""
STEPS: Final = 500
"""Stretches of weights: each is as many areas as there are arms."""

ARMS: Final = COLORS
# Tol, "Colour schemes" (2021), light: calmer, so that regimes are not taken for arms.
REGIMES: Final = ("#BBCC33", "#EE8866", "#99DDFF", "#FFAABB", "#44BB99", "#EEDD88", "#77AADD", "#DDDDDD")
_PATTERNS: Final = ("", "/", "x", ".")
_CURVES: Final = (
    ("selector", "selector", ARMS[0], "solid", 3.0),
    ("equal", "equal weight", ARMS[1], "dash", 2.0),
    ("best", "best single arm in hindsight", ARMS[2], "dot", 2.0),
    ("last", "arm chosen last, from the start", ARMS[3], "dashdot", 2.0),
)
_TOP: Final = [0.34, 1.0]
_BOTTOM: Final = [0.0, 0.24]


def curves_figure(curves: Curves) -> Figure:
    """Draw what the selector and its baselines have earned."""
    traces = [
        _line(
            curves.ts,
            100.0 * np.cumsum(getattr(curves, field)),
            name=name,
            color=color,
            dash=dash,
            width=width,
        )
        for field, name, color, dash, width in _CURVES
    ]
    layout = _layout(yaxis={"title": {"text": "net return, summed [% of capital]"}, "zeroline": True})
    return {"data": traces, "layout": layout}


def regret_figure(curves: Curves, switch_ts: Numbers, switches: Numbers) -> Figure:
    """Draw what was missed against the baselines, and how often the choice has changed."""
    traces = [
        _line(
            curves.ts,
            100.0 * np.cumsum(getattr(curves, field) - curves.selector),
            name=name,
            color=color,
            dash=dash,
        )
        for field, name, color, dash in (
            ("best", "behind the best single arm", ARMS[2], "solid"),
            ("equal", "behind equal weight", ARMS[1], "dash"),
        )
    ]
    counts = np.asarray(switches, dtype=np.float64)
    counted = _line(switch_ts, counts, name="switches so far", color=ARMS[0], dash="solid")
    counted["line"]["shape"] = "hv"
    traces.append({**counted, "yaxis": "y2"})
    layout = _layout(
        height=480,
        yaxis={"title": {"text": "regret [% of capital]"}, "domain": _TOP, "zeroline": True},
        yaxis2={"title": {"text": "switches [-]"}, "domain": _BOTTOM, "rangemode": "tozero"},
    )
    layout["xaxis"]["anchor"] = "y2"
    return {"data": traces, "layout": layout}


def weights_figure(weights: Weights) -> Figure:
    """Draw the shares of the arms over time, and above them the regimes."""
    few = thinned(weights, STEPS)
    x = _times(few.ts)
    traces: list[Figure] = []
    for at, arm in enumerate(few.arms):
        fill = {"shape": _PATTERNS[at // len(ARMS) % len(_PATTERNS)], "solidity": 0.4}
        traces.append(
            {
                "type": "scatter",
                "name": arm,
                "x": x,
                "y": _rounded(100.0 * few.shares[:, at]),
                "stackgroup": "weights",
                "line": {"shape": "hv", "width": 0.5, "color": _arm_color(at)},
                "fillcolor": _arm_color(at),
                "fillpattern": fill,
                "hovertemplate": "%{y:.0f} %",
            }
        )
    traces += _regime_strip(few, x)
    layout = _layout(
        height=480,
        yaxis={"title": {"text": "share of the budget [%]"}, "range": [0, 100], "domain": [0.0, 0.88]},
        yaxis2={
            "domain": [0.92, 1.0],
            "showticklabels": False,
            "showgrid": False,
            "fixedrange": True,
            "ticks": "",
        },
        legend2={"orientation": "h", "y": 1.16, "x": 0.0, "title": {"text": "regime "}},
    )
    return {"data": traces, "layout": layout}


def beliefs_figure(beliefs: Mapping[str, Sequence[Belief]]) -> Figure:
    """Draw what is expected of each arm in each regime, with one standard deviation either way."""
    arms = list(dict.fromkeys(belief.arm for items in beliefs.values() for belief in items))
    traces = []
    for at, arm in enumerate(arms):
        found = [(regime, b) for regime, items in beliefs.items() for b in items if b.arm == arm]
        mean, sd, evidence = (
            np.array([getattr(belief, field) for _, belief in found]) for field in ("mean", "sd", "evidence")
        )
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": arm,
                "offsetgroup": arm,
                "x": [regime for regime, _ in found],
                "y": _rounded(mean),
                "error_y": {"type": "data", "array": _rounded(sd), "thickness": 1.5, "width": 4},
                "customdata": _rounded(evidence),
                "marker": {"size": 9, "color": _arm_color(at), "symbol": at % 8},
                "hovertemplate": "%{y:.3f} ± %{error_y.array:.3f}, on %{customdata:.1f} evaluations",
            }
        )
    layout = _layout(
        yaxis={"title": {"text": "expected reward, mean ± sd [reward]"}, "zeroline": True},
        scattermode="group",
        scattergap=0.4,
    )
    layout["xaxis"] = {"type": "category"}
    return {"data": traces, "layout": layout}


def _regime_strip(few: Weights, x: list[int]) -> list[Figure]:
    count = len(few.names)
    colors = [REGIMES[at % len(REGIMES)] for at in range(count)]
    scale = [[edge / count, colors[at]] for at in range(count) for edge in (at, at + 1)]
    # What is chosen last holds from its time on: give it as much room as a step has on average.
    end = x[-1] + max((x[-1] - x[0]) // max(len(x) - 1, 1), 1)
    strip: Figure = {
        "type": "heatmap",
        "x": [*x, end],
        "y": [0.0, 1.0],
        "z": [few.regimes.tolist()],
        "text": [[few.names[at] for at in few.regimes.tolist()]],
        "zmin": -0.5,
        "zmax": count - 0.5,
        "colorscale": scale,
        "showscale": False,
        "yaxis": "y2",
        "name": "",
        "hovertemplate": "%{text}",
    }
    keys: list[Figure] = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [None],
            "y": [None],
            "yaxis": "y2",
            "legend": "legend2",
            "marker": {"symbol": "square", "size": 11, "color": colors[at]},
            "hoverinfo": "skip",
        }
        for at, name in enumerate(few.names)
    ]
    return [strip, *keys]


def _line(ts: Numbers, values: Floats, *, name: str, color: str, dash: str, width: float = 2.0) -> Figure:
    kept = extremes(values, POINTS)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": _times(ts[kept]),
        "y": _rounded(values[kept]),
        "line": {"color": color, "dash": dash, "width": width},
        "hovertemplate": "%{y:.4g}",
    }


def _layout(*, yaxis: Figure, height: int = 380, **more: Any) -> Figure:
    return {
        "height": height,
        "margin": {"l": 70, "r": 20, "t": 30, "b": 40},
        "hovermode": "x unified",
        "xaxis": {"type": "date", "hoverformat": "%Y-%m-%d %H:%M UTC"},
        "yaxis": yaxis,
        "legend": {"orientation": "h", "y": -0.14, "x": 0.0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        **more,
    }


def _arm_color(at: int) -> str:
    return ARMS[at % len(ARMS)]


def _times(ts: Numbers) -> list[int]:
    """Return times as plotly counts them [ms]."""
    return [int(value) for value in np.asarray(ts, dtype=np.int64) // 1_000_000]


def _rounded(values: Floats) -> list[float | None]:
    """Round to what can be seen; what is not a number is a gap."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in np.asarray(values).tolist()]
