"""What is wanted of every pair, from what is known of all venues."""

import dataclasses
import itertools
import json
import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue import EdgeParams, Market
from nautilus_quant.carry.cross_venue_basis import BasisParams
from nautilus_quant.carry.cross_venue_funding import LegFunding
from nautilus_quant.carry.cross_venue_hold import HoldParams
from nautilus_quant.carry.cross_venue_inventory import InventoryParams, Stock
from nautilus_quant.carry.cross_venue_outage import Access
from nautilus_quant.carry.cross_venue_rule import CrossVenueParams, CrossVenueRule, PairView

SECOND = 1_000_000_000
PARAMS = CrossVenueParams(
    edge=EdgeParams(least=0.0005, caution=1.0),
    hold=HoldParams(exit=0.0002, stop=0.01, longest=1_000.0),
    inventory=InventoryParams(skew=0.0),
    basis=BasisParams(half_life=1e6, least=10),
    retry=5.0,
)
OPEN = dict.fromkeys("ABC", Access.OPEN)
STOCKS = dict.fromkeys("ABC", Stock(0.0, 0.0, 3.0))


def market(price, fee=0.0002, size=2.0):
    return Market([(price - 0.01, size)], [(price + 0.01, size)], fee, fee)


def markets(**prices):
    return {name: market(100.0 * (1.0 + price)) for name, price in prices.items()}


def warm(rule, names="AB", count=20):
    """Let it see that prices are alike, with some scatter; give the time after it."""
    for n in range(count):
        views = pairs(names)
        prices = {name: 1e-5 * math.sin(2.3 * n + k) for k, name in enumerate(names)}
        assert rule.step(n * SECOND, views, markets(**prices), STOCKS, OPEN) == []
    return count * SECOND


def pairs(names="AB", **changes):
    """A pair of each two; `changes` by pair name."""
    return [
        PairView(one + two, one, two, **{"most": 10.0, **changes.get(one + two, {})})
        for one, two in itertools.combinations(names, 2)
    ]


def told(wishes):
    return [(wish.pair, wish.coins, wish.why) for wish in wishes]


def test_nothing_is_entered_before_the_usual_difference_is_known():
    rule = CrossVenueRule(PARAMS)
    for n in range(9):
        assert rule.step(n * SECOND, pairs(), markets(A=0.0, B=0.01), STOCKS, OPEN) == []


@pytest.mark.parametrize(("b", "coins"), [(0.004, 2.0), (-0.004, -2.0), (0.001, None)])
def test_the_cheap_venue_is_bought_and_the_dear_one_sold(b, coins):
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    wishes = told(rule.step(now, pairs(), markets(A=0.0, B=b), STOCKS, OPEN))
    assert wishes == ([] if coins is None else [("AB", coins, "difference")])


def test_what_it_leaves_by_hand():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    basis = rule.bases["AB"]
    mean, error = basis.mean, basis.error
    (wish,) = rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    # bought at 100.01, sold at 100.39, a spread of 0.02 on the way out, fees of four times 0.0002
    price, gross = 100.2, 100.39 - 100.01
    fees = 0.0002 * (100.01 + 100.39 + 100.0 + 100.4)
    learnt = rule.bases["AB"]
    assert wish.edge.gross == pytest.approx(gross / price)
    assert wish.edge.net == pytest.approx((gross - fees - 0.02) / price - learnt.mean - learnt.error)
    assert abs(learnt.mean - mean) < 0.004 / 20
    assert error > 0.0


def test_what_is_held_is_left_when_it_has_come_back():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    held = pairs(AB={"coins": 2.0})
    assert rule.step(now + SECOND, held, markets(A=0.0, B=0.002), STOCKS, OPEN) == []
    left = rule.step(now + 2 * SECOND, held, markets(A=0.0, B=0.0), STOCKS, OPEN)
    assert told(left) == [("AB", 0.0, "converged")]
    assert rule.step(now + 3 * SECOND, held, markets(A=0.0, B=0.0), STOCKS, OPEN) == []  # told once
    rule.step(now + 4 * SECOND, pairs(), markets(A=0.0, B=0.0), STOCKS, OPEN)
    assert rule.trades == {}
    again = rule.step(now + 5 * SECOND, pairs(), markets(A=0.0, B=0.006), STOCKS, OPEN)
    assert told(again) == [("AB", 2.0, "difference")]


