"""What counts as an anomaly of execution: measures, severities, and the bounds between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from types import MappingProxyType

from nautilus_quant.signals.sequence import require


class Severity(IntEnum):
    """How bad it is, and what follows."""

    NONE = 0
    ALERT = 1
    """It is told."""
    THROTTLE = 2
    """Fewer and smaller orders."""
    ROLLBACK = 3
    """Also, whoever keeps versions of parameters is asked to go back to the last good ones."""
    HALT = 4
    """Nothing new is opened."""


class Measure(StrEnum):
    """What is measured of orders."""

    SLIPPAGE = "slippage"
    """Average price of an order against the mid when it was sent [bps]; positive is to our cost."""
    FILL_RATIO = "fill_ratio"
    """Share of an order that filled until it was over [-]."""
    ACK_LATENCY = "ack_latency"
    """From sending to the venue's first answer [ms]."""
    FILL_LATENCY = "fill_latency"
    """From the venue's answer to the first fill of an order that does not rest [ms]."""
    REJECT_RATE = "reject_rate"
    """1 for an order the venue rejects, 0 for one it accepts [-]."""


UNITS = MappingProxyType(
    {
        Measure.SLIPPAGE: "bps",
        Measure.FILL_RATIO: "",
        Measure.ACK_LATENCY: "ms",
        Measure.FILL_LATENCY: "ms",
        Measure.REJECT_RATE: "",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureParams:
    """
    When a measure is unusual, and how much so.

    Parameters
    ----------
    alert, throttle, rollback, halt
        Robust z-scores from which on it is that bad [standard deviations]; infinity never is.
    floor
        Least median absolute deviation [unit of the measure]. A steady measure, such as the constant latency
        of a backtest, has next to none, and every trifle would count. More judges more kindly.
    relative_floor
        The same as a share of the median [-]; the larger of both counts.
    limit
        Bound of the rolling mean, whatever is usual [unit of the measure]; infinity for none.
    limit_severity
        How bad it is beyond `limit`, at least.
    low
        Whether low values are the bad ones.
    smooth
        Whether the rolling mean is scored, as for shares, and not each value by itself.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    alert: float
    throttle: float
    rollback: float
    halt: float
    floor: float
    relative_floor: float = 0.0
    limit: float = math.inf
    limit_severity: Severity = Severity.ROLLBACK
    low: bool = False
    smooth: bool = False

    def __post_init__(self) -> None:
        ladder = self.ladder
        require(ladder[0] > 0.0, "alert > 0 [standard deviations]", self.alert)
        require(
            ladder[0] <= ladder[1] <= ladder[2] <= ladder[3],
            "alert <= throttle <= rollback <= halt [standard deviations]",
            ladder,
        )
        require(0.0 < self.floor < math.inf, "0 < floor < inf [unit of the measure]", self.floor)
        require(0.0 <= self.relative_floor < math.inf, "relative_floor >= 0 [-]", self.relative_floor)
        require(self.limit > 0.0, "limit > 0 [unit of the measure]", self.limit)
        require(
            not self.low or self.limit == math.inf,
            "no limit where low values are the bad ones",
            self.limit,
        )

    @property
    def ladder(self) -> tuple[float, float, float, float]:
        """The scores from which on it is ALERT, THROTTLE, ROLLBACK, HALT."""
        return (self.alert, self.throttle, self.rollback, self.halt)


DEFAULTS: Mapping[Measure, MeasureParams] = MappingProxyType(
    {
        # 15 bps on the mean of the last orders is a rule; the scores catch a jump above what is usual.
        Measure.SLIPPAGE: MeasureParams(
            alert=4.0, throttle=8.0, rollback=12.0, halt=20.0, floor=1.0, relative_floor=0.25, limit=15.0
        ),
        # With the floor, ALERT is 22 points below the usual share, and HALT 89 points.
        Measure.FILL_RATIO: MeasureParams(
            alert=3.0, throttle=5.0, rollback=8.0, halt=12.0, floor=0.05, low=True, smooth=True
        ),
        # At a usual 100 ms: ALERT from 250 ms on, THROTTLE 400 ms, ROLLBACK 660 ms, HALT 1.2 s.
        Measure.ACK_LATENCY: MeasureParams(
            alert=4.0, throttle=8.0, rollback=15.0, halt=30.0, floor=25.0, relative_floor=0.25
        ),
        Measure.FILL_LATENCY: MeasureParams(
            alert=4.0, throttle=8.0, rollback=15.0, halt=30.0, floor=25.0, relative_floor=0.25
        ),
        # Above a usual 0: ALERT from 9 % on, THROTTLE 24 %, ROLLBACK 44 %, HALT 74 %.
        Measure.REJECT_RATE: MeasureParams(
            alert=3.0,
            throttle=8.0,
            rollback=15.0,
            halt=25.0,
            floor=0.02,
            limit=0.5,
            limit_severity=Severity.THROTTLE,
            smooth=True,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderParams:
    """
    How surely and for how long something must be wrong.

    Parameters
    ----------
    min_samples
        Values needed before anything is scored. Less judges sooner, on weaker ground. Typical 20-100.
    window
        Values after which what is usual begins to be learnt anew; at least `min_samples`.
    persist, within
        How many of the last `within` scores must be that bad; one alone says nothing.
    release
        Share of a threshold below which a score no longer holds a severity [fraction]: hysteresis.
    recovery
        Time without anything that bad after which the severity falls by one [s].
    halt_recovery
        The same for a halt, in which there are few orders to learn from [s]; at least `recovery`.
    half_life
        Of the rolling mean [orders].
    min_rolling
        Orders in the rolling mean before it is held against a limit.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    min_samples: int = 30
    window: int = 200
    persist: int = 3
    within: int = 5
    release: float = 0.7
    recovery: float = 900.0
    halt_recovery: float = 3_600.0
    half_life: float = 10.0
    min_rolling: int = 5

    def __post_init__(self) -> None:
        require(
            5 <= self.min_samples <= self.window <= 1_000_000,
            "5 <= min_samples <= window <= 1000000 [values]",
            (self.min_samples, self.window),
        )
        require(
            1 <= self.persist <= self.within <= 1_000,
            "1 <= persist <= within <= 1000 [scores]",
            (self.persist, self.within),
        )
        require(0.0 < self.release <= 1.0, "0 < release <= 1 [fraction]", self.release)
        require(
            0.0 < self.recovery <= self.halt_recovery <= 3.2e7,
            "0 < recovery <= halt_recovery <= a year [s]",
            (self.recovery, self.halt_recovery),
        )
        require(0.0 < self.half_life < 1e6, "0 < half_life < 1e6 [orders]", self.half_life)
        require(self.min_rolling >= 1, "min_rolling >= 1 [orders]", self.min_rolling)
