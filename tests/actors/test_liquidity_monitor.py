"""The liquidity monitor in real engine runs, with strategies that know nothing of it and with our own."""

from __future__ import annotations

from dataclasses import fields
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.model.data import BookOrder, OrderBookDelta, OrderBookDeltas, OrderBookDepth10, TradeTick
from nautilus_trader.model.enums import AggressorSide, BookAction, BookType, OrderSide, RecordFlag
from nautilus_trader.model.events import OrderDenied, OrderFilled
from nautilus_trader.model.identifiers import TradeId
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.actors.liquidity_monitor import LiquidityMonitor, LiquidityMonitorConfig
from nautilus_quant.gating.intent import DENY, SIZED_DOWN, Side
from nautilus_quant.gating.liquidity import LiquidityParams
from nautilus_quant.gating.liquidity_impact import ImpactParams
from nautilus_quant.gating.liquidity_score import LiquidityClass, ScoreParams
from nautilus_quant.host.gateway import find_gateway
from nautilus_quant.host.liquidity import LiquidityBook, LiquidityUpdate
from nautilus_quant.host.messages import Alert, GateDecision, subscribe
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.target import TargetStrategy, TargetStrategyConfig
from tests.host.engine import BTC, SECOND, START, Script, engine, quotes

MID = 30_000.0
EXACT: dict[str, Any] = {"prior": 0.0003, "lowest": 0.0003, "caution": 0.0, "market_weight": 0.0}


def levels(side: OrderSide, size: float, gap: float = 15.0, count: int = 10) -> list[BookOrder]:
    """Levels 5 bps apart, the first of which is half of that from the mid."""
    sign = -1.0 if side == OrderSide.BUY else 1.0
    return [
        BookOrder(
            side,
            Price(MID + sign * gap * (n + 0.5), BTC.price_precision),
            Quantity(size, BTC.size_precision),
            0,
        )
        for n in range(count)
    ]


def depth(n: int, size: float = 1.0, count: int = 10) -> OrderBookDepth10:
    bids, asks = (levels(side, size, count=count) for side in (OrderSide.BUY, OrderSide.SELL))
    ts = START + n * SECOND
    return OrderBookDepth10(BTC.id, bids, asks, [1] * count, [1] * count, 0, n, ts, ts)


def depths(count: int = 60, size: float = 1.0) -> list[OrderBookDepth10]:
    return [depth(n, size) for n in range(count)]


def deltas(n: int, size: float = 1.0, gap: float = 15.0) -> OrderBookDeltas:
    """A snapshot: everything gone, then every level."""
    ts = START + n * SECOND
    made = [OrderBookDelta.clear(BTC.id, n, ts, ts)]
    orders = levels(OrderSide.BUY, size, gap) + levels(OrderSide.SELL, size, gap)
    for k, order in enumerate(orders):
        flags = RecordFlag.F_LAST if k == len(orders) - 1 else 0
        made.append(OrderBookDelta(BTC.id, BookAction.ADD, order, flags, n, ts, ts))
    return OrderBookDeltas(BTC.id, made)


def send(quantity: str, side: OrderSide = OrderSide.BUY, **options: Any):
    def step(script: Script) -> None:
        size = Quantity.from_str(quantity)
        script.submit_order(script.order_factory.market(BTC.id, side, size, **options))

    return step


def rest(quantity: str, price: float, side: OrderSide = OrderSide.BUY):
    def step(script: Script) -> None:
        size = Quantity.from_str(quantity)
        script.submit_order(script.order_factory.limit(BTC.id, side, size, Price(price, BTC.price_precision)))

    return step


def monitor(**config: Any) -> LiquidityMonitor:
    return LiquidityMonitor(LiquidityMonitorConfig(**{**EXACT, **config}))


class Seen:
    """What a run left behind."""

    def __init__(self) -> None:
        self.updates: list[LiquidityUpdate] = []
        self.alerts: list[Alert] = []
        self.decisions: list[GateDecision] = []


