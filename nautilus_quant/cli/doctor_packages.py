"""Whether Python and the packages are those the project is made for."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from importlib import metadata

from nautilus_quant.cli.check import Check

DISTRIBUTION = "nt-quant"
OLDEST, NEWEST = (3, 12), (3, 14)

_REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?$")
_CLAUSE = re.compile(r"^\s*(>=|<=|==|!=|~=|>|<)\s*([0-9][^\s,]*)\s*$")
_DIGITS = re.compile(r"^\d+")


def check_python(version: tuple[int, int] | None = None) -> Check:
    """Compare the running Python, or `version`, with what is tested."""
    found = version or (sys.version_info.major, sys.version_info.minor)
    words = f"Python {found[0]}.{found[1]} ({sys.executable})"
    if OLDEST <= found <= NEWEST:
        return Check.ok("python", words)
    return Check.fail("python", words, f"use {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}: make setup")


def check_packages() -> list[Check]:
    """Compare what is installed with what this distribution asks for."""
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        hint = "make setup, or pip install -e ."
        return [Check.warn("packages", f"{DISTRIBUTION} is not installed, its ranges are unknown", hint)]
    return list(judge(requirements))


def judge(requirements: Iterable[str]) -> Iterable[Check]:
    """Check each requirement as ``pip`` writes them; what an extra asks for may be missing."""
    for text in dict.fromkeys(requirements):
        match = _REQUIREMENT.match(text.strip())
        name = match.group(1) if match else text
        if match is None or name == DISTRIBUTION:
            continue
        wanted, condition = match.group(2).strip(), match.group(3) or ""
        if "dev" in condition:
            continue
        check = _judge_one(name, wanted, optional="extra" in condition)
        if check is not None:
            yield check


def _judge_one(name: str, wanted: str, *, optional: bool) -> Check | None:
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return None if optional else Check.fail(name, "not installed", f"pip install '{name}{wanted}'")
    if satisfies(found, wanted):
        return Check.ok(name, f"{found} ({wanted})" if wanted else found)
    words, hint = f"{found}, outside {wanted}", f"pip install '{name}{wanted}'"
    return Check.warn(name, words, hint) if optional else Check.fail(name, words, hint)


def satisfies(version: str, wanted: str) -> bool:
    """Tell whether a version lies in a range such as ``>=1.2,<2``; a clause it cannot read does not hold."""
    return all(_holds(version, clause) for clause in wanted.split(",") if clause.strip())


def _holds(version: str, clause: str) -> bool:
    match = _CLAUSE.match(clause)
    if match is None:
        return False
    sign, bound = match.groups()
    have, want = _numbers(version), _numbers(bound)
    width = max(len(have), len(want))
    left, right = (numbers + (0,) * (width - len(numbers)) for numbers in (have, want))
    match sign:
        case ">=":
            return left >= right
        case "<=":
            return left <= right
        case ">":
            return left > right
        case "<":
            return left < right
        case "==":
            return left == right
        case "!=":
            return left != right
        case _:  # ~= 1.4.2: at least that, and the same 1.4
            return left >= right and have[: len(want) - 1] == want[:-1]


def _numbers(version: str) -> tuple[int, ...]:
    """Read the release part of a version: ``2.1.0rc1`` is (2, 1, 0)."""
    numbers = []
    for part in version.partition("+")[0].split("."):
        digits = _DIGITS.match(part)
        if digits is None:
            break
        numbers.append(int(digits.group()))
        if digits.group() != part:
            break
    return tuple(numbers)
