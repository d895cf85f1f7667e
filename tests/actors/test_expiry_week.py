"""A week of daily expiries: three strategies, an index that wanders, and not one dollar unaccounted for."""

from __future__ import annotations

import math
from decimal import Decimal
from functools import cache
from itertools import accumulate
from random import Random
from typing import Any

import pytest
from nautilus_trader.common.actor import Actor

from nautilus_quant.host.messages import publish
from nautilus_quant.host.option_messages import SettlementPrice, settlement_key
from nautilus_quant.host.state import shared_store
from tests.actors.expiry_runs import (
    DAY,
    EXPIRY,
    HOUR,
    MINUTE,
    SECOND,
    USDT,
    Holder,
    Run,
    Tape,
    engine,
    handler,
    option,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("a week of expiries")]

D = Decimal
DAYS = 7
STEP = 5 * MINUTE
BEGIN = EXPIRY - DAY
END = EXPIRY + (DAYS - 1) * DAY + HOUR
EXPIRIES = [EXPIRY + n * DAY for n in range(DAYS + 2)]
STRIKES = [94_000.0 + 2_000.0 * n for n in range(7)]


@cache
def walk() -> list[float]:
    """The index, every five minutes: 40 % a year, around 100 000."""
    random = Random(5)
    step = 0.4 * math.sqrt(STEP / (365 * DAY))
    count = (END - BEGIN) // STEP + 2
    moves = (random.gauss(0.0, step) for _ in range(count))
    return [round(100_000.0 * math.exp(x), 2) for x in accumulate(moves)]


def index(ts: int) -> float:
    return walk()[(ts - BEGIN) // STEP]


class Herald(Actor):
    """Says at every expiry what it was settled at: the last price before it."""

    def on_start(self) -> None:
        for expiry in EXPIRIES:
            self.clock.set_time_alert_ns(f"settle-{expiry}", expiry + SECOND, self._say)

    def _say(self, event: Any) -> None:
        expiry = int(event.name.removeprefix("settle-"))
        price = f"{index(expiry - STEP):.2f}"
        publish(
            self.msgbus,
            SettlementPrice(key=settlement_key("SIM", "BTC", expiry), ts=expiry + SECOND, price=price),
        )


@pytest.fixture(scope="module")
def week() -> Any:
    options = [
        option(strike, expiry, call=call)
        for expiry in EXPIRIES
        for strike in STRIKES
        for call in (True, False)
    ]
    tape = Tape(options, index, start=BEGIN, end=END, step=STEP)
    # Only what lives within two days is quoted, as a venue lists dailies.
    expiries = {o.id.symbol.value: o.expiration_ns for o in options}
    tape.size = lambda name, ts: 100.0 if expiries[name] - ts <= 2 * DAY else None
    by = {(o.expiration_ns, float(o.strike_price), o.option_kind.name): o.id for o in options}
    holders = []
    for n, (kind, strike, size) in enumerate(
        [("CALL", 98_000.0, 1.0), ("PUT", 102_000.0, -2.0), ("CALL", 104_000.0, -1.0), ("PUT", 96_000.0, 3.0)]
    ):
        wanted = {by[expiry, strike, kind]: size for expiry in EXPIRIES[:DAYS]}
        holders.append(Holder(wanted, tag=f"{n:03d}"))
    settings = {"max_age": 400.0, "retry": 300.0, "checks": (3_600.0,), "sample": 300.0, "grace": 600.0}
    with shared_store("memory://expiry-week") as store:
        made = engine(tape, holders, [handler("memory://expiry-week", **settings), Herald()])
        ran = Run(made, None)
        made.run()
        entries = store.entries(kind="expiry", limit=100_000)
        assert store.verify() == []
    yield ran, entries
    made.dispose()


def test_nothing_outlives_its_expiry(week: Any) -> None:
    ran, _ = week
    open_now = ran.engine.cache.positions_open()
    assert [p for p in open_now if ran.engine.cache.instrument(p.instrument_id).expiration_ns <= END] == []
    assert not [u for u in ran.updates if u.what == "overdue"]


def test_rolls_and_closes_are_at_their_seconds(week: Any) -> None:
    ran, _ = week
    rolling = [u for u in ran.updates if u.what == "rolling"]
    closing = [u for u in ran.updates if u.what == "closing"]
    expiring = [u for u in ran.updates if u.what == "expires"]
    assert len(rolling) > 5
    assert len(closing) > 3
    assert len(expiring) > 3
    assert {u.expiry - u.ts for u in rolling} == {4 * HOUR}
    assert {u.expiry - u.ts for u in closing} <= {2 * HOUR, HOUR}
    # after each order its position is gone or rolled: nothing was done twice
    done = [(u.strategy, u.instrument) for u in rolling]
    assert len(done) == len(set(done))


def test_every_settlement_is_the_formula_and_in_the_account(week: Any) -> None:
    ran, _ = week
    settled = [u for u in ran.updates if u.what == "settled"]
    assert len(settled) > 3
    assert {u.code for u in settled} == {"SETTLED"}
    for update in settled:
        strike = D(update.instrument.split("-")[2])
        price = D(f"{index(update.expiry - STEP):.2f}")
        moved = price - strike if "-C." in update.instrument else strike - price
        assert D(str(update.numbers["payoff"])) == max(moved, D(0))
        assert update.numbers["basis"] == "cash"


def test_the_balance_is_what_was_traded_and_settled(week: Any) -> None:
    """Every premium, every fee and every payoff, added up by hand: nothing is left over."""
    ran, _ = week
    balance = D(1_000_000)
    for fill in ran.events:
        amount = fill.last_px.as_decimal() * fill.last_qty.as_decimal()
        balance += -amount if fill.order_side.name == "BUY" else amount
        balance -= fill.commission.as_decimal()
    assert ran.balance(USDT) == balance


def test_there_is_a_warning_before_every_expiry(week: Any) -> None:
    ran, entries = week
    acted = {(u.strategy, u.instrument) for u in ran.updates if u.what in {"rolling", "closing", "expires"}}
    warned = {(u.strategy, u.instrument) for u in ran.updates if u.what == "warned"}
    assert acted <= warned
    assert [(e.body["what"], e.ts) for e in entries] == [(u.what, u.ts) for u in ran.updates]