def run(data: list[Any], strategies: list[Any], gate: LiquidityMonitor, **options: Any) -> Seen:
    made, seen = engine(data, actors=[gate], strategies=strategies, **options), Seen()
    for kind, kept in ((LiquidityUpdate, seen.updates), (Alert, seen.alerts), (GateDecision, seen.decisions)):
        subscribe(made.kernel.msgbus, kind, kept.append)
    made.run()
    for strategy in strategies:
        strategy.left = sum((p.signed_decimal_qty() for p in made.cache.positions_open()), Decimal(0))
    made.dispose()
    return seen


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def ticks(count: int = 60) -> list[Any]:
    """A quote as wide as the book's best, a moment before each book."""
    return quotes([MID] * count, spread=15.0)


def with_books(size: float = 1.0, count: int = 60) -> list[Any]:
    return sorted([*ticks(count), *depths(count, size)], key=lambda item: item.ts_init)


def test_a_foreign_order_too_large_is_denied_with_the_largest_that_passes():
    # Levels at 2.5, 7.5, 12.5, 17.5, 22.5, 27.5 bps, one BTC each: the average of n levels is 2.5·n bps, so
    # that of six is 15 bps. Asked for seven, nothing passes; asked for less than six, all of it.
    script = Script({10: send("7.000"), 20: send("5.999")})
    run(with_books(), [script], monitor())
    assert len(denials(script)) == 1
    assert "7 of BTCUSDT-PERP.BINANCE is an impact of 17.5 bps, with a bound of 15 bps" in denials(script)[0]
    assert "at most 5.999 now" in denials(script)[0] or "at most 6 now" in denials(script)[0]
    assert script.left == Decimal("5.999")


def test_a_position_may_always_be_closed_and_only_what_opens_is_counted():
    script = Script({10: send("20.000"), 30: send("20.000", OrderSide.SELL), 40: send("20.000")})
    books = [depth(n, 8.0 if n < 20 else 0.5) for n in range(60)]
    seen = run(sorted([*ticks(), *books], key=lambda item: item.ts_init), [script], monitor())
    assert script.left == 0
    assert len(denials(script)) == len(seen.decisions) == 1


def test_a_silent_book_closes_entries():
    data = [tick for n, tick in enumerate(ticks(40)) if n <= 10 or n >= 30]

    class Late(Script):
        """Sends by the clock, where no quote comes."""

        def on_start(self) -> None:
            super().on_start()
            self.clock.set_time_alert_ns("late", START + 25 * SECOND, lambda _: send("1.000")(self))

    late = Late({})
    run(sorted([*data, *depths(11)], key=lambda item: item.ts_init), [late], monitor())
    assert "BOOK_STALE" in denials(late)[0]
    assert "came 15.0 s ago, more than 10 s" in denials(late)[0]


def test_nothing_heard_is_denied_unless_told_otherwise():
    class Blind(Script):
        def on_start(self) -> None:
            send("1.000")(self)

    denied = run(ticks(5), [Blind({})], monitor())
    allowed = run(ticks(5), [Blind({})], monitor(without_book="allow"))
    assert [(said.outcome, said.code) for said in denied.decisions] == [(DENY, "BOOK_UNKNOWN")]
    assert not allowed.decisions


def test_with_quotes_alone_no_more_than_the_best_size_passes():
    script = Script({10: send("1000.001"), 20: send("1000.000")})
    run(quotes([MID] * 40), [script], monitor(max_impact=0.5))
    assert len(denials(script)) == 1
    assert "is more than its book shows" in denials(script)[0]
    assert any(isinstance(event, OrderFilled) or "Reject" in type(event).__name__ for event in script.events)


def test_a_quote_stands_in_when_the_books_stop():
    script = Script({5: send("30.000"), 30: send("30.000")})
    data = sorted([*quotes([MID] * 60, spread=0.2), *depths(10)], key=lambda item: item.ts_init)
    run(data, [script], monitor())
    assert len(denials(script)) == 1  # ten levels of one each, then a quote of a thousand
    assert script.left == 30


def test_books_from_changes_say_the_same_as_ten_levels():
    for data in (with_books(), sorted([*ticks(), *[deltas(n) for n in range(60)]], key=lambda d: d.ts_init)):
        script = Script({10: send("7.000"), 20: send("5.900")})
        run(data, [script], monitor())
        assert "an impact of 17.5 bps" in denials(script)[0]
        assert script.left == Decimal("5.900")


