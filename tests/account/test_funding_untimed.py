"""Payments whose time nobody has told, known by their amount."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.funding_untimed import UntimedFunding

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
NOON = 472_222 * HOUR
LATER = NOON + 30 * 60 * SECOND
BTC, ETH = "BTCUSDT-PERP.DYDX", "ETHUSDT-PERP.DYDX"


def rule(**rates: float) -> UntimedFunding:
    """Rates known since ten minutes before noon."""
    made = UntimedFunding()
    for name, rate in rates.items():
        made.update({"btc": BTC, "eth": ETH}[name], rate, NOON - 600 * SECOND, HOUR)
    return made


def test_what_is_owed_is_paid_at_any_time_and_up_to_twice_of_it():
    # 30 000 at 0.01 % owes 3.
    for amount, said in ((-3.0, True), (-0.1, True), (-6.0, True), (-6.1, False), (-1_000.0, False)):
        assert rule(btc=0.0001).is_payment("USDT", amount, {BTC: 30_000.0}, LATER) is said


def test_what_comes_in_must_come_on_the_hour_and_be_near_what_is_due():
    worths = {BTC: -30_000.0}  # a short receives 3
    for amount, said in ((3.0, True), (1.5, True), (4.5, True), (1.4, False), (4.6, False), (500.0, False)):
        assert rule(btc=0.0001).is_payment("USDT", amount, worths, NOON + 5 * SECOND) is said
    assert not rule(btc=0.0001).is_payment("USDT", 3.0, worths, LATER)
    assert not rule(btc=0.0001).is_payment("USDT", 3.0, worths, NOON + 121 * SECOND)
    assert not rule(btc=0.0001).is_payment("USDT", 3.0, worths, NOON - SECOND)


def test_a_sign_nobody_owes_is_a_flow():
    assert not rule(btc=0.0001).is_payment("USDT", 3.0, {BTC: 30_000.0}, NOON)
    assert not rule(btc=-0.0001).is_payment("USDT", -3.0, {BTC: 30_000.0}, NOON)


def test_paid_once_an_interval():
    made, worths = rule(btc=0.0001), {BTC: 30_000.0}
    assert made.is_payment("USDT", -4.0, worths, NOON)
    assert not made.is_payment("USDT", -4.0, worths, LATER)
    assert made.is_payment("USDT", -2.0, worths, LATER)  # up to twice in all
    made.update(BTC, 0.0001, LATER, HOUR)
    assert made.is_payment("USDT", -4.0, worths, NOON + HOUR)


def test_received_once_an_interval():
    made, worths = rule(btc=0.0001), {BTC: -30_000.0}
    assert made.is_payment("USDT", 3.0, worths, NOON + SECOND)
    assert not made.is_payment("USDT", 3.0, worths, NOON + 60 * SECOND)
    made.update(BTC, 0.0001, LATER, HOUR)
    assert made.is_payment("USDT", 3.0, worths, NOON + HOUR + SECOND)


@pytest.mark.parametrize("amounts", [(-3.0, -1.2), (-4.2,), (-1.2, -3.0)])
def test_position_by_position_or_all_at_once(amounts):
    # BTC owes 3 of 30 000, ETH 1.2 of 6 000 at 0.02 %.
    made = rule(btc=0.0001, eth=0.0002)
    worths = {BTC: 30_000.0, ETH: 6_000.0}
    assert all(made.is_payment("USDT", amount, worths, NOON + SECOND) for amount in amounts)


def test_one_receives_and_the_other_pays():
    # Net: -3 + 1.2.
    for amount in (-3.0, 1.2, -1.8):
        made = rule(btc=0.0001, eth=0.0002)
        assert made.is_payment("USDT", amount, {BTC: 30_000.0, ETH: -6_000.0}, NOON + SECOND)


def test_the_rate_of_the_hour_before_is_the_one_that_is_paid():
    made = rule(btc=0.0001)
    made.update(BTC, -0.0001, NOON + SECOND, HOUR)
    assert made.is_payment("USDT", -3.0, {BTC: 30_000.0}, NOON + 2 * SECOND)
    made.update(BTC, -0.0002, NOON + 3 * SECOND, HOUR)  # the next, said again
    assert made.is_payment("USDT", -3.0, {BTC: 30_000.0}, NOON + 4 * SECOND)


def test_what_is_not_known_explains_nothing():
    fresh = rule(btc=0.0001)
    assert not fresh.is_payment("USDT", -3.0, {}, NOON)
    assert not fresh.is_payment("USDT", -3.0, {ETH: 30_000.0}, NOON)
    assert not fresh.is_payment("USDT", -3.0, {BTC: math.nan}, NOON)
    assert not fresh.is_payment("USDT", math.nan, {BTC: 30_000.0}, NOON)
    assert not fresh.is_payment("USDT", -3.0, {BTC: 30_000.0}, NOON + 3 * HOUR)  # an old rate
    fresh.update(BTC, math.nan, NOON, HOUR)
    assert fresh.is_payment("USDT", -3.0, {BTC: 30_000.0}, NOON)  # the last known
    fresh.forget(BTC)
    assert not fresh.is_payment("USDT", -0.1, {BTC: 30_000.0}, NOON)


@given(
    rate=st.floats(-0.01, 0.01),
    worth=st.floats(-1e6, 1e6),
    amounts=st.lists(st.floats(-1e4, 1e4), max_size=30),
    at=st.integers(0, 55 * 60),
)
def test_within_an_interval_never_more_than_twice_what_is_due(rate, worth, amounts, at):
    made = rule(btc=rate)
    taken = [a for a in amounts if made.is_payment("USDT", a, {BTC: worth}, NOON + at * SECOND)]
    due = -worth * rate
    assert abs(sum(taken)) <= 2.0 * abs(due) * (1 + 1e-9)
    assert all(amount * due > 0.0 or amount == 0.0 for amount in taken)
