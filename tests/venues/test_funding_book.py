"""The book of a node tells funding that was booked from trading and from transfers, to the last digit."""

from decimal import Decimal

import pytest
from nautilus_trader.common.actor import Actor

from nautilus_quant.account.statement import Part, value_of
from nautilus_quant.actors.portfolio_monitor import PortfolioMonitor, PortfolioMonitorConfig
from nautilus_quant.actors.safety_engine import SafetyEngine
from nautilus_quant.host.messages import Alert, subscribe
from tests.venues.funding_kit import (
    EIGHT,
    HOUR,
    LINEAR,
    SECOND,
    START,
    Scheduled,
    build,
    mark,
    quote,
    rate,
    total,
)

STAMP = START + EIGHT
STEP = 10 * SECOND


class Alerts(Actor):
    def __init__(self):
        super().__init__()
        self.heard = []

    def on_start(self):
        subscribe(self.msgbus, Alert, self.heard.append)


def data_of(*rates, price="40000"):
    """Quotes every ten seconds around the stamp, and one an hour before."""
    near = [quote(LINEAR, 40_000.0, STAMP + n * STEP) for n in range(-60, 60)]
    early = [quote(LINEAR, 40_000.0, START + n * HOUR) for n in range(7)]
    return [*early, *near, mark(LINEAR, price, STAMP - STEP), *rates]


def run(data, plan):
    monitor, alerts = PortfolioMonitor(PortfolioMonitorConfig()), Alerts()
    actors = [monitor, SafetyEngine(), alerts]
    engine, _ = build(LINEAR, data, [Scheduled(LINEAR, plan)], actors=actors)
    engine.run()
    statement = monitor.book.accounting.statement
    assert value_of(statement.opening) + sum(map(value_of, statement.parts.values())) == total(engine, LINEAR)
    engine.dispose()
    assert [alert.text for alert in alerts.heard if alert.severity != "info"] == []
    return {part: value_of(value) for part, value in statement.parts.items() if value}


RECORD = [rate(LINEAR, "0.0001", STAMP)]
ANNOUNCED = [rate(LINEAR, "0.0001", START + HOUR, STAMP)]
FEE = LINEAR.taker_fee * 40_000


@pytest.mark.parametrize("rates", [RECORD, ANNOUNCED], ids=["record", "announced"])
@pytest.mark.parametrize("size", ["1", "-1"])
def test_a_payment_is_funding(rates, size):
    assert run(data_of(*rates), {START: size}) == {Part.FUNDING: -4 * Decimal(size), Part.FEES: -FEE}


@pytest.mark.parametrize("rates", [RECORD, ANNOUNCED], ids=["record", "announced"])
def test_a_position_closed_at_the_stamp_was_paid_too(rates):
    found = run(data_of(*rates), {START: "-1", STAMP: "0"})
    assert found == {Part.FUNDING: 4, Part.FEES: -2 * FEE}


def test_small_payments_are_funding_and_no_rounding():
    found = run(data_of(rate(LINEAR, "0.00000001", STAMP)), {START: "0.001"})
    assert found[Part.FUNDING] == Decimal("-0.0000004")
    assert Part.ROUNDING not in found


def test_a_price_far_from_the_mark_makes_no_transfer():
    """A guess from the middle of the book would take ten times as much for a withdrawal."""
    assert run(data_of(*RECORD, price="400000"), {START: "1"})[Part.FUNDING] == -40
