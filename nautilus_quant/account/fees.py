"""Fees: what a venue charges by 30-day volume, what a trade will cost, and which move pays for it."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Iterable

_ZERO = Decimal(0)
_ONE = Decimal(1)


class Liquidity(StrEnum):
    """Whether an order rested until somebody took it, or took what rested."""

    MAKER = "maker"
    TAKER = "taker"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """
    What is charged at one level of a schedule, discounts taken off.

    Parameters
    ----------
    index
        Place in the schedule; 0 is the first, for those who trade least.
    name
        As the venue calls it.
    volume
        30-day volume from which it holds [USD].
    maker, taker
        Share of the notional [fraction]; a rebate is negative.
    reduce_only_discount
        Taken off the fee of orders that only reduce [fraction of the fee].
    cap
        Most that is charged, as a share of an option's premium [fraction]; ``None`` for no bound.

    """

    index: int
    name: str
    volume: float
    maker: Decimal
    taker: Decimal
    reduce_only_discount: Decimal = _ZERO
    cap: Decimal | None = None

    def rate(self, liquidity: Liquidity, *, reduce_only: bool = False) -> Decimal:
        """Return the share of the notional that is charged [fraction]; negative when it is paid back."""
        rate = self.maker if liquidity is Liquidity.MAKER else self.taker
        return _less(rate, self.reduce_only_discount) if reduce_only else rate

    def fee(
        self,
        notional: Decimal,
        liquidity: Liquidity,
        *,
        reduce_only: bool = False,
        premium: Decimal | None = None,
    ) -> Decimal:
        """
        Return the exact fee of a trade, in the unit of `notional`.

        Parameters
        ----------
        notional
            Value of what is traded; of an option the value of its underlying. Positive, or 0.
        liquidity
            Whether the order rested.
        reduce_only
            Whether it may only reduce a position.
        premium
            What an option is bought for, in the same unit; only a tier with a cap looks at it.

        """
        fee = notional * self.rate(liquidity, reduce_only=reduce_only)
        if self.cap is None or premium is None:
            return fee
        return min(fee, premium * self.cap)

    def expected(self, notional: float, liquidity: Liquidity, reduce_only: bool = False) -> float:
        """Return about what a trade will cost, in the unit of `notional`; see `fee` for the exact amount."""
        return notional * float(self.rate(liquidity, reduce_only=reduce_only))

    def break_even_move(self, entry: Liquidity, exit_: Liquidity, half_spread: float = 0.0) -> float:
        """Return the move which pays for getting in and out [fraction of the entry price]."""
        return self.min_profit_target(entry, exit_, half_spread)

    def min_profit_target(
        self, entry: Liquidity, exit_: Liquidity, half_spread: float = 0.0, profit: float = 0.0
    ) -> float:
        """
        Return the least move of the middle price at which a trade leaves a profit.

        Parameters
        ----------
        entry, exit_
            Whether each order rests; only one that takes pays the half spread.
        half_spread
            Distance of the best price from the middle [fraction of price].
        profit
            What must be left after all costs [fraction of the price at entry].

        Returns
        -------
        float
            Move of the middle [fraction of the price at entry], whichever side is held.

        """
        return profit_move(
            (float(self.rate(entry)), half_spread if entry is Liquidity.TAKER else 0.0),
            (float(self.rate(exit_)), half_spread if exit_ is Liquidity.TAKER else 0.0),
            profit,
        )


def profit_move(entry: tuple[float, float], exit_: tuple[float, float], profit: float = 0.0) -> float:
    """
    Return the move of the middle price that pays both orders and leaves a profit [fraction].

    A long position buys at ``1 + spread`` and pays a fee on that; it must sell at
    ``(1 + move) (1 - spread)``, less a fee on that, for no less than it spent. A short one is the mirror
    image and needs slightly less; the larger of both is told.

    Parameters
    ----------
    entry, exit_
        Fee and half spread of each order [fraction].
    profit
        To be left [fraction of the middle at entry].

    """
    paid, spread_in = entry
    due, spread_out = exit_
    long = ((1.0 + spread_in) * (1.0 + paid) + profit) / ((1.0 - spread_out) * (1.0 - due)) - 1.0
    short = 1.0 - ((1.0 - spread_in) * (1.0 - paid) - profit) / ((1.0 + spread_out) * (1.0 + due))
    return max(long, short)


@dataclass(frozen=True, slots=True, kw_only=True)
class FeeSchedule:
    """
    The fees of one market of one venue, by the volume traded in the last 30 days.

    Parameters
    ----------
    name
        Short name, e.g. ``"binance_usdm"``.
    tiers
        Lowest volume first; the first begins at 0.
    source
        Where the venue publishes it.
    as_of
        When it was valid, ISO date.
    note
        What the table leaves out.

    Raises
    ------
    ValueError
        If the tiers are not in order, or a fee is impossible.

    """

    name: str
    tiers: tuple[Tier, ...]
    source: str = ""
    as_of: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        require(bool(self.tiers), "at least one tier", self.tiers)
        volumes = [tier.volume for tier in self.tiers]
        require(volumes[0] == 0.0, "a first tier that begins at a volume of 0 [USD]", volumes[0])
        rising = all(low < high for low, high in pairwise(volumes))
        require(rising and math.isfinite(volumes[-1]), "volumes which rise from tier to tier [USD]", volumes)
        for tier in self.tiers:
            require(-1 < tier.maker < 1, "-1 < maker < 1 [fraction]", tier.maker)
            require(-1 < tier.taker < 1, "-1 < taker < 1 [fraction]", tier.taker)
            discount = tier.reduce_only_discount
            require(0 <= discount <= 1, "0 <= reduce_only_discount <= 1 [fraction of the fee]", discount)

    @classmethod
    def of(
        cls,
        name: str,
        rows: Iterable[tuple[str, float, str, str]],
        *,
        cap: str | None = None,
        source: str = "",
        as_of: str = "",
        note: str = "",
    ) -> FeeSchedule:
        """
        Make a schedule as venues print it.

        Parameters
        ----------
        rows
            Name, volume from which it holds [USD], maker and taker fee [per cent], for each tier.
        cap
            Most that is charged for an option [per cent of its premium].

        """
        most = None if cap is None else Decimal(cap) / 100
        tiers = tuple(
            Tier(
                index=index,
                name=title,
                volume=float(volume),
                maker=Decimal(maker) / 100,
                taker=Decimal(taker) / 100,
                cap=most,
            )
            for index, (title, volume, maker, taker) in enumerate(rows)
        )
        return cls(name=name, tiers=tiers, source=source, as_of=as_of, note=note)

    @classmethod
    def flat(cls, name: str, maker: Decimal, taker: Decimal) -> FeeSchedule:
        """Make a schedule of one tier, as an instrument carries it [fraction]."""
        return cls(name=name, tiers=(Tier(index=0, name="flat", volume=0.0, maker=maker, taker=taker),))

    def tier(self, volume_30d: float) -> Tier:
        """Return what holds after a volume [USD]; the first tier, the dearest, when it is not known (NaN)."""
        if not volume_30d >= 0.0:
            return self.tiers[0]
        return self.tiers[bisect_right(self.tiers, volume_30d, key=lambda tier: tier.volume) - 1]

    def discounted(self, discount: Decimal = _ZERO, reduce_only: Decimal = _ZERO) -> FeeSchedule:
        """
        Return the schedule with discounts taken off every fee; rebates stay as they are.

        Parameters
        ----------
        discount
            Off every fee, e.g. 0.1 for paying in the venue's own coin [fraction of the fee].
        reduce_only
            Off what is left for orders that only reduce [fraction of the fee].

        """
        require(0 <= discount <= 1, "0 <= discount <= 1 [fraction of the fee]", discount)
        tiers = tuple(
            replace(
                tier,
                maker=_less(tier.maker, discount),
                taker=_less(tier.taker, discount),
                reduce_only_discount=reduce_only,
            )
            for tier in self.tiers
        )
        return replace(self, tiers=tiers)


def _less(rate: Decimal, discount: Decimal) -> Decimal:
    return rate * (_ONE - discount) if rate > 0 else rate
