"""The paper venue's books: a fill is calculated as NautilusTrader does, written down, and only then sent."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from nautilus_trader.accounting.accounts.base import Account
from nautilus_trader.cache.cache import Cache
from nautilus_trader.model.enums import OrderSide, PriceType
from nautilus_trader.model.events import AccountState, OrderFilled
from nautilus_trader.model.identifiers import AccountId
from nautilus_trader.model.instruments import Instrument
from nautilus_trader.model.objects import Currency, Money

from nautilus_quant.host.state import StateStore
from nautilus_quant.venues.paper.ledger import Holding, Ledger
from nautilus_quant.venues.paper.restore import Restoration

NAMESPACE = "paper"
Alarm = Callable[[str], None]


class PaperAccount:
    """
    Balances and holdings of one account, kept in the state store.

    Parameters
    ----------
    venue : str
        Key of the document in the namespace ``paper``.
    starting_balances : list of str
        Balances [units of the currency they name] if the store has no account of this venue.
    store : StateStore
        Where the account lives.
    cache : Cache
        Cache of the node, for instruments, accounts and exchange rates.
    alarm : callable
        Told when the store cannot be written.
    """

    def __init__(
        self, venue: str, starting_balances: list[str], *, store: StateStore, cache: Cache, alarm: Alarm
    ) -> None:
        self._venue = venue
        self._store = store
        self._cache = cache
        self._alarm = alarm
        document = store.get(NAMESPACE, venue)
        self.resumed = document is not None
        if document is not None:
            self.ledger = Ledger.from_dict(document)
        else:
            start = [Money.from_str(text) for text in starting_balances]
            self.ledger = Ledger(balances={money.currency.code: money.as_decimal() for money in start})

    def balances(self) -> list[Money]:
        """Return the totals per currency."""
        return [Money(amount, Currency.from_str(code)) for code, amount in self.ledger.balances.items()]

    def save(self, now: int) -> None:
        """Write the account, committed on return, at UNIX time `now` [ns]."""
        try:
            self._store.put_now(NAMESPACE, self._venue, self.ledger.to_dict(), ts=now)
        except Exception as error:  # noqa: BLE001 the fill has happened; losing it in silence would be worse
            self._alarm(f"the paper account cannot be written, a crash now would lose fills: {error!r}")

    def book_fill(self, fill: OrderFilled) -> None:
        """Move balances and position by one fill and write the account."""
        instrument = self._cache.instrument(fill.instrument_id)
        account = self._cache.account(fill.account_id)
        position = self.position_of(fill)
        for money in self._flows(fill, instrument, account, self.ledger.holdings.get(position)):
            self.ledger.credit(money.currency.code, money.as_decimal())
        sign = 1 if fill.order_side == OrderSide.BUY else -1
        self.ledger.apply(
            Holding(
                position=position,
                strategy=fill.strategy_id.value,
                instrument=fill.instrument_id.value,
                quantity=sign * fill.last_qty.as_decimal(),
                price=fill.last_px.as_double(),
                ts_opened=fill.ts_event,
                ts_last=fill.ts_event,
            )
        )
        self.save(fill.ts_event)

    def still_held(self, fill: OrderFilled) -> Decimal:
        """Return the unsigned size of the position a booked fill belongs to."""
        holding = self.ledger.holdings.get(self.position_of(fill))
        return Decimal(0) if holding is None else abs(holding.quantity)

    def book_state(self, state: AccountState) -> None:
        """Take over balances that the venue itself reports: a deposit, a withdrawal, funding."""
        self._take({b.currency.code: b.total.as_decimal() for b in state.balances}, state.ts_init)

    def take_over(self, account: Account, now: int) -> None:
        """
        Take over the totals of the node's account when they differ.

        Called when the node has processed everything the venue sent, so that what is booked elsewhere
        (funding, deposits) is remembered too, at UNIX time `now` [ns].
        """
        self._take({c.code: money.as_decimal() for c, money in account.balances_total().items()}, now)

    def differs(self, account: Account) -> bool:
        """Return whether the node's totals are not the venue's."""
        totals = {c.code: money.as_decimal() for c, money in account.balances_total().items()}
        codes = totals.keys() | self.ledger.balances.keys()
        return any(totals.get(code, 0) != self.ledger.balances.get(code, 0) for code in codes)

    def debits(self, fill: OrderFilled) -> list[Money]:
        """Return what a first fill takes from each balance of the node's account, as positive amounts."""
        instrument = self._cache.instrument(fill.instrument_id)
        account = self._cache.account(fill.account_id)
        return [-money for money in self._flows(fill, instrument, account, None) if money.as_decimal() < 0]

    def _take(self, totals: dict[str, Decimal], now: int) -> None:
        changed = {
            c: amount for c, amount in totals.items() if self.ledger.balances.get(c, Decimal(0)) != amount
        }
        if changed:
            self.ledger.balances.update(changed)
            self.save(now)

    def position_of(self, fill: OrderFilled) -> str:
        """Return the id of the position a fill belongs to."""
        known = fill.position_id or self._cache.position_id(fill.client_order_id)
        return str(known.value) if known is not None else f"{fill.instrument_id}-{fill.strategy_id}"

    def _flows(
        self, fill: OrderFilled, instrument: Instrument, account: Account, holding: Holding | None
    ) -> list[Money]:
        position = None
        if holding is not None:
            restoration = Restoration(holding, instrument, fill.trader_id, fill.account_id, fill.ts_event)
            position = restoration.as_position()
        flows: list[Money] = [*account.calculate_pnls(instrument, fill, position), -fill.commission]
        base = account.base_currency
        return flows if base is None else [self._convert(money, base, fill) for money in flows]

    def _convert(self, money: Money, base: Currency, fill: OrderFilled) -> Money:
        if money.currency == base:
            return money
        side = PriceType.BID if fill.order_side == OrderSide.SELL else PriceType.ASK
        rate: Any = self._cache.get_xrate(fill.instrument_id.venue, money.currency, base, side)
        # NautilusTrader books nothing without a rate; its total is taken over once it has processed the fill
        return Money(money.as_double() * (rate or 0.0), base)


def account_id_of(venue: str) -> AccountId:
    """Return the id of the venue's only account, the one NautilusTrader's sandbox uses."""
    return AccountId(f"{venue}-001")
