"""A hedger, a book and instruments to hedge it with; no two numbers of them alike."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from nautilus_quant.options.hedging import Hedger, HedgerParams
from nautilus_quant.options.hedging_band import BandParams
from nautilus_quant.options.hedging_breaker import BreakerParams
from nautilus_quant.options.hedging_limits import HedgeLimits, Net
from nautilus_quant.options.hedging_market import Candidate
from nautilus_quant.options.hedging_params import HedgeParams, Mode

SECOND = 1_000_000_000
LOT = Decimal("0.001")


def candidate(name: str = "PERP", **fields: Any) -> Candidate:
    given = {
        "bid": 99_990.0,
        "ask": 100_010.0,
        "bid_size": 30.0,
        "ask_size": 40.0,
        "delta": 1.0,
        "lot": LOT,
        "least": Decimal("0.002"),
        "taker": 0.0005,
        "maker": 0.0002,
        **fields,
    }
    return Candidate(name=name, **given)


def net(delta: float, **fields: Any) -> Net:
    return Net(**{"delta": delta, "gamma_1pct": 0.3, "vega": -70.0, "price": 100_000.0, **fields})


def hedger(mode: Mode = Mode.BALANCED, **fields: Any) -> Hedger:
    limits = HedgeLimits(
        **{
            name: fields.pop(name)
            for name in ("drawdown", "delta", "gamma_1pct", "vega", "fewest", "window")
            if name in fields
        }
    )
    band = fields.pop("band", BandParams(width=0.05))
    params = HedgerParams(
        limits=limits, breaker=BreakerParams(failures=2, pause=30.0), answer=5.0, lost=20.0, **fields
    )
    return Hedger(HedgeParams(band=band, mode=mode, patience=10.0), params)
