"""What the safety engine can be told."""

from __future__ import annotations

from nautilus_trader.config import ActorConfig, PositiveFloat

from nautilus_quant.config.units import Fraction, Seconds


class SafetyEngineConfig(ActorConfig, kw_only=True, frozen=True):
    """
    What may be lost, and who may pull the switch.

    Parameters
    ----------
    max_hourly_loss
        Loss within one hour beyond which nothing new is opened for `hourly_halt` [fraction of the
        highest equity of the hour]. Smaller halts sooner.
    max_daily_loss
        The same for 24 hours and `daily_halt`.
    max_drawdown
        Fall from the all-time peak beyond which the kill switch trips [fraction].
    hourly_halt, daily_halt
        How long nothing new is opened [s].
    kill_file
        The kill switch trips when this file appears; looked for every second in a live node. Its
        directory must exist.
    max_mark_age
        Oldest price that counts [s]; a bar's price counts for its interval longer.
    max_jump
        Largest believable move between two prices [fraction].
    valuation_interval
        Least time between two valuations [s]; they follow market data, and the clock in a live node.
    flow_settle
        How long a balance change may wait for its fill before it counts as a deposit or withdrawal [s].
    max_impact_bps
        How far one closing order of the kill switch may walk a visible book [bps].
    reporting_currency
        Currency of the equity; ``None`` takes the account's.
    state
        URL of the state store. ``None``: in memory in a backtest, ``sqlite:///var/<trader>.db`` in a
        live node, since a latch that a restart forgets protects nobody.

    """

    max_hourly_loss: Fraction = 0.005
    max_daily_loss: Fraction = 0.02
    max_drawdown: Fraction = 0.10
    hourly_halt: Seconds = 3_600.0
    daily_halt: Seconds = 86_400.0
    kill_file: str = "/tmp/quant_kill_switch"  # noqa: S108 (an agreed place anybody on the machine can reach)
    max_mark_age: Seconds = 30.0
    max_jump: Fraction = 0.5
    valuation_interval: Seconds = 1.0
    flow_settle: Seconds = 2.0
    max_impact_bps: PositiveFloat = 25.0
    reporting_currency: str | None = None
    state: str | None = None
