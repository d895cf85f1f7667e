"""What to do with an option that is about to expire: roll it, close it, or let it go."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from nautilus_quant.options.contract import YEAR, Contract, intrinsic
from nautilus_quant.options.expiry_calendar import SECOND, Stage
from nautilus_quant.signals.sequence import require


class Action(StrEnum):
    """What a rule wants."""

    HOLD = "hold"  # nothing now, it is looked at again
    WAIT = "wait"  # something, but it cannot be judged or done now: tried again soon
    ROLL = "roll"
    CLOSE = "close"
    EXPIRE = "expire"


class Outlook(NamedTuple):
    """
    An option as the rules see it; money is of the forward's currency, per unit of underlying.

    Parameters
    ----------
    now
        UNIX time [ns].
    contract
        What is held.
    long
        Whether it is held long; short otherwise.
    forward, vol
        Of its expiry; NaN when unknown.
    bid, ask
        Best prices; NaN where nobody quotes, or nobody knows.
    fee
        Of one trade now.
    rolled
        Whether this position has been rolled already, and somebody has opened it again.

    """

    now: int
    contract: Contract
    long: bool
    forward: float
    vol: float
    bid: float
    ask: float
    fee: float
    rolled: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryParams:
    """
    How options are left before they expire.

    Parameters
    ----------
    roll
        Whether what is in the money is rolled; it is closed otherwise, when closing begins.
    pin
        Distance of the settlement price from the strike, in expected moves until the expiry, below which
        nobody can say which side it will end on, and the position is closed; 0 never does. Typically
        0.25 to 1.
    pin_band
        The same as a share of the strike, for when there is no volatility to tell [fraction].
    buy_back
        What buying back an option sold, out of the money, may cost with its fee [fraction of the forward];
        0 lets them all expire.
    roll_cost
        What half spreads and fees of both legs may cost for a roll [fraction of the forward].
    average
        How long the venue averages for its settlement price [s].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    roll: bool = True
    pin: float = 0.5
    pin_band: float = 0.005
    buy_back: float = 0.0
    roll_cost: float = 0.005
    average: float = 1_800.0

    def __post_init__(self) -> None:
        require(0.0 <= self.pin < math.inf, "0 <= pin < inf [expected moves]", self.pin)
        for name in ("pin_band", "buy_back", "roll_cost"):
            require(0.0 <= getattr(self, name) <= 1.0, f"0 <= {name} <= 1 [fraction]", getattr(self, name))
        require(0.0 <= self.average < 1e9, "average >= 0 [s]", self.average)


@dataclass(frozen=True, slots=True)
class Decision:
    """
    What to do now, and why.

    Parameters
    ----------
    action
        What is wanted.
    code
        The rule that decided, e.g. ``"PIN"``.
    reason
        The rule in words, with unit, value and bound.
    numbers
        What it was read from.

    """

    action: Action
    code: str
    reason: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


def moneyness(outlook: Outlook) -> float:
    """Return what it would pay if the forward were the settlement price; NaN while that is unknown."""
    if not outlook.forward > 0.0:
        return math.nan
    return float(intrinsic(outlook.forward, outlook.contract.strike, outlook.contract.call))


def settlement_move(vol: float, left: int, average: float = 0.0) -> float:
    """
    Return the expected move of the settlement price until it is known [fraction of the forward].

    An average over the last `average` seconds moves less than the price at their end: before they begin its
    variance is that of ``left - 2/3 average``, and while they last ``left³ / (3 average²)`` is to come
    (variance of a time average of Brownian motion; Turnbull and Wakeman 1991, to first order in variance).

    Parameters
    ----------
    vol
        Annual volatility [-].
    left
        Until the expiry [ns].
    average
        How long the venue averages [s].

    """
    tau, window = max(left, 0) / YEAR, average * SECOND / YEAR
    if tau >= window:
        return vol * math.sqrt(tau - 2.0 / 3.0 * window)
    return vol * math.sqrt(tau**3 / 3.0) / window


def pin_distance(outlook: Outlook, params: ExpiryParams) -> float:
    """
    Return how far the forward is from the strike, in the unit of `pin`: 1 or more is far enough.

    Parameters
    ----------
    outlook
        The option.
    params
        `pin`, `pin_band` and `average`.

    Returns
    -------
    float
        The distance as a multiple of what is far enough; infinite where pinning is not looked for, NaN
        without a forward.

    """
    if not outlook.forward > 0.0:
        return math.nan
    away = abs(math.log(outlook.forward / outlook.contract.strike))
    move = settlement_move(outlook.vol, outlook.contract.expiry - outlook.now, params.average)
    enough = params.pin * move if move > 0.0 else params.pin_band
    if not params.pin > 0.0:
        return math.inf
    return away / enough if enough > 0.0 else math.inf


