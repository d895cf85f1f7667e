"""What liquidity answers to an order, in numbers and words."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from nautilus_quant.gating.book import BookView
from nautilus_quant.gating.intent import UNLIMITED, Intent, Side, Verdict
from nautilus_quant.gating.liquidity import SECOND, InstrumentLiquidity, LiquidityParams
from nautilus_quant.gating.liquidity_impact import ImpactParams
from nautilus_quant.gating.liquidity_verdict import LiquidityRule, judge

START = 1_700_000_000 * SECOND
BOOK = BookView(((99.99, 100.0), (99.98, 400.0)), ((100.01, 100.0), (100.05, 100.0), (100.2, 800.0)))
EXACT = LiquidityParams(impact=ImpactParams(prior=0.0003, lowest=0.0003, caution=0.0))
RULE = LiquidityRule()
STEP = Decimal("0.1")


def market(book: BookView = BOOK, rate: float = 1e3) -> InstrumentLiquidity:
    made = InstrumentLiquidity(params=EXACT)
    made.observe(book, START)
    made.sample(START, rate)
    return made


def intent(opening: str = "1", **changed: Any) -> Intent:
    size = Decimal(opening)
    values = {
        "ts": START,
        "strategy": "S-001",
        "instrument": "ABC.SIM",
        "side": Side.BUY,
        "quantity": size,
        "price": None,
        "reducing": Decimal(0),
        "opening": size,
        "notional": 1.0,
    }
    return Intent(**{**values, **changed})


def verdict(opening: str, *, rule: LiquidityRule = RULE, limited: bool = False, **changed: Any) -> Verdict:
    return judge(intent(opening, **changed), market(), rule, step=STEP, limited=limited)


def test_what_the_market_bears_passes_at_no_cost():
    assert verdict("679.9") is verdict("1")
    assert verdict("679.9").allowed is UNLIMITED


def test_more_is_cut_down_to_a_size_the_venue_takes_with_the_numbers():
    # 15 bps of walk: (100·1 + 100·5 + 20x) / (200 + x) = 15 -> x = 480; less the last bit
    cut = verdict("1000.5")
    assert (cut.code, cut.allowed) == ("IMPACT", Decimal("679.9"))
    assert (
        "1000.5 of ABC.SIM is more than its book shows, with a bound of 15 bps; at most 679.9 now"
        in cut.reason
    )
    assert cut.numbers["depth"] == pytest.approx(10_001.0 + 10_005.0 + 80_160.0)
    assert cut.numbers["spread_bps"] == pytest.approx(2.0)
    assert cut.numbers["max"] == 679.9
    assert cut.numbers["impact_bps"] == math.inf
    # 900: (100·1 + 100·5 + 700·20) / 900
    assert "an impact of 16.2 bps" in verdict("900").reason


def test_each_instrument_may_have_its_own_bound():
    rule = LiquidityRule(max_impacts={"ABC.SIM": 0.0003})
    # 3 bps: (100 + 5x) / (100 + x) = 3 -> x = 100, less the last bit
    assert verdict("300", rule=rule).allowed == Decimal("199.9")
    assert verdict("300", rule=LiquidityRule(max_impacts={"OTHER.SIM": 0.0003})).allowed is UNLIMITED


def test_an_order_that_rests_pays_no_spread_and_one_that_does_not_is_no_other_than_at_market():
    wide = BookView(((99.0, 100.0),), ((101.0, 100.0),))
    for price, side, rests in (
        (100.0, Side.BUY, True),
        (101.0, Side.BUY, False),
        (100.0, Side.SELL, True),
        (99.0, Side.SELL, False),
        (None, Side.BUY, False),
    ):
        asked = intent("10", price=price, side=side)
        said = judge(asked, market(wide), RULE, step=STEP, limited=True)
        assert (said.allowed is UNLIMITED) is rests, (price, side)
        at_market = judge(asked, market(wide), RULE, step=STEP, limited=False)
        assert (at_market.code, at_market.allowed) == ("SPREAD", 0)
    assert "half the spread of ABC.SIM is 100.0 bps, with a bound of 15 bps" in at_market.reason


def test_a_resting_order_is_still_no_larger_than_the_law_allows():
    said = verdict("1e9", limited=True, price=100.0)
    # (0.0015 / 0.0003)² = 25 times what the book shows: 49 991 − 0 ... of both sides
    seen = market().measures
    assert float(said.allowed) == pytest.approx(25.0 * (seen.bid_worth + seen.ask_worth) / 100.0, abs=0.1)
    assert said.code == "IMPACT"


def test_without_a_book_nothing_new():
    unheard = judge(intent(), None, RULE)
    assert (unheard.allowed, unheard.code) == (0, "BOOK_UNKNOWN")
    assert "`without_book: allow`" in unheard.reason
    assert judge(intent(), InstrumentLiquidity(), RULE).code == "BOOK_UNKNOWN"
    allowing = LiquidityRule(allow_unheard=True)
    assert judge(intent(), None, allowing).allowed is UNLIMITED
    assert judge(intent(), InstrumentLiquidity(), allowing).allowed is UNLIMITED


def test_a_book_that_went_silent_or_bad_is_denied_even_then():
    allowing = LiquidityRule(allow_unheard=True)
    stale = judge(intent(ts=START + 11 * SECOND), market(), allowing)
    assert (stale.allowed, stale.code) == (0, "BOOK_STALE")
    assert "came 11.0 s ago, more than 10 s" in stale.reason
    crossed = market()
    crossed.observe(BookView(BOOK.asks, BOOK.bids), START)
    bad = judge(intent(), crossed, allowing)
    assert (bad.allowed, bad.code) == (0, "BOOK_UNUSABLE")
    assert "is not below" in bad.reason


def test_a_dry_market_is_closed():
    dry = judge(intent("0.1"), market(BookView(((99.0, 1.0),), ((101.0, 1.0),)), rate=1.0), RULE)
    assert (dry.allowed, dry.code) == (0, "LIQUIDITY_DRY")
    assert "is DRY: 0 of 100 points, with a spread of 200.0 bps and 99 in ten levels" in dry.reason


@pytest.mark.parametrize("bound", [0.0, 1.0, math.nan, -0.1])
def test_impossible_bounds_are_refused(bound):
    with pytest.raises(ValueError, match="0 < max_impact < 1"):
        LiquidityRule(max_impact=bound)
    with pytest.raises(ValueError, match=r"15bps is 0\.0015"):
        LiquidityRule(max_impacts={"ABC.SIM": bound})
