"""What positions need as margin: initial and maintenance, linear and inverse, flat or in brackets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

from nautilus_quant.signals.sequence import require

_TOLERANCE = 1e-6  # of a cap: published tables are rounded to whole units


class Bracket(NamedTuple):
    """
    One tier of a maintenance table.

    Parameters
    ----------
    cap
        Largest notional it is for [settlement currency]; infinite in the last.
    rate
        Maintenance margin per notional [-].
    deduction
        What is taken off, so that the margin does not jump where the tier begins [settlement currency];
        Binance calls it maintenance amount, Bybit maintenance margin deduction.

    """

    cap: float
    rate: float
    deduction: float = 0.0


@dataclass(frozen=True, slots=True)
class Maintenance:
    """
    The maintenance margin of one position by its notional: ``notional × rate − deduction`` of its bracket.

    As defined by Binance ("Leverage and Margin of USDⓈ-M Futures") and Bybit ("Maintenance Margin").

    Parameters
    ----------
    brackets
        Caps and rates ascend, the last cap is infinite, and the margin does not jump at a cap.

    Raises
    ------
    ValueError
        If they are not so.

    """

    brackets: tuple[Bracket, ...]

    def __post_init__(self) -> None:
        tiers = self.brackets
        require(bool(tiers) and tiers[-1].cap == math.inf, "a last bracket with an infinite cap", tiers)
        require(all(0.0 <= tier.rate < 1.0 for tier in tiers), "0 <= maintenance rate < 1 [-]", tiers)
        for low, high in zip(((0.0, 0.0, 0.0), *tiers), tiers, strict=False):
            cap, rate, deduction = low
            require(high.cap > cap and high.rate >= rate, "brackets with ascending caps and rates", tiers)
            jump = cap * (high.rate - rate) - (high.deduction - deduction)
            require(
                abs(jump) <= _TOLERANCE * cap,
                f"the margin not to jump at {cap:g}: a deduction of {cap * (high.rate - rate) + deduction:g}",
                high.deduction,
            )

    @classmethod
    def flat(cls, rate: float) -> Self:
        """Return the same rate for every notional [-]."""
        return cls((Bracket(math.inf, rate),))

    @classmethod
    def of(cls, tiers: Sequence[tuple[float | None, float]]) -> Self:
        """
        Return brackets of caps [settlement currency] and rates [-], and the deductions that follow from them.

        Parameters
        ----------
        tiers
            As in the tables of venues, lowest first; the last cap does not matter and may be ``None``.

        Examples
        --------
        >>> Maintenance.of([(50_000, 0.004), (None, 0.005)]).amount(60_000)
        250.0

        """
        made: list[Bracket] = []
        for index, (cap, rate) in enumerate(tiers):
            deduction = 0.0
            if made:
                deduction = made[-1].deduction + made[-1].cap * (rate - made[-1].rate)
            last = index == len(tiers) - 1 or cap is None
            made.append(Bracket(math.inf if last or cap is None else float(cap), rate, deduction))
        return cls(tuple(made))

    def bracket(self, notional: float) -> Bracket:
        """Return the bracket of a notional [settlement currency]."""
        for bracket in self.brackets:  # the last is for all that no other was for, and for NaN
            if notional <= bracket.cap:
                break
        return bracket

    def amount(self, notional: float) -> float:
        """Return the maintenance margin of a position of that notional, both [settlement currency]."""
        _, rate, deduction = self.bracket(notional)
        return notional * rate - deduction


class Terms(NamedTuple):
    """
    What a contract says about its margin.

    Parameters
    ----------
    maintenance
        Its maintenance margin.
    multiplier
        Base units per contract when linear; quote currency per contract when inverse.
    inverse
        Whether a contract is worth a fixed amount of quote currency, and settles in the base coin.
    floor
        The venue's own initial margin per notional [-]: a window cannot allow more leverage than that.

    """

    maintenance: Maintenance
    multiplier: float = 1.0
    inverse: bool = False
    floor: float = 0.0


class Held(NamedTuple):
    """
    What an account holds of one instrument.

    Parameters
    ----------
    instrument
        Instrument id.
    net
        Signed sum of all its positions [contracts or base units].
    gross
        What margin is asked for [contracts or base units]: ``abs(net)`` where the venue nets positions, the
        sum of their sizes where each stands for itself.
    terms
        Of the contract.

    """

    instrument: str
    net: float
    gross: float
    terms: Terms

    @classmethod
    def of(cls, instrument: str, size: float, terms: Terms) -> Self:
        """Return a single position of that signed size [contracts or base units]."""
        return cls(instrument, size, abs(size), terms)

    def notional(self, price: float) -> float:
        """Return what margin is asked for, at a price [quote currency], in the settlement currency."""
        worth = self.gross * self.terms.multiplier
        return worth / price if self.terms.inverse else worth * price

    def profit(self, before: float, after: float) -> float:
        """Return what a move of the price [quote currency] brings, in the settlement currency."""
        size = self.net * self.terms.multiplier
        return size * (1.0 / before - 1.0 / after) if self.terms.inverse else size * (after - before)


class Requirement(NamedTuple):
    """
    Margin asked for.

    Parameters
    ----------
    notional
        What it is asked for [reporting currency].
    initial
        To open and keep it in the present window [reporting currency].
    maintenance
        Below which the venue liquidates [reporting currency].

    """

    notional: float
    initial: float
    maintenance: float


def initial_rate(leverage: float, floor: float = 0.0) -> float:
    """Return the initial margin per notional [-] of a window's leverage, no less than the venue's `floor`."""
    rate = 1.0 / leverage
    return rate if rate > floor else floor  # noqa: FURB136 (a call of max costs more than the rest)


def requirement(held: Held, mark: float, leverage: float, rate: float = 1.0) -> Requirement:
    """
    Return the margin of a position.

    ``initial = notional × max(1 / leverage, floor)``; ``notional = size × multiplier × mark`` for linear and
    ``size × multiplier / mark`` for inverse contracts.

    Parameters
    ----------
    held
        What there is.
    mark
        Mark price [quote currency].
    leverage
        Of the window [-].
    rate
        Worth of the settlement currency [reporting currency].

    """
    notional = held.notional(mark)
    maintenance = held.terms.maintenance.amount(notional)
    initial = notional * initial_rate(leverage, held.terms.floor)
    return Requirement(notional * rate, initial * rate, maintenance * rate)


def utilisation(required: float, equity: float) -> float:
    """
    Return the share of the equity that is needed as margin [-].

    0 when nothing is needed, infinite when something is and there is no equity, NaN when one is unknown.
    """
    if required == 0.0:
        return 0.0
    if math.isnan(required) or math.isnan(equity):
        return math.nan
    return required / equity if equity > 0.0 else math.inf
