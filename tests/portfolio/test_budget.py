"""Room under each limit, by hand and against its definition."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.gating.intent import Side
from nautilus_quant.portfolio.budget import Budget, Room, Use
from nautilus_quant.portfolio.budget_alarms import BudgetAlarms
from nautilus_quant.portfolio.budget_groups import by_instrument, correlated
from nautilus_quant.portfolio.budget_limits import Cap, Limits
from nautilus_quant.portfolio.reservations import OpenOrder

BUY, SELL = Side.BUY, Side.SELL
BTC, ETH, SOL = "BTC.X", "ETH.X", "SOL.Y"
EQUITY = 1_000.0


def made(shares: dict[str, float] | None = None, **amounts: float) -> Budget:
    budget = Budget(
        Limits(shares=shares or {}, amounts={k.replace("__", ":"): v for k, v in amounts.items()})
    )
    budget.hold("A", BTC, Decimal(30), Decimal(0), 10.0)  # 300 long
    budget.hold("B", ETH, Decimal(0), Decimal(100), 2.0)  # 200 short
    budget.put("o", OpenOrder("B", SOL, BUY, Decimal(10), 5.0))  # 50 long to come
    return budget


@pytest.mark.parametrize(
    ("limits", "side", "strategy", "instrument", "expected"),
    [
        # 300 + 200 + 50 are used of 1,000.
        ({"gross": 1.0}, BUY, "C", BTC, (450.0, 550.0)),
        ({"leverage": 0.6}, BUY, "C", BTC, (50.0, 550.0)),
        ({"allocation": 0.5}, BUY, "C", BTC, (0.0, 550.0)),
        # Its own long of 300 is closed before a short opens: 250 are used by others.
        ({"gross": 1.0}, SELL, "A", BTC, (750.0, 250.0)),
        # Long less short, if the order fills: 300 - 200 + 50; the other way: -300 + 200.
        ({"net": 0.4}, BUY, "C", BTC, (250.0, 150.0)),
        ({"net": 0.4}, SELL, "C", BTC, (500.0, -100.0)),
        ({"venue": 0.6}, BUY, "C", BTC, (100.0, 500.0)),
        ({"venue": 0.6}, BUY, "C", SOL, (550.0, 50.0)),
        ({"instrument": 0.4}, BUY, "C", BTC, (100.0, 300.0)),
        ({"strategy": 0.4}, BUY, "B", BTC, (150.0, 250.0)),
        ({"strategy": 0.4, "strategy:B": 0.3}, BUY, "B", BTC, (50.0, 250.0)),
        # BTC and SOL are one group: 350 long.
        ({"group": 0.4}, BUY, "C", SOL, (50.0, 350.0)),
        ({"group": 0.4}, SELL, "C", SOL, (700.0, -300.0)),
        ({"group": 0.4}, BUY, "C", ETH, (math.inf, 0.0)),
    ],
)
def test_room_by_hand(limits, side, strategy, instrument, expected):
    budget = made(limits)
    budget.regroup(by_instrument({"majors": [BTC, SOL]}))
    found = budget.room(side, strategy, instrument, EQUITY)
    assert (found.amount, found.used) == expected


def test_the_smallest_limit_binds_and_says_so():
    budget = made({"gross": 1.0, "instrument": 0.4}, strategy__C=70.0)
    assert budget.room(BUY, "C", BTC, EQUITY) == Room(70.0, "strategy:C", 0.0, 70.0)
    assert budget.room(BUY, "D", BTC, EQUITY) == Room(100.0, "instrument:BTC.X", 300.0, 400.0)
    assert budget.room(BUY, "D", "XRP.Z", EQUITY).limit == "instrument:XRP.Z"
    assert made().room(BUY, "C", BTC, EQUITY) == Room(math.inf)


def test_what_is_beyond_its_limit_may_only_be_made_smaller():
    budget = made({"net": 0.1})  # 150 of 100
    assert budget.room(BUY, "C", BTC, EQUITY).amount == 0.0
    assert budget.room(SELL, "C", BTC, EQUITY).amount == 200.0


def test_positions_follow_their_prices():
    budget = made({"gross": 1.0})
    budget.exposures.mark({BTC: 11.0, ETH: 1.0, SOL: math.nan})
    assert budget.room(BUY, "C", BTC, EQUITY).used == 330.0 + 100.0 + 50.0
    budget.exposures.mark({BTC: math.nan, ETH: 1.0, SOL: 5.0})
    assert not budget.is_known
    budget.exposures.mark({BTC: 10.0, ETH: 1.0, SOL: 5.0})
    assert budget.is_known


def test_new_groups_take_what_is_held_along():
    budget = made({"group": 0.4})
    budget.regroup(by_instrument({"one": [BTC, ETH], "two": [ETH]}))
    assert {use.limit: use.used for use in budget.uses(EQUITY)} == {"group:one": 100.0, "group:two": 200.0}
    budget.regroup({})
    assert list(budget.uses(EQUITY)) == []
    assert sorted(budget.exposures.sums) == [
        *("instrument:BTC.X", "instrument:ETH.X", "instrument:SOL.Y"),
        *("strategy:A", "strategy:B", "total", "venue:X", "venue:Y"),
    ]


def test_positions_that_are_not_netted_add_up():
    budget = Budget(Limits(shares={"gross": 1.0, "net": 1.0}))
    budget.hold("A", BTC, Decimal(10), Decimal(4), 10.0, netted=False)
    budget.put("o", OpenOrder("A", BTC, SELL, Decimal(5), 10.0))
    assert {use.limit: use.used for use in budget.uses(EQUITY)} == {"gross": 190.0, "net": 60.0}
    assert budget.room(SELL, "A", BTC, EQUITY).amount == 810.0


asks = st.lists(
    st.tuples(
        st.sampled_from(list(Side)),
        st.sampled_from(["A", "B", "C"]),
        st.sampled_from([BTC, ETH, SOL]),
        st.floats(0.01, 1.5),
    ),
    max_size=12,
)


@given(asks)
def test_orders_of_one_instant_never_exceed_a_limit(wanted):
    """Each takes a share of its room, or all of it; nothing has filled when the next asks."""
    kinds = ("gross", "net", "venue", "instrument", "strategy", "group")
    budget = Budget(Limits(shares=dict(zip(kinds, (1.0, 0.5, 0.7, 0.4, 0.6, 0.3), strict=True))))
    budget.regroup(by_instrument({"majors": [BTC, ETH]}))
    for n, (side, strategy, instrument, share) in enumerate(wanted):
        room = budget.room(side, strategy, instrument, EQUITY)
        size = Decimal(repr(room.amount * min(share, 1.0)))
        budget.put(str(n), OpenOrder(strategy, instrument, side, size, 1.0))
        for use in budget.uses(EQUITY):
            assert use.used <= use.bound + 2e-6
        if share >= 1.0:
            assert budget.room(side, strategy, instrument, EQUITY).amount <= 1e-5


@pytest.mark.parametrize(
    "limits",
    [{"gros": 1.0}, {"gross": -1.0}, {"gross": math.nan}, {"gross:x": 1.0}, {"venue:": 1.0}],
)
def test_impossible_limits_are_refused(limits):
    with pytest.raises(ValueError, match="need"):
        Limits(shares=limits)


def test_shares_and_amounts_hold_both():
    limits = Limits(shares={"gross": 2.0, "venue": 0.5}, amounts={"gross": 1_500.0, "venue:X": 100.0})
    assert limits.cap("gross").bound(1_000.0) == 1_500.0
    assert limits.cap("gross").bound(500.0) == 1_000.0
    assert limits.cap("venue", "X") == Cap(0.5, 100.0)
    assert limits.cap("venue", "Y") == Cap(0.5)
    assert not limits.cap("net").binds


def test_alarms_are_told_once_each_way():
    alarms = BudgetAlarms(0.9, 0.8)

    def step(used: float) -> list[bool]:
        return [raised for _, raised in alarms.step([Use("gross", used, 100.0)])]

    assert [step(used) for used in (89.0, 90.0, 95.0, 85.0, 91.0, 79.0, 85.0)] == [
        [], [True], [], [], [], [False], [],
    ]  # fmt: skip
    alarms.step([Use("venue:X", 99.0, 100.0)])
    assert alarms.step([]) == [(Use("venue:X", 0.0, 0.0), False)]
    assert Use("gross", 1.0, 0.0).share == math.inf
    assert Use("gross", 0.0, 0.0).share == 0.0
    with pytest.raises(ValueError, match="clear_at"):
        BudgetAlarms(0.8, 0.8)


def test_correlated_instruments_are_one_group():
    rng = np.random.default_rng(5)
    one, two, three = rng.normal(size=(3, 400))
    returns = np.array([one, one + 0.3 * two, one + 0.6 * two, -one, three, np.zeros(400)]).T
    names = ("c", "b", "a", "against", "alone", "still")
    # Correlations by numpy: c-b 0.96, b-a 0.97, c-a 0.86: at 0.9 c and a meet through b.
    rho = np.corrcoef(returns[:, :3].T)
    assert rho[0, 2] < 0.9 < min(rho[0, 1], rho[1, 2])
    assert correlated(names, returns, 0.9) == {"a": ["a", "b", "c"]}
    assert correlated(names, returns, 0.99) == {}
    assert correlated((), np.zeros((0, 0)), 0.5) == {}
    with pytest.raises(ValueError, match="threshold"):
        correlated(names, returns, 0.0)
