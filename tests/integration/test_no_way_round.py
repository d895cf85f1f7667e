"""
No way round: all nine gates in one chain, one of them closed by what it is there for, and every way to trade.

Nothing that adds risk reaches the venue, denied by the gate that is closed while all others stay open; and
every order that reduces does.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
from nautilus_trader.core.uuid import UUID4
from nautilus_trader.examples.strategies.ema_cross import EMACross, EMACrossConfig
from nautilus_trader.execution.messages import ModifyOrder, SubmitOrder, SubmitOrderList
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import (
    ContingencyType,
    OmsType,
    OrderSide,
    OrderType,
    TrailingOffsetType,
    TriggerType,
)
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.identifiers import ExecAlgorithmId
from nautilus_trader.model.objects import Price, Quantity
from nautilus_trader.model.orders import LimitOrder, OrderList, StopMarketOrder

from tests.host.engine import BTC, SECOND, START, Script, Step
from tests.integration.closed_gates import (
    BARS,
    BUY,
    CLOSED,
    CLOSINGS,
    SELL,
    Attempt,
    Closing,
    Timed,
    at_market,
    bars,
    run,
    run_with,
    walk,
)

ONE, TWO, HALF = (Quantity.from_str(size) for size in ("1.000", "2.000", "0.500"))
OPEN = Closing(gate="", code="")
EMULATED = {"emulation_trigger": TriggerType.BID_ASK}
OFFSETS = {"trailing_offset": Decimal(5), "trailing_offset_type": TrailingOffsetType.PRICE}
TWAP = {
    "exec_algorithm_id": ExecAlgorithmId("TWAP"),
    "exec_algorithm_params": {"horizon_secs": 4, "interval_secs": 1},
}
SLOW_TWAP = {**TWAP, "exec_algorithm_params": {"horizon_secs": 50, "interval_secs": 10}}


def price(value: float) -> Price:
    return Price(value, BTC.price_precision)


def make(kind: str, side: OrderSide, *prices: float, size: Quantity = ONE, **options: Any) -> Callable:
    """An order of the factory, its prices in the order of the factory's arguments."""

    def made(s: Script) -> Any:
        given = [price(value) for value in prices]
        return getattr(s.order_factory, kind)(BTC.id, side, size, *given, **options)

    return made


def send(kind: str, side: OrderSide, *prices: float, **options: Any) -> Step:
    order = make(kind, side, *prices, **options)
    return lambda s: s.submit_order(order(s))


def bracket(**options: Any) -> Callable:
    return lambda s: s.order_factory.bracket(
        BTC.id, BUY, ONE, sl_trigger_price=price(25_000), tp_price=price(35_000), **options
    )


def send_list(made: Callable) -> Step:
    return lambda s: s.submit_order_list(made(s))


def pair(s: Script) -> OrderList:
    orders = [make("limit", BUY, 30_100)(s), make("limit", BUY, 30_101)(s)]
    return OrderList(s.order_factory.generate_order_list_id(), orders)


def straight(endpoint: str, kind: str, side: OrderSide, *prices: float, **options: Any) -> Step:
    """A command on the bus, past the strategy's own methods."""
    order = make(kind, side, *prices, **options)

    def step(s: Script) -> None:
        made = order(s)
        s.cache.add_order(made)
        s.msgbus.send(endpoint, SubmitOrder(s.trader_id, s.id, made, UUID4(), s.clock.timestamp_ns()))

    return step


def straight_list(endpoint: str, made: Callable) -> Step:
    def step(s: Script) -> None:
        orders = made(s)
        for order in orders.orders:
            s.cache.add_order(order)
        command = SubmitOrderList(s.trader_id, s.id, orders, UUID4(), s.clock.timestamp_ns())
        s.msgbus.send(endpoint, command)

    return step


def working(s: Script) -> list[Any]:
    """Orders of the first step that still work; none when they were cancelled."""
    mine = s.cache.orders(strategy_id=s.id)
    return [order for order in mine if not order.is_closed and order.instrument_id == BTC.id]


