"""What a venue publishes, in its units, and when it is believed."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.black76 import greeks, price, price_and_greeks
from nautilus_quant.options.contract import YEAR, Contract
from nautilus_quant.options.venue_greeks import (
    Check,
    CheckParams,
    Convention,
    Source,
    VenueGreeks,
    black_scholes,
    cross_check,
    published,
)

SECOND = 1_000_000_000
NOW = 1_774_000_000 * SECOND
OPTION = Contract("BTC-C", "BTC", NOW + YEAR // 10, 105_000.0, True, coin_settled=True)
F, VOL, T = 100_000.0, 0.65, 0.1


def told(convention: Convention = Convention.BLACK_SCHOLES, **changed: float) -> VenueGreeks:
    premium, moved = price_and_greeks(F, OPTION.strike, T, VOL, True)
    numbers = published(moved, float(premium), F, convention)
    return VenueGreeks(
        **{"ts": NOW - SECOND, **numbers, "mark_iv": VOL, "underlying_price": F, **changed},
        convention=convention,
    )


def check(venue: VenueGreeks | None, forward: float = F, vol: float = VOL, **params: float) -> Check:
    return cross_check(venue, OPTION, NOW, forward=forward, vol=vol, params=CheckParams(**params))


@given(x=st.floats(-0.5, 0.5), t=st.floats(0.02, 1.0), vol=st.floats(0.3, 1.2), call=st.booleans())
def test_price_adjusted_greeks_are_those_of_the_coin_price(
    x: float, t: float, vol: float, call: bool
) -> None:
    k, h = F * math.exp(x), 1e-3

    def coins(f: float = F, t: float = t, v: float = vol) -> float:
        return float(price(f, k, t, v, call)) / f

    low, mid, high = coins(F * (1 - h)), coins(), coins(F * (1 + h))
    premium, moved = price_and_greeks(F, k, t, vol, call)
    numbers = published(moved, float(premium), F, Convention.PRICE_ADJUSTED)
    assert numbers["delta"] == pytest.approx((high - low) / (2 * h), abs=2e-4)
    assert numbers["gamma"] == pytest.approx((high - 2 * mid + low) / h**2, rel=1e-3, abs=2e-3)
    assert numbers["vega"] == pytest.approx(
        (coins(v=vol + 1e-5) - coins(v=vol - 1e-5)) / 2e-5 * 0.01, abs=1e-8
    )
    assert numbers["theta"] == pytest.approx((coins(t=t - 1e-6) - coins(t=t + 1e-6)) / 2e-6 / 365, abs=1e-7)


@pytest.mark.parametrize("convention", list(Convention))
def test_there_and_back(convention: Convention) -> None:
    premium, moved = price_and_greeks(F, OPTION.strike, T, VOL, True)
    back = black_scholes(told(convention), float(premium), F)
    assert back == pytest.approx({name: float(getattr(moved, name)) for name in back}, rel=1e-9)


@pytest.mark.parametrize("convention", list(Convention))
def test_fresh_greeks_that_agree_are_used_as_black_scholes(convention: Convention) -> None:
    answer = check(told(convention))
    assert (answer.source, answer.fresh, answer.disagree) == (Source.VENUE, True, ())
    own = greeks(F, OPTION.strike, T, VOL, True)
    assert answer.greeks == pytest.approx([float(each) for each in own], rel=1e-9)
    assert set(answer.differences) == {"delta", "gamma", "vega", "theta"}
    assert max(map(abs, answer.differences.values())) < 1e-9


def test_the_venues_number_is_what_is_used_not_ours() -> None:
    own = check(None).greeks
    answer = check(told(delta=own.delta + 0.02))
    assert answer.source is Source.VENUE
    assert answer.greeks.delta == pytest.approx(own.delta + 0.02)
    assert answer.differences["delta"] == pytest.approx(0.02)
    assert answer.greeks.vanna == pytest.approx(own.vanna)


@pytest.mark.parametrize("name", ["delta", "gamma", "vega", "theta"])
def test_each_greek_is_checked(name: str) -> None:
    wrong = getattr(told(), name) * 1.5
    answer = check(told(**{name: wrong}))
    assert (answer.source, answer.disagree) == (Source.OWN, (name,))
    assert name in answer.reason
    assert answer.greeks == check(None).greeks


def test_a_wrong_unit_is_seen() -> None:
    # vega for the whole of 1.00 of volatility, theta for a year, coins taken for money
    assert check(told(vega=told().vega * 100)).disagree == ("vega",)
    assert check(told(theta=told().theta * 365)).disagree == ("theta",)
    coins = told(Convention.PRICE_ADJUSTED)
    mislabelled = told(**{name: getattr(coins, name) for name in ("delta", "gamma", "vega", "theta")})
    assert set(check(mislabelled).disagree) == {"delta", "gamma", "vega", "theta"}


@pytest.mark.parametrize(
    ("age", "fresh"), [(0, True), (30, True), (31, False), (86_400, False), (-30, True), (-31, False)]
)
def test_old_ones_are_left_alone(age: int, fresh: bool) -> None:
    answer = check(told(ts=NOW - age * SECOND))
    assert answer.fresh is fresh
    assert answer.source is (Source.VENUE if fresh else Source.OWN)
    assert answer.greeks == pytest.approx(check(None).greeks)


def test_the_venue_is_judged_by_its_own_volatility_and_forward() -> None:
    """A view of ours that differs is no error of theirs."""
    answer = check(told(), forward=F * 1.03, vol=VOL * 1.3)
    assert answer.source is Source.VENUE
    blind = told(mark_iv=math.nan, underlying_price=math.nan)
    assert check(blind).source is Source.VENUE
    assert check(blind, vol=VOL * 1.3).source is Source.OWN


def test_unknown_forward_or_volatility_of_ours_leaves_the_venue() -> None:
    assert check(told(), forward=math.nan, vol=math.nan).source is Source.VENUE
    wrong = check(told(vega=1e6), vol=math.nan)
    # Black-76 on the volatility the venue published is still right when its vega is not.
    assert wrong.source is Source.OWN
    assert wrong.greeks == pytest.approx(check(None).greeks)


@pytest.mark.parametrize(
    "venue",
    [
        None,
        told(ts=NOW - 60 * SECOND),
        told(delta=math.nan),
        told(gamma=math.inf),
        told(mark_iv=math.nan),
        told(mark_iv=0.0),
    ],
)
def test_with_nothing_to_go_by_there_are_none(venue: VenueGreeks | None) -> None:
    answer = check(venue, vol=math.nan)
    assert answer.source is Source.NONE
    assert math.isnan(answer.greeks.delta)
    assert answer.reason


def test_theta_of_the_last_day_is_not_compared() -> None:
    last = Contract("BTC-C", "BTC", NOW + YEAR // 365 // 4, 100_000.0, True)
    premium, moved = price_and_greeks(F, last.strike, 0.25 / 365, VOL, True)
    numbers = published(moved, float(premium), F, Convention.BLACK_SCHOLES)
    numbers["theta"] = -float(premium)
    venue = VenueGreeks(ts=NOW, **numbers, mark_iv=VOL, underlying_price=F)
    answer = cross_check(venue, last, NOW, forward=F, vol=VOL)
    assert answer.source is Source.VENUE
    assert set(answer.differences) == {"delta", "gamma", "vega"}


@pytest.mark.parametrize("name", ["max_age", "delta", "relative", "floor"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan, math.inf])
def test_tolerances_must_be_positive(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"{name} must be positive and finite"):
        CheckParams(**{name: value})
