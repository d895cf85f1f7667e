"""Decides what to trade so that a book of options in one underlying stays hedged: one order at a time."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from nautilus_quant.gating.intent import Side
from nautilus_quant.options.hedging_band import Exposure, wanted_trade
from nautilus_quant.options.hedging_breaker import Breaker, BreakerParams
from nautilus_quant.options.hedging_limits import HedgeLimits, Net, SlippageWatch, emergency
from nautilus_quant.options.hedging_market import (
    Candidate,
    Style,
    cost_of,
    limit_price,
    ranked,
    slippage,
    style_of,
    units_of,
)
from nautilus_quant.options.hedging_params import HedgeParams, Mode, Versions
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

SECOND = 1_000_000_000
_MOST_DENIALS = 6


class Plan(NamedTuple):
    """
    An order to be sent.

    Parameters
    ----------
    instrument, side, quantity, price
        Of the order [units]; no price is at market.
    style, mode
        How, and in which mode.
    coins
        What it trades, signed [coins].
    arrival
        Middle of the market when it was decided: what the fill is measured against.
    before
        Net delta then [coins].
    reason
        In words.
    is_option
        Whether it is there for gamma or vega.

    """

    instrument: str
    side: Side
    quantity: Decimal
    price: float | None
    style: Style
    mode: Mode
    coins: float
    arrival: float
    before: float
    reason: str
    is_option: bool = False


@dataclass(slots=True)
class Sent:
    """
    An order on its way: nothing else is sent for this underlying until its fate is known.

    Parameters
    ----------
    order
        Client order id.
    instrument, side, quantity, coins, style, arrival, before, is_option
        As in the plan.
    ts, deadline
        When it was sent, and when it must be filled, UNIX time [ns].
    held
        What was held of the instrument then, signed, by whomever is hedged [units].
    filled, paid
        How much has filled [units], and quantity times price of it.
    answered
        When the first fill came, UNIX time [ns]; 0 before.
    cancelled
        Whether it was asked back.

    """

    order: str
    instrument: str
    side: Side
    quantity: Decimal
    coins: float
    style: Style
    arrival: float
    before: float
    ts: int
    deadline: int
    held: Decimal
    is_option: bool = False
    filled: Decimal = Decimal(0)
    paid: float = 0.0
    answered: int = 0
    cancelled: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give what `from_dict` needs."""
        exact = {name: str(getattr(self, name)) for name in _EXACT}
        return {**asdict(self), **exact, "side": int(self.side), "style": str(self.style)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """
        Read what `to_dict` gave.

        Raises
        ------
        ValueError, KeyError, TypeError, ArithmeticError
            If it is damaged.

        """
        given = {one.name: state[one.name] for one in fields(cls)}
        exact = {name: Decimal(state[name]) for name in _EXACT}
        return cls(**{**given, **exact, "side": Side(given["side"]), "style": Style(given["style"])})


_EXACT = ("quantity", "held", "filled")


class Done(NamedTuple):
    """
    What became of an order.

    Parameters
    ----------
    sent
        The order.
    what
        ``filled``, ``cancelled``, ``rejected``, ``denied``, ``lost`` or ``unknown``.
    slippage
        Against the middle when it was decided [fraction]; NaN when nothing filled.
    latency
        Until its first fill, or its end [s].
    tripped
        Whether its instrument is left alone for a while now.
    rolled_back
        Number of the version of the parameters that was taken back; -1 when none was.

    """

    sent: Sent
    what: str
    slippage: float
    latency: float
    tripped: bool = False
    rolled_back: int = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgerParams:
    """
    What a hedger can be told besides the parameters that are versioned.

    Parameters
    ----------
    limits
        What must not be exceeded.
    breaker
        When an instrument is left alone.
    holding
        How long a hedge is expected to stay: what its funding is counted for [s].
    answer
        How long an order that takes may go without an answer before it is asked back [s].
    lost
        How long after that it counts as lost [s].
    pause
        Before another try after a denial, twice as long after each more [s].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    limits: HedgeLimits
    breaker: BreakerParams
    holding: float = 28_800.0
    answer: float = 5.0
    lost: float = 30.0
    pause: float = 1.0

    def __post_init__(self) -> None:
        for name in ("holding", "answer", "lost", "pause"):
            require(0.0 < getattr(self, name) < math.inf, f"0 < {name} < inf [s]", getattr(self, name))


class Hedger:
    """
    Keeps the delta of one underlying in its band.

    Parameters
    ----------
    base
        Parameters until a newer version is taken.
    params
        What is not versioned.

    """

    def __init__(self, base: HedgeParams, params: HedgerParams) -> None:
        self.params = params
        self.versions = Versions(base)
        self.slips = SlippageWatch(params.limits)
        self.sent: Sent | None = None
        self.urgent = ""
        """Why it is an emergency; empty when it is none."""
        self.stuck = ""
        """Why what is wanted cannot be traded; empty when nothing is wanted or it can."""
        self._breakers: dict[str, Breaker] = {}
        self._attempt = 0
        self._last = -1
        # Of hedges of the delta and of options apart: what gates say of one says nothing of the other.
        self._denials = {False: 0, True: 0}
        self._again = {False: 0, True: 0}

    @property
    def mode(self) -> Mode:
        """The mode in force."""
        return Mode.EMERGENCY if self.urgent else self.versions.current.params.mode

    # -- deciding ------------------------------------------------------------------------------------

    def look(self, net: Net, drawdown: float) -> bool:
        """Look at book and equity; tell whether an emergency came or went."""
        was = bool(self.urgent)
        if was and not math.isfinite(net.delta):
            return False  # nobody can say that it is over
        self.urgent = emergency(net, drawdown, self.params.limits, was=was)
        return was is not bool(self.urgent)

    def decide(self, now: int, net: Net, candidates: Iterable[Candidate]) -> Plan | None:
        """
        Return the next order, or nothing while none is needed, or one is on its way.

        Parameters
        ----------
        now
            UNIX time [ns].
        net
            Of the book, all hedges included.
        candidates
            What it can be hedged with.

        """
        self.stuck = ""
        if not self.may_send(now):
            return None
        if not math.isfinite(net.delta):
            self.stuck = "the delta of a position is unknown"
            return None
        mode = self.mode
        style = style_of(mode, self._attempt)
        able = [one for one in candidates if self.trusts(one.name, now)]
        best = ranked(able, -net.delta, style, self.params.holding)
        coins = self._wanted(now, net, mode, style, best)
        if not coins:
            self._attempt = 0
            return None
        for one in best:
            quantity = units_of(one, coins)
            if quantity:
                return self._plan(net, one, quantity, Side.BUY if coins > 0.0 else Side.SELL, style)
        self.stuck = self._why_stuck(net, coins, able)
        return None

    def may_send(self, now: int, *, is_option: bool = False) -> bool:
        """Tell whether an order may be sent: none is on its way, and no such one was denied just now."""
        return self.sent is None and now >= self._again[is_option]

    def trusts(self, name: str, now: int) -> bool:
        """Tell whether an instrument is not left alone."""
        breaker = self._breakers.get(name)
        return breaker is None or breaker.allows(now)

    def _wanted(self, now: int, net: Net, mode: Mode, style: Style, best: Sequence[Candidate]) -> float:
        cost = cost_of(best[0], -net.delta, style, self.params.holding) if best else math.nan
        price = net.price if math.isfinite(net.price) else math.nan
        # Who is paid for resting does not want to trade without end: the band is the least there is.
        exposure = Exposure(net.delta, net.gamma, price, max(cost, 0.0))
        since = (now - self._last) / SECOND if self._last >= 0 else math.inf
        return wanted_trade(exposure, self.versions.current.params.band_in(mode), since)

    def _why_stuck(self, net: Net, coins: float, able: Sequence[Candidate]) -> str:
        if not able:
            return f"nothing can hedge a net delta of {net.delta:.6g} coins: all instruments fail, or none is"
        if not any(one.is_quoted for one in able):
            return f"nothing that could hedge a net delta of {net.delta:.6g} coins is quoted"
        least = min(float(max(one.lot, one.least)) * one.delta for one in able)
        return "" if abs(coins) < least else f"{coins:.6g} coins are more than the accounts can trade"

    def _plan(self, net: Net, one: Candidate, quantity: Decimal, side: Side, style: Style) -> Plan:
        version = self.versions.current.number
        return Plan(
            instrument=one.name,
            side=side,
            quantity=quantity,
            price=limit_price(one, side, style),
            style=style,
            mode=self.mode,
            coins=side * float(quantity) * one.delta,
            arrival=one.mid,
            before=net.delta,
            reason=self.urgent or f"net delta {net.delta:.6g} coins is outside its band, version {version}",
        )

    def _breaker(self, name: str) -> Breaker:
        return self._breakers.setdefault(name, Breaker(self.params.breaker))

    # -- the order on its way ------------------------------------------------------------------------

    def send(self, plan: Plan, order: str, held: Decimal, now: int) -> Sent:
        """Reserve the underlying for an order that is about to be sent."""
        rests = plan.style is Style.REST
        wait = self.versions.current.params.patience if rests else self.params.answer
        self.sent = Sent(
            order=order,
            instrument=plan.instrument,
            side=plan.side,
            quantity=plan.quantity,
            coins=plan.coins,
            style=plan.style,
            arrival=plan.arrival,
            before=plan.before,
            ts=now,
            deadline=now + round(wait * SECOND),
            held=held,
            is_option=plan.is_option,
        )
        self._breaker(plan.instrument).sent(now)
        return self.sent

    def must_cancel(self, now: int, net: Net) -> bool:
        """Tell whether to ask the order back: too late, too slow for an emergency, or not wanted any more."""
        sent = self.sent
        if sent is None or sent.cancelled:
            return False
        if now >= sent.deadline:
            return True
        if sent.style is not Style.REST or sent.is_option:
            return False
        return bool(self.urgent) or net.delta * sent.side >= 0.0

    def is_lost(self, now: int) -> bool:
        """Tell whether its fate will not be known in time."""
        sent = self.sent
        return sent is not None and now >= sent.deadline + round(self.params.lost * SECOND)

    def filled(self, quantity: Decimal, price: float, now: int) -> None:
        """Take a fill of the order on its way."""
        if self.sent is not None:
            self.sent.filled += quantity
            self.sent.paid += float(quantity) * price
            self.sent.answered = self.sent.answered or now

    def ended(self, what: str, now: int) -> Done | None:
        """
        Take the end of the order on its way.

        Parameters
        ----------
        what
            ``filled``, ``cancelled``, ``rejected``, ``denied`` (by us), ``lost``, or ``unknown`` (sent by an
            earlier run; the positions tell what became of it).
        now
            UNIX time [ns].

        """
        sent, self.sent = self.sent, None
        if sent is None:
            return None
        latency = ((sent.answered or now) - sent.ts) / SECOND
        if sent.filled:
            self._last = now
            self._denials[sent.is_option] = 0
        tripped = self._judge(sent, what, now)
        slipped, version = math.nan, -1
        if sent.filled:
            slipped = slippage(sent.side, sent.arrival, sent.paid / float(sent.filled))
            version = self._follow_slippage(sent, slipped)
        return Done(sent, what, slipped, latency, tripped, version)

    def _judge(self, sent: Sent, what: str, now: int) -> bool:
        """Say what the end tells of the instrument, and what is tried next; tell whether it trips."""
        breaker = self._breaker(sent.instrument)
        if what == "unknown":
            self._last, self._attempt = now, 0
            breaker.withdrawn()
            return False
        if what == "denied":
            wait = self.params.pause * 2.0 ** min(self._denials[sent.is_option], _MOST_DENIALS)
            self._denials[sent.is_option] += 1
            self._again[sent.is_option] = now + round(wait * SECOND)
            breaker.withdrawn()
            return False
        if what == "filled":
            self._attempt = 0
        elif not sent.is_option:
            self._attempt += 1
        # What takes is answered at once; that it had to be asked back says that nobody answered.
        unanswered = what == "cancelled" and sent.cancelled and sent.style is not Style.REST
        if what in {"rejected", "lost"} or (unanswered and not sent.filled):
            return breaker.failed(now)
        breaker.succeeded()
        return False

    def _follow_slippage(self, sent: Sent, slipped: float) -> int:
        """Average the slippage; return the version that is taken back because of it, or -1."""
        if sent.is_option:
            return -1
        self.slips.add(slipped, abs(sent.coins) * float(sent.filled / sent.quantity))
        if not self.slips.is_too_dear:
            return -1
        number = self.versions.current.number
        return -1 if self.versions.roll_back() is None else number

    # -- memory --------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give what `restore` needs."""
        return {
            "sent": None if self.sent is None else self.sent.to_dict(),
            "urgent": self.urgent,
            "last": self._last,
            "slips": self.slips.to_list(),
            "rejected": list(self.versions.rejected),
            "breakers": {name: breaker.to_dict() for name, breaker in self._breakers.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Go on from what `to_dict` gave.

        Raises
        ------
        ValueError, KeyError, TypeError, ArithmeticError
            If it is damaged.

        """
        sent = state["sent"]
        self.versions.reject(state["rejected"])
        self.slips.restore(state["slips"])
        for name, breaker in state["breakers"].items():
            self._breaker(name).restore(breaker)
        self.urgent, self._last = str(state["urgent"]), int(state["last"])
        self.sent = None if sent is None else Sent.from_dict(sent)
