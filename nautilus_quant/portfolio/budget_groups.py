"""Which instruments move together: named in the config, or found in the correlation of their returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from nautilus_quant.signals.sequence import require


def by_instrument(groups: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Turn instruments by group into groups by instrument; one may be in several."""
    found: dict[str, list[str]] = {}
    for group, instruments in groups.items():
        for instrument in instruments:
            found.setdefault(instrument, []).append(group)
    return {instrument: tuple(names) for instrument, names in found.items()}


def correlated(
    names: tuple[str, ...], returns: NDArray[np.float64], threshold: float
) -> dict[str, list[str]]:
    """
    Put instruments into one group that are linked by correlations of at least `threshold`.

    Single linkage: ``a`` and ``c`` are together when both move with ``b``. Instruments that move against
    each other are not, since a long in one hedges a long in the other.

    Parameters
    ----------
    names
        Instruments, shape (n,).
    returns
        Shape (T, n). One that never moves is correlated with nothing.
    threshold
        Least correlation (0, 1]; typically 0.6 to 0.9. More makes smaller groups.

    Returns
    -------
    dict
        Members by group, which is named after its first member in the alphabet; only groups of two or more.

    """
    require(0.0 < threshold <= 1.0, "0 < threshold <= 1 [-]", threshold)
    root = {name: name for name in names}

    def find(name: str) -> str:
        while root[name] != name:
            root[name] = root[root[name]]
            name = root[name]
        return name

    moves = returns - returns.mean(axis=0) if len(returns) else returns
    scale = np.sqrt((moves * moves).sum(axis=0))
    unit = np.divide(moves, scale, out=np.zeros_like(moves), where=scale > 0.0)
    for one, other in np.argwhere(np.triu(unit.T @ unit, 1) >= threshold - 1e-12):
        first, second = sorted((find(names[one]), find(names[other])))
        root[second] = first
    members: dict[str, list[str]] = {}
    for name in sorted(names):
        members.setdefault(find(name), []).append(name)
    return {group: list(found) for group, found in members.items() if len(found) > 1}
