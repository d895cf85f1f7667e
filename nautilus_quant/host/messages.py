"""
Typed messages between plug-ins, on NautilusTrader's message bus.

The last message of each type and key is kept per bus, so whoever subscribes late hears at once
what is known. The topics are those of NautilusTrader's custom data: a strategy of anybody's may
also call ``self.subscribe_data(DataType(RegimeUpdate))`` and read ``on_data``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from weakref import ReferenceType, ref

from nautilus_trader.common.component import is_matching_py
from nautilus_trader.core.data import Data

from nautilus_quant.host.board import share_on_bus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.common.component import MessageBus

_BOARD_TOPIC = "nautilus_quant.board"
_HOUR = 3_600_000_000_000
MOST = 4096
"""Keys of one type that are remembered [messages]: every order has a key of its own, and some are denied."""


@dataclass(frozen=True, kw_only=True)
class Message(Data):
    """
    Base of all messages.

    Parameters
    ----------
    key
        What it is about, e.g. an instrument id; the latest message is kept for each key.
    ts
        When it became true, UNIX time [ns]; the time of the event it was derived from.

    """

    key: str
    ts: int

    @property
    def ts_event(self) -> int:
        """UNIX time [ns] of the event."""
        return self.ts

    @property
    def ts_init(self) -> int:
        """UNIX time [ns] of the message; the same, since it is derived at once."""
        return self.ts

    @property
    def place(self) -> str:
        """What it replaces on the board: the message of the same type and key."""
        return self.key


@dataclass(frozen=True, kw_only=True)
class RegimeUpdate(Message):
    """The regime of an instrument (key: its id) or of the whole market (key: ``"MARKET"``) changed."""

    regime: str
    previous: str = ""
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class GateDecision(Message):
    """What the chain of gates said of one order (key: client order id, or strategy|instrument)."""

    strategy: str
    instrument: str
    outcome: str
    asked: str
    allowed: str
    gate: str = ""
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class AllocationUpdate(Message):
    """
    Share of the equity a strategy may use, of what others leave it (key: its id, or ``strategy|instrument``).

    The last of each source counts, and they are multiplied: nobody gives back what another takes away.

    Parameters
    ----------
    allocation
        The share [-]; 0 means flat.
    source
        Who says it, e.g. ``"selector"``.

    """

    allocation: float
    source: str = ""

    @property
    def place(self) -> str:
        """What it replaces on the board: what the same source said before."""
        return f"{self.key}@{self.source}" if self.source else self.key


@dataclass(frozen=True, kw_only=True)
class TargetUpdate(Message):
    """
    The exposure a strategy wants (key: ``strategy|instrument``) [-1, 1].

    Parameters
    ----------
    passive
        Whether it is reached by orders that rest, and pay a maker's fee.
    price
        Where it is reached [quote currency]; ``None`` for the mid price now.

    """

    strategy: str
    instrument: str
    exposure: float
    reason: str = ""
    passive: bool = False
    price: float | None = None


@dataclass(frozen=True, kw_only=True)
class SafetyStatus(Message):
    """
    What the safety engine sees (key: ``"safety"``).

    Parameters
    ----------
    state
        State of the kill switch.
    equity
        Equity now [reporting currency].
    hourly_loss, daily_loss, drawdown
        Each as a fraction of its reference equity [-].
    entries
        Whether new risk is allowed.
    reasons
        Why not; empty when it is.

    """

    key: str = "safety"
    state: str
    equity: float
    currency: str
    hourly_loss: float
    daily_loss: float
    drawdown: float
    entries: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Alert(Message):
    """
    Something a person should know (key: who says it and about what, e.g. ``"margin|BTCUSDT-PERP.SIM"``).

    Parameters
    ----------
    source
        Who says it, e.g. ``"margin"``.
    severity
        ``INFO`` (it is over, or harmless), ``WARNING`` or ``CRITICAL``.
    text
        In words, with rule, unit, value and bound.
    numbers
        What it was read from.

    """

    source: str
    severity: str
    text: str
    numbers: Mapping[str, float] = field(default_factory=dict)


class _Board:
    """The latest message of each type and place on one bus."""

    def __init__(self, msgbus: MessageBus) -> None:
        self.msgbus = msgbus
        self._latest: dict[type[Message], dict[str, Message]] = {}
        self._later: dict[type[Message], dict[str, Callable[[], Message]]] = {}
        self._heard: dict[type[Message], bool] = {}
        self._topics: list[str] = []
        self._looked: int | None = None
        self._first = 0

    def on_ping(self, _message: object) -> None:
        """Make the board findable; nothing is published here."""

    def keep(self, message: Message) -> None:
        kind = type(message)
        latest = self._latest.get(kind)
        if latest is None:
            latest = self._latest[kind] = {}
        place = message.place
        if kind in self._later:
            self._later[kind].pop(place, None)
        latest.pop(place, None)  # put last, since the first is the oldest
        latest[place] = message
        if len(latest) > MOST:
            del latest[next(iter(latest))]

    def defer(self, kind: type[Message], place: str, make: Callable[[], Message]) -> None:
        self._later.setdefault(kind, {})[place] = make

    def is_heard(self, kind: type[Message], now: int) -> bool:
        # To go through the topics takes as long as all that figures are: often at the start, then seldom.
        if self._looked is None or not 0 <= now - self._looked < min(_HOUR, self._looked - self._first):
            self._look(now)
        heard = self._heard.get(kind)
        if heard is None:
            topic = topic_of(kind)
            heard = self._heard[kind] = any(is_matching_py(topic, pattern) for pattern in self._topics)
        return heard

    def _look(self, now: int) -> None:
        if self._looked is None or now < self._looked:
            self._first = now
        topics = self.msgbus.topics()
        self._looked = now
        if topics != self._topics:
            self._topics = topics
            self._heard.clear()

    def forget_topics(self) -> None:
        self._looked = None

    def of(self, kind: type[Message]) -> dict[str, Message]:
        later = self._later.pop(kind, None)
        if later:
            for make in later.values():
                self.keep(make())
        return self._latest.get(kind, {})


# A board is never taken off its bus, so whoever has found it need not ask the bus again: by the bus' id.
_BOARDS: dict[int, ReferenceType[_Board]] = {}


def topic_of(kind: type[Message]) -> str:
    """Return the bus topic of a message type; the same as NautilusTrader's for ``DataType(kind)``."""
    return f"data.{kind.__name__}"


