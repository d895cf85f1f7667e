"""The market as a NautilusTrader catalog: a backtest on it sees exactly what a live node sees.

NautilusTrader sorts all data of a run by time, and data of one time stays in the order in which its
data configs stand. `data_configs` lists them so that this is the order of a live node: one config for each
kind and instrument, kinds in the order of `feed.Kind`, bars from short to long. A run must load them in one
go (no ``chunk_size``).

What options there were is in ``options.json``. No two events of options are of one time, so one config reads
all of a kind. Their greeks go with their quotes, and what they are settled at is always there.

Reading bars of several lengths with one query mixes up those that end at the same time, so each length also
has a catalog of its own, in ``bars/<spec>`` below the main one, and that is what `data_configs` points to.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

import msgspec
from nautilus_trader.core.data import Data
from nautilus_trader.model.data import BarType
from nautilus_trader.persistence.catalog import ParquetDataCatalog

from nautilus_quant import __version__
from nautilus_quant.venues import arrow
from nautilus_quant.venues.simulated.config import SimulatedDataClientConfig
from nautilus_quant.venues.simulated.feed import PERP_ONLY, Feed, Kind, Wanted
from nautilus_quant.venues.simulated.history import bar_seconds
from nautilus_quant.venues.simulated.instruments import instrument, instrument_id
from nautilus_quant.venues.simulated.option_feed import GREEKS, MARKS, OPTION_KINDS, QUOTES, OptionFeed
from nautilus_quant.venues.simulated.player import Player, Start

HASH_FILE: Final = "content.sha256"
OPTIONS_FILE: Final = "options.json"
EVERYTHING: Final = frozenset(Kind)

_BATCH: Final = 30
"""Blocks written to one file."""

_TYPES: Final = {
    Kind.QUOTE: "nautilus_trader.model.data:QuoteTick",
    Kind.DEPTH: "nautilus_trader.model.data:OrderBookDepth10",
    Kind.TRADE: "nautilus_trader.model.data:TradeTick",
    Kind.MARK: "nautilus_trader.model.data:MarkPriceUpdate",
    Kind.INDEX: f"{arrow.__name__}:IndexPriceUpdate",
    Kind.FUNDING: f"{arrow.__name__}:FundingRateUpdate",
    Kind.BAR: "nautilus_trader.model.data:Bar",
}

_OPTION_TYPES: Final = {
    QUOTES: _TYPES[Kind.QUOTE],
    MARKS: _TYPES[Kind.MARK],
    GREEKS: "nautilus_trader.model.data:OptionGreeks",
}
_STATUS_TYPE: Final = "nautilus_trader.model.data:InstrumentStatus"
_CLOSE_TYPE: Final = "nautilus_trader.model.data:InstrumentClose"

Progress = Callable[[float], None]


def write(
    config: SimulatedDataClientConfig,
    start_ns: int,
    end_ns: int,
    path: str | Path,
    *,
    kinds: Collection[str] = EVERYTHING,
    progress: Progress | None = None,
) -> Path:
    """
    Write a market's events to a catalog; does nothing when exactly that is there already.

    Parameters
    ----------
    config
        The market. Without `origin` it opens at `start_ns`.
    start_ns, end_ns
        First and last time, UNIX time [ns], both included.
    path
        Directory of the catalog. What an earlier call wrote there is replaced.
    kinds
        Kinds of events to write (`feed.Kind`). Books are by far the slowest.
    progress
        Called with the share done, from 0 to 1.

    Returns
    -------
    Path
        The catalog's absolute path.

    Raises
    ------
    ValueError
        If the span is empty, or begins before the market does.
    FileExistsError
        If something else is at `path`.

    """
    target = Path(path).absolute()
    chosen = [kind for kind in Kind if kind in set(kinds)]
    _check_span(config, start_ns, end_ns)
    digest = content_hash(config, start_ns, end_ns, chosen)
    if _is_there(target, digest):
        return target
    draft = target.with_name(f"{target.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    _fill(draft, config, (start_ns, end_ns), chosen, progress or (lambda _: None))
    (draft / HASH_FILE).write_text(digest, encoding="ascii")
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return target


def data_configs(
    config: SimulatedDataClientConfig, path: str | Path, *, kinds: Collection[str] = EVERYTHING
) -> list[dict[str, Any]]:
    """List the fields of the ``BacktestDataConfig`` objects which play a catalog in a live node's order."""
    root = Path(path).absolute()
    options = option_names(root)
    found: list[dict[str, Any]] = _statuses(config, root)
    for kind in (kind for kind in Kind if kind in set(kinds)):
        for place in _bar_homes(config, root) if kind is Kind.BAR else [root]:
            found += [
                {
                    "catalog_path": str(place),
                    "data_cls": _TYPES[kind],
                    "instrument_id": str(instrument_id(listing, config.venue)),
                }
                for listing in config.listings
                if listing.kind == "perp" or kind not in PERP_ONLY
            ]
    types = [_CLOSE_TYPE, *(_OPTION_TYPES[item] for item in _option_kinds(kinds))] if options else []
    found += [{"catalog_path": str(root), "data_cls": item, "instrument_ids": options} for item in types]
    return found


def _statuses(config: SimulatedDataClientConfig, root: Path) -> list[dict[str, Any]]:
    """Status of the instruments comes before everything else of its time."""
    if not config.delivery.incidents.announces:
        return []
    names = [str(instrument_id(listing, config.venue)) for listing in config.listings]
    return [{"catalog_path": str(root), "data_cls": _STATUS_TYPE, "instrument_id": name} for name in names]


