"""A scan as one HTML file: how far every quote is off the surface, and the smiles with what was found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from nautilus_quant.cli.tables import minute
from nautilus_quant.cli.vol_charts import Figure, rounded
from nautilus_quant.monitoring import chart_page
from nautilus_quant.monitoring.chart_page import COLORS, DRAW_ALL, Page, layout_of

if TYPE_CHECKING:
    from pathlib import Path

    from nautilus_quant.options.scan_rows import Rows
    from nautilus_quant.options.scanner import Scan
    from nautilus_quant.options.surface import Surface

_RICH, _CHEAP, _USUAL = COLORS[5], COLORS[0], COLORS[7]
_MOST = 5.0  # of the colours [standard errors]

PAGE: Final = Page(
    body="""<h1>@TITLE@</h1>
<noscript>The charts need JavaScript, which comes with this file.</noscript>
<h2>Off the surface, by expiry and strike</h2><div id="residuals"></div>
<h2>Smiles, with quotes; those worth trading after costs are large</h2><div id="smiles"></div>
<h2>Spreads: what is left after costs</h2><div id="spreads"></div>
<h2>Skew and term structure against the past</h2><div id="skews"></div>
""",
    script=DRAW_ALL,
)


def write(surface: Surface, scan: Scan, path: str | Path) -> Path:
    """
    Write the page.

    Parameters
    ----------
    surface
        That quotes were held against.
    scan
        What was found.
    path
        The file; folders are made.

    Raises
    ------
    ImportError
        When plotly is not installed.

    """
    title = f"Rich and cheap options on {surface.underlying}, {minute(surface.ts)} UTC"
    return chart_page.write(PAGE, figures(surface, scan), path, title=title)


def figures(surface: Surface, scan: Scan) -> dict[str, Figure]:
    """Return the charts as plotly draws them, by the name of their place."""
    return {
        "residuals": _residuals(scan.rows),
        "smiles": _smiles(surface, scan),
        "spreads": _spreads(scan),
        "skews": _skews(scan),
    }


def _residuals(rows: Rows | None) -> Figure:
    layout = layout_of("expiry", height=420)
    layout["xaxis"]["title"] = {"text": "log-moneyness over the standard deviation"}
    if rows is None:
        return {"data": [], "layout": layout}
    at = np.flatnonzero(rows.fitted)
    off = rows.vol[at] - rows.fit[at]
    deviation = rows.fit[at] * np.sqrt(rows.years[at])
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": rounded(np.log(rows.chain.strike[at] / rows.forward[at]) / deviation),
        "y": [minute(int(expiry)) for expiry in rows.chain.expiry[at]],
        "text": [
            f"{rows.chain.names[n]}: {100.0 * points:+.2f} vol points"
            for n, points in zip(at.tolist(), off.tolist(), strict=True)
        ],
        "hoverinfo": "text",
        "marker": {
            "size": 9,
            "color": rounded(off / rows.error[at]),
            "colorscale": [[0.0, _CHEAP], [0.5, "#D9DDE3"], [1.0, _RICH]],
            "cmin": -_MOST,
            "cmax": _MOST,
            "colorbar": {"title": {"text": "standard errors"}},
        },
    }
    return {"data": [trace], "layout": {**layout, "hovermode": "closest"}}


def _smiles(surface: Surface, scan: Scan) -> Figure:
    traces: list[Figure] = []
    chosen = {idea.name: idea.side for idea in scan.options}
    for n, slice_ in enumerate(surface.slices):
        color, name = COLORS[n % len(COLORS)], minute(slice_.expiry)
        k = np.linspace(slice_.low, slice_.high, 60)
        shown = True if n < len(COLORS) else "legendonly"
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "legendgroup": name,
                "visible": shown,
                "x": rounded(slice_.forward * np.exp(k)),
                "y": rounded(100.0 * slice_.vols(k)),
                "line": {"color": color},
            }
        )
        if scan.rows is not None:
            quotes = _quotes(scan.rows, slice_.expiry, chosen)
            traces.append({**quotes, "name": name, "legendgroup": name, "visible": shown})
            quotes["marker"]["line"]["color"] = color
    layout = layout_of("volatility [%]", height=520)
    layout["xaxis"]["title"] = {"text": "strike"}
    return {"data": traces, "layout": {**layout, "hovermode": "closest"}}


def _quotes(rows: Rows, expiry: int, chosen: dict[str, str]) -> Figure:
    at = np.flatnonzero(rows.fitted & (rows.chain.expiry == expiry))
    names = [rows.chain.names[n] for n in at.tolist()]
    sides = [chosen.get(name, "") for name in names]
    colors = {"sell": _RICH, "buy": _CHEAP, "": _USUAL}
    half = 50.0 * (rows.ask[at] - rows.bid[at]) / rows.vega[at]
    return {
        "type": "scatter",
        "mode": "markers",
        "showlegend": False,
        "x": rounded(rows.chain.strike[at]),
        "y": rounded(100.0 * rows.vol[at]),
        "error_y": {"type": "data", "array": rounded(half), "thickness": 0.7, "width": 0},
        "text": [f"{name} {side}" for name, side in zip(names, sides, strict=True)],
        "marker": {
            "size": [12 if side else 5 for side in sides],
            "color": [colors[side] for side in sides],
            "line": {"width": 1},
        },
    }


def _spreads(scan: Scan, most: int = 40) -> Figure:
    best = scan.spreads[:most]
    names = [f"{one.finding.value} {one.kind} " + " / ".join(leg.name for leg in one.legs) for one in best]
    trace = {
        "type": "bar",
        "orientation": "h",
        "y": names[::-1],
        "x": rounded(np.array([one.edge for one in best][::-1])),
        "marker": {"color": [_CHEAP if one.edge > 0.0 else _USUAL for one in best][::-1]},
    }
    layout = layout_of("", height=120 + 18 * len(best))
    layout["xaxis"]["title"] = {"text": "edge after costs, per unit of underlying"}
    return {"data": [trace], "layout": {**layout, "hovermode": "closest"}}


def _skews(scan: Scan) -> Figure:
    trace = {
        "type": "bar",
        "x": [f"{one.kind} {one.bucket}" for one in scan.skews],
        "y": rounded(np.array([one.score for one in scan.skews])),
        "text": [one.trade for one in scan.skews],
        "marker": {"color": [_RICH if one.score > 0.0 else _CHEAP for one in scan.skews]},
    }
    return {"data": [trace], "layout": layout_of("standard deviations", height=300)}
