"""One instrument's liquidity: cost and size worked out by hand, and how the two belong together."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.book import BookView, Terms
from nautilus_quant.gating.intent import Side
from nautilus_quant.gating.liquidity import SECOND, InstrumentLiquidity, LiquidityParams
from nautilus_quant.gating.liquidity_impact import ImpactParams
from nautilus_quant.gating.liquidity_score import LiquidityClass, ScoreParams

START = 1_700_000_000 * SECOND
BUY, SELL = Side.BUY, Side.SELL
BOOK = BookView(
    bids=((99.99, 100.0), (99.98, 400.0), (99.9, 500.0)),
    asks=((100.01, 100.0), (100.05, 100.0), (100.2, 800.0)),
)
COIN = Terms()
EXACT = LiquidityParams(impact=ImpactParams(prior=0.004, caution=0.0))


def market(
    book: BookView = BOOK, params: LiquidityParams = EXACT, terms: Terms = COIN
) -> InstrumentLiquidity:
    made = InstrumentLiquidity(terms, params)
    made.observe(book, START)
    return made


def busy(notional: float, **options) -> InstrumentLiquidity:
    """A market that traded so much in each of the last 15 minutes."""
    made = InstrumentLiquidity(**{"params": EXACT, **options})
    for minute in range(16):  # the first has just left the window
        made.trade(START - (15 - minute) * 60 * SECOND, 100.0, notional / 100.0, 0)
    made.observe(BOOK, START)
    return made


def test_impact_is_the_dearer_of_the_walk_and_the_law():
    one = busy(1_000_000.0)
    # 15 trades in the window, all of which was listened to: 15 million. Half the spread is 1 bp.
    assert one.volume_near(START) == pytest.approx(15_000_000.0)
    # 100 at the best: the walk costs 1 bp, the law 1 bp + 0.004·sqrt(10 000 / 15e6) = 2.03 bps
    law = 0.0001 + 0.004 * math.sqrt(10_000.0 / 15e6)
    assert one.impact(BUY, 100.0, START) == pytest.approx(law)
    # 1 000: (10 001 + 10 005 + 80 160) / 1 000 = 100.166 -> 16.6 bps; the law says 1 + 3.27
    assert one.impact(BUY, 1_000.0, START) == pytest.approx(0.00166)
    assert one.impact(BUY, 1_001.0, START) == math.inf
    # the bids are denser: (9 999 + 39 992 + 49 950) / 1 000 = 99.941 -> 5.9 bps
    assert one.impact(SELL, 1_000.0, START) == pytest.approx(0.00059)


def test_the_largest_quantity_by_hand():
    one = busy(1_000_000.0)
    # 15 bps of walk: cost so far (100·1 + 100·5) bps, then 20: (600 + 20x) / (200 + x) = 15 -> x = 480
    assert one.max_quantity(BUY, 0.0015, START) == pytest.approx(680.0)
    # 3 bps on the bid: the walk allows 500 at 1 and 2 bps, and x at 10: (900 + 10x) / (500 + x) = 3, 85.7;
    # the law ((0.0003 − 0.0001) / 0.004)²·15e6 / 100 = 375
    assert one.max_quantity(SELL, 0.0003, START) == pytest.approx(375.0)
    assert one.max_quantity(BUY, 0.0001, START) == 0.0  # half the spread takes all of it
    # an order that rests pays no spread: (0.0003 / 0.004)²·15e6 / 100
    assert one.max_passive(SELL, 0.0003, START) == pytest.approx(843.75)
    assert one.passive_impact(SELL, 843.75, START) == pytest.approx(0.0003)


def test_inverse_contracts_are_counted_by_their_worth():
    one = busy(1.0, terms=Terms(100.0, inverse=True))
    # 15 trades of 0.01 contracts of 100 are 15; the book shows 2 000 contracts: 200 000
    assert one.volume.total(START) == pytest.approx(15.0)
    assert one.volume_near(START) == 200_000.0
    # ((0.0015 − 0.0001) / 0.004)²·200 000 / 100
    assert one.max_passive(BUY, 0.0014, START) == pytest.approx(245.0)


def test_without_trades_what_the_book_shows_stands_for_the_volume():
    one = market()
    assert one.volume_near(START) == pytest.approx(99_941.0 + 100_166.0)


def test_a_book_thinner_than_usual_costs_more():
    one = market()
    one.sample(START)
    assert one.depth_multiplier(BUY) == 1.0
    thin = BookView(((99.99, 250.0), (99.0, 1e-9)), ((100.01, 250.0), (101.0, 1e-9)))
    one.observe(thin, START + SECOND)
    # usual 100 166, now 25 002.5
    assert one.depth_multiplier(BUY) == pytest.approx(math.sqrt(100_166.0 / 25_002.5))
    for size, multiplier in ((1.0, 3.0), (9e6, 0.5)):
        one.observe(
            BookView(((99.99, size), (99.0, size)), ((100.01, size), (101.0, size))), START + 2 * SECOND
        )
        assert one.depth_multiplier(SELL) == multiplier


def test_a_quote_is_no_measure_of_depth():
    one = market(BookView(((99.99, 1.0),), ((100.01, 1.0),)))
    one.sample(START)
    one.observe(BOOK, START + SECOND)
    assert one.depth_multiplier(BUY) == 1.0  # nothing usual yet
    one.sample(START + SECOND)
    one.observe(BookView(((99.99, 1.0),), ((100.01, 1.0),)), START + 2 * SECOND)
    assert one.depth_multiplier(BUY) == 1.0


def test_what_we_took_is_gone_until_the_next_book():
    one = busy(1_000_000.0)
    one.take(BUY, 80.0)
    assert one.max_quantity(BUY, 0.0015, START) == pytest.approx(600.0)
    assert one.impact(BUY, 921.0, START) == math.inf
    assert one.max_quantity(SELL, 0.0015, START) == pytest.approx(busy(1e6).max_quantity(SELL, 0.0015, START))
    one.observe(BOOK, START + 1)
    assert one.max_quantity(BUY, 0.0015, START) == pytest.approx(680.0)


def test_an_old_or_faulty_book_allows_nothing():
    one = market()
    late = START + 10 * SECOND
    assert one.is_fresh(late)
    assert one.max_quantity(BUY, 0.0015, late) > 0.0
    for now in (late + 1, START + 10**18):
        assert not one.is_fresh(now)
        assert one.max_quantity(BUY, 0.0015, now) == one.max_passive(BUY, 0.0015, now) == 0.0
        assert math.isnan(one.impact(BUY, 1.0, now))
        assert math.isnan(one.passive_impact(BUY, 1.0, now))
    one.observe(BookView(BOOK.asks, BOOK.bids), START)
    assert one.max_quantity(BUY, 0.0015, START) == 0.0
    assert math.isnan(one.impact(BUY, 1.0, START))


def test_the_class_follows_the_score_and_is_unknown_without_a_book():
    score = ScoreParams(tight_spread=0.0002, wide_spread=0.02, deep_depth=99_941.0, dry_depth=999.41)
    one = market(params=LiquidityParams(score=score))
    assert one.sample(START) == (LiquidityClass.UNKNOWN, LiquidityClass.DEEP)
    assert one.points == pytest.approx(100.0)
    one.observe(BookView(((99.0, 10.0),), ((101.0, 10.0),)), START + SECOND)  # 2 % wide, 990 deep
    assert one.sample(START + SECOND) == (LiquidityClass.DEEP, LiquidityClass.DRY)
    assert one.points == 0.0
    one.observe(BookView((), ()), START + 2 * SECOND)
    assert one.sample(START + 2 * SECOND) == (LiquidityClass.DRY, LiquidityClass.UNKNOWN)
    assert math.isnan(one.points)


def test_depth_is_counted_in_the_reporting_currency():
    score = ScoreParams(tight_spread=0.0002, wide_spread=0.02, deep_depth=999_410.0, dry_depth=9_994.1)
    one = market(params=LiquidityParams(score=score))
    one.sample(START, rate=10.0)
    assert one.points == pytest.approx(100.0)
    one.sample(START + SECOND, rate=math.nan)  # nobody knows what the quote currency is worth
    assert one.points == pytest.approx(50.0)


def test_our_fills_teach_the_coefficient():
    one = busy(1_000_000.0)
    decided = one.decide(BUY, START)
    assert decided.half_spread == pytest.approx(0.0001)
    # 10 000 of 15 million at 100.08: 8 bps from the mid, of which 1 is half the spread; the law expected 1
    before = one.model.coefficient
    assert one.learn_from_fill(decided, 100.0, 100.08) == pytest.approx(0.0008)
    assert one.model.count == 1
    assert one.model.coefficient > before
    sold = one.decide(SELL, START)
    assert one.learn_from_fill(sold, 100.0, 99.92) == pytest.approx(0.0008)
    assert one.learn_from_fill(sold, 100.0, 100.01) == pytest.approx(-0.0001)


def flow(k: float, weight: float = 1.0) -> InstrumentLiquidity:
    """Ten-second buckets in which buyers or sellers move the mid by the law."""
    one = InstrumentLiquidity(params=LiquidityParams(impact=ImpactParams(market_weight=weight)))
    mid, ts = 100.0, START
    for n in range(600):
        sign = 1 if (n * 7919) % 5 > 2 else -1
        one.observe(BookView(((mid - 0.01, 500.0),), ((mid + 0.01, 500.0),)), ts)
        one.sample(ts)
        size = 10.0 + (n * 104729) % 90
        one.trade(ts + 5 * SECOND, mid, size, sign)
        volume = one.volume_near(ts + 10 * SECOND)
        mid *= 1.0 + sign * k * 1.5 * math.sqrt(mid * size / volume)  # the peak, of which 2/3 are paid
        ts += 10 * SECOND
    return one


def test_the_flow_of_others_teaches_it_too():
    assert flow(0.008).model.coefficient == pytest.approx(0.008, rel=0.1)
    assert flow(0.001).model.coefficient == pytest.approx(0.001, rel=0.25)
    assert flow(0.008, weight=0.0).model.count == 0


def test_a_gap_in_the_books_teaches_nothing():
    one = market()
    one.sample(START)
    one.trade(START + SECOND, 100.0, 50.0, 1)
    one.observe(BookView(((109.0, 1.0),), ((109.1, 1.0),)), START + 25 * SECOND)
    one.sample(START + 25 * SECOND)
    assert one.model.count == 0


sizes = st.floats(0.01, 1e4)
books = st.builds(
    lambda mid, gaps, bids, asks: BookView(
        tuple((mid * (1 - gaps * (n + 1)), size) for n, size in enumerate(bids)),
        tuple((mid * (1 + gaps * (n + 1)), size) for n, size in enumerate(asks)),
    ),
    st.floats(0.01, 1e5),
    st.floats(1e-6, 0.004),
    st.lists(sizes, min_size=1, max_size=20),
    st.lists(sizes, min_size=1, max_size=20),
)


@given(books, st.floats(1e-5, 0.05), st.floats(1e-5, 0.05), st.sampled_from(list(Side)))
def test_the_largest_quantity_grows_with_the_bound_and_keeps_it(book, one, other, side):
    made = market(book, LiquidityParams())
    made.sample(START)
    low, high = sorted((one, other))
    less, more = made.max_quantity(side, low, START), made.max_quantity(side, high, START)
    assert 0.0 <= less <= more < math.inf
    assert made.impact(side, more, START) <= high * (1 + 1e-9) or more == 0.0
    if more > 0.0:
        assert made.impact(side, more * 1.001, START) > high * (1 - 1e-9)


@given(books, st.floats(0.01, 1e5), st.floats(0.01, 1e5), st.sampled_from(list(Side)))
def test_larger_orders_never_cost_less(book, one, other, side):
    made = market(book, LiquidityParams())
    low, high = sorted((one, other))
    assert made.impact(side, low, START) <= made.impact(side, high, START) * (1 + 1e-12)
    assert made.impact(side, low, START) >= 0.5 * made.measures.spread


def test_what_was_learnt_survives_a_restart():
    one = flow(0.006)
    now = START + 6_000 * SECOND
    again = InstrumentLiquidity(params=LiquidityParams(impact=ImpactParams(market_weight=1.0)))
    again.restore(json.loads(json.dumps(one.to_dict())), now)
    assert not again.is_fresh(now)  # no book yet
    for each in (one, again):
        each.observe(BOOK, now)
    assert again.model.coefficient == one.model.coefficient
    assert again.numbers(now) == one.numbers(now)
    for side in Side:
        assert again.max_quantity(side, 0.0015, now) == one.max_quantity(side, 0.0015, now)


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="half_life"):
        LiquidityParams(half_life=0.0)
    with pytest.raises(ValueError, match="stale_after"):
        LiquidityParams(stale_after=math.nan)
