"""The margin of one account: what it needs now and in the next window, and what new orders still fit."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.account.margin import initial_rate, utilisation
from nautilus_quant.account.margin_limits import MarginLimits, Outlook
from nautilus_quant.account.margin_liquidation import Priced
from nautilus_quant.account.margin_reserve import Reserve
from nautilus_quant.account.margin_windows import MarginSchedule, Transition, Window
from nautilus_quant.gating.intent import UNLIMITED, Verdict

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Intent

GATE = "margin"
MARGIN_QUIET = "MARGIN_QUIET"
MARGIN_UNKNOWN = "MARGIN_UNKNOWN"
MARGIN_UTILISATION = "MARGIN_UTILISATION"
MARGIN_NEXT_WINDOW = "MARGIN_NEXT_WINDOW"

ALLOWED = Verdict(GATE, UNLIMITED)
"""What is said of nearly every order."""

_MINUTE = 60_000_000_000
_SLACK = 1e-12
"""Of what fits: the rounding of floats must not cost a whole lot, nor deny what was just said to fit."""


class Line(NamedTuple):
    """
    What must be known of an instrument to judge an order.

    Parameters
    ----------
    floor
        The venue's own initial margin per notional [-].
    step
        Increment of quantities [contracts or base units].

    """

    floor: float
    step: Decimal


class Demand(NamedTuple):
    """
    A reduction that is needed.

    Parameters
    ----------
    window
        What positions must fit.
    ts
        When it begins, UNIX time [ns].
    act
        Whether it is time to cut.

    """

    window: Window
    ts: int
    act: bool


class Pool:
    """
    The margin of one account.

    Parameters
    ----------
    name
        Of the account.
    schedule
        Of its venue.
    limits
        Its bounds.

    """

    def __init__(self, name: str, schedule: MarginSchedule, limits: MarginLimits) -> None:
        self.name = name
        self.schedule = schedule
        self.limits = limits
        self.equity = math.nan
        self.problem = "nothing is known yet"
        self.maintenance = 0.0
        self.positions: dict[str, Priced] = {}
        self.alerts: dict[str, bool] = {"initial": False, "maintenance": False}
        self._worth: dict[float, float] = {}
        self._held: dict[float, float] = {}  # by leverage, as asked since it was measured
        self.reserve = Reserve()
        self._outlook: Outlook | None = None

    # -- what there is -----------------------------------------------------------------------------

    def measure(self, equity: float, positions: Iterable[Priced], problem: str = "") -> None:
        """
        Take in what the account holds.

        Parameters
        ----------
        equity
            Of the account, profit of open positions included [reporting currency].
        positions
            All of them.
        problem
            Why these numbers must not be trusted; empty when they may.

        """
        self.equity = equity
        self.positions = held_now = {priced.held.instrument: priced for priced in positions}
        worth: dict[float, float] = {}
        maintenance = total = 0.0
        for held, mark, rate in held_now.values():
            notional, terms = held.notional(mark), held.terms
            value, floor = notional * rate, terms.floor
            worth[floor] = worth.get(floor, 0.0) + value
            maintenance += terms.maintenance.amount(notional) * rate
            total += value  # not finite as soon as one is not
        self._worth, self.maintenance = worth, maintenance
        self._held.clear()
        known = math.isfinite(equity) and math.isfinite(maintenance) and math.isfinite(total)
        self.problem = problem or ("" if known else "equity, a price or a rate is unknown")

    def held(self, leverage: float) -> float:
        """Return the initial margin of the positions at a leverage [reporting currency]."""
        total = self._held.get(leverage)
        if total is None:
            total = 0.0
            for floor, worth in self._worth.items():
                total += worth * initial_rate(leverage, floor)
            self._held[leverage] = total
        return total

    def needs(self, leverage: float) -> float:
        """Return the initial margin of positions and opening orders at a leverage [reporting currency]."""
        held = self.held(leverage)
        return held + self.reserve.margin(leverage) if self.reserve.totals else held

    @property
    def is_idle(self) -> bool:
        """Whether nothing is held, and nothing on its way."""
        return not self.positions and not len(self.reserve)

    # -- judging -----------------------------------------------------------------------------------

    def outlook(self, ts: int) -> Outlook:
        """Return what the schedule says at `ts`, UNIX time [ns]."""
        seen = self._outlook
        if seen is not None and seen.since <= ts < seen.until:
            return seen
        self._outlook = seen = Outlook.of(self.schedule, self.limits, ts)
        return seen

    def judge(self, intent: Intent, line: Line, *, more: bool = False) -> Verdict:
        """
        Say how much of an order fits, now and in the next window.

        Parameters
        ----------
        intent
            What is asked.
        line
            Of its instrument.
        more
            Whether it comes on top of what is already kept for the same order, rather than instead.

        """
        outlook = self.outlook(intent.ts)
        if outlook.quiet is not None:
            return self._say_quiet(intent.ts, outlook.quiet)
        opening, notional = float(intent.opening), intent.notional
        unit = notional / opening
        if self.problem or not 0.0 < unit < math.inf:
            return self._say_unknown(intent)
        back = 0.0 if more else self.reserve.of(intent.order)
        if intent.reducing:
            back += unit * self._released(intent)
        fits, window, code = self._room(outlook.window, line.floor) + back, outlook.window, MARGIN_UTILISATION
        if outlook.ahead is not None:
            later = self._room(outlook.ahead.window, line.floor) + back
            if later < fits:
                fits, window, code = later, outlook.ahead.window, MARGIN_NEXT_WINDOW
        if fits * (1.0 + 2.0 * _SLACK) >= notional:
            return ALLOWED
        return self._say_limit(line, fits / unit, window, code)

    def _room(self, window: Window, floor: float) -> float:
        """Return the notional that fits into a window [reporting currency]; below 0 when too much is held."""
        leverage = window.leverage
        spare = self.limits.max_utilisation * self.equity - self.needs(leverage)
        return spare / initial_rate(leverage, floor)

    def _released(self, intent: Intent) -> float:
        """Return how much less is held after the part of an order that closes [contracts or base units]."""
        priced = self.positions.get(intent.instrument)
        if priced is None:
            return 0.0
        _, net, gross, _ = priced.held
        closes = float(intent.reducing)
        if gross > abs(net):
            return min(closes, gross)
        # Where positions net, closing one's own against the others' makes the sum larger.
        return min(closes, abs(net)) if net * intent.side < 0.0 else 0.0

    def _say_quiet(self, ts: int, change: Transition) -> Verdict:
        window, minutes = change.window, (change.ts - ts) / _MINUTE
        reason = (
            f"nothing is opened within {self.limits.quiet / 60:g} min before the {window.name} window "
            f"({window.leverage:g}x), which begins in {minutes:.1f} min"
        )
        return Verdict.deny(GATE, MARGIN_QUIET, reason, minutes=minutes, leverage=window.leverage)

    def _say_unknown(self, intent: Intent) -> Verdict:
        problem = self.problem or f"{intent.instrument} has no price, its notional is {intent.notional}"
        return Verdict.deny(
            GATE, MARGIN_UNKNOWN, f"margin of {self.name} unknown: {problem}", equity=self.equity
        )

    def _say_limit(self, line: Line, most: float, window: Window, code: str) -> Verdict:
        fits = Decimal(0)
        if most > 0.0:
            fits = (Decimal(most * (1.0 + _SLACK)) / line.step).to_integral_value(ROUND_FLOOR) * line.step
        bound, needed = self.limits.max_utilisation, self.needs(window.leverage)
        used = utilisation(needed, self.equity)
        reason = (
            f"initial margin may use {bound:.1%} of the equity of {self.equity:,.2f}, and uses {used:.1%} "
            f"in the {window.name} window ({window.leverage:g}x): {fits.normalize():f} more fit"
        )
        return Verdict.limit(
            GATE, fits, code, reason, utilisation=used, bound=bound, equity=self.equity, needed=needed,
            leverage=window.leverage, window=window.name,
        )  # fmt: skip

    # -- watching ----------------------------------------------------------------------------------

    def used(self, leverage: float) -> float:
        """Return the utilisation by positions and opening orders at a leverage [-]; NaN when unknown."""
        return math.nan if self.problem else utilisation(self.needs(leverage), self.equity)

    def watch(self, ts: int) -> list[tuple[str, bool, float]]:
        """Return the alerts which begin (True) or end at `ts` [ns], with the utilisation that did it [-]."""
        if self.problem:
            return []
        equity, alerts, changes = self.equity, self.alerts, []
        initial = self.held(self.outlook(ts).window.leverage)
        for name, needed in (("initial", initial), ("maintenance", self.maintenance)):
            before = alerts[name]
            share = utilisation(needed, equity)
            on = share >= (self.limits.alert_clear if before else self.limits.alert_at)
            if on != before:
                alerts[name] = on
                changes.append((name, on, share))
        return changes

    def demand(self, ts: int) -> Demand | None:
        """Return the reduction needed at `ts` [ns]: for a coming window, or since all equity is used."""
        if self.problem:
            return None
        outlook = self.outlook(ts)
        for change in (outlook.act, outlook.ahead):
            if change is not None and self.used(change.window.leverage) > self.limits.max_utilisation:
                return Demand(change.window, change.ts, change is outlook.act)
        if self.used(outlook.window.leverage) > 1.0:
            return Demand(outlook.window, outlook.since, True)
        return None

    def calm(self, ts: int, growth: float) -> tuple[float, int]:
        """
        Return from which equity on, and until when, there is nothing to tell and nothing to cut.

        Parameters
        ----------
        ts
            UNIX time [ns].
        growth
            By how much the value of what is held may grow until then [fraction]; its size and that of the
            orders must stay.

        Returns
        -------
        tuple
            Equity that must be exceeded [reporting currency], infinite when nothing is known or something is
            wrong; UNIX time before which [ns].

        """
        outlook = self.outlook(ts)
        if self.problem or any(self.alerts.values()):
            return math.inf, outlook.until
        changes = [change for change in (outlook.act, outlook.ahead) if change is not None]
        least = min([outlook.window.leverage, *(change.window.leverage for change in changes)])
        maintenance = 0.0
        for held, mark, rate in self.positions.values():
            notional = held.notional(mark) * (1.0 + growth)
            maintenance += held.terms.maintenance.amount(notional) * rate
        needed = max(self.needs(least) * (1.0 + growth), maintenance)
        bound = min(self.limits.alert_at, self.limits.max_utilisation)
        return needed / bound if bound > 0.0 else math.inf, outlook.until

    # -- state -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs: which alerts are on. The rest is read anew from the account."""
        return {"version": 1, "alerts": dict(self.alerts)}

    def restore(self, state: Mapping[str, Any]) -> bool:
        """Go on from what `to_dict` gave; False, and nothing is changed, when it cannot be read."""
        alerts = state.get("alerts")
        if not isinstance(alerts, dict):
            return False
        self.alerts = {name: bool(alerts.get(name, False)) for name in self.alerts}
        return True
