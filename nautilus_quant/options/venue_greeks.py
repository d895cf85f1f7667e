"""
Greeks as a venue publishes them: in which units, whether they can be used, and how far they are from ours.

Deribit and Bybit publish Black-Scholes greeks for one unit of the underlying in USD: vega per vol point,
theta per day (Deribit in the last day: for the time that is left). OKX publishes beside them
"price-adjusted" ones in coins, which are those of the coin price c = P/F: delta F·dc/dF = Δ − c, gamma
F²·d²c/dF² = FΓ − 2Δ + 2c, vega and theta those of c. That is what recorded chains of OKX show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from nautilus_quant.options.black76 import Greeks, price_and_greeks
from nautilus_quant.options.contract import years

if TYPE_CHECKING:
    from nautilus_quant.options.contract import Contract

SECOND = 1_000_000_000
DAY = 1.0 / 365.0
PUBLISHED = ("delta", "gamma", "vega", "theta")


class Convention(StrEnum):
    """What a venue's numbers are derivatives of; the names are those of NautilusTrader."""

    BLACK_SCHOLES = "BLACK_SCHOLES"
    PRICE_ADJUSTED = "PRICE_ADJUSTED"


class Source(StrEnum):
    """Whose greeks to use."""

    VENUE = "venue"
    OWN = "own"
    NONE = "none"
    """Nobody's: consumers treat the risk as unknown and add none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueGreeks:
    """
    What a venue published for one option, in its own units.

    Parameters
    ----------
    ts
        When [ns UTC].
    delta, gamma, vega, theta
        The numbers, per unit of the underlying, as `convention` means them.
    mark_iv
        The venue's volatility, annual [decimal]; NaN when it told none.
    underlying_price
        The forward it used [USD]; NaN when it told none. OKX tells the index instead: leave it out there.
    convention
        What the numbers are derivatives of.

    """

    ts: int
    delta: float
    gamma: float
    vega: float
    theta: float
    mark_iv: float = math.nan
    underlying_price: float = math.nan
    convention: Convention = Convention.BLACK_SCHOLES


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckParams:
    """
    When a venue's greeks are believed.

    Parameters
    ----------
    max_age
        Older ones are stale [s]. Venues publish each second or so; 30 bears a pause, not an outage.
    delta
        How far deltas may lie apart [coins per coin]. Deribit's lie within 0.01 of ours 99 times in 100.
    relative
        How far the others may lie apart [share of ours]. A wrong unit is wrong by 100 times or more.
    floor
        What is added to that, so that the wings do not count [share of the greek at the money].

    """

    max_age: float = 30.0
    delta: float = 0.03
    relative: float = 0.10
    floor: float = 0.03

    def __post_init__(self) -> None:
        for name in ("max_age", "delta", "relative", "floor"):
            value = getattr(self, name)
            if not 0.0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, was {value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """
    Which greeks to use, and why.

    Parameters
    ----------
    source
        Whose they are.
    greeks
        Black-Scholes greeks per unit of the underlying, floats in the units of `black76.Greeks`; NaN when
        `source` is NONE. Vanna, volga and rho are ours, no venue publishes the first two.
    fresh
        Whether the venue's were young enough.
    differences
        Venue less ours, in the venue's units, for what was compared.
    disagree
        Names of those that lie too far apart: a wrong unit, or a venue that computes from other inputs.
    reason
        In words.

    """

    source: Source
    greeks: Greeks
    fresh: bool
    differences: dict[str, float]
    disagree: tuple[str, ...]
    reason: str


def published(greeks: Greeks, premium: float, forward: float, convention: Convention) -> dict[str, float]:
    """
    Return Black-Scholes greeks as a venue with that convention would publish them.

    Parameters
    ----------
    greeks
        Per unit of the underlying, see `black76.Greeks`.
    premium, forward
        Of the option [USD], price for its expiry [USD].
    convention
        Of the venue.

    """
    plain = {name: float(getattr(greeks, name)) for name in PUBLISHED}
    if convention is Convention.BLACK_SCHOLES:
        return plain
    coins = premium / forward
    return {
        "delta": plain["delta"] - coins,
        "gamma": forward * plain["gamma"] - 2.0 * plain["delta"] + 2.0 * coins,
        "vega": plain["vega"] / forward,
        "theta": plain["theta"] / forward,
    }


def black_scholes(venue: VenueGreeks, premium: float, forward: float) -> dict[str, float]:
    """Return what a venue published as Black-Scholes greeks in USD: the inverse of `published`."""
    plain = {name: float(getattr(venue, name)) for name in PUBLISHED}
    if venue.convention is Convention.BLACK_SCHOLES:
        return plain
    coins = premium / forward
    delta = plain["delta"] + coins
    return {
        "delta": delta,
        "gamma": (plain["gamma"] + 2.0 * delta - 2.0 * coins) / forward,
        "vega": plain["vega"] * forward,
        "theta": plain["theta"] * forward,
    }


def cross_check(
    venue: VenueGreeks | None,
    contract: Contract,
    now: int,
    *,
    forward: float,
    vol: float,
    params: CheckParams | None = None,
) -> Check:
    """
    Choose between a venue's greeks and ours.

    The venue's are used when they are fresh and agree with Black-76 on the venue's own volatility and forward
    (on ours where it told none); then they are about what the venue will charge margin for. Otherwise ours
    are used if forward and volatility are known.

    Parameters
    ----------
    venue
        What it published last; ``None`` when it never did.
    contract
        The option.
    now
        Time [ns UTC].
    forward, vol
        Ours, for this expiry and strike; NaN when unknown.
    params
        When to believe.

    """
    params = params or CheckParams()
    ours = _model(contract, now, forward, vol)
    doubt = _doubt(venue, now, params)
    if venue is None or doubt:
        return _own(ours, doubt, fresh=False)
    theirs = _model(contract, now, _known(venue.underlying_price, forward), _known(venue.mark_iv, vol))
    if not theirs.known:
        return _own(ours, "forward and volatility are unknown, nothing to check against", fresh=True)
    differences = _differences(venue, theirs, years(now, contract.expiry))
    bounds = _bounds(venue, theirs, params)
    disagree = tuple(name for name, by in differences.items() if not abs(by) <= bounds[name])
    if disagree:
        reason = f"{', '.join(disagree)} of the venue disagree with its volatility and forward"
        own = ours if ours.known else theirs
        return _own(own, reason, fresh=True, differences=differences, disagree=disagree)
    taken = theirs.greeks._replace(**black_scholes(venue, theirs.premium, theirs.forward))  # type: ignore[arg-type]
    return Check(
        source=Source.VENUE,
        greeks=taken,
        fresh=True,
        differences=differences,
        disagree=(),
        reason="the venue's are fresh and as computed here",
    )


@dataclass(frozen=True, slots=True)
class _Model:
    """Black-76 for one option: floats, and the same at the money for a scale."""

    forward: float
    premium: float
    greeks: Greeks
    money: Greeks

    @property
    def known(self) -> bool:
        return math.isfinite(self.premium) and all(map(math.isfinite, self.greeks))


def _model(contract: Contract, now: int, forward: float, vol: float) -> _Model:
    strikes = np.array([contract.strike, forward])
    premium, moved = price_and_greeks(forward, strikes, years(now, contract.expiry), vol, contract.call)
    option, money = (Greeks(*(float(each[i]) for each in moved)) for i in (0, 1))  # type: ignore[arg-type]
    return _Model(forward, float(premium[0]), option, money)


def _doubt(venue: VenueGreeks | None, now: int, params: CheckParams) -> str:
    """Say what is wrong with a venue's greeks before looking at their size; nothing when they may be used."""
    if venue is None:
        return "the venue has published none"
    age = (now - venue.ts) / SECOND
    if not all(math.isfinite(getattr(venue, name)) for name in PUBLISHED):
        return "the venue's are not all numbers"
    if age > params.max_age:
        return f"the venue's are {age:.0f} s old, more than {params.max_age:.0f} s"
    if age < -params.max_age:
        return f"the venue's are dated {-age:.0f} s ahead of now"
    return ""


