"""A book kept from its changes, against one sorted anew each time."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.book_levels import LevelBook

changes = st.lists(
    st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 3), st.integers(0, 40)), max_size=200
)


@given(changes)
def test_the_top_is_that_of_a_sorted_book(made):
    book, plain = LevelBook(), {True: {}, False: {}}
    for bid, price, size, clear in made:
        if clear == 0:
            book.clear(bids=bid, asks=not bid)
            plain[bid].clear()
        book.put(float(price), float(size), bid=bid)
        if size:
            plain[bid][float(price)] = float(size)
        else:
            plain[bid].pop(float(price), None)
    view = book.view(5)
    assert view.bids == tuple(sorted(plain[True].items(), reverse=True)[:5])
    assert view.asks == tuple(sorted(plain[False].items())[:5])
    assert len(book) == len(plain[True]) + len(plain[False])


def test_only_so_many_levels_are_kept_the_best():
    book = LevelBook(20)
    for n in range(100):
        book.put(100.0 - n, 1.0, bid=True)
        book.put(200.0 - n, 1.0, bid=False)
    assert len(book) == 40
    assert book.view(1).bids == ((100.0, 1.0),)
    assert book.view(1).asks == ((101.0, 1.0),)
    assert book.view().asks[-1] == (120.0, 1.0)
    with pytest.raises(ValueError, match="at least 20 levels of a side, was 5"):
        LevelBook(5)


def test_what_cannot_be_read_does_not_spoil_the_order():
    book = LevelBook()
    book.put(math.nan, 1.0, bid=True)
    book.put(1.0, math.nan, bid=True)
    book.put(math.inf, 1.0, bid=False)
    assert len(book) == 0
