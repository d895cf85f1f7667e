"""Loss limits and kill switch as one gate."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest

from nautilus_quant.account.equity import Valuation
from nautilus_quant.account.marks import PAR, Price
from nautilus_quant.gating.intent import UNLIMITED, Gate, Intent, Side
from nautilus_quant.safety.guard import SafetyGuard
from nautilus_quant.safety.kill_switch import KillParams, KillState, VenueView
from nautilus_quant.safety.limits import SafetyLimits

SECOND = 10**9
HOUR = 3_600 * SECOND
START = 1_700_000_000 * SECOND
FLAT = VenueView(open_orders=0, positions={}, confirmed=True, connected=True)


@pytest.fixture
def guard():
    return SafetyGuard(SafetyLimits(), lambda _instrument, _ts: PAR, KillParams())


def worth(seconds, equity, *, fresh=True, valid_for=30):
    ts = START + seconds * SECOND
    return Valuation(ts, equity, equity, 0.0, 0.0, fresh, (), ts + valid_for * SECOND)


def asks(seconds, instrument="BTCUSDT-PERP.SIM"):
    return Intent(
        ts=START + seconds * SECOND, strategy="S-1", instrument=instrument, side=Side.BUY,
        quantity=Decimal(3), price=None, reducing=Decimal(1), opening=Decimal(2), notional=200.0,
    )  # fmt: skip


def crash(guard):
    return [guard.judge(worth(i, equity)) for i, equity in enumerate((1_000.0, 890.0, 890.0))]


def stored(guard):
    return json.loads(json.dumps([guard.kill.to_dict(), guard.monitor.to_dict()]))


def halt(guard, start=3):
    guard.kill.latched()
    for i in range(3):
        guard.kill.step(START + (start + i) * SECOND, FLAT)
    assert guard.kill.state is KillState.HALTED


def test_guard_is_a_gate(guard):
    assert isinstance(guard, Gate)
    assert guard.name == "safety"


def test_guard_denies_before_the_first_valuation_and_allows_after_it(guard):
    verdict = guard.check(asks(0))
    assert (verdict.allowed, verdict.code) == (Decimal(0), "STALE_EQUITY")
    guard.judge(worth(0, 1_000.0))
    assert guard.check(asks(30)).allowed == UNLIMITED
    assert guard.check(asks(31)).code == "STALE_EQUITY"


def test_valuation_with_unsettled_balances_does_not_count(guard):
    guard.judge(worth(0, 1_000.0))
    guard.judge(worth(1, 500.0), settled=False)
    assert not guard.monitor.status.fresh
    assert guard.check(asks(1)).code == "STALE_EQUITY"
    guard.judge(worth(2, 500.0), -500.0)
    assert guard.monitor.status.drawdown == 0.0


def test_hourly_loss_halts_but_does_not_kill(guard):
    judgements = [guard.judge(worth(i, equity)) for i, equity in enumerate((1_000.0, 994.0, 994.0))]
    assert [judgement.halted for judgement in judgements] == [(), (), ("hourly_loss",)]
    assert not any(judgement.killed for judgement in judgements)
    assert guard.kill.is_armed
    assert guard.check(asks(2)).code == "HOURLY_LOSS"


def test_drawdown_kills_once_with_its_numbers(guard):
    judgements = crash(guard)
    assert [judgement.killed for judgement in judgements] == [False, False, True]
    assert judgements[2].halted == ("hourly_loss", "daily_loss")
    assert guard.kill.tripped.trigger == "drawdown"
    assert guard.kill.tripped.reason == "drawdown of 11.000% exceeded 10.000%"
    assert guard.kill.tripped.numbers == {"drawdown": 0.11, "limit": 0.10, "peak": 1_000.0, "equity": 890.0}
    assert guard.check(asks(2)).code == "KILL_SWITCH"
    assert not guard.judge(worth(3, 880.0)).killed


def test_drawdown_does_not_kill_what_was_killed_before(guard):
    guard.kill.trip(START, "file", "/tmp/stop appeared")
    assert not crash(guard)[2].killed
    assert guard.kill.tripped.trigger == "file"


def test_doubtful_price_denies_its_own_instrument_only():
    prices = {"A": Price(math.nan, "stale", 0), "B": Price(5.0)}
    guard = SafetyGuard(SafetyLimits(), lambda instrument, _ts: prices[instrument])
    guard.judge(worth(0, 1_000.0))
    verdict = guard.check(asks(0, "A"))
    assert (verdict.allowed, verdict.code, verdict.reason) == (Decimal(0), "STALE_MARK", "price of A: stale")
    assert guard.check(asks(0, "B")).allowed == UNLIMITED


def test_restart_keeps_latch_and_windows(guard):
    crash(guard)
    again = SafetyGuard(guard.limits, guard.prices)
    assert again.restore(*stored(guard), None, START + HOUR) is None
    assert again.kill.state is KillState.TRIPPED
    assert again.monitor.latched
    assert again.check(asks(9)).code == "KILL_SWITCH"


def test_drawdown_that_reached_the_disk_without_its_latch_trips_at_the_restart(guard):
    armed = guard.kill.to_dict()
    crash(guard)
    again = SafetyGuard(guard.limits, guard.prices)
    for latch in (armed, None):
        assert again.restore(latch, stored(guard)[1], None, START + HOUR) is None
        assert again.kill.state is KillState.TRIPPED
        assert again.kill.tripped.ts == START + HOUR
        assert again.kill.tripped.numbers == {"drawdown": 0.11, "limit": 0.10}
        again = SafetyGuard(guard.limits, guard.prices)


def test_first_start_has_nothing_to_restore(guard):
    assert guard.restore(None, None, None, START) is None
    assert guard.kill.is_armed


def test_rearm_of_a_halted_switch_takes_effect_at_a_restart(guard):
    crash(guard)
    halt(guard)
    again = SafetyGuard(guard.limits, guard.prices)
    wish = {"ts": START + 99 * SECOND, "reason": "looked at it"}
    assert again.restore(*stored(guard), wish, START + 25 * HOUR) == "looked at it"
    assert again.kill.is_armed
    assert not again.monitor.latched
    again.judge(worth(25 * 3_600, 890.0))
    assert again.check(asks(25 * 3_600)).allowed == UNLIMITED
    assert again.monitor.status.drawdown == 0.0


def test_rearm_from_before_the_trip_or_before_the_halt_has_no_effect(guard):
    crash(guard)
    early, late = {"ts": START, "reason": "old"}, {"ts": START + 99 * SECOND, "reason": "too soon"}
    again = SafetyGuard(guard.limits, guard.prices)
    assert again.restore(*stored(guard), late, START + HOUR) is None
    halt(guard)
    assert again.restore(*stored(guard), early, START + HOUR) is None
    assert not again.kill.is_armed


@pytest.mark.parametrize("which", [0, 1])
def test_damaged_memory_does_not_start(guard, which):
    documents = stored(guard)
    documents[which]["version"] = 0
    with pytest.raises(ValueError, match="must have version 1, was 0"):
        guard.restore(*documents, None, START)


def test_trouble_denies_new_risk_until_it_is_gone(guard):
    guard.judge(worth(1, 100.0))
    assert guard.is_open(START + 1 * SECOND)
    guard.troubles["STATE_UNWRITABLE"] = "disk full"
    assert not guard.is_open(START + 1 * SECOND)
    assert guard.blocked(START + 1 * SECOND) == ("STATE_UNWRITABLE", "disk full", {})
    guard.troubles.clear()
    assert guard.blocked(START + 1 * SECOND) is None


def test_a_denial_names_what_keeps_the_account_from_being_valued(guard):
    stale = Valuation(START, math.nan, 1_000.0, 0.0, 0.0, False, ("SOL: no price yet",), 0)
    guard.judge(stale)
    code, reason, _ = guard.blocked(START)
    assert (code, reason) == ("STALE_EQUITY", "no fresh valuation of the account: SOL: no price yet")
    guard.judge(worth(0, 1_000.0), settled=False)
    assert "waits for its fill" in guard.blocked(START)[1]
