"""What may be done at a venue that was down."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.cross_venue_outage import Access, OutageChange, OutageParams, Outages

SECOND = 1_000_000_000
PARAMS = OutageParams(grace=60.0, settle=10.0)


def told(outages, at, venue="A", **how):
    return outages.update(venue, at * SECOND, **{"down": False, **how})


def test_a_venue_nobody_has_told_of_is_not_open():
    outages = Outages(PARAMS)
    assert outages.access("A") is Access.CLOSING
    assert told(outages, 0, degraded=True) is None
    assert told(outages, 9) == OutageChange("A", Access.OPEN, Access.CLOSING, 0.0)
    assert outages.access("A") is Access.OPEN


def test_a_short_outage_is_forgotten_when_the_venue_has_settled():
    outages = Outages(PARAMS)
    told(outages, 0)
    assert told(outages, 100, down=True) == OutageChange("A", Access.DOWN, Access.OPEN, 0.0)
    assert told(outages, 130, down=True) is None
    assert told(outages, 140) is None  # back for no time yet
    assert told(outages, 145, down=True) is None  # and gone again
    assert told(outages, 150) is None
    assert told(outages, 159) is None
    assert told(outages, 160) == OutageChange("A", Access.OPEN, Access.DOWN, 60.0)


def test_after_a_long_one_what_is_held_goes_first():
    outages = Outages(PARAMS)
    told(outages, 0, down=True, holds=True)
    told(outages, 61, holds=True)
    change = told(outages, 71, holds=True)
    assert (change.access, change.previous) == (Access.RETURNED, Access.DOWN)
    assert told(outages, 80, holds=True) is None
    assert told(outages, 85).access is Access.OPEN
    assert told(outages, 90, degraded=True).access is Access.CLOSING


@pytest.mark.parametrize(("lasts", "access"), [(30, Access.OPEN), (31, Access.RETURNED)])
def test_after_a_short_one_what_is_held_stays(lasts, access):
    outages = Outages(OutageParams(grace=30.0, settle=5.0))
    told(outages, 1_000)
    told(outages, 1_100, down=True, holds=True)
    told(outages, 1_100 + lasts, holds=True)
    assert told(outages, 1_104 + lasts, holds=True) is None
    assert told(outages, 1_105 + lasts, holds=True).access is access


def test_after_a_long_one_it_is_open_where_nothing_is_held():
    outages = Outages(PARAMS)
    told(outages, 0, down=True)
    told(outages, 61)
    assert told(outages, 71) == OutageChange("A", Access.OPEN, Access.DOWN, 71.0)


def test_what_is_degraded_opens_nothing_and_settles_at_once():
    outages = Outages(PARAMS)
    told(outages, 0)
    assert told(outages, 1, degraded=True).access is Access.CLOSING
    assert told(outages, 2).access is Access.OPEN
    told(outages, 3, down=True)
    told(outages, 4, degraded=True)
    assert told(outages, 14, degraded=True).access is Access.CLOSING


def test_venues_do_not_hold_each_other_back():
    outages = Outages(PARAMS)
    told(outages, 0, venue="B")
    told(outages, 0, down=True)
    assert (outages.access("A"), outages.access("B")) == (Access.DOWN, Access.OPEN)


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.booleans(), st.booleans()), max_size=60))
def test_nothing_is_open_that_was_down_within_the_settling_time(story):
    outages, now, last_down = Outages(PARAMS), 0, None
    for step, down, degraded, holds in story:
        now += step
        before = outages.access("A")
        change = told(outages, now, down=down, degraded=degraded, holds=holds)
        after = outages.access("A")
        assert (change is None) == (before is after)
        assert change is None or (change.previous, change.access) == (before, after)
        last_down = now if down else last_down
        assert down <= (after is Access.DOWN)
        if last_down is not None and now - last_down < 10:
            assert after is Access.DOWN
        if after is Access.OPEN:
            assert not degraded


def test_it_goes_on_after_a_restart():
    outages = Outages(PARAMS)
    told(outages, 0, down=True)
    told(outages, 70, holds=True)
    again = Outages(PARAMS).restore(json.loads(json.dumps(outages.to_dict())))
    assert told(again, 79, holds=True) is None
    assert told(again, 80, holds=True).access is Access.RETURNED
    with pytest.raises(ValueError, match="version"):
        Outages().restore({})
    with pytest.raises(ValueError, match="shut"):
        Outages().restore({"version": 1, "venues": {"A": ["shut", 0, None]}})


@pytest.mark.parametrize("changes", [{"grace": -1.0}, {"settle": float("inf")}])
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        OutageParams(**changes)
