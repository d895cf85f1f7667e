"""What the portfolio budget can be told, and what it tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.messages import Message
from nautilus_quant.portfolio.budget_limits import Cap, Limits
from nautilus_quant.portfolio.value_at_risk_room import RiskParams

_SHARES = ("gross", "leverage", "net", "venue", "instrument", "strategy", "group")


class BudgetSettings(NautilusConfig, kw_only=True, frozen=True):
    """
    Limits of a portfolio; what is ``None`` is not limited.

    Parameters
    ----------
    allocation
        Share of the equity that all positions and orders together may be worth [-]: that of a canary.
    max_gross, max_leverage
        Largest sum of all sizes as a multiple of the equity [-]; two names, of which the smaller holds.
        Typically 1 to 5.
    max_net
        Largest long less short, on either side, as a multiple of the equity [-].
    max_venue, max_instrument, max_strategy
        Largest sum of sizes at one venue, in one instrument, of one strategy, as a multiple of the
        equity [-].
    max_group
        Largest long less short, on either side, in instruments that move together, as a multiple of the
        equity [-].
    overrides
        Other multiples for some, e.g. ``{"strategy:EMACross-001": 0.2}``; kinds are ``venue``,
        ``instrument``, ``strategy`` and ``group``.
    amounts
        The same limits as amounts in the reporting currency, e.g. ``{gross: 50_000}``. The smaller holds.
    groups
        Instruments by group, e.g. ``{majors: [BTCUSDT-PERP.SIM, ETHUSDT-PERP.SIM]}``.
    correlation
        Correlation of returns from which on instruments are one group [-]; ``None`` finds no groups.
    max_var, max_es
        Largest value at risk, and expected shortfall, as a share of the equity [-].
    var_method
        ``parametric`` (normal returns, EWMA covariance) or ``historical`` (the returns of the window).
    var_level
        Confidence [-].
    var_horizon
        Time over which is lost [s].
    period
        Time between two prices of which returns are made [s].
    window, min_window
        Returns remembered, and those needed before an instrument is known.
    half_life
        Returns after which one weighs half in the covariance; more is smoother and later.
    shrinkage
        Share by which correlations are drawn to zero [-]; more trusts fewer hedges.
    unknown_volatility
        Standard deviation of the return of one `period` [-] taken for instruments too little is known of;
        ``None`` lets nothing be opened while there is one.
    relearn
        Time between two looks at covariance and correlated groups [s].
    revalue
        Age up to which the values of positions and equity are used again [s].
    publish
        Least time between two messages on how far limits are used [s]; ``None`` for a second in a live node,
        and for the time of `review` in a backtest, where nobody watches.
    review
        Time between two looks at limits when nothing is traded [s].
    alert_at, clear_at
        Share of a limit used from which on an alert is raised, and below which it is over [-].

    """

    allocation: Fraction | None = None
    max_gross: NonNegativeFloat | None = None
    max_leverage: NonNegativeFloat | None = 3.0
    max_net: NonNegativeFloat | None = None
    max_venue: NonNegativeFloat | None = None
    max_instrument: NonNegativeFloat | None = None
    max_strategy: NonNegativeFloat | None = None
    max_group: NonNegativeFloat | None = None
    overrides: dict[str, float] = msgspec.field(default_factory=dict)
    amounts: dict[str, float] = msgspec.field(default_factory=dict)
    groups: dict[str, list[str]] = msgspec.field(default_factory=dict)
    correlation: Fraction | None = None
    max_var: Fraction | None = None
    max_es: Fraction | None = None
    var_method: Literal["parametric", "historical"] = "parametric"
    var_level: Fraction = 0.99
    var_horizon: Seconds = 86_400.0
    period: Seconds = 3_600.0
    window: PositiveInt = 500
    min_window: PositiveInt = 48
    half_life: PositiveFloat = 60.0
    shrinkage: Fraction = 0.1
    unknown_volatility: Fraction | None = 0.05
    relearn: Seconds = 3_600.0
    revalue: Seconds = 1.0
    publish: Seconds | None = None
    review: Seconds = 300.0
    alert_at: Fraction = 0.9
    clear_at: Fraction = 0.8

    def limits(self) -> Limits:
        """Return the limits as the rule takes them."""
        shares = {kind: getattr(self, f"max_{kind}") for kind in _SHARES}
        given = {kind: float(share) for kind, share in shares.items() if share is not None}
        if self.allocation is not None:
            given["allocation"] = self.allocation
        return Limits(shares={**given, **self.overrides}, amounts=self.amounts)

    def risk(self) -> RiskParams:
        """Return how value at risk is measured and limited."""
        return RiskParams(
            method=self.var_method,
            level=self.var_level,
            horizon=self.var_horizon / self.period,
            half_life=self.half_life,
            shrinkage=self.shrinkage,
            unknown_volatility=self.unknown_volatility,
            var=_cap(self.max_var),
            es=_cap(self.max_es),
        )


def _cap(share: float | None) -> Cap:
    return Cap() if share is None else Cap(share)


@dataclass(frozen=True, kw_only=True)
class BudgetUpdate(Message):
    """
    How far the limits of the portfolio are used (key: ``"budget"``).

    Parameters
    ----------
    equity
        It is measured against [reporting currency].
    used, bounds
        By limit, e.g. ``"venue:BINANCE"`` [reporting currency].
    orders
        Working orders that are counted.

    """

    key: str = "budget"
    equity: float
    used: Mapping[str, float] = field(default_factory=dict)
    bounds: Mapping[str, float] = field(default_factory=dict)
    orders: int = 0
