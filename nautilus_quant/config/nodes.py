"""YAML text as a tree that knows the file and line of every node.

Built from the event stream rather than with a constructor: types follow YAML 1.2 (``yes`` is a word, ``1:30``
is not ninety), duplicate keys are refused, and no text, however deep or malicious, can exhaust the machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from nautilus_quant.config.problems import Problem

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 40
MAX_NODES: Final = 20_000

_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT: Final = re.compile(r"[-+]?(0|[1-9](_?\d)*)")
_DIGITS: Final = r"\d(?:_?\d)*"
_FLOAT: Final = re.compile(
    rf"[-+]?(?:(?:{_DIGITS})?\.{_DIGITS}(?:[eE][-+]?\d+)?|{_DIGITS}\.|{_DIGITS}\.?[eE][-+]?\d+)"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_LARGEST_INT: Final = 2**63 - 1

type Content = dict[str, Node] | list[Node] | str | int | float | bool | None


@dataclass(slots=True)
class Node:
    """
    One value of a configuration, with the place it came from.

    Parameters
    ----------
    value : mapping, list or scalar
        Scalars are text until `nautilus_quant.config.environment.resolve` has given them their type.
    file, line : str, int
        Where it was written.
    plain : bool
        Whether a scalar was written without quotes, and so may be a number, a truth value or null.
    key_lines : dict of str to int
        Lines of the keys of a mapping.
    from_env : bool
        Whether any part of a scalar came from the environment.
    text : str
        A scalar as it was written.
    removed : frozenset of str
        Keys of a mapping which the topmost file that names them takes away.
    """

    value: Content
    file: str
    line: int
    plain: bool = False
    key_lines: dict[str, int] = field(default_factory=dict)
    from_env: bool = False
    text: str = ""
    removed: frozenset[str] = frozenset()

    @property
    def is_null(self) -> bool:
        """Whether this is an unquoted null."""
        return self.plain and (self.value is None or (isinstance(self.value, str) and self.value in _NULLS))

    def child(self, key: str) -> Node | None:
        """Return the child under `key` of a mapping, None when there is none."""
        return self.value.get(key) if isinstance(self.value, dict) else None


class Unreadable(Exception):  # noqa: N818 - carries a problem up to the caller, who reports it
    """YAML that cannot be read as a tree."""

    def __init__(self, line: int, rule: str, value: str = "", hint: str = "") -> None:
        super().__init__(rule)
        self.line, self.rule, self.value, self.hint = line, rule, value, hint


def parse(text: str, file: str) -> tuple[Node | None, list[Problem]]:
    """
    Read YAML text into a tree.

    Returns
    -------
    tuple of Node or None, list of Problem
        The tree, None when the text is not YAML; and what was wrong with it.
    """
    reader = _Reader(text, file)
    try:
        return reader.document(), reader.problems
    except Unreadable as error:
        failure = Problem(
            file=file, line=error.line, path="", rule=error.rule, value=error.value, hint=error.hint
        )
    except yaml.YAMLError as error:
        failure = _syntax(error, file, text)
    return None, [*reader.problems, failure]


def typed(text: str) -> str | int | float | bool | None:
    """
    Give an unquoted scalar its type: null, truth value, whole number, number, or text.

    Examples
    --------
    >>> [typed(text) for text in ("100_000", "1e-3", "yes", "001", "~")]
    [100000, 0.001, 'yes', '001', None]
    """
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if len(text) <= 40 and _INT.fullmatch(text):
        number = int(text.replace("_", ""))
        return number if abs(number) <= _LARGEST_INT else float(number)
    if len(text) <= 40 and _FLOAT.fullmatch(text):
        return float(
            text.replace("_", "").replace(".inf", "inf").replace(".Inf", "inf").lower().replace(".nan", "nan")
        )
    return text


def is_finite(value: Content) -> bool:
    """Tell whether a scalar is no number, or a finite one."""
    return not isinstance(value, float) or math.isfinite(value)


class _Reader:
    """Turns the events of one document into nodes; every method reads what its name says."""

    def __init__(self, text: str, file: str) -> None:
        self._events: Iterator[Any] = iter(yaml.parse(text, Loader=_LOADER))
        self._file = file
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._count = 0
        self.problems: list[Problem] = []

    def document(self) -> Node:
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return Node({}, self._file, 1)
        root = self._node(next(self._events), 0)
        next(self._events)  # document end
        following = next(self._events)
        if not isinstance(following, yaml.StreamEndEvent):
            raise Unreadable(_line(following), "one file holds one document", "a second one after ---")
        return root

    def _node(self, event: Any, depth: int) -> Node:
        before = self._count
        self._spend(1, event)
        if depth > MAX_DEPTH:
            raise Unreadable(_line(event), f"at most {MAX_DEPTH} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._refuse_tag(event)
        node = self._content(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before)
        return node

    def _content(self, event: Any, depth: int) -> Node:
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(event, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return Node(event.value, self._file, _line(event), plain=not event.style, text=event.value)

    def _mapping(self, start: Any, depth: int) -> Node:
        node = Node({}, self._file, _line(start))
        items: dict[str, Node] = node.value  # type: ignore[assignment]
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise Unreadable(_line(event), "a key is a single word or text", "a list, mapping or alias")
            value = self._node(next(self._events), depth + 1)
            if event.value in items:
                self._duplicate(event, node.key_lines[event.value])
                continue
            items[event.value] = value
            node.key_lines[event.value] = _line(event)
        return node

    def _sequence(self, start: Any, depth: int) -> Node:
        items: list[Node] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, depth + 1))
        return Node(items, self._file, _line(start))

    def _alias(self, event: Any) -> Node:
        if event.anchor not in self._anchors:
            raise Unreadable(_line(event), "an alias names an anchor above it", f"*{event.anchor}")
        node, size = self._anchors[event.anchor]
        self._spend(
            size, event
        )  # aliases of aliases grow exponentially when walked: count what they stand for
        return node

    def _spend(self, nodes: int, event: Any) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise Unreadable(_line(event), f"at most {MAX_NODES} values in one file")

    def _refuse_tag(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            raise Unreadable(
                _line(event), "tags are not used here", event.tag, "write the value without its tag"
            )

    def _duplicate(self, event: Any, first: int) -> None:
        rule = f"a key stands once in a mapping, first on line {first}"
        self.problems.append(Problem(file=self._file, line=_line(event), path=event.value, rule=rule))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _syntax(error: yaml.YAMLError, file: str, text: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable"
    line = int(mark.line) + 1 if mark is not None else 0
    lines = text.splitlines()
    hint = "check indentation and quotes"
    if 0 < line <= len(lines) and "${" in lines[line - 1]:
        hint = 'inside { } and [ ] write "${NAME}" in quotes'
    return Problem(file=file, line=line, path="", rule=f"not valid YAML: {said}", hint=hint)
