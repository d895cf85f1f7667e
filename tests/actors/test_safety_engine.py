"""The safety engine in real engine runs, with strategies that know nothing of it."""

from __future__ import annotations

from decimal import Decimal

import pytest
from nautilus_trader.model.data import BarType
from nautilus_trader.model.enums import OrderSide, TradingState
from nautilus_trader.model.events import AccountState, OrderDenied
from nautilus_trader.model.objects import AccountBalance, Money, Quantity

from nautilus_quant.actors import SafetyEngine, SafetyEngineConfig
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.messages import SafetyStatus, latest, subscribe
from nautilus_quant.host.state import shared_store
from nautilus_quant.host.state_memory import MemoryStore
from tests.host.engine import BTC, SECOND, START, USDT, Script, engine, quotes

LOOSE = {"max_hourly_loss": 0.9, "max_daily_loss": 0.9, "max_drawdown": 0.95}


def buy(quantity: str):
    return lambda s: s.submit_order(
        s.order_factory.market(BTC.id, OrderSide.BUY, Quantity.from_str(quantity))
    )


def sell(quantity: str):
    return lambda s: s.submit_order(
        s.order_factory.market(BTC.id, OrderSide.SELL, Quantity.from_str(quantity))
    )


def run(prices, steps, others=(), keep=lambda made: None, **config):
    safety = SafetyEngine(SafetyEngineConfig(**config))
    script = Script(steps)
    made = engine(quotes(prices), actors=[safety], strategies=[script, *others])
    seen: list[SafetyStatus] = []
    subscribe(made.kernel.msgbus, SafetyStatus, seen.append)
    made.run()
    script.left = script.position
    script.statuses = seen
    script.trading_state = made.kernel.risk_engine.trading_state
    script.working = made.cache.orders_open()
    script.cash = made.cache.accounts()[0].balance_total(USDT).as_double()
    script.last = latest(made.kernel.msgbus, SafetyStatus, "safety")
    keep(made)
    made.dispose()
    return script


def fall(to: float, *, length: int = 40, start: float = 30_000.0) -> list[float]:
    """Ten quiet seconds, a fall, quiet again."""
    down = [start + (to - start) * n / 10 for n in range(11)]
    return [start] * 10 + down + [to] * length


def denials(script: Script) -> list[str]:
    return [event.reason for event in script.events if isinstance(event, OrderDenied)]


def test_a_drawdown_closes_everything_halts_and_says_so():
    script = run(fall(27_000), {2: buy("40.000"), 45: buy("1.000")})  # 120 000 of 1 000 000
    assert script.left == 0
    assert script.trading_state == TradingState.HALTED
    assert script.last.state == "halted"
    assert script.last.reasons[0].startswith("KILL_SWITCH: halted, tripped by drawdown: drawdown of 1")
    assert denials(script)[-1].startswith("safety KILL_SWITCH")
    states = [status.state for status in script.statuses]
    assert states == ["armed", "armed", "tripped", "halted"] or states[-1] == "halted"


def test_the_loss_at_the_trip_is_close_to_the_limit():
    # 4 000 a second, limit 100 000: seen after at most two valuations more, closed in the step after.
    script = run(
        fall(20_000, length=60), {2: buy("4.000")}, max_hourly_loss=0.9, max_daily_loss=0.9, max_drawdown=0.01
    )
    assert 0.010 < 1 - script.cash / 1_000_000 < 0.022


def test_positions_and_orders_of_every_strategy_go():
    def rest(s: Script) -> None:
        s.submit_order(
            s.order_factory.limit(BTC.id, OrderSide.BUY, Quantity.from_str("1.000"), BTC.make_price(20_000))
        )

    other = Script({3: sell("1.000"), 4: rest}, tag="002")
    script = run(fall(27_000), {2: buy("40.000"), 4: rest}, others=[other])
    assert script.left == 0
    assert other.position == 0
    assert script.working == []


def test_an_hourly_loss_blocks_entries_and_lets_exits_through():
    steps = {2: buy("10.000"), 30: buy("1.000"), 32: sell("4.000"), 34: sell("6.000"), 36: buy("1.000")}
    script = run(fall(29_200), steps, max_daily_loss=0.9, max_drawdown=0.95)  # 8 000 of 1 000 000
    assert [reason.split(":")[0] for reason in denials(script)] == [
        "safety HOURLY_LOSS",
        "safety HOURLY_LOSS",
    ]
    assert script.left == 0


def test_entries_come_back_after_the_hour():
    prices = fall(29_200) + [29_200.0] * 3_700
    steps = {2: buy("10.000"), 30: sell("10.000"), 2_000: buy("1.000"), 3_700: buy("1.000")}
    script = run(prices, steps, max_daily_loss=0.9, max_drawdown=0.95)
    assert len(denials(script)) == 1
    assert script.left == 1


