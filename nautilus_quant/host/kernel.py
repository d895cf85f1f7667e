"""Find NautilusTrader's kernel from inside any actor, strategy or test, by public calls alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.system.kernel import NautilusKernel

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus

_SHUTDOWN_TOPIC = "commands.system.shutdown"


class KernelNotFoundError(RuntimeError):
    """The message bus belongs to no running NautilusTrader system."""


def find_kernel(msgbus: MessageBus) -> NautilusKernel:
    """
    Return the kernel which owns this message bus.

    The kernel of every backtest engine and trading node subscribes a method of its own to the
    shutdown topic; the object behind that method is the kernel.

    Parameters
    ----------
    msgbus
        The bus of the actor or strategy that asks (``self.msgbus``).

    Raises
    ------
    KernelNotFoundError
        When no kernel listens, e.g. for a component registered by hand in a unit test.

    """
    for subscription in msgbus.subscriptions(_SHUTDOWN_TOPIC):
        owner = getattr(subscription.handler, "__self__", None)
        if isinstance(owner, NautilusKernel):
            return owner
    raise KernelNotFoundError(
        f"no NautilusKernel listens to {_SHUTDOWN_TOPIC!r} on this message bus; "
        "add the actor to a BacktestEngine, BacktestNode or TradingNode before starting it",
    )


def is_backtest(kernel: NautilusKernel) -> bool:
    """Tell whether time is simulated: no wall clock, no files from outside, state in memory."""
    return bool(kernel.environment.value == "backtest")
