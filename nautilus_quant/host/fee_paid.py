"""What fills paid: compared with the schedule, and counted in dollars."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING

from nautilus_trader.common.component import Logger

from nautilus_quant.account.fee_check import Deviation, FeeReconciler, Tally
from nautilus_quant.host.fee_terms import commission, dollar_volume, liquidity_of
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import Alert, publish
from nautilus_quant.host.valuation import Valuer

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.events import OrderFilled
    from nautilus_trader.model.identifiers import InstrumentId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Money

    from nautilus_quant.account.fees import Tier


class PaidFees:
    """
    Compares fills with what is expected of them, and publishes an `Alert` when they differ and when no more.

    Parameters
    ----------
    msgbus
        Of the node.
    tolerance, fills
        By how much fees may differ [fraction], and for how many fills in a row, before an alert.

    Raises
    ------
    ValueError
        If a number is impossible.

    """

    def __init__(self, msgbus: MessageBus, *, tolerance: float = 0.02, fills: int = 5) -> None:
        self._msgbus = msgbus
        self._cache = find_kernel(msgbus).cache
        self._valuer = Valuer.on(msgbus)
        self._log = Logger("FeeBook")
        self._uncounted: set[InstrumentId] = set()
        self.reconciler = FeeReconciler(tolerance=tolerance, fills=fills)

    @property
    def tallies(self) -> dict[tuple[str, str], Tally]:
        """Sums by venue and currency."""
        return self.reconciler.tallies

    def on_fill(self, fill: OrderFilled, instrument: Instrument, tier: Tier) -> None:
        """Take a fill; one the venue was asked about afterwards is passed over, its fee is made up."""
        if fill.reconciliation:
            return
        order = self._cache.order(fill.client_order_id) if tier.reduce_only_discount else None
        due = commission(
            instrument,
            fill.last_qty,
            fill.last_px,
            tier,
            liquidity_of(fill.liquidity_side),
            reduce_only=order is not None and bool(order.is_reduce_only),
        )
        paid: Money = fill.commission
        expected = self._in_currency(due, paid, fill.ts_event)
        if expected is None:
            return
        venue, code = fill.instrument_id.venue.value, paid.currency.code
        deviation = self.reconciler.update(venue, code, expected, paid.as_decimal(), _unit(paid))
        if deviation is not None:
            self._alert(deviation, fill.ts_event)

    def dollars(self, fill: OrderFilled, instrument: Instrument) -> float:
        """Return the value of a fill [USD]; NaN, and a warning once, where nobody knows it."""
        quantity: float = fill.last_qty.as_double()
        price: float = fill.last_px.as_double()
        value = dollar_volume(instrument, quantity, price)
        if math.isfinite(value):
            return value
        quote: str = instrument.quote_currency.code
        value = quantity * float(instrument.multiplier) * price * self._rate(quote, "USD", fill.ts_event)
        if not math.isfinite(value) and instrument.id not in self._uncounted:
            self._uncounted.add(instrument.id)
            self._log.warning(
                f"{instrument.id}: no price of {quote} in dollars, its volume earns no fee tier"
            )
        return value

    def _rate(self, code: str, other: str, now: int) -> float:
        """Return the price of a currency in another; NaN when it cannot be trusted."""
        if self._valuer.currency is None:
            self._valuer.value(now)  # which settles the reporting currency
        price = self._valuer.rate(other, now)
        return self._valuer.rate(code, now) / price if price > 0.0 else math.nan

    def _in_currency(self, due: Money, paid: Money, now: int) -> Decimal | None:
        exact: Decimal = due.as_decimal()
        if due.currency == paid.currency:
            return exact
        rate = self._rate(due.currency.code, paid.currency.code, now)
        if not 0.0 < rate < math.inf:
            return None
        return (exact * Decimal(repr(rate))).quantize(_unit(paid))

    def _alert(self, deviation: Deviation, ts: int) -> None:
        venue, currency, off, fills, expected, paid = deviation
        sums = f"paid {paid} {currency}, expected {expected} {currency}, in {fills} fills in a row"
        text = (
            f"{venue}: fees differ from the schedule: {sums}; check the tier and the terms of the account"
            if off
            else f"{venue}: fees are as expected again: {sums}"
        )
        (self._log.warning if off else self._log.info)(text)
        alert = Alert(
            key=f"fees|{venue}|{currency}",
            ts=ts,
            source="fees",
            severity="WARNING" if off else "INFO",
            text=text,
            numbers={"expected": float(expected), "paid": float(paid), "fills": float(fills)},
        )
        publish(self._msgbus, alert)


_UNITS = tuple(Decimal(1).scaleb(-precision) for precision in range(32))


def _unit(money: Money) -> Decimal:
    precision: int = money.currency.precision
    return _UNITS[precision]
