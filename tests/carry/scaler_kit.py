"""Pairs and markets by hand for tests of the carry scaler."""

from __future__ import annotations

from nautilus_quant.carry.capture import CaptureParams
from nautilus_quant.carry.forecast import ForecastParams
from nautilus_quant.carry.scaler import CarryScaler
from nautilus_quant.carry.scaler_market import Leg
from nautilus_quant.carry.scaler_terms import CarryPair, Funds, ScalerParams
from nautilus_quant.carry.sizing import SizingParams
from nautilus_quant.carry.slippage import SlippageParams

HOUR = 3_600_000_000_000
EIGHT = 8 * HOUR
START = 1_704_067_200_000_000_000  # 2024-01-01, a stamp
RICH = Funds(10_000_000.0, {"A": 10_000_000.0, "B": 10_000_000.0})


def spot(venue: str = "A", coin: str = "BTC", borrow: float | None = None) -> Leg:
    name = f"{coin}.{venue}"
    if borrow is None:
        return Leg(instrument=name, venue=venue, is_perpetual=False)
    return Leg(instrument=name, venue=venue, is_perpetual=False, borrow=borrow)


def perp(venue: str = "A", coin: str = "BTC", capital: float = 0.2) -> Leg:
    return Leg(instrument=f"{coin}-PERP.{venue}", venue=venue, is_perpetual=True, capital=capital, borrow=0.0)


def pair(one: Leg | None = None, two: Leg | None = None, name: str = "BTC") -> CarryPair:
    return CarryPair(name=name, one=one or spot(), two=two or perp())


def params(**changes) -> ScalerParams:
    """Errors that are none, so that sizes can be worked out by hand; 21 payments."""
    sizing = {"share": 0.8, "caution": 0.0, "kelly": 0.0, **changes.pop("sizing", {})}
    given = {
        "horizon": 7 * 86_400.0,
        "impact_caution": 0.0,
        "max_share": 1.0,
        "capital": 1.0,
        "capture": CaptureParams(half_life=6.0, least=3),
        "forecast": ForecastParams(),
        "slippage": SlippageParams(unit=10_000.0, spread=0.0001, impact=0.0002),
        **changes,
    }
    return ScalerParams(sizing=SizingParams(**sizing), **given)


def scaler(*pairs: CarryPair, fee: float = 0.0005, rate: float = 0.0003, **changes) -> CarryScaler:
    """A scaler whose perpetuals have paid one rate all the time, up to `START`."""
    made = CarryScaler(pairs or [pair()], params(**changes))
    for market in made.markets.values():
        market.fee = fee
        if market.leg.is_perpetual:
            pay(made, market.leg.instrument, rate)
    return made


def pay(made: CarryScaler, instrument: str, rate: float, times: int = 30, until: int = START) -> None:
    """Let an instrument pay a rate, the last time at `until`."""
    for n in range(times):
        made.markets[instrument].settled(until - (times - 1 - n) * EIGHT, rate)
