import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.signals.cointegration import engle_granger
from nautilus_quant.signals.hedge_ratio import KalmanHedge, RollingOls
from nautilus_quant.signals.pair import PairParams, PairRule, PairTarget
from tests.signals.test_hedge_ratio import pair, walk

HOUR = 3_600_000_000_000
START = 1_700_000_000_000_000_000
P = PairParams(
    hedge_window=100,
    window=120,
    retest=10,
    enter_p=0.04,
    leave_p=0.3,
    entry=1.8,
    exit=0.3,
    stop=2.5,
    max_holding=2.5,
    max_half_life=30.0,
    cap=0.9,
)
KINDS = pytest.mark.parametrize("hedge", ["kalman", "ols"])


def run(y, x, params: PairParams = P, rule: PairRule | None = None, first: int = 0):
    """What is wanted at each pair of log prices, an hour apart."""
    rule = rule or PairRule(params, interval=HOUR)
    closes = zip(np.exp(y).tolist(), np.exp(x).tolist(), strict=True)
    return rule, [rule.update(START + at * HOUR, *pair) for at, pair in enumerate(closes, first)]


def slow_twin(y, x, p: PairParams) -> list[tuple[float, float] | None]:
    """The rules of the trade, one after the other."""
    hedge = {"kalman": KalmanHedge, "ols": RollingOls}[p.hedge](p.hedge_window)
    out, side, holds, locked, latest = [], 0.0, False, False, None
    entered = {}
    for at in range(len(y)):
        hedge.update(math.log(math.exp(y[at])), math.log(math.exp(x[at])))
        if at + 1 < p.window:
            out.append(None)
            continue
        if (at + 1 - p.window) % p.retest == 0:
            latest = engle_granger(y[at + 1 - p.window : at + 1], x[at + 1 - p.window : at + 1], lags=p.lags)
            holds = latest.p <= (p.leave_p if holds else p.enter_p)
        z = hedge.residual / hedge.sigma
        good = holds and p.min_beta <= hedge.beta <= p.max_beta and latest.half_life <= p.max_half_life
        if abs(z) <= p.exit:
            locked = False
        if side:
            spread = y[at] - entered["beta"] * x[at]
            lost = (entered["spread"] - spread if side > 0 else spread - entered["spread"]) / entered["sigma"]
            if (z >= -p.exit if side > 0 else z <= p.exit) or (not good and lost < p.stop):
                side = 0.0
            elif lost >= p.stop or at - entered["at"] >= p.max_holding * max(entered["half_life"], 1.0):
                side, locked = 0.0, True
        elif good and not locked and p.entry <= abs(z) <= p.entry + p.stop:
            side = -1.0 if z > 0 else 1.0
            entered = {
                "at": at,
                "beta": hedge.beta,
                "sigma": hedge.sigma,
                "spread": y[at] - hedge.beta * x[at],
                "half_life": latest.half_life,
            }
        a = side * p.cap / (1.0 + entered["beta"]) if side else 0.0
        out.append((a, -entered["beta"] * a if side else 0.0))
    return out


