"""Single options that are rich or cheap against the surface by more than it costs to trade them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from nautilus_quant.options.scan_rows import Rows, ScanParams

type Floats = NDArray[np.float64]


class OptionIdea(NamedTuple):
    """
    An option off the surface.

    Parameters
    ----------
    name, expiry, strike, call
        Which one.
    side
        ``"buy"`` what is cheap, ``"sell"`` what is rich.
    price, fair
        What it is traded at, and what the surface says [currency of the forward per unit of underlying].
    points
        Volatility of the middle less that of the surface [vol points].
    errors
        The same in standard errors [-].
    half_spread, fee
        What trading costs [as `price`].
    edge
        What is left after costs, if it comes back to the surface or is held against it [as `price`].
    score
        The edge in standard errors [-]: what ideas are sorted by.
    open_interest, size
        Contracts open, and at the price [contracts]; NaN for unknown.

    """

    name: str
    expiry: int
    strike: float
    call: bool
    side: str
    price: float
    fair: float
    points: float
    errors: float
    half_spread: float
    fee: float
    edge: float
    score: float
    open_interest: float
    size: float


def scan_options(rows: Rows, params: ScanParams) -> tuple[OptionIdea, ...]:
    """Return the options worth trading, the best first."""
    off = rows.vol - rows.fit
    sell = off > 0.0
    edge = np.where(sell, rows.bid - rows.fair - rows.sell_fee, rows.fair - rows.ask - rows.buy_fee)
    size = np.where(sell, rows.depth.bid_size, rows.depth.ask_size)
    with np.errstate(invalid="ignore", divide="ignore"):
        errors, score = off / rows.error, edge / (rows.vega * rows.error)
        found = rows.fitted & (edge > 0.0) & (np.abs(errors) >= params.min_errors)
    found &= is_deep(rows.depth.open_interest, params.min_open_interest) & is_deep(size, params.min_size)
    at = np.flatnonzero(found)
    at = at[np.argsort(-score[at], kind="stable")]
    half, chain = 0.5 * (rows.ask - rows.bid), rows.chain
    return tuple(
        OptionIdea(
            name=chain.names[n],
            expiry=int(chain.expiry[n]),
            strike=float(chain.strike[n]),
            call=bool(chain.call[n]),
            side="sell" if sell[n] else "buy",
            price=float(rows.bid[n] if sell[n] else rows.ask[n]),
            fair=float(rows.fair[n]),
            points=float(100.0 * off[n]),
            errors=float(errors[n]),
            half_spread=float(half[n]),
            fee=float(rows.sell_fee[n] if sell[n] else rows.buy_fee[n]),
            edge=float(edge[n]),
            score=float(score[n]),
            open_interest=float(rows.depth.open_interest[n]),
            size=float(size[n]),
        )
        for n in at.tolist()
    )


def is_deep(amount: Floats, least: float) -> NDArray[np.bool_]:
    """Tell where there is enough; what is unknown is enough only when nothing is asked for."""
    deep: NDArray[np.bool_] = amount >= least
    return deep if least > 0.0 else np.ones(amount.shape, dtype=np.bool_)
