"""Policies, buckets and the duplicate guard as one gate."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nautilus_quant.gating.intent import UNLIMITED, Decision, Verdict
from nautilus_quant.gating.policy_book import MOST, PolicyBook, RateLimit
from tests.gating.policy_kit import MID, NOW, PERP, SECOND, intent, limit, market

BTC = "BTCUSDT-PERP.BINANCE"


def book(**options) -> PolicyBook:
    made = PolicyBook(options.pop("limit", None), options.pop("window", 1.0), **options)
    made.put(BTC, PERP)
    return made


def ask(made: PolicyBook, asked, terms=None) -> Verdict:
    terms = (terms or market(float(asked.quantity)))._replace(ts=asked.ts)
    return made.judge(asked, terms, made.desks[BTC], MID)


def send(made: PolicyBook, asked, terms=None) -> Verdict:
    verdict = ask(made, asked, terms)
    made.decided(Decision.of(asked, (verdict,)))
    return verdict


def test_a_good_order_passes():
    verdict = send(book(), intent())
    assert (verdict.gate, verdict.allowed, verdict.code) == ("policy", UNLIMITED, "ALLOW")


def test_a_bad_one_is_denied_with_all_its_faults():
    verdict = ask(book(), intent(price=30_000.03), limit(30_000.03, time_in_force="DAY"))
    assert verdict.allowed == 0
    assert verdict.code == "TIME_IN_FORCE"
    assert verdict.reason == (
        "time_in_force of LIMIT orders must be one of GTC, IOC, FOK, GTD, was DAY; nearest valid is GTD; "
        "price must be a multiple of 0.1, was 30000.03; nearest valid is 30000.0"
    )
    assert verdict.numbers == {
        "field": "time_in_force",
        "rule": "TIME_IN_FORCE",
        "was": "DAY",
        "nearest": "GTD",
    }


def test_a_size_that_is_too_large_comes_smaller():
    verdict = ask(book(), intent("150"))
    assert (verdict.allowed, verdict.code) == (Decimal(100), "MAX_QUANTITY")
    # 2 of the 100 close: 98 may open
    assert ask(book(), intent("148", "2")).allowed == 98
    assert ask(book(), intent("1.0006")).allowed == Decimal("1.000")
    assert ask(book(), intent("0.001")).allowed == 0


def test_what_closes_more_than_is_valid_opens_nothing():
    verdict = ask(book(), intent("1", "150"))
    assert verdict.allowed == 0


def test_overrides_are_stronger_the_nearer_they_are():
    made = book(
        everywhere={"max_quantity": 50.0, "gtd": False},
        venues={"BINANCE": {"max_quantity": 20.0}, "OKX": {"max_quantity": 1.0}},
        instruments={BTC: {"max_quantity": 5.0}},
    )
    ether = made.put("ETHUSDT-PERP.BINANCE", PERP).policy
    other = made.put("ETHUSDT-PERP.BYBIT", PERP).policy
    assert [made.desks[BTC].policy.max_quantity, ether.max_quantity, other.max_quantity] == [5.0, 20.0, 50.0]
    assert not ether.gtd
    made.forget(BTC)
    made.forget(BTC)
    assert BTC not in made.desks


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"instruments": {"BTC": {}}},
            "an instrument is named SYMBOL.VENUE, e.g. BTCUSDT-PERP.BINANCE, was 'BTC'",
        ),
        (
            {"venues": {"OKX": {"maxquantity": 1.0}}},
            "override for OKX: unknown name 'maxquantity', did you mean max_quantity?",
        ),
        ({"limit": RateLimit(rates={"OKX": -1.0})}, "need a finite rate > 0 [orders/min], was -1.0"),
        ({"window": -1.0}, "need 0 <= window <= 3600 [s], was -1.0"),
    ],
)
def test_impossible_settings_are_refused_at_once(options, text):
    with pytest.raises(ValueError) as told:
        book(**options)
    assert str(told.value).startswith(text)


# -- number --------------------------------------------------------------------------------------------

TIGHT = RateLimit(rate=60.0, burst=4.0, reserve=1.0)


def burst(made: PolicyBook, count: int, ts: int = NOW, start: int = 0) -> list[str]:
    return [
        send(made, intent(ts=ts, order=f"O-{n}", price=MID + n % 100), limit(MID + n % 100)).code
        for n in range(start, start + count)
    ]


def test_too_many_orders_are_denied_and_nothing_they_did_not_send_is_counted():
    made = book(limit=TIGHT)
    assert burst(made, 5) == ["ALLOW"] * 3 + ["RATE_LIMIT"] * 2
    verdict = ask(made, intent(price=MID))
    assert verdict.reason == (
        "BINANCE takes 60 orders/min and 4 at once; 1.0 are left, of which 1 are kept for closing; "
        "the next order may open risk in 1.0 s"
    )
    assert verdict.numbers == {"tokens": 1.0, "reserve": 1.0, "wait": 1.0}
    assert made.throttled == {"BINANCE": 2}
    assert burst(made, 2, NOW + SECOND, start=9) == ["ALLOW", "RATE_LIMIT"]


def test_each_venue_has_its_own_count_and_all_its_instruments_share_it():
    made = book(limit=TIGHT._replace(rates={"OKX": 30.0}))
    made.put("X.BINANCE", PERP)
    made.put("X.OKX", PERP)
    burst(made, 3)
    assert not made.desks["X.BINANCE"].bucket.is_open(NOW)
    assert made.desks["X.OKX"].bucket.is_open(NOW)
    assert (made.bucket("OKX").rate, made.bucket("BINANCE").rate) == (30.0, 60.0)


def test_orders_that_close_are_counted_when_they_leave():
    made = book(limit=TIGHT)
    send(made, intent(order="O-1"))
    assert made.sent("O-1", "BINANCE", NOW)  # counted when it was decided on
    assert made.bucket("BINANCE").tokens(NOW) == 3.0
    assert not made.sent("O-2", "BINANCE", NOW)
    assert made.bucket("BINANCE").tokens(NOW) == 2.0


def test_an_order_denied_by_another_is_given_back():
    made = book(limit=TIGHT)
    send(made, intent(order="O-1"))
    made.denied("O-1")
    made.denied("O-1")
    made.denied("O-7")
    assert made.bucket("BINANCE").tokens(NOW) == 4.0
    assert send(made, intent(order="O-2")).code == "ALLOW"


def test_what_another_gate_cuts_is_not_counted():
    made = book(limit=TIGHT)
    asked = intent()
    no = Verdict.deny("other", "RATE_LIMIT", "theirs")
    assert made.decided(Decision.of(asked, (ask(made, asked), no))) == ""
    assert made.bucket("BINANCE").tokens(NOW) == 4.0
    assert made.throttled == {}


def test_previews_and_what_only_closes_are_not_counted_here():
    made = book(limit=TIGHT)
    send(made, intent(command="preview"))
    send(made, intent("0", "1"))
    assert made.bucket("BINANCE").tokens(NOW) == 4.0


def test_a_change_is_counted_and_no_repetition():
    made = book(limit=TIGHT)
    for n in range(3):
        assert (
            send(made, intent(order="O-1", command="modify", price=MID), limit(resting=True)).code == "ALLOW"
        ), n
    assert (
        send(made, intent(order="O-1", command="modify", price=MID), limit(resting=True)).code == "RATE_LIMIT"
    )


def test_a_resting_order_is_not_held_to_the_number():
    made = book(limit=TIGHT)
    burst(made, 3)
    assert ask(made, intent(command="rest", price=MID), limit(resting=True)).code == "ALLOW"
    assert (
        ask(made, intent("150", command="rest", price=MID), limit(quantity=150.0, resting=True)).code
        == "MAX_QUANTITY"
    )


def test_a_throttle_is_told_once_until_half_the_burst_is_back():
    made = book(limit=RateLimit(60.0, 10.0, 2.0))
    burst(made, 8)
    told = [made.decided(Decision.of(a, (ask(made, a),))) for a in (intent(), intent(order="O-2"))]
    assert told == ["BINANCE", ""]
    # half of 8 beyond the reserve of 2, at one a second
    assert made.ready_at("BINANCE", NOW) == NOW + 4 * SECOND
    assert not made.is_over("BINANCE", NOW + 3 * SECOND)
    assert made.is_over("BINANCE", NOW + 4 * SECOND)
    burst(made, 4, NOW + 4 * SECOND, start=20)
    late = intent(ts=NOW + 4 * SECOND, order="O-99")
    assert made.decided(Decision.of(late, (ask(made, late),))) == "BINANCE"


def test_orders_that_never_leave_are_forgotten_at_last():
    made = book(limit=RateLimit(1e9, 1e6, 1.0), window=0.0)
    burst(made, MOST + 10)
    assert len(made._leaving) == MOST


# -- repetition ----------------------------------------------------------------------------------------


def test_the_same_order_twice_is_denied_with_the_first_ones_name():
    made = book()
    assert send(made, intent("1.5", order="O-1", price=MID), limit(quantity=1.5)).code == "ALLOW"
    verdict = send(made, intent("1.5", order="O-2", price=MID, ts=NOW + SECOND // 2), limit(quantity=1.5))
    assert (verdict.code, verdict.allowed) == ("DUPLICATE", 0)
    assert verdict.reason == "O-1 is the same order (BUY 1.5 at 30000), sent less than 1 s ago"
    assert (
        send(made, intent("1.5", order="O-3", price=MID, ts=NOW + SECOND), limit(quantity=1.5)).code
        == "ALLOW"
    )


def test_at_market_is_said_so():
    made = book()
    send(made, intent())
    assert ask(made, intent(order="O-2")).reason.startswith("O-1 is the same order (BUY 1 at market)")


def test_an_order_is_no_repetition_of_itself():
    made = book()
    send(made, intent())
    assert ask(made, intent(command="release")).code == "ALLOW"


def test_a_denied_order_may_be_sent_again():
    made = book()
    asked = intent("1.5", order="O-1")
    made.decided(Decision.of(asked, (ask(made, asked), Verdict.deny("other", "NO", "no"))))
    assert send(made, intent("1.5", order="O-2")).code == "ALLOW"


def test_slices_of_one_parent_are_no_repetitions():
    made = book(family=str)
    assert [send(made, intent(order=f"O-{n}", source="TWAP-1")).code for n in range(3)] == ["ALLOW"] * 3
    assert send(made, intent(order="O-9", source="TWAP-2")).code == "DUPLICATE"


def test_an_exit_that_turns_round_may_be_told_not_to():
    strict = book(require_reduce_only=True)
    verdict = ask(strict, intent("2", "1"))
    assert (verdict.code, verdict.allowed) == ("REDUCE_ONLY_EXITS", 0)
    assert verdict.reason == (
        "an order that closes 1 must not open 2 with its rest; close with a reduce-only order of 1, then open"
    )
    assert ask(strict, intent("2")).code == "ALLOW"
    assert ask(book(), intent("2", "1")).code == "ALLOW"
    unknown = book(require_reduce_only=True, everywhere={"reduce_only": False})
    assert ask(unknown, intent("2", "1")).code == "ALLOW"
