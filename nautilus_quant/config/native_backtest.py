"""The plain NautilusTrader backtest behind a deployment: the same plug-ins over a catalog of data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nautilus_quant.config.clients import data_fields, instruments_of
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.native import discreet, plugin_configs

if TYPE_CHECKING:
    from nautilus_trader.config import BacktestRunConfig

DEFAULT_START: Final = "2025-01-01"
DEFAULT_DURATION: Final = 3_600.0
_NANOS: Final = 1_000_000_000
_MODEL: Final = "nautilus_trader.model.data"
_DATA_CLASSES: Final = {
    "bars": f"{_MODEL}:Bar",
    "quotes": f"{_MODEL}:QuoteTick",
    "trades": f"{_MODEL}:TradeTick",
    "depth": f"{_MODEL}:OrderBookDepth10",
    "marks": f"{_MODEL}:MarkPriceUpdate",
    "indices": f"{_MODEL}:IndexPriceUpdate",
    "funding": f"{_MODEL}:FundingRateUpdate",
}


def native_backtest(deployment: Deployment, *, secrets: bool = False) -> list[dict[str, Any]]:
    """
    Return the config of a backtest as plain, JSON-able data: a list with one run.

    ``python -m nautilus_trader.backtest --fsspec-url file.json`` runs it, once `prepare_data` has written the
    catalogs it names.

    Parameters
    ----------
    deployment : Deployment
        A checked deployment; a live one runs over its `backtest` block, or that block's defaults.
    secrets : bool
        Whether to keep secrets.
    """
    spec = deployment.backtest
    start, end = period(deployment)
    run = {
        "venues": [_venue(venue) for venue in deployment.venues.values()],
        "data": [item for venue in deployment.venues.values() for item in _data(deployment, venue)],
        "engine": {
            "trader_id": deployment.trader_id,
            "logging": {"bypass_logging": True},
            "run_analysis": True,
            **plugin_configs(deployment, state=spec.state, live=False),
        },
        "chunk_size": spec.chunk_size,
        "raise_exception": True,
        "dispose_on_completion": False,
        "start": start,
        "end": end,
    }
    return [run if secrets else discreet(run)]


def run_configs(deployment: Deployment) -> list[BacktestRunConfig]:
    """Return NautilusTrader's typed configs of the backtest, with secrets, for our own runner."""
    from nautilus_trader.config import BacktestRunConfig, msgspec_decoding_hook

    native = native_backtest(deployment, secrets=True)
    return msgspec.convert(native, list[BacktestRunConfig], dec_hook=msgspec_decoding_hook)


def period(deployment: Deployment) -> tuple[int | None, int | None]:
    """Return start and end of the backtest, UNIX time [ns]; None for those of the data."""
    spec = deployment.backtest
    simulated = any(venue.adapter == "simulated" for venue in deployment.venues.values())
    start = _nanos(spec.start or (DEFAULT_START if simulated else None))
    end = _nanos(spec.end)
    duration = spec.duration or (DEFAULT_DURATION if simulated else None)
    if end is None and start is not None and duration is not None:
        end = start + round(duration * _NANOS)
    return start, end


