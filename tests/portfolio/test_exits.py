"""Ladders of exits: figures by hand, and what holds on any path of prices and fills."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.exits import ExitParams, Kind, Level, Plan, Unit, levels_of
from nautilus_quant.portfolio.exits_ladder import ExitLadder
from nautilus_quant.portfolio.exits_range import AverageTrueRange
from nautilus_quant.portfolio.exits_share import cover, planned, split, take
from nautilus_quant.portfolio.sizing import Lot

SECOND = 1_000_000_000
LOT = Lot(step=Decimal("0.001"), minimum=Decimal("0.001"))
NAN = math.nan
D = Decimal


def ladder(
    side: Side = Side.BUY, quantity: str = "3.000", entry: float = 100.0, lot: Lot = LOT, **params: Any
) -> ExitLadder:
    return ExitLadder(
        side, entry, D(quantity), lot, params=ExitParams(**params), tick=D("0.01"), opened=1_000 * SECOND
    )


def figures(plan: Plan, kind: Kind) -> list[tuple[str, str]]:
    return [(str(e.price), str(e.quantity)) for e in plan.of(kind)]


# -- figures by hand -------------------------------------------------------------------------------


def test_a_ladder_of_a_long_position():
    # 1 %, 2 %, 4 % of 100; thirds of 3.000 (0.3333 * 3 = 0.9999, rounded down to 0.999; the sum of two is
    # 0.6666 * 3 = 1.9998, so the second gets 1.999 - 0.999 = 1.000; the third 0.3333: 2.9997 -> 2.999).
    plan = ladder(
        take_profits=levels_of([(0.01, 0.3333), (0.02, 0.3333), (0.04, 0.3333)]),
        stop_losses=levels_of([(0.01, 0.5), (0.02, 0.5)]),
    ).update(1_001 * SECOND, 100.0, NAN, D("3.000"))
    assert figures(plan, Kind.LIMIT) == [("101.00", "0.999"), ("102.00", "1.000"), ("104.00", "1.000")]
    assert figures(plan, Kind.STOP) == [("99.00", "1.500"), ("98.00", "1.500")]
    assert not any(e.due for e in plan.exits)
    assert not plan.close


def test_a_ladder_of_a_short_position_lies_the_other_way():
    plan = ladder(Side.SELL, take_profits=(Level(0.01),), stop_losses=(Level(0.0333),)).update(
        0, 100.0, NAN, D("3.000")
    )
    # 100 * 1.0333 = 103.33, on the grid of 0.01
    assert figures(plan, Kind.LIMIT) == [("99.00", "3.000")]
    assert figures(plan, Kind.STOP) == [("103.33", "3.000")]


def test_rounding_favours_the_position():
    # 0.123 of a cent: a long's stop goes up to the next cent, its target up as well; a short's both down.
    params: Any = {"take_profits": (Level(0.0100123),), "stop_losses": (Level(0.0100123),)}
    long = ladder(**params).update(0, 100.0, NAN, D("1"))
    short = ladder(Side.SELL, **params).update(0, 100.0, NAN, D("1"))
    assert [figures(long, k)[0][0] for k in Kind] == ["101.01", "99.00"]  # 101.00123 and 98.99877
    assert [figures(short, k)[0][0] for k in Kind] == ["98.99", "101.00"]  # 98.99877 and 101.00123


def test_fills_resize_the_ladder():
    rule = ladder(
        take_profits=levels_of([(0.01, 0.5), (0.02, 0.5)]), stop_losses=levels_of([(0.01, 0.5), (0.02, 0.5)])
    )
    rule.update(0, 100.0, NAN, D("3.000"))
    rule.fill(Kind.LIMIT, 0, D("0.500"))  # part of the first 1.500
    plan = rule.update(0, 100.0, NAN, D("2.500"))
    assert figures(plan, Kind.LIMIT) == [("101.00", "1.000"), ("102.00", "1.500")]
    assert figures(plan, Kind.STOP) == [("99.00", "1.250"), ("98.00", "1.250")]
    rule.fill(Kind.STOP, 0, D("1.000"))  # part of the first stop: what it has left stays 0.250
    plan = rule.update(0, 100.0, NAN, D("1.500"))
    assert figures(plan, Kind.STOP) == [("99.00", "0.250"), ("98.00", "1.250")]
    rule.fill(Kind.STOP, 0, D("0.250"))  # it is used up
    plan = rule.update(0, 100.0, NAN, D("1.000"))
    assert figures(plan, Kind.STOP) == [("98.00", "1.000")]
    assert figures(plan, Kind.LIMIT) == [("101.00", "1.000")]  # the nearest first
    plan = rule.update(0, 100.0, NAN, D("4.000"))  # three more: six in all, three per rung
    assert sum(e.quantity for e in plan.of(Kind.STOP)) == 4
    assert figures(plan, Kind.LIMIT) == [("101.00", "2.500"), ("102.00", "1.500")]
    assert rule.update(0, 100.0, NAN, D(0)) == Plan()


def test_what_others_protect_is_left_to_them():
    rule = ladder(stop_losses=(Level(0.01),), take_profits=(Level(0.01),))
    plan = rule.update(0, 100.0, NAN, D("3.000"), D("1.000"))
    assert [str(e.quantity) for e in plan.exits] == ["2.000", "2.000"]
    assert not rule.update(0, 100.0, NAN, D("3.000"), D("5.000")).exits
    assert [str(e.quantity) for e in rule.update(0, 100.0, NAN, D("3.000")).exits] == ["3.000", "3.000"]


def test_a_percent_behind_the_best_price():
    rule = ladder(stop_losses=(Level(0.05),), trailing=0.02, trailing_from=0.03, step=0.01, pause=10.0)
    stops = []
    # Trails from 103 on: 103 - 2 = 101. 103.5 would gain 0.5, less than a step of 1. 104.5 gains 1.5, but
    # only 5 s later; at 13 s it moves to 102.5. A fall moves nothing.
    for second, price in ((0, 102.9), (1, 103.0), (3, 103.5), (6, 104.5), (13, 104.0), (30, 103.0)):
        rule.update(second * SECOND + 2_000 * SECOND, price, NAN, D("3.000"))
        stops.append(rule.stops[0])
    assert stops == [95.0, 101.0, 101.0, 101.0, 102.5, 102.5]


def test_true_ranges_at_entry_for_rungs_and_of_now_for_the_trail():
    rule = ladder(
        Side.SELL,
        unit=Unit.ATR,
        stop_losses=(Level(2.0),),
        take_profits=(Level(3.0),),
        trailing=1.5,
        trailing_unit=Unit.ATR,
        trailing_from=1.0,
        fallback=0.04,
    )
    # No range yet: 4 % of 100 stands in: stop 100 + 8, target 100 - 12.
    plan = rule.update(0, 100.0, NAN, D("3.000"))
    assert [figures(plan, k)[0][0] for k in Kind] == ["88.00", "108.00"]
    # A range of 2: stop 104, target 94.
    plan = rule.update(0, 100.0, 2.0, D("3.000"))
    assert [figures(plan, k)[0][0] for k in Kind] == ["94.00", "104.00"]
    # A range of 3 changes no rung; the trail begins at 97 and lies 4.5 above it.
    plan = rule.update(10 * SECOND, 97.0, 3.0, D("3.000"))
    assert [figures(plan, k)[0][0] for k in Kind] == ["94.00", "101.50"]
    # A range of 5 loosens nothing.
    plan = rule.update(20 * SECOND, 96.0, 5.0, D("3.000"))
    assert figures(plan, Kind.STOP) == [("101.50", "3.000")]


def test_break_even_pays_the_fees():
    rule = ladder(stop_losses=levels_of([(0.01, 0.5), (0.03, 0.5)]), break_even=0.01, fees=0.002)
    rule.update(0, 100.99, NAN, D("3.000"))
    assert rule.stops == (99.0, 97.0)
    rule.update(0, 101.0, NAN, D("3.000"))
    assert rule.stops == (100.2, 100.2)
    short = ladder(Side.SELL, stop_losses=(Level(0.02),), break_even=0.01, fees=0.002)
    short.update(0, 99.0, NAN, D("3.000"))
    assert short.stops == (99.8,)


def test_without_rungs_the_trail_alone_is_the_stop_once_it_begins():
    rule = ladder(trailing=0.02, trailing_from=0.01)
    assert not rule.update(0, 100.0, NAN, D("3.000")).exits
    plan = rule.update(10 * SECOND, 101.0, NAN, D("3.000"))
    assert figures(plan, Kind.STOP) == [("99.00", "3.000")]  # 101 - 2 % of the entry


def test_due_is_what_the_price_has_reached():
    rule = ladder(take_profits=(Level(0.01),), stop_losses=(Level(0.01),))
    due = [
        [e.kind.value for e in rule.update(0, p, NAN, D("3.000")).exits if e.due]
        for p in (99.01, 99.0, 100.99, 101.0, NAN)
    ]
    assert due == [[], ["stop"], [], ["limit"], []]


def test_time_is_up_to_the_second():
    rule = ladder(time_stop=60.0)
    assert rule.deadline == 1_060 * SECOND
    assert not rule.update(1_060 * SECOND - 1, 100.0, NAN, D("3.000")).close
    assert rule.update(1_060 * SECOND, NAN, NAN, D("3.000")).close == "open for 60 s"


def test_averaging_down_loosens_no_stop_and_averaging_up_tightens_it():
    rule = ladder(stop_losses=(Level(0.02),))
    rule.update(0, 100.0, NAN, D("3.000"))
    rule.rebase(99.0)
    rule.update(0, 99.0, NAN, D("6.000"))
    assert rule.stops == (98.0,)
    rule.rebase(102.0)
    rule.update(0, 102.0, NAN, D("7.000"))
    assert rule.stops == (99.96,)


def test_pieces_that_fit_one_order():
    lot = Lot(step=D("0.001"), minimum=D("0.001"), maximum=D("1.250"))
    plan = ladder(lot=lot, stop_losses=(Level(0.02),)).update(0, 100.0, NAN, D("3.001"))
    # Three pieces: 3.001 / 3 = 1.000 and one step more for the first.
    assert [(e.part, str(e.quantity)) for e in plan.exits] == [(0, "1.001"), (1, "1.000"), (2, "1.000")]


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({}, "at least one exit"),
        ({"stop_losses": (Level(1.0),)}, "less than 1 away"),
        ({"stop_losses": (Level(0.02), Level(0.01))}, "rising distances"),
        ({"take_profits": (Level(0.01, 0.7), Level(0.02, 0.7))}, "sum to at most 1"),
        ({"take_profits": (Level(0.01, 0.0),)}, "0 < shares <= 1"),
        ({"trailing": math.nan}, "0 <= trailing < inf"),
        ({"trailing": 1.0}, "trailing < 1"),
        ({"trailing_from": 0.01, "time_stop": 1.0}, "trailing with trailing_from"),
        ({"break_even": 0.001, "fees": 0.001}, "break_even > fees"),
        ({"time_stop": -1.0}, "0 <= time_stop"),
        ({"time_stop": 1.0, "fallback": 0.0}, "0 < fallback < 1"),
    ],
)
def test_impossible_parameters_are_refused(params: dict[str, Any], match: str):
    with pytest.raises(ValueError, match=match):
        ExitParams(**params)


@pytest.mark.parametrize(
    ("entry", "quantity", "tick"), [(0.0, "1", "1"), (math.nan, "1", "1"), (1.0, "0", "1"), (1.0, "1", "0")]
)
def test_impossible_positions_are_refused(entry: float, quantity: str, tick: str):
    params = ExitParams(time_stop=1.0)
    with pytest.raises(ValueError, match="need a positive"):
        ExitLadder(Side.BUY, entry, D(quantity), LOT, params=params, tick=D(tick), opened=0)


# -- sharing out -----------------------------------------------------------------------------------


def test_what_is_too_small_for_an_order_goes_to_a_neighbour():
    lot = Lot(step=D("0.1"), minimum=D("1"))
    assert planned(D("3.0"), [0.2, 0.3, 0.5], lot) == [D("0.6"), D("0.9"), D("1.5")]
    assert take(D("3.0"), [D("0.6"), D("0.9"), D("1.5")], lot) == [0, D("1.5"), D("1.5")]
    assert cover(D("3.0"), [D("2.5"), D("0.5")], lot) == [D("3.0"), 0]
    assert cover(D("0.5"), [D("2.5"), D("0.5")], lot) == [0, D("0.5")]  # nothing else covers it


sizes = st.integers(1, 10_000).map(lambda n: n * D("0.001"))


@given(sizes, st.lists(st.integers(0, 5_000).map(lambda n: n * D("0.001")), min_size=1, max_size=5))
def test_all_is_covered_and_never_more_taken_than_there_is(left: Decimal, weights: list[Decimal]):
    for least in (D("0.001"), D("0.250")):
        lot = Lot(step=D("0.001"), minimum=least)
        covers, takes = cover(left, weights, lot), take(left, weights, lot)
        assert sum(covers) == left
        assert sum(takes) == min(left, sum(weights))
        assert min(covers) >= 0
        assert min(takes) >= 0


@given(sizes, sizes)
def test_pieces_add_up_and_fit(size: Decimal, most: Decimal):
    pieces = split(size, Lot(step=D("0.001"), maximum=most))
    assert sum(pieces) == size
    assert 0 < min(pieces) <= max(pieces) <= most


# -- on any path -----------------------------------------------------------------------------------


@st.composite
def params_of(draw: st.DrawFn) -> ExitParams:
    def rungs(most: int) -> tuple[Level, ...]:
        count = draw(st.integers(0, most))
        distances = sorted(
            {draw(st.floats(0.001, 0.2)) for _ in range(count)},
        )
        return tuple(Level(d, 0.99 / max(count, 1)) for d in distances)

    return ExitParams(
        take_profits=rungs(4),
        stop_losses=rungs(3) or (Level(0.05),),
        unit=draw(st.sampled_from(Unit)) if draw(st.booleans()) else Unit.FRACTION,
        trailing=draw(st.sampled_from([0.0, 0.01, 0.05])),
        break_even=draw(st.sampled_from([0.0, 0.02])),
        fees=0.001,
        pause=draw(st.sampled_from([0.0, 3.0])),
    )


moves = st.lists(
    st.tuples(
        st.floats(0.97, 1.03),  # of the price
        st.sampled_from(["none", "limit", "stop", "foreign", "grow"]),
        st.integers(1, 2_000),  # steps
        st.sampled_from([NAN, 0.5, 2.0]),  # true range
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(params_of(), st.sampled_from(Side), moves, st.booleans())
def test_invariants_on_any_path(params: ExitParams, side: Side, path: Any, restarts: bool):
    held, price = D("3.000"), 100.0
    rule = ExitLadder(side, 100.0, held, LOT, params=params, tick=D("0.01"), opened=0)
    before: tuple[float, ...] = ()
    for n, (move, what, steps, atr) in enumerate(path):
        price *= move
        plan = rule.update(n * SECOND, price, atr, held)
        stops, limits = plan.of(Kind.STOP), plan.of(Kind.LIMIT)
        assert sum(e.quantity for e in stops) == held  # all of it, whatever was filled
        assert sum(e.quantity for e in limits) <= held
        assert all(e.quantity > 0 and e.quantity % LOT.step == 0 for e in plan.exits)
        assert all(e.price > 0 and e.price % D("0.01") == 0 for e in plan.exits)
        if before:
            assert all((new - old) * side >= 0 for new, old in zip(rule.stops, before, strict=True))
        before = rule.stops
        if restarts:
            state = json.loads(json.dumps(rule.to_dict()))
            rule = ExitLadder.restore(state, LOT, params=params, tick=D("0.01"))
            assert rule.to_dict() == state
            assert rule.update(n * SECOND, price, atr, held) == plan
        size = min(steps * LOT.step, held)
        chosen = limits if what == "limit" else stops
        if what in {"limit", "stop"} and chosen:
            size = min(size, chosen[0].quantity)
            rule.fill(chosen[0].kind, chosen[0].level, size)
        if what != "none":
            held = held + size if what == "grow" else held - size
        if not held:
            break


@settings(max_examples=100, deadline=None)
@given(params_of(), st.sampled_from(Side), st.lists(st.floats(0.995, 1.005), max_size=60))
def test_quiet_prices_change_nothing(params: ExitParams, side: Side, path: list[float]):
    held = D("3.000")

    def fresh() -> ExitLadder:
        return ExitLadder(side, 100.0, held, LOT, params=params, tick=D("0.01"), opened=0)

    lazy, eager = fresh(), fresh()
    price, plan = 100.0, Plan()
    for n, move in enumerate(path):
        price *= move
        if not lazy.is_quiet(price):
            plan = lazy.update(n * SECOND, price, 2.0, held)
        assert plan == eager.update(n * SECOND, price, 2.0, held)


# -- state -----------------------------------------------------------------------------------------


def test_other_levels_begin_anew_but_no_stop_moves_back():
    rule = ladder(stop_losses=levels_of([(0.01, 0.5), (0.02, 0.5)]), break_even=0.01)
    rule.update(0, 101.0, NAN, D("3.000"))
    assert rule.stops == (100.0, 100.0)
    params = ExitParams(stop_losses=(Level(0.05),))
    again = ExitLadder.restore(rule.to_dict(), LOT, params=params, tick=D("0.01"))
    again.update(0, 101.0, NAN, D("3.000"))
    assert again.stops == (100.0,)


@pytest.mark.parametrize("field", ["entry", "held", "peak", "stops", "side"])
def test_damaged_state_is_refused(field: str):
    rule = ladder(stop_losses=(Level(0.01),))
    state = {**rule.to_dict(), field: [-1.0] if field == "stops" else -3}
    with pytest.raises((ValueError, ArithmeticError)):
        ExitLadder.restore(state, LOT, params=rule.params, tick=D("0.01"))


# -- true ranges -----------------------------------------------------------------------------------


def test_average_true_range_by_hand():
    atr = AverageTrueRange(2)
    assert math.isnan(atr.update(1, 11.0, 9.0, 10.0))  # no close before: 11 - 9 = 2
    assert atr.update(2, 14.0, 12.0, 13.0) == 3.0  # from the close: 14 - 10 = 4; (2 + 4) / 2
    assert atr.update(3, 13.0, 8.0, 9.0) == 4.0  # 13 - 8 = 5; (3 + 5) / 2
    assert atr.update(3, 100.0, 1.0, 50.0) == 4.0  # repeated
    assert atr.update(4, 1.0, 2.0, 1.5) == 4.0  # impossible
    assert atr.update(5, NAN, 2.0, 2.0) == 4.0
    with pytest.raises(ValueError, match="at least 1"):
        AverageTrueRange(0)
