"""Legs that stand alone where nobody can trade them, hedged at other venues by orders of their own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import ClientOrderId

from nautilus_quant.carry.cross_venue_emergency import stranded
from nautilus_quant.carry.two_leg_told import Phase
from nautilus_quant.host.sizes import whole_steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_trader.model.orders import Order
    from nautilus_trader.trading.strategy import Strategy

    from nautilus_quant.carry.cross_venue_emergency import HedgeStep, Refuge
    from nautilus_quant.carry.cross_venue_hedge import HedgeBook
    from nautilus_quant.carry.two_leg import TwoLeg
    from nautilus_quant.host.cross_venue_desk import VenueDesk
    from nautilus_quant.host.cross_venue_memory import CrossVenueMemory
    from nautilus_quant.host.cross_venue_watch import VenueVoice
    from nautilus_quant.host.two_leg_pair import Pair

_ZERO = Decimal(0)


class Elsewhere:
    """
    Carries out what `HedgeBook` says, in the name of a strategy.

    Parameters
    ----------
    strategy
        Whose orders they are, and whose position they add to.
    desk, voice, notes
        Its venues, what it tells, and what it remembers.
    book
        Says what to do.

    """

    def __init__(
        self,
        strategy: Strategy,
        desk: VenueDesk,
        voice: VenueVoice,
        notes: CrossVenueMemory,
        book: HedgeBook,
    ) -> None:
        self._strategy = strategy
        self._desk = desk
        self._voice = voice
        self._notes = notes
        self.book = book
        self._stuck: set[str] = set()

    def note_stuck(self, pair: str) -> None:
        """Know that a pair can trade neither of its legs."""
        self._stuck.add(pair)

    def look(self, pairs: Iterable[tuple[Pair, TwoLeg]], now: int) -> None:
        """Send at `now`, UNIX time [ns], what hedges or unwinds."""
        alone = self._alone(pairs)
        # With two venues there is no other one: what one pair holds is that pair's to trade.
        if len(self._desk.legs) < 3 or not (alone or self.book.is_needed):
            return
        made = self.book.step(now, alone, self._refuges(alone))
        self._voice.unhedged(made.missing, now)
        for step in made.steps:
            self._send(step, now)

    def _alone(self, pairs: Iterable[tuple[Pair, TwoLeg]]) -> Decimal:
        alone, desk = _ZERO, self._desk
        self._shut = set(desk.down)
        for pair, machine in pairs:
            if machine.phase is not Phase.UNHEDGED:
                self._stuck.discard(pair.name)
                continue
            legs = [leg.value for leg in pair.legs]
            held = {
                leg: quantity * desk.legs[leg].coins for leg, quantity in zip(legs, machine.held, strict=True)
            }
            if pair.name in self._stuck:
                self._shut.update(legs)
                alone += stranded(held, legs)
            else:
                alone += stranded(held, desk.down)
        return alone

    def _refuges(self, alone: Decimal) -> list[Refuge]:
        desk = self._desk
        return [
            leg.refuge(desk.markets.get(name), desk.stocks.get(name), alone, is_open=name not in self._shut)
            for name, leg in desk.legs.items()
        ]

    def _send(self, step: HedgeStep, now: int) -> None:
        leg, strategy = self._desk.legs[step.venue], self._strategy
        quantity = whole_steps(leg.instrument, abs(step.change) / leg.coins)
        order = strategy.order_factory.market(
            leg.id,
            OrderSide.BUY if step.change > 0 else OrderSide.SELL,
            quantity,
            reduce_only=step.reduces and self._desk.covers(leg, step.change),
        )
        name = order.client_order_id.value
        self.book.sent(name, step)
        if not self._keep(now, at_once=True) and not step.reduces:
            self.book.on_order(name, _ZERO, now, done=True)  # what a restart would not know of is not opened
            return
        strategy.submit_order(order)

    def follow(self, order: Order, now: int) -> None:
        """Learn what became of an order of the strategy, if it is one of these."""
        leg = self._desk.legs.get(order.instrument_id.value)
        if leg is None or order.client_order_id.value not in self.book.pending:
            return
        filled = order.filled_qty.as_decimal() * leg.coins
        before = abs(self.book.held.get(leg.name, _ZERO))
        self.book.on_order(order.client_order_id.value, filled, now, done=order.is_closed)
        self._keep(now)
        if order.is_closed:
            change = filled if order.side == OrderSide.BUY else -filled
            reduces = abs(self.book.held.get(leg.name, _ZERO)) < before
            self._voice.hedged(leg.name, change, now, reduces=reduces)

    def reconcile(self, now: int) -> None:
        """Learn, after a restart, what became of hedges that were on their way."""
        for name in self.book.pending:
            order = self._strategy.cache.order(ClientOrderId(name))
            if order is None:
                self.book.on_order(name, _ZERO, now, done=True)
            else:
                self.follow(order, now)

    def _keep(self, now: int, *, at_once: bool = False) -> bool:
        return self._notes.keep({"hedges": self.book}, now, now=at_once)
