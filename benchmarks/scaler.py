"""What a decision over all carries takes: 5 venues × 20 symbols, spot against perpetual at each."""

from __future__ import annotations

import random
from statistics import median
from typing import Any

from benchmarks.figure import Figure
from benchmarks.timing import each

VENUES, SYMBOLS = 5, 20
BUDGET = 1_000.0
_HOUR = 3_600_000_000_000
_NOW = (60 * 8 + 1) * _HOUR
_ROUNDS = 300


def scaler(seed: int = 7) -> Any:
    """Return a scaler that knows 60 payments of each perpetual, and 50 costs of each instrument."""
    from nautilus_quant.carry.scaler import CarryScaler
    from nautilus_quant.carry.scaler_market import Leg
    from nautilus_quant.carry.scaler_terms import CarryPair

    rng = random.Random(seed)
    made = CarryScaler(
        CarryPair(
            name=f"S{symbol}-V{venue}",
            one=Leg(instrument=f"S{symbol}.V{venue}", venue=f"V{venue}", is_perpetual=False),
            two=Leg(
                instrument=f"S{symbol}-PERP.V{venue}",
                venue=f"V{venue}",
                is_perpetual=True,
                capital=0.2,
                borrow=0.0,
            ),
        )
        for venue in range(VENUES)
        for symbol in range(SYMBOLS)
    )
    for market in made.markets.values():
        market.fee = rng.uniform(0.0002, 0.0006)
        for _ in range(50):
            market.curve.observe(rng.uniform(100.0, 100_000.0), rng.uniform(0.0001, 0.0005))
        if market.leg.is_perpetual:
            for payment in range(61):
                market.settled(payment * 8 * _HOUR, rng.gauss(0.0003, 0.0001))
    return made


def decisions(made: Any, capital: float, rounds: int = _ROUNDS, *, new: bool) -> tuple[list[float], Any]:
    """
    Return how long each decision took [µs], and the last one.

    Parameters
    ----------
    made
        A scaler.
    capital
        In all; a fifth of it at each venue [currency].
    rounds
        How many.
    new
        Whether before each of them every perpetual's rate has changed, and every instrument's book.

    """
    from nautilus_quant.carry.scaler_terms import Funds

    funds = Funds(capital, {f"V{venue}": capital / VENUES for venue in range(VENUES)})
    first = made.decide(_NOW, funds, {})
    held = {name: 0.5 * one.size for name, one in first.items()}
    found = [first]
    taken: list[float] = []
    for index in range(rounds):
        for place, market in enumerate(made.markets.values()):
            if market.leg.is_perpetual:
                market.announced(_NOW, 0.0003 + 1e-8 * (index + place), _NOW + 7 * _HOUR)
            if new:
                market.curve.observe(1_000.0 + place, 0.0002, 0.05)
        taken += each(lambda _: found.__setitem__(0, made.decide(_NOW, funds, held)), 1)
    return taken, found[0]


def measure() -> list[Figure]:
    """Return the figures of this family."""
    made = scaler()
    decisions(made, 1e6, 20, new=True)
    usual, _ = decisions(made, 1e6, new=False)
    cold, _ = decisions(made, 1e6, new=True)
    pairs = VENUES * SYMBOLS
    return [
        Figure(
            f"scaler, {pairs} pairs at {VENUES} venues",
            median(usual),
            "µs",
            BUDGET,
            note=f"median of {len(usual)}; every rate is new, capital is short",
        ),
        Figure(
            "the same, every book new, too",
            median(cold),
            "µs",
            note=f"median of {len(cold)}; each curve of costs is read anew",
        ),
    ]
