"""From NautilusTrader's option instruments to `Contract`, and what the suite says of their surfaces."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nautilus_trader.model.enums import OptionKind
from nautilus_trader.model.instruments import CryptoOption, OptionContract

from nautilus_quant.host.messages import Message
from nautilus_quant.options.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.model.instruments import Instrument

    from nautilus_quant.options.surface import Surface

_MOST_VOL = 5.0


@dataclass(frozen=True, kw_only=True)
class SurfaceUpdate(Message):
    """
    A surface was fitted (key: the underlying, e.g. ``"BTC"``).

    Parameters
    ----------
    surface
        Ask it for volatilities and forwards.
    statistics
        Volatility at the money, 25-delta risk reversal and butterfly of each bucket of days to expiry, and
        the steps between buckets, by name, e.g. ``"atm|7-14"`` [vol, 0.01 is a point].
    scores
        How unusual each is against its own past, by the same names [standard deviations]; those with too
        short a past are missing.

    """

    surface: Surface
    statistics: Mapping[str, float] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)


def contract_of(instrument: Instrument | None) -> Contract | None:
    """
    Return what an instrument pays, or ``None`` when it is no option that can be priced here.

    An option settled in its underlying coin is quoted in that coin too, as on Deribit and OKX; every other
    one in money.
    """
    if isinstance(instrument, CryptoOption):
        underlying, settlement = instrument.underlying.code, instrument.settlement_currency.code
    elif isinstance(instrument, OptionContract):
        underlying, settlement = str(instrument.underlying), instrument.quote_currency.code
    else:
        return None
    strike, multiplier = float(instrument.strike_price), float(instrument.multiplier)
    if not (0.0 < strike < math.inf and 0.0 < multiplier < math.inf):
        return None
    return Contract(
        name=instrument.id.value,
        underlying=underlying,
        expiry=int(instrument.expiration_ns),
        strike=strike,
        call=instrument.option_kind == OptionKind.CALL,
        multiplier=multiplier,
        coin_settled=settlement == underlying,
        settlement=settlement,
    )


def decimal_vol(value: float | None) -> float:
    """
    Return a venue's volatility as a decimal; NaN without one.

    Deribit counts in per cent and NautilusTrader 1.231 hands that on, others count in decimals: above 5 it
    is per cent, as hardly anything has a volatility of 500 % and nothing one of 5 %.
    """
    if value is None or not value > 0.0 or not math.isfinite(value):
        return math.nan
    return value / 100.0 if value > _MOST_VOL else float(value)
