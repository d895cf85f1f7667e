import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.signals.mean_reversion import MeanReversionParams, MeanReversionRule

MINUTE = 60_000_000_000
START = 1_700_000_000_000_000_000
P = MeanReversionParams(
    lookback=10.0,
    entry=1.6,
    exit=0.4,
    stop=1.5,
    max_holding=12,
    max_vol_ratio=1.4,
    vol_half_life=6.0,
    vol_target=0.4,
    cap=0.7,
)
WARM_UP = 13


def walk(count: int, seed: int = 1, volatility: float = 0.001, price: float = 200.0) -> list[float]:
    steps = np.random.default_rng(seed).normal(0.0, volatility, count)
    return [float(value) for value in price * np.exp(np.cumsum(steps))]


def run(closes: list[float], params: MeanReversionParams = P) -> tuple[MeanReversionRule, list]:
    rule = MeanReversionRule(params, interval=MINUTE)
    return rule, [rule.update(START + at * MINUTE, close) for at, close in enumerate(closes)]


def exposures(closes: list[float], params: MeanReversionParams = P) -> list[float | None]:
    return [None if target is None else target.exposure for target in run(closes, params)[1]]


def measured(closes: list[float], p: MeanReversionParams) -> list[tuple[float, float, float, float]]:
    """For each bar: deviation [sigma], sigma, fast volatility, slow volatility, from all closes so far."""

    def weighted(x: np.ndarray, keep: float) -> float:
        weights = keep ** np.arange(len(x))[::-1]
        return float((weights * x).sum() / weights.sum())

    keep = (p.lookback - 1) / (p.lookback + 1)
    x = np.log(closes)
    deviations = np.array([x[end - 1] - weighted(x[:end], keep) for end in range(1, len(x) + 1)])
    out = [(0.0, 0.0, 0.0, 0.0)]
    for end in range(2, len(x) + 1):
        sigma = math.sqrt(weighted(deviations[:end] ** 2, keep))
        squares = np.diff(x[:end]) ** 2
        fast = math.sqrt(weighted(squares, 0.5 ** (1 / p.vol_half_life)))
        slow = math.sqrt(weighted(squares, 0.5 ** (1 / (10 * p.vol_half_life))))
        out.append((deviations[end - 1] / sigma, sigma, fast, slow))
    return out


def slow_twin(closes: list[float], p: MeanReversionParams) -> list[float | None]:
    """The rules of the trade, one after the other."""
    out: list[float | None] = []
    held, entered, at_entry, since, locked = 0.0, 0.0, 1.0, 0, False
    for at, (z, sigma, fast, slow) in enumerate(measured(closes, p)):
        if at + 1 < WARM_UP:
            out.append(None)
            continue
        price = math.log(closes[at])
        if abs(z) <= p.exit:
            locked = False
        if held:
            back = z >= -p.exit if held > 0 else z <= p.exit
            lost = (entered - price) / at_entry if held > 0 else (price - entered) / at_entry
            if back:
                held = 0.0
            elif lost >= p.stop or at - since >= p.max_holding:
                held, locked = 0.0, True
        elif not locked and abs(z) >= p.entry and fast / slow <= p.max_vol_ratio:
            size = min(p.cap, p.vol_target / (slow * math.sqrt(365.25 * 24 * 60)))
            held, entered, at_entry, since = (-size if z > 0 else size), price, sigma, at
        out.append(held)
    return out


@pytest.mark.parametrize("seed", range(6))
def test_equals_the_rules_written_out(seed: int) -> None:
    closes = walk(250, seed)
    mine, expected = exposures(closes), slow_twin(closes, P)
    assert mine[: WARM_UP - 1] == expected[: WARM_UP - 1]
    assert mine[WARM_UP - 1 :] == pytest.approx(expected[WARM_UP - 1 :], rel=1e-9, abs=1e-12)
    assert {math.copysign(1.0, value) for value in mine if value} == {1.0, -1.0}


# -- one trade at a time: a price that swings a little, then does what the test is about ----------------

SWING = [200.0 * math.exp(0.001 * math.sin(at)) for at in range(40)]
BASE = MeanReversionParams(lookback=20.0, max_vol_ratio=9.0, max_holding=8, vol_half_life=6.0)


def trade(*moves: float, params: MeanReversionParams = BASE) -> list:
    """What is wanted after the swing, for closes that lie so far from 200 [log]."""
    return run([*SWING, *(200.0 * math.exp(move) for move in moves)], params)[1][len(SWING) :]


def test_a_deviation_is_traded_back_to_the_mean() -> None:
    wanted = trade(-0.004, -0.003, 0.0005)
    assert [target.exposure > 0 for target in wanted] == [True, True, False]
    assert wanted[0].reason.endswith("sigma, entered")
    assert wanted[1].reason.endswith("sigma, held for 1 bars")
    assert wanted[2].reason.endswith("sigma, back at the mean")
    assert [target.exposure < 0 for target in trade(0.004, 0.003, -0.0005)] == [True, True, False]


def test_the_size_stays_as_it_was_entered() -> None:
    wanted = trade(-0.004, -0.0038, -0.0033)
    assert wanted[0].exposure == wanted[1].exposure == wanted[2].exposure


