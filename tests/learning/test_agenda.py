"""When markets are evaluated, what they wait for, and how long an error keeps one closed."""

from __future__ import annotations

import pytest

from nautilus_quant.learning.agenda import ARMS, INTERVAL, REGIME, START, WOKEN, Agenda

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND
BTC, ETH = "BTC.SIM", "ETH.SIM"


@pytest.fixture
def agenda() -> Agenda:
    made = Agenda(HOUR)
    made.begin([BTC, ETH])
    return made


def new(_market: str) -> bool:
    return False


def old(_market: str) -> bool:
    return True


def finish(agenda: Agenda, *markets: str) -> None:
    for market in markets:
        agenda.take(market)
        agenda.done(market, asleep=False)


def test_the_first_evaluation_waits_for_nothing_and_a_later_run_for_its_bar(agenda):
    assert agenda.ripe("", new) == [(BTC, START), (ETH, START)]
    assert agenda.ripe("", old) == []
    assert agenda.ripe(ETH, old) == [(ETH, START)]
    assert agenda.ripe(None, old) == [(BTC, START), (ETH, START)]


def test_a_boundary_waits_for_the_bar_that_closes_with_it(agenda):
    finish(agenda, BTC, ETH)
    agenda.heard(BTC, HOUR - 1)
    agenda.heard(ETH, HOUR)
    assert agenda.boundary(HOUR) == [ETH]
    assert agenda.ripe(ETH, old) == [(ETH, INTERVAL)]
    assert agenda.ripe("", old) == []
    assert agenda.due == {BTC: INTERVAL, ETH: INTERVAL}


def test_a_boundary_keeps_the_reason_there_is_already(agenda):
    finish(agenda, BTC, ETH)
    agenda.want(REGIME, ETH)
    agenda.boundary(HOUR)
    assert agenda.due == {BTC: INTERVAL, ETH: REGIME}
    assert agenda.ripe("", old) == [(ETH, REGIME)]


def test_a_change_of_regime_comes_before_other_reasons_and_those_before_none(agenda):
    agenda.want(ARMS, BTC)
    assert agenda.due[BTC] == START
    agenda.want(REGIME)
    agenda.want(ARMS, ETH)
    assert agenda.due == {BTC: REGIME, ETH: REGIME}
    agenda.want(WOKEN, "nobody's")
    assert set(agenda.due) == {BTC, ETH}


@pytest.mark.parametrize(("interval", "patience"), [(HOUR, 5 * SECOND), (4 * SECOND, 2 * SECOND)])
def test_a_bar_is_waited_for_five_seconds_or_half_an_interval(interval, patience):
    assert Agenda(interval).patience == patience


def test_only_a_market_whose_arms_all_sleep_may_wake(agenda):
    agenda.take(BTC)
    agenda.done(BTC, asleep=True)
    assert (agenda.may_wake(BTC), agenda.may_wake(ETH)) == (True, False)
    agenda.want(WOKEN, BTC)
    assert not agenda.may_wake(BTC)
    finish(agenda, BTC)
    assert not agenda.may_wake(BTC)


def test_a_market_of_which_something_was_missed_opens_with_the_second_evaluation(agenda):
    assert agenda.fail([BTC])
    assert not agenda.fail([BTC])
    assert agenda.fail([BTC, ETH])
    assert agenda.faulty == {BTC, ETH}
    assert [agenda.done(BTC, asleep=False) for _ in range(3)] == [False, True, False]
    assert agenda.faulty == {ETH}


def test_a_failed_evaluation_is_made_up_for_by_the_next(agenda):
    agenda.fail([BTC])
    agenda.tried(BTC)
    assert agenda.faulty == {BTC}
    assert agenda.done(BTC, asleep=False)


def test_what_is_forgotten_is_neither_due_nor_faulty_nor_asleep(agenda):
    agenda.heard(BTC, HOUR)
    agenda.fail([BTC])
    agenda.take(ETH)
    agenda.done(ETH, asleep=True)
    agenda.forget()
    assert (agenda.due, agenda.faulty, agenda.may_wake(ETH)) == ({}, set(), False)
    agenda.begin([BTC])
    assert agenda.boundary(HOUR) == []
    assert not agenda.done(BTC, asleep=False)
