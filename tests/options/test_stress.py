"""Stress losses of books of options: by hand, against a slow twin, and what must hold of any book."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.options import black76
from nautilus_quant.options.contract import YEAR, Contract
from nautilus_quant.options.stress import Lines, book_losses, profits, room, worst
from nautilus_quant.options.stress_grid import Scenarios, StressParams
from nautilus_quant.options.stress_risk import concentration, expiry_gaps

DAY = YEAR // 365
GRID = Scenarios.of()
FORWARD = 100_000.0


def contract(strike: float, call: bool = True, days: float = 30.0, **other: Any) -> Contract:
    name = f"{strike:g}{'C' if call else 'P'}{days:g}"
    return Contract(name, "BTC", round(days * DAY), strike, call, **other)


def options(*contracts: Contract, vol: float = 0.5, forward: float = FORWARD) -> Lines:
    n = len(contracts)
    return Lines.of_options(contracts, np.full(n, forward), np.full(n, vol), 0)


def losses_of(lines: Lines, *held: float, grid: Scenarios = GRID) -> np.ndarray:
    quantity = np.array(held)
    return book_losses(profits(lines, grid), quantity, quantity)


def test_the_grid_is_every_step_with_every_shock_and_time_and_then_the_far_moves():
    assert len(GRID) == 9 * 3 * 2 + 8
    assert sorted(set(GRID.spot[:54].tolist())) == pytest.approx(np.linspace(-0.16, 0.16, 9))
    assert 0.0 in GRID.spot
    assert set(zip(GRID.vol[:54].tolist(), GRID.days[:54].tolist(), strict=True)) == {
        (vol, days) for vol in (-0.25, 0.0, 0.5) for days in (0.0, 1.0)
    }
    # 0.16 / 0.66, 0.16 / 0.33, 0.16 / 0.5, 0.16, 0.08, 0.16 / 3, 0.04, 0.032
    assert GRID.weight[54:] == pytest.approx(
        [0.242424, 0.484848, 0.32, 0.16, 0.08, 0.053333, 0.04, 0.032], 1e-5
    )
    assert GRID.scenario(0).text == "price -16%, volatility -25%"
    assert GRID.scenario(len(GRID) - 5).text == "price +100%, volatility +50%, 16% of it"


def test_shocks_of_volatility_grow_towards_the_expiry():
    years = np.array([30.0, 7.5, 120.0, 0.01]) / 365.0
    vols = GRID.vols(np.full(4, 0.8), years)
    up = int(np.flatnonzero(GRID.vol == 0.5)[0])
    # 0.8 times 1 + 0.5; 1 + 0.5·4^0.3 = 1.7579; 1 + 0.5·0.25^0.13 = 1.4175; 1 + 0.5·30^0.3 = 2.3871
    assert vols[up] == pytest.approx([1.2, 1.406287, 1.134028, 1.909687], rel=1e-5)
    down = int(np.flatnonzero(GRID.vol == -0.25)[0])
    assert vols[down, 0] == pytest.approx(0.6)
    calm = GRID.vols(np.array([0.2, 0.45]), years[:2])
    assert calm[up] == pytest.approx([0.5, 0.45 * 1.757858], rel=1e-5)  # at least 50 % when shocked upwards
    assert calm[down, 0] == pytest.approx(0.15)


def test_a_future_loses_sixteen_per_cent_and_no_more():
    lines = Lines.of_linear(["PERP"], [FORWARD])
    found = worst(losses_of(lines, 2.0), GRID)
    assert found.loss == pytest.approx(32_000.0)
    assert found.scenario.spot in {-0.16, -0.33, -0.66}
    assert worst(losses_of(lines, -2.0), GRID).loss == pytest.approx(32_000.0)


def test_a_short_straddle_by_hand():
    """
    One scenario: price +10 %, volatility +50 %, a day later.

    30 days, F = 100 000, 50 %: σ√T = 0.5·√(30/365) = 0.143345; each is worth
    100 000·(2·N(0.0716725) − 1) = 5 713.77.
    Then F = 110 000, 75 %, 29 days: σ√T = 0.75·√(29/365) = 0.211404; d1 = ln 1.1/0.211404 + 0.105702 =
    0.556547, d2 = 0.345143; call = 110 000·0.711083 − 100 000·0.635006 = 14 718.5, put = 4 718.5.
    """
    params = StressParams(spot_range=0.1, spot_steps=1, vol_up=0.5, vol_down=0.0, days=(0.0, 1.0), far=())
    grid = Scenarios.of(params)
    lines = options(contract(FORWARD), contract(FORWARD, call=False))
    losses = losses_of(lines, -1.0, -1.0, grid=grid)
    at = [n for n in range(len(grid)) if tuple(grid.scenario(n)) == (0.1, 0.5, 1.0, 1.0)]
    assert losses[at] == pytest.approx([14_718.5 + 4_718.5 - 2 * 5_713.77], abs=1.0)


def test_time_that_passes_the_expiry_leaves_what_is_paid():
    grid = Scenarios.of(StressParams(spot_range=0.1, spot_steps=1, days=(0.0, 2.0), far=()))
    lines = options(contract(95_000.0, days=1.0))
    up = [n for n in range(len(grid)) if grid.scenario(n)[:3] == (0.1, 0.0, 2.0)]
    before = float(black76.price(FORWARD, 95_000.0, 1 / 365, 0.5, True))
    assert profits(lines, grid)[up, 0] == pytest.approx([15_000.0 - before])
    down = [n for n in range(len(grid)) if grid.scenario(n)[:3] == (-0.1, 0.5, 2.0)]
    assert profits(lines, grid)[down, 0] == pytest.approx([-before])


def test_an_empty_book_loses_nothing():
    assert worst(losses_of(options()), GRID).loss == 0.0
    assert worst(losses_of(options(contract(FORWARD)), 0.0), GRID).loss == 0.0
    assert concentration(options(), np.empty(0)).vega_expiry == (0.0, 0.0, 0.0)
    assert expiry_gaps(options(), np.empty(0)) == ()


def test_a_box_loses_nothing():
    """Long call and short put below, short call and long put above: worth the width whatever happens."""
    lines = options(
        contract(90_000.0), contract(90_000.0, False), contract(110_000.0), contract(110_000.0, False)
    )
    assert worst(losses_of(lines, 1.0, -1.0, -1.0, 1.0), GRID).loss == pytest.approx(0.0, abs=1e-6)
    (gap,) = expiry_gaps(lines, np.array([1.0, -1.0, -1.0, 1.0]))
    assert gap.loss == pytest.approx(0.0, abs=1e-9)


def test_a_covered_call_loses_less_than_the_coin_and_less_than_the_naked_call():
    lines = options(contract(110_000.0)) + Lines.of_linear(["BTCUSDT"], [FORWARD])
    naked = worst(losses_of(lines, -1.0, 0.0), GRID)
    coin = worst(losses_of(lines, 0.0, 1.0), GRID)
    covered = worst(losses_of(lines, -1.0, 1.0), GRID)
    assert covered.loss < coin.loss == pytest.approx(16_000.0)
    assert covered.loss < naked.loss
    assert covered.scenario.spot < 0.0 < naked.scenario.spot


def test_far_short_options_lose_in_the_far_moves():
    """A call at twice the price hardly moves within 16 %."""
    found = worst(losses_of(options(contract(200_000.0, days=7.0)), -1.0), GRID)
    assert found.scenario.spot >= 1.0
    assert found.scenario.weight < 1.0


def test_sizes_are_multiplied():
    lines = options(contract(FORWARD, multiplier=0.1))
    whole = options(contract(FORWARD))
    assert losses_of(lines, -10.0) == pytest.approx(losses_of(whole, -1.0))
    euros = Lines.of_options([contract(FORWARD)], [FORWARD], [0.5], 0, rate=0.9)
    assert losses_of(euros, -1.0) == pytest.approx(0.9 * losses_of(whole, -1.0))


def test_what_is_unknown_is_named_and_nothing_hides_it():
    lines = options(contract(FORWARD)) + Lines.of_options([contract(90_000.0)], [FORWARD], [math.nan], 0)
    assert lines.problem == "the volatility of 90000C30 is unknown"
    assert math.isnan(worst(losses_of(lines, 1.0, 1.0), GRID).loss)
    assert Lines.of_options([contract(FORWARD)], [math.nan], [0.5], 0).problem.startswith("the forward of")
    assert Lines.of_linear(["PERP"], [math.nan]).problem == "the worth of PERP is unknown"
    assert options(contract(FORWARD)).problem == ""


# -- against a slow twin -----------------------------------------------------------------------------

strikes = st.floats(40_000.0, 250_000.0)
lives = st.floats(0.2, 300.0)
legs = st.lists(
    st.tuples(strikes, st.booleans(), lives, st.floats(0.15, 2.0), st.floats(-5.0, 5.0)),
    min_size=1,
    max_size=5,
)


def book(drawn: list[tuple[float, bool, float, float, float]]) -> tuple[Lines, np.ndarray]:
    contracts = [contract(strike, call, days) for strike, call, days, _, _ in drawn]
    vols = [vol for *_, vol, _ in drawn]
    lines = Lines.of_options(contracts, np.full(len(drawn), FORWARD), vols, 0)
    return lines, np.array([quantity for *_, quantity in drawn])


@settings(max_examples=40, deadline=None)
@given(legs)
def test_it_is_black_scenario_by_scenario(drawn):
    lines, quantity = book(drawn)
    params = GRID.params
    losses = book_losses(profits(lines, GRID), quantity, quantity)
    for n in range(0, len(GRID), 5):
        spot, shock, days, weight = GRID.scenario(n)
        total = 0.0
        for at, held in enumerate(quantity):
            left = float(lines.years[at])
            tenor = max(left * 365.0, 1.0)
            power = params.short_power if tenor < 30.0 else params.long_power
            vol = float(lines.vol[at])
            moved = vol * (1.0 + shock * (30.0 / tenor) ** power)
            if shock > 0.0:
                moved = max(moved, params.least_up)
            args = (float(lines.strike[at]), bool(lines.call[at]))
            before = black76.price(FORWARD, args[0], left, vol, args[1])
            after = black76.price(
                FORWARD * (1 + spot), args[0], max(left - days / 365.0, 0.0), moved, args[1]
            )
            total -= held * weight * float(after - before)
        assert losses[n] == pytest.approx(total, abs=1e-5, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(legs, legs, st.floats(0.0, 3.0))
def test_worst_losses_are_coherent(one, other, factor):
    """Never negative, in proportion to size, and no more for two books together than apart."""
    (lines, quantity), (more, others) = book(one), book(other)
    a, b = profits(lines, GRID) @ quantity, profits(more, GRID) @ others
    alone = worst(losses_of(lines, *quantity), GRID).loss
    assert alone >= 0.0
    assert worst(losses_of(lines, *(factor * quantity)), GRID).loss == pytest.approx(factor * alone, abs=1e-6)
    both = worst(losses_of(lines + more, *quantity, *others), GRID).loss
    assert both <= max(-a) + max(-b) + 1e-6


@settings(max_examples=60, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(strikes, lives, st.floats(0.15, 2.0), st.floats(0.0, 5.0)), min_size=2, max_size=5),
)
def test_selling_more_of_a_kind_never_loses_less(call, drawn):
    """Calls gain with the price and puts lose; of one kind, there is one worst side for all."""
    lines, quantity = book([(strike, call, days, vol, -held) for strike, days, vol, held in drawn])
    before = worst(losses_of(lines, *np.append(quantity[:-1], 0.0)), GRID).loss
    assert worst(losses_of(lines, *quantity), GRID).loss >= before - 1e-6


@settings(max_examples=60, deadline=None)
@given(legs, st.data())
def test_orders_that_may_fill_are_the_worst_of_all_ways_to_fill_them(drawn, data):
    lines, quantity = book(drawn)
    size = st.floats(0.0, 3.0)
    low = quantity - np.array([data.draw(size) for _ in quantity])
    high = quantity + np.array([data.draw(size) for _ in quantity])
    profit = profits(lines, GRID)
    found = book_losses(profit, low, high)
    ways = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(len(quantity), -1)
    assert found == pytest.approx((-profit @ ways).max(axis=1), abs=1e-6)


def test_of_what_loses_next_to_nothing_any_number_fits():
    assert room(np.zeros(1), np.array([-1e-310]), 38.0) == math.inf
    assert room(np.zeros(2), np.array([-1e-310, -19.0]), 38.0) == 2.0


@settings(max_examples=80, deadline=None)
@given(
    legs,
    st.tuples(strikes, st.booleans(), lives, st.floats(0.15, 2.0)),
    st.sampled_from([-1.0, 1.0]),
    st.floats(1.0, 1e6),
)
def test_the_room_is_the_last_size_that_fits(drawn, added, side, bound):
    lines, quantity = book(drawn)
    losses = book_losses(profits(lines, GRID), quantity, quantity)
    unit = side * profits(book([(*added, 0.0)])[0], GRID)[:, 0]
    fits = room(losses, unit, bound)
    if losses[unit < 0.0].max(initial=0.0) > bound:
        assert fits == 0.0
        return
    if math.isinf(fits):
        assert (unit >= 0.0).all()
        return
    after, more = (losses - size * unit for size in (fits, fits * 1.001 + 1e-6))
    assert after[unit < 0.0].max() <= bound * (1.0 + 1e-9)
    assert more[unit < 0.0].max() > bound * (1.0 - 1e-9)


def test_the_room_for_what_is_unknown_is_none():
    losses, unit = np.array([1.0, 2.0]), np.array([-1.0, 1.0])
    assert room(losses, unit, 3.0) == 2.0
    assert room(losses, unit, math.nan) == 0.0
    assert room(losses, np.array([-1.0, math.nan]), 3.0) == 0.0
    assert room(np.array([math.nan, 1.0]), unit, 3.0) == 0.0
    assert room(losses, np.array([0.0, 1.0]), 0.0) == math.inf


# -- where the risk sits -----------------------------------------------------------------------------


def test_concentration_by_expiry_and_strike():
    lines = options(
        contract(FORWARD, days=30.0), contract(FORWARD, days=90.0), contract(110_000.0, days=30.0)
    )
    found = concentration(lines, np.array([-3.0, 1.0, 0.0]))
    # Vega at the money grows with √T: 3·√30 of 3·√30 + √90 = 16.43 of 25.92, but for the density at d1.
    assert found.vega_expiry.share == pytest.approx(0.634, abs=0.01)
    assert found.vega_expiry.at == 30 * DAY
    assert found.vega_expiry.amount < 0.0
    # One strike holds it all, though the two expiries there stand against each other.
    assert found.vega_strike.share == 1.0
    assert found.vega_strike.at == FORWARD
    # Gamma falls with √T: 3/√30 of 3/√30 + 1/√90 = 0.5477 of 0.6531.
    assert found.gamma_expiry.share == pytest.approx(0.839, abs=0.01)
    deltas = [black76.greeks(f, FORWARD, 30 / 365, 0.5, True).delta for f in (99_500.0, 100_500.0)]
    near = -3.0 * float(deltas[1] - deltas[0]) * FORWARD
    assert found.gamma_expiry.amount == pytest.approx(near, rel=1e-3)


def test_an_expiry_gap_is_worst_at_a_strike_or_at_an_end():
    short = options(contract(104_000.0, days=1.0), contract(106_000.0, days=1.0))
    (naked,) = expiry_gaps(short, np.array([-2.0, 0.0]))
    # At 110 000 the calls pay 6 000 each.
    assert naked == (DAY, pytest.approx(12_000.0), pytest.approx(110_000.0), 1)
    (spread,) = expiry_gaps(short, np.array([-2.0, 2.0]))
    assert spread.loss == pytest.approx(4_000.0)
    assert spread.price == pytest.approx(106_000.0)
    assert spread.crossed == 2
    butterfly = options(*(contract(strike, days=1.0) for strike in (101_000.0, 103_000.0, 105_000.0)))
    (short_fly,) = expiry_gaps(butterfly, np.array([-1.0, 2.0, -1.0]))
    assert (short_fly.loss, short_fly.price) == (pytest.approx(2_000.0), 103_000.0)


def test_hedges_count_in_a_gap():
    lines = options(contract(104_000.0, days=1.0)) + Lines.of_linear(["PERP"], [FORWARD])
    (hedged,) = expiry_gaps(lines, np.array([-2.0, 1.0]))
    # At 110 000: 12 000 paid, 10 000 earned; at 90 000 the coin loses 10 000 and nothing is paid.
    assert (hedged.loss, hedged.price) == (pytest.approx(10_000.0), pytest.approx(90_000.0))
    assert [gap.expiry for gap in expiry_gaps(lines, np.array([0.0, 1.0]))] == []


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="days >= 0, among them 0"):
        StressParams(days=(1.0,))
    with pytest.raises(ValueError, match="far moves above -1"):
        StressParams(far=(-1.0,))
    with pytest.raises(ValueError, match="spot_range < 1"):
        StressParams(spot_range=1.0)
    with pytest.raises(ValueError, match="reach < 1"):
        expiry_gaps(options(), np.empty(0), 1.0)
