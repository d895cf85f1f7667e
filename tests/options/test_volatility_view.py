"""When a side of volatility is taken and left."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.options.volatility_view import ViewParams, VolatilityView

SECOND = 10**9
PLAIN = ViewParams(enter_points=5.0, exit_points=1.0, enter_z=0.0)


def sides(params: ViewParams, points: list[float]) -> list[int]:
    view = VolatilityView(params)
    return [view.update(at * 3_600 * SECOND, 0.5 + p / 100.0, 0.5).side for at, p in enumerate(points)]


def test_dear_volatility_is_sold_and_cheap_is_bought_until_the_difference_is_gone() -> None:
    assert sides(PLAIN, [0, 4.9, 5.1, 3, 1.1, 0.9, 3]) == [0, 0, -1, -1, -1, 0, 0]
    assert sides(PLAIN, [-4.9, -5.1, -1.1, -0.9, -4]) == [0, 1, 1, 0, 0]


def test_the_other_side_is_taken_at_once_when_it_turns_so_far() -> None:
    assert sides(PLAIN, [6, -6, 6]) == [-1, 1, -1]


def test_sides_may_be_forbidden() -> None:
    assert sides(ViewParams(enter_z=0.0, sell=False), [9, -9]) == [0, 1]
    assert sides(ViewParams(enter_z=0.0, buy=False), [9, -9]) == [-1, 0]


def test_what_is_usual_is_not_entered_however_far() -> None:
    usual = ViewParams(enter_points=5.0, enter_z=2.0, exit_z=0.0, window=50, fewest=10)
    calm = [10.0 + 0.5 * (at % 2) for at in range(20)]
    assert set(sides(usual, calm)) == {0}
    assert sides(usual, [*calm, 14.0])[-1] == -1
    assert sides(usual, [*calm, 14.0, 9.5])[-2:] == [-1, 0]  # usual again, and still ten points


def test_a_cheap_that_is_unusually_little_cheap_is_no_reason_to_buy() -> None:
    usual = ViewParams(enter_points=5.0, enter_z=2.0, exit_z=0.0, window=50, fewest=10)
    deep = [-20.0 - 0.5 * (at % 2) for at in range(20)]
    assert sides(usual, [*deep, -6.0])[-1] == 0
    assert sides(usual, [*deep, -24.0])[-1] == 1


def test_without_a_past_nothing_is_unusual() -> None:
    assert set(sides(ViewParams(enter_z=1.0, fewest=10, window=20), [20.0] * 9)) == {0}


@pytest.mark.parametrize(("implied", "expected"), [(math.nan, 0.5), (0.5, math.nan), (0.0, 0.5), (0.9, 0.0)])
def test_what_is_unknown_neither_enters_nor_leaves(implied: float, expected: float) -> None:
    view = VolatilityView(PLAIN)
    assert view.update(0, implied, expected)[:1] == (0,)
    view.update(SECOND, 0.6, 0.5)
    told = view.update(2 * SECOND, implied, expected)
    assert (told.side, told.reason) == (-1, "volatility unknown")
    assert math.isnan(told.points)


def test_it_says_what_it_saw() -> None:
    view = VolatilityView(PLAIN)
    told = view.update(0, 0.62, 0.5)
    assert told.points == pytest.approx(12.0)
    assert told.reason == "implied +12.0 points from expected"
    assert math.isnan(told.score)


def test_a_side_forgotten_needs_a_reason_to_enter() -> None:
    view = VolatilityView(PLAIN)
    view.update(0, 0.6, 0.5)
    view.forget()
    assert view.update(SECOND, 0.53, 0.5).side == 0
    assert view.update(2 * SECOND, 0.56, 0.5).side == -1


def test_it_goes_on_from_what_was_saved() -> None:
    params = ViewParams(enter_z=1.0, fewest=5, window=20)
    one = VolatilityView(params)
    for at in range(30):
        one.update(at * 3_600 * SECOND, 0.5 + 0.01 * (at % 7), 0.45)
    other = VolatilityView(params).restore(json.loads(json.dumps(one.to_dict())))
    told, expected = (view.update(31 * 3_600 * SECOND, 0.6, 0.45) for view in (other, one))
    assert told._replace(score=0.0) == expected._replace(score=0.0)
    assert told.score == pytest.approx(expected.score, rel=1e-12)


@given(points=st.lists(st.floats(-30, 30), max_size=40))
def test_turned_round_it_takes_the_other_side(points: list[float]) -> None:
    assert sides(PLAIN, points) == [-side for side in sides(PLAIN, [-p for p in points])]


@given(points=st.lists(st.floats(-30, 30), max_size=40))
def test_a_side_is_never_held_against_the_difference(points: list[float]) -> None:
    assert all(side * p <= 0.0 for side, p in zip(sides(PLAIN, points), points, strict=True))


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"exit_points": 5.0}, "exit_points"),
        ({"enter_z": -1.0}, "enter_z"),
        ({"exit_z": 1.0}, "exit_z"),
        ({"sell": False, "buy": False}, "sell or buy"),
        ({"fewest": 1}, "fewest"),
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        ViewParams(**wrong)  # type: ignore[arg-type]
