"""Whose trades count for whom."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nautilus_quant.gating.intent import UNLIMITED, Intent, Side
from nautilus_quant.safety.performance import PerformanceLimits, Stage
from nautilus_quant.safety.performance_book import Per, PerformanceBook

SECOND = 1_000_000_000
HARD = PerformanceLimits(window=2, min_trades=2, probation=1, min_win_rate=0.5, pause=100.0)
SOFT = PerformanceLimits(window=4, min_trades=4, probation=1, min_win_rate=0.5, pause=100.0)


def intent(strategy: str = "A-1", instrument: str = "BTC.X", ts: int = 10 * SECOND) -> Intent:
    size = Decimal(3)
    return Intent(ts, strategy, instrument, Side.BUY, size, None, Decimal(0), size, 90.0)


def lose(book: PerformanceBook, count: int, strategy: str = "A-1", instrument: str = "BTC.X") -> None:
    for _ in range(count):
        book.closed(strategy, instrument, 5 * SECOND, -1.0, 100.0)


def test_a_strategy_nobody_has_heard_of_may_trade():
    verdict = PerformanceBook(HARD).judge(intent())
    assert (verdict.gate, verdict.allowed) == ("performance", UNLIMITED)


def test_a_paused_strategy_opens_nothing_on_any_instrument():
    book = PerformanceBook(HARD)
    lose(book, 1, instrument="BTC.X")
    lose(book, 1, instrument="ETH.X")
    verdict = book.judge(intent(instrument="SOL.X"))
    assert (verdict.allowed, verdict.code) == (Decimal(0), "WIN_RATE")
    assert verdict.numbers["seconds_left"] == 95.0
    assert book.judge(intent(strategy="B-1")).allowed == UNLIMITED
    assert book.due() == {"A-1": 105 * SECOND}


def test_each_instrument_by_itself_when_asked_for():
    book = PerformanceBook(HARD, per=Per.INSTRUMENT)
    lose(book, 1, instrument="ETH.X")
    lose(book, 2, instrument="BTC.X")
    assert book.judge(intent(instrument="BTC.X")).allowed == 0
    assert book.judge(intent(instrument="ETH.X")).allowed == UNLIMITED
    assert book.due() == {"A-1|BTC.X": 105 * SECOND}


@pytest.mark.parametrize("per", list(Per))
def test_overrides_are_by_strategy(per):
    book = PerformanceBook(HARD, {"A-1": SOFT}, per)
    lose(book, 2, "A-1")
    lose(book, 2, "B-1")
    stages = {key.partition("|")[0]: monitor.stage for key, monitor in book.monitors.items()}
    assert stages == {"A-1": Stage.OK, "B-1": Stage.PAUSED}


def test_stored_pauses_go_on_or_end_by_the_clock():
    book = PerformanceBook(HARD)
    lose(book, 2)
    stored = book.monitors["A-1"].to_dict()
    early, late = PerformanceBook(HARD), PerformanceBook(HARD)
    assert early.restore("A-1", stored, 50 * SECOND) is None
    assert early.judge(intent(ts=104 * SECOND)).allowed == 0
    change = late.restore("A-1", stored, 105 * SECOND)
    assert change is not None
    assert change.stage is Stage.PROBATION


def test_what_was_stored_and_cannot_be_read_fails_closed():
    book = PerformanceBook(HARD)
    change = book.restore("A-1", {"version": 1}, 7 * SECOND)
    assert change is not None
    assert (change.stage, change.code) == (Stage.PAUSED, "STATE_DAMAGED")
    assert "its stored performance cannot be read" in book.judge(intent()).reason


def test_keys_of_the_other_kind_are_not_taken():
    assert PerformanceBook(HARD).takes("A-1")
    assert not PerformanceBook(HARD).takes("A-1|BTC.X")
    assert PerformanceBook(HARD, per=Per.INSTRUMENT).takes("A-1|BTC.X")
