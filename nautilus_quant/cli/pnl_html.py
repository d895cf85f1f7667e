"""The equity of an account as one HTML file, with everything in it that it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nautilus_quant.account.curve import indexed
from nautilus_quant.account.statement import PARTS, value_of
from nautilus_quant.learning.report_series import extremes
from nautilus_quant.monitoring import chart_page
from nautilus_quant.monitoring.chart_page import COLORS, DRAW_ALL, Page, layout_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from nautilus_quant.account.history import History

POINTS: Final = 1_600
"""Values drawn of a curve: more than a screen has columns."""
_EQUITY, _NET, _DRAWDOWN = COLORS[0], COLORS[2], COLORS[5]
_PARTS: Final = tuple(COLORS[at] for at in (2, 5, 3, 7, 6, 4))

PAGE: Final = Page(
    body="""<h1>@TITLE@</h1>
<noscript>The charts need JavaScript, which comes with this file.</noscript>
<div id="equity"></div>
<div id="days"></div>
""",
    script=DRAW_ALL,
)


def write(history: History, path: str | Path, *, title: str) -> Path:
    """
    Write the page.

    Parameters
    ----------
    history
        The last days.
    path
        The file; folders are made.
    title
        At its top.

    Raises
    ------
    ImportError
        When plotly is not installed.

    """
    return chart_page.write(PAGE, figures(history), path, title=title)


def figures(history: History) -> dict[str, Any]:
    """Return the charts as plotly draws them: the curve with its drawdown, and the parts of each day."""
    return {"equity": _equity(history), "days": _days(history)}


def _equity(history: History) -> dict[str, Any]:
    snapshots = history.snapshots
    start = snapshots[0].equity
    net = [start * index for _, index in indexed(snapshots)]
    ts = [snapshot.ts for snapshot in snapshots]
    falls = [-100.0 * fall for _, fall in history.drawdowns]
    down = _line(ts, falls, "drawdown", _DRAWDOWN, yaxis="y2", fill="tozeroy")
    layout = _layout(f"equity [{history.currency}]", height=520)
    layout["yaxis"]["domain"] = [0.34, 1.0]
    layout["yaxis2"] = {"title": {"text": "drawdown [%]"}, "domain": [0.0, 0.24]}
    layout["xaxis"]["anchor"] = "y2"
    return {
        "data": [
            _line(ts, [snapshot.equity for snapshot in snapshots], "equity", _EQUITY),
            _line(ts, net, "the same without transfers", _NET, dash="dot"),
            down,
        ],
        "layout": layout,
    }


def _days(history: History) -> dict[str, Any]:
    x = [day.start // 1_000_000 for day in history.days]
    named = [
        (part.value, [float(value_of(day.parts[at])) for day in history.days], _PARTS[at])
        for at, part in enumerate(PARTS)
    ]
    named.append(("unrealised", [day.unrealised for day in history.days], _EQUITY))
    data = [
        {"type": "bar", "name": name, "x": x, "y": values, "marker": {"color": color}}
        for name, values, color in named
        if any(values)
    ]
    return {"data": data, "layout": {**_layout(f"by day [{history.currency}]"), "barmode": "relative"}}


def _line(
    ts: Sequence[int], values: Sequence[float], name: str, color: str, dash: str = "solid", **more: Any
) -> dict[str, Any]:
    kept = extremes(np.asarray(values, dtype=np.float64), POINTS)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": [ts[at] // 1_000_000 for at in kept],
        "y": [values[at] for at in kept],
        "line": {"color": color, "dash": dash, "width": 2.0},
        **more,
    }


def _layout(title: str, height: int = 380) -> dict[str, Any]:
    return {
        **layout_of(title, height),
        "hovermode": "x unified",
        "xaxis": {"type": "date", "hoverformat": "%Y-%m-%d %H:%M UTC"},
        "legend": {"orientation": "h", "y": -0.14, "x": 0.0},
    }
