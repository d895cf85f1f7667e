"""A surface as one HTML file, with everything in it that it needs."""

from __future__ import annotations

import json
import math
import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nautilus_quant.cli.iv_view import moment
from nautilus_quant.options.buckets import BUCKETS
from nautilus_quant.options.cone import QUANTILES
from nautilus_quant.options.surface_fit import read_quotes

if TYPE_CHECKING:
    from nautilus_quant.options.surface import Surface
    from nautilus_quant.options.surface_study import SurfaceStudy

type Figure = dict[str, Any]

# Okabe, Ito, "Color universal design" (2008): told apart with every common colour blindness.
_COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8C8C8C")
_DASHES: Final = ("solid", "dash", "dot")
_PLACE = re.compile("@(TITLE|DATA|PLOTLY)@")
_REACH = 2.5  # of the heat map [standard deviations]

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --text: #1f2430; --line: #d9dde3; --page: #f6f7f9; }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8ec; --line: #363c47; --page: #14171c; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 1240px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 0; }
</style>
</head>
<body>
<h1>@TITLE@</h1>
<noscript>The charts need JavaScript, which comes with this file.</noscript>
<h2>Implied volatility</h2><div id="heat"></div>
<h2>Smiles, with quotes</h2><div id="smile"></div>
<h2>Term structure</h2><div id="term"></div>
<h2>Volatility cone</h2><div id="cone"></div>
<h2>The past: at the money, error and arbitrage</h2><div id="past"></div>
<script>@PLOTLY@</script>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const figures = JSON.parse(document.getElementById("data").textContent);
function draw() {
  const style = getComputedStyle(document.documentElement);
  for (const [name, figure] of Object.entries(figures)) {
    const layout = structuredClone(figure.layout);
    layout.font = {color: style.getPropertyValue("--text").trim()};
    for (const key of Object.keys(layout).filter(key => /^[xy]axis/.test(key))) {
      Object.assign(layout[key], {gridcolor: style.getPropertyValue("--line").trim(), automargin: true});
    }
    Plotly.react(name, structuredClone(figure.data), layout, {responsive: true, displaylogo: false});
  }
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
</script>
</body>
</html>
"""


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
    script = _plotly()
    title = f"Volatility of {surface.underlying} on {moment(surface.ts)[:16].replace('T', ' ')} UTC"
    data = json.dumps(figures(study), separators=(",", ":"), allow_nan=False)
    filled = {"TITLE": escape(title), "DATA": data.replace("<", "\\u003c"), "PLOTLY": script}
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(_PLACE.sub(lambda match: filled[match[1]], _PAGE), encoding="utf-8")
    return file


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
        "x": _rounded(deviations),
        "y": [_day(slice_.expiry) for slice_ in surface.slices],
        "z": [_rounded(row) for row in rows],
        "colorscale": "Viridis",
        "colorbar": {"title": {"text": "vol [%]"}},
        "hovertemplate": "%{y}, %{x:.2f} deviations: %{z:.2f} %<extra></extra>",
    }
    layout = _layout("expiry", height=120 + 32 * max(len(rows), 4))
    layout["yaxis"]["type"] = "category"
    layout["xaxis"] = {"title": {"text": "ln(strike/forward) over its standard deviation at the money"}}
    return {"data": [data], "layout": layout}


def _smile(surface: Surface, study: SurfaceStudy) -> Figure:
    traces: list[Figure] = []
    for at, slice_ in enumerate(surface.slices):
        k = np.linspace(slice_.low, slice_.high, 81)
        name = _day(slice_.expiry)
        line = {"color": _COLORS[at % 8], "dash": _DASHES[at // 8 % 3], "width": 2}
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "legendgroup": name,
                "x": _rounded(slice_.forward * np.exp(k)),
                "y": _rounded(100.0 * slice_.vols(k)),
                "line": line,
            }
        )
    traces += _quotes(surface, study)
    layout = _layout("implied volatility [%]", height=560)
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
        name = _day(slice_.expiry)
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "legendgroup": name,
                "showlegend": False,
                "x": _rounded(chain.strike[rows]),
                "y": _rounded(100.0 * quotes.vol[rows]),
                "error_y": {
                    "type": "data",
                    "array": _rounded(100.0 * quotes.error[rows]),
                    "thickness": 1,
                    "width": 2,
                },
                "marker": {"size": 5, "color": _COLORS[at % 8]},
            }
        )
    return traces


def _term(surface: Surface) -> Figure:
    x = [_day(slice_.expiry) for slice_ in surface.slices]
    atm, put, call = surface.wings
    named = (("at the money", atm, "solid"), ("25Δ put", put, "dot"), ("25Δ call", call, "dash"))
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": name,
            "x": x,
            "y": _rounded(100.0 * vols),
            "line": {"color": _COLORS[at], "dash": dash},
        }
        for at, (name, vols, dash) in enumerate(named)
    ]
    layout = _layout("implied volatility [%]")
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
    traces.append(_curve(days, now, "realised, last", _COLORS[5], "dash"))
    traces.append(_curve(days, implied, "implied", _COLORS[0], "solid", width=3.0))
    layout = _layout("volatility [%]")
    layout["xaxis"] = {"title": {"text": "horizon [days]"}, "type": "log"}
    return {"data": traces, "layout": layout}


def _past(study: SurfaceStudy) -> Figure:
    x = [one.ts // 1_000_000 for one in study.moments]
    traces = []
    for at, bucket in enumerate(BUCKETS):
        values = np.array([one.statistics.get(f"atm|{bucket.name}", math.nan) for one in study.moments])
        traces.append(_curve(x, values, f"at the money, {bucket.name} days", _COLORS[at], "solid"))
    error = _curve(x, np.array([one.rmse for one in study.moments]), "error", _COLORS[7], "solid")
    traces.append({**error, "yaxis": "y2"})
    for at, name in enumerate(("butterflies", "calendars")):
        counts = [getattr(one, name) for one in study.moments]
        bars = {"type": "bar", "name": f"slices with {name}", "x": x, "y": counts, "yaxis": "y3"}
        traces.append({**bars, "marker": {"color": _COLORS[5 - 4 * at]}})
    layout = _layout("at the money [%]", height=620)
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
        "y": _rounded(100.0 * values),
        "line": {"color": color, "dash": dash, "width": width},
    }


def _layout(title: str, height: int = 380) -> Figure:
    return {
        "height": height,
        "margin": {"l": 70, "r": 20, "t": 30, "b": 40},
        "hovermode": "x unified",
        "xaxis": {},
        "yaxis": {"title": {"text": title}},
        "legend": {"orientation": "h", "y": -0.26, "x": 0.0},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def _day(ts: int) -> str:
    return moment(ts)[:16].replace("T", " ")


def _rounded(values: Any) -> list[float | None]:
    """Round to what can be seen; what is not a number is a gap."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in np.asarray(values).tolist()]


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError("an HTML report needs plotly: pip install 'nt-quant[report]'") from error
    return str(get_plotlyjs())
