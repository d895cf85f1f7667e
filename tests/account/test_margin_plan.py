"""What is cut, in which order, and that it is neither too little nor too much."""

from __future__ import annotations

import math
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.margin_plan import Holding, reduction_plan


def holding(position: str, quantity: str, value: float, **options) -> Holding:
    options = {"cost": 0.0, "step": Decimal("0.001"), **options}
    return Holding("I" + position, "S" + position, position, Decimal(quantity), value, **options)


def test_nothing_is_cut_of_what_fits():
    assert reduction_plan([holding("A", "1", 1_000.0)], 250.0, 5.0, 0.8) == []  # 200 of 200
    assert reduction_plan([], 0.0, 5.0, 0.8) == []


def test_just_enough_is_cut():
    # 1000 / 5 = 200, and 0.8 × 200 = 160 may be used: 40 must go, at 200 per unit 0.2
    (cut,) = reduction_plan([holding("A", "1", 1_000.0)], 200.0, 5.0, 0.8)
    assert (cut.instrument, cut.strategy, cut.position) == ("IA", "SA", "A")
    assert cut.quantity == Decimal("0.200")
    assert math.isclose(cut.releases, 40.0)


def test_costs_make_it_more():
    # Each unit frees 200 and costs 1 % of 1000, 0.8 of which carried margin: 192; 40 / 192 = 0.2083
    (cut,) = reduction_plan([holding("A", "1", 1_000.0, cost=0.01)], 200.0, 5.0, 0.8)
    assert cut.quantity == Decimal("0.209")
    assert math.isclose(cut.cost, 2.09)


def test_what_releases_most_per_cost_goes_first():
    dear = holding("A", "1", 1_000.0, cost=0.002)
    cheap = holding("B", "1", 1_000.0, cost=0.001)
    tight = holding("C", "1", 1_000.0, cost=0.0015, floor=0.5)  # frees 500, not 200
    plan = reduction_plan([dear, cheap, tight], 100.0, 5.0, 0.8)
    # Needed 900, allowed 80: C frees 498.8 net of costs, B 199.2, A must bring the rest of 122.
    assert [cut.position for cut in plan] == ["C", "B", "A"]
    assert [cut.quantity for cut in plan[:2]] == [1, 1]
    # (900 − 80 − (500 − 1.2) − (200 − 0.8)) / (200 − 1.6) = 122 / 198.4 = 0.6149
    assert plan[2].quantity == Decimal("0.615")


def test_what_cannot_be_cut_weighs_on_the_rest():
    (cut,) = reduction_plan([holding("A", "1", 1_000.0)], 200.0, 5.0, 0.8, fixed=10.0)
    assert cut.quantity == Decimal("0.250")


def test_everything_goes_when_nothing_is_left():
    plan = reduction_plan([holding("A", "1", 1_000.0), holding("B", "2", 10.0)], -5.0, 5.0, 0.8)
    assert {cut.position: cut.quantity for cut in plan} == {"A": 1, "B": 2}


def test_no_order_is_smaller_than_the_smallest_and_no_rest_either():
    least = {"step": Decimal("0.1"), "least": Decimal("0.3")}
    (small,) = reduction_plan([holding("A", "1", 1_000.0, **least)], 249.0, 5.0, 0.8)  # needs 0.004
    assert small.quantity == Decimal("0.3")
    (rest,) = reduction_plan([holding("A", "1", 1_000.0, **least)], 50.0, 5.0, 0.8)  # needs 0.8, leaves 0.2
    assert rest.quantity == 1
    assert reduction_plan([holding("A", "0.2", 1_000.0, **least)], 0.0, 5.0, 0.8) == []


def test_rounding_is_given_back():
    """A small cut that a later, coarser one makes needless is left out."""
    fine = holding("A", "0.01", 1_000.0, cost=0.001)
    coarse = holding("B", "5", 1_000.0, cost=0.002, step=Decimal(1))
    # Needed 1002, allowed 900: A frees 2, then one whole B frees 200: A is not needed any more.
    plan = reduction_plan([fine, coarse], 1_125.0, 5.0, 0.8)
    assert [(cut.position, cut.quantity) for cut in plan] == [("B", 1)]


def test_unknown_numbers_cut_nothing():
    assert reduction_plan([holding("A", "1", math.nan)], 1.0, 5.0, 0.8) == []
    assert reduction_plan([holding("A", "1", 1_000.0)], math.nan, 5.0, 0.8) == []


def test_what_costs_more_than_it_frees_stays():
    assert reduction_plan([holding("A", "1", 1_000.0, cost=0.3)], 10.0, 5.0, 0.8) == []


HOLDINGS = st.lists(
    st.builds(
        lambda lots, value, cost, floor, step, least: (lots, value, cost, floor, step, least),
        st.integers(1, 400),
        st.floats(0.5, 50_000.0),
        st.floats(0.0, 0.01),
        st.sampled_from([0.0, 0.05, 0.5]),
        st.sampled_from(["0.001", "0.1", "1", "5"]),
        st.integers(0, 4),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda made: [
        Holding(
            f"I{n}",
            f"S{n}",
            f"P{n}",
            lots * Decimal(step),
            value,
            floor,
            cost,
            Decimal(step),
            least * Decimal(step),
        )
        for n, (lots, value, cost, floor, step, least) in enumerate(made)
    ]
)


def needed(holdings, cuts, leverage):
    gone = {cut.position: cut.quantity for cut in cuts}
    return math.fsum(
        h.value * max(1 / leverage, h.floor) * float(h.quantity - gone.get(h.position, 0)) for h in holdings
    )


def fits(holdings, cuts, equity, leverage, target):
    costs = math.fsum(c.cost for c in cuts)
    total = needed(holdings, [], leverage)
    return needed(holdings, cuts, leverage) <= target * (equity - costs) + 1e-8 * total


@given(
    HOLDINGS, st.floats(0.0, 1.2), st.sampled_from([4.0, 5.0, 6.67, 10.0]), st.sampled_from([0.5, 0.8, 1.0])
)
def test_plans_are_enough_and_no_more(holdings, share, leverage, target):
    equity = share * needed(holdings, [], leverage) / target
    cuts = reduction_plan(holdings, equity, leverage, target)
    by_name = {h.position: h for h in holdings}
    whole = {h.position for h in holdings if h.quantity >= h.least}
    for cut in cuts:
        held = by_name[cut.position]
        assert held.least <= cut.quantity <= held.quantity
        assert not cut.quantity % held.step
        rest = held.quantity - cut.quantity
        assert rest == 0 or rest >= held.least
        assert math.isclose(cut.cost, float(cut.quantity) * held.value * held.cost, abs_tol=1e-300)
    if not fits(holdings, cuts, equity, leverage, target):
        assert {cut.position for cut in cuts} == whole  # all there is
        assert all(cut.quantity == by_name[cut.position].quantity for cut in cuts)
        return
    for index, cut in enumerate(cuts):
        held, others = by_name[cut.position], cuts[:index] + cuts[index + 1 :]
        assert not fits_clearly(holdings, others, equity, leverage, target)
        less = cut.quantity - held.step
        if less >= max(held.least, held.step) and (held.quantity - less) >= held.least:
            smaller = cut._replace(quantity=less, cost=cut.cost * float(less / cut.quantity))
            assert not fits_clearly(holdings, [*others, smaller], equity, leverage, target)


def fits_clearly(holdings, cuts, equity, leverage, target):
    costs = math.fsum(c.cost for c in cuts)
    total = needed(holdings, [], leverage)
    return needed(holdings, cuts, leverage) <= target * (equity - costs) - 1e-8 * total
