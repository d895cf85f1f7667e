"""The order flow gate in real engine runs, with strategies that know nothing of it and with our own."""

from __future__ import annotations

import math
from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import BookOrder, OrderBookDepth10, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide, OrderSide
from nautilus_trader.model.events import OrderDenied
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors.order_flow_gate import FlowUpdate, OrderFlowGate, OrderFlowGateConfig
from nautilus_quant.gating.flow import FlowParams
from nautilus_quant.gating.intent import Intent, Side
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.messages import Alert, GateDecision, latest, subscribe
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes
from tests.host.live import live_system

MID = 30_000.0
NAME = BTC.id.value
BUY, SELL = OrderSide.BUY, OrderSide.SELL
NO_SIDE = AggressorSide.NO_AGGRESSOR
BUYER, SELLER = AggressorSide.BUYER, AggressorSide.SELLER


def trade(at: float, side: AggressorSide, size: float = 1.0, price: float = MID, tag: str = "") -> TradeTick:
    ts = START + round(at * SECOND)
    return TradeTick(
        BTC.id,
        Price(price, BTC.price_precision),
        Quantity(size, BTC.size_precision),
        side,
        TradeId(f"{at}{tag}"),
        ts,
        ts,
    )


def trades(start: float, end: float, side: AggressorSide) -> list[TradeTick]:
    """Ten a second, of all sizes from 1.00 to 1.99."""
    return [trade(start + n / 10, side, 1.0 + n * 37 % 100 / 100) for n in range(round((end - start) * 10))]


def depth(at: float, bid: float = 5.0, ask: float = 5.0) -> OrderBookDepth10:
    """Ten levels of a side, 0.1 apart, the best at 29 999.9 and 30 000.1."""
    ts = START + round(at * SECOND)

    def levels(side: OrderSide, size: float) -> list[BookOrder]:
        sign = -1.0 if side == BUY else 1.0
        prices = [Price(MID + sign * 0.1 * (n + 1), BTC.price_precision) for n in range(10)]
        return [BookOrder(side, price, Quantity(size, BTC.size_precision), 0) for price in prices]

    return OrderBookDepth10(BTC.id, levels(BUY, bid), levels(SELL, ask), [1] * 10, [1] * 10, 0, 0, ts, ts)


def with_quotes(*data: Any, count: int = 60) -> list[Any]:
    return sorted([*quotes([MID] * count), *data], key=lambda item: item.ts_init)


def send(side: OrderSide = BUY, quantity: str = "1.000", **options: Any):
    def step(script: Script) -> None:
        size = Quantity.from_str(quantity)
        script.submit_order(script.order_factory.market(BTC.id, side, size, **options))

    return step


class Seen:
    """What a run left behind."""

    def __init__(self) -> None:
        self.updates: list[FlowUpdate] = []
        self.decisions: list[GateDecision] = []


def run(data: list[Any], strategies: list[Any], gate: OrderFlowGate, **options: Any) -> Seen:
    made, seen = engine(data, actors=[gate], strategies=strategies, **options), Seen()
    subscribe(made.kernel.msgbus, FlowUpdate, seen.updates.append)
    subscribe(made.kernel.msgbus, GateDecision, seen.decisions.append)
    made.run()
    for strategy in strategies:
        strategy.left = sum((p.signed_decimal_qty() for p in made.cache.positions_open()), Decimal(0))
    made.dispose()
    return seen


def gate(**config: Any) -> OrderFlowGate:
    return OrderFlowGate(OrderFlowGateConfig(**config))


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


SELLING = with_quotes(*trades(0, 30, SELLER), *trades(30, 60, BUYER))


def test_trades_of_sellers_block_a_foreign_strategy_that_buys():
    script = Script({20: send(BUY), 21: send(SELL, "2.000")})
    seen = run(SELLING, [script], gate(instruments=(BTC.id,), book="quotes"))
    assert len(denials(script)) == 1
    assert f"FLOW_AGAINST: buying {NAME} goes against its flow: sellers press" in denials(script)[0]
    assert script.left == -2
    assert [(said.gate, said.code) for said in seen.decisions] == [("flow", "FLOW_AGAINST")]


