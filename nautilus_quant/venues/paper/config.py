"""Configuration of the paper execution client."""

from __future__ import annotations

from typing import Literal

from nautilus_trader.adapters.sandbox.config import SandboxExecutionClientConfig
from nautilus_trader.backtest.config import ImportableFeeModelConfig, ImportableFillModelConfig

from nautilus_quant.config.units import Seconds
from nautilus_quant.venues.incidents import Incident


class PaperExecClientConfig(SandboxExecutionClientConfig, frozen=True, kw_only=True):
    """
    Everything NautilusTrader's ``SandboxExecutionClientConfig`` has, a memory, and faults for drills.

    Parameters
    ----------
    venue : str
        Venue whose market data fills the orders.
    starting_balances : list of str
        Balances of a new account, e.g. ``["100_000 USDT"]``. Ignored once `state` holds an account of this
        venue: what was earned or lost stays, as it would at a real venue.
    state : str, optional
        URL of the state store that keeps balances and open positions, written on every fill before the node
        hears of it. Without it the account is gone when the process ends.
    fill_model : ImportableFillModelConfig, optional
        One of NautilusTrader's fill models. Without it `prob_fill_on_limit`, `prob_slippage` and `seed`
        make a plain one.
    fee_model : ImportableFeeModelConfig, optional
        A fee model, e.g. `nautilus_quant.host.fee_model:TieredFeeModel`, whose volume `state` keeps. Without
        it orders pay what their instrument says.
    prob_fill_on_limit : float, default 1.0
        Probability [0 to 1] that a limit order at the touched price fills. Less is more pessimistic.
    prob_slippage : float, default 0.0
        Probability [0 to 1] that a fill slips by one tick.
    reject_probability : float, default 0.0
        Probability [0 to 1] that the venue rejects a submitted order. For drills.
    outages : tuple of (float, float), default ()
        Windows [s after connecting: from, to] in which the venue cannot be reached: submits, cancels and
        modifies are rejected, reports raise, and events of working orders arrive when the window is over.
        For drills.
    incidents : tuple of Incident, default ()
        Outages and bursts of rejections at times after the opening of the market, or after connecting where
        the market is a real one. A simulated market takes the same list for its data.
    latency : float, default 0
        How long a command is under way to the venue [s]. A simulated market's data take as long to the node.
    funding : str, default "predicted"
        How to read funding rates that do not say when they are paid (rates and mark prices of the perpetuals
        traded are subscribed by themselves): ``predicted`` for the next whole multiple of the interval, as
        most venues stream them; ``paid`` at their own time, as in recorded funding; or ``ignored``. ``off``
        pays no funding at all. Rates that say when are paid then.
    funding_interval : float, default 28_800
        Between two payments, where the venue does not say [s].
    funding_delay : float, default 0.5
        How long after its time a payment is booked [s], beside the latency: the last rate is announced at
        that very time. What was held at the time is paid for, at the mark price of then.
    mark_stale_after : float, default 300
        Age at which a mark price is none, and funding is paid at the middle of the book [s].
    seed : int, default 0
        Seed of the fill model and of the rejections.
    """

    state: str | None = None
    fill_model: ImportableFillModelConfig | None = None
    fee_model: ImportableFeeModelConfig | None = None
    prob_fill_on_limit: float = 1.0
    prob_slippage: float = 0.0
    reject_probability: float = 0.0
    outages: tuple[tuple[float, float], ...] = ()
    funding: Literal["predicted", "paid", "ignored", "off"] = "predicted"
    incidents: tuple[Incident, ...] = ()
    latency: Seconds = 0.0
    funding_interval: Seconds = 28_800.0
    funding_delay: Seconds = 0.5
    mark_stale_after: Seconds = 300.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("prob_fill_on_limit", "prob_slippage", "reject_probability"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must be a probability [0 to 1], was {value}")
        if self.funding not in {"predicted", "paid", "ignored", "off"}:
            raise ValueError(f"funding must be predicted, paid, ignored or off, was {self.funding!r}")
        if not self.funding_interval > 0.0:
            raise ValueError(f"funding_interval must be positive [s], was {self.funding_interval}")
        if not self.latency <= 10.0:
            raise ValueError(f"latency must be at most 10 [s], was {self.latency}; typical 5ms to 200ms")
        for window in self.outages:
            if not 0.0 <= window[0] < window[1] < float("inf"):
                raise ValueError(f"an outage needs 0 <= from < to [s after connecting], was {window}")
