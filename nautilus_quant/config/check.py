"""Check a tree against msgspec types: every problem at once, each at the line of its key."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import msgspec

from nautilus_quant.config.environment import join
from nautilus_quant.config.nodes import Node, typed
from nautilus_quant.config.problems import Problem, nearest
from nautilus_quant.config.secrets import MASK, discreet, is_secret, masked_text
from nautilus_quant.config.units import FRACTION, SECONDS, parse_fraction, parse_seconds

type Decode = Callable[[type, Any], Any]

_PARSERS: Final[Mapping[str, Callable[[str | float], float]]] = {
    FRACTION: parse_fraction,
    SECONDS: parse_seconds,
}
_SEQUENCES: Final = (list, tuple, set, frozenset, Sequence)
_MAPPINGS: Final = (dict, Mapping)
_SHOWN: Final = 80
_WORDS: Final = {
    "float": "a number",
    "int": "a whole number",
    "str": "text",
    "bool": "true or false",
    "object": "a mapping",
}


@dataclass(slots=True)
class Checker:
    """
    Turns nodes into plain, JSON-able values of a wanted type, and collects what is wrong.

    Parameters
    ----------
    decode : callable, optional
        Builds values of types which msgspec does not know, NautilusTrader's ``msgspec_decoding_hook``.
    problems : list of Problem
        Receives what is wrong.
    """

    decode: Decode | None = None
    problems: list[Problem] = field(default_factory=list)

    def struct(
        self, cls: type[msgspec.Struct], node: Node, path: str, *, given: Mapping[str, Any] | None = None
    ) -> Any:
        """
        Check a mapping against a struct.

        Parameters
        ----------
        cls : type of msgspec.Struct
            What is wanted.
        node : Node
            The mapping.
        path : str
            Its dotted path.
        given : mapping, optional
            Fields the caller provides and the file must not; they take part in the check of the whole.

        Returns
        -------
        dict
            The plain value of every field written in the file.
        """
        if not isinstance(node.value, dict):
            self.report(node, path, "must be a mapping of keys to values")
            return {}
        fields = {item.encode_name: item for item in msgspec.structs.fields(cls)}
        before, provided, plain = len(self.problems), given or {}, {}
        for key, child in node.value.items():
            if key not in fields or key in provided:
                self.unknown(node, key, path, fields.keys() - provided.keys())
                continue
            plain[key] = self.value(fields[key].type, child, join(path, key))
        missing = [
            key
            for key, item in fields.items()
            if item.required and key not in node.value and key not in provided
        ]
        for key in missing:
            self.report(node, path, f"`{key}` is required", shown="")
        if len(self.problems) == before:
            self._whole(cls, {**provided, **plain}, node, path)
        return plain

    def value(self, wanted: Any, node: Node, path: str, unit: str | None = None) -> Any:
        """Check one value against any type and return it plain; None when it is wrong."""
        origin = get_origin(wanted)
        if origin is Annotated:
            return self._annotated(wanted, node, path, unit)
        if origin in (Union, types.UnionType):
            return self._union(wanted, node, path, unit)
        if isinstance(wanted, type) and issubclass(wanted, msgspec.Struct):
            return self.struct(wanted, node, path)
        if (origin or wanted) in _SEQUENCES:
            return self._sequence(wanted, node, path)
        if (origin or wanted) in _MAPPINGS:
            return self._mapping(wanted, node, path)
        return self._leaf(wanted, node, path, unit)

    def report(
        self, node: Node, path: str, rule: str, *, hint: str = "", shown: str | None = None, line: int = 0
    ) -> None:
        """Note that something is wrong with a node."""
        value = show(node, path) if shown is None else shown
        self.problems.append(
            Problem(file=node.file, line=line or node.line, path=path, rule=rule, value=value, hint=hint)
        )

    def unknown(self, node: Node, key: str, path: str, valid: Iterable[str]) -> None:
        """Note that a mapping has a key which nothing reads."""
        place = join(path, key)
        line = node.key_lines.get(key, node.line)
        child = node.child(key) or node
        self.report(
            child,
            place,
            "unknown key",
            hint=nearest(key, valid, what="valid keys"),
            shown=f"`{key}`",
            line=line,
        )

    def _annotated(self, wanted: Any, node: Node, path: str, unit: str | None) -> Any:
        base, *notes = get_args(wanted)
        for note in notes:
            if isinstance(note, msgspec.Meta) and note.extra is not None:
                unit = note.extra.get("unit", unit)
        if get_origin(base) is not None or (isinstance(base, type) and issubclass(base, msgspec.Struct)):
            before = len(self.problems)
            plain = self.value(base, node, path, unit)
            return plain if len(self.problems) > before else self._converted(wanted, plain, node, path)
        return self._leaf(wanted, node, path, unit)

    def _union(self, wanted: Any, node: Node, path: str, unit: str | None) -> Any:
        options = [option for option in get_args(wanted) if option is not type(None)]
        if node.value is None and len(options) < len(get_args(wanted)):
            return None
        if len(options) == 1:
            return self.value(options[0], node, path, unit)
        return self._leaf(wanted, node, path, unit)

    def _sequence(self, wanted: Any, node: Node, path: str) -> Any:
        if not isinstance(node.value, list):
            self.report(
                node, path, "must be a list", hint=f"write [{show(node, path)}]" if _is_scalar(node) else ""
            )
            return None
        inner = [item for item in get_args(wanted) if item is not Ellipsis] or [Any]
        fixed = (
            (get_origin(wanted) or wanted) is tuple
            and Ellipsis not in get_args(wanted)
            and len(get_args(wanted)) > 0
        )
        if fixed and len(inner) != len(node.value):
            self.report(
                node, path, f"must be a list of {len(inner)} values", shown=f"{len(node.value)} values"
            )
            return None
        kinds = inner if fixed else inner[:1] * len(node.value)
        pairs = zip(kinds, node.value, strict=True)
        return [self.value(kind, item, f"{path}[{at}]") for at, (kind, item) in enumerate(pairs)]

    def _mapping(self, wanted: Any, node: Node, path: str) -> Any:
        if not isinstance(node.value, dict):
            self.report(node, path, "must be a mapping of keys to values")
            return None
        key_type, item_type = get_args(wanted) or (Any, Any)
        plain: dict[str, Any] = {}
        for key, item in node.value.items():
            word = Node(key, item.file, node.key_lines.get(key, item.line), text=key)
            self._leaf(key_type, word, join(path, key), None)
            plain[key] = self.value(item_type, item, join(path, key))
        return plain

    def _leaf(self, wanted: Any, node: Node, path: str, unit: str | None) -> Any:
        plain = to_plain(node)
        if node.from_env:
            # Quotes around ${NAME} are needed inside { }, so the wanted type decides, not the quotes: a port
            # is a number, and a key made of digits is still a key.
            plain = node.text if _wants_text(wanted) and plain is not None else typed(node.text)
        plain = _by_name(wanted, plain)
        if unit is not None and isinstance(plain, str):
            try:
                plain = _PARSERS[unit](plain)
            except ValueError as error:
                self.report(node, path, _sentence(str(error).rpartition(", was ")[0] or str(error)))
                return None
        return self._converted(wanted, plain, node, path, unit)

    def _converted(self, wanted: Any, plain: Any, node: Node, path: str, unit: str | None = None) -> Any:
        said = problem_of(wanted, plain, self.decode)
        if said is None:
            return plain
        rule = discreet(_sentence(said), {path.rpartition(".")[2]: plain})
        self.report(node, path, rule, hint=_hint(wanted, plain, node, unit))
        return None

    def _whole(self, cls: type[msgspec.Struct], plain: Mapping[str, Any], node: Node, path: str) -> None:
        """Let the class judge its fields together (``__post_init__``)."""
        said = problem_of(cls, dict(plain), self.decode)
        if said is not None:
            self.blame(node, path, said, discreet(_sentence(said), plain))

    def blame(self, node: Node, path: str, said: str, rule: str) -> None:
        """Note what a class says against a mapping: at the key its message begins with, if there is one."""
        key = said.partition(" ")[0].strip("`'\":,").partition("=")[0]
        child = node.child(key)
        self.report(child or node, join(path, key) if child else path, rule, shown="")


def problem_of(wanted: Any, plain: Any, decode: Decode | None) -> str | None:
    """Return what is wrong with a plain value for a type, None when nothing is."""
    try:
        msgspec.convert(plain, wanted, dec_hook=_guarded(decode))
    except Exception as error:  # noqa: BLE001 - classes of others run here; whatever they raise is about this value
        return str(error) or type(error).__name__
    return None


def to_plain(node: Node) -> Any:
    """Return a tree as plain mappings, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: to_plain(item) for key, item in node.value.items()}
    if isinstance(node.value, list):
        return [to_plain(item) for item in node.value]
    return node.value


