"""Spreads of options by days to expiry and delta, sized by the most they can lose."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from nautilus_trader.config import NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction
from nautilus_quant.host.option_legs import OptionLegsConfig, OptionLegsStrategy
from nautilus_quant.options.settlement import exact
from nautilus_quant.options.spread_build import SpreadParams, build
from nautilus_quant.options.spread_exit import ExitParams, why_leave
from nautilus_quant.options.spread_stress import StressGrid, worst_case
from nautilus_quant.options.spreads import risk_of
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from decimal import Decimal

    from nautilus_quant.options.spread_build import Quoted
    from nautilus_quant.options.spreads import Spread

type Kind = Literal[
    "call_debit",
    "call_credit",
    "put_debit",
    "put_credit",
    "straddle",
    "strangle",
    "iron_condor",
    "butterfly",
    "calendar",
]


class OptionsSpreadConfig(OptionLegsConfig, kw_only=True, frozen=True):
    """
    What it can be told; see `nautilus_quant.options.spread_build.SpreadParams` for more.

    Parameters
    ----------
    kind
        A vertical, ``call_debit``, ``call_credit``, ``put_debit`` or ``put_credit``; or ``straddle``,
        ``strangle``, ``iron_condor``, ``butterfly`` or ``calendar``.
    sell
        Sell one of the latter rather than buy it.
    days, least_days, most_days
        Days to the expiry wanted, and bounds of what is taken [days]; the least is above `exit_days`.
    back_days
        Days to the later expiry of a calendar [days].
    delta, wing_delta
        Absolute deltas of the inner and of the outer options [-].
    tolerance
        By how much a delta may miss [-].
    min_reward
        Least profit a unit must promise for each unit of loss [-]; 0 asks nothing. Only of what has a
        largest profit.
    profit_share
        Share of the largest profit that is enough [fraction]; of the premium where there is no largest.
        0 waits.
    loss_multiple
        Loss at which it is given up, as a multiple of the premium paid or received [-]; 0 never does.
    stress_move, stress_steps, stress_vol_up, stress_vol_down
        Grid by which calendars, and what is sold without protection, are sized: largest move of the price
        [fraction], prices each side, rise and fall of volatilities [fraction].

    """

    kind: Kind = "iron_condor"
    sell: bool = True
    days: PositiveFloat = 30.0
    least_days: NonNegativeFloat = 7.0
    most_days: PositiveFloat = 60.0
    back_days: PositiveFloat = 60.0
    delta: PositiveFloat = 0.25
    wing_delta: PositiveFloat = 0.1
    tolerance: PositiveFloat = 0.08
    min_reward: NonNegativeFloat = 0.0
    profit_share: NonNegativeFloat = 0.5
    loss_multiple: NonNegativeFloat = 2.0
    stress_move: Fraction = 0.3
    stress_steps: PositiveInt = 10
    stress_vol_up: NonNegativeFloat = 0.5
    stress_vol_down: Fraction = 0.3


class OptionsSpread(OptionLegsStrategy):
    """
    Enters one spread after another, each with its largest loss known and sized before the first order.

    That loss is exact from the payoffs, premiums at the best prices and fees included; of calendars, and of
    what is sold without protection, it is the worst of a stress grid. How legs are kept together is told in
    `nautilus_quant.host.option_legs.OptionLegsStrategy`.

    Parameters
    ----------
    config
        An `OptionsSpreadConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, or two do not go together.

    """

    def __init__(self, config: OptionsSpreadConfig) -> None:
        super().__init__(config)
        named = SpreadParams.__dataclass_fields__
        self._params = SpreadParams(**{name: getattr(config, name) for name in named})
        self._exit = ExitParams(
            profit_share=float(config.profit_share),
            loss_multiple=float(config.loss_multiple),
            days=float(config.exit_days),
        )
        self._grid = StressGrid(
            move=float(config.stress_move),
            steps=int(config.stress_steps),
            vol_up=float(config.stress_vol_up),
            vol_down=float(config.stress_vol_down),
        )
        # What is entered at its exit would be left at once, again and again.
        require(
            config.exit_days < config.least_days,
            "exit_days < least_days [days]",
            (config.exit_days, config.least_days),
        )

    @property
    def wanted_days(self) -> tuple[float, ...]:
        """Days to the expiry, of calendars to both."""
        back = (self._params.back_days,) if self._params.kind == "calendar" else ()
        return (self._params.days, *back)

    def decide(self, ts: int) -> None:
        """Leave what is held when it is time to; enter the next one when there is none."""
        del ts
        now = self.clock.timestamp_ns()
        if self.book is not None:
            why = why_leave(self.standing(now), self._exit)
            if why:
                self.leave(why)
        elif self.may_enter:
            self._try(now)

    def _try(self, now: int) -> None:
        quoted = self.market.quoted()
        built = build(self._params, quoted, now)
        if built.spread is None:
            self.say(f"no {self._params.kind}: {built.why}")
            return
        priced = self.price_of(built.spread)
        if priced is None:
            self.say(f"no {self._params.kind}: a leg has no price")
            return
        loss, profit = self._risk(built.spread, *priced, quoted, now)
        if not loss > 0.0:  # unknown, or a gift: then a price is wrong
            self.say(f"no {self._params.kind}: its largest loss is {loss:g}")
        elif self._params.kind != "calendar" and profit < float(self.config.min_reward) * loss:
            self.say(f"no {self._params.kind}: wins {profit:.6g} at most and may lose {loss:.6g}")
        else:
            units = float(self.config.max_loss) * self.equity() / (loss * self.rate(built.spread))
            self.enter(built.spread, units, loss=loss, reason=f"{self._params.kind} by delta and days")

    def _risk(
        self, spread: Spread, premium: Decimal, fees: Decimal, quoted: list[Quoted], now: int
    ) -> tuple[float, float]:
        """Return largest loss and profit of a unit [currency of the strikes]; NaN when unknown."""
        known = {item.contract.name: item for item in quoted}
        rows = [known[contract.name] for contract, _ in spread.legs]
        forward, profit = rows[0].forward, math.inf
        if spread.one_expiry:
            risk = risk_of(spread, premium, fees, forward)
            profit = float(risk.profit_money)
            if risk.is_bounded:
                return float(risk.loss_money), profit
        worst = worst_case(spread, [row.forward for row in rows], [row.vol for row in rows], now, self._grid)
        cost = (premium + fees) * (exact(forward) if spread.coin_settled else 1)
        return float(cost) - worst.value, profit
