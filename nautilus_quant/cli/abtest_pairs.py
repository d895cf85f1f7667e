"""Where the pairs of an A/B test come from: the journal of a deployment, or two files of returns."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from nautilus_quant.learning.record import Evaluation
from nautilus_quant.learning.report import by_market

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pandas as pd

SELECTION = "selection"
"""Kind of the journal entries that hold an `Evaluation`."""


class NothingToCompareError(ValueError):
    """There is nothing to compare; the message says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """
    What two arms earned, side by side.

    Parameters
    ----------
    names
        Of A and of B.
    values
        What each earned over the same time; NaN where it is not known.
    unit
        ``reward`` or ``return``.
    per
        What one pair is: ``evaluation``, ``row``.
    where
        Market and regime in words; empty for files.

    """

    names: tuple[str, str]
    values: tuple[tuple[float, float], ...]
    unit: str
    per: str
    where: str = ""


def from_evaluations(
    evaluations: Sequence[Evaluation],
    arms: tuple[str, str],
    *,
    market: str | None = None,
    regime: str | None = None,
    unit: str = "reward",
) -> Pairs:
    """
    Pair what two arms earned between evaluations.

    An evaluation looks back: what it reports was earned in the regime its predecessor on that market named.
    Two at one time are one, and of several runs over the same time the last counts, as in the report.

    Parameters
    ----------
    evaluations
        In order of time, of any markets.
    arms
        Strategy ids of A and B.
    market, regime
        Only there. Without a market, the one on which both compete.
    unit
        ``reward`` or ``return``.

    Raises
    ------
    NothingToCompareError
        If an arm, market or regime is unknown, or the two never competed, or on several markets.

    """
    if not evaluations:
        raise NothingToCompareError(
            "the journal holds no selection yet: run a deployment with a meta_learner actor and a `state:` "
            "on disk, and come back after some evaluations; or compare two files with --returns"
        )
    known = {arm for one in evaluations for arm in one.arms}
    for arm in arms:
        _must_know("arm", arm, known)
    chosen = _market(evaluations, arms, market)
    there = by_market(one for one in evaluations if one.market == chosen)[chosen]
    if regime is not None:
        _must_know("regime", regime, {one.regime for one in there})
        there = [now for last, now in pairwise(there) if last.regime == regime]
    values = tuple(pair for one in there if not _both_missing(pair := _pair(one, arms, unit)))
    where = f"{chosen}, {regime}" if regime is not None else chosen
    return Pairs(names=arms, values=values, unit=unit, per="evaluation", where=where)


def from_files(a: Path, b: Path) -> Pairs:
    """
    Pair two series of returns by their times.

    Parameters
    ----------
    a, b
        CSV or Parquet, with columns ``ts`` (UNIX time [ns], or ISO 8601) and ``ret`` (net return of that
        time [fraction]).

    Raises
    ------
    NothingToCompareError
        If a file has other columns, repeats a time, or they have no time in common.

    """
    one, other = _series(a), _series(b)
    both = one.to_frame("a").join(other.to_frame("b"), how="outer").sort_index()
    if not both.notna().all(axis=1).any():
        raise NothingToCompareError(f"{a} and {b} have no time in common: the column ts must match")
    values = tuple((float(x), float(y)) for x, y in zip(both["a"], both["b"], strict=True))
    names = (a.stem, b.stem) if a.stem != b.stem else (str(a), str(b))
    return Pairs(names=names, values=values, unit="return", per="row")


def read_evaluations(bodies: Iterable[object]) -> list[Evaluation]:
    """Read the bodies of journal entries; what is no evaluation is left out."""
    found = []
    for body in bodies:
        try:
            found.append(Evaluation.from_dict(body))  # type: ignore[arg-type]
        except (TypeError, KeyError):
            continue
    return found


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known names are meant most likely, or all that there are."""
    names = sorted(known)
    inside = [one for one in names if name.lower() in one.lower()]
    near = list(dict.fromkeys([*inside, *difflib.get_close_matches(name, names, n=3, cutoff=0.5)]))[:3]
    return f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"


def _must_know(what: str, name: str, known: set[str]) -> None:
    if name not in known:
        raise NothingToCompareError(f"no {what} {name!r} in the journal; {nearest(name, known)}")


def _market(evaluations: Sequence[Evaluation], arms: tuple[str, str], wanted: str | None) -> str:
    if wanted is not None:
        _must_know("market", wanted, {one.market for one in evaluations})
    markets = sorted({one.market for one in evaluations if set(arms) <= set(one.arms)})
    if wanted is not None and wanted in markets:
        return wanted
    if wanted is None and len(markets) == 1:
        return markets[0]
    if markets:
        which = f"on {', '.join(markets)}"
        hint = "say which with --market" if wanted is None else f"not on {wanted}"
        raise NothingToCompareError(f"{arms[0]} and {arms[1]} compete {which}: {hint}")
    homes = "; ".join(f"{arm} on {', '.join(_homes(evaluations, arm))}" for arm in arms)
    raise NothingToCompareError(f"the two never competed on one market: {homes}")


def _homes(evaluations: Sequence[Evaluation], arm: str) -> list[str]:
    return sorted({one.market for one in evaluations if arm in one.arms})


def _pair(one: Evaluation, arms: tuple[str, str], unit: str) -> tuple[float, float]:
    values = dict(zip(one.arms, one.returns if unit == "return" else one.rewards, strict=False))
    return values.get(arms[0], math.nan), values.get(arms[1], math.nan)


def _both_missing(pair: tuple[float, float]) -> bool:
    return math.isnan(pair[0]) and math.isnan(pair[1])


def _series(path: Path) -> pd.Series[float]:
    import pandas as pd

    frame = pd.read_parquet(path) if path.suffix in {".parquet", ".pq"} else _read_csv(path)
    missing = {"ts", "ret"} - set(frame.columns)
    if missing:
        found = ", ".join(map(str, frame.columns))
        raise NothingToCompareError(f"{path} needs the columns ts and ret, has {found or 'none'}")
    try:
        times = pd.DatetimeIndex(pd.to_datetime(frame["ts"], utc=True))
        values = pd.to_numeric(frame["ret"]).to_numpy(dtype=float)
    except (ValueError, TypeError) as error:
        raise NothingToCompareError(f"{path}: {error}") from None
    if times.has_duplicates:
        raise NothingToCompareError(f"{path} has {times[times.duplicated()][0]} more than once")
    return pd.Series(values, index=times.as_unit("ns"))


def _read_csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (ValueError, pd.errors.ParserError) as error:  # an empty file, bytes that are no text, ragged rows
        raise NothingToCompareError(f"{path} is no CSV file: {error}") from None
