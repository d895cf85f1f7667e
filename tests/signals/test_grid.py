import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.grid import GridParams, GridRule, GridTarget

MINUTE = 60_000_000_000
START = 1_700_000_000_000_000_000
# 100, 101, 102.01, 103.03… above; 99.01, 98.03, 97.06 below: the next level is 1 % of the lower one away.
P = GridParams(levels=3, spacing=0.01, bound=0.9, recenter_levels=1.0, recenter_bars=2, max_age=50, stop=9.0)


def level(number: float) -> float:
    return 100.0 * 1.01**number


def run(closes, params: GridParams = P) -> tuple[GridRule, list[GridTarget | None]]:
    rule = GridRule(params, interval=MINUTE)
    return rule, [rule.update(START + at * MINUTE, close) for at, close in enumerate(closes)]


def at(*levels: float) -> list[float]:
    return [level(number) for number in levels]


def exposures(closes, params: GridParams = P) -> list[float | None]:
    return [None if t is None else round(t.exposure, 12) for t in run(closes, params)[1]]


# -- by hand -------------------------------------------------------------------------------------------


def test_levels_are_bought_on_the_way_down_and_each_is_sold_one_higher() -> None:
    way = at(0, -0.5, -1.5, -2.5, -1.5, -0.9, -0.5, 0.5, 1.5, 0.5, -0.5)
    # held:      0  0     -1    -2    -2    -1·     -1    flat   short  short  flat
    assert exposures(way) == [0.0, 0.0, 0.3, 0.6, 0.6, 0.3, 0.3, 0.0, -0.3, -0.3, 0.0]


def test_a_target_tells_at_what_price_it_was_reached() -> None:
    _, said = run(at(0, -1.5, -1.4, -3.5, -0.5))
    assert said[1] == GridTarget(0.3, "+1 of 3 levels held", passive=True, price=level(-1))
    assert said[2].price is None
    assert said[3].exposure == 0.9
    assert said[3].price == pytest.approx((level(-2) + level(-3)) / 2)
    assert said[4].price == pytest.approx((level(-2) + level(-1)) / 2)
    assert all(target.passive for target in said)


def test_a_level_is_taken_when_the_price_goes_through_and_not_when_it_touches() -> None:
    below = math.nextafter(level(-1), 0.0)
    assert exposures([100.0, level(-1), below]) == [0.0, 0.0, 0.3]
    above = math.nextafter(level(0), 200.0)
    assert exposures([100.0, below, level(0), above]) == [0.0, 0.3, 0.3, 0.0]


def test_within_a_rising_bar_the_low_comes_first_and_within_a_falling_bar_the_high() -> None:
    rule, _ = run([100.0])
    rising = rule.update(START + MINUTE, level(0.1), level(0.5), level(-1.5))
    assert [(t.exposure, t.price) for t in (*rising.before, rising)] == [(0.3, level(-1)), (0.0, level(0))]
    rule, _ = run([100.0])
    falling = rule.update(START + MINUTE, level(-0.1), level(1.5), level(-0.5))
    assert [(t.exposure, t.price) for t in (*falling.before, falling)] == [(-0.3, level(1)), (0.0, level(0))]


@pytest.mark.parametrize(
    ("high", "low"),
    [(None, None), (math.nan, math.nan), (math.inf, 0.0), (level(-0.5), level(0.5)), (math.inf, -1.0)],
)
def test_impossible_extremes_count_as_not_seen(high: float | None, low: float | None) -> None:
    rule, _ = run([100.0])
    assert rule.update(START + MINUTE, 100.0, high, low) == GridTarget(0.0, "+0 of 3 levels held")


def test_long_only_sells_what_it_holds_and_no_more() -> None:
    spot = GridParams(**{**{n: getattr(P, n) for n in P.__slots__}, "long_only": True})
    assert exposures(at(0, -1.5, 0.5, 1.5, 2.5, -1.5), spot) == [0.0, 0.3, 0.0, 0.0, 0.0, 0.3]
    rule, _ = run(at(0, -1.5), spot)
    assert [(q.side, q.level) for q in rule.quotes()] == [(-1, 0), (1, -2), (1, -3)]


# -- orders --------------------------------------------------------------------------------------------


def quotes(rule: GridRule) -> list[tuple[int, int, float, float, bool]]:
    return [(int(q.side), q.level, round(q.price, 9), round(q.size, 12), q.opens) for q in rule.quotes()]


