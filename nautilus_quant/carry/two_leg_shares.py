"""Whose is what, when several pairs hold one instrument: every unit of a position belongs to one pair."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nautilus_quant.carry.two_leg_terms import Leg

_ZERO = Decimal(0)

type Legs = tuple[Leg, Leg]
type Held = tuple[Decimal, Decimal]


def shared_out(
    pairs: Mapping[str, Legs], held: Mapping[str, Held], positions: Mapping[str, Decimal]
) -> dict[str, Held]:
    """
    Return what each pair holds, once the positions are known.

    What a position differs by is given to pairs that lack it to be hedged, then taken from those that hold
    most, then given to the first: it is unhedged there, and its pair takes it back.

    Parameters
    ----------
    pairs
        Their legs, by name of the pair.
    held
        What each pair thinks it holds, signed; a pair that is not named knows nothing, see `rebuilt`.
    positions
        Signed units, by name of the instrument; an instrument that is not named stays as it is thought.

    Returns
    -------
    dict
        By name of the pair; over the pairs of an instrument they sum up to its position.

    """
    mine = {name: list(both) for name, both in held.items()}
    lost = {name: legs for name, legs in pairs.items() if name not in mine}
    known = {name: legs for name, legs in pairs.items() if name in mine}
    rest = {name: position - _sum(known, mine, name) for name, position in positions.items()}
    mine |= {name: list(both) for name, both in rebuilt(lost, rest).items()}
    for instrument, position in positions.items():
        _give(pairs, mine, instrument, position - _sum(pairs, mine, instrument))
    return {name: (mine[name][0], mine[name][1]) for name in pairs}


def rebuilt(pairs: Mapping[str, Legs], positions: Mapping[str, Decimal]) -> dict[str, Held]:
    """
    Return how pairs of which nothing is known can have come to positions, with as much hedged as possible.

    Pairs that alone have an instrument take first, which is exact where pairs form no ring. Of a ring, any
    way to hedge the positions is as good as any other.

    Parameters
    ----------
    pairs
        Their legs, by name of the pair.
    positions
        Signed units, by name of the instrument; none counts as nothing.

    Returns
    -------
    dict
        Signed units of both legs, by name of the pair. What only one pair can hold is given to it, hedged or
        not; of the others, what is not hedged is nobody's.

    """
    left = {leg.name: positions.get(leg.name, _ZERO) for legs in pairs.values() for leg in legs}
    held: dict[str, Held] = {}
    waiting = dict(pairs)
    while waiting:
        times = Counter(leg.name for legs in waiting.values() for leg in legs)
        name = next((name for name, legs in waiting.items() if _is_outer(legs, times, left)), None)
        name = name or next(iter(waiting))
        both = list(_hedged(waiting.pop(name), left))
        for index, leg in enumerate(pairs[name]):
            if times[leg.name] == 1:
                both[index] = left[leg.name]
            left[leg.name] -= both[index]
        held[name] = both[0], both[1]
    return held


def _is_outer(legs: Legs, times: Counter[str], left: Mapping[str, Decimal]) -> bool:
    return any(times[leg.name] == 1 and left[leg.name] for leg in legs)


def _hedged(legs: Legs, left: Mapping[str, Decimal]) -> Held:
    units = [left[leg.name] / leg.weight for leg in legs]
    if units[0] * units[1] <= 0:
        return _ZERO, _ZERO
    least = min((0, 1), key=lambda index: abs(units[index]))
    other = legs[1 - least]
    half = left[legs[least].name]
    whole = left[other.name]
    # Whole lots, of which a division may fall short by the last digit.
    match = min(other.lot.floor(abs(units[least] * other.weight) + other.lot.step / 1000), abs(whole))
    pair = (half, match.copy_sign(whole))
    return pair if least == 0 else (pair[1], pair[0])


def _give(pairs: Mapping[str, Legs], mine: dict[str, list[Decimal]], instrument: str, more: Decimal) -> None:
    places = list(_places(pairs, instrument))
    if not more or not places:
        return
    for name, leg in places:
        more -= _put(mine[name], leg, more, _lacks(pairs[name], mine[name], leg))
    for name, leg in sorted(places, key=lambda place: -abs(mine[place[0]][place[1]])):
        more -= _put(mine[name], leg, more, -mine[name][leg])
    name, leg = places[0]
    mine[name][leg] += more


def _put(held: list[Decimal], leg: int, more: Decimal, room: Decimal) -> Decimal:
    if more * room <= 0:
        return _ZERO
    part = min(more, room, key=abs)
    held[leg] += part
    return part


def _lacks(legs: Legs, held: list[Decimal], leg: int) -> Decimal:
    """Return what a leg lacks to be as large as the other, signed."""
    return held[1 - leg] / legs[1 - leg].weight * legs[leg].weight - held[leg]


def _places(pairs: Mapping[str, Legs], instrument: str) -> Iterable[tuple[str, int]]:
    return ((name, leg) for name, legs in pairs.items() for leg in (0, 1) if legs[leg].name == instrument)


def _sum(pairs: Mapping[str, Legs], mine: Mapping[str, list[Decimal]], instrument: str) -> Decimal:
    return sum((mine[name][leg] for name, leg in _places(pairs, instrument)), _ZERO)