def test_a_snapshot_takes_the_place_of_all_before():
    # From the 15th on levels are 10 bps apart, the first 5 from the mid: 3.5 of them cost
    # (5 + 15 + 25 + 0.5·35) / 3.5 = 17.9 bps, and would cost 8.75 among the levels of before.
    script = Script({10: send("3.500"), 20: send("3.500")})
    books = [deltas(n, gap=15.0 if n < 15 else 30.0) for n in range(60)]
    run(sorted([*ticks(), *books], key=lambda item: item.ts_init), [script], monitor())
    assert "an impact of 17.9 bps" in denials(script)[0]
    assert script.left == Decimal("3.500")


def test_it_subscribes_what_it_is_told():
    kinds = []

    class Spy(LiquidityMonitor):
        def subscribe_order_book_depth(self, instrument_id, **_):
            kinds.append(("depth10", instrument_id))

        def subscribe_order_book_deltas(self, instrument_id, **_):
            kinds.append(("deltas", instrument_id))

        def subscribe_quote_ticks(self, instrument_id, **_):
            kinds.append(("quotes", instrument_id))

        def subscribe_trade_ticks(self, instrument_id, **_):
            kinds.append(("trades", instrument_id))

    for book in ("depth10", "deltas", "quotes"):
        run(
            ticks(3),
            [],
            Spy(LiquidityMonitorConfig(instruments=(BTC.id,), book=book, trades=book == "deltas")),
        )
    assert kinds == [("depth10", BTC.id), ("deltas", BTC.id), ("trades", BTC.id), ("quotes", BTC.id)]


@pytest.mark.parametrize("book", ["depth10", "deltas", "quotes"])
def test_its_own_subscriptions_are_taken(book):
    script = Script({10: send("1.000")})
    data = sorted([*with_books(), *[deltas(n) for n in range(60)]], key=lambda item: item.ts_init)
    seen = run(data, [script], monitor(instruments=(BTC.id,), book=book))
    assert script.left == 1
    assert {update.key for update in seen.updates} == {BTC.id.value}


class Long(TargetStrategy):
    """Wants to be long from the fifth quote on."""

    def on_target_start(self) -> None:
        self.seen = 0

    def on_quote_tick(self, tick: Any) -> None:
        self.seen += 1
        if self.seen == 5:
            self.set_target(BTC.id, 1.0, ts=tick.ts_init, reason="long")


def test_own_strategies_come_smaller_and_are_told_why():
    # 1 000 000 of equity buys 33.3 BTC; six of them cost 15 bps
    strategy = Long(TargetStrategyConfig(instrument=BTC.id))
    seen = run(with_books(), [strategy], monitor())
    assert Decimal("5.9") < strategy.left <= 6
    cut = seen.decisions[0]
    assert (cut.outcome, cut.gate, cut.code) == (SIZED_DOWN, "liquidity", "IMPACT")
    assert "33." in cut.asked
    assert "at most" in cut.reason


def test_an_order_that_rests_inside_the_spread_pays_no_spread():
    # The best prices are 2.5 bps from the mid: with a bound of 2 bps no order at market passes
    script = Script({10: send("0.100"), 20: rest("0.100", 29_999.0), 30: rest("0.100", 30_010.0)})
    run(with_books(), [script], monitor(max_impact=0.0002))
    assert len(denials(script)) == 2
    assert all("SPREAD" in reason for reason in denials(script))


def test_a_dry_market_is_closed_told_once_and_opens_again():
    market = {"deep_depth": 2e6, "dry_depth": 1e5, "wide_spread": 0.0004}
    data = sorted(
        [*ticks(), *[depth(n, 0.1 if 20 <= n < 40 else 8.0) for n in range(60)]], key=lambda d: d.ts_init
    )
    script = Script({10: send("0.010"), 30: send("0.010"), 50: send("0.010")})
    seen = run(data, [script], monitor(**market))
    assert ["LIQUIDITY_DRY" in reason for reason in denials(script)] == [True]
    assert [(a.key, a.severity) for a in seen.alerts] == [
        (f"liquidity|{BTC.id}", "WARNING"),
        (f"liquidity|{BTC.id}", "INFO"),
    ]
    assert script.left == Decimal("0.020")


