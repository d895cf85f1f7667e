"""What is compared with the bare engine: every gate of the canary deployment, and which measure binds."""

from __future__ import annotations

import pytest

from benchmarks import instructions, whole_stack
from nautilus_quant.config.loader import load


def test_every_gate_of_the_canary_is_in_it() -> None:
    shipped = set(load("configs/canary.yaml").actors)
    assert shipped - {"exits"} == set(whole_stack.parts())  # exits would trade


def test_what_is_left_out_is_not_made() -> None:
    names = [actor.name if hasattr(actor, "name") else "" for actor in whole_stack.stack("margin", "regime")]
    assert len(names) == len(whole_stack.parts()) - 2
    assert "margin" not in names


def test_the_count_of_instructions_binds_and_wall_time_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions, "ratio", lambda *_: (1_000.0, 1_200.0, 1.2))
    counted, wall = whole_stack.whole(1.3, "seen")
    assert (counted.name.rpartition(", ")[2], counted.value, counted.budget) == ("instructions", 1.2, 1.25)
    assert (wall.name.rpartition(", ")[2], wall.value, wall.budget) == ("wall time", 1.3, None)


def test_without_valgrind_wall_time_binds_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instructions.shutil, "which", lambda _: None)
    (wall,) = whole_stack.whole(1.3, "seen")
    assert (wall.value, wall.budget, wall.ok) == (1.3, 1.25, False)
    assert "valgrind" in wall.note
