"""Sell volatility that is dear and buy what is cheap: straddles and strangles whose delta others hedge."""

from __future__ import annotations

import math
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from nautilus_trader.config import NonNegativeFloat, PositiveFloat, PositiveInt
from nautilus_trader.model.data import Bar
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.option_legs import OptionLegsConfig, OptionLegsStrategy
from nautilus_quant.options.settlement import exact
from nautilus_quant.options.spread_build import DAY, SpreadParams, at_money_vol, build, expiry_for
from nautilus_quant.options.spread_size import Caps, Size, beyond, units_within
from nautilus_quant.options.spread_stress import StressGrid, value_of, worst_case
from nautilus_quant.options.vol_forecast import ForecastParams, VolForecast
from nautilus_quant.options.volatility_view import ViewParams, VolatilityView
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_trader.core.uuid import UUID4

    from nautilus_quant.options.spread_build import Quoted
    from nautilus_quant.options.spreads import Spread
    from nautilus_quant.options.volatility_view import View

_PATIENCE = 5_000  # bars that wait for an answer about the past


class OptionsDeltaConfig(OptionLegsConfig, kw_only=True, frozen=True):
    """
    What it can be told; see `nautilus_quant.options.volatility_view` and `vol_forecast` for more.

    `max_loss` is the worst loss of the stress grid. Bars of an hour suit it.

    Parameters
    ----------
    shape
        ``straddle`` at the money, or ``strangle`` by `delta`.
    days, least_days, most_days
        Days to the expiry wanted, and bounds of what is taken [days]; the least is above `exit_days`.
    delta
        Absolute delta of a strangle's options [-].
    tolerance
        By how much a delta may miss [-].
    sell, buy
        Which sides may be taken.
    enter_points, exit_points
        Implied less expected volatility from which on a side is taken, and at which it is left [vol points].
    enter_z, exit_z
        The same against its own past [standard deviations]; an `enter_z` of 0 does not ask.
    score_every, score_window, score_fewest
        That past: time between two differences [s], how many, and how many are needed.
    forecast
        ``har`` or ``ewma``.
    half_life
        Memory of the weighted variance [days].
    warm_up
        Days of bars before there is a forecast [days].
    forecast_window, forecast_fewest
        Days the regression looks back, and needs [days].
    history_days
        Past bars asked for at the start [days]; 0 for none.
    max_vega
        Most vega, for one vol point [fraction of the allocated equity].
    max_share
        Most premium, bought or sold [fraction of the allocated equity].
    breach
        Multiple of `max_loss` or `max_vega` at which a position that has grown beyond them is left [-].
    stop_loss
        Loss at which it is given up [fraction of the worst loss known at its entry]; 0 never does.
    recenter_delta
        Delta for each coin the options are written on, unhedged, at which strikes are too far away and it is
        left, to be entered anew [-]; 0 never does.
    stress_move, stress_steps, stress_vol_up, stress_vol_down
        The stress grid: largest move of the price [fraction], prices each side, rise and fall of
        volatilities [fraction].

    """

    shape: Literal["straddle", "strangle"] = "straddle"
    days: PositiveFloat = 14.0
    least_days: NonNegativeFloat = 5.0
    most_days: PositiveFloat = 45.0
    delta: PositiveFloat = 0.25
    tolerance: PositiveFloat = 0.08
    sell: bool = True
    buy: bool = True
    enter_points: PositiveFloat = 5.0
    exit_points: NonNegativeFloat = 1.0
    enter_z: NonNegativeFloat = 1.0
    exit_z: float = 0.0
    score_every: Seconds = 3_600.0
    score_window: PositiveInt = 720
    score_fewest: PositiveInt = 72
    forecast: Literal["har", "ewma"] = "har"
    half_life: PositiveFloat = 5.0
    warm_up: PositiveFloat = 2.0
    forecast_window: PositiveInt = 365
    forecast_fewest: PositiveInt = 60
    history_days: NonNegativeFloat = 120.0
    max_vega: Fraction = 0.001
    max_share: Fraction = 0.2
    breach: PositiveFloat = 1.5
    stop_loss: Fraction = 0.5
    recenter_delta: NonNegativeFloat = 0.4
    stress_move: Fraction = 0.3
    stress_steps: PositiveInt = 10
    stress_vol_up: NonNegativeFloat = 0.5
    stress_vol_down: Fraction = 0.3


