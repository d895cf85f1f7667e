"""What people write about hedging in a config."""

from __future__ import annotations

import math
from typing import Literal

from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.options.hedging import HedgerParams
from nautilus_quant.options.hedging_band import BandKind, BandParams
from nautilus_quant.options.hedging_breaker import BreakerParams
from nautilus_quant.options.hedging_limits import HedgeLimits
from nautilus_quant.options.hedging_params import HedgeParams, Mode


class HedgeSettings(NautilusConfig, kw_only=True, frozen=True):
    """
    When and how a book of options is hedged; see the rules in `nautilus_quant.options.hedging`.

    Parameters
    ----------
    band
        What decides: a ``fixed`` band, a ``cost_aware`` one, or the clock (``timed``).
    width, widest
        Half width of the fixed band and least of the cost-aware one, and the most of the latter [coins].
    risk_aversion
        Of the cost-aware band, absolute [1 / currency of the strikes].
    interval
        Of the timed band.
    mode
        How much is paid to be hedged soon: ``aggressive``, ``balanced`` or ``conservative``.
    patience
        How long an order may rest before it takes the other side.
    max_drawdown
        Drawdown of the equity from which on it is an emergency: hedged at market, at once.
    max_delta, max_gamma, max_vega
        Most net delta [coins], gamma [coins for 1 %] and vega [currency of the strikes per vol point] before
        it is an emergency; ``None`` for no limit. With a limit on gamma or vega, options are traded to keep
        it.
    calm
        Share of a limit below which an emergency is over.
    max_slippage
        Mean slippage of the last hedges that takes a version of the parameters back.
    slippage_window, slippage_fewest
        Hedges that are averaged, and those needed to judge.
    failures, pause, longest_pause
        Rejects and unanswered orders in a row after which an instrument is left alone, for how long the first
        time, and at most.
    holding
        How long a hedge is expected to stay: what funding is counted for.
    answer, lost
        How long an order that takes may go without an answer before it is asked back, and how much longer
        before it counts as lost.
    retry
        Wait after the gates denied a hedge, twice as long after each more.
    premium_adjusted
        Whether options paid in coin are hedged by their premium-adjusted delta: right for who counts wealth
        in coins; the plain delta for who counts it in money.
    external
        Whether positions that a venue reports and no strategy claims belong to the book: after a restart
        without a cache database, hedges are among them.
    max_age
        Age from which on a quote is nobody's.
    move
        Move of a hedge instrument's price that is looked at without waiting for the clock.
    every, reload
        Between two looks at the book, and at the versions of the parameters in the state store.
    subscribe
        Whether quotes and greeks of held options, and quotes and funding of hedge instruments are subscribed.

    """

    band: Literal["fixed", "cost_aware", "timed"] = "fixed"
    width: PositiveFloat = 0.05
    widest: PositiveFloat = 1.0
    risk_aversion: PositiveFloat = 1e-5
    interval: Seconds = 3_600.0
    mode: Literal["aggressive", "balanced", "conservative"] = "balanced"
    patience: Seconds = 10.0
    max_drawdown: Fraction = 0.05
    max_delta: PositiveFloat | None = None
    max_gamma: PositiveFloat | None = None
    max_vega: PositiveFloat | None = None
    calm: Fraction = 0.8
    max_slippage: Fraction = 0.0015
    slippage_window: PositiveInt = 20
    slippage_fewest: PositiveInt = 5
    failures: PositiveInt = 3
    pause: Seconds = 30.0
    longest_pause: Seconds = 600.0
    holding: Seconds = 28_800.0
    answer: Seconds = 5.0
    lost: Seconds = 30.0
    retry: Seconds = 1.0
    premium_adjusted: bool = True
    external: bool = True
    max_age: Seconds = 30.0
    move: Fraction = 0.0005
    every: Seconds = 5.0
    reload: Seconds = 60.0
    subscribe: bool = True

    def params(self) -> HedgeParams:
        """
        Return what is versioned.

        Raises
        ------
        ValueError
            If a setting is impossible.

        """
        band = BandParams(
            kind=BandKind(self.band),
            width=float(self.width),
            widest=float(self.widest),
            risk_aversion=float(self.risk_aversion),
            interval=float(self.interval),
        )
        return HedgeParams(band=band, mode=Mode(self.mode), patience=float(self.patience))

    def hedger(self) -> HedgerParams:
        """
        Return the rest.

        Raises
        ------
        ValueError
            If a setting is impossible.

        """
        for name in ("every", "reload", "max_age"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"need {name} > 0 [s], was {getattr(self, name)}")
        limits = HedgeLimits(
            drawdown=float(self.max_drawdown),
            delta=_limit(self.max_delta),
            gamma_1pct=_limit(self.max_gamma),
            vega=_limit(self.max_vega),
            calm=float(self.calm),
            slippage=float(self.max_slippage),
            window=self.slippage_window,
            fewest=self.slippage_fewest,
        )
        return HedgerParams(
            limits=limits,
            breaker=BreakerParams(
                failures=self.failures, pause=float(self.pause), longest=float(self.longest_pause)
            ),
            holding=float(self.holding),
            answer=float(self.answer),
            lost=float(self.lost),
            pause=float(self.retry),
        )


def _limit(given: float | None) -> float:
    return math.inf if given is None else float(given)