def test_an_empty_grid_rests_on_both_sides_the_nearest_first() -> None:
    rule, _ = run([100.0])
    assert quotes(rule) == [
        (1, -1, round(level(-1), 9), 0.3, True),
        (-1, 1, 101.0, 0.3, True),
        (1, -2, round(level(-2), 9), 0.3, True),
        (-1, 2, 102.01, 0.3, True),
        (1, -3, round(level(-3), 9), 0.3, True),
        (-1, 3, round(level(3), 9), 0.3, True),
    ]


def test_what_is_held_is_offered_one_level_back_and_comes_first() -> None:
    rule, _ = run(at(0, -2.5))
    assert [(q[0], q[1], q[4]) for q in quotes(rule)] == [
        (-1, -1, False), (-1, 0, False), (-1, 1, True), (-1, 2, True), (1, -3, True), (-1, 3, True),
    ]  # fmt: skip
    rule, _ = run(at(0, 3.5))
    assert [(q[0], q[1], q[4]) for q in quotes(rule)][:3] == [(1, 2, False), (1, 1, False), (1, 0, False)]


def test_no_orders_before_there_is_a_grid_nor_after_giving_up() -> None:
    assert GridRule(P, interval=MINUTE).quotes() == []
    rule, said = run(at(0, -3.5), changed(stop=1.0))
    assert (said[-1].exposure, said[-1].passive) == (0.0, False)
    assert [step.exposure for step in said[-1].before] == [0.9]
    assert rule.quotes() == []


def changed(**changes: object) -> GridParams:
    return GridParams(**{**{name: getattr(P, name) for name in P.__slots__}, **changes})


# -- ends ----------------------------------------------------------------------------------------------


