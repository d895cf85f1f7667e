"""Which band suits a book: what a study tries, and how it is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple, Protocol

from nautilus_quant.options.hedging_band import BandKind
from nautilus_quant.options.hedging_sim import (
    TradeCosts,
    gbm,
    hedge,
    heston,
    straddle,
)
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.options.hedging_params import HedgeParams
    from nautilus_quant.options.hedging_sim import Paths

LEAST, MOST = 0.005, 1.0
"""Widths that are tried [coins]."""
TIMID, BOLD = 1e-2, 1e-6
"""Risk aversions of the cost-aware band that are tried [1 / currency]."""
SOON, LATE = 300.0, 172_800.0
"""Intervals of the timed band that are tried [s]."""


class Trial(Protocol):
    """Suggests numbers: an Optuna trial, or anything like it."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        """Suggest a number between two."""

    def suggest_categorical(self, name: str, choices: Sequence[str]) -> str:
        """Suggest one of some."""


class Terms(NamedTuple):
    """
    What is simulated, and how it is judged.

    Parameters
    ----------
    risk_aversion
        Absolute, of the score [1 / currency].
    costs
        Of trading.
    coins
        Size of the straddles [coins].
    vol
        Of the simulated markets, annual, decimal.
    price
        Of the underlying [currency].
    days
        Length of a straddle's life [days].
    paths, steps
        Of each simulated market.
    seed
        Of the simulated markets.

    """

    risk_aversion: float
    costs: TradeCosts = TradeCosts()
    coins: float = 1.0
    vol: float = 0.6
    price: float = 100_000.0
    days: float = 30.0
    paths: int = 400
    steps: int = 720
    seed: int = 7


def simulated(terms: Terms) -> dict[str, Paths]:
    """
    Return the simulated markets a way to hedge is tried on: constant and stochastic volatility.

    Raises
    ------
    ValueError
        If a term is impossible.

    """
    for name in ("risk_aversion", "coins", "vol", "price", "days", "paths", "steps"):
        require(getattr(terms, name) > 0, f"{name} > 0", getattr(terms, name))
    years, size = terms.days / 365.0, -terms.coins
    prices = gbm(terms.seed, terms.paths, terms.steps, years, vol=terms.vol, price=terms.price)
    moving = heston(terms.seed, terms.paths, terms.steps, years, price=terms.price)
    return {
        "constant volatility": straddle(prices, terms.vol, years, size),
        "stochastic volatility": straddle(*moving, years, size),
    }


def score(params: HedgeParams, markets: Mapping[str, Paths], terms: Terms) -> float:
    """Return the mean score over all markets; less is better [currency]."""
    scores = [
        hedge(paths, params, terms.costs).score(terms.risk_aversion) for _, paths in sorted(markets.items())
    ]
    return sum(scores) / len(scores)


def suggested(trial: Trial, base: HedgeParams) -> HedgeParams:
    """Return the parameters a trial suggests; mode and patience stay, a simulation says nothing of them."""
    kind = BandKind(trial.suggest_categorical("kind", [str(kind) for kind in BandKind]))
    band = replace(base.band, kind=kind)
    if kind is BandKind.FIXED:
        width = trial.suggest_float("width", LEAST, MOST, log=True)
        band = replace(band, width=width, widest=max(width, band.widest))
    elif kind is BandKind.COST_AWARE:
        aversion = trial.suggest_float("risk_aversion", BOLD, TIMID, log=True)
        width = trial.suggest_float("least", LEAST, 0.1, log=True)
        band = replace(band, risk_aversion=aversion, width=width, widest=max(width, band.widest))
    else:
        band = replace(band, interval=trial.suggest_float("interval", SOON, LATE, log=True))
    return replace(base, band=band)
