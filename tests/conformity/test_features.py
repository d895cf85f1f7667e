"""Every feature of `nautilus_quant.signals` goes on exactly where it stopped, and does not grow."""

from __future__ import annotations

import importlib
import inspect
import json
import math
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from nautilus_quant import signals
from nautilus_quant.signals.adx import Adx
from nautilus_quant.signals.cointegration import RollingCointegration
from nautilus_quant.signals.ewma import Ewma, EwmaVolatilities, EwmaVolatility
from nautilus_quant.signals.grid import GridRule
from nautilus_quant.signals.hedge_ratio import KalmanHedge, RollingOls
from nautilus_quant.signals.mean_reversion import MeanReversionRule
from nautilus_quant.signals.momentum import MomentumRule
from nautilus_quant.signals.pair import PairParams, PairRule
from nautilus_quant.signals.rolling import RollingMax

MINUTE = 60_000_000_000

# How each is made; whatever else is found in the room fails until it is added here.
EXAMPLES: dict[type, Callable[[], Any]] = {
    Adx: Adx,
    Ewma: lambda: Ewma(0.9),
    EwmaVolatility: lambda: EwmaVolatility(20.0),
    EwmaVolatilities: lambda: EwmaVolatilities(5.0, 50.0),
    RollingMax: lambda: RollingMax(12),
    MomentumRule: lambda: MomentumRule(interval=MINUTE),
    MeanReversionRule: lambda: MeanReversionRule(interval=MINUTE),
    GridRule: lambda: GridRule(interval=MINUTE),
    RollingOls: lambda: RollingOls(50),
    KalmanHedge: lambda: KalmanHedge(50),
    RollingCointegration: lambda: RollingCointegration(50, retest=5, enter=0.05, leave=0.2, lags=1),
    PairRule: lambda: PairRule(PairParams(window=50, hedge_window=50, retest=5), interval=MINUTE),
}


def found() -> list[type]:
    """Everything public that takes updates and can be saved."""
    modules = (
        importlib.import_module(f"{signals.__name__}.{m.name}")
        for m in pkgutil.iter_modules(signals.__path__)
    )
    return [
        kind
        for module in modules
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
        and hasattr(kind, "update")
        and not name.startswith("_")
        and not getattr(kind, "_is_protocol", False)
    ]


each = pytest.mark.parametrize("kind", found(), ids=lambda kind: kind.__name__)


def market(count: int) -> list[dict[str, float]]:
    """Whatever a feature may ask for, by the name of the argument."""
    rng = np.random.default_rng(11)
    returns, apart = rng.normal(0.0, 0.002, count), rng.normal(0.0, 0.003, count)
    closes = 100.0 * np.exp(np.cumsum(returns))
    return [
        {
            "ts": (index + 1) * MINUTE,
            "high": close * 1.001,
            "low": close * 0.999,
            "close": close,
            "value": close,
            "log_return": step,
            "close_a": close * math.exp(other),
            "close_b": close,
            "y": math.log(close) + other,
            "x": math.log(close),
        }
        for index, (close, step, other) in enumerate(
            zip(closes.tolist(), returns.tolist(), apart.tolist(), strict=True)
        )
    ]


def feed(feature: Any, rows: list[dict[str, float]]) -> list[Any]:
    wanted = [
        name
        for name, parameter in inspect.signature(feature.update).parameters.items()
        if parameter.default is inspect.Parameter.empty
    ]
    return [feature.update(**{name: row[name] for name in wanted}) for row in rows]


@each
def test_it_is_known_here(kind: type) -> None:
    assert kind in EXAMPLES, f"add an example of {kind.__name__} to EXAMPLES"


@each
def test_it_depends_on_nothing_but_what_it_was_fed(kind: type) -> None:
    assert feed(EXAMPLES[kind](), market(300)) == feed(EXAMPLES[kind](), market(300))


@each
@pytest.mark.parametrize("stop", [0, 1, 7, 60, 299])
def test_saved_as_json_and_restored_it_goes_on_as_if_nothing_had_happened(kind: type, stop: int) -> None:
    rows = market(300)
    whole = feed(EXAMPLES[kind](), rows)
    first = EXAMPLES[kind]()
    feed(first, rows[:stop])
    second = EXAMPLES[kind]().restore(json.loads(json.dumps(first.to_dict())))
    assert feed(second, rows[stop:]) == whole[stop:]


@each
def test_it_does_not_grow(kind: type) -> None:
    feature = EXAMPLES[kind]()
    feed(feature, market(500))
    early = len(json.dumps(feature.to_dict()))
    feed(feature, market(5_000))
    assert len(json.dumps(feature.to_dict())) < 2 * early + 200
