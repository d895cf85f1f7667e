"""Books funding in backtests and on paper, where NautilusTrader 1.231 books none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from nautilus_trader.common.component import Clock, MessageBus
from nautilus_trader.model.enums import PriceType
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.objects import AccountBalance, Currency, Money

from nautilus_quant.carry.funding_ledger import FundingLedger, Payment, Stamp, Terms
from nautilus_quant.carry.funding_schedule import FundingSchedule, RecentFills
from nautilus_quant.host.alarm import Alarm
from nautilus_quant.host.funding import mark_at, take_fill, take_rate, terms_of
from nautilus_quant.host.funding_messages import FundingPaid
from nautilus_quant.host.messages import publish

if TYPE_CHECKING:
    from nautilus_trader.backtest.engine import SimulatedExchange
    from nautilus_trader.cache.cache import Cache
    from nautilus_trader.model.data import FundingRateUpdate
    from nautilus_trader.model.events import OrderFilled

_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_AGAIN: Final = 5 * _SECOND
_MOST_FRESH: Final = 1024

type Held = Callable[[InstrumentId], Mapping[str, Decimal]]


class FundingSettlement:
    """
    Settles the funding of one venue: what was held at each stamp, at the mark price of that moment.

    The price is the last mark known at the stamp. Where there is none, or only an old one, it is the middle
    of the venue's book, and without a book the last trade; without any price the stamp waits for one.

    Parameters
    ----------
    exchange
        The venue.
    bus
        Message bus of the node.
    cache
        Cache of the node.
    clock
        Clock of the node: rings right after each stamp.
    held
        Says what is held in an instrument now, by position.
    schedule
        Which rate is settled when; a restored one goes on where it was.
    stale_after
        Age at which a mark price is none [ns].
    delay
        How long after a stamp it is booked [ns]: the venue's last word on its rate is said at its time, and
        is some time under way. What is settled is what was held at the stamp, at the mark price of then.
    ready
        Whether the account can be changed now; what is due waits for it.
    keep
        Writes down what is being paid, before it is.
    run
        Runs a job where the account may be changed: the clock of a live node rings in a thread of its own.

    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        *,
        bus: MessageBus,
        cache: Cache,
        clock: Clock,
        held: Held,
        schedule: FundingSchedule,
        stale_after: int,
        delay: int = 0,
        ready: Callable[[], bool] = lambda: True,
        keep: Callable[[], None] = lambda: None,
        run: Callable[[Callable[[], None]], Any] = lambda job: job(),
    ) -> None:
        self._exchange = exchange
        self._bus = bus
        self._cache = cache
        self._clock = clock
        self._held = held
        self._ready = ready
        self._keep = keep
        self._run = run
        self._stale_after = stale_after
        self._delay = delay
        self._fills = RecentFills()
        self._fresh: list[tuple[OrderFilled, str | None]] = []  # not told to `_fills` yet
        self._known: dict[str, tuple[InstrumentId, Terms | None]] = {}
        self._open: list[Stamp] = []
        self._alarm = Alarm(clock, f"{exchange.id}-funding", self._on_alert)
        self.schedule = schedule
        self.ledger = FundingLedger()

    @property
    def rates(self) -> str:
        """Topic of the venue's funding rates."""
        return f"data.funding_rates.{self._exchange.id}.*"

    @property
    def waiting(self) -> int:
        """How many stamps wait for a price, or for the account."""
        return len(self._open)

    def on_rate(self, update: FundingRateUpdate) -> None:
        """Take a funding rate."""
        take_rate(self.schedule, update)
        self.arm()

    def on_fill(self, fill: OrderFilled, position: str | None = None) -> None:
        """Remember a fill; `position` names its position where the fill itself does not."""
        self._fresh.append((fill, position))
        if len(self._fresh) > _MOST_FRESH:
            self._take_fills(fill.ts_event)

    def _take_fills(self, now: int) -> None:
        """Most fills are far from any settlement: only late ones are worth looking at."""
        for fill, position in self._fresh:
            if fill.ts_event >= now - self._fills.memory and fill.instrument_id.venue == self._exchange.id:
                take_fill(self._fills, fill, position)
        self._fresh.clear()

    def arm(self) -> None:
        """Ring once everything that happened at the time of the next stamp is known."""
        at = self.schedule.next
        if at is not None:
            self._ring(max(at + self._delay, self._clock.timestamp_ns()) + 1)

    def _ring(self, at: int) -> None:
        if self._alarm.at != at:
            self._alarm.set(at)

    def _on_alert(self, _event: Any) -> None:
        self._run(self._on_time)

    def _on_time(self) -> None:
        self.settle(self._clock.timestamp_ns())
        self.arm()
        if self._open and self._alarm.at is None:
            self._ring(self._clock.timestamp_ns() + _AGAIN)

    def stop(self) -> None:
        """Ring no more."""
        self._alarm.cancel()

    def reset(self) -> None:
        """Forget everything but how rates are read."""
        self.stop()
        self.schedule = FundingSchedule(self.schedule.untimed, self.schedule.interval)
        self.ledger = FundingLedger()
        self._fills = RecentFills()
        self._fresh.clear()
        self._known.clear()
        self._open.clear()

    def settle(self, now: int, *, last: bool = False) -> None:
        """Book all that is due before `now` [ns], less the delay; with `last` all, also what is due at it."""
        self._open += self.schedule.due(now if last else now - self._delay, last=last)
        self._take_fills(now)
        self._open = [stamp for stamp in self._open if not (self._ready() and self._book(stamp, now))]

    def _book(self, stamp: Stamp, now: int) -> bool:
        """Book one stamp; return False when it has to wait."""
        instrument_id, terms = self._known.get(stamp.instrument) or self._look_up(stamp.instrument)
        held = self._fills.held_before(stamp.ts, stamp.instrument, self._held(instrument_id))
        if terms is None or not held or self._exchange.is_frozen_account:
            return True
        mark = self._price(instrument_id, stamp.ts)
        if mark is None:
            return False
        payments = self.ledger.settle(stamp, mark, terms, held)
        if payments:
            self._pay(payments, now)
        return True

    def _look_up(self, name: str) -> tuple[InstrumentId, Terms | None]:
        instrument_id = InstrumentId.from_str(name)
        instrument = self._cache.instrument(instrument_id)
        found = instrument_id, terms_of(instrument)
        if instrument is not None:
            self._known[name] = found
        return found

    def _price(self, instrument_id: InstrumentId, at: int) -> Decimal | None:
        """Return what a stamp is settled at."""
        mark = mark_at(self._cache, instrument_id, at, self._stale_after)
        if mark is not None:
            return mark
        book = self._exchange.get_book(instrument_id)
        middle = book.midpoint() if book is not None else None
        if middle is not None:
            return Decimal(repr(middle))
        traded = self._cache.price(instrument_id, PriceType.LAST)
        return None if traded is None else Decimal(traded.as_decimal())

    def _pay(self, payments: tuple[Payment, ...], now: int) -> None:
        self._keep()
        stamp, first = payments[0].stamp, payments[0]
        amount = sum((payment.amount for payment in payments), Decimal(0))
        money, rate = Money(amount, Currency.from_str(first.currency)), Decimal(1)
        account = self._exchange.exec_client.get_account()
        base = account.base_currency
        if base is not None and base != money.currency:
            rate = self._rate(money, base)
            money = Money(amount * rate, base)
        told = FundingPaid(
            key=stamp.instrument,
            ts=now,
            account=account.id.value,
            due=stamp.ts,
            currency=money.currency.code,
            amount=money.as_decimal(),
            rate=stamp.rate,
            mark=first.mark,
            positions={payment.position: payment.amount * rate for payment in payments},
        )
        publish(self._bus, told)
        if money:
            self._credit(account, money, now)

    def _rate(self, money: Money, base: Currency) -> Decimal:
        rate = self._cache.get_xrate(self._exchange.id, money.currency, base, PriceType.MID)
        if not rate:
            raise ValueError(
                f"funding of {money} needs a rate into {base}, the account's base currency: add quotes of a "
                f"market of the two to venue {self._exchange.id}, or give the account no base currency"
            )
        return Decimal(repr(float(rate)))

    def _credit(self, account: Any, money: Money, now: int) -> None:
        """Change one balance; NautilusTrader's own `adjust_account` refuses a currency not held so far."""
        total = account.balance_total(money.currency) or Money(0, money.currency)
        locked = account.balance_locked(money.currency) or Money(0, money.currency)
        total += money
        margins = []
        if account.is_margin_account:
            margins = [*account.margins().values(), *account.account_margins().values()]
        self._exchange.exec_client.generate_account_state(
            balances=[AccountBalance(total, locked, total - locked)],
            margins=margins,
            reported=True,
            ts_event=now,
        )