def _board_of(msgbus: MessageBus) -> _Board:
    known = _BOARDS.get(id(msgbus))
    board = None if known is None else known()
    if board is None or board.msgbus is not msgbus:  # another bus may have lived at the same address
        for gone in [key for key, each in _BOARDS.items() if each() is None]:
            del _BOARDS[gone]
        board = share_on_bus(msgbus, _BOARD_TOPIC, _Board, lambda: _Board(msgbus))
        _BOARDS[id(msgbus)] = ref(board)
    return board


def publish(msgbus: MessageBus, message: Message) -> None:
    """Keep a message as the latest of its type and place, then hand it to all who listen."""
    _board_of(msgbus).keep(message)
    msgbus.publish(topic_of(type(message)), message)


def is_heard(msgbus: MessageBus, kind: type[Message], now: int) -> bool:
    """
    Tell whether anybody listens to a message type, or a database outside gets all of them.

    Parameters
    ----------
    msgbus, kind
        Where, and to what.
    now
        UNIX time [ns]. It is looked up anew as much later as it was asked before, and at least once an hour;
        who listens by `subscribe` is known at once.

    """
    return bool(msgbus.has_backing) or _board_of(msgbus).is_heard(kind, now)


def defer(msgbus: MessageBus, kind: type[Message], place: str, make: Callable[[], Message]) -> None:
    """
    Make a message only when somebody asks for the latest, in place of publishing what nobody hears.

    For figures told again and again, which are much work. What `make` returns is kept then, as if it had been
    published; a message that is published before takes its place.
    """
    _board_of(msgbus).defer(kind, place, make)


def subscribe[M: Message](msgbus: MessageBus, kind: type[M], handler: Callable[[M], Any]) -> None:
    """Call `handler` with the latest message of each place at once, and with every later one."""
    for message in list(everything(msgbus, kind).values()):
        handler(message)
    msgbus.subscribe(topic_of(kind), handler)
    _board_of(msgbus).forget_topics()


def latest[M: Message](msgbus: MessageBus, kind: type[M], key: str) -> M | None:
    """Return the last message of a type and key, or place, or ``None`` before the first."""
    return everything(msgbus, kind).get(key)


def everything[M: Message](msgbus: MessageBus, kind: type[M]) -> dict[str, M]:
    """Return the last message of each place of a type; nearly always that is its key."""
    return _board_of(msgbus).of(kind)
