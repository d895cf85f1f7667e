"""Sharing out an order over venues, against searching all splits there are."""

import math
import random
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.routing import Route, VenueTerms, delay_cost, route, singles
from nautilus_quant.gating.book import MAX_LEVELS, BookView
from nautilus_quant.gating.intent import Side

LOT = 0.5
NAMES = ("A", "B", "C")


def book(asks: Sequence[tuple[float, float]] = (), bids: Sequence[tuple[float, float]] = ()) -> BookView:
    return BookView(bids, asks)


def terms(fee: float = 0.0, lot: float = 1.0, **more: float | str) -> VenueTerms:
    return VenueTerms(fee, lot, **more)  # type: ignore[arg-type]


def parts(found: Route) -> dict[str, float]:
    return {part.venue: part.quantity for part in found.parts}


# -- by hand -------------------------------------------------------------------------------------------


def test_the_cheapest_levels_are_taken_after_fees() -> None:
    books = {"A": book([(100.0, 2.0), (101.0, 5.0)]), "B": book([(100.2, 3.0), (100.9, 4.0)])}
    found = route(Side.BUY, 6.0, books, {"A": terms(0.001), "B": terms(0.0)})
    # A: 100.1, 101.101; B: 100.2, 100.9. So 2 of A at 100.1, 3 of B at 100.2, 1 of B at 100.9.
    assert parts(found) == {"A": 2.0, "B": 4.0}
    assert found.cost == pytest.approx(2 * 100.1 + 3 * 100.2 + 100.9)
    assert found.price == pytest.approx(found.cost / 6.0)
    assert found.unrouted == 0.0


def test_sales_take_the_highest_bids_after_fees() -> None:
    books = {"A": book(bids=[(100.0, 2.0), (99.0, 5.0)]), "B": book(bids=[(99.95, 3.0)])}
    found = route(Side.SELL, 4.0, books, {"A": terms(0.001), "B": terms(-0.0001)})
    # A: 99.9, 98.901; B: 99.95·1.0001 = 99.959995.
    assert parts(found) == {"A": 1.0, "B": 3.0}
    assert found.cost == pytest.approx(-(99.9 + 3 * 99.959995))


def test_a_fee_may_outweigh_a_better_price() -> None:
    books = {"A": book([(100.0, 9.0)]), "B": book([(100.05, 9.0)])}
    assert parts(route(Side.BUY, 1.0, books, {"A": terms(0.001), "B": terms(0.0002)})) == {"B": 1.0}
    assert parts(route(Side.BUY, 1.0, books, {"A": terms(0.0006), "B": terms(0.0002)})) == {"A": 1.0}


def test_currencies_delay_and_penalty_count() -> None:
    books = {"A": book([(100.0, 9.0)]), "B": book([(100.5, 9.0)])}
    assert parts(route(Side.BUY, 1.0, books, {"A": terms(rate=1.006), "B": terms()})) == {"B": 1.0}
    assert parts(route(Side.BUY, 1.0, books, {"A": terms(delay=0.006), "B": terms()})) == {"B": 1.0}
    assert parts(route(Side.BUY, 1.0, books, {"A": terms(penalty=0.006), "B": terms()})) == {"B": 1.0}
    assert parts(route(Side.BUY, 1.0, books, {"A": terms(rate=1.004), "B": terms()})) == {"A": 1.0}


def test_impact_spreads_an_order_over_equal_books() -> None:
    level = [(100.0 + n * 0.01, 1.0) for n in range(10)]
    books = {"A": book(level), "B": book(level)}
    alike = {"A": terms(impact=0.001), "B": terms(impact=0.001)}
    assert parts(route(Side.BUY, 8.0, books, alike)) == {"A": 4.0, "B": 4.0}
    # One level of A with impact k costs 100·(1 + k): more than any level of B without.
    assert parts(route(Side.BUY, 8.0, books, {"A": terms(impact=0.001), "B": terms()})) == {"B": 8.0}
    found = route(Side.BUY, 4.0, {"A": book([(100.0, 4.0)])}, {"A": terms(impact=0.01)})
    assert found.cost == pytest.approx(4 * 100.0 * (1 + 0.01 * 2))  # k·sqrt(4) on average


