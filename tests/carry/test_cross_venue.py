"""The best size between two books: by hand, and against trying all of them."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue import EdgeParams, Ending, Market, edge, together

FREE = EdgeParams(least=0.0, caution=0.0)


def market(bids, asks, entry=0.0, leave=0.0, **kind):
    return Market(bids, asks, entry, leave, **kind)


def book(mid, half, sizes, step):
    bids = [(mid - half - n * step, size) for n, size in enumerate(sizes)]
    asks = [(mid + half + n * step, size) for n, size in enumerate(reversed(sizes))]
    return bids, asks


@st.composite
def markets(draw):
    mid = draw(st.floats(95.0, 105.0))
    sizes = draw(st.lists(st.floats(0.1, 5.0), min_size=1, max_size=5))
    fees = [draw(st.floats(-0.0002, 0.001)) for _ in range(2)]
    return market(*book(mid, draw(st.floats(0.01, 0.2)), sizes, draw(st.floats(0.01, 0.3))), *fees)


endings = st.builds(
    Ending,
    trades=st.booleans(),
    seconds=st.just(60.0),
    fair=st.floats(-0.01, 0.01),
    fair_error=st.floats(0.0, 0.002),
    funding=st.floats(-0.001, 0.001),
    funding_error=st.floats(0.0, 0.0005),
    transfer=st.floats(0.0, 0.002),
)


def paid(levels, coins):
    """What so many coins cost, level by level."""
    total = 0.0
    for price, size in levels:
        taken = min(size, coins)
        total += price * taken
        coins -= taken
    return total if coins < 1e-9 else math.nan


def profit(buy, sell, ending, hurdle, coins):
    """Beyond the hurdle, told in another way: as the money that comes and goes."""
    price = (buy.mid + sell.mid) / 2
    out, back = paid(buy.asks, coins), paid(sell.bids, coins)
    money = back * (1 - sell.entry_fee) - out * (1 + buy.entry_fee)
    if ending.trades:
        sold, bought = paid(buy.bids, coins), paid(sell.asks, coins)
        money += (sold - buy.mid * coins) - (bought - sell.mid * coins)
        money -= coins * (buy.mid * buy.exit_fee + sell.mid * sell.exit_fee)
    doubt = 0.7 * math.hypot(ending.fair_error, ending.funding_error)
    rest = ending.fair - ending.funding + ending.transfer + doubt + hurdle
    return money - coins * rest * price


@given(markets(), markets(), endings, st.floats(-0.001, 0.001), st.floats(0.0, 12.0))
@settings(max_examples=150)
def test_the_best_size_is_the_best_of_all_sizes(buy, sell, ending, skew, most):
    params = EdgeParams(least=0.0005, caution=0.7)
    best = edge(buy, sell, ending, params, most=most, skew=skew)
    sides = [buy.asks, sell.bids, *([buy.bids, sell.asks] if ending.trades else [])]
    seen = min(most, *(sum(size for _, size in side) for side in sides))
    if best is None:
        assert seen == 0.0
        return
    assert best.coins <= seen + 1e-9
    found = profit(buy, sell, ending, params.least + skew, best.coins)
    for share in range(101):
        assert found >= profit(buy, sell, ending, params.least + skew, seen * share / 100) - 1e-7
    if best.coins:
        beyond = (best.net - best.hurdle) * best.coins * best.price
        assert beyond == pytest.approx(found, abs=1e-7)


def test_by_hand():
    # bought at 100.1, sold at 101.0, back at 99.9 and 101.2: mids 100 and 101.1, price 100.55
    buy = market([(99.9, 5.0)], [(100.1, 2.0), (100.9, 9.0)], 0.0004, 0.0002)
    sell = market([(101.0, 3.0), (100.2, 9.0)], [(101.2, 4.0)], 0.0005, 0.0001)
    ending = Ending(seconds=90.0, fair=0.001, fair_error=0.0003, funding=0.0002, funding_error=0.0004)
    found = edge(buy, sell, ending, EdgeParams(least=0.0005, caution=2.0))
    assert found.coins == 2.0  # then 0.1 are left, and fees alone are more
    assert (found.buy, found.sell, found.price) == (100.1, 101.0, pytest.approx(100.55))
    assert found.gross == pytest.approx(0.9 / 100.55)
    # 0.0004 × 100.1 + 0.0005 × 101 + 0.0002 × 100 + 0.0001 × 101.1 = 0.12065
    assert found.fees == pytest.approx(0.12065 / 100.55)
    assert found.exit == pytest.approx(0.2 / 100.55)
    assert found.risk == pytest.approx(0.001)  # 2 × sqrt(0.0003² + 0.0004²)
    # (0.9 − 0.2 − 0.12065) / 100.55 − 0.001 + 0.0002 − 0.001
    assert found.net == pytest.approx(0.57935 / 100.55 - 0.0018)
    assert found.profit == pytest.approx(2.0 * (0.57935 - 0.0018 * 100.55))
    assert (found.hurdle, found.seconds, found.trades) == (0.0005, 90.0, True)
    numbers = found.numbers()
    parts = numbers["gross"] - numbers["fair"] - numbers["fees"] - numbers["exit"]
    parts += numbers["funding"] - numbers["transfer"] - numbers["risk"]
    assert numbers["net"] == pytest.approx(parts)


def test_coins_that_are_moved_are_not_traded_back():
    buy = market([(99.0, 1.0)], [(100.0, 5.0)], 0.001, 0.5)
    sell = market([(101.0, 5.0)], [(109.0, 1.0)], 0.001, 0.5)
    found = edge(buy, sell, Ending(trades=False, transfer=0.003), FREE)
    assert (found.coins, found.exit) == (5.0, 0.0)
    # mids 99.5 and 105: (1 − 0.1 − 0.101) / 102.25 − 0.003
    assert found.net == pytest.approx(0.799 / 102.25 - 0.003)


def test_an_order_that_rests_walks_nothing():
    buy = market([(99.9, 50.0)], [(100.1, 1.0)], 0.5, 0.0, rests=True, rest_fee=-0.0001)
    sell = market([(100.5, 7.0)], [(100.6, 70.0)])
    found = edge(buy, sell, Ending(), FREE)
    assert (found.coins, found.buy) == (7.0, 99.9)
    assert found.fees == pytest.approx(-0.0001 * 99.9 / 100.275)
    other = edge(market([(99.9, 5.0)], [(100.0, 5.0)]), sell._replace(rests=True), Ending(), FREE)
    assert (other.coins, other.sell) == (5.0, 100.6)
    both = edge(buy, sell._replace(rests=True), Ending(trades=False), FREE)
    assert both is None  # nothing bounds it
    assert edge(buy, sell._replace(rests=True), Ending(trades=False), FREE, most=3.0).coins == 3.0


def test_what_is_not_worth_it_is_told_of_the_first_coin():
    flat = market([(99.9, 1.0)], [(100.1, 1.0)])
    found = edge(flat, flat, Ending(), FREE)
    assert found.coins == 0.0
    assert found.net == pytest.approx(-0.004)  # a spread in, a spread out, at 100
    assert found.profit == 0.0


def test_a_skew_lowers_or_raises_the_hurdle():
    buy, sell = market([(99.9, 1.0)], [(100.1, 1.0)]), market([(100.6, 1.0)], [(100.8, 1.0)])
    # (100.6 − 100.1 − 0.2) / 100.35 = 0.00299
    assert edge(buy, sell, Ending(), EdgeParams(least=0.003, caution=0.0)).coins == 0.0
    assert edge(buy, sell, Ending(), EdgeParams(least=0.003, caution=0.0), skew=-0.0001).coins == 1.0
    assert edge(buy, sell, Ending(), EdgeParams(least=0.002, caution=0.0), skew=0.001).coins == 0.0


GOOD = market([(99.0, 1.0)], [(100.0, 1.0)])


@pytest.mark.parametrize(
    ("buy", "ending", "most"),
    [
        (market([], [(100.0, 1.0)]), Ending(), 1.0),
        (market([(99.0, 1.0)], []), Ending(), 1.0),
        (market([(101.0, 1.0)], [(100.0, 1.0)]), Ending(), 1.0),
        (market([(math.nan, 1.0)], [(100.0, 1.0)]), Ending(), 1.0),
        (GOOD._replace(entry_fee=math.nan), Ending(), 1.0),
        (GOOD._replace(exit_fee=math.inf), Ending(), 1.0),
        (GOOD, Ending(fair=math.nan), 1.0),
        (GOOD, Ending(funding=math.nan), 1.0),
        (GOOD, Ending(fair_error=math.inf), 1.0),
        (GOOD, Ending(transfer=math.nan), 1.0),
        (GOOD, Ending(), math.nan),
        (GOOD, Ending(), -1.0),
        (GOOD, Ending(), 0.0),
    ],
)
def test_what_is_unknown_is_not_traded(buy, ending, most):
    rich = market([(150.0, 9.0)], [(151.0, 9.0)])
    assert edge(buy, rich, ending, most=most) is None


@given(st.lists(st.lists(st.floats(0.1, 9.0), max_size=5), min_size=1, max_size=4), st.floats(0.0, 30.0))
def test_ladders_are_walked_to_the_end_of_the_shortest(sizes, most):
    ladders = [[(float(-n), size) for n, size in enumerate(ladder)] for ladder in sizes]
    steps = list(together(ladders, most))
    walked = sum(step for step, _ in steps)
    assert walked == pytest.approx(min(most, *(sum(ladder) for ladder in sizes)), abs=1e-9)
    for index, ladder in enumerate(ladders):
        cost = sum(step * values[index] for step, values in steps)
        assert cost == pytest.approx(-paid([(-value, size) for value, size in ladder], walked), abs=1e-6)


@pytest.mark.parametrize("changes", [{"least": math.nan}, {"caution": -1.0}, {"caution": math.inf}])
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        EdgeParams(**changes)
