"""The matching engine behind a paper venue."""

from __future__ import annotations

from decimal import Decimal

from nautilus_trader.backtest.config import FeeModelFactory, FillModelFactory
from nautilus_trader.backtest.engine import SimulatedExchange
from nautilus_trader.backtest.models import FeeModel, FillModel, LatencyModel, MakerTakerFeeModel
from nautilus_trader.cache.cache import Cache
from nautilus_trader.common.component import MessageBus, TestClock
from nautilus_trader.model.enums import (
    OmsType,
    account_type_from_str,
    book_type_from_str,
    oms_type_from_str,
)
from nautilus_trader.model.identifiers import InstrumentId, Venue
from nautilus_trader.model.objects import Currency, Money
from nautilus_trader.portfolio.base import PortfolioFacade

from nautilus_quant.host.fee_model import TieredFeeModel
from nautilus_quant.venues.paper.config import PaperExecClientConfig


def build_fees(config: PaperExecClientConfig, clock: TestClock) -> FeeModel:
    """Return what a paper venue charges by: a model that follows tiers goes by the venue's `clock`."""
    if config.fee_model is None:
        return MakerTakerFeeModel()
    model = FeeModelFactory.create(config.fee_model)
    if isinstance(model, TieredFeeModel):
        model.clock = clock.timestamp_ns
    return model


def build_exchange(
    config: PaperExecClientConfig,
    *,
    fees: FeeModel,
    balances: list[Money],
    portfolio: PortfolioFacade,
    msgbus: MessageBus,
    cache: Cache,
    clock: TestClock,
) -> SimulatedExchange:
    """
    Return NautilusTrader's simulated exchange for a paper venue.

    Parameters
    ----------
    config : PaperExecClientConfig
        Configuration of the venue.
    fees : FeeModel
        What it charges.
    balances : list of Money
        What the account holds now.
    portfolio : PortfolioFacade
        Portfolio of the node.
    msgbus : MessageBus
        The venue's own bus.
    cache : Cache
        Cache of the node.
    clock : TestClock
        The venue's clock.
    """
    oms_type = oms_type_from_str(config.oms_type)
    fill_model = (
        FillModelFactory.create(config.fill_model)
        if config.fill_model is not None
        else FillModel(config.prob_fill_on_limit, config.prob_slippage, config.seed)
    )
    # Venue position ids count from one in each process; with a memory they must not meet those of before
    random_ids = config.use_random_ids or (config.state is not None and oms_type == OmsType.HEDGING)
    return SimulatedExchange(
        venue=Venue(config.venue),
        oms_type=oms_type,
        account_type=account_type_from_str(config.account_type),
        starting_balances=balances,
        base_currency=Currency.from_str(config.base_currency) if config.base_currency else None,
        default_leverage=config.default_leverage,
        leverages={InstrumentId.from_str(k): Decimal(str(v)) for k, v in (config.leverages or {}).items()},
        modules=[],
        portfolio=portfolio,
        msgbus=msgbus,
        cache=cache,
        clock=clock,
        fill_model=fill_model,
        fee_model=fees,
        latency_model=LatencyModel(0),
        book_type=book_type_from_str(config.book_type),
        frozen_account=config.frozen_account,
        bar_execution=config.bar_execution,
        trade_execution=config.trade_execution,
        reject_stop_orders=config.reject_stop_orders,
        support_gtd_orders=config.support_gtd_orders,
        support_contingent_orders=config.support_contingent_orders,
        use_position_ids=config.use_position_ids,
        use_random_ids=random_ids,
        use_reduce_only=config.use_reduce_only,
        use_message_queue=False,  # commands act at once, as in NautilusTrader's sandbox
    )