def test_what_was_found_unseen_has_a_stop_from_when_it_is_seen():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    held = pairs(AB={"coins": 2.0, "most": 2.0})
    rule.step(now, held, {}, STOCKS, OPEN)  # after a restart, before any book is there
    assert math.isnan(rule.trades["AB"].entry)
    assert rule.step(now + SECOND, held, markets(A=0.0, B=0.004), STOCKS, OPEN) == []
    (wish,) = rule.step(now + 2 * SECOND, held, markets(A=0.0, B=0.0151), STOCKS, OPEN)
    assert (wish.coins, wish.why, wish.urgent) == (0.0, "stop", True)


def test_a_stop_is_in_haste():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    (wish,) = rule.step(now + SECOND, pairs(AB={"coins": 2.0}), markets(A=0.0, B=0.015), STOCKS, OPEN)
    assert (wish.why, wish.urgent) == ("stop", True)


def test_more_is_added_up_to_the_most():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(AB={"most": 3.0}), markets(A=0.0, B=0.004), STOCKS, OPEN)
    held = pairs(AB={"coins": 2.0, "most": 3.0})
    assert told(rule.step(now + SECOND, held, markets(A=0.0, B=0.004), STOCKS, OPEN)) == [
        ("AB", 3.0, "difference")
    ]
    busy = pairs(AB={"coins": 2.0, "busy": True})
    assert rule.step(now + 2 * SECOND, busy, markets(A=0.0, B=0.004), STOCKS, OPEN) == []


def test_little_more_is_not_worth_the_trouble():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    for most, more in ((2.1, False), (2.3, True)):  # a tenth of the most, at least
        held = pairs(AB={"coins": 2.0, "most": most})
        wishes = rule.step(now + SECOND, held, markets(A=0.0, B=0.004), STOCKS, OPEN)
        assert bool(wishes) is more


def test_nothing_is_held_for_longer_than_it_may_be_and_all_of_that_time():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    held = pairs(AB={"coins": 2.0, "most": 2.0})
    assert rule.step(now + 999 * SECOND, held, markets(A=0.0, B=0.004), STOCKS, OPEN) == []
    left = rule.step(now + 1_000 * SECOND, held, markets(A=0.0, B=0.004), STOCKS, OPEN)
    assert told(left) == [("AB", 0.0, "too long")]


def test_what_came_to_nothing_is_not_tried_again_at_once():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    for second in range(1, 6):
        assert rule.step(now + second * SECOND, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN) == []
    assert told(rule.step(now + 7 * SECOND, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)) == [
        ("AB", 2.0, "difference")
    ]


@pytest.mark.parametrize("access", [Access.DOWN, Access.CLOSING, Access.RETURNED, None])
def test_a_venue_that_is_not_open_does_not_hold_back_the_others(access):
    rule = CrossVenueRule(PARAMS)
    now = warm(rule, "ABC")
    shut = {name: state for name, state in {**OPEN, "A": access}.items() if state is not None}
    prices = markets(A=-0.01, B=0.0, C=0.004)
    assert told(rule.step(now, pairs("ABC"), prices, STOCKS, shut)) == [("BC", 2.0, "difference")]
    assert told(rule.step(now, pairs("ABC"), prices, STOCKS, OPEN))[0][0] == "AC"


def test_a_venue_without_a_book_does_not_hold_back_the_others():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule, "ABC")
    found = told(rule.step(now, pairs("ABC"), markets(B=0.0, C=0.004), STOCKS, OPEN))
    assert found == [("BC", 2.0, "difference")]


def test_what_is_held_at_a_venue_that_is_back_goes_first():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    rule.step(now, pairs(), markets(A=0.0, B=0.004), STOCKS, OPEN)
    back = {**OPEN, "A": Access.RETURNED}
    (wish,) = rule.step(now + SECOND, pairs(AB={"coins": 2.0}), markets(A=0.0, B=0.004), STOCKS, back)
    assert (wish.coins, wish.urgent) == (0.0, True)
    assert "back" in wish.why


def test_what_is_held_and_forgotten_is_looked_after():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    held = pairs(AB={"coins": -1.0})
    assert rule.step(now, held, markets(A=0.0, B=-0.004), STOCKS, OPEN)[0].coins < -1.0
    assert rule.trades["AB"].direction == -1
    (wish,) = rule.step(now + SECOND, held, markets(A=0.0, B=0.0), STOCKS, OPEN)
    assert (wish.coins, wish.why) == (0.0, "converged")


