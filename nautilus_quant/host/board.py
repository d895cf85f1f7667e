"""One object per message bus: how parts of a system which share only the bus find each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import MessageBus


def find_on_bus[T](msgbus: MessageBus, topic: str, kind: type[T]) -> T | None:
    """Return the object of `kind` whose method is subscribed to `topic`, if there is one."""
    for subscription in msgbus.subscriptions(topic):
        owner = getattr(subscription.handler, "__self__", None)
        if isinstance(owner, kind):
            return owner
    return None


def share_on_bus[T](msgbus: MessageBus, topic: str, kind: type[T], make: Callable[[], T]) -> T:
    """
    Return the one object of `kind` of this bus, making it the first time.

    The object must have a method ``on_ping(message)``, which keeps it alive and findable as the
    subscriber of `topic`; nothing is ever published there.
    """
    found = find_on_bus(msgbus, topic, kind)
    if found is not None:
        return found
    made = make()
    msgbus.subscribe(topic, made.on_ping)  # type: ignore[attr-defined]
    return made
