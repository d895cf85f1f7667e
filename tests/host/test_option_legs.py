"""Spreads whose legs are refused, come late or in part, are closed by others, or are met after a restart."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import Bar, TradeTick
from nautilus_trader.model.enums import AggressorSide, OrderSide
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.gating.intent import UNLIMITED, Intent, Verdict
from nautilus_quant.host.option_legs import OptionLegsConfig, OptionLegsStrategy
from nautilus_quant.host.state import shared_store
from nautilus_quant.options.spread_book import Phase
from nautilus_quant.options.spreads import Leg, Spread
from tests.actors.expiry_runs import DAY, HOUR, INDEX, SECOND, handler, option
from tests.host.engine import GateActor
from tests.strategies.option_runs import NEAR, PERP, START, Market, Run, engine, label, run

WING, SHORT = option(120_000.0, NEAR), option(110_000.0, NEAR)
LOW, MIDDLE = option(90_000.0, NEAR, call=False), option(100_000.0, NEAR, call=False)
CONDOR = {WING: 1, SHORT: -1, LOW: 1, MIDDLE: -1}
NAMES = {instrument: label(instrument.id) for instrument in CONDOR}
UNITS = 4.0


class One(OptionLegsStrategy):
    """Enters one spread on its first bar, and leaves it on another."""

    def __init__(
        self,
        ratios: dict[Any, int] = CONDOR,
        *,
        enters: int = 1,
        leaves: int = 99,
        steps: dict[int, Any] | None = None,
        **config: Any,
    ) -> None:
        settings = {
            "leg_timeout": 5.0,
            "slippage": 0.0,
            "reporting_currency": "USDT",
            "cooldown": 0.0,
            **config,
        }
        super().__init__(OptionLegsConfig(instrument=PERP.id, bar="1-HOUR", **settings))
        self.ratios, self.enters, self.leaves, self.steps = ratios, enters, leaves, steps or {}
        self.entered = 0

    @property
    def wanted_days(self) -> tuple[float, ...]:
        return (14.0,)

    def decide(self, ts: int) -> None:
        hour = (ts - START) // HOUR
        if hour in self.steps:
            self.steps[hour](self)
        if hour == self.leaves:
            self.leave("it is time")
        if hour >= self.enters and self.book is None and self.entered == 0:
            legs = tuple(
                Leg(self.market.desk.contract(instrument.id), ratio)  # type: ignore[arg-type]
                for instrument, ratio in self.ratios.items()
            )
            self.entered += self.enter(Spread("one", legs), UNITS, loss=10_000.0, reason="because")


class Gatekeeper:
    """Says something of one leg only, when asked and when it is sent."""

    name = "gatekeeper"

    def __init__(self, leg: Any, *, preview: Any = UNLIMITED, submit: Any = UNLIMITED) -> None:
        self.leg, self.preview, self.submit = leg.id.value, preview, submit

    def check(self, intent: Intent) -> Verdict:
        allowed = self.preview if intent.command == "preview" else self.submit
        if intent.instrument != self.leg or allowed == UNLIMITED:
            return Verdict.allow(self.name)
        return Verdict.limit(self.name, Decimal(allowed), "LEG", f"at most {allowed}")


def go(strategy: Any, *gates: Any, hours: int = 6, **market: Any) -> Run:
    actors = [GateActor(gate) for gate in gates]
    # What was taken of a quote is gone until the next one.
    ran = run(
        Market(list(CONDOR), hours=hours, **market), strategy, actors=actors, liquidity_consumption=True
    )
    ran.result = ran.held()  # type: ignore[attr-defined]
    ran.orders = ran.engine.cache.orders()  # type: ignore[attr-defined]
    ran.engine.dispose()
    return ran


def whole(units: float) -> dict[str, float]:
    return {NAMES[instrument]: ratio * units for instrument, ratio in CONDOR.items()}


def sizes(**given: float) -> Any:
    """Sizes at the bid or ask of one leg; plenty of everything else."""
    bids = {SHORT.id: given.get("short", 100.0), MIDDLE.id: given.get("middle", 100.0)}
    asks = {WING.id: given.get("wing", 100.0)}
    return lambda one, _ts: (bids.get(one.id, 100.0), asks.get(one.id, 100.0))


def test_it_buys_then_sells_and_leaves_the_other_way_round() -> None:
    strategy = One(leaves=3)
    ran = go(strategy)
    assert [side for side, *_ in ran.traded()] == ["BUY"] * 2 + ["SELL"] * 2 + ["BUY"] * 2 + ["SELL"] * 2
    assert {name for _, name, _ in ran.traded()[4:6]} == {NAMES[SHORT], NAMES[MIDDLE]}
    assert ran.result == {}
    assert strategy.book is None


class Queued(One):
    """Its orders wait before anybody hears of them, as in a live node, and it is asked to go on meanwhile."""

    def submit_order(self, order: Any, *_: Any, **__: Any) -> None:
        now, name = self.clock.timestamp_ns(), order.client_order_id
        self.clock.set_time_alert_ns(f"on-{name}", now + SECOND, lambda _: self._advance())
        self.clock.set_time_alert_ns(f"send-{name}", now + 2 * SECOND, lambda _: self._submit_now(order))

    def _submit_now(self, order: Any) -> None:
        super().submit_order(order)


def test_nothing_is_sent_twice_while_it_waits_in_a_queue() -> None:
    for leaves, orders in ((99, 4), (3, 8)):
        ran = go(Queued(leaves=leaves), step=30 * SECOND, hours=5)
        assert len(ran.fills) == orders
        assert ran.result == ({} if leaves == 3 else whole(UNITS))
        assert ran.alerts == []


class Moody(Gatekeeper):
    """Knows nothing of one leg between two times [s after the entry]."""

    def __init__(self, leg: Any, since: float, until: float) -> None:
        super().__init__(leg)
        self.closed = range(*(START + HOUR + round(at * SECOND) for at in (since, until)))

    def check(self, intent: Intent) -> Verdict:
        self.preview = self.submit = 0 if intent.ts in self.closed else UNLIMITED
        return super().check(intent)


def test_gates_that_know_nothing_for_a_moment_are_asked_again() -> None:
    strategy = Queued(leg_timeout=10.0)
    ran = go(strategy, Moody(SHORT, 1.0, 5.0), step=30 * SECOND, hours=3)
    assert ran.result == whole(UNITS)
    assert ran.alerts == []
    assert len(ran.fills) == 4


def test_gates_that_stay_closed_send_it_back() -> None:
    strategy = Queued(leg_timeout=10.0)
    ran = go(strategy, Moody(SHORT, 1.0, 9_999.0), step=5 * SECOND, hours=2)
    assert ran.result == {}
    assert [side for side, *_ in ran.traded()] == ["BUY", "BUY", "SELL", "SELL"]
    assert [alert.text.endswith("nothing is added") for alert in ran.alerts] == [True]
    waited = (ran.fills[2].ts_event - ran.fills[1].ts_event) / SECOND
    assert 9.0 <= waited <= 20.0


@pytest.mark.parametrize("leg", CONDOR, ids=lambda leg: label(leg.id))
def test_a_leg_that_is_forbidden_keeps_all_out(leg: Any) -> None:
    ran = go(One(), Gatekeeper(leg, preview=0))
    assert ran.fills == []
    assert ran.result == {}


@pytest.mark.parametrize("leg", CONDOR, ids=lambda leg: label(leg.id))
def test_the_leg_of_which_least_is_allowed_decides_for_all(leg: Any) -> None:
    ran = go(One(), Gatekeeper(leg, preview="1.55", submit="1.55"))
    assert ran.result == whole(1.5)


@pytest.mark.parametrize("leg", CONDOR, ids=lambda leg: label(leg.id))
def test_a_leg_that_is_denied_when_sent_takes_the_others_with_it(leg: Any) -> None:
    strategy = One()
    ran = go(strategy, Gatekeeper(leg, submit=0))
    assert ran.result == {}
    assert strategy.book is None
    assert [alert.severity for alert in ran.alerts] == ["WARNING"]
    if CONDOR[leg] > 0:  # nothing is sold before all protection is there
        assert {side for side, name, _ in ran.traded() if CONDOR_OF[name] < 0} == set()
    short = 0.0
    for side, _name, quantity in ran.traded():
        short += quantity * (1 if side == "BUY" else -1)
        assert short >= 0.0  # never more sold than bought


CONDOR_OF = {NAMES[instrument]: ratio for instrument, ratio in CONDOR.items()}


def test_protection_that_comes_in_part_makes_it_smaller() -> None:
    strategy = One()
    ran = go(strategy, size=sizes(wing=1.5))
    assert ran.result == whole(1.5)
    assert strategy.book is not None
    assert strategy.book.units == Decimal("1.5")
    assert strategy.book.loss == pytest.approx(1.5 * 10_000.0)
    assert strategy.book.phase is Phase.HELD
    # Four of the lower wing were bought, and what is too much of them sold again.
    assert (OrderSide.SELL.name, NAMES[LOW], 2.5) in ran.traded()


def test_what_is_sold_in_part_cuts_the_rest_down_to_it() -> None:
    ran = go(One(), size=sizes(short=1.2))
    assert ran.result == whole(1.2)


def test_the_cut_waits_no_longer_than_the_timeout() -> None:
    for timeout in (5.0, 20.0):
        ran = go(One(leg_timeout=timeout), size=sizes(short=1.2), step=30 * SECOND, hours=2)
        first, last = ran.fills[0].ts_event, ran.fills[-1].ts_event
        assert timeout * SECOND <= last - first <= timeout * SECOND + 35 * SECOND


def test_nothing_is_sold_for_less_than_the_loss_was_known_by() -> None:
    """While the wing is bought in three parts, the price falls: the calls are not sold any more."""
    falls = lambda ts: 100_000.0 if ts <= START + HOUR else 99_000.0  # noqa: E731
    strategy = One(leg_timeout=100.0)
    ran = go(strategy, size=sizes(wing=1.5), path=falls, step=30 * SECOND, hours=2)
    assert [f.ts_event for f in ran.fills if label(f.instrument_id) == NAMES[WING]][:3] == [
        START + HOUR + at * 30 * SECOND for at in range(3)
    ]
    assert NAMES[SHORT] not in {name for _, name, _ in ran.traded()}
    assert ran.result == {}
    assert any("no fill" in alert.text for alert in ran.alerts)


def test_orders_take_prices_that_are_worse_by_the_slippage_and_fill_at_the_best() -> None:
    ran = go(One(leaves=3, slippage=0.1))
    prices = {fill.client_order_id: float(fill.last_px) for fill in ran.fills}
    assert len(prices) == 8
    for order in ran.orders:
        factor = 1.1 if order.side == OrderSide.BUY else 0.9
        assert float(order.price) == pytest.approx(factor * prices[order.client_order_id], abs=0.01)


def test_what_goes_well_alarms_nobody() -> None:
    ran = go(One(leaves=3))
    assert ran.alerts == []


def test_without_a_bid_what_is_long_is_kept_and_sold_when_there_is_one() -> None:
    def size(one: Any, ts: int) -> tuple[float, float]:
        dry = one.id == WING.id and START + 2.5 * HOUR <= ts < START + 5 * HOUR
        return (0.0 if dry else 100.0, 100.0)

    strategy = One(leaves=3)
    ran = go(strategy, hours=8, size=size)
    sold = [f.ts_event for f in ran.fills if label(f.instrument_id) == NAMES[WING]][1:]
    assert len(sold) == 1
    assert START + 5 * HOUR <= sold[0] <= START + 5 * HOUR + 6 * SECOND
    assert ran.result == {}
    assert strategy.book is None


def close(leg: Any, share: str = "1") -> Any:
    """Close a leg as somebody else would: in the strategy's name, and not by its own hand."""

    def step(strategy: One) -> None:
        held = strategy.position_of(leg.id)
        side = OrderSide.SELL if held > 0 else OrderSide.BUY
        strategy.submit_order(
            strategy.order_factory.market(
                leg.id, side, leg.make_qty(abs(held) * Decimal(share)), reduce_only=True
            )
        )

    return step