def test_updates_come_once_a_second_with_what_the_book_says():
    trade = TradeTick(
        BTC.id,
        Price(MID, BTC.price_precision),
        Quantity(2.0, BTC.size_precision),
        AggressorSide.BUYER,
        TradeId("1"),
        START + 30 * SECOND,
        START + 30 * SECOND,
    )
    data = sorted([*with_books(), trade], key=lambda item: item.ts_init)
    seen = run(data, [Script({})], monitor())
    assert [update.ts for update in seen.updates] == [START + n * SECOND for n in range(60)]
    last = seen.updates[-1]
    assert last.liquidity == "NORMAL"
    assert last.spread == pytest.approx(15.0 / MID)
    # ten levels of one at 30 007.50 + 15n: 300 075 + 15·45
    assert last.ask_depth == pytest.approx(300_750.0)
    assert last.bid_depth == pytest.approx(299_250.0)
    assert last.imbalance == pytest.approx((149_812.5 - 150_187.5) / 300_000.0)
    assert last.volume == 60_000.0
    slower = run(with_books(), [Script({})], monitor(every=20.0))
    assert [update.ts for update in slower.updates] == [START + n * SECOND for n in (0, 20, 40)]


def test_others_may_ask_the_shared_book():
    answers: dict[str, Any] = {}

    class Router(Script):
        def on_quote_tick(self, tick: Any) -> None:
            self.seen += 1
            if self.seen == 20:
                book, name = LiquidityBook.on(self.msgbus), BTC.id.value
                answers["max"] = book.max_quantity(name, Side.BUY, 15.0)
                answers["impact"] = book.impact_bps(name, Side.BUY, 4.0)
                answers["plan"] = book.slice_plan(name, Side.BUY, Decimal(9), 15.0)
                answers["offset"] = book.post_only_offset(name, Side.BUY)
                answers["class"] = book.class_of(name)
                answers["unknown"] = (
                    book.max_quantity("X.Y", Side.BUY, 15.0),
                    book.class_of("X.Y"),
                    book.slice_plan("X.Y", Side.BUY, Decimal(9), 15.0).rest,
                    book.post_only_offset("X.Y", Side.BUY),
                )

    run(with_books(), [Router({})], monitor())
    assert answers["max"] == pytest.approx(6.0)
    assert answers["impact"] == pytest.approx(10.0)  # the mean of 2.5, 7.5, 12.5 and 17.5
    assert sum(answers["plan"].sizes) == 9
    assert all(size <= 3 for size in answers["plan"].sizes)  # half of what passes at once
    # 15 of spread are 150 ticks of 0.1: half of the 149 free ones in a book that leans a little
    assert answers["offset"] == 74
    assert answers["class"] is LiquidityClass.NORMAL
    assert answers["unknown"] == (0.0, LiquidityClass.UNKNOWN, 9, 0)


def test_what_one_order_took_the_next_does_not_find():
    class Twice(Script):
        def on_order_event(self, event: Any) -> None:
            super().on_order_event(event)
            if isinstance(event, OrderFilled):
                self.fills += 1
                if self.fills == 4:  # one at each level: the first order is done
                    send("4.000")(self)

    script = Twice({10: send("4.000")})
    script.fills = 0
    data = sorted([*[deltas(n) for n in range(60)], *ticks()], key=lambda item: item.ts_init)
    run(data, [script], monitor(), book_type=BookType.L2_MBP)
    assert script.left == 4
    assert "at most 2 now" in denials(script)[0] or "at most 1.999 now" in denials(script)[0]


def test_fills_teach_and_a_restart_remembers():
    with shared_store("memory://liquidity-restart") as store:
        learning = {"state": "memory://liquidity-restart", "prior": 0.003}
        script = Script({n: send("0.100", OrderSide.BUY if n % 2 else OrderSide.SELL) for n in range(5, 45)})
        first = run(with_books(), [script], monitor(**learning))
        # The engine fills at the best price: no cost beyond half the spread
        assert first.updates[-1].coefficient < 0.003
        assert BTC.id.value in store.documents("liquidity")
        second = run(with_books(), [Script({})], monitor(**learning))
        assert second.updates[0].coefficient == first.updates[-1].coefficient
        # by the first quote of all, then by the first book
        changes = [entry.body["liquidity"] for entry in store.entries(kind="liquidity")]
        assert changes == ["DEEP", "NORMAL"] * 2


