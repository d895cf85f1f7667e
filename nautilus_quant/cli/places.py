"""Where a deployment keeps its state, for commands that look after a node from outside."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nautilus_quant.cli.answer import Answer, note
from nautilus_quant.cli.codes import REFUSED
from nautilus_quant.host.state import StateStore

if TYPE_CHECKING:
    from nautilus_quant.config.deployment import Deployment


@dataclass(frozen=True, slots=True)
class Place:
    """
    A state, and what is known of the deployment it belongs to.

    Parameters
    ----------
    url
        URL of the state.
    deployment
        ``None`` when only the URL was given.

    """

    url: str
    deployment: Deployment | None = None

    def open(self, *, read_only: bool = False) -> StateStore:
        """Open the state; for writing, only as what it is: paper stays paper."""
        store = StateStore.open(self.url, read_only=read_only)
        if self.deployment is not None and not read_only:
            try:
                store.claim(self.deployment.state_kind)
            except BaseException:
                store.close()
                raise
        return store

    @property
    def guarded(self) -> bool:
        """Whether a safety engine is configured, as far as is known."""
        from nautilus_quant.config.registry import SAFETY_ENGINE

        return self.deployment is None or any(
            plugin.safety or plugin.path == SAFETY_ENGINE for plugin in self.deployment.plugins
        )


def find_place(config: Path | None, state: str | None, *, plugins: bool = False) -> Place:
    """
    Find the state by config, or by its URL alone, which works whatever is wrong with the config.

    Parameters
    ----------
    config
        The deployment's file.
    state
        URL of the state; comes first when both are given.
    plugins
        Whether to check the plug-ins too, which takes NautilusTrader's import time.

    Raises
    ------
    ConfigError
        When the config is refused.
    ValueError
        When neither is given.

    """
    if state is not None:
        return Place(state)
    if config is None:
        raise ValueError("say which deployment: give CONFIG, or --state URL")
    from nautilus_quant.config import load

    deployment = load(config, env=operator_environment(), plugins=plugins)
    return Place(deployment.state, deployment)


def find_kept(config: Path | None, state: str | None, *, backtest: bool) -> Place | Answer:
    """
    Find the state of a deployment or, when asked, of its backtest, to read from.

    Parameters
    ----------
    config, state
        As for `find_place`.
    backtest
        Whether that of the backtest is meant.

    Returns
    -------
    Place | Answer
        REFUSED: a backtest that keeps no state.

    """
    place = find_place(config, state)
    if backtest:
        place = Place(place.deployment.backtest.state or "" if place.deployment else "", place.deployment)
    if not place.url:
        return note(
            REFUSED, "the backtest keeps no state: give it one with `backtest: {state: sqlite:///...}`"
        )
    return place


def title_of(what: str, place: Place, config: Path | None) -> str:
    """Return the title of a report: what it is, and of which deployment, as far as is known."""
    name = place.deployment.name if place.deployment is not None else (config.stem if config else "")
    return f"{what} of {name}" if name else what


def operator_environment() -> dict[str, str]:
    """Return the environment with a stand-in for each venue key that is not set: an operator needs none."""
    from nautilus_quant.config.adapters import ADAPTERS

    environment = dict(os.environ)
    for adapter in ADAPTERS.values():
        for network in ("LIVE", *adapter.prefixes):
            for account in ("", "FUTURES"):
                options = {"environment": network, "account_type": account}
                for variable in adapter.variables(options).values():
                    environment.setdefault(variable, "not-set")
    return environment


def who() -> str:
    """Name the person at the keyboard: ``user@host``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a user without a name
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()}"
