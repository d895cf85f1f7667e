"""What strategies that hold spreads of options can be told."""

from __future__ import annotations

from typing import Literal

from nautilus_trader.config import PositiveFloat

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.target import TargetStrategyConfig


class OptionLegsConfig(TargetStrategyConfig, kw_only=True, frozen=True):
    """
    What every strategy that holds spreads of options can be told.

    `instrument` is the market of the underlying: a perpetual, a future or spot, on whose bars it decides.
    Spreads are entered and left whole: `rebalance_threshold`, `fee_hurdle`, `fee_horizon` are not looked at.

    Parameters
    ----------
    settlement
        Which options: ``money`` (linear, paid in dollars of some kind) or ``coin`` (inverse, paid in the
        underlying).
    underlying
        Code of the coin; ``None`` takes the base currency of `instrument`.
    max_loss
        Most that one spread may lose, as known before its entry [fraction of the allocated equity];
        typically 0.5% to 5%. More is larger.
    leg_timeout
        Longest time an order of a leg may work [s]; then it is cancelled, and legs are cut down to what they
        have in common. Also the wait before a closing order that failed is sent again. Typically 2 to 30.
    slippage
        By how much worse than the best price a leg may be opened, and closed [fraction of the premium].
        Losses are known, and spreads sized, as if it were. More is filled more surely, and smaller.
    cooldown
        Time after a spread is gone before the next one is entered [s].
    exit_days
        Days before the first expiry at which it is left [days]; more than whoever handles expiries takes.
    width
        Farthest strikes that are looked at, as a distance from the forward [fraction].

    """

    settlement: Literal["money", "coin"] = "money"
    underlying: str | None = None
    max_loss: Fraction = 0.02
    leg_timeout: Seconds = 5.0
    slippage: Fraction = 0.02
    cooldown: Seconds = 60.0
    exit_days: PositiveFloat = 1.0
    width: PositiveFloat = 0.6
