"""What a spread cost, and how it stands."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest

from nautilus_quant.options.contract import Contract
from nautilus_quant.options.spread_book import Phase, SpreadBook, Touch
from nautilus_quant.options.spreads import Leg, Spread

D = Decimal
EXPIRY = 1_765_000_000 * 10**9
TS = 1_763_712_000 * 10**9
WING = Contract("wing", "BTC", EXPIRY, 80.0, False, 0.1, settlement="USDT")
SHORT = Contract("short", "BTC", EXPIRY, 90.0, False, 0.1, settlement="USDT")


def book() -> SpreadBook:
    spread = Spread("put_credit", (Leg(WING, 1), Leg(SHORT, -1)))
    return SpreadBook.begin(spread, D(30), ts=TS, loss=0.5, reason="because")


def filled() -> SpreadBook:
    made = book()
    made.on_fill("wing", D(30), D("2.5"), D("0.4"))  # pays 30 x 0.1 x 2.5 + 0.4 = 7.9
    made.on_fill("short", D(-20), D("4.1"), D("0.3"))  # gets 20 x 0.1 x 4.1 - 0.3 = 7.9
    made.on_fill("short", D(-10), D("4.0"), D("0.2"))  # gets 4 - 0.2 = 3.8
    return made


def test_the_plan_is_so_many_of_each_leg() -> None:
    assert book().plan == {"wing": D(30), "short": D(-30)}


def test_cash_and_stake_are_exact() -> None:
    made = filled()
    assert made.cash == D("3.8")
    assert made.stake == 0
    made.hold()
    assert made.stake == D("3.8")
    assert made.bought == {"wing": D(30), "short": D(-30)}
    made.on_fill("else", D(5), D(9), D(9))
    assert made.cash == D("3.8")


def test_how_it_stands_is_what_closing_brings() -> None:
    made = filled()
    made.hold()
    # Sells 30 wings at 1.0 and buys 30 back at 2.0: 3 x 1 - 3 x 2 = -3; 3.8 - 3 - 0.1 of fees.
    stands = made.standing(TS, {"wing": Touch(1.0, 1.2), "short": Touch(1.8, 2.0)}, 0.1)
    assert stands.pnl == pytest.approx(0.7)
    assert stands.profit == pytest.approx(3.8)  # nothing is paid above 90
    assert (stands.stake, stands.now, stands.expiry) == (3.8, TS, EXPIRY)


def test_what_is_long_without_a_bid_is_worth_nothing_and_what_is_short_without_an_ask_unknown() -> None:
    made = filled()
    no_bid = {"wing": Touch(math.nan, 1.2), "short": Touch(1.8, 2.0)}
    assert made.standing(TS, no_bid).pnl == pytest.approx(3.8 - 6.0)
    assert math.isnan(made.standing(TS, {"wing": Touch(1.0, 1.2), "short": Touch(1.8, math.nan)}).pnl)
    assert math.isnan(made.standing(TS, {}).pnl)


def test_what_was_closed_is_counted_once() -> None:
    made = filled()
    made.on_fill("short", D(30), D(2), D("0.1"))
    made.on_fill("wing", D(-30), D(1), D("0.1"))
    assert made.cash == D("3.8") - D("6.1") + D("2.9")
    assert made.standing(TS, {}).pnl == pytest.approx(0.6)


def test_a_calendar_has_no_largest_profit() -> None:
    later = Contract("later", "BTC", EXPIRY + 1, 90.0, False, 0.1, settlement="USDT")
    made = SpreadBook.begin(
        Spread("calendar", (Leg(later, 1), Leg(SHORT, -1))), D(1), ts=TS, loss=1.0, reason=""
    )
    assert made.standing(TS, {}).profit == math.inf


def test_fewer_units_lose_less() -> None:
    made = book()
    assert made.loss == pytest.approx(15.0)  # 30 units of a half
    made.shrink(D(12))
    assert made.plan == {"wing": D(12), "short": D(-12)}
    assert made.loss == pytest.approx(6.0)


def test_phases_go_one_way_and_the_first_reason_to_leave_stays() -> None:
    made = filled()
    assert made.phase is Phase.ENTERING
    made.leave("time")
    assert (made.phase, made.reason, made.stake) == (Phase.LEAVING, "time", D("3.8"))
    made.leave("loss")
    made.hold()
    assert (made.phase, made.reason) == (Phase.LEAVING, "time")


def test_it_is_read_back_as_it_was_written() -> None:
    made = filled()
    made.hold()
    made.limits = {"wing": 2.5, "short": 4.0}
    assert SpreadBook.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    endless = SpreadBook.begin(Spread("call", (Leg(WING, -1),)), D(1), ts=TS, loss=1.0, reason="")
    endless.best = D("Infinity")
    assert SpreadBook.from_dict(json.loads(json.dumps(endless.to_dict()))) == endless
