"""Loss limits and kill switch together: every valuation goes in, the verdict on new risk comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from nautilus_quant.account.equity import Valuation
from nautilus_quant.account.marks import Price
from nautilus_quant.gating.intent import UNLIMITED, Intent, Verdict
from nautilus_quant.safety.kill_switch import KillParams, KillState, KillSwitch
from nautilus_quant.safety.limits import DRAWDOWN, Block, LossMonitor, SafetyLimits

NAME = "safety"
STALE_MARK = "STALE_MARK"
STATE_UNWRITABLE = "STATE_UNWRITABLE"
SAFETY_ERROR = "SAFETY_ERROR"


class Judgement(NamedTuple):
    """
    What one valuation led to.

    Parameters
    ----------
    halted
        Window limits that tripped just now: orders which would open risk are to be cancelled.
    killed
        Whether the kill switch tripped just now.

    """

    halted: tuple[str, ...] = ()
    killed: bool = False


NOTHING = Judgement()
"""What nearly every valuation leads to."""
_UNSETTLED = ("a balance change waits for its fill, or to be taken for a deposit or withdrawal",)
_ALLOW = Verdict(NAME, UNLIMITED)
_ARMED = KillState.ARMED


class SafetyGuard:
    """
    A gate which knows what may still be lost.

    Parameters
    ----------
    limits
        What may be lost before risk-taking stops.
    prices
        Price of an instrument at a time [ns], and what is wrong with it: ``Valuer.price``.
    params
        Patience of the kill switch.

    Attributes
    ----------
    troubles
        What keeps the guard from doing its work, by code, e.g. ``STATE_UNWRITABLE``: a latch that cannot
        be written, or a valuation that fails. While there is any, nothing new may be opened.

    """

    def __init__(
        self,
        limits: SafetyLimits,
        prices: Callable[[str, int], Price],
        params: KillParams | None = None,
    ) -> None:
        self.prices = prices
        self.limits = limits
        self.params = params or KillParams()
        self.monitor = LossMonitor(limits)
        self.kill = KillSwitch(self.params)
        self.troubles: dict[str, str] = {}
        self._doubts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name in the chain of gates."""
        return NAME

    def judge(self, valuation: Valuation, flow: float = 0.0, *, settled: bool = True) -> Judgement:
        """
        Take in a valuation.

        Parameters
        ----------
        valuation
            The whole account.
        flow
            Money that came from (positive) or went (negative) outside since the last one
            [reporting currency].
        settled
            False while a balance change waits for its explanation: the valuation then counts as
            not fresh.

        """
        self._doubts = valuation.stale if settled else _UNSETTLED
        ts, equity, until = valuation.ts, valuation.equity, valuation.valid_until
        trips = self.monitor.judge(ts, equity, valuation.fresh and settled, flow, until)
        return self._consequences(ts, trips) if trips else NOTHING

    def judge_fresh(self, ts: int, equity: float, valid_until: int) -> Judgement:
        """Take in a valuation as `judge` does, with every price fresh and nothing from outside."""
        self._doubts = ()
        trips = self.monitor.judge(ts, equity, True, 0.0, valid_until)
        return self._consequences(ts, trips) if trips else NOTHING

    def passes(self, ts: int, equity: float, valid_until: int) -> bool:
        """
        Take in a valuation as `judge_fresh` does if nothing comes of it and new risk is allowed.

        Nearly always so, and said in a fraction of the time; False leaves it to `judge_fresh`.
        """
        if self.kill.state is not _ARMED or self.troubles or not self.monitor.passes(ts, equity, valid_until):
            return False
        self._doubts = ()
        return True

    def _consequences(self, ts: int, trips: tuple[str, ...]) -> Judgement:
        killed = DRAWDOWN in trips and self._kill(ts)
        return Judgement(tuple(name for name in trips if name != DRAWDOWN), killed)

    def _kill(self, ts: int) -> bool:
        status, limit = self.monitor.status, self.limits.max_drawdown
        numbers: dict[str, float | str] = {
            "drawdown": status.drawdown,
            "limit": limit,
            "peak": status.peak,
            "equity": status.equity,
        }
        reason = f"drawdown of {status.drawdown:.3%} exceeded {limit:.3%}"
        return self.kill.trip(ts, "drawdown", reason, numbers)

    def is_open(self, ts: int) -> bool:
        """Whether new risk is allowed at `ts` [ns]: exactly when `blocked` gives no reason."""
        return self.kill.state is _ARMED and not self.troubles and self.monitor.is_open(ts)

    def blocked(self, ts: int) -> Block | None:
        """Why nothing new may be opened at `ts` [ns]: (code, reason, numbers), or None when it may."""
        return self.kill.blocked() or self._trouble() or self._explained(self.monitor.blocked(ts))

    def _explained(self, block: Block | None) -> Block | None:
        """Name what keeps the account from being valued."""
        if block is None or block[0] != "STALE_EQUITY" or not self._doubts:
            return block
        code, reason, numbers = block
        return (code, f"{reason}: {', '.join(self._doubts[:3])}", numbers)

    def _trouble(self) -> Block | None:
        for code, reason in self.troubles.items():
            return (code, reason, {})
        return None

    def check(self, intent: Intent) -> Verdict:
        """Allow or deny new risk; never more than that."""
        ts = intent.ts
        block = None if self.is_open(ts) else self.blocked(ts)
        if block is None:
            problem = self.prices(intent.instrument, ts).problem
            if not problem:
                return _ALLOW
            block = (STALE_MARK, f"price of {intent.instrument}: {problem}", {})
        code, reason, numbers = block
        return Verdict.deny(NAME, code, reason, **numbers)

    def restore(
        self,
        latch: Mapping[str, Any] | None,
        limits: Mapping[str, Any] | None,
        rearm: Mapping[str, Any] | None,
        ts: int,
    ) -> str | None:
        """
        Go on from what was stored.

        Parameters
        ----------
        latch, limits
            What `KillSwitch.to_dict` and `LossMonitor.to_dict` gave, or ``None`` for a first start.
        rearm
            A person's wish to re-arm: ``{"ts": ..., "reason": ...}``. It counts when it is younger than
            the trip and the switch is flat or halted.
        ts
            Time now [ns].

        Returns
        -------
        str or None
            The reason of a re-arming that took effect.

        Raises
        ------
        ValueError
            When a document is damaged: protection whose memory cannot be read must not start.

        """
        if limits is not None:
            self.monitor = LossMonitor.from_dict(limits, self.limits)
        if latch is not None:
            self.kill = KillSwitch.from_dict(latch, self.params)
        if self.monitor.latched and self.kill.is_armed:
            # Only one of the two documents reached the disk: the stricter one counts.
            numbers = {"drawdown": self.monitor.drawdown, "limit": self.limits.max_drawdown}
            self.kill.trip(ts, "drawdown", "the drawdown limit had tripped before the restart", numbers)
        trip = self.kill.tripped
        if rearm is None or trip is None or int(rearm["ts"]) < trip.ts:
            return None
        if self.kill.state not in (KillState.FLAT, KillState.HALTED):
            return None
        reason = str(rearm["reason"])
        self.kill.rearm(reason)
        self.monitor.rearm(ts, float("nan"))
        return reason