def test_a_loss_is_stopped_and_nothing_opened_until_the_price_was_back_once() -> None:
    wanted = trade(-0.004, -0.02, -0.03, -0.04, -0.04, -0.025)
    assert wanted[0].exposure > 0
    assert wanted[1] == (0.0, wanted[1].reason)
    assert wanted[1].reason.endswith("sigma, stopped")
    assert [target.exposure for target in wanted[1:]] == [0.0] * 5
    assert wanted[2].reason.endswith("sigma, waiting for the mean after giving up")


def test_what_does_not_come_back_is_given_up() -> None:
    params = MeanReversionParams(lookback=200.0, max_vol_ratio=9.0, max_holding=4, vol_half_life=6.0)
    closes = [200.0 * math.exp(0.001 * math.sin(at)) for at in range(210)] + [199.2] * 6
    wanted = run(closes, params)[1][210:]
    assert [target.exposure > 0 for target in wanted] == [True] * 4 + [False] * 2
    assert wanted[4].reason == "not back after 4 bars, given up"


def test_bars_that_are_missing_count_as_held() -> None:
    rule, _ = run([*SWING, 199.0], BASE)
    later = START + (len(SWING) + 3) * MINUTE
    target = rule.update(later, 199.1)
    assert target is not None
    assert target.reason.endswith("held for 3 bars")


def test_a_market_that_breaks_out_is_left_alone() -> None:
    wild = MeanReversionParams(lookback=20.0, max_vol_ratio=1.5, vol_half_life=3.0)
    wanted = trade(-0.01, params=wild)
    assert wanted[0].exposure == 0.0
    assert "but volatility is" in wanted[0].reason
    assert trade(-0.01)[0].exposure > 0.0


def test_a_price_that_does_not_move_is_no_deviation() -> None:
    rule, targets = run([100.0] * 20)
    assert targets[-1] == (0.0, "the price does not move")
    assert rule.z == 0.0


def test_size_aims_at_the_volatility_and_is_capped() -> None:
    small = MeanReversionParams(lookback=20.0, max_vol_ratio=9.0, vol_target=1e-3, vol_half_life=6.0)
    large = MeanReversionParams(lookback=20.0, max_vol_ratio=9.0, vol_target=1e3, cap=0.6, vol_half_life=6.0)
    assert 0.0 < trade(-0.004, params=small)[0].exposure < 0.01
    assert trade(-0.004, params=large)[0].exposure == 0.6


# -- what holds for every price ------------------------------------------------------------------------


@settings(max_examples=40)
@given(st.integers(0, 80), st.integers(0, 9))
def test_a_prefix_says_the_same_and_the_future_changes_nothing(length: int, seed: int) -> None:
    closes = walk(80, seed)
    other_future = closes[:length] + [close * 3.0 for close in closes[length:]]
    assert exposures(closes)[:length] == exposures(closes[:length]) == exposures(other_future)[:length]


@given(st.integers(0, 120), st.integers(0, 9))
def test_goes_on_exactly_where_it_stopped(cut: int, seed: int) -> None:
    closes = walk(120, seed)
    first = MeanReversionRule(P, interval=MINUTE)
    for at, close in enumerate(closes[:cut]):
        first.update(START + at * MINUTE, close)
    second = MeanReversionRule(P, interval=MINUTE).restore(first.to_dict())
    for at, close in enumerate(closes[cut:], start=cut):
        assert second.update(START + at * MINUTE, close) == first.update(START + at * MINUTE, close)
    assert second.to_dict() == first.to_dict()


@given(st.lists(st.floats(-0.05, 0.05), min_size=30, max_size=120))
def test_never_trades_with_the_deviation_nor_beyond_the_cap(returns: list[float]) -> None:
    rule = MeanReversionRule(P, interval=MINUTE)
    flat = True
    for at, close in enumerate(100.0 * np.exp(np.cumsum(returns))):
        target = rule.update(START + at * MINUTE, float(close))
        if target is None:
            continue
        assert abs(target.exposure) <= P.cap
        if flat and target.exposure:
            assert target.exposure * rule.z < 0.0
            assert abs(rule.z) >= P.entry
        flat = not target.exposure


def test_what_was_learnt_otherwise_is_left_alone() -> None:
    first, _ = run(walk(40))
    assert first.ready
    assert first.warm_up == WARM_UP
    assert not MeanReversionRule(BASE, interval=MINUTE).restore(first.to_dict()).ready
    assert not MeanReversionRule(P, interval=2 * MINUTE).restore(first.to_dict()).ready


def test_bad_and_repeated_bars_change_nothing() -> None:
    rule, _ = run(walk(40))
    before = rule.to_dict()
    assert rule.update(START + 40 * MINUTE, 0.0) is None
    assert rule.update(START + 38 * MINUTE, 200.0) is None
    assert rule.to_dict() == before


def test_a_long_gap_starts_over() -> None:
    rule, _ = run(walk(40))
    assert rule.update(START + 60 * MINUTE, 200.0) is None
    assert not rule.ready


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"lookback": 1.9}, r"need lookback >= 2 \[bars\], was 1.9"),
        ({"entry": 0.5}, r"need 0 <= exit < entry \[sigma\], was \(0.5, 0.5\)"),
        ({"exit": -0.1}, "exit < entry"),
        ({"stop": 0.0}, "stop > 0"),
        ({"max_holding": 0}, "max_holding >= 1"),
        ({"max_vol_ratio": math.nan}, "max_vol_ratio > 0"),
        ({"vol_half_life": 0.0}, "vol_half_life > 0"),
        ({"vol_target": -1.0}, "vol_target > 0"),
        ({"cap": 1.5}, "0 < cap <= 1"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        MeanReversionParams(**changes)
