"""The vega of all positions of a node in the options of an underlying."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.identifiers import InstrumentId

    from nautilus_quant.host.options import OptionDesk


def net_vega(desk: OptionDesk, cache: CacheFacade, underlying: str) -> float:
    """
    Return the net vega of the open positions [currency of the strikes per vol point].

    NaN while the greeks of one of them are unknown; 0 without positions that live.
    """
    now = desk.now()
    held: dict[InstrumentId, float] = {}
    for position in cache.positions_open():
        contract = desk.contract(position.instrument_id)
        if contract is not None and contract.underlying == underlying and contract.expiry > now:
            held[position.instrument_id] = held.get(position.instrument_id, 0.0) + position.signed_qty
    if not held:
        return 0.0
    book = desk.book(held)
    if book is None:
        return math.nan
    forwards = [desk.forward(contract).value for key in held if (contract := desk.contract(key)) is not None]
    return float(np.dot(book.vega, forwards))