@KINDS
@pytest.mark.parametrize("seed", range(5))
def test_equals_the_rules_written_out(hedge: str, seed: int) -> None:
    params = replace(P, hedge=hedge)
    y, x = pair(900, seed, keep=0.85)
    y[600:] += walk(300, seed + 50, 0.002, 0.0)
    _, wanted = run(y, x, params)
    expected = slow_twin(y, x, params)
    assert [None if t is None else t.a for t in wanted[:200]][: P.warm_up - 1] == [None] * (P.warm_up - 1)
    for mine, other in zip(wanted, expected, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert (mine.a, mine.b) == pytest.approx(other, rel=1e-6, abs=1e-12)
    assert {math.copysign(1.0, t.a) for t in wanted if t is not None and t.a} == {1.0, -1.0}


@KINDS
def test_the_legs_hedge_each_other_within_the_cap(hedge: str) -> None:
    y, x = pair(2_000, 3, beta=1.4, keep=0.9)
    rule, wanted = run(y, x, replace(P, hedge=hedge))
    held = [t for t in wanted if t is not None and t.a]
    assert len(held) > 50
    for target in held:
        assert abs(target.a) + abs(target.b) == pytest.approx(0.9)
        assert -target.b / target.a == pytest.approx(1.4, abs=0.2)
    assert rule.beta == pytest.approx(1.4, abs=0.2)


@KINDS
def test_it_makes_money_from_what_comes_back(hedge: str) -> None:
    y, x = pair(4_000, 5, keep=0.9)
    _, wanted = run(y, x, replace(P, hedge=hedge))
    moves = zip(wanted[:-1], np.diff(y), np.diff(x), strict=True)
    assert sum(t.a * dy + t.b * dx for t, dy, dx in moves if t is not None) > 0.05


def test_strangers_are_entered_no_oftener_than_the_test_errs() -> None:
    # as many bars as one test sees, so that each pair is tested once
    entered = 0
    for seed in range(300):
        length = P.warm_up + P.retest - 1
        y, x = walk(length, seed), walk(length, 9_000 + seed)
        _, wanted = run(y, x, replace(P, max_half_life=1e6, min_beta=1e-6, max_beta=1e6, entry=0.6, exit=0.1))
        entered += any(t is not None and t.a for t in wanted)
    chance = 300 * P.enter_p
    assert entered <= chance + 3 * math.sqrt(chance)


def in_trade(params: PairParams = P, seed: int = 3):
    """A rule that has just entered, the log prices it saw, and what it holds."""
    y, x = pair(1_500, seed, keep=0.9)
    rule = PairRule(params, interval=HOUR)
    for at in range(len(y)):
        target = rule.update(START + at * HOUR, math.exp(y[at]), math.exp(x[at]))
        if target is not None and target.a:
            return rule, y, x, at, target
    raise AssertionError("never entered")


def next_bar(rule: PairRule, at: int, a: float, b: float, later: int = 1) -> PairTarget | None:
    return rule.update(START + (at + later) * HOUR, math.exp(a), math.exp(b))


def test_a_spread_that_is_back_is_left() -> None:
    rule, y, x, at, target = in_trade()
    back = next_bar(rule, at, y[at] + math.copysign(0.02, target.a), x[at])
    assert back[:2] == (0.0, 0.0)
    assert back.reason.endswith("back at the mean")


def test_sizes_stay_as_they_were_entered() -> None:
    rule, y, x, at, target = in_trade()
    again = next_bar(rule, at, y[at], x[at])
    assert again[:2] == target[:2]
    assert again.reason.endswith("held for 1 bars")


def test_a_loss_is_stopped_and_nothing_opened_until_the_spread_was_back() -> None:
    rule, y, x, at, target = in_trade()
    worse = -math.copysign(0.03, target.a)
    stopped = next_bar(rule, at, y[at] + worse, x[at])
    assert stopped[:2] == (0.0, 0.0)
    assert stopped.reason.endswith("stopped")
    assert "after giving up" in next_bar(rule, at + 1, y[at], x[at]).reason
    level, reasons = y[at], []
    for k in range(2, 60):
        level += math.copysign(0.0005, target.a)
        reasons.append(next_bar(rule, at + k, level, x[at]).reason)
        if abs(rule.z) <= P.exit:
            break
    assert all("after giving up" in reason for reason in reasons[:-1])
    assert "after giving up" not in reasons[-1]


def test_what_takes_too_long_is_given_up() -> None:
    rule, y, x, at, _ = in_trade(replace(P, max_holding=0.5, leave_p=0.99, max_half_life=1e6))
    wanted = [next_bar(rule, at + k, y[at], x[at]) for k in range(6)]
    assert any(t.reason.endswith("given up") for t in wanted)
    assert wanted[-1].a == 0.0


def test_a_pair_that_breaks_is_left() -> None:
    params = replace(P, stop=1e6, exit=0.0, max_holding=1e6, retest=1)
    rule, y, x, at, target = in_trade(params)
    drift = math.copysign(0.0015, target.a)
    reasons = [next_bar(rule, at + k, y[at] - drift * k, x[at]).reason for k in range(80)]
    left = next(reason for reason in reasons if "held" not in reason)
    assert left.startswith(("not cointegrated, p-value", "a gap needs"))
    assert rule.update(START + (at + 81) * HOUR, math.exp(y[at] - drift * 80), math.exp(x[at])).a == 0.0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"min_beta": 2.0}, "the hedge ratio of 1"),
        ({"max_beta": 0.9}, "the hedge ratio of 1"),
        ({"max_half_life": 0.1}, "a gap needs"),
        ({"enter_p": 1e-300, "leave_p": 1e-200}, "not cointegrated"),
    ],
)
def test_what_does_not_make_sense_is_not_entered(changes, reason: str) -> None:
    y, x = pair(1_500, 3, keep=0.9)
    _, wanted = run(y, x, replace(P, **changes))
    assert not any(t.a for t in wanted if t is not None)
    assert any(reason in t.reason for t in wanted if t is not None)


def test_too_far_is_a_break_and_no_deviation() -> None:
    y, x = pair(1_500, 3, keep=0.9)
    rule = PairRule(P, interval=HOUR)
    for at in range(len(y)):
        target = rule.update(START + at * HOUR, math.exp(y[at]), math.exp(x[at]))
        if target is not None and target.reason.startswith("spread") and abs(rule.z) < P.exit:
            break
    near, far = (P.entry + 0.5) * rule._hedge.sigma, (P.entry + P.stop + 1.0) * rule._hedge.sigma
    saved = rule.to_dict()
    middle = y[at] - rule._hedge.residual
    assert next_bar(rule, at, middle + near, x[at]).reason.endswith("entered")
    broken = next_bar(PairRule(P, interval=HOUR).restore(saved), at, middle + far, x[at])
    assert broken.a == 0.0
    assert broken.reason.endswith("too far to be a deviation")