def test_the_block_turns_with_the_flow():
    script = Script({20: send(BUY), 25: send(SELL), 55: send(SELL), 56: send(BUY, "3.000")})
    seen = run(SELLING, [script], gate(instruments=(BTC.id,), book="none", half_life=10.0))
    assert ["buying" in reason for reason in denials(script)] == [True, False]
    assert script.left == 2
    states = [update.blocked for update in seen.updates]
    changes = [now for before, now in zip(["", *states], states, strict=False) if now != before]
    assert changes == ["BUY", "", "SELL"]


def test_a_position_may_always_be_closed():
    script = Script({0: send(SELL, "3.000"), 20: send(BUY, "2.000", reduce_only=True), 21: send(BUY)})
    run(SELLING, [script], gate(instruments=(BTC.id,), book="none", without_data="allow"))
    assert denials(script) == []
    assert script.left == 0


def test_only_what_opens_is_denied_when_an_order_turns_a_position():
    script = Script({0: send(SELL, "1.000"), 20: send(BUY, "3.000")})
    seen = run(SELLING, [script], gate(instruments=(BTC.id,), book="none", without_data="allow"))
    assert "FLOW_AGAINST" in seen.decisions[0].code
    assert script.left == -1  # a foreign order is whole or not at all


def test_updates_come_on_change_and_at_most_every_second():
    seen = run(SELLING, [Script({})], gate(instruments=(BTC.id,), book="none"))
    for before, now in zip(seen.updates, seen.updates[1:], strict=False):
        changed = (before.blocked, before.known) != (now.blocked, now.known)
        assert changed or now.ts - before.ts >= SECOND
    assert {update.key for update in seen.updates} == {NAME}
    assert 60 <= len(seen.updates) <= 66
    last = seen.updates[-1]
    assert (last.known, last.imbalance, last.blocked) == (True, 0.0, "SELL")
    assert last.delta > 0.0
    heard = [item for item in SELLING if isinstance(item, TradeTick) and item.ts_init <= last.ts]
    signed = [float(item.size) * (1 if item.aggressor_side == BUYER else -1) for item in heard]
    assert last.cumulative == pytest.approx(sum(signed))
    assert seen.updates[30].cumulative < -200.0
    slow = run(SELLING, [Script({})], gate(instruments=(BTC.id,), book="none", every=20.0))
    assert len(slow.updates) < 10


@pytest.mark.parametrize(("book", "depths"), [("depth10", True), ("quotes", False)])
def test_a_leaning_book_blocks_too(book, depths):
    sizes = Quantity(1, BTC.size_precision), Quantity(9, BTC.size_precision)
    lean = {"delta_weight": 0.0, "large_weight": 0.0, "trades": False}
    if depths:
        data = with_quotes(*[depth(n / 4, 1.0, 9.0) for n in range(240)])
    else:
        data = [
            QuoteTick(q.instrument_id, q.bid_price, q.ask_price, *sizes, q.ts_event, q.ts_init)
            for q in quotes([MID] * 60)
        ]
    script = Script({20: send(BUY), 21: send(SELL)})
    seen = run(data, [script], gate(instruments=(BTC.id,), book=book, **lean))
    assert len(denials(script)) == 1
    assert "buying" in denials(script)[0]
    # 1 against 9 at all levels
    assert seen.updates[-1].imbalance == pytest.approx(-0.8, abs=0.01)
    assert script.left == -1


