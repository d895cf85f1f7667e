"""A strategy written once for many instruments: ``each: [A.X, B.X]`` becomes one block per instrument."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from nautilus_quant.config.environment import join
from nautilus_quant.config.layers import merge

if TYPE_CHECKING:
    from nautilus_quant.config.check import Checker
    from nautilus_quant.config.nodes import Node
    from nautilus_quant.config.problems import Problem

EACH: Final = "each"
INSTRUMENT_PATTERN: Final = r"^[^\s.][^\s]*\.[A-Z0-9][A-Z0-9_]*$"
MAX_EACH: Final = 500

_SECTION: Final = "strategies"
_INSTRUMENT: Final = re.compile(INSTRUMENT_PATTERN)
_CONTRACT: Final = re.compile(r"-(PERP|SWAP)$")
_LIST_HINT: Final = "each: [BTCUSDT-PERP.SIM, ETHUSDT-PERP.SIM]"


def expand_each(tree: Node, checker: Checker) -> tuple[Node, dict[str, str]]:
    """
    Write out every strategy that is written once for many instruments.

    A block ``fast`` with ``each: [BTCUSDT-PERP.SIM]`` becomes ``fast_btcusdt`` with that instrument. A block
    ``fast_btcusdt`` without ``use`` changes this one, ``null`` takes it away; both may stand in a later file.

    Parameters
    ----------
    tree
        The whole file, layers merged and the environment filled in.
    checker
        Receives what is wrong.

    Returns
    -------
    tuple of Node and dict of str to str
        The file as if all had been written out; and of each new key the key it was written under.

    """
    section = tree.child(_SECTION)
    if section is None or not isinstance(tree.value, dict) or not isinstance(section.value, dict):
        return tree, {}
    if not any(_is_template(block) for block in section.value.values()):
        return tree, {}
    expansion = _Expansion(section, checker)
    for name, block in section.value.items():
        expansion.take(name, block)
    return replace(tree, value={**tree.value, _SECTION: expansion.written_out()}), expansion.origins


def collapse(problems: list[Problem], origins: dict[str, str]) -> list[Problem]:
    """Say once, under the key it was written under, what is wrong with several strategies alike."""
    shared = [_under_origin(problem, origins) for problem in problems]
    counts = Counter(shared)
    pairs = zip(problems, shared, strict=True)
    return list(dict.fromkeys(common if counts[common] > 1 else own for own, common in pairs))


@dataclass(slots=True)
class _Expansion:
    """The section of strategies while it is written out."""

    section: Node
    checker: Checker
    blocks: dict[str, Node] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def take(self, name: str, block: Node) -> None:
        if not _is_template(block):
            # What changes a strategy that is written out elsewhere has its turn there.
            if name not in self.origins:
                self.blocks[name] = block
                self.lines[name] = self.section.key_lines.get(name, block.line)
            return
        for item in _items(name, block, self.checker):
            self._write(name, block, item)

    def written_out(self) -> Node:
        return replace(self.section, value=self.blocks, key_lines=self.lines)

    def _write(self, template: str, block: Node, item: Node) -> None:
        name = f"{template}_{_suffix(_instrument(item))}"
        place = f"{_instrument(item)} of {template} ({item.file}:{item.line})"
        own = self.section.child(name)
        own = None if own is not None and _is_template(own) else own
        if own is not None and own.child("use") is not None:
            line = self.section.key_lines.get(name, own.line)
            self._clash(template, name, item, f"{name} ({own.file}:{line})")
        elif name in self.places:
            self._clash(template, name, item, self.places[name])
        else:
            self.places[name], self.origins[name] = place, template
            self.blocks.pop(name, None)
            if name not in self.section.removed and not (own is not None and own.is_null):
                self.blocks[name] = _block(block, item, own)
                self.lines[name] = item.line

    def _clash(self, template: str, name: str, item: Node, other: str) -> None:
        rule = f"{_instrument(item)} of {template} would be called {name}, as is {other}"
        hint = f"call one of them otherwise; a block that only changes {name} has no `use`"
        self.checker.report(item, f"{_SECTION}.{template}.{EACH}", rule, hint=hint, shown="")


def _items(name: str, block: Node, checker: Checker) -> list[Node]:
    """Return the entries of ``each`` which can be written out, and report the others."""
    node, path = block.child(EACH), join(join(_SECTION, name), EACH)
    assert node is not None
    if not isinstance(node.value, list) or not node.value:
        checker.report(node, path, "must be a list of instruments", hint=_LIST_HINT)
        return []
    if len(node.value) > MAX_EACH:
        checker.report(
            node, path, f"at most {MAX_EACH} instruments", shown=str(len(node.value)), hint="use two blocks"
        )
        return []
    if "instrument" in (block.value if isinstance(block.value, dict) else {}):
        hint = "keep one of them; in a later file `instrument: null` takes away what is below"
        checker.report(node, path, "`each` and `instrument` do not go together", hint=hint, shown="")
        return []
    seen: set[str] = set()
    return [item for at, item in enumerate(node.value) if _is_sound(item, f"{path}[{at}]", seen, checker)]


def _is_sound(item: Node, path: str, seen: set[str], checker: Checker) -> bool:
    text = _instrument(item)
    if not _INSTRUMENT.fullmatch(text) or not _suffix(text):
        hint = "BTCUSDT-PERP.SIM, or {instrument: BTCUSDT-PERP.SIM, partner: ETHUSDT-PERP.SIM}"
        checker.report(item.child("instrument") or item, path, "must be an instrument id", hint=hint)
        return False
    if text in seen:
        checker.report(item, path, "an instrument stands once in `each`", shown=text)
        return False
    seen.add(text)
    return True


def _block(template: Node, item: Node, change: Node | None) -> Node:
    """Lay an entry of ``each``, and what changes it alone, over what is common to all."""
    assert isinstance(template.value, dict)
    common = {key: node for key, node in template.value.items() if key != EACH}
    own = item if isinstance(item.value, dict) else replace(item, value={"instrument": item})
    whole = merge(replace(template, value=common), own)
    whole = whole if change is None else merge(whole, change)
    return replace(whole, file=template.file, line=template.line)


def _is_template(block: Node) -> bool:
    return block.child(EACH) is not None


def _instrument(item: Node) -> str:
    node = item.child("instrument") if isinstance(item.value, dict) else item
    return node.value if node is not None and isinstance(node.value, str) else ""


def _suffix(instrument: str) -> str:
    symbol = _CONTRACT.sub("", instrument.rpartition(".")[0])
    return re.sub(r"[^a-z0-9]", "", symbol.lower())


def _under_origin(problem: Problem, origins: dict[str, str]) -> Problem:
    section, _, rest = problem.path.partition(".")
    name, dot, key = rest.partition(".")
    if section != _SECTION or name not in origins:
        return problem
    return replace(problem, path=f"{_SECTION}.{origins[name]}{dot}{key}")
