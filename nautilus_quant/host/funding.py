"""Funding as the node should be paid it, beside what it is paid."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from nautilus_trader.model.enums import OrderSide
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoPerpetual, Instrument, PerpetualContract

from nautilus_quant.account.statement import amount_of
from nautilus_quant.carry.funding_check import CheckParams, FundingCheck, Round
from nautilus_quant.carry.funding_ledger import FundingLedger, Stamp, Terms
from nautilus_quant.carry.funding_schedule import FundingSchedule, RecentFills, Untimed
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.funding_messages import FundingChecked
from nautilus_quant.host.messages import Alert, publish

if TYPE_CHECKING:
    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.common.component import Clock, MessageBus
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.events import OrderFilled

MINUTE: Final = 60_000_000_000
STALE: Final = 5 * MINUTE
_ALERT: Final = "funding-check"
_RATES: Final = "data.funding_rates.*"
_FILLS: Final = "events.fills.*"


def terms_of(instrument: Instrument | None) -> Terms | None:
    """Return how an instrument pays funding; ``None`` when it is no perpetual."""
    if not isinstance(instrument, CryptoPerpetual | PerpetualContract):
        return None
    currency = instrument.get_settlement_currency()
    return Terms(
        currency=currency.code,
        decimals=currency.precision,
        multiplier=instrument.multiplier.as_decimal(),
        inverse=instrument.is_inverse,
    )


def mark_at(cache: Cache, instrument_id: InstrumentId, at: int, stale_after: int) -> Decimal | None:
    """Return the last mark price known at a time [ns]; ``None`` when there is none, or it is too old [ns]."""
    for index in range(cache.mark_price_count(instrument_id)):
        mark = cache.mark_price(instrument_id, index)
        if mark.ts_init <= at:
            is_good = at - mark.ts_init <= stale_after and mark.value > 0
            return Decimal(mark.value.as_decimal()) if is_good else None
    return None


def take_rate(schedule: FundingSchedule, update: FundingRateUpdate) -> None:
    """Hand a rate to a schedule; one told in time that was late on its way keeps the time it names."""
    rate = update.rate  # a text, from a catalog read without `nautilus_quant.venues.arrow`
    schedule.update(
        update.instrument_id.value,
        rate if isinstance(rate, Decimal) else Decimal(str(rate)),
        update.ts_event if update.next_funding_ns else update.ts_init,
        update.next_funding_ns or None,
        int(update.interval) * MINUTE if update.interval else None,
    )


def take_fill(fills: RecentFills, fill: OrderFilled, position: str | None = None) -> None:
    """Remember a fill; `position` names its position where the fill itself does not."""
    change = fill.last_qty.as_decimal()
    fills.note(
        fill.ts_event,
        fill.instrument_id.value,
        position or fill.position_id.value,
        change if fill.order_side == OrderSide.BUY else -change,
    )


class FundingWatch:
    """
    Compares what a live node is paid with what its positions are owed.

    Only of instruments whose venue says when it pays, where a mark price is known; what is owed is published
    beside what came after every settlement, and an alert when the two part, and when they meet again.

    Parameters
    ----------
    msgbus, cache, clock
        Of the node.
    params
        When a difference is one.

    """

    def __init__(
        self, msgbus: MessageBus, cache: Cache, clock: Clock, params: CheckParams | None = None
    ) -> None:
        self._bus = msgbus
        self._cache = cache
        self._clock = clock
        self._alarm = Alarm(clock, _ALERT, self._on_time)
        self._schedule = FundingSchedule(Untimed.IGNORED)
        self._fills = RecentFills()
        self._ledger = FundingLedger()
        self.check = FundingCheck(params)
        self._wrong: set[str] = set()

    def start(self) -> None:
        """Listen to rates and fills."""
        self._bus.subscribe(_RATES, self._on_rate)
        self._bus.subscribe(_FILLS, self._on_fill)

    def stop(self) -> None:
        """Listen no more."""
        self._bus.unsubscribe(_RATES, self._on_rate)
        self._bus.unsubscribe(_FILLS, self._on_fill)
        self._alarm.cancel()

    def on_funding(self, ts: int, currency: str, amount: int) -> None:
        """Take a payment that was found at `ts` [ns] in an account [1e-16 of the currency]."""
        self.check.pay(currency, ts, amount_of(amount))
        self._arm()

    def _on_rate(self, update: FundingRateUpdate) -> None:
        take_rate(self._schedule, update)
        self._look(update.ts_init)
        self._arm()

    def _on_fill(self, fill: OrderFilled) -> None:
        if fill.position_id is not None:
            take_fill(self._fills, fill)

    def _arm(self) -> None:
        times = [time for time in (self._schedule.next, self.check.next) if time is not None]
        if not times:
            return
        at = max(min(times), self._clock.timestamp_ns()) + 1
        if self._alarm.at != at:
            self._alarm.set(at)

    def _on_time(self, _event: Any) -> None:
        self._look(self._clock.timestamp_ns())
        self._arm()

    def _look(self, now: int) -> None:
        for stamp in self._schedule.due(now):
            self._expect(stamp)
        for one in self.check.poll(now):
            self._tell(one, now)

    def _expect(self, stamp: Stamp) -> None:
        instrument_id = InstrumentId.from_str(stamp.instrument)
        terms = terms_of(self._cache.instrument(instrument_id))
        mark = mark_at(self._cache, instrument_id, stamp.ts, STALE)
        positions = self._cache.positions_open(venue=None, instrument_id=instrument_id)
        held = self._fills.held_before(
            stamp.ts, stamp.instrument, {p.id.value: p.signed_decimal_qty() for p in positions}
        )
        if terms is None or not held:
            return
        if mark is None:
            self.check.expect_unknown(terms.currency, stamp.ts)
            return
        for payment in self._ledger.settle(stamp, mark, terms, held):
            self.check.expect(payment.currency, stamp.ts, payment.amount)

    def _tell(self, one: Round, now: int) -> None:
        publish(
            self._bus,
            FundingChecked(
                key=one.currency,
                ts=now,
                due=one.due,
                expected=float(one.expected),
                paid=float(one.paid),
                difference=float(one.difference),
                wrong=one.is_wrong,
            ),
        )
        if one.is_wrong == (one.currency in self._wrong):
            return
        (self._wrong.add if one.is_wrong else self._wrong.discard)(one.currency)
        numbers = {"expected": float(one.expected), "paid": float(one.paid)}
        text = (
            f"funding of {_text(one.paid)} {one.currency} was paid, {_text(one.expected)} were owed"
            if one.is_wrong
            else f"funding in {one.currency} is paid as it is owed again"
        )
        publish(
            self._bus,
            Alert(
                key=f"portfolio|funding {one.currency}",
                ts=now,
                source="portfolio",
                severity="WARNING" if one.is_wrong else "INFO",
                text=text,
                numbers={**numbers, "difference": float(one.difference)},
            ),
        )


def _text(number: Decimal) -> str:
    return f"{number.normalize():f}"
