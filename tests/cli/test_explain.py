"""What `nq explain` tells of an order, and of the last denials."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from nautilus_quant.cli import explain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.gating.intent import Verdict
from nautilus_quant.host.statejson import NoStateError
from tests.cli.deployments import NOON, SECOND, journal, open_state, shown, write_config

LOSS = Verdict.deny("safety", "DAILY_LOSS", "lost 2.1% of 24 h, limit 2%", daily_loss=0.021)
SMALL = Verdict.limit("regime", Decimal("0.2"), "REGIME", "half size in RANGING", adx=12.25)
FINE = Verdict.allow("regime", adx=31.5)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    with open_state(tmp_path) as store:
        store.append("lifecycle", {"event": "start"}, ts=NOON - SECOND)
        journal(store, "O-20250131-001", FINE, Verdict.allow("safety"), ts=NOON)
        journal(store, "O-20250131-002", FINE, LOSS, ts=NOON + 1 * SECOND)
        store.append("loss_limit", {"limits": ["daily"], "equity": 97_900.125}, ts=NOON + 2 * SECOND)
        journal(store, "O-20250131-003", SMALL, strategy="Reversion-eth", ts=NOON + 3 * SECOND)
    return write_config(tmp_path)


def orders(answer) -> list[str]:
    return [entry["order"] for entry in answer.data["decisions"]]


def test_a_denied_order_is_explained(config: Path) -> None:
    answer = explain.run("O-20250131-002", config=config)
    assert answer.code == OK
    (entry,) = answer.data["entries"]
    assert entry["ts"] == "2025-01-31T12:00:01.000+00:00"
    assert (entry["outcome"], entry["allowed"]) == ("DENY", "0.25")  # what reduces still passes
    assert [(v["gate"], v["code"], v["allowed"]) for v in entry["verdicts"]] == [
        ("regime", "ALLOW", "Infinity"),
        ("safety", "DAILY_LOSS", "0"),
    ]
    assert entry["verdicts"][1]["numbers"] == {"daily_loss": 0.021}
    assert [later["kind"] for later in answer.data["later"]] == ["loss_limit"]
    assert answer.data["journal_problems"] == []


def test_it_reads_well(config: Path) -> None:
    text = shown(explain.run("O-20250131-002", config=config))
    assert "Momentum-btc asked to submit BUY 0.75 BTCUSDT-PERP.SIM at market" in text
    assert "0.5 of new risk worth 21000.5, 0.25 that reduces" in text
    assert "lost 2.1% of 24 h, limit 2%" in text
    assert "daily_loss=0.021" in text
    assert "any size" in text
    assert "DENY: 0.25 may be traded" in text
    assert "loss_limit  equity=97900.1, limits=['daily']" in text
    assert "hash chain is whole" in text


def test_json_is_plain(config: Path) -> None:
    for answer in (explain.run("O-20250131-001", config=config), explain.run(config=config)):
        json.dumps(answer.data, allow_nan=False)


def test_the_state_can_be_named_instead(config: Path) -> None:
    url = f"sqlite:///{config.parent}/state/rig.db"
    assert explain.run("O-20250131-001", state=url).code == OK


def test_an_unknown_order_names_its_neighbours(config: Path) -> None:
    answer = explain.run("O-20250131-02", config=config)
    assert answer.code == FAILED
    assert "O-20250131-002" in answer.data["near"]
    assert "O-20250131-002" in shown(answer)
    assert explain.run("003", config=config).data["near"] == ["O-20250131-003"]
    assert explain.run("zzz", config=config).data["near"] == []


def test_the_last_denials_come_newest_first(config: Path) -> None:
    assert orders(explain.run(config=config, last_denials=10)) == ["O-20250131-003", "O-20250131-002"]
    answer = explain.run(config=config, last_denials=1)
    assert orders(answer) == ["O-20250131-003"]
    text = shown(answer)
    assert "SIZED_DOWN O-20250131-003 of Reversion-eth: submit BUY 0.75 BTCUSDT-PERP.SIM" in text
    assert "regime REGIME: half size in RANGING" in text


def test_decisions_are_filtered(config: Path) -> None:
    assert orders(explain.run(config=config))[-1] == "O-20250131-001"
    assert orders(explain.run(config=config, strategy="Reversion-eth")) == ["O-20250131-003"]
    assert orders(explain.run(config=config, since="2025-01-31T12:00:01")) == [
        "O-20250131-003",
        "O-20250131-002",
    ]
    assert orders(explain.run(config=config, since="1s")) == []
    assert "no decisions" in shown(explain.run(config=config, since="1s"))


def test_denials_are_found_far_back(tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        journal(store, "O-early", LOSS)
        for i in range(600):
            journal(store, f"O-{i}", FINE)
    answer = explain.run(state=f"{tmp_path}/state/rig.db", last_denials=3)
    assert orders(answer) == ["O-early"]


def test_what_happened_to_an_order_later_counts_as_its_own(tmp_path: Path) -> None:
    with open_state(tmp_path) as store:
        journal(store, "O-1", FINE)
        store.append("alarm", {"order": "O-1", "code": "CLOSE_STUCK"}, ts=NOON + SECOND)
    answer = explain.run("O-1", state=f"{tmp_path}/state/rig.db")
    assert [entry["kind"] for entry in answer.data["entries"]] == ["order_decision", "alarm"]
    assert "code=CLOSE_STUCK" in shown(answer)


def test_a_decision_in_short_form_is_understood(tmp_path: Path) -> None:
    """An order that passed may be journalled with the names of its gates only."""
    body = {
        "order": "O-1",
        "strategy": "S-1",
        "instrument": "X.SIM",
        "outcome": "ALLOW",
        "verdicts": ["safety", "regime"],
    }
    odd = {
        "order": "O-2",
        "outcome": "DENY",
        "verdicts": [{"gate": "a", "allowed": "?"}, {"gate": "b", "allowed": 5}],
    }
    bare = {"order": "O-3", "outcome": "DENY"}
    with open_state(tmp_path) as store:
        for entry in (body, odd, bare):
            store.append("order_decision", entry, ts=NOON)
    url = f"{tmp_path}/state/rig.db"
    text = shown(explain.run("O-1", state=url))
    assert "safety" in text
    assert "any size" in text
    listed = shown(explain.run(state=url))
    assert "; a" in listed  # what is not a number counts as nothing
    nan = Verdict("c", Decimal("NaN"))
    with open_state(tmp_path) as store:
        journal(store, "O-4", nan, FINE)
    assert "; c ALLOW" in shown(explain.run(state=url))


def test_a_journal_that_was_changed_is_not_believed(config: Path) -> None:
    with closing(sqlite3.connect(config.parent / "state/rig.db")) as raw, raw:
        raw.execute("UPDATE nq_journal SET body = replace(body, '2.1%', '0.1%')")
    answer = explain.run("O-20250131-002", config=config)
    assert answer.code == FAILED
    assert "entry 3" in answer.data["journal_problems"][0]
    assert "THE JOURNAL WAS CHANGED" in shown(answer)
    assert explain.run(config=config, last_denials=1).code == FAILED


@pytest.mark.parametrize("since", ["yesterday", "-"])
def test_a_time_it_cannot_read_is_refused(config: Path, since: str) -> None:
    answer = explain.run(config=config, since=since)
    assert answer.code == REFUSED
    assert since in answer.data["message"]


def test_a_count_below_one_is_refused(config: Path) -> None:
    assert explain.run(config=config, last_denials=0).code == REFUSED


def test_times() -> None:
    assert explain.parse_since("2h", NOON) == NOON - 7_200 * SECOND
    assert explain.parse_since("2025-01-31T11:00", NOON) == NOON - 3_600 * SECOND
    assert explain.parse_since("2025-01-31T12:00+01:00", NOON) == NOON - 3_600 * SECOND
    assert (
        explain.parse_since("2025-01-31", NOON) == int(datetime(2025, 1, 31, tzinfo=UTC).timestamp()) * SECOND
    )


def test_there_must_be_a_state(tmp_path: Path) -> None:
    with pytest.raises(NoStateError):
        explain.run("O-1", config=write_config(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["rig.yaml"]


def test_one_must_say_which_deployment() -> None:
    with pytest.raises(ValueError, match="give CONFIG"):
        explain.run("O-1")
