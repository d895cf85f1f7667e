"""What waits to be written: entries in order, documents by key."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from nautilus_quant.host.journal import Note
from nautilus_quant.host.statejson import StateError

QUEUE_ALARM = 10_000
"""Entries waiting from which on the store reports a problem [entries]; at 1 kB each, 10 MB."""

QUEUE_LIMIT = 100_000
"""Entries waiting from which on new ones are refused [entries]."""

BATCH = 1_000
"""Entries written in one transaction at most: what another process waits for the lock, some 20 ms."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Write:
    """A document's new text, or ``None`` to remove it; `ts` [ns]."""

    text: str | None
    ts: int


@dataclass(slots=True)
class Batch:
    """What goes into one transaction."""

    documents: dict[Key, Write] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.documents) + len(self.notes)


class Outbox:
    """A queue between any number of threads which fill it and one at a time which empties it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting = Batch()
        self._flying = Batch()

    def __len__(self) -> int:
        """Count entries and documents not known to be committed."""
        return len(self._waiting) + len(self._flying)

    @property
    def notes(self) -> int:
        """Entries not known to be committed."""
        return len(self._waiting.notes) + len(self._flying.notes)

    def put(self, key: Key, write: Write) -> None:
        """Queue a document; an older one under the same key is forgotten."""
        with self._changed:
            self._waiting.documents[key] = write

    def append(self, note: Note) -> None:
        """Queue an entry, or raise `StateError` when `QUEUE_LIMIT` wait."""
        with self._changed:
            if self.notes >= QUEUE_LIMIT:
                raise StateError(
                    f"the journal queue is full: {QUEUE_LIMIT} entries wait for a database that takes none; "
                    "this one was refused. Free the disk or the lock, and writing goes on by itself",
                )
            self._waiting.notes.append(note)

    def find(self, key: Key) -> Write | None:
        """Read a queued document."""
        with self._changed:
            return self._waiting.documents.get(key) or self._flying.documents.get(key)

    def documents(self, namespace: str) -> dict[str, Write]:
        """Read all queued documents of a namespace."""
        with self._changed:
            queued = {**self._flying.documents, **self._waiting.documents}
        return {key: write for (name, key), write in queued.items() if name == namespace}

    def take(self, limit: int = BATCH) -> Batch:
        """Hand out at most `limit` entries, and all documents; follow with `done` or `give_back`."""
        with self._changed:
            waiting = self._waiting
            self._flying = Batch(waiting.documents, waiting.notes[:limit])
            self._waiting = Batch({}, waiting.notes[limit:])
            return self._flying

    def done(self) -> None:
        """Forget the batch taken last: it is committed."""
        with self._changed:
            self._flying = Batch()
            self._changed.notify_all()

    def give_back(self) -> None:
        """Put the batch taken last back in front, as it is not committed; newer documents win."""
        with self._changed:
            self._waiting = Batch(
                {**self._flying.documents, **self._waiting.documents},
                self._flying.notes + self._waiting.notes,
            )
            self._flying = Batch()

    def wait_empty(self, timeout: float) -> bool:
        """Wait at most `timeout` [s] until all is committed; say whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: not len(self), timeout)
