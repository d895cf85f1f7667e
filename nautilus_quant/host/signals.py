"""Signals on the message bus: anybody publishes an opinion, any strategy trades what all think together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from nautilus_quant.host.messages import Message, TargetUpdate, publish, subscribe, topic_of
from nautilus_quant.signals.aggregate import Aggregator, AggregatorParams, Combined, Signal

if TYPE_CHECKING:
    from nautilus_trader.common.component import MessageBus
    from nautilus_trader.model.identifiers import InstrumentId


@dataclass(frozen=True, kw_only=True)
class SignalUpdate(Message):
    """
    What a source thinks of an instrument (key: ``source|instrument``).

    Parameters
    ----------
    source
        Who: ``technical``, ``model``, ``order_flow``, ``sentiment``…
    instrument
        Its id.
    value
        From -1, surely down, to 1, surely up; NaN when the source does not know any more.
    confidence
        How much it trusts itself [0, 1].
    reason
        In a few words.

    """

    source: str
    instrument: str
    value: float
    confidence: float = 1.0
    reason: str = ""


def publish_signal(
    msgbus: MessageBus,
    source: str,
    instrument: InstrumentId | str,
    value: float,
    *,
    ts: int,
    confidence: float = 1.0,
    reason: str = "",
) -> None:
    """
    Publish what a source thinks of an instrument.

    Parameters
    ----------
    msgbus
        Of the node or backtest.
    source, instrument, value, confidence, reason
        See `SignalUpdate`.
    ts
        Of the event it follows from, UNIX time [ns].

    """
    name = str(instrument)
    update = SignalUpdate(
        key=f"{source}|{name}",
        ts=ts,
        source=source,
        instrument=name,
        value=value,
        confidence=confidence,
        reason=reason,
    )
    publish(msgbus, update)


class SignalBoard:
    """
    What the sources say of one instrument, and what that comes to; any actor or strategy can have one.

    Parameters
    ----------
    instrument
        Its id.
    params
        Whom to ask, and how to make one of their answers.
    targets
        Whether targets of strategies count as signals too, with confidence 1 and the strategy's id as
        source: so several strategies vote, be they chosen to trade or not. A strategy should not name itself.

    Examples
    --------
    >>> from nautilus_trader.common.component import MessageBus, TestClock
    >>> from nautilus_trader.model.identifiers import TraderId
    >>> msgbus = MessageBus(TraderId("TRADER-001"), TestClock())
    >>> params = AggregatorParams(weights={"technical": 1.0, "model": 1.0}, quorum=2)
    >>> board = SignalBoard.on(msgbus, "BTCUSDT-PERP.SIM", params)
    >>> publish_signal(msgbus, "technical", "BTCUSDT-PERP.SIM", 1.0, confidence=0.5, ts=0)
    >>> board.combined(now=0).reason
    '1 of 2 sources needed are heard'
    >>> publish_signal(msgbus, "model", "BTCUSDT-PERP.SIM", 0.5, confidence=1.0, ts=0)
    >>> combined = board.combined(now=0)
    >>> round(combined.value, 3), combined.confidence, combined.agreement
    (0.667, 0.75, 1.0)

    In a strategy: ``self.board = SignalBoard.on(self.msgbus, self.config.instrument, params)`` at the start,
    ``self.board.combined(bar.ts_event).exposure`` as the target in ``on_bar``, and
    ``self.board.leave(self.msgbus)`` in ``on_stop``.

    """

    def __init__(
        self, instrument: InstrumentId | str, params: AggregatorParams, *, targets: bool = False
    ) -> None:
        self._instrument = str(instrument)
        self._targets = targets
        self.aggregator = Aggregator(params)
        """The rule itself: its shares, and what it has learnt, to save and restore."""

    @classmethod
    def on(
        cls,
        msgbus: MessageBus,
        instrument: InstrumentId | str,
        params: AggregatorParams,
        *,
        targets: bool = False,
    ) -> Self:
        """Listen to a bus from now on, and hear at once what was said last; see the class."""
        board = cls(instrument, params, targets=targets)
        subscribe(msgbus, SignalUpdate, board.on_signal)
        if targets:
            subscribe(msgbus, TargetUpdate, board.on_target)
        return board

    def leave(self, msgbus: MessageBus) -> None:
        """Listen no more."""
        msgbus.unsubscribe(topic_of(SignalUpdate), self.on_signal)
        if self._targets:
            msgbus.unsubscribe(topic_of(TargetUpdate), self.on_target)

    def on_signal(self, update: SignalUpdate) -> None:
        """Take a signal; of other instruments it is passed over."""
        if update.instrument == self._instrument:
            self.aggregator.put(Signal(update.source, update.value, update.confidence, update.ts))

    def on_target(self, update: TargetUpdate) -> None:
        """Take a strategy's target for a signal."""
        if update.instrument == self._instrument:
            self.aggregator.put(Signal(update.strategy, update.exposure, 1.0, update.ts))

    def combined(self, now: int) -> Combined:
        """Return what the sources say together at `now`, UNIX time [ns]."""
        return self.aggregator.combine(now)

    def learn(self, realised: float, now: int) -> None:
        """Judge the sources by the return since the last call [fraction]; see `Aggregator.learn`."""
        self.aggregator.learn(realised, now)
