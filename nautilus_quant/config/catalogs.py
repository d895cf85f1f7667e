"""What data a backtest plays, over what time, and where it lies."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from nautilus_quant.config.adapters import ADAPTERS
from nautilus_quant.config.clients import data_fields, instruments_of
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.plugins import resolve_path
from nautilus_quant.config.spec import DataKind

DEFAULT_START: Final = "2025-01-01"
DEFAULT_DURATION: Final = 3_600.0
_NANOS: Final = 1_000_000_000
_MODEL: Final = "nautilus_trader.model.data"
_DATA_CLASSES: Final = {
    "quotes": f"{_MODEL}:QuoteTick",
    "depth": f"{_MODEL}:OrderBookDepth10",
    "trades": f"{_MODEL}:TradeTick",
    "marks": f"{_MODEL}:MarkPriceUpdate",
    "indices": f"{_MODEL}:IndexPriceUpdate",
    "funding": f"{_MODEL}:FundingRateUpdate",
    "bars": f"{_MODEL}:Bar",
}
"""In the order in which events of one time come."""
# The simulated market's own names of kinds.
_KINDS: Final = {
    "quotes": "quote",
    "depth": "depth",
    "trades": "trade",
    "marks": "mark",
    "indices": "index",
    "funding": "funding",
    "bars": "bar",
}


def data_configs(deployment: Deployment, venue: Venue) -> list[dict[str, Any]]:
    """
    Return the fields of NautilusTrader's data configs of one venue.

    Only what the plug-ins name is played: a live node would subscribe no more, and a gate that listens to
    all bars must see the same ones.
    """
    if venue.adapter == "simulated" and venue.name not in deployment.backtest.catalogs:
        return _simulated(deployment, venue)
    return list(_recorded(deployment, venue))


def period(deployment: Deployment) -> tuple[int | None, int | None]:
    """Return start and end of the backtest, UNIX time [ns]; None for those of the data."""
    spec, simulated = deployment.backtest, _has_simulated(deployment)
    start = _nanos(spec.start or (DEFAULT_START if simulated else None))
    end = _nanos(spec.end)
    duration = spec.duration or (DEFAULT_DURATION if simulated else None)
    if end is None and start is not None and duration is not None:
        end = start + round(duration * _NANOS)
    return start, end


def check_backtest(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Yield the keys of the ``backtest`` block that cannot be, and why."""
    spec = deployment.backtest
    wrong = [name for name in ("start", "end") if not _is_time(getattr(spec, name))]
    for name in wrong:
        yield f"backtest.{name}", "must be a UTC time such as 2025-01-01 or 2025-01-01T08:30:00"
    if spec.end is not None and spec.duration is not None:
        yield "backtest.duration", "give `end` or `duration`, not both"
    elif spec.duration is not None and spec.start is None and not _has_simulated(deployment):
        yield "backtest.duration", "needs a `start` to count from"
    if not wrong:
        start, end = period(deployment)
        if start is not None and end is not None and start >= end:
            yield "backtest.end", "must be after the start"
    if spec.chunk_size is not None and _has_simulated(deployment):
        yield "backtest.chunk_size", "the simulated market is played in one go, or its order in time is lost"
    for name in spec.catalogs.keys() - deployment.venues.keys():
        yield f"backtest.catalogs.{name}", "is not among the venues"


def catalog_path(deployment: Deployment, venue: Venue) -> str:
    """
    Return where the data of a venue lies.

    Written catalogs are named after what they were made from, so that a changed seed or period is a new one.
    """
    if venue.name in deployment.backtest.catalogs:
        return deployment.backtest.catalogs[venue.name]
    made_from: list[Any] = [venue.adapter, venue.name]
    if venue.adapter == "simulated":
        made_from += [market_fields(deployment, venue), period(deployment), data_kinds(deployment, venue)]
    else:
        made_from.append(venue.options.get("sources"))
    digest = hashlib.sha256(msgspec.json.encode(made_from, order="sorted")).hexdigest()[:16]
    return str(Path(deployment.backtest.cache) / f"{venue.name.lower()}-{digest}")


