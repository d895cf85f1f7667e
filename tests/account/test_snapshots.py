"""Snapshots are thinned with age, and come back from the state as they were."""

from __future__ import annotations

import json

import pytest

from nautilus_quant.account.snapshots import DAY, HOUR, Snapshot, SnapshotBook, take
from nautilus_quant.account.statement import PARTS, Part, Statement, rate_units

STEP = 300 * 1_000_000_000
START = 20_000 * DAY


def snapshot(ts: int, equity: float = 100.0, **parts: int) -> Snapshot:
    return Snapshot(ts, equity, 1.5, 2, True, 7, tuple(parts.get(part.value, 0) for part in PARTS))


def filled(days: int, step: int = STEP, **options: int) -> SnapshotBook:
    book = SnapshotBook(**options)
    for ts in range(START, START + days * DAY, step):
        assert book.add(snapshot(ts))
    return book


def test_all_of_seven_days_are_kept_then_hours_then_days():
    book = filled(12, hourly_days=2, kept_days=10)
    today = START // DAY + 11
    counts = {today - day: len(book.document(day)["snapshots"]) for day in range(START // DAY + 1, today + 1)}
    assert counts == {**dict.fromkeys(range(8), 288), 8: 24, 9: 24, 10: 1}
    assert book.document(START // DAY) is None  # eleven days old
    assert len(book) == 8 * 288 + 2 * 24 + 1


def test_the_last_of_each_hour_and_day_is_kept():
    book = filled(5, full_days=1, hourly_days=1, kept_days=4)
    day = START // DAY + 2  # two days old
    kept = [row[0] for row in book.document(day)["snapshots"]]
    assert kept == [day * DAY + (hour + 1) * HOUR - STEP for hour in range(24)]
    assert [row[0] for row in book.document(day - 1)["snapshots"]] == [day * DAY - STEP]


def test_years_stay_bounded():
    book = SnapshotBook(kept_days=200)
    sizes = []
    for ts in range(START, START + 500 * DAY, 2 * HOUR):
        book.add(snapshot(ts))
        sizes.append(len(book))
    assert max(sizes[len(sizes) // 2 :]) <= (7 + 90 + 1) * 12 + 200


def test_a_node_that_was_away_for_long_thins_everything_at_once():
    book = filled(3)
    book.add(snapshot(START + 200 * DAY))
    assert len(book) == 4
    assert book.dirty == {START // DAY + n for n in (0, 1, 2, 200)}


def test_time_does_not_go_back():
    book = SnapshotBook()
    assert book.add(snapshot(START))
    assert not book.add(snapshot(START))
    assert not book.add(snapshot(START - DAY))
    assert len(book) == 1


def test_reading_back():
    book = filled(3, HOUR)
    documents = [json.loads(json.dumps(book.document(START // DAY + n))) for n in (2, 0, 1)]
    again = SnapshotBook().restore(documents)
    assert again.curve() == book.curve()
    assert again.curve(START + DAY)[0].ts == START + DAY
    assert len(again.curve(START + DAY)) == 48
    assert again.last == book.last
    assert again.before(START + DAY + 5).ts == START + DAY - HOUR
    assert again.before(START) is None
    assert again.dirty == set()


@pytest.mark.parametrize(
    "row",
    [
        [START, 1.0],
        [START, "nan", 0.0, 1, True, "1", *["0"] * len(PARTS)],
        [START, 1.0, 0.0, 1, True, "1", *["0"] * (len(PARTS) - 1)],
        [START, 1.0, 0.0, 1, True, "1.5", *["0"] * len(PARTS)],
        None,
    ],
)
def test_damaged_snapshots_are_refused(row):
    with pytest.raises(ValueError, match="snapshot"):
        SnapshotBook().restore([{"version": 1, "day": START // DAY, "snapshots": [row]}])


def test_a_snapshot_of_another_day_is_refused():
    document = {"version": 1, "day": START // DAY + 1, "snapshots": [snapshot(START).to_list()]}
    with pytest.raises(ValueError, match="must lie on it"):
        SnapshotBook().restore([document])


def test_impossible_ages_are_refused():
    with pytest.raises(ValueError, match="was 7, 90, 50"):
        SnapshotBook(kept_days=50)


def test_taking_one():
    book = Statement("USDT")
    book.open("USDT", 100 * 10**16)
    book.entry(Part.FEES, "USDT", -(10**16))
    taken = take(5, book, 2.5, 3, fresh=False)
    assert taken == Snapshot(5, 101.5, 2.5, 3, False, 100 * 10**28, (0, -(10**28), 0, 0, 0, 0))
    assert taken.part(Part.FEES) == -(10**28)
    assert take(5, book, float("nan"), 3, fresh=False) is None
    book.open("BTC", 1)
    assert take(5, book, 2.5, 3, fresh=True) is None
    book.rate("BTC", rate_units(1.0))
    assert take(5, book, 2.5, 3, fresh=True) is not None
