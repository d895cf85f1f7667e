"""What `nq abtest` says of two arms, and of two files of returns."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from nautilus_quant.cli import abtest_run
from nautilus_quant.cli.abtest_pairs import NothingToCompareError, from_evaluations, from_files
from nautilus_quant.cli.abtest_run import Question
from nautilus_quant.cli.abtest_view import headline
from nautilus_quant.cli.app import app
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.learning.abtest import ABTest
from nautilus_quant.learning.record import Evaluation
from tests.cli.deployments import NOON, SECOND, open_state, shown, write_config

HOUR = 3_600 * SECOND
A, B, C = "Momentum-btc", "Reversion-btc", "Grid-eth"
BTC, ETH = "BTCUSDT-PERP.SIM", "ETHUSDT-PERP.SIM"


def evaluation(n: int, rewards: tuple[float, ...], **changes) -> Evaluation:
    fields = {
        "ts": NOON + n * 6 * HOUR,
        "market": BTC,
        "regime": "TRENDING",
        "trigger": "interval",
        "arms": (A, B),
        "returns": tuple(0.01 * reward for reward in rewards),
        "rewards": rewards,
        "awake": (True, True),
        "weights": (0.5, 0.5),
    }
    return Evaluation(**(fields | changes))


def evaluations(count: int, effect: float, seed: int = 1) -> list[Evaluation]:
    rng = np.random.default_rng(seed)
    both = rng.normal((effect, 0.0), 0.7, (count, 2))
    return [evaluation(n, (float(a), float(b))) for n, (a, b) in enumerate(both)]


def deployment(folder: Path, records: list[Evaluation]) -> str:
    with open_state(folder) as store:
        store.append("lifecycle", {"event": "start"}, ts=NOON - SECOND)
        for one in records:
            store.append("selection", one.to_dict(), ts=one.ts)
    return str(write_config(folder))


def write(path: Path, values, start: str = "2025-01-01", **columns) -> Path:
    times = pd.date_range(start, periods=len(values), freq="h", tz="UTC")
    pd.DataFrame({"ts": times, "ret": values, **columns}).to_csv(path, index=False)
    return path


def test_the_better_arm_is_named(tmp_path: Path) -> None:
    config = deployment(tmp_path, evaluations(400, 0.5))
    answer = abtest_run.run(Question((config, A, B)))
    data = answer.data
    assert (answer.code, data["decision"], data["n"], data["calibration"]) == (OK, "a_better", 370, 30)
    assert 0.0 < data["lower"] < data["estimate"] < data["upper"]
    assert data["p_value"] <= 0.05
    assert (data["a"], data["b"], data["unit"], data["where"]) == (A, B, "reward", BTC)
    text = shown(answer)
    assert f"A {A} against B {B} on {BTC}, reward per evaluation" in text
    assert "95% interval" in text
    assert "370 compared, 30 that set the scale" in text
    assert f"{A} is better: it earns at least +" in text
    mirrored = abtest_run.run(Question((config, B, A)))
    assert mirrored.data["decision"] == "b_better"
    assert f"{A} is better: it earns at least +" in shown(mirrored)


def test_the_numbers_are_those_of_the_test_itself(tmp_path: Path) -> None:
    records = evaluations(120, 0.2)
    test = ABTest(0.01, 0.05)
    for one in records:
        test.update(one.returns[1], one.returns[0])
    config = deployment(tmp_path, records)
    asked = Question((config, B, A), unit="return", alpha="1%", min_effect="5%")
    data = abtest_run.run(asked).data
    expected = test.result()
    assert data["estimate"] == pytest.approx(expected.estimate)
    assert (data["lower"], data["upper"]) == pytest.approx((expected.lower, expected.upper))
    assert (data["p_value"], data["min_effect"]) == (pytest.approx(expected.p_value), 0.05)


def test_it_says_how_much_is_missing(tmp_path: Path) -> None:
    answer = abtest_run.run(Question((deployment(tmp_path, evaluations(90, 0.25)), A, B), min_effect="0.3"))
    data, outlook = answer.data, answer.data["outlook"]
    assert data["decision"] == "undecided"
    assert outlook["more"] == pytest.approx(outlook["required"] - 60)
    assert outlook["required_min_effect"] > 60
    assert 0.0 < outlook["power_min_effect"] < 0.8
    assert outlook["detectable"] > abs(data["estimate"])
    text = shown(answer)
    assert "not enough evidence yet, about " in text
    assert "more evaluations at this effect (80% power)" in text
    assert "for the least that matters" in text


def test_hardly_any_effect_is_not_worth_waiting_for(tmp_path: Path) -> None:
    same = [evaluation(n, (0.5, 0.5) if n >= 40 else (0.5 * (-1) ** n, 0.0)) for n in range(100)]
    answer = abtest_run.run(Question((deployment(tmp_path, same), A, B)))
    assert answer.data["outlook"]["required"] is None  # infinite
    assert "do not wait" in shown(answer)
    assert "never for the difference seen" in shown(answer)


def test_arms_that_do_the_same_are_alike(tmp_path: Path) -> None:
    same = [evaluation(n, (0.5, 0.5)) for n in range(600)]
    answer = abtest_run.run(Question((deployment(tmp_path, same), A, B), min_effect="0.01"))
    assert answer.data["decision"] == "equivalent"
    assert f"{A} and {B} are alike" in shown(answer)


def test_a_least_effect_nobody_could_see_is_no_error(tmp_path: Path) -> None:
    asked = Question((deployment(tmp_path, evaluations(60, 0.1)), A, B), min_effect="1e-12")
    assert "too many evaluations for the least that matters" in shown(abtest_run.run(asked))


def test_a_beginning_is_no_verdict(tmp_path: Path) -> None:
    answer = abtest_run.run(Question((deployment(tmp_path, evaluations(5, 3.0)), A, B)))
    assert (answer.code, answer.data["outlook"], answer.data["estimate"]) == (OK, None, None)
    assert "calibrating, 5 of 30 pairs seen" in shown(answer)
    json.dumps(answer.data, allow_nan=False)


def test_warnings_are_given() -> None:
    rng = np.random.default_rng(2)
    pairs = from_evaluations(evaluations(3, 0.0), (A, B))
    smooth, wild = ABTest(), ABTest(bounds=(-0.5, 0.5))
    for value in np.convolve(rng.normal(size=500), np.ones(3) / 3):
        smooth.update(value, 0.0)
        wild.update(rng.normal(), 0.0)
    assert "neighbouring differences correlate (+0.6" in _shown_warnings(pairs, smooth)
    assert "many differences were cut" in _shown_warnings(pairs, wild)
    turned = ABTest(bounds=(-2.0, 2.0))
    for value in [0.5, 0.3] * 200 + [-0.5, -0.3] * 600:
        turned.update(value, 0.0)
    assert "compare a shorter time" in headline(pairs, turned.result(), None, 0.8)


def _shown_warnings(pairs, test: ABTest) -> str:
    from nautilus_quant.cli.abtest_view import view
    from nautilus_quant.cli.answer import Answer

    return shown(Answer(OK, {}, view(pairs, test.result(), None, alpha=0.05, power=0.8)))


def test_a_reward_belongs_to_the_regime_it_was_earned_in() -> None:
    regimes = ["CALM", "WILD", "CALM", "CALM", "WILD"]
    seen = [evaluation(n, (float(n), 0.0), regime=regime) for n, regime in enumerate(regimes)]
    other = [evaluation(n, (9.0, 9.0), regime="WILD", market=ETH) for n in range(5)]
    mixed = sorted([*seen, *other], key=lambda one: one.ts)
    assert from_evaluations(mixed, (A, B), market=BTC, regime="CALM").values == (
        (1.0, 0.0),
        (3.0, 0.0),
        (4.0, 0.0),
    )
    assert from_evaluations(mixed, (A, B), market=BTC, regime="WILD").values == ((2.0, 0.0),)
    assert len(from_evaluations(seen, (A, B)).values) == 5


@pytest.mark.parametrize("unit", ["reward", "return"])
def test_two_evaluations_at_one_time_make_one_pair(unit: str) -> None:
    nothing = {"returns": (0.0, 0.0), "trigger": "regime", "regime": "RANGING"}
    records = [
        evaluation(0, (0.0, 0.0)),
        evaluation(1, (0.5, 0.25)),
        evaluation(1, (math.nan, math.nan), **nothing),
        evaluation(2, (1.0, -1.0)),
    ]
    scale = 1.0 if unit == "reward" else 0.01
    pairs = from_evaluations(records, (A, B), unit=unit)
    assert np.array(pairs.values) == pytest.approx(scale * np.array([(0.0, 0.0), (0.5, 0.25), (1.0, -1.0)]))
    assert from_evaluations(records, (A, B), unit=unit, regime="RANGING").values == (
        pytest.approx((scale, -scale)),
    )


def test_a_repeated_backtest_does_not_count_twice() -> None:
    once = [evaluation(0, (0.0, 0.0), trigger="start"), *(evaluation(n, (n, 0.0)) for n in (1, 2, 3))]
    assert from_evaluations([*once, *once], (A, B)).values == from_evaluations(once, (A, B)).values


def test_an_arm_that_was_away_makes_an_incomplete_pair() -> None:
    records = [
        evaluation(0, (1.0, 2.0)),
        evaluation(1, (3.0,), arms=(A,)),
        evaluation(2, (5.0, math.nan)),
        evaluation(3, (7.0,), arms=("Other-x",)),
        evaluation(4, (math.nan, math.nan)),
    ]
    (first, second, third) = from_evaluations(records, (A, B)).values
    assert first == (1.0, 2.0)
    assert (second[0], third[0]) == (3.0, 5.0)
    assert math.isnan(second[1])
    assert math.isnan(third[1])


def test_what_is_not_there_is_said_with_the_nearest() -> None:
    records = [*evaluations(5, 0.0), evaluation(9, (1.0,), arms=(C,), market=ETH)]
    for asked, message in (
        (((A, "Reversion-btx"), {}), "no arm 'Reversion-btx'.*did you mean Reversion-btc"),
        (((A, "zzz"), {}), "there are Grid-eth, Momentum-btc, Reversion-btc"),
        (((A, C), {}), "never competed on one market: Momentum-btc on BTCUSDT.*; Grid-eth on ETHUSDT"),
        (((A, B), {"market": "BTC"}), "no market 'BTC'.*did you mean BTCUSDT-PERP.SIM"),
        (((A, B), {"market": ETH}), "compete on BTCUSDT-PERP.SIM: not on ETHUSDT-PERP.SIM"),
        (((A, B), {"regime": "TREND"}), "no regime 'TREND'.*did you mean TRENDING"),
    ):
        with pytest.raises(NothingToCompareError, match=message):
            from_evaluations(records, asked[0], **asked[1])


def test_two_markets_want_a_choice() -> None:
    records = [*evaluations(3, 0.0), evaluation(9, (1.0, 2.0), market=ETH)]
    with pytest.raises(NothingToCompareError, match="say which with --market"):
        from_evaluations(records, (A, B))
    assert from_evaluations(records, (A, B), market=ETH).values == ((1.0, 2.0),)


def test_a_journal_without_selections_says_what_to_do(tmp_path: Path) -> None:
    config = deployment(tmp_path, [])
    answer = abtest_run.run(Question((config, A, B)))
    assert answer.code == FAILED
    assert "meta_learner" in answer.data["message"]
    with open_state(tmp_path) as store:
        store.append("selection", {"something": "else"}, ts=NOON)
    assert abtest_run.run(Question((config, A, B))).code == FAILED


def test_two_files_are_compared_by_their_times(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    one, other = rng.normal(0.002, 0.004, 500), rng.normal(0.0, 0.004, 500)
    a = write(tmp_path / "fast.csv", one, extra=1)
    b = tmp_path / "slow.parquet"
    times = pd.date_range("2025-01-01T03:00", periods=500, freq="h", tz="UTC")
    pd.DataFrame({"ts": times.as_unit("ns").astype("int64"), "ret": other}).sample(
        frac=1.0, random_state=1
    ).to_parquet(b)
    pairs = from_files(a, b)
    assert pairs.names == ("fast", "slow")
    assert len(pairs.values) == 503
    assert pairs.values[3] == pytest.approx((one[3], other[0]))
    assert math.isnan(pairs.values[0][1])
    answer = abtest_run.run(Question((str(a), str(b)), files=True))
    assert (answer.data["decision"], answer.data["skipped"]) == ("a_better", 6)
    assert answer.data["unit"] == "return"
    assert "fast is better: it earns at least +0." in shown(answer)
    assert "% more per row" in shown(answer)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("ts,return\n1,2\n", "needs the columns ts and ret, has ts, return"),
        ("", "is no CSV file"),
        ("ts,ret\n2025-01-01,0.1\n2025-01-01,0.2\n", "more than once"),
        ("ts,ret\nnever,0.1\n", "never"),
        ("ts,ret\n2025-01-01,much\n", "much"),
        ("ts,ret\n1999-01-01,0.1\n", "no time in common"),
    ],
)
def test_files_that_will_not_do(tmp_path: Path, content: str, message: str) -> None:
    good, bad = write(tmp_path / "good.csv", [0.1, 0.2]), tmp_path / "bad.csv"
    bad.write_text(content, encoding="utf-8")
    answer = abtest_run.run(Question((str(good), str(bad)), files=True))
    assert answer.code == FAILED
    assert message in answer.data["message"]
    assert "bad.csv" in answer.data["message"]


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (Question(("x.yaml", A)), "CONFIG ARM_A ARM_B: needs 3 names, was 2"),
        (Question(("a.csv", "b.csv", "c.csv"), files=True), "--returns A.csv B.csv: needs 2 names, was 3"),
        (Question(("x.yaml", A, A)), "A and B must differ"),
        (Question(("x.yaml", A, B), unit="pnl"), "--unit must be reward or return, was 'pnl'"),
        (Question(("x.yaml", A, B), alpha="150%"), "--alpha must lie between 0 and 100%"),
        (Question(("x.yaml", A, B), power="0"), "--power must lie between 0 and 100%"),
        (Question(("x.yaml", A, B), min_effect="-1%"), "--min-effect must not be negative, was -1%"),
        (Question(("x.yaml", A, B), alpha="five"), "--alpha: a fraction is a number"),
    ],
)
def test_questions_it_cannot_read_are_refused(question: Question, message: str) -> None:
    answer = abtest_run.run(question)
    assert answer.code == REFUSED
    assert message in answer.data["message"]


def test_the_command(tmp_path: Path) -> None:
    nq, config = CliRunner(), deployment(tmp_path, evaluations(60, 0.1))
    done = nq.invoke(app, ["abtest", config, A, B, "--alpha", "10%", "--json"])
    assert done.exit_code == OK
    assert (json.loads(done.output)["alpha"], json.loads(done.output)["n"]) == (0.1, 30)
    assert nq.invoke(app, ["abtest", config, A, "Reversion"]).exit_code == FAILED
    assert nq.invoke(app, ["abtest", config, A]).exit_code == REFUSED
    assert nq.invoke(app, ["abtest", str(tmp_path / "none.yaml"), A, B]).exit_code == REFUSED
    missing = [str(tmp_path / name) for name in ("one.csv", "two.csv")]
    ended = nq.invoke(app, ["abtest", "--returns", *missing])
    assert ended.exit_code == FAILED
    assert "one.csv" in ended.output
    assert "--returns" in nq.invoke(app, ["abtest", "--help"], env={"COLUMNS": "200"}).output
