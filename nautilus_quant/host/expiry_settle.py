"""What expired positions were settled at: the price captured, the payoff booked, the account compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.enums import InstrumentCloseType, OrderSide

from nautilus_quant.host.messages import subscribe
from nautilus_quant.host.option_messages import SettlementPrice, settlement_key
from nautilus_quant.options.expiry_calendar import SECOND
from nautilus_quant.options.settlement import (
    Booked,
    IndexAverage,
    Source,
    book,
    exact,
    implied_price,
    payoff,
    reconcile,
)

if TYPE_CHECKING:
    from nautilus_trader.accounting.accounts.base import Account
    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import InstrumentClose, InstrumentStatus
    from nautilus_trader.model.events import AccountState, OrderFilled
    from nautilus_trader.model.identifiers import AccountId, InstrumentId
    from nautilus_trader.model.position import Position

    from nautilus_quant.options.contract import Contract

_ZERO = Decimal(0)
_EARLY = 20
"""Before anybody who acts on what a close says."""
_MOST = 4_096

type _Place = tuple[str, str, int]


class Paid(NamedTuple):
    """
    What one unit of underlying of an option should be paid.

    Parameters
    ----------
    source
        Who says so.
    payoff
        In its currency of settlement; ``None`` when nobody knows.
    price
        Of the underlying; ``None`` when it cannot be told from what was paid.

    """

    source: Source
    payoff: Decimal | None
    price: Decimal | None


@dataclass(frozen=True, slots=True)
class Settled:
    """
    One position that its venue has settled.

    Parameters
    ----------
    position, contract
        What it was.
    quantity
        Signed, before it was settled [contracts].
    entry
        Average premium it was opened for, per unit of underlying [currency of settlement].
    paid
        What the venue paid for one unit of underlying [currency of settlement].
    fee
        What it charged [currency of settlement].
    change
        Of the balance in that currency; ``None`` when the account does not tell.
    unit
        Smallest unit of that currency.
    ts
        When, UNIX time [ns].

    """

    position: Position
    contract: Contract
    quantity: Decimal
    entry: Decimal
    paid: Decimal
    fee: Decimal
    change: Decimal | None
    unit: Decimal
    ts: int


class Verdict(NamedTuple):
    """
    What came of a settlement.

    Parameters
    ----------
    severity
        ``INFO``, ``WARNING`` or ``CRITICAL``.
    code
        ``SETTLED``; ``NO_PRICE``, ``WRONG_PAYOFF`` or ``WRONG_BALANCE``.
    text
        In words.
    numbers
        What was compared; exact amounts are text.

    """

    severity: str
    code: str
    text: str
    numbers: dict[str, float | str]


class BalanceWatch:
    """
    Tells by how much each fill changed the balances of accounts that are computed in this node.

    NautilusTrader books a fill before it tells of it, and tells of the account's new state after that.

    Parameters
    ----------
    msgbus, cache
        Of the node.

    """

    def __init__(self, msgbus: MessageBus, cache: CacheFacade) -> None:
        self._msgbus = msgbus
        self._cache = cache
        self._before: dict[AccountId, dict[str, Decimal]] = {}
        for account in cache.accounts():
            self._before[account.id] = _totals(account)
        msgbus.subscribe("events.account.*", self._on_state)

    def stop(self) -> None:
        """Listen no more."""
        self._msgbus.unsubscribe("events.account.*", self._on_state)

    def _on_state(self, state: AccountState) -> None:
        totals = {balance.currency.code: balance.total.as_decimal() for balance in state.balances}
        self._before[state.account_id] = totals

    def take(self, fill: OrderFilled, code: str) -> Decimal | None:
        """Return the change of a currency by a fill; ``None`` where a venue computes the account."""
        account = self._cache.account(fill.account_id)
        if account is None or not account.calculate_account_state:
            return None
        now, before = _totals(account), self._before.get(fill.account_id, {})
        self._before[fill.account_id] = now
        return now[code] - before[code] if code in now and code in before else None


def _totals(account: Account) -> dict[str, Decimal]:
    return {currency.code: money.as_decimal() for currency, money in account.balances_total().items()}


class Settlements:
    """
    Knows what options that expired should pay.

    Parameters
    ----------
    msgbus
        Of the node.

    """

    def __init__(self, msgbus: MessageBus) -> None:
        self._msgbus = msgbus
        self._averages: dict[_Place, IndexAverage] = {}
        self._closes: dict[InstrumentId, Decimal] = {}
        self._said: dict[str, Decimal] = {}
        self._topics = (
            ("data.venue.close_price.*", self._on_close),
            ("data.status.*", self._on_status),
        )
        self.statuses: dict[InstrumentId, str] = {}

    def start(self) -> None:
        """Listen to what venues say."""
        for topic, handler in self._topics:
            self._msgbus.subscribe(topic, handler, priority=_EARLY)
        subscribe(self._msgbus, SettlementPrice, self._on_price)

    def stop(self) -> None:
        """Listen no more."""
        for topic, handler in self._topics:
            self._msgbus.unsubscribe(topic, handler)
        self._msgbus.unsubscribe("data.SettlementPrice", self._on_price)

    # -- what comes in -------------------------------------------------------------------------------

    def _on_close(self, close: InstrumentClose) -> None:
        if close.close_type == InstrumentCloseType.CONTRACT_EXPIRED:
            self._closes[close.instrument_id] = close.close_price.as_decimal()
            _trim(self._closes)

    def _on_status(self, status: InstrumentStatus) -> None:
        self.statuses[status.instrument_id] = str(status.reason or status.action)
        _trim(self.statuses)

    def _on_price(self, message: SettlementPrice) -> None:
        try:
            price = Decimal(message.price)
        except ArithmeticError:
            return  # no number is no price
        if price.is_finite() and price > 0:
            self._said[message.key] = price
            _trim(self._said)

    def begin(self, place: _Place, window: float) -> None:
        """Average the index of a venue and a coin before an expiry, over its last `window` [s]."""
        begins = place[2] - round(window * SECOND)
        self._averages.setdefault(place, IndexAverage(begins, place[2]))

    def sample(self, place: _Place, ts: int, price: float) -> None:
        """Take notice of what the index is at `ts`, UNIX time [ns]."""
        average = self._averages.get(place)
        if average is not None:
            average.update(ts, price)

    def open_windows(self, now: int) -> list[_Place]:
        """Return the expiries whose index is being averaged at `now`, UNIX time [ns]."""
        return [place for place, average in self._averages.items() if average.begins <= now < average.ends]

    def forget(self, before: int) -> None:
        """Drop averages of what expired before a time, UNIX time [ns]."""
        for place in [place for place in self._averages if place[2] < before]:
            del self._averages[place]

    # -- what it should be ---------------------------------------------------------------------------

    def paid(self, instrument_id: InstrumentId, contract: Contract) -> Paid:
        """Return what an option should pay by the best there is: the venue's word, its close, our average."""
        place = (instrument_id.venue.value, contract.underlying, contract.expiry)
        price = self._said.get(settlement_key(*place))
        if price is not None:
            return Paid(Source.VENUE, payoff(contract, price), price)
        closed = self._closes.get(instrument_id)
        if closed is not None:
            return Paid(Source.CLOSE, closed, implied_price(contract, closed))
        average = self._averages.get(place)
        value = math.nan if average is None else average.value(contract.expiry)
        if math.isnan(value):
            return Paid(Source.NONE, None, None)
        return Paid(Source.AVERAGE, payoff(contract, exact(value)), exact(value))


