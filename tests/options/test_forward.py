"""Forwards by put-call parity, and which quotes they and the smiles rest on."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.options.chain import Chain, tightest
from nautilus_quant.options.clean import CleanParams, Reason, counts, judge_quotes
from nautilus_quant.options.forward import forwards
from nautilus_quant.options.surface_fit import SurfaceParams, fit_surface, read_quotes
from tests.options.surface_kit import DAY, NOW, SECOND, SPOT, chain_of, forward_of, smiles

EVERYTHING = CleanParams(max_spread=10.0)


def all_good(chain: Chain) -> np.ndarray:
    return np.ones(len(chain), dtype=bool)


# -- forwards -----------------------------------------------------------------------------------------


def pairs(strikes: list[float], forward: float, *, scale: float = 1.0, spread: float = 10.0) -> Chain:
    """Calls and puts whose difference is scale·(forward − strike)."""
    call = [2_000.0 + max(scale * (forward - k), 0.0) for k in strikes]
    put = [c - scale * (forward - k) for c, k in zip(call, strikes, strict=True)]
    mid = np.array([*call, *put])
    return Chain.of(
        NOW,
        "BTC",
        expiry=[NOW + DAY] * len(mid),
        strike=[*strikes, *strikes],
        call=[True] * len(strikes) + [False] * len(strikes),
        bid=mid - spread / 2,
        ask=mid + spread / 2,
    )


STRIKES = [88_000.0, 89_000.0, 90_000.0, 91_000.0, 92_000.0]


def test_the_forward_by_hand():
    chain = pairs(STRIKES, 90_250.0)
    found = forwards(chain, all_good(chain))
    assert found.forward.tolist() == pytest.approx([90_250.0])
    assert found.slope.tolist() == [1.0]
    assert found.pairs.tolist() == [5]
    # At the nearest strike, 90 000: call 2 250, put 2 000.
    assert found.straddle.tolist() == pytest.approx([4_250.0])


@given(st.floats(87_000.0, 93_000.0), st.floats(0.93, 1.07))
def test_discounting_and_conversion_do_not_move_the_forward(forward, scale):
    chain = pairs(STRIKES, forward, scale=scale, spread=1.0)
    found = forwards(chain, all_good(chain))
    assert found.forward[0] == pytest.approx(forward, rel=1e-4)
    if abs(scale - 1.0) > 0.02:
        assert found.forward[0] == pytest.approx(forward, rel=1e-7)
        assert found.slope[0] == pytest.approx(scale, rel=1e-6)


def test_one_wrong_quote_does_not_move_the_forward():
    chain = pairs(STRIKES, 90_250.0)
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[1] += 500.0  # the call of 89 000
    ask[1] += 500.0
    wrong = replace(chain, bid=bid, ask=ask)
    found = forwards(wrong, all_good(wrong))
    assert found.forward[0] == pytest.approx(90_250.0, abs=5.0)


def test_tight_strikes_weigh_more():
    chain = pairs(STRIKES, 90_250.0)
    bid, ask = chain.bid.copy(), chain.ask.copy()
    bid[[0, 5]] -= np.array([400.0, 300.0])  # 88 000: wide, and 50 too low in the middle of the call
    ask[[0, 5]] += np.array([300.0, 300.0])
    found = forwards(replace(chain, bid=bid, ask=ask), all_good(chain))
    assert found.forward[0] == pytest.approx(90_250.0, abs=1.0)


def test_one_pair_is_enough_for_a_forward_and_too_few_for_a_slope():
    chain = pairs([90_000.0], 90_250.0, scale=0.95)
    found = forwards(chain, all_good(chain))
    assert found.forward.tolist() == pytest.approx([90_000.0 + 0.95 * 250.0])
    assert (found.pairs.tolist(), found.slope.tolist()) == ([1], [1.0])
    assert found.error[0] > 0.0


def test_without_pairs_the_venue_is_asked_and_without_it_nobody_knows():
    chain = pairs(STRIKES, 90_250.0)
    calls = chain.take(chain.call)
    unknown = forwards(calls, all_good(calls))
    assert math.isnan(unknown.forward[0])
    told = replace(calls, reference=np.array([90_300.0, math.nan, 90_301.0, 90_302.0, -1.0]))
    found = forwards(told, all_good(told))
    assert found.forward.tolist() == [90_301.0]
    assert found.pairs.tolist() == [0]
    assert math.isnan(found.error[0])


def test_bad_rows_take_no_part():
    chain = pairs(STRIKES, 90_250.0)
    good = all_good(chain)
    good[:5] = False
    assert math.isnan(forwards(chain, good).forward[0])


@given(st.floats(0.1, 1.2), st.randoms(use_true_random=False))
@settings(max_examples=25, deadline=None)
def test_forwards_of_a_whole_chain_do_not_depend_on_the_order_of_rows(vol, random):
    chain = chain_of(smiles(vol))
    order = list(range(len(chain)))
    random.shuffle(order)
    shuffled = chain.take(np.array(order))
    one, other = (forwards(c, all_good(c)) for c in (chain, shuffled))
    for expiry, forward in zip(one.expiry.tolist(), one.forward.tolist(), strict=True):
        assert forward == pytest.approx(forward_of(expiry), rel=5e-5)
    np.testing.assert_allclose(one.forward, other.forward, rtol=1e-9)


def test_premiums_in_coin_converted_at_spot_give_the_same_surface():
    """A premium in coin is worth its price times the forward; converted at spot it is a share of that."""
    true = chain_of(smiles(days=(23, 150)), spread=0.002)
    forward = np.array([forward_of(int(expiry)) for expiry in true.expiry])
    at_spot = replace(true, bid=true.bid / forward * SPOT, ask=true.ask / forward * SPOT)
    one, other = fit_surface(true), fit_surface(at_spot)
    for a, b in zip(one.slices, other.slices, strict=True):
        assert b.forward == pytest.approx(a.forward, rel=1e-5)
        assert b.atm == pytest.approx(a.atm, abs=2e-4)


# -- cleaning -----------------------------------------------------------------------------------------


def only(reasons: np.ndarray, names: list[str]) -> None:
    assert [Reason(reason).name for reason in reasons] == names


def test_each_reason_by_itself():
    chain = Chain.of(
        NOW,
        "BTC",
        expiry=[NOW + 10 * DAY] * 8 + [NOW + 1_800 * SECOND, NOW - 1],
        strike=[90_000.0] * 10,
        call=[True] * 10,
        bid=[100.0, math.nan, 0.0, 100.0, 100.0, 110.0, 60.0, 1.0, 100.0, 100.0],
        ask=[101.0, 101.0, 101.0, 101.0, 101.0, 109.0, 101.0, 19.0, 101.0, 101.0],
        quoted=[NOW, NOW, NOW, NOW - 301 * SECOND, NOW + 1, NOW, NOW, NOW, NOW, NOW],
    )
    reasons = judge_quotes(chain, CleanParams())
    only(
        reasons,
        [
            "GOOD",
            "ONE_SIDED",
            "ONE_SIDED",
            "STALE",
            "STALE",  # from the future
            "CROSSED",
            "WIDE",  # 41 on 80.5
            "GOOD",  # 18 on 10, but no more than two ten thousandths of the strike
            "EXPIRING",
            "EXPIRING",
        ],
    )
    assert counts(reasons) == {
        "good": 2,
        "expiring": 2,
        "one_sided": 2,
        "stale": 2,
        "crossed": 1,
        "wide": 1,
    }


def test_the_first_reason_counts():
    chain = Chain.of(
        NOW, "BTC", expiry=[NOW - 1], strike=[1.0], call=[True], bid=[5.0], ask=[3.0], quoted=[0]
    )
    only(judge_quotes(chain, CleanParams()), ["EXPIRING"])


def test_every_row_has_exactly_one_reason():
    chain = chain_of(smiles(), reach=5.0)
    quotes, _ = read_quotes(chain, SurfaceParams())
    found = counts(quotes.reasons)
    assert sum(found.values()) == len(chain)
    assert found["deep"] > 0
    assert np.isfinite(quotes.vol[quotes.reasons == Reason.GOOD]).all()
    assert np.isnan(quotes.vol[quotes.reasons != Reason.GOOD]).all()


def test_wings_end_where_they_are_told_to():
    chain = chain_of(smiles(days=(23,)), reach=5.0, strikes=101)
    for deviations in (1.0, 2.0):
        params = SurfaceParams(clean=CleanParams(max_deviations=deviations, max_spread=50.0))
        quotes, _ = read_quotes(chain, params)
        reach = np.abs(quotes.k[quotes.reasons == Reason.GOOD]).max()
        # One deviation of 50 % over 23 days is 0.1255; the straddle tells it to a few per cent.
        assert reach == pytest.approx(deviations * 0.1255, rel=0.1)


def test_an_expiry_with_too_few_strikes_has_no_slice():
    chain = chain_of(smiles(days=(9, 23)))
    strikes = np.unique(chain.strike[chain.expiry == NOW + 9 * DAY])[::8]
    few = chain.take((chain.expiry != NOW + 9 * DAY) | np.isin(chain.strike, strikes))
    surface = fit_surface(few)
    assert [slice_.expiry for slice_ in surface.slices] == [NOW + 23 * DAY]
    assert surface.rejected["lonely"] == 4
    assert surface.forward(NOW + 9 * DAY) == pytest.approx(forward_of(NOW + 9 * DAY), rel=1e-4)


def test_a_price_without_time_value_holds_no_volatility():
    chain = chain_of(smiles(days=(23,)))
    bid, ask = chain.bid.copy(), chain.ask.copy()
    place = int(np.flatnonzero(chain.call & (chain.strike > 1.1 * SPOT))[0])
    bid[place], ask[place] = 95_000.0, 95_001.0  # more than the forward
    quotes, _ = read_quotes(replace(chain, bid=bid, ask=ask), SurfaceParams())
    assert quotes.reasons[place] == Reason.NO_INFORMATION


def test_impossible_bounds_are_refused():
    for field in ("max_age", "max_spread", "max_deviations"):
        with pytest.raises(ValueError, match=f"{field} > 0"):
            CleanParams(**{field: 0.0})
    with pytest.raises(ValueError, match="min_hours >= 0"):
        CleanParams(min_hours=math.nan)


# -- chains -------------------------------------------------------------------------------------------


def test_columns_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="columns of one length, was 2"):
        Chain.of(NOW, "BTC", expiry=[1, 2], strike=[1.0], call=[True, False], bid=[1.0, 1.0], ask=[1.0, 1.0])


def test_of_what_pays_the_same_the_tightest_is_kept():
    chain = Chain.of(
        NOW,
        "BTC",
        expiry=[5, 5, 5, 6, 5, 5],
        strike=[1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        call=[True, True, False, True, True, True],
        bid=[1.0, 1.1, 1.0, 1.0, 3.0, 0.0],
        ask=[1.3, 1.2, 1.3, 1.3, 2.0, 0.0],  # the last but one is crossed, the last is nobody's
        names=["a", "b", "c", "d", "e", "f"],
    )
    assert tightest(chain).names == ("b", "c", "d")
