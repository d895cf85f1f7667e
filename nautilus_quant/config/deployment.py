"""A deployment: what a checked configuration means. Plain values, nothing of NautilusTrader."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from nautilus_quant.config.spec import BacktestSpec, DataKind, LogSpec, Mode, TimeoutSpec

type Kind = Literal["strategy", "actor", "exec_algorithm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """
    A strategy, actor or execution algorithm, ours or anybody's.

    Parameters
    ----------
    name : str
        Its key in the file.
    kind : str
        ``strategy``, ``actor`` or ``exec_algorithm``.
    use : str
        What the file says: a short name, or the import path again.
    path, config_path : str
        Import paths of its class and of its config class, ``package.module:Class``.
    config : dict
        Fields of the config class as plain, JSON-able values; durations in seconds, percentages as fractions.
    instruments : tuple of str
        Instruments named in its config.
    bars : tuple of str
        Bar types it asks for.
    fields : frozenset of str
        Names of all fields its config class has.
    targets : bool
        Whether it is one of our target strategies.
    safety : bool
        Whether it is our safety engine, by whatever path it was named.
    kinds : tuple of str
        Kinds of data beside bars and quotes that it subscribes of its instruments, in the words of a
        backtest's ``data``.
    """

    name: str
    kind: Kind
    use: str
    path: str
    config_path: str
    config: dict[str, Any]
    instruments: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()
    fields: frozenset[str] = frozenset()
    targets: bool = False
    safety: bool = False
    kinds: tuple[DataKind, ...] = ()

    @property
    def component_id(self) -> str:
        """
        Id the component has inside NautilusTrader.

        A strategy is called after its class and its tag (``Momentum-btc``), which is how NautilusTrader makes
        ids; an actor after its key.
        """
        if self.kind != "strategy":
            return str(self.config.get("component_id") or self.name)
        head = str(self.config.get("strategy_id") or self.path.rpartition(":")[2])
        return f"{head}-{self.order_id_tag}"

    @property
    def order_id_tag(self) -> str:
        """Tag in the ids of its orders: the last part of its key (of ``momentum-btc``: btc), if not given."""
        return str(self.config.get("order_id_tag") or self.name.rpartition("-")[2])


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """
    A venue and the adapter that reaches it.

    Parameters
    ----------
    name : str
        Its key in the file, and the venue part of its instruments' ids.
    adapter : str
        Short name of the adapter.
    balances : tuple of str
        What a simulated account starts with, ``("100000 USDT",)``.
    account_type, oms_type : str
        NautilusTrader's names: ``MARGIN`` or ``CASH``, ``NETTING`` or ``HEDGING``.
    base_currency : str, optional
        Of a single-currency account.
    leverage : float
        Leverage a simulated venue grants [-].
    options : dict
        The adapter's own keys, plain values.
    paper : bool
        Whether fills are simulated here.
    """

    name: str
    adapter: str
    balances: tuple[str, ...]
    account_type: str
    oms_type: str
    base_currency: str | None
    leverage: float
    options: dict[str, Any]
    paper: bool

    @property
    def embedded(self) -> bool:
        """Whether the market itself is simulated or replayed, and no connection leaves the machine."""
        return self.adapter in {"simulated", "replay"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """
    Everything a node needs to know.

    Parameters
    ----------
    path : str
        File it was loaded from.
    name, description : str
        For people, and for the folder under ``var/``.
    mode : Mode
        How much is at stake.
    allocation : float
        Share of the account's equity the strategies may use [-].
    state : str
        URL of the state store of the live node.
    state_kind : str
        Whose memory that is: ``paper``, ``shadow``, ``live``, or ``rehearsal`` (canary or production on an
        embedded market). A store belongs to one kind for good, so that play money never sets real limits.
    reporting_currency, trader_id, on_stop, status_file
        As in the file.
    log, timeouts, backtest
        As in the file.
    log_file : str
        Log file, empty for none.
    nautilus : dict
        Further settings of NautilusTrader's node.
    venues, strategies, actors, exec_algorithms : dict
        By name.
    notes : tuple of str
        What is allowed but worth a word before the start.
    """

    path: str
    name: str
    description: str
    mode: Mode
    allocation: float
    state: str
    state_kind: str
    reporting_currency: str
    trader_id: str
    on_stop: Literal["keep", "flatten"]
    status_file: str
    log: LogSpec
    log_file: str
    timeouts: TimeoutSpec
    backtest: BacktestSpec
    nautilus: dict[str, Any]
    venues: dict[str, Venue]
    strategies: dict[str, Plugin]
    actors: dict[str, Plugin]
    exec_algorithms: dict[str, Plugin]
    notes: tuple[str, ...] = ()

    @property
    def log_level(self) -> str:
        """Least level on the terminal."""
        return self.log.level

    @property
    def log_files(self) -> str:
        """Pattern of the log files, whose names NautilusTrader ends with a time; empty for none."""
        return f"{self.log_file.removesuffix('.log')}_*.log" if self.log_file else ""

    @property
    def real(self) -> bool:
        """Whether orders reach a real venue."""
        return any(not venue.paper for venue in self.venues.values())

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """All plug-ins: actors first, so that gates stand before the first order."""
        return (*self.actors.values(), *self.strategies.values(), *self.exec_algorithms.values())

    @property
    def instruments(self) -> tuple[str, ...]:
        """Every instrument named by a plug-in, once, in order."""
        return tuple(dict.fromkeys(item for plugin in self.plugins for item in plugin.instruments))

    @property
    def bars(self) -> tuple[str, ...]:
        """Every bar type named by a plug-in, once, in order."""
        return tuple(dict.fromkeys(item for plugin in self.plugins for item in plugin.bars))

    def share(self, plugin: Plugin) -> float:
        """
        Return the share of the allocation a target strategy may use [-].

        As configured (its own ``allocation``); strategies that leave it open share what is left equally.
        """
        targets = [item for item in self.strategies.values() if item.targets]
        written = {
            item.name: float(item.config["allocation"]) for item in targets if "allocation" in item.config
        }
        if plugin.name in written:
            return written[plugin.name]
        return max(1.0 - sum(written.values()), 0.0) / max(len(targets) - len(written), 1)

    def plugin(self, use: str) -> Plugin | None:
        """Return the first actor or strategy of this short name or import path, None when there is none."""
        return next((plugin for plugin in self.plugins if use in (plugin.use, plugin.path)), None)
