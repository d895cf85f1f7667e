"""What plug-ins and venues tell each other about options."""

from __future__ import annotations

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
