r"""
Which strategies suit a market, from its measures.

Every kind of strategy gets a score in [0, 1],

.. math:: \text{score} = \max(0, 1 - p / 0.05) \cdot \frac{S}{1 + S}, \qquad S = \max(0, \text{Sharpe ratio})

where p says how often a market without structure looks like this, over all that was tried, and the Sharpe
ratio per year is what the structure would have earned *after costs*. It is in sample and assumes that the
structure stays, so it ranks and refuses; it promises nothing. Per kind, with :math:`\sigma_q` the volatility
of q bars, :math:`\rho_q` the correlation of consecutive returns over q bars, and c the cost of a round trip:

momentum
    earns :math:`0.8 \rho_q \sigma_q - c / 2` per q bars at a risk of :math:`\sigma_q`: the mean of what
    follows a return of typical size, less the cost of turning round half of the time. p is that of the
    variance ratio at 2q, and the horizon with the best score counts.
grid
    earns :math:`-0.8 \rho_q \sigma_q - f` at the same risk, with f the maker fee: resting orders pay no
    spread.
mean_reversion
    earns :math:`1.5 s - c` per trade at a risk of s, the standard deviation from the mean: in at 2 s, out at
    0.5 s. An Ornstein-Uhlenbeck process of half-life h makes such a trade every 8.5 h.
stat_arb
    the same with the gap between an instrument and its partner, and the costs of both legs.

:math:`\rho_q = \mathrm{VR}(2q) / \mathrm{VR}(q) - 1` follows from the definition of the variance ratio (Lo,
MacKinlay 1988), and 0.8 is the mean size of a standard normal variable. The time between two trades is that
of first passages of the process: 4.5 time constants from the mean to 2 s, and 1.4 back to 0.5 s.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from nautilus_quant.learning.market_tests import sidak
from nautilus_quant.learning.measures import Measures, Partner
from nautilus_quant.signals.sequence import periods_per_year, require

LEVEL = 0.05
"""p-value from which on a structure counts as chance [-]."""

KINDS = ("momentum", "mean_reversion", "grid", "stat_arb")
"""Strategies that are scored, by their names in config files."""

_MEAN_SIZE = math.sqrt(2.0 / math.pi)
_ENTRY, _EXIT = 2.0, 0.5
_CYCLE = 8.5
_BETAS = (0.2, 5.0)
_LEAST_HALF_LIFE = 2.0
_LONGEST_HALF_LIFE = 0.1
_LEAST_SPACING = 1e-4


class Choice(NamedTuple):
    """A strategy for an instrument."""

    use: str
    """Its name in config files."""
    score: float
    """In [0, 1]."""
    params: dict[str, Any]
    """Fields of its config that follow from the measures."""
    reason: str
    """Why, with the numbers it rests on."""


class Assignment(NamedTuple):
    """What was decided for an instrument."""

    instrument: str
    choices: tuple[Choice, ...]
    """The best first; empty when nothing scores enough."""
    refused: dict[str, str]
    """Why not, by kind of strategy."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a kind of strategy cannot be judged, or does not suit."""

    reason: str


class Finding(NamedTuple):
    """A structure in a market, and what it would have earned."""

    use: str
    p: float
    """Chance of seeing it without structure [-]."""
    net: float
    """Profit of a trade after costs [fraction]."""
    risk: float
    """Standard deviation of that [fraction]."""
    per_year: float
    """Trades a year."""
    params: dict[str, Any]
    what: str

    @property
    def sharpe(self) -> float:
        """Sharpe ratio per year, in sample, after costs [-]."""
        return self.net / self.risk * math.sqrt(self.per_year)

    @property
    def score(self) -> float:
        """See the module's formula."""
        ratio = max(self.sharpe, 0.0)
        return max(0.0, 1.0 - self.p / LEVEL) * ratio / (1.0 + ratio)

    @property
    def reason(self) -> str:
        """What was found, in numbers."""
        return f"{self.what}; {self.net * 1e4:.3g} bp a trade after costs, in-sample Sharpe {self.sharpe:.2g}"