def test_one_side_of_a_venue_only():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule, "ABC")
    rule.step(now, pairs("ABC"), markets(A=0.0, B=0.004), STOCKS, OPEN)
    held = pairs("ABC", AB={"coins": 2.0, "most": 2.0})
    # C is dearer still: B, which is sold, is not bought, but A may be bought again,
    full = {**STOCKS, "A": Stock(3.0, 0.0, 3.0)}
    prices = markets(A=0.0, B=0.004, C=0.012)
    assert told(rule.step(now + SECOND, held, prices, full, OPEN)) == []
    found = rule.step(now + 2 * SECOND, held, prices, STOCKS, OPEN)
    assert told(found) == [("AC", 2.0, "difference")]


def test_a_leg_that_is_stuck_does_not_keep_the_other_venue_to_one_side():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule, "ABC")
    rule.step(now, pairs("ABC"), markets(A=0.0, B=0.004), STOCKS, OPEN)
    held = pairs("ABC", AB={"coins": 2.0, "most": 2.0})
    down = {**OPEN, "A": Access.DOWN}
    found = rule.step(now + SECOND, held, markets(B=0.004, C=0.012), STOCKS, down)
    assert told(found) == [("BC", 2.0, "difference")]


def test_funding_to_be_paid_within_the_time_counts():
    funding = {"A": LegFunding(), "B": LegFunding()}
    rule = CrossVenueRule(PARAMS, funding)
    now = warm(rule)
    for name, rate in (("A", "0.003"), ("B", "0.0001")):
        funding[name].update(Decimal(rate), now, now + 10 * SECOND, 3_600 * SECOND)
    rule.bases["AB"].lasts = lambda *_: 60.0
    prices = markets(A=0.0, B=0.004)
    assert rule.step(now, pairs(), prices, STOCKS, OPEN) == []  # the long leg would pay 30 bp
    rule.bases["AB"].lasts = lambda *_: 9.0
    assert len(rule.step(now, pairs(), prices, STOCKS, OPEN)) == 1  # over before it is due


def test_coins_that_are_moved_wait_for_the_other_direction():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    view = {"moved_from_one": 0.0001, "moved_from_two": 0.0001, "smallest": 0.1}
    stocks = dict.fromkeys("AB", Stock(5.0, 5.0, 5.0, 10.0, 5.0))
    # 30 bp: gross 0.28, fees of two legs 0.04; not for four legs and a way back
    params = markets(A=0.0, B=0.003)
    (wish,) = rule.step(now, pairs(AB=view), params, stocks, OPEN)
    assert (wish.coins, wish.why) == (2.0, "difference, coins are moved")
    held = pairs(AB={**view, "coins": 2.0, "most": 2.0})
    assert rule.step(now + SECOND, held, markets(A=0.0, B=0.0), stocks, OPEN) == []  # not left by itself
    (back,) = rule.step(now + 2 * SECOND, held, markets(A=0.003, B=0.0), stocks, OPEN)
    assert (back.coins, back.why) == (0.0, "the other way round")


def test_an_entry_that_rests_is_reckoned_so():
    rule = CrossVenueRule(PARAMS)
    now = warm(rule)
    found = markets(A=0.0, B=0.0018)
    found["A"] = found["A"]._replace(rest_fee=-0.0002)
    assert rule.step(now, pairs(), found, STOCKS, OPEN) == []
    (wish,) = rule.step(now, pairs(AB={"rests": "A"}), found, STOCKS, OPEN)
    assert wish.edge.buy == pytest.approx(99.99)


def test_a_restart_knows_entries_that_were_seen_or_not_and_rates():
    rule = CrossVenueRule(PARAMS, {"A": LegFunding()})
    now = warm(rule, "ABC")
    rule.funding["A"].update(Decimal("0.0004"), now, now + 8 * 3_600 * SECOND)
    held = pairs("ABC", AB={"coins": 2.0}, AC={"coins": -1.0})
    rule.step(now, held, markets(A=0.0, B=0.002), STOCKS, OPEN)
    again = CrossVenueRule(PARAMS, {"A": LegFunding(), "B": LegFunding()})
    again.restore(json.loads(json.dumps(rule.to_dict())))
    assert again.trades["AB"].entry == rule.trades["AB"].entry > 0.0
    assert math.isnan(again.trades["AC"].entry)
    assert again.trades["AC"].direction == -1
    assert (again.funding["A"].rate, again.funding["B"].rate) == (0.0004, None)


