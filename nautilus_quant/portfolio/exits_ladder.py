"""The ladder of one position: take-profits, and stops which only ever move towards the market."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.exits import NOTHING, Exit, Kind, Plan, Unit
from nautilus_quant.portfolio.exits_share import cover, planned, split, take
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nautilus_quant.portfolio.exits import ExitParams, Level
    from nautilus_quant.portfolio.sizing import Lot

_ZERO = Decimal(0)
_NANOS = 1_000_000_000
_GRID = 1e-6  # of a tick: what binary fractions are off by


class ExitLadder:
    """
    Decides which exits one position should have.

    Parameters
    ----------
    side
        Of the position: `Side.BUY` when it is long.
    entry
        Average price it was opened at [quote currency].
    quantity
        How much is held, unsigned [base coin, or contracts].
    lot
        Sizes it can be traded in.
    params
        Where to leave.
    tick
        Price increment [quote currency].
    opened
        When it was opened, UNIX time [ns].

    Raises
    ------
    ValueError
        If prices or quantity are not positive.

    """

    def __init__(
        self,
        side: Side,
        entry: float,
        quantity: Decimal,
        lot: Lot,
        *,
        params: ExitParams,
        tick: Decimal,
        opened: int,
    ) -> None:
        require(0.0 < entry < math.inf, "a positive entry price", entry)
        require(quantity > 0, "a positive quantity", quantity)
        require(tick > 0, "a positive tick", tick)
        self.side = side
        self.entry = entry
        self.params = params
        self.opened = opened
        self._lot = lot
        self._tick = tick
        self._held = quantity
        self._ever = quantity  # all that was ever held, which the shares are of
        self._peak = entry  # the best price since
        self._floor = math.nan  # where break-even and trailing have moved the stops to
        self._moved = 0  # when it trailed last
        self._range = math.nan  # the first known
        self._evened = False
        self._waits = False  # to trail, until it has paused for long enough
        self._stops: list[float] = [math.nan] * max(len(params.stop_losses), 1)
        self._done = [_ZERO] * len(params.take_profits)  # what targets have closed
        self._hit: list[Decimal | None] = [None] * len(self._stops)  # what a stop that was reached has left
        self._sizes = {Kind.LIMIT: [_ZERO] * len(self._done), Kind.STOP: [_ZERO] * len(self._stops)}
        self._quiet = (math.inf, -math.inf)  # prices between which nothing changes

    # -- what happens ------------------------------------------------------------------------------

    @property
    def deadline(self) -> int:
        """When time is up, UNIX time [ns]; 0 for never."""
        return self.opened + round(self.params.time_stop * _NANOS) if self.params.time_stop else 0

    @property
    def stops(self) -> tuple[float, ...]:
        """Prices of all stops, nearest first; NaN where there is none yet."""
        return tuple(self._stops)

    def rebase(self, entry: float) -> None:
        """Go on from another average price, as after an addition; stops stay where that would loosen them."""
        if 0.0 < entry < math.inf and entry != self.entry:
            self.entry = entry
            self._quiet = (math.inf, -math.inf)

    def fill(self, kind: Kind, level: int, quantity: Decimal) -> None:
        """Count what a rung has closed; tell it before the `update` with the smaller position."""
        sizes = self._sizes[kind]
        if not 0 <= level < len(sizes):
            return
        sizes[level] = max(sizes[level] - quantity, _ZERO)
        if kind is Kind.LIMIT:
            self._done[level] += quantity
        else:
            self._hit[level] = sizes[level]  # what it was meant to close when it was reached, and no more

    def size(self, kind: Kind, level: int) -> Decimal:
        """Return what a rung is to close, as of the last update."""
        sizes = self._sizes[kind]
        return sizes[level] if 0 <= level < len(sizes) else _ZERO

    @property
    def held(self) -> Decimal:
        """What was held at the last update, unsigned."""
        return self._held

    def is_quiet(self, price: float) -> bool:
        """Tell, cheaply, that an update with this price and the last position would change nothing."""
        low, high = self._quiet
        return low < price < high

    def update(
        self, ts: int, price: float, atr: float, position_quantity: Decimal, covered: Decimal = _ZERO
    ) -> Plan:
        """
        Say what is wanted now.

        Parameters
        ----------
        ts
            Now, UNIX time [ns].
        price
            At which it could be closed: the bid of a long, the ask of a short; NaN when unknown.
        atr
            Average true range [quote currency]; NaN when unknown.
        position_quantity
            How much is held, unsigned.
        covered
            How much of it others see to.

        """
        if position_quantity <= 0:
            return NOTHING
        if position_quantity > self._held:
            self._ever += position_quantity - self._held
        self._held = position_quantity
        if 0.0 < atr < math.inf and not self._range > 0.0:
            self._range = atr
        if 0.0 < price < math.inf:
            self._peak = max(self._peak, price) if self.side is Side.BUY else min(self._peak, price)
        self._raise_floor(ts, atr)
        left = max(position_quantity - covered, _ZERO)
        exits = (*self._limits(price, left), *self._stop_exits(price, left))
        self._quiet = self._quiet_between(ts, exits)
        late = 0 < self.deadline <= ts
        return Plan(exits, f"open for {self.params.time_stop:g} s" if late else "")

    # -- prices ------------------------------------------------------------------------------------

    def _length(self, distance: float, unit: Unit, atr: float) -> float:
        if unit is Unit.FRACTION:
            return distance * self.entry
        return distance * (atr if 0.0 < atr < math.inf else self.params.fallback * self.entry)

    def _distance(self, distance: float) -> float:
        return self._length(distance, self.params.unit, self._range)

    def _trail(self, distance: float, atr: float) -> float:
        known = atr if 0.0 < atr < math.inf else self._range
        return self._length(distance, self.params.trailing_unit, known)

    def _tighter(self, one: float, other: float) -> float:
        """Return the one nearer to the market; NaN is no stop."""
        if math.isnan(one) or math.isnan(other):
            return other if math.isnan(one) else one
        return max(one, other) if self.side is Side.BUY else min(one, other)

    def _raise_floor(self, ts: int, atr: float) -> None:
        params, side = self.params, int(self.side)
        profit = (self._peak - self.entry) * side
        if params.break_even and (self._evened or profit >= self._distance(params.break_even)):
            self._evened = True
            self._floor = self._tighter(self._floor, self.entry * (1.0 + side * params.fees))
        if not params.trailing or profit < self._trail(params.trailing_from, atr):
            return
        trailed = self._peak - side * self._trail(params.trailing, atr)
        gain = (trailed - self._floor) * side
        self._waits = not gain < max(params.step * self.entry, _GRID)
        if self._waits and ts - self._moved >= params.pause * _NANOS:
            self._floor, self._moved, self._waits = trailed, ts, False

    def _on_grid(self, price: float) -> Decimal:
        """Round in favour of the position: a stop never risks more than asked, a target never earns less."""
        ticks = price / float(self._tick)
        whole = round(ticks)
        if abs(ticks - whole) > _GRID:
            whole = math.ceil(ticks) if self.side is Side.BUY else math.floor(ticks)
        return max(whole, 1) * self._tick

    # -- exits -------------------------------------------------------------------------------------

    def _limits(self, price: float, held: Decimal) -> list[Exit]:
        levels = self.params.take_profits
        if not levels:
            return []
        wanted = [
            total - done
            for total, done in zip(planned(self._ever, _shares(levels), self._lot), self._done, strict=True)
        ]
        sizes = take(held, wanted, self._lot)
        side = int(self.side)
        prices = [self._on_grid(self.entry + side * self._distance(level.distance)) for level in levels]
        return self._exits(Kind.LIMIT, prices, sizes, price)

    def _stop_exits(self, price: float, held: Decimal) -> list[Exit]:
        levels, side = self.params.stop_losses, int(self.side)
        for n, level in enumerate(levels):
            at = self._tighter(self.entry - side * self._distance(level.distance), self._floor)
            self._stops[n] = self._tighter(self._stops[n], float(self._on_grid(at)))
        if not levels and not math.isnan(self._floor):
            self._stops[0] = self._tighter(self._stops[0], float(self._on_grid(self._floor)))
        if math.isnan(self._stops[0]):
            return []
        prices = [self._on_grid(stop) for stop in self._stops]
        return self._exits(Kind.STOP, prices, self._stop_sizes(held), price)

    def _stop_sizes(self, held: Decimal) -> list[Decimal]:
        """Give stops that were reached what they have left, and share the rest out to the others."""
        shares = _shares(self.params.stop_losses[:-1])
        weights = planned(self._ever, [*shares, 1.0 - sum(shares)], self._lot)
        reached = take(held, [left or _ZERO for left in self._hit], self._lot)
        rest = held - sum(reached, _ZERO)
        weights = [weight if left is None else _ZERO for weight, left in zip(weights, self._hit, strict=True)]
        return [one + other for one, other in zip(reached, cover(rest, weights, self._lot), strict=True)]

    def _exits(
        self, kind: Kind, prices: Sequence[Decimal], sizes: Sequence[Decimal], price: float
    ) -> list[Exit]:
        self._sizes[kind] = list(sizes)
        found = []
        ahead = int(self.side) * (1 if kind is Kind.LIMIT else -1)
        for level, (at, size) in enumerate(zip(prices, sizes, strict=True)):
            due = (price - float(at)) * ahead >= 0.0
            for part, piece in enumerate(split(size, self._lot)):
                found.append(Exit(kind, level, part, at, piece, due))
        return found

    def _quiet_between(self, ts: int, exits: Sequence[Exit]) -> tuple[float, float]:
        """Return the prices between which nothing changes; an empty range when something is due."""
        if self._waits or any(exit_.due for exit_ in exits) or 0 < self.deadline <= ts:
            return math.inf, -math.inf
        side, params = int(self.side), self.params
        behind = [float(exit_.price) for exit_ in exits if exit_.kind is Kind.STOP]
        ahead = [float(exit_.price) for exit_ in exits if exit_.kind is Kind.LIMIT]
        if params.trailing:
            ahead.append(self._peak)  # which is to be known exactly
        if params.break_even and not self._evened:
            ahead.append(self.entry + side * self._distance(params.break_even))
        if side > 0:
            return max(behind, default=0.0), min(ahead, default=math.inf)
        return max(ahead, default=0.0), min(behind, default=math.inf)

    # -- state -------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return what must outlive a restart; numbers, texts and lists alone."""
        return {
            "side": int(self.side),
            "entry": self.entry,
            "opened": self.opened,
            "held": str(self._held),
            "ever": str(self._ever),
            "peak": self._peak,
            "floor": None if math.isnan(self._floor) else self._floor,
            "moved": self._moved,
            "range": None if math.isnan(self._range) else self._range,
            "evened": self._evened,
            "stops": [None if math.isnan(stop) else stop for stop in self._stops],
            "done": [str(size) for size in self._done],
            "hit": [None if left is None else str(left) for left in self._hit],
            "sizes": {kind.value: [str(size) for size in sizes] for kind, sizes in self._sizes.items()},
        }

    @classmethod
    def restore(cls, state: Mapping[str, Any], lot: Lot, *, params: ExitParams, tick: Decimal) -> Self:
        """
        Go on from `to_dict`.

        Other levels than before begin anew, but no stop moves back.

        Raises
        ------
        ValueError, KeyError, TypeError, ArithmeticError
            If that is not what it was.

        """
        ladder = cls(
            Side(state["side"]),
            float(state["entry"]),
            Decimal(state["held"]),
            lot,
            params=params,
            tick=tick,
            opened=int(state["opened"]),
        )
        ladder._take(state)
        return ladder

    def _take(self, state: Mapping[str, Any]) -> None:
        self._ever = max(Decimal(state["ever"]), self._held)
        self._peak = self._positive(state["peak"], "peak")
        self._floor, self._range = (
            math.nan if state[name] is None else self._positive(state[name], name)
            for name in ("floor", "range")
        )
        self._moved, self._evened = int(state["moved"]), bool(state["evened"])
        stops = [math.nan if stop is None else self._positive(stop, "stops") for stop in state["stops"]]
        if len(stops) == len(self._stops):
            self._stops = stops
        elif stops:
            # The furthest: what every part of the position had at least.
            self._floor = self._tighter(self._floor, stops[-1])
        done = [Decimal(size) for size in state["done"]]
        if len(done) == len(self._done):
            self._done = done
            self._sizes[Kind.LIMIT] = [Decimal(size) for size in state["sizes"]["limit"]]
        hit = [None if left is None else Decimal(left) for left in state["hit"]]
        if len(hit) == len(self._hit):
            self._hit = hit
            self._sizes[Kind.STOP] = [Decimal(size) for size in state["sizes"]["stop"]]

    @staticmethod
    def _positive(value: object, name: str) -> float:
        number = float(str(value))
        require(0.0 < number < math.inf, f"a positive {name} in the state", value)
        return number


def _shares(levels: Sequence[Level]) -> list[float]:
    return [level.share for level in levels]
