"""When hedging becomes an emergency, when options must be traded, and when fills are too dear."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Sequence


class Net(NamedTuple):
    """
    What a book in one underlying moves.

    Parameters
    ----------
    delta
        With all hedges [coins]; NaN when that of a position is unknown.
    gamma_1pct
        Change of it when the price rises by 1 % [coins].
    vega
        Change of value for one vol point [currency of the strikes].
    price
        Of the underlying [currency of the strikes].
    positions
        How many there are.

    """

    delta: float
    gamma_1pct: float
    vega: float
    price: float
    positions: int = 0

    @property
    def gamma(self) -> float:
        """Change of the delta per unit of price [coins² / currency]."""
        return 100.0 * self.gamma_1pct / self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgeLimits:
    """
    What must not be exceeded.

    Parameters
    ----------
    drawdown
        Of the equity, from which on it is an emergency [fraction].
    delta, gamma_1pct, vega
        Most of each, unsigned, as `Net` counts them; infinite without a limit. Gamma and vega are brought
        back by trading options.
    calm
        Share of a limit below which an emergency is over [-]: it must not come and go with every tick.
    slippage
        Mean of the last hedges that takes a version of the parameters back [fraction].
    window, fewest
        Hedges that are averaged, and those needed to judge [orders].

    Raises
    ------
    ValueError
        If one is impossible.

    """

    drawdown: float = 0.05
    delta: float = math.inf
    gamma_1pct: float = math.inf
    vega: float = math.inf
    calm: float = 0.8
    slippage: float = 0.0015
    window: int = 20
    fewest: int = 5

    def __post_init__(self) -> None:
        for name in ("drawdown", "delta", "gamma_1pct", "vega", "slippage"):
            require(getattr(self, name) > 0.0, f"{name} > 0", getattr(self, name))
        require(0.0 < self.calm <= 1.0, "0 < calm <= 1", self.calm)
        require(1 <= self.fewest <= self.window, "1 <= fewest <= window [orders]", (self.fewest, self.window))


def emergency(net: Net, drawdown: float, limits: HedgeLimits, *, was: bool = False) -> str:
    """
    Return why this is an emergency, in words with value and bound; nothing while it is none.

    Parameters
    ----------
    net
        Of the book; what is unknown exceeds nothing here, since nothing could be done about it.
    drawdown
        Of the equity [fraction]; NaN when nobody tells.
    limits
        What must not be exceeded.
    was
        Whether it is one already.

    """
    share = limits.calm if was else 1.0
    checks = (
        ("drawdown", drawdown, limits.drawdown, ""),
        ("net delta", abs(net.delta), limits.delta, " coins"),
        ("net gamma", abs(net.gamma_1pct), limits.gamma_1pct, " coins per 1 %"),
        ("net vega", abs(net.vega), limits.vega, " per vol point"),
    )
    return "; ".join(
        f"{name} {value:.6g}{unit}, the limit is {most:g}"
        for name, value, most, unit in checks
        if value > most * share
    )


class OptionHedge(NamedTuple):
    """
    An option that brings gamma or vega back.

    Parameters
    ----------
    option
        Which of the candidates, from 0.
    quantity
        How many units, positive buys.

    """

    option: int
    quantity: float


def option_hedge(
    net: Net,
    gamma_1pct: Sequence[float],
    vega: Sequence[float],
    cost: Sequence[float],
    limits: HedgeLimits,
) -> OptionHedge | None:
    """
    Return the cheapest option that brings gamma and vega within `calm` of their limits.

    The one that exceeds its limit by the larger share is brought back; of options that would leave the other
    over its limit, or push it further over, none is taken.

    Parameters
    ----------
    net
        Of the book.
    gamma_1pct, vega
        Of one unit of each option, shape (n,), in the units of `net`.
    cost
        Of trading one unit, fee and half spread [currency], shape (n,).
    limits
        Of the book.

    """
    over_gamma, over_vega = abs(net.gamma_1pct) / limits.gamma_1pct, abs(net.vega) / limits.vega
    if not max(over_gamma, over_vega) > 1.0 or not math.isfinite(over_gamma + over_vega):
        return None
    by_vega = over_vega >= over_gamma
    have, most = (net.vega, limits.vega) if by_vega else (net.gamma_1pct, limits.gamma_1pct)
    best: OptionHedge | None = None
    least = math.inf
    for index, (own_gamma, own_vega, price) in enumerate(zip(gamma_1pct, vega, cost, strict=True)):
        unit = own_vega if by_vega else own_gamma
        if not (math.isfinite(own_gamma + own_vega + price) and unit > 0.0):
            continue
        quantity = (math.copysign(limits.calm * most, have) - have) / unit
        other = net.gamma_1pct + quantity * own_gamma if by_vega else net.vega + quantity * own_vega
        before, bound = (net.gamma_1pct, limits.gamma_1pct) if by_vega else (net.vega, limits.vega)
        if abs(other) <= max(bound, abs(before)) and abs(quantity) * price < least:
            best, least = OptionHedge(index, quantity), abs(quantity) * price
    return best


class SlippageWatch:
    """
    The mean slippage of the last hedges.

    Parameters
    ----------
    limits
        How many, and how much.

    """

    def __init__(self, limits: HedgeLimits) -> None:
        self._limits = limits
        self._last: deque[tuple[float, float]] = deque(maxlen=limits.window)

    def add(self, slipped: float, coins: float) -> None:
        """Take a hedge: its slippage [fraction] and its size [coins]."""
        if math.isfinite(slipped) and coins > 0.0:
            self._last.append((slipped, coins))

    @property
    def mean(self) -> float:
        """By size [fraction]; NaN without any."""
        coins = math.fsum(size for _, size in self._last)
        return math.fsum(slipped * size for slipped, size in self._last) / coins if coins else math.nan

    @property
    def is_too_dear(self) -> bool:
        """Whether there were enough to judge, and they cost too much."""
        return len(self._last) >= self._limits.fewest and self.mean > self._limits.slippage

    def clear(self) -> None:
        """Begin anew: what comes now is another version's."""
        self._last.clear()

    def to_list(self) -> list[list[float]]:
        """Give what `restore` needs."""
        return [list(one) for one in self._last]

    def restore(self, state: Sequence[Sequence[float]]) -> None:
        """Go on from what `to_list` gave."""
        self._last.clear()
        for slipped, coins in state:
            self.add(float(slipped), float(coins))