def test_a_daily_loss_outlasts_the_hour():
    prices = fall(27_900) + [27_900.0] * 3_700  # 21 000 of 1 000 000
    script = run(prices, {2: buy("10.000"), 3_700: buy("1.000")}, max_hourly_loss=0.9, max_drawdown=0.95)
    assert denials(script)[0].startswith("safety DAILY_LOSS")


def test_entries_which_rest_when_a_limit_trips_are_cancelled_but_stops_stay():
    def rest(s: Script) -> None:
        s.submit_order(
            s.order_factory.limit(BTC.id, OrderSide.BUY, Quantity.from_str("1.000"), BTC.make_price(20_000))
        )
        stop = s.order_factory.stop_market(
            BTC.id, OrderSide.SELL, Quantity.from_str("10.000"), BTC.make_price(25_000)
        )
        s.submit_order(stop)

    script = run(fall(29_200), {2: buy("10.000"), 4: rest}, max_daily_loss=0.9, max_drawdown=0.95)
    # Seen before the strategy's own on_stop: one cancel, of the entry.
    assert script.kinds().count("OrderCanceled") >= 1
    first = next(e for e in script.events if type(e).__name__ == "OrderCanceled")
    assert first.ts_event < START + 25 * SECOND


def test_the_latch_and_the_windows_survive_a_restart(tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    first = run(fall(27_000), {2: buy("40.000")}, state=state)
    assert first.last.state == "halted"
    again = run([30_000.0] * 20, {5: buy("1.000")}, state=state)
    assert again.last.state == "halted"
    assert again.left == 0
    assert denials(again)[0].startswith("safety KILL_SWITCH")


def test_re_arming_needs_a_word_from_a_person_and_starts_from_the_equity_of_then(tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    run(fall(27_000), {2: buy("40.000")}, state=state, max_hourly_loss=0.9, max_daily_loss=0.9)
    store = shared_store(state)
    store.put_now("safety", "rearm", {"ts": START + 1_000 * SECOND, "reason": "looked into it"}, ts=0)
    store.close()
    again = run([30_000.0] * 20, {5: buy("1.000")}, state=state, max_hourly_loss=0.9, max_daily_loss=0.9)
    assert again.last.state == "armed"
    assert again.left == 1
    store = shared_store(state)
    assert [entry.body["reason"] for entry in store.entries(kind="rearm")] == ["looked into it"]
    store.close()


def test_the_journal_tells_what_was_lost_when_a_limit_tripped(tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    run(fall(29_200), {2: buy("10.000")}, state=state, max_daily_loss=0.9, max_drawdown=0.95)
    store = shared_store(state)
    (entry,) = store.entries(kind="loss_limit")
    store.close()
    assert entry.body["limits"] == ["hourly_loss"]
    assert 0.005 < entry.body["hourly_loss"] < 0.009


def test_a_halt_is_on_disk_before_anything_follows_from_it(monkeypatch):
    class Recording(MemoryStore):
        """A store that remembers what had to be committed at once."""

        def __init__(self) -> None:
            super().__init__()
            self.at_once: list[tuple[str, int]] = []

        def put_now(self, namespace, key, document, *, ts) -> None:
            super().put_now(namespace, key, document, ts=ts)
            self.at_once.append((key, document.get("hourly_loss", {}).get("until", 0)))

    store = Recording()
    monkeypatch.setattr("nautilus_quant.actors.safety_engine.shared_store", lambda _url: store)
    run(fall(29_200), {2: buy("10.000")}, max_daily_loss=0.9, max_drawdown=0.95)
    assert store.at_once
    assert all(key == "limits" and until > START for key, until in store.at_once)


@pytest.mark.parametrize("seconds", [20, 40])
def test_a_halted_hour_is_remembered_over_a_restart(tmp_path, seconds):
    state = f"sqlite:///{tmp_path}/state.db"
    limits = {"max_daily_loss": 0.9, "max_drawdown": 0.95}
    run(fall(29_200), {2: buy("10.000"), 30: sell("10.000")}, state=state, **limits)
    again = run([30_000.0] * 60, {seconds: buy("1.000")}, state=state, **limits)
    assert denials(again)[0].startswith("safety HOURLY_LOSS")


def test_a_damaged_latch_stops_the_node_from_starting(tmp_path):
    state = f"sqlite:///{tmp_path}/state.db"
    store = shared_store(state)
    store.put_now("safety", "latch", {"version": 1, "state": "half"}, ts=0)
    store.close()
    with pytest.raises(ValueError, match="stored 'state' must be one of armed"):
        run([30_000.0] * 5, {}, state=state)


def test_a_zero_price_stops_entries_and_closes_nothing():
    prices = [30_000.0] * 10 + [0.1] * 5 + [30_000.0] * 10
    script = run(prices, {2: buy("10.000"), 12: buy("1.000"), 22: buy("1.000")})
    assert script.left == 11
    assert "safety STALE_EQUITY" in denials(script)[0] or "STALE_MARK" in denials(script)[0]


def test_a_stale_price_stops_entries_and_closes_nothing():
    data = quotes([30_000.0] * 10)
    script = Script({2: buy("10.000")})

    def later(_event) -> None:
        buy("1.000")(script)

    class Late(Script):
        def on_start(self) -> None:
            super().on_start()
            self.clock.set_time_alert_ns("late", START + 60 * SECOND, later)

    script.__class__ = Late
    far = quotes([30_000.0] * 120)[-1]
    made = engine([*data, far], actors=[SafetyEngine(SafetyEngineConfig())], strategies=[script])
    made.run()
    assert script.position == 10
    assert "stale" in denials(script)[0] or "STALE" in denials(script)[0]
    made.dispose()


def test_a_withdrawal_is_not_a_loss():
    def withdraw(s: Script) -> None:
        account = s.cache.accounts()[0]
        now = s.clock.timestamp_ns()
        left = Money(700_000, USDT)
        event = AccountState(
            account_id=account.id, account_type=account.type, base_currency=None, reported=True,
            balances=[AccountBalance(left, Money(0, USDT), left)], margins=[], info={},
            event_id=account.last_event.id.__class__(), ts_event=now, ts_init=now,
        )  # fmt: skip
        s.msgbus.send("Portfolio.update_account", event)

    script = run([30_000.0] * 30, {5: withdraw, 20: buy("1.000")})
    assert script.last.state == "armed"
    assert denials(script) == []
    assert script.left == 1


def test_it_does_not_mind_other_peoples_position_sizes():
    script = run([30_000.0] * 20, {2: buy("0.001"), 10: sell("0.001")}, **LOOSE)
    assert script.left == Decimal(0)
    assert denials(script) == []


@pytest.mark.parametrize("state", [TradingState.HALTED, TradingState.REDUCING])
def test_a_trading_state_set_by_others_does_not_deny_the_closing_orders(state):
    def forbid(s: Script) -> None:
        find_kernel(s.msgbus).risk_engine.set_trading_state(state)

    other = Script({3: sell("10.000")}, tag="002")
    script = run(fall(24_000), {2: buy("40.000"), 5: forbid}, others=[other], max_drawdown=0.01)
    assert len(other.reached_venue()) == 2
    assert script.left == 0
    assert script.trading_state == TradingState.HALTED
    assert script.last.state == "halted"


def test_a_target_left_behind_by_an_exit_opens_nothing_while_halted():
    def rest(s: Script) -> None:
        size = Quantity.from_str("10.000")
        s.submit_order(s.order_factory.limit(BTC.id, OrderSide.SELL, size, BTC.make_price(30_500)))

    def leave(s: Script) -> None:
        size = Quantity.from_str("10.000")
        s.submit_order(s.order_factory.market(BTC.id, OrderSide.SELL, size, reduce_only=True))

    prices = [*fall(29_200), *([30_600] * 10)]
    script = run(prices, {2: buy("10.000"), 4: rest, 40: leave}, max_daily_loss=0.9, max_drawdown=0.95)
    assert script.left == 0


def test_of_two_orders_for_one_position_the_stop_stays_when_a_limit_trips():
    kept = []

    def rest(s: Script) -> None:
        size = Quantity.from_str("10.000")
        s.submit_order(s.order_factory.limit(BTC.id, OrderSide.SELL, size, BTC.make_price(31_000)))
        s.submit_order(s.order_factory.stop_market(BTC.id, OrderSide.SELL, size, BTC.make_price(25_000)))

    def look(s: Script) -> None:
        kept.extend(type(order).__name__ for order in s.cache.orders_open())

    run(fall(29_200), {2: buy("10.000"), 4: rest, 40: look}, max_daily_loss=0.9, max_drawdown=0.95)
    assert kept == ["StopMarketOrder"]


def test_bars_that_are_not_of_time_stop_nothing():
    ticks = BarType.from_str(f"{BTC.id}-5-TICK-MID-INTERNAL")
    script = run([30_000.0] * 60, {1: lambda s: s.subscribe_bars(ticks), 40: buy("1.000")})
    assert script.left == 1
