"""Whether the selector was worth its costs, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.learning.paired import Outcome

if TYPE_CHECKING:
    from nautilus_quant.learning.paired import Paired
    from nautilus_quant.learning.track import Summary

LEAST = 30
"""Evaluations below which nothing can be said, see `nautilus_quant.learning.paired.compare`."""


def words_of(summary: Summary, paired: Paired, *, unit: str = "evaluation") -> str:
    """
    Say plainly whether the selector beats equal weight after costs, and what that is worth.

    Parameters
    ----------
    summary
        What both have earned.
    paired
        Their differences.
    unit
        What there is one difference for.

    """
    difference = summary.selector - summary.equal
    percent = f"{100.0 * abs(difference):.2f} % of capital"
    if difference > 0.0:
        said = f"The selector is ahead of equal weight after costs by {percent}"
    else:
        less = f"it has earned {percent} less" if difference else "both have earned the same"
        said = f"The selector does NOT beat equal weight after costs: {less}"
    return f"{said}. {_evidence(paired, unit)}"


def _evidence(paired: Paired, unit: str) -> str:
    counted = f"{paired.pairs} {unit}" + ("" if paired.pairs == 1 else "s")
    if paired.pairs < LEAST:
        return f"Not enough evidence to tell this from chance: {counted}, at least {LEAST} are needed."
    if paired.outcome is Outcome.UNDECIDED:
        return f"Not enough evidence to tell this from chance: t = {paired.t:.2f} on {counted}."
    return f"Hardly chance: t = {paired.t:.2f} on {counted}."
