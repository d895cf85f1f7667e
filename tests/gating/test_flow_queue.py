"""What rests in front of an order: worked out by hand, bounded, never growing."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.flow_queue import MOST, QueueEstimate, Queues, size_at
from nautilus_quant.gating.intent import Side

BUY, SELL = Side.BUY, Side.SELL


def book(at_100: float, count: int = 3) -> BookView:
    """Bids at 100, 99, 98, asks at 101, 102, 103."""
    bids = [(100.0 - n, 5.0) for n in range(count)]
    if at_100:
        bids[0] = (100.0, at_100)
    else:
        del bids[0]
    return BookView(bids, [(101.0 + n, 5.0) for n in range(count)])


def joined(level: float = 10.0) -> QueueEstimate:
    one = QueueEstimate(BUY, 100.0)
    one.observe(book(level))
    return one


def test_size_at_a_price():
    seen = book(10.0)
    assert size_at(seen, BUY, 100.0) == 10.0
    assert size_at(seen, BUY, 99.0) == 5.0
    assert size_at(seen, BUY, 100.5) == 0.0  # better than the best
    assert size_at(seen, BUY, 98.5) == 0.0  # between two levels
    assert math.isnan(size_at(seen, BUY, 97.0))  # behind all that is seen
    assert size_at(seen, SELL, 102.0) == 5.0
    assert size_at(seen, SELL, 100.5) == 0.0
    assert math.isnan(size_at(seen, SELL, 104.0))


def test_trades_at_the_price_take_from_the_front():
    one = joined(10.0)
    one.trade(100.0, 3.0, -1)
    assert one.ahead == 7.0
    one.observe(book(7.0))  # what was traded is gone from the level: no cancels
    assert one.ahead == 7.0
    one.trade(100.0, 3.0, 1)  # a buyer in haste trades with asks
    one.trade(101.0, 3.0, -1)  # better bids than ours were met
    one.trade(100.0, math.nan, -1)
    assert one.ahead == 7.0
    one.trade(100.0, 2.0, 0)  # unknown, but at our price
    assert one.ahead == 5.0
    one.trade(99.0, 0.1, -1)  # went through
    assert one.ahead == 0.0


def test_cancels_are_shared_by_what_is_in_front_and_behind():
    one = joined(10.0)
    one.observe(book(30.0))  # 20 joined behind
    assert one.ahead == 10.0
    one.observe(book(24.0))  # 6 cancelled, a third of the level in front: 2
    assert one.ahead == pytest.approx(8.0)
    one.trade(100.0, 2.0, -1)
    # 24 − 2 = 22 would have stayed, 11 did: half of all, so half of the 6 in front
    one.observe(book(11.0))
    assert one.ahead == pytest.approx(3.0)


def test_it_is_never_more_than_the_level_holds():
    one = joined(10.0)
    one.observe(book(0.0))
    assert one.ahead == 0.0


def test_a_level_nobody_sees_says_nothing():
    one = QueueEstimate(BUY, 90.0)
    one.observe(book(10.0))
    assert math.isnan(one.ahead)
    one.trade(90.0, 1.0, -1)
    assert math.isnan(one.ahead)
    deep = BookView([(100.0 - n, 4.0) for n in range(20)], [(101.0, 1.0)])
    one.observe(deep)
    assert one.ahead == 4.0
    one.observe(book(10.0))  # out of sight again
    assert one.ahead == 4.0
    far = QueueEstimate(BUY, 90.0)
    far.trade(89.0, 1.0, -1)  # never seen, but traded through
    assert far.ahead == 0.0


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("trade"), st.sampled_from([99.0, 100.0, 101.0]), st.floats(1e-3, 50.0)),
        st.tuples(st.just("book"), st.just(0.0), st.floats(0.0, 100.0)),
    ),
    max_size=40,
)


@given(st.floats(0.0, 100.0), EVENTS, st.sampled_from([-1, 0, 1]))
def test_bounded_never_growing_and_the_same_on_either_side(start, events, sign):
    bid, ask = QueueEstimate(BUY, 100.0), QueueEstimate(SELL, -100.0)
    before = math.inf
    for kind, price, size in [("book", 0.0, start), *events]:
        if kind == "trade":
            bid.trade(price, size, sign)
            ask.trade(-price, size, -sign)
        else:
            seen = book(size)
            bid.observe(seen)
            ask.observe(BookView(seen.asks, [(-at, amount) for at, amount in seen.bids]))
        assert 0.0 <= bid.ahead <= before
        assert bid.ahead == ask.ahead
        before = bid.ahead


def test_orders_by_id():
    queues = Queues()
    queues.place("A", BUY, 100.0, book(10.0))
    queues.place("B", SELL, 101.0, book(10.0))
    queues.place("C", BUY, 99.0, None)
    assert (queues.ahead("A"), queues.ahead("B")) == (10.0, 5.0)
    assert math.isnan(queues.ahead("C"))
    assert math.isnan(queues.ahead("nobody"))
    queues.trade(100.0, 4.0, -1)
    assert (queues.ahead("A"), queues.ahead("B")) == (6.0, 5.0)
    queues.observe(book(6.0))
    assert queues.ahead("C") == 5.0
    queues.place("A", BUY, 100.0, book(6.0))  # moved: at the end again
    assert (queues.ahead("A"), queues.price_of("A"), queues.price_of("nobody")) == (6.0, 100.0, None)
    queues.reached("B")
    queues.reached("nobody")
    assert queues.ahead("B") == 0.0
    queues.remove("B")
    queues.remove("B")
    assert len(queues) == 2


def test_no_more_than_so_many_are_followed():
    queues = Queues()
    for n in range(MOST + 10):
        queues.place(str(n), BUY, 100.0, book(10.0))
    assert len(queues) == MOST
    assert math.isnan(queues.ahead("9"))
    assert queues.ahead("10") == 10.0
