"""Which strategies of a node compete, on what, and which of them the gates forbid now."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.account.costs import CostModel
from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.gating.matrix import snake_case
from nautilus_quant.host.target import TargetStrategy, lot_of
from nautilus_quant.learning.contest import Arm
from nautilus_quant.learning.ledger import Leg

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from nautilus_trader.model.instruments import Instrument
    from nautilus_trader.system.kernel import NautilusKernel
    from nautilus_trader.trading.strategy import Strategy

    from nautilus_quant.host.gateway import OrderGateway

_ONE = Decimal(1)
_UNKNOWN = frozenset({"REGIME_UNKNOWN", "REGIME_STALE", "GATE_ERROR", "GATE_STOPPED"})


class ArmsError(ValueError):
    """What is configured to compete is not on this node."""


class CostSettings(NamedTuple):
    """
    What is not known of an instrument by itself.

    Parameters
    ----------
    half_spread
        Where no quote tells [fraction of price].
    impact
        Coefficient of the square-root law, see `nautilus_quant.account.costs.CostModel` [-].

    """

    half_spread: float
    impact: float


def find_arms(
    kernel: NautilusKernel, markets: Mapping[str, str], excluded: Collection[str], costs: CostSettings
) -> dict[str, list[Arm]]:
    """
    Group the strategies of a node by the market they compete on.

    Parameters
    ----------
    kernel
        The node.
    markets
        Market by strategy id, e.g. ``{"EMACross-001": "BTCUSDT-PERP.SIM"}``; empty takes every strategy
        which names an instrument in its configuration.
    excluded
        Strategy ids that do not compete.
    costs
        For the would-be trades.

    Raises
    ------
    ArmsError
        When a strategy named is not on the node, or its market is not.

    """
    running = {strategy.id.value: strategy for strategy in kernel.trader.strategies()}
    unknown = [name for name in (*markets, *excluded) if name not in running]
    if unknown:
        raise ArmsError(f"arms must be strategies of this node ({', '.join(running)}), was {unknown[0]!r}")
    chosen = markets or {name: market_of(strategy) for name, strategy in running.items()}
    found: dict[str, list[Arm]] = {}
    for name, market in sorted(chosen.items()):
        if market and name not in excluded:
            if kernel.cache.instrument(InstrumentId.from_str(market)) is None:
                raise ArmsError(
                    f"{name} is to compete on {market}, and there is no such instrument in the cache"
                )
            found.setdefault(market, []).append(_arm(kernel, running[name], costs))
    return found


def market_of(strategy: Strategy) -> str:
    """Return the instrument a strategy is configured for; empty when it names none."""
    for field in ("instrument", "instrument_id"):
        named = getattr(strategy.config, field, None)
        if isinstance(named, InstrumentId):
            return str(named.value)
    return ""


def instruments_of(strategy: Strategy, market: str) -> tuple[str, ...]:
    """Return all a strategy trades: its legs, or its market."""
    legs: tuple[InstrumentId, ...] = getattr(strategy, "legs", ())
    return tuple(leg.value for leg in legs) or (market,)


class Leave(Enum):
    """What some gates say of a strategy's next position."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


def leave_to_open(
    gateway: OrderGateway, gates: Collection[str], strategy: str, instruments: Iterable[str], ts: int
) -> Leave:
    """
    Ask some gates whether a strategy may open positions now.

    Parameters
    ----------
    gateway
        Whose gates.
    gates
        Names of those that count.
    strategy, instruments
        Who, and all it trades; one that is forbidden forbids all.
    ts
        Now, UNIX time [ns].

    Returns
    -------
    Leave
        ``UNKNOWN`` when what is said against it is that a gate does not know, or has failed: a reason to open
        nothing, and none to close what is held.

    """
    said = Leave.YES
    for instrument in instruments:
        probe = Intent(
            ts, strategy, instrument, Side.BUY, _ONE, None, Decimal(0), _ONE, float("nan"), "", "preview"
        )
        for verdict in gateway.preview(probe).verdicts:
            if verdict.gate in gates and not verdict.bound > 0:
                if verdict.code not in _UNKNOWN:
                    return Leave.NO
                said = Leave.UNKNOWN
    return said


def _arm(kernel: NautilusKernel, strategy: Strategy, costs: CostSettings) -> Arm:
    name, kind = strategy.id.value, snake_case(type(strategy).__name__)
    if not isinstance(strategy, TargetStrategy):
        return Arm(name, 1.0 / len(kernel.trader.strategies()), (), kind)
    legs = tuple(_leg(kernel, strategy, leg, costs) for leg in strategy.legs)
    return Arm(name, float(strategy.config.allocation), legs, kind)


def _leg(kernel: NautilusKernel, strategy: TargetStrategy, leg: InstrumentId, costs: CostSettings) -> Leg:
    instrument = kernel.cache.instrument(leg)
    if instrument is None:
        raise ArmsError(f"{strategy.id} trades {leg}, and there is no such instrument in the cache")
    return Leg(
        instrument=leg.value,
        leverage=float(strategy.config.leverage),
        threshold=float(strategy.config.rebalance_threshold),
        lot=lot_of(instrument),
        costs=_costs(instrument, costs),
        inverse=bool(instrument.is_inverse),
        multiplier=float(instrument.multiplier),
        min_notional=float(instrument.min_notional or 0.0),
    )


def _costs(instrument: Instrument, settings: CostSettings) -> CostModel:
    return CostModel(
        taker=float(instrument.taker_fee),
        maker=float(instrument.maker_fee),
        half_spread=settings.half_spread,
        impact=settings.impact,
    )
