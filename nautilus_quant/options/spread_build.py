"""Which options make a spread: by days to expiry and delta, among what is listed and priced now."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.options.black76 import greeks
from nautilus_quant.options.contract import years
from nautilus_quant.options.spreads import Leg, Spread
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from nautilus_quant.options.contract import Contract

DAY = 86_400_000_000_000
KINDS = (
    "call_debit",
    "call_credit",
    "put_debit",
    "put_credit",
    "straddle",
    "strangle",
    "iron_condor",
    "butterfly",
    "calendar",
)
"""Verticals by what they are made of and whether they are paid for; the others are bought or sold."""
_EVEN = 1e-6


class Quoted(NamedTuple):
    """
    An option that can be had now.

    Parameters
    ----------
    contract
        Which.
    forward, vol
        Of its expiry; NaN when unknown.
    bid, ask
        Best prices per unit of underlying [settlement currency]; NaN where nobody quotes.

    """

    contract: Contract
    forward: float
    vol: float
    bid: float
    ask: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadParams:
    """
    How a spread is put together.

    Parameters
    ----------
    kind
        One of `KINDS`.
    sell
        Sell a straddle, strangle, iron condor, butterfly or calendar rather than buy it; verticals say so
        by their name.
    days, least_days, most_days
        Days to the expiry wanted, and bounds of what is taken [days].
    back_days
        Days to the later expiry of a calendar [days].
    delta
        Absolute delta of the inner options [-]; at the money where the shape is around it: straddle,
        butterfly.
    wing_delta
        Absolute delta of the outer ones, which protect or are sold [-].
    tolerance
        By how much a delta may miss [-].

    Raises
    ------
    ValueError
        If one is impossible, or two do not go together.

    """

    kind: str
    sell: bool = False
    days: float = 30.0
    least_days: float = 7.0
    most_days: float = 60.0
    back_days: float = 60.0
    delta: float = 0.25
    wing_delta: float = 0.1
    tolerance: float = 0.08

    def __post_init__(self) -> None:
        require(self.kind in KINDS, f"a kind of {', '.join(KINDS)}", repr(self.kind))
        ordered = 0.0 <= self.least_days <= self.days <= self.most_days < math.inf
        require(ordered, "0 <= least_days <= days <= most_days [days]", self)
        require(self.kind != "calendar" or self.back_days > self.days, "back_days > days [days]", self)
        require(0.0 < self.wing_delta < self.delta < 1.0, "0 < wing_delta < delta < 1 [-]", self)
        require(0.0 < self.tolerance < 1.0, "0 < tolerance < 1 [-]", self.tolerance)


class Built(NamedTuple):
    """A spread, or why there is none."""

    spread: Spread | None
    why: str = ""


class _NotFoundError(Exception):
    """There is no option of the kind wanted."""


def build(params: SpreadParams, quoted: Iterable[Quoted], now: int) -> Built:
    """
    Put a spread together.

    Parameters
    ----------
    params
        What is wanted.
    quoted
        Options on one underlying, settled in one currency; those without forward or volatility, and those
        nobody quotes on the side they are needed, are passed over.
    now
        Time [ns UTC].

    """
    shelf = _Shelf(params, quoted, now)
    try:
        legs = _MAKERS[params.kind](params, shelf)
    except _NotFoundError as missing:
        return Built(None, str(missing))
    if len({contract.name for contract, _ in legs}) < len(legs):
        return Built(None, "strikes are too far apart: two legs would be one option")
    return Built(Spread(params.kind, tuple(Leg(contract, ratio) for contract, ratio in legs)))


def expiry_for(params: SpreadParams, quoted: Iterable[Quoted], now: int) -> int:
    """Return the expiry `build` would take, UNIX time [ns]; 0 when there is none."""
    try:
        return _Shelf(params, quoted, now).expiry()
    except _NotFoundError:
        return 0


def at_money_vol(quoted: Iterable[Quoted], expiry: int) -> float:
    """
    Return the volatility of the strike nearest to the forward, the mean of call and put (annual, decimal).

    Parameters
    ----------
    quoted
        Options on one underlying.
    expiry
        Which, UNIX time [ns].

    Returns
    -------
    float
        NaN when none is known.

    """
    known = [i for i in quoted if i.contract.expiry == expiry and i.forward > 0.0 and i.vol > 0.0]
    if not known:
        return math.nan
    nearest = min(known, key=lambda i: (abs(math.log(i.contract.strike / i.forward)), i.contract.strike))
    vols = [i.vol for i in known if i.contract.strike == nearest.contract.strike]
    return math.fsum(vols) / len(vols)


type _Legs = list[tuple[Contract, int]]


class _Shelf:
    """Options by expiry, with their deltas."""

    def __init__(self, params: SpreadParams, quoted: Iterable[Quoted], now: int) -> None:
        self._params = params
        self._now = now
        self._by_expiry: dict[int, list[Quoted]] = {}
        for item in quoted:
            known = item.forward > 0.0 and item.vol > 0.0 and math.isfinite(item.forward * item.vol)
            if known and item.contract.expiry > now:
                self._by_expiry.setdefault(item.contract.expiry, []).append(item)

    def expiry(self) -> int:
        """Return the expiry nearest to the days wanted, within bounds."""
        low, high = (
            self._now + round(days * DAY) for days in (self._params.least_days, self._params.most_days)
        )
        within = [expiry for expiry in self._by_expiry if low <= expiry <= high]
        return self._nearest(within, self._params.days, "no expiry within the days wanted")

    def later(self, front: int) -> int:
        """Return the expiry nearest to the later days wanted, after another."""
        after = [expiry for expiry in self._by_expiry if expiry > front]
        return self._nearest(after, self._params.back_days, "no later expiry")

    def _nearest(self, expiries: Sequence[int], days: float, why: str) -> int:
        if not expiries:
            raise _NotFoundError(why)
        return min(expiries, key=lambda expiry: abs(expiry - self._now - days * DAY))

    def at_delta(self, expiry: int, delta: float, *, call: bool, buy: bool) -> Contract:
        """Return the option whose absolute delta is nearest."""
        found = [
            (abs(self._delta(item) - delta), item.contract.strike, item.contract)
            for item in self._offered(expiry, call=call, buy=buy)
        ]
        best = min(found, key=lambda entry: entry[:2], default=None)
        if best is None or best[0] > self._params.tolerance:
            raise _NotFoundError(
                f"no {'call' if call else 'put'} of delta {delta:g} to {'buy' if buy else 'sell'}"
            )
        return best[2]

    def at_money(self, expiry: int, *, buy: bool) -> tuple[Contract, Contract]:
        """Return call and put of the strike nearest to the forward that has both."""
        calls = {i.contract.strike: i for i in self._offered(expiry, call=True, buy=buy)}
        puts = {i.contract.strike: i for i in self._offered(expiry, call=False, buy=buy)}
        both = sorted(calls.keys() & puts.keys())
        if not both:
            raise _NotFoundError("no strike with call and put")
        strike = min(both, key=lambda strike: abs(math.log(strike / calls[strike].forward)))
        return calls[strike].contract, puts[strike].contract

    def strike(self, expiry: int, strike: float, *, call: bool, buy: bool) -> Contract:
        """Return the option of exactly this strike."""
        for item in self._offered(expiry, call=call, buy=buy):
            if abs(item.contract.strike - strike) <= _EVEN * strike:
                return item.contract
        raise _NotFoundError(f"no strike {strike:g} to {'buy' if buy else 'sell'}")

    def _offered(self, expiry: int, *, call: bool, buy: bool) -> list[Quoted]:
        return [
            item
            for item in self._by_expiry[expiry]
            if item.contract.call == call and (item.ask if buy else item.bid) > 0.0
        ]

    def _delta(self, item: Quoted) -> float:
        contract = item.contract
        left = years(self._now, contract.expiry)
        return abs(float(greeks(item.forward, contract.strike, left, item.vol, contract.call).delta))


def _vertical(params: SpreadParams, shelf: _Shelf) -> _Legs:
    """Buy the inner option and sell the outer one for a debit; the other way round for a credit."""
    call, debit = params.kind.startswith("call"), params.kind.endswith("debit")
    expiry = shelf.expiry()
    inner = shelf.at_delta(expiry, params.delta, call=call, buy=debit)
    outer = shelf.at_delta(expiry, params.wing_delta, call=call, buy=not debit)
    sign = 1 if debit else -1
    return [(inner, sign), (outer, -sign)]


def _straddle(params: SpreadParams, shelf: _Shelf) -> _Legs:
    call, put = shelf.at_money(shelf.expiry(), buy=not params.sell)
    return [(call, _sign(params)), (put, _sign(params))]


def _strangle(params: SpreadParams, shelf: _Shelf) -> _Legs:
    expiry, buy = shelf.expiry(), not params.sell
    call, put = (shelf.at_delta(expiry, params.delta, call=call, buy=buy) for call in (True, False))
    return [(call, _sign(params)), (put, _sign(params))]


def _condor(params: SpreadParams, shelf: _Shelf) -> _Legs:
    """Take the inner options one way and the outer ones the other; sold, the outer ones protect."""
    expiry, buy, sign = shelf.expiry(), not params.sell, _sign(params)
    legs: _Legs = []
    for call in (False, True):
        inner = shelf.at_delta(expiry, params.delta, call=call, buy=buy)
        outer = shelf.at_delta(expiry, params.wing_delta, call=call, buy=not buy)
        legs += [(inner, sign), (outer, -sign)]
    return legs


def _butterfly(params: SpreadParams, shelf: _Shelf) -> _Legs:
    """Take one call either side of the money, equally far, and two at it the other way."""
    expiry, buy, sign = shelf.expiry(), not params.sell, _sign(params)
    middle = shelf.at_money(expiry, buy=not buy)[0]
    high = shelf.at_delta(expiry, params.wing_delta, call=True, buy=buy)
    low = shelf.strike(expiry, 2.0 * middle.strike - high.strike, call=True, buy=buy)
    return [(low, sign), (middle, -2 * sign), (high, sign)]


def _calendar(params: SpreadParams, shelf: _Shelf) -> _Legs:
    """Take the later call, and the earlier one of the same strike the other way."""
    front, buy, sign = shelf.expiry(), not params.sell, _sign(params)
    back = shelf.later(front)
    near = shelf.at_delta(front, params.delta, call=True, buy=not buy)
    far = shelf.strike(back, near.strike, call=True, buy=buy)
    return [(far, sign), (near, -sign)]


def _sign(params: SpreadParams) -> int:
    return -1 if params.sell else 1


_MAKERS: dict[str, Callable[[SpreadParams, _Shelf], _Legs]] = {
    **dict.fromkeys(KINDS[:4], _vertical),
    "straddle": _straddle,
    "strangle": _strangle,
    "iron_condor": _condor,
    "butterfly": _butterfly,
    "calendar": _calendar,
}
