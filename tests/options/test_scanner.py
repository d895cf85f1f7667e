"""The scanner on chains whose mistakes are known: what is planted is found first, and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.account.fee_schedules import SCHEDULES
from nautilus_quant.account.fees import Tier
from nautilus_quant.options import black76
from nautilus_quant.options.chain import Chain
from nautilus_quant.options.scan_rows import Depth, read_rows
from nautilus_quant.options.scanner import Finding, Scan, ScanParams, scan, scan_skew
from nautilus_quant.options.surface_fit import fit_surface
from tests.options.surface_kit import DAY, NOW

DERIBIT = SCHEDULES["deribit_options"].tier(0.0)
FLAT = Tier(index=0, name="flat", volume=0.0, maker=Decimal(0), taker=Decimal("0.0003"))


def grid(
    *, vol: float = 0.5, half: float = 0.002, days: tuple[int, ...] = (9, 23, 60), carry: float = 0.0
) -> Chain:
    """A flat surface on round strikes, the same for all expiries; `carry` a year makes forwards differ."""
    rows = [
        (NOW + d * DAY, strike, call)
        for d in days
        for strike in np.arange(80_000.0, 102_000.0, 2_000.0).tolist()
        for call in (True, False)
    ]
    expiry, strike, call = (np.array(column) for column in zip(*rows, strict=True))
    left = (expiry - NOW) / (365 * DAY)
    bid, ask = (
        black76.price(90_000.0 * np.exp(carry * left), strike, left, vol + side * half, call)
        for side in (-1, 1)
    )
    names = [f"{(e - NOW) // DAY}-{k:.0f}-{'C' if c else 'P'}" for e, k, c in rows]
    return Chain.of(NOW, "BTC", expiry=expiry, strike=strike, call=call, bid=bid, ask=ask, names=names)


def shifted(chain: Chain, name: str, points: float) -> Chain:
    """The quotes of one option moved by vol points."""
    n = chain.names.index(name)
    left = (chain.expiry[n] - chain.ts) / (365 * DAY)
    by = (
        points
        / 100.0
        * float(black76.greeks(90_000.0, chain.strike[n], left, 0.5, chain.call[n]).vega)
        * 100.0
    )
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[n], ask[n] = bid[n] + by, ask[n] + by
    return replace(chain, bid=bid, ask=ask)


def look(chain: Chain, **options: Any) -> Scan:
    params = ScanParams(**options.pop("params", {}))
    return scan(chain, fit_surface(chain), params, **options)


def test_a_fair_market_has_nothing_to_offer():
    found = look(grid(), tier=DERIBIT)
    assert found.options == ()
    assert [idea for idea in found.spreads if idea.finding is not Finding.NEAR] == []
    assert found.rows is not None
    assert found.rows.fitted.sum() > 50


@pytest.mark.parametrize(("points", "side"), [(6.0, "sell"), (-6.0, "buy")])
def test_a_planted_option_is_first_with_its_figures(points, side):
    chain = shifted(grid(), "23-96000-C", points)
    found = look(chain, tier=FLAT)
    idea = found.options[0]
    assert (idea.name, idea.side) == ("23-96000-C", side)
    assert (idea.expiry, idea.strike, idea.call) == (NOW + 23 * DAY, 96_000.0, True)
    # The quote is 6 points off a surface of 50 %, which one strike of eleven bends by less than one.
    assert idea.points == pytest.approx(points, abs=1.0)
    n = chain.names.index("23-96000-C")
    left = 23 / 365
    fair = float(black76.price(90_000.0, 96_000.0, left, 0.5, True))
    assert idea.fair == pytest.approx(fair, rel=0.05)
    assert idea.price == (chain.bid[n] if side == "sell" else chain.ask[n])
    assert idea.fee == pytest.approx(0.0003 * 90_000.0, rel=1e-3)
    assert idea.half_spread == pytest.approx((chain.ask[n] - chain.bid[n]) / 2)
    signed = idea.price - idea.fair if side == "sell" else idea.fair - idea.price
    assert idea.edge == pytest.approx(signed - 27.0, abs=0.1)
    # Half the spread is 0.2 points, the least anybody knows is 0.2 points: √2·0.2 = 0.283 at least.
    assert 5.0 < abs(idea.errors) <= 1.01 * abs(idea.points) / 0.283


def test_fees_and_spreads_are_taken_off():
    chain = shifted(grid(), "23-96000-C", 2.0)
    free = look(chain).options
    assert free[0].name == "23-96000-C"
    # A vol point of it is worth about 80, so two of them pay 27 and not 270.
    dear = replace(FLAT, taker=Decimal("0.003"))
    assert look(chain, tier=FLAT).options[0].edge == pytest.approx(free[0].edge - 27.0, abs=0.1)
    assert look(chain, tier=dear).options == ()
    wide = shifted(grid(half=0.03), "23-96000-C", 2.0)
    assert look(wide).options == ()


def test_a_fee_is_at_most_a_share_of_the_premium():
    chain = grid(days=(9,))
    rows = read_rows(chain, fit_surface(chain), tier=DERIBIT)
    n = chain.names.index("9-100000-C")
    # The ask is about 350: an eighth of it is more than 27; of the put at 80 000 of 200 it is less.
    assert rows.buy_fee[n] == pytest.approx(min(27.0, 0.125 * chain.ask[n]), rel=1e-3)
    m = chain.names.index("9-80000-P")
    assert rows.buy_fee[m] == pytest.approx(min(27.0, 0.125 * chain.ask[m]), rel=1e-3)
    assert rows.sell_fee[m] < rows.buy_fee[m] or rows.buy_fee[m] == pytest.approx(27.0, rel=1e-3)


def test_what_cannot_be_traded_is_left_out():
    chain = shifted(grid(), "23-96000-C", 6.0)
    n = chain.names.index("23-96000-C")
    depth = Depth(np.full(len(chain), 50.0), np.full(len(chain), 2.0), np.full(len(chain), 8.0))
    idea = look(chain, depth=depth).options[0]
    assert (idea.open_interest, idea.size) == (50.0, 2.0)  # sold at the bid

    def named(**params: float) -> set[str]:
        return {one.name for one in look(chain, depth=depth, params=params).options}

    assert "23-96000-C" not in named(min_size=2.5)
    assert named(min_size=8.5) == set()
    depth.open_interest[n] = 3.0
    assert "23-96000-C" not in named(min_open_interest=4.0)
    assert "23-96000-C" in named(min_open_interest=3.0)
    assert look(chain, params={"min_open_interest": 1.0}).options == ()  # unknown
    assert look(chain).options[0].name == "23-96000-C"


def test_a_mistake_does_not_hide_itself_by_pulling_the_surface():
    """Against the slice that it helped to make it would be less off, and its neighbours would be off too."""
    chain = shifted(grid(), "23-90000-C", -8.0)
    plain = fit_surface(chain)
    n = chain.names.index("23-90000-C")
    rows = read_rows(chain, plain)
    assert rows.fit[n] == pytest.approx(0.5, abs=0.01)
    assert abs(float(plain.vol(90_000.0, NOW + 23 * DAY)) - 0.5) > abs(rows.fit[n] - 0.5)
    twin = chain.names.index("23-90000-P")
    assert rows.fit[twin] == rows.fit[n]


def test_slices_too_short_to_leave_one_out_are_held_against_themselves():
    chain = grid(days=(23,))
    chain = chain.take(np.isin(chain.strike, [82_000.0, 86_000.0, 90_000.0, 94_000.0, 98_000.0]))
    surface = fit_surface(chain)
    rows = read_rows(chain, surface)
    assert rows.fit == pytest.approx(surface.vol(chain.strike, chain.expiry))
    assert np.isfinite(rows.error[rows.fitted]).all()
    assert rows.fitted.sum() >= 5


def test_options_in_the_money_are_compared_too():
    chain = shifted(grid(), "23-84000-C", 6.0)
    assert look(chain, tier=FLAT).options[0].name == "23-84000-C"


# -- spreads -----------------------------------------------------------------------------------------


def priced(chain: Chain, **quotes: tuple[float, float]) -> Chain:
    bid, ask = chain.bid.copy(), chain.ask.copy()
    for name, (low, high) in quotes.items():
        n = chain.names.index(name)
        bid[n], ask[n] = low, high
    return replace(chain, bid=bid, ask=ask)


def by_name(chain: Chain, name: str) -> tuple[float, float]:
    n = chain.names.index(name)
    return float(chain.bid[n]), float(chain.ask[n])


def test_a_vertical_that_pays_to_be_bought_is_arbitrage():
    chain = grid()
    bid, ask = by_name(chain, "23-92000-C")
    # The call of the higher strike bids 100 more than the lower one asks.
    chain = priced(chain, **{"23-94000-C": (ask + 100.0, ask + 120.0)})
    found = look(chain)
    best = next(i for i in found.spreads if i.finding is Finding.ARBITRAGE and i.kind == "vertical")
    assert [(leg.name, leg.quantity) for leg in best.legs] == [("23-92000-C", 1.0), ("23-94000-C", -1.0)]
    assert (best.cost, best.bound, best.edge) == (
        pytest.approx(-100.0, abs=1.0),
        0.0,
        pytest.approx(100.0, abs=1.0),
    )
    assert [leg.price for leg in best.legs] == pytest.approx([ask, ask + 100.0], rel=1e-3)
    # Fees of 2 × 27 leave 46, of 2 × 900 not even what the surface says: it is then only quoted wrongly.
    kept = look(chain, tier=FLAT).spreads
    assert any(idea.finding is Finding.ARBITRAGE and idea.legs == best.legs for idea in kept)
    dear = look(chain, tier=replace(FLAT, taker=Decimal("0.01"))).spreads
    (same,) = [idea for idea in dear if idea.legs == best.legs]
    assert same.finding is Finding.VIOLATION
    assert same.mid == pytest.approx((bid + ask) / 2 - ask - 110.0, abs=2.0)


def test_a_vertical_is_worth_no_more_than_its_width():
    chain = grid()
    bid, _ = by_name(chain, "23-88000-C")
    # 2 000 apart, and the higher one asks 2 200 less than the lower one bids.
    chain = priced(chain, **{"23-90000-C": (bid - 2_220.0, bid - 2_200.0)})
    found = [i for i in look(chain).spreads if i.finding is Finding.ARBITRAGE and i.kind == "vertical"]
    (sold,) = [idea for idea in found if {leg.name for leg in idea.legs} == {"23-88000-C", "23-90000-C"}]
    assert {leg.name: leg.quantity for leg in sold.legs} == {"23-88000-C": -1.0, "23-90000-C": 1.0}
    assert sold.bound == -2_000.0
    assert sold.edge == pytest.approx(200.0, abs=2.0)


def test_a_butterfly_that_costs_less_than_nothing_is_arbitrage():
    chain = grid()
    low, high = by_name(chain, "60-94000-C"), by_name(chain, "60-98000-C")
    wings = 0.5 * (low[1] + high[1])
    chain = priced(chain, **{"60-96000-C": (wings + 50.0, wings + 60.0)})
    found = [i for i in look(chain).spreads if i.kind == "butterfly" and i.finding is Finding.ARBITRAGE]
    best = found[0]
    assert [(leg.name, leg.quantity) for leg in best.legs] == [
        ("60-94000-C", 0.5),
        ("60-96000-C", -1.0),
        ("60-98000-C", 0.5),
    ]
    assert best.edge == pytest.approx(50.0, abs=1.0)


def test_wings_of_uneven_width_are_weighed():
    chain = grid(days=(23,))
    keep = np.array([name != "23-94000-C" for name in chain.names])
    chain = chain.take(keep)
    low, high = by_name(chain, "23-92000-C"), by_name(chain, "23-98000-C")
    # 96 000 lies two thirds of the way from 92 000 to 98 000.
    line = low[1] / 3.0 + 2.0 * high[1] / 3.0
    chain = priced(chain, **{"23-96000-C": (line + 50.0, line + 60.0)})
    (best,) = [
        idea
        for idea in look(chain).spreads
        if idea.kind == "butterfly" and idea.legs[1].name == "23-96000-C" and idea.legs[1].quantity < 0
    ]
    assert [leg.quantity for leg in best.legs] == pytest.approx([1 / 3, -1.0, 2 / 3])
    assert best.finding is Finding.ARBITRAGE
    assert best.edge == pytest.approx(50.0, abs=1.0)


def test_a_calendar_must_not_cost_less_than_nothing():
    chain = grid()
    _, ask = by_name(chain, "23-96000-C")
    chain = priced(chain, **{"9-96000-C": (ask + 80.0, ask + 90.0)})
    found = [i for i in look(chain).spreads if i.kind == "calendar" and i.finding is Finding.ARBITRAGE]
    best = found[0]
    assert [leg.name for leg in best.legs] == ["23-96000-C", "9-96000-C"]
    assert best.legs[1].quantity == pytest.approx(-1.0, abs=1e-3)  # one forward for all
    assert best.bound == pytest.approx(0.0, abs=10.0)
    assert best.edge == pytest.approx(80.0, abs=10.0)


@pytest.mark.parametrize("carry", [0.6, -0.6])
def test_forwards_that_differ_are_no_calendar_arbitrage(carry):
    """
    The same strike lies elsewhere against each forward, and in the money a later option may be worth less.

    Sixty per cent a year make 90 000 into 91 342 in 9 days and 99 326 in 60: of a put at 100 000 that is some
    8 000 less, far more than time is worth at a volatility of 20 %.
    """
    chain = grid(vol=0.2, carry=carry)
    found = look(chain)
    assert [i for i in found.spreads if i.kind == "calendar" and i.finding is not Finding.NEAR] == []
    names = ("60-96000-P", "9-96000-P") if carry > 0.0 else ("60-84000-C", "9-84000-C")
    (far, _), (_, near) = (by_name(chain, name) for name in names)
    assert far < near - 1_000.0


def test_a_spread_off_the_surface_is_found_from_either_side():
    chain = shifted(grid(), "23-96000-C", 5.0)
    found = [i for i in look(chain, tier=FLAT).spreads if i.finding is Finding.SURFACE]
    sold = {leg.name for idea in found for leg in idea.legs if leg.quantity < 0}
    bought = {leg.name for idea in found for leg in idea.legs if leg.quantity > 0}
    assert "23-96000-C" in sold
    assert "23-96000-C" not in bought
    assert all(idea.edge > 0.0 for idea in found)
    assert [i.score for i in found] == sorted((i.score for i in found), reverse=True)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.2, 1.2), st.floats(0.0, 0.004), st.sampled_from([(9, 23, 60), (2, 3, 150)]))
def test_no_market_without_arbitrage_has_any(vol, half, days):
    found = look(grid(vol=vol, half=half, days=days), tier=FLAT)
    assert [i for i in found.spreads if i.finding in {Finding.ARBITRAGE, Finding.VIOLATION}] == []
    assert found.options == ()


# -- the rest ----------------------------------------------------------------------------------------


def test_skew_and_term_structure_by_their_scores():
    statistics = {"rr25|7-14": -0.08, "step|30+": 0.03, "atm|0-7": 0.5, "bf25|0-7": 0.01}
    scores = {"rr25|7-14": -2.4, "step|30+": 3.1, "atm|0-7": 1.9, "bf25|0-7": math.nan, "rr25|0-7": 9.0}
    found = scan_skew(statistics, scores, ScanParams())
    assert [(one.kind, one.bucket, one.score) for one in found] == [
        ("step", "30+", 3.1),
        ("rr25", "7-14", -2.4),
    ]
    assert found[0].trade == "sell this expiry, buy the one before"
    assert found[1].value == pytest.approx(-8.0)
    assert found[1].trade == "buy 25-delta calls, sell 25-delta puts"
    assert len(scan_skew(statistics, scores, ScanParams(min_score=1.5))) == 3


def test_an_empty_chain_is_looked_through():
    chain = grid().take(np.zeros(66, dtype=np.bool_))
    found = look(chain)
    assert (found.options, found.spreads, found.skews) == ((), (), ())


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="0 <= near < 1"):
        ScanParams(near=1.0)
    with pytest.raises(ValueError, match="min_size >= 0"):
        ScanParams(min_size=-1.0)