@pytest.mark.parametrize("leg", CONDOR, ids=lambda leg: label(leg.id))
def test_when_somebody_closes_a_leg_the_rest_is_closed(leg: Any) -> None:
    strategy = One(steps={3: close(leg)})
    ran = go(strategy)
    assert ran.result == {}
    assert strategy.book is None
    assert strategy.entered == 1


def test_when_somebody_closes_half_a_leg_the_rest_is_halved() -> None:
    ran = go(One(steps={3: close(SHORT, "0.5")}))
    assert ran.result == whole(2.0)


def test_an_option_nobody_knows_of_is_closed() -> None:
    def stray(strategy: One) -> None:
        strategy.submit_order(strategy.order_factory.market(WING.id, OrderSide.BUY, WING.make_qty(2)))

    strategy = One(enters=99, steps={2: stray})
    ran = go(strategy)
    assert [side for side, *_ in ran.traded()] == ["BUY", "SELL"]
    assert ran.result == {}


def test_what_a_handler_of_expiries_rolls_is_closed_with_the_rest() -> None:
    # In the money at T - 4 h: the handler rolls it to the next expiry, in this strategy's name.
    soon, later = START + 8 * HOUR, START + 2 * DAY
    legs = {option(90_000.0, soon): 1, option(98_000.0, soon): -1}
    listed = [*legs, option(90_000.0, later), option(98_000.0, later)]
    strategy = One(legs, exit_days=0.01)
    market = Market(listed, hours=7, step=60 * SECOND)
    made = engine(market, [strategy], [handler()])
    ran = Run(made)
    made.run()
    by_handler = [order for order in made.cache.orders() if "EXPIRY" in (order.tags or ())]
    assert sum(order.filled_qty > 0 for order in by_handler) >= 2  # one out of the old, one into the new
    assert {order.strategy_id for order in by_handler} == {strategy.id}
    assert {order.instrument_id for order in by_handler} & {one.id for one in listed[2:]}
    assert ran.held() == {}
    assert strategy.book is None
    made.dispose()


