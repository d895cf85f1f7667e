"""What a budget knows in a hurry: the same orders pass as when it looks at everything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nautilus_trader.model.enums import OmsType

from nautilus_quant.host.budget_ceiling import Ceiling
from nautilus_quant.portfolio.reservations import SCALE
from tests.host.budget_kit import BUY, SELL, Keeper, cancel, limit, market, play
from tests.host.engine import Script, quotes

PRICES = [30_000.0 + 20.0 * ((n * 7) % 11) for n in range(40)]
SIZES = st.sampled_from(["0.500", "1.000", "3.000", "7.500"])
MARKETS = st.builds(market, st.sampled_from([BUY, SELL]), SIZES)
LIMITS = st.builds(
    limit, st.sampled_from([BUY, SELL]), SIZES, st.sampled_from(["29000.0", "30500.0", "31000.0"])
)
CLOSINGS = st.just(lambda script: script.close_all_positions(script.cache.instrument_ids()[0]))
STEPS = st.dictionaries(
    st.integers(1, 35), st.one_of(MARKETS, MARKETS, LIMITS, CLOSINGS, st.just(cancel)), max_size=14
)


def told(steps: dict[int, Any], oms: OmsType) -> list[Any]:
    """Run, and return every decision, what was held and reserved at each quote, and how it ended."""
    keeper, seen = Keeper(max_instrument=0.5, max_strategy=0.4, publish=None), []

    def looked(step: Any) -> Any:
        def do(script: Script) -> None:
            if step is not None:
                step(script)
            if script.seen % 5 == 0:
                budget = keeper.gate.budget
                cells = budget.exposures.cells.values()
                held = sorted((cell.long_size, cell.short_size) for cell in cells)
                seen.append((sorted(budget.reservations.all_names()), held))

        return do

    one = Script({n: looked(steps.get(n)) for n in range(1, 40)})
    two = Script({n + 1: step for n, step in steps.items()}, tag="002")
    play(keeper, one, two, data=quotes(PRICES), oms=oms)
    decisions = [(d.strategy, d.outcome, d.asked, d.allowed, d.code) for d in keeper.decisions]
    return [decisions, seen, one.kinds(), two.kinds(), one.left, two.left]


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_the_same_orders_pass_as_when_everything_is_looked_at(monkeypatch, oms, steps):
    with monkeypatch.context() as context:
        context.setattr(Ceiling, "fits", lambda *_: False)
        slow = told(steps, oms)
    assert told(steps, oms) == slow


@pytest.mark.parametrize("oms", [OmsType.NETTING, OmsType.HEDGING])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_it_is_never_too_low(monkeypatch, oms, steps):
    known: list[tuple[float, float]] = []
    fits = Ceiling.fits

    def compared(self: Ceiling, intent: Any, unit: float, most: float) -> bool:
        found = fits(self, intent, unit, most)
        if found:
            value = self.value(unit)
            self.look(intent.ts)
            budget = self._orders.budget
            budget.exposures.mark({intent.instrument: unit})
            known.append((value, budget.exposures.sums["total"].gross / SCALE))
        return found

    with monkeypatch.context() as context:
        context.setattr(Ceiling, "fits", compared)
        told(steps, oms)
    assert all(gross <= value + 1e-3 for value, gross in known)


def test_small_orders_are_not_looked_at_one_by_one(monkeypatch):
    """Of ten orders of 0.5 % of what may be open, the last finds five hundredths of it sent."""
    looks: list[int] = []
    look = Ceiling.look
    monkeypatch.setattr(Ceiling, "look", lambda self, now: looks.append(now) or look(self, now))
    steps = {n: market(BUY if n % 2 else SELL, "0.100") for n in range(1, 21)}
    keeper = Keeper(max_instrument=0.6, publish=None, review=0.0)
    script = Script(steps)
    play(keeper, script, data=quotes(PRICES))
    assert script.kinds().count("OrderFilled") == 20
    assert len(looks) <= 6


def test_what_comes_from_elsewhere_is_looked_at():
    """Orders that bear a price are not bounded by their size: everything is looked at while one rests."""
    keeper = Keeper(max_instrument=0.5, publish=None)
    steps = {
        1: market(BUY, "1.000"),
        3: limit(SELL, "5.000", "40000.0"),  # opens 4 at 40 000 each: 160 000 beside 30 000
        5: market(BUY, "12.000"),
        7: market(BUY, "4.000"),  # 17 × 30 000 are more than half of a million
    }
    script = Script(steps)
    play(keeper, script, data=quotes([30_000.0] * 12))
    assert [decision.code for decision in keeper.decisions if decision.outcome != "ALLOW"] == [
        "BUDGET_INSTRUMENT"
    ]
