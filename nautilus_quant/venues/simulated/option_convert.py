"""Options as NautilusTrader sees them: instruments, quotes, marks, greeks and the close of a series.

Coin-settled options are `CryptoOption` with the coin as quote and settlement currency and ``is_inverse``
False. NautilusTrader 1.231 takes ``is_inverse`` to mean a contract worth a fixed amount of quote currency,
whose profit is quantity × (1/open − 1/close): right for an inverse perpetual, nonsense for a premium in coin.
With False its notional is quantity × premium and its profit quantity × (close − open), both in coin, as the
venue pays them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model.currencies import USDT
from nautilus_trader.model.data import InstrumentClose, MarkPriceUpdate, OptionGreeks, QuoteTick
from nautilus_trader.model.enums import InstrumentCloseType, OptionKind
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import CryptoOption
from nautilus_trader.model.objects import FIXED_PRECISION, Currency, Price, Quantity

from nautilus_quant.venues.simulated.option_book import OptionQuotes, settlement_value, units
from nautilus_quant.venues.simulated.options import SECOND
from nautilus_quant.venues.simulated.series import Option, Settlement

_FEE: Final = Decimal("0.01")
"""Share of the premium: for a week at the money about 3 basis points of the underlying, as venues charge."""

_LARGEST: Final = 1_000
"""Of one order [coins]."""

_VALUE_DECIMALS: Final = 8
"""Of a settlement value; it lies between ticks."""


def option_id(option: Option, venue: str) -> InstrumentId:
    """Name an option at a venue."""
    return InstrumentId(Symbol(option.symbol), Venue(venue))


def option_instrument(option: Option, venue: str, window: int) -> CryptoOption:
    """
    Describe an option.

    It has no margin rate: the premium is paid in full, and no share of it says what a short option can lose.

    Parameters
    ----------
    option
        The option.
    venue
        Where it is listed.
    window
        How long the index is averaged for its settlement [ns]; told in its ``info``.

    """
    unit = units(option)
    currency = Currency.from_str(option.underlying) if option.coin else USDT
    tick, lot = Decimal(1).scaleb(-unit.price), Decimal(1).scaleb(-unit.size)
    return CryptoOption(
        instrument_id=option_id(option, venue),
        raw_symbol=Symbol(option.symbol),
        underlying=Currency.from_str(option.underlying),
        quote_currency=currency,
        settlement_currency=currency,
        is_inverse=False,
        option_kind=OptionKind.CALL if option.call else OptionKind.PUT,
        strike_price=Price(option.strike, 0),
        activation_ns=option.listed,
        expiration_ns=option.expiry,
        price_precision=unit.price,
        size_precision=unit.size,
        price_increment=Price.from_str(f"{tick:f}"),
        size_increment=Quantity.from_str(f"{lot:f}"),
        lot_size=Quantity.from_str(f"{lot:f}"),
        max_quantity=Quantity(_LARGEST, unit.size),
        min_quantity=Quantity.from_str(f"{lot:f}"),
        maker_fee=_FEE,
        taker_fee=_FEE,
        ts_event=option.listed,
        ts_init=option.listed,
        info={"settlement": "average index", "settlement_window_s": window // SECOND},
    )


_GIVEN_AWAY = 1_000_000
"""What is taken of an option that costs nothing [lots]."""


class OptionSpeaker:
    """
    Speaks for one option.

    Parameters
    ----------
    option
        The option.
    venue
        Where it is listed.

    """

    def __init__(self, option: Option, venue: str) -> None:
        self.option = option
        self.id = option_id(option, venue)
        self._unit = units(option)
        self._tick = 10 ** (FIXED_PRECISION - self._unit.price)
        self._lot = 10 ** (FIXED_PRECISION - self._unit.size)

    def quote(self, quotes: OptionQuotes, row: int, ts: int) -> QuoteTick:
        """
        Best bid and ask; where there is no bid its price is 0.

        There is size then: in a quote with an empty side NautilusTrader fills neither side, and beyond the
        size of one at 0 it sells at negative prices.
        """
        price, size = self._unit.price, self._unit.size
        return QuoteTick.from_raw(
            self.id,
            int(quotes.bid[row]) * self._tick,
            int(quotes.ask[row]) * self._tick,
            price,
            price,
            (int(quotes.bid_size[row]) or _GIVEN_AWAY) * self._lot,
            int(quotes.ask_size[row]) * self._lot,
            size,
            size,
            ts,
            ts,
        )

    def mark(self, quotes: OptionQuotes, row: int, ts: int) -> MarkPriceUpdate:
        """Fair value, to the tick."""
        value = Price.from_raw(int(quotes.mark[row]) * self._tick, self._unit.price)
        return MarkPriceUpdate(self.id, value, ts, ts)

    def greeks(self, quotes: OptionQuotes, row: int, ts: int) -> OptionGreeks:
        """
        Greeks as Deribit publishes them, for coin-settled options too.

        In USDT for one unit of the underlying: vega for a vol point, theta for a day, volatilities in
        decimals. The underlying price is the expected settlement price, the forward of the expiry.
        """
        greeks: Any = quotes.greeks
        return OptionGreeks(
            self.id,
            *(float(getattr(greeks, name)[row]) for name in ("delta", "gamma", "vega", "theta", "rho")),
            mark_iv=float(quotes.vol[row]),
            bid_iv=float(quotes.bid_vol[row]) if quotes.bid[row] else None,
            ask_iv=float(quotes.ask_vol[row]),
            underlying_price=float(quotes.forward[row]),
            open_interest=None,
            ts_event=ts,
            ts_init=ts,
        )

    def close(self, settlement: Settlement, ts: int) -> InstrumentClose:
        """Tell what the option is settled at [its premium's currency]."""
        value = Price(settlement_value(self.option, settlement.price), _VALUE_DECIMALS)
        return InstrumentClose(self.id, value, InstrumentCloseType.CONTRACT_EXPIRED, ts, ts)
