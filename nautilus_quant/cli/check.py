"""One thing that was checked, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a check came out; only FAIL makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """
    The outcome of one check.

    Parameters
    ----------
    name
        What was looked at.
    level
        How it is.
    found
        What was seen, with units.
    hint
        What to do about it; empty when nothing.

    """

    name: str
    level: Level
    found: str
    hint: str = ""

    @classmethod
    def ok(cls, name: str, found: str) -> Check:
        """All is well."""
        return cls(name, Level.OK, found)

    @classmethod
    def warn(cls, name: str, found: str, hint: str = "") -> Check:
        """Worth a look."""
        return cls(name, Level.WARN, found, hint)

    @classmethod
    def fail(cls, name: str, found: str, hint: str = "") -> Check:
        """Do not start a node like this."""
        return cls(name, Level.FAIL, found, hint)
