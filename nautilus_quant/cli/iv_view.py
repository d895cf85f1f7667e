"""The report on a surface for the terminal, and as plain data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from nautilus_quant.cli.tables import UNKNOWN, minute, moment, table
from nautilus_quant.options.buckets import BUCKETS, KINDS
from nautilus_quant.options.cone import QUANTILES
from nautilus_quant.options.surface_study import summary

if TYPE_CHECKING:
    from rich.table import Table

    from nautilus_quant.options.surface import Surface
    from nautilus_quant.options.surface_study import SurfaceStudy

_TITLES = {"atm": "at the money", "rr25": "risk reversal 25Δ", "bf25": "butterfly 25Δ", "step": "step"}


def data(study: SurfaceStudy) -> dict[str, Any]:
    """
    Return everything that is known, as plain JSON but for NaN.

    Volatilities and their errors are decimals (0.01 is a point), times ISO texts.
    """
    surface = study.surface
    assert surface is not None
    return {
        "underlying": surface.underlying,
        "ts": moment(surface.ts),
        "term_structure": [
            {
                **slice_.to_dict(),
                "expiry": moment(slice_.expiry),
                "days": slice_.years * 365.0,
                "params": slice_.params._asdict(),
                "atm": atm,
                "rr25": call - put,
                "bf25": 0.5 * (call + put) - atm,
                "free": slice_.free,
            }
            for slice_, atm, put, call in zip(surface.slices, *surface.wings.tolist(), strict=True)
        ],
        "statistics": dict(study.book.statistics),
        "scores": dict(study.book.scores),
        "depth": study.book.depth,
        "rejected": dict(surface.rejected),
        "cone": [
            {**horizon._asdict(), "quantiles": dict(zip(map(str, QUANTILES), horizon.quantiles, strict=True))}
            for horizon in study.cone()
        ],
        "past": summary(study.moments),
        "moments": [{**one._asdict(), "ts": moment(one.ts)} for one in study.moments],
    }


def view(study: SurfaceStudy, written: str | None = None) -> RenderableType:
    """
    Draw term structure, figures by days to expiry, cone, and how the past fitted.

    Parameters
    ----------
    study
        With a surface.
    written
        Where the charts are, if anywhere.

    """
    surface = study.surface
    assert surface is not None
    parts: list[RenderableType] = [
        Text(f"{surface.underlying} on {minute(surface.ts)} UTC", style="bold"),
        _term_structure(surface),
        _figures(study),
    ]
    if study.cone():
        parts.append(_cone(study))
    parts += [_past(study), *_arbitrage(surface)]
    if written is not None:
        parts.append(Text(f"charts written to {written}"))
    return Group(*parts)


def _term_structure(surface: Surface) -> Table:
    columns = (
        "expiry",
        "days",
        "forward",
        "ATM",
        "RR 25Δ",
        "BF 25Δ",
        "strikes",
        "error",
        "in spread",
        "free",
    )
    rows = [
        (
            minute(slice_.expiry),
            f"{slice_.years * 365.0:.1f}",
            f"{slice_.forward:,.2f}",
            points(atm),
            points(call - put, sign=True),
            points(0.5 * (call + put) - atm, sign=True),
            str(slice_.n),
            points(slice_.rmse),
            f"{slice_.inside:.0%}",
            "yes" if slice_.free else "no",
        )
        for slice_, atm, put, call in zip(surface.slices, *surface.wings.tolist(), strict=True)
    ]
    return table("term structure [vol points]", columns, rows)


def _figures(study: SurfaceStudy) -> Table:
    statistics, scores = study.book.statistics, study.book.scores
    columns = ("days to expiry", *(title for kind in KINDS for title in (_TITLES[kind], "z")))
    rows = []
    for bucket in BUCKETS:
        cells = [bucket.name]
        for kind in KINDS:
            name = f"{kind}|{bucket.name}"
            cells += [points(statistics.get(name, math.nan), sign=kind != "atm"), score(scores.get(name))]
        rows.append(tuple(cells))
    return table("at constant maturities [vol points], with z-scores against the past", columns, rows)


def _cone(study: SurfaceStudy) -> Table:
    columns = ("days", *(f"{share:.0%}" for share in QUANTILES), "now", "implied", "rank", "windows")
    rows = [
        (
            f"{horizon.days:g}",
            *map(points, horizon.quantiles),
            points(horizon.now),
            points(horizon.implied),
            f"{horizon.rank:.0%}" if math.isfinite(horizon.rank) else UNKNOWN,
            f"{horizon.windows} ({horizon.independent:.1f} apart)",
        )
        for horizon in study.cone()
    ]
    return table("realised volatility by horizon [vol points] against implied", columns, rows)


def _past(study: SurfaceStudy) -> Table:
    found = summary(study.moments)
    surface = study.surface
    assert surface is not None
    quotes = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in surface.rejected.items())
    rows = [
        ("surfaces", f"{found['surfaces']} with {found['slices']} slices"),
        ("error, median", points(found["rmse_median"])),
        ("error, worst", points(found["rmse_worst"])),
        ("between bid and ask, median", f"{found['inside_median']:.0%}"),
        ("slices with butterfly arbitrage", str(found["slices_with_butterflies"])),
        ("slices with calendar arbitrage", str(found["slices_with_calendars"])),
        ("largest calendar arbitrage", points(found["largest_lack"])),
        ("quotes of the last surface", quotes),
    ]
    return table("how it fitted [vol points]", ("of the past looked at", ""), rows)


def _arbitrage(surface: Surface) -> list[Text]:
    found = []
    for slice_ in surface.slices:
        day = minute(slice_.expiry)
        if not slice_.butterfly.free:
            at = slice_.forward * math.exp(slice_.butterfly.at)
            found.append(f"{day}: butterfly arbitrage, g = {slice_.butterfly.worst:.3f} at strike {at:,.0f}")
        if not slice_.calendar.free:
            at = slice_.forward * math.exp(slice_.calendar.at)
            before = minute(slice_.calendar.before)
            lack = points(slice_.calendar.vol)
            found.append(f"{day}: {lack} vol points below {before} at strike {at:,.0f}")
    return [Text(text, style="yellow") for text in found]


def points(vol: float, *, sign: bool = False) -> str:
    """Write a volatility in points, if it is known."""
    if not math.isfinite(vol):
        return UNKNOWN
    return f"{100.0 * vol:+.2f}" if sign else f"{100.0 * vol:.2f}"


def score(value: float | None) -> str:
    """Write a z-score, if it is known."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:+.1f}"