def test_what_expires_is_gone() -> None:
    soon = START + 5 * HOUR
    legs = {option(90_000.0, soon): 1, option(98_000.0, soon): -1}
    strategy = One(legs, exit_days=0.01)
    made = engine(Market(list(legs), hours=8), [strategy])
    made.add_instrument(INDEX)
    price, size = Price(100_000.0, 2), Quantity(1, 2)
    made.add_data([TradeTick(INDEX.id, price, size, AggressorSide.BUYER, TradeId("1"), START, START)])
    ran = Run(made)
    made.run()
    assert ran.held() == {}
    assert strategy.book is None
    assert all(f.ts_event <= soon for f in ran.fills)
    made.dispose()


# -- restarts -------------------------------------------------------------------------------------------


class Restarted(One):
    """Stops at the third hour like a node that is restarted with its positions, and is met as it was left."""

    def on_bar(self, bar: Bar) -> None:
        super().on_bar(bar)
        if bar.ts_event == START + 3 * HOUR:
            self.stop()


def restart(url: str, meanwhile: Any = None, *, forget: bool = False) -> tuple[Restarted, Run]:
    with shared_store(url) as store:
        strategy = Restarted(state=url)
        made = engine(Market(list(CONDOR), hours=6), [strategy])
        ran = Run(made)
        pause = START + 3 * HOUR + 10 * SECOND
        made.run(end=pause, streaming=True)
        assert ran.held() == whole(UNITS)
        if forget:
            for key in store.documents("option_legs"):
                store.delete("option_legs", key)
        strategy.reset()
        strategy.entered = 1
        strategy.start()
        if meanwhile is not None:
            meanwhile(strategy)
        made.run(start=pause)
        return strategy, ran


