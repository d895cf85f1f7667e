"""Tell deposits and withdrawals from trading: feeds `FlowDetector` with balances and their explanations."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import InstrumentClass, OrderSide
from nautilus_trader.model.events import PositionClosed, PositionOpened

from nautilus_quant.account.flows import FlowDetector, spot_effects
from nautilus_quant.account.funding_untimed import UntimedFunding
from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import subscribe, topic_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.events import AccountState, OrderFilled, PositionEvent
    from nautilus_trader.model.identifiers import AccountId, InstrumentId, PositionId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Currency
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.valuation import Valuer

_PLACE = "nautilus_quant.cash"
_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
FUNDING_WINDOW = 120 * _SECOND
"""How long after its time a funding payment may reach the balance."""


class Readings:
    """
    What events say of balances and profits, read once for all who watch the cash of a node.

    Parameters
    ----------
    kernel
        The node.

    """

    def __init__(self, kernel: NautilusKernel) -> None:
        self._cache = kernel.cache
        self._on_margin: dict[AccountId, bool] = {}
        self._realized: dict[PositionId, float] = {}
        self._account_event: AccountState | None = None
        self._position_event: PositionEvent | None = None
        self._totals: dict[str, float] = {}
        self._change: tuple[str, float] | None = None

    @classmethod
    def on(cls, kernel: NautilusKernel) -> Readings:
        """Return the readings of this node, making them the first time."""
        return share_on_bus(kernel.msgbus, _PLACE, cls, lambda: cls(kernel))

    def on_ping(self, _message: object) -> None:
        """Make the readings findable; nothing is published there."""

    def begin(self) -> None:
        """Begin with what has been realised by the positions that are open now."""
        self._realized = {
            position.id: _amount(position.realized_pnl) for position in self._cache.positions_open()
        }

    def totals(self, event: AccountState | None = None) -> dict[str, float]:
        """Return all balances by currency: as they are now, or as they were read for the same event."""
        if event is not None and event is self._account_event:
            return self._totals
        totals: dict[str, float] = {}
        for account in self._cache.accounts():
            for currency, money in account.balances_total().items():
                code = currency.code
                totals[code] = totals.get(code, 0.0) + money.as_double()
        self._account_event, self._totals = event, totals
        return totals

    def profit(self, event: PositionEvent) -> tuple[str, float] | None:
        """Return what an event of a position on a margin account realises: currency and amount, if any."""
        if event is not self._position_event:
            self._position_event, self._change = event, self._read_profit(event)
        return self._change

    def _read_profit(self, event: PositionEvent) -> tuple[str, float] | None:
        if not self.is_on_margin(event.account_id):
            return None
        profit, position_id, kind = event.realized_pnl, event.position_id, type(event)
        realized = _amount(profit)
        before = 0.0 if kind is PositionOpened else self._realized.get(position_id, 0.0)
        if kind is PositionClosed:
            self._realized.pop(position_id, None)
        else:
            self._realized[position_id] = realized
        return (profit.currency.code, realized - before) if realized != before else None

    def is_on_margin(self, account_id: AccountId) -> bool:
        """Tell what kind an account is, which never changes, once it is known."""
        known = self._on_margin.get(account_id)
        if known is None:
            account = self._cache.account(account_id)
            if account is None:
                return False
            known = self._on_margin[account_id] = bool(account.is_margin_account)
        return known


class CashWatch:
    """
    Watch balances, fills and funding of a node.

    Parameters
    ----------
    kernel
        The node.
    valuer
        Rates into the reporting currency.
    detector
        The rule; a restored one goes on where it was.

    """

    def __init__(self, kernel: NautilusKernel, valuer: Valuer, detector: FlowDetector | None = None) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._valuer = valuer
        self.detector = detector or FlowDetector()
        self._totals: dict[str, float] = {}
        self._held_before: Mapping[str, Any] | None = None
        self._readings = Readings.on(kernel)
        self._settled_in: dict[InstrumentId, Currency] = {}
        self._options: set[InstrumentId] = set()
        self._funding: dict[str, tuple[FundingRateUpdate, int | None]] = {}
        self._due: dict[str, tuple[int, float]] = {}
        self._pays_at: dict[str, int] = {}
        self._untimed = UntimedFunding()
        self._told: set[str] | None = None

    def start(self, now: int, held_before: Mapping[str, Any] | None) -> None:
        """
        Begin with what the accounts hold now.

        Parameters
        ----------
        now
            Time [ns].
        held_before
            Positions when the state was stored; equal ones mean that a difference came from outside.

        """
        self._readings.begin()
        for position in self._cache.positions_open():
            if position.instrument_class == InstrumentClass.OPTION:
                self._options.add(position.instrument_id)
        self._held_before = held_before
        self._begin(now)
        msgbus = self._kernel.msgbus
        msgbus.subscribe("events.account.*", self._on_account)
        msgbus.subscribe("events.position.*", self._on_position)
        msgbus.subscribe("events.fills.*", self._on_fill)
        msgbus.subscribe("data.funding_rates.*", self._on_funding)
        subscribe(msgbus, FundingPaid, self._on_paid)
        self._told = set()  # payments before are part of what the accounts start with

    def stop(self) -> None:
        """Listen no more."""
        msgbus = self._kernel.msgbus
        msgbus.unsubscribe("events.account.*", self._on_account)
        msgbus.unsubscribe("events.position.*", self._on_position)
        msgbus.unsubscribe("events.fills.*", self._on_fill)
        msgbus.unsubscribe("data.funding_rates.*", self._on_funding)
        msgbus.unsubscribe(topic_of(FundingPaid), self._on_paid)
        self._told = None

    def held(self) -> dict[str, str]:
        """Return net signed quantities by instrument, as text."""
        net: dict[str, Any] = {}
        for position in self._cache.positions_open():
            key = position.instrument_id.value
            net[key] = net.get(key, 0) + position.signed_decimal_qty()
        return {key: f"{quantity.normalize():f}" for key, quantity in net.items() if quantity}

    def poll(self, now: int) -> tuple[float, bool, dict[str, float]]:
        """
        Ask what came from outside.

        Returns
        -------
        tuple
            The flow in the reporting currency, whether every balance change is explained, and the
            flows by currency.

        """
        if not self.detector.unsettled:
            return 0.0, True, {}
        rates = {code: self._valuer.rate(code, now) for code in self.detector.waiting}
        known = {code for code, rate in rates.items() if math.isfinite(rate)}
        unexplained = self.detector.poll(now, known)
        flows = {
            code: amount for code, amount in unexplained.items() if not self._is_funding(code, amount, now)
        }
        return sum(amount * rates[code] for code, amount in flows.items()), not self.detector.unsettled, flows

    def _begin(self, now: int) -> None:
        """Take what the accounts hold as the start; before the first account there is nothing to take."""
        self._totals = self._read_totals()
        if self._totals:
            before = self._held_before
            attributable = before is not None and dict(before) == self.held()
            self.detector.start(now, self._totals, attributable=attributable)

    def _read_totals(self, event: AccountState | None = None) -> dict[str, float]:
        return self._readings.totals(event)

    def _on_account(self, event: AccountState) -> None:
        if not self._totals:
            self._begin(event.ts_init)
            return
        totals, before = self._read_totals(event), self._totals
        if totals == before:
            return
        if totals.keys() != before.keys():
            # A currency that is not mentioned any more is gone, and kept at 0 to be noticed when it returns.
            totals = {**dict.fromkeys(before, 0.0), **totals}
        for code, total in totals.items():
            if total != before.get(code, 0.0):
                self.detector.observe_balance(event.ts_init, code, total)
        self._totals = totals

    def _on_position(self, event: PositionEvent) -> None:
        if self._options and event.instrument_id in self._options:
            return
        change = self._readings.profit(event)
        if change is not None:
            self.detector.explain(event.ts_init, *change)

    def _on_fill(self, fill: OrderFilled) -> None:
        fee = fill.commission
        if fee is not None and self._readings.is_on_margin(fill.account_id):
            settled_in = self._settled_in.get(fill.instrument_id)
            if settled_in is not None and fee.currency == settled_in:
                return  # part of the position's realised P&L, as nearly all fees are
        instrument = self._cache.instrument(fill.instrument_id)
        account = self._cache.account(fill.account_id)
        if instrument is None or account is None:
            return
        if account.is_margin_account and instrument.instrument_class == InstrumentClass.OPTION:
            self._explain_premium(fill, instrument)
            return
        if account.is_margin_account:
            # Fees in the settlement currency are part of the position's realised P&L.
            self._settled_in[fill.instrument_id] = settled_in = instrument.get_settlement_currency()
            if fee is not None and fee.currency != settled_in:
                self.detector.explain(fill.ts_init, fee.currency.code, -fee.as_double())
            return
        side = 1 if fill.order_side == OrderSide.BUY else -1
        size, price = float(fill.last_qty) * float(instrument.multiplier), float(fill.last_px)
        base = instrument.get_base_currency()
        if base is None:
            return
        for code, amount in spot_effects(
            side, size, price, base.code, instrument.quote_currency.code
        ).items():
            self.detector.explain(fill.ts_init, code, amount)
        if fee is not None:
            self.detector.explain(fill.ts_init, fee.currency.code, -fee.as_double())

    def _explain_premium(self, fill: OrderFilled, instrument: Instrument) -> None:
        """Explain a fill of an option: its premium moves the balance at once, and its profit never does."""
        self._options.add(fill.instrument_id)
        side = 1 if fill.order_side == OrderSide.BUY else -1
        size = float(fill.last_qty) * float(instrument.multiplier)
        self.detector.explain(
            fill.ts_init, instrument.quote_currency.code, -side * size * float(fill.last_px)
        )
        if fill.commission is not None:
            self.detector.explain(fill.ts_init, fill.commission.currency.code, -fill.commission.as_double())

    # -- funding that the venue tells of -----------------------------------------------------------

    def _on_paid(self, paid: FundingPaid) -> None:
        """Take a payment, and guess none of this instrument's from now on."""
        if self._told is None:
            return
        self._told.add(paid.key)
        self._funding.pop(paid.key, None)
        self._untimed.forget(paid.key)
        self._explain_funding(paid)

    def _explain_funding(self, paid: FundingPaid) -> None:
        self.detector.explain(paid.ts, paid.currency, float(paid.amount))

    # -- funding: paid by the venue without an event of its own ------------------------------------

    def _on_funding(self, update: FundingRateUpdate) -> None:
        instrument, now = update.instrument_id.value, update.ts_init
        if self._told and instrument in self._told:
            return
        self._note_due(instrument, now)
        at = self._next_payment(update, now)
        self._funding[instrument] = (update, at)
        if at is not None:
            self._pays_at[instrument] = at
            self._untimed.forget(instrument)
        else:
            interval = int(update.interval) * _MINUTE if update.interval else None
            self._untimed.update(instrument, float(update.rate), now, interval)

    def _next_payment(self, update: FundingRateUpdate, now: int) -> int | None:
        """Return when a rate is paid: as its venue says, or has said before, or an interval after that."""
        if update.next_funding_ns is not None:
            return int(update.next_funding_ns)
        known = self._pays_at.get(update.instrument_id.value)
        if known is None or known > now:
            return known
        interval = int(update.interval or 0) * _MINUTE
        return known + ((now - known) // interval + 1) * interval if interval else None

    def _note_due(self, instrument: str, now: int) -> None:
        """Add what an instrument pays once its time has come: the rate known last before that counts."""
        update, at = self._funding.get(instrument, (None, None))
        if update is None or at is None or at > now:
            return
        del self._funding[instrument]
        for position in self._cache.positions_open(instrument_id=update.instrument_id):
            worth = self._worth(position, now)
            if math.isfinite(worth):
                self._add_due(position.settlement_currency.code, at, -worth * float(update.rate))

    def _worth(self, position: Position, now: int) -> float:
        """Return the signed value of a position [settlement currency]; NaN without a price."""
        price = self._valuer.price(position.instrument_id.value, now).value
        size = float(position.signed_qty) * float(position.multiplier)
        return size / price if position.is_inverse else size * price

    def _add_due(self, code: str, at: int, amount: float) -> None:
        before, due = self._due.get(code, (at, 0.0))
        self._due[code] = (at, due + amount if abs(at - before) <= FUNDING_WINDOW else amount)

    def _is_funding(self, code: str, amount: float, now: int) -> bool:
        """
        Tell whether an unexplained change is a funding payment, and so profit or loss.

        Venues pay for all positions at once, or one by one: any part of what is due may be one, and up to
        twice of it, since rate and price of the moment are the venue's.
        """
        for instrument in list(self._funding):
            self._note_due(instrument, now)
        return self._is_due(code, amount, now) or self._is_untimed(code, amount, now)

    def _is_due(self, code: str, amount: float, now: int) -> bool:
        at, due = self._due.get(code, (0, 0.0))
        if not due or now - at > FUNDING_WINDOW:
            self._due.pop(code, None)
            return False
        if not 0.0 < amount / due <= 2.0:
            return False
        left = due - amount
        self._due[code] = (at, left if left * due > 0.0 else 0.0)
        return True

    def _is_untimed(self, code: str, amount: float, now: int) -> bool:
        """Tell payments of venues that do not say when, by what all positions of an instrument are worth."""
        worths: dict[str, float] = {}
        for position in self._cache.positions_open():
            if position.settlement_currency.code == code:
                name = position.instrument_id.value
                worths[name] = worths.get(name, 0.0) + self._worth(position, now)
        return self._untimed.is_payment(code, amount, worths, now)


def _amount(money: Any) -> float:
    return 0.0 if money is None else float(money.as_double())
