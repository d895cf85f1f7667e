"""A last resort: what could not be written at the end goes to a file, and is taken in at the next start."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.engine import URL

from nautilus_quant.host.journal import Note
from nautilus_quant.host.state_database import sqlite_path
from nautilus_quant.host.state_outbox import Batch, Write
from nautilus_quant.host.statejson import StateError, decode, encode


def rescue(url: URL, batch: Batch) -> Path:
    """Write a batch to a file near the state and say where; `StateError` with all of it when that fails."""
    path = _stem(url).with_name(f"{_stem(url).name}.unsaved-{os.getpid()}.json")
    text = encode(
        {
            "documents": [[*key, write.text, write.ts] for key, write in batch.documents.items()],
            "entries": [[note.ts, note.kind, decode(note.draft().text)] for note in batch.notes],
        }
    )
    try:
        path.write_text(text, encoding="ascii")
    except OSError as error:
        raise StateError(f"nothing can be written, not even {path} ({error}); not written: {text}") from error
    return path


def take_in(url: URL, write: Callable[[Batch], None]) -> None:
    """
    Hand what `rescue` wrote, and nobody has taken in yet, to `write`.

    A file is marked as done when `write` returns, and waits for the next start when it raises.
    """
    stem = _stem(url)
    for path in sorted(stem.parent.glob(f"{stem.name}.unsaved-*.json")):
        claimed = path.with_suffix(".reading")
        try:
            path.rename(claimed)
        except FileNotFoundError:  # another process was quicker
            continue
        try:
            write(_read(claimed))
        except BaseException:
            claimed.rename(path)
            raise
        claimed.rename(path.with_suffix(".done"))


def _read(path: Path) -> Batch:
    content = decode(path.read_text(encoding="ascii"))
    documents = {(namespace, key): Write(text, ts) for namespace, key, text, ts in content["documents"]}
    return Batch(documents, [Note(*fields) for fields in content["entries"]])


def _stem(url: URL) -> Path:
    path = sqlite_path(url)
    if path is not None:
        return path
    name = hashlib.sha256(url.render_as_string(hide_password=True).encode()).hexdigest()[:8]
    return Path.cwd() / f"state-{name}"
