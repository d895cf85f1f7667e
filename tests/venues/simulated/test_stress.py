"""Ordered accidents."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from nautilus_quant.venues.simulated.market import MarketConfig
from nautilus_quant.venues.simulated.stress import NAN_TICKS, Stress, overlay
from tests.venues.simulated.conftest import blocks_of

BTC, ETH = 0, 1


def stressed(*schedule: Stress) -> MarketConfig:
    return MarketConfig(seed=11, step=0.5, history=60.0, stress=schedule)


def at(block_seconds: float) -> int:
    """Step of the block that follows the opening, by seconds after it."""
    return round(block_seconds / 0.5) - 1


def test_a_crash_takes_the_price_down_and_leaves_it_there(market):
    calm = blocks_of(market, 4)
    hit = blocks_of(stressed(Stress(kind="crash", symbol="BTC", at=10.0, size=0.2, over=10.0)), 4)
    for block, step, share in (
        (1, at(10), 1.0),
        (1, at(15), math.sqrt(0.8)),
        (1, at(20), 0.8),
        (3, 119, 0.8),
    ):
        before, after = calm[block].groups[0], hit[block].groups[0]
        assert after.index[BTC, step] / before.index[BTC, step] == pytest.approx(share, rel=1e-4)
        assert after.mark[BTC, step] / before.mark[BTC, step] == pytest.approx(share, rel=1e-4)
        assert after.books.bid[BTC, step] / before.books.bid[BTC, step] == pytest.approx(share, rel=1e-4)
        assert np.array_equal(after.index[ETH], before.index[ETH])


def test_a_rally_that_recovers(market):
    event = Stress(kind="rally", at=0.0, size=0.5, over=10.0, duration=5.0, recover=10.0)
    seconds = np.array([0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 100.0])
    laid = overlay((event,), seconds)
    full = math.log(1.5)
    assert laid.shift[BTC] == pytest.approx([0, full / 2, full, full, full / 2, 0, 0])


def test_everything_but_the_last_trade_of_the_state_is_blind_to_stress(market):
    """The market after a crash is the same market, lower: nothing carried over has changed."""
    calm = blocks_of(market, 3)[2]
    hit = blocks_of(stressed(Stress(kind="crash", at=1.0, size=0.5)), 3)[2]
    assert np.array_equal(calm.basis.premium, hit.basis.premium)
    ratio = hit.groups[0].index[BTC] / calm.groups[0].index[BTC]
    assert ratio == pytest.approx(np.full(120, 0.5), rel=1e-4)


def test_a_spread_blows_out_and_the_book_thins(market):
    calm = blocks_of(market, 2)[1].groups[0].books
    wide = (
        blocks_of(stressed(Stress(kind="spread", at=10.0, duration=20.0, factor=50.0)), 2)[1].groups[0].books
    )
    inside, outside = slice(at(10), at(30)), slice(at(30), None)
    assert np.array_equal(wide.bid[:, outside], calm.bid[:, outside])
    assert (wide.ask - wide.bid)[ETH, inside].mean() > 10 * (calm.ask - calm.bid)[ETH, inside].mean()
    assert wide.bid_size[BTC, inside].mean() < calm.bid_size[BTC, inside].mean() / 20


def test_a_gap_silences_one_coin(market):
    block = blocks_of(stressed(Stress(kind="gap", symbol="ETH", at=10.0, duration=5.0)), 2)[1]
    assert np.flatnonzero(block.silent[ETH]).tolist() == list(range(at(10), at(15)))
    assert not block.silent[BTC].any()
    assert blocks_of(market, 2)[1].silent is None


def test_impossible_marks(market):
    zero = blocks_of(stressed(Stress(kind="zero", symbol="BTC", at=1.0, duration=2.0)), 2)[1].groups[0]
    assert zero.mark[BTC, at(1) : at(3)].tolist() == [0] * 4
    assert zero.index[BTC, at(1) : at(3)].tolist() == [0] * 4
    assert zero.mark[BTC, at(3)] > 0
    assert zero.books.bid[BTC].min() > 0
    absurd = blocks_of(stressed(Stress(kind="nan", at=1.0, duration=2.0)), 2)[1].groups[0]
    assert absurd.mark[ETH, at(1) : at(3)].tolist() == [NAN_TICKS] * 4


def test_impossible_quotes(market):
    schedule = Stress(kind="zero", target="quote", symbol="BTC", at=1.0, duration=1.0)
    group = blocks_of(stressed(schedule), 2)[1].groups[0]
    assert group.books.bid[BTC, at(1) : at(2)].tolist() == [0, 0]
    assert group.books.ask_size[BTC, at(1) : at(2)].tolist() == [0, 0]
    assert group.mark[BTC].min() > 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"kind":"crash","at":1,"symbol":"BTX"}', "did you mean BTC"),
        ('{"kind":"crash","at":1,"size":1.0}', "less than the whole price"),
        ('{"kind":"spread","at":1,"factor":0.5}', "at least 1"),
        ('{"kind":"nan","at":1,"target":"quote"}', "only knows target mark"),
        ('{"kind":"flood","at":1}', "Invalid enum value"),
        ('{"kind":"crash","at":1,"sise":0.1}', "unknown field"),
    ],
)
def test_what_makes_no_sense_is_refused(text, said):
    with pytest.raises(msgspec.ValidationError, match=said):
        msgspec.json.decode(text, type=Stress)
