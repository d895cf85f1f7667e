"""One position that expires: rolled, closed or left, one order at a time."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.gating.intent import Side
from nautilus_quant.host.expiry_hands import ExpiryHands
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.target import lot_of
from nautilus_quant.options.expiry_calendar import Stage
from nautilus_quant.options.expiry_plan import Leg, RollPlan, Step
from nautilus_quant.options.expiry_rules import Action, Decision, Outlook, decide
from nautilus_quant.options.expiry_target import roll_cost

if TYPE_CHECKING:
    from nautilus_trader.model.instruments import Instrument


_ZERO = Decimal(0)
_ROUNDS = 64  # of orders that are answered at once
_SPREAD_TRIES = 2


class ExpiryDesk(ExpiryHands):
    """
    Works on one position until it is rolled, closed or left to expire.

    Parameters
    ----------
    position
        What is held.
    contract
        What it pays.
    tools
        What it works with.
    rolled
        Whether it has been rolled before.

    """

    # -- the work ----------------------------------------------------------------------------------

    def prepare(self, *, rolls: bool) -> None:
        """Hear the quotes that closing needs, and those that rolling does."""
        market, own = self._tools.market, self.position.instrument_id
        wanted = [own]
        if rolls and self._tools.settings.roll and not self.rolled:
            wanted += [InstrumentId.from_str(c.name) for c in market.alike(self.contract, self._instrument())]
        market.hear(self.position.id.value, wanted)

    def work(self, stage: Stage) -> None:
        """Do what a stage asks for, as far as it can be done now."""
        self._stage = stage
        if stage is not Stage.ROLL and self.pending is not None and self.pending.legs:
            # Legs that never came must not stand in the way of closing, which is reduce-only.
            self._tools.say(self, "legs_lost", "NOT_BOOKED", f"of order {self.pending.order}", {})
            self.pending = None
        self._run()

    def retry(self) -> None:
        """Try again what could not be done, or look for an answer that has not come."""
        self.again = None
        if self.pending is not None:
            self._look_for_an_answer(self.pending)
        if self._stage is not None:
            self._run()

    def _run(self) -> None:
        if self._running:
            return
        self._running = True
        try:
            for _ in range(_ROUNDS):
                if self.pending is not None or not self._advance():
                    return
        finally:
            self._running = False

    def _advance(self) -> bool:
        """Send the next order; say whether one was sent and it makes sense to go on at once."""
        if self._stage is Stage.ROLL and self.plan is not None:
            return self._roll(self.plan)
        if self._stage is not Stage.ROLL and self.plan is not None:
            self._abandon(self.plan)
        if self._stage is None or not self.held:
            return False
        decision = decide(self._stage, self._outlook(), self._params)
        if decision.action is Action.ROLL:
            return self._begin(decision)
        if decision.action is Action.CLOSE:
            return self._close(decision)
        self._leave(decision)
        return False

    def _outlook(self) -> Outlook:
        market = self._tools.market
        return market.outlook(self._instrument(), self.contract, long=self.long, rolled=self.rolled)

    # -- closing -----------------------------------------------------------------------------------

    def _close(self, decision: Decision) -> bool:
        self._say("closing", decision.code, decision.reason, decision.numbers)
        touch = self._tools.market.touch(self.position.instrument_id)
        side = OrderSide.SELL if self.long else OrderSide.BUY
        return self._send(self._instrument(), side, self.held, touch.of(side), Leg.CLOSE)

    # -- rolling -----------------------------------------------------------------------------------

    def _begin(self, decision: Decision) -> bool:
        tools, instrument = self._tools, self._instrument()
        target = tools.market.target(self.contract, instrument)
        if target is None:
            self._leave(Decision(Action.WAIT, "NO_TARGET", "no option of a later expiry is near enough"))
            return False
        self.target = InstrumentId.from_str(target.name)
        tools.market.hear(self.position.id.value, [self.position.instrument_id, self.target])
        lot, held = lot_of(instrument), self.held
        least = max(lot.step, lot.minimum or lot.step)
        slice_ = max(lot.floor(held * Decimal(repr(float(tools.settings.slice)))), least)
        order = tools.settings.order
        closes_first = order == "close" or (order == "auto" and not self.long)
        self.plan = RollPlan(held, slice_, closes_first=closes_first)
        numbers: dict[str, float | str] = {**decision.numbers, "quantity": str(held), "slice": str(slice_)}
        self._say("rolling", decision.code, f"{decision.reason}; to {target.name}", numbers)
        return True

    def _roll(self, plan: RollPlan) -> bool:
        plan.left_by_others(self.held)
        step = plan.next()
        if step is None:
            self._end(plan)
            return False
        assert self.target is not None  # set with the plan
        if not plan.excess and self._spread(plan, self.target):
            return self._is_idle()
        new = self._tools.host.cache.instrument(self.target)
        problem = self._why_not(plan, step, new)
        if problem is not None:
            self._leave(problem)
            return False
        side = OrderSide.SELL if (step.leg is Leg.CLOSE) is self.long else OrderSide.BUY
        instrument = self._instrument() if step.leg is Leg.CLOSE else new
        quantity = step.quantity
        if step.leg is Leg.OPEN or not plan.excess:
            # What would be opened is asked for before anything is closed for it.
            quantity = self._allowed(new, OrderSide.BUY if self.long else OrderSide.SELL, quantity)
        touch = self._tools.market.touch(instrument.id)
        if not quantity:
            self._leave(Decision(Action.WAIT, "DENIED", f"the gates allow nothing of {new.id} now"))
            return False
        return self._send(instrument, side, quantity, touch.of(side), step.leg)

    def _why_not(self, plan: RollPlan, step: Step, new: Instrument) -> Decision | None:
        """Say why the next leg cannot be sent: nobody trades it, or a new slice costs too much."""
        market, held = self._tools.market, self.contract
        other = market.contract(new.id)
        if other is None:
            return Decision(Action.WAIT, "NO_TARGET", f"{new.id} is not listed any more")
        old_touch, new_touch = market.touch(self.position.instrument_id), market.touch(new.id)
        if plan.excess:
            side = OrderSide.SELL if (step.leg is Leg.CLOSE) is self.long else OrderSide.BUY
            price = (old_touch if step.leg is Leg.CLOSE else new_touch).of(side)
            problem = f"nobody trades the {step.leg} leg"
            return Decision(Action.WAIT, "NO_QUOTE", problem) if math.isnan(price) else None
        fees = market.fee(held, self._instrument(), old_touch.bid) + market.fee(other, new, new_touch.ask)
        cost = roll_cost(old_touch.times(market.unit(held)), new_touch.times(market.unit(other)), fees)
        if math.isnan(cost):
            return Decision(Action.WAIT, "NO_QUOTE", f"no quotes to roll to {new.id}")
        most = self._params.roll_cost * market.forward(held)
        if math.isnan(most):
            return Decision(Action.WAIT, "NO_FORWARD", "nobody knows the forward")
        if cost > most:
            reason = f"rolling costs {cost:g} per unit, at most {most:g}"
            return Decision(Action.WAIT, "EXPENSIVE", reason, {"cost": cost, "most": most})
        return None

    def _spread(self, plan: RollPlan, target: InstrumentId) -> bool:
        """Send the venue's spread that rolls, and say whether it has one that is quoted and allowed."""
        tools = self._tools
        if not tools.settings.spread or self._spread_tries >= _SPREAD_TRIES:
            return False
        if tools.orders.hedges(self.position):
            return False  # its legs would open positions instead of closing one
        found = tools.market.combination(self.position.instrument_id, target, long=self.long)
        if found is None:
            return False
        price, width = found.touch.of(found.side), found.touch.ask - found.touch.bid
        most = self._params.roll_cost * tools.market.forward(self.contract)
        if math.isnan(price) or not width / 2.0 * tools.market.unit(self.contract) <= most:
            return False
        # No more than is quoted: NautilusTrader's simulated exchange books no legs of what fills in part.
        left = lot_of(found.instrument).floor(min(plan.total - plan.closed, found.size))
        quantity = self._allowed(found.instrument, found.side, left)
        self._spread_tries += 1
        if quantity:
            self._send(found.instrument, found.side, quantity, price, Leg.SPREAD)
        return bool(quantity)

    def _abandon(self, plan: RollPlan) -> None:
        """Roll no more: what is left is judged like anything that was not rolled."""
        self.plan, self._said = None, ""
        if plan.is_done:
            self._end(plan)
            return
        numbers = {"closed": str(plan.closed), "opened": str(plan.opened), "total": str(plan.total)}
        self._say("roll_given_up", "TOO_LATE", "not all of it could be rolled in time", numbers)
        text = f"{plan.opened} of {plan.total} were rolled in time, the rest is closed or left to expire"
        self._tools.alert(self, "WARNING", "roll", text)

    def _end(self, plan: RollPlan) -> None:
        numbers = {"closed": str(plan.closed), "opened": str(plan.opened), "to": str(self.target)}
        self.plan = None
        if plan.opened:
            self.rolled = True
            self._tools.rolled(self)
            self._say("rolled", "DONE", f"{plan.opened} of {self.target} for {plan.closed}", numbers)
        self._tools.save(self)

    def _allowed(self, instrument: Instrument, side: OrderSide, quantity: Decimal) -> Decimal:
        """Return how much the gates allow of new risk, in whole lots."""
        gateway = find_gateway(self._tools.host.msgbus)
        lot = lot_of(instrument)
        if gateway is None:
            return lot.floor(quantity)
        price = self._tools.market.touch(instrument.id).of(side)
        way = Side.BUY if side == OrderSide.BUY else Side.SELL
        known = None if math.isnan(price) else price
        intent = gateway.exposure.preview(self.position.strategy_id, instrument.id, way, quantity, known)
        allowed = lot.floor(min(quantity, gateway.preview(intent).passes))
        return allowed if allowed >= (lot.minimum or lot.step) else _ZERO