def assign(
    measures: Measures,
    others: Mapping[str, Measures] | None = None,
    *,
    min_score: float = 0.3,
    top: int = 2,
) -> Assignment:
    """
    Choose strategies for an instrument.

    Parameters
    ----------
    measures
        Of the instrument.
    others
        Measures of other instruments, for the costs of a pair's second leg; without them no pair is traded.
    min_score
        Score below which a strategy is not assigned [-]. More assigns less and surer. Typical 0.2-0.6.
    top
        Strategies assigned at most.

    Returns
    -------
    Assignment
        Without choices when nothing scores enough, or costs are unknown; `refused` says why.

    Raises
    ------
    ValueError
        If `min_score` is not in (0, 1], or `top` is less than 1.

    """
    require(0.0 < min_score <= 1.0, "0 < min_score <= 1 [-]", min_score)
    require(top >= 1, "top >= 1 [strategies]", top)
    choices, refused = [], {}
    for use in KINDS:
        found = find(use, measures, others or {})
        if isinstance(found, Refusal):
            refused[use] = found.reason
        elif found.score < min_score:
            refused[use] = f"score {found.score:.2f}: {found.reason}"
        else:
            choices.append(Choice(use, found.score, found.params, found.reason))
    choices.sort(key=lambda choice: (-choice.score, choice.use))
    for choice in choices[top:]:
        refused[choice.use] = f"score {choice.score:.2f}, but the best {top} are taken: {choice.reason}"
    return Assignment(measures.instrument, tuple(choices[:top]), refused)


def find(use: str, measures: Measures, others: Mapping[str, Measures]) -> Finding | Refusal:
    """
    Look for the structure a kind of strategy lives on.

    Parameters
    ----------
    use
        One of `KINDS`.
    measures, others
        As of `assign`.

    Raises
    ------
    ValueError
        If there is no such kind.

    """
    require(use in KINDS, f"one of {', '.join(KINDS)}", use)
    if use == "stat_arb":
        return _pair(measures, others)
    if use == "mean_reversion":
        return _reversion(measures)
    return _serial(use, measures)


def _serial(use: str, measures: Measures) -> Finding | Refusal:
    """Momentum lives on returns that go on, a grid on returns that are taken back."""
    sign = 1.0 if use == "momentum" else -1.0
    cost = 0.5 * measures.cost.value if use == "momentum" else measures.maker_fee
    if math.isnan(cost):
        reason = measures.cost.reason if use == "momentum" else "the maker fee is unknown"
        return Refusal(f"costs unknown: {reason}")
    if len(measures.ratios) < 2:
        return Refusal(measures.trend.reason or "too few bars for a variance ratio")
    tests, found = len(measures.ratios), []
    for short, long in zip(measures.ratios, measures.ratios[1:], strict=False):
        correlation = long.ratio / short.ratio - 1.0
        if sign * correlation <= 0.0 or sign * long.z <= 0.0:
            continue
        risk = measures.bar_volatility * math.sqrt(short.q * max(short.ratio, 0.0))
        if not risk > 0.0:
            continue
        net = _MEAN_SIZE * abs(correlation) * risk - cost
        what = f"variance ratio {long.ratio:.3g} at {long.q} bars (z {long.z:+.1f})"
        per_year = periods_per_year(measures.interval) / short.q
        params = _trend_params(short.q) if use == "momentum" else _grid_params(short.q, risk, cost)
        found.append(Finding(use, sidak(long.p, tests), net, risk, per_year, params, what))
    if not found:
        return Refusal(f"moves do not {'go on' if sign > 0 else 'come back'} at any horizon")
    return _best(found)


def _best(found: Iterable[Finding]) -> Finding:
    return max(found, key=lambda item: (item.score, item.sharpe))


