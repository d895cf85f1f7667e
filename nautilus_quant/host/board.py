"""One object per message bus: how parts of a system which share only the bus find each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakMethod

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import MessageBus

# A node with fifty strategies has hundreds of subscriptions, and a message must not cost a look at each.
_KNOWN: dict[tuple[int, str], WeakMethod[Callable[[Any], Any]]] = {}


def find_on_bus[T](msgbus: MessageBus, topic: str, kind: type[T]) -> T | None:
    """Return the object of `kind` whose method is subscribed to `topic`, if there is one."""
    place = (id(msgbus), topic)
    known = _KNOWN.get(place)
    handler = None if known is None else known()
    # The bus may be another one at the same address, or the object gone from it.
    if handler is None or not msgbus.is_subscribed(topic, handler):
        handler = _look_for(msgbus, topic, kind)
        if handler is None:
            return None
        _forget_the_dead()
        _KNOWN[place] = WeakMethod(handler)
    owner = handler.__self__  # type: ignore[attr-defined]
    return owner if isinstance(owner, kind) else None


def _look_for(msgbus: MessageBus, topic: str, kind: type) -> Callable[[Any], Any] | None:
    for subscription in msgbus.subscriptions(topic):
        handler: Callable[[Any], Any] = subscription.handler
        if isinstance(getattr(handler, "__self__", None), kind):
            return handler
    return None


def _forget_the_dead() -> None:
    for place in [place for place, method in _KNOWN.items() if method() is None]:
        del _KNOWN[place]


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
