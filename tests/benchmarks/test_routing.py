"""What the benchmark of routing measures is what it says."""

from __future__ import annotations

from benchmarks import routing
from nautilus_quant.carry.routing import route
from nautilus_quant.gating.intent import Side


def test_every_venue_gets_a_part_and_all_levels_are_there() -> None:
    books, terms, half = routing.market()
    assert len(books) == routing.VENUES
    assert {len(side) for book in books.values() for side in book} == {routing.LEVELS}
    found = route(Side.BUY, half, books, terms)
    assert len(found.parts) == routing.VENUES
    assert not found.unrouted
    assert not found.excluded