def test_delay_is_the_mean_of_the_adverse_half() -> None:
    # E[max(X, 0)] of N(0, σ²·4) is 2σ/sqrt(2π).
    assert delay_cost(0.0001, 4.0) == pytest.approx(0.0002 / math.sqrt(2 * math.pi))
    assert delay_cost(0.0001, math.nan) == 0.0
    assert delay_cost(math.nan, 1.0) == 0.0


def test_whole_lots_may_need_what_the_cheapest_levels_do_not() -> None:
    # By levels, 0.5 of each of A to D at 99, and 2 of E at 100. In whole lots, four at 99.9 are cheaper.
    books = {name: book([(99.0, 0.5), (100.8, 0.5)]) for name in "ABCD"} | {"E": book([(100.0, 2.0)])}
    found = route(Side.BUY, 4.0, books, dict.fromkeys(books, terms()))
    assert parts(found) == dict.fromkeys("ABCD", 1.0)
    assert found.cost == pytest.approx(4 * 99.9)


def test_no_more_goes_to_a_venue_than_may() -> None:
    books = {"A": book([(100.0, 9.0)]), "B": book([(101.0, 9.0)])}
    found = route(Side.BUY, 8.0, books, {"A": terms(most=3.0), "B": terms(most=4.0)})
    assert parts(found) == {"A": 3.0, "B": 4.0}
    assert found.unrouted == 1.0
    nothing = route(Side.BUY, 8.0, books, {"A": terms(most=0.0), "B": terms(excluded="halted")})
    assert not nothing.parts
    assert nothing.unrouted == 8.0
    assert math.isnan(nothing.price)
    assert nothing.excluded["B"] == "halted"
    assert "A" in nothing.excluded


def test_impact_changes_nothing_about_limits() -> None:
    known = {"A": terms(impact=0.01)}
    bought = route(Side.BUY, 4.0, {"A": book([(100.0, 2.0), (101.0, 2.0)])}, known, 100.5)
    sold = route(Side.SELL, 4.0, {"A": book(bids=[(100.0, 2.0), (99.0, 2.0)])}, known, 99.5)
    for found, sign in ((bought, 1.0), (sold, -1.0)):
        assert (parts(found), found.unrouted) == ({"A": 2.0}, 2.0)
        assert found.cost == pytest.approx(sign * 200.0 + 100.0 * 0.01 * 2.0**1.5)


def test_a_limit_is_the_worst_price_before_fees() -> None:
    books = {"A": book([(100.0, 1.0), (101.0, 1.0), (102.0, 1.0)]), "B": book([(99.0, 1.0), (101.1, 5.0)])}
    found = route(Side.BUY, 9.0, books, {"A": terms(0.5), "B": terms(rate=1.01)}, 101.0)
    # Of B only 99·1.01 = 99.99 is within 101.
    assert parts(found) == {"A": 2.0, "B": 1.0}
    down = {"A": book(bids=[(100.0, 1.0), (99.0, 1.0)])}
    assert parts(route(Side.SELL, 9.0, down, {"A": terms()}, 99.5)) == {"A": 1.0}
    assert route(Side.SELL, 9.0, down, {"A": terms()}, 100.5).excluded == {
        "A": "it has nothing within the limit"
    }


def test_levels_beyond_those_seen_do_not_count() -> None:
    deep = [(100.0 + n, 1.0) for n in range(MAX_LEVELS + 5)]
    assert route(Side.BUY, 30.0, {"A": book(deep)}, {"A": terms()}).quantity == MAX_LEVELS


@pytest.mark.parametrize(
    "bad",
    [
        book([]),
        book([(100.0, 1.0)], bids=[(100.0, 1.0)]),
        book([(100.0, 1.0), (99.0, 1.0)]),
        book([(100.0, 1.0), (100.0, 1.0)]),
        book([(math.nan, 1.0)]),
        book([(100.0, 1.0), (math.nan, 1.0), (102.0, 1.0)]),
        book([(100.0, 1.0), (math.inf, 1.0)]),
        book([(100.0, math.nan)]),
        book([(100.0, 0.0)]),
        book([(100.0, -1.0)]),
        book([(0.0, 1.0)]),
        book([(-1.0, 1.0)]),
    ],
)
def test_a_book_that_is_none_leaves_its_venue_out(bad: BookView) -> None:
    found = route(Side.BUY, 1.0, {"A": bad, "B": book([(200.0, 1.0)])}, {"A": terms(), "B": terms()})
    assert parts(found) == {"B": 1.0}
    assert set(found.excluded) == {"A"}


