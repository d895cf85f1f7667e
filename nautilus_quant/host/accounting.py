"""The book of a node's accounts: what `CashWatch` explains becomes entries of a `Statement`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple, override

from nautilus_trader.common.component import Logger
from nautilus_trader.model.objects import FIXED_PRECISION, Currency, Money

from nautilus_quant.account.flows import FlowDetector
from nautilus_quant.account.statement import AMOUNT_DIGITS, Part, Statement, number_of, rate_units, units
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.cash import CashWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.common.component import Clock, TimeEvent
    from nautilus_trader.model.events import AccountState, OrderFilled
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.account.equity import Valuation
    from nautilus_quant.host.funding_messages import FundingPaid
    from nautilus_quant.host.valuation import Valuer

_NANOS = 1_000_000_000
_AGAIN = 10 * _NANOS
_ALERT = "accounting-settle"
_SCALE: int = 10 ** (AMOUNT_DIGITS - FIXED_PRECISION)


class Reconciliation(NamedTuple):
    """
    The book beside what it should come to [reporting currency].

    Parameters
    ----------
    book
        Balances by the book, and what is unrealised.
    account
        Balances as the accounts have them now, and what is unrealised.
    equity
        What the valuer says.
    gap
        The larger difference of the book to one of them, as a fraction of the equity [-].

    """

    book: float
    account: float
    equity: float
    gap: float


class _Heard(FlowDetector):
    """A flow detector that passes explanations on."""

    __slots__ = ("listener",)

    listener: Callable[[int, str, float], None]

    @override
    def explain(self, ts: int, currency: str, amount: float) -> None:
        super().explain(ts, currency, amount)
        self.listener(ts, currency, amount)


class Accounting(CashWatch):
    """
    Keep the book of all accounts of a node.

    Whatever `CashWatch` takes for trading is REALISED and FEES, what it takes for funding FUNDING, what it
    takes for a flow TRANSFERS. The last two are booked as the exact difference of book and account. What is
    left when everything is explained is ROUNDING.

    Parameters
    ----------
    kernel
        The node.
    valuer
        Rates into the reporting currency.
    clock
        Of the actor that keeps the book: rings when what is not explained must be decided.
    state
        What `to_dict` gave in the last run; ``None`` begins a new book.
    settle
        How long an explanation may take [s]; see `FlowDetector`.
    tolerance
        Largest difference that can be rounding, and largest one without an alert [fraction of the equity].

    Raises
    ------
    ValueError
        If the state is damaged.

    Attributes
    ----------
    statement
        The book; ``None`` before the first account.
    on_funding
        Called with time [ns], currency and amount [1e-16] of every funding payment that is booked.

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        valuer: Valuer,
        clock: Clock,
        state: Mapping[str, Any] | None = None,
        *,
        settle: float = 2.0,
        tolerance: float = 1e-4,
    ) -> None:
        detector = _Heard(settle) if state is None else _Heard.from_dict(state["detector"], settle)
        detector.listener = self._explained
        super().__init__(kernel, valuer, detector)
        self.statement = None if state is None else Statement.from_dict(state["statement"])
        self._held_then = None if state is None else state["held"]
        self._clock = clock
        self._alarm = Alarm(clock, _ALERT, self._on_alert)
        self._log = Logger("Accounting")
        self._tolerance = tolerance
        self._running = False
        self._on_settled: Callable[[int], None] | None = None
        self._found: dict[str, int] | None = None  # what the accounts held when it settled just now
        self.on_funding: Callable[[int, str, int], None] | None = None

    def begin(self, now: int, on_settled: Callable[[int], None] | None = None) -> None:
        """
        Go on from the last run, or begin, and listen.

        Parameters
        ----------
        now
            UNIX time [ns].
        on_settled
            Called with the time [ns] when every balance change is explained again.

        """
        self._on_settled = on_settled
        self.start(now, self._held_then)
        self._running = True
        self._wait(now)

    @override
    def stop(self) -> None:
        super().stop()
        self._running = False
        self._alarm.cancel()

    def to_dict(self) -> dict[str, Any] | None:
        """Return all that a next run needs; ``None`` before the first account."""
        if self.statement is None:
            return None
        return {
            "statement": self.statement.to_dict(),
            "detector": self.detector.to_dict(),
            "held": self.held(),
        }

    # -- what is booked ----------------------------------------------------------------------------

    @override
    def _begin(self, now: int) -> None:
        super()._begin(now)
        if not self._totals:
            return
        self._valuer.value(now)  # which settles the reporting currency
        currency = self._valuer.currency
        assert currency is not None
        if self.statement is not None and self.statement.currency != currency:
            self._log.warning(f"the book was kept in {self.statement.currency}, it begins anew in {currency}")
            self.statement = None
        before = self._held_before
        if self.statement is None:
            self.statement = Statement(currency)
            for code, amount in self._exact().items():
                self._use_rate(code, now)
                self.statement.open(code, amount)
        elif before is None or dict(before) != self.held():
            for code, gap in self._gaps().items():
                self._book(Part.REALISED, code, gap, now)  # a fill nobody saw is no withdrawal

    def _explained(self, ts: int, code: str, amount: float) -> None:
        self._book(Part.REALISED, code, _units(Money(amount, Currency.from_str(code))), ts)

    @override
    def _on_fill(self, fill: OrderFilled) -> None:
        fee = fill.commission
        known = self._cache.account(fill.account_id) is not None
        if fee is not None and known and self._cache.instrument(fill.instrument_id) is not None:
            # What is explained of a trade has its fee inside: taken out here, so that it is gross.
            code, paid = fee.currency.code, _units(fee)
            self._book(Part.FEES, code, -paid, fill.ts_init)
            self._book(Part.REALISED, code, paid, fill.ts_init)
        super()._on_fill(fill)
        self._wait(fill.ts_init)

    @override
    def _explain_funding(self, paid: FundingPaid) -> None:
        self._book(Part.FUNDING, paid.currency, units(paid.amount), paid.ts)
        FlowDetector.explain(self.detector, paid.ts, paid.currency, float(paid.amount))

    @override
    def _on_account(self, event: AccountState) -> None:
        super()._on_account(event)
        if self.statement is not None and (self._due or self._funding) and not self.detector.unsettled:
            self._find_small_funding(event.ts_init)
        self._wait(event.ts_init)

    def _find_small_funding(self, now: int) -> None:
        """Book payments the detector takes for rounding: small positions pay little."""
        for code, gap in self._gaps().items():
            if super()._is_funding(code, gap / 1e16, now):
                self._book(Part.FUNDING, code, gap, now)

    @override
    def _is_funding(self, code: str, amount: float, now: int) -> bool:
        """Book what no trade explains, once it is certain."""
        is_paid = super()._is_funding(code, amount, now)
        self._book(Part.FUNDING if is_paid else Part.TRANSFERS, code, self._gaps().get(code, 0), now)
        return is_paid

    def _book(self, kind: Part, code: str, amount: int, now: int) -> None:
        if self.statement is None or not amount:
            return
        self._use_rate(code, now)
        self.statement.entry(kind, code, amount)
        if kind is Part.FUNDING and self.on_funding is not None:
            self.on_funding(now, code, amount)

    def _use_rate(self, code: str, now: int) -> None:
        statement = self.statement
        if statement is None or code == statement.currency:
            return
        rate = self._valuer.rate(code, now)
        if 0.0 < rate < math.inf:
            statement.rate(code, rate_units(rate))

    # -- book and account --------------------------------------------------------------------------

    def _exact(self) -> dict[str, int]:
        totals: dict[str, int] = {}
        for account in self._cache.accounts():
            for currency, money in account.balances_total().items():
                code = currency.code
                totals[code] = totals.get(code, 0) + _units(money)
        return totals

    def _gaps(self, held: dict[str, int] | None = None) -> dict[str, int]:
        """Return what the accounts hold more than the book says, where they differ [1e-16]."""
        booked = {} if self.statement is None else self.statement.balances
        held = self._exact() if held is None else held
        if held == booked:  # as nearly always
            return {}
        gaps = {code: held.get(code, 0) - amount for code, amount in booked.items()}
        gaps |= {code: amount for code, amount in held.items() if code not in booked}
        return {code: gap for code, gap in gaps.items() if gap}

    def settle(self, now: int) -> bool:
        """
        Decide what can be decided, value all currencies anew, and book rounding.

        Returns
        -------
        bool
            Whether every balance change is explained; otherwise ask again later.

        """
        self._found = None
        _, settled, _ = self.poll(now)
        statement = self.statement
        if statement is None or not settled:
            return False
        for code, amount in statement.balances.items():
            if amount and code != statement.currency:
                self._use_rate(code, now)
        self._found = held = self._exact()
        gaps = self._gaps(held)
        if gaps:
            self._round(gaps, now)
        return True

    def _round(self, gaps: dict[str, int], now: int) -> None:
        """Book what is left of balances that were heard of; what nobody told of is no rounding."""
        assert self.statement is not None
        totals, equity = self._read_totals(), self.statement.equity
        most = math.inf if equity is None else abs(equity) * self._tolerance
        for code, gap in gaps.items():
            if totals.get(code, 0.0) != self._totals.get(code, 0.0):
                continue
            if abs(gap) * self.statement.rates.get(code, 0) <= most:
                paid = super()._is_funding(code, gap / 1e16, now)
                self._book(Part.FUNDING if paid else Part.ROUNDING, code, gap, now)

    def reconcile(self, valuation: Valuation) -> Reconciliation | None:
        """Compare the book with accounts and valuation; ``None`` while a price or a rate is unknown."""
        statement, exact, self._found = self.statement, self._found, None
        booked = None if statement is None else statement.equity
        if statement is None or booked is None or not valuation.fresh:
            return None
        beside = valuation.unrealised + valuation.funding
        book = account = number_of(booked) + beside
        exact = self._exact() if exact is None else exact
        if exact != statement.balances:
            if any(amount and code not in statement.rates for code, amount in exact.items()):
                return None
            held = sum(amount * statement.rates[code] for code, amount in exact.items() if amount)
            account = number_of(held) + beside
        apart = max(abs(book - account), abs(book - valuation.equity))
        scale = abs(valuation.equity)
        gap = apart / scale if scale > 0.0 else (math.inf if apart else 0.0)
        return Reconciliation(book, account, valuation.equity, gap)

    # -- time --------------------------------------------------------------------------------------

    def _wait(self, now: int) -> None:
        """Ring when what is not explained must be decided."""
        if self._running and self.detector.unsettled and self._alarm.at is None:
            delay = int(self.detector.settle * _NANOS)
            self._set_alert(now + delay)

    def _set_alert(self, at: int) -> None:
        at = max(at, self._clock.timestamp_ns() + 1)
        self._alarm.set(at)

    def _on_alert(self, event: TimeEvent) -> None:
        now = event.ts_event
        self.poll(now)
        if self.detector.unsettled:
            newest = max(now + int(self.detector.settle * _NANOS), now + _NANOS)
            self._set_alert(newest if self._valued(now) else now + _AGAIN)
        elif self._on_settled is not None:
            self._on_settled(now)

    def _valued(self, now: int) -> bool:
        """Tell whether it is only time that is missing, and not a price."""
        return all(math.isfinite(self._valuer.rate(code, now)) for code in self.detector.waiting)


def _units(money: Money) -> int:
    """Return an amount as a whole number of 1e-16, which is how NautilusTrader holds it, too."""
    return int(money.raw) * _SCALE
