"""What the strategies with one signal rule on one instrument's bars share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, Self

from nautilus_trader.model.data import Bar

from nautilus_quant.host.bars import seconds_of
from nautilus_quant.host.rule_memory import RuleMemory, history_length
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.signals.sequence import Target

_NAMESPACE = "signal"


class SignalRule(Protocol):
    """From closes to an exposure."""

    @property
    def warm_up(self) -> int:
        """Closes needed before there is a signal [bars]."""

    def update(self, ts: int, close: float) -> Target | None:
        """Take a close; give what is wanted, or ``None`` when nothing should change."""

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs."""

    def restore(self, state: Mapping[str, Any]) -> Self:
        """Go on from what `to_dict` gave."""


class SignalStrategyConfig(TargetStrategyConfig, kw_only=True, frozen=True):
    """
    What such a strategy can be told besides its rule's parameters.

    Parameters
    ----------
    history
        Whether to ask the data client for past bars at the start, to warm up at once.

    """

    history: bool = True


class SignalStrategy(TargetStrategy):
    """
    Feed closed bars to a rule, want what it says, and go on where the last run ended.

    Parameters
    ----------
    config
        A `SignalStrategyConfig` or a subclass of it.

    """

    def __init__(self, config: SignalStrategyConfig) -> None:
        super().__init__(config)
        self._rule = self._new_rule(int(self.bar_type.spec.get_interval_ns()))
        self._memory: RuleMemory | None = None

    def _new_rule(self, interval: int) -> SignalRule:
        """Return a fresh rule for bars of `interval` [ns]. Override me."""
        raise NotImplementedError

    def on_target_start(self) -> None:
        """Go on from the saved state, and ask for the bars since."""
        self._memory = RuleMemory(self.msgbus, self.config.state, self._key, self._documents)
        try:
            self.restore_rule(self._memory)
        except Exception as error:  # noqa: BLE001 (whatever is wrong with it, it must not stop the node)
            self.log.error(f"the saved state of {self._key} cannot be read, begins anew: {error!r}")
            self._rule = self._new_rule(int(self.bar_type.spec.get_interval_ns()))
        if self.config.history:
            span = timedelta(seconds=history_length(self._rule.warm_up) * seconds_of(self.bar_type))
            self.request_bars(self.bar_type, start=self.clock.utc_now() - span)

    def restore_rule(self, memory: RuleMemory) -> None:
        """Go on from the saved state; what raises here is told, and the rule begins anew."""
        saved = memory.get(_NAMESPACE)
        if saved is not None:
            self._rule.restore(saved)

    def on_stop(self) -> None:
        """Save the rule after what the base does."""
        super().on_stop()
        if self._memory is not None:
            self._memory.close(self.clock.timestamp_ns())
            self._memory = None

    def on_reset(self) -> None:
        """Forget all bars, too."""
        super().on_reset()
        self._rule = self._new_rule(int(self.bar_type.spec.get_interval_ns()))

    def on_historical_data(self, data: Any) -> None:
        """Warm up; the past is not traded on."""
        if isinstance(data, Bar) and data.bar_type == self.bar_type:
            self._rule.update(data.ts_event, float(data.close))

    def on_bar(self, bar: Bar) -> None:
        """Want what the rule says."""
        if bar.bar_type != self.bar_type:
            return
        target = self._rule.update(bar.ts_event, float(bar.close))
        self._save_now_and_then(bar.ts_init)
        if target is None:
            self.leave_unallotted()
        else:
            self.set_target(self.config.instrument, target.exposure, ts=bar.ts_event, reason=target.reason)

    @property
    def _key(self) -> str:
        return f"{self.id.value}|{self.bar_type}"

    def _save_now_and_then(self, ts: int) -> None:
        if self._memory is not None:
            self._memory.save_sometimes(ts)

    def _documents(self) -> dict[str, dict[str, Any]]:
        """Return what is saved, by namespace. Extend me."""
        return {_NAMESPACE: self._rule.to_dict()}
