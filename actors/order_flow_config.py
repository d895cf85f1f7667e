"""What the order flow gate can be told."""

from __future__ import annotations

from dataclasses import fields
from typing import Literal

from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat, PositiveInt
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.gating.flow import FlowParams


class OrderFlowGateConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the order flow gate can be told; without anything it follows all that others subscribe.

    Parameters
    ----------
    instruments
        Instruments whose book and trades the gate subscribes by itself. Mind that a paper venue moves its
        market by all it hears: with depth, its fills walk ten levels, where quotes alone fill at one price.
    book
        What is subscribed of them: ``depth10`` (ten levels), ``deltas`` (changes), ``quotes`` (best prices),
        or ``none``: then the book has no part in the score either.
    trades
        Whether their trades are subscribed; if not, trades have no part in the score either.
    without_data
        What happens to orders while there is not enough data to judge, as in the first seconds of a run, in
        an instrument nobody hears, and in a market that fell silent: ``deny``, since what is not known adds
        no risk, or ``allow``, where flow is one opinion among others.
    every
        Least time between two updates of an instrument [s].
    sample
        Least time between two looks at a book [s]; less follows it more closely and costs more.
    half_life, book_half_life, level_decay
        How fast trades, the average book and the levels of a book fade: see
        `nautilus_quant.gating.flow.FlowParams`, also for all that follow.
    large_quantile, large_window, prior
        Which trades are large, and how many trades make a flow.
    buckets, bucket_time
        Of the toxicity.
    book_weight, delta_weight, large_weight, lift
        What the score is made of.
    enter, leave, hold
        When entries against it are blocked, and until when.
    least, stale_after
        How much data is enough.

    """

    instruments: tuple[InstrumentId, ...] = ()
    book: Literal["depth10", "deltas", "quotes", "none"] = "depth10"
    trades: bool = True
    without_data: Literal["deny", "allow"] = "deny"
    every: Seconds = 1.0
    sample: Seconds = 0.1

    half_life: Seconds = 30.0
    book_half_life: Seconds = 5.0
    level_decay: Fraction = 0.7
    large_quantile: Fraction = 0.95
    large_window: PositiveInt = 2_000
    prior: NonNegativeFloat = 10.0
    buckets: PositiveInt = 50
    bucket_time: Seconds = 5.0
    book_weight: NonNegativeFloat = 0.4
    delta_weight: NonNegativeFloat = 0.35
    large_weight: NonNegativeFloat = 0.25
    lift: NonNegativeFloat = 0.5
    enter: PositiveFloat = 0.4
    leave: PositiveFloat = 0.2
    hold: Seconds = 2.0
    least: NonNegativeFloat = 10.0
    stale_after: Seconds = 10.0

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Kinds of data it subscribes beside quotes and bars, which a backtest of it must play."""
        kinds = {"depth": self.book == "depth10", "trades": self.trades}
        return tuple(kind for kind, wanted in kinds.items() if wanted)


def params_of(config: OrderFlowGateConfig) -> FlowParams:
    """
    Return the rule a config describes; what is not subscribed has no part in it.

    Raises
    ------
    ValueError
        If a parameter is impossible.

    """
    given = {item.name: getattr(config, item.name) for item in fields(FlowParams)}
    if config.book == "none":
        given["book_weight"] = 0.0
    if not config.trades:
        given["delta_weight"] = given["large_weight"] = 0.0
    return FlowParams(**given)
