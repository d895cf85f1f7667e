"""Implied volatilities and greeks of a chain, against QuantLib and NautilusTrader's own solver."""

from __future__ import annotations

from functools import cache
from statistics import median
from typing import NamedTuple

import numpy as np

from benchmarks.figure import Figure, Unavailable
from benchmarks.hedging import decision
from benchmarks.timing import each, ratios, seconds

OPTIONS = 1_000
POSITIONS = 200
FORWARD = 60_000.0
ROUNDS = 21


class Chain(NamedTuple):
    """Options out of the money as a venue lists them: twenty expiries, fifty strikes each, with a smile."""

    strike: np.ndarray
    years: np.ndarray
    call: np.ndarray
    vol: np.ndarray
    premium: np.ndarray


@cache
def chain() -> Chain:
    """Make a chain of `OPTIONS`; strikes within three standard deviations."""
    from nautilus_quant.options.black76 import price

    years = np.repeat(np.geomspace(1 / 365, 1.0, 20), OPTIONS // 20)
    deviations = np.tile(np.linspace(-3.0, 3.0, OPTIONS // 20), 20)
    vol = 0.6 + 0.02 * deviations**2
    strike = FORWARD * np.exp(deviations * 0.6 * np.sqrt(years))
    call = strike > FORWARD
    return Chain(strike, years, call, vol, price(FORWARD, strike, years, vol, call))


def ours() -> float:
    """Time one call for the whole chain [s]."""
    from nautilus_quant.options.implied_vol import implied_vol

    c = chain()
    return seconds(lambda: implied_vol(c.premium, FORWARD, c.strike, c.years, c.call))


def worst() -> float:
    """Return the largest error of ours [decimal]; NaN if it found none for one of them."""
    from nautilus_quant.options.implied_vol import implied_vol

    c = chain()
    return float(np.abs(implied_vol(c.premium, FORWARD, c.strike, c.years, c.call) - c.vol).max())


def nautilus() -> float:
    """Time NautilusTrader's Rust solver, which takes one option a call [s]."""
    from nautilus_trader.core.nautilus_pyo3 import imply_vol

    c = chain()
    rows = list(zip(c.call.tolist(), c.strike.tolist(), c.years.tolist(), c.premium.tolist(), strict=True))
    return seconds(lambda: [imply_vol(FORWARD, 0.0, 0.0, *row) for row in rows])


def quantlib() -> float:
    """Time QuantLib's solver, one option a call, with a good guess [s]."""
    try:
        import QuantLib as ql  # noqa: N813 (its users call it so)
    except ImportError as error:
        raise Unavailable("QuantLib is not installed (it comes with the dev extra)") from error
    c = chain()
    kinds = [ql.Option.Call if call else ql.Option.Put for call in c.call]
    rows = list(zip(kinds, c.strike.tolist(), c.premium.tolist(), np.sqrt(c.years).tolist(), strict=True))
    solve = ql.blackFormulaImpliedStdDev
    return seconds(
        lambda: [
            solve(kind, strike, FORWARD, premium, 1.0, 0.0, 0.6 * root, 1e-12, 100) / root
            for kind, strike, premium, root in rows
        ]
    )


def volatilities_and_greeks() -> float:
    """Time both for the whole chain [s]."""
    from nautilus_quant.options.black76 import greeks
    from nautilus_quant.options.implied_vol import implied_vol

    c = chain()

    def both() -> None:
        vol = implied_vol(c.premium, FORWARD, c.strike, c.years, c.call)
        greeks(FORWARD, c.strike, c.years, vol, c.call)

    return seconds(both)


def book() -> float:
    """Time the net greeks of `POSITIONS` [µs]."""
    from nautilus_quant.options.contract import YEAR, Contract
    from nautilus_quant.options.greeks import book_greeks

    c = chain()
    held = [
        Contract(f"BTC-{i}", "BTC", int(c.years[i] * YEAR), float(c.strike[i]), bool(c.call[i]))
        for i in range(0, OPTIONS, OPTIONS // POSITIONS)
    ]
    quantities = np.resize([1.0, -2.0, 3.0], len(held))
    return median(each(lambda _: book_greeks(held, quantities, FORWARD, 0.6, 0).net(), 200))


def measure() -> list[Figure]:
    """Take ours and theirs in turns, so that a slow spell of the machine hits both."""
    alone, rust, against_rust = ratios(nautilus, ours, ROUNDS)
    mine, peer, against_quantlib = ratios(ours, quantlib, ROUNDS)
    one = "one call for the chain, one a call for theirs"
    return [
        Figure(
            f"implied volatilities of {OPTIONS:,} options",
            mine * 1e3,
            "ms",
            1.5,
            note=f"one call, off by {worst():.0e} at most",
        ),
        Figure(
            "implied volatility per option, against NautilusTrader's",
            against_rust,
            "x",
            1.5,
            note=f"{rust * 1e6 / OPTIONS:.2f} and {alone * 1e6 / OPTIONS:.2f} µs; {one}",
        ),
        Figure(
            "QuantLib's implied volatility per option, against ours",
            against_quantlib,
            "x",
            1.0,
            at_least=True,
            note=f"{peer * 1e6 / OPTIONS:.2f} and {mine * 1e6 / OPTIONS:.2f} µs; {one}",
        ),
        Figure(
            f"volatilities and greeks of {OPTIONS:,} options",
            median(volatilities_and_greeks() for _ in range(ROUNDS)) * 1e3,
            "ms",
            2.0,
        ),
        Figure(f"net greeks of {POSITIONS} positions", book(), "µs", 500.0),
        Figure(
            f"hedging decision for {POSITIONS} positions",
            decision(POSITIONS),
            "µs",
            1_000.0,
            note="greeks of all by the venue's volatilities, candidates and what to trade, in an engine",
        ),
    ]
