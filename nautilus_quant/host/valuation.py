"""What a node is worth: feeds the rules of `nautilus_quant.account` from the message bus and the cache."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import InstrumentClass
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoOption, CryptoPerpetual, CurrencyPair, OptionContract

from nautilus_quant.account.equity import Account, AccountKind, OpenPosition, Valuation, value
from nautilus_quant.account.marks import PAR, UNKNOWN, MarkBook, Price
from nautilus_quant.account.plain import PlainAccounts
from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.feeds import Feed, Feeds
from nautilus_quant.host.kernel import find_kernel

if TYPE_CHECKING:
    from nautilus_trader.accounting.accounts.base import Account as VenueAccount
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.data import Bar, MarkPriceUpdate, QuoteTick, TradeTick
    from nautilus_trader.model.events import AccountState, PositionEvent
    from nautilus_trader.model.identifiers import AccountId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

DOLLARS = frozenset({"USD", "USDT", "USDC", "FDUSD", "USDE", "DAI"})
"""Currencies taken as worth one dollar; few nodes subscribe a market among them."""

_NEXT_TO_NOTHING = 1e-9
"""What an option marked at 0 is taken as worth: a price, where 0 is none for everything else."""

_PLACE = "nautilus_quant.valuation"
_NEVER = -1
_EARLY = 15
"""Before strategies hear of a price, it is part of the valuation."""


class Valuer:
    """
    The one equity of a node, and the marks it rests on.

    Shared by everything on a message bus: `Valuer.on`.

    Parameters
    ----------
    kernel
        The node.

    """

    def __init__(self, kernel: NautilusKernel) -> None:
        self._cache = kernel.cache
        self._msgbus = kernel.msgbus
        self.book = MarkBook()
        self.currency: str | None = None
        self._accounts: list[Account] | None = None
        self._plain: PlainAccounts | None = None
        self._is_current = False  # whether `_plain` is what is held now
        self._equity: tuple[float, int] | None = None
        self._equity_at = _NEVER  # for which moment `_equity` is what it is, while nothing comes in
        self._names: dict[InstrumentId, str] = {}
        self._marked: set[str] = set()
        self._terms: dict[InstrumentId, tuple[float, bool, str, str]] = {}
        self._held_terms: dict[InstrumentId, tuple[str, str, float, bool, bool]] = {}
        self._feeds = Feeds.on(kernel.msgbus)
        self._bars: dict[Feed, tuple[str, int]] = {}
        self._listings: dict[str, list[str]] = {}
        self._now = 0
        self._subscribe()

    @classmethod
    def on(cls, msgbus: MessageBus, currency: str | None = None) -> Valuer:
        """
        Return the valuer of this bus, making it the first time.

        Parameters
        ----------
        msgbus
            The bus of the asking actor or strategy.
        currency
            Reporting currency; ``None`` takes what others asked for, else the base currency of the
            first account, else the dollars it holds, else the currency it holds most of.

        Raises
        ------
        ValueError
            When others on this bus report in another currency.

        """
        valuer = share_on_bus(msgbus, _PLACE, cls, lambda: cls(find_kernel(msgbus)))
        if currency is not None and valuer.currency not in (None, currency):
            raise ValueError(f"one node has one reporting currency, was {valuer.currency} and now {currency}")
        valuer.currency = valuer.currency or currency
        return valuer

    def on_ping(self, _message: object) -> None:
        """Make the valuer findable; nothing is published there."""

    def reset(self) -> None:
        """Forget everything seen: the node starts again from the beginning."""
        self.book = MarkBook(self.book.max_age, self.book.max_jump, self.book.jump_within)
        self._accounts = None
        self._is_current = False
        self._equity_at = _NEVER
        self._listings.clear()
        self._marked.clear()

    def value(self, now: int) -> Valuation:
        """Return the equity at `now` [ns]; NaN and not fresh while there is no account."""
        if self._accounts is None:
            self._accounts = self._read()
        self._now = now
        if not self._accounts or self.currency is None:
            return Valuation(now, float("nan"), 0.0, 0.0, 0.0, False, ("no account yet",), 0)
        return value(now, self._accounts, self._price, self._rate, self.currency)

    def fresh_equity(self, now: int) -> tuple[float, int] | None:
        """
        Return the equity of `value` and until when it is fresh, in a fraction of its time.

        ``None`` says nothing but that `value` must be asked: it is not fresh, or not plain enough.
        """
        if now != self._equity_at:
            if not self._is_current:
                self._plain = self._read_plain()
                self._is_current = True
            book, plain = self.book, self._plain
            self._equity = None if plain is None else plain.value(book.only, now, book.max_age)
            self._equity_at = now
        return self._equity

    def fresh_value(self, now: int) -> Valuation:
        """Return the same as `value`, in a fraction of its time where accounts are plain and prices fresh."""
        equity, plain = self.fresh_equity(now), self._plain
        if equity is None or plain is None:
            return self.value(now)
        worth, until = equity
        return Valuation(now, worth, plain.balances, plain.unrealised(self.book.only), 0.0, True, (), until)

    def price(self, instrument: str, now: int) -> Price:
        """Return what an instrument is worth at `now` [ns], and what is wrong with that, if anything."""
        price = self.book.price(instrument, now)
        if price[1] and self._look_at_cache(instrument):
            return self.book.price(instrument, now)
        return price

    def unit(self, instrument: Instrument, now: int, price: float | None = None) -> float:
        """
        Return the value of one unit (base coin, or contract) of an instrument [reporting currency].

        Parameters
        ----------
        instrument
            Its multiplier, and whether it is inverse, count.
        now
            UNIX time [ns].
        price
            At this price [quote currency]; ``None`` takes the last one known, however old.

        Returns
        -------
        float
            NaN when a price or a rate is missing.

        """
        multiplier, inverse, code, name = self._terms_of(instrument)
        worth = multiplier if code == self.currency else multiplier * self.rate(code, now)
        if inverse:
            return worth
        return worth * (self.price(name, now)[0] if price is None else price)

    def _terms_of(self, instrument: Instrument) -> tuple[float, bool, str, str]:
        instrument_id = instrument.id
        terms = self._terms.get(instrument_id)
        if terms is None:
            code: str = instrument.quote_currency.code
            terms = (
                float(instrument.multiplier),
                bool(instrument.is_inverse),
                code,
                self._name(instrument_id),
            )
            self._terms[instrument_id] = terms
        return terms

    def rate(self, code: str, now: int) -> float:
        """Return the price of a currency in the reporting currency; NaN when it cannot be trusted."""
        if code == self.currency:
            return 1.0
        self._now = now
        price = self._rate(code)
        return float("nan") if price.problem else price.value

    def _look_at_cache(self, instrument: str) -> bool:
        """Take what came before anybody listened, or an order book for those who subscribe nothing else."""
        instrument_id = InstrumentId.from_str(instrument)
        before = self.book.heard(instrument, "mid")  # what is not newer must not confirm what was doubted
        quote = self._cache.quote_tick(instrument_id)
        if quote is not None and quote.ts_init > before:
            self._on_quote(quote)
        book = self._cache.order_book(instrument_id)
        mid = None if book is None else book.midpoint()
        if mid is not None and book.ts_last > self.book.heard(instrument, "mid"):
            self._equity_at = _NEVER
            self.book.put(instrument, (float(mid), book.ts_last, "mid", 0))
        return self.book.heard(instrument, "mid") > before

    def markets(self) -> list[str]:
        """Name a market for each currency held that is not the reporting one: whose price is needed."""
        held = {
            code for account in self._accounts or () for code, amount in account.balances.items() if amount
        }
        found = (self._markets_of(code) for code in sorted(held) if not _is_par(code, self.currency))
        return [markets[0] for markets in found if markets]

    # -- what comes in -----------------------------------------------------------------------------

    def _subscribe(self) -> None:
        for topic, handler in (
            ("data.quotes.*", self._on_quote),
            ("data.trades.*", self._on_trade),
            ("data.mark_prices.*", self._on_mark),
            ("data.bars.*", self._on_bar),
            ("events.account.*", self._on_change),
            ("events.position.*", self._on_change),
        ):
            self._msgbus.subscribe(topic, handler, priority=_EARLY)

    def _on_change(self, _event: AccountState | PositionEvent) -> None:
        self._accounts = None
        self._is_current = False
        self._equity_at = _NEVER

    def _name(self, instrument_id: InstrumentId) -> str:
        name = self._names.get(instrument_id)
        if name is None:
            name = self._names[instrument_id] = instrument_id.value
        return name

    def _on_quote(self, quote: QuoteTick) -> None:
        bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
        # A one-sided or crossed-to-zero quote has no middle: it counts as absurd. But options lose all bids.
        worthless = bid == 0.0 < ask and self._is_option(quote.instrument_id)
        mid = (bid + ask) / 2.0 if (bid > 0.0 and ask > 0.0) or worthless else 0.0
        self._equity_at = _NEVER
        self.book.put(self._name(quote.instrument_id), (mid, quote.ts_init, "mid", 0))

    def _on_trade(self, trade: TradeTick) -> None:
        self._equity_at = _NEVER
        self.book.put(self._name(trade.instrument_id), (trade.price.as_double(), trade.ts_init, "last", 0))

    def want_marks(self, instrument: str) -> None:
        """
        Value an instrument by the venue's mark price from now on.

        Marks of others are passed over: a backtest plays them all, a live node only those subscribed,
        and both must come to the same equity.
        """
        self._marked.add(instrument)

    def _on_mark(self, update: MarkPriceUpdate) -> None:
        if self._name(update.instrument_id) not in self._marked:
            return
        price = update.value.as_double()
        if price == 0.0 and self._is_option(update.instrument_id):
            price = _NEXT_TO_NOTHING
        self._equity_at = _NEVER
        self.book.put(self._name(update.instrument_id), (price, update.ts_init, "mark", 0))

    def _is_option(self, instrument_id: InstrumentId) -> bool:
        return isinstance(self._cache.instrument(instrument_id), CryptoOption | OptionContract)

    def _on_bar(self, bar: Bar) -> None:
        feeds = self._feeds
        feed = feeds.feed if feeds.bar is bar else feeds.of(bar)
        name, interval = self._bars.get(feed) or self._series(feed)
        self._equity_at = _NEVER
        self.book.put(name, (bar.close.as_double(), bar.ts_init, "bar", interval))

    def _series(self, feed: Feed) -> tuple[str, int]:
        bar_type = feed.bar_type
        timed = bar_type.spec.is_time_aggregated()  # bars of ticks or volume take what time they take
        interval = int(bar_type.spec.timedelta.total_seconds() * 1e9) if timed else 0
        series = self._bars[feed] = (self._name(bar_type.instrument_id), interval)
        return series

    # -- what goes out -----------------------------------------------------------------------------

    def _price(self, instrument: str) -> Price:
        price = self.book.price(instrument, self._now)
        return self.price(instrument, self._now) if price.problem else price

    def _rate(self, code: str) -> Price:
        if _is_par(code, self.currency):
            return PAR
        listed = self._listings.get(code)
        if not listed:
            listed = self._listings[code] = self._markets_of(code)
        best = UNKNOWN
        for name in listed:
            price = self._price(name)
            if not price.problem:
                return price
            best = price if math.isnan(best.value) else best
        return best

    def _markets_of(self, code: str) -> list[str]:
        """Name the markets whose price is that of a currency in the reporting currency: spot first."""
        found: dict[type, list[str]] = {CurrencyPair: [], CryptoPerpetual: []}
        for instrument in self._cache.instruments():
            markets = found.get(type(instrument))
            if markets is None or instrument.base_currency.code != code or instrument.is_inverse:
                continue
            if _is_par(instrument.quote_currency.code, self.currency):
                markets.append(instrument.id.value)
        return found[CurrencyPair] + found[CryptoPerpetual]

    def _read(self) -> list[Account]:
        accounts: list[VenueAccount] = self._cache.accounts()
        positions: dict[AccountId, list[OpenPosition]] = {}
        for position in self._cache.positions_open():
            positions.setdefault(position.account_id, []).append(self.held(position))
        if self.currency is None:
            self.currency = _main_currency(accounts)
        return [_account(account, positions.get(account.id, [])) for account in accounts]

    def _read_plain(self) -> PlainAccounts | None:
        accounts, currency = self._cache.accounts(), self.currency
        if len(accounts) == 1 and currency is not None and accounts[0].is_margin_account:
            return self._read_one(accounts[0], currency)
        if self._accounts is None:
            self._accounts = self._read()
        # Without an account or a currency there is nothing to say but why.
        known = self._accounts and self.currency
        return PlainAccounts.of(self._accounts, known) if known else None

    def _read_one(self, account: VenueAccount, currency: str) -> PlainAccounts | None:
        """Return what `PlainAccounts.of` says of the one margin account most nodes have: after every fill."""
        balance = 0.0
        for held, money in account.balances_total().items():
            amount = money.as_double()
            if held.code == currency:
                balance = amount
            elif amount:
                return None
        positions, account_id = [], account.id
        for position in self._cache.positions_open():
            size = position.signed_qty
            if not size or position.account_id != account_id:
                continue
            name, settled_in, multiplier, inverse, paid = self._terms_held(position)
            size, entry = size * multiplier, 0.0 if paid else position.avg_px_open
            if inverse or settled_in != currency or not math.isfinite(size + entry):
                return None
            positions.append((name, size, entry))
        return PlainAccounts(balance, tuple(positions)) if math.isfinite(balance) else None

    def held(self, position: Position) -> OpenPosition:
        """Return a position as the equity counts it."""
        name, currency, multiplier, inverse, paid = self._terms_held(position)
        entry = 0.0 if paid else position.avg_px_open
        return OpenPosition(name, position.signed_qty, entry, currency, multiplier, inverse)

    def _terms_held(self, position: Position) -> tuple[str, str, float, bool, bool]:
        instrument_id = position.instrument_id
        terms = self._held_terms.get(instrument_id)
        if terms is None:
            terms = self._held_terms[instrument_id] = (
                self._name(instrument_id),
                position.settlement_currency.code,
                float(position.multiplier),
                bool(position.is_inverse),
                # Balances have moved by the premium already: all an option is worth comes on top of them.
                position.instrument_class == InstrumentClass.OPTION,
            )
        return terms


def _is_par(one: str, other: str | None) -> bool:
    return one == other or other is None or (one in DOLLARS and other in DOLLARS)


def _account(account: VenueAccount, positions: list[OpenPosition]) -> Account:
    kind = AccountKind.MARGIN if account.is_margin_account else AccountKind.CASH
    balances = {c.code: m.as_double() for c, m in account.balances_total().items()}
    return Account(kind, balances, positions)


def _main_currency(accounts: list[VenueAccount]) -> str | None:
    for account in accounts:
        if account.base_currency is not None:
            return str(account.base_currency.code)
        totals: dict[str, float] = {c.code: m.as_double() for c, m in account.balances_total().items()}
        if totals:
            return max(totals, key=lambda code: (code in DOLLARS and totals[code] > 0.0, totals[code]))
    return None