def show(node: Node, path: str) -> str:
    """Return what a node holds, short, secrets masked."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if any(is_secret(part) for part in re.split(r"[.\[\]]", path)):
        return MASK
    text = masked_text(node.text)
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return "null" if node.value is None else repr(shown) if isinstance(node.value, str) else shown


def _guarded(decode: Decode | None) -> Decode | None:
    """Make any failure of a decoding hook a plain ValueError, which msgspec gives its path."""
    if decode is None:
        return None

    def guarded(kind: type, value: Any) -> Any:
        try:
            return value if isinstance(value, kind) else decode(kind, value)
        except NotImplementedError:
            raise
        except Exception as error:  # anything a hook raises is about this value
            raise ValueError(f"not a valid {kind.__name__}: {error}") from error

    return guarded


def _sentence(said: str) -> str:
    text = re.sub(r" - at `(key in )?\$.*`$", "", said)
    if text.startswith("Invalid enum value"):
        return "must be one of its choices"
    for name, word in _WORDS.items():
        text = text.replace(f"`{name}", f"`{word}")
    return text.replace("`", "").replace("Expected ", "must be ").replace(", got ", ", not ")


def _hint(wanted: Any, plain: Any, node: Node, unit: str | None) -> str:
    if unit == FRACTION and isinstance(plain, int | float) and 1.0 < plain <= 100.0 and "%" not in node.text:
        return f"{plain:g}% is written {plain:g}% or {plain / 100.0:g}"
    if _wants_text(wanted) and isinstance(plain, int | float | bool):
        return f'quote it: "{node.text}"'
    choices = _choices(wanted)
    return nearest(str(plain), choices, what="choices") if choices and isinstance(plain, str) else ""


def _by_name(wanted: Any, plain: Any) -> Any:
    """Return the number behind a member's name (``IOC``), for enumerations JSON knows by number."""
    members = getattr(wanted, "__members__", None)
    if isinstance(plain, str) and isinstance(members, Mapping) and plain.upper() in members:
        value = members[plain.upper()].value
        return value if isinstance(value, int) else plain
    return plain


def _choices(wanted: Any) -> list[str]:
    if get_origin(wanted) is Annotated:
        return _choices(get_args(wanted)[0])
    if get_origin(wanted) is Literal:
        return [str(choice) for choice in get_args(wanted)]
    members = getattr(wanted, "__members__", None)
    if not isinstance(members, Mapping):
        return []
    values = {name: getattr(member, "value", name) for name, member in members.items()}
    return [name if isinstance(value, int) else str(value) for name, value in values.items()]


def _wants_text(wanted: Any) -> bool:
    if get_origin(wanted) is Annotated:
        return _wants_text(get_args(wanted)[0])
    if get_origin(wanted) in (Union, types.UnionType):
        return any(_wants_text(option) for option in get_args(wanted))
    return wanted is str


def _is_scalar(node: Node) -> bool:
    return not isinstance(node.value, dict | list) and node.value is not None
