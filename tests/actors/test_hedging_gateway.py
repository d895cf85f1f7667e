"""Hedges pass closed gates as far as they reduce what the book moves, and nothing else does by them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder
from nautilus_trader.model.enums import OrderSide, TimeInForce
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.identifiers import ClientOrderId, StrategyId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, MarketOrder

from nautilus_quant.gating.intent import Intent, Side, Verdict
from nautilus_quant.host.book_reducers import BookReducers
from nautilus_quant.host.gateway import find_gateway
from tests.actors.hedging_runs import CALL, PERP, PUT, Run, hedger, market, moved
from tests.host.engine import GateActor, Valve

FLAT = [30_000.0] * 30
HELD = 5.0 * moved(CALL, 30_000.0, 1_700_000_002 * 10**9)[1]  # about 2.57 coins
OWN = StrategyId("HedgingActor-HEDGE")
IDLE = {"width": 4.0, "widest": 4.0}  # a band so wide that the actor itself does nothing
BUY, SELL = OrderSide.BUY, OrderSide.SELL


def send(s: Any, side: OrderSide, size: str, name: str, *, by: StrategyId = OWN, price: str = "") -> None:
    """An order under a strategy id that need not be one's own, straight on the bus."""
    common = {
        "trader_id": s.trader_id,
        "strategy_id": by,
        "instrument_id": PERP.id,
        "client_order_id": ClientOrderId(name),
        "order_side": side,
        "quantity": Quantity.from_str(size),
        "init_id": UUID4(),
        "ts_init": s.clock.timestamp_ns(),
    }
    if price:
        order: Any = LimitOrder(**common, price=Price.from_str(price), time_in_force=TimeInForce.GTC)
    else:
        order = MarketOrder(**common)
    s.cache.add_order(order)
    s.msgbus.send("RiskEngine.execute", SubmitOrder(s.trader_id, by, order, UUID4(), s.clock.timestamp_ns()))


class Closed:
    """A run in which the gate closes once the option is held."""

    def __init__(self, calls: dict[int, Any], settings: dict[str, Any] | None = None, **options: Any) -> None:
        gate = Valve()
        events: list[Any] = []

        def close(s: Any) -> None:
            s.msgbus.subscribe("events.order.*", events.append)
            gate.close()

        actor = options.pop("actor", None) or hedger(IDLE if settings is None else settings)
        data = options.pop("data", None) or market(FLAT, [CALL, PUT])
        self.run = Run(
            data,
            options.pop("steps", {2: [(CALL, 5.0)]}),
            actor,
            actors=[GateActor(gate)],
            calls={4: close, **calls},
            instruments=[PERP, CALL, PUT],
            **options,
        )
        self.denied = [e.client_order_id.value for e in events if isinstance(e, OrderDenied)]
        self.filled = [e.client_order_id.value for e in events if isinstance(e, OrderFilled)]
        self.hedged = self.run.hedges.get(PERP.id, 0.0)
        self.run.close()


def test_a_hedge_passes_though_all_gates_are_closed():
    gate = Valve(allowed=Decimal(0))
    calls = {1: lambda _: setattr(gate, "allowed", Decimal("Infinity")), 3: lambda _: gate.close()}
    settings = {"width": 0.05, "every": 4.0}
    run = Run(market(FLAT), {2: [(CALL, 5.0)]}, hedger(settings), actors=[GateActor(gate)], calls=calls)
    assert run.hedges[PERP.id] == pytest.approx(-HELD, abs=0.051)
    assert "OrderDenied" not in run.kinds()
    run.close()


def test_exactly_what_reduces_passes_and_no_lot_more():
    most = Decimal(str(HELD)).quantize(Decimal("0.001"), rounding="ROUND_FLOOR")
    more = most + Decimal("0.001")
    closed = Closed(
        {6: lambda s: send(s, SELL, str(more), "MORE"), 8: lambda s: send(s, SELL, str(most), "MOST")}
    )
    assert closed.denied == ["MORE"]
    assert closed.filled == ["MOST"]


def test_what_adds_to_the_net_delta_is_denied():
    closed = Closed({6: lambda s: send(s, BUY, "0.100", "ADDS")})
    assert (closed.denied, closed.filled) == (["ADDS"], [])


def test_two_orders_do_not_reduce_the_same_delta():
    def rest(s: Any) -> None:
        send(s, SELL, "2.000", "FIRST", price="31000.0")
        send(s, SELL, "2.000", "SECOND", price="31000.0")
        send(s, SELL, "0.500", "THIRD", price="31000.0")

    assert Closed({6: rest}).denied == ["SECOND"]


def test_nobody_elses_orders_reduce_by_the_book():
    closed = Closed(
        {
            6: lambda s: send(s, SELL, "1.000", "MINE", by=s.id),
            8: lambda s: send(s, SELL, "1.000", "OTHERS", by=StrategyId("Momentum-009")),
            10: lambda s: send(s, SELL, "1.000", "ALIKE", by=StrategyId("HedgingActor-HEDGE2")),
        }
    )
    assert closed.denied == ["MINE", "OTHERS", "ALIKE"]


def test_an_option_under_its_id_opens_whatever_it_would_reduce():
    def buy_put(s: Any) -> None:
        order = MarketOrder(
            s.trader_id, OWN, PUT.id, ClientOrderId("PUT"), BUY, Quantity.from_str("1.0"), UUID4(), 0
        )
        s.cache.add_order(order)
        s.msgbus.send("RiskEngine.execute", SubmitOrder(s.trader_id, OWN, order, UUID4(), 0))

    assert Closed({6: buy_put}).denied == ["PUT"]


def test_an_order_that_grows_beyond_what_it_reduces_is_refused():
    gate_told: list[str] = []

    def rest(s: Any) -> None:
        send(s, SELL, "2.000", "GROWS", price="31000.0")

    def grow(s: Any) -> None:
        s.msgbus.subscribe("events.order.*", lambda e: gate_told.append(type(e).__name__))
        order = s.cache.order(ClientOrderId("GROWS"))
        command = ModifyOrder(
            s.trader_id,
            OWN,
            PERP.id,
            order.client_order_id,
            order.venue_order_id,
            Quantity.from_str("3.000"),
            None,
            None,
            UUID4(),
            s.clock.timestamp_ns(),
        )
        s.msgbus.send("RiskEngine.execute", command)

    Closed({6: rest, 8: grow})
    assert gate_told == ["OrderModifyRejected"]


def test_a_resting_hedge_goes_when_the_option_it_hedged_is_sold():
    cancelled: list[Any] = []

    def rest(s: Any) -> None:
        send(s, SELL, "2.000", "RESTS", price="31000.0")

    def sell(s: Any) -> None:
        s.submit_order(s.order_factory.market(CALL.id, SELL, CALL.make_qty(5.0)))
        s.calls[12] = lambda t: cancelled.append(t.cache.order(ClientOrderId("RESTS")).is_closed)

    Closed({6: rest, 9: sell})
    assert cancelled == [True]


def test_a_resting_hedge_stays_while_there_is_as_much_to_hedge():
    closed: list[bool] = []

    def sell_some(s: Any) -> None:
        s.submit_order(s.order_factory.market(CALL.id, SELL, CALL.make_qty(0.5)))
        s.calls[12] = lambda t: closed.append(t.cache.order(ClientOrderId("RESTS")).is_closed)

    # Of 2.57 coins 2.31 are left, of which the order takes 2.
    Closed({6: lambda s: send(s, SELL, "2.000", "RESTS", price="31000.0"), 9: sell_some})
    assert closed == [False]


