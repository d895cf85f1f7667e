"""Let NautilusTrader's own config classes judge the configs a deployment turns into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from nautilus_quant.config.catalogs import check_backtest
from nautilus_quant.config.check import Decode, problem_of
from nautilus_quant.config.clients import data_client, exec_client
from nautilus_quant.config.deployment import Deployment, Venue
from nautilus_quant.config.native import native_live
from nautilus_quant.config.plugins import SECTIONS, resolve_path
from nautilus_quant.config.problems import nearest


def problems_of(deployment: Deployment, decode: Decode | None) -> Iterator[tuple[str, str]]:
    """Yield the path of a key and what NautilusTrader says against it."""
    clients = list(_clients(deployment, decode))
    yield from clients
    if not clients:
        yield from _listed(deployment, decode)
        yield from _one_market(deployment, decode)
        yield from _sources(deployment)
        yield from _node(deployment)
    yield from check_backtest(deployment)


def _clients(deployment: Deployment, decode: Decode | None) -> Iterator[tuple[str, str]]:
    from nautilus_trader.model.objects import Money

    for name, venue in deployment.venues.items():
        for client in (data_client(deployment, venue), exec_client(deployment, venue)):
            said = problem_of(resolve_path(client["path"]), client["config"], decode)
            if said is not None:
                yield f"venues.{name}", said
        for balance in venue.balances:
            said = _failure(Money.from_str, balance)
            if said is not None:
                yield f"venues.{name}.balances", f"{balance} is no amount of money: {said}"


def _listed(deployment: Deployment, decode: Decode | None) -> Iterator[tuple[str, str]]:
    """Check that a simulated market has the instruments that are named."""
    for venue in deployment.venues.values():
        if venue.adapter != "simulated":
            continue
        config = _simulated(deployment, venue, decode)
        known = {f"{listing.symbol}.{venue.name}" for listing in config.listings}
        for plugin in deployment.plugins:
            for instrument in plugin.instruments:
                if instrument.endswith(f".{venue.name}") and instrument not in known:
                    place = f"{SECTIONS[plugin.kind]}.{plugin.name}"
                    hint = nearest(instrument, known, what="it has")
                    yield place, f"{venue.name} does not offer {instrument} ({hint})"


def _simulated(deployment: Deployment, venue: Venue, decode: Decode | None) -> Any:
    client = data_client(deployment, venue)
    return msgspec.convert(client["config"], resolve_path(client["path"]), dec_hook=decode)


def _one_market(deployment: Deployment, decode: Decode | None) -> Iterator[tuple[str, str]]:
    """Check that venues meant to show one market do: a step that differs would make two of it, unseen."""
    first: dict[int, tuple[str, tuple[str, Any]]] = {}
    for name, venue in deployment.venues.items():
        if venue.adapter != "simulated" or not isinstance(venue.options.get("outlet"), dict):
            continue
        config = _simulated(deployment, venue, decode)
        market = (config.market.common, config.origin)
        other, known = first.setdefault(config.seed, (name, market))
        if market != known:
            same = "step, volatility, pace, history and origin must be the same, too"
            yield f"venues.{name}", f"has the seed of {other} and shows another market: {same}"


def _sources(deployment: Deployment) -> Iterator[tuple[str, str]]:
    """Check that recordings are of instruments of the venue that plays them."""
    for venue in deployment.venues.values():
        for at, source in enumerate(venue.options.get("sources", ()) if venue.adapter == "replay" else ()):
            instrument = str(source.get("instrument") or "")
            if "." in instrument and not instrument.endswith(f".{venue.name}"):
                yield (
                    f"venues.{venue.name}.sources",
                    f"source {at}: {instrument} is not on venue {venue.name}",
                )


def _node(deployment: Deployment) -> Iterator[tuple[str, str]]:
    from nautilus_trader.config import TradingNodeConfig

    # Without the decoding hook, exactly as `python -m nautilus_trader.live` does it.
    said = problem_of(TradingNodeConfig, native_live(deployment), None)
    if said is not None:
        yield "nautilus", said


def _failure(call: Any, *args: Any) -> str | None:
    try:
        call(*args)
    except Exception as error:  # noqa: BLE001 - whatever it raises is about its argument
        return str(error)
    return None
