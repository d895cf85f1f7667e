"""What `CrossExchangeArb` can be told."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from msgspec import field
from nautilus_trader.config import NonNegativeFloat, PositiveFloat, PositiveInt
from nautilus_trader.model.identifiers import InstrumentId

from nautilus_quant.carry.cross_venue import EdgeParams
from nautilus_quant.carry.cross_venue_basis import BasisParams
from nautilus_quant.carry.cross_venue_fills import FillParams
from nautilus_quant.carry.cross_venue_funding import FundingDoubt
from nautilus_quant.carry.cross_venue_hedge import HedgeParams
from nautilus_quant.carry.cross_venue_hold import HoldParams
from nautilus_quant.carry.cross_venue_inventory import InventoryParams, TransferTerms
from nautilus_quant.carry.cross_venue_outage import OutageParams
from nautilus_quant.carry.cross_venue_rule import CrossVenueParams
from nautilus_quant.config.units import Fraction, Seconds
from nautilus_quant.host.two_leg_strategy import TwoLegStrategyConfig

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class CrossExchangeArbConfig(TwoLegStrategyConfig, kw_only=True, frozen=True):
    """
    What it can be told, beside how two legs are traded; see `nautilus_quant.carry.cross_venue_rule` for more.

    Parameters
    ----------
    others
        The same coin at other venues, e.g. ``("BTCUSDT-PERP.SIM_B",)``: spot, or linear contracts. Every two
        of all venues are a pair.
    max_notional
        Largest size of a pair [reporting currency].
    inventory_limit
        How far a venue's inventory may be from its target [reporting currency].
    targets
        Coins each venue should hold, by instrument; of what is not named none in margin accounts,
        and in cash accounts what is found at the first start.
    reserve
        Share of free money that is left alone at each venue [-]. More keeps margin for prices that move.
    least_edge
        What the last coin must leave after fees, funding, transfers and the way out [fraction].
    caution
        Standard errors of the usual difference and of funding that are taken off [-].
    skew
        Hurdle added to what takes inventories away from their targets, and taken off what brings them back,
        at the limit [fraction].
    low_inventory, high_inventory
        Share of the limit still free below which people are told, and from which on all is well again [-].
    exit_gain
        What a pair may still bring at which it is left [fraction].
    stop
        By how much the difference may grow after the entry [fraction].
    longest
        Longest time a pair is held [s].
    sample
        Between two samples of the usual difference [s].
    half_life
        After which a sample counts half [s]. More is surer what is usual, and slower to see it change.
    least_samples
        Needed before anything is entered [-].
    unknown_funding
        Taken as the error of each payment of a perpetual whose rate nobody has told [fraction].
    transfers
        Terms of moving spot coins away from a venue, by instrument: ``fixed`` [coins], ``share`` [fraction],
        ``seconds``, ``rate`` [fraction per year]; without, pairs end by trading back.
    interval
        Least time between two looks at the prices [s].
    watch
        Longest time between two looks while something is held, when no prices come [s].
    book
        What is subscribed beside quotes: ten levels of the ``depth10``, or nothing (``quotes``), and then
        only what stands at the best price is traded.
    stale_after
        Age of data from which on a venue counts as degraded, and three times that as down [s]; ``None`` takes
        what others on this node have set. For data of minutes take a few bars.
    outage_grace, outage_settle
        Outage after which all that is held at a venue is closed when it is back, and how long it must have
        been well by then [s].
    hedge_elsewhere_after
        How long a leg may stand alone at a venue that is down before it is hedged at another one [s].
    low_fills, bad_fills
        Ratio of filled to sent below which a warning is raised, and an alarm [-].
    fills_half_life, least_fills
        After which an order counts half, and how many are needed [orders].

    """

    others: tuple[InstrumentId, ...]
    max_notional: PositiveFloat = 10_000.0
    inventory_limit: PositiveFloat = 20_000.0
    targets: dict[str, float] = field(default_factory=dict)
    reserve: Fraction = 0.2
    least_edge: Fraction = 0.0005
    caution: NonNegativeFloat = 1.0
    skew: Fraction = 0.0003
    low_inventory: Fraction = 0.2
    high_inventory: Fraction = 0.35
    exit_gain: Fraction = 0.0001
    stop: Fraction = 0.01
    longest: Seconds = 86_400.0
    sample: Seconds = 1.0
    half_life: Seconds = 1_800.0
    least_samples: PositiveInt = 60
    unknown_funding: Fraction = 0.0003
    transfers: dict[str, dict[str, float]] = field(default_factory=dict)
    interval: Seconds = 0.2
    watch: Seconds = 5.0
    book: Literal["depth10", "quotes"] = "depth10"
    stale_after: Seconds | None = None
    outage_grace: Seconds = 60.0
    outage_settle: Seconds = 10.0
    hedge_elsewhere_after: Seconds = 10.0
    low_fills: Fraction = 0.9
    bad_fills: Fraction = 0.8
    fills_half_life: PositiveFloat = 30.0
    least_fills: PositiveInt = 10
    style: str = "simultaneous"

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Kinds of data it subscribes beside quotes and bars, which a backtest of it must play."""
        return ("funding", "depth") if self.book == "depth10" else ("funding",)


