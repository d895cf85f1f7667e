"""Whether an open pair stays."""

import math

import pytest

from nautilus_quant.carry.cross_venue_funding import PairFunding
from nautilus_quant.carry.cross_venue_hold import Held, HoldParams, hold

PARAMS = HoldParams(exit=0.0002, stop=0.003, longest=100.0)
NOTHING = PairFunding(0.0, 0.0)


@pytest.mark.parametrize(
    ("held", "told", "found"),
    [
        ((1, 10.0), (0.0020, 0.0), (True, "holds", 0.0015)),
        ((1, 10.0), (0.0007, 0.0), (False, "converged", 0.0002)),
        ((1, 10.0), (0.0007, 0.0001), (True, "holds", 0.0003)),  # funding still to come
        ((1, 10.0), (0.0020, -0.0014), (False, "converged", 0.0001)),  # funding to be paid
        ((-1, 10.0), (-0.0020, 0.0), (True, "holds", 0.0025)),
        ((-1, 10.0), (0.0004, 0.0), (False, "converged", 0.0001)),
        ((1, 10.0), (0.0046, 0.0), (False, "stop", 0.0041)),  # 0.0015 at the entry
        ((-1, 10.0), (-0.0046, 0.0), (False, "stop", 0.0051)),
        ((1, 100.0), (0.0020, 0.0), (False, "too long", 0.0015)),
    ],
)
def test_by_hand(held, told, found):
    (direction, age), (difference, funding), (stays, why, gain) = held, told, found
    pair = Held(direction, direction * 0.0015, age)
    stay = hold(pair, difference, 0.0005, PairFunding(funding, 0.0), PARAMS)
    assert (stay.stays, stay.why) == (stays, why)
    assert stay.gain == pytest.approx(gain)


@pytest.mark.parametrize(("difference", "fair"), [(math.nan, 0.0), (0.001, math.nan)])
def test_what_is_unknown_stays_but_not_for_ever(difference, fair):
    found = hold(Held(1, 0.0015, 10.0), difference, fair, NOTHING, PARAMS)
    assert (found.stays, found.why) == (True, "unknown")
    assert not hold(Held(1, 0.0015, 100.0), difference, fair, NOTHING, PARAMS).stays
    assert hold(Held(1, 0.0015, 10.0), 0.001, 0.0, PairFunding(math.nan, 0.0), PARAMS).why == "unknown"


@pytest.mark.parametrize("changes", [{"exit": math.nan}, {"stop": 0.0}, {"longest": 0.0}])
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        HoldParams(**changes)
