"""A chain beside its surface: what options are quoted at, what it says of them, and what trading costs."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.account.fees import Liquidity, Tier
from nautilus_quant.options.black76 import price_and_greeks
from nautilus_quant.options.clean import Reason
from nautilus_quant.options.implied_vol import implied_vol
from nautilus_quant.options.scan_leave_out import left_out
from nautilus_quant.options.surface_fit import SurfaceParams, read_quotes
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from nautilus_quant.options.chain import Chain
    from nautilus_quant.options.surface import Surface

type Floats = NDArray[np.float64]
type Bools = NDArray[np.bool_]

NO_FEE: Final = Tier(index=0, name="none", volume=0.0, maker=Decimal(0), taker=Decimal(0))
_MAD: Final = 1.4826  # from a median of sizes to a standard deviation, of normal residuals
_TWO_SIDED: Final = (
    Reason.GOOD,
    Reason.WIDE,
    Reason.DEEP,
    Reason.IN_THE_MONEY,
    Reason.NO_INFORMATION,
    Reason.LONELY,
)
_FITTED: Final = (Reason.GOOD, Reason.IN_THE_MONEY)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanParams:
    """
    What is worth looking at.

    Parameters
    ----------
    min_errors
        Distance from the surface at least [standard errors].
    min_score
        Distance of what is told of skew and term structure from its past at least [standard deviations].
    near
        A spread nearly violates a bound when it is quoted at less than this share of what the surface says it
        is worth above the bound [fraction].
    min_open_interest
        Contracts open at least; what is unknown passes only when nothing is asked for.
    min_size
        Size at the price that is traded at least [contracts]; the same.
    surface
        How quotes are cleaned, and how well a volatility can be known at best.

    Raises
    ------
    ValueError
        If one is impossible.

    """

    min_errors: float = 2.0
    min_score: float = 2.0
    near: float = 0.25
    min_open_interest: float = 0.0
    min_size: float = 0.0
    surface: SurfaceParams = field(default_factory=SurfaceParams)

    def __post_init__(self) -> None:
        require(self.min_errors >= 0.0, "min_errors >= 0 [standard errors]", self.min_errors)
        require(self.min_score >= 0.0, "min_score >= 0 [standard deviations]", self.min_score)
        require(0.0 <= self.near < 1.0, "0 <= near < 1 [fraction]", self.near)
        require(self.min_open_interest >= 0.0, "min_open_interest >= 0 [contracts]", self.min_open_interest)
        require(self.min_size >= 0.0, "min_size >= 0 [contracts]", self.min_size)


class Depth(NamedTuple):
    """
    How much can be traded, float64[n] each; NaN for unknown.

    Parameters
    ----------
    open_interest
        Contracts open.
    bid_size, ask_size
        At the best prices [contracts].

    """

    open_interest: Floats
    bid_size: Floats
    ask_size: Floats

    @classmethod
    def unknown(cls, count: int) -> Depth:
        """Return the depth of a chain of which nobody said any."""
        return cls(*(np.full(count, np.nan) for _ in range(3)))


class Rows(NamedTuple):
    """
    All options of a chain, one row for each; arrays of shape (n,).

    Parameters
    ----------
    chain
        As it was quoted.
    forward, years
        Of each expiry; NaN where the forward is unknown.
    bid, ask
        Premium per unit of underlying [currency of the forward at the expiry].
    usable
        Quoted on both sides, fresh and not crossed.
    fitted
        Usable, and within the strikes its slice was fitted to.
    vol
        Of the middle [vol]; NaN where it holds none.
    fit
        Of the surface, as all other strikes of the expiry make it [vol]; NaN without one.
    fair
        Premium by the surface [same unit as `bid`].
    vega
        Of `fair`, for one vol, that is a hundred vol points [same unit].
    error
        How far the middle may be off for no reason: half the spread, and how the quotes of its slice scatter
        around it, together [vol].
    buy_fee, sell_fee
        Of taking the ask, and the bid [same unit as `bid`].
    depth
        How much can be traded.

    """

    chain: Chain
    forward: Floats
    years: Floats
    bid: Floats
    ask: Floats
    usable: Bools
    fitted: Bools
    vol: Floats
    fit: Floats
    fair: Floats
    vega: Floats
    error: Floats
    buy_fee: Floats
    sell_fee: Floats
    depth: Depth

    @property
    def mid(self) -> Floats:
        """Halfway between bid and ask."""
        middle: Floats = 0.5 * (self.bid + self.ask)
        return middle


def read_rows(
    chain: Chain,
    surface: Surface,
    params: ScanParams | None = None,
    *,
    tier: Tier = NO_FEE,
    depth: Depth | None = None,
) -> Rows:
    """
    Lay a chain beside its surface.

    Parameters
    ----------
    chain
        The quotes.
    surface
        Fitted to this chain, or shortly before.
    params
        How quotes are cleaned.
    tier
        Fees of the venue.
    depth
        How much can be traded, a row for each option; ``None`` for unknown.

    """
    params = params or ScanParams()
    quotes, found = read_quotes(chain, params.surface)
    slope = found.slope[np.searchsorted(found.expiry, chain.expiry)]
    usable = np.isin(quotes.reasons, _TWO_SIDED) & np.isfinite(quotes.forward)
    bid, ask = chain.bid / slope, chain.ask / slope
    fit, scatter = left_out(chain, quotes, surface)
    with np.errstate(invalid="ignore", divide="ignore"):
        fair, moved = price_and_greeks(quotes.forward, chain.strike, quotes.years, fit, chain.call)
        middle = np.where(usable, 0.5 * (bid + ask), np.nan)
        vol = implied_vol(middle, quotes.forward, chain.strike, quotes.years, chain.call)
        vega = moved.vega * 100.0
        fitted = usable & np.isin(quotes.reasons, _FITTED) & _is_inside(chain, quotes.k, surface)
        fitted &= np.isfinite(vol) & (vega > 0.0)
        half = 0.5 * (ask - bid) / vega
    scatter = np.where(np.isfinite(scatter), scatter, _scatter(chain.expiry, vol - fit, fitted))
    error = np.hypot(half, np.maximum(_MAD * scatter, params.surface.least_error))
    return Rows(
        chain,
        quotes.forward,
        quotes.years,
        bid,
        ask,
        usable,
        fitted,
        vol,
        fit,
        fair,
        vega,
        error,
        _fee(quotes.forward, ask, tier),
        _fee(quotes.forward, bid, tier),
        depth or Depth.unknown(len(chain)),
    )


def _is_inside(chain: Chain, k: Floats, surface: Surface) -> Bools:
    inside = np.zeros(len(chain), dtype=np.bool_)
    for slice_ in surface.slices:
        inside |= (chain.expiry == slice_.expiry) & (k >= slice_.low - 1e-9) & (k <= slice_.high + 1e-9)
    return inside


def _scatter(expiry: NDArray[np.int64], residual: Floats, fitted: Bools) -> Floats:
    """Return the usual size of residuals of each row's slice [vol]: the median, which no outlier moves."""
    scatter = np.full(len(expiry), np.nan)
    for each in np.unique(expiry[fitted]):
        rows = expiry == each
        scatter[rows] = float(np.median(np.abs(residual[rows & fitted])))
    return scatter


def _fee(forward: Floats, premium: Floats, tier: Tier) -> Floats:
    """Return what taking an option costs: a share of the underlying, up to a share of the premium."""
    fee = forward * float(tier.rate(Liquidity.TAKER))
    return fee if tier.cap is None else np.minimum(fee, premium * float(tier.cap))
