"""How often a plug-in writes down what it could otherwise lose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_quant.host.kernel import find_kernel, is_backtest

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus

EVERY = 10_000_000_000
"""Between two saves in a live node [ns]; what a kill loses is no more than that."""


class SaveCadence:
    """
    Tells when to save: now and then in a live node, and in a backtest at its end alone.

    A backtest that is killed is run again from its start, and ten seconds of its time pass with every bar.

    Parameters
    ----------
    msgbus
        Of the plug-in.
    state
        URL of its state store; ``None`` keeps nothing.

    """

    def __init__(self, msgbus: MessageBus, state: str | None) -> None:
        self._live = state is not None and not is_backtest(find_kernel(msgbus))
        self._saved = 0

    def is_due(self, ts: int) -> bool:
        """Tell whether to save at `ts`, UNIX time [ns]; then the next time is later."""
        if not self._live or 0 <= ts - self._saved < EVERY:
            return False
        self._saved = ts
        return True
