"""Which of two measures of the gates' cost binds."""

from __future__ import annotations

import pytest

from benchmarks import gate_chain, instructions
from benchmarks.figure import Unavailable


def test_the_count_of_instructions_binds_and_wall_time_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "ratio", lambda: (1_000.0, 1_050.0, 1.05))
    counted, wall = gate_chain.whole(1.3, "seen")
    assert (counted.name.rpartition(", ")[2], counted.value, counted.budget) == ("instructions", 1.05, 1.10)
    assert (wall.name.rpartition(", ")[2], wall.value, wall.budget) == ("wall time", 1.3, None)


def test_without_valgrind_wall_time_binds_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda _: None)
    (wall,) = gate_chain.whole(1.3, "seen")
    assert (wall.value, wall.budget, wall.ok) == (1.3, 1.10, False)
    assert "valgrind" in wall.note


def test_what_cannot_be_counted_is_not_made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda _: "/bin/true")
    monkeypatch.setattr(instructions, "recorded", lambda: None)
    monkeypatch.setattr(instructions.sys, "executable", "true")

    def failed(*_: object) -> int:
        raise Unavailable("valgrind counted nothing")

    monkeypatch.setattr(instructions, "_count", failed)
    with pytest.raises(Unavailable, match="counted nothing"):
        instructions.ratio()


def test_slow_spells_leave_the_best_take_of_each_chunk() -> None:
    runs = gate_chain.Runs(list)
    runs.laps = [[1.0, 5.0], [4.0, 2.0]]
    assert runs.best == 3.0


def test_laps_end_where_chunks_end() -> None:
    laps = gate_chain.Laps(2 * gate_chain.CHUNKS)
    laps.times = [float(end) for end in range(1, gate_chain.CHUNKS + 2)]
    assert laps.chunks(0.0) == [1.0] * gate_chain.CHUNKS
