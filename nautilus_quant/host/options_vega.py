"""The vega of all positions of a node in the options of an underlying."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nautilus_trader.cache.base import CacheFacade

    from nautilus_quant.host.options import OptionDesk


def net_vega(desk: OptionDesk, cache: CacheFacade, underlying: str) -> float:
    """
    Return the net vega of the open positions [currency of the strikes per vol point].

    NaN while the greeks of one of them are unknown; 0 without positions that live.
    """
    total, now = 0.0, desk.now()
    for position in cache.positions_open():
        contract = desk.contract(position.instrument_id)
        if contract is None or contract.underlying != underlying or contract.expiry <= now:
            continue
        greeks = desk.greeks(position.instrument_id, position.signed_qty)
        forward = desk.forward(contract)
        if greeks is None or not forward.is_known:
            return math.nan
        total += greeks.vega * forward.value
    return total
