"""What the charts of volatilities share."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np

from nautilus_quant.cli.iv_view import moment

type Figure = dict[str, Any]

# Okabe, Ito, "Color universal design" (2008): told apart with every common colour blindness.
COLORS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#8C8C8C")

DRAW_ALL: Final = """function draw() {
  for (const [name, figure] of Object.entries(shown)) plot(document.getElementById(name), figure);
}
"""
"""Script of a page whose data are charts by the name of their place."""


def layout_of(title: str, height: int) -> Figure:
    """Return the layout of a chart by the title of its vertical axis and its height [px]."""
    return {
        "height": height,
        "margin": {"l": 70, "r": 20, "t": 30, "b": 40},
        "xaxis": {},
        "yaxis": {"title": {"text": title}},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
    }


def day(ts: int) -> str:
    """Write a time, UNIX time [ns], to the minute."""
    return moment(ts)[:16].replace("T", " ")


def rounded(values: Any) -> list[float | None]:
    """Round to what can be seen; what is not a number is a gap."""
    return [float(f"{value:.6g}") if math.isfinite(value) else None for value in np.asarray(values).tolist()]
