"""What the anomaly detector can be told, and the rules that makes."""

from __future__ import annotations

from dataclasses import replace

from msgspec import field
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.safety.anomaly_params import DEFAULTS, Measure, MeasureParams


class MeasureOverride(NautilusConfig, kw_only=True, frozen=True):
    """
    Other bounds for one measure; see `nautilus_quant.safety.anomaly_measure.DEFAULTS` for those left out.

    Parameters
    ----------
    alert, throttle, rollback, halt
        Robust z-scores from which on it is that bad [standard deviations].
    floor, relative_floor
        Least median absolute deviation [bps, ms, or share], and the same as a share of the median [-].

    """

    alert: PositiveFloat | None = None
    throttle: PositiveFloat | None = None
    rollback: PositiveFloat | None = None
    halt: PositiveFloat | None = None
    floor: PositiveFloat | None = None
    relative_floor: NonNegativeFloat | None = None


class AnomalyDetectorConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the anomaly detector can be told.

    Parameters
    ----------
    max_slippage
        Bound of the rolling slippage of an instrument, half the spread included [fraction], as in ``15bps``:
        beyond it, orders are throttled and a rollback of parameters is asked for.
    max_reject_rate
        Bound of the rolling share of orders the venue rejects [fraction]: beyond it, orders are throttled.
    measures
        Other bounds by measure (``slippage``, ``fill_ratio``, ``ack_latency``, ``fill_latency``,
        ``reject_rate``), e.g. ``{ack_latency: {halt: 50.0}}``.
    throttle_every
        Least time between two opening orders while throttled [s].
    throttle_share
        Share of the asked quantity that may be opened while throttled [fraction]. Who previews an order, or
        asks again for what the denial offers, gets it; who asks for the same again is denied again.
    min_samples, window, persist, within
        Orders needed before anything is scored, those after which what is usual begins to be learnt anew, and
        how many of the last few scores must be bad: see `nautilus_quant.safety.anomaly_measure.LadderParams`,
        also for what follows.
    release, recovery, halt_recovery
        How far a score must fall back, and how long all must be well before the severity falls by one [s].
    half_life, min_rolling
        Of the rolling means [orders], and the orders they need.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    max_slippage: Fraction = 0.0015
    max_reject_rate: Fraction = 0.5
    measures: dict[str, MeasureOverride] = field(default_factory=dict)
    throttle_every: Seconds = 60.0
    throttle_share: Fraction = 0.5
    min_samples: PositiveInt = 30
    window: PositiveInt = 200
    persist: PositiveInt = 3
    within: PositiveInt = 5
    release: Fraction = 0.7
    recovery: Seconds = 900.0
    halt_recovery: Seconds = 3_600.0
    half_life: PositiveFloat = 10.0
    min_rolling: PositiveInt = 5
    state: str | None = None


def measure_params(config: AnomalyDetectorConfig) -> dict[Measure, MeasureParams]:
    """
    Return the rules the config means.

    Raises
    ------
    ValueError
        If a bound is impossible, or a measure unknown.

    """
    unknown = sorted(set(config.measures) - {measure.value for measure in Measure})
    if unknown:
        known = ", ".join(Measure)
        raise ValueError(f"measures must be some of {known}, was {', '.join(unknown)}")
    limits = {
        Measure.SLIPPAGE: config.max_slippage * 1e4,
        Measure.REJECT_RATE: float(config.max_reject_rate),
    }
    made = {}
    for measure, usual in DEFAULTS.items():
        other = config.measures.get(measure.value)
        given = {} if other is None else {name: getattr(other, name) for name in _OVERRIDABLE}
        given = {name: float(value) for name, value in given.items() if value is not None}
        made[measure] = replace(usual, **given, limit=limits.get(measure, usual.limit))
    return made


_OVERRIDABLE = MeasureOverride.__struct_fields__
