"""What the data clients of a node can be asked for: adapters of NautilusTrader do not all know everything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nautilus_trader.live.data_client import LiveMarketDataClient

from nautilus_quant.host.kernel import KernelNotFoundError, find_kernel

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.system.kernel import NautilusKernel


def can_subscribe(msgbus: MessageBus, venue: str, kind: str) -> bool:
    """
    Tell whether a venue's data can be subscribed; asking one that cannot logs an error with a traceback.

    Parameters
    ----------
    msgbus
        Bus of the node.
    venue
        Name of the venue.
    kind
        Of data, as in the names of a data client's methods: ``funding_rates``, ``instrument_status``.

    Returns
    -------
    bool
        Also True where nothing is known of the venue's client: it is asked, then.

    """
    try:
        kernel = find_kernel(msgbus)
    except KernelNotFoundError:
        return True
    method = f"_subscribe_{kind}"
    unknown = getattr(LiveMarketDataClient, method)
    found = [one for one in data_clients(kernel) if serves(one, venue)]
    return all(getattr(type(one), method, None) is not unknown for one in found)


def data_clients(kernel: NautilusKernel) -> list[Any]:
    """Return the data clients of a node."""
    return list(kernel.data_engine._clients.values())  # noqa: SLF001 NautilusTrader keeps them to itself


def serves(client: Any, venue: str) -> bool:
    """Tell whether a client, of data or of orders, is that of a venue."""
    return bool(client.id.value == venue if client.venue is None else client.venue.value == venue)
