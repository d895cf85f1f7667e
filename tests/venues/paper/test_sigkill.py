"""A live node killed with SIGKILL, and what the next one finds."""

import signal
from decimal import Decimal

import pytest

FEE = Decimal("0.0005")


def first(facts, when):
    return next(fact for fact in facts if fact["event"] == "account" and fact["when"] == when)


@pytest.mark.slow
def test_account_survives_sigkill_inside_the_handler_of_a_fill(run_node, tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    code, facts = run_node(state=state, plan=[[3, "buy"], [5, "sell"]], die=2, quiet=True)
    assert code == -signal.SIGKILL
    (bought,) = [fact for fact in facts if fact["event"] == "fill"]
    # closes of bars 3 and 5 are 50 020 and 50 040; one basis point away, rounded outwards to 0.1
    buy, sell = Decimal("50025.1"), Decimal("50034.9")
    assert Decimal(bought["price"]) == buy
    after_kill = (
        100_000 + Decimal("0.1") * (sell - buy) - FEE * (Decimal("0.3") * buy + Decimal("0.1") * sell)
    )

    code, facts = run_node(state=state, plan=[[2, "close"], [4, "report"]], quiet=True)
    assert code == 0
    start = first(facts, "start")
    assert Decimal(start["balance"]) == after_kill
    ((name, (quantity, price)),) = start["positions"].items()
    assert name == "BTCUSDT-PERP.SIM-Planned-000"
    assert Decimal(quantity) == Decimal("0.2")
    assert abs(Decimal(price) - buy) < Decimal("1e-9")
    closed = Decimal("50004.9")  # bar 2 closes at 50 010
    end = first(facts, "asked")
    assert end["positions"] == {}
    assert (
        Decimal(end["balance"])
        == after_kill + Decimal("0.2") * (closed - buy) - FEE * Decimal("0.2") * closed
    )

    code, facts = run_node(state=state, quiet=True)
    assert code == 0
    assert first(facts, "start")["positions"] == {}
    assert first(facts, "start")["balance"] == end["balance"]
