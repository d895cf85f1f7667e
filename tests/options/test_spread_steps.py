"""The order in which legs are traded: protection first in, last out, whatever is filled of it."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.spread_steps import next_changes, opens, whole_units

D = Decimal
quantities = st.dictionaries(st.sampled_from("abcd"), st.integers(-5, 5).map(Decimal), min_size=4, max_size=4)


def test_what_is_bought_comes_first() -> None:
    wanted = {"wing": D(2), "short": D(-2)}
    assert next_changes(wanted, {"wing": D(0), "short": D(0)}) == {"wing": D(2)}
    assert next_changes(wanted, {"wing": D("1.5"), "short": D(0)}) == {"wing": D("0.5")}
    assert next_changes(wanted, {"wing": D(2), "short": D(0)}) == {"short": D(-2)}
    assert next_changes(wanted, wanted) == {}


def test_what_was_sold_is_bought_back_before_its_protection_is_sold() -> None:
    none = {"wing": D(0), "short": D(0)}
    assert next_changes(none, {"wing": D(2), "short": D(-2)}) == {"short": D(2)}
    assert next_changes(none, {"wing": D(2), "short": D(0)}) == {"wing": D(-2)}


@given(wanted=quantities, held=quantities, data=st.data())
def test_with_any_partial_fills_nothing_is_ever_shorter_than_at_both_ends_and_it_arrives(
    wanted, held, data
) -> None:
    start, now = dict(held), dict(held)
    for _ in range(60):
        changes = next_changes(wanted, now)
        if not changes:
            break
        before = sum(now.values())
        for leg, change in changes.items():
            now[leg] += change * D(data.draw(st.sampled_from([1, 1, 1, 0])))
            assert min(start[leg], wanted[leg]) <= now[leg] <= max(start[leg], wanted[leg])
        if sum(now.values()) < before:  # something was sold: all that is to be bought is there
            assert all(now[leg] >= wanted[leg] for leg in now)
    else:
        return
    assert now == wanted


def test_what_only_reduces_opens_nothing() -> None:
    assert opens(D(1), D(0))
    assert opens(D(1), D(2))
    assert opens(D(-3), D(2))
    assert not opens(D(-2), D(2))
    assert not opens(D(1), D(-2))


def test_units_become_whole_lots() -> None:
    assert whole_units(D("0.37"), D("0.1"), D("0.1")) == D("0.3")
    assert whole_units(D("0.37"), D("0.1"), D("0.4")) == 0
    assert whole_units(D(-1), D("0.1"), D("0.1")) == 0
    assert whole_units(D("NaN"), D("0.1"), D("0.1")) == 0