def judge(settled: Settled, known: Paid, *, status: str = "") -> Verdict:
    """
    Compare what a venue paid with what it should have paid, and the account with both.

    Our own average is never exactly the venue's index, so a difference from it alone is told and no alarm.

    Parameters
    ----------
    settled
        What the venue did.
    known
        What it should have been.
    status
        What the venue says of the instrument.

    """
    contract, expected = settled.contract, known.payoff
    is_exact = known.source in {Source.VENUE, Source.CLOSE}
    booked = book(contract, settled.quantity, settled.entry, settled.paid)
    numbers = _numbers(settled, known, booked, status)
    what = f"{settled.quantity} {contract.name} settled at {settled.paid} {contract.settlement} per unit"
    if expected is None:
        return Verdict("CRITICAL", "NO_PRICE", f"{what}, and nobody says at what price", numbers)
    match = reconcile(expected, settled.paid, _tick(settled))
    numbers["difference"] = str(match.difference)
    if is_exact and not match.holds:
        text = f"{what}, by the price of the {known.source} it should be {expected}"
        return Verdict("CRITICAL", "WRONG_PAYOFF", text, numbers)
    problem = _balance(settled, booked, numbers)
    if problem:
        return Verdict("CRITICAL", "WRONG_BALANCE", f"{what}, {problem}", numbers)
    return Verdict("INFO", "SETTLED", f"{what}: {booked.pnl:f} {contract.settlement}", numbers)


def _balance(settled: Settled, booked: Booked, numbers: dict[str, float | str]) -> str:
    """Say what is wrong with the change of the balance; nothing when it is one of two that are right."""
    if settled.change is None:
        return ""
    numbers["balance_change"] = str(settled.change)
    for basis, amount in (("cash", booked.cash), ("pnl", booked.pnl)):
        if reconcile(amount - settled.fee, settled.change, settled.unit).holds:
            numbers["basis"] = basis
            return ""
    return f"but the balance changed by {settled.change} where {booked.cash - settled.fee} was due"


def _tick(settled: Settled) -> Decimal:
    """Return how exactly a venue can write a payoff: by its currency, or half of what it wrote."""
    digits = settled.paid.as_tuple().exponent
    written = Decimal(1).scaleb(digits) / 2 if isinstance(digits, int) and digits < 0 else settled.unit
    return max(written, settled.unit) if settled.paid % 1 else settled.unit


def _numbers(settled: Settled, known: Paid, booked: Booked, status: str) -> dict[str, float | str]:
    numbers: dict[str, float | str] = {
        "quantity": str(settled.quantity),
        "entry": str(settled.entry),
        "paid": str(settled.paid),
        "fee": str(settled.fee),
        "payoff": str(booked.payoff),
        "cash": str(booked.cash),
        "pnl": str(booked.pnl),
        "currency": settled.contract.settlement,
        "source": str(known.source),
        "price": str(known.price),
        "expected": str(known.payoff),
    }
    return {**numbers, "status": status} if status else numbers


def entry_of(position: Position) -> Decimal:
    """Return the exact average price a position was opened at, by its fills, up to its last closing."""
    held, entry = _ZERO, _ZERO
    for fill in position.events:
        quantity = fill.last_qty.as_decimal()
        signed = quantity if fill.order_side == OrderSide.BUY else -quantity
        if held and held * signed < 0:
            left = held + signed
            entry = fill.last_px.as_decimal() if left * held < 0 else entry
            held = left
        else:
            cost = entry * abs(held) + fill.last_px.as_decimal() * quantity
            held += signed
            entry = cost / abs(held)
    return entry


def _trim[K, V](known: dict[K, V]) -> None:
    if len(known) > _MOST:
        del known[next(iter(known))]
