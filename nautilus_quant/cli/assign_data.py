"""Bars and quotes of a deployment's venues, from the catalogs a backtest of it plays."""

from __future__ import annotations

import hashlib
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np
from nautilus_trader.model.data import Bar, BarType, QuoteTick
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant.config.catalogs import catalog_path, market_config, period
from nautilus_quant.config.data import prepare_data
from nautilus_quant.host.bars import bar_type_of
from nautilus_quant.learning.measures import Floats, Market

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nautilus_quant.config.deployment import Deployment, Venue

_DAY = 86_400_000_000_000
_DAYS = 90.0
_SIMULATED_BARS = 500
_QUOTES = 3_600_000_000_000
_SIMULATED_QUOTES = 600_000_000_000
_MANY_MISSING = 0.02


class NoDataError(Exception):
    """There is nothing to measure."""


class Recording(NamedTuple):
    """An instrument's bars, the times of their closes, and what is odd about them."""

    market: Market
    ts: Any
    """UNIX time [ns] of the closes. Shape: (n,)."""
    notes: tuple[str, ...]

    def closes_at(self, ts: Any) -> Floats:
        """Return the closes at these times, NaN where there are none. Shape: that of `ts`."""
        at = np.searchsorted(self.ts, ts)
        there = at < len(self.ts)
        there[there] = self.ts[at[there]] == ts[there]
        found = np.full(len(ts), math.nan)
        found[there] = self.market.closes[at[there]]
        return found


class _Place(NamedTuple):
    """Where a venue's data lies."""

    bars: Path
    quotes: Path
    days: float


def recordings(
    deployment: Deployment, instruments: Iterable[str], spec: str, days: float | None
) -> dict[str, Recording]:
    """
    Read the bars of instruments, preparing the data as a backtest does.

    Parameters
    ----------
    deployment
        Whose venues have the data.
    instruments
        Ids at these venues.
    spec
        Bars, ``"1-HOUR"``.
    days
        How much of the end of the data; ``None`` takes what the help of the command says.

    Raises
    ------
    NoDataError
        When an instrument is at no venue, or has no such bars.
    OSError, RecordedError, ValueError
        When the data cannot be prepared.

    """
    found: dict[str, Recording] = {}
    by_venue: dict[str, list[str]] = {}
    for name in instruments:
        by_venue.setdefault(name.rpartition(".")[2], []).append(name)
    for venue_name, names in by_venue.items():
        venue = deployment.venues.get(venue_name)
        if venue is None:
            known = ", ".join(deployment.venues)
            raise NoDataError(f"{names[0]} is at no venue of {deployment.path}; its venues: {known}")
        place = _place(deployment, venue, names, spec, days)
        found |= {name: _read(place, name, spec) for name in names}
    return found


def _place(deployment: Deployment, venue: Venue, names: list[str], spec: str, days: float | None) -> _Place:
    if venue.adapter == "simulated" and venue.name not in deployment.backtest.catalogs:
        return _simulated(deployment, venue, names, spec, days)
    prepare_data(replace(deployment, venues={venue.name: venue}))
    path = Path(catalog_path(deployment, venue))
    return _Place(path, path, _DAYS if days is None else days)


def _simulated(
    deployment: Deployment, venue: Venue, names: list[str], spec: str, days: float | None
) -> _Place:
    from nautilus_quant.venues.simulated import catalog

    symbols = tuple(
        dict.fromkeys(name.rpartition(".")[0].removesuffix("-PERP").removesuffix("USDT") for name in names)
    )
    config = msgspec.structs.replace(market_config(deployment, venue), symbols=symbols, bars=(spec,))
    start = period(deployment)[0]
    assert start is not None  # a simulated market always has one
    if days is None:
        days = _SIMULATED_BARS * config.longest_bar * 1e9 / _DAY
    digest = hashlib.sha256(msgspec.json.encode([config.market, symbols, spec, start, days])).hexdigest()[:16]
    path = Path(deployment.backtest.cache) / f"{venue.name.lower()}-assign-{digest}"
    root = catalog.write(config, start, start + round(days * _DAY), path, kinds=["bar"])
    first = start + min(_SIMULATED_QUOTES, round(days * _DAY))
    quotes = catalog.write(config, start, first, path.with_name(f"{path.name}-quotes"), kinds=["quote"])
    return _Place(root / "bars" / spec, quotes, days)


