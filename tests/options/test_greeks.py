"""Greeks of contracts and positions: sizes, coins, money, and what hedging by them leaves."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.black76 import greeks, price
from nautilus_quant.options.contract import YEAR, Contract, years
from nautilus_quant.options.greeks import book_greeks, contract_greeks, position_greeks
from nautilus_quant.options.units import NUMBERS, Unit, UnitError, total

NOW = 1_774_000_000_000_000_000


def contract(**changed: object) -> Contract:
    told = {
        "name": "BTC-C",
        "underlying": "BTC",
        "expiry": NOW + YEAR // 10,
        "strike": 100_000.0,
        "call": True,
        "multiplier": 0.1,
    }
    return Contract(**{**told, **changed})


def test_one_contract_by_hand() -> None:
    # The straddle of test_black76: F = K = 1e5, t = 0.1, s = 0.2: premium 7965.567, delta 0.5398278, gamma
    # 1.984763e-5, vega 125.5274, theta -108.7541, vanna 6.276371e-4, volga -0.01984763, rho -7.965567 for one
    # coin. One contract is 0.1 coin; money / 1e5 is coins:
    # value 0.007965567, delta 0.05398278, premium-adjusted 0.05398278 - 0.007965567 = 0.04601721,
    # gamma for 1 %: 0.1 * 1.984763e-5 * 1e5/100 = 1.984763e-3, vega 0.1*125.5274/1e5 = 1.255274e-4 ...
    told = contract_greeks(contract(coin_settled=True), 100_000.0, math.sqrt(0.4), NOW)
    expected = {
        "value": 7.965567e-3,
        "delta": 5.398278e-2,
        "delta_adjusted": 4.601721e-2,
        "gamma_1pct": 1.984763e-3,
        "vega": 1.255274e-4,
        "theta": -1.087541e-4,
        "vanna": 6.276371e-5,
        "volga": -1.984763e-8,
        "rho": -7.965567e-6,
    }
    assert {name: getattr(told, name) for name in NUMBERS} == pytest.approx(expected, rel=2e-6)
    assert (told.unit, told.currency) == (Unit.COIN, "BTC")


def test_only_coin_settled_options_have_their_delta_adjusted() -> None:
    linear = contract_greeks(contract(), 95_000.0, 0.7, NOW)
    inverse = contract_greeks(contract(coin_settled=True), 95_000.0, 0.7, NOW)
    assert linear.delta_adjusted == linear.delta == inverse.delta
    assert inverse.delta_adjusted == inverse.delta - inverse.value


@given(x=st.floats(-0.5, 0.5), vol=st.floats(0.2, 1.5), call=st.booleans(), quantity=st.floats(-50.0, 50.0))
def test_hedged_by_its_delta_a_position_does_not_move(
    x: float, vol: float, call: bool, quantity: float
) -> None:
    """In money by delta coins of a linear future; in coins by the adjusted delta of an inverse one."""
    forward, step = 60_000.0, 1e-4
    option = contract(strike=forward * math.exp(x), call=call, coin_settled=True, multiplier=1.0)
    held = position_greeks(option, quantity, forward, vol, NOW)
    t = years(NOW, option.expiry)
    down, up = (forward * (1.0 + by) for by in (-step, step))
    low, high = (quantity * price(f, option.strike, t, vol, call) for f in (down, up))
    money = high - low - held.delta * (up - down)
    assert abs(money) < 1e-6 * forward * max(abs(quantity), 1e-3)
    # delta coins at the forward, short as an inverse future: it earns delta * F * (1/F' - 1/F) less coins
    coins = high / up - low / down + held.delta_adjusted * forward * (1.0 / up - 1.0 / down)
    assert abs(coins) < 1e-6 * max(abs(quantity), 1e-3)


def test_gamma_is_what_one_percent_does_to_delta() -> None:
    told = position_greeks(contract(), 40.0, 100_000.0, 0.6, NOW)
    after, before = (position_greeks(contract(), 40.0, f, 0.6, NOW).delta for f in (100_050.0, 99_950.0))
    assert told.gamma_1pct == pytest.approx((after - before) / 0.1 * 1.0, rel=1e-4)


def test_positions_scale_and_shorts_turn_around() -> None:
    one = contract_greeks(contract(), 98_000.0, 0.6, NOW)
    short = position_greeks(contract(), -7.0, 98_000.0, 0.6, NOW)
    assert short == one.times(-7.0)
    assert short.vega < 0.0 < short.theta


def test_money_is_what_black76_says() -> None:
    option = contract(multiplier=1.0, call=False, strike=90_000.0)
    plain = greeks(97_000.0, 90_000.0, years(NOW, option.expiry), 0.8, False, discount=0.97)
    told = contract_greeks(option, 97_000.0, 0.8, NOW, discount=0.97).in_reporting(97_000.0, "USD")
    for name in ("vega", "theta", "volga", "rho"):
        assert getattr(told, name) == pytest.approx(getattr(plain, name), rel=1e-12)
    assert told.delta == pytest.approx(plain.delta * 97_000.0)
    assert told.gamma_1pct == pytest.approx(plain.gamma * 97_000.0**2 / 100.0)
    assert told.vanna == pytest.approx(plain.vanna * 97_000.0)


def book() -> tuple[list[Contract], np.ndarray, np.ndarray, np.ndarray]:
    contracts = [
        contract(
            expiry=NOW + days * 86_400_000_000_000,
            strike=strike,
            call=call,
            coin_settled=call,
            multiplier=size,
        )
        for days, strike, call, size in [(1, 9e4, True, 1.0), (30, 1e5, False, 0.1), (90, 1.2e5, True, 0.01)]
    ]
    return (
        contracts,
        np.array([3.0, -20.0, 500.0]),
        np.array([1e5, 1.01e5, 1.02e5]),
        np.array([0.9, 0.7, 0.6]),
    )


def test_a_book_is_its_positions() -> None:
    contracts, held, forwards, vols = book()
    many = book_greeks(contracts, held, forwards, vols, NOW)
    each = [position_greeks(*given, NOW) for given in zip(contracts, held, forwards, vols, strict=True)]
    for name in NUMBERS:
        assert getattr(many, name) == pytest.approx([getattr(one, name) for one in each], rel=1e-12), name
    net, added = many.net(), total(each, Unit.COIN, "BTC")
    assert {n: getattr(net, n) for n in NUMBERS} == pytest.approx({n: getattr(added, n) for n in NUMBERS})


def test_a_book_in_coins_holds_one_coin() -> None:
    with pytest.raises(UnitError, match="options on one coin, was BTC, ETH"):
        book_greeks([contract(), contract(underlying="ETH")], [1.0, 1.0], 1e5, 0.6, NOW)
    with pytest.raises(UnitError, match="was none"):
        book_greeks([], [], 1e5, 0.6, NOW)


def test_one_unknown_volatility_makes_the_net_unknown() -> None:
    contracts, held, forwards, vols = book()
    many = book_greeks(contracts, held, forwards, np.where([False, True, False], np.nan, vols), NOW)
    assert np.isnan(many.delta).tolist() == [False, True, False]
    assert math.isnan(many.net().delta)


def test_an_expired_option_has_what_it_pays() -> None:
    gone = position_greeks(contract(expiry=NOW, coin_settled=True), 2.0, 125_000.0, math.nan, NOW)
    # 0.2 coin, (125 000 - 100 000)/125 000 = 0.2 of a coin each
    assert (gone.value, gone.delta) == pytest.approx((0.04, 0.2))
    assert gone.delta_adjusted == pytest.approx(0.16)
    assert gone.gamma_1pct == gone.vega == gone.theta == 0.0