def _trend_params(q: int) -> dict[str, Any]:
    slow = float(max(q, 3))
    return {"fast": round(slow / 3.0, 2), "slow": slow, "vol_half_life": float(max(q, 20))}


def _grid_params(q: int, move: float, fee: float) -> dict[str, Any]:
    # A level a typical move apart, and never so near that two fees eat more than half of it.
    spacing = min(max(move, 4.0 * max(fee, 0.0), _LEAST_SPACING), 0.5)
    return {"spacing": float(f"{spacing:.3g}"), "max_age": max(20, 10 * q)}


def _reversion(measures: Measures) -> Finding | Refusal:
    cost, found = measures.cost, measures.returning
    if not cost.known:
        return Refusal(f"costs unknown: {cost.reason}")
    if found is None or math.isnan(found.p):
        return Refusal(measures.half_life.reason or "the price does not move")
    wrong = _unfit(found.half_life, measures.bars)
    if wrong:
        return Refusal(wrong)
    half_life = found.half_life
    what = f"half-life {half_life:.3g} bars (t {found.t:+.1f}), {found.deviation:.2%} around the mean"
    params = {
        "lookback": float(max(20, round(6.0 * half_life))),
        "entry": _ENTRY,
        "exit": _EXIT,
        "max_holding": math.ceil(5.0 * half_life),
        "vol_half_life": float(max(20, round(half_life))),
    }
    net = (_ENTRY - _EXIT) * found.deviation - cost.value
    per_year = periods_per_year(measures.interval) / (_CYCLE * half_life)
    return Finding("mean_reversion", found.p, net, found.deviation, per_year, params, what)


def _unfit(half_life: float, bars: int) -> str:
    if half_life < _LEAST_HALF_LIFE:
        least = f"{_LEAST_HALF_LIFE:.0f} bars"
        return f"half-life {half_life:.2g} bars: gone in less than {least}, shorter bars could trade it"
    if half_life > _LONGEST_HALF_LIFE * bars:
        return f"half-life {half_life:.3g} bars is too long to be known from {bars} bars"
    return ""


def _pair(measures: Measures, others: Mapping[str, Measures]) -> Finding | Refusal:
    if not measures.partners:
        return Refusal(measures.partner.reason or "no partner")
    if not measures.cost.known:
        return Refusal(f"costs unknown: {measures.cost.reason}")
    judged = [_with(measures, partner, others.get(partner.instrument)) for partner in measures.partners]
    found = [item for item in judged if isinstance(item, Finding)]
    if found:
        return _best(found)
    return next(item for item in judged if isinstance(item, Refusal))


def _with(measures: Measures, partner: Partner, other: Measures | None) -> Finding | Refusal:
    name, half_life = partner.instrument, partner.half_life
    if other is None or not other.cost.known:
        return Refusal(f"{name}: its costs are unknown")
    if not _BETAS[0] <= partner.beta <= _BETAS[1]:
        return Refusal(f"{name}: hedge ratio {partner.beta:.3g} is not within {_BETAS[0]:g} to {_BETAS[1]:g}")
    wrong = _unfit(half_life, partner.bars)
    if wrong:
        return Refusal(f"{name}: {wrong}")
    cost = measures.cost.value + abs(partner.beta) * other.cost.value
    what = f"gap to {name} closes with half-life {half_life:.3g} bars (p {partner.p:.1g})"
    window = min(max(250, round(20.0 * half_life)), 5_000)
    params = {
        "partner": name,
        "window": window,
        "hedge_window": window,
        "max_half_life": float(max(math.ceil(3.0 * half_life), 4)),
        "entry": _ENTRY,
        "exit": _EXIT,
    }
    net = (_ENTRY - _EXIT) * partner.deviation - cost
    per_year = periods_per_year(measures.interval) / (_CYCLE * half_life)
    return Finding("stat_arb", partner.p, net, partner.deviation, per_year, params, what)