@pytest.mark.parametrize(
    "bad",
    [
        terms(math.nan),
        terms(lot=0.0),
        terms(lot=math.nan),
        terms(rate=math.nan),
        terms(rate=0.0),
        terms(delay=math.inf),
        terms(most=math.nan),
    ],
)
def test_terms_that_are_unknown_leave_a_venue_out(bad: VenueTerms) -> None:
    books = {"A": book([(100.0, 1.0)]), "B": book([(200.0, 1.0)])}
    found = route(Side.BUY, 1.0, books, {"A": bad, "B": terms()})
    assert parts(found) == {"B": 1.0}
    assert set(found.excluded) == {"A"}


@pytest.mark.parametrize("quantity", [0.0, -1.0, math.nan, math.inf])
def test_a_quantity_must_be_one(quantity: float) -> None:
    with pytest.raises(ValueError, match="quantity"):
        route(Side.BUY, quantity, {}, {})


# -- against an exhaustive search ----------------------------------------------------------------------


def cost_of(side: Side, view: BookView, one: VenueTerms, size: float) -> float:
    """The plain twin: walk the levels, pay the fee; infinite beyond what is there."""
    cost, left, room = 0.0, size, one.most
    for price, there in view.asks if side is Side.BUY else view.bids:
        taken = min(left, there, room)
        cost += taken * price * one.rate * (side + one.fee)
        left -= taken
        room -= taken
    return cost if left <= 1e-9 else math.inf


def search(
    side: Side, quantity: float, books: dict[str, BookView], known: dict[str, VenueTerms]
) -> tuple[float, float]:
    """Least that is left, and the least it costs, over all splits of whole lots."""
    choices = []
    for name, view in books.items():
        one = known[name]
        counts = range(math.floor(quantity / one.lot + 1e-9) + 1)
        sizes = [0.0] + [n * one.lot for n in counts if n and n * one.lot >= one.smallest - 1e-9]
        choices.append([(size, cost_of(side, view, one, size)) for size in sizes])
    best = (math.inf, math.inf)
    for split in product(*choices):
        left = quantity - sum(size for size, _ in split)
        cost = sum(cost for _, cost in split)
        if left > -1e-9 and cost < math.inf:
            best = min(best, (round(left, 9), cost))
    return best


def levels(sizes: st.SearchStrategy[float]) -> st.SearchStrategy[list[tuple[float, float]]]:
    """Steps of price and sizes, best first."""
    steps = st.lists(st.tuples(st.integers(1, 30), sizes), min_size=1, max_size=5)

    def climb(found: list[tuple[int, float]]) -> list[tuple[float, float]]:
        price, made = 0, []
        for step, size in found:
            price += step
            made.append((price / 100.0, size))
        return made

    return steps.map(climb)


WHOLE = st.integers(1, 5).map(lambda n: n * LOT)
RAGGED = st.integers(1, 300).map(lambda n: n / 100.0)
FEES = st.integers(-2, 10).map(lambda n: n / 10_000.0)


@st.composite
def markets(
    draw: st.DrawFn, lots: Sequence[float] = (LOT,), smallest: bool = False
) -> tuple[Side, float, dict[str, BookView], dict[str, VenueTerms]]:
    side = draw(st.sampled_from([Side.BUY, Side.SELL]))
    sizes = draw(st.sampled_from([WHOLE, RAGGED]))
    books, known = {}, {}
    for name in NAMES[: draw(st.integers(1, 3))]:
        ladder = [(100.0 + side * away, size) for away, size in draw(levels(sizes))]
        books[name] = BookView((), ladder) if side is Side.BUY else BookView(ladder, ())
        known[name] = VenueTerms(
            draw(FEES),
            draw(st.sampled_from(lots)),
            smallest=draw(st.sampled_from([0.0, 1.0, 1.5, 2.5])) if smallest else 0.0,
            most=draw(st.sampled_from([math.inf, 2.0, 1.3])),
            rate=draw(st.sampled_from([1.0, 1.001])),
        )
    return side, draw(st.integers(1, 9)) * LOT, books, known


