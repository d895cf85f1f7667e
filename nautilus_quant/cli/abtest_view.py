"""An A/B test for the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from nautilus_quant.learning.abtest import Decision, Result

if TYPE_CHECKING:
    from nautilus_quant.cli.abtest_pairs import Pairs
    from nautilus_quant.cli.abtest_run import Outlook

_STYLES = {Decision.A_BETTER: "bold green", Decision.B_BETTER: "bold green", Decision.EQUIVALENT: "bold"}
_MANY_CUT = 0.05
_LARGEST = 1e7  # pairs; beyond it the number says nothing but "do not wait"


def view(
    pairs: Pairs, result: Result, outlook: Outlook | None, *, alpha: float, power: float
) -> RenderableType:
    """Draw what was compared, what was seen, and what follows."""
    a, b = pairs.names
    on = f" on {pairs.where}" if pairs.where else ""
    title = Text(f"A {a} against B {b}{on}, {pairs.unit} per {pairs.per}", style="bold")
    table = Table(box=None, pad_edge=False, show_header=False)
    for name, text in _rows(pairs, result, outlook, alpha=alpha, power=power):
        table.add_row(name, Text(text))
    verdict = Text(headline(pairs, result, outlook, power), style=_STYLES.get(result.decision, "bold yellow"))
    return Group(title, table, verdict, *(Text(line, style="yellow") for line in _warnings(pairs, result)))


def headline(pairs: Pairs, result: Result, outlook: Outlook | None, power: float) -> str:
    """Say in one sentence what came out."""
    a, b = pairs.names
    if result.decision is Decision.A_BETTER:
        return f"{a} is better: it earns at least {_number(result.lower, pairs)} more per {pairs.per}"
    if result.decision is Decision.B_BETTER:
        return f"{b} is better: it earns at least {_number(-result.upper, pairs)} more per {pairs.per}"
    if result.decision is Decision.EQUIVALENT:
        return f"{a} and {b} are alike: {result.reason}"
    if result.drifted:
        return f"undecided: {result.reason}; compare a shorter time, or one regime"
    if outlook is None:
        return f"not enough evidence yet: {result.reason}"
    return f"not enough evidence yet, {_missing(pairs, outlook, power)}"


def _missing(pairs: Pairs, outlook: Outlook, power: float) -> str:
    if outlook.more > _LARGEST:
        return f"and at this effect more than {_LARGEST:,.0f} {pairs.per}s would be missing: do not wait"
    if not outlook.more:
        return "though this effect would have shown by now more often than not: a decision is due soon"
    return f"about {_round(outlook.more)} more {pairs.per}s at this effect ({power:.0%} power)"


def _rows(
    pairs: Pairs, result: Result, outlook: Outlook | None, *, alpha: float, power: float
) -> list[tuple[str, str]]:
    ends = f"{_number(result.lower, pairs)} to {_number(result.upper, pairs)}"
    rows = [
        ("mean of A", _number(result.mean_a, pairs)),
        ("mean of B", _number(result.mean_b, pairs)),
        ("difference", f"{_number(result.estimate, pairs)}, deviation {_number(result.sd, pairs)}"),
        (f"{100.0 * (1.0 - alpha):.4g}% interval", ends),
        ("p-value", f"{result.p_value:.3g}, valid however often one looks"),
        ("pairs", _pairs_row(result)),
    ]
    if outlook is None:
        return rows
    seen = "never" if outlook.required > _LARGEST else f"{_round(outlook.required)} {pairs.per}s"
    rows += [
        (f"{power:.0%} power", f"for a difference of {_number(outlook.detectable, pairs)} by now"),
        ("required", f"{seen} for the difference seen"),
    ]
    if not math.isnan(outlook.required_min_effect):
        least = f"{_round(outlook.required_min_effect)} {pairs.per}s for the least that matters"
        rows.append(("", f"{least} ({outlook.power_min_effect:.0%} power by now)"))
    return rows


def _pairs_row(result: Result) -> str:
    parts = [f"{result.n} compared"]
    if result.calibration:
        parts.append(f"{result.calibration} that set the scale")
    if result.skipped:
        parts.append(f"{result.skipped} incomplete")
    if result.clipped:
        parts.append(f"{result.clipped} cut to the bounds")
    return ", ".join(parts)


def _warnings(pairs: Pairs, result: Result) -> list[str]:
    lines = []
    if result.clipped > _MANY_CUT * result.n:
        lines.append(
            "many differences were cut: the scale was set in a calm time, the means are of what is left"
        )
    if abs(result.autocorrelation) > 3.0 / math.sqrt(max(1, result.n)):
        lines.append(
            f"neighbouring differences correlate ({result.autocorrelation:+.2f}), which the interval assumes "
            f"they do not: compare longer {pairs.per}s"
        )
    return lines


def _number(value: float, pairs: Pairs) -> str:
    if not math.isfinite(value):
        return "unknown"
    return f"{100.0 * value:+.4g}%" if pairs.unit == "return" else f"{value:+.4g}"


def _round(count: float) -> str:
    """Give two digits: the third would be a pretence."""
    if count > _LARGEST:
        return "too many"
    if count < 100.0:
        return f"{math.ceil(count)}"
    scale = 10.0 ** (math.floor(math.log10(count)) - 1)
    return f"{math.ceil(count / scale) * scale:,.0f}"
