"""Greeks carry their unit, and refuse to be added to what they are not."""

from dataclasses import fields

import numpy as np
import pytest

from nautilus_quant.options.units import (
    NUMBERS,
    PerContract,
    PerPosition,
    Sensitivities,
    Unit,
    UnitError,
    nothing,
    total,
)


def numbers(by: float = 1.0) -> dict[str, float]:
    """Every field different: 1, 2, 3 ... times `by`."""
    return {name: by * (index + 1.0) for index, name in enumerate(NUMBERS)}


def position(unit: Unit = Unit.COIN, currency: str = "BTC", by: float = 1.0) -> PerPosition:
    return PerPosition(unit=unit, currency=currency, **numbers(by))


def test_the_numbers_are_all_fields_but_the_unit() -> None:
    assert {"unit", "currency", *NUMBERS} == {field.name for field in fields(Sensitivities)}
    assert len(NUMBERS) == 9


def test_positions_in_one_unit_add_up() -> None:
    added = position(by=1.0) + position(by=10.0)
    assert added == position(by=11.0)
    assert total([position(by=1.0), position(by=-3.0)], Unit.COIN, "BTC") == position(by=-2.0)
    assert total([], Unit.REPORTING, "USD") == nothing(Unit.REPORTING, "USD")
    assert nothing(Unit.COIN, "ETH") == PerPosition(unit=Unit.COIN, currency="ETH", **numbers(0.0))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (position(currency="ETH"), r"cannot add greeks per position in ETH \(the coin\) to .* in BTC"),
        (position(Unit.REPORTING, "BTC"), r"in BTC \(reporting currency\) to .* in BTC \(the coin\)"),
        (PerContract(unit=Unit.COIN, currency="BTC", **numbers()), r"cannot add greeks per contract in BTC"),
        (1.0, r"cannot add a float to greeks per position in BTC \(the coin\); only positions add up"),
    ],
)
def test_different_units_do_not_add_up(other: object, message: str) -> None:
    with pytest.raises(UnitError, match=message):
        position() + other
    with pytest.raises(UnitError):
        total([position(), other], Unit.COIN, "BTC")
    with pytest.raises(UnitError):
        total([position(currency="ETH")], Unit.COIN, "BTC")


def test_sum_is_sent_to_total() -> None:
    with pytest.raises(UnitError, match="total"):
        sum([position(), position()])


def test_contracts_do_not_add_up_until_one_says_how_many() -> None:
    one = PerContract(unit=Unit.COIN, currency="BTC", **numbers())
    for both in (lambda: one + one, lambda: 0 + one):
        with pytest.raises(UnitError, match="times"):
            both()
    assert one.times(-2.5) == position(by=-2.5)
    assert one.times(2.0) + one.times(1.0) == position(by=3.0)


def test_coins_become_money_once() -> None:
    money = position(by=0.5).in_reporting(60_000.0, "USD")
    assert money == position(Unit.REPORTING, "USD", by=30_000.0)
    with pytest.raises(UnitError, match="no longer in coins"):
        money.in_reporting(60_000.0, "EUR")
    per_contract = PerContract(unit=Unit.COIN, currency="BTC", **numbers()).in_reporting(2.0, "USD")
    assert per_contract.times(3.0) == position(Unit.REPORTING, "USD", by=6.0)
    bitcoin, ether = position(), position(currency="ETH")
    both = total(
        [bitcoin.in_reporting(60_000.0, "USD"), ether.in_reporting(3_000.0, "USD")], Unit.REPORTING, "USD"
    )
    assert both == position(Unit.REPORTING, "USD", by=63_000.0)


def test_arrays_of_positions_are_added_up_and_one_unknown_makes_it_unknown() -> None:
    held = np.array([1.0, -3.0, 4.0])
    many = PerContract(unit=Unit.COIN, currency="BTC", **numbers()).times(held)
    assert many.net() == position(by=2.0)
    unknown = PerContract(unit=Unit.COIN, currency="BTC", **numbers()).times(np.array([1.0, np.nan])).net()
    assert all(np.isnan(getattr(unknown, name)) for name in NUMBERS)
