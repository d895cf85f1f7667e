"""What a configuration file may hold, apart from the plug-ins' and venues' own keys."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from nautilus_quant.config.units import SECONDS, Fraction

LogLevel = Literal["OFF", "DEBUG", "INFO", "WARNING", "ERROR"]
DataKind = Literal["bars", "quotes", "trades", "depth", "marks", "indices", "funding"]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
Positive = Annotated[float, Meta(gt=0.0, extra={"unit": SECONDS}, extra_json_schema={"x-unit": SECONDS})]


class Mode(StrEnum):
    """How much is at stake; the only key that differs from paper trading to production."""

    PAPER = "paper"
    SHADOW = "shadow"
    CANARY = "canary"
    PRODUCTION = "production"

    @property
    def has_orders(self) -> bool:
        """Whether orders go to the venue (where the venue is a real one)."""
        return self in {Mode.CANARY, Mode.PRODUCTION}


class LogSpec(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    Where the log goes.

    Parameters
    ----------
    level : str
        Least level on the terminal.
    file : str, optional
        Log file; ``var/<name>/node.log`` when not given, none when empty.
    file_level : str
        Least level in the file.
    max_size : int
        Size at which the file is rotated [bytes].
    backups : int
        How many rotated files are kept.
    """

    level: LogLevel = "INFO"
    file: str | None = None
    file_level: LogLevel = "INFO"
    max_size: Annotated[int, Meta(ge=10_000)] = 20_000_000
    backups: Annotated[int, Meta(ge=0, le=100)] = 5


class TimeoutSpec(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """How long a live node waits for each step of starting and stopping [s]."""

    connection: Positive = 60.0
    reconciliation: Positive = 30.0
    portfolio: Positive = 10.0
    disconnection: Positive = 10.0
    post_stop: Positive = 2.0
    shutdown: Positive = 5.0


class BacktestSpec(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    Over what time and data a backtest runs.

    Parameters
    ----------
    start, end : str, optional
        UTC, ``2025-01-01`` or ``2025-01-01T08:30:00``. Recorded data runs from its own start to its own end
        when they are not given, the simulated market from 2025-01-01.
    duration : float, optional
        Length [s], ``6h``, instead of `end`. The simulated market runs for an hour when neither is given.
    cache : str
        Folder of the data catalogs that are written from the simulated market and from recorded files.
    catalogs : dict of str to str
        NautilusTrader catalogs that exist already, by venue; needed for venues of real adapters.
    data : list of str, optional
        Kinds of data to play; what the strategies' bars need, and quotes, when not given.
    chunk_size : int, optional
        Play in chunks of so many values, when the data does not fit into memory.
    state : str, optional
        URL of a state store; in memory when not given, so that a backtest leaves no trace.
    """

    start: str | None = None
    end: str | None = None
    duration: Positive | None = None
    cache: str = "var/catalog"
    catalogs: dict[str, str] = {}
    data: list[DataKind] | None = None
    chunk_size: Annotated[int, Meta(ge=1_000)] | None = None
    state: str | None = None


class VenueSpec(Struct, frozen=True, kw_only=True):
    """
    What is said of every venue; further keys are the adapter's own.

    Parameters
    ----------
    adapter : str
        ``simulated``, ``replay``, ``binance``, ``okx``, ``bybit`` or ``deribit``.
    balances : list of str
        Where fills are simulated: what the account starts with, ``[100_000 USDT]``.
    account : str
        Where fills are simulated: ``margin`` for derivatives, ``cash`` for spot.
    oms : str
        ``netting``: one position per instrument; ``hedging``: one per order that opens.
    base_currency : str, optional
        Currency of a single-currency account; several currencies when not given.
    leverage : float
        Where fills are simulated: leverage the venue grants [-].
    """

    adapter: str
    balances: list[str] = []
    account: Literal["margin", "cash", "betting"] = "margin"
    oms: Literal["netting", "hedging"] = "netting"
    base_currency: str | None = None
    leverage: Annotated[float, Meta(ge=1.0, le=1_000.0)] = 10.0


class FileSpec(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """
    The keys of a configuration file.

    Parameters
    ----------
    mode : Mode
        ``paper``, ``shadow``, ``canary`` or ``production``.
    name : str, optional
        Name of the deployment; the file's name when not given.
    description : str
        For people.
    allocation : float, optional
        Share of the account's equity the strategies may use: 1 % in canary (5 % at most), all otherwise.
    state : str, optional
        URL of the state store; ``sqlite:///var/<name>/<kind>.db`` when not given.
    reporting_currency : str
        Currency of equity, losses and limits.
    trader_id : str
        NautilusTrader's trader id, a name and a tag; the tag goes into every client order id.
    on_stop : str
        What a graceful stop does with positions: ``keep``, and with them the exits that rest at a venue which
        outlives the node, or ``flatten``.
    status_file : str, optional
        Machine-readable status; ``var/<name>/status.json`` when not given.
    log, timeouts, backtest
        See their own descriptions.
    nautilus : dict
        Keys of NautilusTrader's ``TradingNodeConfig`` to set as they are, e.g. ``cache`` or ``message_bus``.
    venues, strategies, actors, exec_algorithms : dict
        By name.
    """

    mode: Mode
    name: Name | None = None
    description: str = ""
    allocation: Fraction | None = None
    state: str | None = None
    reporting_currency: Annotated[str, Meta(pattern=r"^[A-Z0-9]{2,10}$")] = "USDT"
    trader_id: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_]+-[A-Za-z0-9_]+$")] = "QUANT-001"
    on_stop: Literal["keep", "flatten"] = "keep"
    status_file: str | None = None
    log: LogSpec = LogSpec()
    timeouts: TimeoutSpec = TimeoutSpec()
    backtest: BacktestSpec = BacktestSpec()
    nautilus: dict[str, Any] = {}
    venues: dict[str, Any]
    strategies: dict[str, Any] = {}
    actors: dict[str, Any] = {}
    exec_algorithms: dict[str, Any] = {}
