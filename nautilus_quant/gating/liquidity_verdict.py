"""What liquidity means for an order: how much of it may be sent now."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from nautilus_quant.gating.intent import UNLIMITED, Side, Verdict
from nautilus_quant.gating.liquidity_score import LiquidityClass
from nautilus_quant.signals.sequence import require

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.gating.intent import Intent
    from nautilus_quant.gating.liquidity import InstrumentLiquidity

GATE = "liquidity"
"""Name of the gate."""

_ALLOWED = Verdict(GATE, UNLIMITED)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityRule:
    """
    What an order may cost.

    Parameters
    ----------
    max_impact
        Largest expected distance of the average fill from the mid, half the spread included [fraction].
    max_impacts
        Others by instrument id.
    allow_unheard
        Whether an instrument of which no book or quote was ever heard may be traded.

    """

    max_impact: float = 0.0015
    max_impacts: Mapping[str, float] = field(default_factory=dict)
    allow_unheard: bool = False

    def __post_init__(self) -> None:
        for bound in (self.max_impact, *self.max_impacts.values()):
            require(0.0 < bound < 1.0, "0 < max_impact < 1 [fraction]; 15bps is 0.0015", bound)


def judge(
    intent: Intent,
    market: InstrumentLiquidity | None,
    rule: LiquidityRule,
    *,
    step: Decimal = _ZERO,
    limited: bool = False,
) -> Verdict:
    """
    Say how much of an order's new risk the market bears now.

    Parameters
    ----------
    intent
        The order.
    market
        Of its instrument; ``None`` when nothing was heard of it.
    rule
        What it may cost.
    step
        Of sizes, to which the answer is rounded down; 0 rounds nothing.
    limited
        Whether ``intent.price`` is a limit; one that meets nobody now rests, and pays no spread.

    """
    if market is None or not market.ts:
        return _ALLOWED if rule.allow_unheard else _unheard(intent)
    now = intent.ts
    if not market.is_fresh(now):
        return _blind(intent, market)
    if market.klass is LiquidityClass.DRY:
        return _dry(intent, market)
    bound = rule.max_impacts.get(intent.instrument, rule.max_impact) if rule.max_impacts else rule.max_impact
    rests = limited and _rests(intent, market)
    largest = (market.max_passive if rests else market.max_quantity)(intent.side, bound, now)
    if float(intent.opening) <= largest:
        return _ALLOWED
    allowed = Decimal(repr(largest))
    if step:
        allowed = (allowed / step).to_integral_value(ROUND_FLOOR) * step
    return _cut(intent, market, allowed, bound, rests=rests)


def _rests(intent: Intent, market: InstrumentLiquidity) -> bool:
    price = intent.price
    if price is None:
        return False
    seen = market.measures
    return price < seen.ask if intent.side is Side.BUY else price > seen.bid


def _unheard(intent: Intent) -> Verdict:
    reason = (
        f"no order book and no quote of {intent.instrument} has been heard, so nobody knows what it bears; "
        "name it under `instruments`, subscribe its quotes, or set `without_book: allow`"
    )
    return Verdict.deny(GATE, "BOOK_UNKNOWN", reason)


def _blind(intent: Intent, market: InstrumentLiquidity) -> Verdict:
    fault = market.measures.fault
    if fault:
        reason = f"the book of {intent.instrument} cannot be used: {fault}"
        return Verdict.deny(GATE, "BOOK_UNUSABLE", reason)
    age, bound = (intent.ts - market.ts) / 1e9, market.stale_after
    reason = f"the last book of {intent.instrument} came {age:.1f} s ago, more than {bound:g} s"
    return Verdict.deny(GATE, "BOOK_STALE", reason, age=age, stale_after=bound)


def _dry(intent: Intent, market: InstrumentLiquidity) -> Verdict:
    seen = market.measures
    depth = min(seen.bid_10, seen.ask_10)
    reason = (
        f"{intent.instrument} is DRY: {market.points:.0f} of 100 points, with a spread of "
        f"{seen.spread * 1e4:.1f} bps and {depth:.0f} in ten levels of the thinner side"
    )
    return Verdict.deny(
        GATE, "LIQUIDITY_DRY", reason, points=market.points, spread_bps=seen.spread * 1e4, depth=depth
    )


def _cut(
    intent: Intent, market: InstrumentLiquidity, allowed: Decimal, bound: float, *, rests: bool
) -> Verdict:
    seen, now, asked = market.measures, intent.ts, float(intent.opening)
    half = 0.5 * seen.spread
    cost = market.passive_impact(intent.side, asked, now) if rests else market.impact(intent.side, asked, now)
    if half >= bound and not rests:
        code = "SPREAD"
        reason = f"half the spread of {intent.instrument} is {half * 1e4:.1f} bps, with a bound of "
    else:
        code = "IMPACT"
        # An infinite impact is one beyond what is seen.
        says = "more than its book shows" if cost == float("inf") else f"an impact of {cost * 1e4:.1f} bps"
        reason = f"{asked:g} of {intent.instrument} is {says}, with a bound of "
    reason += f"{bound * 1e4:g} bps; at most {allowed.normalize():f} now"
    return Verdict.limit(
        GATE,
        allowed,
        code,
        reason,
        spread_bps=seen.spread * 1e4,
        depth=seen.ask_10 if intent.side is Side.BUY else seen.bid_10,
        impact_bps=cost * 1e4,
        max_impact_bps=bound * 1e4,
        max=float(allowed),
        volume=market.volume.total(now),
        k=market.model.cautious,
    )