def test_a_damaged_document_is_left_out():
    with shared_store("memory://liquidity-damaged") as store:
        store.put_now("liquidity", BTC.id.value, {"model": {"information": "?"}}, ts=START)
        script = Script({10: send("1.000")})
        run(with_books(), [script], monitor(state="memory://liquidity-damaged"))
        assert script.left == 1


def test_a_reset_engine_runs_the_same_again():
    gate, script = monitor(prior=0.003), Script({n: send("0.100") for n in range(5, 20)})
    made = engine(with_books(), actors=[gate], strategies=[script])
    heard: list[LiquidityUpdate] = []
    subscribe(made.kernel.msgbus, LiquidityUpdate, heard.append)
    made.run()
    first = list(heard)
    assert gate.classes == {BTC.id.value: LiquidityClass.NORMAL}
    made.reset()
    assert gate.classes == {}
    heard.clear()
    script.seen = 0
    made.run()
    assert heard == first
    assert find_gateway(made.kernel.msgbus) is None
    made.dispose()


def test_it_changes_nothing_while_nothing_binds():
    def fills(actors: list[Any]) -> list[tuple[Any, ...]]:
        script = Script({n: send("0.100", OrderSide.BUY if n % 3 else OrderSide.SELL) for n in range(5, 50)})
        made = engine(with_books(), actors=actors, strategies=[script])
        made.run()
        made.dispose()
        return [
            (e.ts_event, e.order_side, e.last_qty, e.last_px)
            for e in script.events
            if isinstance(e, OrderFilled)
        ]

    assert fills([]) == fills([monitor()])


def test_defaults_are_those_of_the_rules():
    config, params = LiquidityMonitorConfig(), LiquidityParams()
    for kind, rule in ((ImpactParams, params.impact), (ScoreParams, params.score)):
        for item in fields(kind):
            assert getattr(config, item.name) == getattr(rule, item.name), item.name
    assert (config.stale_after, config.half_life) == (params.stale_after, params.half_life)


def test_impossible_configs_are_refused_when_the_actor_is_made():
    with pytest.raises(ValueError, match="tight_spread < wide_spread"):
        LiquidityMonitor(LiquidityMonitorConfig(tight_spread=0.01))
    with pytest.raises(ValueError, match="0 < max_impact < 1"):
        LiquidityMonitor(LiquidityMonitorConfig(max_impact=0.0))
    with pytest.raises(ValueError, match="lowest <= prior"):
        LiquidityMonitor(LiquidityMonitorConfig(prior=1.0))
    assert LiquidityMonitorConfig.parse(LiquidityMonitorConfig(max_impacts={"A.B": 0.01}).json()) is not None


def test_a_gate_that_fails_opens_nothing(monkeypatch):
    gate = monitor()
    monkeypatch.setattr(gate, "_rule", None)
    script = Script({10: send("1.000")})
    seen = run(with_books(), [script], gate)
    assert seen.decisions[0].outcome == DENY
    assert "GATE_ERROR" in denials(script)[0]


def test_one_change_of_a_level_is_enough():
    ts = START + 15 * SECOND
    gone = BookOrder(OrderSide.SELL, levels(OrderSide.SELL, 1.0)[0].price, Quantity(1, BTC.size_precision), 0)
    more = BookOrder(OrderSide.SELL, levels(OrderSide.SELL, 1.0)[1].price, Quantity(9, BTC.size_precision), 0)
    changes = [
        OrderBookDelta(BTC.id, BookAction.DELETE, gone, 0, 1, ts, ts),
        OrderBookDelta(BTC.id, BookAction.UPDATE, more, RecordFlag.F_LAST, 1, ts, ts),
    ]
    # Before, eight cost 20 bps. Then bids end at 29 992.5 and asks begin at 30 022.5, with nine: half
    # the new spread is 15 / 30 007.5 = 5 bps, and eight cost no more.
    script = Script({10: send("8.000"), 18: send("8.000")})
    data = sorted([*ticks(22), deltas(9), OrderBookDeltas(BTC.id, changes)], key=lambda item: item.ts_init)
    run(data, [script], monitor())
    assert len(denials(script)) == 1
    assert script.left == 8
