"""What an account still fits, what is kept for orders on their way, and when it must be told or cut."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.account.margin import Held, Maintenance, Terms
from nautilus_quant.account.margin_book import ALLOWED, Line, Pool
from nautilus_quant.account.margin_limits import MarginLimits
from nautilus_quant.account.margin_liquidation import Priced
from nautilus_quant.account.margin_reserve import Reserve
from nautilus_quant.account.margin_windows import MINUTE, MarginSchedule
from nautilus_quant.gating.intent import UNLIMITED, Intent, Side
from tests.account.test_margin_windows import at

NOON = at("2024-01-02T10:00:00")  # normal window, 10x, and no change to less within the hour
BEFORE = at("2024-01-02T12:10:00")  # intraday, 6.67x, begins in 50 min
TERMS = Terms(Maintenance.flat(0.005))
LINE = Line(0.0, Decimal("0.001"))


def pool(equity: float = 10_000.0, size: float = 0.0, price: float = 100.0, **limits: float) -> Pool:
    made = Pool("SIM-001", MarginSchedule(), MarginLimits(**limits))
    positions = [Priced(Held.of("BTC.SIM", size, TERMS), price)] if size else []
    made.measure(equity, positions)
    return made


def intent(opening: str, reducing: str = "0", *, price: float = 100.0, ts: int = NOON, **options) -> Intent:
    side = options.pop("side", Side.BUY)
    quantity = Decimal(opening) + Decimal(reducing)
    return Intent(
        ts, "S-1", "BTC.SIM", side, quantity, None, Decimal(reducing), Decimal(opening),
        float(opening) * price, **options,
    )  # fmt: skip


def test_what_fits_is_allowed():
    # 900 positions at 100 need 9 000 of 10 000 at 10x
    assert pool().judge(intent("900"), LINE) is ALLOWED


def test_what_is_more_is_cut_to_what_fits():
    found = pool(size=500.0).judge(intent("400.5"), LINE)
    # 0.9 × 10 000 − 5 000 = 4 000; × 10 / 100 = 400
    assert (found.allowed, found.code) == (400, "MARGIN_UTILISATION")
    assert found.numbers["utilisation"] == pytest.approx(0.5)
    assert "uses 50.0% in the normal window (10x): 400 more fit" in found.reason


def test_the_next_window_binds_before_it_begins():
    # At 6.67x 0.9 × 10 000 × 6.67 / 100 = 600.3 may be held; less 499.9955 that is 100.3045
    found = pool(size=499.9955).judge(intent("200", ts=BEFORE), LINE)
    assert (found.allowed, found.code) == (Decimal("100.304"), "MARGIN_NEXT_WINDOW")
    assert found.numbers["window"] == "intraday"
    assert pool(size=500.0).judge(intent("100", ts=BEFORE), LINE) is ALLOWED


def test_beyond_the_bound_nothing_is_allowed():
    found = pool(size=950.0).judge(intent("0.001"), LINE)
    assert (found.allowed, found.code) == (0, "MARGIN_UTILISATION")


def test_quiet_before_a_change_to_less():
    found = pool().judge(intent("1", ts=at("2024-01-02T12:40:00")), LINE)
    assert (found.allowed, found.code) == (0, "MARGIN_QUIET")
    assert "within 30 min before the intraday window (6.67x), which begins in 20.0 min" in found.reason
    assert pool().judge(intent("1", ts=at("2024-01-02T13:00:00")), LINE) is ALLOWED


@pytest.mark.parametrize("equity", [math.nan, math.inf])
def test_unknown_equity_opens_nothing(equity):
    assert pool(equity).judge(intent("1"), LINE).code == "MARGIN_UNKNOWN"


def test_unknown_prices_open_nothing():
    assert pool().judge(intent("1", price=math.nan), LINE).code == "MARGIN_UNKNOWN"
    assert pool().judge(intent("1", price=0.0), LINE).code == "MARGIN_UNKNOWN"
    assert pool(size=1.0, price=math.nan).judge(intent("1"), LINE).code == "MARGIN_UNKNOWN"
    stale = pool()
    stale.measure(10_000.0, [], "BTC.SIM: stale")
    assert "BTC.SIM: stale" in stale.judge(intent("1"), LINE).reason
    assert Pool("X", MarginSchedule(), MarginLimits()).judge(intent("1"), LINE).code == "MARGIN_UNKNOWN"


def test_no_equity_opens_nothing():
    assert pool(-5.0).judge(intent("1"), LINE).allowed == 0


def test_the_venue_may_ask_for_more_than_the_window():
    # 0.5 × 100 each: 9 000 / 50
    assert pool().judge(intent("200"), Line(0.5, Decimal(1))).allowed == 180


def test_a_flip_gives_back_what_it_closes():
    full = pool(size=900.0)
    assert full.judge(intent("900", "900", side=Side.SELL), LINE) is ALLOWED
    assert full.judge(intent("901", "900", side=Side.SELL), LINE).allowed == 900


def test_closing_against_the_others_gives_back_nothing():
    """The venue holds 500 long in all; the seller of shorts closes its own and makes the sum larger."""
    assert pool(size=500.0).judge(intent("600", "300", side=Side.BUY), LINE).allowed == 400


def test_hedged_positions_give_back_what_they_close():
    made = pool()
    made.measure(10_000.0, [Priced(Held("BTC.SIM", 100.0, 900.0, TERMS), 100.0)])
    assert made.judge(intent("300", "300", side=Side.SELL), LINE) is ALLOWED
    assert made.judge(intent("300", "300", side=Side.BUY), LINE) is ALLOWED


# -- orders on their way ---------------------------------------------------------------------------


def test_orders_on_their_way_count():
    made = pool()
    made.reserve.put("A", 0.0, 60_000.0, 600.0)
    assert made.judge(intent("400"), LINE).allowed == 300
    assert made.used(10.0) == pytest.approx(0.6)


def test_an_order_does_not_count_against_itself():
    made = pool()
    made.reserve.put("A", 0.0, 60_000.0, 600.0)
    assert made.judge(intent("900", order="A", command="modify"), LINE) is ALLOWED
    assert made.judge(intent("301", order="A", command="modify"), LINE, more=True).allowed == 300


def test_what_is_left_of_an_order_counts():
    made = Reserve()
    made.put("A", 0.0, 60_000.0, 600.0)
    made.update("A", 700.0)  # the part that closes goes first
    assert made.of("A") == 60_000.0
    made.update("A", 150.0)
    assert made.of("A") == 15_000.0
    made.put("A", 0.0, 10_000.0, 100.0, more=True)
    assert (made.of("A"), made.margin(5.0)) == (25_000.0, 5_000.0)
    made.update("A", 125.0)
    assert made.of("A") == 12_500.0
    made.put("A", 0.0, 1.0, 1.0)
    assert made.of("A") == 1.0
    made.update("A", 0.0)
    assert (made.totals, made.orders, len(made)) == ({}, (), 0)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("ABCD"),
        st.sampled_from(["put", "more", "update", "end"]),
        st.floats(0.01, 1e9),
        st.floats(0.001, 1e6),
        st.sampled_from([0.0, 0.05]),
    ),
    max_size=60,
)


@given(STEPS)
def test_reservations_never_leak(steps):
    made = Reserve()
    for order, what, value, quantity, floor in steps:
        if what in {"put", "more"}:
            made.put(order, floor, value, quantity, more=what == "more")
        else:
            made.update(order, quantity if what == "update" else 0.0)
        assert sum(made.totals.values()) == round(sum(round(made.of(o) * 1e6) for o in made.orders))
        assert all(total > 0 for total in made.totals.values())
    for order in "ABCD":
        made.update(order, 0.0)
    assert made.totals == {}


ASKED = st.lists(st.tuples(st.integers(1, 500_000), st.sampled_from([50.0, 100.0, 163.7])), max_size=30)


@given(ASKED, st.floats(0.0, 800.0), st.sampled_from([NOON, BEFORE, at("2024-01-02T14:00:00")]))
def test_many_in_one_instant_never_use_more_than_the_bound(asked, size, ts):
    made = pool(size=size)
    before = {leverage: made.needs(leverage) for leverage in (10.0, 6.67)}
    for number, (lots, price) in enumerate(asked):
        quantity = lots * Decimal("0.001")
        found = made.judge(intent(str(quantity), price=price, ts=ts), LINE)
        passes = min(quantity, found.allowed)
        if passes > 0:
            made.reserve.put(f"O{number}", 0.0, float(passes) * price, float(passes))
    leverages = {NOON: (10.0,), BEFORE: (10.0, 6.67)}.get(ts, (6.67,))
    for leverage in leverages:
        assert made.needs(leverage) <= max(9_000.0, before[leverage]) + 1e-3


@given(st.integers(1, 2_000_000), st.floats(0.0, 899.0))
def test_what_is_said_to_fit_is_allowed_when_asked_for(lots, size):
    made = pool(size=size)
    quantity = lots * Decimal("0.001")
    found = made.judge(intent(str(quantity)), LINE)
    if found.allowed is not UNLIMITED and found.allowed > 0:
        assert found.allowed < quantity
        assert made.judge(intent(str(found.allowed)), LINE) is ALLOWED


# -- watching --------------------------------------------------------------------------------------


def test_alerts_have_a_memory():
    made = pool()

    def use(size: float) -> list[tuple[str, bool]]:
        made.measure(10_000.0, [Priced(Held.of("BTC.SIM", size, TERMS), 100.0)])
        return [(name, on) for name, on, _ in made.watch(NOON)]

    assert use(799.0) == []
    assert use(800.0) == [("initial", True)]
    assert use(760.0) == []
    assert use(800.0) == []
    assert use(749.0) == [("initial", False)]
    assert use(799.0) == []


def test_maintenance_alerts_by_itself():
    made = pool(equity=60.0, size=100.0)  # maintenance 50 of 60, initial 1000
    assert [(name, on) for name, on, _ in made.watch(NOON)] == [("initial", True), ("maintenance", True)]


def test_alerts_survive_and_damage_does_not():
    made = pool(size=850.0)
    made.watch(NOON)
    again = pool(size=850.0)
    assert again.restore(made.to_dict())
    assert again.watch(NOON) == []
    assert not again.restore({"alerts": [1]})
    assert again.alerts["initial"]


def test_unknown_figures_change_no_alert():
    made = pool(size=850.0)
    made.watch(NOON)
    made.measure(math.nan, [])
    assert made.watch(NOON) == []
    assert made.demand(NOON) is None
    assert math.isnan(made.used(10.0))


def test_a_reduction_is_wanted_in_the_look_ahead_and_due_before_the_change():
    made = pool(size=650.0)  # 65 % at 10x, 97.5 % at 6.67x
    assert made.demand(at("2024-01-02T11:59:59")) is None
    early = made.demand(at("2024-01-02T12:00:00"))
    assert (early.window.name, early.ts, early.act) == ("intraday", at("2024-01-02T13:00:00"), False)
    assert made.demand(at("2024-01-02T12:45:00")).act
    assert pool(size=600.0).demand(at("2024-01-02T12:45:00")) is None  # 90.0 %


def test_orders_on_their_way_count_for_a_reduction():
    made = pool(size=500.0)
    made.reserve.put("A", 0.0, 15_000.0, 150.0)
    assert made.demand(at("2024-01-02T12:45:00")).act


def test_a_reduction_is_due_when_all_equity_is_used():
    assert pool(size=999.0).demand(NOON) is None
    found = pool(size=1_001.0).demand(NOON)
    assert (found.window.name, found.act) == ("normal", True)


def test_the_outlook_follows_the_clock_both_ways():
    made = pool()
    assert made.outlook(BEFORE).ahead is not None
    assert made.outlook(NOON).ahead is None
    assert made.outlook(BEFORE + 50 * MINUTE).window.name == "intraday"


def test_several_positions_add_up():
    made = pool()
    inverse = Terms(Maintenance.flat(0.01), 10.0, True, 0.2)
    positions = [
        Priced(Held.of("A", -20.0, TERMS), 50.0, 2.0),
        Priced(Held.of("B", 7.0, inverse), 40.0, 41.0),
    ]
    made.measure(1_000.0, positions)
    # A: 20 × 50 × 2 = 2 000, at 10x 200, maintenance 10; B: 70 / 40 × 41 = 71.75, 20 % are 14.35, 0.7175
    assert made.needs(10.0) == pytest.approx(214.35)
    assert made.maintenance == pytest.approx(10.7175)
    assert not made.is_idle


@given(
    equity=st.floats(100.0, 1e6),
    sizes=st.lists(st.floats(-50.0, 50.0), min_size=1, max_size=3),
    moves=st.lists(st.floats(-0.9, 0.05), min_size=3, max_size=3),
    spare=st.floats(1e-6, 10.0),
    ordered=st.floats(0.0, 2_000.0),
    when=st.tuples(st.integers(0, 10_080), st.floats(0.0, 1.0, exclude_max=True)),
)
def test_while_an_account_is_calm_there_is_nothing_to_say_of_it(
    *, equity, sizes, moves, spare, ordered, when
):
    minutes, later = when
    tiers = Maintenance.of([(1_000.0, 0.01), (3_000.0, 0.05), (None, 0.4)])
    made, now = Pool("SIM-001", MarginSchedule(), MarginLimits()), NOON + minutes * MINUTE
    held = [Held.of(f"{n}.SIM", size, Terms(tiers)) for n, size in enumerate(sizes)]
    made.measure(equity, [Priced(one, 100.0) for one in held])
    if ordered:
        made.reserve.put("O-1", 0.0, ordered, 1.0)
    assert made.watch(now) == [] or made.calm(now, 0.05)[0] == math.inf
    enough, until = made.calm(now, 0.05)
    if enough == math.inf:
        return
    prices = [100.0 * (1.0 + move) for move in moves]
    made.measure(enough * (1.0 + spare), [Priced(*one) for one in zip(held, prices, strict=False)])
    then = now + int(later * (until - now))
    assert made.watch(then) == []
    assert made.demand(then) is None


def test_from_which_equity_on_an_account_is_calm():
    # 10 at 100 and 5 % more are 1 050, at 10x 105 of margin; at most 80 % may be used: 105 / 0.8
    assert pool(size=10.0).calm(NOON, 0.05)[0] == pytest.approx(131.25)
    # The intraday window, 6.67x, is within the look-ahead: 1 050 / 6.67 / 0.8
    assert pool(size=10.0).calm(BEFORE, 0.05)[0] == pytest.approx(1_050.0 / 6.67 / 0.8)
    assert pool(math.nan).calm(NOON, 0.05)[0] == math.inf
    told = pool(size=900.0)  # 9 000 of 10 000
    assert told.watch(NOON)
    assert told.calm(NOON, 0.05)[0] == math.inf  # until it is over
