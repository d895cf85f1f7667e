"""What a book of options still takes on: sized by hand, in proportion, and closed when nothing is known."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nautilus_quant.gating.intent import UNLIMITED, Intent, Side, Verdict
from nautilus_quant.options.contract import YEAR, Contract
from nautilus_quant.options.stress import Lines, profits
from nautilus_quant.options.stress_book import Asked, Holdings, StressBook, StressLimits
from nautilus_quant.options.stress_grid import StressParams

DAY = YEAR // 365
FORWARD = 100_000.0
STEP = Decimal("0.1")
PERP = Lines.of_linear(["PERP"], [FORWARD])
CALL = Lines.of_options([Contract("CALL", "BTC", 30 * DAY, FORWARD, True)], [FORWARD], [0.5], 0)
EXPIRED_VOL = Lines.of_options([Contract("BLIND", "BTC", 30 * DAY, FORWARD, True)], [FORWARD], [math.nan], 0)


def made(equity: float = 100_000.0, **limits: Any) -> StressBook:
    book = StressBook(StressLimits(**{"max_loss": 0.2, **limits}))
    book.equity = equity
    return book


def hold(
    book: StressBook, lines: Lines, *held: float, low: Any = None, high: Any = None, on: str = "BTC"
) -> None:
    quantity = np.array(held)
    book.measure(
        on,
        Holdings(
            lines,
            quantity,
            quantity if low is None else np.array(low),
            quantity if high is None else np.array(high),
        ),
    )


def intent(side: Side, opening: str, reducing: str = "0", name: str = "PERP") -> Intent:
    size = Decimal(opening) + Decimal(reducing)
    return Intent(0, "S-1", name, side, size, None, Decimal(reducing), Decimal(opening), 1.0, order="O-1")


def judge(
    book: StressBook,
    asked: Intent,
    line: Lines = PERP,
    low: float = 0.0,
    high: float = 0.0,
    *,
    on: str = "BTC",
) -> Verdict:
    return book.judge(asked, on, Asked(line, low, high, STEP))


def test_a_first_order_is_sized_down_to_the_limit():
    """A perpetual loses 16 % of 100 000 a contract; 20 % of the equity of 100 000 is 20 000: 1.25 fit."""
    book = made()
    assert judge(book, intent(Side.BUY, "1.2")).allowed is UNLIMITED
    verdict = judge(book, intent(Side.BUY, "3"))
    assert verdict.allowed == Decimal("1.2")  # in lots of 0.1
    assert verdict.code == "STRESS_LOSS"
    assert verdict.numbers["loss"] == pytest.approx(48_000.0)
    assert verdict.numbers["limit"] == pytest.approx(20_000.0)
    assert "3 more would lose 48,000.00 in stress (price -16%" in verdict.reason
    assert verdict.reason.endswith("that is 20,000.00: 1.2 fit")


def test_what_is_held_and_what_may_fill_leave_less():
    book = made()
    hold(book, PERP, 0.5)
    assert judge(book, intent(Side.BUY, "1"), low=0.5, high=0.5).allowed == Decimal("0.7")
    hold(book, PERP, 0.5, low=[0.5], high=[1.0])  # 0.5 more is ordered
    assert judge(book, intent(Side.BUY, "1"), low=0.5, high=1.0).allowed == Decimal("0.2")
    # Selling it: 0.5 held and up to 1.75 may be sold, what is ordered counts where it hurts.
    assert judge(book, intent(Side.SELL, "2"), low=0.5, high=1.0).allowed == Decimal("1.7")


def test_an_order_that_takes_the_place_of_another_counts_once():
    book = made()
    hold(book, PERP, 0.0, low=[0.0], high=[1.0])
    assert judge(book, intent(Side.BUY, "1.2"), low=0.0, high=0.0).allowed is UNLIMITED
    assert judge(book, intent(Side.BUY, "1.2"), low=0.0, high=1.0).allowed == Decimal("0.2")


def test_beyond_the_limit_nothing_is_added_and_a_hedge_passes():
    book = made(equity=10_000.0)
    lines = CALL + PERP
    hold(book, lines, -5.0, 0.0)
    before = book.worst("BTC")
    assert before.loss > book.limit
    assert before.scenario.spot > 0.0
    assert judge(book, intent(Side.SELL, "1", name="CALL"), CALL, -5.0, -5.0).allowed == 0
    assert judge(book, intent(Side.BUY, "2.5")).allowed is UNLIMITED
    # No more than what makes falling as bad as rising was.
    far = judge(book, intent(Side.BUY, "50"))
    assert 0 < far.allowed < 50
    hold(book, lines, -5.0, float(far.allowed))
    assert book.worst("BTC").loss <= before.loss * (1 + 1e-9)
    hold(book, lines, -5.0, float(far.allowed) + 0.1)
    assert book.worst("BTC").loss > before.loss


def test_the_part_that_reduces_is_not_asked_for():
    book = made()
    hold(book, PERP, -1.0)
    verdict = judge(book, intent(Side.BUY, "3", reducing="1"), low=-1.0, high=-1.0)
    assert verdict.allowed == Decimal("1.2")  # what is bought beyond flat


def test_a_close_that_uncovers_something_else_leaves_room_for_nothing_more():
    book = made(equity=10_000.0)
    hold(book, CALL + PERP, -1.0, 1.0)
    verdict = judge(book, intent(Side.SELL, "1", reducing="1"), low=1.0, high=1.0)
    assert verdict.allowed == 0


def test_underlyings_do_not_cover_each_other():
    book = made()
    hold(book, PERP, 1.0, on="BTC")  # loses 16 000 when it falls
    verdict = judge(book, intent(Side.SELL, "1"), on="ETH")
    assert verdict.allowed == Decimal("0.2")  # 4 000 of 20 000 are left, a contract loses 16 000
    assert book.loss == pytest.approx(16_000.0)
    assert book.underlyings == ("BTC",)
    hold(book, Lines.of_linear([], []), on="BTC")
    assert book.underlyings == ()
    assert judge(book, intent(Side.SELL, "1"), on="ETH").allowed is UNLIMITED


def test_without_equity_or_a_volatility_nothing_new_passes():
    blind = made(equity=math.nan)
    verdict = judge(blind, intent(Side.BUY, "0.1"))
    assert (verdict.allowed, verdict.code) == (0, "OPTION_RISK_UNKNOWN")
    assert "the equity is unknown" in verdict.reason
    assert judge(made(equity=-5.0), intent(Side.BUY, "0.1")).code == "STRESS_LOSS"
    book = made()
    asked = intent(Side.BUY, "0.1", name="BLIND")
    assert "the volatility of BLIND is unknown" in judge(book, asked, EXPIRED_VOL).reason
    hold(book, EXPIRED_VOL, 1.0)
    assert book.problem("BTC") == "the volatility of BLIND is unknown"
    assert math.isnan(book.worst("BTC").loss)
    assert judge(book, intent(Side.BUY, "0.1")).code == "OPTION_RISK_UNKNOWN"
    # Nobody knows how much of the limit is taken.
    other = judge(book, intent(Side.BUY, "0.1"), on="ETH")
    assert other.code == "OPTION_RISK_UNKNOWN"
    assert "BTC: the volatility of BLIND" in other.reason
    book.forget("BTC")
    assert judge(book, intent(Side.BUY, "0.1"), on="ETH").allowed is UNLIMITED


def test_a_problem_of_the_reader_closes_it():
    book = made()
    nothing = np.empty(0)
    book.measure(
        "BTC", Holdings(Lines.of_linear([], []), nothing, nothing, nothing), "an option has no contract"
    )
    assert judge(book, intent(Side.BUY, "0.1")).code == "OPTION_RISK_UNKNOWN"


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.floats(-4.0, 4.0), min_size=2, max_size=2),
    st.sampled_from(list(Side)),
    st.booleans(),
    st.decimals("0.1", "30", places=1),
    st.floats(1_000.0, 1e6),
)
def test_what_passes_never_raises_the_worst_beyond_limit_and_past(held, side, option, size, equity):
    book = made(equity)
    lines = CALL + PERP
    hold(book, lines, *held)
    before = book.worst("BTC").loss
    name, place = ("CALL", 0) if option else ("PERP", 1)
    line = CALL if option else PERP
    verdict = judge(book, intent(side, str(size), name=name), line, held[place], held[place])
    allowed = min(size, verdict.bound)
    after = list(held)
    after[place] += float(side) * float(allowed)
    hold(book, lines, *after)
    bound = max(book.limit, before)
    assert book.worst("BTC").loss <= bound * (1.0 + 1e-6) + 1e-6
    if allowed < size:
        after[place] += float(side) * float(STEP)
        hold(book, lines, *after)
        assert book.worst("BTC").loss > bound * (1.0 - 1e-6)


def test_concentration_and_gaps_are_those_of_what_is_held():
    book = made(gap=0.05)
    hold(book, CALL + PERP, -2.0, 1.0, low=[-9.0, 0.0], high=[-2.0, 1.0])
    assert book.concentration("BTC").vega_strike.share == 1.0
    (gap,) = book.gaps("BTC")
    # 5 % up: two calls pay 5 000 each, the coin earns 5 000; down the coin loses as much.
    assert gap.loss == pytest.approx(5_000.0)
    assert profits(CALL, book.scenarios).shape == (62, 1)


def test_impossible_limits_are_refused():
    with pytest.raises(ValueError, match="0 < max_loss <= 1"):
        StressLimits(max_loss=0.0)
    with pytest.raises(ValueError, match="0 < gap < 1"):
        StressLimits(gap=1.5)
    assert StressLimits(params=StressParams(far=())).params.far == ()
