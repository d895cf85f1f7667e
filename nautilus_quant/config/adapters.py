"""Adapters by short name: where their classes are, and which variables of the environment hold their keys."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nautilus_quant.config.registry import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """
    How a venue is reached.

    Parameters
    ----------
    name : str
        Short name.
    data, execution : Entry
        Config class and factory of the client for data and for orders.
    venue : str, optional
        The only name its venue may have, as NautilusTrader's adapter has it; None where any name will do.
    credentials : tuple of str
        Fields of the client configs which hold keys.
    prefixes : mapping of str to str
        What the names of its environment variables begin with, by environment (``LIVE``, ``TESTNET``).
    """

    name: str
    data: Entry
    execution: Entry
    venue: str | None = None
    credentials: tuple[str, ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)

    def variables(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Return the environment variable that NautilusTrader's adapter reads, for each credential."""
        environment = str(options.get("environment") or "LIVE").upper()
        prefix = self.prefixes.get(environment, self.name.upper())
        # Binance alone has separate test networks for spot and futures.
        futures = "FUTURES" in str(options.get("account_type") or "")
        if self.name == "binance" and environment == "TESTNET" and futures:
            prefix = "BINANCE_FUTURES_TESTNET"
        return {field: f"{prefix}_{field.upper()}" for field in self.credentials}


PAPER: Final = Entry(
    "nautilus_quant.venues.paper:PaperExecClientConfig",
    # NautilusTrader's node builder hands the portfolio only to a factory of this very name.
    "nautilus_quant.venues.paper:SandboxLiveExecClientFactory",
)


def _embedded(name: str, title: str) -> Adapter:
    module = f"nautilus_quant.venues.{name}"
    data = Entry(f"{module}:{title}DataClientConfig", f"{module}:{title}LiveDataClientFactory")
    return Adapter(name=name, data=data, execution=PAPER)


def _real(name: str, title: str, prefixes: Mapping[str, str], *extra: str, venue: str = "") -> Adapter:
    module = f"nautilus_trader.adapters.{name}"
    return Adapter(
        name=name,
        data=Entry(
            f"{module}.config:{title}DataClientConfig", f"{module}.factories:{title}LiveDataClientFactory"
        ),
        # Ours, since NautilusTrader's node cannot build an execution client from an importable config.
        execution=Entry(
            f"{module}.config:{title}ExecClientConfig",
            f"nautilus_quant.venues.adapters:{title}LiveExecClientFactory",
        ),
        venue=venue or name.upper(),
        credentials=("api_key", "api_secret", *extra),
        prefixes=prefixes,
    )


ADAPTERS: Final[Mapping[str, Adapter]] = {
    adapter.name: adapter
    for adapter in (
        _embedded("simulated", "Simulated"),
        _embedded("replay", "Replay"),
        _real("binance", "Binance", {"DEMO": "BINANCE_DEMO", "TESTNET": "BINANCE_TESTNET"}),
        _real("bybit", "Bybit", {"DEMO": "BYBIT_DEMO", "TESTNET": "BYBIT_TESTNET"}),
        _real("coinbase", "Coinbase", {}),
        _real("deribit", "Deribit", {"TESTNET": "DERIBIT_TESTNET"}),
        _real("okx", "OKX", {}, "api_passphrase"),
    )
}
