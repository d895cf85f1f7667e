"""
How much the selection policies lose to the best arm, in worlds that stand still, switch and are hostile.

    python backtests/bandits.py [--out DIR] [--rounds 1000] [--seeds 10]

Regret is what the best choice would have earned in expectation, less what was chosen; mean over the seeds. In
the hostile world all rewards are seen, as from the shadow ledger; in the others only that of the chosen arm.
With --out the curves are written as HTML (needs plotly); peers are shown when installed.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from nautilus_quant.learning.params import PolicyParams, Priors
from nautilus_quant.learning.policies import make_policy
from nautilus_quant.learning.policy import Floats, Output

REGIME = "all"
PEERS = ("mabwiser", "river")
STATIONARY: dict[str, Any] = {"half_life": float("inf")}
FORGETTING: dict[str, Any] = {"half_life": 70.0}


class Player(Protocol):
    """Chooses one arm, then hears what may be known of the rewards."""

    def choose(self) -> int:
        """Return the number of the arm."""

    def hear(self, rewards: Floats) -> None:
        """Learn from rewards, shape (arms,); NaN for arms not seen."""


@dataclass(frozen=True, slots=True)
class World:
    """
    Rewards before anybody chose, so that everybody meets the same.

    Parameters
    ----------
    rewards
        Shape (rounds, arms) [reward].
    means
        Their expectations; shape (rounds, arms) [reward].
    low, high, sd
        Range and typical spread [reward].
    everything
        Whether all rewards are seen.

    """

    rewards: Floats
    means: Floats
    low: float = 0.0
    high: float = 1.0
    sd: float = 0.5
    everything: bool = False


def bernoulli(rounds: int, seed: int) -> World:
    """Three arms that win with 30, 45 and 60 %."""
    means = np.tile([0.3, 0.45, 0.6], (rounds, 1))
    return World((np.random.default_rng(seed).random(means.shape) < means).astype(float), means)


def gaussian(rounds: int, seed: int) -> World:
    """Four arms with normal rewards of standard deviation 1, the best one half a deviation ahead."""
    means = np.tile([0.0, 0.25, 0.5, 1.0], (rounds, 1))
    noise = np.random.default_rng(seed).normal(size=means.shape)
    return World(means + noise, means, low=-3.0, high=4.0, sd=1.0)


def switching(rounds: int, seed: int) -> World:
    """Three arms of which another one is good in each quarter."""
    quarter = np.arange(rounds) * 4 // rounds
    means = np.where(np.arange(3) == (quarter % 3)[:, None], 0.8, 0.2)
    return World((np.random.default_rng(seed).random(means.shape) < means).astype(float), means)


def hostile(rounds: int, _seed: int) -> World:
    """Two arms that win in turns, so that whoever follows the leader always loses; a third wins 45 %."""
    even = np.arange(rounds) % 2 == 0
    rewards = np.stack([even, ~even, np.arange(rounds) % 20 < 9], axis=1).astype(float)
    rewards[0, :2] = (0.5, 0.0)
    return World(rewards, rewards, everything=True)


WORLDS: dict[str, Callable[[int, int], World]] = {
    "Bernoulli": bernoulli,
    "Gaussian": gaussian,
    "switching": switching,
    "hostile": hostile,
}


class Ours:
    """One of our policies, told nothing but the range of rewards."""

    def __init__(self, name: str, world: World, seed: int, **params: Any) -> None:
        self._arms = world.rewards.shape[1]
        told = {"reward_low": world.low, "reward_high": world.high, "reward_sd": world.sd} | params
        middle = 0.0 if name == "thompson_beta" else 0.5 * (world.low + world.high)  # it wins half the time
        self._policy = make_policy(
            name,
            self._arms,
            params=PolicyParams(**told),
            output=Output(),
            seed=seed,
            priors=Priors.of(self._arms, middle, 2.0),
        )
        self._awake = np.ones(self._arms, dtype=np.bool_)
        self._free = np.zeros(self._arms)

    def choose(self) -> int:
        """Ask the policy."""
        return int(self._policy.select(self._awake, REGIME, self._free).argmax())

    def hear(self, rewards: Floats) -> None:
        """Tell it."""
        self._policy.update(rewards, REGIME)


class MabWiser:
    """MABWiser's Thompson sampling, for wins and losses, or UCB1."""

    def __init__(self, name: str, world: World, seed: int) -> None:
        from mabwiser.mab import MAB, LearningPolicy

        arms = list(range(world.rewards.shape[1]))
        chosen = LearningPolicy.ThompsonSampling() if name == "thompson" else LearningPolicy.UCB1(alpha=1.0)
        self._bandit = MAB(arms, chosen, seed=seed)
        self._unseen = arms[::-1]  # it wants to have heard of every arm
        self._fitted = False

    def choose(self) -> int:
        """Ask it, after one round with each arm."""
        return self._unseen.pop() if self._unseen else int(self._bandit.predict())

    def hear(self, rewards: Floats) -> None:
        """Tell it."""
        seen = np.flatnonzero(np.isfinite(rewards))
        learn = self._bandit.partial_fit if self._fitted else self._bandit.fit
        learn(seen, rewards[seen])
        self._fitted = True