def test_without_greeks_nothing_reduces():
    # After 60 s the venue's greeks are too old, and quotes of options are as well: nothing is known any more.
    data = [
        one
        for one in market([30_000.0] * 120, [CALL, PUT])
        if one.instrument_id == PERP.id or one.ts_init < (1_700_000_000 + 10) * 10**9
    ]
    calls = {20: lambda s: send(s, SELL, "1.000", "KNOWN"), 100: lambda s: send(s, SELL, "0.500", "BLIND")}
    closed = Closed(calls, data=data)
    assert closed.denied == ["BLIND"]


def test_when_the_actor_stops_its_word_counts_no_more():
    actor = hedger(IDLE)
    closed = Closed({6: lambda _: actor.stop(), 8: lambda s: send(s, SELL, "1.000", "LATE")}, actor=actor)
    assert closed.denied == ["LATE"]


def test_the_id_of_a_strategy_cannot_be_registered_nor_one_twice():
    told: list[str] = []

    def attempt(s: Any) -> None:
        reducers = BookReducers.on(s.msgbus)
        for name in (s.id, OWN):
            with pytest.raises(ValueError, match="id") as error:
                reducers.register(name, object())
            told.append(str(error.value))
        # Nor can the one who registered be pushed out by another.
        reducers.leave(OWN, object())
        assert OWN in reducers.known

    Closed({6: attempt})
    assert "is a strategy" in told[0]
    assert "registered by another" in told[1]


@pytest.mark.parametrize("answer", [Decimal("NaN"), Decimal(-1), Decimal("Infinity"), None])
def test_a_reducer_that_fails_or_talks_nonsense_reduces_nothing(answer):
    name = StrategyId("Odd-HEDGE")

    class Odd:
        def reducible(self, *_: Any) -> Any:
            return answer

    def attempt(s: Any) -> None:
        BookReducers.on(s.msgbus).register(name, Odd())
        send(s, SELL, "1.000", "ODD", by=name)

    assert Closed({6: attempt}).denied == ["ODD"]


def test_a_preview_says_the_same_as_an_order():
    seen: list[Any] = []

    def look(s: Any) -> None:
        exposure = find_gateway(s.msgbus).exposure
        intent = exposure.preview(OWN, PERP.id, Side.SELL, Decimal("10.000"))
        other = exposure.preview(s.id, PERP.id, Side.SELL, Decimal("10.000"))
        seen.append((intent, other))

    Closed({6: look})
    [(intent, other)] = seen
    assert float(intent.reducing) == pytest.approx(HELD, abs=0.002)
    assert intent.reducing + intent.opening == intent.quantity
    assert other.reducing == 0


class Picky(Valve):
    """Denies new risk of hedgers alone."""

    def check(self, intent: Intent) -> Verdict:
        if not intent.strategy.endswith("-HEDGE"):
            return Verdict.allow(self.name)
        return super().check(intent)


def test_options_against_vega_are_new_risk_and_a_denied_one_is_asked_less_and_less_often():
    gate = Picky(allowed=Decimal(0))
    settings = {"max_vega": 20.0, "retry": 1.0}
    data = market([30_000.0] * 60, [CALL, PUT])
    actor = hedger(settings)
    run = Run(data, {2: [(CALL, 5.0)]}, actor, actors=[GateActor(gate)], instruments=[PERP, CALL, PUT])
    denied = [event for event in run.orders if isinstance(event, OrderDenied)]
    # Searched for every 5 s, and after 1, 2, 4, 8 and 16 s of waiting: 2, 7, 12, 17, 25 and 41 s.
    assert [round(event.ts_event / 1e9) - 1_700_000_000 for event in denied] == [2, 7, 12, 17, 25, 41]
    assert {event.instrument_id for event in denied} <= {CALL.id, PUT.id}
    # The delta is not left open for that: it is hedged in the very moment.
    fill = next(event for event in run.orders if isinstance(event, OrderFilled))
    assert (fill.instrument_id, round(fill.ts_event / 1e9)) == (PERP.id, 1_700_000_002)
    run.close()
