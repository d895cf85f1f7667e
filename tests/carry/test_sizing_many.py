"""Many sizes at once against the same one by one."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.carry.sizing import Cost, Opportunity, SizingParams, size
from nautilus_quant.carry.sizing_many import WHY, Table, sizes

fractions = st.one_of(st.floats(-0.02, 0.05), st.sampled_from([0.0, math.nan, math.inf, -math.inf]))
impacts = st.one_of(st.just(0.0), st.floats(1e-10, 1e-4))
rows = st.lists(
    st.tuples(
        fractions,  # expected
        st.one_of(st.floats(0.0, 0.02), st.just(math.nan)),  # error
        st.one_of(st.floats(0.0, 0.01), st.just(math.inf)),  # borrow
        st.one_of(st.floats(-0.001, 0.01), st.just(math.nan)),  # fixed
        impacts,
        impacts,
        st.floats(0.0, 1e7),  # most
        st.one_of(st.just(0.0), st.floats(0.0, 1e7)),  # held
        st.one_of(st.just(1.0), st.floats(0.0, 1.0)),  # scale
    ),
    min_size=1,
    max_size=8,
)


params = st.builds(
    SizingParams,
    share=st.floats(0.1, 1.0),
    caution=st.floats(0.0, 2.0),
    kelly=st.one_of(st.just(0.0), st.floats(0.01, 1.0)),
    smallest=st.one_of(st.just(0.0), st.floats(0.0, 1e5)),
)


def test_what_is_held_stays_and_without_an_error_no_bet_is_too_large():
    # Best: (0.01 - 0.002) / (2 · 1e-7) = 40 000, 80 % of it; the second holds more, the third is in doubt.
    common = {"expected": 0.01, "borrow": 0.0, "fixed": 0.002, "linear": 1e-7, "root": 0.0, "most": 1e7}
    alike = {name: np.full(3, value) for name, value in common.items()}
    table = Table(
        **alike,
        error=np.array([0.0, 0.0, 0.8]),
        held=np.array([0.0, 1e6, 0.0]),
        scale=np.array([1.0, 1.0, 1.0]),
    )
    found = sizes(table, SizingParams(share=0.8, caution=0.0, kelly=0.5), 1e6)
    # Kelly: 0.5 · 0.008 / 0.8² · 1e6 = 6 250.
    assert found.size == pytest.approx([32_000.0, 1e6, 6_250.0])
    assert found.bound == pytest.approx([np.inf, np.inf, 6_250.0])
    assert [WHY[one] for one in found.why] == ["profit", "held", "kelly"]


@given(rows, params, st.one_of(st.floats(0.0, 1e7), st.just(math.nan)))
@settings(max_examples=150, deadline=None)
def test_they_are_the_same(chances, params, equity):
    table = Table(*np.array(chances).T)
    found = sizes(table, params, equity)
    for index, (expected, error, borrow, fixed, linear, root, most, held, scale) in enumerate(chances):
        chance = Opportunity(expected, error, borrow, Cost(fixed, linear, root), most)
        one = size(chance, params, equity, held=held, scale=scale)
        assert np.isclose(found.size[index], one.size, rtol=1e-9, atol=0.0)
        assert np.isclose(found.best[index], one.best, rtol=1e-9, atol=0.0)
        if found.size[index] > 0.0:
            alike = {one.why, WHY[found.why[index]]}  # where two bounds are one, either may be named
            assert len(alike) == 1 or alike <= {"kelly", "limit", "profit", "held"}
        else:
            assert WHY[found.why[index]] == one.why
