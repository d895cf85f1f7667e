"""What the pairs of a strategy hold, by its positions: also where they share instruments."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.model.identifiers import PositionId, StrategyId

from nautilus_quant.carry.two_leg_shares import shared_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nautilus_trader.model.identifiers import InstrumentId

    from nautilus_quant.carry.two_leg_shares import Held
    from nautilus_quant.host.two_leg_pair import PairDesk
    from nautilus_quant.host.two_leg_strategy import TwoLegStrategy

_ZERO = Decimal(0)
_EXTERNAL = StrategyId("EXTERNAL")


class Holdings:
    """
    What each pair holds.

    Parameters
    ----------
    strategy
        Whose positions they are.
    desks
        Its pairs.

    Attributes
    ----------
    missing
        What was remembered at the start, signed, is in no position of the node, and counts as gone: it is not
        at the venue, or the other leg is gone, and it may be somebody else's.

    """

    def __init__(self, strategy: TwoLegStrategy, desks: Mapping[str, PairDesk]) -> None:
        self._strategy = strategy
        self._desks = desks
        self._unseen: dict[InstrumentId, Decimal] = {}  # held, and not in a position of the strategy
        self.missing: dict[InstrumentId, Decimal] = {}

    def of(self, instrument_id: InstrumentId) -> Decimal:
        """Return signed units of an instrument that belong to its pairs."""
        strategy = self._strategy
        unseen = self._unseen.get(instrument_id, _ZERO)
        return strategy.position_of(instrument_id) + unseen - strategy.aside(instrument_id)

    def at_start(self) -> dict[str, Held]:
        """Return what each pair holds, by what is remembered of some and by the positions of all."""
        unseen = {leg: hidden for leg in self._legs() if (hidden := self._hidden(leg))}
        self._unseen = {leg: hidden for leg, hidden in unseen.items() if self._stands(leg, unseen)}
        self.missing = {leg: hidden for leg, hidden in unseen.items() if leg not in self._unseen}
        known = {name: desk.machine.held for name, desk in self._desks.items() if desk.saved}
        return self._share_out(known, {leg.value: self.of(leg) for leg in self._legs()})

    def moved(self, instrument_id: InstrumentId, change: Decimal) -> dict[str, Held]:
        """Return what each pair holds after somebody else traded so much of an instrument, signed."""
        if not any(desk.shares[leg] for desk, leg in self._places(instrument_id)):
            position = self.of(instrument_id)
        else:  # fills of other orders may be on their way here, and are counted when they are
            position = sum((desk.machine.held[leg] for desk, leg in self._places(instrument_id)), change)
        known = {name: desk.machine.held for name, desk in self._desks.items()}
        return self._share_out(known, {instrument_id.value: position})

    def after(self, desk: PairDesk, leg: int) -> Decimal | None:
        """Return what a pair holds after an order of its own; ``None`` while others trade that leg, too."""
        instrument_id = desk.pair.legs[leg]
        rest = self.of(instrument_id)
        for other, index in self._places(instrument_id):
            if other is desk:
                continue
            if any(True for _ in other.machine.book.orders.live(index)):
                return None
            rest -= other.machine.held[index]
        return rest

    def _share_out(self, known: dict[str, Held], positions: dict[str, Decimal]) -> dict[str, Held]:
        legs = {name: desk.machine.book.legs for name, desk in self._desks.items()}
        return shared_out(legs, known, positions)

    def _legs(self) -> list[InstrumentId]:
        return list(dict.fromkeys(leg for desk in self._desks.values() for leg in desk.pair.legs))

    def _places(self, instrument_id: InstrumentId) -> Iterable[tuple[PairDesk, int]]:
        for desk in self._desks.values():
            for leg, item in enumerate(desk.pair.legs):
                if item == instrument_id:
                    yield desk, leg

    def _hidden(self, instrument_id: InstrumentId) -> Decimal:
        """Return what is remembered of an instrument, and was never a position in this node."""
        strategy, places = self._strategy, list(self._places(instrument_id))
        key = PositionId(f"{instrument_id.value}-{strategy.id.value}")
        if strategy.cache.position(key) is not None or not all(desk.saved for desk, _ in places):
            return _ZERO
        kept: Decimal = sum((desk.machine.held[leg] for desk, leg in places), _ZERO)
        return kept

    def _stands(self, instrument_id: InstrumentId, unseen: Mapping[InstrumentId, Decimal]) -> bool:
        """Tell whether what is in no position is at the venue, and so is what it was held against."""
        if not self._is_there(instrument_id, unseen[instrument_id]):
            return False
        for desk, leg in self._places(instrument_id):
            other, kept = desk.pair.legs[1 - leg], desk.machine.held[1 - leg]
            seen = self._strategy.position_of(other) * kept > 0
            if kept and not (seen or (other in unseen and self._is_there(other, unseen[other]))):
                return False
        return True

    def _is_there(self, instrument_id: InstrumentId, quantity: Decimal) -> bool:
        """Tell whether the venue holds as much: coins of a cash account are no position after a restart."""
        strategy = self._strategy
        instrument = strategy.cache.instrument(instrument_id)
        account = strategy.portfolio.account(instrument_id.venue)
        coin = instrument.get_base_currency()
        if account is not None and account.is_cash_account and coin is not None:
            money = account.balance_total(coin)
            return quantity > 0 and money is not None and money.as_decimal() >= quantity
        found = strategy.cache.positions_open(instrument_id=instrument_id, strategy_id=_EXTERNAL)
        net = sum((position.signed_decimal_qty() for position in found), _ZERO)
        return net * quantity > 0 and abs(net) >= abs(quantity)
