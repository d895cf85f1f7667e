"""What a machine of two legs knows: wishes, holdings, orders, and what is used of its budget."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_quant.carry.two_leg_book import PairBook
from nautilus_quant.carry.two_leg_orders import LegOrder
from nautilus_quant.carry.two_leg_terms import RESERVE, nanos
from nautilus_quant.carry.two_leg_told import PairChange, Phase, Place
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.carry.two_leg_orders import Purpose
    from nautilus_quant.carry.two_leg_terms import Leg, TwoLegParams
    from nautilus_quant.carry.two_leg_told import Action, What

_ZERO = Decimal(0)
_SECONDS = 1e-9


class TwoLegState:
    """
    One pair, its clock and its budget.

    Parameters
    ----------
    legs
        The two.
    params
        How they are traded.
    mark
        What ids of its orders begin with: letters and digits, at most 15, its own.

    """

    def __init__(self, legs: tuple[Leg, Leg], params: TwoLegParams, mark: str) -> None:
        self.params = params
        self.book = PairBook(legs, mark)
        self._target = _ZERO
        self._edge: float | None = None
        self._reference = (math.nan, math.nan, math.nan)  # spread, and cost of each leg, when it was wanted
        self._adding = self._urgent = self._halted = False
        self._forced = self._stuck = False
        self._known = True
        self._anew = False  # whether cancels are asked again at once
        self._hurry = False  # a closing that rested did not fill
        self._trouble: int | None = None  # leg that failed last: goes alone and first
        self._failed = ""
        self._rested = _ZERO  # matched when it last was at rest
        self._down = [False, False]
        self._no_adds = [0, 0]  # until when a leg may not open [ns]
        self._no_takes = [0, 0]  # until when a leg is not reduced again [ns]
        self._barred = [False, False]  # legs somebody else has traded: not opened until wanted again
        self._attempts = [0, 0]
        self._used = 0.0
        self._rate = 0.0
        self._ts = 0
        self._answer, self._timeout = nanos(params.answer), nanos(params.leg_timeout)
        self._pause = nanos(params.pause)
        self._actions: list[Action] = []

    # -- what it is asked --------------------------------------------------------------------------------

    @property
    def target(self) -> Decimal:
        """Wanted, signed: more is longer in legs of positive weight [units of the pair]."""
        return self._target

    @property
    def matched(self) -> Decimal:
        """Hedged, signed [units of the pair]."""
        return self.book.matched

    @property
    def held(self) -> tuple[Decimal, Decimal]:
        """Signed units of both legs [base coin, or contracts]."""
        return self.book.now

    @property
    def unhedged(self) -> float:
        """Value that is not hedged now [reporting currency]."""
        return self.book.unhedged

    @property
    def is_exposed(self) -> bool:
        """Whether something was unhedged after the last event; cheaper than `unhedged`."""
        return self._rate > 0.0

    @property
    def used(self) -> float:
        """Of the budget since it was last at rest [reporting currency times seconds]."""
        return self._used

    @property
    def phase(self) -> Phase:
        """Where it is."""
        if not self._known:
            return Phase.UNKNOWN
        if self.book.is_apart(self.book.now):
            return Phase.UNHEDGED
        if any(True for _ in self.book.orders.live()):
            return Phase.TRADING
        return Phase.HEDGED if self.book.matched else Phase.FLAT

    # -- time and money --------------------------------------------------------------------------------------

    def _begin(self, ts: int) -> None:
        if ts < self._ts - self._answer:
            self._set_back(self._ts - ts)
        ts = max(ts, self._ts)
        if self._rate and ts > self._ts > 0:
            self._used += self._rate * (ts - self._ts) * _SECONDS
        self._ts = ts
        self._actions = []

    def _set_back(self, by: int) -> None:
        """Follow a clock that was set back, else nothing would be late until it is where it was."""
        self._ts -= by
        for order in self.book.orders.live():
            order.sent, order.due = order.sent - by, order.due - by
            order.canceled, order.asked = (
                max(at - by, 1) if at else 0 for at in (order.canceled, order.asked)
            )
        self._no_adds = [at - by for at in self._no_adds]
        self._no_takes = [at - by for at in self._no_takes]

    def _measure(self) -> None:
        rate = self.book.unhedged
        # Unknown is not nothing: without any value a budget cannot last.
        self._rate = rate if math.isfinite(rate) else math.inf

    def _is_pressed(self) -> bool:
        reserve = RESERVE * self.params.answer * self.book.worst
        return not self._used + reserve < self.params.max_unhedged and reserve != 0.0

    @property
    def wake(self) -> int | None:
        """When it wants to hear `on_time` next, UNIX time [ns]; ``None`` if nothing waits for a time."""
        times = [at for at in self._times() if at > self._ts]
        return min(times, default=None)

    def _times(self) -> list[int]:
        times: list[int] = []
        for order in self.book.orders.live():
            times += [order.sent + self._answer, order.due, order.asked + self._again(order)]
            times.append(order.canceled + self._answer)
        if not self._forced and 0.0 < self._rate < math.inf:
            left = self.params.max_unhedged - self._used - RESERVE * self.params.answer * self.book.worst
            times.append(self._ts + max(nanos(left / self._rate), 0) + 1)
        return times + self._no_adds + self._no_takes

    def _again(self, order: LegOrder) -> int:
        """Return how long to wait for the answer to a cancel before it is asked again [ns]."""
        early = self._ts < order.due + self._pause
        return self._answer if early else self._pause

    # -- orders and news ---------------------------------------------------------------------------------

    def _is_overdue(self, order: LegOrder) -> bool:
        return self._ts >= order.sent + self._answer

    def _is_counted_on(self, order: LegOrder) -> bool:
        doubtful = order.canceled or self._down[order.leg] or self._ts >= order.due
        return not (order.passive or doubtful or (self._forced and self._is_overdue(order)))

    def _place(
        self, leg: int, quantity: Decimal, purpose: Purpose, *, passive: bool = False, reducing: bool = False
    ) -> None:
        order_id = self.book.orders.next_id(self._ts)
        due = self._ts + self._timeout
        order = LegOrder(order_id, leg, quantity, purpose, passive, reducing, self._ts, due)
        self.book.orders.add(order)
        self._actions.append(
            Place(
                id=order_id, leg=leg, quantity=quantity, purpose=purpose, passive=passive, reducing=reducing
            )
        )

    def _tell(self, what: What, reason: str) -> None:
        book = self.book
        change = PairChange(
            what=what,
            ts=self._ts,
            reason=reason,
            target=self._target,
            matched=book.matched,
            held=book.now,
            unhedged=book.unhedged,
            used=self._used,
        )
        self._actions.append(change)

    def _give_up(self, why: str) -> None:
        self._adding = False
        self._failed = self._failed or why

    # -- over a restart ----------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON holds it."""
        return {
            "book": self.book.to_dict(),
            "target": str(self._target),
            "edge": self._edge,
            "reference": list(self._reference),
            "rested": str(self._rested),
            "used": self._used,
            "rate": self._rate,
            "ts": self._ts,
            "trouble": self._trouble,
            "forced": self._forced,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """
        Go on from what `to_dict` gave; until `reconcile` nothing is sent, and until `want` nothing is added.

        Only what is held, wanted and on its way must be there: a document of another version may lack the
        rest, or have more. Without the prices of the wish a leg that is open is taken back.

        Raises
        ------
        ArithmeticError, KeyError, TypeError, ValueError
            If it is not what `to_dict` gave.

        """
        self.book.restore(state["book"])
        self._target = _finite(state["target"])
        self._rested = _finite(state.get("rested", state["target"]))
        self._used, self._rate = float(state.get("used", 0.0)), float(state.get("rate", 0.0))
        self._ts = int(state.get("ts", 0))
        spread, one, two = state.get("reference", self._reference)
        self._edge, self._reference = state.get("edge"), (float(spread), float(one), float(two))
        self._trouble = state.get("trouble")
        self._forced = bool(state.get("forced", False))
        self._adding = False
        self._known = False


def _finite(text: str) -> Decimal:
    number = Decimal(text)
    require(number.is_finite(), "a finite number [units]", text)
    return number
