"""The regret curves come out of one command, as its docstring says."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from backtests import bandits


@pytest.fixture
def hostile() -> bandits.World:
    return bandits.hostile(40, 0)


@pytest.mark.slow
def test_the_command_prints_every_player_and_writes_a_page_for_each_world(tmp_path, project):
    done = subprocess.run(
        [
            sys.executable,
            str(project / "backtests" / "bandits.py"),
            *("--out", str(tmp_path / "curves"), "--rounds", "30", "--seeds", "1"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(project), "COLUMNS": "120", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    shown = [line.split("│")[1].strip() for line in done.stdout.splitlines() if "│" in line]
    assert shown == list(bandits.players())
    pages = {page.name: page.read_text() for page in (tmp_path / "curves").iterdir()}
    assert set(pages) == {f"regret-{world.lower()}.html" for world in bandits.WORLDS}
    assert [name for name, page in pages.items() if "<script src=" in page.lower()] == []  # works offline


class Always:
    def __init__(self, arm: int) -> None:
        self.arm = arm
        self.heard: list[np.ndarray] = []

    def choose(self) -> int:
        return self.arm

    def hear(self, rewards: np.ndarray) -> None:
        self.heard.append(rewards)


def test_regret_adds_up_what_the_best_arm_has_more_in_expectation():
    assert bandits.play(Always(1), bandits.bernoulli(4, 0)) == pytest.approx([0.15, 0.30, 0.45, 0.60])
    assert bandits.play(Always(2), bandits.bernoulli(4, 0)) == pytest.approx([0.0] * 4)


def test_only_the_chosen_arm_is_seen_unless_the_world_shows_all(hostile):
    blind, seer = Always(2), Always(2)
    bandits.play(blind, bandits.bernoulli(5, 0))
    bandits.play(seer, hostile)
    assert [np.flatnonzero(np.isfinite(rewards)).tolist() for rewards in blind.heard] == [[2]] * 5
    assert np.array_equal(seer.heard, hostile.rewards)


def test_following_the_leader_always_loses_in_the_hostile_world(hostile):
    total = np.zeros(3)
    earned = 0.0
    for rewards in hostile.rewards[1:]:
        total += hostile.rewards[0] if not total.any() else 0.0
        earned += rewards[total[:2].argmax()]
        total += rewards
    assert earned == 0.0


def test_the_same_seed_gives_the_same_rewards_and_another_one_others():
    first, again, other = (bandits.switching(50, seed).rewards for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
