"""Option instruments, and quotes and greeks that fit a known surface."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from nautilus_trader.model.currencies import BTC as BITCOIN
from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import OptionGreeks, QuoteTick
from nautilus_trader.model.enums import OptionKind
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.model.instruments import CryptoOption
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.options import black76
from nautilus_quant.options.contract import years
from nautilus_quant.options.svi import Svi, variance_at
from tests.options.surface_kit import NOW, chain_of, forward_of


def option(
    expiry: int, strike: float, call: bool, *, coin: bool = False, venue: str = "BINANCE"
) -> CryptoOption:
    tag = "COIN" if coin else "USDT"
    kind = "C" if call else "P"
    instrument_id = InstrumentId.from_str(f"BTC-{tag}-{expiry // 10**9}-{strike:.0f}-{kind}.{venue}")
    digits = 8 if coin else 2
    return CryptoOption(
        instrument_id=instrument_id,
        raw_symbol=instrument_id.symbol,
        underlying=BITCOIN,
        quote_currency=BITCOIN if coin else USDT,
        settlement_currency=BITCOIN if coin else USDT,
        is_inverse=False,
        option_kind=OptionKind.CALL if call else OptionKind.PUT,
        strike_price=Price(strike, 0),
        activation_ns=0,
        expiration_ns=expiry,
        price_precision=digits,
        size_precision=1,
        price_increment=Price(10.0**-digits, digits),
        size_increment=Quantity(0.1, 1),
        ts_event=0,
        ts_init=0,
    )


class Market:
    """Options on a grid of strikes, quoted around smiles."""

    def __init__(
        self,
        slices: dict[int, Svi],
        *,
        coin: bool = False,
        strikes: int = 15,
        start: int = NOW,
        **options: Any,
    ) -> None:
        self.slices, self.coin, self.start = slices, coin, start
        first = chain_of(slices, ts=start, strikes=strikes)
        rounded = np.round(first.strike / 100.0) * 100.0
        self.instruments = [
            option(int(expiry), float(strike), bool(call), coin=coin, **options)
            for expiry, strike, call in zip(first.expiry, rounded, first.call, strict=True)
        ]

    def quotes(self, ts: int, slices: dict[int, Svi] | None = None, spread: float = 0.004) -> list[QuoteTick]:
        """Every option at one moment, by the smiles or by others."""
        made = []
        for one in self.instruments:
            expiry, strike = one.expiration_ns, float(one.strike_price)
            params = (slices or self.slices)[expiry]
            forward = forward_of(expiry)
            vol = np.sqrt(variance_at(float(np.log(strike / forward)), params) / years(self.start, expiry))
            call, left = one.option_kind == OptionKind.CALL, years(ts, expiry)
            scale = forward if self.coin else 1.0
            bid, ask = (
                float(black76.price(forward, strike, left, vol + side * spread / 2, call)) / scale
                for side in (-1, 1)
            )
            digits, size = one.price_precision, Quantity(10, 1)
            made.append(QuoteTick(one.id, Price(bid, digits), Price(ask, digits), size, size, ts, ts))
        return made

    def greeks(self, ts: int, vol: float, forward: float) -> list[OptionGreeks]:
        return [
            OptionGreeks(one.id, 0.5, 0.0, 0.0, 0.0, 0.0, vol, None, None, forward, None, ts, ts)
            for one in self.instruments
        ]


def many(market: Market, times: Iterable[int], **options: Any) -> list[QuoteTick]:
    return [quote for ts in times for quote in market.quotes(ts, **options)]