def test_books_are_looked_at_no_more_often_than_told():
    looks: list[int] = []

    class Spy(OrderFlowGate):
        def _look(self, followed: Any, ts: int) -> None:
            looks.append(ts)
            super()._look(followed, ts)

    data = [depth(n / 100) for n in range(500)]
    run(data, [], Spy(OrderFlowGateConfig(sample=0.5)))
    assert looks == [START + n * SECOND // 2 for n in range(10)]


@pytest.mark.parametrize("instruments", [(), (BTC.id,)])
def test_without_data_it_is_as_told(instruments):
    for answer, left in (("deny", 0), ("allow", 1)):
        script = Script({20: send(BUY)})
        run(quotes([MID] * 60), [script], gate(instruments=instruments, book="quotes", without_data=answer))
        assert script.left == left
        assert all("FLOW_UNKNOWN" in reason for reason in denials(script))


def test_a_market_that_fell_silent_is_not_known():
    data = with_quotes(*trades(0, 10, SELLER))
    # 100 trades of which 2^(−t/30) count: under 10 after 100 s, and the book is heard on
    quiet = Script({20: send(BUY), 59: send(BUY)})
    seen = run(data, [quiet], gate(instruments=(BTC.id,), book="quotes", half_life=10.0))
    assert "FLOW_AGAINST" in denials(quiet)[0]
    assert "FLOW_UNKNOWN" in denials(quiet)[1]
    assert "trades heard count for" in denials(quiet)[1]
    assert not seen.updates[-1].known


def test_whoever_waits_in_vain_for_data_is_told_once():
    gap = with_quotes(*trades(80, 100, NO_SIDE), count=100)
    steps = {n: send(BUY, "0.001") for n in (5, 20, 64, 66, 70, 95, 97)}
    script, alerts = Script(steps), []
    made = engine(gap, actors=[gate(instruments=(BTC.id,), book="quotes")], strategies=[script])
    subscribe(made.kernel.msgbus, Alert, alerts.append)
    made.run()
    made.dispose()
    assert [(a.key, a.severity, a.ts) for a in alerts] == [
        (f"flow|{NAME}", "WARNING", START + 66 * SECOND),  # a minute after the first
        (f"flow|{NAME}", "INFO", START + 95 * SECOND),
    ]
    assert "trades heard count for 0.0" in alerts[0].text
    assert len(denials(script)) == 5


def test_the_tick_rule_stands_in_for_sides():
    data = with_quotes(*[trade(n / 10, NO_SIDE, price=MID - 0.1 * (n % 40)) for n in range(390)])
    script = Script({20: send(BUY), 21: send(SELL)})
    run(data, [script], gate(instruments=(BTC.id,), book="none"))
    assert "buying" in denials(script)[0]
    assert script.left == -1


class Always(TargetStrategy):
    """Wants to be long from the tenth second on."""

    def on_quote_tick(self, tick: Any) -> None:
        if tick.ts_init < START + 10 * SECOND:
            return
        self.set_target(BTC.id, 1.0, ts=tick.ts_init, reason="long")


def test_own_strategies_wait_until_the_flow_has_turned():
    bought: list[int] = []

    class Told(Always):
        def on_order_filled(self, event: Any) -> None:
            bought.append(event.ts_event)

    strategy = Told(TargetStrategyConfig(instrument=BTC.id))
    seen = run(SELLING, [strategy], gate(instruments=(BTC.id,), book="none"))
    assert strategy.left > 0
    assert {said.code for said in seen.decisions} == {"FLOW_AGAINST"}
    ended = next(u.ts for u in seen.updates if u.ts > START + 30 * SECOND and not u.blocked)
    assert START + 30 * SECOND < ended <= bought[0] <= ended + 2 * SECOND


# -- queue ---------------------------------------------------------------------------------------------


class Resting(Script):
    """Rests one bid, and asks how much is in front of it at every quote."""

    def __init__(self, steps: dict[int, Any], asked: OrderFlowGate) -> None:
        super().__init__(steps)
        self.asked = asked
        self.heard: list[float] = []
        self.order: Any = None

    def place(self, price: float, side: OrderSide = BUY) -> None:
        size = Quantity.from_str("1.000")
        self.order = self.order_factory.limit(BTC.id, side, size, Price(price, BTC.price_precision))
        self.submit_order(self.order)

    def on_quote_tick(self, tick: Any) -> None:
        super().on_quote_tick(tick)
        self.heard.append(math.nan if self.order is None else self.asked.queue_ahead(self.order))


def test_the_queue_in_front_of_a_resting_order():
    made = gate(instruments=(BTC.id,), without_data="allow")
    script = Resting({10: lambda self: self.place(29_999.8)}, made)
    data = with_quotes(
        *[depth(n + 0.1, bid=5.0) for n in range(15)],
        trade(15.5, SELLER, 2.0, 29_999.8),
        *[depth(n + 0.1, bid=2.0) for n in range(20, 40)],
    )
    run(data, [script], made, trade_execution=False)
    assert math.isnan(script.heard[9])
    assert script.heard[12] == 5.0  # the second level
    assert script.heard[17] == 3.0  # two were traded
    assert script.heard[25] == pytest.approx(2.0)  # 5 − 2 stayed, then 2: one was cancelled, all in front


def test_an_order_that_moves_stands_at_the_end_again_and_one_that_is_gone_is_forgotten():
    made = gate(instruments=(BTC.id,), without_data="allow")

    def move(self: Resting) -> None:
        self.modify_order(self.order, price=Price(29_999.7, BTC.price_precision))

    def shrink(self: Resting) -> None:
        self.modify_order(self.order, quantity=Quantity.from_str("0.500"))

    script = Resting(
        {
            10: lambda self: self.place(29_999.8),
            20: shrink,
            30: move,
            40: lambda self: self.cancel_order(self.order),
        },
        made,
    )
    data = with_quotes(
        *[depth(n + 0.1, bid=5.0) for n in range(60)],
        trade(15.5, SELLER, 2.0, 29_999.8),
    )
    run(data, [script], made, trade_execution=False)
    assert script.heard[17] == 3.0
    assert script.heard[25] == 3.0  # a smaller order keeps its place
    assert script.heard[35] == 5.0
    assert math.isnan(script.heard[45])
    assert script.asked.flows[NAME].queues.ahead("nobody") != 0.0


def test_orders_at_market_and_stops_are_in_no_queue():
    made = gate(instruments=(BTC.id,), without_data="allow")

    def stop(self: Resting) -> None:
        size = Quantity.from_str("1.000")
        self.order = self.order_factory.stop_limit(
            BTC.id, BUY, size, Price(30_050, 1), Price(30_040, BTC.price_precision)
        )
        self.submit_order(self.order)

    script = Resting({5: send(), 10: stop}, made)
    run(with_quotes(*[depth(n + 0.1) for n in range(60)]), [script], made)
    assert all(math.isnan(value) for value in script.heard)
    assert len(made.flows[NAME].queues) == 0


# -- life ----------------------------------------------------------------------------------------------


def test_it_subscribes_what_it_is_told():
    kinds = []

    class Spy(OrderFlowGate):
        def subscribe_order_book_depth(self, instrument_id, **_):
            kinds.append("depth10")

        def subscribe_order_book_deltas(self, instrument_id, **_):
            kinds.append("deltas")

        def subscribe_quote_ticks(self, instrument_id, **_):
            kinds.append("quotes")

        def subscribe_trade_ticks(self, instrument_id, **_):
            kinds.append("trades")

    for book, with_trades in (("depth10", True), ("deltas", False), ("quotes", False), ("none", True)):
        config = OrderFlowGateConfig(instruments=(BTC.id,), book=book, trades=with_trades)
        run(quotes([MID] * 3), [], Spy(config))
    assert kinds == ["depth10", "trades", "deltas", "quotes", "trades"]


def test_a_reset_engine_runs_the_same_again():
    made_gate, script = gate(instruments=(BTC.id,), book="quotes"), Script({20: send(BUY), 55: send(BUY)})
    # no book of the first run may be seen by the second, which hears its first one after ten seconds
    data = with_quotes(*trades(0, 30, SELLER), *[depth(n + 0.1, 1.0, 9.0) for n in range(10, 60)])
    made = engine(data, actors=[made_gate], strategies=[script])
    heard: list[FlowUpdate] = []
    subscribe(made.kernel.msgbus, FlowUpdate, heard.append)
    made.run()
    first = list(map(repr, heard))
    assert list(made_gate.flows) == [NAME]
    made.reset()
    assert made_gate.flows == {}
    heard.clear()
    script.seen = 0
    made.run()
    assert list(map(repr, heard)) == first
    assert find_gateway(made.kernel.msgbus) is None
    made.dispose()


def test_a_gate_that_fails_opens_nothing(monkeypatch):
    class Broken(dict):
        def get(self, *_: Any) -> Any:
            raise RuntimeError("broken")

    made = gate(instruments=(BTC.id,), book="none")
    monkeypatch.setattr(made, "_flows", Broken())
    script = Script({20: send(SELL)})
    run(SELLING, [script], made)
    assert "GATE_ERROR" in denials(script)[0]
    assert script.left == 0


def test_in_a_live_node_it_warms_up_after_every_start():
    with live_system() as live:
        live.venue("BINANCE", BTC)
        made = gate(book="quotes", least=5.0)
        live.kernel.trader.add_actor(made)
        made.start()
        assert _asked(live, made, Side.BUY) == "FLOW_UNKNOWN"
        live.quote(BTC, MID, MID + 0.1)
        _press(live, SELLER)
        assert _asked(live, made, Side.BUY) == "FLOW_AGAINST"
        assert _asked(live, made, Side.SELL) == "ALLOW"
        found = latest(live.kernel.msgbus, FlowUpdate, NAME)
        assert found is not None
        assert found.blocked == "BUY"
        made.stop()
        assert find_gateway(live.kernel.msgbus) is None
        made.reset()
        made.start()
        assert _asked(live, made, Side.BUY) == "FLOW_UNKNOWN"
        made.stop()


def _press(live: Any, side: AggressorSide) -> None:
    for n in range(400):
        ts, size = live.now, Quantity(1.0 + n * 37 % 100 / 100, BTC.size_precision)
        price = Price(MID, BTC.price_precision)
        tick = TradeTick(BTC.id, price, size, side, TradeId(str(n)), ts, ts)
        live.kernel.msgbus.publish(f"data.trades.{BTC.id.venue}.{BTC.id.symbol}", tick)


def _asked(live: Any, made: OrderFlowGate, side: Side) -> str:
    one = Decimal(1)
    return made.check(Intent(live.now, "S-1", NAME, side, one, None, Decimal(0), one, MID)).code


def test_it_changes_nothing_while_nothing_binds():
    def fills(actors: list[Any]) -> list[tuple[Any, ...]]:
        script = Script({n: send(BUY if n % 3 else SELL, "0.100") for n in range(5, 50)})
        made = engine(with_quotes(*trades(0, 60, NO_SIDE)), actors=actors, strategies=[script])
        made.run()
        made.dispose()
        return [
            (type(e).__name__, e.ts_event, getattr(e, "last_px", None), getattr(e, "last_qty", None))
            for e in script.events
        ]

    allowed = fills([gate(without_data="allow")])
    assert fills([]) == allowed
    assert len(allowed) > 45


def test_defaults_are_those_of_the_rules():
    config, params = OrderFlowGateConfig(), FlowParams()
    for item in fields(FlowParams):
        assert getattr(config, item.name) == getattr(params, item.name), item.name


def test_impossible_configs_are_refused_when_the_actor_is_made():
    with pytest.raises(ValueError, match="0 < leave < enter"):
        gate(enter=0.1)
    with pytest.raises(ValueError, match="one of them above 0"):
        gate(book="none", trades=False)
    with pytest.raises(ValueError, match="0 < bucket_time"):
        gate(bucket_time=0.0)
    config = OrderFlowGateConfig(instruments=(BTC.id,), enter=0.6)
    assert OrderFlowGateConfig.parse(config.json()) == config
