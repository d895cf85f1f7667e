"""What a scan found, for the terminal and as plain data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from nautilus_quant.account.fees import Liquidity
from nautilus_quant.cli.tables import UNKNOWN, minute, moment, table

if TYPE_CHECKING:
    from rich.table import Table

    from nautilus_quant.account.fees import Tier
    from nautilus_quant.options.scanner import Scan, SpreadIdea
    from nautilus_quant.options.surface import Surface

_KINDS = {"atm": "at the money", "rr25": "risk reversal 25Δ", "bf25": "butterfly 25Δ", "step": "step"}
_WORDS = frozenset({"option", "side", "finding", "kind", "legs", "figure", "would earn if it came back"})


def data(surface: Surface, scan: Scan, tier: Tier) -> dict[str, Any]:
    """
    Return everything that was found, as plain JSON but for NaN.

    Premiums are per unit of underlying in the currency of the forward, times ISO texts.
    """
    rows = scan.rows
    return {
        "underlying": surface.underlying,
        "ts": moment(surface.ts),
        "fee": {
            "tier": tier.name,
            "taker": float(tier.rate(Liquidity.TAKER)),
            "cap": None if tier.cap is None else float(tier.cap),
        },
        "quotes": None if rows is None else len(rows.chain),
        "two_sided": None if rows is None else int(rows.usable.sum()),
        "compared": None if rows is None else int(rows.fitted.sum()),
        "options": [{**one._asdict(), "expiry": moment(one.expiry)} for one in scan.options],
        "spreads": [
            {
                **one._asdict(),
                "finding": one.finding.value,
                "legs": [{**leg._asdict(), "expiry": moment(leg.expiry)} for leg in one.legs],
            }
            for one in scan.spreads
        ],
        "counts": counts(scan),
        "skews": [one._asdict() for one in scan.skews],
    }


def counts(scan: Scan) -> dict[str, int]:
    """Return how many spreads there are of each finding and kind, e.g. ``"violation vertical"``."""
    found: dict[str, int] = {}
    for idea in scan.spreads:
        name = f"{idea.finding.value} {idea.kind}"
        found[name] = found.get(name, 0) + 1
    return found


def view(
    surface: Surface, scan: Scan, tier: Tier, *, top: int = 15, written: str | None = None
) -> RenderableType:
    """
    Draw what was found.

    Parameters
    ----------
    surface
        That quotes were held against.
    scan
        What was found.
    tier
        Fees that were taken off.
    top
        Rows of each table.
    written
        Where the charts are, if anywhere.

    """
    title = f"{surface.underlying} on {minute(surface.ts)} UTC"
    parts: list[RenderableType] = [Text(title, style="bold"), Text(_summary(scan, tier), style="dim")]
    if scan.options:
        parts.append(_options(scan, top))
    if scan.spreads:
        parts.append(_spreads(scan, top))
    if scan.skews:
        parts.append(_skews(scan, top))
    if written is not None:
        parts.append(Text(f"charts written to {written}"))
    return Group(*parts)


def _summary(scan: Scan, tier: Tier) -> str:
    unusual = f"{len(scan.skews)} figures of the surface unusual"
    if scan.rows is None:
        return f"surfaces without quotes: {unusual}"
    cap = "" if tier.cap is None else f", at most {float(tier.cap):.1%} of the premium"
    spreads = ", ".join(f"{count} {name}" for name, count in counts(scan).items()) or "none"
    return (
        f"{int(scan.rows.fitted.sum())} of {len(scan.rows.chain)} options compared, fee "
        f"{float(tier.rate(Liquidity.TAKER)):.2%} of the underlying{cap}\n"
        f"{len(scan.options)} off the surface after costs; spreads: {spreads}; {unusual}"
    )


def _options(scan: Scan, top: int) -> Table:
    columns = (
        "option",
        "side",
        "price",
        "fair",
        "points",
        "errors",
        "half spread",
        "fee",
        "edge",
        "score",
        "open interest",
        "size",
    )
    rows = [
        (
            one.name,
            one.side,
            _money(one.price),
            _money(one.fair),
            f"{one.points:+.2f}",
            f"{one.errors:+.1f}",
            _money(one.half_spread),
            _money(one.fee),
            _money(one.edge),
            f"{one.score:.1f}",
            _amount(one.open_interest),
            _amount(one.size),
        )
        for one in scan.options[:top]
    ]
    return table("rich and cheap options", columns, rows, words=_WORDS)


def _spreads(scan: Scan, top: int) -> Table:
    columns = (
        "finding",
        "kind",
        "legs",
        "middle",
        "cost",
        "fair",
        "bound",
        "edge",
        "errors",
        "open interest",
    )
    rows = [
        (
            one.finding.value,
            one.kind,
            _legs(one),
            _money(one.mid),
            _money(one.cost),
            _money(one.fair),
            _money(one.bound),
            _money(one.edge),
            f"{one.errors:+.1f}" if math.isfinite(one.errors) else UNKNOWN,
            _amount(one.open_interest),
        )
        for one in scan.spreads[:top]
    ]
    return table("spreads to buy", columns, rows, words=_WORDS)


def _legs(idea: SpreadIdea) -> str:
    return " ".join(f"{leg.quantity:+.3g}×{leg.name}" for leg in idea.legs)


def _skews(scan: Scan, top: int) -> Table:
    rows = [
        (_KINDS[one.kind], one.bucket, f"{one.value:+.2f}", f"{one.score:+.1f}", one.trade)
        for one in scan.skews[:top]
    ]
    return table(
        "skew and term structure against the past [vol points]",
        ("figure", "days to expiry", "value", "z", "would earn if it came back"),
        rows,
        words=_WORDS,
    )


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if math.isfinite(amount) else UNKNOWN


def _amount(amount: float) -> str:
    return f"{amount:,g}" if math.isfinite(amount) else UNKNOWN
