"""The hedger decides, waits, climbs its ladder, and remembers."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.intent import Side
from nautilus_quant.options.hedging import Hedger, HedgerParams, Plan
from nautilus_quant.options.hedging_band import BandKind, BandParams
from nautilus_quant.options.hedging_breaker import BreakerParams
from nautilus_quant.options.hedging_limits import HedgeLimits
from nautilus_quant.options.hedging_market import Style
from nautilus_quant.options.hedging_params import HedgeParams, Mode, Version
from tests.options.hedging_kit import SECOND, candidate, hedger, net

PERP, OTHER = candidate(), candidate("OTHER", taker=0.0007)


def send(one: Hedger, plan: Plan | None, now: int = 0, order: str = "H1") -> Plan:
    assert plan is not None
    one.send(plan, order, Decimal("1.5"), now)
    return plan


def fill(one: Hedger, price: float, now: int = SECOND, quantity: Decimal | None = None):
    assert one.sent is not None
    one.filled(one.sent.quantity if quantity is None else quantity, price, now)
    return one.ended("filled", now)


# -- deciding -----------------------------------------------------------------------------------------


def test_a_delta_outside_the_band_is_brought_to_the_middle():
    plan = hedger().decide(0, net(0.3456), [PERP])
    assert plan is not None
    assert (plan.side, plan.quantity, plan.price) == (Side.SELL, Decimal("0.345"), 99_990.0)
    assert (plan.style, plan.mode, plan.arrival) == (Style.TAKE, Mode.BALANCED, 100_000.0)
    assert plan.coins == pytest.approx(-0.345)
    assert plan.before == 0.3456


def test_within_the_band_nothing_is_done():
    assert hedger().decide(0, net(0.0499), [PERP]) is None


def test_the_cost_aware_band_is_as_wide_as_the_cheapest_costs():
    # Raw gamma 100 * 0.3 / 100 000 = 3e-4; cost 5 bps and half a spread of 1 bp: 6e-4.
    # (1.5 * 6e-4 * 1e5 * 9e-8 / 1e-4) ^ (1/3) = 0.0810 ^ (1/3) = 0.43267.
    band = BandParams(kind=BandKind.COST_AWARE, width=0.01, widest=2.0, risk_aversion=1e-4)
    one = hedger(band=band)
    assert one.decide(0, net(0.432), [OTHER, PERP]) is None
    plan = one.decide(0, net(0.5), [OTHER, PERP])
    assert plan is not None
    assert plan.instrument == "PERP"
    # To the edge, in whole lots that do not go further: 0.0673.
    assert plan.quantity == Decimal("0.067")


def test_a_mode_scales_the_band():
    for mode, edge in ((Mode.AGGRESSIVE, 0.025), (Mode.BALANCED, 0.05), (Mode.CONSERVATIVE, 0.075)):
        assert hedger(mode).decide(0, net(edge * 0.99), [PERP]) is None
        assert hedger(mode).decide(0, net(edge * 1.01), [PERP]) is not None


def test_the_timed_band_waits_for_its_time_after_each_fill():
    one = hedger(band=BandParams(kind=BandKind.TIMED, interval=60.0))
    send(one, one.decide(0, net(0.02), [PERP]))
    fill(one, 99_990.0, 2 * SECOND)
    assert one.decide(61 * SECOND, net(0.02), [PERP]) is None
    assert one.decide(62 * SECOND, net(0.02), [PERP]) is not None


def test_an_unknown_delta_is_not_hedged_and_says_so():
    one = hedger()
    assert one.decide(0, net(math.nan), [PERP]) is None
    assert "unknown" in one.stuck


def test_without_an_instrument_it_is_stuck():
    one = hedger()
    assert one.decide(0, net(1.0), []) is None
    assert "nothing can hedge" in one.stuck
    assert one.decide(0, net(1.0), [candidate(bid=0.0)]) is None
    assert "quoted" in one.stuck
    assert one.decide(0, net(1.0), [candidate(sells=0.0)]) is None
    assert "accounts" in one.stuck
    assert one.decide(0, net(1.0), [PERP]) is not None
    assert one.stuck == ""


def test_less_than_an_order_is_no_reason_to_be_stuck():
    one = hedger(band=BandParams(width=0.0005))
    assert one.decide(0, net(0.0015), [PERP]) is None
    assert one.stuck == ""


def test_one_order_at_a_time():
    one = hedger()
    send(one, one.decide(0, net(1.0), [PERP]))
    assert one.decide(0, net(9.0), [PERP]) is None
    fill(one, 99_990.0)
    assert one.decide(SECOND, net(9.0), [PERP]) is not None


# -- emergencies --------------------------------------------------------------------------------------


def test_an_emergency_goes_to_market_and_to_the_middle():
    one = hedger(Mode.CONSERVATIVE, band=BandParams(kind=BandKind.TIMED, interval=1e6))
    send(one, one.decide(0, net(0.4), [PERP]))
    fill(one, 99_990.0)
    assert one.decide(SECOND, net(0.4), [PERP]) is None  # not yet time
    assert one.look(net(0.4), 0.051)
    plan = one.decide(SECOND, net(0.4), [PERP])
    assert plan is not None
    assert (plan.style, plan.price, plan.quantity) == (Style.MARKET, None, Decimal("0.400"))
    assert "drawdown 0.051" in plan.reason


def test_an_emergency_stays_until_things_are_calm():
    one = hedger(delta=2.0)
    assert one.look(net(2.1), math.nan)
    assert one.mode is Mode.EMERGENCY
    assert not one.look(net(1.7), math.nan)
    assert one.look(net(1.5), math.nan)
    assert one.mode is Mode.BALANCED


def test_an_emergency_is_not_over_while_nobody_can_say_so():
    one = hedger(delta=2.0)
    one.look(net(2.1), math.nan)
    assert not one.look(net(math.nan, gamma_1pct=math.nan, vega=math.nan), math.nan)
    assert one.mode is Mode.EMERGENCY


def test_what_rests_is_asked_back_in_an_emergency_or_when_it_would_add():
    one = hedger(Mode.CONSERVATIVE)
    plan = send(one, one.decide(0, net(0.4), [PERP]))
    assert (plan.style, plan.price) == (Style.REST, 100_010.0)
    assert not one.must_cancel(SECOND, net(0.3))
    assert one.must_cancel(SECOND, net(-0.01))
    one.look(net(0.4), 0.06)
    assert one.must_cancel(SECOND, net(0.4))


# -- ladders and failures -----------------------------------------------------------------------------


def test_the_ladder_of_a_conservative_hedger():
    one, now, seen = hedger(Mode.CONSERVATIVE), 0, []
    for _ in range(4):
        plan = send(one, one.decide(now, net(0.4), [PERP]), now)
        seen.append(plan.style)
        deadline = 10 if plan.style is Style.REST else 5
        assert not one.must_cancel(now + deadline * SECOND - 1, net(0.4))
        assert one.must_cancel(now + deadline * SECOND, net(0.4))
        one.ended("cancelled", now)
        now += SECOND
    assert seen == [Style.REST, Style.TAKE, Style.MARKET, Style.MARKET]
    send(one, one.decide(now, net(0.4), [PERP]), now)
    fill(one, 99_990.0, now)
    plan = one.decide(now, net(0.4), [PERP])
    assert plan is not None
    assert plan.style is Style.REST


def test_rejects_lead_to_the_next_instrument_and_back():
    one = hedger()
    for now in (0, SECOND):
        assert send(one, one.decide(now, net(0.4), [PERP, OTHER]), now).instrument == "PERP"
        done = one.ended("rejected", now)
    assert done is not None
    assert done.tripped
    assert send(one, one.decide(2 * SECOND, net(0.4), [PERP, OTHER]), 2 * SECOND).instrument == "OTHER"
    fill(one, 99_990.0, 2 * SECOND)
    plan = one.decide(31 * SECOND, net(0.4), [PERP, OTHER])
    assert plan is not None
    assert plan.instrument == "PERP"


def test_what_takes_and_is_never_answered_is_a_failure_but_an_unfilled_one_is_not():
    one = hedger()
    for n in range(4):
        send(one, one.decide(n * SECOND, net(0.4), [PERP]), n * SECOND)
        one.ended("cancelled", n * SECOND)  # at once or not at all, and it was not at all
    for n in range(4, 6):
        send(one, one.decide(n * SECOND, net(0.4), [PERP]), n * SECOND)
        assert one.sent is not None
        one.sent.cancelled = True
        done = one.ended("cancelled", n * SECOND)
    assert done is not None
    assert done.tripped


def test_an_order_without_a_fate_is_lost_after_a_while_and_not_before():
    one = hedger()
    send(one, one.decide(0, net(0.4), [PERP]))
    assert not one.is_lost(25 * SECOND - 1)
    assert one.is_lost(25 * SECOND)


def test_denials_wait_longer_each_time_and_for_each_kind_apart():
    one, now = hedger(), 0
    for wait in (1, 2, 4, 8):
        send(one, one.decide(now, net(0.4), [PERP]), now)
        one.ended("denied", now)
        assert one.decide(now + wait * SECOND - 1, net(0.4), [PERP]) is None
        assert one.may_send(now, is_option=True)
        now += wait * SECOND
    assert one.decide(now, net(0.4), [PERP]) is not None


def test_a_trial_that_the_gates_denied_is_still_due():
    one = hedger()
    for now in (0, 1):
        send(one, one.decide(now, net(0.4), [PERP]), now)
        one.ended("rejected", now)
    half_open = 31 * SECOND
    send(one, one.decide(half_open, net(0.4), [PERP]), half_open)
    one.ended("denied", half_open)
    assert one.decide(half_open + 2 * SECOND, net(0.4), [PERP]) is not None


# -- what came of it ----------------------------------------------------------------------------------


def test_slippage_and_latency_of_an_order_in_parts():
    one = hedger()
    send(one, one.decide(0, net(0.4), [PERP]))
    one.filled(Decimal("0.1"), 99_980.0, SECOND)
    one.filled(Decimal("0.3"), 99_940.0, 3 * SECOND)
    done = one.ended("filled", 4 * SECOND)
    assert done is not None
    # Sold at (0.1 * 99 980 + 0.3 * 99 940) / 0.4 = 99 950: 50 below 100 000.
    assert done.slippage == pytest.approx(5e-4)
    assert done.latency == 1.0


def test_only_what_is_traded_is_remembered():
    """A search for an option asks about every one that is listed, month after month."""
    one = hedger()
    assert all(one.trusts(f"BTC-{n}", n) for n in range(9))
    send(one, one.decide(0, net(0.4), [PERP]), 0)
    assert list(one.to_dict()["breakers"]) == [PERP.name]


def test_dear_fills_take_the_version_back_by_the_mean_of_the_last():
    one = hedger(fewest=3)
    one.versions.take([Version(number=4, params=HedgeParams())])
    rolled = []
    # 10, 10 and then 30 bps: the mean is 16.7.
    for n, price in enumerate((99_900.0, 99_900.0, 99_700.0)):
        send(one, one.decide(n * SECOND, net(0.4), [PERP]), n * SECOND)
        done = fill(one, price, n * SECOND)
        assert done is not None
        rolled.append(done.rolled_back)
    assert rolled == [-1, -1, 4]
    assert one.versions.current.number == 0


def test_what_is_remembered_goes_through_json_and_back():
    one = hedger()
    one.versions.take([Version(number=2, params=HedgeParams())])
    one.versions.roll_back()
    for n in range(2):
        send(one, one.decide(n, net(0.4), [OTHER]), n)
        one.ended("rejected", n)
    send(one, one.decide(0, net(0.4), [PERP]), 7, "H9")
    one.filled(Decimal("0.1"), 99_900.0, 9)
    kept = json.loads(json.dumps(one.to_dict()))
    two = hedger()
    two.restore(kept)
    assert two.sent == one.sent
    assert two.to_dict() == one.to_dict()
    two.versions.take([Version(number=2, params=HedgeParams())])
    assert two.versions.current.number == 0
    two.ended("unknown", SECOND)
    assert not two.trusts("OTHER", SECOND)


@given(
    delta=st.floats(-50.0, 50.0),
    unit=st.sampled_from([1.0, 0.01, 10.0, 1e-5]),
    lot=st.sampled_from(["0.001", "1", "0.1", "5"]),
    mode=st.sampled_from([Mode.AGGRESSIVE, Mode.BALANCED, Mode.CONSERVATIVE]),
    kind=st.sampled_from(list(BandKind)),
)
def test_a_hedge_never_turns_the_delta_round_nor_makes_it_larger(delta, unit, lot, mode, kind):
    one = hedger(mode, band=BandParams(kind=kind, width=0.05))
    instrument = candidate(delta=unit, lot=Decimal(lot), least=Decimal(0))
    plan = one.decide(0, net(delta), [instrument])
    if plan is None:
        return
    after = delta + plan.side * float(plan.quantity) * unit
    assert abs(after) < abs(delta)
    assert after * delta >= -1e-6 * float(lot) * unit * abs(delta)


def test_impossible_settings_are_refused():
    limits, breaker = HedgeLimits(), BreakerParams()
    for name in ("holding", "answer", "lost", "pause"):
        with pytest.raises(ValueError, match=name):
            HedgerParams(limits=limits, breaker=breaker, **{name: 0.0})
