"""What is told of the margin of accounts, and that it is told once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from nautilus_quant.account.margin_book import Demand
from nautilus_quant.account.margin_plan import Cut
from nautilus_quant.account.margin_watch import MarginWatch, say_demand, say_use
from nautilus_quant.account.margin_windows import Window
from tests.account.test_margin_book import BEFORE, NOON, pool

SECOND = 1_000_000_000
NARROW = Window("overnight", 5.0)
OTHER = Window("weekend", 3.0)


def test_a_reduction_is_new_when_it_begins_changes_its_window_and_ends():
    watch, account = MarginWatch(SECOND), pool()
    demands = [None, Demand(NARROW, 1, False), Demand(NARROW, 1, True), Demand(OTHER, 2, True), None, None]
    assert [watch.changes(account, demand) for demand in demands] == [False, True, False, True, True, False]


def test_figures_are_due_now_and_then_and_when_the_window_changes():
    watch, account = MarginWatch(300 * SECOND), pool()
    due = [watch.is_due(account, NOON + after * SECOND, at_once=False) for after in (0, 299, 300, 599, 600)]
    assert due == [True, False, True, False, True]
    assert watch.is_due(account, NOON + 601 * SECOND, at_once=True)
    assert not watch.is_due(account, NOON + 602 * SECOND, at_once=False)
    account.measure(float("nan"), [])
    assert watch.is_due(account, NOON + 603 * SECOND, at_once=False)  # what was known is not any more
    watch.forget()
    assert watch.is_due(account, NOON + 604 * SECOND, at_once=False)


def test_use_in_words():
    # 850 at 100 need 8 500 of 10 000 at 10x
    account = pool(size=850.0, alert_at=0.8, alert_clear=0.75)
    notice = say_use(account, "initial", 0.85, on=True)
    assert notice.text == "SIM-001: initial margin uses 85.0% of the equity of 10,000.00, at least 80%"
    assert (notice.about, notice.severity) == ("initial", "WARNING")
    assert notice.numbers == {"utilisation": 0.85, "equity": 10_000.0, "bound": 0.8}
    assert say_use(account, "maintenance", 0.85, on=True).severity == "CRITICAL"
    over = say_use(account, "maintenance", 0.7, on=False)
    assert (over.severity, over.numbers["bound"]) == ("INFO", 0.75)
    assert over.text.endswith("maintenance margin is back to 70.0% of the equity of 10,000.00, below 75%")


def test_a_reduction_in_words():
    account = pool(size=500.0, max_utilisation=0.9)
    cut = Cut("BTC.SIM", "S-1", "P-1", Decimal("12.5"), 250.0, 0.5)
    notice = say_demand(account, Demand(NARROW, BEFORE, False), [cut, cut._replace(quantity=Decimal(1))])
    # 500 at 100 need 10 000 of 10 000 at 5x
    assert notice.text == (
        "SIM-001: the overnight window (5x) takes 100.0% of the equity, at most 90% may be used: "
        "close 12.5 BTC.SIM of S-1, close 1 BTC.SIM of S-1"
    )
    assert notice.numbers == pytest.approx({"utilisation": 1.0, "leverage": 5.0})
    assert say_demand(account, None, ()).severity == "INFO"


def test_what_was_told_is_good_enough_until_it_is_due_again():
    watch, account = MarginWatch(300 * SECOND), pool()
    assert not watch.waits(account, NOON)  # nothing was told yet
    watch.is_due(account, NOON, at_once=False)
    assert watch.waits(account, NOON + 299 * SECOND)
    assert not watch.waits(account, NOON + 300 * SECOND)
