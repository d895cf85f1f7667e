"""
A grid: buy a little at each level the price falls to, sell it one level higher, and the other way round.

It earns one spacing for each time the price goes down a level and comes back, and loses when the price
leaves and does not return: premiums against a rare large loss. So the inventory is bounded, a loss is cut,
and a grid the price has left is closed and begun anew. As a map from price to inventory it is a play
operator, the simplest hysteresis, in steps of one level: Brokate, Sprekels, "Hysteresis and Phase
Transitions" (1996), chapter 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.signals.ewma import EwmaVolatility
from nautilus_quant.signals.ladder import Ladder, Quote
from nautilus_quant.signals.sequence import BarRule, require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.signals.sequence import Learns

_MEMORY = 100
"""Missing bars after which a grid with a fixed spacing starts over [bars]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridParams:
    """
    Where the levels are, how much is held at most, and when it ends.

    Parameters
    ----------
    levels
        On each side of the centre. More spreads the same inventory over a wider range. Typical 3-20.
    spacing
        From one level to the next [fraction of price]; 0 takes it from the volatility when a grid is begun.
        Typical 0.002-0.02; it must exceed two maker fees to earn anything.
    vol_multiple
        Spacing as a multiple of the volatility of a bar [-], where `spacing` is 0. More trades less, and
        earns more each time. Typical 1-5 on hourly bars, 10-30 on bars of a second.
    vol_half_life
        Half-life of that volatility [bars]. Typical 30-500.
    min_spacing
        Least spacing that volatility may ask for [fraction of price]. Typical three to five maker fees.
    bound
        Largest inventory, long or short [fraction of a full position], in (0, 1]; a level holds
        ``bound / levels``.
    long_only
        Whether it never sells short: for spot.
    recenter_levels
        Levels beyond the outermost where the price has left the grid [levels]. More waits longer for it to
        come back, and loses more if it does not. Typical 1-3.
    recenter_bars
        Closes in a row out there, after which what is held is closed and the grid begun anew [bars]: one
        spike moves nothing. Typical 1-5.
    max_age
        Bars after which a grid that holds nothing, and whose centre is a level or more away, is begun anew
        [bars]; also how long it rests after giving up. Typical 100-1000.
    stop
        Loss of what is held against the levels it was taken at, where it is given up until the grid is begun
        anew [spacings on the largest inventory]. With the price x levels from the centre, and all levels
        taken, it is ``x - (levels + 1) / 2``. Typical half of `levels`, and up to one more.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    levels: int = 5
    spacing: float = 0.0
    vol_multiple: float = 2.0
    vol_half_life: float = 60.0
    min_spacing: float = 0.001
    bound: float = 1.0
    long_only: bool = False
    recenter_levels: float = 2.0
    recenter_bars: int = 3
    max_age: int = 500
    stop: float = 3.0

    def __post_init__(self) -> None:
        require(1 <= self.levels <= 100, "1 <= levels <= 100 [per side]", self.levels)
        require(0.0 <= self.spacing <= 0.5, "0 <= spacing <= 0.5 [fraction of price]", self.spacing)
        require(0.0 < self.vol_multiple < math.inf, "vol_multiple > 0 [-]", self.vol_multiple)
        require(0.0 < self.vol_half_life < math.inf, "vol_half_life > 0 [bars]", self.vol_half_life)
        require(0.0 < self.min_spacing <= 0.5, "0 < min_spacing <= 0.5 [fraction]", self.min_spacing)
        require(0.0 < self.bound <= 1.0, "0 < bound <= 1 [fraction of a full position]", self.bound)
        require(0.0 < self.recenter_levels < math.inf, "recenter_levels > 0 [levels]", self.recenter_levels)
        require(self.recenter_bars >= 1, "recenter_bars >= 1 [bars]", self.recenter_bars)
        require(self.max_age >= 1, "max_age >= 1 [bars]", self.max_age)
        require(0.0 < self.stop < math.inf, "stop > 0 [spacings]", self.stop)

    @property
    def warm_up(self) -> int:
        """Closes needed before there is a grid [bars]."""
        return 1 if self.spacing else math.ceil(2.0 * self.vol_half_life) + 1


class GridTarget(NamedTuple):
    """
    What the grid holds after a bar.

    Parameters
    ----------
    exposure
        Share of a full position [-1, 1].
    reason
        Why, in a few words.
    passive
        Whether resting orders bring it about; what is given up is closed at market.
    price
        Mean price of the levels taken on the way here [quote currency]; ``None`` when none was.
    before
        What it held on the way within the bar: one for each move of the price in one direction.

    """

    exposure: float
    reason: str
    passive: bool = True
    price: float | None = None
    before: tuple[GridTarget, ...] = ()


class GridRule(BarRule):
    """
    Follow the price from level to level, one bar at a time; O(levels).

    A level is taken once the price has gone through it, not when it is touched: a resting order may be the
    last of its queue. Within a bar the price is taken to go the shortest way from close to close by way of
    low and high, which makes the fewest round trips.

    Parameters
    ----------
    params
        Where, how much, until when.
    interval
        Length of a bar [ns].

    """

    def __init__(self, params: GridParams | None = None, *, interval: int) -> None:
        require(interval > 0, "interval > 0 [ns], bars that come by the clock", interval)
        self._params = params or GridParams()
        warm_up = self._params.warm_up
        super().__init__(self._params, interval, warm_up, max(_MEMORY, warm_up))

    def _start_over(self) -> None:
        self._volatility = EwmaVolatility(self._params.vol_half_life)
        self._forget_grid()

    def _forget_grid(self) -> None:
        self.ladder: Ladder | None = None
        """The levels; ``None`` before there is a grid."""
        self.gave_up = False
        """Whether a loss was cut, and the next grid is waited for."""
        self._held = 0  # levels; negative when short
        self._age = 0  # bars since it was begun, or given up
        self._outside = 0  # closes in a row

    def update(
        self,
        ts: int,
        close: float,
        high: float | None = None,
        low: float | None = None,
        *,
        opens: bool = True,
    ) -> GridTarget | None:
        """
        Take the bar that ended at `ts` [UNIX ns].

        Parameters
        ----------
        ts, close
            Its end, and its last price [quote currency].
        high, low
            Its extremes; what is missing or impossible counts as not seen.
        opens
            False begins no grid and builds no inventory: what is held is taken back level by level.

        Returns
        -------
        GridTarget | None
            ``None`` while it warms up, and for a bar to ignore: then nothing should change.

        """
        before, held = self._sequence.close, self._held
        bars, log_return = self._advance(ts, close)
        if not bars:
            return None
        self._seen = min(self._seen + 1, self._warm_up)
        if bars < 0 and held:
            return GridTarget(0.0, "too long without bars, closed", passive=False)
        if bars > 0:
            self._volatility.update(log_return, bars)
        return self._decide(_way(before, close, high, low), bars, opens) if self.ready else None

    def _decide(self, way: list[float], bars: int, opens: bool) -> GridTarget:
        close = way[-1]
        if self.ladder is None:
            return self._begin(close) if opens else GridTarget(0.0, "no grid, none may be begun")
        self._age += max(bars, 1)
        steps = self._follow(self.ladder, way, opens)
        self._outside = self._outside + 1 if self._has_left(self.ladder, close) else 0
        last = self._end(self.ladder, close, opens)
        if last is None:
            last = steps.pop() if steps else GridTarget(self.exposure, self._words())
        return last._replace(before=tuple(steps))

    # -- taking levels -----------------------------------------------------------------------------

    def _follow(self, ladder: Ladder, way: list[float], opens: bool) -> list[GridTarget]:
        """Take what lies on the way; give one target for each stretch that took anything."""
        steps: list[GridTarget] = []
        for start, end in pairwise(way):
            moves = start != end and not self.gave_up
            prices = self._take(ladder, start, end, opens) if moves else []
            if prices:
                price = sum(prices) / len(prices)
                steps.append(GridTarget(self.exposure, self._words(), price=price))
        return steps

    def _take(self, ladder: Ladder, start: float, end: float, opens: bool) -> list[float]:
        """Buy (side 1) on the way down or sell (-1) on the way up, level by level; give the prices."""
        side = 1 if end < start else -1
        limit = self._limit(ladder, side, opens)
        prices: list[float] = []
        while self._held != limit:
            level = ladder.price(-self._held - side)
            if side * (level - end) <= 0.0:
                break
            # An order for a level the market had left behind rests at the market, not beyond it.
            prices.append(min(level, start) if side > 0 else max(level, start))
            self._held += side
        return prices

    def _limit(self, ladder: Ladder, side: int, opens: bool) -> int:
        """Return the inventory at which trading to a side ends [levels]."""
        if not opens:
            return 0 if self._held * side < 0 else self._held
        return 0 if side < 0 and ladder.long_only else side * ladder.count

    # -- beginning and ending ----------------------------------------------------------------------

    def _end(self, ladder: Ladder, close: float, opens: bool) -> GridTarget | None:
        """Give up, or begin anew; ``None`` when the grid goes on."""
        p, loss = self._params, self._loss(ladder, close)
        if loss >= p.stop:
            self._held, self._age, self.gave_up = 0, 0, True
            return GridTarget(0.0, f"lost {loss:.2f} spacings, given up", passive=False)
        if self._outside >= p.recenter_bars:
            return self._renew(close, opens, "left by the price")
        away = abs(math.log(close / ladder.centre)) >= math.log1p(ladder.spacing)
        if self._age >= p.max_age and not self._held and (away or self.gave_up):
            return self._renew(close, opens, f"{self._age} bars old")
        return None

    def _renew(self, close: float, opens: bool, why: str) -> GridTarget:
        closed = self.leave(f"{why}, {'begun anew' if opens else 'closed'}")
        if opens:
            self._begin(close)
        return closed

    def _begin(self, close: float) -> GridTarget:
        p = self._params
        spacing = p.spacing or min(max(p.min_spacing, p.vol_multiple * self._volatility.value), 0.5)
        self._forget_grid()
        self.ladder = Ladder(close, spacing, p.levels, p.long_only)
        return GridTarget(0.0, f"begun at {close:.6g}, levels {spacing:.3%} apart")

    def leave(self, reason: str) -> GridTarget:
        """Close what is held at the price now, and forget the grid: the next bar that may begins another."""
        held = bool(self._held)
        self._forget_grid()
        return GridTarget(0.0, reason, passive=not held)

    def _loss(self, ladder: Ladder, close: float) -> float:
        """Return what is lost on what is held [spacings on the largest inventory]."""
        side = 1 if self._held > 0 else -1
        taken = (ladder.price(-side * piece) for piece in range(1, abs(self._held) + 1))
        lost = sum(side * (level - close) for level in taken)
        return lost / (ladder.centre * ladder.spacing * ladder.count)

    def _has_left(self, ladder: Ladder, close: float) -> bool:
        edge = ladder.count + self._params.recenter_levels
        return not ladder.price(-edge) <= close <= ladder.price(edge)

    # -- what it says ------------------------------------------------------------------------------

    @property
    def exposure(self) -> float:
        """Inventory [fraction of a full position]."""
        return self._held / self._params.levels * self._params.bound

    def quotes(self) -> list[Quote[float]]:
        """Return the orders that should rest for `exposure`; sizes in fractions of a full position."""
        unit = self._params.bound / self._params.levels
        return [quote._replace(size=quote.size * unit) for quote in self.quotes_for(float(self._held), 1.0)]

    def quotes_for[N: (float, Decimal)](self, held: N, unit: N) -> list[Quote[N]]:
        """
        Return the orders that should rest for an inventory of one's own; none while there is no grid.

        Parameters
        ----------
        held
            Signed, in any unit.
        unit
            What a level holds, in the same unit; positive.

        """
        return [] if self.ladder is None or self.gave_up else self.ladder.quotes(held, unit)

    def _words(self) -> str:
        if self.gave_up:
            return "given up, waiting for the next grid"
        return f"{self._held:+d} of {self._params.levels} levels held"

    @property
    def ts(self) -> int:
        """End of the last good bar, UNIX time [ns]; 0 before the first."""
        return int(self._sequence.to_dict()["ts"])

    def _parts(self) -> dict[str, Learns]:
        return {"volatility": self._volatility}

    def _rest(self) -> dict[str, Any]:
        ladder = self.ladder
        return {
            "ladder": None if ladder is None else [ladder.centre, ladder.spacing],
            "grid": [self._held, self._age, self._outside, self.gave_up],
        }

    def _restore_rest(self, state: Mapping[str, Any]) -> None:
        saved = state["ladder"]
        self.ladder = saved and Ladder(saved[0], saved[1], self._params.levels, self._params.long_only)
        self._held, self._age, self._outside, self.gave_up = state["grid"]


def _way(start: float, close: float, high: float | None, low: float | None) -> list[float]:
    """Return the prices between which the price moves in one direction, first to last."""
    top = high if high is not None and close <= high < math.inf else close
    bottom = low if low is not None and 0.0 < low <= close else close
    return [start, bottom, top, close] if close >= start else [start, top, bottom, close]
