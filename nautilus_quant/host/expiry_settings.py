"""What people write about expiring options in a config."""

from __future__ import annotations

from typing import Literal

from nautilus_trader.common.config import NautilusConfig
from nautilus_trader.config import NonNegativeFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.options.expiry_calendar import ExpiryTimes
from nautilus_quant.options.expiry_rules import ExpiryParams


class ExpirySettings(NautilusConfig, kw_only=True, frozen=True):
    """
    How options are left before they expire; see `nautilus_quant.options.expiry_rules.ExpiryParams`.

    Parameters
    ----------
    warnings
        How long before an expiry a person is told, longest first.
    roll_before, close_before
        How long before it what is in the money is rolled, and what is left is closed or left to expire.
    checks
        How long before it what was left to expire is looked at again, longest first.
    prepare
        How long before rolling and closing the quotes they need are subscribed.
    roll
        Whether what is in the money is rolled; closed otherwise.
    by
        What the new option has of the old one: its ``strike`` or its ``delta``.
    strike_tolerance
        Most that the new strike may differ where the old one is not listed.
    next_after
        How much later the new expiry is at least.
    candidates
        Options of the next expiry that are looked at, nearest strikes first.
    spread
        Whether a spread instrument of the venue is used where there is one.
    order
        Which leg goes first: ``close``, ``open``, or ``auto``: what was sold is closed first, what is held is
        opened first, so that what it protects stays protected.
    slice
        Share of the position that is rolled at a time: what there may be too much, or too little.
    roll_cost
        What half spreads and fees of a roll may cost, as a share of the forward.
    pin, pin_band
        Distance from the strike below which it is closed, in expected moves until the expiry, and as a share
        of the strike while no volatility is known; ``pin: 0`` never.
    buy_back
        What buying back an option sold, out of the money, may cost, as a share of the forward; 0 never.
    slippage
        How much worse than the best price an order may fill, as a share of that price.
    max_age
        Age from which on a quote is nobody's.
    retry
        Wait before an order that did not fill, or could not be sent, is tried again.
    patience
        How long an order may go without an answer before a person is told and it is cancelled.
    average
        How long the venue averages the index for its settlement price, where its instruments do not say.
    sample
        Time between two looks at the index while it is averaged here.
    grace
        How long after the expiry a position may still be there, and a settlement price be missing.
    cancel
        Whether other orders of the strategy on the option are cancelled before it is rolled or closed.

    """

    warnings: tuple[Seconds, ...] = (86_400.0, 14_400.0)
    roll_before: Seconds = 14_400.0
    close_before: Seconds = 7_200.0
    checks: tuple[Seconds, ...] = (3_600.0, 1_800.0, 600.0)
    prepare: Seconds = 60.0
    roll: bool = True
    by: Literal["strike", "delta"] = "strike"
    strike_tolerance: Fraction = 0.05
    next_after: Seconds = 43_200.0
    candidates: PositiveInt = 12
    spread: bool = True
    order: Literal["auto", "close", "open"] = "auto"
    slice: Fraction = 0.25
    roll_cost: Fraction = 0.005
    pin: NonNegativeFloat = 0.5
    pin_band: Fraction = 0.005
    buy_back: Fraction = 0.0
    slippage: Fraction = 0.02
    max_age: Seconds = 30.0
    retry: Seconds = 15.0
    patience: Seconds = 60.0
    average: Seconds = 1_800.0
    sample: Seconds = 60.0
    grace: Seconds = 300.0
    cancel: bool = True

    def times(self) -> ExpiryTimes:
        """
        Return when things happen.

        Raises
        ------
        ValueError
            If they do not come one after the other, or another setting is impossible.

        """
        for name in ("slice", "retry", "patience", "sample", "max_age"):
            if not float(getattr(self, name)) > 0.0:
                raise ValueError(f"need {name} > 0, was {getattr(self, name)}")
        return ExpiryTimes(
            warnings=tuple(map(float, self.warnings)),
            prepare=float(self.prepare),
            roll=float(self.roll_before),
            close=float(self.close_before),
            checks=tuple(map(float, self.checks)),
            average=float(self.average),
            grace=float(self.grace),
        )

    def params(self, average: float | None = None) -> ExpiryParams:
        """
        Return them as parameters of the rules.

        Parameters
        ----------
        average
            How long the venue of an option averages [s]; ``None`` for that of the settings.

        Raises
        ------
        ValueError
            If one is impossible.

        """
        return ExpiryParams(
            roll=self.roll,
            pin=float(self.pin),
            pin_band=float(self.pin_band),
            buy_back=float(self.buy_back),
            roll_cost=float(self.roll_cost),
            average=float(self.average if average is None else average),
        )