def change(**new: Any) -> Step:
    def step(s: Script) -> None:
        for order in working(s):
            s.modify_order(order, **new)

    return step


def straight_change(endpoint: str, quantity: Quantity) -> Step:
    def step(s: Script) -> None:
        for order in working(s):
            command = ModifyOrder(
                s.trader_id, s.id, order.instrument_id, order.client_order_id, order.venue_order_id,
                quantity, None, None, UUID4(), s.clock.timestamp_ns(),
            )  # fmt: skip
            s.msgbus.send(endpoint, command)

    return step


class Way(NamedTuple):
    """
    A way to add risk.

    Parameters
    ----------
    then
        What is tried when the gate is closed; nothing where `first` goes on by itself.
    first
        What is done while it is open.
    side
        Which way it trades.
    waits
        Whether prices must move for it to become anything.
    priced
        Whether it names a limit price that costs more than the market's.
    room
        Whether it gives room to itself: it needs no more than there was already.

    """

    then: Step = lambda _: None
    first: Step | None = None
    side: OrderSide = BUY
    waits: bool = False
    priced: bool = False
    room: bool = False


BID = send("limit", BUY, 25_000)
ADDING = {
    "market": Way(at_market(BUY)),
    "limit that rests": Way(send("limit", BUY, 29_900)),
    "limit that takes": Way(send("limit", BUY, 30_100), priced=True),
    "stop market": Way(send("stop_market", BUY, 30_200)),
    "stop limit": Way(send("stop_limit", BUY, 30_300, 30_200), priced=True),
    "market to limit": Way(send("market_to_limit", BUY)),
    "market if touched": Way(send("market_if_touched", BUY, 29_500)),
    "limit if touched": Way(send("limit_if_touched", BUY, 29_600, 29_500), priced=True),
    "trailing stop": Way(send("trailing_stop_market", BUY, **OFFSETS)),
    "trailing stop limit": Way(send("trailing_stop_limit", BUY, limit_offset=Decimal(5), **OFFSETS)),
    "quote quantity": Way(send("market", BUY, size=Quantity.from_str("30000.000"), quote_quantity=True)),
    "reduce-only, the wrong way": Way(at_market(BUY, reduce_only=True)),
    "bracket": Way(send_list(bracket())),
    "bracket with a limit": Way(
        send_list(bracket(entry_price=price(30_100), entry_order_type=OrderType.LIMIT)), priced=True
    ),
    "order list": Way(send_list(pair), priced=True),
    "twap": Way(at_market(BUY, **TWAP)),
    "twap that goes on": Way(first=at_market(BUY, **SLOW_TWAP)),
    "emulated stop": Way(send("stop_market", BUY, 30_200, **EMULATED), waits=True),
    "emulated limit": Way(send("limit", BUY, 30_500, **EMULATED), waits=True, priced=True),
    "emulated trailing stop": Way(send("trailing_stop_market", BUY, **OFFSETS, **EMULATED), waits=True),
    "emulated bracket": Way(send_list(bracket(**EMULATED)), waits=True),
    "emulated before": Way(first=send("stop_market", BUY, 30_200, **EMULATED), waits=True),
    "emulated before, made larger": Way(
        change(quantity=TWO), send("stop_market", BUY, 30_200, **EMULATED), waits=True
    ),
    "to the risk engine": Way(straight("RiskEngine.execute", "limit", BUY, 30_100), priced=True),
    "to the execution engine": Way(straight("ExecEngine.execute", "limit", BUY, 30_100), priced=True),
    "to the emulator": Way(
        straight("OrderEmulator.execute", "limit", BUY, 30_500, **EMULATED), waits=True, priced=True
    ),
    "to the algorithm": Way(straight("TWAP.execute", "market", BUY, **TWAP)),
    "list to the risk engine": Way(straight_list("RiskEngine.execute", pair), priced=True),
    "list to the execution engine": Way(straight_list("ExecEngine.execute", pair), priced=True),
    "larger": Way(change(quantity=TWO), BID),
    "to another price": Way(change(price=price(30_100)), BID, priced=True),
    "smaller, to another price": Way(change(quantity=HALF, price=price(30_100)), BID, priced=True, room=True),
    "stop to another price": Way(
        change(trigger_price=price(30_100)), send("stop_market", BUY, 34_000), room=True
    ),
    "change to the risk engine": Way(straight_change("RiskEngine.execute", quantity=TWO), BID),
    "change to the execution engine": Way(straight_change("ExecEngine.execute", quantity=TWO), BID),
    "sold twice": Way(at_market(SELL, "2.000"), side=SELL, room=True),
    "sold twice by a limit": Way(send("limit", SELL, 29_900, size=TWO), side=SELL, priced=True, room=True),
    "sold twice by a stop": Way(send("stop_market", SELL, 29_000, size=TWO), side=SELL, room=True),
    "sold on top of an exit": Way(
        send("limit", SELL, 29_000), send("limit", SELL, 35_000), SELL, priced=True, room=True
    ),
}


