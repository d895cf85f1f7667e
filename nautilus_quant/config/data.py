"""Write the data a backtest plays: the simulated market's, or recorded files', as NautilusTrader catalogs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from nautilus_quant.config.catalogs import catalog_path, market_config, native_kinds, period
from nautilus_quant.config.deployment import Deployment, Venue

type Progress = Callable[[str, float], None]


def prepare_data(deployment: Deployment, progress: Progress | None = None) -> list[Path]:
    """
    Write the catalogs a backtest needs; those that are there already stay.

    Parameters
    ----------
    deployment : Deployment
        A checked deployment.
    progress : callable, optional
        Told the name of the venue and the share done, from 0 to 1.

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
    progress(venue.name, 0.0)
    if venue.adapter == "simulated":
        _write_simulated(deployment, venue, path, progress)
    else:
        _write_recorded(deployment, venue, path, progress)
    progress(venue.name, 1.0)
    return path


def _write_simulated(deployment: Deployment, venue: Venue, path: Path, progress: Progress) -> None:
    from nautilus_quant.venues.simulated import catalog

    start, end = period(deployment)
    assert start is not None
    assert end is not None
    catalog.write(
        market_config(deployment, venue),
        start,
        end,
        path,
        kinds=native_kinds(deployment, venue),
        progress=lambda share: progress(venue.name, share),
    )


def _write_recorded(deployment: Deployment, venue: Venue, path: Path, progress: Progress) -> None:
    from nautilus_quant.venues.recorded import catalog

    config = market_config(deployment, venue)
    sources = [msgspec.structs.replace(source, venue=venue.name) for source in config.sources]
    catalog.write(sources, path, lambda done, total: progress(venue.name, done / max(total, 1)))


def _existing(venue: Venue, path: Path, *, given: bool) -> Path:
    if not given:
        raise FileNotFoundError(
            f"a backtest of {venue.name} needs recorded data: name a NautilusTrader catalog under "
            f"backtest: {{catalogs: {{{venue.name}: path}}}}, or use adapter: replay or simulated"
        )
    if not path.is_dir():
        raise FileNotFoundError(f"no data catalog of {venue.name} at {path}")
    return path


def _quiet(_: str, __: float) -> None:
    pass
