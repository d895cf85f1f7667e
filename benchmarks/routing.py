"""What it takes to share an order out over five venues of twenty levels."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from benchmarks.figure import Figure

if TYPE_CHECKING:
    from nautilus_quant.carry.routing import VenueTerms
    from nautilus_quant.gating.book import BookView

VENUES, LEVELS = 5, 20
CALLS, ROUNDS = 200, 60
BUDGET = 30.0


def measure() -> list[Figure]:
    """Take half of all that is seen: each venue gets a part, and every level counts."""
    from nautilus_quant.carry.routing import route
    from nautilus_quant.gating.intent import Side

    books, terms, half = market()
    impact = {name: known._replace(impact=1e-5) for name, known in terms.items()}
    odd = half + 0.0004  # no whole number of lots: the nearest ones are searched for
    whole, one, law, near = (
        _best(lambda: route(Side.BUY, half, books, terms)),
        _best(lambda: route(Side.SELL, 1.0, books, terms)),
        _best(lambda: route(Side.BUY, half, books, impact)),
        _best(lambda: route(Side.BUY, odd, books, terms)),
    )
    how = f"{VENUES} venues x {LEVELS} levels, best of {ROUNDS}"
    return [
        Figure("routing, half of all that is seen", whole, "µs", BUDGET, note=how),
        Figure("routing, one coin", one, "µs", BUDGET, note=how),
        Figure("routing, with the law of impact", law, "µs", note="where trades are heard"),
        Figure("routing, to the nearest lots", near, "µs", note="of a size that is no whole number of lots"),
    ]


def market() -> tuple[dict[str, BookView], dict[str, VenueTerms], float]:
    """Return books and terms of all venues, and half of all that is asked [base coin]."""
    from nautilus_quant.carry.routing import VenueTerms
    from nautilus_quant.gating.book import BookView

    toss = random.Random(7)

    def ladder(mid: float, direction: float) -> list[tuple[float, float]]:
        levels, price = [], mid
        for _ in range(LEVELS):
            price += direction * toss.uniform(0.1, 2.0)
            levels.append((round(price, 1), round(toss.uniform(0.01, 1.0), 3)))
        return levels

    mids = {f"V{n}": 30_000.0 + toss.uniform(-3.0, 3.0) for n in range(VENUES)}
    books = {name: BookView(ladder(mid, -1.0), ladder(mid, 1.0)) for name, mid in mids.items()}
    terms = {name: VenueTerms(toss.uniform(1e-4, 6e-4), 0.001, smallest=0.001, delay=1e-6) for name in books}
    return books, terms, round(0.5 * sum(size for book in books.values() for _, size in book.asks), 3)


def _best(action: Callable[[], object]) -> float:
    """Return the least time of a call over many rounds [us]: what is more was somebody else's."""
    found = float("inf")
    was_on = gc.isenabled()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            start = perf_counter()
            for _ in range(CALLS):
                action()
            found = min(found, (perf_counter() - start) / CALLS)
    finally:
        if was_on:
            gc.enable()
    return 1e6 * found