def rule_params(config: CrossExchangeArbConfig) -> CrossVenueParams:
    """Return the parameters of the rule."""
    inventory = InventoryParams(
        skew=float(config.skew), low=float(config.low_inventory), high=float(config.high_inventory)
    )
    return CrossVenueParams(
        edge=EdgeParams(least=float(config.least_edge), caution=float(config.caution)),
        hold=HoldParams(exit=float(config.exit_gain), stop=float(config.stop), longest=float(config.longest)),
        inventory=inventory,
        basis=BasisParams(
            interval=float(config.sample),
            half_life=float(config.half_life) / max(float(config.sample), 1e-9),
            least=int(config.least_samples),
            shortest=float(config.sample),
            longest=max(float(config.longest), float(config.sample)),
        ),
        retry=float(config.pause),
    )


def funding_doubt(config: CrossExchangeArbConfig) -> FundingDoubt:
    """Return what is assumed of funding."""
    return FundingDoubt(unknown=float(config.unknown_funding))


def outage_params(config: CrossExchangeArbConfig) -> OutageParams:
    """Return how outages are taken."""
    return OutageParams(grace=float(config.outage_grace), settle=float(config.outage_settle))


def hedge_params(config: CrossExchangeArbConfig) -> HedgeParams:
    """Return how long hedges elsewhere wait."""
    return HedgeParams(patience=float(config.hedge_elsewhere_after), pause=float(config.pause))


def fill_params(config: CrossExchangeArbConfig) -> FillParams:
    """Return when too little is filled."""
    low, bad = float(config.low_fills), float(config.bad_fills)
    return FillParams(
        low=low,
        bad=bad,
        margin=0.2 * max(low - bad, 0.0),
        half_life=float(config.fills_half_life),
        least=int(config.least_fills),
    )


def target_coins(config: CrossExchangeArbConfig) -> dict[str, float]:
    """Return what each venue should hold [coins]; ValueError for one that nobody knows, or no number."""
    _check_names("targets", config.targets, config)
    for name, coins in config.targets.items():
        if not math.isfinite(coins):
            raise ValueError(f"need a finite target of {name} [coins], was {coins}")
    return dict(config.targets)


def transfer_terms(config: CrossExchangeArbConfig) -> Mapping[str, TransferTerms]:
    """Return the terms of transfers by instrument; ValueError for what nobody knows, or less than nothing."""
    _check_names("transfers", config.transfers, config)
    for name, terms in config.transfers.items():
        unknown = sorted(set(terms) - set(TransferTerms._fields))
        if unknown:
            raise ValueError(f"need {', '.join(TransferTerms._fields)} in transfers of {name}, was {unknown}")
        if not all(0.0 <= value < math.inf for value in terms.values()):
            raise ValueError(f"need 0 <= terms < inf in transfers of {name}, was {terms}")
    return {name: TransferTerms(**terms) for name, terms in config.transfers.items()}


def _check_names(what: str, named: Iterable[str], config: CrossExchangeArbConfig) -> None:
    legs = {leg.value for leg in (config.instrument, *config.others)}
    for name in named:
        if name not in legs:
            raise ValueError(f"need {what} of {', '.join(sorted(legs))}, was {name!r}")
