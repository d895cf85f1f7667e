"""A surface as one HTML file, with everything in it that it needs."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nautilus_quant.cli.tables import minute
from nautilus_quant.cli.vol_charts import Figure, rounded
from nautilus_quant.monitoring import chart_page
from nautilus_quant.monitoring.chart_page import COLORS, DRAW_ALL, Page, layout_of
from nautilus_quant.options.buckets import BUCKETS
from nautilus_quant.options.cone import QUANTILES
from nautilus_quant.options.surface_fit import read_quotes

if TYPE_CHECKING:
    from pathlib import Path

    from nautilus_quant.options.surface import Surface
    from nautilus_quant.options.surface_study import SurfaceStudy

_DASHES: Final = ("solid", "dash", "dot")
_REACH = 2.5  # of the heat map [standard deviations]

PAGE: Final = Page(
    body="""<h1>@TITLE@</h1>
<noscript>The charts need JavaScript, which comes with this file.</noscript>
<h2>Implied volatility</h2><div id="heat"></div>
<h2>Smiles, with quotes</h2><div id="smile"></div>
<h2>Term structure</h2><div id="term"></div>
<h2>Volatility cone</h2><div id="cone"></div>
<h2>The past: at the money, error and arbitrage</h2><div id="past"></div>
""",
    script=DRAW_ALL,
)


def write(study: SurfaceStudy, path: str | Path) -> Path:
    """
    Write the page.

    Parameters
    ----------
    study
        With a surface.
    path
        The file; folders are made.

    Raises
    ------
    ImportError
        When plotly is not installed.

    """
    surface = study.surface
    assert surface is not None
    title = f"Volatility of {surface.underlying} on {minute(surface.ts)} UTC"
    return chart_page.write(PAGE, figures(study), path, title=title)


def figures(study: SurfaceStudy) -> dict[str, Figure]:
    """Return the charts as plotly draws them, by the name of their place."""
    surface = study.surface
    assert surface is not None
    return {
        "heat": _heat(surface),
        "smile": _smile(surface, study),
        "term": _term(surface),
        "cone": _cone(study),
        "past": _past(study),
    }


def _heat(surface: Surface) -> Figure:
    """Volatility by expiry and by how many standard deviations out of the money: all expiries fill it."""
    deviations = np.linspace(-_REACH, _REACH, 41)
    rows = [
        100.0 * slice_.vols(deviations * slice_.atm * math.sqrt(slice_.years)) for slice_ in surface.slices
    ]
    data = {
        "type": "heatmap",
        "x": rounded(deviations),
        "y": [minute(slice_.expiry) for slice_ in surface.slices],
        "z": [rounded(row) for row in rows],
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": "vol [%]"}},
        "hovertemplate": "%{y}, %{x:.2f} deviations: %{z:.2f} %<extra></extra>",
    }
    layout = _wide("expiry", height=120 + 32 * max(len(rows), 4))
    layout["yaxis"]["type"] = "category"
    layout["xaxis"] = {"title": {"text": "ln(strike/forward) over its standard deviation at the money"}}
    return {"data": [data], "layout": layout}


def _smile(surface: Surface, study: SurfaceStudy) -> Figure:
    traces: list[Figure] = []
    for at, slice_ in enumerate(surface.slices):
        k = np.linspace(slice_.low, slice_.high, 81)
        name = minute(slice_.expiry)
        line = {"color": COLORS[at % 8], "dash": _DASHES[at // 8 % 3], "width": 2}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "legendgroup": name,
                "x": rounded(slice_.forward * np.exp(k)),
                "y": rounded(100.0 * slice_.vols(k)),
                "line": line,
            }
        )
    traces += _quotes(surface, study)
    layout = _wide("implied volatility [%]", height=560)
    layout["hovermode"] = "closest"
    layout["xaxis"] = {"title": {"text": "strike"}, "type": "log"}
    return {"data": traces, "layout": layout}


def _quotes(surface: Surface, study: SurfaceStudy) -> list[Figure]:
    """Mark the middle of each quote that was fitted, with half its spread either way."""
    chain = study.chain
    if chain is None or chain.ts != surface.ts:
        return []
    quotes, _ = read_quotes(chain, study.book.params)
    traces: list[Figure] = []
    for at, slice_ in enumerate(surface.slices):
        rows = (quotes.reasons == 0) & (chain.expiry == slice_.expiry)
        name = minute(slice_.expiry)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "showlegend": False,
                "x": rounded(chain.strike[rows]),
                "y": rounded(100.0 * quotes.vol[rows]),
                "error_y": {
                    "type": "data",
                    "array": rounded(100.0 * quotes.error[rows]),
                    "thickness": 1,
                    "width": 2,
                },
                "marker": {"size": 5, "color": COLORS[at % 8]},
            }
        )
    return traces


def _term(surface: Surface) -> Figure:
    x = [minute(slice_.expiry) for slice_ in surface.slices]
    atm, put, call = surface.wings
    named = (("at the money", atm, "solid"), ("25Δ put", put, "dot"), ("25Δ call", call, "dash"))
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": x,
            "y": rounded(100.0 * vols),
            "line": {"color": COLORS[at], "dash": dash},
        }
        for at, (name, vols, dash) in enumerate(named)
    ]
    layout = _wide("implied volatility [%]")
    layout["xaxis"] = {"type": "category"}
    return {"data": traces, "layout": layout}


def _cone(study: SurfaceStudy) -> Figure:
    horizons = study.cone()
    days = [horizon.days for horizon in horizons]
    traces: list[Figure] = []
    for at, share in enumerate(QUANTILES):
        values = np.array([horizon.quantiles[at] for horizon in horizons])
        dash = "solid" if share == 0.5 else "dot"
        traces.append(_curve(days, values, f"realised, {share:.0%}", "#8C8C8C", dash))
    now = np.array([horizon.now for horizon in horizons])
    implied = np.array([horizon.implied for horizon in horizons])
    traces.append(_curve(days, now, "realised, last", COLORS[5], "dash"))
    traces.append(_curve(days, implied, "implied", COLORS[0], "solid", width=3.0))
    layout = _wide("volatility [%]")
    layout["xaxis"] = {"title": {"text": "horizon [days]"}, "type": "log"}
    return {"data": traces, "layout": layout}


def _past(study: SurfaceStudy) -> Figure:
    x = [one.ts // 1_000_000 for one in study.moments]
    traces = []
    for at, bucket in enumerate(BUCKETS):
        values = np.array([one.statistics.get(f"atm|{bucket.name}", math.nan) for one in study.moments])
        traces.append(_curve(x, values, f"at the money, {bucket.name} days", COLORS[at], "solid"))
    error = _curve(x, np.array([one.rmse for one in study.moments]), "error", COLORS[7], "solid")
    traces.append({**error, "yaxis": "y2"})
    for at, name in enumerate(("butterflies", "calendars")):
        counts = [getattr(one, name) for one in study.moments]
        bars = {"type": "bar", "name": f"slices with {name}", "x": x, "y": counts, "yaxis": "y3"}
        traces.append({**bars, "marker": {"color": COLORS[5 - 4 * at]}})
    layout = _wide("at the money [%]", height=620)
    layout["xaxis"] = {"type": "date", "hoverformat": "%Y-%m-%d %H:%M UTC", "anchor": "y3"}
    layout["yaxis"]["domain"] = [0.5, 1.0]
    layout["yaxis2"] = {
        "title": {"text": "error [vol points]"},
        "domain": [0.24, 0.44],
        "rangemode": "tozero",
    }
    layout["yaxis3"] = {"title": {"text": "arbitrage [slices]"}, "domain": [0.0, 0.18], "rangemode": "tozero"}
    layout["barmode"] = "stack"
    return {"data": traces, "layout": layout}


def _curve(x: list[Any], values: Any, name: str, color: str, dash: str, *, width: float = 2.0) -> Figure:
    return {
        "type": "scatter",
        "mode": "lines" if len(x) > 30 else "lines+markers",
        "name": name,
        "x": x,
        "y": rounded(100.0 * values),
        "line": {"color": color, "dash": dash, "width": width},
    }


def _wide(title: str, height: int = 380) -> Figure:
    """Return a layout with the legend below, and one label for all curves at a place."""
    legend = {"orientation": "h", "y": -0.26, "x": 0.0}
    return {**layout_of(title, height), "hovermode": "x unified", "legend": legend}
