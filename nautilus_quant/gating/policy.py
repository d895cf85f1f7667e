"""Order policy: which orders may be sent at all for an instrument, and the nearest that may."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from math import remainder
from typing import Final, NamedTuple

from nautilus_quant.gating.policy_nearest import (
    largest_multiple,
    nearest_multiple,
    nearest_name,
    plain,
)
from nautilus_quant.signals.sequence import require

TYPES: Final = (
    "MARKET",
    "LIMIT",
    "STOP_MARKET",
    "STOP_LIMIT",
    "MARKET_TO_LIMIT",
    "MARKET_IF_TOUCHED",
    "LIMIT_IF_TOUCHED",
    "TRAILING_STOP_MARKET",
    "TRAILING_STOP_LIMIT",
)
"""Order types, as NautilusTrader names them."""
TIMES: Final = ("GTC", "IOC", "FOK", "GTD", "DAY", "AT_THE_OPEN", "AT_THE_CLOSE")
"""Times in force, as NautilusTrader names them."""
AT_ONCE: Final = frozenset({"IOC", "FOK"})
"""Times in force of orders that never rest."""

SLACK: Final = 1e-9
"""How far a notional or a price may miss a bound that was computed [fraction]: what floats may lose."""

_NONE: frozenset[str] = frozenset()
_INFINITE = math.inf


class OrderTerms(NamedTuple):
    """
    What an order policy looks at of an order.

    Parameters
    ----------
    type, time_in_force
        One of `TYPES`, one of `TIMES`; empty when not known yet (a preview).
    side
        1 to buy, -1 to sell.
    quantity
        All of it [base coin, or contracts].
    price, trigger
        Limit and trigger price [quote currency]; NaN where the order has none.
    reduce_only, post_only, quote_quantity
        Flags of the order; with `quote_quantity` its size was written in the quote currency.
    expire_ns
        When a GTD order expires, UNIX time [ns]; 0 for others.
    ts
        Now, UNIX time [ns].
    resting
        Whether the order is at the venue already, and only changes: what is left of it may be small.

    """

    type: str
    time_in_force: str
    side: int
    quantity: float
    price: float = math.nan
    trigger: float = math.nan
    reduce_only: bool = False
    post_only: bool = False
    quote_quantity: bool = False
    expire_ns: int = 0
    ts: int = 0
    resting: bool = False


type Written = tuple[str, str, int, float, float, float, bool, bool, bool, int, int, bool]
"""`OrderTerms` without names, which are slow to make and to take apart for every order."""


class Violation(NamedTuple):
    """
    One rule an order breaks.

    Parameters
    ----------
    field
        Of the order, e.g. ``"price"``.
    rule
        Its code, e.g. ``"PRICE_INCREMENT"``.
    need
        The rule in words.
    was
        The value found.
    nearest
        The nearest valid value; empty when no value of this field is valid.

    """

    field: str
    rule: str
    need: str
    was: str
    nearest: str

    def __str__(self) -> str:
        rest = f"nearest valid is {self.nearest}" if self.nearest else f"no {self.field} is valid"
        return f"{self.field} {self.need}, was {self.was}; {rest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentPolicy:
    """
    Which orders may be sent for one instrument.

    Parameters
    ----------
    matrix
        Times in force allowed, by order type; a type that is missing is not allowed.
    gtd
        Whether GTD is switched on; only words depend on it, the matrix decides.
    post_only
        Types that may be post-only.
    reduce_only
        Whether the venue knows reduce-only orders.
    quote_quantity
        Types whose size may be written in the quote currency.
    price_increment, size_increment
        Steps of price [quote currency] and quantity [base coin, or contracts].
    min_quantity, max_quantity
        Bounds of the quantity [base coin, or contracts].
    min_notional, max_notional
        Bounds of quantity × price × multiplier [quote currency].
    min_price, max_price
        Bounds of limit and trigger prices [quote currency].
    price_collar
        How far beyond the reference a limit price may reach on the side that costs money: above it to buy,
        below it to sell [fraction]; infinite for no collar. The reference is the mid price, or the trigger
        price of an order that has one. Smaller catches more slips of a finger, and more honest orders in a
        fast market. Typical 2-10 %.
    passive_collar
        The same on the other side, where a slip rests and costs nothing.
    multiplier, inverse
        Of the contract: an inverse one has a notional of quantity × multiplier.

    Raises
    ------
    ValueError
        If a bound is impossible.

    """

    matrix: Mapping[str, frozenset[str]]
    gtd: bool = True
    post_only: frozenset[str] = _NONE
    reduce_only: bool = True
    quote_quantity: frozenset[str] = _NONE
    price_increment: Decimal
    size_increment: Decimal
    min_quantity: float = 0.0
    max_quantity: float = _INFINITE
    min_notional: float = 0.0
    max_notional: float = _INFINITE
    min_price: float = -_INFINITE
    max_price: float = _INFINITE
    price_collar: float = _INFINITE
    passive_collar: float = _INFINITE
    multiplier: float = 1.0
    inverse: bool = False

    price_step: float = field(init=False)
    size_step: float = field(init=False)
    collared: bool = field(init=False)
    valued: bool = field(init=False)
    sizes: tuple[float, ...] = field(init=False, repr=False)
    prices: tuple[float, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name in ("price_increment", "size_increment", "multiplier"):
            require(0 < getattr(self, name) < _INFINITE, f"a finite {name} > 0", getattr(self, name))
        for name in ("price_collar", "passive_collar"):
            require(getattr(self, name) > 0.0, f"{name} > 0 [fraction]", getattr(self, name))
        for name in ("quantity", "notional"):
            least, most = getattr(self, f"min_{name}"), getattr(self, f"max_{name}")
            require(0.0 <= least <= most, f"0 <= min_{name} <= max_{name}", (least, most))
        require(self.min_price <= self.max_price, "min_price <= max_price", (self.min_price, self.max_price))
        object.__setattr__(self, "price_step", float(self.price_increment))
        object.__setattr__(self, "size_step", float(self.size_increment))
        object.__setattr__(self, "collared", min(self.price_collar, self.passive_collar) < _INFINITE)
        object.__setattr__(self, "valued", self.min_notional > 0.0 or self.max_notional < _INFINITE)
        # What `fits` needs, each in one piece.
        step, tick = self.size_step, self.price_step
        worth = (self.min_notional, self.max_notional, self.multiplier)
        sizes = (step, 1e-7 * step, max(self.min_quantity, step), self.max_quantity, *worth)
        object.__setattr__(self, "sizes", sizes)
        collars = [1.0 + sign * part for part in (self.price_collar, self.passive_collar) for sign in (1, -1)]
        object.__setattr__(self, "prices", (tick, 1e-7 * tick, self.min_price, self.max_price, *collars))

    def unit(self, terms: OrderTerms, mid: float) -> float:
        """Return the notional of one unit [quote currency]: at the limit, else the trigger, else the mid."""
        if self.inverse:
            return self.multiplier
        price = terms.price
        if price != price:  # noqa: PLR0124 (NaN, at a third of the cost of `math.isnan`)
            price = mid if terms.trigger != terms.trigger else terms.trigger
        return self.multiplier * price

    def quantity_bounds(self, terms: OrderTerms, mid: float) -> tuple[float, float]:
        """Return the least and the largest quantity allowed, before rounding to steps."""
        low, high = self.min_quantity, self.max_quantity
        unit = self.unit(terms, mid) if self.valued else math.nan
        if unit > 0.0:
            low, high = max(low, self.min_notional / unit), min(high, self.max_notional / unit)
        elif self.max_notional < _INFINITE or unit <= 0.0:
            high = 0.0  # no quantity is worth enough, or none is known to be worth little enough
        return (self.size_step if terms.resting else max(low, self.size_step)), high

    def price_bounds(self, terms: OrderTerms, mid: float) -> tuple[float, float]:
        """Return the lowest and the highest limit price allowed, before rounding to steps."""
        low, high = self.min_price, self.max_price
        reference = mid if math.isnan(terms.trigger) else terms.trigger
        if not self.collared or not reference > 0.0:
            return low, high
        up, down = self.price_collar, self.passive_collar
        if terms.side < 0:
            up, down = down, up
        return max(low, reference * (1.0 - down)), min(high, reference * (1.0 + up))


def judge(terms: OrderTerms, policy: InstrumentPolicy, mid: float = math.nan) -> tuple[Violation, ...]:
    """
    Return every rule an order breaks, the form before the price before the size; nothing when it may go.

    Parameters
    ----------
    terms
        The order.
    policy
        Of its instrument.
    mid
        Price of the instrument now [quote currency]; NaN when unknown. Then a limit price under a collar
        is not allowed, an order at market whose notional is bounded from above neither.

    """
    found: list[Violation] = []
    if terms.type:
        _judge_form(terms, policy, found)
    if terms.price == terms.price or terms.trigger == terms.trigger:
        _judge_prices(terms, policy, mid, found)
    _judge_size(terms, policy, mid, found)
    return tuple(found)


def fits(terms: Written, policy: InstrumentPolicy, mid: float = math.nan) -> bool:
    """
    Tell in a hurry that an order breaks no rule.

    What nearly every order needs and no more: False says nothing but that `judge` must be asked.
    """
    kind, time, side, quantity, price, trigger, reduces, posts, quoted, _, _, resting = terms
    step, slack, low, high, little, much, multiplier = policy.sizes
    if reduces or quoted or time == "GTD" or resting or trigger == trigger:  # noqa: PLR0124 (not NaN)
        return False
    if kind and (
        time not in policy.matrix.get(kind, _NONE)
        or (posts and (time in AT_ONCE or kind not in policy.post_only))
    ):
        return False
    if not (low <= quantity <= high and abs(remainder(quantity, step)) <= slack):
        return False
    value = mid
    if price == price:  # noqa: PLR0124 (not NaN)
        value = price
        tick, slack, lowest, highest, up, down, far_up, far_down = policy.prices
        if not (lowest <= price <= highest and abs(remainder(price, tick)) <= slack):
            return False
        if policy.collared and not (
            mid * far_down <= price <= mid * up if side > 0 else mid * down <= price <= mid * far_up
        ):
            return False
    if not policy.valued:
        return True
    # Without a price only a lower bound may be passed over, and that is for `judge` to say.
    return little <= quantity * multiplier * (1.0 if policy.inverse else value) <= much


def largest_quantity(terms: OrderTerms, policy: InstrumentPolicy, mid: float = math.nan) -> Decimal:
    """Return the largest valid quantity that is no larger than the one asked; 0 when there is none."""
    low, high = policy.quantity_bounds(terms, mid)
    return largest_multiple(terms.quantity, policy.size_increment, low, high)


def is_multiple(value: float, step: float) -> bool:
    """
    Tell whether a value lies on its grid, as exactly as floats can tell.

    A value may miss it by a millionth of a step, and by what a float of its size cannot hold.

    >>> is_multiple(30000.3, 0.1), is_multiple(30000.03, 0.1)
    (True, False)
    """
    steps = value / step
    return abs(steps - round(steps)) <= 1e-6 + 1e-15 * abs(steps) if abs(steps) < _INFINITE else False


# -- one field after the other -----------------------------------------------------------------------


def _judge_form(terms: OrderTerms, policy: InstrumentPolicy, found: list[Violation]) -> None:
    kind, time = terms.type, terms.time_in_force
    times = policy.matrix.get(kind, _NONE)
    if time not in times:
        found.append(_bad_time(terms, policy, times) if times else _bad_type(kind, policy))
    if time == "GTD" and terms.expire_ns <= terms.ts:
        need = f"must lie after now, {terms.ts} ns"
        found.append(Violation("expire_time", "EXPIRED", need, str(terms.expire_ns), str(terms.ts + 1)))
    if terms.post_only and (time in AT_ONCE or kind not in policy.post_only):
        why = f"of {time} orders is a contradiction" if time in AT_ONCE else f"is not known for {kind} orders"
        found.append(Violation("post_only", "POST_ONLY", why, "True", "False"))
    if terms.reduce_only and not policy.reduce_only:
        found.append(Violation("reduce_only", "REDUCE_ONLY", "is not known here", "True", "False"))
    if terms.quote_quantity and kind not in policy.quote_quantity:
        why = f"is not known for {kind} orders"
        found.append(Violation("quote_quantity", "QUOTE_QUANTITY", why, "True", "False"))


def _bad_type(kind: str, policy: InstrumentPolicy) -> Violation:
    allowed = [name for name in TYPES if policy.matrix.get(name)]
    need = f"must be one of {', '.join(allowed)}"
    return Violation("order_type", "ORDER_TYPE", need, kind, nearest_name(kind, allowed))


def _bad_time(terms: OrderTerms, policy: InstrumentPolicy, times: frozenset[str]) -> Violation:
    time, allowed = terms.time_in_force, [name for name in TIMES if name in times]
    off = "; GTD is switched off" if time == "GTD" and not policy.gtd else ""
    need = f"of {terms.type} orders must be one of {', '.join(allowed)}{off}"
    return Violation("time_in_force", "TIME_IN_FORCE", need, time, nearest_name(time, allowed))


def _judge_prices(terms: OrderTerms, policy: InstrumentPolicy, mid: float, found: list[Violation]) -> None:
    step = policy.price_step
    trigger, price = terms.trigger, terms.price
    if trigger == trigger and not (  # noqa: PLR0124 (not NaN)
        policy.min_price <= trigger <= policy.max_price and is_multiple(trigger, step)
    ):
        found.append(_bad_price("trigger_price", trigger, policy, (policy.min_price, policy.max_price)))
    if price != price:  # noqa: PLR0124 (NaN)
        return
    bounds = policy.price_bounds(terms, mid)
    if policy.collared and mid != mid and trigger != trigger:  # noqa: PLR0124 (both NaN)
        need = "has a collar, and there is no price of the instrument to measure it from"
        found.append(Violation("price", "PRICE_UNKNOWN", need, plain(price), ""))
    elif not (_within(price, *bounds) and is_multiple(price, step)):
        found.append(_bad_price("price", price, policy, bounds))


def _within(price: float, low: float, high: float) -> bool:
    return low - SLACK * abs(low) <= price <= high + SLACK * abs(high)


def _bad_price(name: str, price: float, policy: InstrumentPolicy, bounds: tuple[float, float]) -> Violation:
    low, high = bounds
    step = policy.price_increment
    if not policy.min_price <= price <= policy.max_price:
        rule = "PRICE_RANGE"
        need = f"must lie within {plain(policy.min_price)} and {plain(policy.max_price)}"
    elif not _within(price, low, high):
        rule, need = "PRICE_COLLAR", f"must lie within its collar, {plain(low)} to {plain(high)}"
    else:
        rule, need = "PRICE_INCREMENT", f"must be a multiple of {plain(step)}"
    return Violation(name, rule, need, plain(price), plain(nearest_multiple(price, step, low, high)))


def _judge_size(terms: OrderTerms, policy: InstrumentPolicy, mid: float, found: list[Violation]) -> None:
    quantity, resting = terms.quantity, terms.resting
    # Of an order written in quote currency the steps are the venue's to find; its bounds are not.
    if not terms.quote_quantity and not (is_multiple(quantity, policy.size_step) and quantity > 0.0):
        need = f"must be a positive multiple of {plain(policy.size_increment)}"
        found.append(_bad_size("SIZE_INCREMENT", need, terms, policy, mid))
    if not quantity <= policy.max_quantity:
        need = f"must be at most {plain(policy.max_quantity)}"
        found.append(_bad_size("MAX_QUANTITY", need, terms, policy, mid))
    elif quantity < policy.min_quantity and not resting:
        need = f"must be at least {plain(policy.min_quantity)}"
        found.append(_bad_size("MIN_QUANTITY", need, terms, policy, mid))
    if not policy.valued:
        return
    notional = quantity * policy.unit(terms, mid)
    if policy.max_notional < _INFINITE and not notional <= policy.max_notional * (1.0 + SLACK):
        need = f"must be worth at most {plain(policy.max_notional)}{_worth(notional)}"
        found.append(_bad_size("MAX_NOTIONAL", need, terms, policy, mid))
    elif notional < policy.min_notional * (1.0 - SLACK) and not resting:
        need = f"must be worth at least {plain(policy.min_notional)}{_worth(notional)}"
        found.append(_bad_size("MIN_NOTIONAL", need, terms, policy, mid))


def _worth(notional: float) -> str:
    return ", and without a price nobody can tell" if math.isnan(notional) else f", was worth {notional:.8g}"


def _bad_size(rule: str, need: str, terms: OrderTerms, policy: InstrumentPolicy, mid: float) -> Violation:
    low, high = policy.quantity_bounds(terms, mid)
    nearest = nearest_multiple(terms.quantity, policy.size_increment, low, high)
    return Violation("quantity", rule, need, plain(terms.quantity), plain(nearest))
