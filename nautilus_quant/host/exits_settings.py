"""What people write about exits in a config, and where each exit is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import NonNegativeFloat, PositiveInt
from nautilus_trader.model.instruments import CurrencyPair, OptionContract
from nautilus_trader.model.instruments.crypto_option import CryptoOption

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.gating.policy_venues import DERIVATIVE, OPTION, SPOT, venue_rules
from nautilus_quant.portfolio.exits import ExitParams, Kind, Unit, levels_of

if TYPE_CHECKING:
    from nautilus_trader.model.instruments import Instrument

_TYPES = {Kind.STOP: "STOP_MARKET", Kind.LIMIT: "LIMIT"}
_OPTIONS = (OptionContract, CryptoOption)


class ExitSettings(NautilusConfig, kw_only=True, frozen=True):
    """
    Where positions are left; see `nautilus_quant.portfolio.exits.ExitParams`.

    Parameters
    ----------
    take_profits, stop_losses
        Pairs of distance and share, nearest first, e.g. ``[[0.01, 0.5], [0.02, 0.5]]``.
    unit
        Of their distances and of `break_even`: ``fraction`` of the entry price, or ``atr``.
    trailing, trailing_from, trailing_unit
        A stop behind the best price since entry, and the profit it begins at.
    break_even
        Profit from which on no stop lies behind the entry price and fees.
    fees
        Cost of getting in and out [fraction]; ``None`` asks the fee book of the node.
    time_stop
        Longest time a position is held [s]; 0 for ever.
    step, pause
        Least move of a trailing stop [fraction of the entry price], and least time between two [s].
    fallback
        Length of a true range while none is known [fraction of the entry price].
    atr_bar, atr_period
        Bars of the true ranges, and how many they are averaged over.
    client_side
        Venues, or instruments, where no exit rests; ``"*"`` for all. They are watched for here, and sent at
        market: nothing protects the position while the node is down.
    replace
        How a stop moves: ``submit`` sends the new one, and cancels the old one once the new one is accepted;
        ``modify`` changes it, for venues that refuse two reduce-only orders for the same position.
    retries
        Rejects of the same stop or target after which it is watched for here.

    """

    take_profits: tuple[tuple[float, float], ...] = ()
    stop_losses: tuple[tuple[float, float], ...] = ((0.03, 1.0),)
    unit: Literal["fraction", "atr"] = "fraction"
    trailing: NonNegativeFloat = 0.0
    trailing_from: NonNegativeFloat = 0.0
    trailing_unit: Literal["fraction", "atr"] = "fraction"
    break_even: NonNegativeFloat = 0.0
    fees: Fraction | None = None
    time_stop: Seconds = 0.0
    step: Fraction = 0.0005
    pause: Seconds = 1.0
    fallback: Fraction = 0.02
    atr_bar: str = "1-MINUTE"
    atr_period: PositiveInt = 14
    client_side: tuple[str, ...] = ()
    replace: Literal["submit", "modify"] = "submit"
    retries: PositiveInt = 3

    def params(self, fees: float = 0.0) -> ExitParams:
        """
        Return them as parameters of the rule.

        Parameters
        ----------
        fees
            Cost of getting in and out [fraction], where the settings name none.

        Raises
        ------
        ValueError
            If one is impossible.

        """
        params = ExitParams(
            take_profits=levels_of(self.take_profits),
            stop_losses=levels_of(self.stop_losses),
            unit=Unit(self.unit),
            trailing=float(self.trailing),
            trailing_from=float(self.trailing_from),
            trailing_unit=Unit(self.trailing_unit),
            break_even=float(self.break_even),
            fees=0.0 if self.fees is None else float(self.fees),
            time_stop=float(self.time_stop),
            step=float(self.step),
            pause=float(self.pause),
            fallback=float(self.fallback),
        )
        if self.fees is not None or not params.break_even > 0.0:
            return params
        if params.unit is Unit.FRACTION:
            # A stop beyond the price that moves it there would close at once.
            fees = min(fees, 0.9 * params.break_even)
        return replace(params, fees=max(fees, 0.0))


def why_not_resting(settings: ExitSettings, instrument: Instrument, kind: Kind, *, is_cash: bool) -> str:
    """
    Say why an exit cannot rest at its venue; empty when it can.

    Parameters
    ----------
    settings
        Which venues are not to be used for it.
    instrument
        What the position is in.
    kind
        Of the exit.
    is_cash
        Whether the account has no margin: a resting order then locks the coins another exit would sell.

    """
    if {"*", instrument.id.venue.value, instrument.id.value} & set(settings.client_side):
        return "the settings keep exits on this side"
    if is_cash:
        return "a resting order on a cash account locks the coins that another exit would sell"
    rules = venue_rules(instrument.id.venue.value, _product(instrument))
    if "GTC" not in rules.matrix.get(_TYPES[kind], frozenset()):
        return f"the venue takes no {_TYPES[kind]} orders"
    return "" if rules.reduce_only else "the venue takes no reduce-only orders"


def _product(instrument: Instrument) -> str:
    if isinstance(instrument, CurrencyPair):
        return SPOT
    return OPTION if isinstance(instrument, _OPTIONS) else DERIVATIVE
