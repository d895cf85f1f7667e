"""Bars for the tests of the regime rooms."""

import numpy as np
from hypothesis import strategies as st

from nautilus_quant.gating.regime_history import BarValues

MINUTE = 60_000_000_000
START = 1_700_000_040_000_000_000 // MINUTE * MINUTE


def bars_of(closes: list[float], start: int = START, interval: int = MINUTE) -> list[BarValues]:
    """One bar per close, opening at the close before, with a little range around."""
    out, last = [], closes[0]
    for at, close in enumerate(closes):
        high, low = max(last, close) * 1.0001, min(last, close) * 0.9999
        out.append(BarValues(start + (at + 1) * interval, last, high, low, close))
        last = close
    return out


def walk(
    count: int, *, seed: int = 1, volatility: float = 0.001, drift: float = 0.0, price: float = 50_000.0
) -> list[float]:
    """Closes of a random walk; volatility and drift per bar."""
    steps = np.random.default_rng(seed).normal(drift, volatility, count)
    return [float(value) for value in price * np.exp(np.cumsum(steps))]


def joined(*returns: list[float] | np.ndarray, price: float = 50_000.0) -> list[float]:
    """Closes from log returns, piece after piece."""
    return [float(value) for value in price * np.exp(np.cumsum(np.concatenate(returns)))]


def noise(count: int, volatility: float, seed: int = 2) -> np.ndarray:
    """Log returns of given volatility per bar."""
    return np.random.default_rng(seed).normal(0.0, volatility, count)


@st.composite
def wild_bars(draw: st.DrawFn, most: int = 120) -> list[BarValues]:
    """Bars as a bad feed has them: gaps, repeats, steps back, NaN, zero, absurd prices."""
    steps = draw(
        st.lists(
            st.tuples(
                st.sampled_from([1, 1, 1, 1, 1, 1, 2, 4, 9, 40, 0, -1, -60]),
                st.floats(-0.02, 0.02),
                st.sampled_from(["good"] * 12 + ["nan", "zero", "absurd", "upside down"]),
            ),
            max_size=most,
        )
    )
    out, ts, price = [], START, 100.0
    for jump, log_return, kind in steps:
        ts += jump * MINUTE
        last, price = price, price * float(np.exp(log_return))
        good = BarValues(ts, last, max(last, price), min(last, price), price)
        out.append(_spoilt(good, kind))
    return out


def _spoilt(bar: BarValues, kind: str) -> BarValues:
    if kind == "nan":
        return bar._replace(close=float("nan"))
    if kind == "zero":
        return bar._replace(low=0.0)
    if kind == "absurd":
        return bar._replace(high=bar.high * 5.0, close=bar.high * 5.0)
    if kind == "upside down":
        return bar._replace(high=bar.low * 0.9)
    return bar
