"""
Two prices that belong together, traded back to each other when they part.

Thresholds on the standardised spread after Gatev, Goetzmann, Rouwenhorst, "Pairs trading", Review of
Financial Studies 19 (2006), and Avellaneda, Lee, "Statistical arbitrage in the US equities market",
Quantitative Finance 10 (2010); pairs chosen by cointegration after Vidyamurthy, "Pairs Trading" (2004).
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from nautilus_quant.signals.cointegration import RollingCointegration
from nautilus_quant.signals.hedge_ratio import HedgeRatio, KalmanHedge, RollingOls
from nautilus_quant.signals.sequence import STANDSTILL, BarRule, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.signals.sequence import Learns

_ESTIMATORS: Final[dict[str, type[KalmanHedge | RollingOls]]] = {
    "kalman": KalmanHedge,
    "ols": RollingOls,
}


class PairTarget(NamedTuple):
    """
    What the rule wants of both legs.

    Parameters
    ----------
    a, b
        Share of a full position in the one and in the other [-1, 1].
    reason
        Why, in a few words.

    """

    a: float
    b: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PairParams:
    """
    When two prices belong together, how far apart is far, when to give up, and how much to hold.

    Parameters
    ----------
    hedge
        How the hedge ratio is estimated: ``"kalman"`` follows it, ``"ols"`` fits the last bars.
    hedge_window
        Memory of that estimate [bars]. More is calmer, and sees a new ratio later. Should be several
        half-lives of the spread, or the estimate follows what is to be traded. Typical 100-1000.
    window
        Bars the test for cointegration looks at [bars]. More is surer, and sees a break later. Typical
        250-1000.
    retest
        Bars between two tests [bars]. Fewer cost time, and find more accidents. Typical 1/50-1/10 of the
        window.
    enter_p, leave_p
        p-value of the test below which the pair may be entered, and above which it is left [-]; enter <
        leave, so that a pair at the border is not entered and left all the time. Typical 0.01-0.05 and
        0.1-0.3.
    lags
        Lagged differences in the test [bars]; more allows for noisier prices. Typical 1-5.
    entry, exit
        Deviation of the spread at which a position is opened, and below which it is closed [standard
        deviations]. A higher entry trades less and surer. Typical 1.5-3 and 0-0.5.
    stop
        Loss since the entry at which it is given up [standard deviations at the entry]. A deviation beyond
        ``entry + stop`` is not entered either: that is no deviation, it is a break. Typical 1.5-4.
    max_holding
        Half-lives after which a position is given up [half-lives at the entry]. Typical 2-5.
    max_half_life
        Half-life of the spread above which a pair is not traded [bars]. Typical a tenth to a fifth of the
        window.
    min_beta, max_beta
        Bounds of a hedge ratio that makes sense [-]; outside them the pair is not traded.
    max_gap
        Missing bars after which a position is left [bars]: nobody knows what happened meanwhile.
    cap
        Sum of both legs' sizes [fraction of a full position]. At most 1.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    hedge: str = "kalman"
    hedge_window: int = 500
    window: int = 500
    retest: int = 24
    enter_p: float = 0.05
    leave_p: float = 0.2
    lags: int = 1
    entry: float = 2.0
    exit: float = 0.5
    stop: float = 2.0
    max_holding: float = 3.0
    max_half_life: float = 100.0
    min_beta: float = 0.2
    max_beta: float = 5.0
    max_gap: int = 3
    cap: float = 1.0

    def __post_init__(self) -> None:
        require(self.hedge in _ESTIMATORS, f"hedge of {sorted(_ESTIMATORS)}", repr(self.hedge))
        require(self.hedge_window >= 10, "hedge_window >= 10 [bars]", self.hedge_window)
        require(self.lags >= 0, "lags >= 0 [bars]", self.lags)
        require(self.window >= 20 + 2 * self.lags, "window >= 20 + 2 * lags [bars]", self.window)
        require(self.retest >= 1, "retest >= 1 [bars]", self.retest)
        pair = (self.enter_p, self.leave_p)
        require(0.0 < self.enter_p < self.leave_p < 1.0, "0 < enter_p < leave_p < 1 [-]", pair)
        bounds = (self.exit, self.entry)
        require(0.0 <= self.exit < self.entry < math.inf, "0 <= exit < entry [sigma]", bounds)
        require(0.0 < self.stop < math.inf, "stop > 0 [sigma]", self.stop)
        require(0.0 < self.max_holding < math.inf, "max_holding > 0 [half-lives]", self.max_holding)
        require(0.0 < self.max_half_life < math.inf, "max_half_life > 0 [bars]", self.max_half_life)
        betas = (self.min_beta, self.max_beta)
        require(0.0 < self.min_beta < self.max_beta < math.inf, "0 < min_beta < max_beta [-]", betas)
        require(self.max_gap >= 1, "max_gap >= 1 [bars]", self.max_gap)
        require(0.0 < self.cap <= 1.0, "0 < cap <= 1 [fraction]", self.cap)

    @property
    def warm_up(self) -> int:
        """Pairs of closes needed before there is a signal [bars]."""
        return max(self.window, self.hedge_window)


