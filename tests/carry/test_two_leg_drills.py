"""Fault drills for two legs: whatever happens in whatever order, none is doubled and none stays alone."""

from __future__ import annotations

from decimal import Decimal

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from nautilus_quant.carry.two_leg_terms import Style, TwoLegParams
from nautilus_quant.carry.two_leg_told import Phase
from nautilus_quant.portfolio.sizing import Lot
from tests.carry.two_leg_world import World

LEGS = st.sampled_from([0, 1])
LOTS = {
    "fine": (Lot(step=Decimal("0.001")), Lot(step=Decimal("0.001"))),
    "coarse": (Lot(step=Decimal("0.01"), minimum=Decimal("0.05")), Lot(step=Decimal("0.5"))),
    "small": (Lot(step=Decimal("0.1"), maximum=Decimal(4)), Lot(step=Decimal("0.1"), minimum=Decimal("0.3"))),
}
TARGETS = st.integers(-20, 20).map(Decimal)
SHARES = st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1)])
TIMES = st.sampled_from([0.02, 0.1, 0.35, 0.5, 1.0, 3.0, 12.0, 70.0])


class Drill(RuleBasedStateMachine):
    """What can happen while venues answer in time and take what reduces; all else they may refuse."""

    strict = True

    @initialize(
        style=st.sampled_from(Style),
        lots=st.sampled_from(sorted(LOTS)),
        lead=LEGS,
        budget=st.sampled_from([600.0, 6_000.0]),
        timeout=st.sampled_from([2.0, 30.0]),
    )
    def begin(self, style: Style, lots: str, lead: int, budget: float, timeout: float) -> None:
        # a part is worth a sixth of the budget: 1 or 10 units of 100
        params = TwoLegParams(
            style=style, lead=lead, leg_timeout=timeout, max_unhedged=budget, answer=1.0, pause=10.0
        )
        self.world = World(params, LOTS[lots], strict=self.strict)

    @rule(size=TARGETS, urgent=st.booleans())
    def want(self, size: Decimal, urgent: bool) -> None:
        self.world.want(size, urgent=urgent)

    @rule(
        leg=LEGS,
        latency=st.sampled_from([0.01, 0.3, 1.0]),
        fate=st.sampled_from(["fill", "parts", "refuse", "idle", "race"]),
    )
    def behave(self, leg: int, latency: float, fate: str) -> None:
        self.world.latency[leg], self.world.fates[leg] = latency, fate

    @rule(seconds=TIMES)
    def wait(self, seconds: float) -> None:
        self.world.advance(seconds)

    @rule(leg=LEGS, share=SHARES)
    def fill(self, leg: int, share: Decimal) -> None:
        self.world.fill_resting(leg, share)

    def teardown(self) -> None:
        world = getattr(self, "world", None)
        if world is None:
            return
        self.check()
        world.calm()
        world.advance(600.0)
        self.is_settled()
        world.want(Decimal(0), urgent=True)
        world.advance(600.0)
        self.is_settled()
        assert all(abs(world.units(leg)) <= 2 * world.dust for leg in (0, 1))
        self.check()

    def is_settled(self) -> None:
        world = self.world
        assert not world.live()
        assert list(world.machine.held) == world.positions
        assert world.apart < world.dust
        assert world.machine.phase in (Phase.FLAT, Phase.HEDGED)
        assert world.machine.used == 0.0

    def check(self) -> None:
        """Nowhere was more unhedged for longer than allowed, but for what excuses."""
        assert self.world.largest <= self.world.params.max_unhedged * (1 + 1e-9)


class Chaos(Drill):
    """And what can happen when they do not, and when the machine dies."""

    strict = False

    @rule(leg=LEGS, fate=st.sampled_from(["thin", "refuse", "lose"]))
    def misbehave(self, leg: int, fate: str) -> None:
        self.world.fates[leg] = fate

    @rule(leg=LEGS, deaf=st.booleans())
    def stop_taking_back(self, leg: int, deaf: bool) -> None:
        self.world.deaf[leg] = deaf

    @rule(leg=LEGS, told=st.booleans())
    def go_away(self, leg: int, told: bool) -> None:
        (self.world.leave if told else self.world.go_silent)(leg)

    @rule(leg=LEGS)
    def come_back(self, leg: int) -> None:
        self.world.come_back(leg)

    @rule(actions=st.integers(0, 3))
    def die(self, actions: int) -> None:
        self.world.dies_after = actions

    @rule()
    def die_now(self) -> None:
        self.world.die()

    @precondition(lambda self: self.world.machine is None)
    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule(leg=LEGS)
    def trade_by_others(self, leg: int) -> None:
        self.world.trade_by_others(leg)


COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck)}
Drill.TestCase.settings = settings(max_examples=100, stateful_step_count=30, **COMMON)
Chaos.TestCase.settings = settings(max_examples=200, stateful_step_count=40, **COMMON)
TestDrill = Drill.TestCase
TestChaos = Chaos.TestCase