def check(found: Route, best: tuple[float, float], quantity: float, known: dict[str, VenueTerms]) -> None:
    assert found.unrouted == pytest.approx(best[0], abs=1e-9)
    assert found.cost == pytest.approx(best[1], abs=1e-7)
    assert found.quantity + found.unrouted == pytest.approx(quantity)
    for part in found.parts:
        assert part.quantity == pytest.approx(part.lots * known[part.venue].lot)
        assert part.quantity >= known[part.venue].smallest - 1e-9
        assert part.quantity <= known[part.venue].most + 1e-9


@given(markets())
@settings(max_examples=400, deadline=None)
def test_no_split_of_whole_lots_costs_less(
    market: tuple[Side, float, dict[str, BookView], dict[str, VenueTerms]],
) -> None:
    side, quantity, books, known = market
    check(route(side, quantity, books, known), search(side, quantity, books, known), quantity, known)


@given(markets(smallest=True))
@settings(max_examples=400, deadline=None)
def test_nor_does_one_without_orders_that_are_too_small(
    market: tuple[Side, float, dict[str, BookView], dict[str, VenueTerms]],
) -> None:
    side, quantity, books, known = market
    check(route(side, quantity, books, known), search(side, quantity, books, known), quantity, known)


@given(markets(lots=(0.25, 0.5, 1.0), smallest=True))
@settings(max_examples=400, deadline=None)
def test_with_different_lots_it_is_within_one_of_the_coarsest(
    market: tuple[Side, float, dict[str, BookView], dict[str, VenueTerms]],
) -> None:
    side, quantity, books, known = market
    found, best = route(side, quantity, books, known), search(side, quantity, books, known)
    coarsest = max(one.lot for one in known.values())
    assert found.unrouted <= best[0] + coarsest + 1e-9
    if found.unrouted == pytest.approx(best[0], abs=1e-9):
        # Prices of a market differ by 1.5 at most (five steps of 0.30), its fees and rates by 0.22.
        assert best[1] - 1e-7 <= found.cost <= best[1] + coarsest * len(known) * 1.8


@given(markets(lots=(0.25, 0.5, 1.0), smallest=True))
@settings(max_examples=400, deadline=None)
def test_it_is_never_worse_than_the_best_venue_alone(
    market: tuple[Side, float, dict[str, BookView], dict[str, VenueTerms]],
) -> None:
    side, quantity, books, known = market
    found = route(side, quantity, books, known)
    for alone in singles(side, quantity, books, known).values():
        assert (round(found.unrouted, 9), found.cost) <= (round(alone.unrouted, 9), alone.cost + 1e-9)


@given(markets(), st.integers(0, 150).map(lambda n: n / 100.0))
@settings(max_examples=200, deadline=None)
def test_a_limit_is_the_same_as_books_that_end_there(
    market: tuple[Side, float, dict[str, BookView], dict[str, VenueTerms]], away: float
) -> None:
    side, quantity, books, known = market
    limit = 100.0 + side * away
    cut = {
        name: BookView(*([(p, s) for p, s in levels if side * p * known[name].rate <= side * limit + 1e-9]
                         for levels in view))
        for name, view in books.items()
    }  # fmt: skip
    found, other = route(side, quantity, books, known, limit), route(side, quantity, cut, known)
    assert parts(found) == parts(other)
    assert found.cost == pytest.approx(other.cost)


@given(st.integers(1, 60_000), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_of_many_small_lots_it_comes_near_to_any_sizes(count: int, seed: int) -> None:
    toss = random.Random(seed)
    books, known, offers = {}, {}, []
    for name in "ABCDE":
        price, levels = 30_000.0 + toss.uniform(-3.0, 3.0), []
        for _ in range(20):
            price += toss.uniform(0.1, 2.0)
            levels.append((price, toss.uniform(0.01, 1.0)))
        books[name], known[name] = book(levels), terms(toss.uniform(1e-4, 6e-4), 0.001)
        offers += [(price * (1.0 + known[name].fee), size) for price, size in levels]
    quantity = count / 1_000.0
    found = route(Side.BUY, quantity, books, known)
    left, least = quantity, 0.0
    for price, size in sorted(offers):
        taken = min(size, left)
        left, least = left - taken, least + taken * price
    assert found.unrouted == pytest.approx(left, abs=0.005 + 1e-9)  # less than a lot at each venue
    if not left:
        assert found.unrouted == 0.0
        # Lots of a thousandth move prices by 60 and fees by 15 at most.
        assert least - 1e-6 <= found.cost <= least + 5 * 0.001 * 75.0
