"""Reads positions, equity and terms of margin accounts from NautilusTrader into the rules of margin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.account.equity import Account, AccountKind, OpenPosition, Price, value
from nautilus_quant.account.margin import Held, Maintenance, Terms
from nautilus_quant.account.margin_book import Line, Pool
from nautilus_quant.account.margin_liquidation import Priced
from nautilus_quant.host.routing import client_of, clients, nets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from nautilus_trader.accounting.accounts.base import Account as VenueAccount
    from nautilus_trader.model.identifiers import PositionId
    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.host.valuation import Valuer


_HAIR = 1e-9
_GROWTH = 0.05
"""How far marks may rise before an account is measured again to see whether there is anything to say."""


class Watched:
    """One margin account, and until when what is known of it holds [ns]."""

    __slots__ = ("account", "calm", "due", "held", "known", "pool", "positions")

    def __init__(self, account: VenueAccount, pool: Pool) -> None:
        self.account = account
        self.pool = pool
        self.due = 0
        self.held: list[tuple[Held, str]] | None = None  # with the settlement currency
        self.positions: list[OpenPosition] = []
        self.known: dict[PositionId, _Known] = {}
        self.calm: _Calm | None = None  # None when it was measured since somebody asked


class _Known(NamedTuple):
    """A position as it was read last."""

    position: Position
    instrument_id: InstrumentId
    open: OpenPosition


type _Band = tuple[str, float, float]
"""Between which marks of the one instrument an account holds nothing is to be said of it."""


@dataclass(frozen=True, slots=True)
class _Calm:
    """While what there is to say of an account stays the same."""

    until: int
    """Before when [ns]."""
    equity: float
    """Above which equity [reporting currency]."""
    highest: tuple[tuple[str, float], ...]
    """Up to which mark of each instrument [quote currency]."""
    reserved: dict[float, int]
    """With what is kept for orders."""
    band: _Band | None
    """The same as equity and marks; ``None`` where it is not so simple."""


_NOT_CALM = _Calm(0, math.inf, (), {}, None)


class Listed(NamedTuple):
    """An instrument, and the margin account it is traded on; ``None`` when that is a cash account."""

    line: Line
    watched: Watched | None


class MarginDesk:
    """
    Keeps the pools of all margin accounts of a node up to date.

    Parameters
    ----------
    kernel
        The node.
    valuer
        Equity, prices and rates.
    make
        Makes the pool of an account from its id and the name of its venue.
    maintenance
        Maintenance margin by instrument id, where it is not that of the instrument.
    fallback
        Maintenance margin per notional of instruments that name none [-].
    interval
        How old the figures of a quiet account may be [ns].

    """

    def __init__(
        self,
        kernel: NautilusKernel,
        valuer: Valuer,
        make: Callable[[str, str], Pool],
        *,
        maintenance: Mapping[str, Maintenance],
        fallback: float,
        interval: int,
    ) -> None:
        self._kernel = kernel
        self._cache = kernel.cache
        self._valuer = valuer
        self._make = make
        self._maintenance = maintenance
        self._fallback = fallback
        self._interval = interval
        self._watched: dict[str, Watched] = {}
        self._listed: dict[str, Listed] = {}
        self._terms: dict[InstrumentId, Terms] = {}
        self._moved: set[PositionId] | None = None  # positions to read again; None for all

    def __iter__(self) -> Iterator[Watched]:
        """Go through all margin accounts."""
        return iter(self._watched.values())

    def discover(self) -> None:
        """Take in accounts that are new."""
        for account in self._cache.accounts():
            self._of(account)

    def _of(self, account: VenueAccount) -> Watched | None:
        if not account.is_margin_account:
            return None
        name = account.id.value
        found = self._watched.get(name)
        if found is None:
            pool = self._make(name, self._venue_of(account))
            found = self._watched[name] = Watched(account, pool)
            self._moved = None
        return found

    def _venue_of(self, account: VenueAccount) -> str:
        """Name the venue of an account: its client knows, where there is one for a single venue."""
        for client in clients(self._kernel.exec_engine):
            if client.account_id == account.id and client.venue is not None:
                return str(client.venue.value)
        return str(account.id.get_issuer())

    def listed(self, instrument: str) -> Listed | None:
        """Return an instrument with its account; ``None`` while one of the two is not there."""
        known = self._listed.get(instrument)
        return known if known is not None else self._look_up(instrument)

    def _look_up(self, instrument: str) -> Listed | None:
        instrument_id = InstrumentId.from_str(instrument)
        found = self._cache.instrument(instrument_id)
        account = self._cache.account_for_venue(instrument_id.venue)
        if account is None:
            client = client_of(self._kernel.exec_engine, instrument_id.venue)
            account = None if client is None else self._cache.account(client.account_id)
        if found is None or account is None:
            return None
        line = Line(self.terms(found).floor, found.size_increment.as_decimal())
        made = self._listed[instrument] = Listed(line, self._of(account))
        return made

    def terms(self, instrument: Instrument) -> Terms:
        """
        Return what is known of the margin of an instrument.

        NautilusTrader multiplies its ``margin_init`` with notional / leverage. Where that is 1 or more it is
        such a factor, and only below it is the venue's rate, beside which ``margin_maint`` is a rate, too.
        """
        terms = self._terms.get(instrument.id)
        if terms is None:
            initial, flat = float(instrument.margin_init), float(instrument.margin_maint)
            rates = 0.0 <= initial < 1.0
            if not (rates and 0.0 < flat < 1.0):
                flat = self._fallback
            terms = self._terms[instrument.id] = Terms(
                self._maintenance.get(instrument.id.value) or Maintenance.flat(flat),
                float(instrument.multiplier),
                bool(instrument.is_inverse),
                initial if rates else 0.0,
            )
        return terms

    def touch(self, position_id: PositionId | None = None) -> None:
        """
        Read positions and balances anew when they are next needed: something has happened to them.

        Parameters
        ----------
        position_id
            The only position that can have changed; ``None`` for any of them.

        """
        if position_id is None:
            self._moved = None
        elif self._moved is not None:
            self._moved.add(position_id)
        self.touch_balances()

    def touch_balances(self) -> None:
        """Read balances anew when they are next needed."""
        for watched in self._watched.values():
            watched.due = 0
            watched.held = None

    # -- measuring ---------------------------------------------------------------------------------

    def is_calm(self, watched: Watched, now: int) -> bool:
        """
        Tell whether no alert and no demand of an account can have changed since it was measured.

        So it is while prices stay near those of then and most of the equity is free. Asked with every price,
        where measuring everything again would be much work for the same answer. It is exact: False whenever
        it would take a measurement to know.
        """
        if watched.held is None:
            return False
        calm = watched.calm
        if calm is None:
            calm = watched.calm = self._calm(watched, now)
        if now >= calm.until or calm.reserved != watched.pool.reserve.totals:
            return False
        book, band = self._valuer.book, calm.band
        if band is not None:
            name, low, high = band
            mark = book.only.get(name)
            if mark is not None:
                price, ts, _, valid_for = mark
                age = book.max_age
                if low < price < high and ts - age <= now <= ts + age + valid_for:
                    return True
        fresh = self._valuer.fresh_equity(now)
        if fresh is None or not fresh[0] > calm.equity:
            return False
        marks = book.only
        for name, highest in calm.highest:
            mark = marks.get(name)
            if mark is None or not mark[0] <= highest:
                return False
        return True

    def all_calm(self, now: int) -> bool:
        """Tell whether all accounts are; see `is_calm`."""
        for watched in self._watched.values():  # noqa: SIM110 (a generator costs more than the look)
            if not self.is_calm(watched, now):
                return False
        return True

    def _calm(self, watched: Watched, now: int) -> _Calm:
        """Only where equity is simple: one account, all of it in one currency."""
        if not watched.held or len(self._cache.accounts()) != 1 or self._valuer.fresh_equity(now) is None:
            return _NOT_CALM
        pool = watched.pool
        equity, until = pool.calm(now, _GROWTH)
        highest = tuple((name, priced.mark * (1.0 + _GROWTH)) for name, priced in pool.positions.items())
        return _Calm(until, equity, highest, dict(pool.reserve.totals), self._band(watched, equity, highest))

    def _band(self, watched: Watched, least: float, highest: tuple[tuple[str, float], ...]) -> _Band | None:
        """Solve the one linear position of an account for the marks at which its equity exceeds `least`."""
        if len(highest) != 1 or len(watched.positions) != 1:
            return None
        ((name, most),) = highest
        held, mark = watched.positions[0], watched.pool.positions[name].mark
        size = held.quantity * held.multiplier
        if held.inverse or not size:
            return None
        # Equity moves with the mark by the size; a hair inside, so that rounding never matters.
        turns = mark - (watched.pool.equity * (1.0 - _HAIR) - least) / size
        most *= 1.0 - _HAIR
        return (name, turns, most) if size > 0.0 else (name, -math.inf, min(turns, most))

    def refresh(self, watched: Watched, now: int) -> None:
        """Measure an account at `now`, UNIX time [ns]."""
        if watched.held is None:
            self._read(watched)
        priced, problems, until = [], [], now + self._interval
        for held, currency in watched.held or ():
            mark = self._valuer.price(held.instrument, now)
            if mark.problem:
                problems.append(f"{held.instrument}: {mark.problem}")
            until = min(until, mark.valid_until)
            priced.append(Priced(held, mark.value, self._valuer.rate(currency, now)))
        equity, problem, fresh_until = self._equity(watched, now)
        if problem:
            problems.append(problem)
        watched.pool.measure(equity, priced, ", ".join(problems))
        # What is unknown may be known with the next price.
        watched.due = now if watched.pool.problem else min(until, fresh_until + 1)
        watched.calm = None

    def _read(self, watched: Watched) -> None:
        self._read_positions()
        groups: dict[InstrumentId, list[_Known]] = {}
        for known in watched.known.values():
            groups.setdefault(known.instrument_id, []).append(known)
        watched.held = [self._held(instrument_id, known) for instrument_id, known in groups.items()]
        watched.positions = [one.open for known in groups.values() for one in known]

    def _held(self, instrument_id: InstrumentId, known: list[_Known]) -> tuple[Held, str]:
        first = known[0]
        name, net, _, currency, *_ = first.open
        gross = abs(net)
        if len(known) > 1:
            sizes = [one.open.quantity for one in known]
            net = math.fsum(sizes)
            netted = nets(self._kernel.exec_engine, first.position)
            gross = abs(net) if netted else math.fsum(map(abs, sizes))
        terms = self._terms.get(instrument_id) or self._terms_of(first)
        return Held(name, net, gross, terms), currency

    def _terms_of(self, known: _Known) -> Terms:
        instrument = self._cache.instrument(known.instrument_id)
        if instrument is not None:
            return self.terms(instrument)
        return Terms(Maintenance.flat(self._fallback), known.open.multiplier, known.open.inverse)

    def _read_positions(self) -> None:
        """Read the positions that may have changed, or all where something is amiss."""
        moved, self._moved = self._moved, set()
        for position_id in moved or ():
            position = self._cache.position(position_id)
            for watched in self._watched.values():
                watched.known.pop(position_id, None)
            if position is not None and not position.is_closed:
                self._know(position)
        known = sum(len(watched.known) for watched in self._watched.values())
        if moved is None or known != self._cache.positions_open_count():
            for watched in self._watched.values():
                watched.known.clear()
            for position in self._cache.positions_open():
                self._know(position)

    def _know(self, position: Position) -> None:
        watched = self._watched.get(position.account_id.value)
        if watched is not None:
            watched.known[position.id] = _Known(position, position.instrument_id, self._valuer.held(position))

    def _equity(self, watched: Watched, now: int) -> tuple[float, str, int]:
        """Return the equity of an account, what is wrong with it, and until when it holds [ns]."""
        valuer = self._valuer
        if len(self._cache.accounts()) == 1:
            fresh = valuer.fresh_equity(now)
            if fresh is not None:
                return fresh[0], "", fresh[1]
            valuation = valuer.value(now)
        else:
            balances = {c.code: m.as_double() for c, m in watched.account.balances_total().items()}
            account = Account(AccountKind.MARGIN, balances, watched.positions)
            if valuer.currency is None:
                valuer.value(now)  # finds the reporting currency
            currency = valuer.currency or ""
            valuation = value(now, [account], lambda i: valuer.price(i, now), self._rate(now), currency)
        return valuation.equity, ", ".join(valuation.stale), valuation.valid_until

    def _rate(self, now: int) -> Callable[[str], Price]:
        def rate(code: str) -> Price:
            worth = self._valuer.rate(code, now)
            return Price(worth, "no rate" if math.isnan(worth) else "", now + self._interval)

        return rate
