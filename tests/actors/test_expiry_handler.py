"""The expiry handler in real engine runs, with a strategy that knows nothing of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from nautilus_quant.actors.expiry_handler import ExpiryHandler, ExpiryHandlerConfig
from nautilus_quant.host.expiry_settings import ExpirySettings
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.state import shared_store
from tests.actors.expiry_runs import (
    DAY,
    EXPIRY,
    HOUR,
    MINUTE,
    SECOND,
    Holder,
    Run,
    Tape,
    engine,
    handler,
    option,
    run,
)

OLD, NEW = option(), option(expiry=EXPIRY + DAY)
OLD_NAME, NEW_NAME = OLD.id.symbol.value, NEW.id.symbol.value
START, END = EXPIRY - 5 * HOUR, EXPIRY + 6 * MINUTE


def tape(index: Any = 103_000.0, *options: Any, start: int = START, end: int = END, **other: Any) -> Tape:
    return Tape(options or (OLD, NEW), index, start=start, end=end, **other)


def at(text: str) -> int:
    return round(dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC).timestamp()) * SECOND


# -- closing ---------------------------------------------------------------------------------------


def test_out_of_the_money_it_is_sold_two_hours_before_if_worth_its_fee() -> None:
    ran = run(tape(98_500.0), {OLD.id: 2.0})
    assert ran.told("closing") == [("closing", "WORTH_MORE")]
    (order,) = ran.orders()
    assert order.ts_init == EXPIRY - 2 * HOUR
    assert ran.held() == {}


def test_out_of_the_money_and_worth_nothing_it_expires() -> None:
    ran = run(tape(lambda ts: 99_000.0 if ts < START + MINUTE else 80_000.0), {OLD.id: 2.0})
    assert ran.told("expires")[0] == ("expires", "WORTHLESS")
    assert ran.orders() == []
    assert ran.told("settled") == [("settled", "SETTLED")]


def test_near_its_strike_it_is_closed() -> None:
    ran = run(tape(99_900.0), {OLD.id: -2.0})
    assert ran.told("closing") == [("closing", "PIN")]
    assert ran.fills() == [("BUY", OLD_NAME, 2.0)]
    assert ran.orders()[0].ts_init == EXPIRY - 2 * HOUR


def test_what_was_left_is_closed_when_the_price_comes_near_later() -> None:
    def path(ts: int) -> float:
        return 95_000.0 if ts < EXPIRY - 31 * MINUTE else 99_990.0

    ran = run(tape(path), {OLD.id: -2.0})
    assert ran.told("expires", "closing") == [("expires", "OTM"), ("closing", "PIN")]
    assert ran.orders()[0].ts_init == EXPIRY - 30 * MINUTE
    assert ran.held() == {}


def test_an_empty_book_is_asked_again_until_the_end() -> None:
    ran = run(
        tape(103_000.0, OLD, size=lambda _n, ts: None if ts > EXPIRY - 3 * HOUR else 100.0),
        {OLD.id: 2.0},
        handler(retry=300.0),
    )
    assert ("waits", "NO_QUOTE") in ran.told("waits")
    assert ran.orders() == []
    assert ran.told("settled") != []


def test_a_book_that_comes_back_late_is_used() -> None:
    def size(_name: str, ts: int) -> float | None:
        return None if EXPIRY - 3 * HOUR < ts < EXPIRY - HOUR - 10 * MINUTE else 100.0

    ran = run(tape(103_000.0, OLD, size=size), {OLD.id: 2.0})
    (order,) = ran.orders()
    assert EXPIRY - HOUR - 10 * MINUTE <= order.ts_init <= EXPIRY - HOUR - 9 * MINUTE
    assert ran.held() == {}


def test_thin_books_close_bit_by_bit() -> None:
    ran = run(tape(103_000.0, OLD, size=lambda _n, _t: 0.5), {OLD.id: 3.0})
    assert sum(f[2] for f in ran.fills()) == pytest.approx(3.0)
    assert len(ran.fills()) >= 4
    assert ran.held() == {}


# -- the right second ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "roll", "close"),
    [
        ("2026-01-01T02:00:00", "2025-12-31T22:00:00", "2026-01-01T00:00:00"),  # over the year's end
        ("2026-02-28T23:59:59", "2026-02-28T19:59:59", "2026-02-28T21:59:59"),
        ("2026-03-01T01:00:00", "2026-02-28T21:00:00", "2026-02-28T23:00:00"),
        ("2026-03-29T03:00:00", "2026-03-28T23:00:00", "2026-03-29T01:00:00"),  # clocks go forward at 01:00
        ("2026-10-25T02:30:00", "2026-10-24T22:30:00", "2026-10-25T00:30:00"),  # and back again
        ("2026-03-08T10:00:00", "2026-03-08T06:00:00", "2026-03-08T08:00:00"),  # New York, 07:00 UTC
    ],
)
def test_midnight_month_ends_and_daylight_changes_shift_nothing(expiry: str, roll: str, close: str) -> None:
    end = at(expiry)
    itm, otm, later = option(expiry=end), option(101_500.0, end), option(expiry=end + DAY)
    held = Tape([itm, otm, later], 100_900.0, start=end - 5 * HOUR, end=end + 6 * MINUTE)
    ran = run(held, {itm.id: 1.0, otm.id: 1.0}, handler(pin=0.0))
    assert ran.when("rolled") == [at(roll)]
    assert {o.ts_init for o in ran.orders(itm)} == {at(roll)}
    assert [o.ts_init for o in ran.orders(otm)] == [at(close)]


def test_warnings_come_a_day_and_four_hours_before() -> None:
    ran = run(tape(97_000.0, start=EXPIRY - 25 * HOUR, step=60 * SECOND), {OLD.id: 2.0})
    assert [(u.ts, u.code) for u in ran.updates if u.what == "warned" and u.instrument == str(OLD.id)] == [
        (EXPIRY - 24 * HOUR, "24H"),
        (EXPIRY - 4 * HOUR, "4H"),
    ]
    texts = [a.text for a in ran.alerts if a.severity == "WARNING"]
    assert texts[0] == f"LONG 2.0 {OLD.id} of Holder-001 expires in 24 h"


def test_what_is_opened_late_is_only_looked_at_from_then_on() -> None:
    """Whoever buys an option with an hour to go wants it."""
    made = engine(tape(103_000.0), [Holder({OLD.id: 1.0}, at=EXPIRY - 55 * MINUTE)], [handler()])
    ran = Run(made, None)
    made.run()
    assert ran.when("warned")[:1] != [EXPIRY - 55 * MINUTE]
    assert [o.ts_init for o in ran.orders(OLD)] == [EXPIRY - 30 * MINUTE]


# -- whose -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chosen", "acted"),
    [
        ({}, {"Holder-001", "Holder-002"}),
        ({"strategies": ("Holder-002",)}, {"Holder-002"}),
        ({"excluded": ("Holder-002",)}, {"Holder-001"}),
        ({"underlyings": ("ETH",)}, set()),
        ({"underlyings": ("BTC",)}, {"Holder-001", "Holder-002"}),
    ],
)
def test_whose_positions_are_its_business(chosen: dict[str, Any], acted: set[str]) -> None:
    holders = [Holder({OLD.id: 1.0}), Holder({OLD.id: -2.0}, tag="002")]
    made = engine(tape(end=EXPIRY - 3 * HOUR), holders, [handler(actor=chosen)])
    ran = Run(made, None)
    made.run()
    assert {str(o.strategy_id) for o in ran.orders()} == acted


def test_without_options_it_does_nothing_and_leaves_nothing_behind() -> None:
    acting = handler()
    made = engine(tape(end=EXPIRY - 4 * HOUR), [Holder({})], [acting])
    ran = Run(made, None)
    made.run()
    assert (ran.updates, ran.alerts, acting.expiries) == ([], [], [])
    assert find_gateway(made.kernel.msgbus) is None
    assert made.kernel.msgbus.subscriptions("data.SettlementPrice") == []


def test_two_runs_are_the_same() -> None:
    acting = handler()
    made = engine(tape(), [Holder({OLD.id: 2.0})], [acting])
    ran = Run(made, None)
    made.run()
    first = [(u.ts, u.what, u.code) for u in ran.updates]
    made.reset()
    made.trader.strategies()[0].wanted = {OLD.id: 2.0}
    again = Run(made, None)
    made.run()
    assert [(u.ts, u.what, u.code) for u in again.updates] == first


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"roll_before": 3_600.0}, "0 < close < roll"),
        ({"slice": 0.0}, "slice > 0"),
        ({"retry": 0.0}, "retry > 0"),
        ({"checks": (9_000.0,)}, "checks < close"),
    ],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        ExpiryHandler(ExpiryHandlerConfig(expiry=ExpirySettings(**wrong)))


# -- the journal -----------------------------------------------------------------------------------


def test_everything_is_in_the_journal() -> None:
    url = "memory://expiry-journal"
    with shared_store(url) as store:
        ran = run(tape(), {OLD.id: 2.0}, handler(url))
        entries = store.entries(kind="expiry")
        assert [(e.body["what"], e.body["code"], e.ts) for e in entries] == [
            (u.what, u.code, u.ts) for u in ran.updates
        ]
        assert {e.body["strategy"] for e in entries} == {"Holder-001"}
        rolling = next(e.body for e in entries if e.body["what"] == "rolling")
        assert rolling["intrinsic"] == pytest.approx(3_000.0)
        assert rolling["reason"].endswith(str(NEW.id))
