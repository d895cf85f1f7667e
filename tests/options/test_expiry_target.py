"""Where an option is rolled to."""

from __future__ import annotations

import math

import pytest

from nautilus_quant.options.contract import Contract
from nautilus_quant.options.expiry_target import candidates, choose_target, roll_cost
from tests.options.expiry_kit import EXPIRY, HOUR, option

DAY = 24 * HOUR
HELD = option(100_000.0)


def listed() -> list[Contract]:
    found = [HELD, option(100_000.0, expiry=EXPIRY + HOUR), option(100_000.0, expiry=EXPIRY - DAY)]
    found += [
        option(strike, expiry=EXPIRY + days * DAY, call=call)
        for days in (1, 2, 7)
        for strike in (90_000.0, 95_000.0, 100_000.0, 105_000.0, 110_000.0)
        for call in (True, False)
    ]
    return [
        *found,
        option(100_000.0, expiry=EXPIRY + DAY, underlying="ETH", name="eth"),
        option(100_000.0, expiry=EXPIRY + DAY, coin_settled=True, name="coin"),
        option(100_000.0, expiry=EXPIRY + DAY, settlement="USDC", name="usdc"),
        option(100_000.0, expiry=EXPIRY + DAY, multiplier=0.1, name="small"),
    ]


def test_the_next_expiry_has_the_same_kind_of_option() -> None:
    found = candidates(HELD, listed(), least=12 * HOUR)
    assert [c.strike for c in found] == [100_000.0, 105_000.0, 95_000.0, 110_000.0, 90_000.0]
    assert {(c.expiry, c.call, c.underlying, c.coin_settled, c.multiplier, c.settlement) for c in found} == {
        (EXPIRY + DAY, True, "BTC", False, 1.0, "USD")
    }


def test_how_much_later_the_next_expiry_is() -> None:
    assert candidates(HELD, listed(), least=0)[0].expiry == EXPIRY + HOUR
    assert candidates(HELD, listed(), least=DAY + 1)[0].expiry == EXPIRY + 2 * DAY
    assert candidates(HELD, listed(), least=8 * DAY) == []
    assert len(candidates(HELD, listed(), least=DAY, most=2)) == 2


def no_delta(_: Contract) -> float:
    return math.nan


def test_the_same_strike_or_the_nearest_of_those_near() -> None:
    found = candidates(HELD, listed(), least=DAY)
    assert choose_target(HELD, found, "strike", no_delta) == option(100_000.0, expiry=EXPIRY + DAY)
    without = [c for c in found if c.strike != 100_000.0]
    near = choose_target(HELD, without, "strike", no_delta, tolerance=0.05)
    assert near is not None
    assert near.strike == 105_000.0
    assert choose_target(HELD, without, "strike", no_delta, tolerance=0.049) is None


def test_the_same_delta() -> None:
    found = candidates(HELD, listed(), least=DAY)
    deltas = {90_000.0: 0.9, 95_000.0: 0.75, 100_000.0: 0.5, 105_000.0: 0.25, 110_000.0: math.nan}

    def delta(contract: Contract) -> float:
        return 0.8 if contract is HELD else deltas[contract.strike]

    chosen = choose_target(HELD, found, "delta", delta)
    assert chosen is not None
    assert chosen.strike == 95_000.0
    assert choose_target(HELD, found, "delta", no_delta) is None
    assert choose_target(HELD, [], "delta", delta) is None


def test_what_a_roll_costs() -> None:
    # half of 20, half of 60, and the fees
    assert roll_cost((990.0, 1_010.0), (2_970.0, 3_030.0), 25.0) == pytest.approx(10.0 + 30.0 + 25.0)
    assert math.isnan(roll_cost((math.nan, 1_010.0), (2_970.0, 3_030.0), 25.0))
