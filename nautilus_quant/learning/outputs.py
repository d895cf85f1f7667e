"""From scores, draws or beliefs to shares: the last step of every policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nautilus_quant.learning.policy import Flags, Floats, Form, Output
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Callable

CELLS = 400
TAIL = 8.0


def eligible(awake: Flags, handicap: Floats, arms: int) -> Flags:
    """
    Return which arms may be chosen: those awake whose handicap is known.

    Raises
    ------
    ValueError
        If a shape is not (arms,).

    """
    shapes = (awake.shape, handicap.shape)
    require(shapes == ((arms,), (arms,)), f"awake and handicap of shape ({arms},) [arms]", shapes)
    return awake & np.isfinite(handicap)


def best(scores: Floats, awake: Flags, output: Output) -> Floats:
    """
    Give all to the arm with the highest score, or equal shares to the `k` highest.

    Among equals the lowest number wins. With fewer than `k` awake, those share.

    Parameters
    ----------
    scores
        Finite; shape (arms,).
    awake
        Shape (arms,).
    output
        ``one`` or ``top_k``.

    Returns
    -------
    Floats
        Shares, shape (arms,); all 0 when all are asleep.

    """
    shares = np.zeros(len(scores))
    count = int(np.count_nonzero(awake))
    if not count:
        return shares
    open_scores = np.where(awake, scores, -np.inf)
    if output.form is Form.ONE:
        shares[open_scores.argmax()] = 1.0
        return shares
    k = min(output.k, count)
    shares[np.argsort(-open_scores, kind="stable")[:k]] = 1.0 / k
    return shares


def boltzmann(scores: Floats, awake: Flags) -> Floats:
    """Return shares proportional to exp(score) over the arms awake; shape (arms,), zeros when all sleep."""
    if not awake.any():
        return np.zeros(len(scores))
    raised = np.where(awake, scores, -np.inf)
    raised -= raised.max()
    np.exp(raised, out=raised)
    raised /= raised.sum()
    return raised


def chance_of_best(mean: Floats, sd: Floats, awake: Flags, cdf: Callable[[Floats, Flags], Floats]) -> Floats:
    """
    Return how probable it is for each arm to be the best, its mean being uncertain.

    P(i is best) = integral of prod_{j != i} F_j(x) dF_i(x), on a grid that spans the region where the maximum
    lies: no draws, hence no shares that tremble from one evaluation to the next.

    Parameters
    ----------
    mean, sd
        Of each arm's expected reward; shape (arms,).
    awake
        Shape (arms,).
    cdf
        Distribution functions of the arms that are flagged, shape (flagged, points), at points of shape
        (points,).

    Returns
    -------
    Floats
        Shape (arms,), summing to 1, or all 0 when all are asleep.

    """
    shares = np.zeros(len(mean))
    if not awake.any():
        return shares
    low = (mean - TAIL * sd)[awake].max()
    high = (mean + TAIL * sd)[awake].max()
    below = np.ones((int(awake.sum()), CELLS + 1))
    below[:, :-1] = cdf(np.linspace(low, high, CELLS), awake)
    edges = np.concatenate([np.zeros((len(below), 1)), below], axis=1)
    mass = np.diff(edges, axis=1)
    middle = np.log(np.maximum(0.5 * (edges[:, 1:] + edges[:, :-1]), 1e-300))
    chance = (mass * np.exp(middle.sum(axis=0) - middle)).sum(axis=1)
    shares[awake] = chance / chance.sum()
    return shares
