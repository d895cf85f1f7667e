"""Whose is what of a position that several pairs share."""

from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
import pytest
from hypothesis import given

from nautilus_quant.carry.two_leg_shares import rebuilt, shared_out
from nautilus_quant.carry.two_leg_terms import Leg
from nautilus_quant.portfolio.sizing import Lot

D = Decimal


def pair(one: str, two: str, weights=("1", "-1"), step="0.001"):
    lot = Lot(step=D(step))
    return Leg(name=one, weight=D(weights[0]), lot=lot), Leg(name=two, weight=D(weights[1]), lot=lot)


def positions(**units) -> dict[str, Decimal]:
    return {name: D(quantity) for name, quantity in units.items()}


STAR = {"cash": pair("S", "P"), "cross": pair("Q", "P")}
RING = {"AB": pair("A", "B"), "AC": pair("A", "C"), "BC": pair("B", "C")}


def test_pairs_nobody_remembers_are_found_by_the_legs_that_are_theirs_alone() -> None:
    # 19.704 + 31.507 = 51.211: what is short of P is all explained
    held = rebuilt(STAR, positions(S="19.704", Q="31.507", P="-51.211"))
    assert held == {"cash": (D("19.704"), D("-19.704")), "cross": (D("31.507"), D("-31.507"))}


@pytest.mark.parametrize(
    ("p", "cash", "cross"),
    [
        # 10 too few: the pair that comes last is left with a leg that nothing covers
        ("-41.211", ("19.704", "-19.704"), ("31.507", "-21.507")),
        # 5 too many: somebody's all the same, and taken back there
        ("-56.211", ("19.704", "-19.704"), ("31.507", "-36.507")),
        # all on the wrong side
        ("3", ("19.704", "0"), ("31.507", "3")),
    ],
)
def test_what_nothing_explains_is_in_one_pair_where_it_is_unhedged(p, cash, cross) -> None:
    held = shared_out(STAR, {}, positions(S="19.704", Q="31.507", P=p))
    assert held == {"cash": tuple(map(D, cash)), "cross": tuple(map(D, cross))}


@pytest.mark.parametrize(
    ("a", "b", "c"),
    [("10", "-5", "-5"), ("5", "5", "-10"), ("-3", "8", "-5"), ("0", "4", "-4"), ("0", "0", "0")],
)
def test_of_a_ring_everything_is_hedged_that_can_be(a, b, c) -> None:
    held = shared_out(RING, {}, positions(A=a, B=b, C=c))
    assert all(one == -two for one, two in held.values())
    assert held["AB"][0] + held["AC"][0] == D(a)


def test_in_a_chain_those_at_the_ends_take_first() -> None:
    chain = {"BC": pair("B", "C"), "AB": pair("A", "B"), "CD": pair("C", "D")}
    held = shared_out(chain, {}, positions(A="5", B="-8", C="4", D="-1"))
    assert held == {"BC": (D(-3), D(3)), "AB": (D(5), D(-5)), "CD": (D(1), D(-1))}


def test_unlike_contracts_are_matched_by_their_weights() -> None:
    pairs = {"x": pair("A", "P", ("1", "-15")), "y": pair("B", "P", ("1", "-15"))}
    held = shared_out(pairs, {}, positions(A="2", B="1", P="-45"))
    assert held == {"x": (D(2), D(-30)), "y": (D(1), D(-15))}


def test_one_that_is_remembered_keeps_what_it_has_and_the_other_gets_the_rest() -> None:
    held = shared_out(STAR, {"cash": (D(5), D(-5))}, positions(S="5", Q="7", P="-12"))
    assert held == {"cash": (D(5), D(-5)), "cross": (D(7), D(-7))}


def test_what_was_closed_is_taken_from_those_that_have_it() -> None:
    known = {"cash": (D(5), D(-5)), "cross": (D(7), D(-7))}
    assert shared_out(STAR, known, positions(P="-5")) == {"cash": (D(5), D(-5)), "cross": (D(7), D(0))}
    assert shared_out(STAR, known, positions(P="0")) == {"cash": (D(5), D(0)), "cross": (D(7), D(0))}


def test_what_came_goes_first_to_the_pair_that_lacks_it() -> None:
    known = {"cash": (D(5), D(-5)), "cross": (D(7), D(-3))}
    assert shared_out(STAR, known, positions(P="-12"))["cross"] == (D(7), D(-7))
    # one more than anybody lacks
    assert shared_out(STAR, known, positions(P="-13")) == {"cash": (D(5), D(-6)), "cross": (D(7), D(-7))}


def test_an_instrument_that_is_not_named_stays_as_it_is_thought() -> None:
    known = {"cash": (D(5), D(-5)), "cross": (D(7), D(-7))}
    assert shared_out(STAR, known, {}) == known


UNITS = st.integers(-50, 50).map(lambda n: D(n) / 10)
PAIRS = st.lists(st.sampled_from(["AB", "AC", "BC", "CD", "BD", "AE"]), min_size=1, max_size=5, unique=True)


@given(PAIRS, st.fixed_dictionaries(dict.fromkeys("ABCDE", UNITS)), st.data())
def test_every_unit_belongs_to_one_pair(names, units, data) -> None:
    pairs = {name: pair(*name, weights=("1", "-2")) for name in names}
    known = data.draw(st.dictionaries(st.sampled_from(names), st.tuples(UNITS, UNITS)))
    held = shared_out(pairs, known, units)
    for instrument in {leg for name in names for leg in name}:
        whole = sum((held[name][leg] for name in names for leg in (0, 1) if name[leg] == instrument), D(0))
        assert whole == units[instrument]


@given(st.fixed_dictionaries(dict.fromkeys(("AP", "BP", "CP"), UNITS)))
def test_a_star_that_was_hedged_is_found_as_it_was(sizes) -> None:
    pairs = {name: pair(*name, weights=("1", "-3")) for name in sizes}
    units = {name[0]: size for name, size in sizes.items()} | {"P": -3 * sum(sizes.values())}
    if all(size >= 0 for size in sizes.values()):
        assert shared_out(pairs, {}, units) == {n: (size, -3 * size) for n, size in sizes.items()}
