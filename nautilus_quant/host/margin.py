"""What is told about the margin of an account, and what of its positions could be closed."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nautilus_trader.model.identifiers import PositionId

from nautilus_quant.account.margin import initial_rate, utilisation
from nautilus_quant.account.margin_liquidation import account_distance, distance, liquidation_price
from nautilus_quant.account.margin_plan import Cut, Holding, reduction_plan
from nautilus_quant.host.messages import Message

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from nautilus_trader.cache.base import CacheFacade
    from nautilus_trader.model.position import Position

    from nautilus_quant.account.margin_book import Pool
    from nautilus_quant.account.margin_liquidation import Priced
    from nautilus_quant.host.liquidator import Liquidator
    from nautilus_quant.host.margin_desk import Watched

_FEE = 0.0005
"""What closing an instrument costs that names no fee [fraction of notional]."""


@dataclass(frozen=True, kw_only=True)
class MarginUpdate(Message):
    """
    The margin of an account (key: its id).

    Parameters
    ----------
    equity
        Of the account [reporting currency].
    utilisation, maintenance
        Initial margin, with orders on their way, and maintenance margin, per equity [-]; NaN when unknown.
    window, leverage
        In force.
    next_window, next_leverage, next_ts
        What follows, and when [ns]; empty, NaN and 0 when nothing ever changes.
    next_utilisation
        Initial margin per equity with the leverage that follows [-].
    quiet
        Whether nothing may be opened now.
    liquidation, distances
        By instrument: the price that would liquidate the account [quote currency], and how far away it is
        [fraction of mark]; instruments that cannot do so are left out.
    distance
        The move, the same against every position, that would [fraction of mark]; infinite when none does.
    cuts
        What should be closed before the next window, in order.

    """

    equity: float
    utilisation: float
    maintenance: float
    window: str
    leverage: float
    next_window: str = ""
    next_leverage: float = math.nan
    next_ts: int = 0
    next_utilisation: float = math.nan
    quiet: bool = False
    liquidation: Mapping[str, float] = field(default_factory=dict)
    distances: Mapping[str, float] = field(default_factory=dict)
    distance: float = math.inf
    cuts: tuple[Cut, ...] = ()


def report(pool: Pool, ts: int, cuts: tuple[Cut, ...] = ()) -> MarginUpdate:
    """Return what is to be told of a measured account at `ts`, UNIX time [ns]."""
    outlook = pool.outlook(ts)
    following = outlook.following
    maintenance = math.nan if pool.problem else utilisation(pool.maintenance, pool.equity)
    prices = {} if pool.problem else _liquidations(pool)
    return MarginUpdate(
        key=pool.name,
        ts=ts,
        equity=pool.equity,
        utilisation=pool.used(outlook.window.leverage),
        maintenance=maintenance,
        window=outlook.window.name,
        leverage=outlook.window.leverage,
        next_window="" if following is None else following.window.name,
        next_leverage=math.nan if following is None else following.window.leverage,
        next_ts=0 if following is None else following.ts,
        next_utilisation=math.nan if following is None else pool.used(following.window.leverage),
        quiet=outlook.quiet is not None,
        liquidation=prices,
        distances={
            name: distance(pool.positions[name].held, pool.positions[name].mark, price)
            for name, price in prices.items()
        },
        distance=math.nan if pool.problem else account_distance([*pool.positions.values()], pool.equity),
        cuts=cuts,
    )


def _liquidations(pool: Pool) -> dict[str, float]:
    found = {}
    for name, (held, mark, rate) in pool.positions.items():
        others = pool.maintenance / rate - held.terms.maintenance.amount(held.notional(mark))
        price = liquidation_price(held, mark, pool.equity / rate, others)
        if price is not None:
            found[name] = price
    return found


def plan(
    cache: CacheFacade, liquidator: Liquidator, watched: Watched, leverage: float, target: float
) -> tuple[Cut, ...]:
    """
    Return what to close of an account's positions, in order, so that they fit a leverage.

    Parameters
    ----------
    cache
        Of the node.
    liquidator
        Knows what can be closed.
    watched
        The account, measured just now.
    leverage
        Of the window to fit [-].
    target
        Utilisation wanted then [-].

    """
    pool, holdings = watched.pool, []
    for name, signed in liquidator.exposed().items():
        position = cache.position(PositionId(name))
        priced = pool.positions.get(position.instrument_id.value)
        if priced is not None and position.account_id == watched.account.id:
            holdings.append(_holding(cache, position, priced, abs(signed)))
    closable = math.fsum(h.value * float(h.quantity) * initial_rate(leverage, h.floor) for h in holdings)
    # Dust, and what cancels out where a venue nets positions, needs margin and cannot be closed.
    fixed = max(pool.held(leverage) - closable, 0.0)
    return tuple(reduction_plan(holdings, pool.equity, leverage, target, fixed))


def _holding(cache: CacheFacade, position: Position, priced: Priced, closable: Decimal) -> Holding:
    held, mark, rate = priced
    instrument = cache.instrument(position.instrument_id)
    least, step = instrument.min_quantity, instrument.size_increment.as_decimal()
    quote = cache.quote_tick(position.instrument_id)
    spread = 0.0 if quote is None else (quote.ask_price.as_double() - quote.bid_price.as_double()) / mark
    return Holding(
        instrument=held.instrument,
        strategy=position.strategy_id.value,
        position=position.id.value,
        quantity=closable,
        value=held.terms.multiplier * (1.0 / mark if held.terms.inverse else mark) * rate,
        floor=held.terms.floor,
        cost=(float(instrument.taker_fee) or _FEE) + max(spread, 0.0) / 2.0,
        step=step,
        least=step if least is None else least.as_decimal(),
    )