def test_a_loss_is_cut_at_the_stop_and_the_next_grid_waited_for() -> None:
    # All three levels held, price at −x: (x − 2) spacings lost, but that levels grow closer as prices fall.
    p = changed(stop=1.4, max_age=4, recenter_levels=9.0)
    rule, said = run(at(0, -3.2, -3.6, -1.0, -1.0, -1.0, -1.0), p)
    assert [round(t.exposure, 9) for t in said] == [0.0, 0.9, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert said[2].reason == "lost 1.55 spacings, given up"
    assert [t.passive for t in said] == [True, True, False, True, True, True, True]
    assert said[3].reason == "given up, waiting for the next grid"
    assert said[6].reason == "4 bars old, begun anew"
    assert rule.ladder.centre == level(-1.0)
    assert not rule.gave_up


def test_a_grid_the_price_has_left_is_closed_and_begun_anew() -> None:
    # The outermost level is 3, so the price has left beyond 4; the second close in a row counts.
    rule, said = run(at(0, 4.2, 3.9, 4.2, 4.3))
    assert [round(t.exposure, 9) for t in said] == [0.0, -0.9, -0.9, -0.9, 0.0]
    assert said[4] == GridTarget(0.0, "left by the price, begun anew", passive=False)
    assert rule.ladder.centre == level(4.3)


def test_an_old_grid_is_moved_only_when_it_is_empty_and_off_its_centre() -> None:
    p = changed(max_age=3)
    assert run(at(0, 0.5, 0.5, 0.5, 0.5), p)[0].ladder.centre == 100.0
    assert run(at(0, 0.5, -1.5, 0.5, 0.5), p)[0].ladder.centre == 100.0
    assert run(at(0, -1.5, -1.4, -1.4, -1.4, -1.4), p)[0].ladder.centre == 100.0
    p = changed(max_age=3, long_only=True)
    rule, said = run(at(0, 0.5, 1.5, 1.5), p)
    assert rule.ladder.centre == level(1.5)
    assert said[-1] == GridTarget(0.0, "3 bars old, begun anew")


def test_leaving_forgets_the_grid_until_one_may_be_begun() -> None:
    rule, _ = run(at(0, -1.5))
    assert rule.leave("told to") == GridTarget(0.0, "told to", passive=False)
    assert rule.leave("told to") == GridTarget(0.0, "told to", passive=True)
    assert rule.update(START + 2 * MINUTE, 99.0, opens=False).reason == "no grid, none may be begun"
    assert rule.update(START + 3 * MINUTE, 98.0).exposure == 0.0
    assert rule.ladder.centre == 98.0


def test_while_nothing_may_be_opened_what_is_held_is_sold_and_no_more() -> None:
    rule, _ = run(at(0, -1.5))
    steps = zip(at(-2.5, -0.5, 0.5, 1.5), range(2, 6), strict=True)
    held = [rule.update(START + n * MINUTE, close, opens=False).exposure for close, n in steps]
    assert held == pytest.approx([0.3, 0.3, 0.0, 0.0])
    late = rule.update(START + 6 * MINUTE, level(1.7))  # level 1 is behind the market: sold where it was
    assert (late.exposure, late.price) == (pytest.approx(-0.3), level(1.5))


def test_nothing_begun_where_it_may_not_also_after_the_price_has_left() -> None:
    rule, _ = run(at(0, -3.5))
    for n in (2, 3):
        last = rule.update(START + n * MINUTE, level(-4.5), opens=False)
    assert last == GridTarget(0.0, "left by the price, closed", passive=False)
    assert rule.ladder is None


# -- the volatility ------------------------------------------------------------------------------------


def test_spacing_is_the_volatility_at_the_beginning() -> None:
    p = changed(spacing=0.0, vol_multiple=3.0, vol_half_life=2.0, min_spacing=0.001)
    swing = [100.0 * math.exp(0.002 * (n % 2)) for n in range(7)]
    rule, said = run(swing, p)
    assert said[:4] == [None] * 4
    assert said[4] == GridTarget(0.0, "begun at 100, levels 0.600% apart")
    assert rule.ladder.spacing == pytest.approx(0.006)
    still, _ = run([100.0] * 7, p)
    assert still.ladder.spacing == 0.001


# -- bad bars ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("close", [math.nan, math.inf, 0.0, -1.0])
def test_a_bad_close_changes_nothing(close: float) -> None:
    rule, _ = run(at(0, -1.5))
    before = rule.to_dict()
    assert rule.update(START + 2 * MINUTE, close, 200.0, 1.0) is None
    assert rule.update(START, 50.0) is None
    assert rule.to_dict() == before


def test_levels_are_taken_over_a_gap_and_everything_closed_after_a_long_one() -> None:
    rule, _ = run([100.0])
    assert rule.update(START + 30 * MINUTE, level(-2.5)).exposure == 0.6
    assert rule.ts == START + 30 * MINUTE
    ended = rule.update(START + 140 * MINUTE, level(-2.5))
    assert ended == GridTarget(0.0, "too long without bars, closed", passive=False)
    assert rule.quotes() == []
    assert rule.update(START + 141 * MINUTE, 90.0).reason == "begun at 90, levels 1.000% apart"
    assert rule.update(START + 10 * MINUTE, 91.0).reason.startswith("begun at 91")  # the clock went back


# -- what holds for every price ------------------------------------------------------------------------

BAR = st.tuples(
    st.floats(-0.03, 0.03),
    st.floats(0.0, 0.03),
    st.floats(0.0, 0.03),
    st.sampled_from([1] * 12 + [3, 40, 300, 0, -1, -200]),
    st.sampled_from([1.0] * 20 + [math.nan, 0.0, math.inf, 4.0]),
    st.booleans(),
)
PATHS = st.lists(BAR, max_size=80)
PARAMS = st.builds(
    GridParams,
    levels=st.integers(1, 6),
    spacing=st.sampled_from([0.0, 0.003, 0.02]),
    vol_half_life=st.just(3.0),
    bound=st.sampled_from([0.1, 0.7, 1.0]),
    long_only=st.booleans(),
    recenter_levels=st.sampled_from([0.5, 3.0]),
    recenter_bars=st.integers(1, 3),
    max_age=st.integers(1, 20),
    stop=st.sampled_from([0.5, 2.0, 50.0]),
)


def feed(path: list[tuple]) -> list[tuple]:
    bars, ts, price = [], START, 100.0
    for move, up, down, step, spoilt, opens in path:
        ts += step * MINUTE
        price *= math.exp(move)
        bars.append((ts, price * spoilt, price * (1 + up), price * (1 - down), opens))
    return bars


def told(rule: GridRule, bars: list[tuple]) -> list[GridTarget | None]:
    return [rule.update(ts, close, high, low, opens=opens) for ts, close, high, low, opens in bars]


@given(PARAMS, PATHS)
def test_the_bound_is_never_exceeded_neither_by_inventory_nor_with_all_orders_filled(
    p: GridParams, path: list[tuple]
) -> None:
    rule = GridRule(p, interval=MINUTE)
    for bar in feed(path):
        for target in filter(None, told(rule, [bar])):
            for step in (*target.before, target):
                assert (0.0 if p.long_only else -p.bound) <= step.exposure <= p.bound
        for side in (1, -1):
            most = rule.exposure * side + sum(q.size for q in rule.quotes() if q.side == side)
            assert most <= p.bound * (1 + 1e-12)
        places = [(q.side, q.level) for q in rule.quotes()]
        assert len(places) == len(set(places)) <= 2 * p.levels


@given(PARAMS, PATHS)
def test_while_nothing_may_be_opened_inventory_only_shrinks(p: GridParams, path: list[tuple]) -> None:
    rule, before = GridRule(p, interval=MINUTE), 0.0
    for bar in feed(path):
        for target in filter(None, told(rule, [bar])):
            if not bar[-1]:
                assert abs(target.exposure) <= abs(before)
                assert target.exposure * before >= 0.0
            before = target.exposure


@given(st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=80))
def test_each_round_trip_earns_one_spacing(moves: list[float]) -> None:
    rule = GridRule(changed(levels=4, bound=1.0, recenter_levels=99.0, stop=99.0), interval=MINUTE)
    price, cash, held, trips = 100.0, 0.0, 0.0, 0
    stack: list[float] = []
    for n, move in enumerate([0.0, *moves]):
        price *= math.exp(move)
        target = rule.update(START + n * MINUTE, price)
        change = target.exposure - held
        cash -= 0.0 if target.price is None else change * target.price
        held = target.exposure
        # Written out: levels held are a stack, from the centre outwards.
        number = round(held * 4)
        side = 1 if number > 0 else -1
        wanted = [-side * k for k in range(1, abs(number) + 1)]
        while stack != wanted[: len(stack)]:
            out = stack.pop()
            earned = level(out + 1) - level(out) if out < 0 else level(out) - level(out - 1)
            assert earned == pytest.approx(0.01 * min(level(out), level(out + (1 if out < 0 else -1))))
            trips += earned / 4
        stack = wanted
    open_cost = sum((1 if n < 0 else -1) * level(n) / 4 for n in stack)
    assert cash == pytest.approx(trips - open_cost, abs=1e-9)


