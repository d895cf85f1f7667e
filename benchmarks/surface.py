"""A chain of options from its quotes to volatilities, greeks, surface and z-scores, quote by quote."""

from __future__ import annotations

from dataclasses import replace
from statistics import median

import numpy as np

from benchmarks.figure import Figure
from benchmarks.timing import each
from nautilus_quant.options import black76
from nautilus_quant.options.chain import Chain
from nautilus_quant.options.contract import years
from nautilus_quant.options.implied_vol import implied_vol
from nautilus_quant.options.surface_book import SurfaceBook
from nautilus_quant.options.svi import stack, total_variance
from nautilus_quant.options.svi_fit import Points, fit
from nautilus_quant.options.zscores import ScoreParams

NOW = 1_767_225_600_000_000_000
DAY = 86_400_000_000_000
DAYS = (1, 2, 4, 7, 14, 21, 30, 45, 60, 90, 120, 180)
STRIKES = 42
FORWARD = 90_000.0
UPDATES = 200


def chains() -> list[Chain]:
    """Make the same options again and again, ten seconds apart, with quotes that move a little."""
    days = np.repeat(np.array(DAYS), 2 * STRIKES)
    deviations = np.tile(np.repeat(np.linspace(-2.5, 2.5, STRIKES), 2), len(DAYS))
    call = np.tile([True, False], len(days) // 2)
    left = days / 365.0
    strike = FORWARD * np.exp(deviations * 0.5 * np.sqrt(left))
    vol = 0.5 - 0.02 * deviations + 0.015 * deviations**2
    rng = np.random.default_rng(7)
    first = Chain.of(
        NOW,
        "BTC",
        expiry=NOW + days * DAY,
        strike=strike,
        call=call,
        bid=black76.price(FORWARD, strike, left, vol - 0.003, call),
        ask=black76.price(FORWARD, strike, left, vol + 0.003, call),
    )
    made = []
    for n in range(UPDATES):
        moved = rng.normal(0.0, 5e-4, len(first)) * first.mid
        ts = NOW + n * 10_000_000_000
        made.append(
            replace(
                first,
                ts=ts,
                bid=first.bid + moved,
                ask=first.ask + moved,
                quoted=np.full(len(first), ts, dtype=np.int64),
            )
        )
    return made


def update(quoted: list[Chain]) -> float:
    """Time everything that is worked out of one chain [ms]."""
    book = SurfaceBook(scores=ScoreParams(every=0.0))
    book.update(quoted[0])

    def whole(at: int) -> None:
        chain = quoted[at % len(quoted)]
        surface = book.update(chain)
        forward = np.array([surface.forwards[expiry] for expiry in chain.expiry.tolist()])
        left = years(chain.ts, chain.expiry)
        vol = implied_vol(chain.mid, forward, chain.strike, left, chain.call)
        black76.greeks(forward, chain.strike, left, vol, chain.call)

    return median(each(whole, UPDATES)) / 1e3


def warm_slice(quoted: list[Chain]) -> float:
    """Time the fit of one slice that starts from the one before, as a share of fitting all [ms]."""
    surface = SurfaceBook().update(quoted[0])
    slices = [slice_.params for slice_ in surface.slices]
    left = np.array([slice_.years for slice_ in surface.slices])[:, None]
    reach = np.array([slice_.high for slice_ in surface.slices])[:, None]
    k = np.linspace(-1.0, 1.0, STRIKES) * reach
    vol = np.sqrt(total_variance(k, stack(slices)) / left)
    rng = np.random.default_rng(8)
    moved = [vol + rng.normal(0.0, 0.001, vol.shape) for _ in range(20)]
    used = np.ones(k.shape, dtype=np.bool_)
    points = [Points(k, v**2 * left, 2.0 * v * left * 0.003, used) for v in moved]
    return median(each(lambda at: fit(points[at % 20], list(slices)), UPDATES)) / 1e3 / len(slices)


def measure() -> list[Figure]:
    """Follow one chain, then fit slices alone."""
    quoted = chains()
    count = len(quoted[0])
    what = "volatilities, greeks, surface and z-scores"
    return [
        Figure(f"{what} of {count:,} options", update(quoted), "ms", 5.0, note=f"{len(DAYS)} expiries"),
        Figure("a slice of volatility, from the one before", warm_slice(quoted), "ms", 0.3),
    ]