# -- bars that are missing, late or absurd ------------------------------------------------------------


def test_a_leg_that_is_silent_too_long_is_left() -> None:
    rule, _, _, at, _ = in_trade()
    assert rule.missed(START + (at + P.max_gap) * HOUR) is None
    left = rule.missed(START + (at + P.max_gap + 1) * HOUR)
    assert left == PairTarget(0.0, 0.0, "no bars of both legs for 4 bars")
    assert rule.missed(START + (at + P.max_gap + 2) * HOUR) is None


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
@pytest.mark.parametrize("leg", [0, 1])
def test_absurd_prices_are_missing_ones(bad: float, leg: int) -> None:
    rule, y, x, at, _ = in_trade()
    before = rule.to_dict()
    closes = [math.exp(y[at]), math.exp(x[at])]
    closes[leg] = bad
    assert rule.update(START + (at + 1) * HOUR, *closes) is None
    assert rule.to_dict() == before
    assert rule.update(START + (at + 9) * HOUR, *closes).reason.startswith("no bars of both legs")


def test_a_gap_is_left_and_not_entered_on() -> None:
    rule, y, x, at, _ = in_trade()
    left = next_bar(rule, at, y[at], x[at], later=5)
    assert left == PairTarget(0.0, 0.0, "4 bars are missing")
    rule, y, x, at, target = in_trade()
    assert next_bar(rule, at, y[at], x[at], later=3)[:2] == target[:2]


def test_a_gap_as_long_as_the_window_starts_over() -> None:
    rule, y, x, at, _ = in_trade()
    left = next_bar(rule, at, y[at], x[at], later=P.window + 2)
    assert left == PairTarget(0.0, 0.0, "too many bars are missing, starting over")
    assert not rule.ready
    assert next_bar(rule, at + P.window + 2, y[at], x[at]) is None


def test_late_and_repeated_bars_are_ignored() -> None:
    rule, _, _, at, _ = in_trade()
    before = rule.to_dict()
    assert next_bar(rule, at, 1.0, 1.0, later=0) is None
    assert next_bar(rule, at, 1.0, 1.0, later=-3) is None
    assert rule.to_dict() == before


def test_prices_that_stand_still_want_nothing() -> None:
    _, wanted = run(np.full(200, 3.0), np.full(200, 5.0))
    assert all(t == PairTarget(0.0, 0.0, "the spread does not move") for t in wanted[P.warm_up - 1 :])


# -- going on after a restart ---------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 420), st.sampled_from(["kalman", "ols"]), st.integers(0, 3))
def test_a_restart_at_any_bar_changes_nothing(at: int, hedge: str, seed: int) -> None:
    y, x = pair(420, seed, keep=0.85)
    params = replace(P, hedge=hedge)
    whole, wanted = run(y, x, params)
    before, first = run(y[:at], x[:at], params)
    saved = json.loads(json.dumps(before.to_dict()))
    after, rest = run(y[at:], x[at:], params, PairRule(params, interval=HOUR).restore(saved), at)
    assert first + rest == wanted
    assert after.to_dict() == whole.to_dict()


def test_what_was_learnt_otherwise_is_left_alone() -> None:
    rule, _, _, _, _ = in_trade()
    saved = rule.to_dict()
    assert not PairRule(replace(P, entry=1.9), interval=HOUR).restore(saved).ready
    assert not PairRule(P, interval=2 * HOUR).restore(saved).ready
    assert not PairRule(P, interval=HOUR).restore({}).ready
    assert PairRule(P, interval=HOUR).restore(saved).ready


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hedge": "magic"}, "hedge of"),
        ({"hedge_window": 9}, "hedge_window >= 10"),
        ({"window": 21}, "window >= 20"),
        ({"lags": -1}, "lags >= 0"),
        ({"retest": 0}, "retest >= 1"),
        ({"enter_p": 0.3}, "enter_p < leave_p"),
        ({"leave_p": 1.0}, "enter_p < leave_p"),
        ({"exit": 1.8}, "exit < entry"),
        ({"entry": math.nan}, "exit < entry"),
        ({"stop": 0.0}, "stop > 0"),
        ({"max_holding": 0.0}, "max_holding > 0"),
        ({"max_half_life": math.inf}, "max_half_life > 0"),
        ({"min_beta": 6.0}, "min_beta < max_beta"),
        ({"max_gap": 0}, "max_gap >= 1"),
        ({"cap": 1.1}, "cap <= 1"),
    ],
)
def test_impossible_parameters_are_refused(changes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(P, **changes)


def test_bars_without_a_clock_are_refused() -> None:
    with pytest.raises(ValueError, match="interval > 0"):
        PairRule(P, interval=0)
