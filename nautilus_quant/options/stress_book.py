"""How much new risk a book of options may take on: judged by what it would lose in stress."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.gating.intent import Verdict
from nautilus_quant.options.stress import Worst, book_losses, profits, room, worst
from nautilus_quant.options.stress_grid import Scenarios, StressParams
from nautilus_quant.options.stress_risk import Concentration, ExpiryGap, concentration, expiry_gaps
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.options.stress import Lines

type Floats = NDArray[np.float64]

GATE: Final = "options"
STRESS_LOSS: Final = "STRESS_LOSS"
OPTION_RISK_UNKNOWN: Final = "OPTION_RISK_UNKNOWN"
ALLOWED: Final = Verdict.allow(GATE)

_SLACK = 1e-9  # of what fits: rounding of floats is no reason to take a lot less


@dataclass(frozen=True, slots=True, kw_only=True)
class StressLimits:
    """
    What may be lost.

    Parameters
    ----------
    max_loss
        In the worst scenario of each underlying, all underlyings together [fraction of equity].
    gap
        Jump of the price looked at for each expiry [fraction].
    params
        Which moves are looked at.

    Raises
    ------
    ValueError
        If one is impossible.

    """

    max_loss: float = 0.25
    gap: float = 0.10
    params: StressParams = field(default_factory=StressParams)

    def __post_init__(self) -> None:
        require(0.0 < self.max_loss <= 1.0, "0 < max_loss <= 1 [fraction of equity]", self.max_loss)
        require(0.0 < self.gap < 1.0, "0 < gap < 1 [fraction]", self.gap)


class Holdings(NamedTuple):
    """
    All there is on one underlying.

    Parameters
    ----------
    lines
        The contracts.
    held
        Of each, float64[n]; negative for sold ones.
    low, high
        Least and most that may be held once orders have filled, float64[n].

    """

    lines: Lines
    held: Floats
    low: Floats
    high: Floats


class Asked(NamedTuple):
    """
    What an order is for.

    Parameters
    ----------
    line
        The contract, or the legs of a spread.
    low, high
        Least and most that may be held of it by orders that are there, this one left out [contracts]. Of a
        spread they say nothing: its legs are held.
    step
        Increment of quantities [contracts].
    ratio
        Contracts of each leg in one spread; empty for one contract.

    """

    line: Lines
    low: float
    high: float
    step: Decimal
    ratio: tuple[float, ...] = ()


class _Part:
    """One underlying as it was last measured."""

    __slots__ = ("holdings", "losses", "places", "problem", "profit", "worst")

    def __init__(self, holdings: Holdings, scenarios: Scenarios, problem: str) -> None:
        self.holdings = holdings
        self.problem = problem or holdings.lines.problem
        self.places = {name: place for place, name in enumerate(holdings.lines.names)}
        self.profit = np.empty((len(scenarios), 0))
        self.losses = np.full(len(scenarios), math.nan)
        if not self.problem:
            self.profit = profits(holdings.lines, scenarios)
            self.losses = book_losses(self.profit, holdings.low, holdings.high)
        if not self.problem and not np.isfinite(self.losses).all():
            self.problem = "how much an order on its way may fill is unknown"
        self.worst = worst(self.losses, scenarios)


class StressBook:
    """
    The stress losses of all underlyings, and what still fits under the limit.

    Losses of underlyings add up: that one rises while another falls is nothing to rely on in stress.

    Parameters
    ----------
    limits
        What may be lost, and in which scenarios.

    """

    def __init__(self, limits: StressLimits | None = None) -> None:
        self.limits = limits or StressLimits()
        self.scenarios = Scenarios.of(self.limits.params)
        self.equity = math.nan
        self._parts: dict[str, _Part] = {}

    # -- what there is -----------------------------------------------------------------------------

    def measure(self, underlying: str, holdings: Holdings, problem: str = "") -> Worst:
        """
        Take in what there is on an underlying, and return its worst loss.

        Parameters
        ----------
        underlying
            Code of the coin.
        holdings
            Everything that moves with it; without any the underlying is forgotten.
        problem
            Why these numbers must not be trusted; empty when they may.

        """
        part = _Part(holdings, self.scenarios, problem)
        if len(holdings.lines) or problem:
            self._parts[underlying] = part
        else:
            self._parts.pop(underlying, None)
        return part.worst

    def forget(self, underlying: str) -> None:
        """Drop an underlying."""
        self._parts.pop(underlying, None)

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What there is something on."""
        return tuple(self._parts)

    @property
    def limit(self) -> float:
        """The most that may be lost [reporting currency]; NaN while the equity is unknown."""
        return self.limits.max_loss * max(self.equity, 0.0) if math.isfinite(self.equity) else math.nan

    def problem(self, underlying: str) -> str:
        """Return why an underlying cannot be judged; empty when it can."""
        part = self._parts.get(underlying)
        return "" if part is None else part.problem

    def worst(self, underlying: str) -> Worst:
        """Return the worst loss of an underlying, orders included; NaN while it is unknown."""
        part = self._parts.get(underlying)
        return worst(np.zeros(len(self.scenarios)), self.scenarios) if part is None else part.worst

    @property
    def loss(self) -> float:
        """The worst losses of all underlyings together [reporting currency]; NaN when one is unknown."""
        return math.fsum(part.worst.loss for part in self._parts.values())

    def concentration(self, underlying: str) -> Concentration:
        """Return where vega and gamma of what is held sit."""
        holdings = self._parts[underlying].holdings
        return concentration(holdings.lines, holdings.held)

    def gaps(self, underlying: str) -> tuple[ExpiryGap, ...]:
        """Return what a jump at each expiry would cost what is held."""
        holdings = self._parts[underlying].holdings
        return expiry_gaps(holdings.lines, holdings.held, self.limits.gap)

    # -- judging -----------------------------------------------------------------------------------

    def judge(self, intent: Intent, underlying: str, asked: Asked) -> Verdict:
        """
        Say how much of an order fits.

        Every order on its way is taken to fill or not, whichever is worse, and all of this order that reduces
        is taken to fill. What raises no loss above the worst there is passes even beyond the limit: a hedge
        must not wait until the book is small.

        Parameters
        ----------
        intent
            What is asked.
        underlying
            Of its instrument.
        asked
            The instrument, measured just now.

        """
        others = math.fsum(part.worst.loss for name, part in self._parts.items() if name != underlying)
        part, limit = self._parts.get(underlying), self.limit
        problem = (part.problem if part is not None else "") or asked.line.problem
        if problem or not math.isfinite(limit + others):
            return self._say_unknown(intent, problem or self._other_problem(underlying))
        losses = np.zeros(len(self.scenarios)) if part is None else part.losses
        unit = self._profit(part, asked) * float(intent.side)
        before = float(losses.max())
        losses = self._with(losses, part, asked, unit, intent)
        fits = room(losses, unit, max(limit - others, before, float(losses.max())))
        opening = float(intent.opening)
        if fits * (1.0 + _SLACK) >= opening:
            return ALLOWED
        after = worst(losses + opening * np.maximum(-unit, 0.0), self.scenarios)
        after = after._replace(loss=after.loss + others)
        return self._say_limit(intent, asked.step, fits, before + others, after)

    def _profit(self, part: _Part | None, asked: Asked) -> Floats:
        if asked.ratio:
            spread: Floats = profits(asked.line, self.scenarios) @ np.array(asked.ratio)
            return spread
        place = None if part is None else part.places.get(asked.line.names[0])
        if part is None or place is None:
            return profits(asked.line, self.scenarios)[:, 0]
        column: Floats = part.profit[:, place]
        return column

    def _with(self, losses: Floats, part: _Part | None, asked: Asked, unit: Floats, intent: Intent) -> Floats:
        """Return the losses with this order's own part that reduces, and without what it replaces."""
        if asked.ratio:
            return losses
        side = float(intent.side)
        place = None if part is None else part.places.get(asked.line.names[0])
        was_low, was_high = 0.0, 0.0
        if part is not None and place is not None:
            was_low, was_high = float(part.holdings.low[place]), float(part.holdings.high[place])
        # In the direction of the order: the end it moves, and the one it leaves.
        ends = (asked.low, asked.high) if side > 0.0 else (-asked.high, -asked.low)
        was = (was_low, was_high) if side > 0.0 else (-was_high, -was_low)
        moved = (ends[0], ends[1] + float(intent.reducing))
        if moved == was:
            return losses
        gone = np.minimum(unit * was[0], unit * was[1])
        come = np.minimum(unit * moved[0], unit * moved[1])
        changed: Floats = losses + gone - come
        return changed

    # -- words -------------------------------------------------------------------------------------

    def _other_problem(self, underlying: str) -> str:
        for name, part in self._parts.items():
            if name != underlying and part.problem:
                return f"{name}: {part.problem}"
        return "the equity is unknown"

    def _say_unknown(self, intent: Intent, problem: str) -> Verdict:
        reason = f"what {intent.instrument} would add to the loss in stress is unknown: {problem}"
        return Verdict.deny(GATE, OPTION_RISK_UNKNOWN, reason, equity=self.equity)

    def _say_limit(self, intent: Intent, step: Decimal, fits: float, before: float, after: Worst) -> Verdict:
        allowed = (Decimal(fits * (1.0 + _SLACK)) / step).to_integral_value(ROUND_FLOOR) * step
        limit, scenario = self.limit, after.scenario
        reason = (
            f"{intent.opening.normalize():f} more would lose {after.loss:,.2f} in stress ({scenario.text}), "
            f"the limit is {self.limits.max_loss:.1%} of the equity of {self.equity:,.2f}, that is "
            f"{limit:,.2f}: {allowed.normalize():f} fit"
        )
        return Verdict.limit(
            GATE, allowed, STRESS_LOSS, reason, loss=after.loss, before=before, limit=limit,
            equity=self.equity, spot=scenario.spot, vol=scenario.vol, days=scenario.days,
        )  # fmt: skip
