"""While an account is calm, measuring it again says nothing new: in a run, with fills, orders and prices."""

from __future__ import annotations

from typing import Any

import pytest
from nautilus_trader.common.actor import Actor
from nautilus_trader.config import ActorConfig

from nautilus_quant.account.margin_book import Demand, Pool
from nautilus_quant.account.margin_limits import MarginLimits
from nautilus_quant.account.margin_windows import MarginSchedule, MarginWindow
from nautilus_quant.host.kernel import find_kernel
from nautilus_quant.host.margin_desk import MarginDesk
from nautilus_quant.host.valuation import Valuer
from tests.actors.test_margin_monitor import buy, sell
from tests.host.engine import Script, engine, quotes

_AFTER_VALUER = 12
ALL_DAY = MarginWindow("day", 0, 0, 10.0)


class Twin(Actor):  # type: ignore[misc]
    """Asks with every quote whether the account is calm, and measures it all the same."""

    def __init__(self, *, lazy: bool = False) -> None:
        super().__init__(ActorConfig())
        self.lazy = lazy  # measures only what is not calm, as the monitor does
        self.calm: list[bool] = []
        self.said: list[tuple[list[Any], Demand | None]] = []

    def on_start(self) -> None:
        def make(account: str, _venue: str) -> Pool:
            return Pool(account, MarginSchedule((ALL_DAY,), None), MarginLimits())

        kernel, valuer = find_kernel(self.msgbus), Valuer.on(self.msgbus)
        self.desk = MarginDesk(kernel, valuer, make, maintenance={}, fallback=0.005, interval=10**9)
        self.desk.discover()
        self.msgbus.subscribe("events.position.*", lambda _event: self.desk.touch(), priority=20)
        self.msgbus.subscribe("data.quotes.*", self.on_any_quote, priority=_AFTER_VALUER)

    def on_any_quote(self, _quote: object) -> None:
        now = self.clock.timestamp_ns()
        (watched,) = self.desk
        self.calm.append(self.desk.is_calm(watched, now))
        if self.lazy and self.calm[-1]:
            return
        self.desk.refresh(watched, now)
        self.said.append((watched.pool.watch(now), watched.pool.demand(now)))


def follow(steps: dict[int, Any], prices: list[float]) -> Twin:
    twin = Twin()
    made = engine(quotes(prices), actors=[twin], strategies=[Script(steps)])
    made.run()
    made.dispose()
    for calm, said in zip(twin.calm, twin.said, strict=True):
        assert not calm or said == ([], None)
    return twin


def test_a_small_position_at_quiet_prices_is_calm_once_it_was_measured():
    twin = follow({1: buy("1.000"), 6: sell("1.000")}, [30_000.0 + n for n in range(12)])
    # Filled at the second quote, measured at the third, calm until it is closed at the seventh.
    assert twin.calm == [False, False, False, True, True, True, True, False, False, False, False, False]


@pytest.mark.parametrize("size", ["200.000", "290.000"])
def test_a_fall_towards_the_bounds_ends_the_calm_before_anything_is_said(size):
    twin = follow({1: buy(size)}, [30_000.0 - 40.0 * max(0, n - 5) for n in range(90)])
    assert any(alerts for alerts, _ in twin.said)


def test_a_rise_ends_the_calm_of_a_short_before_anything_is_said():
    twin = follow({1: sell("150.000")}, [30_000.0 + 60.0 * max(0, n - 5) for n in range(90)])
    assert True in twin.calm
    assert any(alerts for alerts, _ in twin.said)


def test_a_mark_beyond_what_was_reckoned_with_is_looked_at():
    twin = follow({1: buy("1.000")}, [30_000.0] * 6 + [31_600.0] + [31_600.0] * 3)
    assert twin.calm[5:8] == [True, False, True]  # 5.3 % more than when it was measured


def test_room_kept_for_an_order_is_looked_at():
    twin = Twin(lazy=True)

    def keep(_script: Script) -> None:
        (watched,) = twin.desk
        watched.pool.reserve.put("O-9", 0.0, 1_000.0, 1.0)

    steps = {1: buy("1.000"), 5: keep}
    made = engine(quotes([30_000.0] * 10), actors=[twin], strategies=[Script(steps)])
    made.run()
    made.dispose()
    assert twin.calm[3:] == [True, True, True, False, True, True, True]


@pytest.mark.parametrize("size", ["290.000", "-150.000", "1.000"])
def test_a_band_of_marks_says_what_equity_and_marks_say(monkeypatch, size):
    """The quick answer for one position, and that from its equity: the same at every price."""
    step = buy(size) if float(size) > 0.0 else sell(size[1:])
    prices = [30_000.0 + 25.0 * ((n * n) % 41 - 20) * (1 + n / 15) for n in range(120)]
    quick = follow({1: step}, prices)
    monkeypatch.setattr(MarginDesk, "_band", lambda *_: None)
    slow = follow({1: step}, prices)
    assert quick.calm == slow.calm
    assert {True, False} == set(quick.calm[3:])
