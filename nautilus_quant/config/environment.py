"""Values from the environment, ``${NAME}`` and ``${NAME:-default}``, and the types of scalars."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from nautilus_quant.config.nodes import Node, is_finite, typed
from nautilus_quant.config.problems import Problem

_REFERENCE = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}|\$\{[^}]*\}?")


def resolve(node: Node, env: Mapping[str, str], problems: list[Problem], path: str = "") -> Node:
    """
    Fill in the environment and give every scalar its type.

    Parameters
    ----------
    node : Node
        A merged tree. What a layer has overridden is gone by now, so its variables need not be set.
    env : mapping of str to str
        The environment.
    problems : list of Problem
        Receives unset variables and numbers that are not finite.
    path : str
        Dotted path of `node`.
    """
    if isinstance(node.value, dict):
        items = {key: resolve(item, env, problems, join(path, key)) for key, item in node.value.items()}
        return replace(node, value=items)
    if isinstance(node.value, list):
        return replace(
            node, value=[resolve(item, env, problems, f"{path}[{at}]") for at, item in enumerate(node.value)]
        )
    return _scalar(node, env, problems, path)


def expand(node: Node, env: Mapping[str, str], problems: list[Problem], path: str) -> tuple[str, bool]:
    """Return the text of a scalar with the environment filled in, and whether any of it came from there."""
    used = False

    def fill(match: re.Match[str]) -> str:
        nonlocal used
        if match[0] == "$$":
            return "$"
        used = True
        return _lookup(match, node, env, problems, path)

    return _REFERENCE.sub(fill, str(node.value)), used


def join(path: str, key: str) -> str:
    """Append a key to a dotted path."""
    return f"{path}.{key}" if path else key


def _lookup(
    match: re.Match[str], node: Node, env: Mapping[str, str], problems: list[Problem], path: str
) -> str:
    name, default = match["name"], match["default"]
    if name is None:
        rule = "a variable is written ${NAME} or ${NAME:-default}"
        problems.append(Problem(file=node.file, line=node.line, path=path, rule=rule, value=match[0]))
        return ""
    # As in a shell, `:-` also replaces an empty value.
    value = env.get(name) or default or ""
    if name not in env and default is None:
        rule = f"environment variable {name} is not set"
        problems.append(
            Problem(file=node.file, line=node.line, path=path, rule=rule, hint=f"export {name}=...")
        )
    return value


def _scalar(node: Node, env: Mapping[str, str], problems: list[Problem], path: str) -> Node:
    text, used = expand(node, env, problems, path)
    value = typed(text) if node.plain else text
    if not is_finite(value):
        problems.append(
            Problem(file=node.file, line=node.line, path=path, rule="need a finite number", value=text)
        )
        value = 0.0
    return replace(node, value=value, text=text, from_env=used)
