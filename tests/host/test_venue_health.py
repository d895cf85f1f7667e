"""What a node hears of its venues: data, status, answers of venues to anybody's orders."""

from typing import Any

from nautilus_trader.model.data import InstrumentStatus
from nautilus_trader.model.enums import MarketStatusAction, OrderSide
from nautilus_trader.model.objects import Price, Quantity

from nautilus_quant.carry.venue_health import Health, VenueHealthParams
from nautilus_quant.host.messages import everything, subscribe
from nautilus_quant.host.venue_health import HealthBook, VenueHealthUpdate
from nautilus_quant.venues.incident_module import IncidentModule
from tests.actors.routing_runs import (
    BIDS,
    SECOND,
    START,
    TIME,
    A,
    B,
    C,
    Script,
    X,
    books,
    engine,
    incidents,
    market,
    quote,
    rejecting,
)


class Watcher(Script):
    """Looks at the health of venues once a second, and hears what changes."""

    def __init__(self, steps: dict[int, Any] | None = None) -> None:
        super().__init__(steps or {})
        self.seen: dict[str, list[Health]] = {}
        self.told: list[tuple[str, str, str]] = []

    def on_start(self) -> None:
        self.book = HealthBook.on(self.msgbus)
        subscribe(self.msgbus, VenueHealthUpdate, self._hear)
        for name in "ABCX":
            self.book.of(name)
        super().on_start()

    def _hear(self, update: VenueHealthUpdate) -> None:
        self.told.append((update.key, update.previous, update.health))

    def _on_time(self, event: Any) -> None:
        super()._on_time(event)
        for name, (health, _) in self.book.check(event.ts_event).items():
            self.seen.setdefault(name, []).append(health)


def watch(data: list[Any], watcher: Watcher, **options: Any) -> Watcher:
    made = engine([A, B, C, X], data, [watcher], routes=((B.id, C.id),), **options)
    made.run()
    made.dispose()
    return watcher


def test_a_venue_that_falls_silent_goes_down_step_by_step_and_is_told_once() -> None:
    quiet = [*market(seconds=range(10)), *TIME]
    seen = watch(quiet, Watcher(), stale_after=5.0, dead_after=15.0)
    # Its last book is of second 9: at 15 it is 6 s old, at 25 it is 16 s.
    of_a = seen.seen["A"]
    assert [of_a[second - 1] for second in (14, 15, 24, 25, 59)] == [
        Health.UP,
        Health.DEGRADED,
        Health.DEGRADED,
        Health.DOWN,
        Health.DOWN,
    ]
    assert [told for told in seen.told if told[0] == "A"] == [
        ("A", "", "UP"),
        ("A", "UP", "DEGRADED"),
        ("A", "DEGRADED", "DOWN"),
    ]
    assert set(seen.seen["X"]) == {Health.UP}


def test_quotes_count_as_data() -> None:
    quotes = [quote(A, second, BIDS, [(30_000.0, 1.0)]) for second in range(60)]
    seen = watch([*market(seconds=[0]), *quotes, *TIME], Watcher())
    assert set(seen.seen["A"]) == {Health.UP}
    assert seen.seen["B"][-1] is Health.DOWN


def test_a_feed_that_repeats_what_is_old_is_late() -> None:
    stale = [
        type(one)(
            one.instrument_id, one.bids, one.asks, one.bid_counts, one.ask_counts, 0, 0,
            min(one.ts_event, START + 10 * SECOND), one.ts_init,
        )
        for one in books(A, BIDS, [(30_000.0, 1.0)])
    ]  # fmt: skip
    seen = watch([*stale, *TIME], Watcher())
    assert [seen.seen["A"][second - 1] for second in (15, 16, 30, 31)] == [
        Health.UP,
        Health.DEGRADED,
        Health.DEGRADED,
        Health.DOWN,
    ]


def test_a_status_that_says_nothing_of_trading_changes_nothing() -> None:
    def status(second: int, action: MarketStatusAction, **more: Any) -> InstrumentStatus:
        ts = START + second * SECOND
        return InstrumentStatus(A.id, action, ts, ts, **more)

    class Asker(Watcher):
        def _on_time(self, event: Any) -> None:
            super()._on_time(event)
            state = self.book.state("A", event.ts_event, A.id.value)
            self.seen.setdefault("market", []).append(state.health)

    told = [
        status(5, MarketStatusAction.SHORT_SELL_RESTRICTION_CHANGE),
        status(10, MarketStatusAction.NONE, is_trading=False),
        status(20, MarketStatusAction.TRADING),
        status(30, MarketStatusAction.PAUSE, reason="maintenance"),
    ]
    from nautilus_trader.common.actor import Actor

    class Hearer(Actor):
        def on_start(self) -> None:
            self.subscribe_instrument_status(A.id)

    seen = watch([*market(), *told], Asker(), actors=[Hearer()])
    of_market = seen.seen["market"]
    assert [of_market[second - 1] for second in (6, 11, 21, 31)] == [
        Health.UP,
        Health.DOWN,
        Health.UP,
        Health.DOWN,
    ]


def orders(count: int, **more: Any) -> dict[int, Any]:
    def send(script: Script) -> None:
        size = Quantity.from_str("0.010")
        if more:
            order = script.order_factory.limit(A.id, OrderSide.BUY, size, Price.from_str("40000.0"), **more)
        else:
            order = script.order_factory.market(A.id, OrderSide.BUY, size)
        script.submit_order(order)

    return dict.fromkeys(range(3, 3 + count), send)


def test_rejected_orders_of_anybody_count() -> None:
    drill = {"venue": lambda name: incidents(rejecting()) if name == "A" else {}}
    seen = watch(market(), Watcher(orders(4)), **drill)
    assert seen.seen["A"][1] is Health.UP
    assert seen.seen["A"][4] is Health.DEGRADED  # three
    assert seen.seen["A"][6] is Health.DOWN  # four in a row
    assert seen.book.latency("A") == 0.0


def test_orders_that_may_only_rest_and_would_take_are_no_fault_of_the_venue() -> None:
    seen = watch(market(), Watcher(orders(8, post_only=True)))
    assert set(seen.seen["A"]) == {Health.UP}


def test_accepted_orders_are_answers() -> None:
    seen = watch(market(), Watcher(orders(8)))
    assert set(seen.seen["A"]) == {Health.UP}
    assert seen.book.latency("A") == 0.0
    assert isinstance(incidents(rejecting())["modules"][0], IncidentModule)


def test_all_is_forgotten_on_reset() -> None:
    watcher = Watcher()
    made = engine([A, B, C], market(), [watcher])
    made.run()
    assert everything(made.kernel.msgbus, VenueHealthUpdate)
    watcher.book.reset()
    assert not watcher.book.state("A", START).usable
    made.dispose()


def test_other_parameters_count_at_once_and_nothing_is_forgotten() -> None:
    watcher = Watcher()
    made = engine([A, B, C], market(), [watcher])
    made.run()
    now = START + 65 * SECOND
    watcher.book.of("B").plan(now, now + 1)
    assert watcher.book.state("A", now).health is Health.UP
    watcher.book.configure(VenueHealthParams(stale_after=1.0, dead_after=2.0))
    assert watcher.book.state("A", now).health is Health.DOWN
    assert "B is under maintenance" in watcher.book.state("B", now).reasons
    made.dispose()
