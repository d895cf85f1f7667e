"""Hedges elsewhere over time: patience, one round at a time, nothing twice after a restart."""

import json
from decimal import Decimal

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from nautilus_quant.carry.cross_venue_emergency import HedgeStep, Refuge
from nautilus_quant.carry.cross_venue_hedge import HedgeBook, HedgeParams

SECOND = 1_000_000_000
ZERO = Decimal(0)
PARAMS = HedgeParams(patience=5.0, pause=3.0)


def refuge(venue="C", room="100", *, is_open=True):
    return Refuge(venue, is_open, 0.001, 0.001, Decimal(room), Decimal(room), Decimal("0.1"))


def test_its_own_pair_has_the_first_try():
    book = HedgeBook(PARAMS)
    assert book.step(0, Decimal(2), [refuge()]) == ((), 0)
    assert book.step(4 * SECOND, Decimal(3), [refuge()]) == ((), 0)
    made = book.step(5 * SECOND, Decimal(3), [refuge()])
    assert made.steps == (HedgeStep("C", Decimal(-3), reduces=False),)
    assert book.is_needed


def test_what_stood_alone_for_a_moment_is_waited_for_anew():
    book = HedgeBook(PARAMS)
    book.step(0, Decimal(2), [refuge()])
    book.step(3 * SECOND, ZERO, [refuge()])
    assert not book.is_needed
    assert book.step(6 * SECOND, Decimal(2), [refuge()]).steps == ()


def test_one_round_at_a_time_and_back_when_it_is_over():
    book = HedgeBook(PARAMS)
    book.step(0, Decimal(2), [refuge()])
    (step,) = book.step(5 * SECOND, Decimal(2), [refuge()]).steps
    book.sent("1", step)
    assert book.step(6 * SECOND, Decimal(2), [refuge()]).steps == ()
    assert book.on_order("1", Decimal("0.5"), 6 * SECOND, done=False)
    assert book.on_order("1", Decimal(2), 7 * SECOND, done=True)
    assert book.on_order("1", Decimal(2), 7 * SECOND, done=True) is False
    assert book.held == {"C": Decimal(-2)}
    assert book.step(8 * SECOND, Decimal(2), [refuge()]).steps == ()
    assert book.step(8 * SECOND, ZERO, [refuge()]).steps == (HedgeStep("C", Decimal(2), reduces=True),)


def test_a_refusal_is_not_answered_at_once():
    book = HedgeBook(PARAMS)
    book.step(0, Decimal(2), [refuge()])
    (step,) = book.step(5 * SECOND, Decimal(2), [refuge()]).steps
    book.sent("1", step)
    book.on_order("1", ZERO, 5 * SECOND, done=True)
    assert book.step(7 * SECOND, Decimal(2), [refuge()]).steps == ()
    assert len(book.step(8 * SECOND, Decimal(2), [refuge()]).steps) == 1


def test_what_nobody_can_hedge_is_told_after_the_patience():
    book = HedgeBook(PARAMS)
    assert book.step(0, Decimal(2), []).missing == 0
    assert book.step(5 * SECOND, Decimal(2), []).missing == -2
    assert book.step(5 * SECOND, Decimal(2), [refuge(is_open=False)]).missing == -2


def test_what_is_missing_is_missing_until_more_is_known():
    book = HedgeBook(PARAMS)
    book.step(0, Decimal(2), [refuge(room="0.5")])
    made = book.step(5 * SECOND, Decimal(2), [refuge(room="0.5")])
    assert (made.steps[0].change, made.missing) == (Decimal("-0.5"), Decimal("-1.5"))
    book.sent("1", made.steps[0])
    assert book.step(6 * SECOND, Decimal(2), [refuge(room="0.5")]).missing == Decimal("-1.5")
    book.on_order("1", ZERO, 6 * SECOND, done=True)
    assert book.step(7 * SECOND, Decimal(2), []).missing == Decimal("-1.5")  # nobody has hedged any of it
    assert book.step(9 * SECOND, ZERO, []).missing == 0


def test_what_has_filled_stays_filled_though_its_order_is_lost():
    book = HedgeBook(PARAMS)
    book.step(0, Decimal(2), [refuge()])
    (step,) = book.step(5 * SECOND, Decimal(2), [refuge()]).steps
    book.sent("1", step)
    book.on_order("1", Decimal("1.5"), 6 * SECOND, done=False)
    again = HedgeBook(PARAMS).restore(json.loads(json.dumps(book.to_dict())))
    assert again.on_order("1", ZERO, 60 * SECOND, done=True)  # nobody knows that order any more
    assert again.held == {"C": Decimal("-1.5")}
    assert again.step(61 * SECOND, ZERO, [refuge()]).steps == (HedgeStep("C", Decimal("1.5"), reduces=True),)


@pytest.mark.parametrize(
    "damage", [{"version": 3}, {"held": {"C": "NaN"}}, {"orders": {"1": ["C", "inf", "0"]}}]
)
def test_damaged_state_is_refused(damage):
    with pytest.raises(ValueError, match=r"version|quantity"):
        HedgeBook().restore({**HedgeBook().to_dict(), **damage})


@pytest.mark.parametrize("changes", [{"patience": -1.0}, {"pause": float("inf")}])
def test_parameters_that_cannot_be(changes):
    with pytest.raises(ValueError, match=next(iter(changes))):
        HedgeParams(**changes)


class Drill(RuleBasedStateMachine):
    """Venues fill, refuse, and we crash: what is held is what was filled, and never too much."""

    @initialize()
    def begin(self):
        self.book, self.now, self.alone, self.count = HedgeBook(PARAMS), 0, ZERO, 0
        self.venue: dict[str, list] = {}  # id: step, filled, done
        self.truth = {"C": ZERO, "D": ZERO}
        self.saved = self.book.to_dict()

    @rule(seconds=st.integers(1, 9), lots=st.integers(-9, 9) | st.none())
    def time_goes_on(self, seconds, lots):
        self.now += seconds * SECOND
        if lots is not None:
            self.alone = Decimal(lots) / 10
        made = self.book.step(self.now, self.alone, [refuge("C", "0.5"), refuge("D", "0.7")])
        for step in made.steps:
            self.count += 1
            name = str(self.count)
            self.book.sent(name, step)
            self.saved = self.book.to_dict()
            self.venue[name] = [step, ZERO, False]

    def working(self):
        return [name for name, (_, _, done) in self.venue.items() if not done]

    @rule(share=st.integers(0, 10), done=st.booleans())
    def the_venue_answers(self, share, done):
        for name in self.working()[:1]:
            step, filled, _ = self.venue[name]
            more = (abs(step.change) - filled) * share / 10
            self.venue[name] = [step, filled + more, done]
            self.truth[step.venue] += more.copy_sign(step.change)
            self.book.on_order(name, filled + more, self.now, done=done)
            self.saved = self.book.to_dict()

    @rule()
    def we_crash(self):
        self.book = HedgeBook(PARAMS).restore(json.loads(json.dumps(self.saved)))
        for name in self.book.pending:
            _, filled, done = self.venue[name]
            self.book.on_order(name, filled, self.now, done=done)

    @invariant()
    def what_is_held_is_what_was_filled(self):
        if hasattr(self, "book"):
            for venue, coins in self.truth.items():
                assert self.book.held.get(venue, ZERO) == coins

    @invariant()
    def no_more_is_on_its_way_than_was_ever_alone(self):
        if hasattr(self, "book"):
            for name in self.working():
                assert abs(self.venue[name][0].change) <= Decimal("0.9") + Decimal("0.9")


TestDrill = Drill.TestCase
TestDrill.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
