"""What every strategy of pairs can be told."""

from __future__ import annotations

from nautilus_trader.config import PositiveFloat

from nautilus_quant.carry.two_leg_terms import Style, TwoLegParams
from nautilus_quant.config.units import Seconds
from nautilus_quant.host.target import TargetStrategyConfig


class TwoLegStrategyConfig(TargetStrategyConfig, kw_only=True, frozen=True):
    """
    What every strategy of pairs can be told.

    Parameters
    ----------
    style
        ``passive_aggressive``: one leg rests in the book, and what fills of it is hedged at once with the
        other. ``simultaneous``: both are taken at once.
    lead
        Which leg rests when one does: 0 or 1.
    leg_timeout
        Longest time an order may take [s]; then it is taken back. Typically 5 to 60 for one that rests.
    max_unhedged
        What may be unhedged, times how long, in one operation [reporting currency times seconds]. Reaching it
        forces the quickest hedge or unwinding. A sixth of it per `answer` is the largest part traded at once.
    answer
        Time in which a venue that is well answers an order [s]; typically 0.5 to 2.
    pause
        Wait after a failure before anything is added again [s].

    """

    style: str = Style.PASSIVE_AGGRESSIVE.value
    lead: int = 0
    leg_timeout: Seconds = 10.0
    max_unhedged: PositiveFloat = 100_000.0
    answer: Seconds = 1.0
    pause: Seconds = 60.0


def params_of(config: TwoLegStrategyConfig) -> TwoLegParams:
    """Return how its pairs are traded, or raise `ValueError`."""
    return TwoLegParams(
        style=Style(config.style),
        lead=config.lead,
        leg_timeout=float(config.leg_timeout),
        max_unhedged=float(config.max_unhedged),
        answer=float(config.answer),
        pause=float(config.pause),
    )