def test_it_goes_on_after_a_restart():
    rng = np.random.default_rng(7)
    story = [dict(zip("ABC", rng.normal(0.0, 0.002, 3), strict=True)) for _ in range(120)]

    def play(rule, steps, start, held):
        out = []
        for n, prices in enumerate(steps, start):
            views = pairs("ABC", **{name: {"coins": coins} for name, coins in held.items()})
            for wish in rule.step(n * SECOND, views, markets(**prices), STOCKS, OPEN):
                held[wish.pair] = wish.coins
                out.append((n, *told([wish])[0]))
        return out

    def fresh():
        return CrossVenueRule(PARAMS, {name: LegFunding() for name in "AB"})

    whole = play(fresh(), story, 0, {})
    first, held = fresh(), {}
    begun = play(first, story[:70], 0, held)
    second = fresh().restore(json.loads(json.dumps(first.to_dict())))
    assert begun + play(second, story[70:], 70, held) == whole
    assert len(whole) > 6


@pytest.mark.parametrize(
    "damage", [{"version": 0}, {"trades": {"AB": [2, 0.0, 0, True, False, True]}}, {"bases": {"AB": {}}}]
)
def test_damaged_state_is_refused(damage):
    with pytest.raises(ValueError, match=r"version|direction"):
        CrossVenueRule().restore({**CrossVenueRule().to_dict(), **damage})


def test_parameters_that_cannot_be():
    with pytest.raises(ValueError, match="retry"):
        CrossVenueParams(retry=-1.0)


@given(
    st.lists(st.tuples(*[st.floats(-0.01, 0.01)] * 3), min_size=15, max_size=40),
    st.sampled_from(["", "A", "B", "C"]),
)
@settings(max_examples=40, deadline=None)
def test_wishes_stay_within_bounds_and_pairs_never_stand_against_each_other(story, down):
    rule, held = CrossVenueRule(PARAMS), dict.fromkeys(("AB", "AC", "BC"), 0.0)
    for n, prices in enumerate(story):
        access = {name: Access.DOWN if name == down else Access.OPEN for name in "ABC"}
        views = pairs("ABC", **{name: {"coins": coins, "most": 4.0} for name, coins in held.items()})
        seen = markets(**dict(zip("ABC", prices, strict=True)))
        for wish in rule.step(n * SECOND, views, seen, STOCKS, access):
            assert abs(wish.coins) <= 4.0 + 1e-9
            if wish.edge is not None:
                assert down not in wish.pair or not down
                assert wish.edge.net >= PARAMS.edge.least - 1e-12
            held[wish.pair] = wish.coins
        long = {pair[0] if coins > 0 else pair[1] for pair, coins in held.items() if coins}
        short = {pair[1] if coins > 0 else pair[0] for pair, coins in held.items() if coins}
        assert not long & short


class Thorough(CrossVenueRule):
    """Looks at everything to the last level."""

    def _may_pay(self, *_):
        return True


sizes = st.floats(0.1, 5.0)
books = st.builds(
    lambda mid, half, size, entry, leave, rest: Market(
        [(mid - half, size), (mid - 3 * half, size)],
        [(mid + half, size), (mid + 3 * half, size)],
        entry,
        leave,
        rest,
    ),
    st.floats(99.0, 101.0),
    st.floats(0.01, 0.2),
    sizes,
    st.floats(-0.0005, 0.001),
    st.floats(-0.0005, 0.001),
    st.floats(-0.0005, 0.001),
)


@given(
    books,
    books,
    st.sampled_from(["", "A", "B"]),
    st.sampled_from([math.nan, 0.0, 0.0005]),
    st.tuples(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0)),
    st.tuples(st.floats(-0.003, 0.003), st.floats(-0.003, 0.003)),
)
@settings(max_examples=200)
def test_what_is_ruled_out_early_would_not_have_paid(one, two, rests, moved, held, rates):  # noqa: PLR0917
    params = dataclasses.replace(PARAMS, inventory=InventoryParams(skew=0.0006))
    stocks = {"A": Stock(held[0], 0.0, 4.0), "B": Stock(held[1], 0.0, 4.0)}
    view = {"rests": rests, "moved_from_one": moved, "moved_from_two": moved}
    found = []
    for kind in (CrossVenueRule, Thorough):
        legs = {"A": LegFunding(), "B": LegFunding()}
        rule = kind(params, legs)
        now = warm(rule)
        for leg, rate in zip(legs.values(), rates, strict=True):
            leg.update(Decimal(repr(rate)), now, now + SECOND, 3_600 * SECOND)
        found.append(rule.step(now, pairs(AB=view), {"A": one, "B": two}, stocks, OPEN))
    assert found[0] == found[1]
