"""The quick equity of plain accounts says exactly what the full one says, or nothing."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from nautilus_quant.account.equity import PAR, Account, AccountKind, OpenPosition, value
from nautilus_quant.account.marks import SECOND, Mark, MarkBook
from nautilus_quant.account.plain import PlainAccounts

NOW = 1_000 * SECOND
NAMES = ("BTC", "ETH", "SOL")

amounts = st.one_of(st.floats(-1e9, 1e9), st.sampled_from([0.0, math.nan, math.inf, -math.inf, 1e308]))
positions = st.builds(
    OpenPosition,
    instrument=st.sampled_from(NAMES),
    quantity=st.one_of(st.floats(-1e3, 1e3), st.sampled_from([0.0, math.nan, 1e308])),
    entry=st.one_of(st.floats(0.01, 1e6), st.sampled_from([0.0, math.nan, math.inf])),
    currency=st.sampled_from(["USDT", "USDT", "USDT", "BTC"]),
    multiplier=st.sampled_from([1.0, 0.1, 100.0]),
    inverse=st.sampled_from([False, False, False, True]),
)
accounts = st.builds(
    Account,
    kind=st.sampled_from([AccountKind.MARGIN, AccountKind.MARGIN, AccountKind.CASH]),
    balances=st.dictionaries(st.sampled_from(["USDT", "USDT", "BTC"]), amounts, max_size=2),
    positions=st.lists(positions, max_size=3),
    funding=st.sampled_from([{}, {}, {"USDT": 3.0}]),
)
marks = st.builds(
    Mark,
    price=st.one_of(st.floats(0.01, 1e6), st.sampled_from([0.0, -1.0, math.nan, math.inf])),
    ts=st.integers(-100, 100).map(lambda seconds: NOW + seconds * SECOND),
    source=st.sampled_from(["bar", "bar", "bar", "mid"]),
    valid_for=st.sampled_from([0, 60 * SECOND]),
)
heard = st.lists(st.tuples(st.sampled_from(NAMES), marks), max_size=12)

LONG = OpenPosition(instrument="BTC", quantity=2.0, entry=100.0, currency="USDT")
ONE = Account(kind=AccountKind.MARGIN, balances={"USDT": 1_000.0}, positions=[LONG])


def book_of(events: list[tuple[str, Mark]]) -> MarkBook:
    book = MarkBook()
    for name, mark in events:
        book.put(name, mark)
    return book


@given(st.lists(accounts, max_size=2), heard)
@example([ONE], [("BTC", Mark(110.0, NOW, "bar", 60 * SECOND))])
def test_it_says_what_the_full_valuation_says_or_nothing(held, events):
    book = book_of(events)
    full = value(NOW, held, lambda name: book.price(name, NOW), lambda _: PAR, "USDT")
    plain = PlainAccounts.of(held, "USDT")
    quick = None if plain is None else plain.value(book.only, NOW, book.max_age)
    if quick is not None:
        assert full.fresh
        assert quick == (full.equity, full.valid_until)


@given(st.floats(0.01, 1e6), st.floats(-1e3, 1e3), st.floats(-1e9, 1e9))
def test_what_is_plain_and_fresh_is_said(price, quantity, balance):
    held = Account(
        kind=AccountKind.MARGIN, balances={"USDT": balance}, positions=[LONG._replace(quantity=quantity)]
    )
    book = book_of([("BTC", Mark(price, NOW, "bar"))])
    plain = PlainAccounts.of([held], "USDT")
    assert plain is not None
    full = value(NOW, [held], lambda name: book.price(name, NOW), lambda _: PAR, "USDT")
    assert plain.value(book.only, NOW, book.max_age) == (full.equity, full.valid_until)


def test_a_stale_doubted_or_second_price_is_left_to_the_full_valuation():
    plain = PlainAccounts.of([ONE], "USDT")
    assert plain is not None
    bar = Mark(100.0, NOW, "bar")
    for events, later in (
        ([], 0),
        ([bar], 31),
        ([bar, bar._replace(price=math.nan)], 0),
        ([bar, bar._replace(price=1_000.0)], 0),
        ([bar, bar._replace(source="mid")], 0),
    ):
        book = book_of([("BTC", mark) for mark in events])
        assert plain.value(book.only, NOW + later * SECOND, book.max_age) is None
