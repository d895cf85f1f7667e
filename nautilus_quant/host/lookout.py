"""A short look at the account with every price, and a long one when something may have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from nautilus_trader.common.component import Clock
    from nautilus_trader.core.data import Data

    from nautilus_quant.account.flows import FlowDetector
    from nautilus_quant.host.valuation import Valuer
    from nautilus_quant.safety.guard import SafetyGuard

_SECOND = 1_000_000_000


class Lookout:
    """
    Takes the account's equity into the guard, at most once per interval.

    Nearly every time nothing but a price has moved, and nothing comes of it. Whatever else there is goes to
    `judge`. It is an object of its own, since what every price passes through must not look up what a
    NautilusTrader actor knows: that takes several times as long.

    Parameters
    ----------
    clock
        Of the node.
    guard, valuer, detector
        What it looks with.
    interval
        Between two looks [ns]. They are aligned to it, so that a live node and a backtest look at the same
        moments.
    judge
        Called with the time [ns], and with the equity and until when it is fresh, if these are all that has
        changed.
    after
        Called with the error that came out of a look, or with ``None`` when there are troubles to clear.

    Attributes
    ----------
    is_open
        Whether new risk was allowed when that was last told; a look is short only if it was.
    next
        When data from the market leads to a look again, UNIX time [ns].

    """

    __slots__ = (
        "_after",
        "_clock",
        "_detector",
        "_guard",
        "_interval",
        "_judge",
        "_silent",
        "_valuer",
        "is_open",
        "next",
    )

    def __init__(
        self,
        clock: Clock,
        guard: SafetyGuard,
        valuer: Valuer,
        detector: FlowDetector,
        *,
        interval: int,
        judge: Callable[[int, tuple[float, int] | None], None],
        after: Callable[[Exception | None], None],
    ) -> None:
        self._clock = clock
        self._guard = guard
        self._valuer = valuer
        self._detector = detector
        self._interval = interval
        self._judge = judge
        self._after = after
        self.is_open: bool | None = None
        self.next = 0
        self._silent = 0

    def poll(self) -> None:
        """Look when the market has been silent for longer than the interval; called once a second."""
        # Counted, since a clock that is set back would wait for itself. While the market is not silent it
        # sets the moments, as in a backtest.
        self._silent += 1
        if self._silent * _SECOND > self._interval:
            self.look()

    def look(self, data: Data | None = None) -> None:
        """Look, if `data` came from the market only when the next look is due."""
        now = self._clock.timestamp_ns()
        if now < self.next and data is not None:
            return
        interval = self._interval
        self.next = now - now % interval + interval if interval else now
        self._silent = 0
        guard, detector = self._guard, self._detector
        try:
            settled = detector.seen_settled or not detector.unsettled
            equity = self._valuer.fresh_equity(now) if settled else None
            if equity is not None and self.is_open:
                worth, until = equity
                if guard.passes(now, worth, until):
                    return
            self._judge(now, equity)
        except Exception as error:  # noqa: BLE001 (what cannot be judged must close new risk)
            self._after(error)
        else:
            if guard.troubles:
                self._after(None)
