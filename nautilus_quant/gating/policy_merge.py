"""From a venue's rules, an instrument's facts and a user's wishes to the policy of one instrument."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

from nautilus_quant.gating.policy import TIMES, TYPES, InstrumentPolicy
from nautilus_quant.gating.policy_venues import venue_rules

COLLAR: Final = 0.1
"""Price collar where nobody wishes for another [fraction]: catches a slipped digit and no fast market."""

NAMES: Final = ("order_types", "time_in_force")
SWITCHES: Final = ("gtd", "post_only", "reduce_only", "quote_quantity")
SIZES: Final = (
    "price_increment",
    "size_increment",
    "min_quantity",
    "max_quantity",
    "min_notional",
    "max_notional",
    "price_collar",
    "passive_collar",
)
WISHES: Final = (*NAMES, *SWITCHES, *SIZES)
"""What a user may override."""


class InstrumentFacts(NamedTuple):
    """
    What an instrument itself says; ``None`` where it says nothing.

    Parameters
    ----------
    product
        ``"spot"``, ``"derivative"`` or ``"option"``.
    price_increment, size_increment
        Steps of price [quote currency] and quantity [base coin, or contracts].
    min_quantity, max_quantity, min_notional, max_notional, min_price, max_price
        Bounds, as in `InstrumentPolicy`.
    multiplier, inverse
        Of the contract.

    """

    product: str
    price_increment: Decimal
    size_increment: Decimal
    min_quantity: float | None = None
    max_quantity: float | None = None
    min_notional: float | None = None
    max_notional: float | None = None
    min_price: float | None = None
    max_price: float | None = None
    multiplier: float = 1.0
    inverse: bool = False


def check_wishes(place: str, wishes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return a user's overrides as they are meant; those that are ``None`` wish for nothing.

    Parameters
    ----------
    place
        What they are for, e.g. a venue or an instrument id; for the message.
    wishes
        By the names in `WISHES`.

    Raises
    ------
    ValueError
        If a name is unknown, or a value impossible; names the nearest valid one.

    """
    given = {name: value for name, value in wishes.items() if value is not None}
    meant: dict[str, Any] = {}
    for name, value in given.items():
        if name not in WISHES:
            raise ValueError(f"override for {place}: {_unknown(name, WISHES)}")
        if name in NAMES:
            meant[name] = _parse_names(f"{name} for {place}", value, TYPES if name == NAMES[0] else TIMES)
        elif name in SWITCHES:
            if not isinstance(value, bool):
                raise ValueError(f"{name} for {place} must be true or false, was {value!r}")
            meant[name] = value
        else:
            meant[name] = _parse_size(f"{name} for {place}", name, value)
    return meant


def merge(venue: str, facts: InstrumentFacts, *wishes: Mapping[str, Any]) -> InstrumentPolicy:
    """
    Return the policy of an instrument: the venue's rules, then the instrument's facts, then wishes.

    Parameters
    ----------
    venue
        Its name, e.g. ``"BINANCE"``.
    facts
        What the instrument says of itself.
    wishes
        Overrides from `check_wishes`, those that win last.

    Raises
    ------
    ValueError
        If together they allow nothing at all.

    """
    rules = venue_rules(venue, facts.product)
    wish = {name: value for each in wishes for name, value in each.items()}
    matrix = _matrix(rules.matrix, wish)
    if not any(matrix.values()):
        raise ValueError(f"the order policy of {venue} {facts.product} allows no order type at all: {wish}")
    bounds = {name: value for name, value in _bounds(facts).items() if value is not None}
    bounds["price_collar"] = COLLAR
    bounds.update({name: wish[name] for name in SIZES if name in wish})
    switched = wish.get("post_only")
    may_rest = frozenset(kind for kind in matrix if "LIMIT" in kind)
    quoted = wish.get("quote_quantity")
    return InstrumentPolicy(
        matrix=matrix,
        gtd=wish.get("gtd", True),
        post_only=_switch(switched, rules.post_only, may_rest),
        reduce_only=wish.get("reduce_only", rules.reduce_only),
        quote_quantity=_switch(quoted, rules.quote_quantity, frozenset(matrix)),
        multiplier=facts.multiplier,
        inverse=facts.inverse,
        **bounds,
    )


def _bounds(facts: InstrumentFacts) -> dict[str, Any]:
    return {
        "price_increment": facts.price_increment,
        "size_increment": facts.size_increment,
        "min_quantity": facts.min_quantity,
        "max_quantity": facts.max_quantity,
        "min_notional": facts.min_notional,
        "max_notional": facts.max_notional,
        "min_price": facts.min_price,
        "max_price": facts.max_price,
    }


def _switch(wish: bool | None, usual: frozenset[str], every: frozenset[str]) -> frozenset[str]:
    if wish is None:
        return usual
    return (usual or every) if wish else frozenset()


def _matrix(rows: Mapping[str, frozenset[str]], wish: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return rows for the types wished for; a type the venue has none for takes what the venue knows."""
    known = frozenset().union(*rows.values())
    types: Sequence[str] = wish.get("order_types", tuple(rows))
    times: frozenset[str] | None = frozenset(wish["time_in_force"]) if "time_in_force" in wish else None
    matrix = {kind: rows.get(kind, known) if times is None else times for kind in types}
    switched = wish.get("gtd")
    if switched is None:
        return matrix
    gtd = frozenset({"GTD"})
    return {kind: row | gtd if switched else row - gtd for kind, row in matrix.items()}


def _parse_names(what: str, names: Iterable[str] | str, valid: Sequence[str]) -> tuple[str, ...]:
    wanted = [names] if isinstance(names, str) else list(names)
    found = [str(name).upper() for name in wanted]
    for name in found:
        if name not in valid:
            raise ValueError(f"{what}: {_unknown(name, valid)}")
    if not found:
        raise ValueError(f"{what} must name at least one of {', '.join(valid)}, was []")
    return tuple(dict.fromkeys(found))


def _parse_size(what: str, name: str, value: Any) -> Decimal | float:
    number = (
        float(value) if isinstance(value, int | float | str | Decimal) and _is_number(value) else math.nan
    )
    least = name.startswith("min_") and number == 0.0  # switches a minimum off
    most = not name.endswith("increment") and number == math.inf  # switches a maximum or a collar off
    if not (0.0 < number < math.inf or least or (most and not name.startswith("min_"))):
        raise ValueError(f"{what} must be a positive number, was {value!r}")
    return Decimal(str(value)) if name.endswith("increment") else number


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return not isinstance(value, bool)


def _unknown(name: str, valid: Sequence[str]) -> str:
    folded = {candidate.casefold(): candidate for candidate in valid}
    nearest = folded[difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.0)[0]]
    return f"unknown name {name!r}, did you mean {nearest}? known are {', '.join(valid)}"
