"""Pages with charts: one file, no network, light or dark as the reader's system is."""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any, Final, NamedTuple

_PLACE = re.compile("@(TITLE|STYLE|BODY|SCRIPT|DATA|PLOTLY)@")

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@TITLE@</title>
<link rel="icon" href="data:,">
<style>
:root {
  color-scheme: light dark;
  --text: #1f2430; --soft: #5b6472; --line: #d9dde3; --page: #f6f7f9; --card: #ffffff; --mark: #0072b2;
}
@media (prefers-color-scheme: dark) {
  :root {
    --text: #e6e8ec; --soft: #a0a8b4; --line: #363c47; --page: #14171c; --card: #1c2027; --mark: #56b4e9;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.5rem; max-width: 1240px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
@STYLE@</style>
</head>
<body>
@BODY@<script>@PLOTLY@</script>
<script type="application/json" id="data">@DATA@</script>
<script>
"use strict";
const shown = JSON.parse(document.getElementById("data").textContent);

function coloured(layout) {
  const style = getComputedStyle(document.documentElement);
  const colour = name => style.getPropertyValue(name).trim();
  const copy = structuredClone(layout);
  copy.font = {color: colour("--text"), family: getComputedStyle(document.body).fontFamily, size: 13};
  copy.modebar = {bgcolor: "rgba(0,0,0,0)", color: colour("--line"), activecolor: colour("--soft")};
  copy.hoverlabel = {bgcolor: colour("--card"), bordercolor: colour("--line"),
    font: {color: colour("--text")}};
  for (const key of Object.keys(copy).filter(key => /^[xy]axis/.test(key))) {
    Object.assign(copy[key], {gridcolor: colour("--line"), linecolor: colour("--line"),
      zerolinecolor: colour("--soft"), automargin: true});
  }
  return copy;
}

function plot(place, figure) {
  Plotly.react(place, structuredClone(figure.data), coloured(figure.layout),
    {responsive: true, displaylogo: false});
}

@SCRIPT@
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
document.body.dataset.drawn = "yes";
</script>
</body>
</html>
"""


DRAW_ALL: Final = """function draw() {
  for (const [name, figure] of Object.entries(shown)) plot(document.getElementById(name), figure);
}
"""
"""Script of a page whose data are charts by the name of their place."""

# Okabe, Ito, "Color universal design" (2008): told apart with every common colour blindness. Black, which
# would vanish on a dark page, is grey here.
COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8C8C8C")


class Page(NamedTuple):
    """
    What is a page's own.

    Parameters
    ----------
    body
        HTML; ``@TITLE@`` stands for the title.
    script
        JavaScript that defines ``draw()`` from ``shown``, the data, with ``plot(place, figure)``.
    style
        CSS beyond that of all pages.

    """

    body: str
    script: str
    style: str = ""


def write(page: Page, shown: Any, path: str | Path, *, title: str) -> Path:
    """
    Write a page as one file.

    Parameters
    ----------
    page
        What is its own.
    shown
        Its data, of what JSON holds; no NaN.
    path
        The file; folders are made.
    title
        At its top.

    Raises
    ------
    ImportError
        When plotly is not installed.

    """
    script = plotly_source()  # before anything is made
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(fill(page, shown, script, title=title), encoding="utf-8")
    return file


def fill(page: Page, shown: Any, plotly: str, *, title: str) -> str:
    """
    Return a page.

    Parameters
    ----------
    page
        What is its own.
    shown
        Its data.
    plotly
        The source of plotly.js.
    title
        At its top.

    """
    data = json.dumps(shown, separators=(",", ":"), allow_nan=False)
    name = escape(title)
    filled = {
        "TITLE": name,
        "STYLE": page.style,
        "BODY": page.body.replace("@TITLE@", name),
        "SCRIPT": page.script,
        "DATA": data.replace("<", "\\u003c"),
        "PLOTLY": plotly,
    }
    return _PLACE.sub(lambda match: filled[match[1]], _PAGE)


def plotly_source() -> str:
    """Return the source of plotly.js; ImportError when plotly, the extra ``report``, is not installed."""
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise ImportError("an HTML report needs plotly: pip install 'nt-quant[report]'") from error
    return str(get_plotlyjs())


def layout_of(title: str, height: int) -> dict[str, Any]:
    """Return the layout of a chart by the title of its vertical axis and its height [px]."""
    return {
        "height": height,
        "margin": {"l": 70, "r": 20, "t": 30, "b": 40},
        "xaxis": {},
        "yaxis": {"title": {"text": title}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }
