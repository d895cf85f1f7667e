"""When a venue is not well: by its data, its answers, its own words, and its connection."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nautilus_quant.carry.venue_health import Health, VenueHealth, VenueHealthParams

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
BTC = "BTCUSDT.A"
ETH = "ETHUSDT.A"
PARAMS = VenueHealthParams(
    stale_after=10.0,
    dead_after=30.0,
    late_by=5.0,
    window=100.0,
    least_rejects=3,
    reject_share=0.25,
    rejects_in_a_row=4,
    answer_within=2.0,
    recovery=20.0,
)


def at(seconds: float) -> int:
    return START + round(seconds * SECOND)


@pytest.fixture
def venue() -> VenueHealth:
    made = VenueHealth("A", PARAMS)
    made.on_data(BTC, at(0), at(-0.1))
    return made


def health(venue: VenueHealth, seconds: float, market: str = "") -> Health:
    return venue.state(at(seconds), market).health


def reject(venue: VenueHealth, seconds: float, name: str) -> None:
    venue.on_sent(name, at(seconds))
    venue.on_answer(name, at(seconds), accepted=False)


def accept(venue: VenueHealth, seconds: float, name: str, after: float = 0.0) -> None:
    venue.on_sent(name, at(seconds))
    venue.on_answer(name, at(seconds + after), accepted=True)


def test_nothing_heard_is_down() -> None:
    state = VenueHealth("A", PARAMS).state(START)
    assert not state.usable
    assert state.reasons == ("no data heard of A yet",)


def test_a_market_nothing_was_heard_of_is_down_where_the_venue_is_up(venue: VenueHealth) -> None:
    assert health(venue, 1) is Health.UP
    assert health(venue, 1, BTC) is Health.UP
    assert venue.state(at(1), ETH).reasons == (f"no data heard of {ETH} yet",)
    assert health(venue, 1, ETH) is Health.DOWN


@pytest.mark.parametrize(
    ("age", "expected"),
    [(10, Health.UP), (10.1, Health.DEGRADED), (30, Health.DEGRADED), (30.1, Health.DOWN)],
)
def test_data_grows_stale(venue: VenueHealth, age: float, expected: Health) -> None:
    assert health(venue, age) is expected


def test_one_market_may_be_stale_where_the_venue_is_not(venue: VenueHealth) -> None:
    venue.on_data(ETH, at(40), at(40))
    assert health(venue, 40) is Health.UP
    assert health(venue, 40, BTC) is Health.DOWN
    assert health(venue, 40, ETH) is Health.UP


def test_what_was_dead_is_degraded_until_it_has_recovered(venue: VenueHealth) -> None:
    assert health(venue, 31) is Health.DOWN
    venue.on_data(BTC, at(32), at(32))
    assert health(venue, 32) is Health.DEGRADED
    venue.on_data(BTC, at(50), at(50))
    assert health(venue, 50) is Health.DEGRADED
    venue.on_data(BTC, at(51), at(51))
    assert health(venue, 51) is Health.UP  # 20 s after 31


@pytest.mark.parametrize(
    ("late", "expected"), [(5, Health.UP), (5.1, Health.DEGRADED), (20, Health.DEGRADED), (20.1, Health.DOWN)]
)
def test_late_data_counts_from_the_quickest_that_came(late: float, expected: Health) -> None:
    venue = VenueHealth("A", PARAMS)
    venue.on_data(BTC, at(0), at(3))  # its clock is three seconds ahead of ours
    venue.on_data(BTC, at(60), at(63 - late))
    assert health(venue, 60) is expected


def test_one_wrong_time_does_not_count_for_ever() -> None:
    venue = VenueHealth("A", dataclasses.replace(PARAMS, memory=100.0))
    found = []
    for second in range(0, 320, 10):
        wrong = 3_600 if second == 50 else 0  # an hour in the future
        venue.on_data(BTC, at(second), at(second + wrong))
        if venue.state(at(second)).health is Health.DOWN:
            found.append(second)
    assert found == list(range(60, 200, 10))  # remembered until the next hundred seconds are over, too
    # Late for less than that is late: 30 s behind, all the time.
    for second in range(320, 400, 10):
        venue.on_data(BTC, at(second), at(second - 30))
        assert venue.state(at(second)).health is Health.DOWN


def test_old_data_replayed_now_is_not_late() -> None:
    venue = VenueHealth("A", PARAMS)
    for second in range(5):
        venue.on_data(BTC, at(second), at(second - 30_000_000))
    assert health(venue, 4) is Health.UP


def test_rejects_in_a_row_take_it_down_until_the_last_is_old(venue: VenueHealth) -> None:
    accept(venue, 0, "ok")
    for n in range(3):
        reject(venue, 1, f"r{n}")
    # 3 of 4 answers; not yet four in a row.
    assert venue.state(at(1)).reasons == ("3 of 4 orders rejected, bound 25%",)
    assert health(venue, 1) is Health.DEGRADED
    reject(venue, 2, "r3")
    assert health(venue, 2) is Health.DOWN
    venue.on_data(BTC, at(22), at(22))
    assert health(venue, 21.9) is Health.DOWN
    assert health(venue, 22) is Health.DEGRADED
    reject(venue, 22, "r4")
    assert health(venue, 22) is Health.DOWN  # one more, and it is down again


def test_an_acceptance_ends_a_row(venue: VenueHealth) -> None:
    for n in range(4):
        reject(venue, 1, f"r{n}")
    accept(venue, 2, "ok")
    assert health(venue, 2) is Health.DEGRADED


def test_rejects_are_forgotten_after_the_window(venue: VenueHealth) -> None:
    for n in range(4):
        reject(venue, 1, f"r{n}")
    venue.on_data(BTC, at(101), at(101))
    assert health(venue, 101) is Health.DEGRADED
    venue.on_data(BTC, at(102), at(102))
    assert health(venue, 102) is Health.UP


def test_few_rejects_among_many_orders_say_nothing(venue: VenueHealth) -> None:
    for n in range(3):
        reject(venue, 1, f"r{n}")
        accept(venue, 1, f"a{n}")
    for n in range(7):
        accept(venue, 1, f"b{n}")
    assert health(venue, 1) is Health.UP  # 3 of 13 are 23 %


def test_an_answer_nobody_waits_for_says_nothing(venue: VenueHealth) -> None:
    for n in range(9):
        venue.on_answer(f"r{n}", at(1), accepted=False)
    assert health(venue, 1) is Health.UP
    assert math.isnan(venue.latency())


def test_silence_takes_it_down(venue: VenueHealth) -> None:
    venue.on_sent("x", at(1))
    venue.on_sent("y", at(6))
    assert health(venue, 3) is Health.UP
    assert health(venue, 3.1) is Health.DEGRADED
    assert health(venue, 7.1) is Health.DOWN
    venue.on_gone("x")
    assert health(venue, 7.1) is Health.UP
    assert health(venue, 8.1) is Health.DEGRADED


def test_a_halted_market_is_down_and_a_venue_when_all_are(venue: VenueHealth) -> None:
    venue.on_data(ETH, at(1), at(1))
    venue.on_status(BTC, "HALT")
    assert health(venue, 1, BTC) is Health.DOWN
    assert health(venue, 1, ETH) is Health.UP
    assert health(venue, 1) is Health.UP
    venue.on_status(ETH, "PAUSE")
    assert venue.state(at(1)).reasons == ("no market of A trades",)
    venue.on_status(BTC, "")
    assert health(venue, 1) is Health.UP
    assert health(venue, 1, BTC) is Health.UP


def test_a_lost_connection_takes_it_down_and_is_remembered_for_a_while(venue: VenueHealth) -> None:
    venue.on_connection(connected=False)
    assert health(venue, 1) is Health.DOWN
    assert health(venue, 1, BTC) is Health.DOWN
    venue.on_connection(connected=True)
    assert health(venue, 2) is Health.DEGRADED
    assert health(venue, 2, BTC) is Health.DEGRADED
    venue.on_data(BTC, at(21), at(21))
    assert health(venue, 21) is Health.UP


def test_announced_maintenance(venue: VenueHealth) -> None:
    venue.plan(at(2), at(5))
    assert [health(venue, second) for second in (1.9, 2, 4.9, 5)] == [
        Health.UP,
        Health.DOWN,
        Health.DOWN,
        Health.UP,
    ]
    with pytest.raises(ValueError, match="start < end"):
        venue.plan(at(5), at(5))


def test_latency_is_the_nearest_rank(venue: VenueHealth) -> None:
    for n, after in enumerate([0.4, 0.1, 0.3, 0.2]):
        accept(venue, n, f"o{n}", after)
    assert venue.latency(0.5) == 0.2
    assert venue.latency(0.75) == 0.3
    assert venue.latency(1.0) == 0.4
    with pytest.raises(ValueError, match="share"):
        venue.latency(0.0)


@given(st.lists(st.tuples(st.integers(0, 400), st.booleans()), max_size=600))
def test_memory_is_bounded_and_the_worst_reason_counts(answers: list[tuple[int, bool]]) -> None:
    venue = VenueHealth("A", PARAMS)
    latest = 0
    for n, (second, accepted) in enumerate(answers):
        latest = max(latest, second)
        venue.on_data(BTC, at(latest), at(latest))
        venue.on_sent(f"o{n}", at(latest))
        venue.on_answer(f"o{n}", at(latest), accepted=accepted)
    state = venue.state(at(latest))
    assert bool(state.reasons) == (state.health is not Health.UP)
    assert len(venue._answers) <= 256
    assert len(venue._latencies) <= 128
    assert not venue._waiting


@pytest.mark.parametrize(
    "wrong",
    [
        {"stale_after": 0.0},
        {"stale_after": 40.0},
        {"late_by": math.nan},
        {"memory": 0.0},
        {"window": math.inf},
        {"least_rejects": 0},
        {"reject_share": 1.5},
        {"rejects_in_a_row": 0},
        {"answer_within": 0.0},
        {"recovery": -1.0},
    ],
)
def test_impossible_bounds_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="need "):
        VenueHealthParams(**wrong)  # type: ignore[arg-type]