def fits(closing: Closing, way: Way) -> bool:
    """Tell whether a gate bars a way, and the market lets it become anything."""
    if closing.prices:
        return way.priced and not way.waits  # an emulated limit order goes out at market
    return (closing.moves or not way.waits) and not (closing.shared and way.room)


def some(pairs: list[tuple[str, str]]) -> list[Any]:
    """Mark nine of ten as slow; each gate and nearly each way is among the tenth."""
    return [pytest.param(*pair, marks=pytest.mark.slow) if n % 10 else pair for n, pair in enumerate(pairs)]


PAIRS = [(c, w) for c, closing in CLOSINGS.items() for w, way in ADDING.items() if fits(closing, way)]


@pytest.mark.parametrize(("closing", "way"), some(PAIRS), ids=str)
def test_nothing_that_adds_risk_reaches_the_venue(closing, way):
    closed, (then, first, side, *_) = CLOSINGS[closing], ADDING[way]
    attempt = run(closed, then, first, side)
    assert len(attempt.gates) == 9
    assert attempt.traded(late=False) >= 1
    assert (attempt.sent, attempt.changed, attempt.traded(late=True)) == ([], [], 0)
    if closed.cancels and not attempt.denied:  # what was to be changed had been taken away
        assert first is not None
        assert all(order.is_closed for order in attempt.final)
        return
    assert {(d.binding.gate, d.binding.code) for d in attempt.denied} == {(closed.gate, closed.code)}
    for decision in attempt.denied:  # and no other gate would have kept it
        others = [verdict for verdict in decision.verdicts if verdict.gate != closed.gate]
        assert len(others) == 8
        assert all(verdict.bound >= decision.intent.opening for verdict in others)


@pytest.mark.slow
@pytest.mark.parametrize("way", [way for way in ADDING if "wrong way" not in way], ids=str)
def test_each_of_these_ways_leads_to_the_venue_while_all_gates_are_open(way):
    then, first, side, *_ = ADDING[way]
    attempt = run(OPEN, then, first, side)
    assert len(attempt.gates) == 9
    assert attempt.sent or attempt.changed
    assert not attempt.denied


# -- what reduces --------------------------------------------------------------------------------------


class Exit(NamedTuple):
    """
    A way to reduce what is held.

    Parameters
    ----------
    then
        What is done when the gate is closed.
    first
        What is done while it is open.
    left
        What is held at the end in a market with quotes of any size; ``None`` where that is not the point.
    waits
        Whether prices must move for it to become anything.

    """

    then: Step
    first: Step | None = None
    left: str | None = "0"
    waits: bool = False