def test_a_restart_goes_on_with_the_spread() -> None:
    strategy, ran = restart("memory://legs-goes-on")
    assert ran.held() == whole(UNITS)
    assert strategy.book is not None
    assert strategy.book.phase is Phase.HELD
    assert strategy.book.reason == "because"
    assert strategy.book.stake == abs(strategy.book.cash) > 0
    ran.engine.dispose()


def test_a_restart_that_finds_a_leg_gone_closes_the_rest() -> None:
    strategy, ran = restart("memory://legs-bereft", close(SHORT))
    assert ran.held() == {}
    assert strategy.book is None
    ran.engine.dispose()


def test_a_restart_without_its_state_closes_what_it_finds() -> None:
    strategy, ran = restart("memory://legs-lost", forget=True)
    assert ran.held() == {}
    assert strategy.book is None
    ran.engine.dispose()


def test_a_restart_that_finds_nothing_left_says_so() -> None:
    url = "memory://legs-nothing"
    with shared_store(url):
        go(One(state=url))
        strategy = One(enters=99, state=url)
        ran = go(strategy)
    assert strategy.book is None
    assert ran.fills == []
    assert ["nothing is left" in alert.text for alert in ran.alerts] == [True]


def test_a_damaged_state_does_not_stop_the_node() -> None:
    url = "memory://legs-damaged"
    with shared_store(url) as store:
        first = One(state=url)
        key = first._key
        store.put("option_legs", key, {"book": {"kind": 1}, "idle_since": 0, "rule": {}}, ts=1)
        ran = go(first)
    assert ran.result == whole(UNITS)
