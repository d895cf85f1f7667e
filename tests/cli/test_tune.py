"""`nq tune hedging`: a study, a version, and an actor that would pick it up."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.tune import tune_app
from nautilus_quant.cli.tune_hedging import Question, run
from nautilus_quant.host.hedging_memory import PARAMS, stored_versions, version_key
from nautilus_quant.options.hedging_band import BandKind
from tests.cli.deployments import CONFIG, open_state

pytest.importorskip("optuna", reason="comes with the extra `tune`")

ACTOR = """{{hedger: {{use: "nautilus_quant.actors.hedging_actor:HedgingActor", underlyings: {coins},
  hedging: {{band: timed, interval: 60s, risk_aversion: 1.0e-4}}}}}}"""
QUICK = Question(trials=6, paths=10)


def write(folder: Path, coins: str = "[BTC]", actors: str = "") -> Path:
    path = folder / "rig.yaml"
    actors = actors or ACTOR.format(coins=coins)
    path.write_text(CONFIG.format(mode="paper", folder=folder, actors=actors))
    return path


@pytest.mark.slow
def test_what_is_better_becomes_a_version_and_the_study_goes_on(tmp_path):
    config = write(tmp_path)
    first = run(config, QUICK)
    assert first.code == OK
    assert (first.data["version"], first.data["trials"]) == (1, 6)
    # To hedge every minute in steps of an hour is to hedge at every step: dear.
    assert first.data["after"] < first.data["before"]
    with open_state(tmp_path) as store:
        [version], damaged = stored_versions(store, "BTC")
        assert damaged == []
        assert (version.number, version.source) == (1, "study")
        assert version.score == pytest.approx(first.data["after"])
        assert version.params.to_dict() == first.data["params"]
        assert version.params.band.kind in set(BandKind)
        [entry] = store.entries(kind="hedge")
        assert entry.body["what"] == "version_made"
    assert (tmp_path / "state" / "tuning.db").is_file()
    again = run(config, QUICK)
    assert again.data["trials"] == 12
    # What is in force now is what the study found: only something better is worth another version.
    assert again.data["before"] == pytest.approx(first.data["after"])
    assert again.data["version"] in {None, 2}
    assert again.data["after"] <= again.data["before"]


@pytest.mark.slow
def test_the_same_seed_finds_the_same_and_another_question_is_another_study(tmp_path):
    found = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        found.append(run(write(folder), QUICK).data)
    assert found[0] == found[1]
    other = run(tmp_path / "two" / "rig.yaml", QUICK._replace(vol=0.8))
    assert other.data["trials"] == 6


def test_versions_of_another_coin_and_damaged_ones_are_left_alone(tmp_path):
    with open_state(tmp_path) as store:
        store.put_now(PARAMS, version_key("ETH", 7), {}, ts=1)
        store.put_now(PARAMS, version_key("BTC", 3), {"number": 3}, ts=1)
    assert run(write(tmp_path), QUICK._replace(trials=2, paths=2)).code == OK
    with open_state(tmp_path) as store:
        found, damaged = stored_versions(store, "BTC")
        assert damaged == [version_key("BTC", 3)]
        assert len(found) == 1


def test_nobody_to_tune_and_unclear_questions(tmp_path):
    nobody = run(write(tmp_path, actors="{}"), QUICK)
    assert (nobody.code, "hedging_actor" in nobody.data["message"]) == (FAILED, True)
    two = run(write(tmp_path, coins="[BTC, ETH]"), QUICK)
    assert (two.code, "BTC, ETH" in two.data["message"]) == (REFUSED, True)
    missing = run(write(tmp_path), QUICK._replace(chains=tmp_path / "none.parquet"))
    assert missing.code == REFUSED


def test_without_optuna_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    answer = run(write(tmp_path), QUICK)
    assert answer.code == FAILED
    assert "pip install 'nt-quant[tune]'" in answer.data["message"]


def test_the_command(tmp_path):
    asked = ["hedging", str(write(tmp_path)), "--trials", "2", "--paths", "5", "--json"]
    done = CliRunner().invoke(tune_app, asked)
    assert done.exit_code == OK, done.output
    assert json.loads(done.stdout)["trials"] == 2
    assert CliRunner().invoke(tune_app, [*asked[:2], "--trials", "0"]).exit_code == 2
    assert CliRunner().invoke(tune_app, [*asked, "--vol", "-1"]).exit_code == FAILED