def decide(stage: Stage, outlook: Outlook, params: ExpiryParams) -> Decision:
    """
    Decide on one option.

    Until closing begins, what is in the money is rolled and the rest is left alone. From then on what is in
    the money or near its strike is closed; out of the money an option held is sold if its bid is worth more
    than the fee, and one sold is bought back if that is cheap; else they expire.

    Parameters
    ----------
    stage
        `Stage.ROLL`, `Stage.CLOSE` or `Stage.CHECK`.
    outlook
        The option.
    params
        How options are left.

    """
    if stage is Stage.ROLL:
        return _while_rolling(outlook, params)
    known = moneyness(outlook)
    if math.isnan(known):
        return _without_forward(outlook)
    distance = pin_distance(outlook, params)
    numbers = {"intrinsic": known, "forward": outlook.forward, "distance": distance}
    if distance < 1.0:
        reason = (
            f"the strike is {distance:.2f} of the distance that is far enough, which is {params.pin:g} moves"
        )
        return _closed(outlook, Decision(Action.CLOSE, "PIN", reason, numbers))
    if known > 0.0:
        reason = f"in the money by {known:g} per unit, and time to roll is over"
        return _closed(outlook, Decision(Action.CLOSE, "ITM", reason, numbers))
    return _out_of_the_money(outlook, params, numbers)


def _while_rolling(outlook: Outlook, params: ExpiryParams) -> Decision:
    known = moneyness(outlook)
    if math.isnan(known):
        return Decision(Action.WAIT, "NO_FORWARD", "nobody knows the forward")
    numbers = {"intrinsic": known, "forward": outlook.forward}
    if not known > 0.0:
        return Decision(Action.HOLD, "OTM", "out of the money, left until closing begins", numbers)
    if not params.roll:
        return Decision(Action.HOLD, "NO_ROLL", "in the money, closed when closing begins", numbers)
    if outlook.rolled:
        return Decision(
            Action.HOLD, "ROLLED_BEFORE", "rolled once, and opened again by its strategy", numbers
        )
    return Decision(Action.ROLL, "ITM", f"in the money by {known:g} per unit of underlying", numbers)


def _without_forward(outlook: Outlook) -> Decision:
    """Leave what nobody can judge, as far as that costs nothing that is known to be worth something."""
    if not outlook.long:
        reason = "sold, and nobody knows the forward"
        return _closed(outlook, Decision(Action.CLOSE, "NO_FORWARD", reason))
    if math.isnan(outlook.bid):
        return Decision(Action.WAIT, "NO_BID", "nobody knows the forward or a bid")
    numbers = {"bid": outlook.bid, "fee": outlook.fee}
    if outlook.bid > outlook.fee:
        return Decision(Action.CLOSE, "NO_FORWARD", "its bid is worth more than the fee", numbers)
    return Decision(Action.EXPIRE, "WORTHLESS", _worthless(outlook), numbers)


def _closed(outlook: Outlook, wanted: Decision) -> Decision:
    """Close at a price, and not for nothing: a bid that its fee eats is worth less than the chance."""
    price = outlook.bid if outlook.long else outlook.ask
    if math.isnan(price):
        return Decision(Action.WAIT, "NO_QUOTE", f"{wanted.reason}; nobody trades it", wanted.numbers)
    if outlook.long and not outlook.bid > outlook.fee:
        return Decision(Action.EXPIRE, "WORTHLESS", _worthless(outlook), wanted.numbers)
    return wanted


def _out_of_the_money(outlook: Outlook, params: ExpiryParams, known: Mapping[str, float]) -> Decision:
    numbers = {**known, "bid": outlook.bid, "ask": outlook.ask, "fee": outlook.fee}
    if outlook.long:
        if outlook.bid > outlook.fee:
            reason = f"its bid {outlook.bid:g} is worth more than the fee {outlook.fee:g} per unit"
            return Decision(Action.CLOSE, "WORTH_MORE", reason, numbers)
        return Decision(Action.EXPIRE, "WORTHLESS", _worthless(outlook), numbers)
    cost, most = outlook.ask + outlook.fee, params.buy_back * outlook.forward
    if cost <= most:
        reason = f"buying it back costs {cost:g} per unit, at most {most:g}"
        return Decision(Action.CLOSE, "CHEAP", reason, numbers)
    return Decision(Action.EXPIRE, "OTM", "sold, out of the money and far from its strike", numbers)


def _worthless(outlook: Outlook) -> str:
    return f"its bid {outlook.bid:g} is not worth more than the fee {outlook.fee:g} per unit"
