"""What a node knows of its options, shared by all who ask: `OptionDesk.on`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nautilus_quant.host.board import share_on_bus
from nautilus_quant.host.messages import subscribe
from nautilus_quant.host.options_chain import Listing
from nautilus_quant.host.options_contract import SurfaceUpdate, contract_of, decimal_vol
from nautilus_quant.host.options_underlying import Underlyings
from nautilus_quant.options.contract import years
from nautilus_quant.options.forward import forwards
from nautilus_quant.options.greeks import book_greeks, position_greeks
from nautilus_quant.options.implied_vol import implied_vol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.common.component import Clock, MessageBus
    from nautilus_trader.model.data import OptionGreeks
    from nautilus_trader.model.identifiers import InstrumentId
    from numpy.typing import NDArray

    from nautilus_quant.options.chain import Chain
    from nautilus_quant.options.contract import Contract
    from nautilus_quant.options.greeks import PerPosition
    from nautilus_quant.options.surface import Surface

__all__ = ["Known", "OptionDesk", "SurfaceUpdate", "contract_of"]

SECOND = 1_000_000_000
_HOUR = 3_600 * SECOND
_PLACE = "nautilus_quant.options"
_EARLY = 16
"""Before strategies hear of greeks or a surface, it is known here."""


class Known(NamedTuple):
    """
    A number, how old it is, and who says so.

    Parameters
    ----------
    value
        NaN when nobody knows, or only something too old.
    age
        Of what it rests on [s]; infinite when unknown.
    source
        ``"venue"``, ``"surface"``, ``"parity"``, ``"future"``, ``"spot"``, ``"mid"``, ``"nearest"``,
        or nothing.

    """

    value: float
    age: float
    source: str

    @property
    def is_known(self) -> bool:
        """Whether there is a number."""
        return math.isfinite(self.value)


UNKNOWN = Known(math.nan, math.inf, "")


class OptionDesk:
    """
    The options in the cache: what they pay, their forwards, volatilities and greeks.

    It hears the greeks that anybody subscribes and the surfaces that `IVMonitor` fits; quotes it looks up.

    Parameters
    ----------
    msgbus, cache, clock
        Of the node.

    """

    def __init__(self, msgbus: MessageBus, cache: CacheFacade, clock: Clock) -> None:
        self.max_age = 60.0
        """How old a venue's greeks, a quote or a price may be [s]."""
        self.max_surface_age = 300.0
        """How old a surface may be [s]."""
        self._cache = cache
        self._clock = clock
        self._listing = Listing(cache)
        self._underlyings = Underlyings(cache)
        self._greeks: dict[InstrumentId, OptionGreeks] = {}
        self._venue_forwards: dict[tuple[str, int], tuple[float, int]] = {}
        self._parity: dict[tuple[str, int], tuple[int, float]] = {}
        self._surfaces: dict[str, Surface] = {}
        self._tidy = 0
        msgbus.subscribe("data.option_greeks.*", self._on_greeks, priority=_EARLY)
        subscribe(msgbus, SurfaceUpdate, self._on_surface)

    @classmethod
    def on(cls, msgbus: MessageBus, cache: CacheFacade, clock: Clock) -> OptionDesk:
        """Return the one of this bus, making it the first time."""
        return share_on_bus(msgbus, _PLACE, cls, lambda: cls(msgbus, cache, clock))

    def on_ping(self, _message: object) -> None:
        """Make the desk findable; nothing is published there."""

    def reset(self) -> None:
        """Forget everything heard: the node starts again from the beginning."""
        self._greeks.clear()
        self._venue_forwards.clear()
        self._parity.clear()
        self._surfaces.clear()
        self._tidy = 0

    def now(self) -> int:
        """Return the time, UNIX [ns]."""
        return int(self._clock.timestamp_ns())

    # -- what comes in -------------------------------------------------------------------------------

    def _on_greeks(self, greeks: OptionGreeks) -> None:
        self._greeks[greeks.instrument_id] = greeks
        forward = greeks.underlying_price
        contract = self._listing.contract(greeks.instrument_id)
        if contract is not None and forward is not None and 0.0 < forward < math.inf:
            self._venue_forwards[contract.underlying, contract.expiry] = (forward, greeks.ts_init)
        now = self._clock.timestamp_ns()
        if now >= self._tidy:
            self._tidy = now + _HOUR
            self._forget_expired(now)

    def _forget_expired(self, now: int) -> None:
        for instrument_id in list(self._greeks):
            contract = self._listing.contract(instrument_id)
            if contract is None or contract.expiry <= now:
                del self._greeks[instrument_id]
        for known in (self._venue_forwards, self._parity):
            for key in [key for key in known if key[1] <= now]:
                del known[key]

    def _on_surface(self, update: SurfaceUpdate) -> None:
        self._surfaces[update.key] = update.surface

    # -- what is listed ------------------------------------------------------------------------------

    def contract(self, instrument_id: InstrumentId) -> Contract | None:
        """Return what an instrument pays, or ``None`` when it is not in the cache or no option."""
        return self._listing.contract(instrument_id)

    def contracts(self, underlying: str | None = None) -> dict[InstrumentId, Contract]:
        """Return the options in the cache that have not expired, of one underlying or of all."""
        now = self._clock.timestamp_ns()
        return {
            instrument_id: contract
            for instrument_id, contract in self._listing.contracts().items()
            if contract.expiry > now and underlying in {None, contract.underlying}
        }

    def underlyings(self) -> tuple[str, ...]:
        """Return the underlyings of all options in the cache, in alphabetical order."""
        return tuple(sorted({contract.underlying for contract in self._listing.contracts().values()}))

    def chain(self, underlying: str, venue: str | None = None) -> Chain:
        """
        Return the latest quotes of all options on an underlying.

        Parameters
        ----------
        underlying
            E.g. ``"BTC"``.
        venue
            Only of this one; ``None`` takes all, and of options that pay the same the tightest quote.

        """
        return self._listing.chain(underlying, venue, self._clock.timestamp_ns(), self._coin_price)

    def greeks_of_venue(self, instrument_id: InstrumentId) -> OptionGreeks | None:
        """Return the venue's latest greeks of an option, however old, or ``None``."""
        return self._greeks.get(instrument_id)

    def surface(self, underlying: str) -> Surface | None:
        """Return the latest surface of an underlying that is not too old."""
        surface = self._surfaces.get(underlying)
        if surface is None or not self._age(surface.ts) <= self.max_surface_age:
            return None
        return surface

    # -- what is known of an option ------------------------------------------------------------------

    def forward(self, contract: Contract) -> Known:
        """
        Return the forward of an option's expiry.

        The venue's own while fresh, else by put-call parity (of the surface, or of the quotes now), else the
        price of a future of that expiry, else of the perpetual or spot.
        """
        at = (contract.underlying, contract.expiry)
        price, ts = self._venue_forwards.get(at, (math.nan, 0))
        if self._age(ts) <= self.max_age:
            return Known(price, self._age(ts), "venue")
        surface = self.surface(contract.underlying)
        if surface is not None and contract.expiry in surface.forwards:
            return Known(surface.forwards[contract.expiry], self._age(surface.ts), "surface")
        by_parity = self._forward_by_parity(contract)
        if math.isfinite(by_parity):
            return Known(by_parity, 0.0, "parity")
        return self._of_underlying(contract.underlying, contract.expiry)

    def vol(self, contract: Contract) -> Known:
        """
        Return the volatility of an option.

        Of the surface between its first and last slice, else the venue's own, else that of its own mid, else
        the surface's beyond its slices (``"nearest"``).
        """
        surface = self.surface(contract.underlying)
        if surface is None or not surface.covers(contract.expiry):
            own = self._vol_of_its_own(contract)
            if own.is_known or surface is None:
                return own
        vol = float(surface.vol(contract.strike, contract.expiry))
        source = "surface" if surface.covers(contract.expiry) else "nearest"
        return Known(vol, self._age(surface.ts), source) if math.isfinite(vol) else UNKNOWN

    def _vol_of_its_own(self, contract: Contract) -> Known:
        instrument_id = self._listing.id_of(contract.name)
        greeks = self._greeks.get(instrument_id) if instrument_id is not None else None
        if greeks is not None and self._age(greeks.ts_init) <= self.max_age:
            vol = decimal_vol(greeks.mark_iv)
            if math.isfinite(vol):
                return Known(vol, self._age(greeks.ts_init), "venue")
        return self._vol_of_mid(contract, instrument_id)

    def mid(self, contract: Contract) -> Known:
        """Return the middle of bid and ask per unit of underlying [currency of the forward]."""
        instrument_id = self._listing.id_of(contract.name)
        quote = None if instrument_id is None else self._cache.quote_tick(instrument_id)
        if quote is None or not self._age(quote.ts_init) <= self.max_age:
            return UNKNOWN
        bid, ask = quote.bid_price.as_double(), quote.ask_price.as_double()
        if not 0.0 < bid <= ask:
            return UNKNOWN
        scale = self.forward(contract).value if contract.coin_settled else 1.0
        middle = 0.5 * (bid + ask) * scale
        return Known(middle, self._age(quote.ts_init), "mid") if math.isfinite(middle) else UNKNOWN

    def greeks(self, instrument_id: InstrumentId, quantity: float) -> PerPosition | None:
        """
        Return the greeks of a number of contracts [coin], negative for sold ones.

        ``None`` when the instrument is no option, has expired, or its forward or volatility is unknown.
        """
        contract = self._listing.contract(instrument_id)
        now = self._clock.timestamp_ns()
        if contract is None or contract.expiry <= now:
            return None
        forward, vol = self.forward(contract), self.vol(contract)
        if not (forward.is_known and vol.is_known):
            return None
        return position_greeks(contract, float(quantity), forward.value, vol.value, now)

    def book(self, quantities: Mapping[InstrumentId, float]) -> PerPosition | None:
        """
        Return the greeks of many positions on one underlying at once [coin].

        Parameters
        ----------
        quantities
            Contracts of each option, negative for sold ones.

        Returns
        -------
        PerPosition or None
            Every field float64[n], in the order of `quantities`; `PerPosition.net` adds them up. ``None``
            without positions, or when one is no option, has expired, or its forward or volatility is unknown.

        Raises
        ------
        UnitError
            If they are on different underlyings.

        """
        now = self._clock.timestamp_ns()
        contracts = [self._listing.contract(instrument_id) for instrument_id in quantities]
        alive = [contract for contract in contracts if contract is not None and contract.expiry > now]
        if not alive or len(alive) < len(contracts):
            return None
        by_expiry = {contract.expiry: contract for contract in alive}
        known = {expiry: self.forward(contract).value for expiry, contract in by_expiry.items()}
        forwards_ = np.array([known[contract.expiry] for contract in alive])
        vols = self.vols(alive)
        if not np.isfinite(forwards_ + vols).all():
            return None
        return book_greeks(alive, list(quantities.values()), forwards_, vols, now)

    def vols(self, contracts: Sequence[Contract]) -> NDArray[np.float64]:
        """
        Return the volatilities of options, float64[n]; NaN when unknown. See `vol`.

        Parameters
        ----------
        contracts
            At least one, all on one underlying.

        """
        surface = self.surface(contracts[0].underlying)
        vols = np.full(len(contracts), np.nan)
        if surface is not None:
            strike, expiry = [one.strike for one in contracts], [one.expiry for one in contracts]
            covered = [surface.covers(one.expiry) for one in contracts]
            vols = np.where(covered, surface.vol(strike, expiry), np.nan)
        for at in np.flatnonzero(~np.isfinite(vols)).tolist():
            vols[at] = self.vol(contracts[at]).value
        return vols

    # -- where it comes from -------------------------------------------------------------------------

    def _age(self, ts: int) -> float:
        """Return how old something is [s]; what is from the future is not known yet."""
        age = (self._clock.timestamp_ns() - ts) / SECOND
        return age if age >= 0.0 else math.inf

    def _forward_by_parity(self, contract: Contract) -> float:
        now, at = self._clock.timestamp_ns(), (contract.underlying, contract.expiry)
        when, value = self._parity.get(at, (-1, math.nan))
        # Within a second the same quotes are not gone through again for every option of the expiry.
        if not 0 <= now - when < SECOND:
            chain = self.chain(contract.underlying)
            good = (chain.bid > 0.0) & (chain.bid <= chain.ask)
            good &= chain.quoted >= now - self.max_age * SECOND
            found = forwards(chain, good)
            for expiry in np.unique(chain.expiry).tolist():
                self._parity[contract.underlying, expiry] = (now, math.nan)
            for expiry, forward, pairs in zip(found.expiry, found.forward, found.pairs, strict=True):
                if pairs:
                    self._parity[contract.underlying, int(expiry)] = (now, float(forward))
            value = self._parity.get(at, (now, math.nan))[1]
        return value

    def _coin_price(self, underlying: str, expiry: int) -> tuple[float, bool]:
        """Return what premiums in coin are converted at, and whether it is a forward of the expiry."""
        price, ts = self._venue_forwards.get((underlying, expiry), (math.nan, 0))
        if self._age(ts) <= self.max_age:
            return price, True
        found = self._of_underlying(underlying, expiry)
        return found.value, found.source == "future"

    def _of_underlying(self, underlying: str, expiry: int) -> Known:
        price, ts, source = self._underlyings.price(underlying, expiry)
        age = self._age(ts)
        return Known(price, age, source) if age <= self.max_age and math.isfinite(price) else UNKNOWN

    def _vol_of_mid(self, contract: Contract, instrument_id: InstrumentId | None) -> Known:
        mid, forward = self.mid(contract), self.forward(contract)
        left = years(self._clock.timestamp_ns(), contract.expiry)
        if instrument_id is None or not (mid.is_known and forward.is_known) or left <= 0.0:
            return UNKNOWN
        vol = float(implied_vol(mid.value, forward.value, contract.strike, left, contract.call))
        return Known(vol, max(mid.age, forward.age), "mid") if math.isfinite(vol) else UNKNOWN
