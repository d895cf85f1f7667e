"""The hash chain: whole when untouched, and not when anything was done to it."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nautilus_quant.host.journal import (
    GENESIS,
    MAX_PROBLEMS,
    Draft,
    Entry,
    Head,
    Note,
    Row,
    chain,
    check_chain,
    link,
)
from nautilus_quant.host.statejson import encode

BODIES = st.fixed_dictionaries(
    {"n": st.integers(0, 99)},
    optional={"order": st.sampled_from(["O-1", "O-2"]), "strategy": st.sampled_from(["S-1", "S-2"])},
)


def drafts_of(bodies: list[dict]) -> list[Draft]:
    return [
        Draft(1_000 + i, "order_decision", encode(body), body.get("order", ""), body.get("strategy", ""))
        for i, body in enumerate(bodies)
    ]


def journal_of(bodies: list[dict]) -> tuple[list[Row], Head]:
    rows = chain(Head(), drafts_of(bodies))
    return rows, Head(rows[-1].seq, rows[-1].hash) if rows else Head()


JOURNALS = st.lists(BODIES, min_size=1, max_size=8).map(journal_of)


def test_the_hash_is_that_of_the_definition() -> None:
    text = encode({"order": "O-1", "size": Decimal("0.5")})
    canonical = f'[1,5,"kill_switch",{text}]'
    assert json.loads(canonical)[3]["order"] == "O-1"
    expected = hashlib.sha256(("0" * 64 + canonical).encode()).hexdigest()
    assert link(GENESIS, 1, 5, "kill_switch", text) == expected


@given(st.lists(BODIES, max_size=8))
def test_an_untouched_journal_is_whole(bodies: list[dict]) -> None:
    rows, head = journal_of(bodies)
    assert [row.seq for row in rows] == list(range(1, len(bodies) + 1))
    assert check_chain(rows, head) == []


@given(st.lists(BODIES, max_size=8), st.integers(0, 8))
def test_a_journal_written_in_two_goes_is_the_same(bodies: list[dict], cut: int) -> None:
    drafts = drafts_of(bodies)
    first = chain(Head(), drafts[:cut])
    head = Head(first[-1].seq, first[-1].hash) if first else Head()
    assert first + chain(head, drafts[cut:]) == chain(Head(), drafts)


@given(JOURNALS, st.data())
def test_an_edit_of_any_field_shows(journal: tuple[list[Row], Head], data: st.DataObject) -> None:
    rows, head = journal
    i = data.draw(st.integers(0, len(rows) - 1))
    field = data.draw(st.sampled_from(Row._fields))
    old = getattr(rows[i], field)
    new = data.draw(
        st.integers(0, 2_000) if isinstance(old, int) else st.sampled_from(["", "x", '{"n":100}'])
    )
    assume(new != old)
    rows[i] = rows[i]._replace(**{field: new})
    assert check_chain(rows, head)


@given(JOURNALS, st.data())
def test_a_deletion_shows(journal: tuple[list[Row], Head], data: st.DataObject) -> None:
    rows, head = journal
    start = data.draw(st.integers(0, len(rows) - 1))
    end = data.draw(st.integers(start + 1, len(rows)))
    assert check_chain(rows[:start] + rows[end:], head)


@given(JOURNALS, st.randoms(use_true_random=False))
def test_a_reordering_shows(journal: tuple[list[Row], Head], random) -> None:
    rows, head = journal
    texts = [(row.text, row.order, row.strategy) for row in rows]
    shuffled = random.sample(texts, len(texts))
    assume(shuffled != texts)
    moved = [
        row._replace(text=text, order=order, strategy=strategy)
        for row, (text, order, strategy) in zip(rows, shuffled, strict=True)
    ]
    assert check_chain(moved, head)


@given(JOURNALS, BODIES, st.data())
def test_an_insertion_shows(journal: tuple[list[Row], Head], body: dict, data: st.DataObject) -> None:
    rows, head = journal
    at = data.draw(st.integers(0, len(rows)))
    before = Head(rows[at - 1].seq, rows[at - 1].hash) if at else Head()
    assert check_chain(rows[:at] + chain(before, drafts_of([body])) + rows[at:], head)


def test_problems_name_the_entry() -> None:
    rows, head = journal_of([{"n": 1}, {"n": 2}, {"n": 3}])
    edited = [rows[0], rows[1]._replace(text='{"n":9}'), rows[2]]
    assert check_chain(edited, head) == [
        "entry 2 (order_decision, ts 1001) does not match its hash: it was changed, or moved"
    ]
    assert check_chain([rows[0], rows[2]], head) == ["entries 2 to 2 are missing before entry 3"]
    assert check_chain(rows[:1], head) == ["entries 2 to 3 are missing at the end"]
    more = rows + chain(head, drafts_of([{"n": 4}]))
    assert check_chain(more, head) == ["entries 4 to 4 were added behind the recorded end of the chain"]
    other = Head(3, "0" * 64)
    assert check_chain(rows, other) == ["the last entry, 3, is not the one recorded as the end of the chain"]


def test_an_entry_filed_under_another_order_shows() -> None:
    rows, head = journal_of([{"order": "O-1"}])
    moved = [rows[0]._replace(order="O-2")]
    assert check_chain(moved, head) == [
        "entry 1 (order_decision) is filed under another order or strategy than it names"
    ]


def test_many_problems_are_counted() -> None:
    rows, head = journal_of([{"n": i} for i in range(30)])
    problems = check_chain([row._replace(ts=0) for row in rows], head)
    assert len(problems) == MAX_PROBLEMS + 1
    assert problems[-1] == "… and 10 more"


def test_an_entry_names_its_order_and_strategy() -> None:
    entry = Entry(1, 2, "order_decision", {"order": "O-7", "strategy": "S-3"}, "")
    assert (entry.order, entry.strategy) == ("O-7", "S-3")
    nothing = Entry(1, 2, "alarm", {"order": 5}, "")
    assert (nothing.order, nothing.strategy) == ("", "")


@pytest.mark.parametrize("text", ["{", '{"$decimal":"x"}', '{"$bytes":5}'])
def test_a_broken_body_is_shown_as_it_is(text: str) -> None:
    assert Row(1, 2, "k", "", "", text, "h").entry().body == {"unreadable": text}


def test_a_note_is_indexed_by_order_and_strategy() -> None:
    note = Note(5, "order_decision", {"strategy": "S-1", "order": "O-1", "size": Decimal(2)})
    text = '{"order":"O-1","size":{"$decimal":"2"},"strategy":"S-1"}'
    assert note.draft() == Draft(5, "order_decision", text, "O-1", "S-1")


def test_a_note_that_cannot_be_encoded_is_kept_as_it_looks() -> None:
    draft = Note(5, "k", {"order": "O-1", "odd": {1, 2}.__class__}).draft()
    assert draft.order == "O-1"
    row = chain(Head(), [draft])[0]
    assert row.entry().body == {"order": "O-1", "unreadable": "{'order': 'O-1', 'odd': <class 'set'>}"}
    assert check_chain([row], Head(1, row.hash)) == []
