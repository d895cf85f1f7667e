"""What trading costs: fees, half spread and market impact, the same for learning, execution and research."""

from __future__ import annotations

import math
from dataclasses import dataclass

from nautilus_quant.signals.sequence import require


@dataclass(frozen=True, slots=True, kw_only=True)
class CostModel:
    """
    Costs of trading, per unit of traded notional.

    The impact follows the square-root law ``impact * volatility * sqrt(participation)`` (Almgren et al.,
    "Direct estimation of equity market impact", Risk 18 (2005); Tóth et al., Phys. Rev. X 1 (2011), eq. 1).

    Parameters
    ----------
    taker, maker
        Fee of an order that takes, and of one that rests [fraction of notional]; a maker's may be a rebate,
        below 0. Perpetuals: 0.0002 to 0.0006 and -0.0001 to 0.0002.
    half_spread
        Distance of the best price from the middle, where nobody tells the present one [fraction of price].
        0.00001 for the largest markets, 0.0005 for small ones.
    impact
        Coefficient of the square-root law [-]; 0 for none. Around 1 in most markets, when volatility and
        volume are those of a day; more punishes large orders harder.

    Raises
    ------
    ValueError
        If a value is impossible.

    """

    taker: float = 0.0005
    maker: float = 0.0002
    half_spread: float = 0.0001
    impact: float = 0.0

    def __post_init__(self) -> None:
        require(0.0 <= self.taker < 1.0, "0 <= taker < 1 [fraction]", self.taker)
        require(-1.0 < self.maker < 1.0, "-1 < maker < 1 [fraction]", self.maker)
        require(0.0 <= self.half_spread < 1.0, "0 <= half_spread < 1 [fraction]", self.half_spread)
        require(0.0 <= self.impact < math.inf, "impact >= 0 [-]", self.impact)

    def rate(
        self,
        *,
        passive: bool = False,
        half_spread: float | None = None,
        participation: float = 0.0,
        volatility: float = 0.0,
    ) -> float:
        """
        Return what a trade costs, per unit of its notional at the middle [fraction].

        Parameters
        ----------
        passive
            Whether it rests until somebody takes it: then it costs the maker fee and nothing else.
        half_spread
            Present one [fraction of price]; ``None`` or NaN takes the model's.
        participation
            Traded quantity over what the market trades in the time `volatility` is of [-].
        volatility
            Standard deviation of log returns over that time, usually a day [fraction].

        """
        if passive:
            return self.maker
        return self.taker + self.spread(half_spread) + self.impact_of(participation, volatility)

    def spread(self, half_spread: float | None = None) -> float:
        """Return the half spread to pay [fraction]: the one given if it can be one, else the model's."""
        if half_spread is None or not 0.0 <= half_spread < 1.0:
            return self.half_spread
        return half_spread

    def impact_of(self, participation: float, volatility: float) -> float:
        """
        Return by how much an order moves its own average price [fraction], by the square-root law.

        Raises
        ------
        ValueError
            If participation [-] or volatility [fraction] is negative or not finite.

        """
        if not self.impact:
            return 0.0
        require(0.0 <= participation < math.inf, "participation >= 0 [-]", participation)
        require(0.0 <= volatility < math.inf, "volatility >= 0 [fraction]", volatility)
        return self.impact * volatility * math.sqrt(participation)