@dataclass(slots=True)
class _Trade:
    """What is held, and what was known when it was opened."""

    side: float = 0.0  # of the spread, which is long in a and short in b; 0 for none
    beta: float = 0.0
    spread: float = 0.0  # log price
    sigma: float = 0.0
    half_life: float = 0.0  # bars
    age: int = 0  # bars


class PairRule(BarRule):
    """
    From the closes of two instruments to the exposures in both, one pair at a time.

    Out of a trade, a spread `entry` away from where it should be opens one against it, if the two prices
    are cointegrated. The value in b is that in a times minus the hedge ratio, since the ratio is of log
    prices. In a trade sizes stay as they were. It ends within `exit`, at the stop, after `max_holding`, or
    when what it rested on is gone: no cointegration, an absurd hedge ratio, a long half-life, missing bars.
    After a stop or `max_holding` nothing is opened until the spread has been within `exit` once.

    Parameters
    ----------
    params
        When, how long, how much.
    interval
        Length of a bar [ns].

    """

    def __init__(self, params: PairParams | None = None, *, interval: int) -> None:
        require(interval > 0, "interval > 0 [ns]", interval)
        self._params = params or PairParams()
        self._interval = interval
        super().__init__(self._params, interval, self._params.warm_up, self._params.window)

    def _start_over(self) -> None:
        p = self._params
        self._hedge: HedgeRatio = _ESTIMATORS[p.hedge](p.hedge_window)
        self._test = RollingCointegration(
            p.window, retest=p.retest, enter=p.enter_p, leave=p.leave_p, lags=p.lags
        )
        self._last = 0  # time of the last pair
        self._trade = _Trade()
        self._locked = False
        self.z = 0.0
        """Deviation of the spread [standard deviations]."""

    def update(self, ts: int, close_a: float, close_b: float) -> PairTarget | None:
        """
        Take the closes [quote currency each] of the two bars that ended at `ts` [UNIX ns].

        Returns
        -------
        PairTarget | None
            ``None`` while it warms up, and for bars to ignore: then nothing should change.

        """
        if not 0.0 < close_b < math.inf:
            return self.missed(ts)
        held = self._trade.side != 0.0
        bars, _ = self._advance(ts, close_a)
        if not bars:
            return self.missed(ts)
        self._learn(ts, math.log(close_a), math.log(close_b))
        if bars < 0 and held:
            return PairTarget(0.0, 0.0, "too many bars are missing, starting over")
        return self._decide(math.log(close_a), math.log(close_b), bars) if self.ready else None

    def missed(self, ts: int) -> PairTarget | None:
        """Say what to do without a pair of bars at `ts` [UNIX ns]: leave, if there was none for long."""
        bars = round((ts - self._last) / self._interval)
        if not self._trade.side or bars <= self._params.max_gap:
            return None
        return self._leave(f"no bars of both legs for {bars} bars", locked=False)

    def _learn(self, ts: int, a: float, b: float) -> None:
        self._hedge.update(a, b)
        self._test.update(a, b)
        self._seen += 1
        self._last = ts

    def _decide(self, a: float, b: float, bars: int) -> PairTarget:
        hedge = self._hedge
        if not hedge.sigma > STANDSTILL:
            return self._leave("the spread does not move", locked=False)
        self.z = hedge.residual / hedge.sigma
        if abs(self.z) <= self._params.exit:
            self._locked = False
        if self._trade.side:
            return self._stay_or_leave(a, b, bars)
        return self._enter_or_wait(a, b, bars)

    def _broken(self, bars: int) -> str:
        """Say why the pair cannot be traded now; empty when it can."""
        p, test, beta = self._params, self._test.latest, self._hedge.beta
        if bars > p.max_gap:
            return f"{bars - 1} bars are missing"
        if test is None or not self._test.holds:
            return "not cointegrated" + ("" if test is None else f", p-value {test.p:.3f}")
        if not p.min_beta <= beta <= p.max_beta:
            return f"the hedge ratio of {beta:.2f} makes no sense"
        if not test.half_life <= p.max_half_life:
            return f"a gap needs {test.half_life:.0f} bars to close by half"
        return ""

    def _enter_or_wait(self, a: float, b: float, bars: int) -> PairTarget:
        p, z = self._params, self.z
        broken = self._broken(bars)
        if broken:
            return _flat(broken)
        if self._locked:
            return _flat(f"spread {z:+.2f} sigma, waiting for the mean after giving up")
        if abs(z) < p.entry:
            return _flat(f"spread {z:+.2f} sigma")
        if abs(z) > p.entry + p.stop:
            return _flat(f"spread {z:+.2f} sigma, too far to be a deviation")
        beta = self._hedge.beta
        half_life = self._test.latest.half_life if self._test.latest else math.inf
        side = -math.copysign(1.0, z)
        self._trade = _Trade(side, beta, a - beta * b, self._hedge.sigma, max(half_life, 1.0))
        return self._held(f"spread {z:+.2f} sigma, entered")

    def _stay_or_leave(self, a: float, b: float, bars: int) -> PairTarget:
        p, trade, z = self._params, self._trade, self.z
        trade.age += bars
        loss = trade.side * (trade.spread - (a - trade.beta * b)) / trade.sigma
        if trade.side * z >= -p.exit:
            return self._leave(f"spread {z:+.2f} sigma, back at the mean", locked=False)
        if loss >= p.stop:
            return self._leave(f"lost {loss:.2f} sigma, stopped", locked=True)
        broken = self._broken(bars)
        if broken:
            return self._leave(broken, locked=False)
        if trade.age >= p.max_holding * trade.half_life:
            return self._leave(f"not back after {trade.age} bars, given up", locked=True)
        return self._held(f"spread {z:+.2f} sigma, held for {trade.age} bars")

    def _held(self, reason: str) -> PairTarget:
        trade = self._trade
        a = trade.side * self._params.cap / (1.0 + trade.beta)
        return PairTarget(a, -trade.beta * a, reason)

    def _leave(self, reason: str, *, locked: bool) -> PairTarget:
        self._trade = _Trade()
        self._locked = locked or self._locked
        return _flat(reason)

    @property
    def beta(self) -> float:
        """The hedge ratio now [-]; NaN before it is known."""
        return self._hedge.beta

    def _parts(self) -> dict[str, Learns]:
        return {"hedge": self._hedge, "test": self._test}

    def _rest(self) -> dict[str, Any]:
        return {"last": self._last, "trade": list(astuple(self._trade)), "locked": self._locked, "z": self.z}

    def _restore_rest(self, state: Mapping[str, Any]) -> None:
        self._last = int(state["last"])
        self._trade = _Trade(*state["trade"])
        self._locked = bool(state["locked"])
        self.z = float(state["z"])


def _flat(reason: str) -> PairTarget:
    return PairTarget(0.0, 0.0, reason)