def check_time(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with start, end and duration of the backtest."""
    spec = deployment.backtest
    good = True
    for name, text in (("start", spec.start), ("end", spec.end)):
        try:
            _nanos(text)
        except ValueError:
            good = False
            yield (
                f"backtest.{name}",
                f"must be a UTC date or time such as 2025-01-01 or 2025-01-01T08:30:00, was {text!r}",
            )
    if spec.end is not None and spec.duration is not None:
        yield "backtest.duration", "give `end` or `duration`, not both"
    elif (
        spec.duration is not None
        and spec.start is None
        and spec.end is None
        and not _has_simulated(deployment)
    ):
        yield "backtest.duration", "needs `start`"
    if good:
        start, end = period(deployment)
        if start is not None and end is not None and start >= end:
            yield "backtest.end", f"must be after start, was {spec.end}"
    for venue in deployment.venues.values():
        if not venue.embedded and spec.catalogs and venue.name not in spec.catalogs:
            yield "backtest.catalogs", f"names no catalog for {venue.name}"


def catalog_path(deployment: Deployment, venue: Venue) -> str:
    """
    Return where the data of a venue lies.

    Written catalogs are named after what they were made from, so that a changed seed or period is a new one.
    """
    if venue.name in deployment.backtest.catalogs:
        return deployment.backtest.catalogs[venue.name]
    made_from = [
        venue.adapter,
        market_fields(deployment, venue),
        period(deployment) if venue.adapter == "simulated" else (),
    ]
    digest = hashlib.sha256(msgspec.json.encode(made_from, order="sorted")).hexdigest()[:16]
    return str(Path(deployment.backtest.cache) / f"{venue.name.lower()}-{digest}")


def market_fields(deployment: Deployment, venue: Venue) -> dict[str, Any]:
    """Return the fields of the venue's data client config, without what only matters to a live node."""
    return {key: value for key, value in data_fields(deployment, venue).items() if key != "state"}


def data_kinds(deployment: Deployment, venue: Venue) -> list[str]:
    """Return the kinds of data a venue's backtest plays, as configured or as the plug-ins' bars need."""
    if deployment.backtest.data is not None:
        return list(deployment.backtest.data)
    bars = [bar for bar in deployment.bars if f".{venue.name}-" in bar]
    kinds = ["quotes"]
    if any(bar.endswith("-EXTERNAL") for bar in bars):
        kinds.append("bars")
    if any(bar.endswith("-LAST-INTERNAL") for bar in bars):
        kinds.append("trades")
    return kinds


def _data(deployment: Deployment, venue: Venue) -> Iterator[dict[str, Any]]:
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
        bars = [bar for bar in deployment.bars if f".{venue.name}-" in bar and bar.endswith("-EXTERNAL")]
        yield item | {"bar_types": bars} if kind == "bars" and bars else item


def _venue(venue: Venue) -> dict[str, Any]:
    return {
        "name": venue.name,
        "oms_type": venue.oms_type,
        "account_type": venue.account_type,
        "starting_balances": list(venue.balances),
        "base_currency": venue.base_currency,
        "default_leverage": venue.leverage,
        "book_type": venue.options.get("book_type", "L1_MBP"),
        **{key: venue.options[key] for key in _SHARED_WITH_PAPER if key in venue.options},
        **_fill_model(venue),
    }


_SHARED_WITH_PAPER: Final = (
    "bar_execution",
    "frozen_account",
    "reject_stop_orders",
    "support_contingent_orders",
    "support_gtd_orders",
    "trade_execution",
    "use_position_ids",
    "use_random_ids",
    "use_reduce_only",
)


def _fill_model(venue: Venue) -> dict[str, Any]:
    """Return the fill model the paper client would make of the same options."""
    options = venue.options
    if options.get("fill_model") is not None:
        return {"fill_model": options["fill_model"]}
    if not options.keys() & {"prob_fill_on_limit", "prob_slippage"}:
        return {}
    config = {
        "prob_fill_on_limit": options.get("prob_fill_on_limit", 1.0),
        "prob_slippage": options.get("prob_slippage", 0.0),
        "random_seed": options.get("seed", 0),
    }
    return {
        "fill_model": {
            "fill_model_path": "nautilus_trader.backtest.models:FillModel",
            "config_path": "nautilus_trader.backtest.config:FillModelConfig",
            "config": config,
        }
    }


def _has_simulated(deployment: Deployment) -> bool:
    return any(venue.adapter == "simulated" for venue in deployment.venues.values())


def _nanos(text: str | None) -> int | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text.strip())
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    # Whole microseconds: a float of nanoseconds since 1970 would not hold them.
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * _NANOS + since.microseconds * 1_000
