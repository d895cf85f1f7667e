"""``nq explain``: what the gates said of an order, on what numbers, and what came of it."""

from __future__ import annotations

import difflib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nautilus_quant.cli.answer import Answer, note, plain
from nautilus_quant.cli.codes import FAILED, OK, REFUSED
from nautilus_quant.cli.explain_view import list_view, order_view
from nautilus_quant.cli.places import find_place
from nautilus_quant.config.units import parse_seconds
from nautilus_quant.monitoring.snapshot import iso_time

if TYPE_CHECKING:
    from nautilus_quant.host.journal import Entry
    from nautilus_quant.host.state import StateStore

DECISION = "order_decision"
LIST = 20
"""How many entries a list shows when nothing else is said."""

_LATER = 10
_PAGES = (500, 20_000, None)


def run(
    order: str | None = None,
    *,
    config: Path | None = None,
    state: str | None = None,
    last_denials: int | None = None,
    strategy: str | None = None,
    since: str | None = None,
) -> Answer:
    """
    Explain one order, or list decisions.

    Parameters
    ----------
    order
        Client order id.
    config, state
        The deployment's file, or the URL of its state.
    last_denials
        Instead of an order: the last so many that were cut or denied.
    strategy
        Only this strategy's.
    since
        Only what is not older: ``2h``, ``30m``, or a time like ``2025-01-31T08:00`` (UTC).

    Returns
    -------
    Answer
        OK; FAILED: no such order, or the journal was tampered with; REFUSED: a question it cannot read.

    """
    start = None if since is None else parse_since(since, time.time_ns())
    if since is not None and start is None:
        return note(REFUSED, f"--since must be like 2h, 30m or 2025-01-31T08:00 (UTC), was {since!r}")
    if last_denials is not None and last_denials < 1:
        return note(REFUSED, f"--last-denials must be at least 1, was {last_denials}")
    with find_place(config, state).open(read_only=True) as store:
        problems = store.verify()
        if order is not None:
            return _order(store, order, problems)
        denials = last_denials is not None
        found = recent(store, last_denials or LIST, denials=denials, strategy=strategy, since=start)
        return _list(found, problems, denials=denials)


def recent(
    store: StateStore,
    count: int,
    *,
    denials: bool = False,
    strategy: str | None = None,
    since: int | None = None,
) -> list[Entry]:
    """Return the last decisions, newest first; with `denials` only those which cut or denied."""
    found: list[Entry] = []
    for limit in _PAGES if denials else (count,):
        page = store.entries(kind=DECISION, strategy=strategy, since=since, limit=limit, newest_first=True)
        found = [entry for entry in page if not denials or entry.body.get("outcome") != "ALLOW"]
        if len(found) >= count or limit is None or len(page) < limit:
            break
    return found[:count]


def parse_since(text: str, now: int) -> int | None:
    """Read an age or a time as UNIX time [ns]; ``None`` when it is neither."""
    try:
        return now - round(parse_seconds(text) * 1e9)
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e9)


def entry_data(entry: Entry) -> dict[str, Any]:
    """Return an entry as plain JSON."""
    facts = {"seq": entry.seq, "ts": iso_time(entry.ts), "kind": entry.kind}
    return {**plain(entry.body), **facts}


def _order(store: StateStore, order: str, problems: list[str]) -> Answer:
    entries = store.entries(order=order)
    if not entries:
        near = _nearest(store, order)
        hint = f"; near it: {', '.join(near)}" if near else ""
        return note(
            FAILED, f"no gate has seen an order {order!r}{hint}", near=near, journal_problems=problems
        )
    later = _later(store, entries)
    data = {
        "order": order,
        "entries": [entry_data(entry) for entry in entries],
        "later": [entry_data(entry) for entry in later],
        "journal_problems": problems,
    }
    return Answer(FAILED if problems else OK, data, order_view(order, entries, later, problems))


def _later(store: StateStore, entries: list[Entry]) -> list[Entry]:
    """Find what changed the rules after the last word on an order; other orders did not."""
    last = entries[-1]
    after = store.entries(since=last.ts, limit=5_000)
    return [entry for entry in after if entry.seq > last.seq and entry.kind != DECISION][:_LATER]


def _list(found: list[Entry], problems: list[str], *, denials: bool) -> Answer:
    what = "orders cut or denied" if denials else "decisions"
    data = {"decisions": [entry_data(entry) for entry in found], "journal_problems": problems}
    return Answer(FAILED if problems else OK, data, list_view(what, found, problems))


def _nearest(store: StateStore, order: str) -> list[str]:
    page = store.entries(kind=DECISION, limit=5_000, newest_first=True)
    known = list(dict.fromkeys(entry.order for entry in page if entry.order))
    inside = [name for name in known if order.lower() in name.lower()]
    return list(dict.fromkeys([*inside, *difflib.get_close_matches(order, known, n=3, cutoff=0.7)]))[:3]