class OptionsDelta(OptionLegsStrategy):
    """
    Takes the side of volatility that implied and expected volatility disagree about, within caps.

    It holds options only: their delta is for `HedgingActor`, or whoever else hedges, and where nobody does
    `recenter_delta` bounds it. How legs are kept together is told in
    `nautilus_quant.host.option_legs.OptionLegsStrategy`.

    Parameters
    ----------
    config
        An `OptionsDeltaConfig`.

    Raises
    ------
    ValueError
        If a parameter is impossible, or two do not go together.

    """

    def __init__(self, config: OptionsDeltaConfig) -> None:
        super().__init__(config)
        self._caps = Caps(
            loss=float(config.max_loss), vega=float(config.max_vega), share=float(config.max_share)
        )
        self._grid = StressGrid(
            move=float(config.stress_move),
            steps=int(config.stress_steps),
            vol_up=float(config.stress_vol_up),
            vol_down=float(config.stress_vol_down),
        )
        require(config.breach >= 1.0, "breach >= 1 [-]", config.breach)
        require(
            config.exit_days < config.least_days,
            "exit_days < least_days [days]",
            (config.exit_days, config.least_days),
        )
        self._params(sell=True)
        self._forget()

    def _forget(self) -> None:
        self._forecast = self._new_forecast()
        self._opinion = self._new_view()
        self._asked: UUID4 | None = None
        self._found: list[tuple[int, float]] = []
        self._heard: deque[tuple[int, float]] = deque(maxlen=_PATIENCE)
        self.view: View | None = None
        """What was thought of volatility last; ``None`` before the first bar."""

    def _params(self, *, sell: bool) -> SpreadParams:
        config = self.config
        return SpreadParams(
            kind=config.shape,
            sell=sell,
            days=float(config.days),
            least_days=float(config.least_days),
            most_days=float(config.most_days),
            delta=float(config.delta),
            wing_delta=float(config.delta) / 2.0,
            tolerance=float(config.tolerance),
        )

    def _new_forecast(self) -> VolForecast:
        config = self.config
        params = ForecastParams(
            method=config.forecast,
            half_life=float(config.half_life),
            warm_up=float(config.warm_up),
            window=int(config.forecast_window),
            fewest=int(config.forecast_fewest),
        )
        return VolForecast(params, int(self.bar_type.spec.get_interval_ns()))

    def _new_view(self) -> VolatilityView:
        config = self.config
        return VolatilityView(
            ViewParams(
                enter_points=float(config.enter_points),
                exit_points=float(config.exit_points),
                enter_z=float(config.enter_z),
                exit_z=float(config.exit_z),
                sell=config.sell,
                buy=config.buy,
                every=float(config.score_every),
                window=int(config.score_window),
                fewest=int(config.score_fewest),
            )
        )

    @property
    def wanted_days(self) -> tuple[float, ...]:
        """Days to the expiry."""
        return (float(self.config.days),)

    # -- life ----------------------------------------------------------------------------------------

    def on_target_start(self) -> None:
        """Go on from the saved state, and ask for the bars before it."""
        super().on_target_start()
        if self.config.history_days > 0.0:
            start = self.clock.utc_now() - timedelta(days=float(self.config.history_days))
            self._asked = self.request_bars(self.bar_type, start=start, callback=self._on_answer)

    def on_reset(self) -> None:
        """Forget all bars, too."""
        super().on_reset()
        self._forget()

    def rule_to_dict(self) -> dict[str, Any]:
        """Give what forecast and opinion remember."""
        return {"forecast": self._forecast.to_dict(), "opinion": self._opinion.to_dict()}

    def restore_rule(self, state: Mapping[str, Any]) -> None:
        """Take what `rule_to_dict` gave."""
        self._forecast = self._new_forecast().restore(state["forecast"])
        self._opinion = self._new_view().restore(state["opinion"])

    # -- the past --------------------------------------------------------------------------------------

    def on_historical_data(self, data: Any) -> None:
        """Keep past bars until all are here."""
        if isinstance(data, Bar) and data.bar_type == self.bar_type and self._asked is not None:
            self._found.append((data.ts_event, float(data.close)))

    def _on_answer(self, _request_id: UUID4) -> None:
        """Learn the past, and what came while it was asked for, unless more is known already."""
        self._asked = None
        learnt = self._new_forecast()
        for ts, close in sorted({*self._found, *self._heard}):
            learnt.update(ts, close)
        if learnt.seen > self._forecast.seen:
            self._forecast = learnt
        self._found.clear()
        self._heard.clear()

    # -- bars ------------------------------------------------------------------------------------------

    def on_bar(self, bar: Bar) -> None:
        """Learn the bar, then decide."""
        if bar.bar_type == self.bar_type:
            close = float(bar.close)
            self._forecast.update(bar.ts_event, close)
            if self._asked is not None:
                self._heard.append((bar.ts_event, close))
        super().on_bar(bar)

    def decide(self, ts: int) -> None:
        """Leave what there is no reason for any more; enter what there is one for."""
        now, quoted = self.clock.timestamp_ns(), self.market.quoted()
        expiry = self.book.spread.expiry if self.book is not None else 0
        expiry = expiry or expiry_for(self._params(sell=True), quoted, now)
        expected = self._forecast.vol(max(expiry - now, 0) / DAY) if expiry else math.nan
        view = self.view = self._opinion.update(ts, at_money_vol(quoted, expiry), expected)
        if self.book is not None:
            why = self._why_leave(view, quoted, now)
            if why:
                self.leave(why)
        elif view.side and self.may_enter:
            self._try(view, quoted, now)

    def _try(self, view: View, quoted: list[Quoted], now: int) -> None:
        params = self._params(sell=view.side < 0)
        spread, why = build(params, quoted, now)
        if spread is None:
            self.say(f"no {params.kind}: {why}")
            return
        unit = self._weigh(spread, 1.0, quoted, now)
        units, cap = units_within(unit, self._caps, self.equity())
        said = f"{'sells' if params.sell else 'buys'} volatility, {view.reason}; {cap} decides its size"
        self.enter(spread, units, loss=unit.loss / self.rate(spread), reason=said)

    def _weigh(self, spread: Spread, units: float, quoted: list[Quoted], now: int) -> Size:
        """Return what so many units weigh [reporting currency]; NaN where a price is missing."""
        unknown = Size(math.nan, math.nan, math.nan)
        known = {item.contract.name: item for item in quoted}
        rows = [known.get(contract.name) for contract, _ in spread.legs]
        priced = self.price_of(spread)
        if priced is None or not all(rows):
            return unknown
        forwards = [row.forward for row in rows if row is not None]
        vols = [row.vol for row in rows if row is not None]
        worth = units * self.rate(spread)
        in_money = exact(forwards[0]) if spread.coin_settled else 1
        cost = float(sum(priced) * in_money)
        moved = value_of(spread, forwards, [vol + 0.01 for vol in vols], now)
        vega = float(moved - value_of(spread, forwards, vols, now))
        loss = cost - worst_case(spread, forwards, vols, now, self._grid).value
        return Size(loss * worth, abs(vega) * worth, abs(float(priced[0] * in_money)) * worth)

    # -- why it is left --------------------------------------------------------------------------------

    def _why_leave(self, view: View, quoted: list[Quoted], now: int) -> str:
        assert self.book is not None
        book = self.book
        left = (book.spread.expiry - now) / DAY
        if left <= self.config.exit_days:
            return f"{left:.2f} days to expiry, at most {self.config.exit_days:g}"
        side = 1 if book.spread.legs[0].ratio > 0 else -1
        if view.side != side:
            return f"no reason any more: {view.reason}"
        delta = self._delta_of_coin()
        if 0.0 < self.config.recenter_delta <= abs(delta):
            return f"delta {delta:+.2f} for each coin, at most {self.config.recenter_delta:g}"
        why = self._too_much(quoted, now)
        if why:
            self._opinion.forget()  # else it would be entered again at once
        return why

    def _too_much(self, quoted: list[Quoted], now: int) -> str:
        assert self.book is not None
        book = self.book
        lost = -self.standing(now).pnl * (self._forward(quoted) if book.spread.coin_settled else 1.0)
        most = float(self.config.stop_loss) * book.loss
        if 0.0 < most <= lost:
            return f"loss {lost:.6g}, at most {most:.6g}"
        over = beyond(
            self._weigh(book.spread, float(book.units), quoted, now),
            self._caps,
            self.equity(),
            float(self.config.breach),
        )
        return f"{over} is more than {self.config.breach:g} times its cap" if over else ""

    def _forward(self, quoted: list[Quoted]) -> float:
        assert self.book is not None
        name = self.book.spread.legs[0].contract.name
        return next((item.forward for item in quoted if item.contract.name == name), math.nan)

    def _delta_of_coin(self) -> float:
        """Return the delta of what is held for each coin it is written on, unhedged [-]; NaN when unknown."""
        assert self.book is not None
        total = 0.0
        for contract, ratio in self.book.spread.legs:
            greeks = self.market.desk.greeks(
                InstrumentId.from_str(contract.name), ratio / contract.multiplier
            )
            total += math.nan if greeks is None else float(greeks.delta)
        return total
