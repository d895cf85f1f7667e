"""Several publishers of one allocation: their product, and never more than one of them takes away."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.portfolio.allocations import WHOLE, Allocations

BTC, ETH = "BTC.SIM", "ETH.SIM"

words = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([BTC, ETH, WHOLE]), st.floats(0.0, 2.0)), max_size=20
)


@pytest.fixture
def said() -> Allocations:
    return Allocations()


def test_before_anybody_speaks_it_is_all(said):
    assert said.of(BTC) == 1.0


def test_the_words_of_several_are_multiplied_and_the_last_of_each_counts(said):
    said.put("selector", BTC, 0.5)
    said.put("rollout", WHOLE, 0.01)
    assert said.of(BTC) == pytest.approx(0.005)
    said.put("selector", BTC, 0.8)  # rollout is silent, and still held to its word
    assert said.of(BTC) == pytest.approx(0.008)
    said.put("rollout", WHOLE, 0.05)
    assert said.of(BTC) == pytest.approx(0.04)


def test_of_one_publisher_the_word_on_an_instrument_stands_before_that_on_all(said):
    said.put("selector", WHOLE, 0.5)
    said.put("selector", BTC, 0.1)
    assert (said.of(BTC), said.of(ETH)) == (0.1, 0.5)
    said.put("rollout", ETH, 0.2)
    assert (said.of(BTC), said.of(ETH)) == (0.1, pytest.approx(0.1))


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf, -0.5])
def test_what_is_no_share_is_nothing_also_twice(said, nonsense):
    said.put("selector", BTC, nonsense)
    assert said.of(BTC) == 0.0
    said.put("rollout", BTC, nonsense)
    assert said.of(BTC) == 0.0
    said.put("selector", BTC, 0.5)
    assert said.of(BTC) == 0.0


def test_what_is_forgotten_is_all_again(said):
    said.put("selector", BTC, 0.0)
    said.clear()
    assert said.of(BTC) == 1.0


@given(words)
def test_it_is_the_product_of_what_each_alone_would_give(spoken):
    together, alone = Allocations(), {source: Allocations() for source in "abc"}
    for word in spoken:
        together.put(*word)
        alone[word[0]].put(*word)
    for instrument in (BTC, ETH):
        assert together.of(instrument) == pytest.approx(
            math.prod(one.of(instrument) for one in alone.values())
        )
