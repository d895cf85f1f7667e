"""Stress losses of a book of options, and one order at the gate that limits them."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.figure import Figure
from benchmarks.timing import each

if TYPE_CHECKING:
    from nautilus_quant.options.stress import Lines

POSITIONS = 200
FORWARD = 60_000.0
ROUNDS = 200


@cache
def book() -> tuple[Lines, np.ndarray]:
    """Make `POSITIONS` options over eight expiries, bought and sold."""
    from nautilus_quant.options.contract import YEAR, Contract
    from nautilus_quant.options.stress import Lines

    deviations = np.resize(np.linspace(-2.0, 2.0, 25), POSITIONS)
    years = np.repeat(np.geomspace(2 / 365, 0.7, 8), POSITIONS // 8)
    strikes = FORWARD * np.exp(deviations * 0.6 * np.sqrt(years))
    contracts = [
        Contract(f"BTC-{n}", "BTC", int(years[n] * YEAR), float(strikes[n]), bool(strikes[n] > FORWARD))
        for n in range(POSITIONS)
    ]
    lines = Lines.of_options(contracts, np.full(POSITIONS, FORWARD), 0.6 + 0.02 * deviations**2, 0)
    return lines, np.resize([1.0, -2.0, 3.0], POSITIONS)


def revaluation() -> float:
    """Time the worst loss of the book, every option valued anew in every scenario [µs]."""
    from nautilus_quant.options.stress import book_losses, profits, worst
    from nautilus_quant.options.stress_grid import Scenarios

    (lines, held), grid = book(), Scenarios.of()
    return median(each(lambda _: worst(book_losses(profits(lines, grid), held, held), grid), ROUNDS))


def judgement() -> float:
    """Time one order against a book that is measured [µs]."""
    from nautilus_quant.gating.intent import Intent, Side
    from nautilus_quant.options.stress_book import Asked, Holdings, StressBook

    lines, held = book()
    rule = StressBook()
    rule.equity = 1e9
    rule.measure("BTC", Holdings(lines, held, held, held))
    one, size = Decimal(1), Decimal(0)
    intent = Intent(0, "S-1", lines.names[7], Side.SELL, one, None, size, one, 1.0, order="O-1")
    asked = Asked(lines.take([7]), float(held[7]), float(held[7]), Decimal("0.1"))
    return median(each(lambda _: rule.judge(intent, "BTC", asked), ROUNDS))


def measure() -> list[Figure]:
    """Return the figures."""
    from nautilus_quant.options.stress_grid import Scenarios

    count = len(Scenarios.of())
    return [
        Figure(f"stress of {POSITIONS} options in {count} scenarios", revaluation(), "µs", 1_000.0),
        Figure("one order against a measured book of options", judgement(), "µs", 50.0),
    ]
