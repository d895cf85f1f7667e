"""
What one contract or a position moves, in coins; `in_reporting` turns that into money.

A premium in the currency of the forward is divided by the forward to count it in coins, as Deribit and OKX
quote it. With coin-settled options, wealth in coins is hedged by the premium-adjusted delta: with c = P/F
coins, F·dc/dF = delta − c (Deribit's "net transaction delta").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nautilus_quant.options.black76 import price_and_greeks
from nautilus_quant.options.contract import years
from nautilus_quant.options.units import PerContract, PerPosition, Unit, UnitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from nautilus_quant.options.contract import Contract

__all__ = [
    "PerContract",
    "PerPosition",
    "Unit",
    "UnitError",
    "book_greeks",
    "contract_greeks",
    "position_greeks",
]


def contract_greeks(
    contract: Contract, forward: float, vol: float, now: int, *, discount: float = 1.0
) -> PerContract:
    """
    Return the greeks of one contract bought, in coins.

    Parameters
    ----------
    contract
        What it is.
    forward
        Price of the underlying for its expiry [USD per coin].
    vol
        Annual volatility, decimal.
    now
        Time [ns UTC].
    discount
        Worth today of 1 paid at the expiry.

    """
    numbers = _numbers([contract], forward, vol, now, discount)
    return PerContract(
        unit=Unit.COIN, currency=contract.underlying, **{name: float(v[0]) for name, v in numbers.items()}
    )


def position_greeks(
    contract: Contract, quantity: float, forward: float, vol: float, now: int, *, discount: float = 1.0
) -> PerPosition:
    """Return the greeks of `quantity` contracts (negative is short), in coins; see `contract_greeks`."""
    return contract_greeks(contract, forward, vol, now, discount=discount).times(quantity)


def book_greeks(
    contracts: Sequence[Contract],
    quantities: ArrayLike,
    forwards: ArrayLike,
    vols: ArrayLike,
    now: int,
    *,
    discount: ArrayLike = 1.0,
) -> PerPosition:
    """
    Return the greeks of many positions on one coin at once.

    Every field is an array of shape (n,); `net` adds them up.

    Raises
    ------
    UnitError
        If the contracts are on different coins.

    """
    coins = sorted({contract.underlying for contract in contracts})
    if len(coins) != 1:
        raise UnitError(f"a book in coins needs options on one coin, was {', '.join(coins) or 'none'}")
    held = np.asarray(quantities, np.float64)
    numbers = _numbers(contracts, forwards, vols, now, discount)
    return PerPosition(unit=Unit.COIN, currency=coins[0], **{name: v * held for name, v in numbers.items()})


def _numbers(
    contracts: Sequence[Contract], forwards: ArrayLike, vols: ArrayLike, now: int, discount: ArrayLike
) -> dict[str, np.ndarray]:
    forward = np.broadcast_to(np.asarray(forwards, np.float64), len(contracts))
    expiry = np.array([contract.expiry for contract in contracts], np.int64)
    strike = np.array([contract.strike for contract in contracts])
    call = np.array([contract.call for contract in contracts])
    size = np.array([contract.multiplier for contract in contracts])
    inverse = np.array([contract.coin_settled for contract in contracts])
    premium, moved = price_and_greeks(forward, strike, years(now, expiry), vols, call, discount=discount)
    coins = premium / forward
    return {
        "value": size * coins,
        "delta": size * moved.delta,
        "delta_adjusted": size * (moved.delta - np.where(inverse, coins, 0.0)),
        "gamma_1pct": size * moved.gamma * forward / 100.0,
        "vega": size * moved.vega / forward,
        "theta": size * moved.theta / forward,
        "vanna": size * moved.vanna,
        "volga": size * moved.volga / forward,
        "rho": size * moved.rho / forward,
    }
