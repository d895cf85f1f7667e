"""Write the data a backtest plays: the simulated market's, or recorded files', as NautilusTrader catalogs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from nautilus_quant.config.adapters import ADAPTERS
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.native_backtest import catalog_path, market_fields, period
from nautilus_quant.config.plugins import resolve_path

type Progress = Callable[[str], None]


def prepare_data(deployment: Deployment, progress: Progress | None = None) -> list[Path]:
    """
    Write the catalogs a backtest needs; those that are there already stay.

    Parameters
    ----------
    deployment : Deployment
        A checked deployment.
    progress : callable, optional
        Told in a few words what is being written.

    Returns
    -------
    list of Path
        The catalogs, one for each venue.

    Raises
    ------
    FileNotFoundError
        If a recorded file, or a catalog that should exist already, does not.
    """
    return [_prepare(deployment, venue, progress or _quiet) for venue in deployment.venues.values()]


def _prepare(deployment: Deployment, venue: Venue, progress: Progress) -> Path:
    path = Path(catalog_path(deployment, venue))
    if venue.name in deployment.backtest.catalogs or not venue.embedded:
        return _existing(venue, path, given=venue.name in deployment.backtest.catalogs)
    config = market_config(deployment, venue)
    progress(f"{venue.name}: {venue.adapter} market into {path}")
    if venue.adapter == "simulated":
        _write_simulated(deployment, config, path)
    else:
        _write_recorded(config, path)
    return path


def market_config(deployment: Deployment, venue: Venue) -> Any:
    """Return the config of a venue's data client, as an object, without what only matters to a live node."""
    from nautilus_trader.config import msgspec_decoding_hook

    cls = resolve_path(ADAPTERS[venue.adapter].data.path)
    return msgspec.convert(market_fields(deployment, venue), cls, dec_hook=msgspec_decoding_hook)


def _write_simulated(deployment: Deployment, config: Any, path: Path) -> None:
    from nautilus_quant.venues.simulated import catalog

    start, end = period(deployment)
    assert start is not None
    assert end is not None
    catalog.write(config, start, end, path)


def _write_recorded(config: Any, path: Path) -> None:
    from nautilus_quant.venues.recorded import catalog

    for source in config.sources:
        catalog.write(source, path)


def _existing(venue: Venue, path: Path, *, given: bool) -> Path:
    if not given:
        raise FileNotFoundError(
            f"a backtest of {venue.name} needs recorded data: name a NautilusTrader catalog under "
            f"backtest: {{catalogs: {{{venue.name}: path}}}}, or use adapter: replay or simulated"
        )
    if not path.is_dir():
        raise FileNotFoundError(f"no data catalog of {venue.name} at {path}")
    return path


def _quiet(_: str) -> None:
    pass
