"""The body of ``nq assign``."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.assign_data import NoDataError, Recording, recordings
from nautilus_quant.cli.assign_view import view
from nautilus_quant.cli.assign_write import WriteError, written
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.config.registry import REGISTRY
from nautilus_quant.config.units import parse_fraction
from nautilus_quant.learning.assignment import Assignment, assign
from nautilus_quant.learning.measures import Measures, measure
from nautilus_quant.venues.recorded.frame import RecordedError
from nautilus_quant.venues.simulated.history import bar_seconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nautilus_quant.config.deployment import Deployment


class Wish(NamedTuple):
    """What was asked for, as on the command line."""

    instruments: tuple[str, ...]
    bars: str
    days: float | None
    spread: str | None
    top: int
    min_score: float
    write: Path | None


class Verdicts(NamedTuple):
    """What came out: by instrument, in the order asked."""

    measures: dict[str, Measures]
    assignments: dict[str, Assignment]
    notes: dict[str, tuple[str, ...]]


def run(config: Path, wish: Wish) -> Answer:
    """
    Measure, score, and write if asked to.

    Parameters
    ----------
    config
        The deployment's file.
    wish
        What was asked for.

    Returns
    -------
    Answer
        OK; FAILED: nothing suits, or no data; REFUSED: a wish that cannot be.

    """
    from nautilus_quant.config import load

    wrong = _wrong(wish)
    if wrong:
        return note(REFUSED, wrong)
    deployment = load(config)
    wanted = wish.instruments or deployment.instruments
    if not wanted:
        return note(REFUSED, f"{config} names no instrument: say which with --instrument ID")
    try:
        found = recordings(
            deployment, dict.fromkeys((*wanted, *deployment.instruments)), wish.bars, wish.days
        )
    except (NoDataError, RecordedError) as error:
        return note(FAILED, str(error))
    except ValueError as error:  # a symbol the simulated market does not have, a period that cannot be
        return note(REFUSED, str(error))
    verdicts = judge(found, dict.fromkeys(wanted), wish)
    return _answer(deployment, verdicts, wish)


def judge(found: Mapping[str, Recording], wanted: Mapping[str, object], wish: Wish) -> Verdicts:
    """Measure everything, and assign strategies to what is wanted."""
    found = {name: _with_spread(recording, wish.spread) for name, recording in found.items()}
    known = {name: measure(recording.market) for name, recording in found.items()}
    measures, assignments = {}, {}
    for name in wanted:
        recording, venue = found[name], name.rpartition(".")[2]
        others = {
            other: item.closes_at(recording.ts)
            for other, item in found.items()
            if other != name and other.rpartition(".")[2] == venue
        }
        measures[name] = measure(recording.market, others)
        assignments[name] = _available(assign(measures[name], known, min_score=wish.min_score, top=wish.top))
    return Verdicts(measures, assignments, {name: found[name].notes for name in wanted})


def _with_spread(recording: Recording, spread: str | None) -> Recording:
    if spread is None:
        return recording
    return recording._replace(market=replace(recording.market, spread=parse_fraction(spread)))


def _available(assignment: Assignment) -> Assignment:
    """Leave out strategies that this installation does not have."""
    have = REGISTRY["strategy"]
    missing = {
        c.use: "this installation has no such strategy" for c in assignment.choices if c.use not in have
    }
    choices = tuple(choice for choice in assignment.choices if choice.use in have)
    return assignment._replace(choices=choices, refused={**assignment.refused, **missing})


def _wrong(wish: Wish) -> str:
    try:
        bar_seconds(wish.bars)
    except ValueError as error:
        return f"--bars: {error}"
    if not 0.0 < wish.min_score <= 1.0:
        return f"--min-score must be in (0, 1], was {wish.min_score}"
    if wish.top < 1:
        return f"--top must be at least 1, was {wish.top}"
    try:
        if not 0.0 <= parse_fraction(wish.spread or 0.0) < 1.0:
            return f"--spread must be in [0, 1), was {wish.spread}"
    except ValueError as error:
        return f"--spread: {error}"
    if wish.days is not None and not 0.0 < wish.days < math.inf:
        return f"--days must be positive, was {wish.days}"
    return ""


def _answer(deployment: Deployment, verdicts: Verdicts, wish: Wish) -> Answer:
    assigned = any(item.choices for item in verdicts.assignments.values())
    file, problem = None, ""
    if wish.write is not None and assigned:
        try:
            file = written(deployment, verdicts.assignments, wish.bars, wish.write)
        except WriteError as error:
            problem = str(error)
    code = REFUSED if problem else OK if assigned else FAILED
    data: dict[str, Any] = {
        "ok": code == OK,
        "problem": problem,
        "bars": wish.bars,
        "file": None if file is None else str(file),
        "instruments": [_data(verdicts, name) for name in verdicts.assignments],
    }
    return Answer(code, plain(data), view(verdicts, wish, file, problem))


def _data(verdicts: Verdicts, name: str) -> dict[str, Any]:
    assignment = verdicts.assignments[name]
    return {
        **verdicts.measures[name].to_dict(),
        "choices": [choice._asdict() for choice in assignment.choices],
        "refused": assignment.refused,
        "notes": list(verdicts.notes[name]),
    }
