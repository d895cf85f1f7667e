"""Strategies that hold several instruments together or none: a leg is never left alone for long."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nautilus_trader.model.enums import OrderStatus
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Seconds
from nautilus_quant.gating.intent import Side
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig, lot_of
from nautilus_quant.portfolio.matching import matched
from nautilus_quant.portfolio.sizing import order_quantity, target_quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nautilus_trader.common.component import TimeEvent
    from nautilus_trader.model.events import OrderEvent

    from nautilus_quant.portfolio.sizing import Lot

_ZERO = Decimal(0)
_NANOS = 1_000_000_000

type Quantities = dict[InstrumentId, Decimal]


class LeggedStrategyConfig(TargetStrategyConfig, kw_only=True, frozen=True):
    """
    What every strategy of several legs can be told.

    Parameters
    ----------
    leg_timeout
        Longest time between the first order of an entry and the last fill of it [s]; then the legs are cut
        down to what they have in common. Also the wait before a closing order that failed is sent again.
        Typically 2 to 30.

    """

    leg_timeout: Seconds = 5.0


class LeggedStrategy(TargetStrategy):
    """
    Base of strategies whose legs hedge each other.

    Targets of all legs come at once (`set_targets`), and size is only ever added to all by the same share:

    - Before anything is added every leg is previewed through the gateway. The leg of which the smallest share
      is allowed decides for all, and none is sent if a gate forbids one.
    - When a leg is denied, rejected, cancelled, or not filled within `leg_timeout`, all are cut down to what
      they have in common, which is nothing if one has not filled at all. Then nothing is added until the
      next signal, which is a change of the signs of the targets.
    - What reduces is always sent, leg by leg. If it failed, it is sent again with the next target, or after
      `leg_timeout`.
    - A leg that is alone, after a restart or because somebody closed the other, is closed and not completed:
      the price at which it belonged to the other is gone.
    - The smallest allocation published for any leg is that of all. Zero closes all.

    Parameters
    ----------
    config
        A `LeggedStrategyConfig` or a subclass of it.

    Raises
    ------
    ValueError
        If `leg_timeout` is zero.

    """

    def __init__(self, config: LeggedStrategyConfig) -> None:
        super().__init__(config)
        if not float(config.leg_timeout) > 0.0:
            raise ValueError(f"need leg_timeout > 0 [s], was {config.leg_timeout}; typical values 2-30")
        self._plan: Quantities = {}  # signed positions the orders on their way should lead to
        self._adding: set[InstrumentId] = set()  # legs whose order opens risk
        self._spent = False  # whether nothing is added for this signal any more
        self._sending = False
        self._deadline = 0
        self._alarm: Alarm | None = None

    def on_start(self) -> None:
        """Start as the base does; a leg found alone is closed."""
        super().on_start()
        if self._valuer is not None:
            self._settle(adds=False)

    def on_stop(self) -> None:
        """Stop as the base does, and wait for nothing."""
        super().on_stop()
        if self._alarm is not None:
            self._alarm.cancel()

    def on_reset(self) -> None:
        """Forget the plan, too."""
        super().on_reset()
        self._plan.clear()
        self._adding.clear()
        self._spent = self._sending = False
        self._deadline = 0

    def set_targets(self, exposures: Mapping[InstrumentId, float], *, ts: int, reason: str = "") -> None:
        """Want exposures in all legs at once; see `TargetStrategy.set_targets`."""
        # The first target after a start is no change: it may be the one that was given up before.
        if any(_sign(self._exposures.get(leg, wanted)) != _sign(wanted) for leg, wanted in exposures.items()):
            self._spent = False
        super().set_targets(exposures, ts=ts, reason=reason)

    def on_plan(self) -> None:
        """Keep `plan_to_dict` if it should survive a restart; called when it has changed. Override me."""

    def plan_to_dict(self) -> dict[str, Any]:
        """Give what a restart needs to know about orders on their way."""
        plan = {leg.value: str(quantity) for leg, quantity in self._plan.items()}
        return {"plan": plan, "spent": self._spent}

    def restore_plan(self, state: Mapping[str, Any]) -> None:
        """Go on from what `plan_to_dict` gave."""
        plan = {InstrumentId.from_str(leg): Decimal(text) for leg, text in state["plan"].items()}
        self._plan = plan if set(plan) == set(self.legs) else {}
        self._spent = bool(state["spent"])

    # -- events --------------------------------------------------------------------------------------

    def on_order_event(self, event: OrderEvent) -> None:
        """Go on when an order is done, whoever sent it; after one that failed, nothing more is added."""
        leg = event.instrument_id
        order = self.cache.order(event.client_order_id)
        if order is None or not order.is_closed or leg not in self.legs:
            return
        failed = order.status != OrderStatus.FILLED
        added = leg in self._adding and self._pending[leg].client_order_id == event.client_order_id
        if failed and added:
            self._give_up(f"order of {leg} {order.status_string()}")
        if self._sending:
            return
        if failed and not added:
            self._wait()  # sent again later, not at once: a venue that refuses might do so for ever
        else:
            self._settle(adds=False)

    def _on_alert(self, _event: TimeEvent) -> None:
        if self.clock.timestamp_ns() < self._deadline or self._at_rest():
            return
        pending = [leg for leg in self.legs if self._has_pending(leg)]
        late = [leg.value for leg in pending if leg in self._adding]
        if late:
            self._give_up(f"no fill of {', '.join(late)} in time")
        for leg in pending:
            self._cancel(leg)
        if pending:
            self._even_out(self._held())
        else:
            self._settle(adds=False)
        if not self._at_rest():
            self._wait()

    def _at_rest(self) -> bool:
        held = self._held()
        busy = any(self._has_pending(leg) for leg in self.legs)
        leaving = self._leaves() and any(held.values())
        return not (busy or leaving or self._common(held) != held)

    def _wait(self) -> None:
        """Look again after the timeout."""
        self._deadline = self.clock.timestamp_ns() + int(float(self.config.leg_timeout) * _NANOS)
        if self._alarm is None:
            self._alarm = Alarm(self.clock, f"{self.id.value}-legs", self._on_alert)
        self._alarm.set(self._deadline)

    def _give_up(self, why: str) -> None:
        if not self._spent:
            self.log.warning(f"{why}: legs are evened out, nothing is added until the next signal")
            self._spent = True
            self.on_plan()

    # -- what is wanted, and what there is -------------------------------------------------------------

    def _held(self) -> Quantities:
        return {leg: self.position_of(leg) for leg in self.legs}

    def _lots(self) -> dict[InstrumentId, Lot]:
        return {leg: lot_of(self.cache.instrument(leg)) for leg in self.legs}

    def _common(self, held: Quantities) -> Quantities:
        return matched(self._plan, held, self._lots())

    def _is_known(self) -> bool:
        return all(leg in self._exposures for leg in self.legs)

    def _leaves(self) -> bool:
        allocated = self._allocation(self.config.instrument) > 0.0
        wanted = not self._is_known() or any(self._exposures[leg] for leg in self.legs)
        return not (allocated and wanted)

    def _allocation(self, instrument_id: InstrumentId) -> float:
        del instrument_id  # one for all
        return min(super(LeggedStrategy, self)._allocation(leg) for leg in self.legs)

    def _wanted(self) -> tuple[Quantities, Quantities] | None:
        """Return the positions wanted and full ones; ``None`` when nobody can tell."""
        allocation = self._allocation(self.config.instrument)
        wanted: Quantities = {}
        full: Quantities = {}
        for leg, lot in self._lots().items():
            unit, budget = self._measure(self.cache.instrument(leg), allocation)
            target = target_quantity(self._exposures[leg], budget, unit, lot)
            most = target_quantity(1.0, budget, unit, lot)
            if target is None or most is None:
                return None
            wanted[leg], full[leg] = target, most
        return wanted, full

    # -- trading ---------------------------------------------------------------------------------------

    def _trade(self, instrument_id: InstrumentId) -> None:
        self._trade_all((instrument_id,))

    def _trade_all(self, instrument_ids: Iterable[InstrumentId]) -> None:
        if list(instrument_ids):  # whichever has news; none before the first targets
            self._settle(adds=True)

    def _settle(self, *, adds: bool) -> None:
        """Do what is next; only new targets and allocations add, so that a cut entry does not creep on."""
        if self._sending:
            return
        held = self._held()
        if self._leaves():
            self._close(held)
        elif any(self._has_pending(leg) for leg in self.legs):
            return
        elif self._common(held) != held:
            self._even_out(held)
        elif self._is_known():
            self._resize(held, adds=adds)

    def _close(self, held: Quantities) -> None:
        for leg in self.legs:
            if self._has_pending(leg) and leg in self._adding:
                self._cancel(leg)
        self._reduce({leg: -quantity for leg, quantity in held.items()})

    def _even_out(self, held: Quantities) -> None:
        common = self._common(held)
        if any(abs(common[leg]) < abs(self._plan.get(leg, quantity)) for leg, quantity in held.items()):
            self._give_up("legs do not match")
        self._reduce({leg: common[leg] - quantity for leg, quantity in held.items()})

    def _resize(self, held: Quantities, *, adds: bool) -> None:
        known = self._wanted()
        if known is None:
            return
        wanted, full = known
        if not all(wanted.values()) or any(held[leg] * wanted[leg] < 0 for leg in self.legs):
            # Too small to hedge, or the other way round: entered with the next target, from flat.
            self._close(held)
            return
        if not self._is_worth_it(held, wanted, full):
            return
        changes = {leg: wanted[leg] - held[leg] for leg in self.legs}
        if all(abs(wanted[leg]) <= abs(held[leg]) for leg in self.legs):
            self._plan = wanted
            self._reduce(changes)
        elif adds and not self._spent and not any(self._too_soon(leg) for leg in self.legs):
            self._add(held, changes)

    def _is_worth_it(self, held: Quantities, wanted: Quantities, full: Quantities) -> bool:
        threshold = float(self.config.rebalance_threshold)
        lots = self._lots()
        return any(
            order_quantity(held[leg], wanted[leg], full[leg], threshold, lots[leg]) for leg in self.legs
        )

    def _add(self, held: Quantities, changes: Quantities) -> None:
        share = min(self._share(leg, change) for leg, change in changes.items())
        lots = self._lots()
        changes = {leg: lots[leg].floor(change * share) for leg, change in changes.items()}
        if not all(self._is_tradable(leg, held[leg], changes[leg], lots[leg]) for leg in self.legs):
            return
        self._plan = {leg: held[leg] + change for leg, change in changes.items()}
        self._send(changes, opening=True)

    def _share(self, leg: InstrumentId, change: Decimal) -> Decimal:
        """Return how much of a change of one leg may be made now [0, 1]."""
        if not change:
            return Decimal(1)
        side = Side.BUY if change > 0 else Side.SELL
        most = lot_of(self.cache.instrument(leg)).maximum
        share = Decimal(1) if most is None else min(Decimal(1), most / abs(change))
        gateway = find_gateway(self.msgbus)
        if gateway is None:
            return share
        decision = gateway.preview(gateway.exposure.preview(self.id, leg, side, abs(change)))
        self._note(gateway, leg, decision)
        return min(share, decision.passes / abs(change))

    def _is_tradable(self, leg: InstrumentId, held: Decimal, change: Decimal, lot: Lot) -> bool:
        """Tell whether a venue takes the change of a leg; an entry needs all of them."""
        if not change:
            return bool(held)
        large = self._is_large_enough(self.cache.instrument(leg), abs(change))
        return large and abs(change) >= (lot.minimum or lot.step)

    def _reduce(self, changes: Quantities) -> None:
        """Send what reduces, of the legs that nothing is on its way for."""
        orders: Quantities = {}
        for leg, change in changes.items():
            if not change or self._has_pending(leg):
                continue
            most = lot_of(self.cache.instrument(leg)).maximum
            orders[leg] = change if most is None else min(abs(change), most).copy_sign(change)
        if orders:
            self._send(orders, opening=False)

    def _send(self, changes: Quantities, *, opening: bool) -> None:
        """Send the orders of all legs, and stop at the first which is refused at once."""
        self._sending = True
        self.on_plan()
        self._wait()
        try:
            for leg, change in changes.items():
                if opening and self._spent:
                    break
                if change:
                    (self._adding.add if opening else self._adding.discard)(leg)
                    side = Side.BUY if change > 0 else Side.SELL
                    self._submit(self.cache.instrument(leg), side, abs(change), opening=opening)
        finally:
            self._sending = False
        if opening and not any(self._has_pending(leg) for leg in self.legs):
            self._settle(adds=False)  # all were answered at once

    def _cancel(self, leg: InstrumentId) -> None:
        order = self._pending[leg]
        if not order.is_closed and not order.is_pending_cancel:
            self.cancel_order(order)


def _sign(value: float) -> int:
    return (value > 0.0) - (value < 0.0)
