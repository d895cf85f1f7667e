"""Let NautilusTrader's own config classes judge the configs a deployment turns into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nautilus_quant.config.catalogs import check_backtest
from nautilus_quant.config.check import Decode, problem_of
from nautilus_quant.config.clients import data_client, exec_client
from nautilus_quant.config.deployment import Deployment
from nautilus_quant.config.native import native_live
from nautilus_quant.config.plugins import resolve_path


def problems_of(deployment: Deployment, decode: Decode | None) -> Iterator[tuple[str, str]]:
    """Yield the path of a key and what NautilusTrader says against it."""
    yield from _clients(deployment, decode)
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