class River:
    """river's Thompson sampling or UCB1."""

    def __init__(self, name: str, world: World, seed: int) -> None:
        from river import bandit, proba

        self._arms = list(range(world.rewards.shape[1]))
        self._bandit = (
            bandit.ThompsonSampling(reward_obj=proba.Beta(), seed=seed)
            if name == "thompson"
            else bandit.UCB(delta=1.0, seed=seed)
        )

    def choose(self) -> int:
        """Ask it."""
        return int(self._bandit.pull(self._arms))

    def hear(self, rewards: Floats) -> None:
        """Tell it."""
        for arm in np.flatnonzero(np.isfinite(rewards)).tolist():
            self._bandit.update(arm, float(rewards[arm]))


type Maker = Callable[[World, int], Player]


def players() -> dict[str, Maker]:
    """Return who plays, by name: our policies without and with forgetting, and the peers installed."""

    def ours(name: str, params: dict[str, Any]) -> Maker:
        return lambda world, seed: Ours(name, world, seed, **params)

    def peer(kind: Callable[[str, World, int], Player], name: str) -> Maker:
        return lambda world, seed: kind(name, world, seed)

    names = ("thompson", "thompson_beta", "ucb", "kl_ucb", "hedge", "ensemble")
    made = {name: ours(name, STATIONARY) for name in names}
    made |= {f"{name}, forgetting": ours(name, FORGETTING) for name in names}
    for package, kind in zip(PEERS, (MabWiser, River), strict=True):
        if find_spec(package):
            made |= {f"{package} {name}": peer(kind, name) for name in ("thompson", "ucb")}
    return made


def play(player: Player, world: World) -> Floats:
    """Let a player meet a world; give its regret after each round, shape (rounds,) [reward]."""
    chosen = np.empty(len(world.rewards), dtype=np.intp)
    for now, rewards in enumerate(world.rewards):
        chosen[now] = arm = player.choose()
        seen = world.everything | (np.arange(len(rewards)) == arm)
        player.hear(np.where(seen, rewards, np.nan))
    return regret(chosen, world)


def regret(chosen: np.ndarray[Any, np.dtype[np.intp]], world: World) -> Floats:
    """Return the regret in expectation; against the best single arm where the world is hostile."""
    got = np.take_along_axis(world.means, chosen[:, None], axis=1)[:, 0]
    if world.everything:
        return np.asarray(world.means.cumsum(axis=0).max(axis=1) - got.cumsum(), dtype=np.float64)
    return np.asarray((world.means.max(axis=1) - got).cumsum(), dtype=np.float64)


def meets(player: str, world: str) -> bool:
    """Say whether a player belongs in a world: who must see everything, who only wins, who only its own."""
    if player.startswith("hedge"):
        return world == "hostile"
    if player.startswith(PEERS):
        return world != "hostile" and not (world == "Gaussian" and "thompson" in player)
    return not (player.startswith("thompson_beta") and world == "Gaussian")


def curves(rounds: int, seeds: int, told: Callable[[str], None]) -> dict[str, dict[str, Floats]]:
    """Let everybody play everywhere; give each mean regret over the seeds, by world and player."""
    made: dict[str, dict[str, Floats]] = {}
    for world, make in WORLDS.items():
        made[world] = {}
        for name, player in players().items():
            if meets(name, world):
                runs = [play(player(make(rounds, seed), seed), make(rounds, seed)) for seed in range(seeds)]
                made[world][name] = np.mean(runs, axis=0)
            told(f"{world}: {name}")
    return made


def table(made: dict[str, dict[str, Floats]], rounds: int) -> Table:
    """Show the regret at the end."""
    shown = Table("policy", title=f"regret after {rounds:,} rounds")
    for world in made:
        shown.add_column(world, justify="right")
    for name in players():
        cells = [f"{regrets[name][-1]:.1f}" if name in regrets else "" for regrets in made.values()]
        shown.add_row(name, *cells)
    return shown


def write(made: dict[str, dict[str, Floats]], folder: Path) -> list[Path]:
    """Write one page of curves for each world."""
    from plotly import graph_objects as go

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for world, regrets in made.items():
        figure = go.Figure(layout={"title": f"Regret, {world}", "template": "plotly_white"})
        for name, curve in regrets.items():
            figure.add_scatter(y=curve, name=name, mode="lines")
        figure.update_layout(xaxis_title="rounds", yaxis_title="regret [reward]")
        target = folder / f"regret-{world.lower()}.html"
        figure.write_html(target, include_plotlyjs=True)
        written.append(target)
    return written


def main() -> None:
    """Read the command line, play, print the table, write the curves."""
    parser = argparse.ArgumentParser(description="How much the selection policies lose to the best arm.")
    parser.add_argument("--out", type=Path, help="folder for curves as HTML")
    parser.add_argument("--rounds", type=int, default=1_000)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    if asked.rounds < 1 or asked.seeds < 1:
        parser.error("need rounds and seeds >= 1")
    console = Console()
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("playing", total=len(WORLDS) * len(players()))
        made = curves(
            asked.rounds, asked.seeds, lambda what: progress.update(task, advance=1, description=what)
        )
    console.print(table(made, asked.rounds))
    for target in write(made, asked.out) if asked.out else ():
        console.print(f"written to {target}")


if __name__ == "__main__":
    main()
