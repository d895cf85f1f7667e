"""Reads what a node holds and has ordered in options, and in all that moves with them, to stress it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from nautilus_trader.model.enums import InstrumentClass
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import (
    CryptoFuture,
    CryptoOption,
    CryptoOptionSpread,
    Equity,
    FuturesContract,
    OptionContract,
    OptionSpread,
)

from nautilus_quant.host.messages import Message
from nautilus_quant.host.option_margin_orders import OrdersOnTheWay, Reach
from nautilus_quant.host.options import OptionDesk
from nautilus_quant.options.stress import Lines
from nautilus_quant.options.stress_book import Asked, Holdings, StressBook

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.position import Position
    from nautilus_trader.system.kernel import NautilusKernel

    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.host.valuation import Valuer
    from nautilus_quant.options.contract import Contract
    from nautilus_quant.options.stress_risk import Concentration, ExpiryGap

SECOND = 1_000_000_000
UNREADABLE = "?"
"""Underlying of an option that nothing is known of: as long as one is held, nothing new is let through."""

_OPTIONS = (CryptoOption, OptionContract, OptionSpread, CryptoOptionSpread)
_NO_REACH = Reach()


@dataclass(frozen=True, kw_only=True)
class OptionRiskUpdate(Message):
    """
    What the options on an underlying would lose in stress (key: the underlying, e.g. ``"BTC"``).

    Parameters
    ----------
    loss
        The worst, orders on their way included [reporting currency]; NaN when unknown.
    scenario
        In which, in words.
    spot, vol, days
        The same in numbers: move of the price [fraction], shock of volatility at 30 days [fraction], time
        that passes [days].
    total, limit
        Worst losses of all underlyings together, and the most they may be [reporting currency].
    concentration
        Where vega and gamma sit; ``None`` while unknown.
    gaps
        What a jump at each expiry would cost; the nearest first.
    problem
        Why it is unknown; empty when it is known.

    """

    loss: float
    scenario: str
    spot: float
    vol: float
    days: float
    total: float
    limit: float
    concentration: Concentration | None = None
    gaps: tuple[ExpiryGap, ...] = ()
    problem: str = ""


class Term(NamedTuple):
    """
    What an instrument is to a book of options.

    Parameters
    ----------
    underlying
        Code of what it moves with.
    is_option
        An option, or a spread of some.
    legs
        Instruments and how many of each: itself once, or the legs of a spread.
    step
        Increment of quantities [contracts].

    """

    underlying: str
    is_option: bool
    legs: tuple[tuple[InstrumentId, float], ...]
    step: Decimal


class OptionBook:
    """
    Keeps a stress book in step with positions, orders, prices and volatilities of a node.

    Parameters
    ----------
    kernel
        The node.
    valuer
        Equity, and what a contract is worth.
    book
        The rule.
    interval
        How old a measurement may be [ns].
    max_vol_age
        How long the last volatility known of an option is taken when there is none [ns].

    """

    def __init__(
        self, kernel: NautilusKernel, valuer: Valuer, book: StressBook, *, interval: int, max_vol_age: int
    ) -> None:
        self._cache = kernel.cache
        self._valuer = valuer
        self._desk = OptionDesk.on(kernel.msgbus, kernel.cache, kernel.clock)
        self._interval = interval
        self._max_vol_age = max_vol_age
        self._terms: dict[str, Term] = {}
        self._vols: dict[str, tuple[int, float]] = {}
        self._held: dict[str, dict[InstrumentId, float]] | None = None
        self._due: dict[str, int] = {}
        self.book = book
        self.orders = OrdersOnTheWay(kernel.cache)

    # -- what there is -----------------------------------------------------------------------------

    def term(self, instrument: str) -> Term | None:
        """Return what an instrument is; ``None`` when it is not in the cache, or an option with gaps."""
        known = self._terms.get(instrument)
        if known is None:
            found = self._cache.instrument(InstrumentId.from_str(instrument))
            known = None if found is None else self._read_term(found)
            if known is not None:
                self._terms[instrument] = known
        return known

    def matters(self, term: Term) -> bool:
        """Tell whether an instrument changes what options could lose."""
        return term.is_option or term.underlying in self._positions()

    @property
    def underlyings(self) -> tuple[str, ...]:
        """What options are held or ordered on."""
        return tuple(self._positions())

    def touch(self, instrument: str | None = None) -> None:
        """Read positions and orders anew when next needed: something happened to this one, or to any."""
        if instrument is not None and self._held is not None:
            term = self.term(instrument)
            if term is not None and not self.matters(term):
                return
        self._held = None

    # -- measuring ---------------------------------------------------------------------------------

    def refresh(self, now: int) -> None:
        """Measure every underlying that is due at `now`, UNIX time [ns]."""
        held = self._positions()
        for underlying in [name for name in self.book.underlyings if name not in held]:
            self.book.forget(underlying)
            self._due.pop(underlying, None)
        for underlying in held:
            if now >= self._due.get(underlying, 0):
                self._measure(underlying, now)
        self.book.equity = self._equity(now)

    def ask(self, intent: Intent, term: Term) -> Asked:
        """Return what an order is for, with what may be held of it if that order is left out."""
        lines = self._lines([leg for leg, _ in term.legs], intent.ts)
        if len(term.legs) > 1:
            return Asked(lines, 0.0, 0.0, term.step, tuple(ratio for _, ratio in term.legs))
        instrument_id = term.legs[0][0]
        # A change that moves an order is judged as a whole, one that adds to it on top of what is there.
        without = intent.order if self.orders.replaces(intent) else ""
        reach = self._reaches(without).get(instrument_id, _NO_REACH)
        held = self._positions().get(term.underlying, {}).get(instrument_id, 0.0)
        return Asked(lines, *reach.ends(held), term.step)

    def _equity(self, now: int) -> float:
        fresh = self._valuer.fresh_equity(now)
        if fresh is not None:
            return fresh[0]
        valuation = self._valuer.value(now)
        return valuation.equity if valuation.fresh else math.nan

    def _measure(self, underlying: str, now: int) -> None:
        held, reaches = self._positions()[underlying], self._reaches()
        ids = [name for name in held if not self._is_over(name, now)]
        lines = self._lines(ids, now)
        sizes = np.array([held[name] for name in ids], dtype=np.float64)
        ends = [reaches.get(name, _NO_REACH).ends(held[name]) for name in ids]
        low, high = (np.array([end[side] for end in ends], dtype=np.float64) for side in (0, 1))
        problem = "an option that nothing is known of is held" if underlying == UNREADABLE else ""
        self.book.measure(underlying, Holdings(lines, sizes, low, high), problem)
        # What is unknown may be known with the next price.
        self._due[underlying] = now if self.book.problem(underlying) else now + self._interval

    def _is_over(self, instrument_id: InstrumentId, now: int) -> bool:
        contract = self._desk.contract(instrument_id)
        return contract is not None and contract.expiry <= now

    def _positions(self) -> Mapping[str, Mapping[InstrumentId, float]]:
        """Return what is held, or may be after orders, by underlying: of those only that have options."""
        if self._held is None:
            self._held = self._read_positions()
            self._due.clear()
            self._forget_vols()
        return self._held

    def _read_positions(self) -> dict[str, dict[InstrumentId, float]]:
        found: dict[str, dict[InstrumentId, float]] = {}
        with_options = set()
        for position in self._cache.positions_open():
            term = self.term(position.instrument_id.value)
            if term is None:
                term = _unreadable(position)
            sizes = found.setdefault(term.underlying, {})
            for leg, ratio in term.legs:
                sizes[leg] = sizes.get(leg, 0.0) + ratio * float(position.signed_qty)
            if term.is_option:
                with_options.add(term.underlying)
        for order in self.orders:
            term = self.term(order.instrument_id.value)
            if term is not None:
                for leg, _ in term.legs:
                    found.setdefault(term.underlying, {}).setdefault(leg, 0.0)
                if term.is_option:
                    with_options.add(term.underlying)
        return {underlying: sizes for underlying, sizes in found.items() if underlying in with_options}

    def _reaches(self, without: str = "") -> dict[InstrumentId, Reach]:
        """Return how far orders move what is held; those for a spread move each of its legs."""
        found: dict[InstrumentId, Reach] = {}
        for instrument_id, reach in self.orders.reaches(without).items():
            term = self.term(instrument_id.value)
            for leg, ratio in () if term is None else term.legs:
                before, here = found.get(leg, _NO_REACH), _times(reach, ratio)
                found[leg] = Reach(*(one + other for one, other in zip(before, here, strict=True)))
        return found

    # -- lines -------------------------------------------------------------------------------------

    def _lines(self, ids: Iterable[InstrumentId], now: int) -> Lines:
        """Return the lines of instruments, in their order."""
        ids = list(ids)
        contracts = {name: self._desk.contract(name) for name in ids}
        options = [(name, contract) for name, contract in contracts.items() if contract is not None]
        others = [name for name, contract in contracts.items() if contract is None]
        lines = Lines.of_linear([name.value for name in others], [self._worth(name, now) for name in others])
        if options:
            lines = self._option_lines([contract for _, contract in options], now) + lines
        order = {name: place for place, name in enumerate(lines.names)}
        return lines.take([order[name.value] for name in ids])

    def _option_lines(self, contracts: list[Contract], now: int) -> Lines:
        forwards: dict[tuple[str, int], float] = {}
        for contract in contracts:
            at = (contract.underlying, contract.expiry)
            if at not in forwards:
                forwards[at] = self._desk.forward(contract).value
        return Lines.of_options(
            contracts,
            [forwards[contract.underlying, contract.expiry] for contract in contracts],
            self._volatilities(contracts, now),
            now,
            rate=[self._rate(contract, now) for contract in contracts],
        )

    def _rate(self, contract: Contract, now: int) -> float:
        """Return the worth of the currency strikes are in: dollars, where the option is settled in coin."""
        return self._valuer.rate("USD" if contract.coin_settled else contract.settlement, now)

    def _worth(self, instrument_id: InstrumentId, now: int) -> float:
        instrument = self._cache.instrument(instrument_id)
        return math.nan if instrument is None else self._valuer.unit(instrument, now)

    def _volatilities(self, contracts: list[Contract], now: int) -> list[float]:
        vols = self._desk.vols(contracts).tolist()
        return [self._vol(contract, vol, now) for contract, vol in zip(contracts, vols, strict=True)]

    def _vol(self, contract: Contract, vol: float, now: int) -> float:
        """Return the volatility of an option: that of now, else the last known while it is not too old."""
        if vol > 0.0:
            self._vols[contract.name] = (now, vol)
            return vol
        seen, last = self._vols.get(contract.name, (-1, math.nan))
        return last if 0 <= now - seen <= self._max_vol_age else math.nan

    def _forget_vols(self) -> None:
        held = {name.value for sizes in (self._held or {}).values() for name in sizes}
        self._vols = {name: known for name, known in self._vols.items() if name in held}

    def _read_term(self, instrument: Instrument) -> Term | None:
        step = instrument.size_increment.as_decimal()
        is_option = isinstance(instrument, _OPTIONS)
        if instrument.is_spread():
            legs = [(leg, float(ratio)) for leg, ratio in instrument.legs()]
            terms = [self.term(leg.value) for leg, _ in legs]
            codes = {"" if term is None else term.underlying for term in terms}
            if len(codes) != 1 or "" in codes:
                return None if is_option else Term("", False, (), step)
            return Term(
                codes.pop(), any(term is not None and term.is_option for term in terms), tuple(legs), step
            )
        contract = self._desk.contract(instrument.id)
        if contract is None:
            return None if is_option else Term(_moves_with(instrument), False, ((instrument.id, 1.0),), step)
        return Term(contract.underlying, True, ((instrument.id, 1.0),), step)


def _unreadable(position: Position) -> Term:
    """Return the term of a position whose instrument is gone, or is an option that cannot be priced."""
    is_option = position.instrument_class == InstrumentClass.OPTION
    return Term(UNREADABLE, is_option, ((position.instrument_id, 1.0),), Decimal(1))


def _moves_with(instrument: Instrument) -> str:
    """Name what an instrument that is no option moves with; empty when nothing options are written on."""
    if isinstance(instrument, CryptoFuture):
        return str(instrument.underlying.code)
    if isinstance(instrument, FuturesContract):
        return str(instrument.underlying)
    if isinstance(instrument, Equity):
        return str(instrument.raw_symbol.value)
    base = instrument.get_base_currency()
    return "" if base is None else str(base.code)


def _times(reach: Reach, ratio: float) -> Reach:
    """Return how far a leg is moved by orders for a spread."""
    buys, sells, closing_buys, closing_sells = (abs(ratio) * size for size in reach)
    if ratio < 0.0:
        return Reach(sells, buys, closing_sells, closing_buys)
    return Reach(buys, sells, closing_buys, closing_sells)


def reports(book: StressBook, now: int) -> list[OptionRiskUpdate]:
    """Return what is to be told of every underlying at `now`, UNIX time [ns]."""
    found = []
    for underlying in book.underlyings:
        loss, scenario = book.worst(underlying)
        problem = book.problem(underlying)
        update = OptionRiskUpdate(
            key=underlying,
            ts=now,
            loss=loss,
            scenario="" if problem else scenario.text,
            spot=scenario.spot,
            vol=scenario.vol,
            days=scenario.days,
            total=book.loss,
            limit=book.limit,
            concentration=None if problem else book.concentration(underlying),
            gaps=() if problem else book.gaps(underlying),
            problem=problem,
        )
        found.append(update)
    return found
