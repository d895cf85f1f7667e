from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.signals.ladder import Ladder

UNIT = Decimal("0.5")
LADDER = Ladder(200.0, 0.02, 3)


def brief(held: str, ladder: Ladder = LADDER) -> list[tuple[int, int, Decimal, bool]]:
    return [(int(q.side), q.level, q.size, q.opens) for q in ladder.quotes(Decimal(held), UNIT)]


def test_prices_are_a_constant_factor_apart() -> None:
    assert LADDER.price(0) == 200.0
    assert LADDER.price(2) == 200.0 * 1.02**2
    assert LADDER.price(-1) == 200.0 / 1.02


def test_a_part_of_a_piece_is_sold_where_the_piece_is_and_the_rest_bought() -> None:
    part, rest = Decimal("0.2"), Decimal("0.3")
    assert brief("0.7") == [
        (-1, -1, part, False), (-1, 0, UNIT, False),
        (-1, 1, UNIT, True), (1, -2, rest, True), (-1, 2, UNIT, True),
        (1, -3, UNIT, True), (-1, 3, UNIT, True),
    ]  # fmt: skip
    assert brief("-0.2", Ladder(200.0, 0.02, 1)) == [
        (1, 0, part, False),
        (1, -1, UNIT, True),
        (-1, 1, rest, True),
    ]


def test_what_exceeds_the_grid_goes_with_its_outermost_piece() -> None:
    assert brief("4.0")[:3] == [(-1, -2, Decimal("3.0"), False), (-1, -1, UNIT, False), (-1, 0, UNIT, False)]
    assert brief("-4.0")[0] == (1, 2, Decimal("3.0"), False)


@given(st.integers(-60, 60), st.integers(1, 6), st.booleans())
def test_all_orders_of_a_side_filled_lead_to_the_bound(steps: int, count: int, long_only: bool) -> None:
    held, bound = Decimal(steps) / 10, UNIT * count
    quotes = Ladder(200.0, 0.02, count, long_only).quotes(held, UNIT)
    bought = sum(q.size for q in quotes if q.side > 0)
    sold = sum(q.size for q in quotes if q.side < 0)
    assert held + bought == max(bound, held)
    assert held - sold == min(Decimal(0) if long_only else -bound, held)
    assert sum(q.size for q in quotes if not q.opens) == abs(held)
