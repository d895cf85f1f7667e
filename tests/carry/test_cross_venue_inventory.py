"""Inventories: the room they leave, how they bend prices, and how they are brought back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue_inventory import (
    InventoryParams,
    Move,
    Stock,
    Supply,
    SupplyWatch,
    TransferTerms,
    rebalance,
)
from nautilus_quant.gating.intent import Side

BUY, SELL = Side.BUY, Side.SELL


def test_room_by_hand():
    stock = Stock(held=3.0, target=2.0, limit=5.0, free_to_buy=10.0, free_to_sell=3.5)
    assert stock.room(BUY) == 4.0  # to 7 = 2 + 5
    assert stock.room(SELL) == 3.5  # to -3 it would be 6, but that is all there is
    assert stock.fill(BUY, 1.5) == Stock(4.5, 2.0, 5.0, 8.5, 3.5)
    assert stock.fill(SELL, 1.5) == Stock(1.5, 2.0, 5.0, 10.0, 2.0)
    assert Stock(9.0, 2.0, 5.0).room(BUY) == 0.0
    assert Stock(math.nan, 2.0, 5.0).room(BUY) == 0.0
    assert Stock(0.0, free_to_sell=math.nan).room(SELL) == 0.0


@given(st.floats(-10.0, 10.0), st.floats(-5.0, 5.0), st.floats(0.1, 10.0), st.floats(0.0, 0.01))
def test_a_skew_pulls_back_and_never_more_than_it_may(held, target, limit, strength):
    stock, params = Stock(held, target, limit), InventoryParams(skew=strength)
    assert stock.skew(BUY, params) == -stock.skew(SELL, params)
    assert abs(stock.skew(BUY, params)) <= strength
    assert stock.skew(BUY, params) * stock.excess >= 0.0  # with too much, buying is made dearer


def test_a_skew_is_whole_at_the_limit_and_half_half_way():
    params = InventoryParams(skew=0.001)
    assert Stock(4.0, 2.0, 4.0).skew(BUY, params) == pytest.approx(0.0005)
    assert Stock(-9.0, 2.0, 4.0).skew(BUY, params) == -0.001
    assert Stock(4.0, 2.0, math.inf).skew(BUY, params) == 0.0
    assert Stock(math.nan, 2.0, 4.0).skew(BUY, params) == 0.0


def test_running_out_is_told_once_and_so_is_recovery():
    watch = SupplyWatch(InventoryParams(low=0.2, high=0.4))

    def told(held):
        changes = watch.update("A", Stock(held, 0.0, 10.0), smallest=0.5, usual=1.0)
        return [(c.side, c.supply, c.previous) for c in changes]

    assert told(0.0) == []
    assert told(8.5) == [(BUY, Supply.LOW, Supply.ENOUGH)]  # room 1.5 of 10
    assert told(9.0) == []
    assert told(9.6) == [(BUY, Supply.OUT, Supply.LOW)]
    assert watch.of("A", BUY) is Supply.OUT
    assert watch.of("A", SELL) is Supply.ENOUGH
    assert told(7.0) == [(BUY, Supply.LOW, Supply.OUT)]  # 3 of 10: not yet 4
    assert told(5.0) == [(BUY, Supply.ENOUGH, Supply.LOW)]
    assert told(-9.9) == [(SELL, Supply.OUT, Supply.ENOUGH)]


def test_what_is_unknown_has_run_out():
    watch = SupplyWatch()
    changes = watch.update("A", Stock(math.nan), smallest=0.1, usual=1.0)
    assert {change.supply for change in changes} == {Supply.OUT}


def test_without_a_limit_the_usual_size_counts():
    watch = SupplyWatch(InventoryParams(low=0.2, high=0.4))
    (change,) = watch.update("A", Stock(0.0, free_to_buy=0.3), smallest=0.1, usual=2.0)
    assert (change.supply, change.room) == (Supply.LOW, 0.3)


def test_transfers_by_hand():
    terms = TransferTerms(fixed=0.01, share=0.001, seconds=31_557_600.0 / 100, rate=0.05)
    # 0.01 + 10 × (0.001 + 0.05 / 100)
    assert terms.cost(10.0) == pytest.approx(0.025)
    assert terms.per_coin(10.0) == pytest.approx(0.0025)
    assert terms.cost(0.0) == 0.0
    assert math.isnan(terms.per_coin(0.0))


def test_rebalancing_by_hand():
    stocks = {"A": Stock(9.0, 4.0), "B": Stock(1.0, 4.0), "C": Stock(3.0, 4.0), "D": Stock(7.0, 8.0)}
    terms = {"A": TransferTerms(0.1, 0.0, 60.0), "B": TransferTerms()}
    moves = rebalance(stocks, terms)
    # the fixed cost weighs least on the largest
    assert moves == [
        Move("A", "B", 3.0, 0.1, 60.0),
        Move("A", "C", 1.0, 0.1, 60.0),
        Move("A", "D", 1.0, 0.1, 60.0),
    ]
    assert rebalance(stocks, terms, smallest=2.0) == moves[:1]
    assert rebalance(stocks, terms, closed=["A"]) == []
    assert [move.target for move in rebalance(stocks, terms, closed=["B"])] == ["C", "D"]
    assert rebalance(stocks, {"A": TransferTerms(fixed=5.0)}) == []  # it would all be lost


stocks = st.dictionaries(
    st.sampled_from("ABCDEF"),
    st.builds(Stock, held=st.floats(-50.0, 50.0), target=st.floats(-50.0, 50.0)),
    max_size=6,
)
transfers = st.dictionaries(
    st.sampled_from("ABCDEF"),
    st.builds(TransferTerms, fixed=st.floats(0.0, 0.5), share=st.floats(0.0, 0.01)),
    max_size=6,
)


@given(stocks, transfers)
def test_nothing_is_moved_beyond_a_target(stocks, terms):
    moves = rebalance(stocks, terms, smallest=0.01)
    after = {name: stock.excess for name, stock in stocks.items()}
    for move in moves:
        assert move.coins > 0.01
        assert move.source in terms
        assert move.cost < move.coins
        after[move.source] -= move.coins
        after[move.target] += move.coins
    for name, stock in stocks.items():
        assert after[name] * stock.excess >= -1e-9
        assert abs(after[name]) <= abs(stock.excess) + 1e-9
    assert len(moves) <= max(len(stocks) - 1, 0)


@given(stocks)
def test_where_moving_is_free_all_is_moved_that_can_be(stocks):
    moves = rebalance(stocks, {name: TransferTerms() for name in stocks})
    over = sum(max(stock.excess, 0.0) for stock in stocks.values())
    under = sum(max(-stock.excess, 0.0) for stock in stocks.values())
    assert sum(move.coins for move in moves) == pytest.approx(min(over, under), abs=1e-9)


@pytest.mark.parametrize("changes", [{"skew": -0.1}, {"low": 0.5}, {"high": 1.5}])
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=r"skew|low"):
        InventoryParams(**changes)
