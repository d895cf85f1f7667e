"""Sharing a position out to the rungs of a ladder, in sizes an instrument can be traded in."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nautilus_quant.portfolio.sizing import Lot

_ZERO = Decimal(0)
_NEARLY = Decimal("1e-9")


def planned(quantity: Decimal, shares: Sequence[float], lot: Lot) -> list[Decimal]:
    """
    Return what each rung closes of a whole position.

    Sums of shares are rounded, and not each by itself, so that shares which sum to 1 close all of it.

    Parameters
    ----------
    quantity
        The position [base coin, or contracts].
    shares
        Of each rung [-], which sum to at most 1.
    lot
        Sizes it can be traded in.

    """
    sizes: list[Decimal] = []
    given, share = _ZERO, _ZERO
    for part in shares:
        share += Decimal(repr(part))
        upto = lot.floor(quantity * (Decimal(1) if share > 1 - _NEARLY else share))
        sizes.append(upto - given)
        given = upto
    return sizes


def take(left: Decimal, wanted: Sequence[Decimal], lot: Lot) -> list[Decimal]:
    """
    Give the rungs what they want while there is something left, the nearest first.

    Parameters
    ----------
    left
        What is held.
    wanted
        By each rung.
    lot
        Sizes it can be traded in; what is too small for an order of its own goes to the next rung.

    """
    left = lot.floor(left)
    sizes: list[Decimal] = []
    for want in wanted:
        size = min(max(lot.floor(want), _ZERO), left)
        sizes.append(size)
        left -= size
    return _gather(sizes, lot)


def cover(left: Decimal, weights: Sequence[Decimal], lot: Lot) -> list[Decimal]:
    """
    Share all that is held out to the rungs by weight.

    Parameters
    ----------
    left
        What is held; all of it that can be traded is covered.
    weights
        Of each rung; when all are zero the last takes it all.
    lot
        Sizes it can be traded in.

    """
    left = lot.floor(left)
    sizes = [_ZERO] * len(weights)
    total = sum(weights, _ZERO)
    if not total:
        sizes[-1] = left
        return sizes
    given, weight = _ZERO, _ZERO
    for n, part in enumerate(weights):
        weight += part
        upto = left if weight == total else lot.floor(left * weight / total)
        sizes[n] = upto - given
        given = upto
    return _gather(sizes, lot)


def split(size: Decimal, lot: Lot) -> list[Decimal]:
    """Cut what is too large for one order into as few even pieces as it takes."""
    if lot.maximum is None or size <= lot.maximum:
        return [size] if size else []
    count = int((size / lot.floor(lot.maximum)).to_integral_value(rounding=ROUND_CEILING))
    each = lot.floor(size / count)
    more = int((size - each * count) / lot.step)
    return [each + lot.step if n < more else each for n in range(count)]


def _gather(sizes: list[Decimal], lot: Lot) -> list[Decimal]:
    """Move what is too small for an order to the next rung, and from the last to the one before it."""
    least = lot.minimum or _ZERO
    carry = _ZERO
    last: int | None = None
    for n, size in enumerate(sizes):
        size += carry  # noqa: PLW2901 (what the rungs before could not trade)
        carry = size if size < least else _ZERO
        sizes[n] = size - carry
        last = n if sizes[n] else last
    if carry:
        # Alone it is too small anyway, and a venue may yet take it, since it closes a position.
        sizes[len(sizes) - 1 if last is None else last] += carry
    return sizes
