"""When incidents happen, as a function of the time since a market opened."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.venues.incidents import Incident, Incidents

S = 10**9


def seconds(*values: float) -> np.ndarray:
    return np.array([round(value * S) for value in values], dtype=np.int64)


def test_an_incident_begins_at_its_time_and_ends_before_the_end():
    once = Incident(kind="data", at=20.0, duration=10.0)
    assert once.during(seconds(19.999, 20.0, 29.999, 30.0, 80.0)).tolist() == [0, 1, 1, 0, 0]


def test_it_comes_again_every_so_often():
    again = Incident(kind="data", at=20.0, duration=10.0, every=60.0)
    assert again.during(seconds(0.0, 20.0, 30.0, 79.5, 80.0, 89.9, 90.0, 140.0)).tolist() == [
        0,
        1,
        0,
        0,
        1,
        1,
        0,
        1,
    ]


def test_before_the_opening_nothing_happens():
    again = Incident(kind="data", at=0.0, duration=10.0, every=60.0)
    assert not again.during(seconds(-5.0, -60.0, -55.0)).any()


@pytest.mark.parametrize(
    ("kind", "silent", "stale", "down", "rejects"),
    [
        ("outage", True, False, True, 0.0),
        ("data", True, False, False, 0.0),
        ("trading", False, False, True, 0.0),
        ("stale", False, True, False, 0.0),
        ("rejects", False, False, False, 0.25),
    ],
)
def test_what_each_kind_does(kind, silent, stale, down, rejects):
    schedule = Incidents([Incident(kind=kind, at=5.0, duration=2.0, probability=0.25)])
    assert schedule.silent(seconds(4.0, 6.0)).tolist() == [False, silent]
    assert schedule.stale(seconds(4.0, 6.0)).tolist() == [False, stale]
    assert (schedule.down(4 * S), schedule.down(6 * S)) == (False, down)
    assert (schedule.reject_probability(4 * S), schedule.reject_probability(6 * S)) == (0.0, rejects)
    assert schedule.concern_orders == (down or rejects > 0)


def test_bursts_at_once_add_up_as_chances_do():
    both = Incidents(
        [Incident(kind="rejects", at=0.0, probability=0.5), Incident(kind="rejects", at=0.0, probability=0.2)]
    )
    assert both.reject_probability(S) == pytest.approx(0.6)  # 1 - 0.5 × 0.8


def test_only_announced_ones_halt_instruments():
    schedule = Incidents(
        [
            Incident(kind="outage", at=5.0, duration=2.0, announced=True),
            Incident(kind="outage", at=15.0, duration=2.0),
        ]
    )
    assert schedule.announces
    assert schedule.halted(seconds(6.0, 16.0)).tolist() == [True, False]
    assert not Incidents([Incident(kind="outage", at=15.0)]).announces


INCIDENT = st.builds(
    lambda kind, at, duration, rest: Incident(
        kind=kind, at=at, duration=duration, every=duration + rest if rest else 0.0
    ),
    st.sampled_from(["outage", "trading", "data", "rejects"]),
    st.integers(0, 100).map(float),
    st.integers(1, 50).map(float),
    st.integers(0, 50).map(float),
)


@given(st.lists(INCIDENT, max_size=3), st.integers(-10, 300))
def test_between_two_edges_nothing_changes_and_at_some_edge_everything_does(schedule, now):
    incidents = Incidents(schedule)
    edge = incidents.next_edge(now * S)
    until = edge if edge is not None else (now + 500) * S
    assert until > now * S
    inside = range(now, -(-until // S))
    assert {incidents.down(moment * S) for moment in inside} == {incidents.down(now * S)}
    if edge is not None and len([item for item in schedule if item.kind in {"outage", "trading"}]) == 1:
        assert incidents.down(edge) != incidents.down(now * S)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"kind": "data", "duration": 0.0}, "duration must be positive"),
        ({"kind": "data", "duration": 30.0, "every": 30.0}, "every must be longer"),
        ({"kind": "rejects", "announced": True}, "can be announced"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Incident(at=1.0, **wrong)
