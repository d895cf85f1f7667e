"""What is wrong with a configuration: all of it at once, each with its place, rule, value and hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """
    One thing that is wrong in a configuration file.

    Parameters
    ----------
    file, line : str, int
        Where it was written; line 0 when the file as a whole is meant.
    path : str
        Dotted path of the key, ``strategies.momentum-btc.fast``; empty for the file as a whole.
    rule : str
        What must hold.
    value : str
        What was there instead, secrets masked; empty when there was nothing.
    hint : str
        What to do about it, often the nearest valid name.
    """

    file: str
    line: int
    path: str
    rule: str
    value: str = ""
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        subject = f" {self.path}:" if self.path else ""
        value = f", was {self.value}" if self.value else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}:{subject} {self.rule}{value}{hint}"


class ConfigError(ValueError):
    """
    A configuration was refused.

    Parameters
    ----------
    problems : iterable of Problem
        Everything that was found, in the order of the files.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(dict.fromkeys(problems))
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        title = f"configuration refused, {count} problem{'s' if count != 1 else ''}:"
        return "\n".join([title, *(f"  {problem}" for problem in self.problems)])


def nearest(name: str, valid: Iterable[str], *, what: str = "") -> str:
    """Return a hint that names the valid name nearest to `name`, or lists all when none is near."""
    names = sorted(valid)
    near = _closest(name, names)
    if near is not None:
        return f"did you mean `{near}`?"
    if not names:
        return ""
    listed = ", ".join(names[:24]) + (", ..." if len(names) > 24 else "")
    return f"{what or 'valid names'}: {listed}"


def _closest(name: str, names: Sequence[str]) -> str | None:
    folded = {candidate.casefold(): candidate for candidate in names}
    match = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=0.6)
    return folded[match[0]] if match else None
