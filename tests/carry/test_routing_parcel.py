"""An order that is shared out: nothing is lost, nothing is sent twice, and it comes to an end."""

from decimal import Decimal

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nautilus_quant.carry.routing_parcel import After, Parcel, Step

D = Decimal


def parcel(after: After = After.AGAIN, **more: int) -> Parcel:
    return Parcel(D(10), after, waves=more.get("waves", 3), pause=more.get("pause", 5), least=D("0.1"))


def test_what_is_sent_works_until_it_is_filled_or_given_back() -> None:
    one = parcel()
    one.begin(100)
    one.send("a", "A", D(6))
    one.send("b", "B", D(4))
    assert (one.filled, one.working, one.unplaced) == (D(0), D(10), D(0))
    one.fill("a", D(2))
    one.fill("a", D(2))
    assert (one.filled, one.working, one.unplaced) == (D(2), D(8), D(0))
    one.end("a", 101)
    assert (one.filled, one.working, one.unplaced) == (D(2), D(4), D(4))
    assert one.step(200) is Step.WAIT  # b works
    one.fill("b", D(4))
    one.end("b", 103)
    assert one.step(107) is Step.WAIT  # a pause of 5 after its end
    assert one.step(108) is Step.ROUTE


def test_no_more_is_sent_than_is_left_and_no_name_twice() -> None:
    one = parcel()
    one.send("a", "A", D(6))
    for name, quantity in (("b", D("4.1")), ("c", D(0)), ("a", D(1))):
        with pytest.raises(ValueError, match="need "):
            one.send(name, "B", quantity)
    one.cancelled = True
    with pytest.raises(ValueError, match="not cancelled"):
        one.send("d", "B", D(1))
    assert list(one.pieces) == ["a"]


def test_what_all_refuse_goes_elsewhere_at_once() -> None:
    one = parcel()
    one.begin(100)
    one.send("a", "A", D(10))
    one.end("a", 100, refused="no margin")
    assert one.step(100) is Step.ROUTE
    assert one.refusals == {"A": "no margin"}
    one.begin(100)
    one.send("b", "B", D(10))
    one.fill("b", D(9))
    one.end("b", 100)
    assert one.step(104) is Step.WAIT
    one.begin(105)
    assert one.step(105) is Step.FINISH  # three waves


@pytest.mark.parametrize(
    ("after", "expected"), [(After.AGAIN, Step.ROUTE), (After.REST, Step.REST), (After.STOP, Step.FINISH)]
)
def test_what_is_left_of_a_wave(after: After, expected: Step) -> None:
    one = parcel(after)
    assert one.step(0) is Step.ROUTE
    one.begin(0)
    one.send("a", "A", D(10))
    one.fill("a", D(3))
    one.end("a", 0)
    assert one.step(5) is expected
    one.begin(5)
    assert one.step(10) is expected  # nothing could be sent


@pytest.mark.parametrize(
    ("after", "expected"), [(After.AGAIN, Step.FINISH), (After.REST, Step.REST), (After.STOP, Step.FINISH)]
)
def test_where_nothing_at_all_can_be_sent(after: After, expected: Step) -> None:
    one = parcel(after)
    one.begin(0)
    assert one.step(5) is expected


def test_what_may_only_rest_never_takes() -> None:
    one = Parcel(D(10), After.REST, takes=False)
    assert one.step(0) is Step.REST
    one.send("a", "A", D(10), rests=True)
    one.end("a", 0, refused="would take")
    assert one.step(0) is Step.REST


def test_what_rested_is_over_when_it_ends_unless_it_was_refused() -> None:
    one = parcel(After.REST)
    one.begin(0)
    one.send("a", "A", D(10), rests=True)
    one.end("a", 0, refused="halted")
    assert one.step(0) is Step.ROUTE
    one.begin(0)
    assert one.step(0) is Step.REST
    one.send("b", "B", D(10), rests=True)
    one.fill("b", D(1))
    one.end("b", 9)
    assert one.step(99) is Step.FINISH
    assert one.unplaced == D(9)


def test_too_little_is_left_alone() -> None:
    one = parcel()
    one.begin(0)
    one.send("a", "A", D("9.9"))
    one.fill("a", D("9.9"))
    one.end("a", 0)
    assert one.step(99) is Step.FINISH


def test_a_venue_that_fills_more_takes_it_from_the_rest() -> None:
    one = parcel()
    one.begin(0)
    one.send("a", "A", D(5))
    one.fill("a", D(7))
    assert (one.filled, one.working, one.unplaced) == (D(7), D(0), D(3))
    one.fill("a", D(12))
    assert one.unplaced == D(0)


class Life(RuleBasedStateMachine):
    """Any order of fills, ends, refusals and cancels, with a host that does what it is told."""

    @initialize(after=st.sampled_from(list(After)), waves=st.integers(1, 4))
    def start(self, after: After, waves: int) -> None:
        self.one = Parcel(D(10), after, waves=waves, pause=5, least=D("0.1"))
        self.now = 0
        self.count = 0
        self.finished = False
        self.sent = self.late = D(0)

    @rule(shares=st.lists(st.integers(1, 60), max_size=3), wait=st.integers(0, 9))
    def go_on(self, shares: list[int], wait: int) -> None:
        self.now += wait
        step = self.one.step(self.now)
        if step is Step.FINISH:
            self.finished = True
        if step is Step.ROUTE:
            assert self.one.waves < self.one._most
            self.one.begin(self.now)
        for share in shares if step is Step.ROUTE else shares[:1] if step is Step.REST else ():
            quantity = min(self.one.unplaced, D(share) / 10)
            if quantity > 0:
                self.count += 1
                self.one.send(f"o{self.count}", "ABC"[self.count % 3], quantity, rests=step is Step.REST)

    @precondition(lambda self: self.one.is_open)
    @rule(data=st.data(), how=st.sampled_from(["fill", "part", "cancel", "refuse"]))
    def answer(self, data: st.DataObject, how: str) -> None:
        name = data.draw(st.sampled_from([n for n, piece in self.one.pieces.items() if not piece.over]))
        piece = self.one.pieces[name]
        if how in {"fill", "part"}:
            total = piece.quantity if how == "fill" else (piece.filled + piece.quantity) / 2
            self.one.fill(name, total)
        if how != "part":
            self.one.end(name, self.now, refused="no" if how == "refuse" and not piece.filled else "")

    @rule()
    def cancel(self) -> None:
        self.one.cancelled = True

    @invariant()
    def nothing_is_lost_or_doubled(self) -> None:
        one = self.one
        assert one.filled + one.working + one.unplaced == one.asked
        assert min(one.filled, one.working, one.unplaced) >= 0

    @invariant()
    def what_is_finished_works_no_more(self) -> None:
        if self.finished:
            assert not self.one.is_open
            assert self.one.working == 0
            assert self.one.step(self.now) is Step.FINISH

    def teardown(self) -> None:
        if not hasattr(self, "one"):
            return
        for name, piece in self.one.pieces.items():
            if not piece.over:
                self.one.end(name, self.now)
        for _ in range(20):  # a host whose every order is refused comes to an end, too
            self.now += 5
            step = self.one.step(self.now)
            if step is Step.FINISH:
                return
            if step is Step.ROUTE:
                self.one.begin(self.now)
            self.count += 1
            name = f"o{self.count}"
            self.one.send(name, "A", self.one.unplaced, rests=step is Step.REST)
            self.one.end(name, self.now, refused="" if step is Step.REST else "no")
        raise AssertionError("never ends")


TestLife = Life.TestCase
