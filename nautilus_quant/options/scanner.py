"""What is rich and what is cheap in an option market: options, spreads, skew and term structure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from nautilus_quant.options.scan_options import OptionIdea, scan_options
from nautilus_quant.options.scan_rows import NO_FEE, Depth, Rows, ScanParams, read_rows
from nautilus_quant.options.scan_spreads import Finding, SpreadIdea, scan_spreads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.account.fees import Tier
    from nautilus_quant.options.chain import Chain
    from nautilus_quant.options.surface import Surface

__all__ = [
    "Depth",
    "Finding",
    "OptionIdea",
    "Scan",
    "ScanParams",
    "SkewIdea",
    "SpreadIdea",
    "scan",
    "scan_skew",
]

_TRADES: Final = {
    ("atm", True): "sell straddles",
    ("atm", False): "buy straddles",
    ("rr25", True): "sell 25-delta calls, buy 25-delta puts",
    ("rr25", False): "buy 25-delta calls, sell 25-delta puts",
    ("bf25", True): "sell strangles, buy straddles",
    ("bf25", False): "buy strangles, sell straddles",
    ("step", True): "sell this expiry, buy the one before",
    ("step", False): "buy this expiry, sell the one before",
}


class SkewIdea(NamedTuple):
    """
    A figure of the surface that is unusual against its own past.

    Parameters
    ----------
    kind, bucket
        ``"atm"``, ``"rr25"``, ``"bf25"`` or ``"step"`` (of the term structure), and days to expiry.
    value
        What it is [vol points].
    score
        How unusual [standard deviations]; above 0 it is rich.
    trade
        What would earn if it came back.

    """

    kind: str
    bucket: str
    value: float
    score: float
    trade: str


class Scan(NamedTuple):
    """
    What was found.

    Parameters
    ----------
    rows
        All options beside the surface; ``None`` where there were no quotes.
    options
        Off the surface by more than costs, the best first.
    spreads
        With prices that cannot be, or hardly; what is worst first.
    skews
        Unusual against the past, the most unusual first.

    """

    rows: Rows | None
    options: tuple[OptionIdea, ...]
    spreads: tuple[SpreadIdea, ...]
    skews: tuple[SkewIdea, ...]


def scan(
    chain: Chain,
    surface: Surface,
    params: ScanParams | None = None,
    *,
    tier: Tier = NO_FEE,
    depth: Depth | None = None,
    statistics: Mapping[str, float] | None = None,
    scores: Mapping[str, float] | None = None,
) -> Scan:
    """
    Look through a chain.

    Parameters
    ----------
    chain
        The quotes.
    surface
        Fitted to it.
    params
        What is worth looking at.
    tier
        Fees of the venue.
    depth
        How much can be traded; ``None`` for unknown.
    statistics, scores
        Figures of the surface, and how unusual they are: see `nautilus_quant.options.surface_book`.

    """
    params = params or ScanParams()
    rows = read_rows(chain, surface, params, tier=tier, depth=depth)
    skews = scan_skew(statistics or {}, scores or {}, params)
    return Scan(rows, scan_options(rows, params), scan_spreads(rows, surface, params), skews)


def scan_skew(
    statistics: Mapping[str, float], scores: Mapping[str, float], params: ScanParams
) -> tuple[SkewIdea, ...]:
    """Return what is unusual of skew, curvature and term structure, the most unusual first."""
    found = []
    for name, score in scores.items():
        if math.isfinite(score) and abs(score) >= params.min_score and name in statistics:
            kind, _, bucket = name.partition("|")
            found.append(SkewIdea(kind, bucket, 100.0 * statistics[name], score, _TRADES[kind, score > 0.0]))
    return tuple(sorted(found, key=lambda idea: -abs(idea.score)))