def option_names(path: str | Path) -> list[str]:
    """Name the options of a catalog (instrument ids)."""
    listed = Path(path) / OPTIONS_FILE
    return list(msgspec.json.decode(listed.read_bytes(), type=list[str])) if listed.is_file() else []


def _option_kinds(kinds: Collection[str]) -> list[str]:
    return [kind for kind in OPTION_KINDS if (Kind.QUOTE if kind == GREEKS else kind) in kinds]


def content_hash(
    config: SimulatedDataClientConfig, start_ns: int, end_ns: int, kinds: Collection[str] = EVERYTHING
) -> str:
    """Digest of everything a catalog's content depends on."""
    offer = [config.venue, [item.symbol for item in config.listings], _specs(config)]
    span = [config.timeline(start_ns).origin, start_ns, end_ns, sorted(kinds)]
    about = msgspec.json.encode([__version__, msgspec.Raw(config.market.encoded()), offer, span])
    if config.latency or config.incidents:
        about += msgspec.json.encode([config.latency, config.incidents])
    return hashlib.sha256(about).hexdigest()


def _check_span(config: SimulatedDataClientConfig, start_ns: int, end_ns: int) -> None:
    if end_ns <= start_ns:
        raise ValueError(f"a catalog must end after it starts [ns], was {start_ns} to {end_ns}")
    genesis = config.timeline(start_ns).genesis
    if start_ns < genesis:
        raise ValueError(f"this market begins at {genesis} [ns], a catalog cannot start at {start_ns}")


def _is_there(target: Path, digest: str) -> bool:
    """Look for a finished catalog of the same content; refuse to overwrite what is not ours."""
    mark = target / HASH_FILE
    if mark.is_file():
        return mark.read_text(encoding="ascii") == digest
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FileExistsError(f"{target} exists and is no catalog of the simulated market; move it away")
    return False


def _specs(config: SimulatedDataClientConfig) -> list[str]:
    return sorted(config.bars, key=bar_seconds)


def _bar_homes(config: SimulatedDataClientConfig, root: Path) -> list[Path]:
    return [root / "bars" / spec for spec in _specs(config)]


def _fill(
    root: Path,
    config: SimulatedDataClientConfig,
    span: tuple[int, int],
    kinds: list[Kind],
    progress: Progress,
) -> None:
    market, timeline = config.market, config.timeline(span[0])
    homes = dict(zip(_specs(config), _bar_homes(config, root), strict=True))
    described = [instrument(listing, config.venue, config.outlet) for listing in config.listings]
    for place in (root, *homes.values()):
        place.mkdir(parents=True, exist_ok=True)
        ParquetDataCatalog(place).write_data(described)
    player = Player(Start(timeline), config.longest_bar)
    feed = Feed(market, config.listings, config.venue, config.delivery)
    wanted = everything(config, kinds)
    first, last = timeline.block_of(span[0]), timeline.block_of(span[1])
    batch: list[Data] = []
    listed: set[str] = set()
    for index in range(player.block.index, last + 1):
        if index >= first or config.incidents:  # a stale feed repeats what was before
            feed.turn_to(player.block)
        if index >= first:
            if feed.options is not None:
                feed.options.want_all(_option_kinds(kinds))
                _describe(root, feed.options, listed)
            batch += _events(player, feed, wanted, span)
        if index == last or (index - first) % _BATCH == _BATCH - 1:
            _flush(root, homes, batch)
            batch = []
        progress((index + 1) / (last + 1))
        player.next_block()
    if feed.options is not None:
        (root / OPTIONS_FILE).write_bytes(msgspec.json.encode(sorted(listed)))


def _describe(root: Path, options: OptionFeed, listed: set[str]) -> None:
    """Write down the options not `listed` yet."""
    new = [name for name in options.speakers if str(name) not in listed]
    if new:
        ParquetDataCatalog(root).write_data([options.instrument(name) for name in new])
        listed.update(map(str, new))


def everything(config: SimulatedDataClientConfig, kinds: Collection[str] = EVERYTHING) -> Wanted:
    """Listen to all instruments and bars a config offers."""
    ids = {instrument_id(listing, config.venue) for listing in config.listings}
    wanted = Wanted(ids={kind: ids if kind in kinds else set() for kind in Kind})
    if Kind.BAR in kinds:
        for spec in _specs(config):
            for listing in config.listings:
                name = instrument_id(listing, config.venue)
                wanted.add_bar(BarType.from_str(f"{name}-{spec}-LAST-EXTERNAL"), bar_seconds(spec))
    return wanted


def _events(player: Player, feed: Feed, wanted: Wanted, span: tuple[int, int]) -> list[Data]:
    steps = [step for step, ts in enumerate(player.block.ts.tolist()) if span[0] <= ts <= span[1]]
    return [event for step in steps for event in feed.events(step, wanted, player.history)]


def _flush(root: Path, homes: dict[str, Path], events: list[Data]) -> None:
    if not events:
        return
    ParquetDataCatalog(root).write_data(events)
    bars: dict[str, list[Data]] = {}
    for event in events:
        bar_type = getattr(event, "bar_type", None)
        if bar_type is not None:
            bars.setdefault(str(bar_type.spec).removesuffix("-LAST"), []).append(event)
    for spec, some in bars.items():
        ParquetDataCatalog(homes[spec]).write_data(some)
