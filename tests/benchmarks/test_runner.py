"""The benchmark runner: what it prints, writes and leaves out; the figures themselves are not for tests."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import __main__ as runner
from benchmarks.figure import Figure, Unavailable
from benchmarks.timing import percentile, ratios

FAST = Figure("fast", 3.0, "µs", 5.0)
SLOW = Figure("slow", 7.5, "ms", 5.0)
MANY = Figure("many", 12_000.0, "1/s", 10_000.0, at_least=True)


def absent() -> list[Figure]:
    raise Unavailable("no data here")


@pytest.fixture
def families(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, measure in {"good": lambda: [FAST, MANY], "bad": lambda: [SLOW], "absent": absent}.items():
        monkeypatch.setitem(sys.modules, f"benchmarks.{name}", SimpleNamespace(measure=measure))
    monkeypatch.setattr(runner, "FAMILIES", ("good", "absent", "bad"))
    monkeypatch.delenv("BENCH_JSON", raising=False)


@pytest.mark.parametrize(
    ("figure", "ok"),
    [
        (FAST, True),
        (SLOW, False),
        (MANY, True),
        (Figure("on the edge", 5.0, "s", 5.0), True),
        (Figure("too few", 9_999.0, "1/s", 10_000.0, at_least=True), False),
        (Figure("unknown", math.nan, "s", 5.0), False),
        (Figure("unknown", math.nan, "1/s", 5.0, at_least=True), False),
        (Figure("shown only", 7.0, "s"), True),
    ],
)
def test_a_budget_is_a_bound_from_above_or_below(figure: Figure, ok: bool) -> None:
    assert figure.ok is ok


def test_json_holds_every_figure_measured(
    families: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "bench.json"
    monkeypatch.setenv("BENCH_JSON", str(target))
    assert runner.main([]) == 0
    assert json.loads(target.read_text(encoding="utf-8")) == [
        {"name": "fast", "value": 3.0, "unit": "µs", "budget": 5.0, "ok": True},
        {"name": "many", "value": 12000.0, "unit": "1/s", "budget": 10000.0, "ok": True},
        {"name": "slow", "value": 7.5, "unit": "ms", "budget": 5.0, "ok": False},
    ]


def test_the_table_says_what_was_skipped_and_why(families: None, capsys: pytest.CaptureFixture[str]) -> None:
    runner.main([])
    printed = capsys.readouterr().out
    assert "skipped absent: no data here" in printed
    assert "OVER" in printed


def test_strict_fails_when_a_budget_does_not_hold(families: None) -> None:
    assert runner.main(["--strict", "good"]) == 0
    assert runner.main(["--strict", "bad"]) == 1


def test_an_unknown_family_is_refused(families: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        runner.main(["better"])
    assert stopped.value.code == 2
    assert "no family better; there are good, absent, bad" in capsys.readouterr().err


def test_recorded_data_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import btc_month

    monkeypatch.delenv("NQ_DATA", raising=False)
    with pytest.raises(Unavailable, match="NQ_DATA names no folder with ohlcv_1m_btc_perp_202201"):
        btc_month.recorded()


def test_percentile_is_the_nearest_rank() -> None:
    values = [40.0, 15.0, 50.0, 20.0, 35.0]
    assert [percentile(values, share) for share in (0.05, 0.3, 0.4, 0.5, 1.0)] == [
        15.0,
        20.0,
        20.0,
        35.0,
        50.0,
    ]


def test_two_measurements_take_turns() -> None:
    order: list[str] = []

    def take(name: str, value: float) -> float:
        order.append(name)
        return value

    assert ratios(lambda: take("a", 2.0), lambda: take("b", 3.0), rounds=3) == (2.0, 3.0, 1.5)
    assert order == ["a", "b", "b", "a", "a", "b"]