def exits(s: Script) -> OrderList:
    options = {"reduce_only": True}
    orders = [make("stop_market", SELL, 25_000, **options)(s), make("limit", SELL, 30_200, **options)(s)]
    return OrderList(s.order_factory.generate_order_list_id(), orders)


def either(s: Script) -> None:
    """A stop and a target without reduce-only, of which one cancels the other."""
    names = [s.order_factory.generate_client_order_id() for _ in range(2)]
    made = (UUID4(), s.clock.timestamp_ns())
    stop = StopMarketOrder(
        s.trader_id, s.id, BTC.id, names[0], SELL, ONE, price(25_000), TriggerType.DEFAULT, *made,
        contingency_type=ContingencyType.OCO, linked_order_ids=[names[1]],
    )  # fmt: skip
    target = LimitOrder(
        s.trader_id, s.id, BTC.id, names[1], SELL, ONE, price(30_200), *made,
        contingency_type=ContingencyType.OCO, linked_order_ids=[names[0]],
    )  # fmt: skip
    s.submit_order(stop)
    s.submit_order(target)


STOP = send("stop_market", SELL, 25_000, reduce_only=True)
REDUCING = {
    "market": Exit(at_market(SELL)),
    "part": Exit(at_market(SELL, "0.400"), left="0.6"),
    "reduce-only": Exit(at_market(SELL, reduce_only=True)),
    "reduce-only, more than is held": Exit(at_market(SELL, "2.000", reduce_only=True)),
    "limit that takes": Exit(send("limit", SELL, 29_000)),
    "limit that rests": Exit(send("limit", SELL, 30_200), waits=True),
    "stop": Exit(send("stop_market", SELL, 25_000), left="1"),
    "stop limit": Exit(send("stop_limit", SELL, 24_900, 25_000), left="1"),
    "trailing stop": Exit(send("trailing_stop_market", SELL, **OFFSETS), left=None),
    "stop and target": Exit(send_list(exits), waits=True),
    "stop or target": Exit(either, waits=True),
    "quote quantity": Exit(
        send("market", SELL, size=Quantity.from_str("29000.000"), quote_quantity=True), left=None
    ),
    "twap": Exit(at_market(SELL, **TWAP)),
    "close_all_positions": Exit(lambda s: s.close_all_positions(BTC.id)),
    "close_all_positions, not reduce-only": Exit(lambda s: s.close_all_positions(BTC.id, reduce_only=False)),
    "market_exit": Exit(lambda s: s.market_exit()),
    "beside a resting stop": Exit(at_market(SELL), STOP),
    "emulated stop": Exit(send("stop_market", SELL, 30_100, **EMULATED), waits=True),
    "emulated target": Exit(send("limit", SELL, 30_200, **EMULATED), waits=True),
    "emulated before": Exit(lambda _: None, send("limit", SELL, 30_200, **EMULATED), waits=True),
    "to the risk engine": Exit(straight("RiskEngine.execute", "market", SELL)),
    "to the execution engine": Exit(straight("ExecEngine.execute", "market", SELL)),
    "stop moved": Exit(change(trigger_price=price(26_000)), STOP, left="1"),
    "entry made smaller": Exit(change(quantity=HALF), BID, left="1"),
}
EXITS = [
    (c, e) for c, closing in CLOSINGS.items() for e, way in REDUCING.items() if closing.moves or not way.waits
]


@pytest.mark.parametrize(("closing", "way"), some(EXITS), ids=str)
def test_every_order_that_reduces_reaches_the_venue(closing, way):
    closed, (then, first, left, _) = CLOSINGS[closing], REDUCING[way]
    attempt = run(closed, then, first, SELL)
    assert attempt.traded(late=False) == 1
    assert attempt.refused == []
    if closed.cancels and first is BID:
        assert attempt.reached_venue()
        return
    assert attempt.sent or attempt.changed
    if left is not None and not closed.thin:
        assert attempt.left == Decimal(left)
    assert 0 <= attempt.left <= 1
    assert attempt.traded(late=True) <= 0


