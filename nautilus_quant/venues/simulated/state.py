"""What the market carries from one block to the next: a few hundred numbers, exactly as JSON keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.venues.simulated.outlet import Apart
from nautilus_quant.venues.simulated.params import COINS
from nautilus_quant.venues.simulated.series import OptionState

CHAINS: Final = 1 + len(COINS)
"""The common factor, then each coin's own part."""

_WHOLE: Final = ("regime", "trend")
"""Those of `Chains` that are whole numbers."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chains:
    """
    Where prices stand, as sums of a slow and a fast part. Shape of each: (chains,).

    Parameters
    ----------
    regime
        Fast regime, a value of `process.Fast`.
    trend
        Direction of the slow trend: -1, 0 or 1.
    slow, swing
        The two parts [log price].
    centre
        What the swing comes back to while it ranges [log price].
    heat
        Logarithm of the volatility's multiplier [-].

    """

    regime: Ints
    trend: Ints
    slow: Floats
    swing: Floats
    centre: Floats
    heat: Floats

    @classmethod
    def initial(cls) -> Self:
        """Every price at its start, every regime a range."""
        return cls(
            regime=np.zeros(CHAINS, dtype=np.int64),
            trend=np.zeros(CHAINS, dtype=np.int64),
            slow=np.zeros(CHAINS),
            swing=np.zeros(CHAINS),
            centre=np.zeros(CHAINS),
            heat=np.zeros(CHAINS),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; floats survive JSON exactly."""
        return {name: getattr(self, name).tolist() for name in Chains.__slots__}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        return cls(
            **{n: np.array(document[n], dtype=np.int64 if n in _WHOLE else float) for n in cls.__slots__}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Premia:
    """
    Perpetual over index. Shape of each: (coins,).

    Parameters
    ----------
    slow, fast
        The two parts of the premium [share of index].
    smooth
        Its moving average, which the mark follows [share of index].
    total, count
        Sum and number of the premia seen in this funding interval.

    """

    slow: Floats
    fast: Floats
    smooth: Floats
    total: Floats
    count: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketState:
    """Everything a block needs to know of the past."""

    chains: Chains
    premia: Premia
    last: Ints
    """Last trade of each instrument [ticks]; 0 before the first."""
    options: OptionState | None = None
    """Of the option market, if there is one."""
    apart: Apart | None = None
    """Of a venue that shows a market beside others."""

    @classmethod
    def initial(cls, instruments: int) -> Self:
        """At genesis: every price at its start, every regime a range."""
        return cls(
            chains=Chains.initial(),
            premia=Premia(**{name: np.zeros(len(COINS)) for name in Premia.__slots__}),
            last=np.zeros(instruments, dtype=np.int64),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain lists; floats survive JSON exactly."""
        document: dict[str, Any] = {
            "chains": self.chains.to_dict(),
            "premia": {name: getattr(self.premia, name).tolist() for name in Premia.__slots__},
            "last": self.last.tolist(),
        }
        for name in ("options", "apart"):
            part = getattr(self, name)
            if part is not None:
                document[name] = part.to_dict()
        return document

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_dict` wrote."""
        premia = document["premia"]
        return cls(
            chains=Chains.from_dict(document["chains"]),
            premia=Premia(**{n: np.array(premia[n], dtype=float) for n in Premia.__slots__}),
            last=np.array(document["last"], dtype=np.int64),
            options=OptionState.from_dict(document["options"]) if "options" in document else None,
            apart=Apart.from_dict(document["apart"]) if "apart" in document else None,
        )