@given(PARAMS, PATHS, st.integers(0, 80))
def test_goes_on_exactly_where_it_stopped(p: GridParams, path: list[tuple], cut: int) -> None:
    bars = feed(path)
    first = GridRule(p, interval=MINUTE)
    told(first, bars[:cut])
    second = GridRule(p, interval=MINUTE).restore(json.loads(json.dumps(first.to_dict())))
    assert second.quotes() == first.quotes()
    assert told(second, bars[cut:]) == told(first, bars[cut:])
    assert second.to_dict() == first.to_dict()


def test_what_was_held_otherwise_is_left_alone() -> None:
    first, _ = run(at(0, -1.5))
    assert GridRule(changed(stop=8.0), interval=MINUTE).restore(first.to_dict()).ladder is None
    assert GridRule(P, interval=2 * MINUTE).restore(first.to_dict()).ladder is None
    assert GridRule(P, interval=MINUTE).restore(first.to_dict()).exposure == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"levels": 0}, r"need 1 <= levels <= 100 \[per side\], was 0"),
        ({"spacing": -0.01}, "0 <= spacing <= 0.5"),
        ({"vol_multiple": 0.0}, "vol_multiple > 0"),
        ({"vol_half_life": math.nan}, "vol_half_life > 0"),
        ({"min_spacing": 0.0}, "0 < min_spacing"),
        ({"bound": 1.1}, "0 < bound <= 1"),
        ({"recenter_levels": 0.0}, "recenter_levels > 0"),
        ({"recenter_bars": 0}, "recenter_bars >= 1"),
        ({"max_age": 0}, "max_age >= 1"),
        ({"stop": 0.0}, "stop > 0"),
    ],
)
def test_impossible_parameters_are_refused(changes: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        changed(**changes)


def test_bars_that_do_not_come_by_the_clock_are_refused() -> None:
    with pytest.raises(ValueError, match="interval > 0"):
        GridRule(P, interval=0)
