"""What plug-ins and venues tell each other about options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from nautilus_quant.host.messages import Message


@dataclass(frozen=True, kw_only=True)
class SettlementPrice(Message):
    """
    What the options of one expiry are settled at (key: see `settlement_key`).

    Whoever knows it publishes it: a venue's client, a simulation module, or a strategy that asked the venue.

    Parameters
    ----------
    price
        Of the underlying [currency of the strikes], as people write it, so that it is exact.

    """

    price: str


@dataclass(frozen=True, kw_only=True)
class ExpiryUpdate(Message):
    """
    What was done about a position that expires (key: position id).

    Parameters
    ----------
    strategy, instrument
        Whose position in what.
    expiry
        When it expires, UNIX time [ns].
    what
        ``warned``, ``rolling``, ``rolled``, ``closing``, ``closed``, ``expires``, ``waits``, ``settled``,
        ``overdue``, and others as written into the journal.
    code, reason
        The rule that decided, and the rule in words.
    numbers
        What it was read from; amounts that must be exact are text.

    """

    strategy: str
    instrument: str
    expiry: int
    what: str
    code: str = ""
    reason: str = ""
    numbers: Mapping[str, float | str] = field(default_factory=dict)


def settlement_key(venue: str, underlying: str, expiry: int) -> str:
    """Return the key of a settlement price: venue, coin and expiry, UNIX time [ns]."""
    return f"{venue}|{underlying}|{expiry}"


@dataclass(frozen=True, kw_only=True)
class HedgeUpdate(Message):
    """
    What became of a hedge, or of the way hedges are made (key: the underlying, e.g. ``"BTC"``).

    Parameters
    ----------
    what
        ``filled``, ``cancelled``, ``rejected``, ``denied``, ``lost`` or ``unknown`` (a restart cannot tell)
        of an order; ``mode``, ``rolled_back`` or ``version`` of the way.
    mode
        In force.
    version
        Of the parameters in force.
    delta_before, delta_after
        Net delta when it was decided and afterwards [coins].
    slippage
        Against the middle of the market when it was decided [fraction]; NaN when nothing filled.
    latency
        From the order to its first fill, or its end [s].
    instrument, quantity, style
        Of the order: signed units that filled, as people write them; empty where there is none.
    reason
        In words.

    """

    what: str
    mode: str
    version: int
    delta_before: float
    delta_after: float
    slippage: float = math.nan
    latency: float = math.nan
    instrument: str = ""
    quantity: str = ""
    style: str = ""
    reason: str = ""
