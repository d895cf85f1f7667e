"""The kill switch against a venue that rejects, delays, half-fills, disconnects and loses track."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nautilus_quant.safety.kill_switch import (
    Alarm,
    CancelAll,
    Close,
    Halt,
    KillState,
    KillSwitch,
    Unhalt,
    VenueView,
)

SECOND = 10**9
POSITIONS = ("A", "B")

names = st.sampled_from(POSITIONS)
units = st.integers(1, 9).map(Decimal)
signed = st.integers(-9, 9).map(Decimal)


@dataclass
class Order:
    position: str
    left: Decimal  # signed: > 0 buys
    cancelling: bool = False


@dataclass
class Venue:
    """Holds positions and orders, and clips the switch's closes to the position as reduce-only orders are."""

    held: dict[str, Decimal] = field(default_factory=dict)
    orders: list[Order] = field(default_factory=list)  # of strategies
    closes: list[Order] = field(default_factory=list)  # of the switch
    connected: bool = True
    confirmed: bool = True
    halted: bool = False

    def view(self, most):
        working: dict[str, Decimal] = {}
        for close in self.closes:
            working[close.position] = working.get(close.position, Decimal(0)) + abs(close.left)
        return VenueView(
            open_orders=len(self.orders), positions=dict(self.held), confirmed=self.confirmed,
            connected=self.connected, working_closes=working, max_slice=dict.fromkeys(POSITIONS, most),
        )  # fmt: skip

    def fill(self, order, quantity):
        part = min(quantity, abs(order.left)) * (1 if order.left > 0 else -1)
        order.left -= part
        self.held[order.position] = self.held.get(order.position, Decimal(0)) + part

    def fill_close(self, close, quantity):
        held = self.held.get(close.position, Decimal(0))
        if held * close.left >= 0:
            self.closes.remove(close)  # would open or grow: the venue refuses
            return
        before = abs(held)
        self.fill(close, min(quantity, before))
        assert abs(self.held[close.position]) < before
        if close.left == 0:
            self.closes.remove(close)


class UnrulyVenue(RuleBasedStateMachine):
    @initialize(held=st.dictionaries(names, signed), orders=st.lists(st.tuples(names, units), max_size=3))
    def begin(self, held, orders):
        self.ts = 1_700_000_000 * SECOND
        self.venue = Venue(held=dict(held), orders=[Order(name, size) for name, size in orders])
        self.switch = KillSwitch()
        self.latched = False
        self.switch.trip(self.ts, "drawdown", "deep", {"drawdown": 0.11})

    def step(self, most=Decimal(0), seconds=0.5):
        self.ts += round(seconds * SECOND)
        seen = self.venue.view(most)
        for action in self.switch.step(self.ts, seen):
            self.carry_out(action, seen, most)

    def carry_out(self, action, seen, most):
        if isinstance(action, Alarm):
            return
        assert self.latched, "acted before the latch was on disk"
        if isinstance(action, Halt):
            assert seen.is_flat
            self.venue.halted = True
            return
        assert seen.connected, "sent a command into a dead connection"
        if isinstance(action, Unhalt):
            self.venue.halted = False
        elif isinstance(action, CancelAll):
            for order in self.venue.orders + (self.venue.closes if action.closes else []):
                order.cancelling = True
        elif isinstance(action, Close):
            self.send(action, seen, most)

    def send(self, close, seen, most):
        assert not self.venue.halted, "a halted venue would refuse the close"
        held = seen.positions[close.position]
        covered = seen.working_closes.get(close.position, Decimal(0))
        assert 0 < close.quantity <= abs(held) - covered
        assert close.side == (-1 if held > 0 else 1)
        assert most <= 0 or close.quantity <= most
        self.venue.closes.append(Order(close.position, close.side * close.quantity))

    @rule(most=st.sampled_from([0, 2, 5]).map(Decimal), seconds=st.sampled_from([0.5, 0.5, 1, 7, 40, -600]))
    def look(self, most, seconds):
        self.step(most, seconds)

    @precondition(lambda self: not self.latched)
    @rule()
    def write_latch(self):
        self.switch.latched()
        self.latched = True

    @precondition(lambda self: self.venue.closes)
    @rule(data=st.data(), quantity=units)
    def fill_a_close(self, data, quantity):
        self.venue.fill_close(data.draw(st.sampled_from(self.venue.closes)), quantity)

    @precondition(lambda self: self.venue.closes)
    @rule(data=st.data())
    def reject_a_close(self, data):
        self.venue.closes.remove(data.draw(st.sampled_from(self.venue.closes)))

    @precondition(lambda self: self.venue.orders)
    @rule(data=st.data(), quantity=units)
    def fill_an_order_late(self, data, quantity):
        order = data.draw(st.sampled_from(self.venue.orders))
        self.venue.fill(order, quantity)
        if order.left == 0:
            self.venue.orders.remove(order)
        self.venue.confirmed = False

    @rule(name=names, size=units)
    def an_order_turns_up(self, name, size):
        self.venue.orders.append(Order(name, -size))

    @rule()
    def cancels_arrive(self):
        self.venue.orders = [order for order in self.venue.orders if not order.cancelling]
        self.venue.closes = [close for close in self.venue.closes if not close.cancelling]

    @rule()
    def cancels_are_refused(self):
        for order in self.venue.orders + self.venue.closes:
            order.cancelling = False

    @rule(connected=st.booleans(), confirmed=st.booleans())
    def the_line_changes(self, connected, confirmed):
        self.venue.connected, self.venue.confirmed = connected, confirmed

    @precondition(lambda self: self.latched)
    @rule()
    def the_process_is_killed_and_started(self):
        stored = json.loads(json.dumps(self.switch.to_dict()))
        self.switch = KillSwitch.from_dict(stored)
        self.venue.halted = False

    @invariant()
    def never_armed_by_itself(self):
        if hasattr(self, "switch"):
            assert not self.switch.is_armed
            assert self.switch.blocked() is not None

    @invariant()
    def halted_only_when_told(self):
        if hasattr(self, "switch") and self.venue.halted:
            assert self.switch.state is KillState.HALTED

    def teardown(self):
        if not hasattr(self, "switch"):
            return
        self.switch.latched()
        self.latched = True
        self.venue.connected = self.venue.confirmed = True
        for _ in range(300):  # 150 s: twice the longest pause, and slices
            self.cancels_arrive()
            for close in list(self.venue.closes):
                self.venue.fill_close(close, abs(close.left))
            self.step(Decimal(2))
        assert self.switch.state is KillState.HALTED
        assert self.venue.halted
        assert self.venue.view(Decimal(0)).is_flat


UnrulyVenue.TestCase.settings = settings(max_examples=150, stateful_step_count=40)
test_ends_flat_and_halted_whatever_the_venue_does = UnrulyVenue.TestCase