def _read(place: _Place, name: str, spec: str) -> Recording:
    bar_type = bar_type_of(InstrumentId.from_str(name), spec)
    catalog = ParquetDataCatalog(place.bars)
    last = catalog.query_last_timestamp(Bar, identifier=str(bar_type))
    if last is None:
        raise NoDataError(f"no {spec} bars of {name} in {place.bars}; {_offer(place.bars, name)}")
    start = last.value - round(place.days * _DAY)
    bars = catalog.bars(bar_types=[str(bar_type)], start=start)
    # A query finds bars whose type begins with the same text, too.
    bars = [
        bar for bar in bars if bar.bar_type == bar_type and bar.ts_event > start and bar.close.as_double() > 0
    ]
    return _recording(place, catalog, bar_type, bars)


def _offer(path: Path, name: str) -> str:
    """Say which bars there are instead."""
    folders = sorted(folder.name for folder in path.glob("data/bar/*"))
    found = [folder.removeprefix(f"{name}-") for folder in folders if folder.startswith(f"{name}-")]
    if found:
        return f"there are {', '.join(found)}"
    return f"there are bars of {', '.join(folders)}" if folders else "there are no bars at all"


def _recording(place: _Place, catalog: ParquetDataCatalog, bar_type: BarType, bars: list[Bar]) -> Recording:
    interval = int(bar_type.spec.get_interval_ns())
    ts = np.array([bar.ts_event for bar in bars], dtype=np.int64)
    described = catalog.instruments(instrument_ids=[bar_type.instrument_id.value])
    spreads, depths = _quotes(place, bar_type.instrument_id.value)
    market = Market(
        instrument=bar_type.instrument_id.value,
        interval=interval,
        closes=_column(bars, "close"),
        highs=_column(bars, "high"),
        lows=_column(bars, "low"),
        volumes=_column(bars, "volume"),
        spreads=spreads,
        depths=depths,
        tick=float(described[0].price_increment) if described else math.nan,
        maker_fee=float(described[0].maker_fee) if described else math.nan,
        taker_fee=float(described[0].taker_fee) if described else math.nan,
    )
    notes = () if described else ("its fees and tick are unknown: the catalog does not describe it",)
    return Recording(market, ts, (*notes, *_gaps(ts, interval)))


def _column(bars: list[Bar], name: str) -> Floats:
    return np.array([getattr(bar, name).as_double() for bar in bars], dtype=np.float64)


def _quotes(place: _Place, name: str) -> tuple[Floats | None, Floats | None]:
    """Return spreads and depths of the last hour that was quoted, if any was."""
    catalog = ParquetDataCatalog(place.quotes)
    last = catalog.query_last_timestamp(QuoteTick, identifier=name)
    if last is None:
        return None, None
    quotes = catalog.quote_ticks(instrument_ids=[name], start=last.value - _QUOTES)
    bid, ask = (
        np.array([getattr(q, side).as_double() for q in quotes]) for side in ("bid_price", "ask_price")
    )
    sizes = (np.array([getattr(q, side).as_double() for q in quotes]) for side in ("bid_size", "ask_size"))
    sound = (bid > 0.0) & (ask >= bid)
    offered = 0.5 * sum(price * size for price, size in zip((bid, ask), sizes, strict=True))
    return 2.0 * (ask - bid)[sound] / (ask + bid)[sound], np.asarray(offered)[sound]


def _gaps(ts: Any, interval: int) -> tuple[str, ...]:
    if len(ts) < 2:
        return ()
    missing = 1.0 - len(ts) / ((ts[-1] - ts[0]) / interval + 1.0)
    if missing <= _MANY_MISSING:
        return ()
    return (f"{missing:.0%} of its bars are missing: returns over a gap count as one bar's",)
