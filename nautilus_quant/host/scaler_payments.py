"""Finds out what each pair of a book of carries is paid at each settlement."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.identifiers import PositionId

from nautilus_quant.host.funding_messages import FundingChecked, FundingPaid
from nautilus_quant.host.messages import subscribe, topic_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.common.component import MessageBus

    from nautilus_quant.carry.funding_ledger import Stamp
    from nautilus_quant.carry.scaler_terms import CarryPair
    from nautilus_quant.host.valuation import Valuer

GRACE = 5_000_000_000
"""How long a venue may take to tell what it paid [ns]."""


class Paid(NamedTuple):
    """
    One payment to one leg of one pair.

    Parameters
    ----------
    pair, instrument
        Whose.
    notional
        Signed notional of the leg [reporting currency].
    amount
        Received > 0 [reporting currency].

    """

    pair: str
    instrument: str
    notional: float
    amount: float


class _Open(NamedTuple):
    stamp: Stamp
    legs: dict[str, float]


class CarryPayments:
    """
    Follows what is paid to each pair.

    Venues of this project tell what they pay, position by position. One that does not is taken to pay what
    its rate comes to, less what `FundingChecked` finds missing; a backtest that tells nothing pays nothing.

    Parameters
    ----------
    pairs
        All of the book.
    msgbus, valuer
        Of the node.
    held
        Signed notional of a pair now [reporting currency].
    is_ours
        Tells whether a position, by its id, is part of the book.
    currencies
        What each instrument settles in.
    trusts
        Whether a venue that tells nothing is taken to pay.
    on_paid
        Told of each payment, with its time, UNIX time [ns].

    """

    def __init__(
        self,
        pairs: Iterable[CarryPair],
        msgbus: MessageBus,
        valuer: Valuer,
        *,
        held: Callable[[str], float],
        is_ours: Callable[[str], bool],
        currencies: Mapping[str, str],
        trusts: bool,
        on_paid: Callable[[Paid, int], None],
    ) -> None:
        self._bus = msgbus
        self._valuer = valuer
        self._held = held
        self._is_ours = is_ours
        self._currencies = currencies
        self._trusts = trusts
        self._on_paid = on_paid
        self._sides: dict[str, dict[str, float]] = {}
        for pair in pairs:
            self._sides.setdefault(pair.one.instrument, {})[pair.name] = 1.0
            self._sides.setdefault(pair.two.instrument, {})[pair.name] = -1.0
        self._open: dict[tuple[str, int], _Open] = {}
        self._told: dict[str, int] = {}
        self._assumed: dict[str, int] = {}
        self._quality: dict[str, float] = {}

    def start(self) -> None:
        """Listen."""
        self._bus.subscribe(topic_of(FundingPaid), self._on_funding)
        subscribe(self._bus, FundingChecked, self._on_checked)

    def stop(self) -> None:
        """Listen no more."""
        self._bus.unsubscribe(topic_of(FundingPaid), self._on_funding)
        self._bus.unsubscribe(topic_of(FundingChecked), self._on_checked)

    @property
    def next(self) -> int | None:
        """When to poll next, UNIX time [ns]; ``None`` when nothing is open."""
        return min((due + GRACE for _, due in self._open), default=None)

    def expect(self, stamps: Iterable[Stamp]) -> None:
        """Note what was held when payments were due."""
        for stamp in stamps:
            legs = self._legs(stamp.instrument)
            if legs and stamp.ts > self._told.get(stamp.instrument, -1):
                self._open[stamp.instrument, stamp.ts] = _Open(stamp, legs)

    def poll(self, now: int) -> None:
        """Take what nobody has told of for what its rate comes to."""
        for key in [key for key in self._open if now >= key[1] + GRACE]:
            stamp, legs = self._open.pop(key)
            self._assumed[key[0]] = max(key[1], self._assumed.get(key[0], -1))
            quality = self._quality.get(key[0], 1.0) if self._trusts else 0.0
            self._share(stamp.instrument, legs, float(stamp.rate) * quality, now)

    def _legs(self, instrument: str) -> dict[str, float]:
        legs = {}
        for pair, side in self._sides.get(instrument, {}).items():
            notional = side * self._held(pair)
            if math.isfinite(notional) and notional:
                legs[pair] = notional
        return legs

    def _on_funding(self, message: FundingPaid) -> None:
        if message.key not in self._sides or message.due <= self._assumed.get(message.key, -1):
            return  # what comes that late was taken for paid, or for not, already
        self._told[message.key] = max(message.due, self._told.get(message.key, -1))
        known = self._open.pop((message.key, message.due), None)
        legs = self._legs(message.key) if known is None else known.legs
        ours = [amount for position, amount in message.positions.items() if self._is_ours(position)]
        amount = float(sum(ours)) * self._valuer.rate(message.currency, message.ts)
        net = math.fsum(legs.values())
        rate = float(message.rate)
        if legs and math.isfinite(amount):
            self._share(message.key, legs, -amount / net if abs(net * rate) > 0.0 else rate, message.ts)

    def _on_checked(self, message: FundingChecked) -> None:
        quality = message.paid / message.expected if message.wrong and message.expected else 1.0
        for instrument, currency in self._currencies.items():
            if currency == message.key:
                self._quality[instrument] = quality

    def _share(self, instrument: str, legs: Mapping[str, float], rate: float, now: int) -> None:
        for pair, notional in legs.items():
            self._on_paid(Paid(pair, instrument, notional, -notional * rate), now)


def is_held_by(cache: CacheFacade, position: str, strategies: Collection[str]) -> bool:
    """
    Tell whether a position is one of some strategies'.

    Parameters
    ----------
    cache
        Of the node.
    position
        Its id; one the cache does not know is named ``instrument-strategy``, as where positions are netted.
    strategies
        Their ids.

    """
    known = cache.position(PositionId(position))
    if known is not None:
        return known.strategy_id.value in strategies
    return any(position.endswith(f"-{strategy}") for strategy in strategies)
