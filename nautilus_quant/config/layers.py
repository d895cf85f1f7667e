"""Files that extend files: read, ordered and merged key by key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from nautilus_quant.config.environment import expand
from nautilus_quant.config.nodes import MAX_BYTES, Node, parse
from nautilus_quant.config.problems import Problem

EXTENDS = "extends"


def read(path: Path, env: Mapping[str, str], problems: list[Problem]) -> Node:
    """
    Read a file and all it extends, merged.

    Mappings merge key by key; scalars and lists replace; ``null`` removes what a lower layer has set. Of
    several files under ``extends`` a later one overrides an earlier one, and the file itself all of them.

    Parameters
    ----------
    path : Path
        The file; its own ``extends`` are relative to it.
    env : mapping of str to str
        The environment, for paths such as ``${NQ_CONFIGS}/base.yaml``.
    problems : list of Problem
        Receives what cannot be read: missing files, syntax, cycles.
    """
    return _layered(path, (), env, problems, asked_by=None)


def merge(below: Node, above: Node) -> Node:
    """Lay one tree over another."""
    if not (isinstance(below.value, dict) and isinstance(above.value, dict)):
        return above
    items, lines = dict(below.value), {**below.key_lines, **above.key_lines}
    for key, item in above.value.items():
        if key in items and item.is_null:
            del items[key]
        else:
            items[key] = merge(items[key], item) if key in items else item
    nulls = {key for key, item in above.value.items() if item.is_null}
    removed = (below.removed | nulls | above.removed) - (above.value.keys() - nulls)
    return replace(above, value=items, key_lines=lines, removed=frozenset(removed))


def _layered(
    path: Path,
    chain: tuple[Path, ...],
    env: Mapping[str, str],
    problems: list[Problem],
    asked_by: Node | None,
) -> Node:
    here = path.resolve()
    if here in chain:
        shown = " -> ".join(item.name for item in (*chain[chain.index(here) :], here))
        problems.append(_about(asked_by, path, "files must not extend each other in a circle", shown))
        return Node({}, str(path), 1)
    tree = _tree(path, problems, asked_by)
    if not isinstance(tree.value, dict):
        problems.append(
            Problem(file=tree.file, line=tree.line, path="", rule="a configuration is a mapping of keys")
        )
        return Node({}, str(path), 1)
    merged = Node({}, str(path), 1)
    for base, node in _bases(tree, path, env, problems):
        merged = merge(merged, _layered(base, (*chain, here), env, problems, asked_by=node))
    own = {key: item for key, item in tree.value.items() if key != EXTENDS}
    return merge(merged, replace(tree, value=own))


def _bases(
    tree: Node, path: Path, env: Mapping[str, str], problems: list[Problem]
) -> list[tuple[Path, Node]]:
    node = tree.child(EXTENDS)
    if node is None or node.is_null:
        return []
    found: list[tuple[Path, Node]] = []
    for item in node.value if isinstance(node.value, list) else [node]:
        if not isinstance(item.value, str) or not item.value.strip():
            problems.append(_about(item, path, "extends names a file, or a list of files", ""))
            continue
        text, _ = expand(item, env, problems, EXTENDS)
        if text:
            found.append((path.parent / Path(text).expanduser(), item))
    return found


def _tree(path: Path, problems: list[Problem], asked_by: Node | None) -> Node:
    empty = Node({}, str(path), 1)
    try:
        raw = path.read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.append(
            Problem(file=str(path), line=0, path="", rule="a file is UTF-8 text", value=str(error.reason))
        )
        return empty
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or str(error)
        problems.append(_about(asked_by, path, f"cannot read {path if asked_by else 'it'}: {said}", ""))
        return empty
    if len(raw) > MAX_BYTES:
        rule = f"a configuration is at most {MAX_BYTES} bytes"
        problems.append(Problem(file=str(path), line=0, path="", rule=rule, value=f"{len(raw)} bytes"))
        return empty
    node, found = parse(text, str(path))
    problems.extend(found)
    return empty if node is None else node


def _about(node: Node | None, path: Path, rule: str, value: str) -> Problem:
    if node is None:
        return Problem(file=str(path), line=0, path="", rule=rule, value=value)
    return Problem(file=node.file, line=node.line, path=EXTENDS, rule=rule, value=value)
