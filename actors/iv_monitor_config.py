"""What the monitor of implied volatilities can be told."""

from __future__ import annotations

from msgspec import field
from nautilus_trader.config import ActorConfig, NonNegativeFloat, PositiveFloat, PositiveInt

from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.options.clean import CleanParams
from nautilus_quant.options.surface_fit import SurfaceParams
from nautilus_quant.options.zscores import ScoreParams


class IVMonitorConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What the monitor of implied volatilities can be told; without anything it follows all options there are.

    Parameters
    ----------
    underlyings
        Underlyings whose surface is followed, e.g. ``[BTC, ETH]``; none for all that have options.
    venue
        Only options of this venue; ``None`` takes those of all, and of options that pay the same the one with
        the tightest quote.
    every
        Time between two fits [s]. Less follows the market more closely and costs more.
    quotes, greeks
        Whether the monitor subscribes quotes and venue greeks of the options by itself. Without, it hears
        those that others subscribe.
    max_days
        Options that expire later are left alone [days].
    max_age, max_spread, max_ticks, max_deviations, min_hours
        What a good quote is: see `nautilus_quant.options.clean.CleanParams`.
    least_error
        See `nautilus_quant.options.surface_fit.SurfaceParams`.
    score_every, score_window, score_fewest
        Time between two figures that are remembered [s], how many are, and how many there must be before any
        is scored: see `nautilus_quant.options.zscores.ScoreParams`.
    score_bounds
        Scores at which an alert is sent [standard deviations], rising.
    vega_bounds
        Distances of the net vega of all positions from `vega_target` at which an alert is sent [reporting
        currency per vol point], rising.
    vega_target
        Net vega that is wanted of each underlying [reporting currency per vol point].
    arbitrage_bounds
        Sizes of a calendar or butterfly arbitrage at which an alert is sent [vol, 0.01 is a point], rising.
    archive
        Folder where surfaces are kept as Parquet, by underlying and day; ``None`` keeps none.
    archive_every
        Time between two surfaces that are kept [s].
    replay
        Whether surfaces come from the archive instead of from quotes, each at the time at which it became
        known: for backtests without option quotes.
    state
        URL of the state store; ``None`` keeps nothing over a restart.

    """

    underlyings: list[str] = field(default_factory=list)
    venue: str | None = None
    every: Seconds = 10.0
    quotes: bool = True
    greeks: bool = True
    max_days: PositiveFloat = 400.0
    max_age: Seconds = 300.0
    max_spread: PositiveFloat = 0.5
    max_ticks: Fraction = 0.0002
    max_deviations: PositiveFloat = 3.5
    min_hours: NonNegativeFloat = 1.0
    least_error: PositiveFloat = 0.002
    score_every: Seconds = 900.0
    score_window: PositiveInt = 672
    score_fewest: PositiveInt = 30
    score_bounds: list[float] = field(default_factory=lambda: [2.0, 3.0])
    vega_bounds: list[float] = field(default_factory=lambda: [5_000.0, 10_000.0])
    vega_target: float = 0.0
    arbitrage_bounds: list[float] = field(default_factory=lambda: [0.005, 0.02])
    archive: str | None = None
    archive_every: Seconds = 60.0
    replay: bool = False
    state: str | None = None

    @property
    def surface_params(self) -> SurfaceParams:
        """What the surface is fitted by."""
        clean = CleanParams(
            max_age=float(self.max_age),
            max_spread=float(self.max_spread),
            max_ticks=float(self.max_ticks),
            max_deviations=float(self.max_deviations),
            min_hours=float(self.min_hours),
        )
        return SurfaceParams(clean=clean, least_error=float(self.least_error))

    @property
    def score_params(self) -> ScoreParams:
        """What figures are scored against."""
        return ScoreParams(every=float(self.score_every), window=self.score_window, fewest=self.score_fewest)
