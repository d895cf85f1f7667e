"""The body of ``nq abtest``: read the pairs, run the test, plan what is missing."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path

from nautilus_quant.cli.abtest_pairs import (
    SELECTION,
    NothingToCompareError,
    Pairs,
    from_evaluations,
    from_files,
    read_evaluations,
)
from nautilus_quant.cli.abtest_view import view
from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.places import find_place
from nautilus_quant.config.units import parse_fraction
from nautilus_quant.learning.abtest import ABTest, Result
from nautilus_quant.learning.power import detectable, plan, power_of

UNITS = ("reward", "return")


@dataclass(frozen=True, slots=True)
class Question:
    """
    What is asked, as it was written.

    Parameters
    ----------
    names
        Config and two arms, or two files.
    files
        Whether they are files.
    market, regime
        Only there.
    unit
        ``reward`` or ``return``.
    alpha, power, min_effect
        Fractions such as ``5%``; the last in the unit compared.

    """

    names: tuple[str, ...]
    files: bool = False
    market: str | None = None
    regime: str | None = None
    unit: str = "reward"
    alpha: str = "5%"
    power: str = "80%"
    min_effect: str = "0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """
    What the test can find, by the deviation seen.

    Parameters
    ----------
    detectable
        Difference that as many pairs find with the power planned for [unit compared].
    required
        Pairs that find the difference seen with that power; infinite when it is zero.
    more
        What is missing to that.
    required_min_effect, power_min_effect
        Pairs that find the least difference that matters, and the probability that as many as there are do;
        NaN when none was named.

    """

    detectable: float
    required: float
    more: float
    required_min_effect: float
    power_min_effect: float


def run(question: Question) -> Answer:
    """
    Compare.

    Returns
    -------
    Answer
        OK: compared, whatever came out; FAILED: nothing to compare; REFUSED: a question it cannot read.

    """
    try:
        alpha, power, min_effect = _numbers(question)
    except ValueError as error:
        return note(REFUSED, str(error))
    try:
        pairs = _pairs(question)
        result = _test(pairs, alpha, min_effect)
    except NothingToCompareError as error:
        return note(FAILED, str(error))
    outlook = _outlook(result, alpha, power, min_effect)
    data = {
        "a": pairs.names[0],
        "b": pairs.names[1],
        "unit": pairs.unit,
        "where": pairs.where,
        "alpha": alpha,
        "power": power,
        "min_effect": min_effect,
        **asdict(result),
        "outlook": None if outlook is None else asdict(outlook),
    }
    return Answer(OK, plain(data), view(pairs, result, outlook, alpha=alpha, power=power))


def _numbers(question: Question) -> tuple[float, float, float]:
    wanted, usage = (2, "--returns A.csv B.csv") if question.files else (3, "CONFIG ARM_A ARM_B")
    if len(question.names) != wanted:
        raise ValueError(f"nq abtest {usage}: needs {wanted} names, was {len(question.names)}")
    if question.names[-1] == question.names[-2]:
        raise ValueError(f"A and B must differ, both were {question.names[-1]}")
    if question.unit not in UNITS:
        raise ValueError(f"--unit must be {' or '.join(UNITS)}, was {question.unit!r}")
    return (
        _fraction("alpha", question.alpha, 1.0),
        _fraction("power", question.power, 1.0),
        _fraction("min-effect", question.min_effect, math.inf),
    )


def _fraction(name: str, text: str, below: float) -> float:
    try:
        value = parse_fraction(text)
    except ValueError as error:
        raise ValueError(f"--{name}: {error}") from None
    zero_allowed = below == math.inf
    if not (0.0 < value < below or (zero_allowed and value == 0.0)):
        rule = "not be negative" if zero_allowed else "lie between 0 and 100%, both excluded"
        raise ValueError(f"--{name} must {rule}, was {text}")
    return value


def _pairs(question: Question) -> Pairs:
    if question.files:
        return from_files(Path(question.names[0]), Path(question.names[1]))
    config, a, b = question.names
    with find_place(Path(config), None).open(read_only=True) as store:
        evaluations = read_evaluations(entry.body for entry in store.entries(kind=SELECTION))
    return from_evaluations(
        evaluations, (a, b), market=question.market, regime=question.regime, unit=question.unit
    )


def _test(pairs: Pairs, alpha: float, min_effect: float) -> Result:
    test = ABTest(alpha, min_effect)
    for a, b in pairs.values:
        test.update(a, b)
    return test.result()


def _outlook(result: Result, alpha: float, power: float, min_effect: float) -> Outlook | None:
    n, sd = result.n, result.sd
    if not sd > 0.0:
        return None
    required = plan(result.estimate, sd, alpha, power).required
    return Outlook(
        detectable=detectable(sd, alpha, power, n=n),
        required=required,
        more=max(0.0, required - n),
        required_min_effect=plan(min_effect, sd, alpha, power).required if min_effect else math.nan,
        power_min_effect=power_of(min_effect, sd, alpha, n=n) if min_effect else math.nan,
    )