# -- whose it is ---------------------------------------------------------------------------------------

EVERYBODY = [name for name, closing in CLOSINGS.items() if not closing.prices]


@pytest.mark.parametrize("closing", EVERYBODY)
def test_what_another_strategy_holds_gives_no_right_to_sell(closing):
    closed = CLOSINGS[closing]
    other = Timed({2: at_market(BUY)}, tag="003")
    attempt = Attempt(closed, None, at_market(SELL), holds=False)
    run_with(closed, [other, attempt], SELL)
    assert attempt.sent == []
    assert (attempt.left, other.left) == (0, 1)
    assert [(d.binding.gate, d.binding.code) for d in attempt.denied] == [(closed.gate, closed.code)]


@pytest.mark.parametrize("closing", EVERYBODY)
def test_hedging_a_position_is_closed_by_its_id_and_no_other_way(closing):
    closed = CLOSINGS[closing]

    def by_side_and_by_id(s: Script) -> None:
        at_market(SELL)(s)
        [position] = s.cache.positions_open(strategy_id=s.id, instrument_id=BTC.id)
        s.submit_order(s.order_factory.market(BTC.id, SELL, ONE), position_id=position.id)

    attempt = Attempt(closed, None, by_side_and_by_id)
    run_with(closed, [attempt], SELL, OmsType.HEDGING)
    assert attempt.traded(late=False) == 1
    assert [(d.binding.gate, d.binding.code) for d in attempt.denied] == [(closed.gate, closed.code)]
    assert len(attempt.sent) == 1
    if not closed.thin:
        assert attempt.left == 0


FOREIGN = [name for name in EVERYBODY if CLOSINGS[name].moves and not CLOSINGS[name].shared]


@pytest.mark.parametrize("closing", FOREIGN)
def test_an_example_of_other_people_gets_out_and_not_in_again(closing):
    closed = CLOSINGS[closing]
    config = EMACrossConfig(
        instrument_id=BTC.id,
        bar_type=BarType.from_str(BARS),
        trade_size=Decimal("0.010"),
        fast_ema_period=2,
        slow_ema_period=5,
        close_positions_on_stop=False,
    )
    example = EMACross(config)
    more = () if closed.gate == "regime" else bars(walk())
    events = [e for e in run_with(closed, [example], more=more) if e.strategy_id == example.id]
    held, path = Decimal(0), []
    for event in events:
        if isinstance(event, OrderFilled):
            held += event.last_qty.as_decimal() * (1 if event.order_side == BUY else -1)
            path.append((event.ts_event >= START + CLOSED * SECOND, held))
    before, after = [at for late, at in path if not late], [at for late, at in path if late]
    assert len(set(before)) > 1
    refused = [e for e in events if isinstance(e, OrderDenied) and e.ts_event >= START + CLOSED * SECOND]
    assert refused
    assert {e.reason.split(" ")[0] for e in refused} == {closed.gate}
    sizes = [before[-1], *after]
    if closed.gate == "flow":  # which bars one side
        sizes = [max(size, Decimal(0)) for size in sizes]
    assert all(abs(later) <= abs(now) for now, later in pairwise(sizes))


# -- the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["market", "bracket", "emulated stop", "twap", "to the execution engine"])
def test_after_the_kill_switch_everything_is_flat_and_nothing_passes(way):
    killed = Closing(
        gate="safety",
        code="KILL_SWITCH",
        settings={"SafetyEngine": {"max_drawdown": 0.005}},
        data=CLOSINGS["a loss within the hour"].data,
        others={1: at_market(BUY, "40.000")},
    )
    attempt = run(killed, ADDING[way].then, BID)
    assert (attempt.sent, attempt.left) == ([], 0)
    assert all(order.is_closed for order in attempt.final)
    assert {(d.binding.gate, d.binding.code) for d in attempt.denied} == {("safety", "KILL_SWITCH")}