def _known(told: float, otherwise: float) -> float:
    return told if 0.0 < told < math.inf else otherwise


def _differences(venue: VenueGreeks, model: _Model, left: float) -> dict[str, float]:
    """Leave theta out in the last day: Deribit then tells what the rest of the life costs, not a day."""
    expected = published(model.greeks, model.premium, model.forward, venue.convention)
    compared = (name for name in PUBLISHED if name != "theta" or left > DAY)
    return {name: getattr(venue, name) - expected[name] for name in compared}


def _bounds(venue: VenueGreeks, model: _Model, params: CheckParams) -> dict[str, float]:
    expected = published(model.greeks, model.premium, model.forward, venue.convention)
    scale = published(model.money._replace(delta=0.0), 0.0, model.forward, venue.convention)  # type: ignore[arg-type]
    bounds = {name: params.relative * abs(expected[name]) + params.floor * abs(scale[name]) for name in scale}
    return bounds | {"delta": params.delta}


def _own(
    model: _Model,
    reason: str,
    *,
    fresh: bool,
    differences: dict[str, float] | None = None,
    disagree: tuple[str, ...] = (),
) -> Check:
    return Check(
        source=Source.OWN if model.known else Source.NONE,
        greeks=model.greeks,
        fresh=fresh,
        differences=differences or {},
        disagree=disagree,
        reason=reason,
    )
