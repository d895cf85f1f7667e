"""The append-only journal: each entry carries a hash over its predecessor's, so that an edit shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from nautilus_quant.host.statejson import StateError, decode, encode

GENESIS = "0" * 64
"""What the first entry takes for its predecessor's hash."""

MAX_PROBLEMS = 20
"""How many problems `check_chain` lists before it only counts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One line of the journal.

    Parameters
    ----------
    seq
        1, 2, 3 … without a gap.
    ts
        When it happened, UNIX time [ns].
    kind
        ``order_decision``, ``kill_switch``, ``loss_limit``, ``cash_flow``, ``rearm``, ``lifecycle``…
    body
        What happened.
    hash
        SHA-256 over the predecessor's hash and this entry, 64 hexadecimal digits.

    """

    seq: int
    ts: int
    kind: str
    body: Mapping[str, Any]
    hash: str

    @property
    def order(self) -> str:
        """Client order id it is about, or empty."""
        return index_text(self.body, "order")

    @property
    def strategy(self) -> str:
        """Strategy id it is about, or empty."""
        return index_text(self.body, "strategy")


class Note(NamedTuple):
    """An entry as it is appended: `ts` [ns], kind and body."""

    ts: int
    kind: str
    body: Mapping[str, Any]

    def draft(self) -> Draft:
        """Encode the body; what has no form in JSON is kept as Python shows it, rather than lost."""
        order, strategy = index_text(self.body, "order"), index_text(self.body, "strategy")
        try:
            text = encode(dict(self.body))
        except StateError:
            names = {"order": order, "strategy": strategy}
            shown = {"unreadable": repr(dict(self.body))}
            text = encode(shown | {key: name for key, name in names.items() if name})
        return Draft(self.ts, self.kind, text, order, strategy)


class Draft(NamedTuple):
    """An entry without a place in the chain yet: `ts` [ns], kind, body as canonical JSON, what is indexed."""

    ts: int
    kind: str
    text: str
    order: str
    strategy: str


class Row(NamedTuple):
    """An entry as it is stored."""

    seq: int
    ts: int
    kind: str
    order: str
    strategy: str
    text: str
    hash: str

    def entry(self) -> Entry:
        """Decode the body; what somebody broke is shown as it is."""
        try:
            body = decode(self.text)
        except (ValueError, ArithmeticError, TypeError):
            body = {"unreadable": self.text}
        return Entry(self.seq, self.ts, self.kind, body, self.hash)


class Head(NamedTuple):
    """The end of the chain: how many entries there are, and the last one's hash."""

    seq: int = 0
    hash: str = GENESIS


def index_text(body: Mapping[str, Any], key: str) -> str:
    """Read the text under which an entry is found: ``body[key]``, or empty when that is not a text."""
    value = body.get(key, "")
    return value if isinstance(value, str) else ""


def link(previous: str, seq: int, ts: int, kind: str, text: str) -> str:
    """Hash one entry together with its predecessor's hash; `text` is the body as canonical JSON."""
    return hashlib.sha256(f"{previous}[{seq},{ts},{json.dumps(kind)},{text}]".encode()).hexdigest()


def chain(head: Head, drafts: Iterable[Draft]) -> list[Row]:
    """Give drafts their places behind `head`."""
    seq, previous = head
    rows = []
    for draft in drafts:
        seq += 1
        previous = link(previous, seq, draft.ts, draft.kind, draft.text)
        rows.append(Row(seq, draft.ts, draft.kind, draft.order, draft.strategy, draft.text, previous))
    return rows


def check_chain(rows: Iterable[Row], head: Head) -> list[str]:
    """
    Look for edits, deletions, insertions and reorderings.

    Parameters
    ----------
    rows
        All entries, as stored, by `seq`.
    head
        Where the chain is said to end; it is kept apart from the entries, so that a lost tail shows.

    Returns
    -------
    list[str]
        One text per problem, empty when the chain is whole. Somebody who can write to the file can also
        compute a new chain: keep the last hash elsewhere if that matters to you.

    """
    problems: list[str] = []
    last = Head()
    for row in rows:
        problems += _check_row(last, row)
        last = Head(row.seq, row.hash)
    if last != head:
        problems.append(_describe_end(last, head))
    if len(problems) > MAX_PROBLEMS:
        return [*problems[:MAX_PROBLEMS], f"… and {len(problems) - MAX_PROBLEMS} more"]
    return problems


def _check_row(last: Head, row: Row) -> list[str]:
    if row.seq != last.seq + 1:
        return [f"entries {last.seq + 1} to {row.seq - 1} are missing before entry {row.seq}"]
    if link(last.hash, row.seq, row.ts, row.kind, row.text) != row.hash:
        return [
            f"entry {row.seq} ({row.kind}, ts {row.ts}) does not match its hash: it was changed, or moved"
        ]
    entry = row.entry()
    if (row.order, row.strategy) != (entry.order, entry.strategy):
        return [f"entry {row.seq} ({row.kind}) is filed under another order or strategy than it names"]
    return []


def _describe_end(last: Head, head: Head) -> str:
    if last.seq < head.seq:
        return f"entries {last.seq + 1} to {head.seq} are missing at the end"
    if last.seq > head.seq:
        return f"entries {head.seq + 1} to {last.seq} were added behind the recorded end of the chain"
    return f"the last entry, {last.seq}, is not the one recorded as the end of the chain"