def market_fields(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Return the fields of the venue's data client config, without what only matters to a live node."""
    fields = {key: value for key, value in data_fields(deployment, venue).items() if key != "state"}
    symbols = [item.partition("-")[0].partition(".")[0] for item in instruments_of(deployment, venue)]
    if venue.adapter == "simulated" and symbols:
        # All coins move whether they are written down or not; only the traded ones are worth the disk.
        fields.setdefault("symbols", list(dict.fromkeys(symbols)))
    return fields


def market_config(deployment: Deployment, venue: Venue) -> Any:
    """Return the same as an object of that config class."""
    from nautilus_trader.config import msgspec_decoding_hook

    cls = resolve_path(ADAPTERS[venue.adapter].data.path)
    return msgspec.convert(market_fields(deployment, venue), cls, dec_hook=msgspec_decoding_hook)


def data_kinds(deployment: Deployment, venue: Venue) -> list[str]:
    """Return the kinds of data a venue's backtest plays, as configured or as its plug-ins' bars need."""
    chosen = set(deployment.backtest.data or ())
    chosen |= _paying(deployment, venue, ("funding",)) if chosen else set()
    if not chosen:
        bars = bars_of(deployment, venue)
        sources = {bar.rsplit("-", 2)[-2] for bar in bars if bar.endswith("-INTERNAL")}
        chosen |= {"bars"} if any(bar.endswith("-EXTERNAL") for bar in bars) else set()
        chosen |= {"trades"} if "LAST" in sources else set()
        # A recording of bars has no quotes; where there are quotes, fills are made from them.
        chosen |= {"quotes"} if venue.adapter != "replay" or sources - {"LAST"} else set()
        # The safety engine subscribes the mark prices of what is held.
        marked = venue.adapter == "simulated" and any(plugin.safety for plugin in deployment.plugins)
        chosen |= {"marks"} if marked else set()
        chosen |= _subscribed(deployment, venue)
        chosen |= _paying(deployment, venue, ("funding", "marks"))
    return [kind for kind in _DATA_CLASSES if kind in chosen]


def _paying(deployment: Deployment, venue: Venue, wanted: tuple[DataKind, ...]) -> set[DataKind]:
    """Return what perpetuals pay funding by, of what there is: funding rates, and marks to settle at."""
    if venue.options.get("funding") == "off":
        return set()
    if venue.adapter == "simulated" and venue.name not in deployment.backtest.catalogs:
        perpetual = any(f"-PERP.{venue.name}" in item for item in deployment.instruments)
        return set(wanted) if perpetual else set()
    from nautilus_quant.venues.recorded.contents import kinds_in

    there = _recorded_kinds(deployment, venue, kinds_in)
    return {kind for kind in wanted if kind in there} if "funding" in there else set()


def _recorded_kinds(
    deployment: Deployment, venue: Venue, kinds_in: Callable[[str, str | None], frozenset[str]]
) -> set[DataKind]:
    """Return which of funding and marks a catalog, or the files of a replay, hold."""
    if venue.name in deployment.backtest.catalogs:
        places: list[tuple[str, str | None]] = [(deployment.backtest.catalogs[venue.name], None)]
    else:
        sources = venue.options.get("sources") or ()
        places = [(str(source["path"]), source.get("layout")) for source in sources]
    found = set().union(*(kinds_in(path, layout) for path, layout in places))
    names: dict[str, DataKind] = {"funding": "funding", "mark": "marks"}
    return {names[kind] for kind in found}


def _subscribed(deployment: Deployment, venue: Venue) -> set[DataKind]:
    """Return what gates subscribe of this venue: without it a backtest would deny what a live node allows."""
    if venue.adapter != "simulated":
        return set()  # nobody knows what was recorded
    here = f".{venue.name}"
    return {
        kind
        for plugin in deployment.plugins
        if any(instrument.endswith(here) for instrument in plugin.instruments)
        for kind in plugin.kinds
    }


def native_kinds(deployment: Deployment, venue: Venue) -> list[str]:
    """Return the same in the words of the simulated market."""
    return [_KINDS[kind] for kind in data_kinds(deployment, venue)]


def bars_of(deployment: Deployment, venue: Venue) -> list[str]:
    """Return the bar types of a venue that any plug-in names."""
    return [bar for bar in deployment.bars if f".{venue.name}-" in bar]


def _simulated(deployment: Deployment, venue: Venue) -> list[dict[str, Any]]:
    from nautilus_quant.venues.simulated import catalog

    instruments, bars = set(instruments_of(deployment, venue)), set(bars_of(deployment, venue))
    listed = catalog.data_configs(
        market_config(deployment, venue),
        catalog_path(deployment, venue),
        kinds=native_kinds(deployment, venue),
    )
    return [item for item in listed if _is_played(item, instruments, bars)]


def _is_played(item: dict[str, Any], instruments: set[str], bars: set[str]) -> bool:
    """Tell whether an instrument, or bars, are among those named; bars lie in a folder named by length."""
    if "instrument_ids" in item:
        return True  # options: which will be traded is known only as they are listed
    if item["instrument_id"] not in instruments:
        return False
    bar = f"{item['instrument_id']}-{Path(item['catalog_path']).name}-LAST-EXTERNAL"
    return item["data_cls"] != _DATA_CLASSES["bars"] or bar in bars


def _recorded(deployment: Deployment, venue: Venue) -> Iterator[dict[str, Any]]:
    instruments = instruments_of(deployment, venue)
    start, end = period(deployment)
    for kind in data_kinds(deployment, venue) if instruments else []:
        item: dict[str, Any] = {
            "catalog_path": catalog_path(deployment, venue),
            "data_cls": _DATA_CLASSES[kind],
            "instrument_ids": instruments,
            "start_time": start,
            "end_time": end,
        }
        bars = [bar for bar in bars_of(deployment, venue) if bar.endswith("-EXTERNAL")]
        yield item | {"bar_types": bars} if kind == "bars" and bars else item


def _has_simulated(deployment: Deployment) -> bool:
    return any(venue.adapter == "simulated" for venue in deployment.venues.values())


def _is_time(text: str | None) -> bool:
    try:
        _nanos(text)
    except ValueError:
        return False
    return True


def _nanos(text: str | None) -> int | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text.strip())
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    # Whole microseconds: a float of nanoseconds since 1970 would not hold them.
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _NANOS + since.microseconds * 1_000
