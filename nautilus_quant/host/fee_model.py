"""The fee schedule at work in backtests and at the paper venue: NautilusTrader's `FeeModel` with tiers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from nautilus_trader.backtest.config import FeeModelConfig
from nautilus_trader.backtest.models import FeeModel

from nautilus_quant.config.units import Fraction
from nautilus_quant.host.fee_terms import (
    FeeTerms,
    VenueFees,
    commission,
    dollar_volume,
    liquidity_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.model.objects import Money, Price, Quantity
    from nautilus_trader.model.orders import Order


class TieredFeeModelConfig(FeeModelConfig, kw_only=True, frozen=True):
    """
    What the fee model can be told; as `nautilus_quant.host.fee_terms.FeeTerms`.

    Parameters
    ----------
    schedule, tiers
        Which fees: by name, ``auto`` or ``instrument``; or an own table of 30-day volume [USD], maker and
        taker fee [fraction].
    discount, reduce_only_discount
        Off every fee, and off those of reduce-only orders [fraction of the fee].
    initial_volume
        What the account traded in the 30 days before [USD].

    """

    schedule: str = "auto"
    tiers: tuple[tuple[float, float, float], ...] = ()
    discount: Fraction = 0.0
    reduce_only_discount: Fraction = 0.0
    initial_volume: float = 0.0


class TieredFeeModel(FeeModel):
    """
    Charges what the venue's schedule says, with the tier the account has earned so far.

    With ``schedule: instrument`` it charges what NautilusTrader's `MakerTakerFeeModel` does. The volume is
    counted in dollars: fills quoted in anything else pay their fee and do not count.

    Parameters
    ----------
    config
        A `TieredFeeModelConfig`.

    Notes
    -----
    NautilusTrader does not tell a fee model the time. Unless `clock` is set, a fill is dated by the last
    event of its order, or of any order filled before: one that rested counts from when it was accepted.

    """

    def __init__(self, config: TieredFeeModelConfig | None = None) -> None:
        self.config = config or TieredFeeModelConfig()
        self.clock: Callable[[], int] | None = None
        terms = FeeTerms(
            schedule=self.config.schedule,
            tiers=self.config.tiers,
            discount=self.config.discount,
            reduce_only_discount=self.config.reduce_only_discount,
            initial_volume=self.config.initial_volume,
        )
        self.fees = VenueFees(terms)
        self._now = 0

    def to_dict(self) -> dict[str, Any]:
        """Give all that `restore` needs: what was traded, by schedule."""
        return {name: tracker.to_dict() for name, tracker in self.fees.trackers.items()}

    def restore(self, state: Mapping[str, Any]) -> Self:
        """
        Go on from what `to_dict` gave; schedules no longer charged by are passed over.

        Raises
        ------
        ValueError
            If it cannot be what `to_dict` gave.

        """
        for name, document in state.items():
            schedule = self.fees.find(name)
            if schedule is not None:
                self.fees.track(schedule).restore(document)
        return self

    def get_commission(
        self, order: Order, fill_qty: Quantity, fill_px: Price, instrument: Instrument
    ) -> Money:
        """Return the fee of a fill by the present tier, then count it."""
        tracker = self.fees.tracker(instrument)
        if tracker is not None:
            # Before the fill counts: a venue charges by the tier an order was placed in.
            self._now = max(self._now, order.ts_last if self.clock is None else self.clock())
            tracker.update(self._now)
        fee = commission(
            instrument,
            fill_qty,
            fill_px,
            self.fees.tier(instrument),
            liquidity_of(order.liquidity_side),
            reduce_only=order.is_reduce_only,
        )
        if tracker is not None:
            value = dollar_volume(instrument, fill_qty.as_double(), fill_px.as_double())
            tracker.add(self._now, value)
        return fee
